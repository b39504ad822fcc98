#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Reads `text` as a source with this zone and mapping would give it. */
static void read_as(struct collect *c, struct sv text, const char *zone, const char *mapping,
                    const char *format, int want, struct err *e)
{
    int fd = memfd_create("table", MFD_CLOEXEC);
    struct intake_sink sink = collect_sink(c);
    const struct intake_opts o = {
        .zone = zone ? zone_find(sv_c(zone), e) : NULL,
        .mapping = sv_c(mapping),
        .format = sv_c(format),
        .name = SV("table.csv"),
    };
    collect_init(c);
    assert_true(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && lseek(fd, 0, SEEK_SET) == 0);
    int rc = intake_parse(fd, &o, &sink, e);
    collect_close(c);
    close(fd);
    if (rc != want)
        fail_msg("gives %s (%s), not %s", err_name(rc), e->text, err_name(want));
    assert_int_equal(c->empty + c->mixed, 0);
}

static void assert_time(usec t, const char *want)
{
    char text[32] = "none";
    if (t != USEC_NONE)
        time_text(t, text);
    assert_string_equal(text, want);
}

static void columns_by_name(void **state)
{
    static const char text[] =
        "id,First Seen (UTC),Type,Indicator,Confidence,Tags,Comment,Reference,TLP,Port\r\n"
        "7,2026-08-22 02:53:35,domain,Bad.Example,80,\"Phish; scam\",one,https://r.example/,amber,443\r\n"
        "8,2026-08-22T02:53:35+09:00,ip,192.0.2.7,high,,\"two, \"\"quoted\"\"\r\nlines\",,,\r\n"
        "\r\n"
        ",,,,,,,,,\r\n"
        "9,-,sha256,zz,50,,,,,\r\n"
        "10,,url,hxxp://bad[.]example/x,,,,,,\r\n";
    struct collect c;
    struct err e = ERR_NONE;

    read_as(&c, sv_c(text), NULL, "", "", OK, &e);
    assert_true(sv_eq(c.format, SV("csv")));
    assert_int_equal(c.records, 4);
    assert_int_equal(c.nclaims, 3);
    assert_int_equal(collect_count(&c, "domain"), 1);
    assert_int_equal(collect_count(&c, "sha256"), 1);
    const struct claim_rec *d = collect_find(&c, KIND_DOMAIN, "bad.example");
    assert_non_null(d);
    assert_time(d->first, "2026-08-22T02:53:35Z");
    assert_int_equal(d->confidence, 80);
    assert_true(d->marked && d->tlp == TLP_AMBER);
    assert_true(sv_eq(d->labels, SV("phish scam")));
    assert_true(sv_eq(d->ref, SV("7")) && sv_eq(d->note, SV("one")));
    assert_true(sv_eq(d->meta, SV("{\"reference\":\"https://r.example/\",\"Port\":\"443\"}")));
    const struct claim_rec *ip = collect_find(&c, KIND_IPV4, "192.0.2.7");
    assert_non_null(ip);
    assert_time(ip->first, "2026-08-21T17:53:35Z");
    assert_int_equal(ip->confidence, 85);
    assert_false(ip->marked);
    assert_true(sv_eq(ip->note, SV("two, \"quoted\"\r\nlines")));
    assert_non_null(collect_find(&c, KIND_URL, "http://bad.example/x"));
    assert_int_equal(c.nrejects, 1);
    /* The quoted field took two lines, the blank rows one each. */
    assert_int_equal(c.reject[0].line, 7);
    assert_int_equal(c.reject[0].offset, (size_t)(strstr(text, "9,-,sha256") - text));
    assert_true(sv_eq(c.reject[0].bytes, SV("9,-,sha256,zz,50,,,,,")));
    collect_clear(&c);
}

static void two_header_rows(void **state)
{
    static const char text[] = "\xef\xbb\xbfWEBSITE_NM,WEBURL,CNT,STA_SDATE,STA_EDATE\n"
                               "網站名稱,網址,件數,統計起始日期,統計結束日期\n"
                               "詐騙站,www.bad.example,3,2023/12/12,2023/12/18\n"
                               "甲,198.51.100.7,1,112/12/12,112/12/18\n"
                               "乙,worse.example/shop,1,2023/12/12,2023/12/11\n"
                               "丙,www.bad.example,1,2023/13/12,2023/12/18\n";
    struct collect c;
    struct err e = ERR_NONE;

    read_as(&c, sv_c(text), "+08:00", "", "", OK, &e);
    assert_int_equal(c.records, 4);
    assert_int_equal(c.nclaims, 2);
    const struct claim_rec *d = collect_find(&c, KIND_DOMAIN, "www.bad.example");
    assert_true(d && sv_eq(d->note, SV("詐騙站")) && sv_eq(d->meta, SV("{\"CNT\":\"3\"}")));
    assert_time(d->first, "2023-12-11T16:00:00Z");
    assert_time(d->last, "2023-12-17T16:00:00Z");
    const struct claim_rec *ip = collect_find(&c, KIND_IPV4, "198.51.100.7");
    assert_non_null(ip);
    assert_true(ip->first == d->first && ip->last == d->last);
    assert_int_equal(c.nrejects, 2);
    assert_int_equal(c.reject[0].code, ERR_VALUE);
    /* With its context a row can be read alone. */
    char alone[512];
    int n =
        snprintf(alone, sizeof(alone), "%.*s%.*s", SV_ARG(c.reject[1].context), SV_ARG(c.reject[1].bytes));
    collect_clear(&c);
    read_as(&c, sv_from(alone, (size_t)n), "+08:00", "", "csv", OK, &e);
    assert_int_equal(c.records, 1);
    assert_int_equal(c.nrejects, 1);
    assert_non_null(strstr(alone, "統計結束日期\n丙"));
    collect_clear(&c);

    /* Dates are of some zone: without one nothing is guessed. */
    read_as(&c, sv_c(text), NULL, "", "", OK, &e);
    assert_int_equal(c.records, 4);
    assert_int_equal(c.nrejects, 4);
    assert_int_equal(c.reject[0].code, ERR_ZONE);
    collect_clear(&c);
}

static void the_row_below_a_header_is_a_row(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    /* Nothing in it is a value, but it is the only row: a reject, not a second header. */
    read_as(&c, SV("type,value\nsha256,nothing\n"), NULL, "", "", OK, &e);
    assert_int_equal(c.records, 1);
    assert_int_equal(c.nrejects, 1);
    assert_true(sv_eq(c.reject[0].context, SV("type,value\n")));
    collect_clear(&c);
}

static void tweetfeed_has_no_header(void **state)
{
    static const char text[] =
        "2026-08-22 02:53:35,someone,domain,bad.example,#phishing #Scam,https://x.example/someone/status/1\n"
        "2026-08-22 02:53:35,someone,url,http://bad.example,,https://x.example/someone/status/1\n"
        "2026-08-22 "
        "03:00:00,other,sha256,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,,https://"
        "x.example/2\n"
        ",\n"
        "2026-08-22 03:00:01,other,ip,192.0.2.7\n"
        "2026-08-22 03:00:02,other,md5,worse.example,,https://x.example/3\n";
    struct collect c;
    struct err e = ERR_NONE;

    read_as(&c, sv_c(text), "UTC", "", "", OK, &e);
    assert_true(sv_eq(c.format, SV("csv")));
    assert_int_equal(c.records, 5);
    assert_int_equal(c.nclaims, 3);
    assert_int_equal(collect_count(&c, "url"), 1);
    const struct claim_rec *d = collect_find(&c, KIND_DOMAIN, "bad.example");
    assert_non_null(d);
    assert_time(d->first, "2026-08-22T02:53:35Z");
    assert_true(sv_eq(d->labels, SV("phishing scam")));
    assert_true(
        sv_eq(d->meta, SV("{\"user\":\"someone\",\"reference\":\"https://x.example/someone/status/1\"}")));
    assert_int_equal(c.nrejects, 2);
    assert_int_equal(c.reject[0].line, 5);
    assert_int_equal(c.reject[1].line, 6);
    collect_clear(&c);
}

static void layouts_are_found(void **state)
{
    static const struct {
        const char *text;
        const char *format; /* "" = none */
        size_t records, claims;
    } cases[] = {
        {"ip;note\n192.0.2.1;x\n192.0.2.2;y\n", "csv", 2, 2},
        {"domain\tnote\nbad.example\tx\n", "csv", 1, 1},
        {"url|tags\nhttp://bad.example/|a b\n", "csv", 1, 1},
        {"domain\nbad.example\nworse.example\n", "csv", 2, 2},
        {"# made today\n# \"first_seen_utc\",\"sha256_hash\",\"md5_hash\"\n"
         "\"2026-08-22 10:00:00\",\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
         "\"d41d8cd98f00b204e9800998ecf8427e\"\n",
         "csv", 1, 2},
        {"2026-08-22T00:00:00Z,192.0.2.1,scanner\n2026-08-22T00:00:01Z,192.0.2.2,scanner\n", "csv", 2, 2},
        /* A range of addresses is no indicator. */
        {"192.0.2.0,192.0.2.255,64496,\"Example\"\n198.51.100.0,198.51.100.255,64497,\"Example\"\n", "", 0,
         0},
        {"row,exposed,impact,outcome\n0,no,partial,later\n1,yes,partial,14 days\n", "", 0, 0},
        {"Dear reader, all is well\nand so on, as ever\n", "", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct collect c;
        struct err e = ERR_NONE;
        read_as(&c, sv_c(cases[i].text), NULL, "", "", cases[i].format[0] ? OK : ERR_UNSUPPORTED, &e);
        if (cases[i].format[0])
            assert_true(sv_eq(c.format, sv_c(cases[i].format)));
        if (c.records != cases[i].records || c.nclaims != cases[i].claims || c.nrejects)
            fail_msg("%s gives %zu records, %zu claims, %zu rejects", cases[i].text, c.records, c.nclaims,
                     c.nrejects);
        collect_clear(&c);
    }
}

static void a_mapping_says_what_columns_are(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    /* Names of its own, two header rows, and labels and a confidence for all. */
    read_as(&c, SV("What;When;Why\nwas;wann;warum\nbad.example;2026/08/22;x\n"), "UTC",
            "{\"columns\":{\"What\":\"value\",\"When\":\"last\",\"Why\":\"ignore\"},\"header\":2,\"labels\":"
            "\"scam a\",\"confidence\":60}",
            "", OK, &e);
    assert_true(sv_eq(c.format, SV("csv")));
    assert_int_equal(c.nclaims, 1);
    assert_true(sv_eq(c.claim[0].labels, SV("a scam")) && c.claim[0].confidence == 60 &&
                c.claim[0].meta.n == 0);
    assert_time(c.claim[0].last, "2026-08-22T00:00:00Z");
    collect_clear(&c);

    /* By number, without header; the range's first address is meant, and only as context. */
    read_as(&c, SV("192.0.2.0,192.0.2.255,64496,\"Example, Inc\"\n"), NULL,
            "{\"columns\":{\"1\":\"value:ip\",\"4\":\"note\"},\"header\":0,\"context\":true}", "", OK, &e);
    assert_int_equal(c.nclaims, 1);
    assert_true(sv_eq(c.claim[0].note, SV("Example, Inc")) && c.claim[0].flags == CLAIM_CONTEXT);
    assert_true(sv_eq(c.claim[0].meta, SV("{\"2\":\"192.0.2.255\",\"3\":\"64496\"}")));
    collect_clear(&c);

    /* A kind that the mapping fixes is held. */
    read_as(&c, SV("a,b\nbad.example,x\nd41d8cd98f00b204e9800998ecf8427e,y\n"), NULL,
            "{\"columns\":{\"a\":\"value:md5\"},\"separator\":\",\"}", "csv", OK, &e);
    assert_true(c.nclaims == 1 && c.claim[0].value.kind == KIND_MD5 && c.nrejects == 1);
    collect_clear(&c);
}

/* As abuse.ch and FIRST write them: names in a comment, spaces before quotes; the date of all in a comment.
 */
static void tables_of_feeds(void **state)
{
    static const char spaced[] =
        "# made for tests\n"
        "# \"first_seen_utc\",\"ioc_value\",\"ioc_type\",\"tags\"\n"
        "\"2026-11-20 06:26:07\", \"198.51.100.23:9443\", \"ip:port\", \"c2,cobalt\"\n"
        "\"2026-11-20 06:27:07\",   \"c2.bad.example\", \"domain\", \"None\"\n";
    static const char state_text[] = "#model_version:v1,score_date:2026-11-20T12:55:00Z,more\n"
                                     "cve,epss\nCVE-2021-44228,0.9\n";
    struct collect c;
    struct err e = ERR_NONE;

    read_as(&c, sv_c(spaced), NULL, "", "csv", OK, &e);
    assert_int_equal(c.nclaims, 2);
    const struct claim_rec *ip = collect_find(&c, KIND_IPV4, "198.51.100.23");
    assert_non_null(ip);
    assert_time(ip->first, "2026-11-20T06:26:07Z");
    assert_true(sv_eq(ip->labels, SV("c2 cobalt")));
    assert_non_null(collect_find(&c, KIND_DOMAIN, "c2.bad.example"));
    collect_clear(&c);

    read_as(
        &c, sv_c(state_text), NULL,
        "{\"columns\":{\"cve\":\"value:cve\",\"epss\":\"meta\"},\"context\":true,\"as_of\":\"score_date:\","
        "\"replace\":true}",
        "csv", OK, &e);
    assert_int_equal(c.nclaims, 1);
    assert_time(c.claim[0].modified, "2026-11-20T12:55:00Z");
    assert_int_equal(c.claim[0].flags, CLAIM_CONTEXT | CLAIM_REPLACE);
    collect_clear(&c);

    /* A time that cannot be read dates nothing. */
    read_as(&c, SV("#at:soon\ncve,epss\nCVE-2021-44228,0.9\n"), NULL, "{\"as_of\":\"at:\"}", "csv", OK, &e);
    assert_int_equal(c.nclaims, 1);
    assert_time(c.claim[0].modified, "none");
    collect_clear(&c);
}

static void lists_have_the_words_of_their_source(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    read_as(&c, SV("198.51.100.1\n@@||good.example^\n"), NULL,
            "{\"labels\":\"tor-exit node\",\"context\":true,\"confidence\":70}", "list", OK, &e);
    const struct claim_rec *ip = collect_find(&c, KIND_IPV4, "198.51.100.1");
    assert_non_null(ip);
    assert_int_equal(ip->flags, CLAIM_CONTEXT);
    assert_int_equal(ip->confidence, 70);
    assert_true(sv_eq(ip->labels, SV("node tor-exit")));
    const struct claim_rec *good = collect_find(&c, KIND_DOMAIN, "good.example");
    assert_non_null(good);
    assert_true(sv_eq(good->labels, SV("allowed node tor-exit")));
    collect_clear(&c);
    read_as(&c, SV("198.51.100.1\n"), NULL, "{\"labels\":", "list", ERR_SYNTAX, &e);
    collect_clear(&c);
}

static void broken_tables(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    /* A quote that is never closed costs its own line only. */
    read_as(&c, SV("domain,note\nbad.example,\"open\nworse.example,fine\n"), NULL, "", "", OK, &e);
    assert_int_equal(c.records, 2);
    assert_true(c.nrejects == 1 && c.reject[0].line == 2 && c.nclaims == 1);
    assert_true(sv_eq(c.reject[0].bytes, SV("bad.example,\"open")));
    collect_clear(&c);

    read_as(&c, SV("domain,note\nbad.example,\xc3\x28\nworse.example\nbad.example,x,y\nok.example,\n"), NULL,
            "", "", OK, &e);
    assert_int_equal(c.records, 4);
    assert_int_equal(c.nrejects, 3);
    assert_int_equal(c.nclaims, 1);
    collect_clear(&c);

    read_as(&c, SV("domain,confidence\nbad.example,300\nworse.example,40%\n"), NULL, "", "", OK, &e);
    assert_true(c.nrejects == 1 && c.nclaims == 1 && c.claim[0].confidence == 40);
    collect_clear(&c);

    read_as(&c, SV("a,b\nbad.example,1\n"), NULL, "{\"columns\":{\"a\":\"nothing\"}}", "csv", ERR_VALUE, &e);
    collect_clear(&c);
    read_as(&c, SV("a,b\nc,d\n"), NULL, "", "csv", ERR_UNSUPPORTED, &e);
    collect_clear(&c);
}

static void a_row_longer_than_any_buffer(void **state)
{
    size_t n = (size_t)9 << 20;
    char *text = malloc(n);
    struct collect c;
    struct err e = ERR_NONE;

    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text, "domain,note\nok.example,", 23);
    memcpy(text + n - 16, "\nlast.example,b\n", 16);
    read_as(&c, sv_from(text, n), NULL, "", "csv", OK, &e);
    assert_int_equal(c.records, 2);
    assert_int_equal(c.nrejects, 1);
    assert_int_equal(c.reject[0].code, ERR_LIMIT);
    assert_non_null(collect_find(&c, KIND_DOMAIN, "last.example"));
    collect_clear(&c);
    free(text);
}

/* Against Python's csv module: the same fields, whatever is quoted. */
static void quoting_as_python_does(void **state)
{
    static const char script[] =
        "import csv,random,sys,io\n"
        "random.seed(7)\n"
        "w=csv.writer(sys.stdout,lineterminator='\\r\\n')\n"
        "w.writerow(['domain','note'])\n"
        "for i in range(2000):\n"
        "    t=''.join(random.choice('ab,\\\"\\n;|x') for _ in range(random.randrange(12)))\n"
        "    w.writerow(['d%d.example'%i,'<'+t+'>'])\n";
    char path[] = "/tmp/noroshi-csv-XXXXXX", command[256];
    struct collect c;
    struct err e = ERR_NONE;
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, script, sizeof(script) - 1) > 0);
    snprintf(command, sizeof(command),
             "python3 %s > %s.csv && python3 -c \"import csv;"
             "print('\\0'.join(r[1] for r in list(csv.reader(open('%s.csv',newline='')))[1:]),end='\\0')\" > "
             "%s.out",
             path, path, path, path);
    if (system(command) != 0)
        skip();
    char csv[64], out[64];
    snprintf(csv, sizeof(csv), "%s.csv", path);
    snprintf(out, sizeof(out), "%s.out", path);
    struct buf want;
    buf_init(&want, 1u << 20);
    assert_int_equal(file_read(AT_FDCWD, out, &want, &e), OK);
    collect_init(&c);
    assert_int_equal(collect_file(&c, csv, "csv", &e), OK);
    assert_int_equal(c.nclaims, 2000);
    struct sv rest = buf_sv(&want), field;
    for (size_t i = 0; i < c.nclaims; i++) {
        assert_true(sv_cut(&rest, '\0', &field));
        assert_true(sv_eq(c.claim[i].note, field));
    }
    collect_clear(&c);
    buf_clear(&want);
    (void)unlink(csv);
    (void)unlink(out);
    (void)unlink(path);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_by_name),
        cmocka_unit_test(two_header_rows),
        cmocka_unit_test(the_row_below_a_header_is_a_row),
        cmocka_unit_test(tweetfeed_has_no_header),
        cmocka_unit_test(layouts_are_found),
        cmocka_unit_test(a_mapping_says_what_columns_are),
        cmocka_unit_test(tables_of_feeds),
        cmocka_unit_test(lists_have_the_words_of_their_source),
        cmocka_unit_test(broken_tables),
        cmocka_unit_test(a_row_longer_than_any_buffer),
        cmocka_unit_test(quoting_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
