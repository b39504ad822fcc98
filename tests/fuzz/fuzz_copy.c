/* Any bytes as a copy, as a disclosure, and as an original: nothing forged is taken for signed, and the copy
 * that is made of an original is read again, whole, and without what was taken out. */
#include "pact/copy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void as_copy(struct copier *c, struct jv v, struct arena *a)
{
    static const uint8_t nobody[32] = {1};
    struct err e = ERR_NONE;
    struct copy_proof *p;
    struct copy_checked checked;
    struct sv name;
    struct jv value;
    size_t n, at;

    if (copy_proofs(v, a, &p, &n, &e) != OK) {
        expect(e.code != OK && e.text[0]);
        return;
    }
    expect(n > 0 && n <= COPY_CHAIN);
    for (size_t i = 0; i < n; i++)
        expect(p[i].digests % COPY_DIGESTS_ROUND == 0 && !copy_signed_by(&p[i], nobody));
    (void)!copy_check(c, v, p, n, a, &checked, &e);
    (void)!copy_disclosed(v, p, n, a, &at, &name, &value, &e);
}

static int same(void *ctx, struct sv property, struct sv target, struct sv *ret, struct err *e)
{
    *ret = target;
    return 1;
}

static int sign(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    memset(ret, 7, 64);
    return OK;
}

static void no_member(struct jv v, struct sv name)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv member;

    while (json_next(&it, &key, &member)) {
        expect(json_type(v) != JSON_OBJECT || !sv_eq(key, name));
        if (!sv_eq(key, SV(COPY_EXTENSION)))
            no_member(member, name);
    }
}

static void as_original(struct copier *c, struct jv v, struct arena *a)
{
    static const struct hash_secret node = {{9}};
    static const struct sv denied[] = {{"description", 11}, {"labels", 6}}, any[] = {{"*", 1}};
    const struct agreement_grant g = {.fields_deny = {denied, 2}, .kinds = {any, 1}, .ceiling = TLP_AMBER};
    struct copy_secret secret;
    struct copy_made made;
    struct err e = ERR_NONE;
    const char *why;

    copy_secret_of(&node, &secret);
    const struct copy_terms t = {.grant = &g,
                                 .profile = copy_profile(&g),
                                 .secret = &secret,
                                 .creator = SV("identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"),
                                 .ref = same};
    if (copy_make(c, v, &t, &made, &e) != 1 || copy_look_again(c, v, &t, &why, &e) != OK || why)
        return;
    const struct copy_signer s = {sign, NULL, SV("a+00000000"), t.creator};
    struct buf out;
    struct json_doc *doc = json_doc_new(64u << 20);
    struct copier *checker = copier_new();
    struct copy_proof *p;
    struct copy_checked checked;
    struct jv copy;
    size_t n;
    buf_init(&out, 64u << 20);
    expect(doc && checker && copy_seal(c, &s, &out, &e) == OK);
    expect(json_parse(doc, buf_sv(&out), &copy, &e) == OK);
    expect(copy_proofs(copy, a, &p, &n, &e) == OK && copy_check(checker, copy, p, n, a, &checked, &e) == OK);
    no_member(copy, denied[0]);
    no_member(copy, denied[1]);
    copier_free(checker);
    json_doc_free(doc);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct copier *c;
    static struct json_doc *doc;
    struct arena a;
    struct jv v;
    struct err e = ERR_NONE;

    c = c ? c : copier_new();
    doc = doc ? doc : json_doc_new(64u << 20);
    arena_init(&a, 64u << 20);
    if (json_parse(doc, sv_from((const char *)data, size), &v, &e) == OK) {
        as_copy(c, v, &a);
        if (json_type(v) == JSON_OBJECT && json_get_str(v, SV("id")).n)
            as_original(c, v, &a);
    }
    arena_clear(&a);
    return 0;
}
