/* The last look at what is about to leave: an agreement may have ended, or a thing been restricted, while it
 * waited for a partner that could not be reached. */
#include "share/message/message_private.h"

#define ARENA_MOST ((size_t)160 << 20)

struct leaving {
    const struct messages *m;
    struct uuid partner;
    char partner_id[37];
    usec now;
    struct arena a;
};
struct waiting {
    int64_t counter;
    usec added;
    bool left; /* it was handed out before */
    struct sv kind, envelope;
};

/* 1 and the next one after a counter. Views live in the arena. */
static int next(struct leaving *l, int64_t after, usec added_after, struct waiting *ret, struct err *e)
{
    struct stmt *s = db_query(l->m->db,
                              "SELECT counter, added, left_at, kind, envelope FROM outbox WHERE partner = ? "
                              "AND counter > ? AND added > ? ORDER BY counter LIMIT 1",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(l->partner_id));
    db_int(s, after);
    db_int(s, added_after);
    int rc = db_step(s, e);
    if (rc == 1) {
        const struct message_kind *k = message_kind_of(l->m, col_text(s, 3));
        arena_reset(&l->a);
        *ret = (struct waiting){.counter = col_int(s, 0),
                                .added = col_time(s, 1),
                                .left = col_time(s, 2) != USEC_NONE,
                                .kind = arena_sv(&l->a, col_text(s, 3)),
                                .envelope = k && k->still ? arena_sv(&l->a, col_text(s, 4)) : SV("")};
        rc = ret->kind.p && ret->envelope.p ? 1 : err_set(e, ERR_MEMORY, "no memory for a message");
    }
    db_done(s);
    return rc;
}

static int read_own(struct leaving *l, struct sv envelope, struct message *ret, struct err *e)
{
    struct dsse d;
    int rc = dsse_read(envelope, &l->a, &d, e); /* from our own table: who signed it does not matter */
    return rc == OK ? message_read(d.body, &l->a, ret, e) : rc;
}

/* ---- taking out */

static int record_dropped(const struct leaving *l, const struct message *msg, bool left, struct err *e)
{
    struct jw w;
    struct buf b;
    buf_init(&b, 65536);
    message_record_begin(&w, &b, "dropped", msg);
    jw_kstr(&w, "text",
            left
                ? SV("no longer allowed when it was to be sent again; it may have reached the partner before")
                : SV("no longer allowed when it was to leave; it was never sent"));
    jw_end_obj(&w);
    int rc = message_record(l->m, buf_sv(&b), l->now, e);
    buf_clear(&b);
    return rc;
}

static int delete_row(const struct leaving *l, int64_t counter, struct err *e)
{
    struct stmt *s = db_query(l->m->db, "DELETE FROM outbox WHERE partner = ? AND counter = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(l->partner_id));
    db_int(s, counter);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int drop(struct leaving *l, const struct waiting *w, const struct message_kind *k,
                const struct message *msg, struct err *e)
{
    int rc = db_begin(l->m->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = delete_row(l, w->counter, e);
    rc = rc == OK ? record_dropped(l, msg, w->left, e) : rc;
    rc = rc == OK && k->dropped ? k->dropped(k->ctx, msg, w->left, l->now, e) : rc;
    return db_finish(l->m->db, rc, e);
}

/* 1 = it may go. */
static int look_at(struct leaving *l, const struct waiting *w, struct err *e)
{
    struct message msg;
    const struct message_kind *k = message_kind_of(l->m, w->kind);
    if (!k || !k->still) {
        return 1;
    }
    int rc = read_own(l, w->envelope, &msg, e);
    rc = rc == OK ? k->still(k->ctx, &msg, l->now, e) : rc;
    if (rc == 0) {
        rc = drop(l, w, k, &msg, e);
        return rc == OK ? 0 : rc;
    }
    return rc;
}

/* ---- what goes */

static int note_left(const struct leaving *l, int64_t upto, struct err *e)
{
    int rc = db_begin(l->m->db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(
        l->m->db, "UPDATE outbox SET left_at = ? WHERE partner = ? AND counter <= ? AND left_at IS NULL", e);
    rc = s ? OK : e->code;
    if (s) {
        db_time(s, l->now);
        db_text(s, sv_c(l->partner_id));
        db_int(s, upto);
        rc = db_run(s, e);
        db_done(s);
    }
    return db_finish(l->m->db, rc, e);
}

static int look_through(struct leaving *l, usec added_after, size_t most, int64_t *ret_upto, bool *ret_news,
                        struct err *e)
{
    struct waiting w = {0};
    int64_t after = 0;
    int rc = OK;
    for (size_t n = 0; n < most && (rc = next(l, after, added_after, &w, e)) == 1;) {
        after = w.counter;
        bool left = w.left;
        rc = look_at(l, &w, e);
        if (rc < 0) {
            return rc;
        }
        if (rc == 1) {
            n++;
            *ret_upto = after;
            *ret_news = *ret_news || !left;
        }
    }
    return rc < 0 ? rc : OK;
}

int message_before_leaving(const struct messages *m, struct uuid partner, usec added_after, size_t most,
                           usec now, struct err *e)
{
    struct leaving l = {.m = m, .partner = partner, .now = now};
    int64_t upto = 0;
    bool news = false;
    uuid_text(partner, l.partner_id);
    arena_init(&l.a, ARENA_MOST);
    int rc = look_through(&l, added_after, most, &upto, &news, e);
    rc = rc == OK && news ? note_left(&l, upto, e) : rc;
    arena_clear(&l.a);
    /* Nothing leaves that a power failure could make unsaid. */
    return rc == OK ? db_sync(m->db, e) : rc;
}
