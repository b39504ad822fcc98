/* What the files of store/ share. */
#pragma once

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#define DB_READERS 8
#define DB_MAX_TABLES 128
#define STMT_BUCKETS 128
#define STMT_MAX 256 /* prepared statements kept per connection */

struct conn;

struct stmt {
    sqlite3_stmt *h;
    struct conn *conn;
    struct stmt *next; /* in its bucket */
    uint64_t hash;
    uint64_t used; /* tick of the last use, for eviction */
    int params;
    int bound;   /* parameters bound since the last reset */
    int bind_rc; /* first bind that failed */
    bool busy;   /* handed out */
};

/* One SQLite connection with its prepared statements. Used by one thread at a time. */
struct conn {
    struct db *db;
    sqlite3 *h;
    struct stmt *buckets[STMT_BUCKETS];
    size_t count;
    uint64_t tick;
    uintptr_t owner; /* thread that holds it; 0 = free */
    unsigned held;   /* statements that thread has out, and its transaction */
};

struct db {
    char *path;
    enum db_mode mode;
    int lock_fd;
    int wal_fd;
    bool immutable; /* on read-only media without a log: opened as a file that cannot change */

    /* Guards who holds which connection. The writer is held for a whole transaction, a reader while
     * statements are out. */
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct conn writer;
    struct conn readers[DB_READERS];
    atomic_uintptr_t tx_owner; /* thread in a write transaction, 0 = none */
    struct err doomed;         /* why the transaction can only be rolled back */
    atomic_uint_fast64_t rollbacks;

    const struct db_table *tables[DB_MAX_TABLES];
    size_t table_count;
};

/* Identity of the calling thread: never 0. */
uintptr_t thread_id(void);

/* Opens the log file for syncing, anew when it was replaced. */
int wal_open(struct db *db, struct err *e) MUST_USE;

/* Opens one connection with the settings of the database's mode. */
int conn_open(struct conn *c, struct db *db, bool write, struct err *e) MUST_USE;
void conn_close(struct conn *c);
/* The connection this thread should use now: the writer inside its transaction, else a reader. Each call is
 * paired with conn_give. */
struct conn *conn_take(struct db *db, struct err *e);
/* The writer, waiting for whoever has it. */
struct conn *conn_take_writer(struct db *db, struct err *e);
void conn_give(struct conn *c);

struct stmt *stmt_get(struct conn *c, const char *sql, struct err *e);
void stmt_cache_clear(struct conn *c);

/* Fills `e` from a result code of SQLite: what failed, and what a person can do. */
int sql_error(struct conn *c, int rc, const char *sql, struct err *e);
