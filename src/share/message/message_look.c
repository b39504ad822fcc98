/* Looking at messages: for people and for health. */
#include "share/message/message_private.h"

#define COLUMNS                                                                                              \
    "SELECT message.partner, message.id, message.sent, message.kind, message.counter, message.created, "     \
    "message.expires, message.agreement, message.agreement_version, message.share, message.body_sha256, "    \
    "message.body, message.at, message.acknowledged, message.accepted, coalesce(message.text, "              \
    "outbox.failure, ''), message.entry, coalesce(outbox.attempts, 0) FROM message LEFT JOIN outbox ON "     \
    "message.sent = 1 AND outbox.id = message.id "

static int read_row(struct stmt *s, struct uuid home, struct message_state *ret, struct err *e)
{
    struct uuid partner;
    struct sv agreement = col_text(s, 7), body = col_text(s, 11);
    *ret = (struct message_state){
        .m = {.kind = col_text(s, 3),
              .counter = col_int(s, 4),
              .created = col_time(s, 5),
              .expires = col_time(s, 6),
              .agreement_version = col_int(s, 8),
              .body = body.p ? body : SV("")},
        .share = col_int(s, 9),
        .entry = col_int(s, 16),
        .out = col_int(s, 2) != 0,
        .at = col_time(s, 12),
        .acknowledged = col_time(s, 13),
        .accepted = col_int(s, 14) != 0,
        .text = col_text(s, 15),
        .attempts = (unsigned)col_int(s, 17),
    };
    bool good = uuid_parse(col_text(s, 0), &partner) && uuid_parse(col_text(s, 1), &ret->m.id) &&
                hex_parse(col_text(s, 10), ret->body_sha256.b, sizeof(ret->body_sha256.b)) &&
                (!agreement.p || uuid_parse(agreement, &ret->m.agreement));
    ret->m.from = ret->out ? home : partner;
    ret->m.to = ret->out ? partner : home;
    return good ? OK : err_set(e, ERR_CORRUPT, "the row of a message cannot be read");
}

static int home_of(struct db *db, struct uuid *ret, struct err *e)
{
    const struct messages m = {.db = db};
    return message_home(&m, ret, e);
}

int message_each(struct db *db, struct uuid partner, struct sv kind, usec overdue, size_t most,
                 int (*each)(void *ctx, const struct message_state *s), void *ctx, struct err *e)
{
    char id[37] = "";
    struct uuid home;
    struct message_state m;
    int rc = home_of(db, &home, e);
    struct stmt *s = rc == OK ? db_query(db,
                                         COLUMNS "WHERE (? = '' OR message.partner = ?) AND (? = '' OR "
                                                 "message.kind = ?) AND (? IS NULL OR (message.sent = 1 AND "
                                                 "message.acknowledged IS NULL AND message.at < ?)) ORDER BY "
                                                 "message.entry DESC LIMIT ?",
                                         e)
                              : NULL;
    if (!s) {
        return e->code;
    }
    if (!uuid_nil(partner)) {
        uuid_text(partner, id);
    }
    kind = kind.p ? kind : SV("");
    db_text(s, sv_c(id));
    db_text(s, sv_c(id));
    db_text(s, kind);
    db_text(s, kind);
    db_time(s, overdue);
    db_time(s, overdue);
    db_int(s, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        rc = read_row(s, home, &m, e);
        rc = rc == OK ? each(ctx, &m) : rc;
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int message_find(struct db *db, struct uuid id, struct arena *a, struct message_state *ret, struct err *e)
{
    char text[37];
    struct uuid home;
    int rc = home_of(db, &home, e);
    struct stmt *s =
        rc == OK ? db_query(db, COLUMNS "WHERE message.id = ? ORDER BY message.entry LIMIT 1", e) : NULL;
    if (!s) {
        return e->code;
    }
    uuid_text(id, text);
    db_text(s, sv_c(text));
    rc = db_step(s, e);
    if (rc == 1) {
        rc = read_row(s, home, ret, e);
        ret->m.kind = arena_sv(a, ret->m.kind);
        ret->m.body = arena_sv(a, ret->m.body);
        ret->text = arena_sv(a, ret->text);
    } else if (rc == 0) {
        rc = err_set(e, ERR_NOT_FOUND, "there is no message %s", text);
    }
    db_done(s);
    return rc;
}

/* ---- counts */

static int count_waiting(struct db *db, usec now, struct message_counts *ret, struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT count(*), coalesce(sum(CASE WHEN queued < ? THEN 1 ELSE 0 END), 0), "
                              "min(queued) FROM outbox",
                              e);
    if (!s) {
        return e->code;
    }
    db_time(s, now - MESSAGE_OVERDUE);
    int rc = db_step(s, e);
    if (rc == 1) {
        ret->waiting = (uint64_t)col_int(s, 0);
        ret->overdue = (uint64_t)col_int(s, 1);
        ret->oldest = col_time(s, 2);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int count_refused(struct db *db, struct message_counts *ret, struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT coalesce(sum(times), 0), max(CASE WHEN why = ? THEN last END) FROM "
                              "message_refused",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, SV(WHY_TIME));
    int rc = db_step(s, e);
    if (rc == 1) {
        ret->refused = (uint64_t)col_int(s, 0);
        ret->skewed = col_time(s, 1);
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

int message_count(struct db *db, usec now, struct message_counts *ret, struct err *e)
{
    *ret = (struct message_counts){.oldest = USEC_NONE, .skewed = USEC_NONE};
    int rc = count_waiting(db, now, ret, e);
    return rc == OK ? count_refused(db, ret, e) : rc;
}
