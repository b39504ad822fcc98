/* What each received thing stands under: by which grant it came, until when it may stay, what it is good for.
 */
#include "share/recall/recall_private.h"

int64_t recall_hash(const struct recall *r, struct sv id)
{
    return (int64_t)hash64(r->secret, id);
}

int recall_oblige(const struct recall *r, const struct obligation *o, usec now, struct err *e)
{
    char agreement[37], grant[37];
    struct stmt *s =
        db_query(r->db,
                 "INSERT INTO obligation (source, h, stix_id, agreement, version, grant_id, delete_after, "
                 "judicial, onward, share, at) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (source, h) DO "
                 "UPDATE SET stix_id = excluded.stix_id, delete_after = CASE WHEN obligation.grant_id = "
                 "excluded.grant_id AND obligation.delete_after < coalesce(excluded.delete_after, "
                 "9223372036854775807) THEN obligation.delete_after ELSE excluded.delete_after END, "
                 "agreement = excluded.agreement, version = excluded.version, grant_id = excluded.grant_id, "
                 "judicial = excluded.judicial, onward = excluded.onward, share = excluded.share, at = "
                 "excluded.at",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(o->agreement, agreement);
    uuid_text(o->grant, grant);
    db_int(s, o->source);
    db_int(s, recall_hash(r, o->id));
    db_text(s, o->id);
    db_text(s, sv_c(agreement));
    db_int(s, o->version);
    db_text(s, sv_c(grant));
    db_time(s, o->delete_after);
    db_int(s, o->judicial);
    db_int(s, o->onward);
    db_int(s, o->share);
    db_time(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int recall_obligations(const struct recall *r, struct sv id,
                       int (*each)(void *ctx, const struct obligation *o), void *ctx, struct err *e)
{
    struct stmt *s = db_query(r->db,
                              "SELECT source, stix_id, agreement, version, grant_id, delete_after, judicial, "
                              "onward, share FROM obligation WHERE h = ? ORDER BY source",
                              e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, recall_hash(r, id));
    while ((rc = db_step(s, e)) == 1) {
        struct obligation o = {
            .source = col_int(s, 0),
            .id = col_text(s, 1),
            .version = col_int(s, 3),
            .delete_after = col_time(s, 5),
            .judicial = (enum judicial_use)col_int(s, 6),
            .onward = (enum onward)col_int(s, 7),
            .share = col_int(s, 8),
        };
        (void)uuid_parse(col_text(s, 2), &o.agreement);
        (void)uuid_parse(col_text(s, 4), &o.grant);
        rc = sv_eq(o.id, id) ? each(ctx, &o) : OK;
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}
