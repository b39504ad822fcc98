/* Opening: the lock, the file, the settings, whose database it is. */
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "NORO": tells our files from other programs' databases. */
#define APPLICATION_ID 0x4e4f524f
/* A killed node's parser children hold its lock for the moment they need to notice. */
#define LOCK_TRIES 25
#define LOCK_PAUSE_NS 20000000L

static int lock_wait(int fd)
{
    const struct timespec pause = {0, LOCK_PAUSE_NS};

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return errno;
        nanosleep(&pause, NULL);
    }
    return EWOULDBLOCK;
}

static int lock_busy(const char *path, int fd, struct err *e)
{
    char text[32] = "";
    uint64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n > 0 && sv_u64(sv_trim(sv_from(text, (size_t)n)), &pid))
        err_set(e, ERR_BUSY, "database %s is in use by process %llu", path, (unsigned long long)pid);
    else
        err_set(e, ERR_BUSY, "database %s is in use by another process", path);
    return err_hint(e, "Stop that process, or let the running node do the work.");
}

static int lock_take(struct db *db, struct err *e)
{
    char name[4096], text[32];
    int n = snprintf(name, sizeof(name), "%s.lock", db->path);
    ssize_t written;
    int rc;

    if (n < 0 || (size_t)n >= sizeof(name))
        return err_set(e, ERR_VALUE, "the path of the database is too long");
    db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        return err_errno(e, errno, "cannot open the lock file %s", name);
    rc = lock_wait(db->lock_fd);
    if (rc == EWOULDBLOCK)
        return lock_busy(db->path, db->lock_fd, e);
    if (rc != 0)
        return err_errno(e, rc, "cannot lock %s", name);
    /* The number is for people only; a full disk must not keep a database from being opened. */
    n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    written = ftruncate(db->lock_fd, 0) < 0 ? -1 : pwrite(db->lock_fd, text, (size_t)n, 0);
    (void)written;
    return OK;
}

/* Makes the entry of a new file in its directory durable. */
static int sync_directory(const char *path, struct err *e)
{
    char dir[4096];
    struct sv p = sv_c(path);
    size_t slash = sv_rchr(p, '/');
    int fd, rc = OK;

    if (!sv_copy(slash == SIZE_MAX ? SV(".") : sv_sub(p, 0, slash ? slash : 1), dir, sizeof(dir)))
        return err_set(e, ERR_VALUE, "the path of the database is too long");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot open directory %s", dir);
    if (fsync(fd) < 0)
        rc = err_errno(e, errno, "cannot sync directory %s", dir);
    close(fd);
    return rc;
}

static int file_prepare(struct db *db, struct err *e)
{
    struct stat st;
    int fd;

    if (db->mode == DB_CREATE) {
        fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return err_errno(e, errno, "cannot create database %s", db->path);
        close(fd); /* before SQLite opens it: closing later would drop SQLite's own locks */
        return OK;
    }
    if (stat(db->path, &st) < 0) {
        err_errno(e, errno, "cannot open database %s", db->path);
        return err_hint(e, "Check the directory, or create the node with `noroshi init`.");
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CORRUPT, "%s is not a database file", db->path);
    return OK;
}

int wal_open(struct db *db, struct err *e)
{
    char name[4096];
    int n = snprintf(name, sizeof(name), "%s-wal", db->path);

    if (n < 0 || (size_t)n >= sizeof(name))
        return err_set(e, ERR_VALUE, "the path of the database is too long");
    close_fd(&db->wal_fd);
    db->wal_fd = open(name, O_RDWR | O_CLOEXEC);
    if (db->wal_fd < 0)
        return err_errno(e, errno, "cannot open the write-ahead log %s", name);
    return sync_directory(db->path, e);
}

/* Stamps a new file as ours, and refuses another program's. */
static int check_application(struct db *db, struct err *e)
{
    char sql[64];
    int64_t id = db_value(db, "PRAGMA application_id", 0);

    if (id == APPLICATION_ID)
        return OK;
    if (id != 0 || db_value(db, "SELECT count(*) FROM sqlite_master", 0) != 0) {
        err_set(e, ERR_CORRUPT, "%s is a database of another program", db->path);
        return err_hint(e, "Name a database file of Noroshi.");
    }
    if (db->mode == DB_READ)
        return OK;
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
    return db_exec(db, sql, e);
}

/* Sorts of big tables spill into files: they belong beside the database, the one place the narrowed node may
 * write. */
static void choose_temp_directory(const char *path)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    size_t slash = sv_rchr(sv_c(path), '/');

    pthread_mutex_lock(&once);
    if (!sqlite3_temp_directory && slash != SIZE_MAX && slash > 0)
        sqlite3_temp_directory = sqlite3_mprintf("%.*s", (int)slash, path);
    pthread_mutex_unlock(&once);
}

/* Files on read-only media without a log left behind can be read as if they never changed. */
static bool can_be_immutable(const struct db *db)
{
    char name[4096];
    int n = snprintf(name, sizeof(name), "%s-wal", db->path);
    struct stat st;

    return n > 0 && (size_t)n < sizeof(name) && !strpbrk(db->path, "?#%") &&
           (stat(name, &st) < 0 || st.st_size == 0);
}

static int open_reader(struct db *db, struct err *e)
{
    struct conn *c = &db->readers[0];
    int rc = conn_open(c, db, false, e);

    if (rc != OK && (rc == ERR_IO || rc == ERR_DENIED || rc == ERR_FULL || rc == ERR_NOT_FOUND) &&
        can_be_immutable(db)) {
        db->immutable = true;
        rc = conn_open(c, db, false, e);
    }
    return rc;
}

static int open_all(struct db *db, struct err *e)
{
    int rc;

    if (db->mode == DB_MEMORY)
        return conn_open(&db->writer, db, true, e);
    rc = file_prepare(db, e);
    if (rc == OK && db->mode != DB_READ)
        rc = lock_take(db, e);
    if (rc != OK)
        return rc;
    choose_temp_directory(db->path);
    if (db->mode == DB_READ)
        rc = open_reader(db, e);
    else
        rc = conn_open(&db->writer, db, true, e);
    if (rc == OK)
        rc = check_application(db, e);
    if (rc == OK && db->mode != DB_READ)
        rc = wal_open(db, e);
    return rc;
}

struct db *db_open(const char *path, enum db_mode mode, struct err *e)
{
    struct db *db = calloc(1, sizeof(*db));

    if (!db || !(db->path = strdup(mode == DB_MEMORY ? ":memory:" : path))) {
        free(db);
        err_set(e, ERR_MEMORY, "no memory to open the database");
        return NULL;
    }
    db->mode = mode;
    db->lock_fd = -1;
    db->wal_fd = -1;
    db->doomed = ERR_NONE;
    db->writer.db = db;
    for (size_t i = 0; i < DB_READERS; i++)
        db->readers[i].db = db;
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->freed, NULL);
    if (open_all(db, e) != OK) {
        db_close(db);
        return NULL;
    }
    return db;
}

bool db_writable(const struct db *db)
{
    return db->mode != DB_READ;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < DB_READERS; i++)
        conn_close(&db->readers[i]);
    conn_close(&db->writer);
    close_fd(&db->wal_fd);
    close_fd(&db->lock_fd);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->freed);
    free(db->path);
    free(db);
}
