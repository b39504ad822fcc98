/* Versions of objects, what is in conflict with them, revoking, and files joined by their hashes. */
#include "fuse_node.h"

#define ID "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
#define INDICATOR(modified, more, pattern)                                                                   \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"" ID                                          \
    "\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"" modified "\"," more                        \
    "\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"pattern\":\"" pattern "\"}"
#define NAMED(name) "[domain-name:value = '" name "']"
#define FIRST INDICATOR("2026-01-01T00:00:00.000Z", "", NAMED("gate.phish.example"))

#define MD5 "d41d8cd98f00b204e9800998ecf8427e"
#define SHA1 "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define FILE_OBJECT(hashes)                                                                                  \
    "{\"type\":\"file\",\"spec_version\":\"2.1\",\"id\":\"file--11111111-1111-4111-8111-111111111111\","     \
    "\"hashes\":{" hashes "}}"
#define BOTH FILE_OBJECT("\"MD5\":\"" MD5 "\",\"SHA-256\":\"" SHA256 "\"")

static struct toy_answer look_version(struct toy *t, const char *id, const char *version)
{
    struct err e = ERR_NONE;
    struct toy_answer a = {.doc = json_doc_new(1 << 24)};
    struct arena arena;
    struct pact_view view;
    arena_init(&arena, 1 << 24);
    buf_init(&a.text, 1 << 24);
    assert_int_equal(gate_view(t->db, t->org[0], PURPOSE_NETWORK_SAFETY, t->now, &arena, &view, &e), OK);
    assert_int_equal(fuse_look_version(t->fuse, &view, sv_c(id), sv_c(version), t->now, &a.text, &e), OK);
    assert_int_equal(json_parse(a.doc, buf_sv(&a.text), &a.v, &e), OK);
    arena_clear(&arena);
    return a;
}

static size_t versions(struct toy *t, const char *version, const char *ret_pattern)
{
    struct toy_answer a = look_version(t, ID, version);
    struct jv objects = json_get(a.v, SV("objects"));
    size_t n = json_count(objects);
    if (ret_pattern) {
        struct sv pattern = json_get_str(json_get(toy_at(objects, 0), SV("object")), SV("pattern"));
        if (!sv_eq(pattern, sv_c(ret_pattern)))
            fail_msg("%.*s, want %s", SV_ARG(pattern), ret_pattern);
    }
    toy_answer_free(&a);
    return n;
}

static void a_version_is_read_by_its_time(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    struct buf json;
    toy_open(&t);
    struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    toy_take(&t, &s, INDICATOR("2026-01-02T00:00:00.000000001Z", "", NAMED("b.phish.example")));
    /* One nanosecond later is another version. */
    assert_int_equal(
        toy_take(&t, &s, INDICATOR("2026-01-02T00:00:00.000000002Z", "", NAMED("c.phish.example"))).accepted,
        1);
    assert_int_equal(versions(&t, "", NAMED("c.phish.example")), 3);
    assert_int_equal(versions(&t, "all", NAMED("c.phish.example")), 3);
    assert_int_equal(versions(&t, "last", NAMED("c.phish.example")), 1);
    assert_int_equal(versions(&t, "2026-01-01T00:00:00Z", NAMED("gate.phish.example")), 1);
    assert_int_equal(versions(&t, "2026-01-02T00:00:00.000000001Z", NAMED("b.phish.example")), 1);
    assert_int_equal(versions(&t, "2026-01-02T00:00:00Z", NULL), 0);
    buf_init(&json, 1 << 20);
    const struct pact_view nobody = {0};
    assert_int_equal(fuse_look_version(t.fuse, &nobody, SV(ID), SV("yesterday"), t.now, &json, &e),
                     ERR_SYNTAX);
    assert_int_equal(fuse_look_version(t.fuse, &nobody, SV("192.0.2.1"), SV("all"), t.now, &json, &e),
                     ERR_SYNTAX);
    buf_clear(&json);
    toy_close(&t);
}

static struct quarantined last_refused(struct toy *t, struct arena *a)
{
    struct quarantined q;
    struct err e = ERR_NONE;
    int64_t id = db_value(t->db, "SELECT max(id) FROM quarantine", 0);
    assert_int_equal(quarantine_get(t->db, id, a, &q, &e), OK);
    return q;
}

static size_t indicators_of(struct toy *t, const char *value)
{
    struct toy_answer a = toy_look(t, 0, value);
    size_t n = json_count(json_get(a.v, SV("indicators")));
    toy_answer_free(&a);
    return n;
}

static void a_conflict_keeps_both_texts_and_says_nothing(void **state)
{
    struct toy t;
    struct arena a;
    static const char other[] = INDICATOR("2026-01-01T00:00:00.000Z", "", NAMED("other.phish.example"));
    toy_open(&t);
    arena_init(&a, 1 << 20);
    struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    assert_int_equal(toy_take(&t, &s, other).rejected, 1);
    struct quarantined q = last_refused(&t, &a);
    assert_int_equal(q.why.code, ERR_CONFLICT);
    assert_true(sv_eq(q.why.bytes, sv_c(other)));
    assert_true(sv_eq(q.why.against, SV(FIRST)));
    /* What was refused is not matched either. */
    assert_int_equal(indicators_of(&t, "other.phish.example"), 0);
    assert_int_equal(indicators_of(&t, "gate.phish.example"), 1);
    /* The same text again is no conflict, nor is it from another source. */
    assert_int_equal(toy_take(&t, &s, FIRST).duplicates, 1);
    struct source relay = toy_source(&t, "relay", 0, 'C', TLP_GREEN);
    assert_int_equal(toy_take(&t, &relay, other).accepted, 1);
    arena_clear(&a);
    toy_close(&t);
}

static size_t index_hits(struct toy *t, const char *name)
{
    struct err e = ERR_NONE;
    char scratch[256];
    struct obs o;
    struct index_hit hits[INDEX_HITS];
    assert_int_equal(fuse_index_refresh(t->fuse, t->now, &e), OK);
    assert_true(obs_domain(sv_c(name), scratch, &o));
    struct fuse_index i = fuse_index_get(t->fuse);
    size_t n = fuse_index_find(&i, &o, hits);
    fuse_index_put(&i);
    return n;
}

static void revoked_ends_at_once_and_for_good(void **state)
{
    struct toy t;
    struct arena a;
    toy_open(&t);
    arena_init(&a, 1 << 20);
    struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN);
    toy_take(&t, &s, FIRST);
    assert_int_equal(index_hits(&t, "gate.phish.example"), 1);
    assert_int_equal(
        toy_take(&t, &s,
                 INDICATOR("2026-01-03T00:00:00.000Z", "\"revoked\":true,", NAMED("gate.phish.example")))
            .accepted,
        1);
    assert_int_equal(index_hits(&t, "gate.phish.example"), 0);
    struct toy_answer look = look_version(&t, ID, "last");
    bool revoked = false;
    assert_true(json_bool(json_get(toy_at(json_get(look.v, SV("objects")), 0), SV("revoked")), &revoked));
    assert_true(revoked);
    toy_answer_free(&look);
    /* It does not come back. */
    assert_int_equal(
        toy_take(&t, &s, INDICATOR("2026-01-04T00:00:00.000Z", "", NAMED("gate.phish.example"))).rejected, 1);
    struct quarantined q = last_refused(&t, &a);
    assert_int_equal(q.why.code, ERR_CONFLICT);
    assert_true(sv_find(q.why.text, SV("revoked")) != SIZE_MAX);
    assert_true(sv_find(q.why.against, SV("\"revoked\":true")) != SIZE_MAX);
    assert_int_equal(index_hits(&t, "gate.phish.example"), 0);
    /* What was before may still arrive, and revives nothing. */
    assert_int_equal(
        toy_take(&t, &s, INDICATOR("2026-01-02T00:00:00.000Z", "", NAMED("gate.phish.example"))).accepted, 1);
    assert_int_equal(index_hits(&t, "gate.phish.example"), 0);
    assert_int_equal(versions(&t, "all", NULL), 3);
    arena_clear(&a);
    toy_close(&t);
}

/* ---- hashes of one file */

static void take_hash(struct toy *t, const struct source *s, const char *hash)
{
    char line[200];
    snprintf(line, sizeof(line), "%s\n", hash);
    toy_take(t, s, line);
}

/* The indicator that a look shows under another hash, or "". */
static void alias_of(struct toy *t, size_t org, const char *hash, char ret[80])
{
    struct toy_answer a = toy_look(t, org, hash);
    struct jv first = toy_at(json_get(a.v, SV("indicators")), 0);
    bool alias = sv_eq(json_get_str(first, SV("how")), SV("alias"));
    sv_copy(alias ? json_get_str(first, SV("value")) : SV(""), ret, 80);
    assert_true(!alias || json_count(json_get(a.v, SV("aliases"))) > 0);
    toy_answer_free(&a);
}

static void check_joined(struct toy *t, const char *hash, const char *want)
{
    struct err e = ERR_NONE;
    char shown[80];
    alias_of(t, 0, hash, shown);
    assert_string_equal(shown, want);
    assert_int_equal(ledger_rebuild(t->ledger, NULL, &e), OK);
    alias_of(t, 0, hash, shown);
    assert_string_equal(shown, want);
}

static void hashes_of_a_file_object_are_joined_in_any_order(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct toy t;
        toy_open(&t);
        struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN),
                      feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
        if (order)
            take_hash(&t, &feed, SHA256);
        toy_take(&t, &s, BOTH);
        if (!order)
            take_hash(&t, &feed, SHA256);
        check_joined(&t, MD5, SHA256);
        /* From hash to hash. */
        toy_take(&t, &s,
                 "{\"type\":\"artifact\",\"spec_version\":\"2.1\",\"id\":\"artifact--11111111-1111-4111-8111-"
                 "111111111111\",\"url\":\"https://a.example/x\",\"hashes\":{\"MD5\":\"" MD5
                 "\",\"SHA-1\":\"" SHA1 "\"}}");
        check_joined(&t, SHA1, SHA256);
        toy_close(&t);
    }
}

static void a_pattern_joins_hashes_of_one_observation(void **state)
{
    static const struct {
        const char *object, *want;
    } rows[] = {
        {INDICATOR("2026-01-01T00:00:00.000Z", "",
                   "[file:hashes.MD5 = '" MD5 "' AND file:hashes.'SHA-256' = '" SHA256 "']"),
         SHA256},
        {INDICATOR("2026-01-01T00:00:00.000Z", "",
                   "[file:hashes.MD5 = '" MD5 "' AND file:hashes.'SHA-1' = '" SHA1
                   "'] FOLLOWEDBY [file:hashes.'SHA-256' = '" SHA256 "']"),
         ""},
        /* Two of one algorithm are two files. */
        {INDICATOR(
             "2026-01-01T00:00:00.000Z", "",
             "[file:name = 'x' AND (file:hashes.MD5 = '" MD5
             "' OR file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427f' OR file:hashes.'SHA-256' = '" SHA256
             "')]"),
         ""},
        {INDICATOR("2026-01-01T00:00:00.000Z", "",
                   "[file:hashes.MD5 = '" MD5 "' AND file:hashes.'SHA-256' != '" SHA256 "']"),
         ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct toy t;
        toy_open(&t);
        struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN),
                      feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
        take_hash(&t, &feed, SHA256);
        assert_int_equal(toy_take(&t, &s, rows[i].object).accepted, 1);
        check_joined(&t, MD5, rows[i].want);
        toy_close(&t);
    }
}

static void a_revoked_indicator_joins_no_more(void **state)
{
    struct toy t;
    toy_open(&t);
    struct source s = toy_source(&t, "bundle", 0, 'B', TLP_GREEN),
                  feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
#define JOIN "[file:hashes.MD5 = '" MD5 "' AND file:hashes.'SHA-256' = '" SHA256 "']"
    take_hash(&t, &feed, SHA256);
    toy_take(&t, &s, INDICATOR("2026-01-01T00:00:00.000Z", "", JOIN));
    check_joined(&t, MD5, SHA256);
    toy_take(&t, &s, INDICATOR("2026-01-02T00:00:00.000Z", "\"revoked\":true,", JOIN));
    check_joined(&t, MD5, "");
    toy_close(&t);
}

#define MISP(uuid)                                                                                           \
    "{\"Event\":{\"uuid\":\"5d02a1b0-7f1c-4b0a-9a3e-3b1a02de0b81\",\"info\":\"x\",\"date\":\"2026-01-01\","  \
    "\"timestamp\":\"1767225600\",\"Attribute\":[],\"Object\":[{\"name\":\"file\",\"uuid\":\"" uuid          \
    "\",\"Attribute\":[{\"uuid\":\"5d02a1b0-7f1c-4b0a-9a3e-3b1a02de0b82\",\"type\":\"md5\","                 \
    "\"object_relation\":\"md5\",\"category\":\"Payload delivery\",\"to_ids\":true,\"value\":\"" MD5         \
    "\",\"timestamp\":\"1767225600\"},{\"uuid\":\"5d02a1b0-7f1c-4b0a-9a3e-3b1a02de0b83\",\"type\":"          \
    "\"sha256\",\"object_relation\":\"sha256\",\"category\":\"Payload delivery\",\"to_ids\":true,"           \
    "\"value\":\"" SHA256 "\",\"timestamp\":\"1767225600\"}]}]}}"

static void attributes_of_a_misp_file_are_joined(void **state)
{
    struct toy t;
    struct err e = ERR_NONE;
    toy_open(&t);
    struct source s = toy_source(&t, "misp", 0, 'B', TLP_GREEN);
    /* The hash is known already, as part of no file. */
    take_hash(&t, &s, SHA256);
    assert_int_equal(toy_take(&t, &s, MISP("5d02a1b0-7f1c-4b0a-9a3e-3b1a02de0b84")).rejected, 0);
    for (int i = 0; i < 2; i++) {
        struct toy_answer a = toy_look(&t, 0, MD5);
        struct jv alias = toy_at(json_get(a.v, SV("aliases")), 0);
        assert_true(sv_eq(json_get_str(alias, SV("value")), SV(SHA256)));
        assert_true(sv_eq(json_str(toy_at(json_get(alias, SV("sources")), 0)), SV("misp")));
        assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 2);
        toy_answer_free(&a);
        assert_int_equal(ledger_rebuild(t.ledger, NULL, &e), OK);
    }
    toy_close(&t);
}

static void an_alias_is_seen_by_who_sees_its_source(void **state)
{
    struct toy t;
    char shown[80];
    toy_open(&t);
    struct source s = toy_source(&t, "bundle", 1, 'B', TLP_RED),
                  feed = toy_source(&t, "feed", 0, 'B', TLP_GREEN);
    take_hash(&t, &feed, SHA256);
    toy_take(&t, &s, BOTH);
    alias_of(&t, 0, MD5, shown);
    assert_string_equal(shown, "");
    /* Its owner sees that the hashes are one file's, and nothing of the claim that is another's. */
    struct toy_answer a = toy_look(&t, 1, MD5);
    assert_int_equal(json_count(json_get(a.v, SV("aliases"))), 1);
    assert_int_equal(json_count(json_get(a.v, SV("indicators"))), 0);
    toy_answer_free(&a);
    toy_close(&t);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_version_is_read_by_its_time),
        cmocka_unit_test(a_conflict_keeps_both_texts_and_says_nothing),
        cmocka_unit_test(revoked_ends_at_once_and_for_good),
        cmocka_unit_test(hashes_of_a_file_object_are_joined_in_any_order),
        cmocka_unit_test(a_pattern_joins_hashes_of_one_observation),
        cmocka_unit_test(a_revoked_indicator_joins_no_more),
        cmocka_unit_test(attributes_of_a_misp_file_are_joined),
        cmocka_unit_test(an_alias_is_seen_by_who_sees_its_source),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
