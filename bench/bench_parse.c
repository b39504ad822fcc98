/*
 * Knowledge formats: STIX pages, MISP events, KEV and warninglists through their whole readers into a sink
 * that only counts. For STIX the limit is splitting and parsing the same bytes alone, in the same run; the
 * goal is 50,000 objects a second on one core. usage: bench_parse [SECONDS [FILE...]]   without files:
 * TweetFeed's pages where ../shared is there, else pages made here
 */
#include "intake/intake.h"
#include "base/json.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GOAL 50000.0

struct tally {
    size_t records, claims, rejects;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_parse: %s: %s\n", what, why);
    exit(3);
}

static int on_record(void *ctx, struct sv type, struct err *e)
{
    ((struct tally *)ctx)->records++;
    return OK;
}

static int on_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    ((struct tally *)ctx)->claims++;
    return OK;
}

static int on_object(void *ctx, const struct object_rec *o, struct err *e)
{
    return OK;
}

static int on_list(void *ctx, const struct list_rec *l, struct err *e)
{
    return OK;
}

static int on_entry(void *ctx, struct sv value, struct err *e)
{
    return OK;
}

static int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    return OK;
}

static int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    ((struct tally *)ctx)->rejects++;
    return OK;
}

static int on_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e)
{
    return OK;
}

static int on_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    return OK;
}

static size_t read_all(int fd, const char *name, struct tally *t)
{
    const struct intake_sink sink = {t,        on_record,      on_claim,  on_object, on_list,
                                     on_entry, on_observation, on_reject, on_chunk,  on_member,
                                     NULL};
    const struct intake_opts opts = {.mapping = SV(""), .format = SV(""), .name = sv_c(name)};
    struct err e = ERR_NONE;

    if (lseek(fd, 0, SEEK_SET) != 0 || intake_parse(fd, &opts, &sink, &e) < 0)
        die(name, e.text);
    return t->records;
}

/* The limit: the splitter and the parser, nothing else. */
static size_t split_and_parse(struct sv text, struct json_doc *doc)
{
    struct json_split *s = json_split_new(SV("objects"), text.n);
    struct err e = ERR_NONE;
    struct sv member;
    uint64_t offset;
    size_t n = 0;
    struct jv v;

    if (!s || json_split_feed(s, text, true, &e) < 0)
        die("limit", e.text);
    while (json_split_next(s, &member, &offset, &e) == 1)
        n += json_parse(doc, member, &v, &e) == OK;
    json_split_free(s);
    return n;
}

static int fd_of(struct sv text)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);

    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
        die("memfd", "cannot be written");
    return fd;
}

static void bench_text(const char *name, struct sv text, double budget, bool stix)
{
    struct tally once = {0}, all = {0};
    struct json_doc *doc = json_doc_new(text.n);
    double limit = 0, spent = 0;
    size_t parsed = 0, rounds = 0;
    int fd = fd_of(text);

    (void)read_all(fd, name, &once);
    for (double t = seconds(); spent < budget; spent = seconds() - t, rounds++)
        (void)read_all(fd, name, &all);
    double rate = (double)all.records / spent;
    printf("%-28s %8zu records %8zu claims %4zu rejects  %9.0f records/s  %6.1f MB/s", name, once.records,
           once.claims, once.rejects, rate, (double)text.n * (double)rounds / spent / 1e6);
    if (stix && doc) {
        for (double t = seconds(); limit < budget / 2; limit = seconds() - t)
            parsed += split_and_parse(text, doc);
        printf("  limit %9.0f/s  ratio %.2f  goal %s", (double)parsed / limit,
               rate / ((double)parsed / limit), rate >= GOAL ? "reached" : "MISSED");
    }
    printf("\n");
    json_doc_free(doc);
    close(fd);
}

static void add_file(struct buf *b, const char *path)
{
    struct err e = ERR_NONE;

    buf_reset(b);
    if (file_read(AT_FDCWD, path, b, &e) < 0)
        die(path, e.text);
}

/* All pages as one array. */
static size_t join_pages(struct buf *b, struct buf *one)
{
    glob_t g;
    size_t n = 0;

    if (glob("../shared/data/tweetfeed/stix/taxii/pages/*.json", 0, NULL, &g) != 0)
        return 0;
    for (; n < g.gl_pathc; n++) {
        add_file(one, g.gl_pathv[n]);
        struct sv page = sv_trim(buf_sv(one));
        buf_add(b, n ? SV(",") : SV("["));
        buf_add(b, sv_sub(page, 1, page.n - 2));
    }
    buf_addc(b, ']');
    globfree(&g);
    return n;
}

static void make_page(struct buf *b, unsigned objects)
{
    buf_addc(b, '[');
    for (unsigned i = 0; i < objects; i++)
        buf_printf(
            b,
            "%s{\"created\":\"2026-03-01T08:%02u:00.000Z\",\"created_by_ref\":\"identity--0b1c2d3e-4f50-4a61-"
            "b273-"
            "8c9d0e1f2a3b\",\"description\":\"Reported by a "
            "member.\",\"external_references\":[{\"source_name\":\"member\","
            "\"url\":\"https://member.example/%u\"}],\"id\":\"indicator--%08x-0e35-40c6-a978-29a3409df198\","
            "\"indicator_types\":[\"malicious-activity\"],\"labels\":[\"phishing\"],\"modified\":\"2026-03-"
            "01T08:%02u:00."
            "000Z\",\"name\":\"h%u.example\",\"object_marking_refs\":[\"marking-definition--94868c89-83c2-"
            "464b-929b-"
            "a1a8aa3c8487\"],\"pattern\":\"[url:value = 'https://h%u.example/x']\",\"pattern_type\":\"stix\","
            "\"pattern_version\":\"2.1\",\"spec_version\":\"2.1\",\"type\":\"indicator\",\"valid_from\":"
            "\"2026-03-01T08:%02u:"
            "00.000Z\"}",
            i ? "," : "", i % 60, i, i, i % 60, i, i, i % 60);
    buf_addc(b, ']');
}

int main(int argc, char **argv)
{
    double budget = argc > 1 ? strtod(argv[1], NULL) : 2.0;
    struct buf text, one;
    struct err e = ERR_NONE;

    if (crypto_start(&e) < 0)
        die("start", e.text);
    buf_init(&text, (size_t)1 << 30);
    buf_init(&one, (size_t)1 << 30);
    for (int i = 2; i < argc; i++) {
        add_file(&text, argv[i]);
        bench_text(argv[i], buf_sv(&text), budget, false);
    }
    if (argc <= 2) {
        if (join_pages(&text, &one) > 0)
            bench_text("tweetfeed pages", buf_sv(&text), budget, true);
        buf_reset(&text);
        make_page(&text, 10000);
        bench_text("pages made here", buf_sv(&text), budget, true);
    }
    buf_clear(&text);
    buf_clear(&one);
    return 0;
}
