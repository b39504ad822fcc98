/* What a parser process that was taken over may not say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "intake/private.h"

struct seen {
    unsigned objects, claims, observations;
};

static int on_object(void *ctx, const struct object_rec *o, struct err *e)
{
    ((struct seen *)ctx)->objects++;
    return OK;
}

static int on_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    ((struct seen *)ctx)->claims++;
    return OK;
}

static int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    ((struct seen *)ctx)->observations++;
    return OK;
}

static int play(struct buf *b, struct seen *seen)
{
    const struct intake_sink sink = {
        .ctx = seen, .object = on_object, .claim = on_claim, .observation = on_observation};
    struct arena a;
    struct err e = ERR_NONE;
    size_t used;
    bool end;
    *seen = (struct seen){0};
    arena_init(&a, 1 << 20);
    int rc = frames_play(buf_sv(b), &a, &sink, &used, &end, &e);
    arena_clear(&a);
    buf_reset(b);
    return rc;
}

/* Bodies are written into answers as they are: one that closes the object it stands in would forge the rest.
 */
static void bodies_are_whole_json(void **state)
{
    static const struct {
        const char *json;
        bool good;
    } cases[] = {
        {"{\"type\":\"x\",\"a\":[1,{\"b\":null}]}", true},
        {"{}],\"indicators\":[{}", false},
        {"{\"a\":1}}", false},
        {"{\"a\":1", false},
        {"[]", false},
        {"", false},
        {"{\"a\":\"\xff\"}", false},
        {"{\"a\":\"\n\"}", false},
    };
    struct buf b;
    struct seen seen;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct object_rec o = {.head = {.type = SV("x"), .id = SV("x--1"), .modified_text = SV("")},
                               .text = SV(""),
                               .json = sv_c(cases[i].json)};
        o.head.created = o.head.modified = o.head.valid_from = o.head.valid_until = USEC_NONE;
        frame_object(&b, &o);
        assert_int_equal(play(&b, &seen), cases[i].good ? OK : ERR_CORRUPT);
        assert_int_equal(seen.objects, cases[i].good);
    }
    buf_clear(&b);
}

static void notes_of_claims_are_whole_json(void **state)
{
    struct buf b;
    struct seen seen;
    struct claim_rec c;
    buf_init(&b, 1 << 16);
    claim_init(&c);
    c.value = (struct obs){.kind = KIND_DOMAIN, .value = SV("evil.example")};
    c.meta = SV("{\"a\":1}");
    frame_claim(&b, &c);
    assert_int_equal(play(&b, &seen), OK);
    assert_int_equal(seen.claims, 1);
    c.meta = SV("1},{\"source\":\"somebody else\"");
    frame_claim(&b, &c);
    assert_int_equal(play(&b, &seen), ERR_CORRUPT);
    assert_int_equal(seen.claims, 0);
    buf_clear(&b);
}

static void times_stay_comparable(void **state)
{
    struct buf b;
    struct seen seen;
    struct claim_rec c;
    struct observation o = {.count = 1};
    buf_init(&b, 1 << 16);
    claim_init(&c);
    c.value = (struct obs){.kind = KIND_DOMAIN, .value = SV("evil.example")};
    c.last = INT64_MAX;
    frame_claim(&b, &c);
    assert_int_equal(play(&b, &seen), ERR_CORRUPT);
    o.sensor = o.class = o.type = o.raw = SV("");
    o.time = INT64_MIN + 1;
    frame_observation(&b, &o);
    assert_int_equal(play(&b, &seen), ERR_CORRUPT);
    o.time = 1770000000 * USEC_SECOND;
    frame_observation(&b, &o);
    assert_int_equal(play(&b, &seen), OK);
    assert_int_equal(seen.observations, 1);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_whole_json),
        cmocka_unit_test(notes_of_claims_are_whole_json),
        cmocka_unit_test(times_stay_comparable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
