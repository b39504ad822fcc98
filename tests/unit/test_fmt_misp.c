/* MISP events and manifests as intake reads them. The data is ours: tests/data/misp. */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define EVENT "11111111-2222-4333-8444-555555555555"

static void read_file(struct collect *c, const char *name, const char *format)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/misp/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, format);
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static const struct claim_rec *claim(const struct collect *c, enum kind kind, const char *value)
{
    const struct claim_rec *k = collect_find(c, kind, value);

    if (!k)
        fail_msg("no claim %s", value);
    return k;
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static void counts_attributes_and_those_of_objects(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    assert_int_equal(c.records, 25); /* 22 attributes, 3 in objects; proposals and related events are none */
    assert_int_equal(c.records_rejected, 5);
    assert_int_equal(collect_count(&c, "domain"), 4);
    assert_int_equal(collect_count(&c, "domain|ip"), 2);
    assert_int_equal(collect_count(&c, "sha256"), 1);
    assert_int_equal(collect_count(&c, "unknown"), 1);
    assert_null(collect_find(&c, KIND_DOMAIN, "related.example"));
    assert_null(collect_find(&c, KIND_DOMAIN, "proposal.example"));
    collect_clear(&c);
}

static void reads_times_and_texts(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    const struct claim_rec *k = claim(&c, KIND_DOMAIN, "login.example");
    assert_true(k->modified == 1772845211 * USEC_SECOND);
    assert_true(k->first == at("2026-03-01T00:00:00Z"));
    assert_true(k->last == at("2026-03-06T04:00:00Z"));
    assert_true(k->valid_from == USEC_NONE);
    assert_int_equal(k->confidence, -1);
    assert_string_equal(k->note.p, "landing page");
    assert_string_equal(k->ref.p, "00000000-0000-4000-8000-000000000001");
    assert_string_equal(k->meta.p, "{\"category\":\"Network activity\",\"event\":\"" EVENT "\"}");
    /* no comment: the event's title; no timestamp: the event's; no uuid: no reference; "1" is true */
    k = claim(&c, KIND_DOMAIN, "bare.example");
    assert_true(k->modified == 1772926310 * USEC_SECOND);
    assert_string_equal(k->note.p, "Spring loader campaign 春の攻撃");
    assert_string_equal(k->ref.p, "");
    assert_int_equal(k->flags, 0);
    /* a timestamp as a number */
    assert_true(claim(&c, KIND_TEXT, "size-in-bytes: 3072")->modified == 1772845211 * USEC_SECOND);
    collect_clear(&c);
}

static void inherits_tags_and_the_stricter_tlp(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    const struct claim_rec *k = claim(&c, KIND_DOMAIN, "login.example");
    assert_true(k->marked);
    assert_int_equal(k->tlp, TLP_GREEN);
    assert_string_equal(k->labels.p, "misp-galaxy:tool=\"some-loader\" type:osint");
    k = claim(&c, KIND_URL, "https://login.example/in.php");
    assert_int_equal(k->tlp, TLP_AMBER);
    assert_string_equal(k->labels.p, "kit misp-galaxy:tool=\"some-loader\" type:osint");
    collect_clear(&c);
}

static void splits_composite_types(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    assert_int_equal(claim(&c, KIND_DOMAIN, "cdn.example")->flags, 0);
    assert_int_equal(claim(&c, KIND_IPV4, "192.0.2.15")->flags, 0);
    const struct claim_rec *k = claim(&c, KIND_IPV4, "198.51.100.4");
    assert_int_equal(k->value.port, 8443);
    assert_non_null(strstr(k->meta.p, "\"port\":8443"));
    claim(&c, KIND_IPV6, "2001:db8::7");
    /* the last '|' parts name and hash; the name alone is not bad */
    assert_int_equal(claim(&c, KIND_FILENAME, "svchost|odd.exe")->flags, CLAIM_CONTEXT);
    assert_int_equal(claim(&c, KIND_SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709")->flags, 0);
    collect_clear(&c);
}

static void honours_to_ids_and_deleted(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    assert_int_equal(claim(&c, KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e")->flags, CLAIM_CONTEXT);
    assert_int_equal(claim(&c, KIND_URL, "https://blog.example/post")->flags, CLAIM_CONTEXT);
    assert_int_equal(claim(&c, KIND_DOMAIN, "gone.example")->flags, CLAIM_REVOKED);
    /* the object it stands in is deleted */
    assert_int_equal(claim(&c, KIND_DOMAIN, "withdrawn.example")->flags, CLAIM_REVOKED);
    collect_clear(&c);
}

static void keeps_what_is_no_observable_as_text(void **state)
{
    struct collect c;
    bool found = false;

    read_file(&c, "event.json", "misp");
    assert_int_equal(claim(&c, KIND_TEXT, "text: seen in three ministries")->flags, CLAIM_CONTEXT);
    claim(&c, KIND_TEXT, "uri: /gate.php?id=");
    claim(&c, KIND_TEXT, "new-type-of-misp: something");
    claim(&c, KIND_VULNERABILITY, "CVE-2026-0001");
    claim(&c, KIND_AS, "AS64496");
    for (size_t i = 0; i < c.nclaims; i++) {
        const struct claim_rec *k = &c.claim[i];
        if (k->value.kind != KIND_TEXT || !sv_starts(k->value.value, SV("yara: ")))
            continue;
        found = true;
        assert_true(k->value.value.n < 1200);
        assert_non_null(strstr(k->value.value.p, "(3041 bytes, sha256 4ce5fccc66a0feae)"));
        assert_true(k->note.n > 3041);
        assert_true(sv_ends(k->note, SV("condition: $a }")));
    }
    assert_true(found);
    collect_clear(&c);
}

static void objects_give_their_attributes_context(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    const struct claim_rec *k = claim(&c, KIND_FILENAME, "drop.exe");
    assert_int_equal(k->flags, 0);
    assert_string_equal(k->note.p, "dropper");
    assert_true(k->first == at("2026-02-01T00:00:00Z"));
    assert_non_null(
        strstr(k->meta.p, "\"object\":\"file\",\"object_uuid\":\"bbbbbbbb-cccc-4ddd-8eee-ffffffffffff\""));
    assert_non_null(strstr(k->meta.p, "\"relation\":\"filename\""));
    /* and an attribute of the event after one of an object does not inherit from it */
    assert_null(strstr(claim(&c, KIND_DOMAIN, "login.example")->meta.p, "object"));
    collect_clear(&c);
}

static void rejects_with_place_and_bytes(void **state)
{
    struct collect c;
    struct buf file;
    struct err e = ERR_NONE;

    read_file(&c, "event.json", "misp");
    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "tests/data/misp/event.json", &file, &e), OK);
    for (size_t i = 0; i < c.nrejects; i++) {
        const struct reject *r = &c.reject[i];
        struct sv before = sv_sub(buf_sv(&file), 0, r->offset), line;
        uint64_t lines = 0;
        assert_true(sv_starts(sv_sub(buf_sv(&file), r->offset, SIZE_MAX), r->bytes));
        while (sv_line(&before, &line))
            lines++;
        assert_int_equal(r->line, lines);
    }
    assert_string_equal(c.reject[0].text.p, "the attribute's value is empty");
    assert_string_equal(c.reject[2].text.p, "\"https\" is no port");
    buf_clear(&file);
    collect_clear(&c);
}

/* Events become reports; attributes that say more than their values become indicators. */
static size_t reports(const struct collect *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->nobjects; i++)
        n += sv_eq(c->object[i].type, SV("report"));
    return n;
}

static void the_event_becomes_a_report(void **state)
{
    struct collect c;

    read_file(&c, "event.json", "misp");
    assert_int_equal(reports(&c), 1);
    const struct collected_object *o = &c.object[0];
    assert_true(
        sv_find(o->json, SV("\"created_by_ref\":\"identity--66666666-7777-4888-8999-aaaaaaaaaaaa\"")) !=
        SIZE_MAX);
    assert_true(sv_find(o->text, SV("MISP event of Example CERT")) != SIZE_MAX);
    assert_string_equal(o->id.p, "report--" EVENT);
    assert_true(o->head.created == at("2026-03-07T00:00:00Z"));
    assert_true(o->head.modified == 1772926310 * USEC_SECOND);
    assert_true(o->head.marked);
    assert_int_equal(o->head.tlp, TLP_GREEN);
    assert_true(sv_find(o->text, SV("春の攻撃")) != SIZE_MAX);
    assert_true(sv_find(o->json, SV("\"published\":\"2026-03-07T00:00:00Z\"")) != SIZE_MAX);
    collect_clear(&c);
}

static void reads_every_wrapper(void **state)
{
    struct collect c;

    read_file(&c, "response.json", "misp");
    assert_int_equal(c.records, 3);
    assert_int_equal(reports(&c), 2);
    assert_non_null(
        strstr(claim(&c, KIND_IPV4, "198.51.100.4")->meta.p, "11111111-2222-4333-8444-666666666666"));
    collect_clear(&c);
    /* tags and title stand behind the attributes and are still inherited */
    read_file(&c, "bare_sorted.json", "misp");
    assert_int_equal(c.records, 5);
    assert_int_equal(claim(&c, KIND_DOMAIN, "cdn.example")->tlp, TLP_GREEN);
    assert_string_equal(claim(&c, KIND_DOMAIN, "cdn.example")->note.p, "Spring loader campaign 春の攻撃");
    collect_clear(&c);
    read_file(&c, "search.json", "misp");
    assert_int_equal(c.records, 1);
    assert_int_equal(c.nobjects, 0);
    assert_non_null(
        strstr(claim(&c, KIND_DOMAIN, "login.example")->meta.p, "11111111-2222-4333-8444-777777777777"));
    collect_clear(&c);
}

static void goes_on_after_a_broken_attribute(void **state)
{
    struct collect c;

    read_file(&c, "broken_middle.json", "misp");
    assert_int_equal(c.records, 3);
    assert_int_equal(c.nclaims, 2);
    assert_int_equal(collect_count(&c, "domain"), 2);
    assert_int_equal(c.nrejects, 1);
    assert_int_equal(c.reject[0].code, ERR_SYNTAX);
    collect_clear(&c);
}

static void text_case(const char *text, size_t records, size_t rejects, struct collect *c)
{
    struct err e = ERR_NONE;

    collect_init(c);
    if (collect_text(c, sv_c(text), "misp", &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_int_equal(c->records, records);
    assert_int_equal(c->records_rejected, rejects);
    assert_int_equal(c->empty, 0);
}

static void stands_odd_shapes(void **state)
{
    struct collect c;

    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":null,\"Object\":[]}}", 0, 0, &c);
    collect_clear(&c);
    /* a list written by PHP with gaps, and one attribute that is no list */
    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":{\"0\":{\"type\":\"md5\",\"value\":\"zz\"},\"4\":{"
              "\"type\":\"domain\","
              "\"value\":\"a.example\",\"to_ids\":1}}}}",
              2, 1, &c);
    collect_clear(&c);
    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":{\"type\":\"domain\",\"value\":\"a.example\"}}}", 1,
              0, &c);
    collect_clear(&c);
    /* a comma is missing: what cannot be read is told */
    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\"} "
              "{\"type\":\"domain\","
              "\"value\":\"b.example\"}]}}",
              1, 1, &c);
    assert_true(sv_ends(c.reject[0].bytes, SV("b.example\"}")));
    collect_clear(&c);
    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\"},,{"
              "\"type\":\"domain\","
              "\"value\":\"b.example\"}]}}",
              2, 1, &c);
    collect_clear(&c);
    /* an event whose head is broken: its marking is not known, so its attributes are not taken */
    text_case("[{\"Event\":{\"info\":tru,\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\"}]}},{"
              "\"Event\":{\"info\":\"y\","
              "\"Attribute\":[{\"type\":\"domain\",\"value\":\"b.example\"}]}},{\"SharingGroup\":{}}]",
              3, 2, &c);
    assert_non_null(collect_find(&c, KIND_DOMAIN, "b.example"));
    collect_clear(&c);
    /* a NUL in a text neither cuts it nor ends anything */
    text_case("{\"Event\":{\"info\":\"x\",\"Attribute\":[{\"type\":\"text\",\"value\":\"a\\u0000b\"}]}}", 1,
              0, &c);
    assert_true(sv_eq(c.claim[0].value.value, sv_from("text: a\0b", 9)));
    collect_clear(&c);
    /* keys hidden by escapes */
    text_case(
        "{\"Event\":{\"info\":\"x\",\"\\u0041ttribute\":[{\"type\":\"domain\",\"value\":\"a.example\"}]}}", 1,
        1, &c);
    collect_clear(&c);
}

static void an_unknown_tlp_tag_is_never_freer(void **state)
{
    struct collect c;

    text_case("{\"Event\":{\"info\":\"x\",\"uuid\":\"" EVENT
              "\",\"date\":\"2026-03-07\",\"Tag\":[{\"name\":\"TLP:EX:CHR\"},{\"name\":\"tlp:clear\"}],"
              "\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\"}]}}",
              1, 0, &c);
    assert_int_equal(c.claim[0].tlp, TLP_UNKNOWN);
    assert_int_equal(c.object[0].head.tlp, TLP_UNKNOWN);
    collect_clear(&c);
}

/* As a retry does it: context, line end, bytes (perhaps mended). */
static void retry(const struct reject *r, const char *wrong, const char *right, struct collect *c)
{
    struct buf file;
    struct err e = ERR_NONE;
    size_t at = sv_find(r->bytes, sv_c(wrong));

    assert_true(r->context.n > 0 && at != SIZE_MAX);
    buf_init(&file, 1 << 20);
    buf_add(&file, r->context);
    buf_addc(&file, '\n');
    buf_add(&file, sv_sub(r->bytes, 0, at));
    buf_add(&file, sv_c(right));
    buf_add(&file, sv_sub(r->bytes, at + strlen(wrong), SIZE_MAX));
    collect_init(c);
    if (collect_text(c, buf_sv(&file), "misp", &e) < 0)
        fail_msg("%s", e.text);
    buf_clear(&file);
}

static void a_rejected_attribute_can_be_tried_again_alone(void **state)
{
    struct collect c, again;

    read_file(&c, "event.json", "misp");
    retry(&c.reject[0], "\"value\": \"\"", "\"value\": \"mended.example\"", &again);
    assert_int_equal(again.records, 1);
    assert_int_equal(again.nrejects, 0);
    const struct claim_rec *k = claim(&again, KIND_DOMAIN, "mended.example");
    assert_int_equal(k->tlp, TLP_GREEN);
    assert_string_equal(k->labels.p, "misp-galaxy:tool=\"some-loader\" type:osint");
    assert_non_null(strstr(k->meta.p, EVENT));
    collect_clear(&again);
    retry(&c.reject[0], "domain", "domain",
          &again); /* not mended: rejected again, and can be tried once more */
    assert_int_equal(again.nrejects, 1);
    assert_string_equal(again.reject[0].context.p, c.reject[0].context.p);
    collect_clear(&again);
    collect_clear(&c);
}

static void a_rejected_attribute_of_an_object_keeps_the_object(void **state)
{
    const char *text = "{\"Event\":{\"info\":\"x\",\"Object\":[{\"name\":\"file\",\"comment\":\"why\","
                       "\"Attribute\":[{\"type\":\"md5\","
                       "\"value\":\"short\"}]},{\"name\":bad,\"Attribute\":[{\"type\":\"domain\",\"value\":"
                       "\"o.example\"}]}],"
                       "\"Attribute\":[{\"type\":\"md5\",\"value\":\"short\"}]}}";
    struct collect c, again;

    text_case(text, 3, 3, &c);
    retry(&c.reject[0], "short", "d41d8cd98f00b204e9800998ecf8427e", &again);
    assert_int_equal(again.nclaims, 1);
    assert_string_equal(again.claim[0].note.p, "why");
    collect_clear(&again);
    retry(&c.reject[1], "bad", "\"good\"", &again); /* the whole object */
    assert_int_equal(again.nclaims, 1);
    assert_non_null(strstr(again.claim[0].meta.p, "\"object\":\"good\""));
    collect_clear(&again);
    retry(&c.reject[2], "short", "d41d8cd98f00b204e9800998ecf8427e", &again);
    assert_string_equal(again.claim[0].note.p, "x");
    collect_clear(&again);
    collect_clear(&c);
}

static void reads_a_manifest(void **state)
{
    struct collect c;

    read_file(&c, "manifest.json", "misp-manifest");
    assert_int_equal(c.records, 3);
    assert_int_equal(c.records_rejected, 1);
    const struct claim_rec *k = claim(&c, KIND_TEXT, "misp-event:" EVENT);
    assert_int_equal(k->flags, CLAIM_CONTEXT);
    assert_string_equal(k->note.p, "Spring loader campaign");
    assert_string_equal(k->labels.p, "type:osint");
    assert_string_equal(k->ref.p, EVENT);
    assert_int_equal(k->tlp, TLP_GREEN);
    assert_true(k->modified == 1772926310 * USEC_SECOND);
    collect_clear(&c);
}

/* 60,000 attributes, far more than one JSON document of ours may hold at a time, with the tags at the end. */
static void a_huge_event_is_read_attribute_by_attribute(void **state)
{
    enum { ATTRIBUTES = 60000, PAD = 1500 };
    struct collect c;
    struct err e = ERR_NONE;
    int fd = memfd_create("event", MFD_CLOEXEC);
    FILE *f = fdopen(dup(fd), "w");

    assert_non_null(f);
    (void)fputs("{\"Event\":{\"info\":\"huge\",\"Attribute\":[", f);
    for (int i = 0; i < ATTRIBUTES; i++)
        (void)fprintf(f,
                      "%s{\"type\":\"domain\",\"to_ids\":true,\"value\":\"h%d.example\",\"timestamp\":"
                      "\"1772845211\",\"data\":\"%0*d\"}",
                      i ? "," : "", i, PAD, i);
    (void)fputs("],\"Tag\":[{\"name\":\"tlp:red\"}]}}", f);
    assert_int_equal(fclose(f), 0);
    assert_true(lseek(fd, 0, SEEK_END) > (off_t)64 << 20);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    collect_init(&c);
    if (collect_fd(&c, fd, "", "huge.json", NULL, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(c.records, ATTRIBUTES);
    assert_int_equal(c.nclaims, ATTRIBUTES);
    assert_int_equal(c.claim[ATTRIBUTES - 1].tlp, TLP_RED);
    collect_clear(&c);
    close(fd);
}

static void detects_by_content(void **state)
{
    static const struct {
        const char *text, *format;
    } cases[] = {
        {"{\"Event\":{\"info\":\"x\"", "misp"},
        {"\xEF\xBB\xBF {\"response\":[{\"Event\":{", "misp"},
        {"[{\"Event\":{}}]", "misp"},
        {"{\"response\":{\"Attribute\":[]}}", "misp"},
        {"{\"Attribute\":[],\"Orgc\":{},\"analysis\":\"2\",\"date\":\"2018-01-03\"", "misp"},
        {"{\"Attribute\":[{\"category\":\"Other\",\"to_ids\":false,\"type\":\"text\",\"value\":\"x\"},{\"cat",
         "misp"},
        {"{\"" EVENT "\":{\"info\":\"x\"", "misp-manifest"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct intake_format *f = intake_detect(sv_c(cases[i].text), SV("x"));
        if (!f || strcmp(f->name, cases[i].format) != 0)
            fail_msg("%s is taken for %s", cases[i].text, f ? f->name : "nothing");
    }
    const struct intake_format *f = intake_detect(SV("[{\"SharingGroup\":{\"id\":\"1\"}}]"), SV("x"));
    assert_true(!f || strcmp(f->name, "misp") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_attributes_and_those_of_objects),
        cmocka_unit_test(reads_times_and_texts),
        cmocka_unit_test(inherits_tags_and_the_stricter_tlp),
        cmocka_unit_test(splits_composite_types),
        cmocka_unit_test(honours_to_ids_and_deleted),
        cmocka_unit_test(keeps_what_is_no_observable_as_text),
        cmocka_unit_test(objects_give_their_attributes_context),
        cmocka_unit_test(rejects_with_place_and_bytes),
        cmocka_unit_test(the_event_becomes_a_report),
        cmocka_unit_test(reads_every_wrapper),
        cmocka_unit_test(goes_on_after_a_broken_attribute),
        cmocka_unit_test(stands_odd_shapes),
        cmocka_unit_test(an_unknown_tlp_tag_is_never_freer),
        cmocka_unit_test(a_rejected_attribute_can_be_tried_again_alone),
        cmocka_unit_test(a_rejected_attribute_of_an_object_keeps_the_object),
        cmocka_unit_test(reads_a_manifest),
        cmocka_unit_test(a_huge_event_is_read_attribute_by_attribute),
        cmocka_unit_test(detects_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
