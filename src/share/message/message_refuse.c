/* What partners' nodes did that was refused: one row a partner and reason, however often it happens. */
#include "share/message/message_private.h"

static int count(const struct messages *m, struct uuid partner, const char *why, struct sv text, usec now,
                 struct err *e)
{
    char id[37];
    struct stmt *s = db_query(m->db,
                              "INSERT INTO message_refused (partner, why, text, times, first, last) VALUES "
                              "(?,?,?,1,?,?) ON CONFLICT (partner, why) DO UPDATE SET text = excluded.text, "
                              "times = message_refused.times + 1, last = excluded.last",
                              e);
    if (!s) {
        return e->code;
    }
    uuid_text(partner, id);
    db_text(s, sv_c(id));
    db_text(s, sv_c(why));
    db_text(s, text);
    db_time(s, now);
    db_time(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int message_refuse(const struct messages *m, struct uuid partner, const char *why, usec now, struct err *e)
{
    struct err none = ERR_NONE;
    int code = e->code;
    int rc = db_begin(m->db, &none);
    if (rc == OK) {
        rc = db_finish(m->db, count(m, partner, why, sv_c(e->text), now, &none), &none);
    }
    if (rc != OK) { /* which must not hide why it was refused */
        err_hint(e, "it could not be counted: %.200s", none.text);
    }
    return code;
}

int message_refusal_each(struct db *db, int (*each)(void *ctx, const struct message_refusal *r), void *ctx,
                         struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT partner, why, text, times, first, last FROM message_refused ORDER BY "
                              "last DESC, partner, why",
                              e);
    int rc;
    if (!s) {
        return e->code;
    }
    while ((rc = db_step(s, e)) == 1) {
        struct message_refusal r = {.why = col_text(s, 1),
                                    .text = col_text(s, 2),
                                    .count = (uint64_t)col_int(s, 3),
                                    .first = col_time(s, 4),
                                    .last = col_time(s, 5)};
        if (!uuid_parse(col_text(s, 0), &r.partner)) {
            rc = err_set(e, ERR_CORRUPT, "a partner's id is no UUID");
            break;
        }
        rc = each(ctx, &r);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}
