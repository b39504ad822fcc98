/*
 * Suricata events to observations, and matched against 1 M indicators, on one core: each as a ratio to
 * json_parse_event alone over the same lines in the same run. Lines are made here: all common event types in
 * the shares of a busy sensor, in order of time, 660 bytes on average. Limits (design, Budgets): matched
 * events at 60 % of the speed of parsing alone, and never under 400,000 events/s. usage: bench_events [LINES
 * [ROUNDS]]
 */
#include "intake/intake.h"
#include "match/match.h"

#include <stdlib.h>
#include <time.h>

#define INDICATORS 1000000u
#define LIMIT_RATIO 0.60
#define LIMIT_EVENTS 400000.0

struct lines {
    struct buf text;
    struct sv *at;
    size_t n;
    size_t bytes;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "bench_events: %s\n", why);
    exit(3);
}

static unsigned draw(uint64_t *random, unsigned below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (unsigned)((*random >> 33) % below);
}

/* ---- lines
 * ---------------------------------------------------------------------------------------------------------------
 */

static void add_head(struct buf *b, const char *type, uint64_t *r, uint64_t at)
{
    char time[32];
    uint64_t second = at / 1000000;

    (void)snprintf(time, sizeof time, "2026-03-%02uT%02u:%02u:%02u.%06u+0900",
                   (unsigned)(1 + second / 86400 % 28), (unsigned)(second / 3600 % 24),
                   (unsigned)(second / 60 % 60), (unsigned)(second % 60), (unsigned)(at % 1000000));
    buf_printf(
        b,
        "{\"timestamp\":\"%s\",\"flow_id\":%u%09u,\"in_iface\":\"ens5\",\"event_type\":\"%s\",\"vlan\":[%u],"
        "\"src_ip\":\"10.%u.%u.%u\",\"src_port\":%u,\"dest_ip\":\"%u.%u.%u.%u\",\"dest_port\":%u,"
        "\"proto\":\"TCP\",\"host\":\"sensor-%u\",\"community_id\":\"1:%08x%08xAbCdEfGhIjKl=\",",
        time, 1 + draw(r, 2000000), draw(r, 1000000000), type, draw(r, 4096), draw(r, 256), draw(r, 256),
        draw(r, 256), 1024 + draw(r, 60000), 1 + draw(r, 223), draw(r, 256), draw(r, 256), draw(r, 256),
        draw(r, 8) ? 443 : 80, draw(r, 4), draw(r, UINT32_MAX), draw(r, UINT32_MAX));
}

static void add_flow_part(struct buf *b, uint64_t *r)
{
    buf_printf(
        b,
        "\"flow\":{\"pkts_toserver\":%u,\"pkts_toclient\":%u,\"bytes_toserver\":%u,\"bytes_toclient\":%u,"
        "\"start\":\"2026-03-01T00:00:00.000000+0900\",\"end\":\"2026-03-01T00:00:10.000000+0900\",\"age\":%"
        "u,"
        "\"state\":\"closed\",\"reason\":\"timeout\",\"alerted\":false}",
        draw(r, 1000), draw(r, 1000), draw(r, 1000000), draw(r, 1000000), draw(r, 100));
}

static void add_dns(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "dns", r, at);
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

static void add_http_part(struct buf *b, uint64_t *r)
{
    buf_printf(
        b,
        "\"tx_id\":%u,\"http\":{\"hostname\":\"www%u.example\",\"url\":\"/a/b/%u?q=%x&lang=zh-TW\","
        "\"http_user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/120.0 Safari/537.36\",\"http_content_type\":\"text/html\",\"http_refer\":\"https:\\/\\/"
        "portal.example\\/index\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":%u,"
        "\"length\":%u}",
        draw(r, 10), draw(r, 100000), draw(r, 1000000), draw(r, UINT32_MAX), 200 + draw(r, 300),
        draw(r, 1000000));
}

static void add_http(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "http", r, at);
    add_http_part(b, r);
    buf_add(b, SV("}\n"));
}

static void add_tls(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "tls", r, at);
    buf_printf(
        b,
        "\"tls\":{\"subject\":\"CN=*.example%u.example, O=Example K.K., C=JP\",\"issuerdn\":\"C=TW, "
        "O=Example "
        "Authority, CN=Example CA %u\",\"serial\":\"0A:%02X:%02X:%02X:%02X:4F:9C\",\"fingerprint\":"
        "\"aa:bb:cc:%02x:%02x:%02x:10:11:12:13:14:15:16:17:18:19:20:21:22:23\",\"sni\":\"login%u.example\","
        "\"version\":\"TLS 1.3\",\"notbefore\":\"2026-01-01T00:00:00\",\"notafter\":\"2026-12-31T23:59:59\","
        "\"ja3\":{\"hash\":\"%08x%08x%08x%08x\",\"string\":\"771,4865-4866-4867-49195-49199,0-23-65281-10,29-"
        "23-24,0\"},"
        "\"ja3s\":{\"hash\":\"%08x%08x%08x%08x\",\"string\":\"771,4865,51-43\"}}}\n",
        draw(r, 100), draw(r, 9), draw(r, 256), draw(r, 256), draw(r, 256), draw(r, 256), draw(r, 256),
        draw(r, 256), draw(r, 256), draw(r, 100000), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
        draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
        draw(r, UINT32_MAX), draw(r, UINT32_MAX));
}

static void add_alert(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "alert", r, at);
    buf_printf(
        b,
        "\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":%u,\"rev\":%u,\"signature\":\"EXERCISE "
        "outbound connection to a listed host %u\",\"category\":\"A Network Trojan was "
        "detected\",\"severity\":%u,"
        "\"metadata\":{\"affected_product\":[\"Any\"],\"created_at\":[\"2025_11_02\"],\"deployment\":["
        "\"Perimeter\"],\"signature_severity\":[\"Major\"]}},",
        2000000 + draw(r, 99999), draw(r, 10), draw(r, 1000), 1 + draw(r, 3));
    add_http_part(b, r);
    buf_addc(b, ',');
    add_flow_part(b, r);
    buf_add(b, SV("}\n"));
}

static void add_flow(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "flow", r, at);
    add_flow_part(b, r);
    buf_add(b, SV("}\n"));
}

static void add_file(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "fileinfo", r, at);
    add_http_part(b, r);
    buf_printf(b,
               ",\"fileinfo\":{\"filename\":\"/a/%u.bin\",\"magic\":\"PE32 "
               "executable\",\"gaps\":false,\"state\":\"CLOSED\","
               "\"md5\":\"%08x%08x%08x%08x\",\"sha256\":\"%08x%08x%08x%08x%08x%08x%08x%08x\",\"stored\":"
               "false,\"size\":%u}}\n",
               draw(r, 1000), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
               draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
               draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX), draw(r, UINT32_MAX),
               draw(r, UINT32_MAX), draw(r, 1000000));
}

static void add_smtp(struct buf *b, uint64_t *r, uint64_t at)
{
    add_head(b, "smtp", r, at);
    buf_printf(b,
               "\"smtp\":{\"helo\":\"mail%u.example\",\"mail_from\":\"<user%u@sender%u.example>\",\"rcpt_"
               "to\":[\"<a%u@corp."
               "example>\"]},\"email\":{\"status\":\"PARSE_DONE\",\"from\":\"User "
               "<user@sender%u.example>\",\"to\":[\"a@corp."
               "example\"]}}\n",
               draw(r, 100), draw(r, 1000), draw(r, 1000), draw(r, 100), draw(r, 1000));
}

static void make_lines(struct lines *l, size_t n)
{
    /* of 20 events */
    static void (*const kinds[20])(struct buf *, uint64_t *, uint64_t) = {
        add_dns, add_flow, add_tls,  add_http, add_dns,  add_flow, add_tls, add_alert, add_dns,   add_http,
        add_tls, add_flow, add_file, add_dns,  add_http, add_flow, add_tls, add_smtp,  add_alert, add_http};
    uint64_t random = 20260101, at = 0;
    struct sv rest, line;

    buf_init(&l->text, n * 1400);
    for (size_t i = 0; i < n; i++) {
        at += draw(&random, 500);
        kinds[draw(&random, 20)](&l->text, &random, at);
    }
    rest = buf_sv(&l->text);
    l->at = calloc(n, sizeof *l->at);
    if (!l->at || l->text.failed)
        die("no memory");
    while (sv_cut(&rest, '\n', &line) && l->n < n) {
        l->at[l->n++] = line;
        l->bytes += line.n;
    }
}

/* ---- indicators
 * ----------------------------------------------------------------------------------------------------------
 */

/* Of what events hold, about one in five hundred; the rest is met by nothing. */
static struct matchset *make_indicators(void)
{
    struct matchset_build *b = matchset_build_new(INDICATORS);
    struct err e = ERR_NONE;
    struct arena a;
    uint64_t random = 7;

    arena_init(&a, 1u << 20);
    for (uint32_t i = 0; b && i < INDICATORS; i++) {
        struct obs o;
        char text[80];
        enum kind kind = i % 10 < 5 ? KIND_DOMAIN : i % 10 < 8 ? KIND_IPV4 : i % 10 < 9 ? KIND_MD5 : KIND_URL;

        if (kind == KIND_DOMAIN)
            (void)snprintf(text, sizeof text, "host-%u.%s", draw(&random, 100000000),
                           i % 100 ? "bad.example" : "example");
        else if (kind == KIND_IPV4)
            (void)snprintf(text, sizeof text, "%u.%u.%u.%u", 1 + draw(&random, 223), draw(&random, 256),
                           draw(&random, 256), draw(&random, 256));
        else if (kind == KIND_MD5)
            (void)snprintf(text, sizeof text, "%08x%08x%08x%08x", draw(&random, UINT32_MAX),
                           draw(&random, UINT32_MAX), draw(&random, UINT32_MAX), draw(&random, UINT32_MAX));
        else
            (void)snprintf(text, sizeof text, "http://www%u.example/a/b/%u", draw(&random, 1000000),
                           draw(&random, 1000000));
        arena_reset(&a);
        if (obs_read(&a, kind, sv_c(text), &o, &e) || matchset_build_add(b, &o, i, &e))
            die(e.text);
    }
    struct matchset *m = b ? matchset_build_finish(b, &e) : NULL;
    matchset_build_free(b);
    arena_clear(&a);
    if (!m)
        die("no memory for the indicators");
    return m;
}

/* ---- measuring
 * -----------------------------------------------------------------------------------------------------------
 */

struct result {
    double parse, read, match; /* best seconds of a round */
    uint64_t values, hits;
};

static double parse_all(const struct lines *l, struct json_doc *doc)
{
    struct err e = ERR_NONE;
    double start = seconds();
    struct jv v;

    for (size_t i = 0; i < l->n; i++)
        if (json_parse_event(doc, l->at[i], &v, &e))
            die(e.text);
    return seconds() - start;
}

static double read_all(const struct lines *l, struct event_reader *reader, const struct matchset *m,
                       struct result *r)
{
    static struct observation o;
    struct obs values[OBSERVATION_VALUES];
    struct hit first[OBSERVATION_VALUES];
    struct err e = ERR_NONE;
    double start = seconds();

    r->values = r->hits = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = 0;

        if (event_reader_line(reader, l->at[i], &o, &e) != 1)
            die(e.text);
        r->values += o.n;
        for (size_t k = 0; m && k < o.n; k++)
            if (kind_matched(o.v[k].value.kind))
                values[n++] = o.v[k].value;
        if (m)
            r->hits += matchset_find_batch(m, values, n, first);
    }
    return seconds() - start;
}

static void least(double *best, double s)
{
    if (*best == 0 || s < *best)
        *best = s;
}

static int report(const struct lines *l, const struct result *r)
{
    double n = (double)l->n, mb = (double)l->bytes / 1e6;
    double ratio = r->parse / r->match, speed = n / r->match;

    printf("%zu lines, %.0f bytes on average, %.1f values an event, %llu hits\n", l->n, (double)l->bytes / n,
           (double)r->values / n, (unsigned long long)r->hits);
    printf("%-28s %12s %9s %8s\n", "", "events/s", "MB/s", "ratio");
    printf("%-28s %12.0f %9.0f %8.2f\n", "json_parse_event alone", n / r->parse, mb / r->parse, 1.0);
    printf("%-28s %12.0f %9.0f %8.2f\n", "to observations", n / r->read, mb / r->read, r->parse / r->read);
    printf("%-28s %12.0f %9.0f %8.2f  limits %.2f and %.0f events/s: %s\n", "and matched", speed,
           mb / r->match, ratio, LIMIT_RATIO, LIMIT_EVENTS,
           ratio >= LIMIT_RATIO && speed >= LIMIT_EVENTS ? "kept" : "MISSED");
    return 0; /* reported, never asserted */
}

int main(int argc, char **argv)
{
    uint64_t n = 200000, rounds = 7;
    struct intake_opts opts = {.format = SV("eve"), .mapping = SV(""), .name = SV("")};
    struct lines lines = {0};
    struct result r = {0};
    struct err e = ERR_NONE;

    if ((argc > 1 && !sv_u64(sv_c(argv[1]), &n)) || (argc > 2 && !sv_u64(sv_c(argv[2]), &rounds)) || n == 0 ||
        n > 2000000 || rounds == 0) {
        (void)fprintf(stderr, "usage: bench_events [LINES [ROUNDS]]\n");
        return 2;
    }
    struct json_doc *doc = json_doc_new(1u << 20);
    struct event_reader *reader = event_reader_new(&opts, &e);
    if (!doc || !reader)
        die("no memory");
    make_lines(&lines, n);
    struct matchset *m = make_indicators();
    for (uint64_t i = 0; i < rounds; i++) {
        least(&r.parse, parse_all(&lines, doc));
        least(&r.read, read_all(&lines, reader, NULL, &r));
        least(&r.match, read_all(&lines, reader, m, &r));
    }
    int rc = report(&lines, &r);
    matchset_free(m);
    event_reader_free(reader);
    json_doc_free(doc);
    free(lines.at);
    buf_clear(&lines.text);
    return rc;
}
