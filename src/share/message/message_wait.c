/* The outbox: what waits for a partner until its signed acknowledgement is here. */
#include "share/message/message_private.h"

#define ARENA_MOST ((size_t)160 << 20)

/* ---- written and signed anew */

static int put_renewed(const struct messages *m, const struct message *msg, struct sv envelope, usec now,
                       struct err *e)
{
    struct jw w;
    struct buf b;
    char id[37], signer[65];
    struct stmt *s = db_query(
        m->db, "UPDATE outbox SET envelope = ?, signer = ?, created = ?, expires = ? WHERE id = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(msg->id, id);
    message_signer(m, signer);
    db_text(s, envelope);
    db_text(s, sv_c(signer));
    db_time(s, msg->created);
    db_time(s, msg->expires);
    db_text(s, sv_c(id));
    int rc = db_run(s, e);
    db_done(s);
    buf_init(&b, 65536);
    message_record_begin(&w, &b, "renewed", msg);
    message_record_time(&w, "created", msg->created);
    message_record_time(&w, "expires", msg->expires);
    jw_end_obj(&w);
    rc = rc == OK ? message_record(m, buf_sv(&b), now, e) : rc;
    buf_clear(&b);
    return rc;
}

static int renew(const struct messages *m, struct sv envelope, usec now, struct arena *a, struct err *e)
{
    struct dsse d = {0};
    struct message msg = {0};
    struct buf fresh;
    buf_init(&fresh, MESSAGE_MOST);
    /* From our own table: who signed it does not matter. */
    int rc = dsse_read(envelope, a, &d, e);
    if (rc == OK) {
        rc = message_read(d.body, a, &msg, e);
    }
    if (rc == OK) {
        msg.created = now;
        msg.expires = now + MESSAGE_LIFE;
        rc = message_seal(m, &msg, &fresh, e);
    }
    rc = rc == OK ? db_begin(m->db, e) : rc;
    if (rc == OK) {
        rc = db_finish(m->db, put_renewed(m, &msg, buf_sv(&fresh), now, e), e);
    }
    buf_clear(&fresh);
    return rc;
}

/* 1 and the oldest envelope that no longer serves: its time is over, or its key is no longer ours. */
static int next_stale(const struct messages *m, const char *partner, usec now, struct arena *a,
                      struct sv *ret, struct err *e)
{
    char signer[65];
    struct stmt *s = db_query(m->db,
                              "SELECT envelope FROM outbox WHERE partner = ? AND (expires <= ? OR signer <> "
                              "?) ORDER BY counter LIMIT 1",
                              e);
    if (!s) {
        return e->code;
    }
    message_signer(m, signer);
    db_text(s, sv_c(partner));
    db_time(s, now);
    db_text(s, sv_c(signer));
    int rc = db_step(s, e);
    arena_reset(a);
    *ret = rc == 1 ? arena_sv(a, col_text(s, 0)) : SV_NONE;
    db_done(s);
    return rc == 1 && !ret->p ? err_set(e, ERR_MEMORY, "no memory for a message") : rc;
}

static int renew_stale(const struct messages *m, const char *partner, usec now, struct err *e)
{
    struct arena a;
    struct sv envelope = SV_NONE;
    int rc;
    arena_init(&a, ARENA_MOST);
    while ((rc = next_stale(m, partner, now, &a, &envelope, e)) == 1) {
        rc = renew(m, envelope, now, &a, e);
        if (rc != OK) {
            break;
        }
    }
    arena_clear(&a);
    return rc;
}

/* ---- what waits */

static bool read_row(struct stmt *s, struct uuid to, struct message *ret)
{
    *ret = (struct message){.to = to,
                            .counter = col_int(s, 0),
                            .kind = col_text(s, 2),
                            .created = col_time(s, 4),
                            .expires = col_time(s, 5)};
    return uuid_parse(col_text(s, 1), &ret->id);
}

static int each_waiting(const struct messages *m, struct uuid partner, usec added_after, size_t most,
                        int (*each)(void *ctx, const struct message *msg, usec added, struct sv envelope,
                                    struct err *e),
                        void *ctx, struct err *e)
{
    char id[37];
    struct message msg;
    struct uuid home;
    int rc = message_home(m, &home, e);
    struct stmt *s = rc == OK ? db_query(m->db,
                                         "SELECT counter, id, kind, added, created, expires, envelope FROM "
                                         "outbox WHERE partner = ? AND added > ? ORDER BY counter LIMIT ?",
                                         e)
                              : NULL;
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_int(s, added_after);
    db_int(s, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        rc = read_row(s, partner, &msg) ? OK : err_set(e, ERR_CORRUPT, "the outbox cannot be read");
        msg.from = home;
        rc = rc == OK ? each(ctx, &msg, col_time(s, 3), col_text(s, 6), e) : rc;
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* 1 = something waits. */
static int anything(const struct messages *m, const char *partner, struct err *e)
{
    struct stmt *s = db_query(m->db, "SELECT 1 FROM outbox WHERE partner = ? LIMIT 1", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(partner));
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

int message_waiting(const struct messages *m, struct uuid partner, usec added_after, size_t most,
                    int (*each)(void *ctx, const struct message *msg, usec added, struct sv envelope,
                                struct err *e),
                    void *ctx, struct err *e)
{
    char id[37];
    uuid_text(partner, id);
    int rc = message_check_active(m, partner, e);
    rc = rc == OK ? anything(m, id, e) : rc;
    if (rc != 1) {
        return rc;
    }
    rc = renew_stale(m, id, time_now(), e);
    rc = rc == OK ? message_before_leaving(m, partner, added_after, most, time_now(), e) : rc;
    return rc == OK ? each_waiting(m, partner, added_after, most, each, ctx, e) : rc;
}

void message_failed(const struct messages *m, struct uuid id, const struct err *why, usec now)
{
    char text[37];
    struct err e = ERR_NONE;
    int rc = db_begin(m->db, &e);
    if (rc != OK) {
        return;
    }
    struct stmt *s =
        db_query(m->db, "UPDATE outbox SET attempts = attempts + 1, tried = ?, failure = ? WHERE id = ?", &e);
    rc = s ? OK : e.code;
    if (s) {
        uuid_text(id, text);
        db_time(s, now);
        db_text(s, sv_c(why->text));
        db_text(s, sv_c(text));
        rc = db_run(s, &e);
        db_done(s);
    }
    rc = db_finish(m->db, rc, &e);
    (void)rc; /* it is for people, and told by the next attempt as well */
}
