#include "serve/private.h"

static void write_source(struct jw *w, const struct source *s, bool own)
{
    char id[37], org[37], grade[2] = {s->reliability, 0};
    uuid_text(s->uuid, id);
    uuid_text(s->org, org);
    jw_obj(w);
    jw_kint(w, "number", s->id);
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "name", s->name);
    jw_kstr(w, "org", sv_c(org));
    jw_kstr(w, "reliability", sv_c(grade));
    jw_kstr(w, "marking", sv_c(tlp_name(s->tlp)));
    jw_kstr(w, "licence", s->licence.n ? s->licence : SV_NONE);
    jw_kbool(w, "exercise", s->exercise);
    if (own) { /* how its files are read is the owner's affair */
        jw_kstr(w, "zone", s->zone.n ? s->zone : SV_NONE);
        jw_kstr(w, "upstream", s->upstream.n ? s->upstream : SV_NONE);
        jw_key(w, "mapping");
        if (s->mapping.n) {
            jw_raw(w, s->mapping);
        } else {
            jw_null(w);
        }
        jw_kint(w, "expiry_seconds", s->expiry);
    }
    jw_end_obj(w);
}

struct listing {
    struct jw w;
    struct pact_view view;
};

static int list_one(void *ctx, const struct source *s)
{
    struct listing *l = ctx;
    if (pact_sees(&l->view, s->id, TLP_CLEAR)) {
        write_source(&l->w, s, uuid_eq(s->org, l->view.org));
    }
    return OK;
}

int api_sources(struct call *c, struct err *e)
{
    struct listing l;
    int rc = call_view(c, &l.view, e);
    if (rc != OK) {
        return rc;
    }
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_key(&l.w, "sources");
    jw_arr(&l.w);
    rc = source_each(c->node->db, &c->a, list_one, &l, e);
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    return rc;
}

/* ---- adding */

static int text_member(struct jv body, const char *name, size_t most, struct sv *ret, struct err *e)
{
    struct jv v = json_get(body, sv_c(name));
    struct sv s = json_str(v);
    if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL) {
        return OK;
    }
    bool good = s.p && s.n <= most;
    for (size_t i = 0; good && i < s.n; i++) {
        good = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
    }
    if (!good) {
        return err_set(e, ERR_VALUE, "%s is not text of at most %zu bytes", name, most);
    }
    *ret = s;
    return OK;
}

static int read_grade(struct jv body, struct source *s, struct err *e)
{
    struct sv grade = SV("F");
    int rc = text_member(body, "reliability", 1, &grade, e);
    if (rc == OK && (grade.n != 1 || !strchr("ABCDEF", grade.p[0]))) {
        err_set(e, ERR_VALUE, "a reliability is a letter from A to F");
        rc = err_hint(e, "Admiralty scale: A completely reliable ... E unreliable, F cannot be judged");
    }
    s->reliability = rc == OK ? grade.p[0] : 'F';
    return rc;
}

static int read_marking(struct jv body, struct source *s, struct err *e)
{
    struct sv marking = SV("TLP:AMBER");
    int rc = text_member(body, "marking", 32, &marking, e);
    return rc == OK && !tlp_parse(marking, &s->tlp) ? err_set(e, ERR_VALUE, "the marking is no TLP label")
                                                    : rc;
}

static int read_zone(struct jv body, struct source *s, struct err *e)
{
    int rc = text_member(body, "zone", 64, &s->zone, e);
    if (rc == OK && s->zone.n && !zone_find(s->zone, e)) {
        rc = e->code = ERR_VALUE; /* what is not found is a word of the body, not the address */
    }
    return rc;
}

static int read_others(struct jv body, struct source *s, struct arena *a, struct err *e)
{
    struct jv mapping = json_get(body, SV("mapping")), expiry = json_get(body, SV("expiry_seconds"));
    struct jv exercise = json_get(body, SV("exercise"));
    if (json_type(mapping) == JSON_OBJECT) {
        struct buf b;
        buf_init(&b, 1u << 20);
        json_add(&b, mapping);
        s->mapping = b.failed ? SV_NONE : arena_sv(a, buf_sv(&b));
        buf_clear(&b);
    }
    if ((json_type(mapping) != JSON_NONE && json_type(mapping) != JSON_NULL && !s->mapping.p) ||
        (json_type(expiry) != JSON_NONE && (!json_i64(expiry, &s->expiry) || s->expiry < 0)) ||
        (json_type(exercise) != JSON_NONE && !json_bool(exercise, &s->exercise))) {
        return err_set(e, ERR_VALUE,
                       "mapping is an object, expiry_seconds a whole number from 0, exercise true or false");
    }
    return OK;
}

static int read_source(struct call *c, struct jv body, struct source *s, struct err *e)
{
    *s = (struct source){.uuid = uuid_v4(), .org = c->who.org, .zone = SV(""), .licence = SV("")};
    s->mapping = s->upstream = SV("");
    int rc = text_member(body, "name", 100, &s->name, e);
    if (rc == OK && sv_trim(s->name).n == 0) {
        rc = err_set(e, ERR_VALUE, "a source needs a name");
    }
    rc = rc == OK ? read_grade(body, s, e) : rc;
    rc = rc == OK ? read_marking(body, s, e) : rc;
    rc = rc == OK ? read_zone(body, s, e) : rc;
    rc = rc == OK ? text_member(body, "licence", 400, &s->licence, e) : rc;
    rc = rc == OK ? text_member(body, "upstream", 200, &s->upstream, e) : rc;
    return rc == OK ? read_others(body, s, &c->a, e) : rc;
}

static int store_source(struct call *c, struct source *s, struct err *e)
{
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = source_put(c->node->ledger, c->node->db, s, c->now, e);
    if (rc != OK) {
        db_rollback(c->node->db);
        return rc;
    }
    rc = db_end(c->node->db, true, e);
    return rc == OK ? db_sync(c->node->db, e) : rc;
}

int api_source_put(struct call *c, struct err *e)
{
    struct json_doc *doc = NULL;
    struct jv body;
    struct source s;
    struct jw w;
    int rc = call_json(c, &doc, &body, e);
    rc = rc == OK ? read_source(c, body, &s, e) : rc;
    rc = rc == OK ? store_source(c, &s, e) : rc;
    if (rc == OK) {
        jw_init(&w, &c->out);
        write_source(&w, &s, true);
    }
    json_doc_free(doc);
    return rc;
}
