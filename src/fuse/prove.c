/* Which entry of the ledger brought a thing, and proof of it. */
#include "fuse/private.h"

/* The record that is looked for inside the entry's pack. */
struct wanted {
    struct arena a;
    int64_t entry; /* 0 = none that the viewer sees */
    bool claim;
    struct sha256 sha; /* of an object's canonical form */
    struct sv id;
    enum kind kind; /* of a claim */
    struct sv value;
};

static bool is_wanted(void *ctx, struct sv record)
{
    struct wanted *w = ctx;
    struct claim_rec c;
    struct object_rec o;
    if (w->claim) {
        return claim_decode(record, &c) && c.value.kind == w->kind && sv_eq(c.value.value, w->value);
    }
    arena_reset(&w->a);
    return object_decode(record, &w->a, &o) && memcmp(o.sha.b, w->sha.b, sizeof(w->sha.b)) == 0 &&
           sv_eq(o.head.id, w->id);
}

/* The newest version that the viewer sees. */
static int find_object(struct fuse *f, const struct pact_view *view, struct wanted *w, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT stix_id, source, tlp, sha, entry FROM object WHERE h = ? ORDER BY "
                              "modified DESC, id DESC",
                              e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, w->id));
    while ((rc = db_step(s, e)) == 1 && !w->entry) {
        struct sv sha = col_blob(s, 3);
        if (sv_eq(col_text(s, 0), w->id) && sha.n == sizeof(w->sha.b) &&
            pact_sees(view, col_int(s, 1), (enum tlp)col_int(s, 2))) {
            memcpy(w->sha.b, sha.p, sizeof(w->sha.b));
            w->entry = col_int(s, 4);
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* The first claim that the viewer sees: who said so first. */
static int find_claim(struct fuse *f, const struct pact_view *view, struct wanted *w, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT kind, value, source, tlp, entry FROM claim WHERE h = ? ORDER BY id", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, w->kind, w->value));
    while ((rc = db_step(s, e)) == 1 && !w->entry) {
        if (col_int(s, 0) == (int64_t)w->kind && sv_eq(col_text(s, 1), w->value) &&
            pact_sees(view, col_int(s, 2), (enum tlp)col_int(s, 3))) {
            w->entry = col_int(s, 4);
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int find(struct fuse *f, const struct pact_view *view, struct sv what, struct wanted *w,
                struct arena *values, struct err *e)
{
    struct obs o;
    w->id = what;
    int rc = sv_find(what, SV("--")) == SIZE_MAX ? OK : find_object(f, view, w, e);
    if (rc != OK || w->entry) {
        return rc;
    }
    if (obs_guess(values, what, &o, e) == OK) {
        w->claim = true;
        w->kind = o.kind;
        w->value = o.value;
        rc = find_claim(f, view, w, e);
    }
    if (rc == OK && !w->entry) {
        char shown[80];
        err_set(e, ERR_NOT_FOUND, "nothing is known of '%s'", sv_show(what, shown, sizeof(shown)));
        rc = err_hint(e,
                      "give the STIX id of a stored object, a value a feed has stated, or an entry's number");
    }
    return rc;
}

int fuse_prove(struct fuse *f, const struct pact_view *view, struct sv what, struct buf *out, struct err *e)
{
    struct wanted w = {0};
    struct arena values;
    int64_t number;
    if (view->at_node && sv_i64(what, &number)) {
        return ledger_prove_record(f->ledger, number, NULL, NULL, out, e);
    }
    arena_init(&w.a, 256u << 20);
    arena_init(&values, 1u << 20);
    int rc = find(f, view, what, &w, &values, e);
    rc = rc == OK ? ledger_prove_record(f->ledger, w.entry, is_wanted, &w, out, e) : rc;
    arena_clear(&values);
    arena_clear(&w.a);
    return rc;
}
