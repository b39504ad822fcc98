#include "event_collect.h"

#define DATA "tests/data/events/"

static void assert_file(const char *path, const char *zone, const char *expected)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, path, "", zone);
    assert_string_equal(g.format, "honeypot");
    assert_int_equal(g.end.code, OK);
    assert_collected(&g, expected);
    collect_clear(&g);
}

/* The name and password of the second event read like observables and must not become any. */
static void heralding(void **state)
{
    assert_file(DATA "heralding.json", "UTC",
                "heralding flow 2026-02-22T08:05:15.141628Z [] source_ip=ipv4-addr:198.51.100.1 "
                "destination_ip=ipv4-addr:192.0.2.1\n"
                "heralding login 2026-02-22T08:05:16.000000Z [] source_ip=ipv4-addr:198.51.100.2 "
                "destination_ip=ipv4-addr:192.0.2.1\n");
}

static void a_time_without_zone_needs_a_declared_one(void **state)
{
    assert_file(DATA "heralding.json", NULL,
                "reject line 1 at 0 zone context 0\nreject line 2 at 330 zone context 0\n");
    assert_file(DATA "heralding.json", "+09:00",
                "heralding flow 2026-02-21T23:05:15.141628Z [] source_ip=ipv4-addr:198.51.100.1 "
                "destination_ip=ipv4-addr:192.0.2.1\n"
                "heralding login 2026-02-21T23:05:16.000000Z [] source_ip=ipv4-addr:198.51.100.2 "
                "destination_ip=ipv4-addr:192.0.2.1\n");
}

static void dionaea(void **state)
{
    assert_file(
        DATA "dionaea.json", "UTC",
        "dionaea flow 2026-02-12T08:28:02.472515Z [] dst_ip=ipv4-addr:172.30.0.2 "
        "src_ip=ipv4-addr:198.51.100.3\n"
        "dionaea login 2026-02-12T08:46:20.049061Z [] dst_ip=ipv4-addr:172.30.0.2 "
        "src_hostname=domain-name:scan.example src_ip=ipv4-addr:198.51.100.4\n"
        "dionaea file 2026-02-23T17:56:24.592919Z [] dst_ip=ipv4-addr:172.30.0.2 "
        "src_ip=ipv4-addr:198.51.100.5 "
        "downloads.url=url:http://drop.example/a.bin downloads.md5=md5:d41d8cd98f00b204e9800998ecf8427e\n"
        "reject line 5 at 846 syntax context 0\n"
        "dionaea flow 2026-02-23T17:56:25.000000Z [] dst_ip=ipv4-addr:172.30.0.2 "
        "src_ip=ipv4-addr:198.51.100.7\n");
}

static void cowrie(void **state)
{
    assert_file(
        DATA "cowrie.json", NULL,
        "cowrie.session.connect flow 2026-02-11T00:00:00.123456Z [pot-taipei] src_ip=ipv4-addr:198.51.100.8 "
        "dst_ip=ipv4-addr:172.22.0.2\n"
        "cowrie.login.failed login 2026-02-11T00:00:01.123456Z [pot-taipei] src_ip=ipv4-addr:198.51.100.8\n"
        "cowrie.session.file_download file 2026-02-11T00:00:02.000000Z [pot-taipei] "
        "url=url:http://drop.example/m.sh "
        "shasum=sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
        "src_ip=ipv4-addr:198.51.100.8\n"
        "cowrie.direct-tcpip.request flow 2026-02-11T00:00:03.000000Z [pot-taipei] "
        "dst_ip=domain-name:tunnelled.example src_ip=ipv4-addr:198.51.100.8\n");
}

/* The second payload holds what looks like an end and another source: it is still payload. */
static void cisco_asa(void **state)
{
    assert_file(DATA "ciscoasa.log", "Asia/Tokyo",
                "ciscoasa flow 2026-02-10T15:00:00.123456Z [] src_ip=ipv4-addr:198.51.100.9\n"
                "ciscoasa flow 2026-02-10T15:00:01.000000Z [] src_ip=ipv4-addr:198.51.100.10\n"
                "reject line 3 at 275 syntax context 0\n");
}

static void what_shipped_it_may_know_the_zone(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(
        &g,
        SV("{\"@timestamp\":\"2026-02-11T00:00:00.5Z\",\"timestamp\":\"2026-02-11T09:00:00.5\",\"type\":"
           "\"Honeytrap\",\"t-pot_hostname\":\"pot\",\"src_ip\":\"198.51.100.1\",\"dest_ip\":\"192.0.2.1\"}\n"
           "{\"src_ip\":\"198.51.100.1\"}\n"
           "{\"timestamp\":\"2026-02-11T00:00:00.5Z\",\"dest_ip\":\"192.0.2.1\"}\n"),
        "honeypot", NULL);
    assert_collected(&g, "Honeytrap flow 2026-02-11T00:00:00.500000Z [pot] src_ip=ipv4-addr:198.51.100.1 "
                         "dest_ip=ipv4-addr:192.0.2.1\n"
                         "reject line 2 at 164 value context 0\n"
                         "reject line 3 at 190 value context 0\n");
    collect_clear(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heralding), cmocka_unit_test(a_time_without_zone_needs_a_declared_one),
        cmocka_unit_test(dionaea),   cmocka_unit_test(cowrie),
        cmocka_unit_test(cisco_asa), cmocka_unit_test(what_shipped_it_may_know_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
