#include "event_collect.h"

#include <dirent.h>

#define DATA "tests/data/events/"

static void assert_log(const char *path, const char *expected)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, path, "", NULL);
    assert_string_equal(g.format, "zeek");
    assert_int_equal(g.end.code, OK);
    assert_int_equal(g.rejects, 0);
    assert_collected(&g, expected);
    collect_clear(&g);
}

static void flows(void **state)
{
    assert_log(DATA "zeek/conn.log", "conn flow 2026-03-01T00:00:00.000001Z [] id.orig_h=ipv4-addr:192.0.2.1 "
                                     "id.resp_h=ipv4-addr:198.51.100.1\n"
                                     "conn flow 2026-03-01T00:00:01.500000Z [] id.orig_h=ipv6-addr:fe80::1 "
                                     "id.resp_h=ipv6-addr:2001:db8::1\n"
                                     "conn flow 2026-03-01T00:00:02.123457Z [] id.orig_h=ipv4-addr:0.0.0.0 "
                                     "id.resp_h=ipv4-addr:255.255.255.255\n");
}

#define ENDS "id.orig_h=ipv4-addr:192.0.2.1 id.resp_h=ipv4-addr:"

static void names(void **state)
{
    assert_log(DATA "zeek/dns.log",
               "dns dns 2026-03-01T00:00:00.250000Z [] " ENDS "192.0.2.53 query=domain-name:www.bad.example "
               "answers=domain-name:edge.example answers=ipv4-addr:203.0.113.9\n"
               "dns dns 2026-03-01T00:00:00.500000Z [] " ENDS
               "192.0.2.53 query=domain-name:9.113.0.203.in-addr.arpa\n"
               "dns dns 2026-03-01T00:00:00.750000Z [] " ENDS "192.0.2.53\n");
}

static void requests(void **state)
{
    assert_log(DATA "zeek/http.log",
               "http http 2026-03-01T00:00:00.100000Z [] " ENDS "203.0.113.9 host=domain-name:bad.example "
               "referrer=url:http://from.example/ user_agent=user-agent:Mozilla/4.0 (compatible) "
               "uri=url:http://bad.example/a?b=c%09d\n"
               "http http 2026-03-01T00:00:00.200000Z [] " ENDS "203.0.113.9 host=ipv4-addr:203.0.113.9 "
               "uri=url:http://203.0.113.9:8080/gate\n"
               "http http 2026-03-01T00:00:00.300000Z [] " ENDS "203.0.113.9 host=domain-name:other.example "
               "uri=url:http://other.example:8443/gate\n"
               "http http 2026-03-01T00:00:00.400000Z [] " ENDS "203.0.113.9 host=domain-name:via.example "
               "uri=url:http://via.example/x\n"
               "http http 2026-03-01T00:00:00.500000Z [] " ENDS "203.0.113.9 uri=domain-name:tunnel.example\n"
               "http http 2026-03-01T00:00:00.600000Z [] " ENDS "203.0.113.9\n");
}

static void handshakes_and_certificates(void **state)
{
    assert_log(DATA "zeek/ssl.log",
               "ssl tls 2026-03-01T00:00:00.000000Z [] " ENDS
               "203.0.113.9 server_name=domain-name:c2.example "
               "ja3=ja3:e7d705a3286e19ea42f587b344ee6865 ja3s=ja3s:ec74a5c51106f0419184d0dd08fb05bc "
               "cert_chain_fps=x509-sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
               "cert_chain_fps=x509-sha-1:da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
               "ssl tls 2026-03-01T00:00:01.000000Z [] " ENDS "203.0.113.9\n");
    assert_log(DATA "zeek/x509.log",
               "x509 tls 2026-03-01T00:00:00.800000Z [] san.dns=domain-name:bad.example "
               "san.ip=ipv4-addr:203.0.113.9 "
               "fingerprint=x509-sha-256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n");
}

static void files_and_mail(void **state)
{
    assert_log(
        DATA "zeek/files.log",
        "files file 2026-03-01T00:00:00.900000Z [] tx_hosts=ipv4-addr:203.0.113.9 "
        "tx_hosts=ipv4-addr:203.0.113.10 rx_hosts=ipv4-addr:192.0.2.1 "
        "md5=md5:d41d8cd98f00b204e9800998ecf8427e sha1=sha-1:da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
        "files file 2026-03-01T00:00:01.900000Z []\n");
    assert_log(
        DATA "zeek/smtp.log",
        "smtp smtp 2026-03-01T00:00:00.700000Z [] " ENDS "192.0.2.25 mailfrom=email-addr:sender@bad.example "
        "rcptto=email-addr:a@corp.example rcptto=email-addr:b@corp.example from=email-addr:jane@bad.example "
        "to=email-addr:a@corp.example x_originating_ip=ipv4-addr:203.0.113.77 path=ipv4-addr:192.0.2.25 "
        "path=ipv4-addr:192.0.2.26 user_agent=user-agent:Outlook\n");
}

static void other_logs(void **state)
{
    assert_log(DATA "zeek/notice.log",
               "notice alert 2026-03-01T00:00:00.110000Z [worker-1] " ENDS "203.0.113.9 "
               "src=ipv4-addr:192.0.2.1 dst=ipv4-addr:203.0.113.9\n");
    assert_log(DATA "zeek/intel.log", "intel alert 2026-03-01T00:00:00.130000Z [] " ENDS
                                      "203.0.113.9 seen.indicator=domain-name:bad.example\n");
    assert_log(DATA "zeek/ssh.log", "ssh ssh 2026-03-01T00:00:00.120000Z [] id.orig_h=ipv4-addr:198.51.100.8 "
                                    "id.resp_h=ipv4-addr:192.0.2.22\n");
    assert_log(DATA "zeek/rdp.log", "rdp rdp 2026-03-01T00:00:00.140000Z [] id.orig_h=ipv4-addr:198.51.100.8 "
                                    "id.resp_h=ipv4-addr:192.0.2.33\n");
    assert_log(DATA "zeek/custom.log",
               "our_own other 2026-03-01T00:00:00.150000Z [] seen_at=ipv4-addr:203.0.113.5 "
               "peers=ipv4-addr:203.0.113.6 peers=ipv6-addr:2001:db8::6\n");
}

static void several_headers_and_separators(void **state)
{
    assert_log(
        DATA "zeek/several.log",
        "conn flow 2026-03-01T00:00:00.100000Z [] " ENDS "198.51.100.1\n"
        "dns dns 2026-03-01T00:00:01.100000Z [] id.orig_h=ipv4-addr:192.0.2.1 query=domain-name:bad.example "
        "answers=ipv4-addr:203.0.113.1 answers=ipv4-addr:203.0.113.2\n"
        "dns dns 2026-03-01T00:00:02.100000Z [] " ENDS "198.51.100.1\n");
}

static void bad_rows_are_rejected_with_their_header(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "zeek-bad.log", "zeek", NULL);
    assert_int_equal(g.end.code, OK);
    assert_collected(&g, "reject line 1 at 0 syntax context 0\n"
                         "conn flow 2026-03-01T00:00:00.000001Z [] " ENDS "198.51.100.1\n"
                         "reject line 11 at 489 syntax context 297\n"
                         "reject line 13 at 539 syntax context 297\n"
                         "conn flow 2026-03-01T00:00:02.123457Z [] id.orig_h=ipv4-addr:0.0.0.0 "
                         "id.resp_h=ipv4-addr:255.255.255.255\n");
    collect_clear(&g);
}

static void an_empty_log_is_no_error(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(&g,
                  SV("#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n#close\tx\n"),
                  "", NULL);
    assert_int_equal(g.end.code, OK);
    assert_string_equal(g.format, "zeek");
    assert_int_equal(g.records, 0);
    collect_clear(&g);
}

static void broken_headers(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(&g, SV("#separator \\x09\n#fields\tts\tuid\n#types\ttime\n1\tC1\n#separator ab\n"), "",
                  NULL);
    assert_collected(&g, "reject line 3 at 31 syntax context 0\n"
                         "reject line 4 at 43 syntax context 43\n"
                         "reject line 5 at 48 unsupported context 0\n");
    collect_clear(&g);
}

static void json_of_other_writers(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_bytes(
        &g,
        SV("{\"_path\":\"conn\",\"_system_name\":\"tap\",\"ts\":\"2026-03-01T00:00:00.5Z\",\"uid\":\"C\","
           "\"id\":{\"orig_h\":\"192.0.2.1\",\"resp_h\":\"203.0.113.9\"},\"history\":\"-\"}\n"
           "{\"ts\":1772323200,\"uid\":\"C\",\"host\":\"bad.example\",\"uri\":\"/\",\"method\":\"GET\","
           "\"id.resp_p\":80,\"user_agent\":\"-\"}\n"
           "{\"ts\":true,\"uid\":\"C\"}\n"
           "{\"uid\":\"C\"}\n"
           "{\"ts\":1e300,\"uid\":\"C\"}\n"
           "{\"ts\":\"2026-03-01T00:00:00\",\"uid\":\"C\"}\n"),
        "", NULL);
    assert_string_equal(g.format, "zeek");
    assert_collected(&g, "conn flow 2026-03-01T00:00:00.500000Z [tap] " ENDS "203.0.113.9\n"
                         "http http 2026-03-01T00:00:00.000000Z [] host=domain-name:bad.example "
                         "uri=url:http://bad.example/\n"
                         "reject line 3 at 249 value context 0\n"
                         "reject line 4 at 271 value context 0\n"
                         "reject line 5 at 283 value context 0\n"
                         "reject line 6 at 306 zone context 0\n");
    collect_clear(&g);
}

static void scripts_have_no_time(void **state)
{
    assert_log(DATA "zeek-scripts.log", "zeek other - []\nzeek other - []\n");
}

static void intel_files_are_claims(void **state)
{
    struct collected g;

    collect_init(&g);
    collect_file(&g, DATA "zeek.intel", "", NULL);
    assert_string_equal(g.format, "zeek-intel");
    assert_collected(
        &g,
        "domain-name:bad.example note=campaign one meta={\"source\":\"drill\",\"do_notice\":\"F\",\"desc\":"
        "\"campaign one\"}\n"
        "ipv4-addr:198.51.100.1 note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "ipv4-addr:198.51.100.0/24 note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "ipv6-addr:2001:db8::1 note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "url:bad.example/login note= meta={\"source\":\"drill\",\"do_notice\":\"T\"}\n"
        "md5:d41d8cd98f00b204e9800998ecf8427e note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "x509-sha-1:da39a3ee5e6b4b0d3255bfef95601890afd80709 note= "
        "meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "email-addr:jane@bad.example note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "user-agent:evil agent/1.0 note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "text:mallory context note= meta={\"source\":\"drill\",\"do_notice\":\"F\"}\n"
        "reject line 13 at 510 syntax context 70\n"
        "reject line 14 at 547 syntax context 70\n"
        "reject line 15 at 567 unsupported context 70\n");
    collect_clear(&g);
}

/* ---- a log and the JSON made from it
 * ------------------------------------------------------------------------------------- */

static void assert_same_as_json(const char *path)
{
    struct collected tsv, json;
    struct buf bytes;
    char command[600], block[4096];
    size_t n;

    (void)snprintf(command, sizeof command, "python3 tests/data/zeek_to_json.py < '%s'", path);
    FILE *made = popen(command, "r");
    assert_non_null(made);
    buf_init(&bytes, 64u << 20);
    while ((n = fread(block, 1, sizeof block, made)) > 0)
        buf_addp(&bytes, block, n);
    assert_int_equal(pclose(made), 0);
    assert_false(bytes.failed);
    collect_init(&tsv);
    collect_init(&json);
    tsv.without_type = json.without_type = true;
    collect_file(&tsv, path, "zeek", NULL);
    collect_bytes(&json, buf_sv(&bytes), "zeek", NULL);
    buf_addc(&json.text, 0);
    assert_int_equal(tsv.rejects, 0);
    assert_collected(&tsv, json.text.p);
    collect_clear(&tsv);
    collect_clear(&json);
    buf_clear(&bytes);
}

static void same_in_directory(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    size_t logs = 0;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char path[512];
        size_t n = strlen(entry->d_name);

        if (n < 4 || strcmp(entry->d_name + n - 4, ".log") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        assert_same_as_json(path);
        logs++;
    }
    closedir(d);
    assert_true(logs > 10);
}

static void json_of_our_logs_gives_the_same(void **state)
{
    same_in_directory(DATA "zeek");
}

static void json_of_shared_logs_gives_the_same(void **state)
{
    const char *shared = getenv("NOROSHI_SHARED");
    char dir[512];

    (void)snprintf(dir, sizeof dir, "%s/data/event-zeek-zat", shared ? shared : "../shared");
    if (access(dir, R_OK) != 0)
        skip();
    same_in_directory(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows),
        cmocka_unit_test(names),
        cmocka_unit_test(requests),
        cmocka_unit_test(handshakes_and_certificates),
        cmocka_unit_test(files_and_mail),
        cmocka_unit_test(other_logs),
        cmocka_unit_test(several_headers_and_separators),
        cmocka_unit_test(bad_rows_are_rejected_with_their_header),
        cmocka_unit_test(an_empty_log_is_no_error),
        cmocka_unit_test(broken_headers),
        cmocka_unit_test(json_of_other_writers),
        cmocka_unit_test(scripts_have_no_time),
        cmocka_unit_test(intel_files_are_claims),
        cmocka_unit_test(json_of_our_logs_gives_the_same),
        cmocka_unit_test(json_of_shared_logs_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
