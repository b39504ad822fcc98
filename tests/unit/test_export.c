/* Exports: what each format writes of one value, what is given to whom, and what never is. */
#include "fuse_node.h"

#include "share/export/export_writer.h"

#include <fcntl.h>
#include <stdlib.h>

/* ---- one format over given values, without a node */

struct one {
    struct exporter x;
    struct export_opts o;
    struct export_report r;
    struct pact_view view;
    struct arena a;
    struct given_claim claim;
};

static void one_open(struct one *t, const struct export_format *format)
{
    struct err e = ERR_NONE;
    memset(t, 0, sizeof(*t));
    arena_init(&t->a, 1u << 20);
    t->o = (struct export_opts){.view = &t->view, .node = "test.example", .now = 1770000000 * USEC_SECOND};
    t->r = (struct export_report){.first_until = INT64_MAX};
    t->x = (struct exporter){.format = format,
                             .o = &t->o,
                             .report = &t->r,
                             .as_of = t->o.now,
                             .serial_at = UINT64_MAX,
                             .fd = -1,
                             .state = calloc(1, format->state ? format->state : 1)};
    buf_init(&t->x.out, 1u << 24);
    arena_init(&t->x.a, 1u << 24);
    assert_int_equal(format->begin ? format->begin(&t->x, &e) : OK, OK);
}

static void one_close(struct one *t)
{
    if (t->x.format->clear) {
        t->x.format->clear(&t->x);
    }
    free(t->x.state);
    buf_clear(&t->x.out);
    arena_clear(&t->x.a);
    arena_clear(&t->a);
}

/* What the format appends for a value, or why it does not (as LEFT). */
static struct sv one_value(struct one *t, enum kind kind, const char *text, usec until, int *ret)
{
    struct err e = ERR_NONE;
    struct given g = {.confidence = 72,
                      .tlp = TLP_GREEN,
                      .first = t->o.now - USEC_DAY,
                      .last = t->o.now,
                      .valid_from = USEC_NONE,
                      .until = until,
                      .labels = SV("botnet c2"),
                      .claim = &t->claim,
                      .claims = 1};
    t->claim = (struct given_claim){.source = 1,
                                    .source_name = SV("feed"),
                                    .reliability = 'B',
                                    .tlp = TLP_GREEN,
                                    .confidence = -1,
                                    .created = USEC_NONE,
                                    .modified = t->o.now,
                                    .valid_from = USEC_NONE,
                                    .first = USEC_NONE,
                                    .last = t->o.now,
                                    .stated_until = USEC_NONE,
                                    .until = until};
    assert_int_equal(obs_read(&t->a, kind, sv_c(text), &g.value, &e), OK);
    size_t before = t->x.out.n;
    *ret = t->x.format->value(&t->x, &g, &e);
    return sv_sub(buf_sv(&t->x.out), before, SIZE_MAX);
}

static void expect(const struct export_format *format, enum kind kind, const char *text, const char *want)
{
    struct one t;
    int rc;
    one_open(&t, format);
    struct sv got = one_value(&t, kind, text, USEC_NONE, &rc);
    if (rc != OK || !sv_eq(got, sv_c(want))) {
        print_error("%s of %s: %d\n got %.*s\nwant %s\n", format->name, text, rc, SV_ARG(got), want);
    }
    assert_int_equal(rc, OK);
    assert_true(sv_eq(got, sv_c(want)));
    one_close(&t);
}

static void expect_left(const struct export_format *format, enum kind kind, const char *text,
                        enum export_left why)
{
    struct one t;
    int rc;
    one_open(&t, format);
    struct sv got = one_value(&t, kind, text, USEC_NONE, &rc);
    assert_int_equal(rc, LEFT(why));
    assert_int_equal(got.n, 0);
    one_close(&t);
}

#define ABOUT " ; TLP:GREEN; feed (B); confidence 72; no end\n"

/* The spellings of addresses are those that ip2name() of BIND 9's lib/dns/rpz.c makes. */
static void rpz(void **state)
{
    expect(&export_rpz, KIND_DOMAIN, "bad.example", "bad.example CNAME ." ABOUT "*.bad.example CNAME .\n");
    expect(&export_rpz, KIND_DOMAIN, "*.bad.example", "*.bad.example CNAME ." ABOUT);
    expect(&export_rpz, KIND_DOMAIN, "co.jp", "co.jp CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV4, "192.0.2.7", "32.7.2.0.192.rpz-ip CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV4, "192.0.2.0/24", "24.0.2.0.192.rpz-ip CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV6, "2001:db8::1", "128.1.zz.db8.2001.rpz-ip CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV6, "2001:db8:0:0:1:0:0:1", "128.1.0.0.1.zz.db8.2001.rpz-ip CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV6, "2001:db8:0:1:1:1:1:1", "128.1.1.1.1.1.0.db8.2001.rpz-ip CNAME ." ABOUT);
    expect(&export_rpz, KIND_IPV6, "2001:db8::/32", "32.zz.db8.2001.rpz-ip CNAME ." ABOUT);
    expect_left(&export_rpz, KIND_IPV4, "0.0.0.0/0", LEFT_KIND);
    char longest[256] = "";
    for (int i = 0; i < 4; i++) {
        strncat(longest, "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdef.",
                sizeof(longest) - strlen(longest) - 1);
    }
    strncat(longest, "example", sizeof(longest) - strlen(longest) - 1);
    expect_left(&export_rpz, KIND_DOMAIN, longest, LEFT_LONG);
}

static void zeek(void **state)
{
#define META "\tfeed (B)\tTLP:GREEN; feed (B); confidence 72; no end\t-\n"
    expect(&export_zeek, KIND_IPV4, "192.0.2.0/24", "192.0.2.0/24\tIntel::SUBNET" META);
    expect(&export_zeek, KIND_IPV6, "2001:db8::1", "2001:db8::1\tIntel::ADDR" META);
    expect(&export_zeek, KIND_URL, "https://bad.example/a", "bad.example/a\tIntel::URL" META);
    expect(&export_zeek, KIND_FILENAME, "-", "\\x2d\tIntel::FILE_NAME" META);
    expect(&export_zeek, KIND_FILENAME, "#x", "\\x23x\tIntel::FILE_NAME" META);
    expect(&export_zeek, KIND_FILENAME, "a\\x09b", "a\\x5cx09b\tIntel::FILE_NAME" META);
    expect_left(&export_zeek, KIND_DOMAIN, "*.bad.example", LEFT_KIND);
}

static void csv(void **state)
{
#define TIMES ",72,TLP:GREEN,\"feed (B)\",B,2026-02-01T02:40:00Z,2026-02-02T02:40:00Z,,\"botnet c2\"\r\n"
    expect(&export_csv, KIND_IPV4, "192.0.2.7", "192.0.2.7,ipv4-addr" TIMES);
    expect(&export_csv, KIND_FILENAME, "=1+1", "\"'=1+1\",file-name" TIMES);
    expect(&export_csv, KIND_FILENAME, "@x", "\"'@x\",file-name" TIMES);
    expect(&export_csv, KIND_FILENAME, "a\"b,c", "\"a\"\"b,c\",file-name" TIMES);
    expect(&export_csv, KIND_PHONE, "+886212345678", "\"'+886212345678\",phone-number" TIMES);
}

static void list_and_datasets(void **state)
{
    expect(&export_list, KIND_DOMAIN, "bad.example", "bad.example\n");
    expect_left(&export_list, KIND_FILENAME, "two words", LEFT_TEXT);
    expect_left(&export_list, KIND_FILENAME, "#comment", LEFT_TEXT);
    expect(&export_suricata_dataset, KIND_DOMAIN, "bad.example", "YmFkLmV4YW1wbGU=\n");
    expect(&export_suricata_dataset, KIND_IPV6, "2001:db8::1", "2001:db8::1\n");
    expect_left(&export_suricata_dataset, KIND_IPV4, "192.0.2.0/24", LEFT_KIND);
}

static bool holds(struct sv text, const char *part)
{
    return sv_find(text, sv_c(part)) != SIZE_MAX;
}

static uint32_t sid_in(struct sv rule)
{
    uint64_t sid = 0;
    size_t at = sv_find(rule, SV("sid:"));
    assert_true(at != SIZE_MAX);
    struct sv rest = sv_sub(rule, at + 4, SIZE_MAX), digits;
    assert_true(sv_cut(&rest, ';', &digits) && sv_u64(digits, &sid));
    return (uint32_t)sid;
}

static void suricata(void **state)
{
    struct one t, other;
    int rc;
    one_open(&t, &export_suricata);
    struct sv rule = one_value(&t, KIND_URL, "http://bad.example/a;b\"c|d\\e", 1780000000 * USEC_SECOND, &rc);
    assert_int_equal(rc, OK);
    assert_true(holds(rule, "content:\"/a|3b|b|22|c|7c|d|5c|e\"; startswith;"));
    assert_true(holds(rule, "http.host; content:\"bad.example\"; startswith; endswith;"));
    assert_true(holds(
        rule, "metadata:tlp GREEN, grade B, confidence 72, valid_until 2026-05-28T20_26_40Z, source feed;"));
    uint32_t sid = sid_in(rule);
    one_open(&other, &export_suricata);
    (void)one_value(&other, KIND_IPV4, "192.0.2.7", USEC_NONE, &rc);
    rule = one_value(&other, KIND_URL, "http://bad.example/a;b\"c|d\\e", USEC_NONE, &rc);
    assert_int_equal(sid_in(rule), sid);
    /* A number that is taken moves the later rule on, and nobody else. */
    rule = one_value(&other, KIND_URL, "http://bad.example/a;b\"c|d\\e", USEC_NONE, &rc);
    assert_int_not_equal(sid_in(rule), sid);
    one_close(&other);
    one_close(&t);
    expect_left(&export_suricata, KIND_IPV4, "0.0.0.0/0", LEFT_KIND);
    expect_left(&export_suricata, KIND_URL, "http://[2001:db8::1]/x", LEFT_KIND);
}

static void nft(void **state)
{
    struct one t;
    struct err e = ERR_NONE;
    int rc;
    one_open(&t, &export_nft);
    const struct {
        const char *value;
        enum kind kind;
        usec until;
    } in[] = {{"192.0.2.7", KIND_IPV4, USEC_NONE},   {"192.0.2.0/25", KIND_IPV4, t.o.now + 90 * USEC_SECOND},
              {"192.0.2.128", KIND_IPV4, USEC_NONE}, {"192.0.2.0/24", KIND_IPV4, USEC_NONE},
              {"198.51.100.1", KIND_IPV4, t.o.now},  {"2001:db8::/32", KIND_IPV6, USEC_NONE},
              {"2001:db8::1", KIND_IPV6, USEC_NONE}, {"2001:db9::1", KIND_IPV6, USEC_NONE}};
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
        (void)one_value(&t, in[i].kind, in[i].value, in[i].until, &rc);
        assert_int_equal(rc, OK);
        t.r.written++;
    }
    assert_int_equal(t.x.format->end(&t.x, &e), OK);
    struct sv text = buf_sv(&t.x.out);
    assert_true(holds(text, "  192.0.2.0/24 comment"));
    assert_false(holds(text, "192.0.2.7") || holds(text, "192.0.2.0/25") || holds(text, "192.0.2.128"));
    assert_true(holds(text, "  198.51.100.1 timeout 1s comment"));
    assert_true(holds(text, "  2001:db8::/32 comment") && holds(text, "  2001:db9::1 comment"));
    assert_false(holds(text, "2001:db8::1"));
    assert_int_equal(t.r.left[LEFT_SAME], 4);
    assert_int_equal(t.r.written, 4);
    one_close(&t);
}

static void comments(void **state)
{
    struct buf b;
    buf_init(&b, 4096);
    text_safe(&b, SV("a\nb\rc\x1b[31m\x7f\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae \xe5\x90\x8d\""), "\"");
    assert_true(sv_eq(buf_sv(&b), SV("a?b?c?[31m?? ? ? \xe5\x90\x8d?")));
    buf_reset(&b);
    text_safe(&b, SV("\xff\xfe plain"), "");
    assert_true(sv_eq(buf_sv(&b), SV("?? plain")));
    buf_reset(&b);
    text_word(&b, SV("feed \"x\"; y"));
    assert_true(sv_eq(buf_sv(&b), SV("feed__x___y")));
    buf_clear(&b);
}

/* ---- serial numbers */

static void serials(void **state)
{
    char path[] = "/tmp/noroshi-export-XXXXXX";
    struct err e = ERR_NONE;
    struct sha256 one = sha256_of(SV("one")), two = sha256_of(SV("two"));
    const usec now = 1770000000 * USEC_SECOND;
    uint32_t a, b, c, d, other;
    close(mkstemp(path));
    assert_int_equal(export_version(path, SV("key"), &one, now, &a, &e), OK);
    assert_int_equal(a, 1770000000);
    assert_int_equal(export_version(path, SV("key"), &one, now + USEC_DAY, &b, &e), OK);
    assert_int_equal(b, a);
    assert_int_equal(export_version(path, SV("key"), &two, now, &c, &e), OK);
    assert_int_equal(c, a + 1); /* within the same second, and when the clock stands still */
    assert_int_equal(export_version(path, SV("key"), &one, now - USEC_DAY, &d, &e), OK);
    assert_int_equal(d, c + 1); /* also when the clock went back */
    assert_int_equal(export_version(path, SV("other"), &one, now, &other, &e), OK);
    assert_int_equal(other, a);
    for (int i = 0; i < 300; i++) { /* the oldest are forgotten, the file does not grow */
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(export_version(path, sv_c(key), &one, now, &b, &e), OK);
    }
    struct buf text;
    buf_init(&text, 1u << 20);
    assert_int_equal(file_read(AT_FDCWD, path, &text, &e), OK);
    assert_int_equal(text.n, 256 * (64 + 1 + 64 + 1 + 10 + 1));
    buf_clear(&text);
    assert_int_equal(export_version("/nowhere/at/all", SV("key"), &one, now, &a, &e), OK);
    unlink(path);
}

/* ---- from a node */

static struct buf toy_export(struct toy *t, size_t org, const char *format, struct export_words words,
                             const char *never, struct export_report *r)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf out;
    int fd = -1;
    arena_init(&a, 1u << 24);
    buf_init(&out, 1u << 24);
    assert_int_equal(gate_view(t->db, t->org[org], PURPOSE_NETWORK_SAFETY, t->now, &a, &view, &e), OK);
    struct export_opts o = {.view = &view, .now = t->now, .node = "toy", .never = never, .spool = "/tmp"};
    assert_int_equal(export_filter(&words, &o, &e), OK);
    assert_int_equal(export_make(t->fuse, export_find(sv_c(format)), &o, &fd, r, &e), OK);
    char block[4096];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        buf_addp(&out, block, (size_t)n);
    }
    assert_int_equal(out.n, r->bytes);
    close(fd);
    arena_clear(&a);
    return out;
}

static bool gives(struct toy *t, size_t org, struct export_words words, const char *never, const char *value)
{
    struct export_report r;
    struct buf out = toy_export(t, org, "csv", words, never, &r);
    bool found = holds(buf_sv(&out), value);
    buf_clear(&out);
    return found;
}

static void grant(struct toy *t, size_t from, size_t to, enum tlp ceiling)
{
    struct err e = ERR_NONE;
    const struct pact_grant g = {.id = uuid_v4(),
                                 .from = t->org[from],
                                 .to = t->org[to],
                                 .purpose = PURPOSE_NETWORK_SAFETY,
                                 .ceiling = ceiling,
                                 .valid_from = 0,
                                 .valid_until = INT64_MAX};
    assert_int_equal(db_begin(t->db, &e), OK);
    assert_int_equal(gate_grant(t->ledger, t->db, &g, t->now, &e), OK);
    assert_int_equal(db_end(t->db, true, &e), OK);
}

static void each_sees_its_own(void **state)
{
    struct toy t;
    const struct export_words all = {0};
    toy_open(&t);
    struct source green = toy_source(&t, "green", 0, 'B', TLP_GREEN),
                  amber = toy_source(&t, "amber", 0, 'A', TLP_AMBER),
                  red = toy_source(&t, "red", 0, 'A', TLP_RED);
    (void)toy_take(&t, &green, "green.example\nboth.example\n");
    (void)toy_take(&t, &amber, "amber.example\nboth.example\n");
    (void)toy_take(&t, &red, "red.example\nboth.example\n");
    assert_true(gives(&t, 0, all, NULL, "green.example") && gives(&t, 0, all, NULL, "amber.example"));
    assert_false(gives(&t, 0, all, NULL, "red.example"));
    assert_false(gives(&t, 1, all, NULL, ".example"));
    grant(&t, 0, 1, TLP_GREEN);
    assert_true(gives(&t, 1, all, NULL, "green.example"));
    assert_false(gives(&t, 1, all, NULL, "amber") || gives(&t, 2, all, NULL, ".example"));
    /* Confidence and sources of a value are those of what is seen: B alone here, A and B there. */
    assert_true(gives(&t, 1, all, NULL, "both.example,domain-name,80,TLP:GREEN,\"green (B)\",B,"));
    assert_true(gives(&t, 0, all, NULL, "both.example,domain-name,99,TLP:AMBER,\"green (B), amber (A)\",A,"));
    const struct export_words low = {.tlp = SV("green")}, sure = {.confidence = SV("90")};
    assert_true(gives(&t, 0, low, NULL, "both.example,domain-name,80,TLP:GREEN,\"green (B)\",B,"));
    assert_true(gives(&t, 0, sure, NULL, "amber.example") && !gives(&t, 0, sure, NULL, "green.example"));
    toy_close(&t);
}

static void write_file(const char *path, const char *text)
{
    struct err e = ERR_NONE;
    assert_int_equal(file_write(AT_FDCWD, path, sv_c(text), 0600, &e), OK);
}

/* Each line: what the list holds, what is in the feed, whether it is still given. */
static void never_block(void **state)
{
    static const struct {
        const char *line, *value;
        bool given;
    } cases[] = {
        {"192.0.2.5", "192.0.2.5", false},
        {"192.0.2.5", "192.0.2.4", true},
        {"192.0.2.5", "192.0.2.0/24", false},
        {"192.0.2.0/24", "192.0.2.77", false},
        {"192.0.2.0/24", "192.0.3.0", true},
        {"2001:db8::/32", "2001:db8:1::/48", false},
        {"192.0.2.5", "http://192.0.2.5/x", false},
        {"a.bank.example", "a.bank.example", false},
        {"bank.example", "www.bank.example", false},
        {"www.bank.example", "bank.example", false},
        {"www.bank.example", "mail.bank.example", true},
        {"bank.example", "otherbank.example", true},
        {"bank.example", "*.bank.example", false},
        {"www.bank.example", "*.bank.example", false},
        {"bank.example", "https://login.bank.example/a", false},
        {"bank.example", "me@bank.example", false},
        {"https://shop.example/a", "http://shop.example/a", false},
        {"https://shop.example/a", "http://shop.example/b", true},
        {"d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e", false},
    };
    char path[] = "/tmp/noroshi-never-XXXXXX";
    const struct export_words all = {0};
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct toy t;
        char text[200];
        toy_open(&t);
        struct source s = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
        snprintf(text, sizeof(text), "%s\n", cases[i].value);
        (void)toy_take(&t, &s, text);
        snprintf(text, sizeof(text), "# a comment\n\n  %s   # why\n", cases[i].line);
        write_file(path, text);
        assert_true(gives(&t, 0, all, NULL, cases[i].value));
        if (gives(&t, 0, all, path, cases[i].value) != cases[i].given) {
            fail_msg("'%s' with '%s' on the list", cases[i].value, cases[i].line);
        }
        toy_close(&t);
    }
    unlink(path);
}

static void never_block_that_cannot_be_read(void **state)
{
    char path[] = "/tmp/noroshi-never-XXXXXX";
    struct toy t;
    struct never *n = NULL;
    struct err e = ERR_NONE;
    close(mkstemp(path));
    toy_open(&t);
    write_file(path, "192.0.2.1\n???\n");
    assert_int_equal(never_read(t.fuse, path, &n, &e), ERR_SYNTAX);
    assert_int_equal(e.line, 2);
    assert_null(n);
    assert_int_equal(never_read(t.fuse, "/nowhere/at/all", &n, &e), OK);
    never_free(n);
    toy_close(&t);
    unlink(path);
}

/* Asked at any moment of an hour, the bytes are the same until something ends. */
static void tags(void **state)
{
    struct toy t;
    struct export_report a, b, c;
    const struct export_words all = {0};
    toy_open(&t);
    struct source s = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    (void)toy_take(
        &t, &s, "value,valid_until\nshort.example,2026-02-02T03:00:00Z\nlong.example,2026-08-02T03:00:00Z\n");
    struct buf out = toy_export(&t, 0, "csv", all, NULL, &a); /* 02:40:00 */
    buf_clear(&out);
    t.now += 10 * 60 * USEC_SECOND;
    out = toy_export(&t, 0, "csv", all, NULL, &b);
    buf_clear(&out);
    assert_string_equal(a.etag, b.etag);
    assert_int_equal(a.same_until, 1770001200 * USEC_SECOND); /* the whole hour */
    t.now = 1770001200 * USEC_SECOND + 1;                     /* just past its end */
    out = toy_export(&t, 0, "csv", all, NULL, &c);
    assert_true(holds(buf_sv(&out), "long.example") && !holds(buf_sv(&out), "short.example"));
    assert_string_not_equal(a.etag, c.etag);
    buf_clear(&out);
    toy_close(&t);
}

static void filters_that_are_wrong(void **state)
{
    static const struct export_words wrong[] = {
        {.kind = SV("ipv4-addr,none")},
        {.kind = SV("text")},
        {.confidence = SV("101")},
        {.confidence = SV("x")},
        {.age = SV("5")},
        {.age = SV("0d")},
        {.age = SV("d")},
        {.age = SV("99999999999999999999d")},
        {.tlp = SV("red")},
        {.tlp = SV("whatever")},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct export_opts o = {0};
        struct err e = ERR_NONE;
        assert_int_equal(export_filter(&wrong[i], &o, &e), ERR_VALUE);
        assert_true(e.text[0]);
    }
}

/* A pair as a pattern and back, with whatever its parts hold. */
static void misp_pairs(void **state)
{
    static const struct {
        const char *type, *value, *pattern;
    } pairs[] = {
        {"filename|md5", "a'b\\c|d|d41d8cd98f00b204e9800998ecf8427e",
         "[file:name = 'a\\'b\\\\c|d' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']"},
        {"ip-dst|port", "2001:db8::1|53",
         "[network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '2001:db8::1' AND "
         "network-traffic:dst_port = 53]"},
        {"email-subject", "' OR [x] = '", "[email-message:subject = '\\' OR [x] = \\'']"},
        {"size-in-bytes", "0", "[file:size = 0]"},
    };
    struct arena a;
    struct buf b;
    struct sv language, type, value;
    arena_init(&a, 1u << 20);
    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        buf_reset(&b);
        assert_true(misp_pattern(sv_c(pairs[i].type), sv_c(pairs[i].value), &b, &language));
        assert_true(sv_eq(buf_sv(&b), sv_c(pairs[i].pattern)) && sv_eq(language, SV("stix")));
        assert_true(misp_of_pattern(buf_sv(&b), language, SV(""), &a, &type, &value));
        assert_true(sv_eq(type, sv_c(pairs[i].type)) && sv_eq(value, sv_c(pairs[i].value)));
    }
    buf_reset(&b);
    assert_false(misp_pattern(SV("ip-dst|port"), SV("192.0.2.1|https"), &b, &language));
    assert_false(misp_pattern(SV("filename|md5"), SV("no second part"), &b, &language));
    assert_false(misp_pattern(SV("domain"), SV("bad.example"), &b, &language));
    assert_false(misp_of_pattern(SV("[file:name = 'open]"), SV("stix"), SV(""), &a, &type, &value));
    assert_false(misp_of_pattern(SV("[file:size = 1] FOLLOWEDBY [file:size = 2]"), SV("stix"), SV(""), &a,
                                 &type, &value));
    /* Templates that several types share are told by the label. */
    const struct sv shared = SV("[file:name = 'x' AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']");
    assert_true(misp_of_pattern(shared, SV("stix"), SV("malware-sample"), &a, &type, &value));
    assert_true(sv_eq(type, SV("malware-sample")));
    buf_clear(&b);
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rpz),
        cmocka_unit_test(zeek),
        cmocka_unit_test(csv),
        cmocka_unit_test(list_and_datasets),
        cmocka_unit_test(suricata),
        cmocka_unit_test(nft),
        cmocka_unit_test(comments),
        cmocka_unit_test(serials),
        cmocka_unit_test(each_sees_its_own),
        cmocka_unit_test(never_block),
        cmocka_unit_test(never_block_that_cannot_be_read),
        cmocka_unit_test(tags),
        cmocka_unit_test(filters_that_are_wrong),
        cmocka_unit_test(misp_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
