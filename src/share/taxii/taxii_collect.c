/* What attached sources bring becomes members. */
#include "share/taxii/taxii_private.h"

#include <stdlib.h>

#define BATCH 2000       /* things looked at in one transaction, so that other writers get their turn */
#define BATCHES_MOST 100 /* in one call: what calls has other work, and wants to end when it is told to */

struct feed {
    int64_t collection, source;
};
struct feeds {
    struct feed *feed;
    size_t n, room;
};

static int add_feed(struct feeds *l, int64_t collection, int64_t source, struct err *e)
{
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        struct feed *feed = reallocarray(l->feed, room, sizeof(*feed));
        if (!feed) {
            return err_set(e, ERR_MEMORY, "no memory for the list of attached sources");
        }
        l->feed = feed;
        l->room = room;
    }
    l->feed[l->n++] = (struct feed){collection, source};
    return OK;
}

/* Source 0 stands for all sources of the home organisation outside of exercises. */
static const char FEEDS[] =
    "SELECT DISTINCT cs.collection, s.id FROM collection_source cs JOIN collection c ON c.id = cs.collection "
    "AND c.removed = 0 JOIN source s ON s.exercise = 0 AND (s.id = cs.source OR (cs.source = 0 AND s.org = "
    "(SELECT id FROM org ORDER BY entry, id LIMIT 1))) ORDER BY 1, 2";

static int list_feeds(struct db *db, struct feeds *l, struct err *e)
{
    struct stmt *s = db_query(db, FEEDS, e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        rc = add_feed(l, col_int(s, 0), col_int(s, 1), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* ---- marks */

static int read_mark(struct db *db, const struct feed *f, struct item_mark *ret, struct err *e)
{
    struct stmt *s = db_query(
        db, "SELECT object, entry, claim FROM collection_feed WHERE collection = ? AND source = ?", e);
    *ret = (struct item_mark){0};
    if (!s) {
        return e->code;
    }
    db_int(s, f->collection);
    db_int(s, f->source);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct item_mark){.object = col_int(s, 0), .entry = col_int(s, 1), .claim = col_int(s, 2)};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int write_mark(struct db *db, const struct feed *f, const struct item_mark *m, struct err *e)
{
    struct stmt *s = db_query(db,
                              "INSERT INTO collection_feed (collection, source, object, entry, claim) VALUES "
                              "(?,?,?,?,?) ON CONFLICT (collection, source) DO UPDATE SET object = "
                              "excluded.object, entry = excluded.entry, claim = excluded.claim",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, f->collection);
    db_int(s, f->source);
    db_int(s, m->object);
    db_int(s, m->entry);
    db_int(s, m->claim);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* ---- one batch */

struct batch {
    const struct taxii *t;
    struct taxii_adder adder;
    usec now;
};

static int take_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct batch *b = ctx;
    /* What was taken back goes only to those who had it. */
    if (i->ended) {
        int has = i->revoked ? taxii_has(b->t, b->adder.collection, i->id, e) : 0;
        if (has <= 0) {
            return has;
        }
    }
    const struct taxii_new m = {.id = i->id,
                                .type = i->type,
                                .source = i->source,
                                .version = i->version,
                                .spec = 21,
                                .tlp = i->tlp,
                                .claim = i->claim,
                                .number = i->number};
    int rc = taxii_adder_add(&b->adder, &m, b->now, NULL, e);
    return rc < 0 ? rc : OK;
}

/* Returns how many things were looked at. In a transaction. */
static int take_batch(const struct taxii *t, const struct feed *f, struct item_mark *mark, usec now,
                      struct err *e)
{
    struct batch b = {.t = t, .now = now};
    int rc = taxii_adder_open(&b.adder, t, f->collection, e);
    if (rc != OK) {
        return rc;
    }
    int done = fuse_items_since(t->fuse, f->source, mark, BATCH, take_item, &b, e);
    if (done <= 0) {
        return done;
    }
    rc = taxii_adder_close(&b.adder, e);
    rc = rc == OK ? write_mark(t->db, f, mark, e) : rc;
    return rc < 0 ? rc : done;
}

static int nothing(void *ctx, const struct fuse_item *i, struct err *e)
{
    (void)ctx;
    (void)i;
    (void)e;
    return OK;
}

/* One batch; returns how many things were looked at. The writer's turn is asked for only when there is
 * something. */
static int feed_some(const struct taxii *t, const struct feed *f, usec now, struct err *e)
{
    struct item_mark mark, peek;
    int rc = read_mark(t->db, f, &mark, e);
    peek = mark;
    int done = rc == OK ? fuse_items_since(t->fuse, f->source, &peek, 1, nothing, NULL, e) : rc;
    if (done <= 0) {
        return done;
    }
    rc = db_begin(t->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = read_mark(t->db, f, &mark, e);
    done = rc == OK ? take_batch(t, f, &mark, now, e) : rc;
    rc = db_finish(t->db, done < 0 ? done : OK, e);
    return rc == OK ? done : rc;
}

/* In turns, so that what one source brings by the million does not keep back what another has just brought.
 * Returns whether something was brought. */
static int feed_each(const struct taxii *t, const struct feeds *l, usec now, unsigned *left, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i<l->n && * left> 0; i++) {
        int done = feed_some(t, &l->feed[i], now, e);
        if (done < 0) {
            return done;
        }
        any = any || done > 0;
        *left -= done > 0;
    }
    return any;
}

/* Statuses are kept for a day and then swept. */
static int sweep(const struct taxii *t, usec now, struct err *e)
{
    struct stmt *s = db_query(t->db, "SELECT 1 FROM taxii_status WHERE expires < ? LIMIT 1", e);
    if (!s) {
        return e->code;
    }
    db_time(s, now);
    int rc = db_step(s, e);
    db_done(s);
    if (rc != 1) {
        return rc;
    }
    rc = db_begin(t->db, e);
    if (rc != OK) {
        return rc;
    }
    s = db_query(t->db, "DELETE FROM taxii_status WHERE expires < ?", e);
    rc = s ? OK : e->code;
    if (s) {
        db_time(s, now);
        rc = db_run(s, e);
        db_done(s);
    }
    return db_finish(t->db, rc, e);
}

/* Ledger entries that the feeds were looked through for, kept under a collection that there is none of. */
#define SEEN_KEY "0"

static int64_t seen_entries(struct db *db)
{
    return db_value(db, "SELECT last FROM collection_clock WHERE collection = " SEEN_KEY, 0);
}

static int set_seen(struct db *db, int64_t entries, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(db,
                              "INSERT INTO collection_clock (collection, last) VALUES (" SEEN_KEY
                              ", ?) ON CONFLICT (collection) DO UPDATE SET last = excluded.last",
                              e);
    rc = s ? OK : e->code;
    if (s) {
        db_int(s, entries);
        rc = db_run(s, e);
        db_done(s);
    }
    return db_finish(db, rc, e);
}

int taxii_collect(const struct taxii *t, usec now, struct err *e)
{
    struct feeds l = {0};
    unsigned left = BATCHES_MOST;
    int rc = sweep(t, now, e);
    int64_t entries = db_value(t->db, "SELECT max(id) FROM entry", 0);
    if (rc != OK || entries == seen_entries(t->db)) {
        return rc;
    }
    rc = list_feeds(t->db, &l, e);
    int any = rc == OK ? 1 : rc;
    while (any == 1 && left > 0) {
        any = feed_each(t, &l, now, &left, e);
    }
    free(l.feed);
    rc = any < 0 ? any : OK;
    return rc == OK && left > 0 ? set_seen(t->db, entries, e) : rc;
}
