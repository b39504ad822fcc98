/* stix.h, observable values: what people write in lists, canonical spelling, refusals; inet_pton and
 * inet_ntop as oracles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/stix.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, 16u << 20);
    return 0;
}

static int teardown(void **state)
{
    arena_clear(&arena);
    return 0;
}

struct guessed {
    const char *text;
    enum kind kind;
    const char *value;
    unsigned bits, port;
};

static void expect(const struct guessed *g, const struct obs *o)
{
    if (o->kind != g->kind || !sv_eq(o->value, sv_c(g->value)) || o->bits != g->bits || o->port != g->port)
        fail_msg("\"%s\": %s \"%.*s\" bits %u port %u", g->text, kind_name(o->kind), SV_ARG(o->value),
                 o->bits, o->port);
}

static const struct guessed guesses[] = {
    {"192.0.2.1", KIND_IPV4, "192.0.2.1", 32, 0},
    {" 192.0.2.1:443\r", KIND_IPV4, "192.0.2.1", 32, 443},
    {"192.0.2.77/24", KIND_IPV4, "192.0.2.0/24", 24, 0},
    {"192.0.2.77/32", KIND_IPV4, "192.0.2.77", 32, 0},
    {"0.0.0.0/0", KIND_IPV4, "0.0.0.0/0", 0, 0},
    {"192[.]0[.]2[.]1", KIND_IPV4, "192.0.2.1", 32, 0},
    {"192.0.2[.1", KIND_IPV4, "192.0.2.1", 32, 0},
    {"2001:DB8:0:0:1:0:0:1", KIND_IPV6, "2001:db8::1:0:0:1", 128, 0},
    {"2001:db8::/32", KIND_IPV6, "2001:db8::/32", 32, 0},
    {"2001[:]db8[:][:]1", KIND_IPV6, "2001:db8::1", 128, 0},
    {"[2001:db8::1]:8443", KIND_IPV6, "2001:db8::1", 128, 8443},
    {"[2001:db8::1]", KIND_IPV6, "2001:db8::1", 128, 0},
    {"fe80::1%eth0", KIND_IPV6, "fe80::1", 128, 0},
    {"::ffff:192.0.2.1", KIND_IPV4, "192.0.2.1", 32, 0},
    {"::FFFF:c000:0201", KIND_IPV4, "192.0.2.1", 32, 0},
    {"::ffff:192.0.2.1/120", KIND_IPV4, "192.0.2.0/24", 24, 0},
    {"::", KIND_IPV6, "::", 128, 0},
    {"1::", KIND_IPV6, "1::", 128, 0},
    {"Example.COM.", KIND_DOMAIN, "example.com", 0, 0},
    {"*.Example.com", KIND_DOMAIN, "*.example.com", 0, 0},
    {".example.com", KIND_DOMAIN, "example.com", 0, 0},
    {"example[.]com:8080", KIND_DOMAIN, "example.com", 0, 8080},
    {"example\\.com", KIND_DOMAIN, "example.com", 0, 0},
    {"example(dot)com", KIND_DOMAIN, "example.com", 0, 0},
    {"example{.}com", KIND_DOMAIN, "example.com", 0, 0},
    {"_dmarc.a-b.example", KIND_DOMAIN, "_dmarc.a-b.example", 0, 0},
    {"setup.exe", KIND_DOMAIN, "setup.exe", 0, 0},
    {"\"quoted.example\"", KIND_DOMAIN, "quoted.example", 0, 0},
    {"<brackets.example>", KIND_DOMAIN, "brackets.example", 0, 0},
    {"例え.テスト", KIND_DOMAIN, "xn--r8jz45g.xn--zckzah", 0, 0},
    {"bücher。example", KIND_DOMAIN, "xn--bcher-kva.example", 0, 0},
    {"faß.example", KIND_DOMAIN, "xn--fa-hia.example", 0, 0},
    {"XN--R8JZ45G.XN--ZCKZAH", KIND_DOMAIN, "xn--r8jz45g.xn--zckzah", 0, 0},
    {"hxxp://evil[.]Example[.]com:80/Pa[.]th?x=1#frag", KIND_URL, "http://evil.example.com/Pa.th?x=1", 0, 80},
    {"hxxps[:]//a[.]example", KIND_URL, "https://a.example/", 0, 0},
    {"HTTPS://User:pw@Example.com:8443", KIND_URL, "https://User:pw@example.com:8443/", 0, 8443},
    {"http://example.com?q", KIND_URL, "http://example.com/?q", 0, 0},
    {"http://[2001:DB8::1]:8080/a", KIND_URL, "http://[2001:db8::1]:8080/a", 0, 8080},
    {"ftp://192.0.2.1:21/x", KIND_URL, "ftp://192.0.2.1/x", 0, 21},
    {"http://localhost/x", KIND_URL, "http://localhost/x", 0, 0},
    {"http://例え.テスト/道", KIND_URL, "http://xn--r8jz45g.xn--zckzah/道", 0, 0},
    {"Example.com/Path", KIND_URL, "example.com/Path", 0, 0},
    {"example.com:443/path", KIND_URL, "example.com/path", 0, 443},
    {"192.0.2.1/a.bin", KIND_URL, "192.0.2.1/a.bin", 0, 0},
    {"192.0.2.1:8080/", KIND_URL, "192.0.2.1:8080/", 0, 8080},
    {"User[at]Example[.]com", KIND_EMAIL, "user@example.com", 0, 0},
    {"mailto:a.b+c@mail.example", KIND_EMAIL, "a.b+c@mail.example", 0, 0},
    {"D41D8CD98F00B204E9800998ECF8427E", KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e", 0, 0},
    {"da39a3ee5e6b4b0d3255bfef95601890afd80709", KIND_SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709", 0, 0},
    {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", KIND_SHA256,
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0, 0},
    {"cve-2021-44228", KIND_VULNERABILITY, "CVE-2021-44228", 0, 0},
    {"as64496", KIND_AS, "AS64496", 0, 0},
    {"00-11-22-AA-BB-CC", KIND_MAC, "00:11:22:aa:bb:cc", 0, 0},
    {"0011.22aa.bbcc", KIND_MAC, "00:11:22:aa:bb:cc", 0, 0},
    {"t13d1516h2_8daaf6152771_e5627efa2ab1", KIND_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1", 0, 0},
    {"96:LABC+d:aB/c", KIND_SSDEEP, "96:LABC+d:aB/c", 0, 0},
    {"1BoatSLRHtKNngkdXEeobR76b53LETtpyT", KIND_WALLET, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 0, 0},
    {"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", KIND_WALLET, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
     0, 0},
    {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", KIND_WALLET,
     "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", 0, 0},
    {"0xDE0B295669a9FD93d5F28D9Ec85E40f4cb697BAe", KIND_WALLET, "0xde0b295669a9fd93d5f28d9ec85e40f4cb697bae",
     0, 0},
};

static void test_guess(void **state)
{
    for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
        struct obs o, again;
        struct err e = ERR_NONE;
        arena_reset(&arena);
        if (obs_guess(&arena, sv_c(guesses[i].text), &o, &e) != OK)
            fail_msg("\"%s\": %s", guesses[i].text, e.text);
        expect(&guesses[i], &o);
        /* The canonical text is a fixed point, and is not copied. */
        assert_int_equal(obs_read(&arena, o.kind, o.value, &again, &e), OK);
        assert_true(sv_eq(o.value, again.value));
        if (o.kind != KIND_EMAIL)
            assert_ptr_equal(o.value.p, again.value.p);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "   ",
        "010.0.0.1",
        "192.0.2.256",
        "1.2.3",
        "1.2.3.4.5",
        "0x7f.1",
        "http://0x7f.1/",
        "http://010.0.0.1/",
        "localhost",
        "a..example",
        "exa mple.com",
        "http:///x",
        "http://a.example:99999/",
        "http://a.example:x/",
        "2001:db8::1::2",
        "2001:db8:::1",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7",
        "::1/129",
        "example.c0m",
        "-",
        "...",
        "@",
        "a@",
        "@b.example",
        "a@b",
        "http://a b.example/",
        "d41d8cd98f00b204e9800998ecf8427",
        "cve-2021-1",
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyX",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "Bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "00:11:22:aa:bb",
        "[2001:db8::1",
        "[]",
        "１９２.０.２.１",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.example",
        "AS4294967296",
        "javascript:alert(1)",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct obs o;
        struct err e = ERR_NONE;
        arena_reset(&arena);
        if (obs_guess(&arena, sv_c(texts[i]), &o, &e) == OK)
            fail_msg("\"%s\" read as %s \"%.*s\"", texts[i], kind_name(o.kind), SV_ARG(o.value));
        assert_int_equal(e.code, ERR_SYNTAX);
        assert_int_not_equal(e.text[0], 0);
    }
}

struct known {
    enum kind kind;
    const char *text, *value; /* value NULL: refused */
    enum kind becomes;
};

static void test_known(void **state)
{
    static const struct known rows[] = {
        {KIND_DOMAIN, "localhost", "localhost", KIND_DOMAIN},
        {KIND_DOMAIN, "127", NULL, KIND_NONE},
        {KIND_DOMAIN, "192.0.2.1", NULL, KIND_NONE},
        {KIND_IPV4, "2001:db8::1", NULL, KIND_NONE},
        {KIND_IPV4, "::ffff:192.0.2.1", "192.0.2.1", KIND_IPV4},
        {KIND_IPV6, "::ffff:192.0.2.1", "192.0.2.1", KIND_IPV4},
        {KIND_IPV6, "192.0.2.1", NULL, KIND_NONE},
        {KIND_URL, "file:///etc/passwd", "file:///etc/passwd", KIND_URL},
        {KIND_MD5, "d41d8cd98f00b204e9800998ecf8427ea", NULL, KIND_NONE},
        {KIND_JA3, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e", KIND_JA3},
        {KIND_CERT_SHA1, "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09",
         "da39a3ee5e6b4b0d3255bfef95601890afd80709", KIND_CERT_SHA1},
        {KIND_REGISTRY, "HKLM\\Software\\X", "hkey_local_machine\\software\\x", KIND_REGISTRY},
        {KIND_REGISTRY, "HKEY_CURRENT_USER\\Run", "hkey_current_user\\run", KIND_REGISTRY},
        {KIND_PHONE, "+81 (3) 1234-5678", "+81312345678", KIND_PHONE},
        {KIND_PHONE, "12", NULL, KIND_NONE},
        {KIND_AS, "64496", "AS64496", KIND_AS},
        {KIND_AS, "AS 64496", "AS64496", KIND_AS},
        {KIND_FILENAME, "請求書.exe", "請求書.exe", KIND_FILENAME},
        {KIND_FILENAME, "a\nb", NULL, KIND_NONE},
        {KIND_WALLET, "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
         KIND_WALLET},
        {KIND_WALLET, "1BoatSLRHtKNngkdXEeobR76b53LETtpyX", NULL, KIND_NONE},
        {KIND_NONE, "x", NULL, KIND_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct obs o;
        struct err e = ERR_NONE;
        arena_reset(&arena);
        int rc = obs_read(&arena, rows[i].kind, sv_c(rows[i].text), &o, &e);
        if ((rc == OK) != (rows[i].value != NULL))
            fail_msg("%s \"%s\": %d", kind_name(rows[i].kind), rows[i].text, rc);
        if (rc != OK)
            continue;
        assert_int_equal(o.kind, rows[i].becomes);
        assert_true(sv_eq(o.value, sv_c(rows[i].value)));
    }
}

static void test_url_parts(void **state)
{
    static const char *const rows[][3] = {
        {"https://u:p@example.com:8443/a?b@c", "example.com", "example.com:8443/a?b@c"},
        {"http://[2001:db8::1]:8080/a", "2001:db8::1", "[2001:db8::1]:8080/a"},
        {"http://example.com/", "example.com", "example.com/"},
        {"example.com/a", "example.com", "example.com/a"},
        {"192.0.2.1:8080/", "192.0.2.1", "192.0.2.1:8080/"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(sv_eq(url_host(sv_c(rows[i][0])), sv_c(rows[i][1])));
        assert_true(sv_eq(url_match_key(sv_c(rows[i][0])), sv_c(rows[i][2])));
    }
}

static void test_names(void **state)
{
    for (unsigned k = 1; k < KIND_MAX; k++)
        assert_int_equal(kind_of_name(sv_c(kind_name((enum kind)k))), k);
    assert_int_equal(kind_of_name(SV("nothing")), KIND_NONE);
    assert_true(sv_eq(registrable_domain(SV("a.b.example.co.jp")), SV("example.co.jp")));
    assert_true(sv_eq(registrable_domain(SV("co.jp")), SV("co.jp")));
    assert_true(sv_eq(registrable_domain(SV("192.0.2.1")), SV("192.0.2.1")));
}

/* Texts made of the letters of addresses: ours and the C library's readers agree on every one. */
static void test_addresses_against_libc(void **state)
{
    static const char letters[] = "0123456789abcdefF:::::....";
    uint32_t seed = 12345;
    size_t read = 0;
    for (size_t i = 0; i < 400000; i++) {
        char text[40], scratch[256];
        uint8_t bytes[16];
        size_t n = 2 + seed % 18;
        for (size_t j = 0; j < n; j++) {
            seed = seed * 1664525 + 1013904223;
            text[j] = letters[(seed >> 16) % (sizeof(letters) - 1)];
        }
        text[n] = 0;
        struct obs o = {0};
        bool v4 = inet_pton(AF_INET, text, bytes) == 1, v6 = !v4 && inet_pton(AF_INET6, text, bytes) == 1;
        bool ours = obs_ip(sv_c(text), scratch, &o);
        if (ours != (v4 || v6))
            fail_msg("%s: libc %d, we %d", text, v4 || v6, ours);
        if (!ours)
            continue;
        read++;
        assert_memory_equal(v4 ? o.ip + 12 : o.ip, bytes, v4 ? 4 : 16);
    }
    assert_true(read > 300);
}

static void test_text_against_libc(void **state)
{
    uint32_t seed = 7;
    for (size_t i = 0; i < 100000; i++) {
        uint8_t ip[16];
        char ours[52], libc[64];
        for (size_t j = 0; j < 16; j += 2) {
            seed = seed * 1664525 + 1013904223;
            bool zero = (seed >> 24) % 3 == 0;
            ip[j] = zero ? 0 : (uint8_t)(seed >> 16);
            ip[j + 1] = zero ? 0 : (uint8_t)(seed >> 8);
        }
        ip[0] |= 0x20; /* glibc writes ::/96 in its own way */
        inet_ntop(AF_INET6, ip, libc, sizeof(libc));
        ip_text(ip, 128, ours);
        assert_string_equal(ours, libc);
    }
}

static void test_hot_domain(void **state)
{
    char scratch[256], longest[260];
    struct obs o;
    assert_true(obs_domain(SV("WWW.Example.COM"), scratch, &o));
    assert_true(sv_eq(o.value, SV("www.example.com")));
    assert_false(obs_domain(SV("192.0.2.1"), scratch, &o));
    assert_false(obs_domain(SV(""), scratch, &o));
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 63; i < 253; i += 64)
        longest[i] = '.';
    assert_true(obs_domain((struct sv){longest, 253}, scratch, &o));
    assert_int_equal(o.value.n, 253);
    assert_false(obs_domain((struct sv){longest, 254}, scratch, &o));
}

struct caught {
    struct obs first;
    size_t n;
    bool bad;
};

static void catch_value(void *ctx, const struct obs *o, bool bad)
{
    struct caught *c = ctx;
    if (c->n++ == 0)
        c->first = *o;
    c->bad = bad;
}

/* What we write as a pattern we read back as the same value. */
static void test_pattern_round_trip(void **state)
{
    for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
        struct obs o;
        struct err e = ERR_NONE;
        struct buf b;
        struct caught c = {0};
        arena_reset(&arena);
        buf_init(&b, 4096);
        assert_int_equal(obs_guess(&arena, sv_c(guesses[i].text), &o, &e), OK);
        obs_pattern(&o, &b);
        if (stix_pattern(buf_sv(&b), &arena, catch_value, &c, &e) != PATTERN_ATOMS)
            fail_msg("%.*s: %s", SV_ARG(buf_sv(&b)), e.text);
        assert_int_equal(c.n, 1);
        assert_true(c.bad);
        assert_int_equal(c.first.kind, o.kind);
        assert_true(sv_eq(c.first.value, o.value));
        buf_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_url_parts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_addresses_against_libc),
        cmocka_unit_test(test_text_against_libc),
        cmocka_unit_test(test_hot_domain),
        cmocka_unit_test(test_pattern_round_trip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
