#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int copy_into(struct conn *from, const char *path, struct err *e)
{
    sqlite3 *to = NULL;
    sqlite3_backup *b;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK && (b = sqlite3_backup_init(to, "main", from->h, "main"))) {
        /* All pages in one step: one read transaction, so one instant, whatever the writer does meanwhile. */
        rc = sqlite3_backup_step(b, -1);
        if (rc == SQLITE_DONE)
            rc = SQLITE_OK;
        (void)sqlite3_backup_finish(b);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_errcode(to);
    }
    if (rc != SQLITE_OK) {
        struct db shown = {.path = (char *)(uintptr_t)path, .mode = DB_WRITE};
        struct conn c = {.db = &shown, .h = to};

        sql_error(&c, rc, NULL, e);
        rc = e ? e->code : ERR_IO;
    }
    sqlite3_close_v2(to);
    return rc;
}

static int sync_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int rc = OK;

    if (fd < 0 || fsync(fd) < 0)
        rc = err_errno(e, errno, "cannot sync %s", path);
    close_fd(&fd);
    return rc;
}

int db_copy_to(struct db *db, const char *path, struct err *e)
{
    struct conn *c;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0 && errno == EEXIST) {
        err_set(e, ERR_EXISTS, "%s exists already", path);
        return err_hint(e, "Choose another name: a copy never overwrites a file.");
    }
    if (fd < 0)
        return err_errno(e, errno, "cannot create %s", path);
    close(fd);
    c = conn_take(db, e);
    rc = c ? copy_into(c, path, e) : (e ? e->code : ERR_INTERNAL);
    if (c)
        conn_give(c);
    if (rc == OK)
        rc = sync_file(path, e);
    if (rc != OK)
        (void)unlink(path);
    return rc;
}

static int report_rows(struct db *db, const char *sql, const char *good,
                       void (*found)(void *ctx, const char *text), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db, sql, e);
    int rc;

    if (!s)
        return e ? e->code : ERR_INTERNAL;
    while ((rc = db_step(s, e)) == 1) {
        struct sv text = col_text(s, 0);

        if (!sv_eq(text, sv_c(good)) && text.p)
            found(ctx, text.p); /* SQLite ends its texts with NUL */
    }
    db_done(s);
    return rc;
}

int db_integrity(struct db *db, void (*found)(void *ctx, const char *text), void *ctx, struct err *e)
{
    int rc = report_rows(db, "PRAGMA integrity_check", "ok", found, ctx, e);

    if (rc == OK)
        rc =
            report_rows(db,
                        "SELECT 'row ' || rowid || ' of table ' || \"table\" || ' names a row of ' || parent "
                        "|| ' that does not exist' FROM pragma_foreign_key_check",
                        "", found, ctx, e);
    return rc;
}

const char *db_version(void)
{
    return "SQLite " SQLITE_VERSION;
}
