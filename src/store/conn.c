#include "store/private.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * Measured by bench/bench_store.c. The writer's cache holds the inner pages of the trees an import touches; a
 * longer log would only make start after a crash longer. Readers do without mmap: it gave no measurable speed
 * here, counts as resident memory once a reader, and turns a disk's read error into a signal instead of an
 * error.
 */
#define WRITER_SETTINGS                                                                                      \
    "PRAGMA cache_size = -65536;"       /* KiB */                                                            \
    "PRAGMA secure_delete = ON;"        /* what is expunged is gone from the file */                         \
    "PRAGMA wal_autocheckpoint = 4096;" /* pages: a log of 32 MiB */                                         \
    "PRAGMA journal_size_limit = 268435456;"
#define READER_SETTINGS "PRAGMA cache_size = -16384;"
#define BUSY_MS 5000

uintptr_t thread_id(void)
{
    static _Thread_local char here;

    return (uintptr_t)&here;
}

static int run_settings(struct conn *c, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(c->h, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? OK : sql_error(c, rc, sql, e);
}

static int configure(struct conn *c, bool write, struct err *e)
{
    int rc;

    sqlite3_extended_result_codes(c->h, 1);
    sqlite3_busy_timeout(c->h, BUSY_MS);
    sqlite3_db_config(c->h, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(c->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(c->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    rc = run_settings(c, "PRAGMA foreign_keys = ON;", e);
    if (rc == OK && write && c->db->mode != DB_MEMORY)
        rc = run_settings(c,
                          "PRAGMA page_size = 8192;"
                          "PRAGMA auto_vacuum = NONE;"
                          "PRAGMA journal_mode = WAL;"
                          "PRAGMA synchronous = NORMAL;" WRITER_SETTINGS,
                          e);
    if (rc == OK && !write)
        rc = run_settings(c, READER_SETTINGS, e);
    /* The first real read: only now does SQLite look at the file. */
    if (rc == OK)
        rc = run_settings(c, "SELECT count(*) FROM sqlite_master;", e);
    return rc;
}

int conn_open(struct conn *c, struct db *db, bool write, struct err *e)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    char *uri = NULL;
    int rc;

    c->db = db;
    if (db->mode == DB_MEMORY) {
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY;
    } else if (write) {
        flags |= SQLITE_OPEN_READWRITE;
    } else {
        flags |= SQLITE_OPEN_READONLY;
    }
    if (db->immutable) {
        flags |= SQLITE_OPEN_URI;
        uri = sqlite3_mprintf("file:%s?immutable=1", db->path);
        if (!uri)
            return err_set(e, ERR_MEMORY, "no memory to open %s", db->path);
    }
    rc = sqlite3_open_v2(uri ? uri : db->path, &c->h, flags, NULL);
    sqlite3_free(uri);
    rc = rc == SQLITE_OK ? configure(c, write, e) : sql_error(c, rc, NULL, e);
    if (rc != OK)
        conn_close(c);
    return rc;
}

void conn_close(struct conn *c)
{
    stmt_cache_clear(c);
    sqlite3_close_v2(c->h);
    c->h = NULL;
}

/* Waits until the writer is free or ours already. Called with db->lock held. */
static void hold_writer(struct db *db)
{
    uintptr_t me = thread_id();

    while (db->writer.owner && db->writer.owner != me)
        pthread_cond_wait(&db->freed, &db->lock);
    db->writer.owner = me;
    db->writer.held++;
}

/* A reader of this thread, else a free one that is open, else one to be opened. NULL when all are out. */
static struct conn *pick_reader(struct db *db)
{
    struct conn *closed = NULL, *open = NULL;

    for (size_t i = 0; i < DB_READERS; i++) {
        struct conn *c = &db->readers[i];

        if (c->held && c->owner == thread_id())
            return c;
        if (!c->held && c->h && !open)
            open = c;
        if (!c->held && !c->h && !closed)
            closed = c;
    }
    return open ? open : closed;
}

static struct conn *take_reader(struct db *db, struct err *e)
{
    struct conn *c;

    pthread_mutex_lock(&db->lock);
    while (!(c = pick_reader(db)))
        pthread_cond_wait(&db->freed, &db->lock);
    c->owner = thread_id();
    c->held++;
    pthread_mutex_unlock(&db->lock);
    if (!c->h && conn_open(c, db, false, e) != OK) {
        conn_give(c);
        return NULL;
    }
    return c;
}

struct conn *conn_take_writer(struct db *db, struct err *e)
{
    if (db->mode == DB_READ) {
        err_set(e, ERR_DENIED, "database %s is open for reading only", db->path);
        return NULL;
    }
    pthread_mutex_lock(&db->lock);
    hold_writer(db);
    pthread_mutex_unlock(&db->lock);
    return &db->writer;
}

struct conn *conn_take(struct db *db, struct err *e)
{
    /* A database in memory has one connection only: readers stand in line for it. */
    if (db->mode == DB_MEMORY || db_in_tx(db))
        return conn_take_writer(db, e);
    return take_reader(db, e);
}

void conn_give(struct conn *c)
{
    struct db *db = c->db;

    pthread_mutex_lock(&db->lock);
    if (--c->held == 0) {
        c->owner = 0;
        pthread_cond_broadcast(&db->freed);
    }
    pthread_mutex_unlock(&db->lock);
}
