#include "intake/misp.h"

int misp_init(struct misp *m, const struct intake_job *job, struct err *e)
{
    *m = (struct misp){.job = job, .object = {.first = USEC_NONE, .last = USEC_NONE}};
    arena_init(&m->event_arena, MISP_HEAD_BYTES);
    arena_init(&m->object_arena, MISP_HEAD_BYTES);
    buf_init(&m->text, MISP_HEAD_BYTES);
    buf_init(&m->event_json, MISP_HEAD_BYTES);
    buf_init(&m->object_json, MISP_HEAD_BYTES);
    m->head_doc = json_doc_new(MISP_HEAD_BYTES);
    m->doc = json_doc_new(INTAKE_MEMBER_BYTES);
    int rc = stix2_init(&m->stix, job, e);
    if (rc == OK && (!m->head_doc || !m->doc))
        rc = err_set(e, ERR_MEMORY, "no memory for a JSON parser");
    return rc;
}

void misp_clear(struct misp *m)
{
    json_doc_free(m->head_doc);
    json_doc_free(m->doc);
    buf_clear(&m->text);
    buf_clear(&m->event_json);
    buf_clear(&m->object_json);
    arena_clear(&m->event_arena);
    arena_clear(&m->object_arena);
    stix2_clear(&m->stix);
}

/* ---- members of the head --------------------------------------------------------------------- */

/* Long members that the head does not need; what they hold is read one by one or not at all. */
static bool is_long(struct sv key)
{
    static const struct sv keys[] = {
        SV("Attribute"), SV("Object"),           SV("ShadowAttribute"), SV("RelatedEvent"), SV("EventReport"),
        SV("Galaxy"),    SV("CryptographicKey"), SV("ObjectReference"), SV("SharingGroup"), SV("Sighting")};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (sv_eq(key, keys[i]))
            return true;
    return false;
}

/* Parses `object` without its long members, which is left in `b`. */
static int parse_head(struct misp *m, struct sv object, struct buf *b, struct jv *ret, struct err *e)
{
    struct span_it it;
    struct sv key, value;
    size_t n = 0;

    buf_reset(b);
    buf_addc(b, '{');
    if (!span_open(&it, object) || it.close != '}')
        return err_set(e, ERR_VALUE, "this is no JSON object");
    while (span_next(&it, &key, &value)) {
        if (is_long(key))
            continue;
        buf_add(b, n++ ? SV(",\"") : SV("\""));
        buf_add(b, key);
        buf_add(b, SV("\":"));
        buf_add(b, value);
    }
    buf_addc(b, '}');
    if (b->failed)
        return err_set(e, ERR_LIMIT, "the event without its attributes is longer than %zu bytes",
                       MISP_HEAD_BYTES);
    int rc = json_parse(m->head_doc, buf_sv(b), ret, e);
    if (rc < 0)
        return err_at(e, NULL, 0, UINT64_MAX); /* the place is one in our copy */
    if (json_type(json_get(*ret, SV("Attribute"))) || json_type(json_get(*ret, SV("Object"))))
        return err_set(e, ERR_VALUE, "the key \"Attribute\" or \"Object\" is written with escapes");
    return OK;
}

bool misp_is_tlp(struct sv tag)
{
    return sv_istarts(sv_trim(tag), SV("tlp:"));
}

void misp_marking(struct sv tag, bool *marked, enum tlp *tlp)
{
    enum tlp found = TLP_UNKNOWN;

    /* A tag of the TLP taxonomy we do not know ("tlp:ex:chr") must not make its data freer than a known one
     * would. */
    if (!tlp_parse(sv_trim(tag), &found))
        found = TLP_UNKNOWN;
    *tlp = *marked && *tlp > found ? *tlp : found;
    *marked = true;
}

struct sv misp_tag_name(struct jv tag)
{
    return json_type(tag) == JSON_STRING ? json_str(tag) : json_get_str(tag, SV("name"));
}

static void read_tags(struct misp *m, struct jv list)
{
    struct misp_head *h = &m->head;
    struct json_it it = json_each(list);
    struct sv key;
    struct jv tag;

    while (json_next(&it, &key, &tag)) {
        struct sv name = sv_trim(misp_tag_name(tag));
        if (misp_is_tlp(name))
            misp_marking(name, &h->marked, &h->tlp);
        else if (name.n && h->ntags < MISP_TAGS_MAX)
            h->tags[h->ntags++] = arena_sv(&m->event_arena, name);
    }
}

/* A UUID in its lower-case form in the arena, "" when it is none. */
static struct sv uuid_sv(struct arena *a, struct sv text)
{
    struct uuid u;
    char out[37];

    if (!uuid_parse(sv_trim(text), &u) || uuid_nil(u))
        return SV("");
    uuid_text(u, out);
    struct sv copy = arena_sv(a, sv_from(out, 36));
    return copy.p ? copy : SV("");
}

/* "2026-03-07": the start of that day, UTC. The day is a label of the event, not an instant of a source. */
static usec day_of(struct sv date)
{
    char text[32];
    usec at;

    if (date.n != 10)
        return USEC_NONE;
    (void)snprintf(text, sizeof(text), "%.10sT00:00:00Z", date.p);
    return time_parse(sv_c(text), &(struct time_opts){0}, &at, NULL) == OK ? at : USEC_NONE;
}

static struct sv keep(struct arena *a, struct sv s)
{
    struct sv copy = arena_sv(a, sv_trim(s));

    return copy.p ? copy : SV("");
}

/* ---- what goes to the sink ------------------------------------------------------------------- */

static void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];

    time_text(t, text);
    jw_kstr(w, key, sv_c(text));
}

/* Id of the organisation that made the event. There is no object of that id: MISP has no times for it. */
static struct sv identity_of(struct misp *m, char ret[64])
{
    const struct misp_head *h = &m->head;

    if (h->org_uuid.n)
        (void)snprintf(ret, 64, "identity--%.*s", SV_ARG(h->org_uuid));
    else
        stix_source_identity(h->org_name.n ? h->org_name : SV("misp"), ret);
    return sv_c(ret);
}

void misp_write_marking(struct jw *w, bool marked, enum tlp tlp)
{
    char id[64] = "marking-definition--", uuid[37];

    if (!marked)
        return;
    jw_key(w, "object_marking_refs");
    jw_arr(w);
    if (tlp != TLP_UNKNOWN) {
        jw_str(w, tlp_id(tlp));
    } else {
        /* a marking nobody defines: whoever reads the object treats it as one that is not understood */
        struct uuid ns = {
            {0x6d, 0x69, 0x73, 0x70, 0x2d, 0x74, 0x4c, 0x70, 0x8d, 0x75, 0x6e, 0x6b, 0x6e, 0x6f, 0x77, 0x6e}};
        uuid_text(uuid_v5(ns, SV("tlp:unknown")), uuid);
        (void)snprintf(id + 20, sizeof(id) - 20, "%s", uuid);
        jw_str(w, sv_c(id));
    }
    jw_end_arr(w);
}

static void write_report(struct misp *m, struct sv creator)
{
    const struct misp_head *h = &m->head;
    usec modified = h->timestamp != USEC_NONE ? h->timestamp : h->date;
    usec created = h->date != USEC_NONE && h->date < modified ? h->date : modified;
    char id[48], text[64];
    struct jw w;

    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("report"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    (void)snprintf(id, sizeof(id), "report--%.*s", SV_ARG(h->uuid));
    jw_kstr(&w, "id", sv_c(id));
    write_time(&w, "created", created);
    write_time(&w, "modified", modified);
    jw_kstr(&w, "created_by_ref", creator);
    (void)snprintf(text, sizeof(text), "MISP event %.*s", SV_ARG(h->uuid));
    jw_kstr(&w, "name", h->info.n ? h->info : sv_c(text));
    if (h->org_name.n)
        jw_kstr(&w, "description", arena_printf(&m->event_arena, "MISP event of %.*s", SV_ARG(h->org_name)));
    write_time(&w, "published", h->date != USEC_NONE ? h->date : modified);
    jw_key(&w, "object_refs"); /* must not be empty; the values of the event are claims, not objects */
    jw_arr(&w);
    jw_str(&w, creator);
    jw_end_arr(&w);
    if (h->ntags) {
        jw_key(&w, "labels");
        jw_arr(&w);
        for (size_t i = 0; i < h->ntags; i++)
            jw_str(&w, h->tags[i]);
        jw_end_arr(&w);
    }
    misp_write_marking(&w, h->marked, h->tlp);
    jw_end_obj(&w);
}

int misp_event_report(struct misp *m, struct err *e)
{
    const struct misp_head *h = &m->head;
    char creator[64];

    if (h->uuid.n == 0 || (h->timestamp == USEC_NONE && h->date == USEC_NONE))
        return OK; /* a search's answer has no event; its attributes say where they come from */
    write_report(m, identity_of(m, creator));
    arena_reset(m->job->a);
    return stix2_made(&m->stix, buf_sv(&m->text), e);
}

int misp_event_head(struct misp *m, struct sv event, struct err *e)
{
    struct jv v = {0};
    buf_reset(&m->object_json);
    int rc = parse_head(m, event, &m->event_json, &v, e);
    if (rc < 0)
        return rc;

    arena_reset(&m->event_arena);
    struct misp_head *h = &m->head;
    *h = (struct misp_head){.timestamp = USEC_NONE};
    struct jv org = json_get(v, SV("Orgc"));
    org = json_type(org) == JSON_OBJECT ? org : json_get(v, SV("Org"));
    h->uuid = uuid_sv(&m->event_arena, json_get_str(v, SV("uuid")));
    h->info = keep(&m->event_arena, json_get_str(v, SV("info")));
    h->org_name = keep(&m->event_arena, json_get_str(org, SV("name")));
    h->org_uuid = uuid_sv(&m->event_arena, json_get_str(org, SV("uuid")));
    h->date = day_of(json_get_str(v, SV("date")));
    rc = misp_time(json_get(v, SV("timestamp")), m->job->opts->zone, &h->timestamp, e);
    if (rc < 0)
        return rc;
    read_tags(m, json_get(v, SV("Tag")));
    return OK;
}

int misp_object_head(struct misp *m, struct sv object, struct err *e)
{
    struct misp_object *o = &m->object;
    const struct zone *zone = m->job->opts->zone;
    struct jv v = {0};

    arena_reset(&m->object_arena);
    *o = (struct misp_object){.first = USEC_NONE, .last = USEC_NONE};
    int rc = parse_head(m, object, &m->object_json, &v, e);
    if (rc == OK)
        rc = misp_time(json_get(v, SV("first_seen")), zone, &o->first, e);
    if (rc == OK)
        rc = misp_time(json_get(v, SV("last_seen")), zone, &o->last, e);
    if (rc < 0)
        return rc;
    o->name = keep(&m->object_arena, json_get_str(v, SV("name")));
    o->uuid = uuid_sv(&m->object_arena, json_get_str(v, SV("uuid")));
    o->comment = keep(&m->object_arena, json_get_str(v, SV("comment")));
    o->deleted = misp_true(json_get(v, SV("deleted")));
    return OK;
}
