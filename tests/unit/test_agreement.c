#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "pact/agreement.h"

#include <sodium.h>

static const struct uuid TW = {{0x10}}, JP = {{0x20}}, US = {{0x30}};

static const struct agreement_party parties[] = {
    {.id = {{0x10}}, .name = {{"TWCERT", 6}, {"台湾CERT", 10}, {"臺灣CERT", 10}}, .country = {"TW", 2}},
    {.id = {{0x20}}, .name = {{"JPCERT", 6}, {"日本CERT", 10}, {"日本CERT", 10}}, .country = {"JP", 2}},
};

static void next_id(void *ctx, struct uuid *ret)
{
    uint8_t *n = ctx;
    *ret = (struct uuid){{0x77, ++*n}};
}

/* A draft of a template, with one piece of its text changed. */
static struct sv draft(struct arena *a, const char *template, const char *from, const char *to)
{
    uint8_t n = 0;
    struct err e = ERR_NONE;
    struct buf b, changed;
    const struct agreement_draft d = {.template = sv_c(template),
                                      .id = {{1}},
                                      .party = parties,
                                      .parties = 2,
                                      .valid_from = 1000 * USEC_DAY,
                                      .valid_until = 1365 * USEC_DAY,
                                      .make_id = next_id,
                                      .ctx = &n};
    buf_init(&b, 1 << 20);
    buf_init(&changed, 1 << 20);
    assert_int_equal(agreement_draft(&d, &b, &e), OK);
    struct sv text = buf_sv(&b);
    size_t at = from ? sv_find(text, sv_c(from)) : SIZE_MAX;
    assert_true(!from || at != SIZE_MAX);
    buf_add(&changed, sv_sub(text, 0, at));
    if (from) {
        buf_add(&changed, sv_c(to));
        buf_add(&changed, sv_sub(text, at + strlen(from), SIZE_MAX));
    }
    text = arena_sv(a, buf_sv(&changed));
    buf_clear(&b);
    buf_clear(&changed);
    return text;
}

static void drafts_can_be_read_and_told_in_three_languages(void **state)
{
    static const char *const templates[] = {"network-safety", "joint-cybercrime"};
    static const char *const said[LANGUAGE_MAX] = {"gives", "から", "提供予"};
    struct arena a;
    arena_init(&a, 16 << 20);
    for (size_t i = 0; i < 2; i++) {
        struct agreement g;
        struct err e = ERR_NONE;
        assert_int_equal(agreement_read(draft(&a, templates[i], NULL, NULL), &a, &g, &e), OK);
        assert_int_equal(g.grants, i == 0 ? 2 : 8);
        for (int l = 0; l < LANGUAGE_MAX; l++) {
            struct buf text;
            buf_init(&text, 1 << 20);
            agreement_text(&g, (enum language)l, &text);
            assert_true(sv_find(buf_sv(&text), sv_c(said[l])) != SIZE_MAX);
            assert_true(sv_find(buf_sv(&text), parties[0].name[l]) != SIZE_MAX);
            assert_true(sv_find(buf_sv(&text), SV("{0}")) == SIZE_MAX);
            assert_true(sv_utf8(buf_sv(&text)));
            buf_clear(&text);
        }
    }
    arena_clear(&a);
}

/* Each change makes another document than the one that may be signed. */
static void what_is_not_known_is_refused(void **state)
{
    static const struct {
        const char *from, *to, *path;
    } cases[] = {
        {"\"type\":\"noroshi-agreement\"", "\"type\":\"treaty\"", "type"},
        {"\"version\":1", "\"version\":0", "version"},
        {"\"version\":1", "\"version\":1,\"secret\":true", "secret"},
        {"\"object_types\":[\"indicator\"", "\"object_types\":[\"*\",\"indicator\"", "object_types"},
        {"\"object_types\":[\"indicator\"", "\"object_types\":[\"sighting\",\"sighting\"", "object_types"},
        {"\"kinds\":[\"*\"]", "\"kinds\":[]", "kinds"},
        {"\"kinds\":[\"*\"]", "\"kinds\":[\"smell\"]", "kinds"},
        {"\"purpose\":\"network_safety\"", "\"purpose\":\"intelligence\"", "purpose"},
        {"\"purpose\":\"network_safety\"", "\"purpose\":\"deconfliction\"", "purpose"},
        {"\"purposes\":[\"network_safety\"]", "\"purposes\":[]", "purposes"},
        {"\"tlp_ceiling\":\"TLP:AMBER\"", "\"tlp_ceiling\":\"TLP:RED\"", "tlp_ceiling"},
        {"\"onward\":\"none\"", "\"onward\":\"all\"", "onward"},
        {"\"onward\":\"none\"", "\"onward\":[]", "onward"},
        {"\"exercise\":false", "\"exercise\":true", "exercise"},
        {"\"country\":\"TW\"", "\"country\":\"tw\"", "country"},
        {"\"max_items_per_day\":1000000", "\"max_items_per_day\":0", "max_items_per_day"},
        {"\"valid_from\":\"1972-09-27T00:00:00Z\"", "\"valid_from\":\"1972-09-27T00:00:00\"", "valid_from"},
        {"\"valid_from\":\"1972-09-27T00:00:00Z\"", "\"valid_from\":\"1992-09-27T00:00:00Z\"", "valid_until"},
        {"\"to\":\"20000000", "\"to\":\"40000000", "to"},
        {"\"to\":\"20000000", "\"to\":\"10000000", "to"},
        {"\"ja\":\"台湾CERT\"", "\"ja\":\" \"", "name"},
    };
    struct arena a;
    arena_init(&a, 16 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agreement g;
        struct err e = ERR_NONE;
        struct sv text = draft(&a, "network-safety", cases[i].from, cases[i].to);
        assert_int_equal(agreement_read(text, &a, &g, &e), ERR_VALUE);
        assert_non_null(strstr(e.text, cases[i].path));
    }
    arena_clear(&a);
}

/* White space and the order of members change nothing; any other byte changes the digest. */
static void digest_is_of_the_canonical_form(void **state)
{
    struct arena a;
    struct agreement g, spaced, other;
    struct err e = ERR_NONE;
    arena_init(&a, 16 << 20);
    assert_int_equal(agreement_read(draft(&a, "network-safety", NULL, NULL), &a, &g, &e), OK);
    struct sv text = draft(&a, "network-safety", "\"version\":1,", "\n \"version\" : 1 ,\t");
    assert_int_equal(agreement_read(text, &a, &spaced, &e), OK);
    assert_memory_equal(g.digest.b, spaced.digest.b, 32);
    assert_true(sv_eq(g.canonical, spaced.canonical));
    text = draft(&a, "network-safety", "\"retention_days\":365", "\"retention_days\":366");
    assert_int_equal(agreement_read(text, &a, &other, &e), OK);
    assert_memory_not_equal(g.digest.b, other.digest.b, 32);
    arena_clear(&a);
}

/* ---- the decision */

struct table {
    struct arena a;
    struct agreement g;
    struct agreement_state state;
};

static void set_table(struct table *t, const char *template, const char *from, const char *to)
{
    struct err e = ERR_NONE;
    arena_init(&t->a, 16 << 20);
    assert_int_equal(agreement_read(draft(&t->a, template, from, to), &t->a, &t->g, &e), OK);
    t->state = (struct agreement_state){&t->g, true};
}

static const struct sv IPV4 = {"ipv4-addr", 9};

static struct release_ask indicator(void)
{
    return (struct release_ask){.owner = TW,
                                .partner = JP,
                                .origin = TW,
                                .partner_active = true,
                                .partner_pinned = true,
                                .purpose = PURPOSE_NETWORK_SAFETY,
                                .now = 1100 * USEC_DAY,
                                .type = SV("indicator"),
                                .kinds = {&IPV4, 1},
                                .marking = TLP_GREEN};
}

static enum release_rule rule_of(const struct table *t, const struct release_ask *ask)
{
    return pact_release(&t->state, 1, ask).rule;
}

static void each_rule_refuses_by_its_name(void **state)
{
    struct table t;
    set_table(&t, "network-safety", NULL, NULL);
    struct release_ask q = indicator();
    assert_int_equal(rule_of(&t, &q), RULE_GRANTED);
    assert_int_equal(pact_release(NULL, 0, &q).rule, RULE_NO_AGREEMENT);
#define REFUSED(change, why)                                                                                 \
    q = indicator();                                                                                         \
    change;                                                                                                  \
    assert_int_equal(rule_of(&t, &q), why)
    REFUSED(q.partner = (struct uuid){{0}}, RULE_NOBODY);
    REFUSED(q.origin = (struct uuid){{0}}, RULE_NOBODY);
    REFUSED(q.partner_active = false, RULE_PARTNER);
    REFUSED(q.partner_pinned = false, RULE_PARTNER);
    REFUSED(q.partner = US, RULE_NO_AGREEMENT);
    REFUSED(q.purpose = PURPOSE_PROSECUTION_ASSISTANCE, RULE_NO_GRANT);
    REFUSED(q.type = SV("grouping"), RULE_TYPE);
    REFUSED(q.exercise = true, RULE_EXERCISE);
    REFUSED(q.local_only = true, RULE_LOCAL);
    REFUSED(q.expired = true, RULE_LOCAL);
    REFUSED(q.marking = TLP_AMBER_STRICT, RULE_MARKING);
    REFUSED(q.marking = TLP_RED, RULE_MARKING);
    REFUSED(q.marking = TLP_UNKNOWN, RULE_MARKING);
    REFUSED(q.marking = (enum tlp)77, RULE_MARKING);
    REFUSED(q.origin = US, RULE_ORIGIN);
    REFUSED((q.type = SV("relationship"), q.relationship = SV("attributed-to")), RULE_ATTRIBUTION);
    REFUSED((q.type = SV("relationship"), q.relationship = SV("targets")), RULE_ATTRIBUTION);
    REFUSED(q.data = DATA_SUSPECT, RULE_PERSONAL);
    REFUSED(q.sent_today = 1000000, RULE_CAP);
    arena_clear(&t.a);
    set_table(&t, "joint-cybercrime", NULL, NULL);
    REFUSED(q.purpose = PURPOSE_CYBERCRIME_INVESTIGATION, RULE_RELEASE);
    q.released = true;
    assert_int_equal(rule_of(&t, &q), RULE_GRANTED);
    q.type = SV("threat-actor");
    assert_int_equal(rule_of(&t, &q), RULE_ATTRIBUTION);
    arena_clear(&t.a);
}

static void validity_is_exact_and_the_end_is_outside(void **state)
{
    struct table t;
    set_table(&t, "network-safety", NULL, NULL);
    struct release_ask q = indicator();
    const struct {
        usec at;
        enum release_rule rule;
    } edges[] = {{t.g.valid_from - 1, RULE_NO_AGREEMENT}, {t.g.valid_from, RULE_GRANTED},
                 {t.g.valid_until - 1, RULE_GRANTED},     {t.g.valid_until, RULE_NO_AGREEMENT},
                 {USEC_NONE, RULE_NO_AGREEMENT},          {INT64_MAX, RULE_NO_AGREEMENT}};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        q.now = edges[i].at;
        assert_int_equal(rule_of(&t, &q), edges[i].rule);
    }
    q = indicator();
    t.state.active = false;
    assert_int_equal(rule_of(&t, &q), RULE_NO_AGREEMENT);
    arena_clear(&t.a);
}

static void what_must_not_go_is_named(void **state)
{
    struct table t;
    set_table(&t, "network-safety", NULL, NULL);
    struct release_ask q = indicator();
    const struct release_field fields[] = {
        {SV("id"), true}, {SV("where_sighted_refs"), false}, {SV("name"), false}, {SV("goals"), false}};
    q.field = fields;
    q.fields = 4;
    struct release_answer r = pact_release(&t.state, 1, &q);
    assert_true(r.allow);
    assert_int_equal(r.redactions, 2);
    assert_true(sv_eq(r.redact[0], SV("where_sighted_refs")) && sv_eq(r.redact[1], SV("goals")));
    assert_int_equal(r.delete_after, q.now + 365 * USEC_DAY);
    const struct release_field needed[] = {{SV("where_sighted_refs"), true}};
    q.field = needed;
    q.fields = 1;
    assert_int_equal(pact_release(&t.state, 1, &q).rule, RULE_REDACTION);
    arena_clear(&t.a);
}

static void an_origin_that_names_the_partner_lets_it_go_on(void **state)
{
    struct table t;
    set_table(&t, "network-safety", NULL, NULL);
    struct release_ask q = indicator();
    q.origin = US;
    q.onward = ONWARD_LIST;
    q.onward_to = &TW;
    q.onward_count = 1;
    assert_int_equal(rule_of(&t, &q), RULE_ORIGIN);
    q.onward_to = &JP;
    assert_int_equal(rule_of(&t, &q), RULE_GRANTED);
    q.onward = ONWARD_WITH_CONSENT;
    assert_int_equal(rule_of(&t, &q), RULE_ORIGIN);
    q.consent = true;
    assert_int_equal(rule_of(&t, &q), RULE_GRANTED);
    q.onward = (enum onward)9;
    assert_int_equal(rule_of(&t, &q), RULE_ORIGIN);
    arena_clear(&t.a);
}

/* ---- DSSE: the protocol's own message, signed with the key of RFC 8032 TEST 1. */

#define SIGNED "4DHX3Zn4qpBKvEj7maE8O9u9bjXEnPLLnyXVUJ2PXJR8DSLcL3QDpFvfJOj3pB/SPHsl6Jg4boxsMb6KvuYABw=="

static void envelopes_are_those_of_the_protocol(void **state)
{
    static const uint8_t pub[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
                                    0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
                                    0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    struct arena a;
    struct buf b;
    struct dsse d;
    struct err e = ERR_NONE;
    const struct sv type = SV("http://example.com/HelloWorld"), body = SV("hello world");
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 16);
    dsse_pae(type, body, &b);
    assert_true(sv_eq(buf_sv(&b), SV("DSSEv1 29 http://example.com/HelloWorld 11 hello world")));
    buf_reset(&b);
    buf_add(&b, SV("{\"payload\":\"aGVsbG8gd29ybGQ\",\"payloadType\":\"http://example.com/HelloWorld\","
                   "\"signatures\":[{\"sig\":\"" SIGNED "\"}]}"));
    assert_int_equal(dsse_read(buf_sv(&b), &a, &d, &e), OK);
    assert_true(sv_eq(d.type, type) && sv_eq(d.body, body));
    assert_true(dsse_signed_by(&d, pub));
    struct dsse_signature sig = d.sig[0];
    buf_reset(&b);
    dsse_write(type, SV("hello w0rld"), &sig, 1, &b);
    assert_int_equal(dsse_read(buf_sv(&b), &a, &d, &e), OK);
    assert_false(dsse_signed_by(&d, pub));
    buf_reset(&b);
    dsse_write(type, body, &sig, 1, &b);
    assert_int_equal(dsse_read(buf_sv(&b), &a, &d, &e), OK);
    assert_true(dsse_signed_by(&d, pub));
    assert_int_equal(dsse_read(SV("{\"payload\":\"\",\"payloadType\":\"x\",\"signatures\":[]}"), &a, &d, &e),
                     ERR_VALUE);
    buf_clear(&b);
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafts_can_be_read_and_told_in_three_languages),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(digest_is_of_the_canonical_form),
        cmocka_unit_test(each_rule_refuses_by_its_name),
        cmocka_unit_test(validity_is_exact_and_the_end_is_outside),
        cmocka_unit_test(what_must_not_go_is_named),
        cmocka_unit_test(an_origin_that_names_the_partner_lets_it_go_on),
        cmocka_unit_test(envelopes_are_those_of_the_protocol),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
