/* What waits for a person: rows that are state. What was decided stands in the ledger. */
#include "share/partner/queue_private.h"

#include <stdarg.h>

const char *queue_kind_name(enum queue_kind k)
{
    return k == QUEUE_CONSENT ? "consent" : "release";
}

struct sv queue_id(struct uuid id, char ret[37])
{
    ret[0] = 0;
    if (!uuid_nil(id)) {
        uuid_text(id, ret);
    }
    return sv_c(ret);
}

#define IDS_MOST 8

int queue_sql(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
    struct stmt *s = db_query(db, sql, e);
    char id[IDS_MOST][37]; /* what is bound lives as long as the statement runs */
    size_t ids = 0;
    va_list v;
    if (!s) {
        return e->code;
    }
    va_start(v, types);
    for (const char *t = types; *t; t++) {
        switch (*t) {
        case 't':
            db_text(s, va_arg(v, struct sv));
            break;
        case 'd':
            db_text(s, queue_id(va_arg(v, struct uuid), id[ids++ % IDS_MOST]));
            break;
        case 'u':
            db_time(s, va_arg(v, usec));
            break;
        default:
            db_int(s, va_arg(v, int64_t));
        }
    }
    va_end(v);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* ---- putting in */

static int count_of(struct db *db, const struct queued *q, int64_t *ret, struct err *e)
{
    /* A partner that asks fills its own places only. */
    struct stmt *s =
        db_query(db,
                 "SELECT count(*) FROM release_queue WHERE kind = ? AND asker = ? AND (partner = "
                 "? OR kind = 1)",
                 e);
    *ret = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, q->kind);
    db_text(s, QUEUE_ID(q->asker));
    db_text(s, QUEUE_ID(q->partner));
    int rc = db_step(s, e);
    *ret = rc == 1 ? col_int(s, 0) : 0;
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* 1 = there, and *ret_number; *ret_same: in these bytes and under this grant. */
static int find_row(struct db *db, const struct queued *q, int64_t *ret_number, bool *ret_same, struct err *e)
{
    char grant[37];
    struct stmt *s = db_query(db,
                              "SELECT number, sha256, grant_id, agreement_version FROM release_queue WHERE "
                              "kind = ? AND partner = ? AND asker = ? AND stix_id = ? AND source = ? AND "
                              "purpose = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, q->kind);
    db_text(s, QUEUE_ID(q->partner));
    db_text(s, QUEUE_ID(q->asker));
    db_text(s, q->id);
    db_int(s, q->source);
    db_int(s, q->purpose);
    int rc = db_step(s, e);
    if (rc == 1) {
        uuid_text(q->grant, grant);
        *ret_number = col_int(s, 0);
        *ret_same = sv_eq(col_text(s, 1), q->sha256) &&
                    (q->kind == QUEUE_CONSENT ||
                     (sv_eq(col_text(s, 2), sv_c(grant)) && col_int(s, 3) == q->agreement_version));
    }
    db_done(s);
    return rc;
}

static int insert(struct db *db, const struct queued *q, struct err *e)
{
    return queue_sql(
        db, e,
        "INSERT INTO release_queue (kind, partner, asker, stix_id, type, version, sha256, source, "
        "claim, item, item_version, purpose, agreement, agreement_version, grant_id, "
        "two_persons, asked, asked_by, message, tlp) VALUES "
        "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "iddttttiiiuididiutdi", (int64_t)q->kind, q->partner, q->asker, q->id, q->type, q->version, q->sha256,
        q->source, (int64_t)q->claim, q->item, q->item_version, (int64_t)q->purpose, q->agreement,
        q->agreement_version, q->grant, (int64_t)q->two_persons, q->asked, q->asked_by, q->message,
        (int64_t)q->tlp);
}

int queue_put(struct db *db, const struct queued *q, bool *ret_full, struct err *e)
{
    int64_t number = 0, n = 0;
    bool same = false;
    *ret_full = false;
    int rc = find_row(db, q, &number, &same, e);
    if (rc < 0) {
        return rc;
    }
    if (rc == 1 && same) {
        /* A person who asks for what the node found is the one who asks. */
        return q->asked_by.n
                   ? queue_sql(db, e,
                               "UPDATE release_queue SET asked_by = ? WHERE number = ? AND asked_by "
                               "= ''",
                               "ti", q->asked_by, number)
                   : OK;
    }
    rc = rc == 1 ? queue_drop(db, number, e) : count_of(db, q, &n, e);
    *ret_full = rc == OK && n >= QUEUE_MOST;
    if (rc != OK || *ret_full) {
        return rc;
    }
    rc = insert(db, q, e);
    return rc == OK ? 1 : rc;
}

int queue_drop(struct db *db, int64_t number, struct err *e)
{
    return queue_sql(db, e, "DELETE FROM release_queue WHERE number = ?", "i", number);
}

/* ---- reading */

#define COLUMNS                                                                                              \
    " number, kind, partner, asker, stix_id, type, version, sha256, source, claim, item, item_version, "     \
    "purpose, agreement, agreement_version, grant_id, two_persons, asked, asked_by, message, tlp "

static struct uuid id_of(struct stmt *s, int column)
{
    struct uuid id = {{0}};
    return uuid_parse(col_text(s, column), &id) ? id : (struct uuid){{0}};
}

static struct queued row_of(struct stmt *s)
{
    return (struct queued){.number = col_int(s, 0),
                           .kind = col_int(s, 1) == QUEUE_CONSENT ? QUEUE_CONSENT : QUEUE_RELEASE,
                           .partner = id_of(s, 2),
                           .asker = id_of(s, 3),
                           .id = col_text(s, 4),
                           .type = col_text(s, 5),
                           .version = col_text(s, 6),
                           .sha256 = col_text(s, 7),
                           .source = col_int(s, 8),
                           .claim = col_int(s, 9) != 0,
                           .item = col_int(s, 10),
                           .item_version = col_time(s, 11),
                           .purpose = (enum purpose)col_int(s, 12),
                           .agreement = id_of(s, 13),
                           .agreement_version = col_int(s, 14),
                           .grant = id_of(s, 15),
                           .two_persons = col_int(s, 16) != 0,
                           .asked = col_time(s, 17),
                           .asked_by = col_text(s, 18),
                           .message = id_of(s, 19),
                           .tlp = (enum tlp)col_int(s, 20)};
}

int queue_each(struct db *db, struct uuid partner, int (*each)(void *ctx, const struct queued *q), void *ctx,
               struct err *e)
{
    struct stmt *s = db_query(
        db, "SELECT" COLUMNS "FROM release_queue WHERE (? = '' OR partner = ?) ORDER BY asked, number", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, QUEUE_ID(partner));
    db_text(s, QUEUE_ID(partner));
    while ((rc = db_step(s, e)) == 1) {
        const struct queued q = row_of(s);
        rc = each(ctx, &q);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int queue_get(struct db *db, int64_t number, struct arena *a, struct queued *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT" COLUMNS "FROM release_queue WHERE number = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, number);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = row_of(s);
        struct sv *const texts[] = {&ret->id, &ret->type, &ret->version, &ret->sha256, &ret->asked_by};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            *texts[i] = arena_sv(a, *texts[i]);
            rc = texts[i]->p ? rc : ERR_MEMORY;
        }
    }
    db_done(s);
    if (rc == ERR_MEMORY) {
        return err_set(e, ERR_MEMORY, "no memory to read the queue");
    }
    if (rc == 0) {
        err_set(e, ERR_NOT_FOUND, "nothing waits under the number %lld", (long long)number);
        return err_hint(e, "`noroshi release list` shows what waits");
    }
    return rc == 1 ? OK : rc;
}

int queue_numbers(struct db *db, struct sv id, struct uuid partner, int64_t *ret, size_t most, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT number FROM release_queue WHERE stix_id = ? AND (? = '' OR partner = ?) "
                 "ORDER BY number LIMIT ?",
                 e);
    size_t n = 0;
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    db_text(s, QUEUE_ID(partner));
    db_text(s, QUEUE_ID(partner));
    db_int(s, (int64_t)most);
    while ((rc = db_step(s, e)) == 1 && n < most) {
        ret[n++] = col_int(s, 0);
    }
    db_done(s);
    return rc < 0 ? rc : (int)n;
}

int queue_count(struct db *db, usec now, struct queue_counts *ret, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT count(*), count(*) FILTER (WHERE asked <= ?), min(asked) FROM release_queue", e);
    *ret = (struct queue_counts){.oldest = USEC_NONE};
    if (!s) {
        return e->code;
    }
    db_time(s, now - QUEUE_OVERDUE);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct queue_counts){(uint64_t)col_int(s, 0), (uint64_t)col_int(s, 1), col_time(s, 2)};
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}
