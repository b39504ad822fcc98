/*
 * Bare inserts: rows as the claim and object tables have them, written with nothing but the driver, durable
 * at the end. It is the limit that the budgets of the imports are compared to. Beside it what the ledger adds
 * (salts, hashes, packs), point reads, and the cost of one sync.
 *
 *   bench_store [DIRECTORY [ROWS]]
 */
#include "ledger/ledger.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 10000

/* Like the tables of claims and of their texts: keyed by a 64-bit hash, small numbers, times, one short text.
 */
static const struct db_migration steps[] = {
    {1, "CREATE TABLE value(id INTEGER PRIMARY KEY, h INTEGER NOT NULL, kind INTEGER NOT NULL, text TEXT NOT "
        "NULL);"
        "CREATE TABLE claim(id INTEGER PRIMARY KEY, value INTEGER NOT NULL, source INTEGER NOT NULL, org "
        "BLOB NOT NULL,"
        "  entry INTEGER NOT NULL, first INTEGER, last INTEGER, confidence INTEGER);"},
    {0, NULL},
};
static const struct db_room room = {"bench", steps, NULL};

static void die(const struct err *e)
{
    err_print(stderr, "bench_store", e);
    exit(3);
}

/* Wall time for people, processor time for comparisons on a busy machine. */
struct watch {
    usec wall;
    clock_t cpu;
};

static struct watch watch_start(void)
{
    return (struct watch){time_ticks(), clock()};
}

static void report(const char *what, double rows, const struct watch *since)
{
    double wall = (double)(time_ticks() - since->wall) / 1e6;
    double cpu = (double)(clock() - since->cpu) / CLOCKS_PER_SEC;

    printf("%-48s %10.0f /s  %10.0f a CPU second  (%.3f s)\n", what, rows / wall, rows / cpu, wall);
}

static size_t domain_of(char *text, size_t cap, uint64_t i)
{
    int n = snprintf(text, cap, "h%016llx.phish-%llu.example", (unsigned long long)i * 0x9e3779b97f4a7c15u,
                     (unsigned long long)(i % 977));

    return n > 0 ? (size_t)n : 0;
}

static int insert_pair(struct stmt *value, struct stmt *claim, int64_t id, struct err *e)
{
    static const char org[16] = {1};
    char text[96];
    size_t n = domain_of(text, sizeof(text), (uint64_t)id);
    int rc;

    db_int(value, id);
    db_int(value, (int64_t)hash64(hash_process_secret(), sv_from(text, n)));
    db_int(value, 3);
    db_text(value, sv_from(text, n));
    rc = db_run(value, e);
    if (rc != OK)
        return rc;
    db_int(claim, id);
    db_int(claim, id);
    db_int(claim, 7);
    db_blob(claim, sv_from(org, sizeof(org)));
    db_int(claim, id / BATCH);
    db_time(claim, 1780000000 * USEC_SECOND);
    db_time(claim, USEC_NONE);
    db_int(claim, 60);
    return db_run(claim, e);
}

static int insert_batch(struct db *db, int64_t first, int64_t count, struct err *e)
{
    struct stmt *value, *claim;
    int rc = db_begin(db, e);

    if (rc != OK)
        return rc;
    value = db_query(db, "INSERT INTO value(id, h, kind, text) VALUES(?, ?, ?, ?)", e);
    claim = db_query(db,
                     "INSERT INTO claim(id, value, source, org, entry, first, last, confidence) "
                     "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                     e);
    if (!value || !claim)
        rc = e->code;
    for (int64_t i = first; rc == OK && i < first + count; i++)
        rc = insert_pair(value, claim, i, e);
    db_done(value);
    db_done(claim);
    if (rc == OK)
        return db_end(db, true, e);
    db_rollback(db);
    return rc;
}

static void bench_inserts(struct db *db, int64_t rows)
{
    struct err e = ERR_NONE;
    struct watch start = watch_start();

    for (int64_t i = 0; i < rows; i += BATCH)
        if (insert_batch(db, i, BATCH, &e) != OK)
            die(&e);
    if (db_sync(db, &e) != OK)
        die(&e);
    report("bare inserts, two rows a line: lines", (double)rows, &start);
    report("bare inserts, two rows a line: rows", 2 * (double)rows, &start);
    start = watch_start();
    if (db_exec(db, "CREATE INDEX value_h ON value(h)", &e) != OK)
        die(&e);
    report("index over an 8-byte hash, built after: rows", (double)rows, &start);
}

static void bench_reads(struct db *db, int64_t rows)
{
    struct err e = ERR_NONE;
    const int64_t reads = 200000;
    struct watch start = watch_start();
    int64_t hits = 0;
    char text[96];

    for (int64_t i = 0; i < reads; i++) {
        uint64_t id = ((uint64_t)i * 2654435761u) % (uint64_t)rows;
        struct stmt *s = db_query(db, "SELECT id, text FROM value WHERE h = ?", &e);

        if (!s)
            die(&e);
        db_int(s, (int64_t)hash64(hash_process_secret(), sv_from(text, domain_of(text, sizeof(text), id))));
        hits += db_step(s, &e) == 1;
        db_done(s);
    }
    report("point reads by hash", (double)reads, &start);
    if (hits != reads)
        printf("WRONG: %lld of %lld found\n", (long long)hits, (long long)reads);
}

static void bench_sync(struct db *db)
{
    struct err e = ERR_NONE;
    const int rounds = 200;
    struct watch start = watch_start();

    for (int i = 0; i < rounds; i++) {
        if (db_begin(db, &e) != OK ||
            db_exec(db, "UPDATE claim SET confidence = confidence + 1 WHERE id = 1", &e) != OK ||
            db_end(db, true, &e) != OK || db_sync(db, &e) != OK)
            die(&e);
    }
    report("small transactions, each synced to disk", rounds, &start);
}

static void bench_packs(int64_t rows)
{
    struct pack p;
    struct watch start;
    char text[96];

    pack_init(&p);
    start = watch_start();
    for (int64_t i = 0; i < rows; i++) {
        if (i % BATCH == 0)
            pack_reset(&p);
        pack_add(&p, sv_from(text, domain_of(text, sizeof(text), (uint64_t)i)));
    }
    report("records into packs (salt, hash, tree)", (double)rows, &start);
    pack_clear(&p);
}

static int apply_nothing(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    return OK;
}

static void bench_ledger(struct db *db, int64_t rows)
{
    static const struct ledger_kind kinds[] = {{"bench", 1, apply_nothing, NULL}, {NULL, 0, NULL, NULL}};
    struct ledger_header h = {.kind = "bench", .source = 1, .at = 1780000000 * USEC_SECOND};
    struct err e = ERR_NONE;
    struct ledger *l;
    struct pack p;
    char text[96];
    struct watch start;
    int rc = db_migrate(db, &ledger_room, &e);

    l = rc == OK ? ledger_open(db, NULL, SV("noroshi.example/bench"), kinds, &e) : NULL;
    if (!l)
        die(&e);
    pack_init(&p);
    start = watch_start();
    for (int64_t i = 0; i < rows && rc == OK; i += BATCH) {
        pack_reset(&p);
        for (int64_t k = 0; k < BATCH; k++)
            pack_add(&p, sv_from(text, domain_of(text, sizeof(text), (uint64_t)(i + k))));
        rc = db_begin(db, &e);
        if (rc == OK)
            rc = ledger_accept(l, &h, &p, NULL, &e);
        if (rc == OK)
            rc = db_end(db, true, &e);
    }
    if (rc != OK)
        die(&e);
    report("ledger alone, packs of 10,000 records: records", (double)rows, &start);
    start = watch_start();
    if (ledger_verify(l, NULL, NULL, NULL, &e) != 0)
        die(&e);
    report("verify of that log: records", (double)rows, &start);
    printf("stored content: %.1f bytes a record\n",
           (double)db_value(db, "SELECT sum(length(bytes)) FROM content", 0) / (double)rows);
    pack_clear(&p);
    ledger_close(l);
}

static int remove_all(const char *dir)
{
    static const char *const names[] = {"bench.db", "bench.db-wal", "bench.db-shm", "bench.db.lock"};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) > 0)
            (void)unlink(path);
    return rmdir(dir) == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
    char dir[200] = "/tmp/noroshi-bench-XXXXXX", path[256];
    int64_t rows = 1000000;
    struct err e = ERR_NONE;
    struct db *db;

    if (argc > 1 && snprintf(dir, sizeof(dir), "%.150s/noroshi-bench-XXXXXX", argv[1]) < 0)
        return 2;
    if (argc > 2 && (!sv_i64(sv_c(argv[2]), &rows) || rows < BATCH))
        return 2;
    rows -= rows % BATCH;
    if (crypto_start(&e) != OK)
        die(&e);
    if (!mkdtemp(dir)) {
        perror(dir);
        return 3;
    }
    snprintf(path, sizeof(path), "%s/bench.db", dir);
    db = db_open(path, DB_CREATE, &e);
    if (!db || db_migrate(db, &room, &e) != OK)
        die(&e);
    bench_inserts(db, rows);
    bench_reads(db, rows);
    bench_sync(db);
    bench_packs(rows);
    bench_ledger(db, rows);
    db_close(db);
    return remove_all(dir);
}
