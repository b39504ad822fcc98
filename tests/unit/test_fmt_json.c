/* JSON records by a source's mapping. The data is ours: tests/data/json. */
#include "collect.h"
#include "intake/private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FEED                                                                                                 \
    "{\"records\": \"/data\", \"fields\": {\"/ioc/value\": \"value\", \"/ioc/type\": \"type\","              \
    " \"/first_seen\": \"first\", \"/last_seen\": \"last\", \"/confidence_level\": \"confidence\","          \
    " \"/tags\": \"labels\", \"/malware_printable\": \"labels\", \"/id\": \"id\","                           \
    " \"/reference\": \"reference\", \"/reporter\": \"ignore\"}, \"labels\": \"feed\"}"
#define PULSES                                                                                               \
    "{\"records\": \"/results/*/indicators\", \"fields\": {\"/indicator\": \"value\", \"/type\": \"type\"}}"

static int read_text(struct collect *c, struct sv text, const char *mapping, const char *format,
                     const struct zone *zone, struct err *e)
{
    struct intake_sink sink = collect_sink(c);
    struct intake_opts opts = {
        .zone = zone, .mapping = sv_c(mapping), .format = sv_c(format), .name = SV("input")};
    int fd = memfd_create("input", MFD_CLOEXEC);

    collect_init(c);
    assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    int rc = intake_parse(fd, &opts, &sink, e);
    close(fd);
    collect_close(c);
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
    return rc;
}

static void read_file(struct collect *c, const char *name, const char *mapping)
{
    char path[128];
    struct buf b;
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/json/%s", name);
    buf_init(&b, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, path, &b, &e), OK);
    if (read_text(c, buf_sv(&b), mapping, "", NULL, &e) < 0)
        fail_msg("%s: %s", name, e.text);
    buf_clear(&b);
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static void reads_a_list_at_a_pointer(void **state)
{
    struct collect c;

    read_file(&c, "feed.json", FEED);
    assert_string_equal(c.format.p, "json");
    assert_int_equal(c.records, 5);
    assert_int_equal(c.nrejects, 3);
    const struct claim_rec *k = collect_find(&c, KIND_IPV4, "203.0.113.5");
    assert_non_null(k);
    assert_int_equal(k->value.port, 443);
    assert_int_equal(k->confidence, 75);
    assert_true(k->first == at("2026-08-22T01:00:00Z") && k->last == USEC_NONE);
    assert_string_equal(k->labels.p, "bot c2 dropper feed net");
    assert_string_equal(k->ref.p, "1");
    k = collect_find(&c, KIND_DOMAIN, "bad.example");
    assert_non_null(k);
    assert_true(k->first == at("2026-08-22T01:00:00Z") && k->last == at("2026-08-22T02:00:00.5Z"));
    assert_string_equal(k->meta.p, "{\"reference\":\"https://x.example/\"}");
    assert_int_equal(collect_count(&c, "ip:port"), 1);
    assert_int_equal(c.reject[0].line, 5);
    assert_non_null(strstr(c.reject[0].text.p, "\"ioc/value\""));
    assert_non_null(strstr(c.reject[1].text.p, "no value"));
    assert_int_equal(c.reject[2].code, ERR_ZONE);
    collect_clear(&c);
}

static void a_rejected_record_reads_alone(void **state)
{
    struct collect c, again;
    struct buf file;
    struct err e = ERR_NONE;

    read_file(&c, "feed.json", FEED);
    const struct reject *r = &c.reject[2];
    buf_init(&file, 1 << 16);
    buf_add(&file, r->context);
    buf_addc(&file, '\n');
    buf_add(&file, r->bytes);
    assert_int_equal(read_text(&again, buf_sv(&file), FEED, "json", zone_find(SV("UTC"), &e), &e), OK);
    assert_int_equal(again.records, 1);
    assert_int_equal(again.nclaims, 2);
    assert_non_null(collect_find(&again, KIND_DOMAIN, "b.example"));
    buf_clear(&file);
    collect_clear(&again);
    collect_clear(&c);
}

static void reads_lists_in_lists(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    read_file(&c, "pulses.json", PULSES);
    assert_int_equal(c.records, 3);
    assert_int_equal(c.nrejects, 0);
    assert_non_null(collect_find(&c, KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e"));
    assert_non_null(collect_find(&c, KIND_URL, "http://three.example/a"));
    collect_clear(&c);

    /* the page behind the last one */
    assert_int_equal(read_text(&c, SV("{\"results\": [], \"next\": null}"), PULSES, "", NULL, &e), OK);
    assert_int_equal(c.records, 0);
    collect_clear(&c);
    assert_int_equal(read_text(&c, SV("{\"detail\": \"no\"}"), PULSES, "", NULL, &e), ERR_VALUE);
    collect_clear(&c);

    /* a member a record, each of them a list of one */
    assert_int_equal(read_text(&c,
                               SV("{\"7\":[{\"v\":\"a.example\"}],\"8\":[{\"v\":\"b.example\",\"w\":true}]}"),
                               "{\"records\":\"/*\",\"fields\":{\"/v\":\"value\"}}", "", NULL, &e),
                     OK);
    assert_int_equal(c.nclaims, 2);
    assert_string_equal(collect_find(&c, KIND_DOMAIN, "b.example")->meta.p, "{\"w\":\"true\"}");
    collect_clear(&c);

    /* a list of texts */
    assert_int_equal(
        read_text(&c, SV("[\"a.example\", \"192.0.2.1\"]"), "{\"fields\":{\"\":\"value\"}}", "", NULL, &e),
        OK);
    assert_int_equal(c.nclaims, 2);
    collect_clear(&c);

    /* lines */
    assert_int_equal(read_text(&c, SV("{\"v\":\"a.example\"}\n{\"v\":\"b.example\"}\n{\"v\":\n"),
                               "{\"fields\":{\"/v\":\"value:domain\"}}", "", NULL, &e),
                     OK);
    assert_int_equal(c.nclaims, 2);
    assert_int_equal(c.nrejects, 1);
    assert_int_equal(c.reject[0].line, 3);
    collect_clear(&c);
}

static void what_the_mapping_misses(void **state)
{
    struct collect c;
    struct err e = ERR_NONE;

    assert_int_equal(read_text(&c, SV("{\"query_status\": \"no\"}"), FEED, "", NULL, &e), ERR_VALUE);
    assert_non_null(strstr(e.text, "\"/data\""));
    collect_clear(&c);
    assert_int_equal(read_text(&c, SV("{\"data\": [{\"ioc\": "), FEED, "", NULL, &e), ERR_SYNTAX);
    collect_clear(&c);
    assert_int_equal(read_text(&c, SV("{\"a\": 1}"), "", "json", NULL, &e), ERR_UNSUPPORTED);
    collect_clear(&c);
    assert_int_equal(read_text(&c, SV("{\"a\": 1}"), FEED, "json-events", NULL, &e), ERR_UNSUPPORTED);
    collect_clear(&c);
}

/* A mapping is refused when it is given, with what is wrong and where. */
static void bad_mappings_are_refused(void **state)
{
    static const struct {
        const char *mapping, *why;
    } cases[] = {
        {"{\"fields\": {\"ioc\": \"value\"}}", "{\"ioc\": \"value\"}"},
        {"{\"fields\": {\"/a~2\": \"value\"}}", "no JSON pointer"},
        {"{\"fields\": {\"/a\": \"worth\"}}", "no role at \"fields\": {\"/a\": \"worth\"}"},
        {"{\"fields\": {\"/a\": \"value:nonsense\"}}", "no role"},
        {"{\"fields\": {\"/a\": \"labels\"}}", "\"value\""},
        {"{\"fields\": []}", "\"fields\""},
        {"{\"records\": \"/data\"}", "\"fields\""},
        {"{\"records\": \"data\", \"fields\": {\"/a\": \"value\"}}", "\"records\""},
        {"{\"events\": true, \"fields\": {\"/a\": \"value\"}}", "\"time\""},
        {"{\"events\": true, \"fields\": {\"/a\": \"time\"}}", "\"value\""},
        {"{\"events\": true, \"fields\": {\"/a\": \"first\", \"/b\": \"value\"}}", "no role"},
        {"{\"fields\": {\"/a\": \"value\"}, \"what\": 1}", "\"what\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = ERR_NONE;
        assert_int_equal(csv_mapping_check(sv_c(cases[i].mapping), &e), ERR_VALUE);
        if (!strstr(e.text, cases[i].why))
            fail_msg("%s: %s", cases[i].mapping, e.text);
    }
    struct err e = ERR_NONE;
    assert_int_equal(csv_mapping_check(sv_c(FEED), &e), OK);
}

struct seen {
    size_t records, observations, rejects;
    struct buf text;
};

static int on_record(void *ctx, struct sv type, struct err *e)
{
    ((struct seen *)ctx)->records++;
    return OK;
}

static int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct seen *s = ctx;

    s->observations++;
    buf_printf(&s->text, "%.*s %.*s [%.*s] x%llu", SV_ARG(o->type), SV_ARG(o->class), SV_ARG(o->sensor),
               (unsigned long long)o->count);
    for (size_t i = 0; i < o->n; i++)
        buf_printf(&s->text, " %.*s=%.*s", SV_ARG(o->v[i].field), SV_ARG(o->v[i].value.value));
    buf_addc(&s->text, '\n');
    return OK;
}

static int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct seen *s = ctx;

    s->rejects++;
    buf_printf(&s->text, "%llu %s %.*s\n", (unsigned long long)r->line, err_name(r->code),
               SV_ARG(r->context));
    return OK;
}

static void reads_events(void **state)
{
    const char *mapping = "{\"events\": true, \"fields\": {\"/when\": \"time\", \"/agent/name\": \"sensor\","
                          " \"/kind\": \"class\", \"/n\": \"count\", \"/net/src\": \"value:ip\","
                          " \"/net/dst\": \"value:ip\", \"/net/sni\": \"value:domain\","
                          " \"/file/hash/*\": \"value:hash\"}}";
    struct seen s = {0};
    struct intake_sink sink = {
        .ctx = &s, .record = on_record, .observation = on_observation, .reject = on_reject};
    struct intake_opts opts = {.mapping = sv_c(mapping), .format = SV(""), .name = SV("input")};
    struct err e = ERR_NONE;
    int fd = open("tests/data/json/events.json", O_RDONLY | O_CLOEXEC);

    buf_init(&s.text, 1 << 16);
    assert_int_equal(intake_parse(fd, &opts, &sink, &e), OK);
    close(fd);
    buf_addc(&s.text, 0);
    assert_string_equal(s.text.p,
                        "event tls [edr-1] x4 net.src=10.0.0.1 net.dst=203.0.113.1 net.dst=203.0.113.2 "
                        "net.sni=bad.example\n"
                        "event other [edr-1] x1 "
                        "file.hash.*=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
                        "3 value {\"noroshi-retry\":\"record\"}\n4 zone {\"noroshi-retry\":\"record\"}\n");
    assert_int_equal(s.records, 4);
    buf_clear(&s.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_list_at_a_pointer),
        cmocka_unit_test(a_rejected_record_reads_alone),
        cmocka_unit_test(reads_lists_in_lists),
        cmocka_unit_test(what_the_mapping_misses),
        cmocka_unit_test(reads_events),
        cmocka_unit_test(bad_mappings_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
