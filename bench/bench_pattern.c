/*
 * STIX patterns: evaluations a second over one observation (simple, compound, a regular expression) and over
 * a hundred (temporal), each as a ratio to json_parse of the same observations in the same run; then what an
 * event costs beside 100,000 compound patterns: one that holds no trigger, and one that does. usage:
 * bench_pattern [EVALUATIONS [PATTERNS]]
 */
#include "fuse/pattern_set.h"

#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "bench_pattern: %s\n", why);
    exit(3);
}

static void add_seen(struct buf *b, unsigned i)
{
    buf_printf(
        b,
        "{\"type\":\"observed-data\",\"first_observed\":\"2026-01-01T00:%02u:%02uZ\",\"last_observed\":"
        "\"2026-01-01T00:%02u:%02uZ\",\"number_observed\":1,\"objects\":{\"0\":{\"type\":\"ipv4-addr\","
        "\"value\":\"198.51.100.%u\"},\"1\":{\"type\":\"ipv4-addr\",\"value\":\"10.0.0.%u\"},\"2\":{"
        "\"type\":\"network-traffic\",\"src_ref\":\"1\",\"dst_ref\":\"0\",\"dst_port\":443,\"protocols\":["
        "\"ipv4\",\"tcp\",\"tls\"]},\"3\":{\"type\":\"domain-name\",\"value\":\"host%u.example\","
        "\"resolves_to_refs\":[\"0\"]}}}",
        i / 60 % 60, i % 60, i / 60 % 60, i % 60, i % 256, i % 256, i);
}

struct seen_list {
    struct json_doc *doc;
    struct buf text;
    struct arena a;
    struct pat_seen *seen;
    size_t n;
    double parse; /* seconds */
};

static void make(struct seen_list *l, unsigned n)
{
    struct err e = ERR_NONE;
    struct jv root;
    l->doc = json_doc_new(1u << 24);
    buf_init(&l->text, 1u << 24);
    arena_init(&l->a, 64u << 20);
    buf_addc(&l->text, '[');
    for (unsigned i = 0; i < n; i++) {
        buf_add(&l->text, i ? SV(",") : SV(""));
        add_seen(&l->text, i);
    }
    buf_addc(&l->text, ']');
    double start = seconds();
    for (int i = 0; i < 1000; i++)
        if (json_parse(l->doc, buf_sv(&l->text), &root, &e) != OK)
            die(e.text);
    l->parse = (seconds() - start) / 1000;
    if (pattern_read_seen(root, &l->a, &l->seen, &l->n, &e) != OK)
        die(e.text);
}

static void clear(struct seen_list *l)
{
    json_doc_free(l->doc);
    buf_clear(&l->text);
    arena_clear(&l->a);
}

static void run(const char *name, const char *text, const struct seen_list *l, size_t rounds)
{
    struct pattern *p;
    struct err e = ERR_NONE;
    struct arena scratch;
    bool match = false;
    arena_init(&scratch, 64u << 20);
    if (pattern_new(sv_c(text), 0, &p, &e) != OK)
        die(e.text);
    double start = seconds();
    for (size_t i = 0; i < rounds; i++) {
        arena_reset(&scratch);
        if (pattern_match(p, l->seen, l->n, &scratch, &match, &e) != OK)
            die(e.text);
    }
    double each = (seconds() - start) / (double)rounds;
    printf("%-34s %9.0f evaluations/s over %3zu observations (%s); json_parse of them %.1f us, ratio %.2f\n",
           name, 1 / each, l->n, match ? "match" : "no match", l->parse * 1e6, l->parse / each);
    pattern_free(p);
    arena_clear(&scratch);
}

static int nothing(void *ctx, const struct pattern_hit *hit, struct err *e)
{
    (void)hit;
    (void)e;
    ++*(size_t *)ctx;
    return OK;
}

static struct pattern_set *fill(unsigned patterns)
{
    struct pattern_set *s = pattern_set_new();
    struct err e = ERR_NONE;
    char id[64], text[256];
    double start = seconds();
    for (unsigned i = 0; s && i < patterns; i++) {
        snprintf(id, sizeof(id), "indicator--%08x-8f3e-4a6b-9d4e-0a1b2c3d4e5f", i);
        snprintf(text, sizeof(text),
                 "([domain-name:value = 'host%u.bad.example' AND domain-name:value LIKE 'host%%'] FOLLOWEDBY "
                 "[network-traffic:dst_ref.value = '203.0.%u.%u']) WITHIN 300 SECONDS",
                 i, i / 256 % 256, i % 256);
        if (pattern_set_put(s, sv_c(id), 1, sv_c(text), USEC_NONE, &e) != OK)
            die(e.text);
    }
    double put = seconds() - start;
    if (!s || pattern_set_ready(s, &e) != OK)
        die(e.text);
    printf("%u compound patterns: taken in at %.0f/s, index of %llu triggers in %.2f s\n", patterns,
           patterns / put, (unsigned long long)pattern_set_counts(s).triggers, seconds() - start - put);
    return s;
}

static void events(struct pattern_set *s, const char *name, const char *domain, size_t rounds)
{
    static char scratch[3][256];
    struct observed v[3] = {{.field = SV("src_ip")}, {.field = SV("dest_ip")}, {.field = SV("dns.rrname")}};
    struct err e = ERR_NONE;
    size_t hits = 0;
    if (!obs_ip(SV("10.1.2.3"), scratch[0], &v[0].value) ||
        !obs_ip(SV("198.51.100.9"), scratch[1], &v[1].value) ||
        !obs_domain(sv_c(domain), scratch[2], &v[2].value))
        die("an event cannot be made");
    double start = seconds();
    for (size_t i = 0; i < rounds; i++) {
        const struct pattern_event ev = {(usec)i, 1, v, 3};
        if (pattern_set_event(s, &ev, nothing, &hits, &e) != OK)
            die(e.text);
    }
    printf("%-34s %9.0f ns an event of 3 values\n", name, (seconds() - start) / (double)rounds * 1e9);
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    unsigned patterns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    struct seen_list one = {0}, many = {0};
    if (rounds < 1000)
        die("usage: bench_pattern [EVALUATIONS [PATTERNS]]");
    make(&one, 1);
    make(&many, 100);
    run("simple", "[domain-name:value = 'host0.example']", &one, rounds);
    run("compound",
        "[network-traffic:dst_ref.value = '198.51.100.0' AND network-traffic:dst_port IN (80, 443, 8443) AND "
        "network-traffic:src_ref.value ISSUBSET '10.0.0.0/8' AND network-traffic:protocols[*] = 'tls']",
        &one, rounds);
    run("regular expression", "[domain-name:value MATCHES '^host[0-9]+\\\\.(example|test)$']", &one, rounds);
    run("temporal",
        "([domain-name:value = 'host7.example'] FOLLOWEDBY [network-traffic:dst_port = 443] REPEATS 5 "
        "TIMES) WITHIN 60 SECONDS",
        &many, rounds / 100);
    run("temporal, never",
        "([domain-name:value = 'host7.example'] FOLLOWEDBY [domain-name:value = 'host5.example'])", &many,
        rounds / 100);
    struct pattern_set *s = fill(patterns);
    events(s, "event without a trigger", "www.good.example", rounds * 10);
    events(s, "event with one (evaluated)", "host1.bad.example", rounds / 20);
    pattern_set_free(s);
    clear(&one);
    clear(&many);
    return 0;
}
