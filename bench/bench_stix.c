/*
 * Objects of a bundle through json_parse + stix_check_by + stix_head, as the intake does it (MUST alone) and
 * as `noroshi check` does it (all three levels), one object a call;
 * beside it simdjson alone on the same texts in the same run. Then the readers of the hot path. Objects are
 * made here: indicators, relationships, sightings, malware and observables, 450 bytes on average. usage:
 * bench_stix [OBJECTS [ROUNDS]]
 */
#include "base/json_private.h"
#include "stix/stix.h"

#include <stdlib.h>
#include <time.h>

struct texts {
    struct buf all;
    struct sv *at;
    size_t n;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "bench_stix: %s\n", why);
    exit(3);
}

static unsigned draw(uint64_t *random, unsigned below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned)((*random >> 33) % below);
}

static void add_uuid(struct buf *b, uint64_t *r)
{
    buf_printf(b, "%08x-%04x-4%03x-a%03x-%06x%06x", draw(r, UINT32_MAX), draw(r, 65536), draw(r, 4096),
               draw(r, 4096), draw(r, 1 << 24), draw(r, 1 << 24));
}

static void add_id(struct buf *b, const char *key, const char *type, uint64_t *r)
{
    buf_printf(b, "\"%s\":\"%s--", key, type);
    add_uuid(b, r);
    buf_add(b, SV("\","));
}

static void add_head(struct buf *b, const char *type, uint64_t *r)
{
    buf_printf(b, "{\"type\":\"%s\",\"spec_version\":\"2.1\",", type);
    add_id(b, "id", type, r);
    add_id(b, "created_by_ref", "identity", r);
    buf_printf(b, "\"created\":\"2026-03-%02uT01:02:03.%03uZ\",\"modified\":\"2026-04-%02uT01:02:03.%03uZ\",",
               1 + draw(r, 28), draw(r, 1000), 1 + draw(r, 28), draw(r, 1000));
    buf_add(b, SV("\"object_marking_refs\":[\"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb\"],"));
}

static void add_indicator(struct buf *b, uint64_t *r)
{
    add_head(b, "indicator", r);
    buf_printf(
        b,
        "\"name\":\"EXERCISE host "
        "%u\",\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[domain-name:value = "
        "'host%u.example' OR ipv4-addr:value = '192.0.2.%u']\",\"pattern_type\":\"stix\",\"valid_from\":"
        "\"2026-03-01T00:00:00Z\",\"confidence\":%u}\n",
        draw(r, 1000000), draw(r, 1000000), draw(r, 256), draw(r, 101));
}

static void add_relationship(struct buf *b, uint64_t *r)
{
    add_head(b, "relationship", r);
    add_id(b, "source_ref", "indicator", r);
    add_id(b, "target_ref", "malware", r);
    buf_add(b, SV("\"relationship_type\":\"indicates\"}\n"));
}

static void add_sighting(struct buf *b, uint64_t *r)
{
    add_head(b, "sighting", r);
    add_id(b, "sighting_of_ref", "indicator", r);
    buf_printf(
        b, "\"first_seen\":\"2026-03-01T00:00:00Z\",\"last_seen\":\"2026-03-02T00:00:00Z\",\"count\":%u}\n",
        1 + draw(r, 1000));
}

static void add_malware(struct buf *b, uint64_t *r)
{
    add_head(b, "malware", r);
    buf_printf(
        b,
        "\"name\":\"family "
        "%u\",\"is_family\":true,\"malware_types\":[\"trojan\",\"downloader\"],\"description\":"
        "\"Written for the bench: it stands for a text of some length, as reports have them, and no more.\","
        "\"kill_chain_phases\":[{\"kill_chain_name\":\"mitre-attack\",\"phase_name\":\"execution\"}],"
        "\"external_references\":[{\"source_name\":\"EXERCISE\",\"url\":\"https://reports.example/%u\"}]}\n",
        draw(r, 1000), draw(r, 100000));
}

static void add_observable(struct buf *b, uint64_t *r)
{
    buf_add(b, SV("{\"type\":\"file\",\"spec_version\":\"2.1\","));
    add_id(b, "id", "file", r);
    buf_printf(b,
               "\"name\":\"file%u.bin\",\"size\":%u,\"hashes\":{\"SHA-256\":\"%08x%08x%08x%08x%08x%08x%08x%"
               "08x\"}}\n",
               draw(r, 100000), draw(r, 1000000), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
               draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
               draw(r, UINT32_MAX), draw(r, UINT32_MAX));
}

static void make_texts(struct texts *t, size_t n)
{
    static void (*const kinds[])(struct buf *, uint64_t *) = {add_indicator, add_relationship, add_sighting,
                                                              add_malware, add_observable};
    uint64_t random = 20260101;
    struct sv rest, line;
    buf_init(&t->all, n * 1024 + JSON_DOM_PADDING);
    for (size_t i = 0; i < n; i++)
        kinds[i % 5](&t->all, &random);
    rest.n = t->all.n;
    if (!buf_reserve(&t->all, JSON_DOM_PADDING))
        die("the objects do not fit");
    rest.p = t->all.p;
    t->at = calloc(n, sizeof(*t->at));
    if (!t->at)
        die("no memory");
    while (t->n < n && sv_cut(&rest, '\n', &line))
        t->at[t->n++] = line;
}

static double run_raw(const struct texts *t, uint64_t *sum)
{
    struct json_dom *dom = json_dom_new();
    double start = seconds();
    for (size_t i = 0; dom && i < t->n; i++) {
        struct json_tape tape;
        if (json_dom_parse(dom, t->at[i].p, t->at[i].n, true, &tape) != JSON_DOM_OK)
            die("simdjson refused an object");
        *sum += tape.words[0];
    }
    double took = seconds() - start;
    json_dom_free(dom);
    return took;
}

static double run_checked(const struct texts *t, const struct stix_policy *policy, uint64_t *sum)
{
    static struct stix_report report;
    struct json_doc *doc = json_doc_new(1 << 20);
    struct stix_head head;
    struct arena a;
    struct err e;
    struct jv v;
    arena_init(&a, 1 << 20);
    report.a = &a;
    double start = seconds();
    for (size_t i = 0; doc && i < t->n; i++) {
        arena_reset(&a);
        if (json_parse(doc, t->at[i], &v, &e) != OK || stix_head(v, &a, &head, &e) != OK)
            die(e.text);
        stix_check_by(v, policy, &report);
        if (report.must)
            die(report.msg[0].text.p);
        *sum += (uint64_t)head.created;
    }
    double took = seconds() - start;
    json_doc_free(doc);
    arena_clear(&a);
    return took;
}

static void run_readers(size_t n)
{
    static const struct sv names[] = {SV("login17.Portal.example"),
                                      SV("a.very.long.name.with.many.labels.example"), SV("198.51.100.7"),
                                      SV("2001:db8:85a3::8a2e:370:7334")};
    char scratch[256];
    struct obs o;
    uint64_t read = 0;
    double start = seconds();
    for (size_t i = 0; i < n; i++)
        read += obs_domain(names[i % 2], scratch, &o);
    double domains = seconds() - start;
    start = seconds();
    for (size_t i = 0; i < n; i++)
        read += obs_ip(names[2], scratch, &o);
    double v4 = seconds() - start;
    start = seconds();
    for (size_t i = 0; i < n; i++)
        read += obs_ip(names[3], scratch, &o);
    double v6 = seconds() - start;
    printf("obs_domain %.1f M/s, obs_ip %.1f M/s (IPv4), %.1f M/s (IPv6); %s\n", (double)n / domains / 1e6,
           (double)n / v4 / 1e6, (double)n / v6 / 1e6, read == 3 * n ? "all read" : "SOME NOT READ");
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    size_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 5;
    struct texts t = {0};
    uint64_t sum = 0;
    double raw = 1e9, checked = 1e9, whole = 1e9;
    struct stix_policy must, all;
    stix_policy_init(&must);
    stix_policy_init(&all);
    must.must_only = true;
    if (n == 0 || rounds == 0)
        die("usage: bench_stix [OBJECTS [ROUNDS]]");
    make_texts(&t, n);
    for (size_t i = 0; i < rounds; i++) {
        double a = run_raw(&t, &sum), b = run_checked(&t, &must, &sum), c = run_checked(&t, &all, &sum);
        raw = a < raw ? a : raw;
        checked = b < checked ? b : checked;
        whole = c < whole ? c : whole;
    }
    printf("check, all three levels: %.0f objects/s (goal 50000), %.0f MB/s; simdjson alone %.0f objects/s, "
           "ratio %.2f\n",
           (double)n / whole, (double)t.all.n / whole / 1e6, (double)n / raw, raw / whole);
    printf("json_parse + stix_check (MUST) + stix_head: %.0f objects/s (goal 50000), %.0f MB/s; simdjson "
           "alone %.0f "
           "objects/s, ratio %.2f\n",
           (double)n / checked, (double)t.all.n / checked / 1e6, (double)n / raw, raw / checked);
    run_readers(n * 20);
    free(t.at);
    buf_clear(&t.all);
    return sum == 0;
}
