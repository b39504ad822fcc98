/*
 * What is to be looked at. A collection grows at its end; what came since the last round is a range of dates.
 * A few things are fresh and go at once. Of many, those of sources that brought few are fresh: what one
 * source brings by the ten thousand never stands before what another has just seen. The rest is bulk, newest
 * first.
 */
#include "share/relay/relay_private.h"

#define FEW 250
#define WALKS_MOST 8 /* of TAXII_PAGE_MOST rows, in one transaction */

struct range {
    int64_t id;
    struct taxii_range r;
};

static int add_range(struct db *db, int64_t relay, int lane, int64_t source, usec after, usec upto,
                     struct err *e)
{
    return relay_sql(db, e, "INSERT INTO relay_range (relay, lane, source, after, upto) VALUES (?,?,?,?,?)",
                     "iiiuu", relay, (int64_t)lane, source, after, upto);
}

/* ---- what is new */

/* The sources of what came, and whether it is many. */
static int split(const struct relays *r, const struct relay *relay, usec newest, struct err *e)
{
    struct {
        int64_t source, n;
    } few[RELAY_RANGES_MOST];
    size_t sources = 0;
    int64_t total = 0;
    struct stmt *s = db_query(r->taxii.db,
                              "SELECT source, count(*) FROM member WHERE collection = ? AND added > ? AND "
                              "added <= ? GROUP BY source ORDER BY 2",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, relay->collection);
    db_time(s, relay->high);
    db_time(s, newest);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (sources < RELAY_RANGES_MOST && col_int(s, 1) <= FEW) {
            few[sources].source = col_int(s, 0);
            few[sources++].n = col_int(s, 1);
        }
        total += col_int(s, 1);
    }
    db_done(s);
    if (rc < 0 || total <= RELAY_OBJECTS) {
        return rc < 0 ? rc : add_range(r->taxii.db, relay->id, 0, 0, relay->high, newest, e);
    }
    rc = add_range(r->taxii.db, relay->id, 1, 0, relay->high, newest, e);
    for (size_t i = 0; rc == OK && i < sources; i++) {
        rc = add_range(r->taxii.db, relay->id, 0, few[i].source, relay->high, newest, e);
    }
    return rc;
}

/* Many ranges become one: what was sent already is known by its version. */
static int join(struct db *db, int64_t relay, int lane, struct err *e)
{
    struct stmt *s = db_query(
        db, "SELECT count(*), min(after), max(upto) FROM relay_range WHERE relay = ? AND lane = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    db_int(s, lane);
    int rc = db_step(s, e);
    int64_t n = rc == 1 ? col_int(s, 0) : 0;
    usec after = rc == 1 ? col_time(s, 1) : 0, upto = rc == 1 ? col_time(s, 2) : 0;
    db_done(s);
    if (rc < 0 || n <= RELAY_RANGES_MOST) {
        return rc < 0 ? rc : OK;
    }
    rc = relay_sql(db, e, "DELETE FROM relay_range WHERE relay = ? AND lane = ?", "ii", relay, (int64_t)lane);
    return rc == OK ? add_range(db, relay, 1, 0, after, upto, e) : rc;
}

int relay_discover(const struct relays *r, struct relay *relay, struct err *e)
{
    usec newest;
    int rc = taxii_newest(&r->taxii, relay->collection, &newest, e);
    if (rc != OK || newest == USEC_NONE || newest <= relay->high) {
        return rc;
    }
    rc = split(r, relay, newest, e);
    rc = rc == OK ? join(r->taxii.db, relay->id, 0, e) : rc;
    rc = rc == OK ? join(r->taxii.db, relay->id, 1, e) : rc;
    rc = rc == OK
             ? relay_sql(r->taxii.db, e, "UPDATE relay SET high = ? WHERE id = ?", "ui", newest, relay->id)
             : rc;
    relay->high = rc == OK ? newest : relay->high;
    return rc;
}

/* ---- taking */

static int next_range(struct db *db, int64_t relay, int lane, struct range *ret, struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT id, after, upto, source FROM relay_range WHERE relay = ? AND lane = ? "
                              "ORDER BY upto DESC, id DESC LIMIT 1",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    db_int(s, lane);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret =
            (struct range){.id = col_int(s, 0),
                           .r = {.after = col_time(s, 1), .upto = col_time(s, 2), .source = col_int(s, 3)}};
    }
    db_done(s);
    return rc;
}

bool relay_range_any(struct db *db, int64_t relay, int lane)
{
    struct range ignored;
    struct err e = ERR_NONE;
    return next_range(db, relay, lane, &ignored, &e) == 1;
}

static int keep_range(struct db *db, const struct range *g, struct err *e)
{
    return g->r.after >= g->r.upto
               ? relay_sql(db, e, "DELETE FROM relay_range WHERE id = ?", "i", g->id)
               : relay_sql(db, e, "UPDATE relay_range SET after = ? WHERE id = ?", "ui", g->r.after, g->id);
}

/* One walk; where the message is full the range goes on with what did not fit. */
static int take(struct relay_batch *b, struct range *g, struct err *e)
{
    struct taxii_item *item;
    size_t n;
    struct arena a;
    arena_init(&a, 16u << 20);
    int rc = taxii_walk(&b->r->taxii, b->collection, &g->r, &a, &item, &n, e);
    for (size_t i = 0; rc == OK && i < n && !b->full; i++) {
        int got = relay_batch_member(b, &item[i], false, e);
        rc = got < 0 ? got : OK;
        if (b->full) {
            g->r.after = item[i].added - 1;
        }
    }
    arena_clear(&a);
    return rc == OK ? keep_range(b->r->taxii.db, g, e) : rc;
}

int relay_range_round(struct relay_batch *b, int lane, bool *ret_more, struct err *e)
{
    struct range g;
    int rc = 1;
    b->fresh = lane == 0;
    for (unsigned walks = 0; walks < WALKS_MOST && !b->full; walks++) {
        rc = next_range(b->r->taxii.db, b->relay->id, lane, &g, e);
        if (rc != 1) {
            break;
        }
        rc = take(b, &g, e);
        if (rc != OK) {
            return rc;
        }
    }
    *ret_more = rc >= 0 && relay_range_any(b->r->taxii.db, b->relay->id, lane);
    return rc < 0 ? rc : OK;
}
