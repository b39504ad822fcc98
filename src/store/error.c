#include "store/private.h"

#include <errno.h>

#define FULL_REMEDY                                                                                          \
    "Free space on the disk or make it writable, then try again: nothing that was committed is lost."

static int no_space(int sys)
{
    return sys == ENOSPC || sys == EDQUOT || sys == EROFS || sys == EFBIG;
}

static int code_of(const struct conn *c, int rc, int sys)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return ERR_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_READONLY:
        /* Readers are opened read-only: writing through one is a bug of the caller, not of the disk. */
        return c != &c->db->writer && c->db->mode != DB_READ ? ERR_INTERNAL : ERR_FULL;
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_WRITE || no_space(sys) ? ERR_FULL : ERR_IO;
    case SQLITE_CANTOPEN:
        if (sys == ENOENT)
            return ERR_NOT_FOUND;
        if (no_space(sys))
            return ERR_FULL;
        return sys == EACCES || sys == EPERM ? ERR_DENIED : ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_NOMEM:
        return ERR_MEMORY;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_DENIED;
    case SQLITE_INTERRUPT:
        return ERR_CANCELLED;
    default:
        return ERR_INTERNAL;
    }
}

static void add_remedy(int code, int rc, struct err *e)
{
    switch (code) {
    case ERR_FULL:
        err_hint(e, FULL_REMEDY);
        break;
    case ERR_BUSY:
        err_hint(e, "Another program holds the database locked: end it, then try again.");
        break;
    case ERR_CORRUPT:
        if ((rc & 0xff) == SQLITE_NOTADB)
            err_hint(e, "Name a database file of Noroshi, or restore it from a backup.");
        else
            err_hint(e, "Restore the database from a backup; `noroshi verify` names what is damaged.");
        break;
    case ERR_NOT_FOUND:
        err_hint(e, "Check the directory, or create the database first.");
        break;
    default:
        break;
    }
}

int sql_error(struct conn *c, int rc, const char *sql, struct err *e)
{
    int sys = c->h ? sqlite3_system_errno(c->h) : 0;
    int code = code_of(c, rc, sys);
    const char *what = c->h ? sqlite3_errmsg(c->h) : sqlite3_errstr(rc);

    if (code == ERR_INTERNAL && sql)
        err_set(e, code, "database: %s (in: %.120s)", what, sql);
    else if ((rc & 0xff) == SQLITE_IOERR && sys)
        err_set(e, code, "database %s: %s: %s", c->db->path, what, strerror(sys));
    else
        err_set(e, code, "database %s: %s", c->db->path, what);
    add_remedy(code, rc, e);
    return code;
}
