#include "store/private.h"

#include <stdlib.h>

static int version_of(struct db *db, const char *room, int64_t *ret, struct err *e)
{
    struct stmt *s;
    int rc;

    *ret = 0;
    if (db_value(db, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'", 0) == 0)
        return OK;
    s = db_query(db, "SELECT version FROM schema_version WHERE room = ?", e);
    if (!s)
        return e->code;
    db_text(s, sv_c(room));
    rc = db_step(s, e);
    if (rc == 1)
        *ret = col_int(s, 0);
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int set_version(struct db *db, const char *room, int version, struct err *e)
{
    struct stmt *s = db_query(db,
                              "INSERT INTO schema_version(room, version) VALUES(?, ?) "
                              "ON CONFLICT(room) DO UPDATE SET version = excluded.version",
                              e);
    int rc;

    if (!s)
        return e->code;
    db_text(s, sv_c(room));
    db_int(s, version);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int apply_one(struct db *db, const struct db_room *room, const struct db_migration *m, struct err *e)
{
    int rc = db_begin(db, e);

    if (rc != OK)
        return rc;
    rc = db_exec(db, m->sql, e);
    if (rc == OK)
        rc = set_version(db, room->name, m->version, e);
    if (rc != OK) {
        db_rollback(db);
        return rc;
    }
    return db_end(db, true, e);
}

static int declare_tables(struct db *db, const struct db_room *room, struct err *e)
{
    for (const struct db_table *t = room->tables; t && t->name; t++) {
        bool known = false;

        for (size_t i = 0; i < db->table_count; i++)
            known = known || strcmp(db->tables[i]->name, t->name) == 0;
        if (known)
            continue;
        if (db->table_count == DB_MAX_TABLES)
            return err_set(e, ERR_LIMIT, "more than %d tables are declared", DB_MAX_TABLES);
        db->tables[db->table_count++] = t;
    }
    return OK;
}

static int newest_of(const struct db_room *room)
{
    int newest = 0;

    for (const struct db_migration *m = room->migrations; m && m->version; m++)
        newest = m->version;
    return newest;
}

static int migrate_from(struct db *db, const struct db_room *room, int64_t from, struct err *e)
{
    int rc = OK;

    if (from < newest_of(room) && db->mode == DB_READ) {
        err_set(e, ERR_UNSUPPORTED, "database %s is older than this program (%s: version %lld of %d)",
                db->path, room->name, (long long)from, newest_of(room));
        return err_hint(e, "Start the node once: it brings the database up to date.");
    }
    if (db->mode != DB_READ)
        rc = db_exec(db,
                     "CREATE TABLE IF NOT EXISTS schema_version("
                     "room TEXT PRIMARY KEY, version INTEGER NOT NULL)",
                     e);
    for (const struct db_migration *m = room->migrations; rc == OK && m && m->version; m++)
        if (m->version > from)
            rc = apply_one(db, room, m, e);
    return rc;
}

int db_migrate(struct db *db, const struct db_room *room, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    int64_t from;
    int rc = version_of(db, room->name, &from, err);

    if (rc != OK)
        return rc;
    if (from > newest_of(room)) {
        err_set(err, ERR_UNSUPPORTED,
                "database %s is from a newer program (%s: version %lld, known up to %d)", db->path,
                room->name, (long long)from, newest_of(room));
        return err_hint(err, "Install the newer program, or restore a backup made by this one.");
    }
    rc = migrate_from(db, room, from, err);
    return rc == OK ? declare_tables(db, room, err) : rc;
}

size_t db_tables(struct db *db, enum table_class class, const char **ret, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < db->table_count && n < max; i++)
        if (db->tables[i]->class == class)
            ret[n++] = db->tables[i]->name;
    return n;
}

int db_key_columns(struct db *db, const char *table, struct buf *out, size_t *ret_n, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", e);
    int rc;

    *ret_n = 0;
    if (!s)
        return e ? e->code : ERR_INTERNAL;
    db_text(s, sv_c(table));
    while ((rc = db_step(s, e)) == 1) {
        struct sv name = col_text(s, 0);

        buf_printf(out, "%s\"%.*s\"", *ret_n ? "," : "", SV_ARG(name));
        ++*ret_n;
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* An FTS5 table that keeps no text refuses DELETE; it has a command instead. */
static bool is_contentless(struct db *db, const char *table)
{
    struct stmt *s =
        db_query(db, "SELECT 1 FROM sqlite_master WHERE name = ? AND sql LIKE '%fts5%content%=%''''%'", NULL);
    bool yes;

    if (!s)
        return false;
    db_text(s, sv_c(table));
    yes = db_step(s, NULL) == 1;
    db_done(s);
    return yes;
}

int db_clear_table(struct db *db, const char *table, struct err *e)
{
    char sql[256];
    int n;

    if (is_contentless(db, table))
        n = snprintf(sql, sizeof(sql), "INSERT INTO \"%s\"(\"%s\") VALUES('delete-all')", table, table);
    else
        n = snprintf(sql, sizeof(sql), "DELETE FROM \"%s\"", table);
    if (n < 0 || (size_t)n >= sizeof(sql))
        return err_set(e, ERR_VALUE, "the name of table %.60s... is too long", table);
    return db_exec(db, sql, e);
}
