/*
 * One id when the contributing properties are equal, whatever form an observable came in: the ids the OASIS
 * library gives (see test_stix_cases.c) must come out of a STIX 2.0 container too, which has no ids of its
 * own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stix/stix.h"

#include <fcntl.h>
#include <stdlib.h>

#define SIZE_MOST (16u << 20)

static bool refers(struct jv object)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(object);
    while (json_next(&it, &key, &v))
        if (sv_ends(key, SV("_ref")) || sv_ends(key, SV("_refs")) || refers(v))
            return true;
    return false;
}

/* The observable as the one member of a 2.0 observed-data object. */
static void write_container(struct jv sco, struct buf *out)
{
    struct sv key;
    struct jv v;
    struct jw w;
    buf_reset(out);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("observed-data"));
    jw_kstr(&w, "id", SV("observed-data--11111111-1111-4111-8111-111111111111"));
    jw_kstr(&w, "created", SV("2026-01-01T00:00:00.000Z"));
    jw_kstr(&w, "modified", SV("2026-01-01T00:00:00.000Z"));
    jw_kstr(&w, "first_observed", SV("2026-01-01T00:00:00Z"));
    jw_kstr(&w, "last_observed", SV("2026-01-01T00:00:00Z"));
    jw_kint(&w, "number_observed", 1);
    jw_key(&w, "objects");
    jw_obj(&w);
    jw_key(&w, "0");
    jw_obj(&w);
    struct json_it it = json_each(sco);
    while (json_next(&it, &key, &v)) {
        struct buf text;
        if (sv_eq(key, SV("spec_version")) || sv_eq(key, SV("id")))
            continue;
        buf_init(&text, SIZE_MOST);
        json_add(&text, v);
        jw_key_sv(&w, key);
        jw_raw(&w, buf_sv(&text));
        buf_clear(&text);
    }
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_end_obj(&w);
}

struct first {
    struct json_doc *doc;
    char id[300];
};

static int keep_first(void *ctx, struct sv json, struct err *e)
{
    struct first *f = ctx;
    struct jv v;
    int rc = json_parse(f->doc, json, &v, e);
    if (rc == OK && !f->id[0])
        sv_copy(json_get_str(v, SV("id")), f->id, sizeof(f->id));
    return rc;
}

static void ids_survive_the_container_of_20(void **state)
{
    char path[512];
    const char *root = getenv("NOROSHI_SHARED");
    struct buf text, container;
    struct err e = ERR_NONE;
    struct jv all, v, observed;
    struct sv key;
    struct arena a;
    size_t agreed = 0, judged = 0;
    snprintf(path, sizeof(path), "%s/cases/sco_ids.json", root ? root : "../shared");
    buf_init(&text, SIZE_MOST);
    if (file_read(AT_FDCWD, path, &text, &e) != OK) {
        printf("skipped: %s\n", e.text);
        buf_clear(&text);
        skip();
    }
    struct json_doc *doc = json_doc_new(SIZE_MOST), *inner = json_doc_new(SIZE_MOST);
    struct first f = {.doc = json_doc_new(SIZE_MOST)};
    buf_init(&container, SIZE_MOST);
    arena_init(&a, SIZE_MOST);
    assert_int_equal(json_parse(doc, buf_sv(&text), &all, &e), OK);
    struct json_it it = json_each(json_get(all, SV("cases")));
    while (json_next(&it, &key, &v)) {
        struct jv sco = json_get(v, SV("object"));
        struct sv want = json_get_str(v, SV("id"));
        if (refers(sco))
            continue;
        f.id[0] = 0;
        arena_reset(&a);
        write_container(sco, &container);
        assert_int_equal(json_parse(inner, buf_sv(&container), &observed, &e), OK);
        assert_int_equal(stix_upgrade(observed, &a, keep_first, &f, &e), OK);
        judged++;
        agreed += sv_eq(sv_c(f.id), want);
        if (!sv_eq(sv_c(f.id), want))
            printf("  %s, want %.*s: %.*s\n", f.id, SV_ARG(want), SV_ARG(sv_sub(buf_sv(&container), 0, 600)));
    }
    printf("%zu of %zu ids agree\n", agreed, judged);
    json_doc_free(doc);
    json_doc_free(inner);
    json_doc_free(f.doc);
    buf_clear(&text);
    buf_clear(&container);
    arena_clear(&a);
    assert_true(judged > 200);
    assert_int_equal(agreed, judged);
}

/* As formats spell them: one file, one id. */
static void spelling_does_not_matter(void **state)
{
    static const char *const forms[] = {
        "{\"type\":\"file\",\"hashes\":{\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"},\"name\":\"a\"}",
        "{\"type\":\"file\",\"name\":\"a\",\"size\":0,\"hashes\":{\"MD5\":"
        "\"d41d8cd98f00b204e9800998ecf8427e\","
        "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}",
        "{\"hashes\":{\"MD5\":\"d41d8cd98f00b204e9800998ecf8427e\"},\"name\":\"a\",\"type\":\"file\"}"};
    struct err e = ERR_NONE;
    struct json_doc *doc = json_doc_new(SIZE_MOST), *inner = json_doc_new(SIZE_MOST);
    struct first f = {.doc = json_doc_new(SIZE_MOST)};
    struct buf container;
    struct arena a;
    struct jv sco, observed;
    struct sv want;
    buf_init(&container, SIZE_MOST);
    arena_init(&a, SIZE_MOST);
    assert_int_equal(json_parse(doc, sv_c(forms[2]), &sco, &e), OK);
    assert_int_equal(stix_sco_id(sco, &a, &want, &e), OK);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        f.id[0] = 0;
        assert_int_equal(json_parse(doc, sv_c(forms[i]), &sco, &e), OK);
        write_container(sco, &container);
        assert_int_equal(json_parse(inner, buf_sv(&container), &observed, &e), OK);
        assert_int_equal(stix_upgrade(observed, &a, keep_first, &f, &e), OK);
        assert_true(sv_eq(sv_c(f.id), want));
    }
    json_doc_free(doc);
    json_doc_free(inner);
    json_doc_free(f.doc);
    buf_clear(&container);
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_survive_the_container_of_20),
        cmocka_unit_test(spelling_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
