#include "intake/kev.h"

#include "intake/json_span.h"

static void read_fields(struct kev_entry *k, struct jv v)
{
    struct json_it it = json_each(v);
    struct sv key, ignored;
    struct jv value, cwe;

    while (json_next(&it, &key, &value)) {
        struct sv *field = kev_field(k, key);
        if (field && json_type(value) == JSON_STRING)
            *field = json_str(value);
    }
    struct jv cwes = json_get(v, SV("cwes"));
    if (json_type(cwes) == JSON_STRING)
        kev_cwes(k, json_str(cwes));
    struct json_it list = json_each(cwes);
    while (json_next(&list, &ignored, &cwe))
        kev_cwes(k, json_str(cwe));
}

static int read_entry(struct kev *k, struct sv text, uint64_t line, uint64_t offset, struct err *e)
{
    struct kev_entry entry = {0};
    struct err why = ERR_NONE;
    struct jv v = {0};

    arena_reset(k->job->a);
    int rc = json_parse(k->doc, text, &v, &why);
    if (rc == OK && json_type(v) != JSON_OBJECT)
        rc = err_set(&why, ERR_VALUE, "an entry of the catalogue is a JSON object");
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        return kev_reject(k, text, buf_sv(&k->context), line + (why.line > 1 ? why.line - 1 : 0),
                          offset + (why.offset == UINT64_MAX ? 0 : why.offset), &why, e);
    read_fields(&entry, v);
    return kev_entry_emit(k, &entry, text, buf_sv(&k->context), line, offset, e);
}

static void write_context(struct kev *k, struct sv released)
{
    struct jw w;

    buf_reset(&k->context);
    jw_init(&w, &k->context);
    jw_obj(&w);
    jw_kstr(&w, "noroshi-retry", SV("entry"));
    jw_kstr(&w, "dateReleased", released);
    jw_end_obj(&w);
}

/* dateReleased says which of two files is the later state. */
static int read_released(struct kev *k, struct sv file, struct err *e)
{
    struct sv released = span_get(file, SV("dateReleased"));
    struct jv v = {0};

    if (!released.p)
        return err_set(e, ERR_VALUE,
                       "the catalogue has no dateReleased, so it cannot be told from an older one");
    int rc = json_parse(k->doc, released, &v, e);
    if (rc < 0)
        return rc;
    struct sv text = json_str(v);
    write_context(k, text);
    if (text.n == 10 && kev_day(text, &k->modified))
        return OK;
    return time_parse(text, &(struct time_opts){.fallback = k->job->opts->zone}, &k->modified, e);
}

/* The frame around the list must be whole, else the file may be cut, and hold one list. */
static int check_frame(struct sv file, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    size_t lists = 0;

    if (!span_open(&it, file))
        return err_set(e, ERR_SYNTAX, "the catalogue is no JSON object");
    while (span_next(&it, &key, &value))
        lists += sv_eq(key, SV("vulnerabilities"));
    if (lists > 1)
        return err_set(e, ERR_VALUE,
                       "the catalogue has two lists \"vulnerabilities\"; only the first was read");
    struct sv rest = sv_trim(sv_from(it.after, (size_t)(file.p + file.n - it.after)));
    if (!it.bad && !it.cut && rest.n == 0)
        return OK;
    err_set(e, ERR_SYNTAX,
            it.cut ? "the catalogue ends in the middle" : "the catalogue is no well-formed JSON object");
    return err_at(e, NULL, 0, (uint64_t)(it.after - file.p));
}

/* {"noroshi-retry":"entry","dateReleased":"..."}, a line end, and one rejected entry. */
static int read_retry(struct kev *k, struct sv file, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    int rc = read_released(k, file, e);

    if (rc < 0 || !span_open(&it, file))
        return rc;
    while (span_next(&it, &key, &value))
        ;
    struct sv record = sv_trim(sv_from(it.after, (size_t)(file.p + file.n - it.after)));
    return read_entry(k, record, 1, 0, e);
}

int kev_json(struct kev *k, struct sv file, struct err *e)
{
    struct sv list = span_get(file, SV("vulnerabilities"));
    struct span_lines lines = {.start = file.p, .first = 1};
    struct span_it it;
    struct sv key, value;

    if (span_get(file, SV("noroshi-retry")).p)
        return read_retry(k, file, e);
    int rc =
        span_first(list) == '[' ? OK : err_set(e, ERR_VALUE, "the catalogue has no list \"vulnerabilities\"");
    if (rc == OK)
        rc = read_released(k, file, e);
    if (rc < 0 || !span_open(&it, list))
        return rc;
    while (rc == OK && span_next(&it, &key, &value))
        if (!it.cut)
            rc = read_entry(k, value, span_line(&lines, value.p), (uint64_t)(value.p - file.p), e);
    return rc < 0 ? rc : check_frame(file, e);
}
