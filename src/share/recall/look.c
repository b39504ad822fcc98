/* What stands on the things that an answer shows: who withdrew them, and until when and for what they may be
 * kept. */
#include "share/recall/recall_private.h"

#define TOLD_MOST 200
#define ANSWER_MOST ((size_t)256 << 20)

struct told {
    const struct recall *r;
    const struct pact_view *view;
    struct map ids;
    struct sv id; /* being told of */
    struct buf withdrawn, obligations;
    struct jw w, o;
};

static void write_source(struct told *t, struct jw *w, int64_t number)
{
    struct arena a;
    struct source s;
    struct err ignored = ERR_NONE;
    arena_init(&a, 1u << 20);
    jw_kstr(w, "source", source_get(t->r->db, number, &a, &s, &ignored) == OK ? s.name : SV_NONE);
    arena_clear(&a);
}

/* What is gone is not told of: only what ended, and is shown. */
static int on_withdrawn(void *ctx, const struct withdrawn *x, struct err *e)
{
    struct told *t = ctx;
    char at[32];
    if (x->mode != WITHDRAW_ENDED || !pact_sees(t->view, x->source, TLP_CLEAR)) {
        return OK;
    }
    time_text(x->at, at);
    jw_obj(&t->w);
    jw_kstr(&t->w, "at", sv_c(at));
    jw_kstr(&t->w, "by", x->by);
    jw_kstr(&t->w, "id", t->id);
    write_source(t, &t->w, x->source);
    jw_kstr(&t->w, "why", x->why);
    jw_end_obj(&t->w);
    return OK;
}

static int on_obligation(void *ctx, const struct obligation *o)
{
    struct told *t = ctx;
    char agreement[37], grant[37], by[32];
    if (!pact_sees(t->view, o->source, TLP_CLEAR)) {
        return OK;
    }
    uuid_text(o->agreement, agreement);
    uuid_text(o->grant, grant);
    if (o->delete_after != USEC_NONE) {
        time_text(o->delete_after, by);
    }
    jw_obj(&t->o);
    jw_kstr(&t->o, "agreement", sv_c(agreement));
    jw_kstr(&t->o, "delete_by", o->delete_after != USEC_NONE ? sv_c(by) : SV_NONE);
    jw_kstr(&t->o, "grant", sv_c(grant));
    jw_kstr(&t->o, "id", t->id);
    jw_kstr(&t->o, "judicial_use", sv_c(judicial_use_name(o->judicial)));
    jw_kstr(&t->o, "onward", sv_c(onward_name(o->onward)));
    write_source(t, &t->o, o->source);
    jw_end_obj(&t->o);
    return OK;
}

static int tell(struct told *t, struct sv id, struct err *e)
{
    bool fresh = false;
    if (!id.n || sv_find(id, SV("--")) == SIZE_MAX || t->ids.count >= TOLD_MOST ||
        !map_put(&t->ids, id, &fresh) || !fresh) {
        return OK;
    }
    t->id = id;
    int rc = fuse_withdrawn_of(t->r->fuse, id, 0, on_withdrawn, t, e);
    return rc == OK ? recall_obligations(t->r, id, on_obligation, t, e) : rc;
}

static int tell_claims(struct told *t, struct jv claims, struct err *e)
{
    struct json_it it = json_each(claims);
    struct sv key;
    struct jv claim;
    int rc = OK;
    while (rc == OK && json_next(&it, &key, &claim)) {
        rc = tell(t, json_get_str(claim, SV("ref")), e);
    }
    return rc;
}

static int tell_all(struct told *t, struct jv answer, struct err *e)
{
    static const char *const lists[] = {"objects", "relationships"};
    struct json_it it = json_each(json_get(answer, SV("indicators")));
    struct sv key;
    struct jv each;
    int rc = OK;
    while (rc == OK && json_next(&it, &key, &each)) {
        rc = tell_claims(t, json_get(each, SV("claims")), e);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        it = json_each(json_get(answer, sv_c(lists[i])));
        while (rc == OK && json_next(&it, &key, &each)) {
            rc = tell(t, json_get_str(each, SV("id")), e);
        }
    }
    return rc;
}

static void add_member(struct buf *answer, const char *name, const struct buf *list)
{
    if (list->n > 2) {
        answer->n--; /* its last brace */
        buf_printf(answer, ",\"%s\":", name);
        buf_add(answer, buf_sv(list));
        buf_addc(answer, '}');
    }
}

int recall_look(struct db *db, struct fuse *fuse, const struct hash_secret *secret,
                const struct pact_view *view, struct buf *answer, struct err *e)
{
    const struct recall r = {.db = db, .fuse = fuse, .secret = secret};
    struct told t = {.r = &r, .view = view};
    struct jv v;
    if (answer->failed || !answer->n ||
        !db_value(db, "SELECT EXISTS (SELECT 1 FROM obligation) OR EXISTS (SELECT 1 FROM withdrawn)", 0)) {
        return OK;
    }
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? json_parse(d, buf_sv(answer), &v, e) : err_set(e, ERR_MEMORY, "no memory for the answer");
    buf_init(&t.withdrawn, 4u << 20);
    buf_init(&t.obligations, 4u << 20);
    map_init(&t.ids, TOLD_MOST + 1, 1u << 18);
    jw_init(&t.w, &t.withdrawn);
    jw_init(&t.o, &t.obligations);
    jw_arr(&t.w);
    jw_arr(&t.o);
    rc = rc == OK ? tell_all(&t, v, e) : rc;
    jw_end_arr(&t.w);
    jw_end_arr(&t.o);
    if (rc == OK) {
        add_member(answer, "obligations", &t.obligations);
        add_member(answer, "withdrawn", &t.withdrawn);
        rc = answer->failed || t.withdrawn.failed || t.obligations.failed
                 ? err_set(e, ERR_LIMIT, "the answer is too large")
                 : OK;
    }
    json_doc_free(d);
    map_clear(&t.ids);
    buf_clear(&t.obligations);
    buf_clear(&t.withdrawn);
    return rc;
}
