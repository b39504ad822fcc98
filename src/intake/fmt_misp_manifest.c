#include "intake/misp.h"

/*
 * manifest.json of a MISP feed: {"<event uuid>": {"info", "date", "timestamp", "Tag", "Orgc"}, ...}. Each
 * entry becomes a text claim, so that the titles of a feed are found before its events are fetched. It states
 * nothing as bad.
 */

static bool is_entry(struct sv key, struct sv value)
{
    struct uuid u;

    return uuid_parse(key, &u) && span_first(value) == '{' &&
           (span_get(value, SV("info")).p || span_get(value, SV("timestamp")).p ||
            span_get(value, SV("Orgc")).p);
}

static int manifest_detect(struct sv head, struct sv name)
{
    struct span_it it;
    struct sv key, value;

    if (!span_open(&it, head) || it.close != '}' || !span_next(&it, &key, &value))
        return 0;
    return is_entry(key, value) ? 95 : 0;
}

static struct sv entry_meta(struct misp *m, struct jv v)
{
    struct sv date = json_get_str(v, SV("date"));
    struct sv org = json_get_str(json_get(v, SV("Orgc")), SV("name"));
    struct jw w;

    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    if (date.n)
        jw_kstr(&w, "date", date);
    if (org.n)
        jw_kstr(&w, "org", org);
    jw_end_obj(&w);
    struct sv meta = m->text.n > 2 ? arena_sv(m->job->a, buf_sv(&m->text)) : SV("");
    return meta.p ? meta : SV("");
}

/* Entry as claim; views into the document and the arena. */
static int read_entry(struct misp *m, struct sv key, struct sv text, struct claim_rec *c, struct err *e)
{
    struct arena *a = m->job->a;
    struct labels labels;
    struct uuid u;
    char id[37];
    struct jv v, tag;
    struct sv ignored;

    claim_init(c);
    int rc = json_parse(m->doc, text, &v, e);
    if (rc < 0)
        return rc;
    if (!uuid_parse(key, &u))
        return err_set(e, ERR_VALUE, "the key of this entry is no UUID");
    if (json_type(v) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "an entry of the manifest is a JSON object");
    rc = misp_time(json_get(v, SV("timestamp")), m->job->opts->zone, &c->modified, e);
    if (rc < 0)
        return rc;
    uuid_text(u, id);
    labels_init(&labels, a);
    struct json_it it = json_each(json_get(v, SV("Tag")));
    while (json_next(&it, &ignored, &tag)) {
        struct sv name = misp_tag_name(tag);
        if (misp_is_tlp(name))
            misp_marking(name, &c->marked, &c->tlp);
        else
            labels_add(&labels, name);
    }
    struct sv info = json_get_str(v, SV("info"));
    c->meta = entry_meta(m, v);
    c->value = (struct obs){.kind = KIND_TEXT, .value = arena_printf(a, "misp-event:%s", id)};
    c->ref = arena_sv(a, sv_c(id));
    c->note = claim_note(a, info);
    c->labels = labels_done(&labels);
    c->flags = CLAIM_CONTEXT;
    return c->value.value.p && c->ref.p ? OK : err_set(e, ERR_LIMIT, "the entry is too long");
}

static int entry(struct misp *m, struct sv key, struct sv text, struct err *e)
{
    struct err why = ERR_NONE;
    struct claim_rec c;

    arena_reset(m->job->a);
    int rc = read_entry(m, key, text, &c, &why);
    if (rc == OK)
        return emit_claim_record(m->job, SV("event"), &c, e);
    if (error_ends_file(rc))
        return (*e = why).code;
    return misp_reject(m, SV("event"), text, &why, SV(""), e);
}

static int read_manifest(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e)
{
    struct misp *m = ctx;
    struct span_it it;
    struct sv key, value;
    int rc = OK;

    m->lines = (struct span_lines){.start = member.p, .first = line};
    m->base_offset = offset;
    if (!span_open(&it, member) || it.close != '}')
        return err_set(e, ERR_VALUE, "a manifest of a MISP feed is one JSON object");
    while (rc == OK && span_next(&it, &key, &value))
        rc = entry(m, key, value, e);
    if (rc == OK && (it.bad || it.cut)) {
        struct err why = ERR_NONE;
        err_set(&why, ERR_SYNTAX,
                "a comma, colon or value is missing here; the entries that follow could not be read");
        rc = misp_reject(m, SV("event"), sv_from(it.after, (size_t)(member.p + member.n - it.after)), &why,
                         SV(""), e);
    }
    return rc;
}

static int manifest_read(struct intake_job *job, struct err *e)
{
    struct misp m;
    int rc = misp_init(&m, job, e);

    if (rc == OK)
        rc = json_members(job->in, SV(""), read_manifest, &m, NULL, NULL, e);
    misp_clear(&m);
    return rc;
}

const struct intake_format fmt_misp_manifest = {
    .name = "misp-manifest",
    .text = "manifest.json of a MISP feed",
    .detect = manifest_detect,
    .read = manifest_read,
};
