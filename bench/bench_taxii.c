/*
 * TAXII pages below HTTP, gate and rights included: rate and first byte at 10,000, 100,000 and 1,000,000
 * objects, against a bare SQLite read of the same rows in the same run. `bench_taxii [OBJECTS [DIRECTORY]]`:
 * the largest size, default 1,000,000 in /tmp.
 */
#include "share/share.h"
#include "share/taxii/taxii.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct bench {
    char path[4096];
    struct hash_secret secret;
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct ledger_kind kinds[32];
    struct org org;
    struct source stored, listed;
    struct taxii t;
    struct taxii_collection objects, claims;
    struct taxii_who who;
    struct arena a;
};

static void must(int rc, const struct err *e, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "bench_taxii: %s: %s\n", what, e->text);
        exit(3);
    }
}

static double seconds(usec from)
{
    return (double)(time_ticks() - from) / 1e6;
}

/* Of this process: what one core does, also where others run beside. */
static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- setting up */

static void open_node(struct bench *b)
{
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room, &fuse_room, &share_room,
                                                  &partner_room};
    struct err e = ERR_NONE;
    struct ledger_kind own[FUSE_KINDS];
    size_t n = 0;
    b->db = db_open(b->path, DB_CREATE, &e);
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
    b->t = (struct taxii){.db = b->db, .fuse = b->fuse, .ledger = b->ledger, .secret = &b->secret};
}

static struct taxii_collection add_collection(struct bench *b, int64_t root, const char *title,
                                              int64_t source)
{
    struct err e = ERR_NONE;
    struct taxii_collection c = {
        .root = root, .title = sv_c(title), .ceiling = TLP_AMBER_STRICT, .admins = true};
    const struct taxii_right r = {.principal = SV("key:bench"), .reads = true};
    must(taxii_collection_put(&b->t, &c, 1, &b->a, &e), &e, title);
    must(taxii_right_put(&b->t, c.id, &r, 1, &e), &e, "right");
    must(taxii_attach(&b->t, c.id, source, true, 1, &e), &e, "attach");
    return c;
}

static void define(struct bench *b)
{
    struct err e = ERR_NONE;
    struct taxii_root root = {.path = SV("bench"), .title = SV("bench"), .max_content = 1 << 30};
    b->org = (struct org){.id = uuid_v4(), .name = SV("bench"), .country = SV("TW"), .zone = SV("UTC")};
    b->stored = (struct source){.uuid = uuid_v4(),
                                .org = b->org.id,
                                .name = SV("stored"),
                                .reliability = 'B',
                                .zone = SV("UTC"),
                                .tlp = TLP_GREEN};
    b->listed = b->stored;
    b->listed.uuid = uuid_v4();
    b->listed.name = SV("listed");
    b->who = (struct taxii_who){.principal = SV("key:bench"), .org = b->org.id};
    must(db_begin(b->db, &e), &e, "begin");
    must(org_put(b->ledger, b->db, &b->org, 1, &e), &e, "organisation");
    must(source_put(b->ledger, b->db, &b->stored, 1, &e), &e, "source");
    must(source_put(b->ledger, b->db, &b->listed, 1, &e), &e, "source");
    must(taxii_root_put(&b->t, &root, 1, &e), &e, "root");
    b->objects = add_collection(b, root.id, "Objects", b->stored.id);
    b->claims = add_collection(b, root.id, "Claims", b->listed.id);
    must(db_end(b->db, true, &e), &e, "commit");
}

static void take(struct bench *b, const struct source *s, struct buf *text)
{
    struct err e = ERR_NONE;
    struct take_report r;
    const struct take_opts o = {.source = s, .now = time_now()};
    int fd = memfd_create("bench", MFD_CLOEXEC);
    must(text->failed ? ERR_MEMORY : OK, &e, "memory");
    must(fd_write_all(fd, buf_sv(text), &e), &e, "file");
    lseek(fd, 0, SEEK_SET);
    must(fuse_take(b->fuse, fd, SV("bench"), &o, &r, &e), &e, "take");
    must(r.rejected ? ERR_VALUE : OK, &e, "an object was refused");
    close(fd);
}

static void add_objects(struct bench *b, unsigned from, unsigned to)
{
    struct buf text;
    buf_init(&text, 1u << 30);
    buf_add(&text, SV("{\"objects\":[\n"));
    for (unsigned i = from; i < to; i++) {
        char id[37];
        uuid_text(uuid_v4(), id);
        buf_printf(
            &text,
            "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--%s\",\"created\":\"2026-"
            "05-%02uT10:00:00.000Z\",\"modified\":\"2026-05-%02uT10:00:00.000Z\",\"created_by_ref\":"
            "\"identity--311b2d2d-f010-4473-83ec-1edf84858f4c\",\"name\":\"Indicator %u of a campaign\","
            "\"description\":\"Seen in mails to city governments\",\"indicator_types\":[\"malicious-"
            "activity\"],\"pattern\":\"[domain-name:value = 's%u.evil%u.example']\",\"pattern_type\":"
            "\"stix\",\"valid_from\":\"2026-05-01T00:00:00Z\"}",
            i > from ? ",\n" : "", id, i % 28 + 1, i % 28 + 1, i, i, i % 977);
    }
    buf_add(&text, SV("]}\n"));
    take(b, &b->stored, &text);
    buf_clear(&text);
}

static void add_lines(struct bench *b, unsigned n)
{
    struct buf text;
    buf_init(&text, 1u << 30);
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&text, "h%u.list%u.example\n", i, i % 977);
    }
    take(b, &b->listed, &text);
    buf_clear(&text);
}

static void collect(struct bench *b, const struct taxii_collection *c, int64_t expected)
{
    struct err e = ERR_NONE;
    usec from = time_ticks();
    int64_t before = taxii_count(b->db, c->id);
    while (taxii_count(b->db, c->id) < expected) {
        must(taxii_collect(&b->t, time_now(), &e), &e, "collect");
    }
    printf("collecting %9lld things        %.0f/s\n", (long long)(expected - before),
           (double)(expected - before) / seconds(from));
}

/* ---- measuring */

/* Walks the collection; returns seconds of CPU, the time to each page's first bytes into `first`
 * (milliseconds). */
static double walk(struct bench *b, const struct taxii_collection *c, enum taxii_what what, double *first,
                   size_t *ret_pages, uint64_t *ret_bytes)
{
    struct err e = ERR_NONE;
    struct buf out;
    char next[100] = "";
    double start = cpu_seconds();
    buf_init(&out, 64u << 20);
    for (*ret_pages = 0, *ret_bytes = 0;; ++*ret_pages) {
        const struct taxii_query q = {.next = sv_c(next), .limit = SV("1000")};
        struct taxii_page *p;
        usec a, z, from = time_ticks();
        must(taxii_page_open(&b->t, c, &b->who, what, &q, time_now(), &p, &a, &z, &e), &e, "page");
        buf_reset(&out);
        int rc = taxii_page_pull(p, &out);
        first[*ret_pages] = (double)(time_ticks() - from) / 1e3;
        size_t at = sv_find(sv_sub(buf_sv(&out), 0, 200), SV("\"next\":\""));
        next[0] = 0;
        if (at != SIZE_MAX) {
            (void)sv_copy(sv_sub(buf_sv(&out), at + 8, 48), next, sizeof(next));
        }
        while (rc == 0) {
            *ret_bytes += out.n;
            buf_reset(&out); /* as a connection takes it */
            rc = taxii_page_pull(p, &out);
        }
        must(rc == -1 ? OK : rc, &e, "pull");
        *ret_bytes += out.n;
        taxii_page_free(p);
        if (!next[0]) {
            break;
        }
    }
    ++*ret_pages;
    buf_clear(&out);
    return cpu_seconds() - start;
}

/* The same bodies in the same order through the same driver into a buffer: what SQLite gives at best. */
static double bare(struct bench *b, const char *sql)
{
    struct err e = ERR_NONE;
    struct buf out;
    double start = cpu_seconds();
    struct stmt *s = db_query(b->db, sql, &e);
    must(s ? OK : e.code, &e, sql);
    buf_init(&out, 64u << 20);
    while (db_step(s, &e) == 1) {
        if (out.n > 32768) {
            buf_reset(&out);
        }
        buf_add(&out, col_blob(s, 0));
    }
    db_done(s);
    buf_clear(&out);
    return cpu_seconds() - start;
}

static void measure(struct bench *b, const char *name, const struct taxii_collection *c, enum taxii_what what,
                    size_t objects, const char *sql)
{
    size_t pages;
    uint64_t bytes;
    double *first = calloc(objects / 1000 + 2, sizeof(*first));
    double warm = walk(b, c, what, first, &pages, &bytes), best = walk(b, c, what, first, &pages, &bytes);
    double early = first[0], late = first[pages - 1], direct = sql ? bare(b, sql) : 0;
    if (sql) {
        direct = bare(b, sql);
    }
    best = warm < best ? warm : best;
    qsort(first, pages, sizeof(*first), compare_doubles);
    printf(
        "%-9s of %9zu        %.0f pages/s of 1,000 (budget 300: ratio %.2f), %.0f MB/s; first byte p50 %.2f "
        "ms, page 1 %.2f ms, last page %.2f ms (budget 5 ms: ratio %.2f)",
        name, objects, (double)pages / best, (double)pages / best / 300.0, (double)bytes / best / 1e6,
        first[pages / 2], early, late, first[pages / 2] / 5.0);
    if (sql) {
        printf("; bare read of the rows %.0f pages/s: ratio %.2f", (double)pages / direct, direct / best);
    }
    putchar('\n');
    free(first);
}

int main(int argc, char **argv)
{
    unsigned largest = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000, have = 0;
    struct bench b = {0};
    struct err e = ERR_NONE;
    must(crypto_start(&e), &e, "start");
    snprintf(b.path, sizeof(b.path), "%s/noroshi-bench-taxii-%d.db", argc > 2 ? argv[2] : "/tmp",
             (int)getpid());
    memset(b.secret.b, 7, sizeof(b.secret.b));
    arena_init(&b.a, 1 << 20);
    open_node(&b);
    define(&b);
    for (unsigned size = 10000; size <= largest; size *= 10) {
        for (; have < size; have = have + 100000 < size ? have + 100000 : size) {
            add_objects(&b, have, have + 100000 < size ? have + 100000 : size);
        }
        collect(&b, &b.objects, size);
        measure(
            &b, "objects", &b.objects, TAXII_OBJECTS, size,
            "SELECT o.body FROM member m JOIN object o ON o.id = m.number WHERE m.collection = 1 ORDER BY "
            "m.added");
        measure(&b, "manifest", &b.objects, TAXII_MANIFEST, size, NULL);
    }
    unsigned lines = largest < 100000 ? largest : 100000;
    add_lines(&b, lines);
    collect(&b, &b.claims, lines);
    measure(&b, "claims", &b.claims, TAXII_OBJECTS, lines, NULL);
    fuse_free(b.fuse);
    ledger_close(b.ledger);
    db_close(b.db);
    arena_clear(&b.a);
    unlink(b.path);
    for (size_t i = 0; i < 3; i++) {
        static const char *const ends[] = {"-wal", "-shm", ".lock"};
        char extra[4200];
        snprintf(extra, sizeof(extra), "%s%s", b.path, ends[i]);
        unlink(extra);
    }
    return 0;
}
