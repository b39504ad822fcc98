/*
 * Reading of sensor events: json_parse_event and eight fields of every line, as a ratio to simdjson alone on
 * the same lines in the same run (no copy, no fields). Lines look like Suricata's EVE and are made here, 660
 * bytes on average. usage: bench_json [LINES [ROUNDS]]
 */
#include "base/json.h"
#include "base/json_private.h"

#include <stdlib.h>
#include <time.h>

struct lines {
    struct buf text;
    struct sv *at;
    size_t n;
    size_t bytes; /* without the line ends */
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "bench_json: %s\n", why);
    exit(3);
}

static unsigned draw(uint64_t *random, unsigned below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned)((*random >> 33) % below);
}

static void add_head(struct buf *b, const char *type, uint64_t *r)
{
    buf_printf(
        b,
        "{\"timestamp\":\"2026-03-%02uT%02u:%02u:%02u.%06u+0900\",\"flow_id\":%u%09u,\"in_iface\":\"ens5\","
        "\"event_type\":\"%s\",\"vlan\":[%u],\"src_ip\":\"198.51.100.%u\",\"src_port\":%u,\"dest_ip\":"
        "\"203.0.113.%u\",\"dest_port\":%u,\"proto\":\"TCP\",\"community_id\":\"1:%08x%08xAbCdEfGhIjKl=\",",
        1 + draw(r, 28), draw(r, 24), draw(r, 60), draw(r, 60), draw(r, 1000000), 1 + draw(r, 2000000),
        draw(r, 1000000000), type, draw(r, 4096), draw(r, 256), 1024 + draw(r, 60000), draw(r, 256),
        draw(r, 1024), draw(r, UINT32_MAX), draw(r, UINT32_MAX));
}

static void add_dns(struct buf *b, uint64_t *r)
{
    add_head(b, "dns", r);
    buf_printf(
        b,
        "\"dns\":{\"version\":2,\"type\":\"answer\",\"id\":%u,\"flags\":\"8180\",\"qr\":true,\"rd\":true,"
        "\"ra\":true,\"opcode\":0,\"rrname\":\"host-%u.sub%u.example\",\"rrtype\":\"A\",\"rcode\":"
        "\"NOERROR\","
        "\"answers\":[",
        draw(r, 65536), draw(r, 1000000), draw(r, 100));
    for (unsigned i = 0; i < 3; i++)
        buf_printf(b,
                   "%s{\"rrname\":\"host-%u.example\",\"rrtype\":\"A\",\"ttl\":%u,\"rdata\":\"192.0.2.%u\"}",
                   i ? "," : "", draw(r, 1000000), draw(r, 3600), draw(r, 256));
    buf_add(b, SV("]}}\n"));
}

static void add_http(struct buf *b, uint64_t *r)
{
    add_head(b, "http", r);
    buf_printf(
        b,
        "\"tx_id\":%u,\"http\":{\"hostname\":\"www%u.example\",\"url\":\"/a/b/%u?q=%x&lang=zh-TW\","
        "\"http_user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120.0 Safari/537.36\",\"http_content_type\":\"text/html\",\"http_refer\":\"https:\\/\\/"
        "portal.example\\/index\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":%u,"
        "\"length\":%u}}\n",
        draw(r, 10), draw(r, 100000), draw(r, 1000000), draw(r, UINT32_MAX), 200 + draw(r, 300),
        draw(r, 1000000));
}

static void add_tls(struct buf *b, uint64_t *r)
{
    add_head(b, "tls", r);
    buf_printf(
        b,
        "\"tls\":{\"subject\":\"CN=*.example%u.example, O=Example K.K., C=JP\",\"issuerdn\":\"C=TW, "
        "O=Example "
        "Authority, CN=Example CA %u\",\"serial\":\"0A:%02X:%02X:%02X:%02X:4F:9C\",\"fingerprint\":"
        "\"aa:bb:cc:%02x:%02x:%02x:10:11:12:13:14:15:16:17:18:19:20:21:22:23\",\"sni\":\"login%u.example\","
        "\"version\":\"TLS 1.3\",\"notbefore\":\"2026-01-01T00:00:00\",\"notafter\":\"2026-12-31T23:59:59\","
        "\"ja3\":{\"hash\":\"%08x%08x%08x%08x\"},\"ja3s\":{\"hash\":\"%08x%08x\"}}}\n",
        draw(r, 100), draw(r, 9), draw(r, 256), draw(r, 256), draw(r, 256), draw(r, 256), draw(r, 256),
        draw(r, 256), draw(r, 256), draw(r, 100000), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
        draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX));
}

static void add_alert(struct buf *b, uint64_t *r)
{
    add_head(b, "alert", r);
    buf_printf(
        b,
        "\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":%u,\"rev\":%u,\"signature\":\"EXERCISE "
        "outbound connection to a listed host %u\",\"category\":\"A Network Trojan was "
        "detected\",\"severity\":%u,"
        "\"metadata\":{\"affected_product\":[\"Any\"],\"created_at\":[\"2025_11_02\"],\"deployment\":["
        "\"Perimeter\"],"
        "\"signature_severity\":[\"Major\"]}},\"flow\":{\"pkts_toserver\":%u,\"pkts_toclient\":%u,"
        "\"bytes_toserver\":%u,\"bytes_toclient\":%u,\"start\":\"2026-03-01T00:00:00.000000+0900\"}}\n",
        2000000 + draw(r, 99999), draw(r, 10), draw(r, 1000), 1 + draw(r, 3), draw(r, 1000), draw(r, 1000),
        draw(r, 1000000), draw(r, 1000000));
}

static void make_lines(struct lines *l, size_t n)
{
    static void (*const kinds[])(struct buf *, uint64_t *) = {add_dns, add_http, add_tls, add_alert};
    uint64_t random = 20260101;
    struct sv rest, line;

    buf_init(&l->text, n * 1024 + JSON_DOM_PADDING);
    for (size_t i = 0; i < n; i++)
        kinds[i % 4](&l->text, &random);
    rest = buf_sv(&l->text);
    if (!buf_reserve(&l->text, JSON_DOM_PADDING))
        die("the lines do not fit");
    rest.p = l->text.p;
    l->at = calloc(n, sizeof *l->at);
    if (!l->at)
        die("no memory");
    while (sv_cut(&rest, '\n', &line) && l->n < n) {
        l->at[l->n++] = line;
        l->bytes += line.n;
    }
}

static uint64_t text_sum(struct sv s)
{
    return s.n ? s.n + (uint8_t)s.p[s.n - 1] : 0;
}

/* Five strings and three integers, two levels deep: what a matcher asks of an event. */
static uint64_t fields(struct jv v)
{
    static const struct sv names[][2] = {
        {SV("dns"), SV("rrname")}, {SV("http"), SV("hostname")}, {SV("tls"), SV("sni")}};
    int64_t port = 0, to = 0, id = 0;
    uint64_t sum = text_sum(json_get_str(v, SV("timestamp"))) + text_sum(json_get_str(v, SV("event_type"))) +
                   text_sum(json_get_str(v, SV("src_ip"))) + text_sum(json_get_str(v, SV("dest_ip")));

    json_i64(json_get(v, SV("src_port")), &port);
    json_i64(json_get(v, SV("dest_port")), &to);
    json_i64(json_get(json_get(v, SV("alert")), SV("signature_id")), &id);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sum += text_sum(json_get_str(json_get(v, names[i][0]), names[i][1]));
    return sum + (uint64_t)(port + to + id);
}

static double run_raw(const struct lines *l, uint64_t *sum)
{
    struct json_dom *dom = json_dom_new();
    double start = seconds();

    for (size_t i = 0; dom && i < l->n; i++) {
        struct json_tape tape;
        if (json_dom_parse(dom, l->at[i].p, l->at[i].n, true, &tape) != JSON_DOM_OK)
            die("simdjson refused a line");
        *sum += tape.words[0];
    }
    json_dom_free(dom);
    return seconds() - start;
}

typedef int parse_fn(struct json_doc *, struct sv, struct jv *, struct err *);

static double run_ours(const struct lines *l, parse_fn *parse, uint64_t *sum)
{
    struct json_doc *doc = json_doc_new(1 << 20);
    struct err e;
    struct jv v;
    double start = seconds();

    for (size_t i = 0; doc && i < l->n; i++) {
        if (parse(doc, l->at[i], &v, &e) != OK)
            die(e.text);
        *sum += fields(v);
    }
    json_doc_free(doc);
    return seconds() - start;
}

static void report(const char *what, const struct lines *l, double best, double raw)
{
    printf("%-42s %7.0f MB/s %9.0f events/s  %.2f of simdjson\n", what, (double)l->bytes / best / 1e6,
           (double)l->n / best, raw / best);
}

int main(int argc, char **argv)
{
    uint64_t n = 100000, rounds = 5, sum = 0;
    double raw = 1e9, event = 1e9, strict = 1e9;
    struct lines l = {0};

    if ((argc > 1 && !sv_u64(sv_c(argv[1]), &n)) || (argc > 2 && !sv_u64(sv_c(argv[2]), &rounds)) || n == 0)
        die("usage: bench_json [LINES [ROUNDS]]");
    make_lines(&l, n);
    for (uint64_t i = 0; i < rounds; i++) {
        double t = run_raw(&l, &sum);
        raw = t < raw ? t : raw;
        t = run_ours(&l, json_parse_event, &sum);
        event = t < event ? t : event;
        t = run_ours(&l, json_parse, &sum);
        strict = t < strict ? t : strict;
    }
    printf("%zu lines of %.0f bytes, best of %llu rounds, CPU time (%llx)\n", l.n,
           (double)l.bytes / (double)l.n, (unsigned long long)rounds, (unsigned long long)sum);
    report("simdjson alone", &l, raw, raw);
    report("json_parse_event and 8 fields", &l, event, raw);
    report("json_parse (repeated keys) and 8 fields", &l, strict, raw);
    free(l.at);
    buf_clear(&l.text);
    return 0;
}
