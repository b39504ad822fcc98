/*
 * Exports: each format over a filled node, against a bare SELECT of the same rows in the same order, in the
 * same run. `bench_export [LINES [DIRECTORY]]`, default 1,000,000 in /tmp.
 */
#include "share/export/export.h"
#include "share/gate/gate.h"
#include "share/share.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
    char path[4096];
    const char *dir;
    struct hash_secret secret;
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct parsers *parsers;
    struct ledger_kind kinds[32];
    struct org org;
    struct source source;
    struct arena a;
    struct pact_view view;
};

static void must(int rc, const struct err *e, const char *what)
{
    if (rc != OK) {
        fprintf(stderr, "bench_export: %s: %s\n", what, e->text);
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
    b->ledger = ledger_open(b->db, NULL, SV("bench.example"), b->kinds, &e);
    must(b->ledger ? OK : e.code, &e, "ledger");
    fuse_attach(b->fuse, b->ledger);
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

/* A quarter each: addresses, names, URLs, SHA-256. */
static void fill(struct bench *b, unsigned lines)
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    struct buf text;
    struct err e = ERR_NONE;
    struct take_report r;
    const struct take_opts o = {.parsers = b->parsers, .source = &b->source, .now = time_now()};
    buf_init(&text, 1u << 30);
    for (unsigned i = 0; i < lines; i++) {
        unsigned long long x = next_random(), y = next_random();
        if (i % 4 == 0) {
            buf_printf(&text, "%llu.%llu.%llu.%llu\n", x % 222 + 1, (x >> 16) % 256, (x >> 32) % 256,
                       y % 256);
        } else if (i % 4 == 1) {
            buf_printf(&text, "h%u-%llx.evil%llu.example\n", i, x & 0xffffffff, y % 5000);
        } else if (i % 4 == 2) {
            buf_printf(&text, "http://u%llu.example/p/%llx\n", x % 70000, y);
        } else {
            buf_printf(&text, "%016llx%016llx%016llx%016llx\n", x, y, x ^ 0x5555, y * 3);
        }
    }
    must(fd_write_all(fd, buf_sv(&text), &e), &e, "list");
    buf_clear(&text);
    lseek(fd, 0, SEEK_SET);
    must(fuse_take(b->fuse, fd, SV("list"), &o, &r, &e), &e, "list");
    close(fd);
}

/* The rows an export reads, in its order, through the same driver, looked at and thrown away. */
static double bare_select(struct bench *b)
{
    struct err e = ERR_NONE;
    usec from = time_ticks();
    struct stmt *s =
        db_query(b->db,
                 "SELECT kind, value, source, tlp, created, modified, valid_from, valid_until, "
                 "first_seen, last_seen, confidence, accepted, labels, ref, note, meta FROM claim "
                 "WHERE flags = 0 ORDER BY kind, value, id",
                 &e);
    size_t bytes = 0;
    int rc;
    must(s ? OK : e.code, &e, "select");
    while ((rc = db_step(s, &e)) == 1) {
        bytes += col_text(s, 1).n;
    }
    must(rc, &e, "select");
    db_done(s);
    return bytes ? seconds(from) : 0;
}

static int count_file(void *ctx, struct sv name, struct sv bytes, struct err *e)
{
    *(uint64_t *)ctx += bytes.n;
    return OK;
}

static void run(struct bench *b, const struct export_format *f, const char *kind, double bare)
{
    struct err e = ERR_NONE;
    struct export_report r;
    struct export_opts o = {.view = &b->view, .now = time_now(), .node = "bench", .spool = b->dir};
    const struct export_words words = {.kind = sv_c(kind)};
    uint64_t bytes = 0;
    int fd = -1;
    must(export_filter(&words, &o, &e), &e, "filter");
    usec from = time_ticks();
    int rc = export_is_folder(f) ? export_folder(b->fuse, f, &o, count_file, &bytes, &r, &e)
                                 : export_make(b->fuse, f, &o, &fd, &r, &e);
    must(rc, &e, export_name(f));
    double took = seconds(from);
    printf("%-17s %9.0f values read/s, %9llu written, %5.0f MB, %5.2f s; bare SELECT %.2f s: ratio %.2f\n",
           export_name(f), (double)r.give.given / took, (unsigned long long)r.written, (double)r.bytes / 1e6,
           took, bare, bare / took);
    close_fd(&fd);
}

int main(int argc, char **argv)
{
    unsigned lines = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    struct bench b = {.dir = argc > 2 ? argv[2] : "/tmp"};
    struct err e = ERR_NONE;
    struct rusage use;
    must(crypto_start(&e), &e, "start");
    b.parsers = parsers_start(&e);
    must(b.parsers ? OK : e.code, &e, "parsers");
    snprintf(b.path, sizeof(b.path), "%s/noroshi-bench-%d.db", b.dir, (int)getpid());
    memset(b.secret.b, 7, sizeof(b.secret.b));
    open_node(&b);
    fill(&b, lines);
    arena_init(&b.a, 1u << 24);
    must(gate_view(b.db, b.org.id, PURPOSE_NETWORK_SAFETY, time_now(), &b.a, &b.view, &e), &e, "view");
    (void)bare_select(&b);
    double bare = bare_select(&b);
    for (size_t i = 0; EXPORT_FORMATS[i]; i++) {
        bool one = strcmp(export_name(EXPORT_FORMATS[i]), "list") == 0 ||
                   strcmp(export_name(EXPORT_FORMATS[i]), "suricata-dataset") == 0;
        run(&b, EXPORT_FORMATS[i], one ? "sha-256" : "", bare);
    }
    getrusage(RUSAGE_SELF, &use);
    printf("peak of this process with %u indicators: %.0f MB\n", lines, (double)use.ru_maxrss / 1e3);
    arena_clear(&b.a);
    fuse_free(b.fuse);
    ledger_close(b.ledger);
    db_close(b.db);
    parsers_stop(b.parsers);
    unlink(b.path);
    for (size_t i = 0; i < 3; i++) {
        static const char *const ends[] = {"-wal", "-shm", ".lock"};
        char extra[4200];
        snprintf(extra, sizeof(extra), "%s%s", b.path, ends[i]);
        unlink(extra);
    }
    return 0;
}
