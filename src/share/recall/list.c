/* What was taken back from whom, who answered, and what is overdue. */
#include "share/recall/recall_private.h"

int recall_each(const struct recall *r, struct sv partner, int64_t entry, usec overdue, size_t most,
                int (*each)(void *ctx, const struct withdrawal *w), void *ctx, struct err *e)
{
    struct stmt *s = db_query(r->db,
                              "SELECT message, partner, kind, why, reason, by_whom, entries, things, sent, "
                              "answered, accepted, result "
                              "FROM withdrawal w WHERE (? = '' OR partner = ?) AND (? = 0 OR EXISTS (SELECT "
                              "1 FROM withdrawal_thing "
                              "t WHERE t.withdrawal = w.number AND t.entry = ?)) AND (? IS NULL OR (answered "
                              "IS NULL AND sent < ?)) "
                              "ORDER BY number DESC LIMIT ?",
                              e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, partner);
    db_text(s, partner);
    db_int(s, entry);
    db_int(s, entry);
    db_time(s, overdue);
    db_time(s, overdue);
    db_int(s, (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        const struct withdrawal w = {
            .message = col_text(s, 0),
            .partner = col_text(s, 1),
            .kind = col_text(s, 2),
            .why = col_text(s, 3),
            .reason = col_text(s, 4),
            .by = col_text(s, 5),
            .entries = col_text(s, 6),
            .things = (uint64_t)col_int(s, 7),
            .sent = col_time(s, 8),
            .answered = col_time(s, 9),
            .accepted = col_int(s, 10) != 0,
            .result = col_text(s, 11),
        };
        rc = each(ctx, &w);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int recall_share_state(const struct recall *r, int64_t entry, struct share_state *ret, struct err *e)
{
    struct stmt *s =
        db_query(r->db,
                 "SELECT count(*), count(d.h), max(d.at), count(t.h), coalesce(sum(w.answered IS "
                 "NOT NULL AND w.accepted), 0) FROM share_given g LEFT JOIN deletion d ON d.partner "
                 "= g.partner AND d.h = g.h LEFT JOIN withdrawal_thing t ON t.partner = g.partner "
                 "AND t.h = g.h AND t.entry = g.entry LEFT JOIN withdrawal w ON w.number = "
                 "t.withdrawal WHERE g.entry = ?",
                 e);
    *ret = (struct share_state){.last_deleted = USEC_NONE};
    if (!s) {
        return e->code;
    }
    db_int(s, entry);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret = (struct share_state){
            .things = (uint64_t)col_int(s, 0),
            .deleted = (uint64_t)col_int(s, 1),
            .last_deleted = col_time(s, 2),
            .recalled = (uint64_t)col_int(s, 3),
            .confirmed = (uint64_t)col_int(s, 4),
        };
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}
