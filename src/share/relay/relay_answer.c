/* What partners' nodes answered, and how a relay stands. */
#include "share/relay/relay_private.h"

#include <stdlib.h>

#define KEPT_MOST 2000 /* answered messages of one relay: for the times */

/* ---- acknowledgements */

/* What could not be taken there for now is held back here, and looked at again. */
static bool may_come_again(struct sv reason)
{
    return sv_eq(reason, SV("grant")) || sv_eq(reason, SV("cap"));
}

static int hold_again(struct db *db, int64_t relay, struct sv message, struct sv only, usec at, struct err *e)
{
    return relay_sql(
        db, e,
        "INSERT INTO relay_held (relay, member, added, rule, at) SELECT ?, member, added, "
        "'refused', ? FROM relay_message_member WHERE message = ? AND (? = '' OR stix_id = ?) ON "
        "CONFLICT (relay, member) DO UPDATE SET rule = excluded.rule, at = excluded.at",
        "iuttt", relay, at, message, only, only);
}

static int read_rejected(struct db *db, int64_t relay, struct sv message, struct sv result, usec at,
                         struct err *e)
{
    struct jv v, each;
    struct sv key;
    struct err ignored = ERR_NONE;
    struct json_doc *d = json_doc_new(1u << 20);
    int rc = d ? OK : err_set(e, ERR_MEMORY, "no memory to read an answer");
    if (rc == OK && json_parse(d, result, &v, &ignored) == OK) {
        struct json_it it = json_each(json_get(v, SV("rejected")));
        while (rc == OK && json_next(&it, &key, &each)) {
            struct sv id = json_get_str(each, SV("id"));
            if (id.n && may_come_again(json_get_str(each, SV("reason")))) {
                rc = hold_again(db, relay, message, id, at, e);
            }
        }
    }
    json_doc_free(d);
    return rc;
}

static int find_message(struct db *db, struct sv id, int64_t *ret_relay, int64_t *ret_share, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT relay, share FROM relay_message WHERE id = ?", e);
    *ret_relay = *ret_share = 0;
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret_relay = col_int(s, 0);
        *ret_share = col_int(s, 1);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int prune(struct db *db, int64_t relay, struct sv id, struct err *e)
{
    int rc = relay_sql(db, e, "DELETE FROM relay_message_member WHERE message = ?", "t", id);
    return rc == OK
               ? relay_sql(db, e,
                           "DELETE FROM relay_message WHERE relay = ? AND acknowledged < (SELECT "
                           "acknowledged FROM relay_message WHERE relay = ? AND acknowledged IS NOT NULL "
                           "ORDER BY acknowledged DESC LIMIT 1 OFFSET ?)",
                           "iii", relay, relay, (int64_t)KEPT_MOST)
               : rc;
}

int relay_acknowledged(void *relays, const struct message *m, bool accepted, struct sv result, usec at,
                       struct err *e)
{
    const struct relays *r = relays;
    struct db *db = r->taxii.db;
    char id[37];
    int64_t relay, share;
    uuid_text(m->id, id);
    int rc = find_message(db, sv_c(id), &relay, &share, e);
    if (rc != OK || !relay) {
        return rc; /* the relay was removed meanwhile */
    }
    rc = relay_sql(db, e, "UPDATE relay_message SET acknowledged = ?, accepted = ? WHERE id = ?", "uit", at,
                   (int64_t)accepted, sv_c(id));
    if (rc == OK) {
        rc = accepted ? read_rejected(db, relay, sv_c(id), result, at, e)
                      : hold_again(db, relay, sv_c(id), SV(""), at, e);
    }
    rc = rc == OK ? share_complete(db, share, at, e) : rc;
    return rc == OK ? prune(db, relay, sv_c(id), e) : rc;
}

/* ---- how it stands */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Nearest rank. */
static double rank(const double *list, size_t n, unsigned percent)
{
    return list[(n * percent + 99) / 100 - 1];
}

static int times(struct db *db, int64_t relay, const char *sql, struct relay_times *ret, struct err *e)
{
    double list[RELAY_TIMED];
    struct stmt *s = db_query(db, sql, e);
    int rc;
    size_t n = 0;
    *ret = (struct relay_times){.p50 = -1, .p95 = -1};
    if (!s) {
        return e->code;
    }
    db_int(s, relay);
    while (n < RELAY_TIMED && (rc = db_step(s, e)) == 1) {
        list[n++] = (double)col_int(s, 0) / 1e6;
    }
    db_done(s);
    if (n) {
        qsort(list, n, sizeof(*list), compare);
        *ret = (struct relay_times){.p50 = rank(list, n, 50), .p95 = rank(list, n, 95), .n = n};
    }
    return n < RELAY_TIMED && rc < 0 ? rc : OK;
}

static int number(struct db *db, const char *sql, int64_t relay, int64_t *ret, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
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

/* Members that were not looked at yet. */
static const char TO_DO[] =
    "SELECT (SELECT count(*) FROM member m WHERE m.collection = r.collection AND (m.added > r.high OR "
    "EXISTS "
    "(SELECT 1 FROM relay_range g WHERE g.relay = r.id AND m.added > g.after AND m.added <= g.upto AND "
    "(g.source = 0 OR g.source = m.source)))) FROM relay r WHERE r.id = ?";

int relay_state_of(const struct relays *r, const struct relay *relay, struct relay_state *ret, struct err *e)
{
    struct db *db = r->taxii.db;
    int64_t n[5] = {0};
    static const char *const sql[] = {
        "SELECT things FROM relay WHERE id = ?", "SELECT messages FROM relay WHERE id = ?",
        "SELECT count(*) FROM relay_message WHERE relay = ? AND acknowledged IS NULL",
        "SELECT count(*) FROM relay_held WHERE relay = ?", TO_DO};
    int rc = OK;
    for (size_t i = 0; rc == OK && i < 5; i++) {
        rc = number(db, sql[i], relay->id, &n[i], e);
    }
    *ret = (struct relay_state){.sent = (uint64_t)n[0],
                                .messages = (uint64_t)n[1],
                                .unanswered = (uint64_t)n[2],
                                .held = (uint64_t)n[3],
                                .to_do = n[4]};
    rc = rc == OK ? times(db, relay->id,
                          "SELECT acknowledged - queued FROM relay_message WHERE relay = ? AND accepted = 1 "
                          "ORDER BY acknowledged DESC",
                          &ret->push, e)
                  : rc;
    return rc == OK ? times(db, relay->id,
                            "SELECT acknowledged - since FROM relay_message WHERE relay = ? AND accepted = 1 "
                            "AND since IS NOT NULL ORDER BY acknowledged DESC",
                            &ret->fresh, e)
                    : rc;
}
