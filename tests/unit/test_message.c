/* Messages between two nodes in memory: their form and signature against a vector that openssl made, order,
 * repetition, refusals, renewal, and what stays when something fails in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/message/message_private.h"
#include "share/share.h"

#include <sodium.h>
#include <stdlib.h>

#define START (1770000000 * USEC_SECOND)

/* RFC 8032, 7.1, TEST 1 */
static const char SEED[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/* docs/messages.md; tests/integration/test_messages.py makes it again with openssl. */
static const char VECTOR[] =
    "{\"agreement\":\"5f2a1d3e-8c4b-4d6f-9a7e-1b2c3d4e5f60\",\"agreement_version\":3,\"body\":{\"n\":[1,2.5,"
    "true,null],\"nonce\":\"\u72fc\u7159\"},\"counter\":42,\"created\":\"2026-11-23T01:02:03.000004Z\","
    "\"expires\":\"2026-12-23T01:02:03.000004Z\",\"from\":\"11111111-1111-4111-8111-111111111111\",\"id\":"
    "\"33333333-3333-4333-8333-333333333333\",\"kind\":\"probe\",\"to\":"
    "\"22222222-2222-4222-8222-222222222222\",\"type\":\"noroshi-message\",\"v\":1}";
static const char SIGNATURE[] =
    "45XlKNbhv5Ohc0hShVXbuIPfGr1ZGbOE/r52kqXxoaw+QQC0lRlCMEehHeGhOZ3lc7Qz+BsTMaogEoqkOqyyAQ==";

struct side {
    struct db *db;
    struct ledger *ledger;
    struct uuid id;
    uint8_t secret[64];
    struct note_key key;
    struct messages m;
    struct message_kind kinds[3];
    int received, answer, acknowledged, fail_acknowledged, woken;
    bool accepted;
    char text[200], seen[400];
};
struct pair {
    struct side a, b;
};

static void must(int rc, const struct err *e)
{
    if (rc < 0)
        fail_msg("%s", e->text);
}

/* ---- two nodes */

static int sign(void *ctx, struct sv type, struct sv body, uint8_t ret[64], struct err *e)
{
    struct side *s = ctx;
    struct buf pae;
    buf_init(&pae, 32u << 20);
    dsse_pae(type, body, &pae);
    crypto_sign_detached(ret, NULL, (const uint8_t *)pae.p, pae.n, s->secret);
    buf_clear(&pae);
    return OK;
}

static int receive(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    struct side *s = ctx;
    s->received++;
    if (s->answer != OK)
        return err_set(e, s->answer, "as the test wants it");
    sv_copy(m->body, s->seen, sizeof(s->seen));
    buf_printf(result, "{\"times\":%d}", s->received);
    return OK;
}

static int on_acknowledged(void *ctx, const struct message *m, bool accepted, struct sv result, usec at,
                           struct err *e)
{
    struct side *s = ctx;
    assert_true(db_in_tx(s->db));
    assert_true(m->body.n > 0);
    if (s->fail_acknowledged) {
        s->fail_acknowledged--;
        return err_set(e, ERR_IO, "not now");
    }
    s->acknowledged++;
    s->accepted = accepted;
    sv_copy(result, s->text, sizeof(s->text));
    return OK;
}

static void on_wake(void *ctx)
{
    struct side *s = ctx;
    s->woken++;
}

static void open_tables(struct side *s, const char *name)
{
    static const struct db_room *const rooms[] = {&ledger_room, &intake_room, &fuse_room, &share_room,
                                                  &partner_room};
    struct ledger_kind kinds[32];
    const struct ledger_kind *const sets[] = {intake_kinds, share_kinds, partner_kinds,
                                              message_kinds_of_ledger};
    struct err e = ERR_NONE;
    size_t n = 0;
    s->db = db_open(":memory:", DB_MEMORY, &e);
    assert_non_null(s->db);
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
        must(db_migrate(s->db, rooms[i], &e), &e);
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        for (const struct ledger_kind *k = sets[i]; k->name; k++)
            kinds[n++] = *k;
    kinds[n] = (struct ledger_kind){0};
    s->ledger = ledger_open(s->db, NULL, sv_c(name), kinds, &e);
    assert_non_null(s->ledger);
    const struct org o = {.id = s->id, .name = sv_c(name), .country = SV("TW"), .zone = SV("UTC")};
    must(db_begin(s->db, &e), &e);
    must(db_finish(s->db, org_put(s->ledger, s->db, &o, START, &e), &e), &e);
}

static void make_key(struct side *s, const char *name, uint8_t first)
{
    uint8_t seed[32] = {first}, pub[32];
    char full[64];
    struct err e = ERR_NONE;
    crypto_sign_seed_keypair(pub, s->secret, seed);
    snprintf(full, sizeof(full), "%s/messages", name);
    must(note_key_make(sv_c(full), NOTE_ED25519, pub, &s->key, &e), &e);
}

static void open_side(struct side *s, const char *name, uint8_t first)
{
    *s = (struct side){.id = uuid_v4()};
    make_key(s, name, first);
    open_tables(s, name);
    s->kinds[0] =
        (struct message_kind){.name = "test", .receive = receive, .acknowledged = on_acknowledged, .ctx = s};
    s->kinds[1] = (struct message_kind){.name = "other", .receive = receive, .ctx = s};
    s->m = (struct messages){.db = s->db,
                             .ledger = s->ledger,
                             .sign = sign,
                             .sign_ctx = s,
                             .own = &s->key,
                             .kinds = s->kinds,
                             .wake = on_wake,
                             .wake_ctx = s};
}

static struct sv vkey(const char *name, uint8_t type, uint8_t first, struct arena *a)
{
    uint8_t seed[32] = {first}, pub[32], secret[64];
    struct note_key k;
    struct buf b;
    struct err e = ERR_NONE;
    crypto_sign_seed_keypair(pub, secret, seed);
    must(note_key_make(sv_c(name), type, pub, &k, &e), &e);
    buf_init(&b, 1024);
    note_key_text(&k, &b);
    struct sv text = arena_sv(a, buf_sv(&b));
    buf_clear(&b);
    return text;
}

/* `at` takes the card of `of` in. */
static void befriend(struct side *at, struct side *of, uint8_t first)
{
    struct arena a;
    struct buf b, envelope;
    struct err e = ERR_NONE;
    struct partner_card card = {.id = of->id, .version = 1};
    struct dsse_signature sig = {.keyid = SV("")};
    char spki[65];
    arena_init(&a, 16u << 20);
    buf_init(&b, 1u << 20);
    buf_init(&envelope, 1u << 20);
    memset(spki, '0' + first, 64);
    spki[64] = 0;
    for (int l = 0; l < LANGUAGE_MAX; l++)
        card.name[l] = SV("the other");
    card.country = SV("JP");
    card.zone = SV("UTC");
    card.kind = SV("cert");
    card.contact = SV("");
    card.url = SV("https://127.0.0.1:9/");
    card.log = vkey("log", NOTE_ED25519, (uint8_t)(first + 100), &a);
    card.witness = vkey("witness", NOTE_COSIGNATURE, (uint8_t)(first + 200), &a);
    note_key_text(&of->key, &b);
    card.messages = arena_sv(&a, buf_sv(&b));
    card.spki[0] = sv_c(spki);
    card.spki[1] = SV("");
    buf_reset(&b);
    partner_card_write(&card, &b);
    struct partner_card read;
    must(partner_card_read(buf_sv(&b), &a, &read, &e), &e);
    must(sign(of, SV(PARTNER_PAYLOAD), read.canonical, sig.sig, &e), &e);
    dsse_write(SV(PARTNER_PAYLOAD), read.canonical, &sig, 1, &envelope);
    must(partner_propose(at->ledger, at->db, buf_sv(&envelope), SV("mei"), START, &read, &a, &e), &e);
    must(partner_confirm(at->ledger, at->db, of->id, SV("lin"), START, &e), &e);
    buf_clear(&envelope);
    buf_clear(&b);
    arena_clear(&a);
}

static int setup(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));
    struct err e = ERR_NONE;
    must(crypto_start(&e), &e);
    open_side(&p->a, "a.example", 1);
    open_side(&p->b, "b.example", 2);
    befriend(&p->a, &p->b, 2);
    befriend(&p->b, &p->a, 1);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    ledger_close(p->a.ledger);
    db_close(p->a.db);
    ledger_close(p->b.ledger);
    db_close(p->b.db);
    free(p);
    return 0;
}

/* ---- what the tests do */

static int queue_at(struct side *from, struct side *to, const char *kind, const char *body, usec now,
                    struct uuid *ret, struct err *e)
{
    const struct message_draft d = {.to = to->id, .kind = kind, .body = sv_c(body)};
    must(db_begin(from->db, e), e);
    return db_finish(from->db, message_queue(&from->m, &d, now, ret, e), e);
}

static struct uuid queue(struct side *from, struct side *to, const char *body)
{
    struct uuid id;
    struct err e = ERR_NONE;
    must(queue_at(from, to, "test", body, time_now(), &id, &e), &e);
    return id;
}

struct box {
    struct buf text[8];
    usec added[8];
    size_t n;
};

static int put(void *ctx, const struct message *msg, usec added, struct sv envelope, struct err *e)
{
    struct box *b = ctx;
    assert_true(b->n < 8);
    b->added[b->n] = added;
    buf_init(&b->text[b->n], 32u << 20);
    buf_add(&b->text[b->n++], envelope);
    return OK;
}

static struct box waiting(struct side *from, struct side *to, usec after)
{
    struct box b = {.n = 0};
    struct err e = ERR_NONE;
    must(message_waiting(&from->m, to->id, after, 8, put, &b, &e), &e);
    return b;
}

static void empty(struct box *b)
{
    for (size_t i = 0; i < b->n; i++)
        buf_clear(&b->text[i]);
    b->n = 0;
}

/* `to` gets an envelope; what it answers goes back. The code of the first. */
static int bring(struct side *from, struct side *to, struct sv envelope, struct buf *ack, usec now)
{
    struct err e = ERR_NONE;
    buf_reset(ack);
    int rc = message_receive(&to->m, from->id, envelope, now, ack, &e);
    assert_true((rc == OK) == (ack->n > 0));
    return rc;
}

static int hand_back(struct side *from, struct side *to, struct sv ack)
{
    struct err e = ERR_NONE;
    struct buf none;
    buf_init(&none, 1024);
    int rc = message_receive(&from->m, to->id, ack, time_now(), &none, &e);
    assert_int_equal(none.n, 0);
    buf_clear(&none);
    return rc;
}

static int64_t refused(struct side *s, const char *why)
{
    char sql[120];
    snprintf(sql, sizeof(sql), "SELECT times FROM message_refused WHERE why = '%s'", why);
    return db_value(s->db, sql, 0);
}

/* ---- form */

static void the_vector_is_written_read_and_signed(void **state)
{
    struct side s = {0};
    struct arena a;
    struct buf envelope, out, want;
    struct message m, again;
    struct err e = ERR_NONE;
    uint8_t seed[32], pub[32], sig[64];
    enum message_flaw flaw;
    arena_init(&a, 16u << 20);
    buf_init(&envelope, 1u << 20);
    buf_init(&out, 1u << 20);
    buf_init(&want, 1u << 20);
    assert_true(hex_parse(sv_c(SEED), seed, sizeof(seed)));
    crypto_sign_seed_keypair(pub, s.secret, seed);
    must(note_key_make(SV("x"), NOTE_ED25519, pub, &s.key, &e), &e);
    s.key.name[0] = 0; /* the vector has no keyid */
    s.m = (struct messages){.sign = sign, .sign_ctx = &s, .own = &s.key};
    must(message_read(sv_c(VECTOR), &a, &m, &e), &e);
    assert_int_equal(m.counter, 42);
    assert_int_equal(m.expires - m.created, 30 * USEC_DAY);
    assert_true(sv_eq(m.kind, SV("probe")) && m.agreement_version == 3);
    must(message_write(&m, &out, &e), &e);
    assert_true(sv_eq(buf_sv(&out), sv_c(VECTOR)));
    must(message_seal(&s.m, &m, &envelope, &e), &e);
    buf_add(&want, SV("{\"payload\":\""));
    base64_add(&want, sv_c(VECTOR));
    buf_printf(&want, "\",\"payloadType\":\"%s\",\"signatures\":[{\"keyid\":\"\",\"sig\":\"%s\"}]}",
               MESSAGE_PAYLOAD, SIGNATURE);
    assert_true(sv_eq(buf_sv(&envelope), buf_sv(&want)));
    must(message_unseal(buf_sv(&envelope), pub, &a, &again, sig, &flaw, &e), &e);
    assert_true(uuid_eq(again.id, m.id) && sv_eq(again.body, m.body));
    pub[0] ^= 1;
    assert_int_equal(message_unseal(buf_sv(&envelope), pub, &a, &again, sig, &flaw, &e), ERR_CRYPTO);
    assert_int_equal(flaw, FLAW_SIGNATURE);
    buf_clear(&want);
    buf_clear(&out);
    buf_clear(&envelope);
    arena_clear(&a);
}

static void only_the_canonical_form_is_read(void **state)
{
    static const struct {
        const char *was, *is;
    } changes[] = {
        {"\"v\":1", "\"v\":2"},
        {"\"v\":1", "\"v\":1 "},
        {"\"v\":1", "\"v\":1.0"},
        {"\"v\":1", "\"v\":1,\"w\":1"},
        {",\"v\":1", ""},
        {"\"agreement_version\":3", "\"agreement_version\":0"},
        {"\"agreement_version\":3", "\"agreement_version\":-3"},
        {"\"agreement_version\":3", "\"agreement_version\":\"3\""},
        {"\"5f2a1d3e-8c4b-4d6f-9a7e-1b2c3d4e5f60\"", "null"},
        {"5f2a1d3e", "5F2A1D3E"},
        {"\"counter\":42", "\"counter\":0"},
        {"\"counter\":42", "\"counter\":9007199254740992"},
        {"\"counter\":42", "\"counter\":4.2e1"},
        {"{\"n\":[1,2.5,true,null],\"nonce\":\"", "{\"nonce\":\"\",\"n\":\""},
        {"[1,2.5,", "[1,2.50,"},
        {"\"body\":{", "\"body\":[{"},
        {"2026-12-23T01:02:03.000004Z", "2026-12-23T01:02:03.000005Z"},
        {"2026-12-23T01:02:03.000004Z", "2026-11-23T01:02:03.000004Z"},
        {"2026-12-23T01:02:03.000004Z", "2026-12-23T01:02:03Z"},
        {"2026-11-23T01:02:03.000004Z", "2026-11-23T10:02:03.000004+09:00"},
        {"\"kind\":\"probe\"", "\"kind\":\"ack\""},
        {"\"kind\":\"probe\"", "\"kind\":\"\""},
        {"\"kind\":\"probe\"", "\"kind\":\"pro be\""},
        {"\"noroshi-message\"", "\"message\""},
        {"22222222-2222-4222-8222-222222222222", "00000000-0000-0000-0000-000000000000"},
        {"{\"agreement\":", " {\"agreement\":"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct arena a;
        struct buf text;
        struct message m;
        struct err e = ERR_NONE;
        struct sv all = sv_c(VECTOR);
        size_t at = sv_find(all, sv_c(changes[i].was));
        assert_true(at != SIZE_MAX);
        arena_init(&a, 16u << 20);
        buf_init(&text, 1u << 20);
        buf_add(&text, sv_sub(all, 0, at));
        buf_add(&text, sv_c(changes[i].is));
        buf_add(&text, sv_sub(all, at + strlen(changes[i].was), SIZE_MAX));
        if (message_read(buf_sv(&text), &a, &m, &e) == OK)
            fail_msg("%s was read as %s", changes[i].is, changes[i].was);
        assert_true(e.text[0] != 0);
        buf_clear(&text);
        arena_clear(&a);
    }
}

/* ---- delivery */

static void messages_arrive_once_and_in_order(void **state)
{
    struct pair *p = *state;
    struct buf ack, second;
    struct message_counts c;
    struct err e = ERR_NONE;
    buf_init(&ack, 1u << 20);
    buf_init(&second, 1u << 20);
    queue(&p->a, &p->b, "{\"n\":1}");
    queue(&p->a, &p->b, "{\"b\":2,\"a\":1}");
    assert_int_equal(p->a.woken, 2);
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    assert_int_equal(box.n, 2);
    assert_true(box.added[0] < box.added[1]);
    struct box later = waiting(&p->a, &p->b, box.added[0]);
    assert_int_equal(later.n, 1);
    empty(&later);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &second, time_now()), OK);
    assert_true(sv_eq(buf_sv(&ack), buf_sv(&second)));
    assert_int_equal(p->b.received, 1);
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), OK);
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), OK);
    assert_int_equal(p->a.acknowledged, 1);
    assert_string_equal(p->a.text, "{\"times\":1}");
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[1]), &ack, time_now()), OK);
    assert_string_equal(p->b.seen, "{\"a\":1,\"b\":2}");
    /* The first again, after the second: known. */
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &second, time_now()), OK);
    assert_int_equal(p->b.received, 2);
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), OK);
    must(message_count(p->a.db, time_now(), &c, &e), &e);
    assert_int_equal(c.waiting, 0);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM message WHERE accepted = 1", 0), 2);
    assert_int_equal(db_value(p->b.db, "SELECT count(*) FROM message WHERE sent = 0", 0), 2);
    empty(&box);
    buf_clear(&second);
    buf_clear(&ack);
}

static void a_later_one_shuts_out_an_earlier_one(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    buf_init(&ack, 1u << 20);
    queue(&p->a, &p->b, "{\"n\":1}");
    queue(&p->a, &p->b, "{\"n\":2}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[1]), &ack, time_now()), OK);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), ERR_DENIED);
    assert_int_equal(refused(&p->b, "order"), 1);
    assert_int_equal(p->b.received, 1);
    empty(&box);
    buf_clear(&ack);
}

static void what_fails_for_now_is_tried_again(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    buf_init(&ack, 1u << 20);
    queue(&p->a, &p->b, "{\"n\":1}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    p->b.answer = ERR_FULL;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), ERR_BUSY);
    assert_int_equal(refused(&p->b, "later"), 3);
    p->b.answer = OK;
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    assert_int_equal(p->b.received, 4);
    /* The sender's side fails as well: nothing of it stays, and the next time it is kept. */
    p->a.fail_acknowledged = 1;
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), ERR_IO);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM outbox", 0), 1);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM message WHERE acknowledged IS NULL", 0), 1);
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), OK);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM outbox", 0), 0);
    assert_int_equal(p->a.acknowledged, 1);
    empty(&box);
    buf_clear(&ack);
}

static void what_is_refused_for_good_is_acknowledged_so(void **state)
{
    static const int codes[] = {ERR_VALUE, ERR_DENIED, ERR_UNSUPPORTED, ERR_NOT_FOUND};
    struct pair *p = *state;
    struct buf ack, again;
    buf_init(&ack, 1u << 20);
    buf_init(&again, 1u << 20);
    for (size_t i = 0; i < 4; i++) {
        queue(&p->a, &p->b, "{}");
        struct box box = waiting(&p->a, &p->b, USEC_NONE);
        p->b.answer = codes[i];
        assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
        p->b.answer = OK; /* it was said: nothing changes it */
        assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &again, time_now()), OK);
        assert_true(sv_eq(buf_sv(&ack), buf_sv(&again)));
        assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&ack)), OK);
        assert_false(p->a.accepted);
        assert_string_equal(p->a.text, "as the test wants it");
        empty(&box);
    }
    assert_int_equal(p->b.received, 4);
    assert_int_equal(refused(&p->b, "content"), 4);
    buf_clear(&again);
    buf_clear(&ack);
}

static void clocks_and_age(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    usec now = time_now();
    buf_init(&ack, 1u << 20);
    queue(&p->a, &p->b, "{}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    struct sv first = buf_sv(&box.text[0]);
    assert_int_equal(bring(&p->a, &p->b, first, &ack, now - MESSAGE_SKEW - USEC_SECOND), ERR_BUSY);
    assert_int_equal(bring(&p->a, &p->b, first, &ack, now + MESSAGE_LIFE + USEC_SECOND), ERR_DENIED);
    assert_int_equal(refused(&p->b, "time"), 1);
    assert_int_equal(refused(&p->b, "expired"), 1);
    assert_int_equal(bring(&p->a, &p->b, first, &ack, now - MESSAGE_SKEW + 5 * USEC_SECOND), OK);
    /* Once handled, its age does not matter: who asks late still gets the answer. */
    assert_int_equal(bring(&p->a, &p->b, first, &ack, now + 2 * MESSAGE_LIFE), OK);
    empty(&box);
    buf_clear(&ack);
}

static void what_grew_old_is_signed_anew(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    struct uuid id;
    struct arena a;
    struct message m;
    struct err e = ERR_NONE;
    uint8_t sig[64];
    enum message_flaw flaw;
    usec then = time_now() - MESSAGE_LIFE - USEC_HOUR;
    buf_init(&ack, 1u << 20);
    arena_init(&a, 64u << 20);
    must(queue_at(&p->a, &p->b, "test", "{\"n\":1}", then, &id, &e), &e);
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    must(message_unseal(buf_sv(&box.text[0]), p->a.key.pub, &a, &m, sig, &flaw, &e), &e);
    assert_true(uuid_eq(m.id, id) && m.counter == 1 && m.expires > time_now());
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM entry WHERE body LIKE '%message%'", 0), 2);
    empty(&box);
    /* So is what the present key did not sign. */
    queue(&p->a, &p->b, "{\"n\":2}");
    make_key(&p->a, "a.example", 77);
    box = waiting(&p->a, &p->b, USEC_NONE);
    must(message_unseal(buf_sv(&box.text[0]), p->a.key.pub, &a, &m, sig, &flaw, &e), &e);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), ERR_DENIED);
    assert_int_equal(refused(&p->b, "signature"), 1); /* which the other has not pinned yet */
    empty(&box);
    arena_clear(&a);
    buf_clear(&ack);
}

static void an_answer_is_signed_by_the_present_key(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    struct dsse d;
    struct arena a;
    struct err e = ERR_NONE;
    buf_init(&ack, 1u << 20);
    arena_init(&a, 64u << 20);
    queue(&p->a, &p->b, "{}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    make_key(&p->b, "b.example", 78);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    must(dsse_read(buf_sv(&ack), &a, &d, &e), &e);
    assert_true(dsse_signed_by(&d, p->b.key.pub));
    assert_int_equal(p->b.received, 1);
    empty(&box);
    arena_clear(&a);
    buf_clear(&ack);
}

static void partners_that_are_not_active_get_and_say_nothing(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    struct uuid id;
    struct err e = ERR_NONE;
    struct box none = {.n = 0};
    buf_init(&ack, 1u << 20);
    queue(&p->a, &p->b, "{}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    must(partner_set(p->b.ledger, p->b.db, p->a.id, PARTNER_SUSPENDED, SV("mei"), START, &e), &e);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), ERR_DENIED);
    assert_int_equal(refused(&p->b, "partner"), 1);
    assert_int_equal(queue_at(&p->b, &p->a, "test", "{}", time_now(), &id, &e), ERR_DENIED);
    assert_int_equal(message_waiting(&p->b.m, p->a.id, USEC_NONE, 8, put, &none, &e), ERR_DENIED);
    must(partner_set(p->b.ledger, p->b.db, p->a.id, PARTNER_ACTIVE, SV("mei"), START, &e), &e);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    empty(&box);
    buf_clear(&ack);
}

static void an_answer_of_another_s_message_changes_nothing(void **state)
{
    struct pair *p = *state;
    struct buf ack;
    buf_init(&ack, 1u << 20);
    queue(&p->a, &p->b, "{}");
    struct box box = waiting(&p->a, &p->b, USEC_NONE);
    assert_int_equal(bring(&p->a, &p->b, buf_sv(&box.text[0]), &ack, time_now()), OK);
    /* Our own envelope, and an acknowledgement whose addresses are the other way round, back to who wrote it.
     */
    assert_int_equal(hand_back(&p->b, &p->a, buf_sv(&ack)), ERR_DENIED);
    assert_int_equal(hand_back(&p->a, &p->b, buf_sv(&box.text[0])), ERR_DENIED);
    assert_int_equal(p->a.acknowledged, 0);
    assert_int_equal(db_value(p->a.db, "SELECT count(*) FROM outbox", 0), 1);
    empty(&box);
    buf_clear(&ack);
}

static void private_bodies_stay_out_of_the_record(void **state)
{
    struct pair *p = *state;
    struct err e = ERR_NONE;
    struct message_state s;
    struct uuid id;
    struct arena a;
    struct message_draft d = {.to = p->b.id,
                              .kind = "test",
                              .body = SV("{\"secret\":\"canary\"}"),
                              .private_body = true,
                              .agreement = p->a.id,
                              .agreement_version = 2,
                              .share = 7};
    arena_init(&a, 1u << 20);
    must(db_begin(p->a.db, &e), &e);
    must(db_finish(p->a.db, message_queue(&p->a.m, &d, time_now(), &id, &e), &e), &e);
    must(message_find(p->a.db, id, &a, &s, &e), &e);
    struct sha256 sum = sha256_of(d.body);
    assert_int_equal(s.m.body.n, 0);
    assert_memory_equal(s.body_sha256.b, sum.b, 32);
    assert_true(s.out && s.share == 7 && s.m.agreement_version == 2 && uuid_eq(s.m.agreement, p->a.id));
    d.kind = "nothing";
    must(db_begin(p->a.db, &e), &e);
    assert_int_equal(db_finish(p->a.db, message_queue(&p->a.m, &d, time_now(), &id, &e), &e), ERR_INTERNAL);
    assert_int_equal(message_queue(&p->a.m, &d, time_now(), &id, &e), ERR_INTERNAL); /* no transaction */
    assert_int_equal(db_value(p->a.db, "SELECT counter FROM outbox_last", 0), 1);
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_is_written_read_and_signed),
        cmocka_unit_test(only_the_canonical_form_is_read),
        cmocka_unit_test_setup_teardown(messages_arrive_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_one_shuts_out_an_earlier_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fails_for_now_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_for_good_is_acknowledged_so, setup, teardown),
        cmocka_unit_test_setup_teardown(clocks_and_age, setup, teardown),
        cmocka_unit_test_setup_teardown(what_grew_old_is_signed_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_signed_by_the_present_key, setup, teardown),
        cmocka_unit_test_setup_teardown(partners_that_are_not_active_get_and_say_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_another_s_message_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(private_bodies_stay_out_of_the_record, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
