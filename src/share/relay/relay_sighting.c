/*
 * What is seen here of an indicator that the partner knows: its own, or one it was given. One STIX sighting
 * an hour and indicator, which grows. It says when and how often; nothing of where inside.
 */
#include "share/relay/relay_private.h"

#define SEEN_MOST 500 /* looked at in one transaction */
#define OPEN_FOR                                                                                             \
    (10 * 60 * USEC_SECOND) /* so long a partner may learn of the indicator after it was seen                \
                             */
#define KEPT (31 * USEC_DAY)
#define TEXT_MOST 8192

/* relay_sighting.due */
enum { DONE, DUE, DENIED };

struct seen {
    enum kind kind;
    struct sv value;
    usec hour;
};

/* ---- under which id the partner knows it */

struct known {
    const struct relay_batch *b;
    struct arena *a;
    struct sv wanted; /* only this id; "" = find the best */
    struct sv ref;
    bool theirs;
    enum tlp tlp; /* the strictest of what is stated under it here */
};

/* 1 = the partner's own, 2 = it was given it, 0 = it does not know it. */
static int knows(const struct relay_batch *b, const struct fuse_item *i, struct err *e)
{
    struct arena a;
    struct source s;
    struct uuid upstream;
    arena_init(&a, 1u << 20);
    int rc = source_get(b->r->taxii.db, i->source, &a, &s, e);
    bool theirs =
        rc == OK && release_principal(s.upstream, &upstream) && uuid_eq(upstream, b->relay->partner);
    arena_clear(&a);
    if (rc != OK || theirs) {
        return rc != OK ? rc : 1;
    }
    int given =
        share_was_given(b->r->taxii.db, b->relay->partner, (int64_t)hash64(b->r->taxii.secret, i->id), e);
    return given == 1 ? 2 : given;
}

static int on_indicator(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct known *k = ctx;
    if (i->revoked || (k->wanted.n && !sv_eq(k->wanted, i->id))) {
        return OK;
    }
    int how = knows(k->b, i, e);
    if (how <= 0) {
        return how;
    }
    if (k->ref.n && sv_eq(k->ref, i->id)) {
        k->tlp = i->tlp > k->tlp ? i->tlp : k->tlp;
    } else if (!k->ref.n || (how == 1 && !k->theirs) ||
               ((how == 1) == k->theirs && sv_cmp(i->id, k->ref) < 0)) {
        k->ref = arena_sv(k->a, i->id);
        k->theirs = how == 1;
        k->tlp = i->tlp;
    }
    return OK;
}

/* ---- noting */

static int keep_mark(const struct relay_batch *b, const struct relay *relay, struct err *e)
{
    return relay_sql(b->r->taxii.db, e, "UPDATE relay SET seen_entry = ?, seen_sighting = ? WHERE id = ?",
                     "iii", relay->seen.entry, relay->seen.sighting, relay->id);
}

static int note_one(const struct relay_batch *b, const struct seen *s, struct arena *a, struct err *e)
{
    struct known k = {.b = b, .a = a, .wanted = SV("")};
    struct db *db = b->r->taxii.db;
    int rc = fuse_indicators_of(b->r->taxii.fuse, s->kind, s->value, on_indicator, &k, e);
    if (rc != OK) {
        return rc;
    }
    if (!k.ref.n) {
        return relay_sql(db, e,
                         "INSERT INTO relay_sighting_open (relay, kind, value, hour, since, tried) VALUES "
                         "(?,?,?,?,?,?) ON CONFLICT (relay, kind, value, hour) DO UPDATE SET tried = "
                         "excluded.tried",
                         "iituuu", b->relay->id, (int64_t)s->kind, s->value, s->hour, b->now, b->now);
    }
    rc = relay_sql(db, e,
                   "INSERT INTO relay_sighting (relay, ref, hour, kind, value, due) VALUES (?,?,?,?,?,1) ON "
                   "CONFLICT (relay, ref, hour) DO UPDATE SET due = 1",
                   "ituit", b->relay->id, k.ref, s->hour, (int64_t)s->kind, s->value);
    return rc == OK ? relay_sql(db, e,
                                "DELETE FROM relay_sighting_open WHERE relay = ? AND kind = ? AND value = ? "
                                "AND hour = ?",
                                "iitu", b->relay->id, (int64_t)s->kind, s->value, s->hour)
                    : rc;
}

struct gathered {
    struct arena *a;
    struct seen *list;
    size_t n;
};

static int gather(struct gathered *g, enum kind kind, struct sv value, usec hour, struct err *e)
{
    struct seen *s = &g->list[g->n++];
    *s = (struct seen){.kind = kind, .value = arena_sv(g->a, value), .hour = hour};
    return s->value.p ? OK : err_set(e, ERR_MEMORY, "no memory for sightings");
}

static int on_sighting(void *ctx, const struct sighting *s, struct err *e)
{
    return gather(ctx, s->kind, s->indicator, s->hour, e);
}

/* Those of indicators that the partner may have been given since they were asked about. */
static int read_open(const struct relay_batch *b, struct gathered *g, struct err *e)
{
    int rc = relay_sql(b->r->taxii.db, e, "DELETE FROM relay_sighting_open WHERE relay = ? AND since < ?",
                       "iu", b->relay->id, b->now - OPEN_FOR);
    struct stmt *s = rc == OK ? db_query(b->r->taxii.db,
                                         "SELECT kind, value, hour FROM relay_sighting_open WHERE relay = ? "
                                         "AND tried <= ? LIMIT ?",
                                         e)
                              : NULL;
    if (!s) {
        return rc == OK ? e->code : rc;
    }
    db_int(s, b->relay->id);
    db_time(s, b->relay->last_sent);
    db_int(s, SEEN_MOST);
    while ((rc = db_step(s, e)) == 1) {
        rc = gather(g, (enum kind)col_int(s, 0), col_text(s, 1), col_time(s, 2), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int relay_sightings_note(struct relay_batch *b, struct relay *relay, struct err *e)
{
    struct arena a;
    arena_init(&a, 16u << 20);
    struct gathered g = {.a = &a, .list = arena_calloc(&a, (size_t)2 * SEEN_MOST, sizeof(*g.list))};
    int done = g.list ? fuse_sightings_since(b->r->taxii.fuse, &relay->seen, SEEN_MOST, on_sighting, &g, e)
                      : err_set(e, ERR_MEMORY, "no memory for sightings");
    int rc = done > 0 ? keep_mark(b, relay, e) : done;
    rc = rc == OK ? read_open(b, &g, e) : rc;
    for (size_t i = 0; rc == OK && i < g.n; i++) {
        rc = note_one(b, &g.list[i], &a, e);
    }
    if (rc == OK && done > 0) {
        rc = relay_sql(b->r->taxii.db, e, "DELETE FROM relay_sighting WHERE relay = ? AND hour < ?", "iu",
                       relay->id, b->now - KEPT);
    }
    arena_clear(&a);
    return rc;
}

/* ---- the sighting as STIX */

static int add_source(void *ctx, const struct sighting *s, struct err *e)
{
    struct relay_hour *h = ctx;
    size_t i = 0;
    while (i < h->n && h->by[i].source != s->source) {
        i++;
    }
    if (i == RELAY_SOURCES) {
        return OK;
    }
    struct relay_seen_by *y = &h->by[i];
    if (i == h->n) {
        struct arena a;
        struct source source;
        arena_init(&a, 1u << 20);
        int rc = source_get(h->b->r->taxii.db, s->source, &a, &source, e);
        *y = (struct relay_seen_by){.source = s->source,
                                    .tlp = rc == OK ? source.tlp : TLP_UNKNOWN,
                                    .exercise = rc == OK && source.exercise,
                                    .first = s->first,
                                    .last = s->last};
        arena_clear(&a);
        if (rc != OK) {
            return rc;
        }
        h->n++;
    }
    y->count += s->count;
    y->first = s->first < y->first ? s->first : y->first;
    y->last = s->last > y->last ? s->last : y->last;
    return OK;
}

/* Whether it may go as it stands, without anything taken out. */
static int may_go(const struct relay_hour *h, const struct relay_seen_by *y, bool where, struct buf *text,
                  bool *ret, struct err *e)
{
    struct release_answer answer;
    buf_reset(text);
    *ret = false;
    if (y->tlp >= TLP_UNKNOWN) {
        return OK;
    }
    relay_sighting_write(h, y, where, text);
    const struct release_thing t = {.json = buf_sv(text), .source = y->source, .tlp = y->tlp};
    int rc = release_ask(h->b->release, &t, &answer, e);
    *ret = rc == OK && answer.allow && !answer.redactions;
    return rc;
}

/* Joins the sources of which it may be told. ret->count 0: of none. */
static int join_sources(const struct relay_hour *h, struct buf *text, struct relay_seen_by *ret,
                        struct err *e)
{
    int rc = OK;
    *ret = (struct relay_seen_by){0};
    for (size_t i = 0; rc == OK && i < h->n; i++) {
        struct relay_seen_by y = h->by[i];
        bool goes = false;
        y.tlp = h->tlp > y.tlp ? h->tlp : y.tlp;
        rc = may_go(h, &y, false, text, &goes, e);
        if (rc != OK || !goes) {
            continue;
        }
        if (!ret->count) {
            *ret = y;
            continue;
        }
        ret->count += y.count;
        ret->tlp = y.tlp > ret->tlp ? y.tlp : ret->tlp;
        ret->first = y.first < ret->first ? y.first : ret->first;
        ret->last = y.last > ret->last ? y.last : ret->last;
    }
    return rc;
}

static usec next_version(usec hour, usec last, usec before)
{
    usec v = (last > hour ? last : hour) / 1000 * 1000;
    return before != USEC_NONE && v <= before ? before + 1000 : v;
}

static int settle(const struct relay_hour *h, int due, usec sent, usec version, struct err *e)
{
    return relay_sql(h->b->r->taxii.db, e,
                     "UPDATE relay_sighting SET due = ?, sent = coalesce(?, sent), version = coalesce(?, "
                     "version) WHERE relay = ? AND ref = ? AND hour = ?",
                     "iuuitu", (int64_t)due, sent, version, h->b->relay->id, h->ref, h->hour);
}

struct due_row {
    struct seen seen;
    struct sv ref;
    usec version;
};

static int send_one(struct relay_batch *b, const struct due_row *row, struct buf *text, struct err *e)
{
    struct arena a;
    struct relay_seen_by all;
    struct relay_hour h = {.b = b, .ref = row->ref, .hour = row->seen.hour};
    bool where = false;
    int rc = fuse_sightings_of(b->r->taxii.fuse, row->seen.kind, row->seen.value, h.hour, add_source, &h, e);
    arena_init(&a, 1u << 20);
    struct known k = {.b = b, .a = &a, .wanted = row->ref, .tlp = TLP_CLEAR};
    rc = rc == OK ? fuse_indicators_of(b->r->taxii.fuse, row->seen.kind, row->seen.value, on_indicator, &k, e)
                  : rc;
    bool known = k.ref.n > 0;
    arena_clear(&a);
    h.tlp = k.tlp;
    h.version = next_version(h.hour, h.hour, row->version);
    rc = rc == OK && known ? join_sources(&h, text, &all, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (!known || !all.count) {
        return settle(&h, known ? DENIED : DONE, USEC_NONE, USEC_NONE, e);
    }
    h.version = next_version(h.hour, all.last, row->version);
    rc = may_go(&h, &all, true, text, &where, e);
    if (rc == OK && !where) {
        buf_reset(text);
        relay_sighting_write(&h, &all, false, text);
    }
    const struct release_thing t = {.json = buf_sv(text), .source = all.source, .tlp = all.tlp};
    rc = rc == OK ? relay_batch_text(b, &t, h.version, e) : rc;
    if (rc < 0 || b->full) {
        return rc < 0 ? rc : OK;
    }
    return rc == 1 ? settle(&h, DONE, b->now, h.version, e) : settle(&h, DENIED, USEC_NONE, USEC_NONE, e);
}

/* ---- what is due: of one indicator once a minute at most, all its hours together */

static const char DUE_NOW[] =
    "SELECT s.ref, s.hour, s.kind, s.value, s.version FROM relay_sighting s WHERE s.relay = ? AND s.due = 1 "
    "AND NOT EXISTS (SELECT 1 FROM relay_sighting o WHERE o.relay = s.relay AND o.ref = s.ref AND o.sent > "
    "?) ORDER BY s.hour DESC, s.ref LIMIT ?";

static int read_due(const struct relay_batch *b, struct due_row *list, struct arena *a, size_t *ret_n,
                    struct err *e)
{
    struct stmt *s = db_query(b->r->taxii.db, DUE_NOW, e);
    int rc;
    *ret_n = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, b->relay->id);
    db_time(s, b->now - RELAY_SIGHTING_EVERY);
    db_int(s, SEEN_MOST);
    while ((rc = db_step(s, e)) == 1) {
        struct due_row *d = &list[(*ret_n)++];
        *d = (struct due_row){.ref = arena_sv(a, col_text(s, 0)),
                              .seen = {.hour = col_time(s, 1),
                                       .kind = (enum kind)col_int(s, 2),
                                       .value = arena_sv(a, col_text(s, 3))},
                              .version = col_time(s, 4)};
        if (!d->ref.p || !d->seen.value.p) {
            rc = err_set(e, ERR_MEMORY, "no memory for sightings");
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* When the first of those that are due may go; the past, when one of them may at once. */
static int next_due(const struct relay_batch *b, usec *ret, struct err *e)
{
    struct stmt *s =
        db_query(b->r->taxii.db,
                 "SELECT min(coalesce(m, 0)) FROM (SELECT max(o.sent) AS m FROM relay_sighting s "
                 "JOIN relay_sighting o ON o.relay = s.relay AND o.ref = s.ref WHERE s.relay = ? "
                 "AND s.due = 1 GROUP BY s.ref)",
                 e);
    *ret = USEC_NONE;
    if (!s) {
        return e->code;
    }
    db_int(s, b->relay->id);
    int rc = db_step(s, e);
    if (rc == 1 && !col_null(s, 0)) {
        *ret = col_time(s, 0) + RELAY_SIGHTING_EVERY;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int relay_sightings_round(struct relay_batch *b, usec *ret_again, struct err *e)
{
    struct arena a;
    struct buf text;
    size_t n = 0;
    arena_init(&a, 16u << 20);
    buf_init(&text, TEXT_MOST);
    struct due_row *list = arena_calloc(&a, SEEN_MOST, sizeof(*list));
    int rc = list ? read_due(b, list, &a, &n, e) : err_set(e, ERR_MEMORY, "no memory for sightings");
    usec before = USEC_NONE;
    for (size_t i = 0; rc == OK && i < n && !b->full; i++) {
        rc = send_one(b, &list[i], &text, e);
    }
    rc = rc == OK ? next_due(b, &before, e) : rc;
    *ret_again = before;
    buf_clear(&text);
    arena_clear(&a);
    return rc;
}
