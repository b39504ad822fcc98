/* The database driver: statements, transactions, readers beside the writer, migrations, copies, and every way
 * a disk can say no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct db_migration steps[] = {
    {1, "CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT, size REAL, raw BLOB, at INTEGER);"},
    {2, "CREATE TABLE pair(a INTEGER NOT NULL, b TEXT NOT NULL, c INTEGER, PRIMARY KEY(b, a));"
        "CREATE INDEX thing_name ON thing(name);"},
    {0, NULL},
};
static const struct db_table tables[] = {{"thing", TABLE_VIEW}, {"pair", TABLE_STATE}, {NULL, TABLE_STATE}};
static const struct db_room room = {"toys", steps, tables};

struct place {
    char dir[64];
    char path[96];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    snprintf(p->dir, sizeof(p->dir), "/tmp/noroshi-store-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof(p->path), "%s/node.db", p->dir);
    *state = p;
    return crypto_start(NULL);
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    int rc;

    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    rc = system(command);
    free(p);
    return rc;
}

static struct db *open_as(const struct place *p, enum db_mode mode)
{
    struct err e = ERR_NONE;
    struct db *db = db_open(p->path, mode, &e);

    if (!db)
        fail_msg("%s", e.text);
    if (db_migrate(db, &room, &e) != OK)
        fail_msg("%s", e.text);
    return db;
}

static void must(int rc, const struct err *e)
{
    if (rc != OK)
        fail_msg("%d: %s", rc, e->text);
}

static int add_thing(struct db *db, int64_t id, const char *name, struct err *e)
{
    struct stmt *s = db_query(db, "INSERT INTO thing(id, name) VALUES(?, ?)", e);
    int rc;

    if (!s)
        return e->code;
    db_int(s, id);
    db_text(s, sv_c(name));
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int64_t count(struct db *db)
{
    return db_value(db, "SELECT count(*) FROM thing", -1);
}

static void values_round_trip(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    struct stmt *s;

    must(db_begin(db, &e), &e);
    assert_true(db_in_tx(db));
    s = db_query(db, "INSERT INTO thing(id, name, size, raw, at) VALUES(?, ?, ?, ?, ?)", &e);
    assert_non_null(s);
    db_int(s, INT64_MIN);
    db_text(s, SV("a\0b"));
    db_double(s, 0.1);
    db_blob(s, SV("\xff\0"));
    db_time(s, USEC_NONE);
    must(db_run(s, &e), &e);
    assert_int_equal(db_changed(db), 1);
    db_int(s, 2);
    db_text(s, SV_NONE);
    db_null(s);
    db_blob(s, SV(""));
    db_time(s, 12345);
    must(db_run(s, &e), &e);
    db_done(s);
    must(db_end(db, true, &e), &e);
    assert_false(db_in_tx(db));

    s = db_query(db, "SELECT id, name, size, raw, at FROM thing ORDER BY id", &e);
    assert_non_null(s);
    assert_int_equal(db_step(s, &e), 1);
    assert_int_equal(db_columns(s), 5);
    assert_string_equal(db_column_name(s, 3), "raw");
    assert_true(col_int(s, 0) == INT64_MIN);
    assert_true(sv_eq(col_text(s, 1), SV("a\0b")));
    assert_true(col_double(s, 2) == 0.1);
    assert_int_equal(col_type(s, 2), COL_DOUBLE);
    assert_true(sv_eq(col_blob(s, 3), SV("\xff\0")));
    assert_true(col_time(s, 4) == USEC_NONE);
    assert_int_equal(db_step(s, &e), 1);
    assert_true(col_null(s, 1));
    assert_null(col_text(s, 1).p);
    assert_non_null(col_blob(s, 3).p);
    assert_int_equal(col_blob(s, 3).n, 0);
    assert_int_equal(col_time(s, 4), 12345);
    assert_int_equal(db_step(s, &e), 0);
    db_done(s);
    db_done(NULL);
    db_close(db);
}

static void mistakes_are_errors(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    struct stmt *s;

    assert_null(db_query(db, "SELECT nothing FROM nowhere", &e));
    assert_int_equal(e.code, ERR_INTERNAL);
    s = db_query(db, "SELECT ?", &e);
    assert_int_equal(db_step(s, &e), ERR_INTERNAL); /* a parameter was forgotten */
    db_done(s);
    s = db_query(db, "SELECT 1", &e);
    db_int(s, 1);
    assert_true(db_step(s, &e) < 0); /* one too many */
    db_done(s);
    /* Writing through a reader is a bug, not a full disk. */
    assert_int_equal(add_thing(db, 1, "x", &e), ERR_INTERNAL);
    must(db_begin(db, &e), &e);
    assert_int_equal(db_begin(db, &e), ERR_INTERNAL);
    must(add_thing(db, 1, "x", &e), &e);
    assert_int_equal(add_thing(db, 1, "y", &e), ERR_CONFLICT);
    must(db_end(db, true, &e), &e);
    assert_int_equal(db_end(db, true, &e), ERR_INTERNAL);
    assert_int_equal(count(db), 1);
    db_close(db);
}

/* The same text while it is being stepped gives a second statement; hundreds of texts do not pile up. */
static void statements(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    char sql[64];
    struct stmt *a = db_query(db, "SELECT 1 UNION SELECT 2", &e);
    struct stmt *b = db_query(db, "SELECT 1 UNION SELECT 2", &e);

    assert_ptr_not_equal(a, b);
    assert_int_equal(db_step(a, &e), 1);
    assert_int_equal(db_step(b, &e), 1);
    assert_int_equal(db_step(a, &e), 1);
    assert_int_equal(col_int(a, 0), 2);
    assert_int_equal(col_int(b, 0), 1);
    db_done(a);
    db_done(b);
    for (int i = 0; i < 1000; i++) {
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        assert_int_equal(db_value(db, sql, -1), i);
    }
    db_close(db);
}

static void rollback(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE, why = ERR_NONE;
    uint64_t before = db_rollbacks(db);

    must(db_begin(db, &e), &e);
    must(add_thing(db, 1, "x", &e), &e);
    must(db_end(db, false, &e), &e);
    assert_int_equal(count(db), 0);
    assert_int_equal(db_rollbacks(db), before + 1);
    must(db_begin(db, &e), &e);
    must(add_thing(db, 1, "x", &e), &e);
    err_set(&why, ERR_CONFLICT, "half done");
    db_doom(db, &why);
    assert_int_equal(add_thing(db, 2, "y", &e), ERR_CONFLICT);
    assert_int_equal(db_exec(db, "DELETE FROM thing", &e), ERR_CONFLICT);
    assert_int_equal(db_end(db, true, &e), ERR_CONFLICT);
    assert_string_equal(e.text, "half done");
    assert_int_equal(count(db), 0);
    must(db_begin(db, &e), &e);
    must(add_thing(db, 3, "z", &e), &e);
    must(db_end(db, true, &e), &e);
    assert_int_equal(count(db), 1);
    db_close(db);
}

struct watcher {
    struct db *db;
    int bad;
    int64_t last;
    atomic_bool *stop;
};

/* Rows come in tens: a reader that sees another number saw into a transaction. */
static void *watch(void *arg)
{
    struct watcher *w = arg;

    while (!*w->stop) {
        int64_t n = count(w->db);

        if (n < w->last || n % 10 != 0)
            w->bad++;
        w->last = n;
    }
    return NULL;
}

static void readers_beside_the_writer(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    struct watcher w[12]; /* more than there are readers */
    pthread_t t[12];
    atomic_bool stop = false;

    for (size_t i = 0; i < 12; i++) {
        w[i] = (struct watcher){.db = db, .stop = &stop};
        assert_int_equal(pthread_create(&t[i], NULL, watch, &w[i]), 0);
    }
    for (int64_t i = 0; i < 200; i++) {
        must(db_begin(db, &e), &e);
        for (int64_t k = 0; k < 10; k++)
            must(add_thing(db, i * 10 + k, "x", &e), &e);
        must(db_end(db, i % 4 != 3, &e), &e);
    }
    stop = true;
    for (size_t i = 0; i < 12; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].bad, 0);
    }
    assert_int_equal(count(db), 1500);
    db_close(db);
}

static void *add_hundred(void *arg)
{
    struct db *db = arg;
    struct err e = ERR_NONE;

    for (int i = 0; i < 100; i++) {
        must(db_begin(db, &e), &e);
        must(db_exec(db, "INSERT INTO thing(name) SELECT 'n' || count(*) FROM thing", &e), &e);
        must(db_end(db, true, &e), &e);
    }
    return NULL;
}

/* db_begin stands in line inside the process. */
static void writers_take_turns(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    pthread_t t[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, add_hundred, db), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(db_value(db, "SELECT count(DISTINCT name) FROM thing", 0), 400);
    db_close(db);
}

/* An open statement keeps its thread's view at one instant. */
static void one_instant(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    struct stmt *hold = db_query(db, "SELECT count(*) FROM thing", &e);

    assert_int_equal(db_step(hold, &e), 1);
    must(db_begin(db, &e), &e);
    must(add_thing(db, 1, "x", &e), &e);
    assert_int_equal(count(db), 1); /* inside the transaction */
    must(db_end(db, true, &e), &e);
    assert_int_equal(count(db), 0);
    db_done(hold);
    assert_int_equal(count(db), 1);
    db_close(db);
}

static void memory(void **state)
{
    struct place p = {.path = "nowhere"};
    struct db *db = open_as(&p, DB_MEMORY);
    struct err e = ERR_NONE;

    must(db_begin(db, &e), &e);
    must(add_thing(db, 1, "x", &e), &e);
    must(db_end(db, true, &e), &e);
    must(db_sync(db, &e), &e);
    assert_int_equal(count(db), 1);
    assert_int_equal(access("nowhere", F_OK), -1);
    db_close(db);
}

/* ---- migrations ---- */

static void migrations(void **state)
{
    struct place *p = *state;
    static const struct db_migration old_steps[] = {
        {1, "CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT, size REAL, raw BLOB, at INTEGER);"},
        {0, NULL}};
    static const struct db_migration broken_steps[] = {
        {1, "irrelevant"},
        {2, "irrelevant"},
        {3, "CREATE TABLE fourth(x INTEGER); CREATE TABLE thing(x);"},
        {0, NULL}};
    static const struct db_room old = {"toys", old_steps, tables}, broken = {"toys", broken_steps, tables};
    struct err e = ERR_NONE;
    struct db *db = db_open(p->path, DB_CREATE, &e);
    const char *names[8];

    must(db_migrate(db, &old, &e), &e);
    must(db_begin(db, &e), &e);
    must(add_thing(db, 7, "kept", &e), &e);
    must(db_end(db, true, &e), &e);
    db_close(db);

    db = db_open(p->path, DB_READ, &e);
    assert_int_equal(db_migrate(db, &room, &e), ERR_UNSUPPORTED);
    db_close(db);

    db = open_as(p, DB_WRITE);
    assert_int_equal(db_value(db, "SELECT version FROM schema_version WHERE room = 'toys'", 0), 2);
    assert_int_equal(count(db), 1);
    must(db_migrate(db, &room, &e), &e); /* twice changes nothing */
    assert_int_equal(db_tables(db, TABLE_VIEW, names, 8), 1);
    assert_string_equal(names[0], "thing");
    assert_int_equal(db_tables(db, TABLE_STATE, names, 8), 1);
    assert_string_equal(names[0], "pair");
    /* A step that fails leaves nothing behind. */
    assert_true(db_migrate(db, &broken, &e) < 0);
    assert_int_equal(db_value(db, "SELECT count(*) FROM sqlite_master WHERE name = 'fourth'", -1), 0);
    assert_int_equal(db_value(db, "SELECT version FROM schema_version WHERE room = 'toys'", 0), 2);
    /* A newer program was here. */
    assert_int_equal(db_migrate(db, &old, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "newer"));
    assert_true(e.remedy[0]);
    db_close(db);
}

static void keys_and_clearing(void **state)
{
    struct db *db = open_as(*state, DB_CREATE);
    struct err e = ERR_NONE;
    struct buf b;
    size_t n;

    buf_init(&b, 1000);
    must(db_key_columns(db, "pair", &b, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_true(sv_eq(buf_sv(&b), SV("\"b\",\"a\"")));
    must(db_exec(db, "CREATE VIRTUAL TABLE words USING fts5(body, content='', tokenize='unicode61')", &e),
         &e);
    must(
        db_exec(db,
                "INSERT INTO words(rowid, body) VALUES(1, 'fire signal'); INSERT INTO pair VALUES(1, 'x', 2)",
                &e),
        &e);
    assert_int_equal(db_value(db, "SELECT count(*) FROM words WHERE words MATCH 'signal'", -1), 1);
    must(db_clear_table(db, "words", &e), &e);
    must(db_clear_table(db, "pair", &e), &e);
    assert_int_equal(db_value(db, "SELECT count(*) FROM words WHERE words MATCH 'signal'", -1), 0);
    assert_int_equal(db_value(db, "SELECT count(*) FROM pair", -1), 0);
    buf_clear(&b);
    db_close(db);
}

static void count_finding(void *ctx, const char *text)
{
    ++*(int *)ctx;
}

static void copies_and_structure(void **state)
{
    struct place *p = *state, to = *p;
    struct db *db = open_as(p, DB_CREATE), *copy;
    struct err e = ERR_NONE;
    int found = 0;

    must(db_begin(db, &e), &e);
    for (int64_t i = 0; i < 1000; i++)
        must(add_thing(db, i, "thing", &e), &e);
    must(db_end(db, true, &e), &e);
    must(db_begin(db, &e), &e);
    must(add_thing(db, 5000, "not committed", &e), &e);
    must(db_end(db, false, &e), &e);
    snprintf(to.path, sizeof(to.path), "%s/copy.db", p->dir);
    must(db_copy_to(db, to.path, &e), &e);
    assert_int_equal(db_copy_to(db, to.path, &e), ERR_EXISTS);
    copy = open_as(&to, DB_WRITE);
    assert_int_equal(count(copy), 1000);
    must(db_integrity(copy, count_finding, &found, &e), &e);
    assert_int_equal(found, 0);
    db_close(copy);
    db_close(db);
}

/* ---- disks that say no ---- */

static void damaged_structure(void **state)
{
    struct place *p = *state;
    struct db *db = open_as(p, DB_CREATE);
    struct err e = ERR_NONE;
    char junk[8192];
    int found = 0, fd, rc;

    must(db_begin(db, &e), &e);
    for (int64_t i = 0; i < 20000; i++)
        must(add_thing(db, i, "thing thing thing", &e), &e);
    must(db_end(db, true, &e), &e);
    db_close(db);
    memset(junk, 0x5a, sizeof(junk));
    fd = open(p->path, O_WRONLY);
    assert_int_equal(pwrite(fd, junk, sizeof(junk), 8192 * 20), sizeof(junk));
    close(fd);
    db = db_open(p->path, DB_READ, &e);
    assert_non_null(db);
    rc = db_integrity(db, count_finding, &found, &e);
    assert_true(rc == ERR_CORRUPT || found > 0);
    db_close(db);
}

static void not_a_database(void **state)
{
    struct place *p = *state;
    struct err e = ERR_NONE;

    assert_null(db_open(p->path, DB_WRITE, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_true(e.remedy[0]);
    must(file_write(AT_FDCWD, p->path,
                    SV("This is a text file, long enough to be taken for something else by a hasty reader. "
                       "Databases begin with other words."),
                    0600, &e),
         &e);
    for (enum db_mode m = DB_CREATE; m <= DB_READ; m++) {
        assert_null(db_open(p->path, m, &e));
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_true(e.remedy[0]);
    }
    assert_null(db_open(p->dir, DB_WRITE, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
}

static void anothers_database(void **state)
{
    struct place *p = *state;
    struct err e = ERR_NONE;
    struct db *db = open_as(p, DB_CREATE);

    must(db_exec(db, "PRAGMA application_id = 252006673", &e), &e);
    db_close(db);
    assert_null(db_open(p->path, DB_WRITE, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
}

static void locked_by_another_process(void **state)
{
    struct place *p = *state;
    struct err e = ERR_NONE;
    int go[2], status;
    char c = 0;
    pid_t pid;
    struct db *db;

    db_close(open_as(p, DB_CREATE));
    assert_int_equal(pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        db = db_open(p->path, DB_WRITE, NULL);
        c = db ? 'y' : 'n';
        (void)!write(go[1], &c, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(go[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_null(db_open(p->path, DB_WRITE, &e));
    assert_int_equal(e.code, ERR_BUSY);
    char number[16];
    snprintf(number, sizeof(number), "%d", (int)pid);
    assert_non_null(strstr(e.text, number));
    assert_true(e.remedy[0]);
    db = open_as(p, DB_READ); /* reading is allowed */
    assert_int_equal(count(db), 0);
    assert_int_equal(db_begin(db, &e), ERR_DENIED);
    db_close(db);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    db = open_as(p, DB_WRITE); /* the lock dies with its holder */
    db_close(db);
    close(go[0]);
    close(go[1]);
}

/* Runs `work` in a child that may change its rights and limits; the child exits with the code of the error.
 */
static int in_child(int (*work)(const struct place *p), const struct place *p)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(-work(p) & 0xff);
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status))
        fail_msg("the child was killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) ? -WEXITSTATUS(status) : OK;
}

static int open_as_nobody(const struct place *p)
{
    struct err e = ERR_NONE;
    struct db *db;

    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
        return -100;
    db = db_open(p->path, DB_WRITE, &e);
    if (db)
        return -101;
    return e.remedy[0] || e.text[0] ? e.code : -102;
}

static void read_only_directory(void **state)
{
    struct place *p = *state;

    db_close(open_as(p, DB_CREATE));
    assert_int_equal(chmod(p->path, 0444), 0);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_int_equal(in_child(open_as_nobody, p), ERR_DENIED);
    assert_int_equal(chmod(p->dir, 0755), 0);
}

static int grow_until_error(struct db *db, struct err *e)
{
    char big[4096];
    int rc = OK;

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    for (int64_t i = 0; i < 100000 && rc == OK; i += 100) {
        rc = db_begin(db, e);
        for (int64_t k = 0; k < 100 && rc == OK; k++)
            rc = add_thing(db, i + k, big, e);
        if (rc == OK)
            rc = db_end(db, true, e);
        else if (db_in_tx(db)) {
            /* The transaction is dead: what follows must not sneak in one by one. */
            struct err second = ERR_NONE;
            int again = add_thing(db, 999999, "sneaked in", &second);

            if (db_end(db, true, &second) == OK && again == OK)
                db_rollback(db);
        }
    }
    return rc;
}

/* Fills the disk; what was committed stays readable, nothing of the failed transaction is there, and room
 * makes all well. */
static int fill(const struct place *p)
{
    struct err e = ERR_NONE;
    struct db *db = db_open(p->path, DB_WRITE, &e);
    int64_t n;
    int rc;

    if (!db || db_migrate(db, &room, &e) != OK)
        return e.code;
    rc = grow_until_error(db, &e);
    n = count(db);
    if (n <= 0 || n % 100 != 0 || db_value(db, "SELECT count(*) FROM thing WHERE id = 999999", -1) != 0)
        rc = -103;
    if (rc == ERR_FULL && !e.remedy[0])
        rc = -104;
    db_close(db);
    return rc;
}

static int fill_limited(const struct place *p)
{
    struct rlimit limit = {4 << 20, 4 << 20};

    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return -100;
    return fill(p);
}

static void file_size_limit(void **state)
{
    struct place *p = *state;
    struct db *db;

    db_close(open_as(p, DB_CREATE));
    assert_int_equal(in_child(fill_limited, p), ERR_FULL);
    db = open_as(p, DB_WRITE);
    assert_true(count(db) > 0 && count(db) % 100 == 0);
    db_close(db);
}

static int fill_tmpfs(const struct place *p)
{
    int rc;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", p->dir, "tmpfs", 0, "size=4m") < 0)
        return -100;
    db_close(db_open(p->path, DB_CREATE, NULL));
    rc = fill(p);
    if (rc == ERR_FULL && mount("tmpfs", p->dir, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m") == 0) {
        struct err e = ERR_NONE;
        struct db *db = db_open(p->path, DB_WRITE, &e);

        /* A read-only disk: writing is refused with the right name, reading still works. */
        if (db || e.code != ERR_FULL)
            return -105;
        db = db_open(p->path, DB_READ, &e);
        if (!db || db_value(db, "SELECT count(*) FROM thing", 0) <= 0)
            return -106;
        db_close(db);
    }
    umount2(p->dir, MNT_DETACH);
    return rc;
}

static void full_and_read_only_disk(void **state)
{
    int rc = in_child(fill_tmpfs, *state);

    if (rc == -100)
        skip(); /* not allowed to mount here */
    assert_int_equal(rc, ERR_FULL);
}

/* Killed at any moment, a database holds whole transactions only, and all that were synced. */
static void killed_writer(void **state)
{
    struct place *p = *state;
    struct db *db;

    db_close(open_as(p, DB_CREATE));
    for (int round = 0; round < 5; round++) {
        int told[2], status;
        int64_t last = 0, v;
        pid_t pid;

        assert_int_equal(pipe(told), 0);
        pid = fork();
        if (pid == 0) {
            struct err e = ERR_NONE;

            close(told[0]);
            db = open_as(p, DB_WRITE);
            for (int64_t i = count(db);; i += 10) {
                must(db_begin(db, &e), &e);
                for (int64_t k = 0; k < 10; k++)
                    must(add_thing(db, i + k, "x", &e), &e);
                must(db_end(db, true, &e), &e);
                must(db_sync(db, &e), &e);
                v = i + 10;
                (void)!write(told[1], &v, sizeof(v));
            }
        }
        close(told[1]);
        for (int i = 0; i < 3 + 7 * round && read(told[0], &v, sizeof(v)) == sizeof(v); i++)
            last = v;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        while (read(told[0], &v, sizeof(v)) == sizeof(v))
            last = v;
        close(told[0]);
        db = open_as(p, DB_WRITE);
        assert_true(count(db) >= last && count(db) <= last + 10 && count(db) % 10 == 0);
        db_close(db);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(values_round_trip),
        TEST(mistakes_are_errors),
        TEST(statements),
        TEST(rollback),
        TEST(readers_beside_the_writer),
        TEST(writers_take_turns),
        TEST(one_instant),
        TEST(memory),
        TEST(migrations),
        TEST(keys_and_clearing),
        TEST(copies_and_structure),
        TEST(damaged_structure),
        TEST(not_a_database),
        TEST(anothers_database),
        TEST(locked_by_another_process),
        TEST(read_only_directory),
        TEST(file_size_limit),
        TEST(full_and_read_only_disk),
        TEST(killed_writer),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
