/* Lists and tables of the shared data against the independent counts that come with it, and the format found
 * for every file of it. Skipped where the data is absent. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static char root[512];
static struct json_doc *doc;
static struct buf counts_text;
static struct jv counts;

static bool is(struct sv s, const char *text)
{
    return sv_eq(s, sv_c(text));
}

static int64_t number(struct jv of, const char *key)
{
    int64_t v = -1;
    (void)json_i64(json_get(of, sv_c(key)), &v);
    return v;
}

static void read_data(struct collect *c, struct sv file, bool light, struct err *e, int *ret_rc)
{
    char path[1024];
    const struct zone *taipei = zone_find(SV("+08:00"), e);
    snprintf(path, sizeof(path), "%s/%.*s", root, SV_ARG(file));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    collect_init(c);
    c->light = light;
    *ret_rc = collect_fd(c, fd, "", path, taipei, e);
    close(fd);
    if (c->empty || c->mixed)
        fail_msg("%s: %zu records with nothing, %zu with claim and reject", path, c->empty, c->mixed);
}

static size_t unique_values(const struct collect *c)
{
    struct map m;
    char key[9000];
    map_init(&m, 1u << 20, 1u << 28);
    for (size_t i = 0; i < c->nclaims; i++) {
        int n = snprintf(key, sizeof(key), "%d %u %.*s", (int)c->claim[i].value.kind, c->claim[i].value.port,
                         SV_ARG(c->claim[i].value.value));
        assert_non_null(map_put(&m, sv_from(key, (size_t)n), NULL));
    }
    size_t n = m.count;
    map_clear(&m);
    return n;
}

static void each_of(const char *format, void (*check)(struct sv file, struct jv said))
{
    struct json_it it = json_each(counts);
    struct sv file;
    struct jv said;
    size_t n = 0;
    while (json_next(&it, &file, &said)) {
        if (!is(json_get_str(said, SV("format")), format))
            continue;
        check(file, said);
        n++;
    }
    assert_true(n > 0);
}

static void check_addresses(struct sv file, struct jv said)
{
    struct collect c;
    struct err e = ERR_NONE;
    int rc;
    read_data(&c, file, false, &e, &rc);
    assert_int_equal(rc, OK);
    assert_true(is(c.format, "list"));
    assert_int_equal(c.records, number(said, "entries"));
    assert_int_equal(c.nclaims, number(said, "valid_ip"));
    assert_int_equal(unique_values(&c), number(said, "unique"));
    assert_int_equal(c.nrejects, 0);
    /* ipsum's count column, list by list. */
    struct jv by_count = json_get(said, SV("by_count"));
    for (int lists = 1; lists <= 10 && json_type(by_count) == JSON_OBJECT; lists++) {
        char key[8], meta[32];
        size_t n = 0;
        snprintf(key, sizeof(key), "%d", lists);
        snprintf(meta, sizeof(meta), "{\"lists\":%d}", lists);
        for (size_t i = 0; i < c.nclaims; i++)
            n += sv_eq(c.claim[i].meta, sv_c(meta));
        assert_int_equal(n, number(by_count, key));
    }
    collect_clear(&c);
}

/* The feed says when it was made: claims carry that time, never the clock's. */
static void addresses(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;
    char when[32];
    int rc;
    each_of("ip-list", check_addresses);
    read_data(&c, SV("list-ipsum/ipsum.txt"), false, &e, &rc);
    assert_true(c.nclaims > 0 && c.claim[0].valid_from != USEC_NONE);
    time_text(c.claim[0].valid_from, when);
    assert_string_equal(when, "2026-08-22T01:00:29Z");
    collect_clear(&c);
}

static void check_trails(struct sv file, struct jv said)
{
    struct collect c;
    struct err e = ERR_NONE;
    int rc;
    read_data(&c, file, false, &e, &rc);
    assert_int_equal(rc, OK);
    assert_true(is(c.format, "list"));
    assert_int_equal(c.records, number(said, "entries"));
    assert_int_equal(c.nclaims + c.nrejects, c.records);
    /* What is no value in them are regular expressions and slips of the pen. */
    assert_true(c.nrejects <= 6);
    /* Spellings of one value are counted apart there: case, a default port, a final slash. */
    assert_true(unique_values(&c) <= (size_t)number(said, "unique"));
    assert_true(unique_values(&c) + 200 + c.nrejects > (size_t)number(said, "unique"));
    collect_clear(&c);
}

static void trails(void **state)
{
    each_of("maltrail", check_trails);
}

static void check_tweets(struct sv file, struct jv said)
{
    struct collect c;
    struct err e = ERR_NONE;
    int rc;
    read_data(&c, file, false, &e, &rc);
    assert_int_equal(rc, OK);
    assert_true(is(c.format, "csv"));
    assert_int_equal(c.records, number(said, "rows"));
    struct json_it it = json_each(json_get(said, SV("by_type")));
    struct sv type;
    struct jv v;
    size_t all = 0;
    while (json_next(&it, &type, &v)) {
        char name[32];
        int64_t n;
        assert_true(json_i64(v, &n) && sv_copy(type, name, sizeof(name)));
        assert_int_equal(collect_count(&c, name), n);
        all += (size_t)n;
    }
    assert_int_equal(all, c.records);
    if (c.nrejects)
        fail_msg("%.*s: line %llu: %.*s", SV_ARG(file), (unsigned long long)c.reject[0].line,
                 SV_ARG(c.reject[0].text));
    collect_clear(&c);
}

static void tweets(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;
    int rc;
    each_of("tweetfeed-csv", check_tweets);
    read_data(&c, SV("tweetfeed/csv/today.csv"), false, &e, &rc);
    assert_int_equal(unique_values(&c), 59);
    collect_clear(&c);
}

static void check_scam_sites(struct sv file, struct jv said)
{
    struct collect c;
    struct err e = ERR_NONE;
    usec first = INT64_MAX, last = INT64_MIN;
    const struct time_opts taipei = {.fallback = zone_find(SV("+08:00"), &e)};
    usec want;
    int rc;
    read_data(&c, file, false, &e, &rc);
    assert_int_equal(rc, OK);
    assert_true(is(c.format, "csv"));
    assert_int_equal(c.records, number(said, "rows"));
    assert_int_equal(c.nclaims + c.nrejects, c.records);
    /* "stepup99" and the like are no sites. */
    assert_true(c.nrejects <= 4);
    for (size_t i = 0; i < c.nclaims; i++) {
        first = c.claim[i].first < first ? c.claim[i].first : first;
        last = c.claim[i].last > last ? c.claim[i].last : last;
    }
    assert_int_equal(time_parse(json_get_str(said, SV("start_min")), &taipei, &want, &e), OK);
    assert_true(first == want);
    assert_int_equal(time_parse(json_get_str(said, SV("end_max")), &taipei, &want, &e), OK);
    assert_true(last == want);
    collect_clear(&c);
}

static void scam_sites(void **state)
{
    each_of("tw165-csv", check_scam_sites);
}

static size_t data_lines(struct sv file)
{
    char path[1024];
    struct buf b;
    struct err e = ERR_NONE;
    struct sv rest, line;
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/%.*s", root, SV_ARG(file));
    buf_init(&b, 1u << 24);
    assert_int_equal(file_read(AT_FDCWD, path, &b, &e), OK);
    rest = buf_sv(&b);
    while (rest.n && sv_line(&rest, &line)) {
        line = sv_trim(line);
        n += line.n && !memchr("#;$@", line.p[0], 4);
    }
    buf_clear(&b);
    return n;
}

static void bare_lists(void **state)
{
    static const struct {
        const char *file;
        const char *format;
        size_t headers, rejects;
    } files[] = {
        {"ioc-eset-text/invisimole/samples.md5", "list", 0, 0},
        {"ioc-eset-text/nukesped_lazarus/samples.sha1", "list", 0, 0},
        {"ioc-eset-text/ta410/samples.sha256", "list", 0, 0},
        {"ioc-eset-text/quarterly_reports/2021_T2/samples.sha256", "list", 0, 0},
        {"ioc-stalkerware/generated/hosts", "list", 0, 0},
        {"ioc-stalkerware/generated/quad9_blocklist.txt", "list", 0, 0},
        {"ioc-stalkerware/generated/network.csv", "csv", 1, 0},
        {"ioc-stalkerware/samples.csv", "csv", 1, 0},
        {"exposure/epss_subset_2026-08-16.csv", "csv", 1, 0},
        /* Two lines of the feed hold dozens of names run together. */
        {"tweetfeed/csv/blocklists/adguard.txt", "list", 0, 2},
        {"tweetfeed/csv/blocklists/dnsmasq.txt", "list", 0, 2},
        {"tweetfeed/csv/blocklists/domains.txt", "list", 0, 2},
        {"tweetfeed/csv/blocklists/hosts.txt", "list", 0, 2},
        {"tweetfeed/csv/blocklists/ips.txt", "list", 0, 0},
        {"tweetfeed/csv/blocklists/rpz.txt", "list", 0, 4},
        {"tweetfeed/csv/blocklists/urls.txt", "list", 0, 2},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct collect c;
        struct err e = ERR_NONE;
        int rc;
        read_data(&c, sv_c(files[i].file), false, &e, &rc);
        assert_int_equal(rc, OK);
        assert_true(is(c.format, files[i].format));
        assert_int_equal(c.records + files[i].headers, data_lines(sv_c(files[i].file)));
        assert_int_equal(c.nrejects, files[i].rejects);
        collect_clear(&c);
    }
}

/* One day's names in seven spellings are the same names. */
static void spellings_agree(void **state)
{
    static const char *const names[] = {"adguard", "dnsmasq", "domains", "hosts"};
    size_t first = 0;
    for (size_t i = 0; i < 4; i++) {
        struct collect c;
        struct err e = ERR_NONE;
        char file[64];
        int rc;
        snprintf(file, sizeof(file), "tweetfeed/csv/blocklists/%s.txt", names[i]);
        read_data(&c, sv_c(file), false, &e, &rc);
        size_t n = unique_values(&c);
        first = i ? first : n;
        assert_true(n > 4000 && n == first);
        collect_clear(&c);
    }
}

/* Formats by the counts' own word for them; NULL = no format of ours. */
static const struct {
    const char *counted, *format;
} formats[] = {
    {"ip-list", "list"},
    {"maltrail", "list"},
    {"tweetfeed-csv", "csv"},
    {"tw165-csv", "csv"},
    {"kev-csv", "kev"},
    {"kev-json", "kev"},
    {"misp-manifest", "misp-manifest"},
    {"warninglist", "warninglist"},
    {"stix-bundle", "stix2"},
    {"stix-list", "stix2"},
    {"stix-object", "stix2"},
    {"taxii-object-page", "stix2"},
    {"eve-array", "eve"},
    {"honeypot-jsonl", "honeypot"},
    {"honeypot-array-lines", "honeypot"},
    {"zeek-tsv", "zeek"},
    {"zeek-json", "zeek"},
    {"zeek-intel", "zeek-intel"},
    {"gzip-broken", "zeek"},
    {"idea", "idea"},
    {"xarf", "xarf"},
    {"taxonomy", NULL},
    {"json", NULL},
    {"json-schema", NULL},
    {"misp-stix-mapping", NULL},
    {"taxii-manifest-page", NULL},
};

static void the_format_of_every_file(void **state)
{
    struct json_it it = json_each(counts);
    struct sv file;
    struct jv said;
    size_t checked = 0;
    while (json_next(&it, &file, &said)) {
        struct sv counted = json_get_str(said, SV("format"));
        size_t i = 0;
        while (i < sizeof(formats) / sizeof(formats[0]) && !is(counted, formats[i].counted))
            i++;
        if (i == sizeof(formats) / sizeof(formats[0]))
            continue;
        struct collect c;
        struct err e = ERR_NONE;
        int rc;
        read_data(&c, file, true, &e, &rc);
        if (formats[i].format ? !is(c.format, formats[i].format) : rc != ERR_UNSUPPORTED)
            fail_msg("%.*s: read as %.*s (%s)", SV_ARG(file), SV_ARG(c.format), err_name(rc));
        collect_clear(&c);
        checked++;
    }
    assert_true(checked > 300);
}

static int start(void **state)
{
    const char *shared = getenv("NOROSHI_SHARED");
    char path[1024];
    struct err e = ERR_NONE;
    struct jv whole;
    snprintf(root, sizeof(root), "%s/data", shared ? shared : "../shared");
    snprintf(path, sizeof(path), "%s/COUNTS.json", root);
    buf_init(&counts_text, 1u << 26);
    doc = json_doc_new(1u << 26);
    if (!doc || file_read(AT_FDCWD, path, &counts_text, &e) < 0 ||
        json_parse(doc, buf_sv(&counts_text), &whole, &e) < 0)
        return -1;
    counts = json_get(whole, SV("files"));
    return 0;
}

static int stop(void **state)
{
    json_doc_free(doc);
    buf_clear(&counts_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(trails),
        cmocka_unit_test(tweets),
        cmocka_unit_test(scam_sites),
        cmocka_unit_test(bare_lists),
        cmocka_unit_test(spellings_agree),
        cmocka_unit_test(the_format_of_every_file),
    };
    const char *shared = getenv("NOROSHI_SHARED");
    if (access(shared ? shared : "../shared", R_OK) != 0) {
        printf("skipped: no shared data\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
