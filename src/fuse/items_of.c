/* What is stored under an id, or stated of a value: each as the thing that would be given out. */
#include "fuse/private.h"

int fuse_items_of(struct fuse *f, const struct pact_view *view, struct sv id, size_t most, item_fn each,
                  void *ctx, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "SELECT id, stix_id, type, created, modified, revoked, tlp, source FROM object "
                              "WHERE h = ? ORDER BY modified DESC, id DESC",
                              e);
    size_t n = 0;
    int rc = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, id));
    while (n < most && (rc = db_step(s, e)) == 1) {
        const struct fuse_item i = {
            .number = col_int(s, 0),
            .id = col_text(s, 1),
            .type = col_text(s, 2),
            .version = col_time(s, 4) != USEC_NONE ? col_time(s, 4) : col_time(s, 3),
            .revoked = col_int(s, 5) != 0,
            .ended = col_int(s, 5) != 0,
            .tlp = (enum tlp)col_int(s, 6),
            .source = col_int(s, 7),
        };
        if (!sv_eq(i.id, id) || !pact_sees(view, i.source, i.tlp)) {
            continue;
        }
        n++;
        rc = each(ctx, &i, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : (int)n;
}

int fuse_items_of_value(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                        size_t most, item_fn each, void *ctx, struct err *e)
{
    struct stmt *s = claim_is_given(kind)
                         ? db_query(f->db,
                                    "SELECT c.id, c.kind, c.value, c.flags, c.tlp, c.version, c.ref, s.name, "
                                    "c.source FROM claim c JOIN source s ON s.id = c.source WHERE c.h = ? "
                                    "ORDER BY c.id",
                                    e)
                         : NULL;
    size_t n = 0;
    int rc = 0;
    if (!s) {
        return claim_is_given(kind) ? e->code : 0;
    }
    db_int(s, value_hash(f, kind, value));
    while (n < most && (rc = db_step(s, e)) == 1) {
        char id[64];
        enum tlp tlp = (enum tlp)col_int(s, 4);
        if (col_int(s, 1) != (int64_t)kind || !sv_eq(col_text(s, 2), value) ||
            !pact_sees(view, col_int(s, 8), tlp) || claim_is_object(col_text(s, 6))) {
            continue;
        }
        stix_claim_id(col_text(s, 7), kind, value, id);
        const struct fuse_item i = {
            .claim = true,
            .number = col_int(s, 0),
            .id = sv_c(id),
            .type = SV("indicator"),
            .source = col_int(s, 8),
            .version = col_int(s, 5),
            .revoked = col_int(s, 3) != 0,
            .ended = col_int(s, 3) != 0,
            .tlp = tlp,
        };
        n++;
        rc = each(ctx, &i, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : (int)n;
}

int fuse_refs_of_value(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                       struct arena *a, struct sv *ret, size_t most, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT kind, value, tlp, ref, source FROM claim WHERE h = ? ORDER BY id", e);
    size_t n = 0;
    int rc = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, kind, value));
    while (n < most && (rc = db_step(s, e)) == 1) {
        if (col_int(s, 0) != (int64_t)kind || !sv_eq(col_text(s, 1), value) ||
            !pact_sees(view, col_int(s, 4), (enum tlp)col_int(s, 2)) || !claim_is_object(col_text(s, 3))) {
            continue;
        }
        ret[n] = arena_sv(a, col_text(s, 3));
        if (!ret[n].p) {
            rc = err_set(e, ERR_MEMORY, "no memory for what states a value");
            break;
        }
        n++;
    }
    db_done(s);
    return rc < 0 ? rc : (int)n;
}
