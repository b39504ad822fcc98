#include "store/private.h"

#include <stdlib.h>

static void stmt_unlink(struct conn *c, struct stmt *s)
{
    struct stmt **p = &c->buckets[s->hash % STMT_BUCKETS];

    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
    c->count--;
}

static void stmt_free(struct stmt *s)
{
    sqlite3_finalize(s->h);
    free(s);
}

void stmt_cache_clear(struct conn *c)
{
    for (size_t i = 0; i < STMT_BUCKETS; i++) {
        while (c->buckets[i]) {
            struct stmt *s = c->buckets[i];

            c->buckets[i] = s->next;
            stmt_free(s);
        }
    }
    c->count = 0;
}

/* Drops the statement that was not used for the longest time. */
static void evict(struct conn *c)
{
    struct stmt *oldest = NULL;

    for (size_t i = 0; i < STMT_BUCKETS; i++)
        for (struct stmt *s = c->buckets[i]; s; s = s->next)
            if (!s->busy && (!oldest || s->used < oldest->used))
                oldest = s;
    if (oldest) {
        stmt_unlink(c, oldest);
        stmt_free(oldest);
    }
}

static struct stmt *prepare(struct conn *c, const char *sql, uint64_t hash, struct err *e)
{
    struct stmt *s = calloc(1, sizeof(*s));
    int rc;

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for a statement");
        return NULL;
    }
    rc = sqlite3_prepare_v3(c->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->h, NULL);
    if (rc != SQLITE_OK || !s->h) {
        sql_error(c, rc != SQLITE_OK ? rc : SQLITE_MISUSE, sql, e);
        free(s);
        return NULL;
    }
    if (c->count >= STMT_MAX)
        evict(c);
    s->conn = c;
    s->hash = hash;
    s->params = sqlite3_bind_parameter_count(s->h);
    s->next = c->buckets[hash % STMT_BUCKETS];
    c->buckets[hash % STMT_BUCKETS] = s;
    c->count++;
    return s;
}

struct stmt *stmt_get(struct conn *c, const char *sql, struct err *e)
{
    uint64_t hash = hash64(hash_process_secret(), sv_c(sql));
    struct stmt *s = c->buckets[hash % STMT_BUCKETS];

    /* A busy statement is being stepped further up the stack: a second one is made of the same text. */
    while (s && (s->busy || s->hash != hash || strcmp(sqlite3_sql(s->h), sql) != 0))
        s = s->next;
    if (!s)
        s = prepare(c, sql, hash, e);
    if (!s)
        return NULL;
    s->busy = true;
    s->used = ++c->tick;
    s->bound = 0;
    s->bind_rc = SQLITE_OK;
    return s;
}

struct stmt *db_query(struct db *db, const char *sql, struct err *e)
{
    struct conn *c = conn_take(db, e);
    struct stmt *s;

    if (!c)
        return NULL;
    s = stmt_get(c, sql, e);
    if (!s)
        conn_give(c);
    return s;
}

void db_done(struct stmt *s)
{
    if (!s)
        return;
    sqlite3_reset(s->h);
    s->busy = false;
    conn_give(s->conn);
}

static void bound(struct stmt *s, int rc)
{
    if (rc != SQLITE_OK && s->bind_rc == SQLITE_OK)
        s->bind_rc = rc;
}

void db_int(struct stmt *s, int64_t v)
{
    bound(s, sqlite3_bind_int64(s->h, ++s->bound, v));
}

void db_double(struct stmt *s, double v)
{
    bound(s, sqlite3_bind_double(s->h, ++s->bound, v));
}

void db_text(struct stmt *s, struct sv v)
{
    bound(s, v.p ? sqlite3_bind_text64(s->h, ++s->bound, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8)
                 : sqlite3_bind_null(s->h, ++s->bound));
}

void db_blob(struct stmt *s, struct sv v)
{
    bound(s, v.p ? sqlite3_bind_blob64(s->h, ++s->bound, v.p, v.n, SQLITE_STATIC)
                 : sqlite3_bind_null(s->h, ++s->bound));
}

void db_null(struct stmt *s)
{
    bound(s, sqlite3_bind_null(s->h, ++s->bound));
}

void db_time(struct stmt *s, usec v)
{
    if (v == USEC_NONE)
        db_null(s);
    else
        db_int(s, v);
}

/*
 * SQLite rolls a transaction back by itself after some errors (disk full, for one). What followed would then
 * be committed statement by statement: so the rest of the transaction is refused.
 */
static int step_failed(struct stmt *s, int rc, struct err *e)
{
    struct conn *c = s->conn;
    struct err here = ERR_NONE;
    int code = sql_error(c, rc, sqlite3_sql(s->h), &here);

    if (db_in_tx(c->db) && sqlite3_get_autocommit(c->h))
        db_doom(c->db, &here);
    if (e)
        *e = here;
    return code;
}

static int check_ready(struct stmt *s, struct err *e)
{
    struct db *db = s->conn->db;

    if (s->conn == &db->writer && db->doomed.code != OK && db_in_tx(db)) {
        if (e)
            *e = db->doomed;
        return db->doomed.code;
    }
    if (s->bind_rc != SQLITE_OK)
        return sql_error(s->conn, s->bind_rc, sqlite3_sql(s->h), e);
    if (s->bound != s->params)
        return err_set(e, ERR_INTERNAL, "%d of %d parameters are bound (in: %.120s)", s->bound, s->params,
                       sqlite3_sql(s->h));
    return OK;
}

int db_step(struct stmt *s, struct err *e)
{
    int rc = check_ready(s, e);

    if (rc != OK)
        return rc;
    rc = sqlite3_step(s->h);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return step_failed(s, rc, e);
}

int db_run(struct stmt *s, struct err *e)
{
    int rc;

    do {
        rc = db_step(s, e);
    } while (rc > 0);
    db_reset(s);
    return rc;
}

void db_reset(struct stmt *s)
{
    sqlite3_reset(s->h);
    s->bound = 0;
    s->bind_rc = SQLITE_OK;
}

int64_t col_int(struct stmt *s, int i)
{
    return sqlite3_column_int64(s->h, i);
}

double col_double(struct stmt *s, int i)
{
    return sqlite3_column_double(s->h, i);
}

struct sv col_text(struct stmt *s, int i)
{
    const char *p;

    if (col_null(s, i))
        return SV_NONE;
    p = (const char *)sqlite3_column_text(s->h, i);
    return (struct sv){p ? p : "", (size_t)sqlite3_column_bytes(s->h, i)};
}

struct sv col_blob(struct stmt *s, int i)
{
    const char *p;

    if (col_null(s, i))
        return SV_NONE;
    p = sqlite3_column_blob(s->h, i);
    return (struct sv){p ? p : "", (size_t)sqlite3_column_bytes(s->h, i)};
}

usec col_time(struct stmt *s, int i)
{
    return col_null(s, i) ? USEC_NONE : col_int(s, i);
}

bool col_null(struct stmt *s, int i)
{
    return sqlite3_column_type(s->h, i) == SQLITE_NULL;
}

enum col_type col_type(struct stmt *s, int i)
{
    switch (sqlite3_column_type(s->h, i)) {
    case SQLITE_INTEGER:
        return COL_INT;
    case SQLITE_FLOAT:
        return COL_DOUBLE;
    case SQLITE_TEXT:
        return COL_TEXT;
    case SQLITE_BLOB:
        return COL_BLOB;
    default:
        return COL_NULL;
    }
}

int db_columns(struct stmt *s)
{
    return sqlite3_column_count(s->h);
}

const char *db_column_name(struct stmt *s, int i)
{
    return sqlite3_column_name(s->h, i);
}
