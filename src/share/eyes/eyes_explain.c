/* One thing by itself: what every source states of it, and the statement that decides. */
#include "share/eyes/private.h"

#define STATEMENTS_MOST 256
#define INDICATORS_MOST 64

struct statements {
    struct eyes *x;
    struct verdict v[STATEMENTS_MOST];
    size_t n;
    size_t best;     /* the first that goes, else the first that goes redacted, else the first */
    struct buf copy; /* of the best, when it goes redacted */
};

static bool is_older(const struct statements *s, struct sv id, struct sv source)
{
    for (size_t i = 0; i < s->n; i++) {
        if (sv_eq(s->v[i].id, id) && sv_eq(s->v[i].source_name, source)) {
            return true; /* versions come newest first */
        }
    }
    return false;
}

static int on_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct statements *s = ctx;
    struct verdict *v = &s->v[s->n];
    int rc = s->n < STATEMENTS_MOST ? eyes_judge(s->x, i, &s->x->a, v, e) : 0;
    if (rc != 1 || is_older(s, v->id, v->source_name)) {
        return rc < 0 ? rc : OK;
    }
    if (s->n == 0 || v->state < s->v[s->best].state) {
        s->best = s->n;
        buf_reset(&s->copy);
        if (v->state == EYES_REDACTED) {
            buf_add(&s->copy, buf_sv(&s->x->goes));
        }
    }
    eyes_count(s->x, v);
    s->n++;
    return OK;
}

/* What is claimed of a value, and the stored indicators that look for it. */
static int gather_value(struct statements *s, const struct obs *value, struct arena *a, struct err *e)
{
    const struct eyes_opts *o = &s->x->o;
    struct sv id[INDICATORS_MOST];
    int rc = fuse_items_of_value(o->fuse, o->view, value->kind, value->value, STATEMENTS_MOST, on_item, s, e);
    int n = rc < 0
                ? rc
                : fuse_refs_of_value(o->fuse, o->view, value->kind, value->value, a, id, INDICATORS_MOST, e);
    for (int i = 0; rc >= 0 && i < n; i++) {
        rc = fuse_items_of(o->fuse, o->view, id[i], STATEMENTS_MOST, on_item, s, e);
    }
    return n < 0 ? n : rc;
}

static int gather(struct statements *s, struct sv what, struct err *e)
{
    const struct eyes_opts *o = &s->x->o;
    struct arena a;
    struct obs value;
    struct err ignored = ERR_NONE;
    char shown[80];
    int rc = sv_find(what, SV("--")) == SIZE_MAX
                 ? 0
                 : fuse_items_of(o->fuse, o->view, what, STATEMENTS_MOST, on_item, s, e);
    arena_init(&a, 1u << 20);
    if (rc == 0 && obs_guess(&a, what, &value, &ignored) == OK) {
        rc = gather_value(s, &value, &a, e);
    }
    arena_clear(&a);
    if (rc >= 0 && !s->n) {
        err_set(e, ERR_NOT_FOUND, "nothing is known of '%s'", sv_show(what, shown, sizeof(shown)));
        return err_hint(e, "give the STIX id of a stored object, or a value that a feed has stated");
    }
    return rc < 0 ? rc : OK;
}

static void write_statements(const struct statements *s, struct buf *json)
{
    const struct verdict *best = &s->v[s->best];
    struct jw w;
    jw_init(&w, json);
    jw_obj(&w);
    jw_kstr(&w, "object", best->id);
    jw_kstr(&w, "source", best->source_name);
    jw_key(&w, "mark");
    jw_raw(&w, best->json);
    jw_key(&w, "copy"); /* what would go, where it is not the thing itself */
    if (s->copy.n) {
        jw_raw(&w, buf_sv(&s->copy));
    } else {
        jw_null(&w);
    }
    jw_key(&w, "statements");
    jw_arr(&w);
    for (size_t i = 0; i < s->n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "object", s->v[i].id);
        jw_kstr(&w, "source", s->v[i].source_name);
        jw_key(&w, "mark");
        jw_raw(&w, s->v[i].json);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    eyes_write_counts(s->x, &w);
    jw_end_obj(&w);
}

int eyes_explain(struct eyes *x, struct sv what, struct buf *json, struct err *e)
{
    struct statements *s = arena_calloc(&x->a, 1, sizeof(*s));
    if (!s) {
        return err_set(e, ERR_MEMORY, "no memory to look through a partner's eyes");
    }
    s->x = x;
    x->counts = (struct eyes_counts){0};
    buf_init(&s->copy, (size_t)64 << 20);
    int rc = gather(s, what, e);
    if (rc == OK) {
        write_statements(s, json);
    }
    buf_clear(&s->copy);
    return rc;
}
