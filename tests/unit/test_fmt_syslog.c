/* CEF, LEEF and syslog of devices. The data is ours: tests/data/events; messages as the makers' references
 * and the programs' sources have them. */
#include "event_collect.h"

static void reads_devices(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, "tests/data/events/devices.log", "", NULL);
    assert_string_equal(g.format, "syslog");
    assert_int_equal(g.end.code, OK);
    assert_collected(
        &g, "sshd login 2026-08-22T01:00:00.123456Z [gate] src_ip=ipv4-addr:192.0.2.10\n"
            "sshd login 2026-08-22T01:00:01.000000Z [gate] src_ip=ipv4-addr:192.0.2.11\n"
            "sshd login 2026-08-22T01:00:02.000000Z [gate] src_ip=ipv6-addr:2001:db8::11\n"
            "sshd login 2026-08-22T01:00:03.000000Z [gate] src_ip=ipv4-addr:192.0.2.12\n"
            "pam login 2026-08-22T01:00:04.000000Z [gate] src_ip=ipv4-addr:192.0.2.13\n"
            "netfilter flow 2026-08-22T01:00:05.000000Z [gate] SRC=ipv4-addr:192.0.2.14 "
            "DST=ipv4-addr:198.51.100.1\n"
            "cisco-asa flow 2026-08-22T01:00:06.000000Z [asa01] src_ip=ipv4-addr:203.0.113.5 "
            "dst_ip=ipv4-addr:10.0.0.5\n"
            "cisco-asa flow 2026-08-22T01:00:07.000000Z [asa01] src_ip=ipv4-addr:192.0.2.15 "
            "dst_ip=ipv4-addr:10.0.0.6\n"
            "cisco-asa flow 2026-08-22T01:00:08.000000Z [asa01] src_ip=ipv4-addr:10.0.0.7 "
            "dst_ip=ipv4-addr:203.0.113.6 url=url:http://bad.example/x.exe\n"
            "fortinet flow 2026-08-22T01:00:09.000000Z [fw-tyo] srcip=ipv4-addr:10.0.0.8 "
            "dstip=ipv4-addr:203.0.113.7\n"
            "fortinet http 2026-08-22T01:00:10.000000Z [fw-tyo] srcip=ipv4-addr:10.0.0.9 "
            "dstip=ipv4-addr:203.0.113.8 hostname=domain-name:web.bad.example agent=user-agent:Mozilla/5.0 "
            "\"x\" request=url:http://web.bad.example/login?a=b%20c\n"
            "palo-alto flow 2026-08-22T01:00:11.000000Z [pa01] src=ipv4-addr:10.0.0.10 "
            "dst=ipv4-addr:203.0.113.9 natsrc=ipv4-addr:0.0.0.0 natdst=ipv4-addr:0.0.0.0 x3\n"
            "palo-alto http 2026-08-22T01:00:12.000000Z [pa01] src=ipv4-addr:10.0.0.11 "
            "dst=ipv4-addr:203.0.113.10 user_agent=user-agent:Agent, \"quoted\" xff=ipv4-addr:192.0.2.77 "
            "referer=url:http://ref.example/ request=url:http://cdn.bad.example/a,b.js\n"
            "postfix smtp 2026-08-22T01:00:13.000000Z [mail] src_ip=ipv4-addr:192.0.2.16\n"
            "postfix smtp 2026-08-22T01:00:14.000000Z [mail] host=domain-name:spam.example "
            "src_ip=ipv4-addr:192.0.2.17 from=email-addr:spammer@bad.example "
            "to=email-addr:victim@corp.example helo=domain-name:ylmf-pc.example\n"
            "postfix smtp 2026-08-22T01:00:15.000000Z [mail] to=email-addr:a@corp.example "
            "host=domain-name:mx.corp.example dst_ip=ipv4-addr:198.51.100.25\n"
            "bind dns 2026-08-22T01:00:16.000000Z [ns1] src_ip=ipv4-addr:10.0.0.12 "
            "query=domain-name:www.bad.example\n"
            "dnsmasq dns 2026-08-22T01:00:17.000000Z [ns2] query=domain-name:c2.bad.example "
            "src_ip=ipv4-addr:10.0.0.13\n"
            "dnsmasq dns 2026-08-22T01:00:18.000000Z [ns2] query=domain-name:c2.bad.example "
            "answer=ipv4-addr:203.0.113.20\n"
            "juniper-srx flow 2026-08-22T01:00:19.500000Z [srx] source-address=ipv4-addr:10.0.0.14 "
            "destination-address=ipv4-addr:203.0.113.21\n"
            "syslog other 2026-08-22T01:00:20.000000Z [host1]\n"
            "Sensor alert 2026-08-22T01:00:21.000000Z [host1] src=ipv4-addr:10.0.0.15 "
            "dst=ipv4-addr:203.0.113.22\n");
    collect_clear(&g);
}

static void reads_cef(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, "tests/data/events/cef.log", "", NULL);
    assert_string_equal(g.format, "cef");
    assert_collected(
        &g,
        "Threat Sensor http 2026-08-22T01:00:00.123000Z [sensor-1] src=ipv4-addr:10.0.0.1 "
        "dst=ipv4-addr:203.0.113.1 dhost=domain-name:drop.bad.example "
        "fileHash=md5:d41d8cd98f00b204e9800998ecf8427e request=url:http://drop.bad.example:8080/a=b?c=d x3\n"
        "Threat Sensor ssh 2026-08-22T01:00:01.000000Z [relay] src=ipv6-addr:2001:db8::1 "
        "suser=email-addr:a@mail.example\n"
        "Proxy http 2026-08-22T01:00:02.000000Z [192.0.2.250] requestClientApplication=user-agent:curl/8.0 "
        "request=url:http://files.bad.example/x.exe\n"
        "reject line 4 at 579 syntax context 0\n"
        "reject line 5 at 605 value context 0\n"
        "reject line 6 at 655 zone context 0\n");
    collect_clear(&g);
}

static void reads_leef(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, "tests/data/events/leef.log", "", NULL);
    assert_string_equal(g.format, "leef");
    assert_collected(
        &g,
        "Gateway alert 2026-08-22T01:00:00.000000Z [gw1] src=ipv4-addr:192.0.2.1 dst=ipv4-addr:198.51.100.1 "
        "usrName=email-addr:joe@corp.example\n"
        "Gateway http 2026-08-22T01:00:01.250000Z [] src=ipv4-addr:192.0.2.2 "
        "identHostName=domain-name:pc1.corp.example request=url:http://bad.example/p|q\n"
        "Gateway alert 2026-08-22T01:00:02.000000Z [] src=ipv4-addr:192.0.2.3 dst=ipv4-addr:203.0.113.3\n"
        "Gateway alert 2026-08-22T01:00:03.000000Z [gw2] src=ipv4-addr:192.0.2.4 dst=ipv4-addr:203.0.113.4\n"
        "reject line 5 at 467 syntax context 0\n");
    collect_clear(&g);
}

static void reads_counted_messages(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, "tests/data/events/syslog-counted.bin", "", NULL);
    assert_string_equal(g.format, "syslog");
    assert_collected(&g, "sshd login 2026-08-22T01:00:00.000000Z [h1] src_ip=ipv4-addr:192.0.2.1\n"
                         "syslog other 2026-08-22T01:00:01.000000Z [h1]\n"
                         "sshd login 2026-08-22T01:00:02.000000Z [h1] src_ip=ipv4-addr:192.0.2.2\n"
                         "reject line 2 at 229 syntax context 0\n");
    collect_clear(&g);
}

static usec at(const char *text, const char *zone)
{
    struct err e = ERR_NONE;
    usec t = 0;

    assert_int_equal(
        time_parse(sv_c(text), &(struct time_opts){.fallback = zone_find(sv_c(zone), &e)}, &t, &e), OK);
    return t;
}

/* One line through the reader of `watch`. */
static int one_line(const char *format, const char *zone, const char *line, usec *ret, struct err *e)
{
    static struct observation o;
    struct intake_opts opts = {.format = sv_c(format), .mapping = SV(""), .name = SV("")};
    struct event_reader *r;

    *e = ERR_NONE;
    opts.zone = zone ? zone_find(sv_c(zone), e) : NULL;
    r = event_reader_new(&opts, e);
    assert_non_null(r);
    int rc = event_reader_line(r, sv_c(line), &o, e);
    *ret = o.time;
    event_reader_free(r);
    return rc;
}

/* The year is the last one in which the time is not later than a day from now. */
static void a_year_that_is_not_written(void **state)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t today = time_now() / USEC_DAY;

    for (int64_t back = -1; back < 364; back++) {
        int64_t y;
        unsigned m, d;
        char line[96], want[40];
        struct err e;
        usec got;

        civil_from_days(today - back, &y, &m, &d);
        if (m == 2 && d == 29)
            continue;
        (void)snprintf(line, sizeof(line), "<34>%s %2u 07:08:09 host sshd[1]: Connection closed by 192.0.2.1",
                       months[m - 1], d);
        (void)snprintf(want, sizeof(want), "%04lld-%02u-%02uT07:08:09", (long long)y, m, d);
        assert_int_equal(one_line("", "Asia/Tokyo", line, &got, &e), 1);
        if (got != at(want, "Asia/Tokyo"))
            fail_msg("%s is not read as %s", line, want);
    }
}

static void zones_are_needed(void **state)
{
    struct err e;
    usec t;

    assert_int_equal(one_line("", NULL, "<34>Aug 22 10:00:00 host su: x", &t, &e), ERR_ZONE);
    assert_int_equal(one_line("", NULL, "Aug 22 2025 10:00:00 host su: x", &t, &e), ERR_ZONE);
    assert_int_equal(one_line("syslog", NULL, "<34>no time at all", &t, &e), ERR_VALUE);
    assert_int_equal(one_line("syslog", NULL, "no header", &t, &e), ERR_SYNTAX);
    assert_int_equal(one_line("cef", "UTC", "Aug 22 2025 10:00:00 host su: x", &t, &e), ERR_SYNTAX);
    assert_int_equal(one_line("", "UTC", "Aug 22 2025 10:00:00.25 host su: x", &t, &e), 1);
    assert_true(t == at("2025-08-22T10:00:00.25Z", "UTC"));
    assert_int_equal(one_line("", NULL, "<14>1 2026-08-22T01:00:19.123456789+09:00 h a - - - x", &t, &e), 1);
    assert_true(t == at("2026-08-21T16:00:19.123456Z", "UTC"));
    /* a Cisco clock */
    assert_int_equal(one_line("", "UTC", "<189>*Aug 22 2025 10:00:00.123: %ASA-6-302013: x", &t, &e), 1);
}

static void others_are_not_taken(void **state)
{
    static const char *const texts[] = {
        "bad.example\nworse.example\n",
        "192.0.2.1 # comment\n192.0.2.2\n",
        "value,first\nbad.example,2026-08-22T10:00:00Z\n",
        "2026-08-22T10:00:00Z,bad.example,domain\n",
        "# Last update: Sat, 22 Aug 2026 03:00:29 +0200\n192.0.2.1\t3\n192.0.2.2\t3\n",
        "{\"a\":\"CEF:0|x|y\"}\n",
        "Aug\nSep\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct intake_format *f = intake_detect(sv_c(texts[i]), SV(""));

        if (f &&
            (strcmp(f->name, "syslog") == 0 || strcmp(f->name, "cef") == 0 || strcmp(f->name, "leef") == 0))
            fail_msg("text %zu is taken for %s", i, f->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_devices),
        cmocka_unit_test(reads_cef),
        cmocka_unit_test(reads_leef),
        cmocka_unit_test(reads_counted_messages),
        cmocka_unit_test(a_year_that_is_not_written),
        cmocka_unit_test(zones_are_needed),
        cmocka_unit_test(others_are_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
