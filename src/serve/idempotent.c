#include "serve/private.h"

int idempotent_find(struct db *db, const struct idempotent *i, unsigned *ret_status, struct buf *answer,
                    struct err *e)
{
    if (!i->key.p) {
        return 0;
    }
    struct stmt *s =
        db_query(db, "SELECT body, status, answer FROM idempotent WHERE actor = ? AND request_key = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, sv_c(i->actor));
    db_text(s, i->key);
    int rc = db_step(s, e);
    if (rc == 1 && !sv_eq(col_blob(s, 0), sv_from((const char *)i->body.b, sizeof(i->body.b)))) {
        err_set(e, ERR_CONFLICT, "this Idempotency-Key came before with another body");
        rc = err_hint(e, "use a new key for each new body");
    } else if (rc == 1) {
        *ret_status = (unsigned)col_int(s, 1);
        buf_add(answer, col_text(s, 2));
    }
    db_done(s);
    return rc;
}

int idempotent_keep(struct db *db, const struct idempotent *i, unsigned status, struct sv answer, usec now,
                    struct err *e)
{
    if (!i->key.p) {
        return OK;
    }
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(db,
                              "INSERT INTO idempotent (actor, request_key, body, status, answer, at) VALUES "
                              "(?,?,?,?,?,?) ON CONFLICT (actor, request_key) DO NOTHING",
                              e);
    rc = s ? OK : e->code;
    if (s) {
        db_text(s, sv_c(i->actor));
        db_text(s, i->key);
        db_blob(s, sv_from((const char *)i->body.b, sizeof(i->body.b)));
        db_int(s, status);
        db_text(s, answer);
        db_time(s, now);
        rc = db_run(s, e);
        db_done(s);
    }
    if (rc != OK) {
        db_rollback(db);
        return rc;
    }
    return db_end(db, true, e);
}
