#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/ledger.h"
#include "pact/copy.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>

/* RFC 8032 7.1, TEST 1 and TEST 2. */
static const char *const seeds[] = {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                                    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"};
static const char *const names[] = {"tw.example/messages", "jp.example/messages"};

struct holder {
    uint8_t secret[64];
    struct note_key key;
    char id[160], identity[64];
    struct copy_secret salts;
    struct uuid org;
};

static struct holder holder_of(size_t i)
{
    struct holder h = {.org = {{0x10, (uint8_t)i, [6] = 0x40, [8] = 0x80}}};
    struct hash_secret node;
    uint8_t seed[32], pub[32];
    char uuid[37];
    struct err e = ERR_NONE;
    assert_true(hex_parse(sv_c(seeds[i]), seed, sizeof(seed)));
    crypto_sign_seed_keypair(pub, h.secret, seed);
    assert_int_equal(note_key_make(sv_c(names[i]), NOTE_ED25519, pub, &h.key, &e), OK);
    const struct note_key key = h.key;
    snprintf(h.id, sizeof(h.id), "%s+%08x", key.name, key.id);
    uuid_text(h.org, uuid);
    snprintf(h.identity, sizeof(h.identity), "identity--%s", uuid);
    memset(node.b, (int)i + 1, sizeof(node.b));
    copy_secret_of(&node, &h.salts);
    return h;
}

static int sign(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    const struct holder *h = ctx;
    struct buf pae;
    buf_init(&pae, 1u << 20);
    dsse_pae(type, body, &pae);
    crypto_sign_detached(ret, NULL, (const uint8_t *)pae.p, pae.n, h->secret);
    buf_clear(&pae);
    return OK;
}

/* What begins with "identity--00" the partner may not have; the rest it has. */
struct refs {
    const struct copy_terms *t;
    struct arena *a;
};
static int on_ref(void *ctx, struct sv property, struct sv target, struct sv *ret, struct err *e)
{
    struct refs *r = ctx;
    bool hidden = sv_find(target, SV("--00")) != SIZE_MAX;
    if (hidden && sv_eq(property, SV("target_ref"))) {
        return 0;
    }
    *ret = hidden ? copy_id(r->t->secret, &r->t->profile, target, r->a) : target;
    return 1;
}

struct bench {
    struct copier *copier, *checker;
    struct json_doc *original, *copy;
    struct arena a;
    struct buf out;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.copier = copier_new(),
                        .checker = copier_new(),
                        .original = json_doc_new(1u << 20),
                        .copy = json_doc_new(1u << 20)};
    arena_init(&b->a, 64u << 20);
    buf_init(&b->out, 1u << 20);
    assert_true(b->copier && b->checker && b->original && b->copy);
}

static void end(struct bench *b)
{
    copier_free(b->copier);
    copier_free(b->checker);
    json_doc_free(b->original);
    json_doc_free(b->copy);
    arena_clear(&b->a);
    buf_clear(&b->out);
}

#define DENIED 16
struct terms {
    struct sv word[DENIED];
    struct agreement_grant grant;
};

static const struct sv any[] = {{"*", 1}};

static void deny(struct terms *t, const char *const *words, enum redaction how)
{
    size_t n = 0;
    for (; words[n]; n++) {
        t->word[n] = sv_c(words[n]);
    }
    t->grant = (struct agreement_grant){.fields_deny = {t->word, n},
                                        .kinds = {any, 1},
                                        .redact = how,
                                        .attribution = true,
                                        .victim_identity = true,
                                        .ceiling = TLP_AMBER};
}

/* 1 = made and looked at, text in b->out; 0 = it stays, *why says why. */
static int copy_of(struct bench *b, const struct holder *h, const struct terms *terms, struct sv text,
                   enum tlp tlp, const char **why)
{
    struct err e = ERR_NONE;
    struct jv original;
    struct copy_made made;
    struct copy_terms t = {.grant = &terms->grant,
                           .profile = copy_profile(&terms->grant),
                           .secret = &h->salts,
                           .creator = sv_c(h->identity),
                           .marking = tlp,
                           .ref = on_ref};
    struct refs refs = {&t, &b->a};
    t.ctx = &refs;
    *why = NULL;
    buf_reset(&b->out);
    assert_int_equal(json_parse(b->original, text, &original, &e), OK);
    int rc = copy_make(b->copier, original, &t, &made, &e);
    assert_true(rc >= 0);
    if (rc == 0) {
        *why = "not made";
        return 0;
    }
    assert_int_equal(copy_look_again(b->copier, original, &t, why, &e), OK);
    if (*why) {
        return 0;
    }
    const struct copy_signer signer = {sign, (void *)h, sv_c(h->id), sv_c(h->identity)};
    assert_int_equal(copy_seal(b->copier, &signer, &b->out, &e), OK);
    return 1;
}

/* Wholly checked under the keys of both holders. */
static bool verifies(struct bench *b, struct sv text, struct copy_checked *ret, struct jv *ret_object)
{
    struct err e = ERR_NONE;
    struct jv v;
    struct copy_proof *p;
    struct copy_checked checked;
    size_t n;
    if (json_parse(b->copy, text, &v, &e) != OK || copy_proofs(v, &b->a, &p, &n, &e) != OK) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool good = false;
        for (size_t k = 0; k < 2; k++) {
            struct holder h = holder_of(k);
            good = good || (uuid_eq(h.org, p[i].holder) && sv_eq(p[i].key, sv_c(h.id)) &&
                            copy_signed_by(&p[i], h.key.pub));
        }
        if (!good) {
            return false;
        }
    }
    if (copy_check(b->checker, v, p, n, &b->a, &checked, &e) != OK) {
        return false;
    }
    if (ret) {
        *ret = checked;
        *ret_object = v;
    }
    return true;
}

/* ---- vectors */

#define DIR "tests/data/copies/"

static struct sv file_of(struct bench *b, const char *path)
{
    struct err e = ERR_NONE;
    struct buf text;
    buf_init(&text, 1u << 20);
    assert_int_equal(file_read(AT_FDCWD, path, &text, &e), OK);
    struct sv kept = arena_sv(&b->a, buf_sv(&text));
    buf_clear(&text);
    return kept;
}

/* With COPY_VECTORS in the environment the files are written instead. */
static void same_as_file(struct bench *b, const char *path, struct sv text)
{
    struct err e = ERR_NONE;
    if (getenv("COPY_VECTORS")) {
        assert_int_equal(file_write(AT_FDCWD, path, text, 0644, &e), OK);
    }
    struct sv want = file_of(b, path);
    assert_true(sv_eq(want, text));
}

static void write_card(struct bench *b, const struct holder *h, const char *path, const char *name)
{
    struct buf key, text, envelope;
    struct dsse_signature sig = {.keyid = SV("")};
    struct err e = ERR_NONE;
    struct partner_card read;
    buf_init(&key, 1024);
    buf_init(&text, PARTNER_CARD_MAX);
    buf_init(&envelope, PARTNER_CARD_MAX * 2);
    note_key_text(&h->key, &key);
    const struct partner_card card = {
        .id = h->org,
        .version = 1,
        .name = {sv_c(name), sv_c(name), sv_c(name)},
        .country = SV("TW"),
        .zone = SV("Asia/Taipei"),
        .kind = SV("cert"),
        .contact = SV("+0"),
        .url = SV("https://127.0.0.1:9/"),
        .log = SV("noroshi.example/tw/evidence+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"),
        .witness = SV("noroshi.example/jp/witness+bdfce37d+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"),
        .messages = buf_sv(&key),
        .spki = {SV("0000000000000000000000000000000000000000000000000000000000000001"), SV("")}};
    partner_card_write(&card, &text);
    assert_int_equal(partner_card_read(buf_sv(&text), &b->a, &read, &e), OK);
    assert_int_equal(sign((void *)h, SV(PARTNER_PAYLOAD), read.canonical, sig.sig, &e), OK);
    dsse_write(SV(PARTNER_PAYLOAD), read.canonical, &sig, 1, &envelope);
    same_as_file(b, path, buf_sv(&envelope));
    buf_clear(&key);
    buf_clear(&text);
    buf_clear(&envelope);
}

static void told_is(struct bench *b, const struct holder *h, struct sv original, const char *member,
                    const char *path, struct sv copy, size_t proof)
{
    struct err e = ERR_NONE;
    struct jv v, value;
    struct sv name;
    struct copy_proof *p;
    size_t n, at;
    struct buf told;
    buf_init(&told, 1u << 20);
    assert_int_equal(json_parse(b->original, original, &v, &e), OK);
    assert_int_equal(copy_disclose(b->copier, v, &h->salts, sv_c(member), &told, &e), OK);
    same_as_file(b, path, buf_sv(&told));
    assert_int_equal(json_parse(b->copy, copy, &v, &e), OK);
    assert_int_equal(copy_proofs(v, &b->a, &p, &n, &e), OK);
    assert_int_equal(json_parse(b->original, buf_sv(&told), &v, &e), OK);
    assert_int_equal(copy_disclosed(v, p, n, &b->a, &at, &name, &value, &e), OK);
    assert_int_equal(at, proof);
    assert_true(sv_eq(name, sv_c(member)));
    buf_clear(&told);
}

static void vectors(void **state)
{
    static const char *const first[] = {"description", "x_note", NULL}, *const second[] = {"name", NULL};
    struct bench b;
    struct terms t;
    const char *why;
    struct holder tw = holder_of(0), jp = holder_of(1);
    begin(&b);
    write_card(&b, &tw, DIR "first.card", "First");
    write_card(&b, &jp, DIR "second.card", "Second");
    struct sv original = file_of(&b, DIR "original.json");
    deny(&t, first, REDACT_DROP);
    assert_int_equal(copy_of(&b, &tw, &t, original, TLP_GREEN, &why), 1);
    same_as_file(&b, DIR "copy.json", buf_sv(&b.out));
    struct sv copy = arena_sv(&b.a, buf_sv(&b.out));
    assert_true(verifies(&b, copy, NULL, NULL));
    deny(&t, second, REDACT_DROP);
    assert_int_equal(copy_of(&b, &jp, &t, copy, TLP_GREEN, &why), 1);
    same_as_file(&b, DIR "again.json", buf_sv(&b.out));
    struct sv again = arena_sv(&b.a, buf_sv(&b.out));
    assert_true(verifies(&b, again, NULL, NULL));
    told_is(&b, &tw, original, "description", DIR "told.json", again, 0);
    told_is(&b, &tw, original, "", DIR "whole.json", copy, 0);
    end(&b);
}

static size_t proofs_in(struct bench *b, struct sv text)
{
    struct err e = ERR_NONE;
    struct jv v;
    assert_int_equal(json_parse(b->copy, text, &v, &e), OK);
    return json_count(json_path(v, "extensions", COPY_EXTENSION, "proofs", NULL));
}

static void a_chain_that_does_not_hold_is_left_out(void **state)
{
    static const char *const score[] = {"x_score", NULL}, *const creator[] = {"created_by_ref", NULL};
    struct bench b;
    struct terms t;
    const char *why;
    struct holder jp = holder_of(1);
    begin(&b);
    struct sv copy = file_of(&b, DIR "copy.json");
    deny(&t, score, REDACT_DROP);
    assert_int_equal(copy_of(&b, &jp, &t, copy, TLP_GREEN, &why), 1);
    assert_int_equal(proofs_in(&b, buf_sv(&b.out)), 2);
    size_t at = sv_find(copy, SV("c2.example"));
    struct sv other =
        arena_printf(&b.a, "%.*sc3%.*s", (int)at, copy.p, (int)(copy.n - at - 2), copy.p + at + 2);
    assert_int_equal(copy_of(&b, &jp, &t, other, TLP_GREEN, &why), 1);
    assert_int_equal(proofs_in(&b, buf_sv(&b.out)), 1);
    assert_true(verifies(&b, buf_sv(&b.out), NULL, NULL));
    deny(&t, creator, REDACT_DROP);
    assert_int_equal(copy_of(&b, &jp, &t, copy, TLP_GREEN, &why), 1);
    assert_int_equal(proofs_in(&b, buf_sv(&b.out)), 1);
    end(&b);
}

/* ---- what a copy is */

static const char HEAD[] =
    "\"spec_version\":\"2.1\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-02T00:"
    "00:00.000Z\"";

static struct sv sighting(struct arena *a, const char *more)
{
    return arena_printf(a,
                        "{\"type\":\"sighting\",\"id\":\"sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\",%s,"
                        "\"sighting_of_ref\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\"%s}",
                        HEAD, more);
}

static void what_is_ours_and_what_stays_the_original_s(void **state)
{
    static const char *const denied[] = {"where_sighted_refs", NULL};
    struct bench b;
    struct terms t;
    const char *why;
    struct copy_checked checked;
    struct jv v, marking;
    struct holder tw = holder_of(0);
    begin(&b);
    deny(&t, denied, REDACT_DROP);
    struct sv text = sighting(&b.a, ",\"where_sighted_refs\":[\"identity--00ae2d2b-17d4-4cbf-938f-"
                                    "98ee46b3cd3f\"],\"observed_data_refs\":["
                                    "\"observed-data--00ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\",\"observed-data-"
                                    "-11ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\"],"
                                    "\"created_by_ref\":\"identity--11ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\","
                                    "\"count\":3,\"object_marking_refs\":["
                                    "\"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82\"],"
                                    "\"granular_markings\":[{\"selectors\":[\"count\","
                                    "\"where_sighted_refs.[0]\"],\"marking_ref\":\"marking-definition--"
                                    "34098fce-860f-48ae-8e50-ebd3cc5e41da\"},{"
                                    "\"selectors\":[\"where_sighted_refs\"],\"marking_ref\":\"marking-"
                                    "definition--34098fce-860f-48ae-8e50-"
                                    "ebd3cc5e41da\"}]");
    assert_int_equal(copy_of(&b, &tw, &t, text, TLP_AMBER, &why), 1);
    assert_true(verifies(&b, buf_sv(&b.out), &checked, &v));
    assert_true(json_type(json_get(v, SV("where_sighted_refs"))) == JSON_NONE);
    assert_true(sv_eq(json_get_str(v, SV("created_by_ref")), sv_c(tw.identity)));
    struct sv out = buf_sv(&b.out);
    assert_true(sv_find(out, SV("observed-data--11ae2d2b")) != SIZE_MAX);
    assert_true(sv_find(out, SV("--00ae2d2b")) == SIZE_MAX);
    assert_true(sv_find(out, SV("identity--11ae2d2b")) == SIZE_MAX);
    /* TLP 1 became TLP 2, and the markings of what is left are all that is left of markings. */
    assert_true(sv_find(out, SV("55d920b0-5e8b-4f79-9ee9-91f868d9b421")) != SIZE_MAX);
    assert_true(sv_find(out, SV("bab4a63c-aed9-4cf5-a766-dfca5abac2bb")) != SIZE_MAX);
    assert_true(sv_find(out, SV("34098fce")) == SIZE_MAX);
    marking = json_get(v, SV("granular_markings"));
    assert_int_equal(json_count(marking), 1);
    for (size_t i = 0; i < checked.parts; i++) {
        struct sv name = checked.part[i].name;
        bool original = sv_eq(name, SV("count")) || sv_eq(name, SV("created")) ||
                        sv_eq(name, SV("modified")) || sv_eq(name, SV("sighting_of_ref")) ||
                        sv_eq(name, SV("type")) || sv_eq(name, SV("spec_version"));
        assert_int_equal(checked.by[i], original ? 1u : 0u);
    }
    /* The same again is the same bytes. */
    struct sv first = arena_sv(&b.a, out);
    assert_int_equal(copy_of(&b, &tw, &t, text, TLP_AMBER, &why), 1);
    assert_true(sv_eq(first, buf_sv(&b.out)));
    end(&b);
}

static void ids_follow_from_secret_and_terms(void **state)
{
    static const char *const one[] = {"name", "labels", NULL}, *const two[] = {"labels", "name", NULL},
                             *const three[] = {"labels", NULL};
    struct arena a;
    struct terms t[3];
    struct holder tw = holder_of(0), jp = holder_of(1);
    struct uuid u;
    arena_init(&a, 1u << 20);
    deny(&t[0], one, REDACT_DROP);
    deny(&t[1], two, REDACT_DROP);
    deny(&t[2], three, REDACT_DROP);
    struct sv original = SV("x-odd--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f");
    struct sha256 p[3] = {copy_profile(&t[0].grant), copy_profile(&t[1].grant), copy_profile(&t[2].grant)};
    struct sv id = copy_id(&tw.salts, &p[0], original, &a);
    assert_true(sv_starts(id, SV("x-odd--")) && uuid_parse(sv_sub(id, 7, 36), &u));
    assert_int_equal(u.b[6] >> 4, 4);
    assert_int_equal(u.b[8] >> 6, 2);
    assert_true(sv_eq(id, copy_id(&tw.salts, &p[1], original, &a)));
    assert_false(sv_eq(id, copy_id(&tw.salts, &p[2], original, &a)));
    assert_false(sv_eq(id, copy_id(&jp.salts, &p[0], original, &a)));
    t[0].grant.redact = REDACT_MASK;
    struct sha256 masked = copy_profile(&t[0].grant);
    assert_false(sv_eq(id, copy_id(&tw.salts, &masked, original, &a)));
    arena_clear(&a);
}

static void masks_stand_where_any_text_may(void **state)
{
    static const char *const denied[] = {"description", "count", "labels", "x_who", "x_n", NULL};
    struct bench b;
    struct terms t;
    const char *why;
    struct jv v;
    struct copy_checked checked;
    struct holder tw = holder_of(0);
    begin(&b);
    deny(&t, denied, REDACT_MASK);
    struct sv text =
        sighting(&b.a, ",\"description\":\"zq.a\",\"count\":77777,\"labels\":[\"zq.b\",\"zq.c\"],\"x_who\":"
                       "\"zq.d\",\"x_n\":[1,\"zq.e\"],\"external_references\":[{\"source_name\":\"s\","
                       "\"description\":\"zq.f\",\"url\":\"https://a.example/\"}]");
    assert_int_equal(copy_of(&b, &tw, &t, text, TLP_CLEAR, &why), 1);
    assert_true(verifies(&b, buf_sv(&b.out), &checked, &v));
    assert_true(sv_find(buf_sv(&b.out), SV("zq.")) == SIZE_MAX);
    assert_true(sv_eq(json_get_str(v, SV("description")), SV("[redacted]")));
    assert_true(sv_eq(json_get_str(v, SV("x_who")), SV("[redacted]")));
    assert_int_equal(json_count(json_get(v, SV("labels"))), 1);
    assert_true(json_type(json_get(v, SV("x_n"))) == JSON_NONE);
    assert_true(json_type(json_get(v, SV("count"))) == JSON_NONE);
    end(&b);
}

static void what_may_not_be_copied_stays(void **state)
{
    static const struct {
        const char *denied[3];
        const char *more;
    } cases[] = {
        {{"description"},
         ",\"description\":\"by Mei.Lin@Victim.example\",\"x_a\":\"ask mei.lin@victim.example.\""},
        {{"description"}, ",\"description\":\"ACME\",\"labels\":[\"acme\"]"},
        {{"description"},
         ",\"description\":\"at 192.0.2.77 there\",\"x_a\":{\"b\":[\"http://192.0.2.77/\"]}"},
        {{"description"}, ",\"description\":\"at 192.0.2.77 there\",\"x_a\":{\"b\":[\"192[.]0[.]2[.]77\"]}"},
        {{"x_key"}, ",\"x_key\":{\"zq.victim\":1},\"x_a\":\"zq.victim\""},
        {{"x_n"}, ",\"x_n\":424242,\"x_a\":\"no. 424242\""},
        {{"x_n"}, ",\"x_n\":424242,\"x_a\":[424242]"},
        {{"description"}, ",\"description\":\"none\",\"x_a\":\"mei\\u0040victim.example\""},
        {{"description"}, ",\"description\":\"none\",\"x_a\":\"mei[at]victim[dot]example\""},
        {{"description"},
         ",\"description\":\"none\",\"x_a\":\"\\u9234\\u6728@\\u4f8b\\u3048.\\u30c6\\u30b9\\u30c8\""},
        {{"description"}, ",\"description\":\"none\",\"x_a\":\"mei\\uff20victim\\u3002example\""},
        {{"description"}, ",\"description\":\"none\",\"x_a\":\"https://a.example/?m=mei%40victim.example\""},
        {{"description"}, ",\"description\":\"none\",\"x_a\":\"me\\u00adi@vic\\u200btim.example\""},
        {{"description"}, ",\"description\":\"none\",\"mei@victim.example\":true"},
        {{"labels"}, ",\"labels\":[\"zq\"],\"x_a\":\"sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\""},
        {{"labels"}, ",\"labels\":[\"zq\"],\"x_a\":12345678901234567890"},
        {{"type"}, ""},
        {{"created"}, ""},
    };
    struct bench b;
    struct holder tw = holder_of(0);
    begin(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct terms t;
        const char *why;
        deny(&t, cases[i].denied, REDACT_DROP);
        int rc = copy_of(&b, &tw, &t, sighting(&b.a, cases[i].more), TLP_CLEAR, &why);
        if (rc != 0) {
            fail_msg("case %zu goes: %.*s", i, SV_ARG(buf_sv(&b.out)));
        }
        assert_non_null(why);
    }
    static const char *const denied[] = {"labels", NULL};
    struct terms t;
    const char *why;
    deny(&t, denied, REDACT_DROP);
    assert_int_equal(copy_of(&b, &tw, &t, sighting(&b.a, ",\"labels\":[\"a\"]"), TLP_RED, &why), 0);
    assert_int_equal(copy_of(&b, &tw, &t, sighting(&b.a, ",\"labels\":[\"a\"]"), TLP_UNKNOWN, &why), 0);
    struct sv end_hidden =
        arena_printf(&b.a,
                     "{\"type\":\"relationship\",\"id\":\"relationship--8e2e2d2b-17d4-4cbf-938f-"
                     "98ee46b3cd3f\",%s,\"relationship_type\":\"uses\",\"source_ref\":\"malware--"
                     "11ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\",\"target_ref\":\"tool--00ae2d2b-17d4-"
                     "4cbf-938f-98ee46b3cd3f\",\"labels\":[\"a\"]}",
                     HEAD);
    assert_int_equal(copy_of(&b, &tw, &t, end_hidden, TLP_CLEAR, &why), 0);
    end(&b);
}

/* Nobody is named in these. */
static void harmless_text_goes(void **state)
{
    static const char *const texts[] = {"@handle on a network",
                                        "a @ b",
                                        "user@localhost",
                                        "3 p.m. at the gate.",
                                        "100%40",
                                        "R&D",
                                        "(at) noon",
                                        "full \\uff21\\uff22"};
    static const char *const denied[] = {"labels", NULL};
    struct bench b;
    struct holder tw = holder_of(0);
    begin(&b);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct terms t;
        const char *why;
        deny(&t, denied, REDACT_DROP);
        struct sv more = arena_printf(&b.a, ",\"labels\":[\"zq\"],\"x_a\":\"%s\"", texts[i]);
        assert_int_equal(copy_of(&b, &tw, &t, sighting(&b.a, more.p), TLP_CLEAR, &why), 1);
    }
    end(&b);
}

static void a_kind_that_is_not_granted_stays(void **state)
{
    static const char *const denied[] = {"labels", NULL};
    static const struct sv only[] = {{"domain-name", 11}};
    struct bench b;
    struct terms t;
    const char *why;
    struct holder tw = holder_of(0);
    begin(&b);
    deny(&t, denied, REDACT_DROP);
    t.grant.kinds = (struct word_list){only, 1};
    assert_int_equal(
        copy_of(&b, &tw, &t,
                sighting(&b.a, ",\"labels\":[\"zq\"],\"description\":\"from 192.0.2.1, at night\""),
                TLP_CLEAR, &why),
        0);
    assert_int_equal(copy_of(&b, &tw, &t,
                             sighting(&b.a, ",\"labels\":[\"zq\"],\"description\":\"from a.example\""),
                             TLP_CLEAR, &why),
                     1);
    end(&b);
}

static void one_text_for_32_bytes(void **state)
{
    uint8_t b[32], again[32];
    char text[COPY_TEXT];
    for (int i = 0; i < 200; i++) {
        random_bytes(b, sizeof(b));
        copy_text(b, text);
        assert_int_equal(strlen(text), 43);
        assert_true(copy_text_read(sv_c(text), again));
        assert_memory_equal(b, again, sizeof(b));
        text[42] = (char)(text[42] + 1); /* the two bits that must be zero, or no digit */
        assert_false(copy_text_read(sv_c(text), again) && memcmp(b, again, sizeof(b)) == 0);
    }
    assert_false(copy_text_read(SV("AAAA"), again));
}

/* ---- random objects */

struct member {
    const char *name;
    const char *value; /* with one %s for a canary */
};
static const struct member members[] = {
    {"description", "\"seen %s there\""},
    {"labels", "[\"%s\"]"},
    {"x_text", "\"%s\""},
    {"x_list", "[{\"who\":\"%s\"},5]"},
    {"x_map", "{\"%s\":true,\"y\":[[\"z\"]]}"},
    {"confidence", "50"},
    {"lang", "\"en\""},
    {"external_references", "[{\"source_name\":\"%s\",\"url\":\"https://%s.example/"
                            "\"},{\"source_name\":\"b\",\"description\":\"zqword\",\"external_id\":\"d\"}]"},
    {"custom_properties", "{\"deep\":{\"description\":\"%s\"}}"},
    {"x_secret", "[\"\\u007a\\u0071%s\",1.5,null]"},
    {"observed_data_refs", "[\"observed-data--00ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\"]"},
    {"where_sighted_refs", "[\"identity--00ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\"]"},
    {"first_seen", "\"2026-01-01T00:00:00Z\""},
    {"extensions",
     "{\"extension-definition--11ae2d2b-17d4-4cbf-938f-98ee46b3cd3f\":{\"extension_type\":\"property-"
     "extension\",\"x_text\":\"%s\",\"rank\":3}}"},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static unsigned below(unsigned n)
{
    return randombytes_uniform(n);
}

struct made {
    struct sv text;
    const char *denied[DENIED];
    size_t n;
    char canary[MEMBERS][24];
    bool in[MEMBERS];
};

static void random_object(struct bench *b, struct made *m)
{
    struct buf more;
    *m = (struct made){.n = 0};
    buf_init(&more, 1u << 16);
    for (size_t i = 0; i < MEMBERS; i++) {
        m->in[i] = below(2);
        snprintf(m->canary[i], sizeof(m->canary[i]), "zqcanary%u", 100000 + below(900000));
        if (m->in[i]) {
            buf_printf(&more, ",\"%s\":", members[i].name);
            for (const char *p = members[i].value; *p; p++) {
                bool place = p[0] == '%' && p[1] == 's';
                buf_addp(&more, place ? m->canary[i] : p, place ? strlen(m->canary[i]) : 1);
                p += place;
            }
        }
        if (below(3) == 0 && m->n + 1 < DENIED) {
            m->denied[m->n++] = members[i].name;
        }
    }
    buf_addc(&more, 0);
    m->text = sighting(&b->a, more.p);
    buf_clear(&more);
}

static bool is_denied(const struct made *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->denied[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void no_removed_byte_is_in_it(const struct made *m, struct sv out)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        /* What stands in a member under a denied name inside goes with it. */
        bool inner = (strcmp(members[i].name, "custom_properties") == 0 && is_denied(m, "description")) ||
                     (strcmp(members[i].name, "extensions") == 0 && is_denied(m, "x_text"));
        if (m->in[i] && (inner || is_denied(m, members[i].name))) {
            assert_true(sv_find(out, sv_c(m->canary[i])) == SIZE_MAX);
        }
    }
}

static void is_valid(struct bench *b, struct sv out)
{
    static const struct stix_policy must = {.must_only = true};
    struct stix_report r = {.a = &b->a};
    struct jv v;
    struct err e = ERR_NONE;
    assert_int_equal(json_parse(b->copy, out, &v, &e), OK);
    stix_check_by(v, &must, &r);
    if (r.must) {
        fail_msg("%.*s: %.*s in %.*s", SV_ARG(r.msg[0].pointer), SV_ARG(r.msg[0].text), SV_ARG(out));
    }
}

static bool same_value(struct bench *b, struct sv x, struct sv y)
{
    struct err e = ERR_NONE;
    struct jv v;
    struct buf one, two;
    buf_init(&one, 1u << 20);
    buf_init(&two, 1u << 20);
    bool same = json_parse(b->copy, x, &v, &e) == OK && json_canonical(v, &one, &e) == OK &&
                json_parse(b->copy, y, &v, &e) == OK && json_canonical(v, &two, &e) == OK &&
                sv_eq(buf_sv(&one), buf_sv(&two));
    buf_clear(&one);
    buf_clear(&two);
    return same;
}

static void no_change_verifies(struct bench *b, struct sv out, unsigned tries)
{
    char *p = arena_alloc(&b->a, out.n);
    for (unsigned i = 0; i < tries; i++) {
        size_t at = below((unsigned)out.n);
        memcpy(p, out.p, out.n);
        p[at] = (char)(p[at] ^ (char)(1 << below(7)));
        struct sv changed = sv_from(p, out.n);
        if (verifies(b, changed, NULL, NULL) && !same_value(b, out, changed)) {
            fail_msg("a change of byte %zu verifies: %.*s", at, SV_ARG(changed));
        }
    }
}

static void random_copies_hold(void **state)
{
    unsigned cases = getenv("NOROSHI_NIGHTLY") ? 20000u : 1500u, made = 0;
    struct holder tw = holder_of(0);
    struct bench b;
    begin(&b);
    for (unsigned i = 0; i < cases; i++) {
        struct made m;
        struct terms t;
        const char *why;
        arena_reset(&b.a);
        random_object(&b, &m);
        deny(&t, m.denied, below(2) ? REDACT_DROP : REDACT_MASK);
        int rc = copy_of(&b, &tw, &t, m.text, TLP_GREEN, &why);
        if (rc == 0) {
            fail_msg("%s: %.*s", why, SV_ARG(m.text)); /* canaries differ: nothing stands twice */
        }
        struct sv out = arena_sv(&b.a, buf_sv(&b.out));
        made++;
        no_removed_byte_is_in_it(&m, out);
        is_valid(&b, out);
        assert_true(verifies(&b, out, NULL, NULL));
        no_change_verifies(&b, out, 4);
    }
    print_message("%u copies\n", made);
    end(&b);
}

/* Every single byte of one copy, with all that is in it. */
static void every_byte_counts(void **state)
{
    struct bench b;
    begin(&b);
    struct sv again = file_of(&b, DIR "again.json");
    char *p = arena_alloc(&b.a, again.n);
    for (size_t at = 0; at < again.n; at++) {
        memcpy(p, again.p, again.n);
        p[at] = (char)(p[at] ^ 1);
        struct sv changed = sv_from(p, again.n);
        assert_false(verifies(&b, changed, NULL, NULL) && !same_value(&b, again, changed));
    }
    end(&b);
}

static void the_number_of_digests_tells_little(void **state)
{
    static const char *const denied[] = {"labels", "x_a", "x_b", "x_c", NULL};
    static const char *const more[] = {",\"labels\":[\"a\"]", ",\"labels\":[\"a\"],\"x_a\":1",
                                       ",\"labels\":[\"a\"],\"x_a\":1,\"x_b\":2"};
    struct bench b;
    struct holder tw = holder_of(0);
    begin(&b);
    for (size_t i = 0; i < 3; i++) {
        struct terms t;
        const char *why;
        struct jv v;
        struct copy_proof *p;
        size_t n;
        struct err e = ERR_NONE;
        deny(&t, denied, REDACT_DROP);
        assert_int_equal(copy_of(&b, &tw, &t, sighting(&b.a, more[i]), TLP_CLEAR, &why), 1);
        assert_int_equal(json_parse(b.copy, buf_sv(&b.out), &v, &e), OK);
        assert_int_equal(copy_proofs(v, &b.a, &p, &n, &e), OK);
        assert_int_equal(p[0].digests, i == 0 ? 8 : 16);
    }
    end(&b);
}

static int start(void **state)
{
    struct err e = ERR_NONE;
    return crypto_start(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(a_chain_that_does_not_hold_is_left_out),
        cmocka_unit_test(what_is_ours_and_what_stays_the_original_s),
        cmocka_unit_test(ids_follow_from_secret_and_terms),
        cmocka_unit_test(masks_stand_where_any_text_may),
        cmocka_unit_test(what_may_not_be_copied_stays),
        cmocka_unit_test(harmless_text_goes),
        cmocka_unit_test(a_kind_that_is_not_granted_stays),
        cmocka_unit_test(one_text_for_32_bytes),
        cmocka_unit_test(the_number_of_digests_tells_little),
        cmocka_unit_test(random_copies_hold),
        cmocka_unit_test(every_byte_counts),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
