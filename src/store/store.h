/*
 * store: one small driver interface to a relational database, SQLite behind it.
 *
 * One writer (a process owns the database by flock), many readers, prepared statements cached by text,
 * versioned migrations per room. SQL is written so that PostgreSQL can run it too: no rowid tricks, `ON
 * CONFLICT`, explicit types. Calls base/ only.
 */
#pragma once

#include "base/base.h"

struct db;

enum db_mode {
    DB_CREATE, /* make it when absent, write */
    DB_WRITE,
    DB_READ,   /* readers only: no lock is taken */
    DB_MEMORY, /* private scratch database */
};
/*
 * Opens `path`. DB_CREATE and DB_WRITE take an exclusive flock on "<path>.lock": ERR_BUSY with a remedy when
 * another process holds it. Settings: WAL, synchronous NORMAL, foreign keys on, 8 kB pages, busy timeout. A
 * file that is not a database: ERR_CORRUPT.
 */
struct db *db_open(const char *path, enum db_mode mode, struct err *e);
void db_close(struct db *db);
bool db_writable(const struct db *db); /* not opened by DB_READ */

/* Tables a room owns. A *view* table is made again by rebuild; a *state* table is only backed up. */
enum table_class { TABLE_VIEW, TABLE_STATE };
struct db_table {
    const char *name;
    enum table_class class;
};
struct db_migration {
    int version;     /* 1, 2, ... without gaps */
    const char *sql; /* several statements */
};
struct db_room {
    const char *name;                      /* "fuse" */
    const struct db_migration *migrations; /* ends with version 0 */
    const struct db_table *tables;         /* ends with NULL name */
};
/* Brings the room's tables to the newest version in one transaction each; a database from a newer program is
 * ERR_UNSUPPORTED. */
int db_migrate(struct db *db, const struct db_room *room, struct err *e) MUST_USE;

/* Write transactions. The writer is one at a time inside the process too: db_begin blocks. db_end(db, false)
 * rolls back. */
int db_begin(struct db *db, struct err *e) MUST_USE;
int db_end(struct db *db, bool commit, struct err *e) MUST_USE;
/* Rolls back on an error path: nothing can be said better than the error that led there. */
void db_rollback(struct db *db);
/* Ends a transaction by what happened in it: commits when `rc` is OK, else rolls back and returns `rc` with
 * `e` as it is. */
int db_finish(struct db *db, int rc, struct err *e) MUST_USE;
bool db_in_tx(const struct db *db); /* by this thread */
/* Part of the transaction's work failed: from now on it can only be rolled back, and db_end(db, true) returns
 * `why`. */
void db_doom(struct db *db, const struct err *why);
/* Transactions rolled back since db_open: who keeps in memory what the tables say reads it again when this
 * number moved. */
uint64_t db_rollbacks(const struct db *db);
/* Full sync to disk of what is committed (checkpointing the WAL): before a checkpoint leaves the node or an
 * API acknowledges. */
int db_sync(struct db *db, struct err *e) MUST_USE;

/*
 * Statements. db_query gives one reset and ready for binding, from the writer when this thread is in a
 * transaction, else from a reader of the pool that this thread holds until db_done. Parameters are bound in
 * order by db_* calls, then stepped. SQL text must be a literal or live as long as the db.
 */
struct stmt;
struct stmt *db_query(struct db *db, const char *sql, struct err *e);
void db_done(struct stmt *s); /* back to the cache; NULL-safe */
void db_int(struct stmt *s, int64_t v);
void db_double(struct stmt *s, double v);
void db_text(struct stmt *s, struct sv v); /* p NULL binds NULL; bytes must live until the next reset */
void db_blob(struct stmt *s, struct sv v);
void db_null(struct stmt *s);
void db_time(struct stmt *s, usec v); /* USEC_NONE binds NULL */
/* 1 = a row, 0 = no more, negative = error (constraint violations: ERR_CONFLICT; disk full/read-only:
 * ERR_FULL; busy: ERR_BUSY; damaged: ERR_CORRUPT). */
int db_step(struct stmt *s, struct err *e) MUST_USE;
/* For statements without rows: step to the end and reset, keeping the statement for another round of binding.
 */
int db_run(struct stmt *s, struct err *e) MUST_USE;
void db_reset(struct stmt *s); /* ready for binding again */
int64_t col_int(struct stmt *s, int i);
double col_double(struct stmt *s, int i);
struct sv col_text(struct stmt *s, int i); /* view until the next step; SV_NONE for NULL */
struct sv col_blob(struct stmt *s, int i);
usec col_time(struct stmt *s, int i); /* USEC_NONE for NULL */
bool col_null(struct stmt *s, int i);
enum col_type { COL_NULL, COL_INT, COL_DOUBLE, COL_TEXT, COL_BLOB };
enum col_type col_type(struct stmt *s, int i);
int db_columns(struct stmt *s);
const char *db_column_name(struct stmt *s, int i);

/* One statement or script without parameters. */
int db_exec(struct db *db, const char *sql, struct err *e) MUST_USE;
/* First column of the first row, or `fallback`. */
int64_t db_value(struct db *db, const char *sql, int64_t fallback);
/* Rows changed by the last db_run of this thread's connection. */
int64_t db_changed(struct db *db);

/* Names of all tables of a class that migrations declared, in order. Returns how many; at most `max`. */
size_t db_tables(struct db *db, enum table_class class, const char **ret, size_t max);
/*
 * Names of the columns of the table's primary key, in key order, comma-separated and quoted ("\"a\",\"b\"");
 * "" when it has none. *ret_n: how many.
 */
int db_key_columns(struct db *db, const char *table, struct buf *out, size_t *ret_n, struct err *e) MUST_USE;
/* Deletes all rows of a table, full-text indexes without content included. */
int db_clear_table(struct db *db, const char *table, struct err *e) MUST_USE;
/*
 * What was deleted leaves no trace behind: the write-ahead log is copied into the database and emptied.
 * Deleted rows are overwritten with zeros as they go (SQLite's secure_delete). ERR_BUSY while somebody still
 * reads an older instant: to be called again. In no transaction.
 */
int db_scrub(struct db *db, struct err *e) MUST_USE;
/* Consistent copy of the whole database into a new file while it is in use. */
int db_copy_to(struct db *db, const char *path, struct err *e) MUST_USE;
/* SQLite's own structure check; one message a finding. */
int db_integrity(struct db *db, void (*found)(void *ctx, const char *text), void *ctx,
                 struct err *e) MUST_USE;
const char *db_version(void);
