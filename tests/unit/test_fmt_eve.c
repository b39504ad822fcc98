#include "event_collect.h"

#define DATA "tests/data/events/"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTING 0
#endif
#endif
#ifndef COUNTING
#define COUNTING 1
#endif

static size_t allocations;

#if COUNTING
/* glibc's own, so that every allocation of the process can be counted. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}
#endif

static void values_of_all_event_types(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "eve.json", "", NULL);
    assert_string_equal(g.format, "eve");
    assert_int_equal(g.end.code, OK);
    assert_collected(
        &g,
        "alert alert 2026-03-01T01:15:30.123456Z [tap-tokyo] src_ip=ipv4-addr:198.51.100.7 "
        "dest_ip=ipv4-addr:192.168.0.2 http.hostname=domain-name:bad.example "
        "http.http_user_agent=user-agent:curl/8.0 "
        "http.http_refer=url:http://from.example/a http.url=url:http://bad.example/gate.php?id=1\n"
        "dns dns 2026-03-01T01:15:30.000000Z [] src_ip=ipv6-addr:2001:db8::1 dest_ip=ipv4-addr:192.0.2.53 "
        "dns.rrname=domain-name:www.bad.example dns.rdata=domain-name:edge.example "
        "dns.rrname=domain-name:edge.example "
        "dns.rdata=ipv4-addr:203.0.113.9 dns.rdata=ipv4-addr:203.0.113.10\n"
        "dns dns 2026-03-01T01:15:31.500000Z [] src_ip=ipv4-addr:192.0.2.4 dest_ip=ipv4-addr:192.0.2.53 "
        "dns.rrname=domain-name:xn--bcher-kva.example\n"
        "http http 2026-03-01T01:15:32.000001Z [] src_ip=ipv4-addr:192.0.2.4 dest_ip=ipv4-addr:203.0.113.9 "
        "http.hostname=ipv4-addr:203.0.113.9 http.redirect=url:https://next.example/ "
        "http.url=url:http://203.0.113.9:8080/a%20b\n"
        "http http 2026-03-01T01:15:32.000000Z [] src_ip=ipv4-addr:192.0.2.4 dest_ip=ipv4-addr:203.0.113.9 "
        "http.hostname=domain-name:proxied.example http.url=url:http://proxied.example/x\n"
        "tls tls 2026-03-01T01:15:33.000000Z [] src_ip=ipv4-addr:192.0.2.4 dest_ip=ipv4-addr:203.0.113.9 "
        "tls.sni=domain-name:c2.example tls.fingerprint=x509-sha-1:4ef10b3ebd5c18a33ea45571fcc1a1c0d635e500 "
        "tls.ja3.hash=ja3:e7d705a3286e19ea42f587b344ee6865 "
        "tls.ja3s.hash=ja3s:ec74a5c51106f0419184d0dd08fb05bc "
        "tls.ja4=ja4:t13d1516h2_8daaf6152771_e5627efa2ab1\n"
        "fileinfo file 2026-03-01T01:15:34.000000Z [] src_ip=ipv4-addr:203.0.113.9 "
        "dest_ip=ipv4-addr:192.0.2.4 "
        "fileinfo.md5=md5:d41d8cd98f00b204e9800998ecf8427e "
        "fileinfo.sha256=sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
        "fileinfo.sha1=sha-1:da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
        "smtp smtp 2026-03-01T01:15:35.000000Z [] src_ip=ipv4-addr:192.0.2.4 dest_ip=ipv4-addr:192.0.2.25 "
        "smtp.mail_from=email-addr:sender@bad.example smtp.rcpt_to=email-addr:a@corp.example "
        "smtp.rcpt_to=email-addr:b@corp.example email.from=email-addr:jane@bad.example "
        "email.to=email-addr:x@corp.example "
        "email.to=email-addr:y@corp.example email.url=url:bad.example/login\n"
        "flow flow 2026-03-01T01:15:36.000000Z [] src_ip=ipv4-addr:0.0.0.0 dest_ip=ipv4-addr:10.0.0.1\n"
        "stats other 2026-03-01T01:15:37.000000Z []\n");
    collect_clear(&g);
}

static void one_bad_line_costs_one_record(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "eve-bad.json", "eve", NULL);
    assert_int_equal(g.end.code, OK);
    assert_collected(&g, "flow flow 2026-03-01T01:00:00.000000Z [] src_ip=ipv4-addr:192.0.2.1\n"
                         "reject line 2 at 78 syntax context 0\n"
                         "reject line 4 at 158 zone context 0\n"
                         "reject line 5 at 235 syntax context 0\n"
                         "reject line 6 at 253 value context 0\n"
                         "reject line 7 at 310 value context 0\n"
                         "reject line 8 at 368 value context 0\n"
                         "flow flow 2026-03-01T01:00:09.000000Z [] src_ip=ipv4-addr:192.0.2.9\n");
    collect_clear(&g);
}

static int keep_first(void *ctx, const struct reject *r, struct err *e)
{
    struct buf *b = ctx;

    if (b->n == 0)
        buf_printf(b, "%.*s|%.*s|%.*s", SV_ARG(r->text), SV_ARG(r->remedy), SV_ARG(r->bytes));
    return OK;
}

static int ignore_record(void *ctx, struct sv type, struct err *e)
{
    return OK;
}

static int ignore_observation(void *ctx, const struct observation *o, struct err *e)
{
    return OK;
}

static struct sv first_reject(struct buf *b, const char *text, const char *format)
{
    const struct intake_sink sink = {
        .ctx = b, .record = ignore_record, .observation = ignore_observation, .reject = keep_first};
    struct intake_opts o = {.format = sv_c(format), .mapping = SV(""), .name = SV("")};
    struct err e = ERR_NONE;
    int fd = memfd_create("events", MFD_CLOEXEC);

    assert_int_equal(fd_write_all(fd, sv_c(text), &e), OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(intake_parse(fd, &o, &sink, &e), OK);
    close(fd);
    return buf_sv(b);
}

static void rejects_say_where_and_what_to_do(void **state)
{
    struct buf b;

    buf_init(&b, 4096);
    struct sv why = first_reject(&b, "{\"timestamp\":\"2026-03-01T01:00:01Z\",\"event_type\":}\n", "eve");
    assert_true(sv_find(why, SV("byte 49 of the event")) != SIZE_MAX);
    assert_true(sv_find(why, SV("|{\"timestamp\"")) != SIZE_MAX);
    buf_reset(&b);
    why = first_reject(&b, "{\"timestamp\":\"2026-03-01T01:00:01\",\"event_type\":\"flow\"}\n", "eve");
    assert_true(sv_find(why, SV("noroshi source add --zone")) != SIZE_MAX);
    buf_clear(&b);
}

static void declared_zone_is_used(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "eve-array.json", "", "Asia/Taipei");
    assert_collected(&g, "flow flow 2026-03-01T01:00:00.000000Z [] src_ip=ipv4-addr:192.0.2.1\n"
                         "flow flow 2026-02-28T17:00:01.000000Z [] src_ip=ipv4-addr:192.0.2.2\n"
                         "flow flow 2026-03-01T01:00:02.000000Z [] src_ip=ipv4-addr:192.0.2.3\n");
    collect_clear(&g);
}

static void array_without_zone_rejects_the_record(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "eve-array.json", "", NULL);
    assert_string_equal(g.format, "eve");
    assert_collected(&g, "flow flow 2026-03-01T01:00:00.000000Z [] src_ip=ipv4-addr:192.0.2.1\n"
                         "reject line 7 at 106 zone context 0\n"
                         "flow flow 2026-03-01T01:00:02.000000Z [] src_ip=ipv4-addr:192.0.2.3\n");
    collect_clear(&g);
}

static void array_by_lines_bears_a_lone_comma(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "eve-array-lines.json", "", NULL);
    assert_string_equal(g.format, "eve");
    assert_int_equal(g.end.code, OK);
    assert_int_equal(g.observations, 3);
    assert_int_equal(g.rejects, 0);
    collect_clear(&g);
}

static void array_cut_off_gives_what_was_there(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(&g,
                  SV("[{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"flow\"},\n"
                     "{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"fl"),
                  "", NULL);
    assert_int_equal(g.end.code, ERR_SYNTAX);
    assert_int_equal(g.observations, 1);
    assert_int_equal(g.rejects, 1);
    collect_clear(&g);
}

static void an_array_on_one_line_is_read(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(&g,
                  SV("[{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"flow\"},"
                     "{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"flow\"}]"),
                  "", NULL);
    assert_int_equal(g.end.code, OK);
    assert_int_equal(g.observations, 2);
    collect_clear(&g);
}

static void a_line_too_long_is_rejected(void **state)
{
    struct collected g;
    struct buf b;

    buf_init(&b, 4u << 20);
    buf_add(&b, SV("{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"flow\",\"x\":\""));
    while (b.n < (3u << 19))
        buf_add(&b, SV("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    buf_add(&b, SV("\"}\n{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"flow\"}\n"));
    collect_init(&g);
    collect_bytes(&g, buf_sv(&b), "", NULL);
    assert_collected(&g, "reject line 1 at 0 limit context 0\n"
                         "flow flow 2026-03-01T01:00:00.000000Z []\n");
    collect_clear(&g);
    buf_clear(&b);
}

static void values_past_the_limit_are_counted(void **state)
{
    struct collected g;
    struct buf b;

    buf_init(&b, 1u << 16);
    buf_add(
        &b,
        SV("{\"timestamp\":\"2026-03-01T01:00:00Z\",\"event_type\":\"dns\",\"dns\":{\"grouped\":{\"A\":["));
    for (int i = 0; i < OBSERVATION_VALUES + 5; i++)
        buf_printf(&b, "%s\"192.0.2.%d\"", i ? "," : "", i);
    buf_add(&b, SV("]}}}\n"));
    collect_init(&g);
    collect_bytes(&g, buf_sv(&b), "", NULL);
    buf_addc(&g.text, 0);
    assert_non_null(strstr(g.text.p, "dns.rdata=ipv4-addr:192.0.2.63 and 5 more\n"));
    collect_clear(&g);
    buf_clear(&b);
}

/* The whole minute is remembered: seconds and fraction must still be read, and a change of minute, day or
 * zone noticed. */
static void times_next_to_each_other(void **state)
{
    static const char *const times[][2] = {
        {"2026-03-01T10:15:30.5+0900", "2026-03-01T01:15:30.500000Z"},
        {"2026-03-01T10:15:59.999999999+0900", "2026-03-01T01:15:59.999999Z"},
        {"2026-03-01T10:15:30.5+0800", "2026-03-01T02:15:30.500000Z"},
        {"2026-03-01T10:15:30.5Z", "2026-03-01T10:15:30.500000Z"},
        {"2026-03-01T10:16:30.5Z", "2026-03-01T10:16:30.500000Z"},
        {"2026-03-01T10:16:60Z", "2026-03-01T10:17:00.000000Z"},
        {"2026-03-02 10:16:01.000001+00:00", "2026-03-02T10:16:01.000001Z"},
        {"2026-03-02T10:16:01,5Z", NULL},
        {"2026-03-02T10:16:1Z", NULL},
    };
    struct intake_opts o = {.format = SV("eve"), .mapping = SV(""), .name = SV("")};
    struct err e = ERR_NONE;
    struct event_reader *r = event_reader_new(&o, &e);
    static struct observation got;

    assert_non_null(r);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char line[128], text[32];

        (void)snprintf(line, sizeof line, "{\"timestamp\":\"%s\",\"event_type\":\"flow\"}", times[i][0]);
        int rc = event_reader_line(r, sv_c(line), &got, &e);
        assert_int_equal(rc > 0, times[i][1] != NULL);
        if (rc <= 0)
            continue;
        time_text6(got.time, text);
        assert_string_equal(text, times[i][1]);
    }
    event_reader_free(r);
}

static void reader_finds_the_format(void **state)
{
    struct intake_opts o = {.format = SV(""), .mapping = SV(""), .name = SV("")};
    struct err e = ERR_NONE;
    struct event_reader *r = event_reader_new(&o, &e);
    static struct observation got;

    assert_non_null(r);
    assert_int_equal(event_reader_line(r, SV(""), &got, &e), 0);
    assert_int_equal(event_reader_line(r, SV("what is this"), &got, &e), ERR_UNSUPPORTED);
    assert_int_equal(
        event_reader_line(r, SV("{\"event_type\":\"flow\",\"timestamp\":\"2026-03-01T01:00:00Z\"}\r"), &got,
                          &e),
        1);
    assert_true(sv_eq(got.type, SV("flow")));
    assert_true(event_reader_line(r, SV("{\"event_type\":\"flow\""), &got, &e) < 0);
    event_reader_free(r);
    o.format = SV("csv");
    assert_null(event_reader_new(&o, &e));
    assert_int_equal(e.code, ERR_USAGE);
}

static bool is_ascii(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Names that are not ASCII go through libidn2, which allocates; nothing else may. */
static void events_are_read_without_the_heap(void **state)
{
    struct intake_opts o = {.format = SV("eve"), .mapping = SV(""), .name = SV("")};
    struct err e = ERR_NONE;
    static struct observation got;
    struct event_reader *r;
    struct buf text;
    struct sv rest, line;
    size_t before = 0, events = 0;

    if (!COUNTING)
        skip();
    r = event_reader_new(&o, &e);
    assert_non_null(r);
    buf_init(&text, 1u << 20);
    assert_int_equal(file_read(AT_FDCWD, DATA "eve.json", &text, &e), OK);
    for (int round = 0; round < 3; round++) {
        before = round == 1 ? allocations : before;
        rest = buf_sv(&text);
        while (sv_line(&rest, &line))
            if (is_ascii(line) && event_reader_line(r, line, &got, &e) == 1)
                events++;
    }
    assert_true(before > 0);
    assert_int_equal(events, 27);
    assert_int_equal(allocations - before, 0);
    buf_clear(&text);
    event_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_event_types),
        cmocka_unit_test(one_bad_line_costs_one_record),
        cmocka_unit_test(rejects_say_where_and_what_to_do),
        cmocka_unit_test(declared_zone_is_used),
        cmocka_unit_test(array_without_zone_rejects_the_record),
        cmocka_unit_test(array_by_lines_bears_a_lone_comma),
        cmocka_unit_test(array_cut_off_gives_what_was_there),
        cmocka_unit_test(an_array_on_one_line_is_read),
        cmocka_unit_test(a_line_too_long_is_rejected),
        cmocka_unit_test(values_past_the_limit_are_counted),
        cmocka_unit_test(times_next_to_each_other),
        cmocka_unit_test(reader_finds_the_format),
        cmocka_unit_test(events_are_read_without_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
