/* IDEA0 messages. The data is ours: tests/data/idea; keys as idea.cesnet.cz defines them. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/idea/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, "idea");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static const struct claim_rec *claim(const struct collect *c, enum kind kind, const char *value, bool bad)
{
    const struct claim_rec *k = collect_find(c, kind, value);

    if (!k)
        fail_msg("no claim of %s", value);
    if (bad == ((k->flags & CLAIM_CONTEXT) != 0))
        fail_msg("%s is %s", value, bad ? "context" : "bad");
    return k;
}

static void reads_a_message(void **state)
{
    struct collect c;

    read_file(&c, "botnet.json");
    assert_int_equal(c.records, 1);
    assert_int_equal(collect_count(&c, "Intrusion.Botnet"), 1);
    const struct claim_rec *k = claim(&c, KIND_IPV4, "203.0.113.9", true);
    assert_true(k->created == at("2026-08-22T10:00:00Z"));
    assert_true(k->first == at("2026-08-22T09:50:00Z"));
    assert_true(k->last == at("2026-08-22T09:58:00Z"));
    assert_int_equal(k->confidence, 80);
    assert_int_equal(k->value.port, 6667);
    assert_string_equal(k->ref.p, "4390fc3f-c753-4a3e-bc83-1b44f24baf75");
    assert_string_equal(k->note.p, "Hosts of a botnet talk to their controller\nseen in flows");
    assert_string_equal(k->labels.p, "botnet cc intrusion.botnet malware.virus");
    assert_string_equal(k->meta.p, "{\"role\":\"source\",\"ports\":[6667],"
                                   "\"detector\":\"example.detector.botnet\",\"connections\":12}");
    claim(&c, KIND_IPV6, "2001:db8::9", true);
    claim(&c, KIND_DOMAIN, "cc.example", true);
    claim(&c, KIND_URL, "http://cc.example/gate.php", true);
    claim(&c, KIND_EMAIL, "herder@cc.example", true);
    claim(&c, KIND_AS, "AS64500", false);
    claim(&c, KIND_IPV4, "198.51.100.200", false); /* spoofed */
    claim(&c, KIND_IPV4, "198.51.100.201", false); /* backscatter */
    assert_int_equal(claim(&c, KIND_IPV4, "198.51.100.7", false)->value.port, 443);
    claim(&c, KIND_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true);
    claim(&c, KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e", true);
    claim(&c, KIND_FILENAME, "dropper.exe", false);
    claim(&c, KIND_URL, "https://samples.example/1", false);
    collect_clear(&c);
}

static void a_range_becomes_prefixes(void **state)
{
    struct collect c;

    read_file(&c, "botnet.json");
    claim(&c, KIND_IPV4, "192.0.2.1", true);
    claim(&c, KIND_IPV4, "192.0.2.2/31", true);
    claim(&c, KIND_IPV4, "192.0.2.4", true);
    collect_clear(&c);
}

static void each_line_for_itself(void **state)
{
    struct collect c;

    read_file(&c, "lines.json");
    assert_int_equal(c.records, 12);
    assert_int_equal(c.records_rejected, 8);
    claim(&c, KIND_IPV4, "192.0.2.10", true);
    claim(&c, KIND_IPV4, "192.0.2.12", false); /* vulnerable, not bad */
    claim(&c, KIND_IPV4, "192.0.2.14", false); /* a test */
    assert_string_equal(claim(&c, KIND_TEXT, "idea:a-6", false)->note.p, "a flood of unknown origin");
    static const struct {
        uint64_t line;
        int code;
        const char *text;
    } want[] = {
        {3, ERR_ZONE, "/DetectTime: "},
        {5, ERR_SYNTAX, "/Source/0/IP6/0: "},
        {8, ERR_SYNTAX, ""},
        {9, ERR_VALUE, "the message has no ID"},
        {10, ERR_VALUE, "has no DetectTime"},
        {11, ERR_VALUE, "has no Category"},
        {12, ERR_VALUE, "Format is not"},
        {13, ERR_VALUE, "ends before it begins"},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(c.reject[i].line, want[i].line);
        assert_int_equal(c.reject[i].code, want[i].code);
        if (!strstr(c.reject[i].text.p, want[i].text))
            fail_msg("line %llu: %s", (unsigned long long)want[i].line, c.reject[i].text.p);
    }
    collect_clear(&c);
}

static void a_reject_alone_reads_as_before(void **state)
{
    struct collect c, again;
    struct err e = ERR_NONE;

    read_file(&c, "lines.json");
    int fd = memfd_create("again", MFD_CLOEXEC);
    assert_int_equal(write(fd, c.reject[0].bytes.p, c.reject[0].bytes.n), (ssize_t)c.reject[0].bytes.n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    collect_init(&again);
    assert_int_equal(collect_fd(&again, fd, "idea", "again", zone_find(SV("Asia/Tokyo"), &e), &e), OK);
    close(fd);
    assert_int_equal(again.records, 1);
    assert_true(again.claim[0].first == at("2026-08-22T00:59:30Z"));
    collect_clear(&again);
    collect_clear(&c);
}

static void array_and_lines_are_equal(void **state)
{
    struct collect lines, array;
    struct buf b;
    struct err e = ERR_NONE;

    buf_init(&b, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "tests/data/idea/lines.json", &b, &e), OK);
    struct sv rest = buf_sv(&b), line;
    struct buf text;
    buf_init(&text, 1 << 20);
    while (sv_line(&rest, &line)) {
        /* the one line that is no JSON would end an array */
        if (line.n == 0 || sv_find(line, SV("\"a-7\"")) != SIZE_MAX)
            continue;
        buf_add(&text, text.n ? SV(",\n") : SV("["));
        buf_add(&text, line);
    }
    buf_addc(&text, ']');
    read_file(&lines, "lines.json");
    collect_init(&array);
    assert_int_equal(collect_text(&array, buf_sv(&text), "", &e), OK);
    assert_string_equal(array.format.p, "idea");
    assert_int_equal(array.records, lines.records - 1);
    assert_int_equal(array.nclaims, lines.nclaims);
    assert_int_equal(array.nrejects, lines.nrejects - 1);
    collect_clear(&lines);
    collect_clear(&array);
    buf_clear(&text);
    buf_clear(&b);
}

/* Counts of real messages by another program; skipped where the data is not there. */
static void real_messages(void **state)
{
    const char *shared = getenv("NOROSHI_SHARED");
    char path[512];
    struct buf text;
    struct err e = ERR_NONE;
    struct jv root, want, v;
    struct sv name, key;
    size_t files = 0;

    (void)snprintf(path, sizeof(path), "%s/data/COUNTS.json", shared ? shared : "../shared");
    buf_init(&text, (size_t)16 << 20);
    if (file_read(AT_FDCWD, path, &text, &e) < 0) {
        buf_clear(&text);
        skip();
    }
    struct json_doc *doc = json_doc_new((size_t)16 << 20);
    assert_int_equal(json_parse(doc, buf_sv(&text), &root, &e), OK);
    struct json_it it = json_each(json_get(root, SV("files")));
    while (json_next(&it, &name, &want)) {
        struct collect c;
        size_t sources = 0;

        if (!sv_eq(json_get_str(want, SV("format")), SV("idea")))
            continue;
        (void)snprintf(path, sizeof(path), "%s/data/%.*s", shared ? shared : "../shared", SV_ARG(name));
        collect_init(&c);
        assert_int_equal(collect_file(&c, path, "", &e), OK);
        assert_string_equal(c.format.p, "idea");
        assert_int_equal(c.records, 1);
        assert_int_equal(c.nrejects, 0);
        struct json_it list = json_each(json_get(want, SV("category")));
        while (json_next(&list, &key, &v)) {
            char label[64];
            size_t n = 0;
            for (struct sv s = json_str(v); n < s.n; n++)
                label[n] = (char)(s.p[n] | (s.p[n] >= 'A' && s.p[n] <= 'Z' ? 0x20 : 0));
            assert_true(sv_find(c.claim[0].labels, sv_from(label, n)) != SIZE_MAX);
        }
        for (size_t i = 0; i < c.nclaims; i++)
            sources += strncmp(c.claim[i].meta.p, "{\"role\":\"source\"", 16) == 0;
        assert_int_equal(sources, json_count(json_get(want, SV("sources"))));
        list = json_each(json_get(want, SV("sources")));
        while (json_next(&list, &key, &v)) {
            char address[64];
            assert_true(sv_copy(json_str(v), address, sizeof(address)));
            claim(&c, KIND_IPV4, address, true);
        }
        collect_clear(&c);
        files++;
    }
    assert_int_equal(files, 9);
    json_doc_free(doc);
    buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_message),           cmocka_unit_test(a_range_becomes_prefixes),
        cmocka_unit_test(each_line_for_itself),      cmocka_unit_test(a_reject_alone_reads_as_before),
        cmocka_unit_test(array_and_lines_are_equal), cmocka_unit_test(real_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
