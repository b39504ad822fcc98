/* Answers of fuse/ again, each thing in them marked. */
#include "share/eyes/private.h"

#include <stdlib.h>

static void put(struct jw *w, struct jv v)
{
    jw_raw(w, SV("")); /* the comma */
    json_add(w->b, v);
}

/* Members of an object into one that is open. */
static void put_members(struct jw *w, struct jv object, struct sv except)
{
    struct json_it it = json_each(object);
    struct sv key;
    struct jv v;
    while (json_next(&it, &key, &v)) {
        if (!sv_eq(key, except)) {
            jw_key_sv(w, key);
            put(w, v);
        }
    }
}

static usec time_member(struct jv object, const char *key)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct err ignored = ERR_NONE;
    struct sv text = json_get_str(object, sv_c(key));
    usec t;
    return text.n && time_parse(text, &utc, &t, &ignored) == OK ? t : USEC_NONE;
}

/* The one of this source, and of this version when it is told. */
static struct verdict *pick(const struct verdicts *all, struct sv id, struct sv source, usec version)
{
    for (struct verdict *v = all->first; v; v = v->next) {
        if (sv_eq(v->id, id) && sv_eq(v->source_name, source) &&
            (version == USEC_NONE || v->version == version)) {
            return v;
        }
    }
    return NULL;
}

static void mark(struct eyes *x, struct jw *w, struct verdict *v)
{
    jw_key(w, "eyes");
    if (v) {
        jw_raw(w, v->json);
        if (!v->counted) {
            v->counted = true;
            eyes_count(x, v);
        }
        return;
    }
    /* Texts, vulnerabilities by themselves, and what was dropped since. */
    const struct verdict none = {.state = EYES_STAYS, .rule = EYES_RULE_NOT_GIVEN};
    eyes_count(x, &none);
    jw_raw(w, SV("{\"state\":\"stays\",\"rule\":\"not_given\",\"redact\":[],\"given\":false}"));
}

static struct sv text_of(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));
    return s.p ? s : SV("");
}

/* ---- look: claims of an indicator */

static int mark_claim(struct eyes *x, struct jw *w, struct jv claim, struct jv indicator, struct err *e)
{
    struct sv id = text_of(claim, "id"), source = text_of(claim, "source");
    const struct verdicts *of_value =
        eyes_of_value(x, text_of(indicator, "kind"), text_of(indicator, "value"), e);
    struct verdict *v = of_value ? pick(of_value, id, source, USEC_NONE) : NULL;
    if (of_value && !v) { /* it came out of a stored indicator: that goes, or not */
        const struct verdicts *of_id = eyes_of_id(x, id, e);
        v = of_id ? pick(of_id, id, source, USEC_NONE) : NULL;
        of_value = of_id;
    }
    if (!of_value) {
        return e->code;
    }
    jw_obj(w);
    put_members(w, claim, SV("eyes"));
    mark(x, w, v);
    jw_end_obj(w);
    return OK;
}

static int mark_indicator(struct eyes *x, struct jw *w, struct jv indicator, struct jv unused, struct err *e)
{
    struct json_it it = json_each(json_get(indicator, SV("claims")));
    struct sv key;
    struct jv claim;
    int rc = OK;
    jw_obj(w);
    put_members(w, indicator, SV("claims"));
    jw_key(w, "claims");
    jw_arr(w);
    while (rc == OK && json_next(&it, &key, &claim)) {
        rc = mark_claim(x, w, claim, indicator, e);
    }
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

/* ---- look: objects and relationships */

static int mark_object(struct eyes *x, struct jw *w, struct jv object, struct jv unused, struct err *e)
{
    struct sv id = text_of(object, "id"), source = text_of(object, "source");
    const struct verdicts *all = eyes_of_id(x, id, e);
    if (!all) {
        return e->code;
    }
    struct verdict *v = pick(all, id, source, time_member(object, "modified"));
    jw_obj(w);
    put_members(w, object, SV("eyes"));
    mark(x, w, v ? v : pick(all, id, source, USEC_NONE));
    jw_end_obj(w);
    return OK;
}

/* The best that is known of an end: in one version, from one source, it may go. */
static int write_end(struct eyes *x, struct jw *w, struct sv id, struct err *e)
{
    const struct verdicts *all = eyes_of_id(x, id, e);
    if (!all) {
        return e->code;
    }
    enum eyes_state best = EYES_STAYS;
    for (const struct verdict *v = all->first; v; v = v->next) {
        best = v->state < best ? v->state : best;
    }
    jw_obj(w);
    jw_kstr(w, "id", id);
    jw_kstr(w, "state", all->first ? sv_c(eyes_state_name(best)) : SV_NONE);
    jw_end_obj(w);
    return OK;
}

static int mark_relationship(struct eyes *x, struct jw *w, struct jv related, struct jv unused, struct err *e)
{
    static const char *const ends[] = {"source_ref", "target_ref", "sighting_of_ref"};
    struct sv id = text_of(related, "id"), source = text_of(related, "source");
    const struct verdicts *all = eyes_of_id(x, id, e);
    if (!all) {
        return e->code;
    }
    int rc = OK;
    jw_obj(w);
    put_members(w, related, SV("eyes"));
    mark(x, w, pick(all, id, source, USEC_NONE));
    jw_key(w, "ends");
    jw_arr(w);
    for (size_t i = 0; rc == OK && i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sv end = json_get_str(json_get(related, SV("object")), sv_c(ends[i]));
        rc = end.n ? write_end(x, w, end, e) : OK;
    }
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

/* ---- find */

static int mark_hit(struct eyes *x, struct jw *w, struct jv hit, struct jv unused, struct err *e)
{
    struct sv id = text_of(hit, "id"), value = json_get_str(hit, SV("value"));
    const struct verdicts *all =
        value.p ? eyes_of_value(x, text_of(hit, "type"), value, e) : eyes_of_id(x, id, e);
    if (!all) {
        return e->code;
    }
    struct verdict *v = pick(all, id, text_of(hit, "source"), time_member(hit, "time"));
    jw_obj(w);
    put_members(w, hit, SV("eyes"));
    mark(x, w, v ? v : pick(all, id, text_of(hit, "source"), USEC_NONE));
    jw_end_obj(w);
    return OK;
}

/* ---- whole answers */

typedef int (*mark_fn)(struct eyes *x, struct jw *w, struct jv v, struct jv of, struct err *e);
struct marked {
    const char *member; /* an array */
    mark_fn each;
};

static mark_fn marks(const struct marked *m, struct sv key)
{
    while (m->member && !sv_eq(key, sv_c(m->member))) {
        m++;
    }
    return m->each;
}

static int mark_all(struct eyes *x, struct jw *w, struct jv array, mark_fn each, struct err *e)
{
    struct json_it it = json_each(array);
    struct sv key;
    struct jv v;
    int rc = OK;
    jw_arr(w);
    while (rc == OK && json_next(&it, &key, &v)) {
        rc = each(x, w, v, array, e);
    }
    jw_end_arr(w);
    return rc;
}

static int rewrite(struct eyes *x, struct sv answer, const struct marked *m, struct buf *json, struct err *e)
{
    struct json_doc *d = json_doc_new(answer.n + 1);
    struct jv v = {0}, member;
    struct jw w;
    struct sv key;
    x->counts = (struct eyes_counts){0};
    int rc = d ? json_parse(d, answer, &v, e)
               : err_set(e, ERR_MEMORY, "no memory to look through a partner's eyes");
    struct json_it it = rc == OK ? json_each(v) : (struct json_it){0};
    jw_init(&w, json);
    jw_obj(&w);
    while (rc == OK && json_next(&it, &key, &member)) {
        mark_fn each = marks(m, key);
        jw_key_sv(&w, key);
        if (each) {
            rc = mark_all(x, &w, member, each, e);
        } else {
            put(&w, member);
        }
    }
    eyes_write_counts(x, &w);
    jw_end_obj(&w);
    json_doc_free(d);
    return rc;
}

int eyes_look(struct eyes *x, struct sv look, struct buf *json, struct err *e)
{
    static const struct marked m[] = {{"indicators", mark_indicator},
                                      {"objects", mark_object},
                                      {"relationships", mark_relationship},
                                      {NULL, NULL}};
    return rewrite(x, look, m, json, e);
}

int eyes_find(struct eyes *x, struct sv found, struct buf *json, struct err *e)
{
    static const struct marked m[] = {{"hits", mark_hit}, {NULL, NULL}};
    return rewrite(x, found, m, json, e);
}
