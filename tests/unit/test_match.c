#include "match/match.h"
#include "match_samples.h"
#include "match_oracle.h"

#include <unistd.h>

/* Another process's view of the same block. */
static struct matchset *mapped_again(const struct matchset *m)
{
    struct err e = ERR_NONE;
    struct matchset *again = matchset_map(dup(matchset_fd(m)), &e);
    if (!again)
        fail_msg("%s", e.text);
    return again;
}

/* Writes the answer of a set as text, so that a difference can be read. */
static void put_hits(struct buf *b, const struct matchset *m, const struct hit *h, size_t n)
{
    char scratch[MATCHSET_VALUE_MAX];
    for (size_t i = 0; i < n; i++) {
        struct sv v = matchset_value(m, h[i].entry, scratch);
        buf_printf(b, "%u %s %s %.*s\n", h[i].number, match_how_name(h[i].how), kind_name(h[i].kind),
                   SV_ARG(v));
    }
}

static void put_expected(struct buf *b, const struct indicator *ind, size_t n, const struct obs *seen)
{
    struct expected x[HITS];
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(found < HITS);
        found += oracle_covers(&ind[i], seen, &x[found]);
    }
    qsort(x, found, sizeof(*x), oracle_order);
    for (size_t i = 0; i < found; i++) {
        const struct obs *o = &ind[x[i].number].o;
        char text[52];
        struct sv v = o->value;
        if (o->kind == KIND_IPV4 || o->kind == KIND_IPV6) {
            ip_text(o->ip, o->bits, text);
            v = sv_c(text);
        }
        buf_printf(b, "%u %s %s %.*s\n", x[i].number, match_how_name(x[i].how), kind_name(o->kind),
                   SV_ARG(v));
    }
}

static void check_one(const struct matchset *m, const struct indicator *ind, size_t n, const struct obs *seen)
{
    struct hit hits[HITS];
    struct buf got, want;
    buf_init(&got, 1 << 20);
    buf_init(&want, 1 << 20);
    put_hits(&got, m, hits, matchset_find(m, seen, hits, HITS));
    put_expected(&want, ind, n, seen);
    assert_false(got.failed || want.failed);
    if (!sv_eq(buf_sv(&got), buf_sv(&want)))
        fail_msg("%s %.*s\ngot:\n%.*s\nwant:\n%.*s", kind_name(seen->kind), SV_ARG(seen->value),
                 SV_ARG(buf_sv(&got)), SV_ARG(buf_sv(&want)));
    buf_clear(&got);
    buf_clear(&want);
}

static bool same_value(const struct obs *a, const struct obs *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == KIND_IPV4 || a->kind == KIND_IPV6)
        return a->bits == b->bits && memcmp(a->ip, b->ip, 16) == 0;
    return sv_eq(a->value, b->value);
}

/* Random indicators, each once; numbers count them. */
static size_t random_indicators(struct arena *a, struct indicator *ind, size_t tries)
{
    size_t n = 0;
    for (size_t i = 0; i < tries; i++) {
        struct obs o = random_obs(a, true);
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            known = same_value(&ind[k].o, &o);
        if (!known) {
            ind[n] = (struct indicator){o, (uint32_t)n};
            n++;
        }
    }
    return n;
}

static void round_against_oracle(size_t tries, size_t looks)
{
    struct arena a;
    arena_init(&a, 64u << 20);
    struct indicator *ind = calloc(tries, sizeof(*ind));
    struct obs *seen = calloc(looks, sizeof(*seen));
    struct hit *first = calloc(looks, sizeof(*first)), one;
    assert_true(ind && seen && first);
    size_t n = random_indicators(&a, ind, tries), met = 0;
    struct matchset_build *b = builder(roll(2) ? tries : 0);
    for (size_t i = 0; i < n; i++) {
        add(b, &ind[i].o, ind[i].number);
        if (!roll(4)) /* again: the first number stays */
            add(b, &ind[roll((unsigned)i + 1)].o, (uint32_t)(n + i));
    }
    struct matchset *built = finish(b), *m = mapped_again(built);
    assert_int_equal(matchset_count(built), n);
    matchset_free(built);
    for (size_t i = 0; i < looks; i++) {
        seen[i] = roll(8) && n ? ind[roll((unsigned)n)].o : random_obs(&a, false);
        if (roll(2))
            seen[i] = random_obs(&a, false);
        check_one(m, ind, n, &seen[i]);
    }
    size_t batch = matchset_find_batch(m, seen, looks, first);
    for (size_t i = 0; i < looks; i++) {
        bool found = matchset_find(m, &seen[i], &one, 1) == 1;
        assert_int_equal(first[i].number, found ? one.number : UINT32_MAX);
        assert_true(!found ||
                    (first[i].how == one.how && first[i].entry == one.entry && first[i].kind == one.kind));
        met += found;
    }
    assert_int_equal(batch, met);
    matchset_free(m);
    free(first);
    free(seen);
    free(ind);
    arena_clear(&a);
}

static void test_oracle(void **state)
{
    for (size_t i = 0; i < 40; i++)
        round_against_oracle(1 + roll(60), 300);
    for (size_t i = 0; i < 4; i++)
        round_against_oracle(1500, 3000);
}

static void test_single(void **state)
{
    struct arena a;
    arena_init(&a, 1u << 20);
    static const struct {
        enum kind kind;
        const char *text;
    } one[] = {{KIND_IPV4, "192.0.2.7"},
               {KIND_IPV4, "0.0.0.0/0"},
               {KIND_IPV4, "255.255.255.255"},
               {KIND_IPV6, "::/0"},
               {KIND_IPV6, "2001:db8::1"},
               {KIND_DOMAIN, "x.example"},
               {KIND_URL, "http://x.example/"},
               {KIND_EMAIL, "a@x.example"},
               {KIND_MD5, "00112233445566778899aabbccddeeff"},
               {KIND_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1"}};
    for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++) {
        struct obs o = read_as(&a, one[i].kind, one[i].text);
        struct matchset_build *b = builder(1);
        add(b, &o, 77);
        struct matchset *m = finish(b);
        struct hit h[4];
        char scratch[MATCHSET_VALUE_MAX];
        assert_int_equal(matchset_count(m), 1);
        assert_int_equal(matchset_find(m, &o, h, 4), 1);
        assert_int_equal(h[0].number, 77);
        assert_int_equal(h[0].how, MATCH_EXACT);
        assert_int_equal(h[0].kind, one[i].kind);
        assert_true(sv_eq(matchset_value(m, h[0].entry, scratch), sv_c(one[i].text)));
        assert_int_equal(matchset_find(m, &o, h, 0), 0);
        assert_null(matchset_value(m, UINT32_MAX - 1, scratch).p);
        matchset_free(m);
    }
    arena_clear(&a);
}

/* Grown from nothing: everything is found under its number, and walking gives each indicator once. */
static void test_growth(void **state)
{
    enum { N = 60000 };
    struct arena a;
    arena_init(&a, 64u << 20);
    struct matchset_build *b = builder(0);
    struct obs *o = calloc(N, sizeof(*o));
    struct hit *first = calloc(N, sizeof(*first)), h;
    uint8_t *seen = calloc(N, 1);
    assert_true(o && first && seen);
    for (uint32_t i = 0; i < N; i++) {
        char text[80];
        (void)snprintf(text, sizeof(text), i % 3 ? "host%u.site%u.example" : "10.%u.%u.1", i % 3 ? i : i >> 8,
                       i & 255);
        o[i] = read_as(&a, i % 3 ? KIND_DOMAIN : KIND_IPV4, text);
        add(b, &o[i], i);
        add(b, &o[roll(i + 1)], N + i);
    }
    struct matchset *m = finish(b);
    assert_int_equal(matchset_count(m), N);
    assert_int_equal(matchset_find_batch(m, o, N, first), N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(first[i].number, i);
    size_t it = 0, walked = 0;
    for (; matchset_next(m, &it, &h); walked++) {
        char scratch[MATCHSET_VALUE_MAX];
        assert_true(h.number < N && !seen[h.number]++);
        assert_true(sv_eq(matchset_value(m, h.entry, scratch), o[h.number].value));
    }
    assert_int_equal(walked, N);
    matchset_free(matchset_ref(m));
    assert_int_equal(matchset_find(m, &o[1], &h, 1), 1);
    matchset_free(m);
    matchset_free(NULL);
    free(seen);
    free(first);
    free(o);
    arena_clear(&a);
}

/* All prefix lengths around one address, in both families: every one covers it, the longest first. */
static void test_nested(void **state)
{
    struct arena a;
    arena_init(&a, 1u << 20);
    struct matchset_build *b = builder(0);
    struct obs v4 = read_as(&a, KIND_IPV4, "198.51.100.201"),
               v6 = read_as(&a, KIND_IPV6, "2001:db8:5a5a:ffff:1::7");
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct obs o = v6;
        o.bits = (uint8_t)bits;
        add(b, &o, 1000 + bits);
        o = v4;
        o.bits = (uint8_t)bits;
        if (bits <= 32)
            add(b, &o, bits);
    }
    struct matchset *m = finish(b);
    struct hit h[HITS];
    assert_int_equal(matchset_find(m, &v4, h, HITS), 33);
    for (unsigned i = 0; i < 33; i++)
        assert_int_equal(h[i].number, 32 - i);
    assert_int_equal(matchset_find(m, &v4, h, 5), 5);
    assert_int_equal(h[4].number, 28);
    assert_int_equal(matchset_find(m, &v6, h, HITS), 129);
    for (unsigned i = 0; i < 129; i++)
        assert_int_equal(h[i].number, 1128 - i);
    struct obs url = read_as(&a, KIND_URL, "https://[2001:db8:5a5a:ffff:1::7]:444/x");
    assert_int_equal(matchset_find(m, &url, h, HITS), 129);
    assert_int_equal(h[0].how, MATCH_HOST);
    assert_int_equal(h[1].how, MATCH_PREFIX);
    struct hit batch[40];
    struct obs many[40];
    for (size_t i = 0; i < 40; i++)
        many[i] = i % 2 ? v6 : v4;
    assert_int_equal(matchset_find_batch(m, many, 40, batch), 40);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(batch[i].number, i % 2 ? 1128 : 32);
    matchset_free(m);
    arena_clear(&a);
}

/* A feed that lists "co.jp" must not raise an alert for every Japanese company. */
static void test_public_suffix(void **state)
{
    static const char *const listed[] = {"co.jp", "duckdns.org", "com", "shop.example", "*.dyn.duckdns.org"};
    struct arena a;
    arena_init(&a, 1u << 20);
    struct matchset_build *b = builder(0);
    struct err e = ERR_NONE;
    for (uint32_t i = 0; i < 5; i++) {
        struct obs o = read_as(&a, KIND_DOMAIN, listed[i]);
        add(b, &o, i);
    }
    struct obs top = {.kind = KIND_DOMAIN, .value = SV("*.com")};
    assert_int_equal(matchset_build_add(b, &top, 9, &e), ERR_UNSUPPORTED);
    struct matchset *m = finish(b);
    static const struct {
        const char *text;
        size_t hits;
    } seen[] = {{"co.jp", 1},
                {"bank.co.jp", 0},
                {"duckdns.org", 1},
                {"a.duckdns.org", 0},
                {"com", 1},
                {"x.com", 0},
                {"shop.example", 1},
                {"a.b.shop.example", 1},
                {"xshop.example", 0},
                {"a.dyn.duckdns.org", 1},
                {"dyn.duckdns.org", 0}};
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
        struct hit h[4];
        struct obs o = read_as(&a, KIND_DOMAIN, seen[i].text);
        assert_int_equal(matchset_find(m, &o, h, 4), seen[i].hits);
    }
    matchset_free(m);
    arena_clear(&a);
}

/* Nobody gets past an indicator by making the URL or the name longer. */
static void test_padding(void **state)
{
    struct arena a;
    arena_init(&a, 1u << 20);
    struct matchset_build *b = builder(0);
    struct obs url = read_as(&a, KIND_URL, "http://bad.example/kit/"),
               name = read_as(&a, KIND_DOMAIN, "worse.example");
    add(b, &url, 1);
    add(b, &name, 2);
    struct buf text;
    buf_init(&text, 4000);
    buf_printf(&text, "https://bad.example/kit");
    for (int i = 0; i < 300; i++)
        buf_printf(&text, "/%d", i);
    buf_addc(&text, 0);
    struct obs deep = read_as(&a, KIND_URL, text.p);
    add(b, &deep, 3);
    buf_reset(&text);
    for (int i = 0; i < 110; i++)
        buf_printf(&text, "a.");
    buf_printf(&text, "worse.example");
    buf_addc(&text, 0);
    struct obs low = read_as(&a, KIND_DOMAIN, text.p);
    struct matchset *m = finish(b);
    struct hit h[HITS];
    assert_int_equal(matchset_find(m, &deep, h, HITS), 2);
    assert_int_equal(h[0].number, 3);
    assert_int_equal(h[1].number, 1);
    assert_int_equal(h[1].how, MATCH_PATH);
    struct obs many[64];
    for (size_t i = 0; i < 64; i++)
        many[i] = i % 2 ? low : deep;
    assert_int_equal(matchset_find_batch(m, many, 64, h), 64);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(h[i].number, i % 2 ? 2 : 3);
    buf_clear(&text);
    matchset_free(m);
    arena_clear(&a);
}

/* A feed of one URL with a million users must not become one long chain; what it lists is still found. */
static void test_same_url_many_users(void **state)
{
    struct arena a;
    arena_init(&a, 32u << 20);
    struct matchset_build *b = builder(0);
    for (uint32_t i = 0; i < 20000; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "http://user%u@bad.example/", i);
        struct obs o = read_as(&a, KIND_URL, text);
        add(b, &o, i);
    }
    struct matchset *m = finish(b);
    struct hit h[HITS];
    struct obs o = read_as(&a, KIND_URL, "http://user19999@bad.example/");
    size_t n = matchset_find(m, &o, h, HITS);
    assert_in_range(n, 2, 32);
    assert_int_equal(h[0].number, 0);
    assert_int_equal(h[0].how, MATCH_EXACT);
    assert_int_equal(matchset_count(m), n);
    matchset_free(m);
    arena_clear(&a);
}

static void test_how_names(void **state)
{
    assert_string_equal(match_how_name(MATCH_EXACT), "exact");
    assert_string_equal(match_how_name(MATCH_PATH), "path");
    assert_string_equal(match_how_name((enum match_how)99), "unknown");
}

static int start(void **state)
{
    return crypto_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_public_suffix),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_same_url_many_users),
        cmocka_unit_test(test_how_names),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
