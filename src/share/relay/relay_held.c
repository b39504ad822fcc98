/* What may not go now, and may later: it is looked at again when what decides has changed. */
#include "share/relay/relay_private.h"

#include "share/partner/queue.h"

#define LOOK_MOST 2000 /* in one transaction */

/* By which nothing is held: it is over, or never was for this partner. */
static bool is_final(struct sv rule)
{
    return sv_eq(rule, SV("local")) || sv_eq(rule, SV("nobody"));
}

/* The list is bounded: of what has no place in it only the first date is known, from which all is looked at
 * again. */
static int note_lost(struct db *db, int64_t relay, usec added, struct err *e)
{
    return relay_sql(db, e, "UPDATE relay SET rescan = ? WHERE id = ? AND (rescan IS NULL OR rescan > ?)",
                     "uiu", added - 1, relay, added - 1);
}

static int count_held(struct db *db, int64_t relay, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT count(*) FROM relay_held WHERE relay = ?", e);
    *ret = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

int relay_hold(struct db *db, int64_t relay, const struct taxii_item *i, struct sv rule, usec now,
               int64_t *held, struct err *e)
{
    if (is_final(rule)) {
        return relay_unhold(db, relay, i->member, e);
    }
    int rc = *held < 0 ? count_held(db, relay, held, e) : OK;
    if (rc != OK || *held >= RELAY_HELD_MOST) {
        return rc != OK ? rc : note_lost(db, relay, i->added, e);
    }
    ++*held; /* also one that is held already: the count is read anew for each message */
    return relay_sql(db, e,
                     "INSERT INTO relay_held (relay, member, added, rule, at) VALUES (?,?,?,?,?) ON CONFLICT "
                     "(relay, member) DO UPDATE SET rule = excluded.rule, at = excluded.at",
                     "iiutu", relay, i->member, i->added, rule, now);
}

int relay_unhold(struct db *db, int64_t relay, int64_t member, struct err *e)
{
    return relay_sql(db, e, "DELETE FROM relay_held WHERE relay = ? AND member = ?", "ii", relay, member);
}

int relay_held_each(struct db *db, int64_t relay, int (*each)(void *ctx, struct sv rule, uint64_t n),
                    void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT rule, count(*) FROM relay_held WHERE relay = ? GROUP BY rule ORDER BY rule", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    while ((rc = db_step(s, e)) == 1) {
        rc = each(ctx, col_text(s, 0), (uint64_t)col_int(s, 1));
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* ---- when to look again */

static void add_number(struct sha256_state *h, int64_t n)
{
    sha256_more(h, sv_from((const char *)&n, sizeof(n)));
}

/* The newest words on partners and agreements, releases and consents. */
static int64_t changes(struct db *db)
{
    int64_t decided = queue_changes(db);
    int64_t agreed =
        db_value(db,
                 "SELECT max(n) FROM (SELECT max(entry) AS n FROM partner UNION ALL SELECT max(entry) FROM "
                 "agreement UNION ALL SELECT max(entry) FROM agreement_signature)",
                 0);
    return decided > agreed ? decided : agreed;
}

int relay_register_sum(struct db *db, const struct release *release, struct sha256 *ret, struct err *e)
{
    struct sha256_state h;
    (void)e;
    sha256_start(&h);
    add_number(&h, release->active);
    for (size_t i = 0; i < release->agreements; i++) {
        const struct agreement *g = release->agreement[i].agreement;
        bool in_force =
            release->agreement[i].active && g->valid_from <= release->now && release->now < g->valid_until;
        sha256_more(&h, sv_from((const char *)g->id.b, sizeof(g->id.b)));
        add_number(&h, g->version);
        add_number(&h, in_force);
    }
    add_number(&h, changes(db));
    *ret = sha256_end(&h);
    return OK;
}

/* ---- looking */

struct held_row {
    int64_t member;
    bool again; /* the partner was given it, and its node refused it */
};

/* Those after the last one that was looked at; when nothing has changed only what time alone may change. */
static int read_held(const struct relay_batch *b, bool changed, int64_t after, struct held_row *ret,
                     size_t *ret_n, struct err *e)
{
    struct stmt *s = db_query(b->r->taxii.db,
                              "SELECT member, rule FROM relay_held WHERE relay = ? AND member > ? AND (? = 1 "
                              "OR (rule IN ('cap', 'refused') AND at < ?)) ORDER BY member LIMIT ?",
                              e);
    int rc;
    *ret_n = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, b->relay->id);
    db_int(s, after);
    db_int(s, changed);
    db_time(s, b->now - RELAY_LOOK_AGAIN);
    db_int(s, LOOK_MOST);
    while ((rc = db_step(s, e)) == 1) {
        ret[(*ret_n)++] =
            (struct held_row){.member = col_int(s, 0), .again = sv_eq(col_text(s, 1), SV("refused"))};
    }
    db_done(s);
    return rc;
}

static int look_at(struct relay_batch *b, const struct held_row *row, struct err *e)
{
    struct taxii_item i;
    struct arena a;
    arena_init(&a, 1u << 20);
    int rc = taxii_member_get(&b->r->taxii, b->collection, row->member, &a, &i, e);
    if (rc == 0) {
        rc = relay_unhold(b->r->taxii.db, b->relay->id, row->member, e);
    } else if (rc == 1) {
        rc = relay_batch_member(b, &i, row->again, e);
    }
    arena_clear(&a);
    return rc < 0 ? rc : OK;
}

static int look_after(struct db *db, int64_t relay, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT look_after FROM relay WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* All was looked at under these agreements; what had no place in the list comes again as a range. */
static int settle(const struct relay_batch *b, const struct sha256 *sum, struct err *e)
{
    struct db *db = b->r->taxii.db;
    struct stmt *s = db_query(db, "UPDATE relay SET looked = ?, look_after = 0 WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    db_blob(s, sv_from((const char *)sum->b, sizeof(sum->b)));
    db_int(s, b->relay->id);
    int rc = db_run(s, e);
    db_done(s);
    rc = rc == OK ? relay_sql(db, e, "UPDATE relay_sighting SET due = 1 WHERE relay = ? AND due = 2", "i",
                              b->relay->id)
                  : rc;
    rc = rc == OK ? relay_sql(db, e,
                              "INSERT INTO relay_range (relay, lane, source, after, upto) SELECT id, 1, 0, "
                              "rescan, high FROM relay WHERE id = ? AND rescan IS NOT NULL",
                              "i", b->relay->id)
                  : rc;
    return rc == OK ? relay_sql(db, e, "UPDATE relay SET rescan = NULL WHERE id = ?", "i", b->relay->id) : rc;
}

int relay_held_round(struct relay_batch *b, bool *ret_more, struct err *e)
{
    struct db *db = b->r->taxii.db;
    struct sha256 sum;
    struct held_row *row = arena_calloc(&b->a, LOOK_MOST, sizeof(*row));
    size_t n = 0, at = 0;
    int64_t after = 0;
    *ret_more = false;
    int rc = row ? relay_register_sum(db, b->release, &sum, e)
                 : err_set(e, ERR_MEMORY, "no memory for what is held back");
    bool changed = rc == OK && memcmp(sum.b, b->relay->looked.b, sizeof(sum.b)) != 0;
    rc = rc == OK && changed ? look_after(db, b->relay->id, &after, e) : rc;
    rc = rc == OK ? read_held(b, changed, after, row, &n, e) : rc;
    b->fresh = false;
    while (rc == OK && at < n && !b->full) {
        rc = look_at(b, &row[at], e);
        at += !b->full;
    }
    if (rc != OK || !changed) {
        return rc;
    }
    *ret_more = at < n || n == LOOK_MOST;
    return !*ret_more ? settle(b, &sum, e)
           : at ? relay_sql(db, e, "UPDATE relay SET look_after = ? WHERE id = ?", "ii", row[at - 1].member,
                            b->relay->id)
                : OK;
}
