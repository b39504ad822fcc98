/* Transactions, sync to disk, scripts. */
#include "store/private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

bool db_in_tx(const struct db *db)
{
    return atomic_load_explicit(&db->tx_owner, memory_order_relaxed) == thread_id();
}

void db_doom(struct db *db, const struct err *why)
{
    if (db_in_tx(db) && db->doomed.code == OK)
        db->doomed = *why;
}

uint64_t db_rollbacks(const struct db *db)
{
    return atomic_load(&db->rollbacks);
}

static int run_cached(struct conn *c, const char *sql, struct err *e)
{
    struct stmt *s = stmt_get(c, sql, e);
    int rc;

    if (!s)
        return e ? e->code : ERR_INTERNAL;
    rc = sqlite3_step(s->h);
    if (rc != SQLITE_DONE)
        rc = sql_error(c, rc, sql, e);
    else
        rc = OK;
    sqlite3_reset(s->h);
    s->busy = false;
    return rc;
}

int db_begin(struct db *db, struct err *e)
{
    struct conn *c;
    int rc;

    if (db_in_tx(db))
        return err_set(e, ERR_INTERNAL, "a transaction is open already in this thread");
    c = conn_take_writer(db, e);
    if (!c)
        return ERR_DENIED;
    rc = run_cached(c, "BEGIN IMMEDIATE", e);
    if (rc != OK) {
        conn_give(c);
        return rc;
    }
    db->doomed = ERR_NONE;
    atomic_store(&db->tx_owner, thread_id());
    return OK;
}

int db_end(struct db *db, bool commit, struct err *e)
{
    struct conn *c = &db->writer;
    int rc = OK;

    if (!db_in_tx(db))
        return err_set(e, ERR_INTERNAL, "no transaction is open in this thread");
    if (commit && db->doomed.code != OK) {
        rc = db->doomed.code;
        if (e)
            *e = db->doomed;
    }
    if (commit && rc == OK)
        rc = run_cached(c, "COMMIT", e);
    if (!commit || rc != OK) {
        struct err second = ERR_NONE;

        if (!sqlite3_get_autocommit(c->h) && run_cached(c, "ROLLBACK", &second) != OK && rc == OK) {
            rc = second.code;
            if (e)
                *e = second;
        }
        atomic_fetch_add(&db->rollbacks, 1);
    }
    db->doomed = ERR_NONE;
    atomic_store(&db->tx_owner, 0);
    conn_give(c);
    return rc;
}

int db_finish(struct db *db, int rc, struct err *e)
{
    if (rc == OK)
        return db_end(db, true, e);
    db_rollback(db);
    return rc;
}

void db_rollback(struct db *db)
{
    if (db_end(db, false, NULL) != OK)
        return; /* the next db_begin meets the same trouble and reports it */
}

/*
 * In WAL mode a commit is in the log file; the database file is synced by checkpoints before the log is used
 * again. So one fdatasync of the log makes all commits durable, without copying a page, and without waiting
 * for a transaction under way.
 */
int db_sync(struct db *db, struct err *e)
{
    struct stat st;

    if (db->mode == DB_MEMORY || db->mode == DB_READ)
        return OK;
    if (fstat(db->wal_fd, &st) == 0 && st.st_nlink == 0 && wal_open(db, e) != OK)
        return e ? e->code : ERR_IO;
    if (fdatasync(db->wal_fd) < 0)
        return err_errno(e, errno, "cannot sync the database %s to disk", db->path);
    return OK;
}

int db_scrub(struct db *db, struct err *e)
{
    struct conn *c;
    int log = 0, copied = 0, rc;

    if (db->mode == DB_MEMORY || db->mode == DB_READ)
        return OK;
    if (db_in_tx(db))
        return err_set(e, ERR_INTERNAL, "the log cannot be emptied inside a transaction");
    c = conn_take_writer(db, e);
    if (!c)
        return e ? e->code : ERR_INTERNAL;
    rc = sqlite3_wal_checkpoint_v2(c->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &copied);
    rc = rc == SQLITE_OK ? OK : sql_error(c, rc, "PRAGMA wal_checkpoint", e);
    conn_give(c);
    return rc;
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
    struct conn *c = db->mode == DB_READ ? conn_take(db, e) : conn_take_writer(db, e);
    int rc;

    if (!c)
        return e ? e->code : ERR_INTERNAL;
    if (db_in_tx(db) && db->doomed.code != OK) {
        rc = db->doomed.code;
        if (e)
            *e = db->doomed;
    } else {
        rc = sqlite3_exec(c->h, sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK) {
            struct err here = ERR_NONE;

            rc = sql_error(c, rc, sql, &here);
            if (db_in_tx(db) && sqlite3_get_autocommit(c->h))
                db_doom(db, &here);
            if (e)
                *e = here;
        }
    }
    conn_give(c);
    return rc;
}

int64_t db_value(struct db *db, const char *sql, int64_t fallback)
{
    struct stmt *s = db_query(db, sql, NULL);
    int64_t v = fallback;

    if (s && db_step(s, NULL) == 1 && !col_null(s, 0))
        v = col_int(s, 0);
    db_done(s);
    return v;
}

int64_t db_changed(struct db *db)
{
    return db_in_tx(db) || db->mode == DB_MEMORY ? sqlite3_changes64(db->writer.h) : 0;
}
