#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* One line, and what is to come of it: "kind value" of its claims, "skip", or "reject". */
struct line_case {
    const char *line;
    const char *want;
};

static void check_line(const char *line, const char *want)
{
    char text[1024], got[1024] = "";
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    /* A second entry keeps detection out of the question of what one line is. */
    int n = snprintf(text, sizeof(text), "%s\n", line);
    assert_int_equal(collect_text(&c, sv_from(text, (size_t)n), "list", &e), OK);
    assert_int_equal(c.empty + c.mixed, 0);
    size_t at = 0;
    for (size_t i = 0; i < c.nclaims; i++)
        at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s %.*s", i ? ", " : "",
                               kind_name(c.claim[i].value.kind), SV_ARG(c.claim[i].value.value));
    if (c.records == 0)
        snprintf(got, sizeof(got), "skip");
    else if (c.nrejects)
        snprintf(got, sizeof(got), "reject");
    if (strcmp(got, want) != 0)
        fail_msg("%s\n gives: %s\n wants: %s", line, got, want);
    assert_int_equal(c.records, strcmp(want, "skip") != 0);
    collect_clear(&c);
}

static void lines_of_many_shapes(void **state)
{
    static const struct line_case cases[] = {
        {"192.0.2.7", "ipv4-addr 192.0.2.7"},
        {"  192.0.2.7  ", "ipv4-addr 192.0.2.7"},
        {"192.0.2.7:8080", "ipv4-addr 192.0.2.7"},
        {"192.0.2.0/24", "ipv4-addr 192.0.2.0/24"},
        {"2001:DB8::1", "ipv6-addr 2001:db8::1"},
        {"[2001:db8::1]:443", "ipv6-addr 2001:db8::1"},
        {"2001:db8::/32", "ipv6-addr 2001:db8::/32"},
        {"::ffff:192.0.2.9", "ipv4-addr 192.0.2.9"},
        {"Bad.Example", "domain-name bad.example"},
        {"*.bad.example", "domain-name *.bad.example"},
        {"bad[.]example", "domain-name bad.example"},
        {"hxxp://bad[.]example/a", "url http://bad.example/a"},
        {"HTTP://Bad.Example", "url http://bad.example/"},
        {"bad.example/a/b.php", "url bad.example/a/b.php"},
        {"someone@bad.example", "email-addr someone@bad.example"},
        {"cve-2021-44228", "vulnerability CVE-2021-44228"},
        {"D41D8CD98F00B204E9800998ECF8427E", "md5 d41d8cd98f00b204e9800998ecf8427e"},
        {"/admin/get.php", "text /admin/get.php"},
        {"http://bad.example/a#frag", "url http://bad.example/a"},
        /* comments */
        {"", "skip"},
        {"   \t", "skip"},
        {"# 192.0.2.7", "skip"},
        {"; 192.0.2.7", "skip"},
        {"// 192.0.2.7", "skip"},
        {"//a/b.php", "text //a/b.php"},
        {"bad.example?a=b", "url bad.example/?a=b"},
        {"! Title: list", "skip"},
        {"[Adblock Plus 2.0]", "skip"},
        {"bad.example # why", "domain-name bad.example"},
        {"192.0.2.0/24 ; SBL1", "ipv4-addr 192.0.2.0/24"},
        {"bad.example // why", "domain-name bad.example"},
        /* what follows a value */
        {"192.0.2.7\t10", "ipv4-addr 192.0.2.7"},
        {"192.0.2.7 scanner of ports", "ipv4-addr 192.0.2.7"},
        {"d41d8cd98f00b204e9800998ecf8427e  empty file.bin", "md5 d41d8cd98f00b204e9800998ecf8427e"},
        {"d41d8cd98f00b204e9800998ecf8427e *empty.bin", "md5 d41d8cd98f00b204e9800998ecf8427e"},
        /* hosts(5) */
        {"0.0.0.0 bad.example", "domain-name bad.example"},
        {"127.0.0.1\tbad.example www.bad.example # x",
         "domain-name bad.example, domain-name www.bad.example"},
        {":: bad.example", "domain-name bad.example"},
        {"127.0.0.1 localhost localhost.localdomain", "skip"},
        {"::1 ip6-localhost ip6-loopback", "skip"},
        {"255.255.255.255 broadcasthost", "skip"},
        {"0.0.0.0 0.0.0.0", "skip"},
        /* response policy zones */
        {"$TTL 300", "skip"},
        {"@ IN SOA localhost. root.localhost. (1 43200 3600 259200 300)", "skip"},
        {"@ IN NS localhost.", "skip"},
        {"bad.example CNAME .", "domain-name bad.example"},
        {"*.bad.example 300 IN CNAME .", "domain-name *.bad.example"},
        {"bad.example IN A 127.0.0.1", "domain-name bad.example"},
        {"good.example CNAME rpz-passthru.", "domain-name good.example"},
        {"24.0.2.0.192.rpz-ip CNAME .", "ipv4-addr 192.0.2.0/24"},
        {"128.57.zz.102.704.8.db8.2001.rpz-ip CNAME .", "ipv6-addr 2001:db8:8:704:102::57"},
        {"48.zz.2.db8.2001.rpz-ip CNAME .", "ipv6-addr 2001:db8:2::/48"},
        {"300.0.2.0.192.rpz-ip CNAME .", "reject"},
        /* dnsmasq, unbound, AdGuard */
        {"address=/bad.example/0.0.0.0", "domain-name bad.example"},
        {"address=/bad.example/worse.example/", "domain-name bad.example, domain-name worse.example"},
        {"local=/bad.example/", "domain-name bad.example"},
        {"local-zone: \"bad.example\" always_nxdomain", "domain-name bad.example"},
        {"||bad.example^", "domain-name bad.example"},
        {"||bad.example^$third-party", "domain-name bad.example"},
        {"@@||good.example^", "domain-name good.example"},
        /* not entries */
        {"words without a value", "reject"},
        {"bad.example and more words", "reject"},
        {"^[a-z]{2}\\-[a-z]{2,3}\\.(top|club)$", "reject"},
        {"300.1.2.3", "reject"},
        {"address=bad.example", "reject"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_line(cases[i].line, cases[i].want);
}

static void details_are_kept(void **state)
{
    static const char text[] = "\xef\xbb\xbf# Last update: Sat, 22 Aug 2026 03:00:29 +0200\r\n"
                               "#\r\n"
                               "192.0.2.7\t10\r\n"
                               "# Reference: https://report.example/1\r\n"
                               "# Reference: https://report.example/2\r\n"
                               "\r\n"
                               "bad.example # sinkholed\r\n"
                               "worse.example:8443\r\n"
                               "# Reference: https://report.example/3\r\n"
                               "# Updated: 2030-01-01T00:00:00Z\r\n"
                               "not a value\r\n"
                               "@@||good.example^";
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(text), "list", &e), OK);
    assert_int_equal(c.records, 5);
    assert_int_equal(c.nclaims, 4);
    const struct claim_rec *ip = collect_find(&c, KIND_IPV4, "192.0.2.7");
    assert_non_null(ip);
    char when[32];
    time_text(ip->valid_from, when);
    assert_string_equal(when, "2026-08-22T01:00:29Z");
    assert_true(ip->last == ip->valid_from && ip->first == ip->last && ip->created == USEC_NONE);
    assert_true(sv_eq(ip->meta, SV("{\"lists\":10}")));
    assert_int_equal(ip->confidence, -1);
    const struct claim_rec *bad = collect_find(&c, KIND_DOMAIN, "bad.example");
    assert_true(bad && sv_eq(bad->note, SV("sinkholed")));
    assert_true(
        sv_eq(bad->meta, SV("{\"reference\":\"https://report.example/1 https://report.example/2\"}")));
    const struct claim_rec *worse = collect_find(&c, KIND_DOMAIN, "worse.example");
    assert_true(worse && worse->value.port == 8443 && sv_eq(worse->meta, bad->meta));
    const struct claim_rec *good = collect_find(&c, KIND_DOMAIN, "good.example");
    assert_true(good && good->flags == CLAIM_CONTEXT && sv_eq(good->labels, SV("allowed")));
    assert_true(sv_eq(good->meta, SV("{\"reference\":\"https://report.example/3\"}")));
    /* A date below the first value dates nothing. */
    assert_true(good->last == ip->last);
    assert_int_equal(c.nrejects, 1);
    assert_int_equal(c.reject[0].line, 11);
    assert_int_equal(c.reject[0].offset, (size_t)(strstr(text, "not a value") - text));
    assert_true(sv_eq(c.reject[0].bytes, SV("not a value")));
    /* What the lines above said goes with it, so that it means the same when it is read alone. */
    assert_true(sv_eq(c.reject[0].context, SV("# Date: Sat, 22 Aug 2026 03:00:29 +0200\n"
                                              "# Reference: https://report.example/3\n")));
    collect_clear(&c);
}

static void a_date_without_zone_dates_nothing(void **state)
{
    static const struct line_case cases[] = {
        {"# Updated: 2026-08-22 10:00:00\n192.0.2.7\n", "2026-08-22T02:00:00Z"},
        {"# Updated: some day\n192.0.2.7\n", ""},
    };
    struct err e = ERR_NONE;
    const struct zone *taipei = zone_find(SV("+08:00"), &e);

    for (size_t i = 0; i < 2; i++) {
        struct collect c;
        char when[32] = "";
        int fd = memfd_create("list", MFD_CLOEXEC);
        collect_init(&c);
        assert_true(write(fd, cases[i].line, strlen(cases[i].line)) > 0 && lseek(fd, 0, SEEK_SET) == 0);
        assert_int_equal(collect_fd(&c, fd, "list", "x", taipei, &e), OK);
        assert_int_equal(c.nclaims, 1);
        if (c.claim[0].last != USEC_NONE)
            time_text(c.claim[0].last, when);
        assert_string_equal(when, cases[i].want);
        collect_clear(&c);
        close(fd);
    }
    struct collect c;
    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(cases[0].line), "list", &e), OK);
    assert_true(c.nclaims == 1 && c.claim[0].last == USEC_NONE);
    collect_clear(&c);
}

static void an_soa_over_many_lines_is_passed(void **state)
{
    static const char text[] = "$ORIGIN rpz.example.\n"
                               "@ IN SOA ns.rpz.example. hostmaster.rpz.example. (\n"
                               "  2026082201 ; serial\n"
                               "  3600\n"
                               "  600 )\n"
                               "@ NS ns.rpz.example.\n"
                               "bad.example.rpz.example. CNAME .\n"
                               "worse.example CNAME .\n"
                               "32.7.2.0.192.rpz-ip.rpz.example. CNAME .\n";
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(text), "", &e), OK);
    assert_true(sv_eq(c.format, SV("list")));
    assert_int_equal(c.records, 3);
    assert_int_equal(c.nrejects, 0);
    assert_non_null(collect_find(&c, KIND_DOMAIN, "bad.example"));
    assert_non_null(collect_find(&c, KIND_DOMAIN, "worse.example"));
    assert_non_null(collect_find(&c, KIND_IPV4, "192.0.2.7"));
    collect_clear(&c);
}

static void only_lists_are_detected(void **state)
{
    static const struct {
        const char *text;
        bool list;
    } cases[] = {
        {"192.0.2.1\n192.0.2.2\n", true},
        {"# only\n# comments\n", true},
        {"bad.example\nworse.example\nnot one\nother.example\nfifth.example\nsixth.example\n", true},
        {"ET SCAN something\nET POLICY other\n", false},
        {"2014869\n2101411\n2009582\n", false},
        {"= Report\n\nWe saw bad.example and worse.example in use.\n\nThey are bad.\n", false},
        {"<?xml version='1.0'?>\n<a/>\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct intake_format *f = intake_detect(sv_c(cases[i].text), SV("x.txt"));
        assert_int_equal(f && strcmp(f->name, "list") == 0, cases[i].list);
    }
}

static void a_long_line_is_one_reject(void **state)
{
    size_t n = ((size_t)5 << 20) + 32;
    char *text = malloc(n);
    struct collect c;
    struct err e = ERR_NONE;

    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text, "192.0.2.1\n", 10);
    memcpy(text + n - 11, "\n192.0.2.2\n", 11);
    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_from(text, n), "list", &e), OK);
    assert_int_equal(c.records, 3);
    assert_int_equal(c.nclaims, 2);
    assert_int_equal(c.nrejects, 1);
    assert_int_equal(c.reject[0].code, ERR_LIMIT);
    assert_int_equal(c.reject[0].line, 2);
    assert_int_equal(c.reject[0].bytes.n, REJECT_BYTES);
    collect_clear(&c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_many_shapes),
        cmocka_unit_test(details_are_kept),
        cmocka_unit_test(a_date_without_zone_dates_nothing),
        cmocka_unit_test(an_soa_over_many_lines_is_passed),
        cmocka_unit_test(only_lists_are_detected),
        cmocka_unit_test(a_long_line_is_one_reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
