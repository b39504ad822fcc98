/* Rounds: what is new becomes messages, fresh things before history, as far as the other node keeps up. */
#include "share/relay/relay_private.h"

#define TURNS_MOST 64 /* transactions for one relay in one round: the others want their turn */

struct round {
    const struct relays *r;
    usec now, again;
    unsigned messages;
    struct err first; /* error */
};

/* One relay in one round. */
struct turn {
    const struct relays *r;
    struct relay relay;
    struct taxii_collection collection;
    struct release release;
    bool sightings; /* this relay is the one that brings them to its partner */
    usec now;
    int64_t open; /* messages that wait for their acknowledgement */
    bool more;
    usec again;
    bool sent;
};

static void again_at(usec *again, usec at)
{
    if (at != USEC_NONE && (*again == USEC_NONE || at < *again)) {
        *again = at;
    }
}

static int count_open(struct db *db, int64_t relay, int64_t *ret, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT count(*) FROM relay_message WHERE relay = ? AND acknowledged IS NULL", e);
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* ---- is there anything to do? Asked without keeping others from writing. */

static bool any_row(struct db *db, const char *sql, int64_t relay, usec at)
{
    struct stmt *s = db_query(db, sql, NULL);
    if (!s) {
        return true; /* the attempt says why */
    }
    db_int(s, relay);
    db_time(s, at);
    bool any = db_step(s, NULL) != 0;
    db_done(s);
    return any;
}

static bool has_news(const struct turn *t)
{
    struct err e = ERR_NONE;
    struct db *db = t->r->taxii.db;
    usec newest = USEC_NONE;
    struct sighting_mark seen = t->relay.seen;
    if (taxii_newest(&t->r->taxii, t->relay.collection, &newest, &e) != OK ||
        (newest != USEC_NONE && newest > t->relay.high) || relay_range_any(db, t->relay.id, 0)) {
        return true;
    }
    if (!t->sightings) {
        return false;
    }
    return fuse_sightings_now(t->r->taxii.fuse, &seen, &e) != OK || seen.entry != t->relay.seen.entry ||
           seen.sighting != t->relay.seen.sighting ||
           any_row(db, "SELECT 1 FROM relay_sighting WHERE relay = ? AND due = 1 AND ? IS NOT NULL LIMIT 1",
                   t->relay.id, t->now) ||
           any_row(db, "SELECT 1 FROM relay_sighting_open WHERE relay = ? AND tried <= ? LIMIT 1",
                   t->relay.id, t->relay.last_sent);
}

/* The other node refused a message lately and has accepted none since: history is not sent for nothing, over
 * and over. */
#define LAST_REFUSED "(SELECT max(h.at) FROM relay_held h WHERE h.relay = r.id AND h.rule = 'refused')"
static bool is_refused(const struct turn *t)
{
    return any_row(
        t->r->taxii.db,
        "SELECT 1 FROM relay r WHERE r.id = ? AND " LAST_REFUSED
        " > ? AND NOT EXISTS (SELECT 1 FROM relay_message m WHERE m.relay = r.id AND m.accepted = 1 "
        "AND m.acknowledged >= " LAST_REFUSED ")",
        t->relay.id, t->now - RELAY_LOOK_AGAIN);
}

static bool has_history(const struct turn *t)
{
    struct err e = ERR_NONE;
    struct sha256 sum;
    struct db *db = t->r->taxii.db;
    if (relay_register_sum(db, &t->release, &sum, &e) != OK ||
        memcmp(sum.b, t->relay.looked.b, sizeof(sum.b)) != 0) {
        return true;
    }
    if (is_refused(t)) {
        return false;
    }
    return relay_range_any(db, t->relay.id, 1) ||
           any_row(
               db,
               "SELECT 1 FROM relay_held WHERE relay = ? AND rule IN ('cap', 'refused') AND at < ? LIMIT 1",
               t->relay.id, t->now - RELAY_LOOK_AGAIN);
}

/* ---- one message */

static int gather(struct turn *t, struct relay_batch *b, bool history, struct err *e)
{
    bool more = false;
    usec again = USEC_NONE;
    int rc = relay_discover(t->r, &t->relay, e);
    rc = rc == OK ? relay_range_round(b, 0, &more, e) : rc;
    t->more = more;
    if (rc == OK && t->sightings) {
        rc = relay_sightings_note(b, &t->relay, e);
        rc = rc == OK ? relay_sightings_round(b, &again, e) : rc;
        again_at(&t->again, again);
    }
    if (rc == OK && history && !t->more && !b->full) {
        rc = relay_range_round(b, 1, &more, e);
        t->more = more;
        if (rc == OK && !more && !b->full) {
            rc = relay_held_round(b, &more, e);
            t->more = more;
        }
    }
    t->more = t->more || b->full;
    return rc;
}

static int one_message(struct turn *t, bool history, struct err *e)
{
    struct relay_batch b;
    int rc = db_begin(t->r->taxii.db, e);
    if (rc != OK) {
        return rc;
    }
    rc = relay_batch_open(&b, t->r, &t->relay, &t->collection, &t->release, t->now, e);
    rc = rc == OK ? gather(t, &b, history, e) : rc;
    rc = rc == OK ? relay_batch_send(&b, e) : rc;
    t->sent = rc == OK && b.n > 0;
    relay_batch_close(&b);
    rc = db_finish(t->r->taxii.db, rc, e);
    if (rc == OK && t->sent) {
        t->open++;
        t->relay.last_sent = t->now;
    }
    return rc;
}

/* ---- one relay */

static int again_relay(struct turn *t, struct err *e);

static int run_turns(struct turn *t, struct round *round, struct err *e)
{
    int rc = OK;
    t->more = true;
    for (unsigned n = 0; rc == OK && t->more && n < TURNS_MOST; n++) {
        bool news = has_news(t), history = t->open < RELAY_OPEN_BULK && has_history(t);
        usec gathered = t->relay.last_sent == USEC_NONE ? t->now : t->relay.last_sent + RELAY_GATHER;
        t->more = false;
        if (t->open >= RELAY_OPEN_FRESH || (!news && !history)) {
            break; /* the next acknowledgement, or news, brings the next round */
        }
        if (!history && n == 0 && gathered > t->now && gathered <= t->now + RELAY_GATHER) {
            again_at(&t->again, gathered);
            break;
        }
        rc = one_message(t, history, e);
        round->messages += t->sent;
        rc = rc == OK ? again_relay(t, e) : rc;
    }
    if (t->more && t->open < RELAY_OPEN_FRESH) {
        again_at(&t->again, t->now);
    }
    return rc;
}

/* Of the relays of one partner the first brings sightings, those of exercises and real ones apart. */
static int is_first(const struct turn *t, struct err *e)
{
    char partner[37];
    struct stmt *s =
        db_query(t->r->taxii.db,
                 "SELECT 1 FROM relay r JOIN collection c ON c.id = r.collection WHERE r.partner = "
                 "? AND r.id < ? AND c.removed = 0 AND (c.purpose = ?) = ?",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(t->relay.partner, partner);
    db_text(s, sv_c(partner));
    db_int(s, t->relay.id);
    db_int(s, PURPOSE_EXERCISE);
    db_int(s, t->collection.purpose == PURPOSE_EXERCISE);
    int rc = db_step(s, e);
    db_done(s);
    return rc < 0 ? rc : rc == 0;
}

/* 1 = the partner is there and may read the collection. */
static int open_turn(struct turn *t, struct arena *a, struct err *e)
{
    char principal[48] = "partner:";
    uuid_text(t->relay.partner, principal + 8);
    const struct taxii_who who = {.principal = sv_c(principal), .org = t->relay.partner};
    int rc = partner_is_active(t->r->taxii.db, sv_c(principal + 8), e);
    if (rc != 1) {
        return rc;
    }
    rc = taxii_collection_get(t->r->taxii.db, t->relay.collection, &who, a, &t->collection, e);
    if (rc == ERR_NOT_FOUND || (rc == OK && !t->collection.can_read)) {
        *e = ERR_NONE;
        return 0;
    }
    rc = rc == OK ? is_first(t, e) : rc;
    t->sightings = rc == 1;
    rc = rc >= 0 ? count_open(t->r->taxii.db, t->relay.id, &t->open, e) : rc;
    return rc == OK ? 1 : rc;
}

static int open_release(struct turn *t, struct err *e)
{
    const struct release_maker maker = {
        .fuse = t->r->taxii.fuse, .ledger = t->r->taxii.ledger, .secret = t->r->taxii.secret};
    struct db *db = t->r->taxii.db;
    int rc = release_open(&t->release, db, t->relay.partner, t->collection.purpose, t->now, e);
    rc = rc == OK ? release_copies(&t->release, &maker, e) : rc;
    return rc == OK ? share_sent_since(db, t->relay.partner, t->now - USEC_DAY, &t->release.sent, e) : rc;
}

struct found_relay {
    int64_t id;
    struct relay *ret;
};

static int match_relay(void *ctx, const struct relay *r, struct err *e)
{
    struct found_relay *f = ctx;
    (void)e;
    if (r->id == f->id) {
        *f->ret = *r;
    }
    return OK;
}

/* As it stands now: its marks moved on. */
static int again_relay(struct turn *t, struct err *e)
{
    struct found_relay f = {.id = t->relay.id, .ret = &t->relay};
    return relay_each(t->r->taxii.db, match_relay, &f, e);
}

static int on_relay(void *ctx, const struct relay *relay, struct err *e)
{
    struct round *round = ctx;
    struct turn t = {.r = round->r, .relay = *relay, .now = round->now, .again = USEC_NONE};
    struct err here = ERR_NONE;
    struct arena a;
    (void)e;
    arena_init(&a, 16u << 20);
    int rc = open_turn(&t, &a, &here);
    if (rc == 1) {
        rc = open_release(&t, &here);
        rc = rc == OK ? run_turns(&t, round, &here) : rc;
        release_close(&t.release);
    }
    arena_clear(&a);
    again_at(&round->again, t.again);
    if (rc < 0 && round->first.code == OK) {
        round->first = here;
    }
    return OK;
}

int relay_round(const struct relays *r, usec now, usec *ret_again, unsigned *ret_messages, struct err *e)
{
    struct round round = {.r = r, .now = now, .again = USEC_NONE, .first = ERR_NONE};
    int rc = relay_each(r->taxii.db, on_relay, &round, e);
    *ret_again = round.again;
    if (ret_messages) {
        *ret_messages = round.messages;
    }
    if (rc == OK && round.first.code != OK) {
        *e = round.first;
        rc = e->code;
    }
    return rc;
}
