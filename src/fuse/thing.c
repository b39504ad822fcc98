/* One thing as it would be given out: a stored object, or a claim as its indicator. */
#include "fuse/private.h"

static int object_of(struct fuse *f, const struct pact_view *view, struct sv id, struct buf *json,
                     int64_t *ret_source, enum tlp *ret_tlp, struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT stix_id, source, tlp, body FROM object WHERE h = ? ORDER BY modified DESC, id DESC",
        e);
    int rc;
    bool found = false;
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, id));
    while (!found && (rc = db_step(s, e)) == 1) {
        found = sv_eq(col_text(s, 0), id) && pact_sees(view, col_int(s, 1), (enum tlp)col_int(s, 2));
        if (found) {
            *ret_source = col_int(s, 1);
            *ret_tlp = (enum tlp)col_int(s, 2);
            buf_add(json, col_blob(s, 3));
        }
    }
    db_done(s);
    return found ? 1 : rc;
}

struct first_claim {
    int64_t number, source;
    enum tlp tlp;
    usec version;
};

static int claim_of(struct fuse *f, const struct pact_view *view, const struct obs *o,
                    struct first_claim *ret, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT kind, value, source, tlp, id, version FROM claim WHERE h = ? ORDER BY id", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, o->kind, o->value));
    while (!ret->number && (rc = db_step(s, e)) == 1) {
        if (col_int(s, 0) == (int64_t)o->kind && sv_eq(col_text(s, 1), o->value) &&
            pact_sees(view, col_int(s, 2), (enum tlp)col_int(s, 3))) {
            *ret = (struct first_claim){col_int(s, 4), col_int(s, 2), (enum tlp)col_int(s, 3), col_int(s, 5)};
        }
    }
    db_done(s);
    return ret->number ? 1 : rc;
}

int fuse_thing(struct fuse *f, const struct pact_view *view, struct sv what, struct buf *json,
               int64_t *ret_source, enum tlp *ret_tlp, struct err *e)
{
    struct arena a;
    struct obs o;
    struct first_claim claim = {0};
    struct err ignored = ERR_NONE;
    char shown[80];
    int rc = sv_find(what, SV("--")) == SIZE_MAX ? 0 : object_of(f, view, what, json, ret_source, ret_tlp, e);
    arena_init(&a, 1u << 20);
    if (rc == 0 && obs_guess(&a, what, &o, &ignored) == OK) {
        rc = claim_of(f, view, &o, &claim, e);
    }
    if (rc == 1 && claim.number) {
        *ret_source = claim.source;
        *ret_tlp = claim.tlp;
        rc = fuse_item_write(f, true, claim.number, claim.version, json, e);
    }
    arena_clear(&a);
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "nothing is known of '%s'", sv_show(what, shown, sizeof(shown)));
        return err_hint(e, "give the STIX id of a stored object, or a value that a feed has stated");
    }
    return rc < 0 ? rc : OK;
}
