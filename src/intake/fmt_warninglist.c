#include "intake/whole.h"

#include "intake/json_span.h"

/*
 * A MISP warninglist: {"name", "description", "version", "type", "list", "matching_attributes"}. Name, type
 * and version may stand behind the list (MISP sorts the keys), so the file is held while its entries are read
 * one by one.
 */

struct reading {
    const struct intake_job *job;
    struct json_doc *doc;
    struct span_lines lines;
    struct sv file;
    struct sv type;
    enum list_match match;
    struct arena head; /* views of struct list_rec */
};

static int warninglist_detect(struct sv head, struct sv name)
{
    struct span_it it;

    if (!span_open(&it, head) || it.close != '}' || span_first(span_get(head, SV("list"))) != '[')
        return 0;
    struct sv first, key;
    struct span_it list;
    bool strings = span_open(&list, span_get(head, SV("list"))) &&
                   (!span_next(&list, &key, &first) || span_first(first) == '"');
    int known = (span_get(head, SV("description")).p != NULL) + (span_get(head, SV("name")).p != NULL) +
                (span_get(head, SV("version")).p != NULL) + (span_get(head, SV("type")).p != NULL) +
                2 * (span_get(head, SV("matching_attributes")).p != NULL);
    /* the rest of a long list's keys is behind the part that detection sees */
    return strings && known >= 1 ? (known >= 2 ? 95 : 75) : 0;
}

static const struct {
    struct sv name;
    enum list_match match;
} matches[] = {
    {SV("string"), LIST_STRING},       {SV("hostname"), LIST_HOSTNAME}, {SV("cidr"), LIST_CIDR},
    {SV("substring"), LIST_SUBSTRING}, {SV("regex"), LIST_REGEX},
};

static int read_type(struct reading *r, struct jv v, struct err *e)
{
    struct sv type = json_get_str(v, SV("type"));
    char shown[40];

    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        if (!sv_eq(type, matches[i].name))
            continue;
        r->type = matches[i].name;
        r->match = matches[i].match;
        return OK;
    }
    err_set(e, ERR_VALUE, "the list's type \"%s\" is not known", sv_show(type, shown, sizeof(shown)));
    return err_hint(e, "the types are string, hostname, cidr, substring and regex");
}

/* The list's head without its entries, parsed. */
static int parse_head(struct reading *r, struct jv *ret, struct err *e)
{
    struct buf b;
    struct span_it it;
    struct sv key, value;
    size_t n = 0;

    buf_init(&b, WHOLE_BYTES);
    buf_addc(&b, '{');
    if (span_open(&it, r->file)) {
        while (span_next(&it, &key, &value)) {
            if (sv_eq(key, SV("list")))
                continue;
            buf_add(&b, n++ ? SV(",\"") : SV("\""));
            buf_add(&b, key);
            buf_add(&b, SV("\":"));
            buf_add(&b, value);
        }
    }
    buf_addc(&b, '}');
    int rc = b.failed ? err_set(e, ERR_MEMORY, "no memory for the head of the list") : OK;
    if (rc == OK && json_parse(r->doc, buf_sv(&b), ret, e) < 0)
        rc = err_at(e, NULL, 0, UINT64_MAX); /* a place in our copy, not in the file */
    buf_clear(&b);
    return rc;
}

static struct sv attributes_of(struct arena *a, struct jv list)
{
    struct json_it it = json_each(list);
    struct sv all = SV(""), key;
    struct jv v = {0};

    while (json_next(&it, &key, &v)) {
        struct sv one = json_str(v);
        struct sv more = all.n ? arena_printf(a, "%.*s %.*s", SV_ARG(all), SV_ARG(one)) : arena_sv(a, one);
        all = more.p ? more : all;
    }
    return all;
}

static struct sv text_of(struct arena *a, struct jv v, struct sv key)
{
    struct sv copy = arena_sv(a, sv_trim(json_get_str(v, key)));

    return copy.p ? copy : SV("");
}

static int give_list(struct reading *r, struct err *e)
{
    struct jv v = {0};
    int64_t version = 0;
    uint64_t spelled;
    int rc = parse_head(r, &v, e);

    if (rc == OK)
        rc = read_type(r, v, e);
    if (rc < 0)
        return rc;
    if (!json_i64(json_get(v, SV("version")), &version) && sv_u64(json_get_str(v, SV("version")), &spelled))
        version = spelled <= INT64_MAX ? (int64_t)spelled : 0;
    const struct list_rec l = {
        .name = text_of(&r->head, v, SV("name")),
        .description = text_of(&r->head, v, SV("description")),
        .version = version > 0 ? (uint64_t)version : 0,
        .match = r->match,
        .attributes = attributes_of(&r->head, json_get(v, SV("matching_attributes"))),
    };
    if (l.name.n == 0)
        return err_set(e, ERR_VALUE, "the list has no name");
    return r->job->sink->list(r->job->sink->ctx, &l, e);
}

static int check_entry(struct reading *r, struct jv v, struct sv *ret, struct err *e)
{
    struct arena *a = r->job->a;
    struct obs o;
    char shown[80];

    *ret = sv_trim(json_str(v));
    if (json_type(v) != JSON_STRING)
        return err_set(e, ERR_VALUE, "an entry of a warninglist is text");
    if (ret->n == 0)
        return err_set(e, ERR_VALUE, "the entry is empty");
    if (r->match != LIST_CIDR || obs_read(a, KIND_IPV4, *ret, &o, NULL) == OK ||
        obs_read(a, KIND_IPV6, *ret, &o, NULL) == OK)
        return OK;
    return err_set(e, ERR_VALUE, "\"%s\" is no address or prefix", sv_show(*ret, shown, sizeof(shown)));
}

static int read_entry(struct reading *r, struct sv text, struct err *e)
{
    const struct intake_sink *sink = r->job->sink;
    struct err why = ERR_NONE;
    struct sv value = SV("");
    struct jv v = {0};

    arena_reset(r->job->a);
    int rc = json_parse(r->doc, text, &v, &why);
    if (rc == OK)
        rc = check_entry(r, v, &value, &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        return emit_rejected_record(r->job, r->type, span_line(&r->lines, text.p),
                                    (uint64_t)(text.p - r->file.p), &why, text, SV(""), e);
    rc = sink->record(sink->ctx, r->type, e);
    return rc < 0 ? rc : sink->list_entry(sink->ctx, value, e);
}

static int frame_error(const struct reading *r, const struct span_it *it, struct err *e)
{
    err_set(e, ERR_SYNTAX,
            it->cut ? "the file ends in the middle" : "a comma, colon or value is missing here");
    return err_at(e, NULL, 0, (uint64_t)(it->after - r->file.p));
}

static int read_entries(struct reading *r, struct sv list, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    int rc = OK;

    if (!span_open(&it, list) || it.close != ']')
        return err_set(e, ERR_VALUE, "\"list\" is no JSON array");
    while (rc == OK && span_next(&it, &key, &value))
        rc = it.cut ? OK : read_entry(r, value, e);
    return rc == OK && (it.bad || it.cut) ? frame_error(r, &it, e) : rc;
}

/* Nothing but white space may stand behind the object, and no second list inside. */
static int check_end(const struct reading *r, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    size_t lists = 0;

    if (span_open(&it, r->file))
        while (span_next(&it, &key, &value))
            lists += sv_eq(key, SV("list"));
    if (lists > 1)
        return err_set(e, ERR_VALUE, "the key \"list\" stands twice; only the first was read");
    struct sv rest = sv_trim(sv_from(it.after, (size_t)(r->file.p + r->file.n - it.after)));
    return it.bad || it.cut || rest.n ? frame_error(r, &it, e) : OK;
}

static int warninglist_read(struct intake_job *job, struct err *e)
{
    struct reading r = {.job = job, .doc = json_doc_new(WHOLE_BYTES)};
    struct buf file;

    arena_init(&r.head, WHOLE_BYTES);
    int rc = stream_whole(job->in, &file, e);
    if (rc == OK && !r.doc)
        rc = err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    r.file = buf_sv(&file);
    r.lines = (struct span_lines){.start = r.file.p, .first = 1};
    if (rc == OK)
        rc = give_list(&r, e);
    if (rc == OK)
        rc = read_entries(&r, span_get(r.file, SV("list")), e);
    if (rc == OK)
        rc = check_end(&r, e);
    json_doc_free(r.doc);
    arena_clear(&r.head);
    buf_clear(&file);
    return rc;
}

const struct intake_format fmt_warninglist = {
    .name = "warninglist",
    .text = "MISP warninglist",
    .detect = warninglist_detect,
    .read = warninglist_read,
};
