/* Taking back what one source stated here, and passing that on. */
#include "share/recall/recall_private.h"

/* A text index larger than this is made anew in a round, not before the answer. */
#define INLINE_DOCUMENTS 200000

int recall_sources(const struct recall *r, struct uuid partner, int64_t ret[SOURCES_MOST], size_t *ret_n,
                   struct err *e)
{
    char upstream[64], id[37];
    struct stmt *s = db_query(r->db, "SELECT id FROM source WHERE upstream = ? ORDER BY id", e);
    int rc;
    *ret_n = 0;
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    snprintf(upstream, sizeof(upstream), "partner:%s", id);
    db_text(s, sv_c(upstream));
    while ((rc = db_step(s, e)) == 1 && *ret_n < SOURCES_MOST) {
        ret[(*ret_n)++] = col_int(s, 0);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int recall_holds(const struct recall *r, int64_t source, struct sv id, bool *ret_before, struct err *e)
{
    struct stmt *s =
        db_query(r->db,
                 "SELECT EXISTS (SELECT 1 FROM object WHERE h = ? AND source = ?), EXISTS (SELECT "
                 "1 FROM withdrawn WHERE h = ? AND source = ? AND mode = 0)",
                 e);
    if (!s) {
        return e->code;
    }
    for (size_t i = 0; i < 2; i++) {
        db_int(s, recall_hash(r, id));
        db_int(s, source);
    }
    int rc = db_step(s, e);
    bool here = rc == 1 && col_int(s, 0), before = rc == 1 && col_int(s, 1);
    db_done(s);
    *ret_before = before;
    return rc < 0 ? rc : here || before;
}

static int clean_up(const struct recall *r, const struct takeback *t, bool gone_for_good, usec now,
                    struct err *e)
{
    const struct taxii taxii = {.db = r->db, .fuse = r->fuse, .ledger = r->ledger, .secret = r->secret};
    uint64_t gone = 0;
    int rc = OK;
    for (size_t i = 0; rc == OK && i < t->ids; i++) {
        rc = taxii_bury(&taxii, t->id[i], t->source, now, &gone, e);
        if (rc == OK && gone_for_good) {
            rc = recall_sql(r->db, e, "DELETE FROM obligation WHERE source = ? AND h = ?", "ii", t->source,
                            recall_hash(r, t->id[i]));
        }
    }
    return rc;
}

static int pass_on(const struct recall *r, const struct takeback *t, usec now, struct taken_back *ret,
                   struct err *e)
{
    const struct recall_order o = {
        .id = t->id, .ids = t->ids, .why = t->why, .except = t->origin, .reason = t->reason, .by = t->by};
    int rc = recall_send(r, &o, now, &ret->passed_on, e);
    if (rc == ERR_NOT_FOUND) {
        *e = ERR_NONE;
        rc = OK;
    }
    return rc;
}

int take_back(const struct recall *r, const struct takeback *t, usec now, struct taken_back *ret,
              struct err *e)
{
    const struct withdraw w = {.source = t->source,
                               .id = t->id,
                               .ids = t->ids,
                               .mode = why_deletes(t->why) ? WITHDRAW_GONE : WITHDRAW_ENDED,
                               .for_good = t->why != WHY_EXPIRED,
                               .why = sv_c(withdraw_why_name(t->why)),
                               .by = t->by};
    *ret = (struct taken_back){0};
    /* Whom it was given to is found before it is gone. */
    int rc = pass_on(r, t, now, ret, e);
    rc = rc == OK ? fuse_withdraw(r->fuse, &w, now, &ret->report, e) : rc;
    return rc == OK ? clean_up(r, t, why_deletes(t->why), now, e) : rc;
}

int take_back_settle(const struct recall *r, usec now, struct err *e)
{
    struct err busy = ERR_NONE;
    bool small = db_value(r->db, "SELECT max(id) FROM document", 0) <= INLINE_DOCUMENTS;
    int rc = small ? fuse_withdraw_settle(r->fuse, now, &busy) : fuse_index_refresh(r->fuse, now, &busy);
    if (rc != OK && rc != ERR_BUSY) { /* a reader held the files: the next round does it */
        *e = busy;
        return rc;
    }
    return OK;
}

/* The ids that the source states under a hash: one, as good as always. */
static int ids_of(const struct recall *r, const struct withdrawn *w, struct id_list *ret, struct err *e)
{
    struct stmt *s = db_query(r->db, "SELECT DISTINCT stix_id FROM object WHERE h = ? AND source = ?", e);
    int rc = s ? OK : e->code;
    if (s) {
        db_int(s, w->h);
        db_int(s, w->source);
    }
    while (s && rc == OK && (rc = db_step(s, e)) == 1) {
        rc = id_list_add(ret, col_text(s, 0), e);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int recall_again(const struct recall *r, const struct withdrawn *w, usec now, struct err *e)
{
    struct arena a;
    struct source s;
    struct withdrawn_report report;
    struct id_list ids = {.a = &a};
    arena_init(&a, 4u << 20);
    int rc = source_get(r->db, w->source, &a, &s, e);
    if (rc == ERR_NOT_FOUND) { /* it came after the backup was made, and so did all of it */
        *e = ERR_NONE;
        arena_clear(&a);
        return OK;
    }
    rc = rc == OK ? ids_of(r, w, &ids, e) : rc;
    const struct withdraw again = {.source = w->source,
                                   .h = &w->h,
                                   .hashes = 1,
                                   .mode = w->mode,
                                   .for_good = !sv_eq(w->why, sv_c(withdraw_why_name(WHY_EXPIRED))),
                                   .why = w->why,
                                   .by = w->by};
    const struct takeback t = {.source = w->source, .id = ids.id, .ids = ids.n};
    rc = rc == OK ? fuse_withdraw(r->fuse, &again, now, &report, e) : rc;
    rc = rc == OK ? clean_up(r, &t, w->mode == WITHDRAW_GONE, now, e) : rc;
    arena_clear(&a);
    return rc;
}
