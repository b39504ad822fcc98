/*
 * What time and change of keys make stale: an agreement a second before and after, on the days when clocks
 * are changed, and under a clock that was set back; keys that were rotated, and those of partners that are no
 * more.
 */
#include "leak_world.h"

/* ---- instants */

struct table {
    struct drawn *w;
    struct world *s;
};

/* One agreement, one indicator of our own, and a partner who reads the collection. */
static void table_open(struct table *t, usec from, usec until, enum standing standing, usec thing_until)
{
    struct drawn *w = t->w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->dice.s = 42;
    w->partner_active = true;
    for (int i = 0; i < PARTIES; i++) {
        w->party[i].id = draw_uuid(&w->dice);
        uuid_text(w->party[i].id, w->party[i].id_text);
        snprintf(w->party[i].name, sizeof(w->party[i].name), "party%d", i);
    }
    w->org_id[0] = w->party[HOME].id;
    w->org_id[1] = draw_uuid(&w->dice);
    for (size_t i = 0; i < SOURCES; i++) {
        w->source_id[i] = draw_uuid(&w->dice);
        w->source[i] = (struct source_spec){.tlp = TLP_GREEN, .origin = HOME, .attached = i > 1};
    }
    w->agreement[0] = (struct agreement_spec){.id = draw_uuid(&w->dice),
                                              .version = 1,
                                              .party = {[HOME] = true, [ASKER] = true},
                                              .from = from,
                                              .until = until,
                                              .standing = standing,
                                              .title = "About time",
                                              .grants = 1};
    w->agreement[0].grant[0] = (struct grant_spec){.id = draw_uuid(&w->dice),
                                                   .from = HOME,
                                                   .to = ASKER,
                                                   .purpose = PURPOSE_NETWORK_SAFETY,
                                                   .ceiling = TLP_AMBER,
                                                   .cap = 1000000};
    w->agreements = 1;
    struct thing *thing = &w->thing[w->things++];
    char text[32] = "";
    thing->source = 2;
    buf_init(&thing->json, 1u << 16);
    if (thing_until != USEC_NONE) {
        time_text(thing_until, text);
    }
    buf_printf(&thing->json,
               "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--5f0a1b72-3c8a-4c45-9f2e-"
               "0123456789ab\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"2020-01-01T00:00:00."
               "000Z\",\"pattern\":\"[domain-name:value = 'a.example']\",\"pattern_type\":\"stix\","
               "\"valid_from\":\"2020-01-01T00:00:00Z\"%s%s%s}",
               text[0] ? ",\"valid_until\":\"" : "", text, text[0] ? "\"" : "");
    t->s = world_open(w, NULL, PURPOSE_NETWORK_SAFETY, TLP_UNKNOWN);
    world_take(t->s, w, 0, 1, NULL);
}

static void table_close(struct table *t)
{
    world_close(t->s);
    drawn_free(t->w);
}

/* Whether the partner gets the indicator at this instant; and nothing at all when not. */
static bool given_at(const struct table *t, usec now)
{
    struct err e = ERR_NONE;
    struct taxii_page *p = NULL;
    struct buf b;
    usec first, last;
    buf_init(&b, 1u << 20);
    assert_int_equal(taxii_page_open(&t->s->x, &t->s->c, &t->s->asker, TAXII_OBJECTS,
                                     &(struct taxii_query){0}, now, &p, &first, &last, &e),
                     OK);
    while (taxii_page_pull(p, &b) == 0) {
    }
    taxii_page_free(p);
    bool given = sv_find(buf_sv(&b), SV("a.example")) != SIZE_MAX;
    assert_true(given || sv_eq(buf_sv(&b), SV("{}")));
    buf_clear(&b);
    return given;
}

static usec instant(const char *text)
{
    const struct time_opts o = {.fallback = NULL};
    struct err e = ERR_NONE;
    usec at = USEC_NONE;
    assert_int_equal(time_parse(sv_c(text), &o, &at, &e), OK);
    return at;
}

/* Days on which New York's clocks are changed: 02:00 is not there in March, 01:30 is there twice in November.
 * An instant is an instant: what is written with one offset holds for all. */
static void validity_is_exact_to_the_second(void **state)
{
    static const struct {
        const char *from, *until;
    } spans[] = {
        {"2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z"},
        {"2026-03-08T01:59:59-05:00", "2026-03-08T03:00:00-04:00"}, /* one second long */
        {"2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"}, /* an hour, not nothing */
        {"2026-10-31T23:00:00-04:00", "2026-11-01T23:00:00-05:00"}, /* 25 hours */
        {"2028-02-29T00:00:00+09:00", "2028-03-01T00:00:00+09:00"},
    };
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        struct table t;
        usec from = instant(spans[i].from), until = instant(spans[i].until);
        assert_true(from < until);
        table_open(&t, from, until, IN_FORCE, USEC_NONE);
        assert_false(given_at(&t, from - USEC_SECOND));
        assert_false(given_at(&t, from - 1));
        assert_true(given_at(&t, from));
        assert_true(given_at(&t, until - 1));
        assert_false(given_at(&t, until));
        assert_false(given_at(&t, until + USEC_SECOND));
        table_close(&t);
    }
    assert_int_equal(instant(spans[1].until) - instant(spans[1].from), USEC_SECOND);
    assert_int_equal(instant(spans[2].until) - instant(spans[2].from), USEC_HOUR);
    assert_int_equal(instant(spans[3].until) - instant(spans[3].from), 25 * USEC_HOUR);
}

static void a_thing_ends_to_the_second(void **state)
{
    struct table t;
    usec end = WORLD_BEGINS + 5 * USEC_DAY;
    table_open(&t, WORLD_BEGINS - USEC_DAY, WORLD_BEGINS + 30 * USEC_DAY, IN_FORCE, end);
    assert_true(given_at(&t, end - 1));
    assert_false(given_at(&t, end));
    assert_false(given_at(&t, end + USEC_SECOND));
    table_close(&t);
}

/* What a person ended or suspended stays so, whatever the clock says. */
static void a_clock_set_back_opens_nothing_that_was_ended(void **state)
{
    static const enum standing stopped[] = {SUSPENDED, ENDED, ONE_SIGNATURE_SHORT};
    static const usec leaps[] = {0, -USEC_SECOND, -USEC_HOUR, -USEC_DAY, -20 * USEC_DAY, 20 * USEC_DAY};
    for (size_t i = 0; i < 3; i++) {
        struct table t;
        table_open(&t, WORLD_BEGINS - 29 * USEC_DAY, WORLD_BEGINS + 30 * USEC_DAY, stopped[i], USEC_NONE);
        for (size_t k = 0; k < sizeof(leaps) / sizeof(leaps[0]); k++) {
            assert_false(given_at(&t, WORLD_BEGINS + USEC_HOUR + leaps[k]));
        }
        table_close(&t);
    }
    /* A partner that is ended gets nothing at any time either. */
    struct table t;
    struct err e = ERR_NONE;
    table_open(&t, WORLD_BEGINS - 29 * USEC_DAY, WORLD_BEGINS + 30 * USEC_DAY, IN_FORCE, USEC_NONE);
    assert_true(given_at(&t, WORLD_BEGINS + USEC_HOUR));
    assert_int_equal(partner_set(t.s->t.ledger, t.s->t.db, t.w->party[ASKER].id, PARTNER_ENDED, SV("mei"),
                                 WORLD_BEGINS + USEC_HOUR, &e),
                     OK);
    for (size_t k = 0; k < sizeof(leaps) / sizeof(leaps[0]); k++) {
        assert_false(given_at(&t, WORLD_BEGINS + leaps[k]));
    }
    table_close(&t);
}

/* What was taken back does not come back: its withdrawal is what is given, also in the past. */
static void a_clock_set_back_gives_nothing_that_was_taken_back(void **state)
{
    struct table t;
    struct err e = ERR_NONE;
    static const char revoked[] =
        "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--5f0a1b72-3c8a-4c45-9f2e-"
        "0123456789ab\",\"created\":\"2020-01-01T00:00:00.000Z\",\"modified\":\"2026-02-01T00:00:00.000Z\","
        "\"pattern\":\"[domain-name:value = "
        "'b.example']\",\"pattern_type\":\"stix\",\"valid_from\":\"2020-01-"
        "01T00:00:00Z\",\"revoked\":true}";
    table_open(&t, WORLD_BEGINS - 29 * USEC_DAY, WORLD_BEGINS + 30 * USEC_DAY, IN_FORCE, USEC_NONE);
    assert_true(given_at(&t, WORLD_BEGINS + USEC_HOUR));
    assert_int_equal(toy_take(&t.s->t, &t.s->source[2], revoked).accepted, 1);
    t.s->t.now = WORLD_BEGINS - 10 * USEC_DAY;
    assert_int_equal(taxii_collect(&t.s->x, t.s->t.now, &e), OK);
    struct taxii_page *p = NULL;
    struct buf b;
    usec first, last;
    buf_init(&b, 1u << 20);
    assert_int_equal(taxii_page_open(&t.s->x, &t.s->c, &t.s->asker, TAXII_OBJECTS, &(struct taxii_query){0},
                                     WORLD_BEGINS - 10 * USEC_DAY, &p, &first, &last, &e),
                     OK);
    while (taxii_page_pull(p, &b) == 0) {
    }
    taxii_page_free(p);
    assert_true(sv_find(buf_sv(&b), SV("\"revoked\":true")) != SIZE_MAX);
    assert_true(sv_find(buf_sv(&b), SV("a.example")) == SIZE_MAX);
    buf_clear(&b);
    table_close(&t);
}

/* ---- keys */

/* The next card of a partner: other keys where asked for, signed under `by`. */
static int next_card(struct table *t, int64_t version, const char *now, const char *next, const uint8_t *by,
                     const uint8_t *new_key, struct err *e)
{
    struct arena a;
    struct partner p;
    struct partner_card took;
    struct party signer = t->w->party[ASKER];
    struct buf card, envelope;
    struct err none = ERR_NONE;
    char vkey[200];
    arena_init(&a, 4u << 20);
    buf_init(&card, PARTNER_CARD_MAX);
    buf_init(&envelope, 1u << 20);
    assert_int_equal(partner_find(t->s->t.db, sv_c(t->w->party[ASKER].id_text), &a, &p, &none), OK);
    p.card.version = version;
    p.card.spki[0] = sv_c(now);
    p.card.spki[1] = sv_c(next);
    if (new_key) {
        struct note_key k;
        struct buf b;
        assert_int_equal(note_key_make(SV("party1.example/log"), NOTE_ED25519, new_key + 32, &k, &none), OK);
        buf_init(&b, 200);
        note_key_text(&k, &b);
        assert_true(sv_copy(buf_sv(&b), vkey, sizeof(vkey)));
        buf_clear(&b);
        p.card.messages = sv_c(vkey);
    }
    memcpy(signer.secret, by, sizeof(signer.secret));
    partner_card_write(&p.card, &card);
    sign_envelope(&signer, SV(PARTNER_PAYLOAD), buf_sv(&card), &envelope);
    int rc =
        partner_propose(t->s->t.ledger, t->s->t.db, buf_sv(&envelope), SV("mei"), t->s->t.now, &took, &a, e);
    buf_clear(&card);
    buf_clear(&envelope);
    arena_clear(&a);
    return rc;
}

static int known_by(const struct table *t, const char *hex)
{
    struct sha256 spki;
    struct uuid id;
    struct err e = ERR_NONE;
    assert_true(hex_parse(sv_c(hex), spki.b, sizeof(spki.b)));
    return partner_by_key(t->s->t.db, &spki, &id, &e);
}

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void a_tls_key_that_was_rotated_out_is_nobody_s(void **state)
{
    struct table t;
    struct err e = ERR_NONE;
    table_open(&t, WORLD_BEGINS - USEC_DAY, WORLD_BEGINS + USEC_DAY, IN_FORCE, USEC_NONE);
    const uint8_t *own = t.w->party[ASKER].secret;
    assert_int_equal(next_card(&t, 2, KEY_A, KEY_B, own, NULL, &e), OK);
    assert_int_equal(known_by(&t, KEY_A), 1);
    assert_int_equal(known_by(&t, KEY_B), 1);
    assert_int_equal(next_card(&t, 3, KEY_B, KEY_C, own, NULL, &e), OK);
    assert_int_equal(known_by(&t, KEY_A), 0); /* its successor took over */
    assert_int_equal(known_by(&t, KEY_B), 1);
    /* Cards that come again, or go back, bring no old key back. */
    assert_int_equal(next_card(&t, 3, KEY_A, "", own, NULL, &e), ERR_CONFLICT);
    assert_int_equal(next_card(&t, 2, KEY_A, KEY_B, own, NULL, &e), ERR_CONFLICT);
    assert_int_equal(known_by(&t, KEY_A), 0);
    assert_int_equal(
        partner_set(t.s->t.ledger, t.s->t.db, t.w->party[ASKER].id, PARTNER_ENDED, SV("mei"), t.s->t.now, &e),
        OK);
    assert_int_equal(known_by(&t, KEY_B), 0);
    assert_int_equal(known_by(&t, KEY_C), 0);
    assert_int_equal(next_card(&t, 9, KEY_B, "", own, NULL, &e), ERR_DENIED);
    table_close(&t);
}

static void a_message_key_that_was_rotated_out_signs_nothing(void **state)
{
    struct table t;
    struct err e = ERR_NONE;
    struct arena a;
    struct buf b;
    struct agreement g;
    uint8_t seed[32] = {9}, pub[32], fresh[64];
    arena_init(&a, 8u << 20);
    buf_init(&b, AGREEMENT_MAX);
    table_open(&t, WORLD_BEGINS - USEC_DAY, WORLD_BEGINS + USEC_DAY, IN_FORCE, USEC_NONE);
    crypto_sign_seed_keypair(pub, fresh, seed);
    struct party old = t.w->party[ASKER];
    /* Who has neither the pinned key nor the new one cannot bring a new one in. */
    assert_int_equal(next_card(&t, 2, KEY_A, "", fresh, fresh, &e), ERR_CRYPTO);
    /* A card names the key that signs it: with a new key it is no rotation but another partner's. */
    assert_int_not_equal(next_card(&t, 2, KEY_A, "", old.secret, fresh, &e), OK);
    assert_true(given_at(&t, WORLD_BEGINS + USEC_HOUR));
    /* What the ended partner's key says counts for nothing any more. */
    assert_int_equal(partner_set(t.s->t.ledger, t.s->t.db, old.id, PARTNER_ENDED, SV("mei"), t.s->t.now, &e),
                     OK);
    struct agreement_spec next = t.w->agreement[0];
    next.version = 2;
    write_agreement(&next, t.w->party, &b);
    assert_int_equal(agreed_add(t.s->t.ledger, t.s->t.db, buf_sv(&b), t.s->t.now, &a, &g, &e), OK);
    struct agreed_signature s = {.agreement = g.id,
                                 .party = old.id,
                                 .version = 2,
                                 .digest = g.digest,
                                 .act = ACT_SIGN,
                                 .person = SV("mei"),
                                 .at = t.s->t.now};
    struct note_key own;
    struct buf text, envelope;
    buf_init(&text, 65536);
    buf_init(&envelope, 1u << 20);
    assert_int_equal(note_key_parse(sv_c(t.w->party[HOME].vkey), &own, &e), OK);
    assert_int_equal(agreed_statement(&s, &text, &e), OK);
    sign_envelope(&old, SV(SIGNATURE_PAYLOAD), buf_sv(&text), &envelope);
    assert_int_equal(agreed_state(t.s->t.ledger, t.s->t.db, buf_sv(&envelope), &own, t.s->t.now, &a, &e),
                     ERR_DENIED);
    buf_clear(&text);
    buf_clear(&envelope);
    buf_clear(&b);
    table_close(&t);
    arena_clear(&a);
}

int main(void)
{
    struct err e = ERR_NONE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity_is_exact_to_the_second),
        cmocka_unit_test(a_thing_ends_to_the_second),
        cmocka_unit_test(a_clock_set_back_opens_nothing_that_was_ended),
        cmocka_unit_test(a_clock_set_back_gives_nothing_that_was_taken_back),
        cmocka_unit_test(a_tls_key_that_was_rotated_out_is_nobody_s),
        cmocka_unit_test(a_message_key_that_was_rotated_out_signs_nothing),
    };
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
