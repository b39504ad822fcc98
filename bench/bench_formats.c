/*
 * Device logs, mapped JSON and incident reports through their whole readers into a sink that only counts. The
 * limit of events is what none of them can do without, taking lines apart and hashing their chunks; that of
 * JSON is parsing the same lines alone. Both in the same run. usage: bench_formats [SECONDS]
 */
#include "intake/intake.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LINES 20000

struct tally {
    size_t records, values, rejects;
};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_formats: %s: %s\n", what, why);
    exit(3);
}

static int on_record(void *ctx, struct sv type, struct err *e)
{
    ((struct tally *)ctx)->records++;
    return OK;
}

static int on_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    ((struct tally *)ctx)->values++;
    return OK;
}

static int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    ((struct tally *)ctx)->values += o->n;
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

struct sample {
    const char *name, *format, *mapping;
    bool json;
    const char *line; /* %1$u: number of the line, %2$u %3$u: two bytes of it */
};

static const struct sample kinds[] = {
    {"syslog sshd", "syslog", "", false,
     "<38>2026-08-22T10:00:%4$02u.123456+09:00 gate sshd[%1$u]: Failed password for invalid user admin from "
     "192.0.%2$u.%3$u port 51234 ssh2\n"},
    {"syslog RFC 3164, netfilter", "syslog", "", false,
     "<4>Aug 22 10:00:%4$02u gate kernel: [%1$u.3] [UFW BLOCK] IN=eth0 OUT= MAC=00:11:22:33:44:55:66 "
     "SRC=192.0.%2$u.%3$u DST=198.51.100.1 LEN=40 TTL=240 PROTO=TCP SPT=4444 DPT=23 SYN URGP=0\n"},
    {"syslog RFC 5424, bind", "syslog", "", false,
     "<30>1 2026-08-22T01:00:%4$02uZ ns1 named 5 - - client @0x7f00 10.0.%2$u.%3$u#53530 (h%1$u.example): "
     "query: "
     "h%1$u.example IN A +E(0)K (10.0.0.1)\n"},
    {"fortinet", "syslog", "", false,
     "<189>date=2026-08-22 time=10:00:%4$02u devname=\"fw-1\" devid=\"FGT1\" "
     "eventtime=17873604%4$02u000000000 "
     "tz=\"+0900\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" "
     "srcip=10.0.%2$u.%3$u srcport=55555 dstip=203.0.113.7 dstport=443 action=\"accept\" sentbyte=%1$u\n"},
    {"cisco-asa", "syslog", "", false,
     "<166>2026-08-22T01:00:%4$02uZ asa01 : %%ASA-6-302013: Built outbound TCP connection %1$u for "
     "outside:203.0.%2$u.%3$u/443 (203.0.113.5/443) to inside:10.0.0.5/50000 (198.51.100.9/50000)\n"},
    {"cef", "cef", "", false,
     "CEF:0|Example|Sensor|1.0|100|Beacon|9|rt=17873604%4$02u123 src=10.0.%2$u.%3$u dst=203.0.113.1 "
     "dhost=h%1$u.bad.example dpt=8080 request=/a?id\\=%1$u requestMethod=GET msg=one two three cnt=1 "
     "dvchost=sensor-1\n"},
    {"leef", "leef", "", false,
     "LEEF:2.0|Example|Gateway|1.0|URL|^|devTime=17873604%4$02u000^src=10.0.%2$u.%3$u^dst=203.0.113.1^"
     "url=http://h%1$u.bad.example/p^identHostName=pc%1$u.corp.example^usrName=joe\n"},
    {"json-events", "json-events",
     "{\"events\":true,\"fields\":{\"/ts\":\"time\",\"/host/name\":\"sensor\",\"/net/src\":\"value:ip\","
     "\"/net/dst\":\"value:ip\",\"/net/sni\":\"value:domain\"}}",
     true,
     "{\"ts\":\"2026-08-22T01:00:%4$02uZ\",\"host\":{\"name\":\"pc-1\",\"os\":\"x\"},\"net\":{\"src\":"
     "\"10.0.%2$u.%3$u\",\"dst\":\"203.0.113.1\",\"sni\":\"h%1$u.bad.example\",\"bytes\":%1$u},\"pid\":%1$u}"
     "\n"},
    {"json", "json",
     "{\"fields\":{\"/ioc\":\"value\",\"/type\":\"type\",\"/first\":\"first\",\"/tags\":\"labels\"}}", true,
     "{\"id\":%1$u,\"ioc\":\"h%1$u-%2$u-%3$u.bad.example\",\"type\":\"domain\",\"first\":\"2026-08-22 "
     "01:00:%4$02u "
     "UTC\",\"tags\":[\"c2\",\"dropper\"],\"reporter\":\"somebody\"}\n"},
    {"idea", "idea", "", true,
     "{\"Format\":\"IDEA0\",\"ID\":\"id-%1$u\",\"DetectTime\":\"2026-08-22T01:00:%4$02uZ\",\"Category\":"
     "[\"Recon.Scanning\"],\"ConnCount\":%1$u,\"Source\":[{\"IP4\":[\"192.0.%2$u.%3$u\"],\"Proto\":[\"tcp\"]}"
     "],"
     "\"Node\":[{\"Name\":\"example.detector\"}]}\n"},
};

static void make_lines(struct buf *b, const struct sample *k)
{
    buf_reset(b);
    for (unsigned i = 0; i < LINES; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buf_printf(b, k->line, i, i / 256 % 256, i % 256, i / 400 % 60);
#pragma GCC diagnostic pop
    }
    if (b->failed)
        die(k->name, "no memory");
}

static void read_all(int fd, const struct sample *k, struct tally *t)
{
    const struct intake_sink sink = {.ctx = t,
                                     .record = on_record,
                                     .claim = on_claim,
                                     .observation = on_observation,
                                     .reject = on_reject,
                                     .chunk = on_chunk,
                                     .member = on_member};
    struct intake_opts opts = {.mapping = sv_c(k->mapping), .format = sv_c(k->format), .name = SV("bench")};
    struct err e = ERR_NONE;

    opts.zone = zone_find(SV("UTC"), &e);
    if (lseek(fd, 0, SEEK_SET) != 0 || intake_parse(fd, &opts, &sink, &e) < 0)
        die(k->name, e.text);
}

static size_t at_least(const struct sample *k, struct sv text, struct json_doc *doc)
{
    struct sv rest = text, line;
    size_t n = 0;
    struct jv v;

    while (sv_line(&rest, &line))
        n += !k->json || (line.n && json_parse_event(doc, line, &v, NULL) == OK);
    if (!k->json) {
        volatile uint8_t kept = sha256_of(text).b[0]; /* so that it is not left out */
        (void)kept;
    }
    return n;
}

static void bench_kind(const struct sample *k, struct buf *b, double budget)
{
    struct tally once = {0}, all = {0};
    struct json_doc *doc = json_doc_new(1 << 20);
    double spent = 0, limit = 0;
    size_t least = 0, rounds = 0;
    int fd = memfd_create("bench", MFD_CLOEXEC);

    make_lines(b, k);
    if (!doc || fd < 0 || write(fd, b->p, b->n) != (ssize_t)b->n)
        die(k->name, "cannot be prepared");
    read_all(fd, k, &once);
    for (double t = seconds(); spent < budget; spent = seconds() - t, rounds++)
        read_all(fd, k, &all);
    for (double t = seconds(); limit < budget / 2; limit = seconds() - t)
        least += at_least(k, buf_sv(b), doc);
    double rate = (double)all.records / spent, most = (double)least / limit;
    printf(
        "%-28s %7zu records %7zu values %zu rejects  %9.0f records/s  %6.1f MB/s  %s %9.0f/s  ratio %.2f\n",
        k->name, once.records, once.values, once.rejects, rate, (double)b->n * (double)rounds / spent / 1e6,
        k->json ? "parsing" : "hashing", most, rate / most);
    json_doc_free(doc);
    close(fd);
}

int main(int argc, char **argv)
{
    double budget = argc > 1 ? strtod(argv[1], NULL) : 1.0;
    struct err e = ERR_NONE;
    struct buf b;

    if (crypto_start(&e) < 0)
        die("start", e.text);
    buf_init(&b, (size_t)64 << 20);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        bench_kind(&kinds[i], &b, budget);
    buf_clear(&b);
    return 0;
}
