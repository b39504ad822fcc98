/* Moving in from another TAXII server. */
#include "taxii_toy.h"

#include <fcntl.h>
#include <stdlib.h>

#define FIRST "5d1f0d6e-6b5a-4d0c-8a65-3f0b3d8c0e01"
#define TOOL "tool--0b1b2f4e-5d1c-4d5a-9a0e-7f1d9a3c000"

struct noted {
    struct buf text;
};

static void on_note(void *ctx, const char *what, struct sv where, struct sv text)
{
    struct noted *n = ctx;
    buf_printf(&n->text, "%s %.*s: %.*s\n", what, SV_ARG(where), SV_ARG(text));
}

static int load(struct tt *s, struct sv text, struct taxii_load_report *r, struct noted *n)
{
    struct err e = ERR_NONE;
    const struct taxii_load_opts o = {
        .source = s->source.id, .ceiling = TLP_UNKNOWN, .now = s->t.now, .note = on_note, .ctx = n};
    buf_init(&n->text, 1 << 20);
    int rc = taxii_load(&s->x, text, &o, r, &e);
    if (rc != OK) {
        buf_printf(&n->text, "error: %s", e.text);
    }
    return rc;
}

static void assert_noted(const struct noted *n, const char *line)
{
    if (sv_find(buf_sv(&n->text), sv_c(line)) == SIZE_MAX) {
        fail_msg("\"%s\" is not in:\n%.*s", line, SV_ARG(buf_sv(&n->text)));
    }
}

static void read_file(const char *path, struct buf *ret)
{
    struct err e = ERR_NONE;
    buf_init(ret, 1 << 24);
    if (file_read(AT_FDCWD, path, ret, &e) != OK) {
        fail_msg("%s", e.text);
    }
}

static struct taxii_collection find(struct tt *s, const struct taxii_who *who, const char *root,
                                    const char *id, int expected)
{
    struct err e = ERR_NONE;
    struct taxii_root r;
    struct taxii_collection c = {0};
    struct sv rest;
    assert_int_equal(taxii_root_find(s->t.db, sv_c(root), &s->a, &r, &rest, &e), OK);
    assert_int_equal(taxii_collection_find(s->t.db, &r, who, sv_c(id), &s->a, &c, &e), expected);
    return c;
}

/* "id@date_added" of a manifest, ids without the common part. */
static void assert_manifest(struct tt *s, const struct taxii_collection *c, const struct taxii_query *q,
                            const char *expected)
{
    struct tt_answer r = tt_page(s, c, &s->reader, TAXII_MANIFEST, q);
    struct buf b;
    struct sv key;
    struct jv v;
    assert_int_equal(r.rc, OK);
    struct json_it it = json_each(json_get(r.v, SV("objects")));
    buf_init(&b, 1 << 16);
    while (json_next(&it, &key, &v)) {
        struct sv id = json_get_str(v, SV("id")), added = json_get_str(v, SV("date_added"));
        buf_printf(&b, "%s%c@%.*s", b.n ? " " : "", id.p[id.n - 1], SV_ARG(added));
    }
    buf_addc(&b, 0);
    assert_string_equal(b.p, expected);
    buf_clear(&b);
    tt_free(&r);
}

static void loads_a_whole_server(void **state)
{
    struct tt s;
    struct noted n;
    struct buf file, json;
    struct err e = ERR_NONE;
    struct taxii_load_report r;
    tt_open(&s);
    read_file("tests/data/taxii/server.json", &file);
    assert_int_equal(load(&s, buf_sv(&file), &r, &n), OK);
    assert_int_equal(r.roots, 1);
    assert_int_equal(r.collections, 2);
    assert_int_equal(r.objects, 5);
    assert_int_equal(r.refused, 2);
    assert_int_equal(r.moved, 1);
    assert_int_equal(r.left, 1);
    assert_int_equal(r.statuses, 1);
    assert_noted(&n, "moved " TOOL "3: date_added stands already: moved on to 2019-03-01T00:00:00.000002Z");
    assert_noted(&n, "object tool--broken: refused");
    assert_noted(&n, "manifest " TOOL "9: names no object");
    assert_noted(&n, "manifest " TOOL "5: has no record of this object: added now");
    assert_noted(&n, "note comment: is no API root");

    struct taxii_collection c = find(&s, &s.reader, "group/a", "first", OK);
    assert_true(sv_eq(c.uuid, SV(FIRST)) && c.can_read && !c.can_write);
    char now[32], expected[400];
    time_text6(s.t.now, now);
    snprintf(expected, sizeof(expected),
             "1@2019-02-01T00:00:00.000000Z 2@2019-03-01T00:00:00.000001Z 3@2019-03-01T00:00:00.000002Z "
             "7@2019-04-01T00:00:00.500000Z 5@%s",
             now);
    assert_manifest(&s, &c, &(struct taxii_query){0}, expected);
    assert_manifest(&s, &c, &(struct taxii_query){.match_spec_version = SV("2.0")},
                    "3@2019-03-01T00:00:00.000002Z");
    struct tt_answer a =
        tt_page(&s, &c, &s.reader, TAXII_OBJECTS, &(struct taxii_query){.match_spec_version = SV("2.0")});
    struct jv old = toy_at(json_get(a.v, SV("objects")), 0);
    assert_true(json_get_str(old, SV("spec_version")).p == NULL); /* as it came, not as it was read in */
    assert_true(sv_eq(json_get_str(old, SV("name")), SV("of STIX 2.0")));
    tt_free(&a);

    /* The description says who reads and writes, to administrators as well. */
    c = find(&s, &s.admin, "group/a", "5d1f0d6e-6b5a-4d0c-8a65-3f0b3d8c0e02", OK);
    assert_true(!c.can_read && c.can_write);
    (void)find(&s, &s.reader, "group/a", "5d1f0d6e-6b5a-4d0c-8a65-3f0b3d8c0e02", ERR_NOT_FOUND);

    struct taxii_root root;
    struct sv rest;
    buf_init(&json, 1 << 16);
    assert_int_equal(taxii_root_find(s.t.db, SV("group/a"), &s.a, &root, &rest, &e), OK);
    assert_true(root.standard && root.max_content == 1048576);
    assert_int_equal(
        taxii_status_json(s.t.db, &root, &s.reader, SV("7a51b2d0-0e5c-4d4e-9a5e-0c1a4f6b2d11"), &json, &e),
        OK);
    assert_true(sv_find(buf_sv(&json), SV("[]")) == SIZE_MAX);
    buf_clear(&json);
    buf_clear(&n.text);

    /* Again: nothing changes. */
    assert_int_equal(load(&s, buf_sv(&file), &r, &n), OK);
    assert_int_equal(r.collections + r.roots + r.objects + r.statuses, 0);
    assert_int_equal(r.left, 3);
    assert_int_equal(taxii_count(s.t.db, find(&s, &s.reader, "group/a", "first", OK).id), 5);
    buf_clear(&n.text);
    buf_clear(&file);
    tt_close(&s);
}

static void what_is_no_description_is_refused(void **state)
{
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"[]", ERR_SYNTAX},
        {"{", ERR_SYNTAX},
        {"{}", ERR_VALUE},
        {"{\"a\":1}", ERR_VALUE},
        {"{\"../x\":{\"information\":{}}}", ERR_VALUE},
        {"{\"x\":{\"collections\":[{\"id\":\"" FIRST "\",\"title\":\"t\",\"objects\":{},\"manifest\":3}]}}",
         OK},
        {"{\"y\":{\"collections\":[{\"id\":\"" FIRST "\",\"objects\":[1,[],{},{\"id\":\"a\",\"type\":"
         "\"bundle\"}]}]}}",
         OK}};
    struct tt s;
    tt_open(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct noted n;
        struct taxii_load_report r;
        int rc = load(&s, sv_c(cases[i].text), &r, &n);
        if (rc != cases[i].rc) {
            fail_msg("%s: %d: %.*s", cases[i].text, rc, SV_ARG(buf_sv(&n.text)));
        }
        buf_clear(&n.text);
    }
    tt_close(&s);
}

/* The data of OASIS's reference server, when it is there. */
static void loads_the_data_of_the_reference_server(void **state)
{
    const char *shared = getenv("NOROSHI_SHARED");
    char path[1024];
    struct tt s;
    struct noted n;
    struct buf file;
    struct taxii_load_report r;
    snprintf(path, sizeof(path), "%s/data/taxii-medallion-data/default_data.json",
             shared ? shared : "../shared");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no shared data\n");
        skip();
    }
    tt_open(&s);
    read_file(path, &file);
    assert_int_equal(load(&s, buf_sv(&file), &r, &n), OK);
    assert_int_equal(r.roots, 3);
    assert_int_equal(r.collections, 5);
    assert_int_equal(r.objects, 8);
    assert_int_equal(r.moved, 1);
    struct taxii_collection c =
        find(&s, &s.reader, "trustgroup1", "91a7b528-80eb-42ed-a74d-c6fbd5a26116", OK);
    struct tt_answer a = tt_page(&s, &c, &s.reader, TAXII_OBJECTS, &(struct taxii_query){0});
    assert_int_equal(tt_count(&a), 5);
    tt_free(&a);
    a = tt_page(&s, &c, &s.reader, TAXII_MANIFEST,
                &(struct taxii_query){.match_version = SV("all"), .match_spec_version = SV("2.0,2.1")});
    assert_int_equal(tt_count(&a), 8);
    tt_free(&a);
    a = tt_page(&s, &c, &s.reader, TAXII_VERSIONS,
                &(struct taxii_query){.object = SV("indicator--6770298f-0fd8-471a-ab8c-1c658a46574e")});
    assert_int_equal(tt_count(&a), 3);
    tt_free(&a);
    buf_clear(&n.text);
    buf_clear(&file);
    tt_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_whole_server),
        cmocka_unit_test(what_is_no_description_is_refused),
        cmocka_unit_test(loads_the_data_of_the_reference_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
