/*
 * Budgets of a whole node below the network: import of a list and of a STIX bundle with ledger and
 * de-duplication, each against bare inserts of the same rows in the same run; exact look-ups; start.
 * `bench_node [LINES [OBJECTS [DIRECTORY]]]`, default 1,000,000 and 200,000 in /tmp.
 */
#include "share/gate/gate.h"
#include "share/share.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
    char path[4096];
    struct hash_secret secret;
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct parsers *parsers;
    struct ledger_kind kinds[32];
    struct org org;
    struct source source;
};

static void must(int rc, const struct err *e, const char *what)
{
    if (rc != OK) {
        fprintf(stderr, "bench_node: %s: %s\n", what, e->text);
        exit(3);
    }
}

static double seconds(usec from)
{
    return (double)(time_ticks() - from) / 1e6;
}

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void open_node(struct bench *b, enum db_mode mode)
{
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room, &fuse_room, &share_room,
                                                  &partner_room};
    struct err e = ERR_NONE;
    struct ledger_kind own[FUSE_KINDS];
    size_t n = 0;
    b->db = db_open(b->path, mode, &e);
    must(b->db ? OK : e.code, &e, "database");
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        must(db_migrate(b->db, rooms[i], &e), &e, "tables");
    }
    b->fuse = fuse_new(b->db, &b->secret);
    fuse_kinds(b->fuse, own);
    const struct ledger_kind *const sets[] = {intake_kinds, own, share_kinds};
    for (size_t i = 0; i < 3; i++) {
        for (const struct ledger_kind *k = sets[i]; k->name; k++) {
            b->kinds[n++] = *k;
        }
    }
    b->kinds[n] = (struct ledger_kind){0};
    b->ledger = ledger_open(b->db, NULL, SV("bench.example"), b->kinds, &e);
    must(b->ledger ? OK : e.code, &e, "ledger");
    fuse_attach(b->fuse, b->ledger);
}

static void close_node(struct bench *b)
{
    fuse_free(b->fuse);
    ledger_close(b->ledger);
    db_close(b->db);
}

static void add_source(struct bench *b)
{
    struct err e = ERR_NONE;
    b->org = (struct org){.id = uuid_v4(), .name = SV("bench"), .country = SV("TW"), .zone = SV("UTC")};
    b->source = (struct source){.uuid = uuid_v4(),
                                .org = b->org.id,
                                .name = SV("feed"),
                                .reliability = 'B',
                                .zone = SV("UTC"),
                                .tlp = TLP_GREEN};
    must(db_begin(b->db, &e), &e, "begin");
    must(org_put(b->ledger, b->db, &b->org, 1, &e), &e, "organisation");
    must(source_put(b->ledger, b->db, &b->source, 1, &e), &e, "source");
    must(db_end(b->db, true, &e), &e, "commit");
}

/* 40 % names, 30 % SHA-256, 10 % MD5, 20 % URLs. */
static int make_list(unsigned lines)
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    struct buf b;
    struct err e = ERR_NONE;
    buf_init(&b, 1u << 30);
    for (unsigned i = 0; i < lines; i++) {
        unsigned r = i % 10;
        unsigned long long x = next_random(), y = next_random();
        if (r < 4) {
            buf_printf(&b, "h%u-%llx.evil%llu.example\n", i, x & 0xffffffff, y % 5000);
        } else if (r < 7) {
            buf_printf(&b, "%016llx%016llx%016llx%016llx\n", x, y, x ^ 0x5555, y * 3);
        } else if (r < 8) {
            buf_printf(&b, "%016llx%016llx\n", x, y);
        } else {
            buf_printf(&b, "http://u%llu.example/p/%llx\n", x % 70000, y);
        }
    }
    must(fd_write_all(fd, buf_sv(&b), &e), &e, "list");
    buf_clear(&b);
    return fd;
}

static int make_bundle(unsigned objects)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    struct buf b;
    struct err e = ERR_NONE;
    buf_init(&b, 1u << 30);
    buf_add(
        &b,
        SV("{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d\",\"objects\":[\n"));
    for (unsigned i = 0; i < objects; i++) {
        char id[37];
        uuid_text(uuid_v4(), id);
        buf_printf(
            &b,
            "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%s\",\"created\":\"2026-"
            "05-%02uT10:00:00.000Z\",\"modified\":\"2026-05-%02uT10:00:00.000Z\","
            "\"created_by_ref\":\"identity--311b2d2d-f010-4473-83ec-1edf84858f4c\",\"name\":\"Indicator %u "
            "of a campaign\",\"description\":\"Seen in mails to city governments\","
            "\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[domain-name:value = "
            "'s%u.evil%u.example']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-05-01T00:00:00Z\"}",
            i ? ",\n" : "", id, i % 28 + 1, i % 28 + 1, i, i, i % 977);
    }
    buf_add(&b, SV("]}\n"));
    must(fd_write_all(fd, buf_sv(&b), &e), &e, "bundle");
    buf_clear(&b);
    return fd;
}

static struct take_report take(struct bench *b, int fd, const char *name)
{
    struct err e = ERR_NONE;
    struct take_report r;
    const struct take_opts o = {.parsers = b->parsers, .source = &b->source, .now = time_now()};
    lseek(fd, 0, SEEK_SET);
    must(fuse_take(b->fuse, fd, sv_c(name), &o, &r, &e), &e, name);
    return r;
}

/* Copies column by column whatever a row holds. */
static void bind_column(struct stmt *to, struct stmt *from, int i)
{
    if (col_null(from, i)) {
        db_null(to);
    } else if (col_type(from, i) == COL_INT) {
        db_int(to, col_int(from, i));
    } else {
        db_blob(to, col_blob(from, i));
    }
}

/* One pass over a table's rows; with `to` each is inserted there, 10,000 a transaction. */
static double pass(struct bench *b, const char *select, struct db *to, const char *insert)
{
    struct err e = ERR_NONE;
    struct stmt *from = db_query(b->db, select, &e), *into = NULL;
    unsigned n = 0;
    usec start = time_ticks();
    must(from ? OK : e.code, &e, select);
    while (db_step(from, &e) == 1) {
        if (to && n++ % 10000 == 0) {
            db_done(into);
            must(n > 1 ? db_end(to, true, &e) : OK, &e, "commit");
            must(db_begin(to, &e), &e, "begin");
            into = db_query(to, insert, &e);
            must(into ? OK : e.code, &e, insert);
        }
        for (int i = 0; into && i < db_columns(from); i++) {
            bind_column(into, from, i);
        }
        must(into ? db_run(into, &e) : OK, &e, "insert");
    }
    db_done(into);
    must(to ? db_end(to, true, &e) : OK, &e, "commit");
    db_done(from);
    return seconds(start);
}

/* The same rows through the same driver into an empty database with the same index, nothing else: the limit
 * SQLite sets. Reading them is taken off. */
static double bare_inserts(struct bench *b, const char *create, const char *select, const char *insert)
{
    char path[4200];
    struct err e = ERR_NONE;
    snprintf(path, sizeof(path), "%s.bare", b->path);
    struct db *to = db_open(path, DB_CREATE, &e);
    must(to ? OK : e.code, &e, path);
    must(db_exec(to, create, &e), &e, create);
    double read = pass(b, select, NULL, NULL), both = pass(b, select, to, insert);
    db_close(to);
    unlink(path);
    return both > read ? both - read : both;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#define CLAIM_COLUMNS                                                                                        \
    "h, kind, value, source, flags, tlp, created, modified, valid_from, valid_until, first_seen, "           \
    "last_seen, confidence, labels, ref, note, meta, accepted, entry"
#define OBJECT_COLUMNS                                                                                       \
    "h, stix_id, type, source, tlp, created, modified, created_by, revoked, pattern_other, sha, body, "      \
    "text, accepted, entry"
static const char CLAIM_TABLE[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, " CLAIM_COLUMNS "); CREATE INDEX t_h ON t (h);";
static const char CLAIM_SELECT[] = "SELECT " CLAIM_COLUMNS " FROM claim WHERE ref = ''";
static const char CLAIM_INSERT[] =
    "INSERT INTO t (" CLAIM_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char CLAIM_OF_OBJECT_SELECT[] = "SELECT " CLAIM_COLUMNS " FROM claim WHERE ref <> ''";
static const char REF_TABLE[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, h, target, property, object); CREATE INDEX t_h ON t (h);";
static const char REF_SELECT[] = "SELECT target_h, target, property, object FROM object_ref";
static const char REF_INSERT[] = "INSERT INTO t (h, target, property, object) VALUES (?,?,?,?)";
static const char VALUE_TABLE[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, h, kind, value, bad, object); CREATE INDEX t_h ON t (h);";
static const char VALUE_SELECT[] = "SELECT h, kind, value, bad, object FROM object_value";
static const char VALUE_INSERT[] = "INSERT INTO t (h, kind, value, bad, object) VALUES (?,?,?,?,?)";
static const char OBJECT_TABLE[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, " OBJECT_COLUMNS "); CREATE INDEX t_h ON t (h);";
static const char OBJECT_SELECT[] = "SELECT " OBJECT_COLUMNS " FROM object";
static const char OBJECT_INSERT[] =
    "INSERT INTO t (" OBJECT_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

static void look_ups(struct bench *b, unsigned n)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf json;
    double *took = calloc(n, sizeof(*took));
    arena_init(&a, 1 << 24);
    buf_init(&json, 1 << 24);
    must(gate_view(b->db, b->org.id, PURPOSE_NETWORK_SAFETY, time_now(), &a, &view, &e), &e, "view");
    for (unsigned i = 0; i < n; i++) {
        char value[64];
        unsigned k = (unsigned)(next_random() % 100000);
        snprintf(value, sizeof(value), i % 2 ? "s%u.evil%u.example" : "absent%u.evil%u.example", k, k % 977);
        buf_reset(&json);
        usec from = time_ticks();
        must(fuse_look(b->fuse, &view, sv_c(value), time_now(), &json, &e), &e, "look");
        took[i] = (double)(time_ticks() - from) / 1e3;
    }
    qsort(took, n, sizeof(*took), compare_doubles);
    printf("look-up, half hits            p50 %.3f ms, p99 %.3f ms (budget p99 < 5 ms: ratio %.3f)\n",
           took[n / 2], took[n * 99 / 100], took[n * 99 / 100] / 5.0);
    free(took);
    buf_clear(&json);
    arena_clear(&a);
}

int main(int argc, char **argv)
{
    unsigned lines = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000,
             objects = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200000;
    struct bench b = {0};
    struct err e = ERR_NONE;
    must(crypto_start(&e), &e, "start");
    b.parsers = parsers_start(&e);
    must(b.parsers ? OK : e.code, &e, "parsers");
    snprintf(b.path, sizeof(b.path), "%s/noroshi-bench-%d.db", argc > 3 ? argv[3] : "/tmp", (int)getpid());
    memset(b.secret.b, 7, sizeof(b.secret.b));
    open_node(&b, DB_CREATE);
    add_source(&b);

    int list = make_list(lines), bundle = make_bundle(objects);
    struct take_report r = take(&b, list, "list");
    double bare = bare_inserts(&b, CLAIM_TABLE, CLAIM_SELECT, CLAIM_INSERT);
    printf("list of %u lines          %.0f lines/s (goal 100,000); bare inserts of the rows %.0f/s: ratio "
           "%.2f (budget 0.50)\n",
           lines, lines / r.seconds, lines / bare, bare / r.seconds);
    r = take(&b, list, "list again");
    printf("the same list again           %.0f lines/s, %llu duplicates\n", lines / r.seconds,
           (unsigned long long)r.duplicates);
    r = take(&b, bundle, "bundle");
    bare = bare_inserts(&b, OBJECT_TABLE, OBJECT_SELECT, OBJECT_INSERT) +
           bare_inserts(&b, REF_TABLE, REF_SELECT, REF_INSERT) +
           bare_inserts(&b, VALUE_TABLE, VALUE_SELECT, VALUE_INSERT) +
           bare_inserts(&b, CLAIM_TABLE, CLAIM_OF_OBJECT_SELECT, CLAIM_INSERT);
    printf("bundle of %u objects      %.0f objects/s (budget 15,000); bare inserts %.0f/s: ratio "
           "%.2f (budget 0.50)\n",
           objects, objects / r.seconds, objects / bare, bare / r.seconds);
    look_ups(&b, 20000);
    close_node(&b);

    usec from = time_ticks();
    open_node(&b, DB_WRITE);
    must(fuse_index_refresh(b.fuse, 1, &e), &e, "index");
    double start = seconds(from);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    struct fuse_index index = fuse_index_get(b.fuse);
    printf("start with %zu indicators %.2f s to a full index (budget 2 s: ratio %.2f); index %.0f MB; peak "
           "of this process %.0f MB\n",
           index.base ? matchset_count(index.base) : 0, start, start / 2.0,
           index.base ? (double)matchset_bytes(index.base) / 1e6 : 0, (double)use.ru_maxrss / 1e3);
    fuse_index_put(&index);
    close_node(&b);
    parsers_stop(b.parsers);
    char extra[4200];
    unlink(b.path);
    for (size_t i = 0; i < 3; i++) {
        static const char *const ends[] = {"-wal", "-shm", ".lock"};
        snprintf(extra, sizeof(extra), "%s%s", b.path, ends[i]);
        unlink(extra);
    }
    return 0;
}
