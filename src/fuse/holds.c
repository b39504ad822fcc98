#include "fuse/private.h"

usec claim_end(const struct claim_times *c, int64_t expiry)
{
    if (c->valid_until != USEC_NONE) {
        return c->valid_until;
    }
    usec last = c->last != USEC_NONE       ? c->last
                : c->modified != USEC_NONE ? c->modified
                : c->created != USEC_NONE  ? c->created
                                           : c->valid_from;
    usec end;
    if (expiry <= 0 || last == USEC_NONE || expiry > INT64_MAX / USEC_SECOND ||
        __builtin_add_overflow(last, expiry * USEC_SECOND, &end)) {
        return INT64_MAX;
    }
    return end;
}

int source_expiry(struct fuse *f, int64_t source, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT expiry FROM source WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

static const char SELECT[] = "SELECT c.kind, c.value, c.source, c.tlp, c.valid_until, c.last_seen, "
                             "c.modified, c.created, c.valid_from, s.expiry"
                             " FROM claim c JOIN source s ON s.id = c.source WHERE c.h = ? AND c.flags = 0";

int fuse_holds(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec at,
               struct err *e)
{
    struct stmt *s = db_query(f->db, SELECT, e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, kind, value));
    bool holds = false;
    usec hour = at - ((at % USEC_HOUR) + USEC_HOUR) % USEC_HOUR;
    int rc = OK;
    while (!holds && (rc = db_step(s, e)) == 1) {
        const struct claim_times times = {
            .valid_until = col_time(s, 4),
            .last = col_time(s, 5),
            .modified = col_time(s, 6),
            .created = col_time(s, 7),
            .valid_from = col_time(s, 8),
        };
        holds = col_int(s, 0) == (int64_t)kind && sv_eq(col_text(s, 1), value) &&
                (!view || pact_sees(view, col_int(s, 2), (enum tlp)col_int(s, 3))) &&
                claim_end(&times, col_int(s, 9)) >= hour;
    }
    db_done(s);
    return rc < 0 ? rc : holds;
}
