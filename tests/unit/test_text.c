/* Views, buffers and cursors, arenas, maps, errors. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* Deterministic numbers, so that a failure can be repeated. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#define assert_sv(got, want) assert_true(sv_eq((got), SV(want)))

static void views_compare(void **state)
{
    assert_true(sv_eq(SV("ab"), SV("ab")));
    assert_false(sv_eq(SV("ab"), SV("aB")));
    assert_true(sv_ieq(SV("aB-[z"), SV("Ab-[Z")));
    assert_false(sv_ieq(SV("@"), SV("`")));
    assert_false(sv_ieq(SV("["), SV("{")));
    assert_true(sv_cmp(SV("a"), SV("ab")) < 0);
    assert_true(sv_cmp(SV("b"), SV("ab")) > 0);
    assert_true(sv_cmp(SV("\xff"), SV("a")) > 0);
    assert_int_equal(sv_cmp(SV_NONE, SV("")), 0);
    assert_true(sv_starts(SV("abc"), SV("ab")) && sv_starts(SV(""), SV("")) && !sv_starts(SV("a"), SV("ab")));
    assert_true(sv_ends(SV("abc"), SV("bc")) && sv_ends(SV_NONE, SV("")) && !sv_ends(SV("c"), SV("bc")));
    assert_true(sv_istarts(SV("HTTP://x"), SV("http://")));
    assert_true(sv_eq(sv_c(NULL), SV("")));
}

static void views_search(void **state)
{
    assert_int_equal(sv_chr(SV("abcb"), 'b'), 1);
    assert_int_equal(sv_rchr(SV("abcb"), 'b'), 3);
    assert_true(sv_chr(SV("abc"), 'x') == SIZE_MAX && sv_rchr(SV_NONE, 'x') == SIZE_MAX);
    assert_int_equal(sv_find(SV("aabaac"), SV("aac")), 3);
    assert_true(sv_find(SV("aab"), SV("aabb")) == SIZE_MAX);
    assert_int_equal(sv_find(SV("x"), SV("")), 0);
    assert_sv(sv_sub(SV("abcdef"), 2, 3), "cde");
    assert_sv(sv_sub(SV("abc"), 9, 3), "");
    assert_sv(sv_sub(SV("abc"), 1, SIZE_MAX), "bc");
    assert_sv(sv_trim(SV(" \t\r\n\v\fx y \n")), "x y");
    assert_sv(sv_trim(SV("   ")), "");
}

static void views_cut(void **state)
{
    struct sv s = SV("a,,b,"), part;
    assert_true(sv_cut(&s, ',', &part));
    assert_sv(part, "a");
    assert_true(sv_cut(&s, ',', &part));
    assert_sv(part, "");
    assert_true(sv_cut(&s, ',', &part));
    assert_sv(part, "b");
    assert_true(sv_cut(&s, ',', &part));
    assert_sv(part, "");
    assert_false(sv_cut(&s, ',', &part));
    s = SV("one\r\ntwo\n\nlast");
    const char *const lines[] = {"one", "two", "", "last"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(sv_line(&s, &part));
        assert_true(sv_eq(part, sv_c(lines[i])));
    }
    assert_false(sv_line(&s, &part));
    s = SV("x\n");
    assert_true(sv_line(&s, &part));
    assert_false(sv_line(&s, &part));
}

static void views_to_numbers(void **state)
{
    uint64_t u;
    int64_t i;
    assert_true(sv_u64(SV("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(sv_u64(SV("18446744073709551616"), &u));
    assert_false(sv_u64(SV("99999999999999999999"), &u));
    assert_false(sv_u64(SV(""), &u) || sv_u64(SV("+1"), &u) || sv_u64(SV(" 1"), &u) || sv_u64(SV("1x"), &u));
    assert_true(sv_i64(SV("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(sv_i64(SV("-9223372036854775809"), &i));
    assert_true(sv_i64(SV("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(sv_i64(SV("9223372036854775808"), &i));
    assert_false(sv_i64(SV("-"), &i) || sv_i64(SV("--1"), &i));
}

/* The definition in RFC 3629 read as arithmetic: decode, then ask whether the shortest form of a scalar was
 * used. */
static bool utf8_by_decoding(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3 : p[i] >> 3 == 30 ? 4 : 0;
        if (len == 0 || len > n - i)
            return false;
        uint32_t v = len == 1 ? p[i] : p[i] & (0xffu >> (len + 1));
        for (size_t j = 1; j < len; j++) {
            if (p[i + j] >> 6 != 2)
                return false;
            v = v << 6 | (p[i + j] & 63u);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

static void utf8_agrees_with_its_definition(void **state)
{
    static const unsigned char pool[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                         0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                         0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    size_t kinds = sizeof(pool), total = kinds * kinds * kinds * kinds, good = 0;
    for (size_t i = 0; i < total; i++) {
        unsigned char text[12] = "abcdefgh";
        size_t rest = i;
        for (size_t j = 0; j < 4; j++, rest /= kinds)
            text[8 + j] = pool[rest % kinds];
        bool want = utf8_by_decoding(text, 12);
        assert_int_equal(sv_utf8(sv_from((const char *)text, 12)), want);
        assert_int_equal(sv_utf8(sv_from((const char *)text + 8, 4)), want);
        good += want;
    }
    assert_true(good > 81);
}

static void copies_are_cut_at_characters(void **state)
{
    char out[6];
    assert_true(sv_copy(SV("abcde"), out, sizeof(out)));
    assert_string_equal(out, "abcde");
    assert_false(sv_copy(SV("abcdef"), out, sizeof(out)));
    assert_string_equal(out, "abcde");
    assert_false(sv_copy(SV("abc\xe7\x8b\xbc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(sv_copy(SV("ab\xf0\x9f\x94\xa5"), out, sizeof(out)));
    assert_string_equal(out, "ab");
    assert_false(sv_copy(SV("a"), out, 0));
    char shown[8];
    assert_string_equal(sv_show(SV("a\x1b[0m"), shown, sizeof(shown)), "a?[0m");
    assert_string_equal(sv_show(SV("0123456789"), shown, sizeof(shown)), "0123...");
    assert_string_equal(sv_show(SV("\xff\xfe"), shown, sizeof(shown)), "??");
    assert_string_equal(sv_show(SV("\xe7\x8b\xbc"), shown, sizeof(shown)), "\xe7\x8b\xbc");
    /* the dots begin where a character began */
    assert_string_equal(sv_show(SV("a\xe7\x8b\xbc\xe7\x8b\xbc"
                                   "67890"),
                                shown, sizeof(shown)),
                        "a\xe7\x8b\xbc...");
}

static void buffers_keep_their_maximum(void **state)
{
    struct buf b;
    buf_init(&b, 10);
    buf_add(&b, SV("12345"));
    buf_printf(&b, "%s", "67890");
    assert_false(b.failed);
    assert_sv(buf_sv(&b), "1234567890");
    buf_printf(&b, "%s", "");
    assert_false(b.failed);
    buf_addc(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.n, 10);
    buf_reset(&b);
    buf_add(&b, SV("x"));
    assert_sv(buf_sv(&b), "x");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_add(&b, SV("y"));
    assert_sv(buf_sv(&b), "x");
    buf_clear(&b);
    buf_clear(&b);
    assert_int_equal(b.max, 10);
}

static void buffers_grow(void **state)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "%05d,", i);
    assert_false(b.failed);
    assert_int_equal(b.n, 300000);
    assert_true(sv_starts(sv_sub(buf_sv(&b), 6 * 49999, SIZE_MAX), SV("49999,")));
    buf_clear(&b);
}

static void cursors_read_what_buffers_wrote(void **state)
{
    uint64_t seed = 42;
    static const int64_t edges[] = {0,   1,   -1,    63,    64,        -64,       -65,
                                    127, 128, 16383, 16384, INT32_MAX, INT64_MAX, INT64_MIN};
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 2000; i++) {
        uint64_t v = i < 14 ? (uint64_t)edges[i] : next_random(&seed) >> (next_random(&seed) % 64);
        buf_u8(&b, (uint8_t)v);
        buf_u32(&b, (uint32_t)v);
        buf_u64(&b, v);
        buf_varint(&b, v);
        buf_zigzag(&b, (int64_t)v);
        buf_str(&b, sv_from((const char *)&v, v % 9));
    }
    seed = 42;
    struct cur c = cur_of(buf_sv(&b));
    for (size_t i = 0; i < 2000; i++) {
        uint64_t v = i < 14 ? (uint64_t)edges[i] : next_random(&seed) >> (next_random(&seed) % 64);
        assert_int_equal(cur_u8(&c), (uint8_t)v);
        assert_int_equal(cur_u32(&c), (uint32_t)v);
        assert_true(cur_u64(&c) == v);
        assert_true(cur_varint(&c) == v);
        assert_true(cur_zigzag(&c) == (int64_t)v);
        assert_true(sv_eq(cur_str(&c), sv_from((const char *)&v, v % 9)));
    }
    assert_false(cur_more(&c) || c.failed);
    assert_int_equal(cur_u8(&c), 0);
    assert_true(c.failed);
    buf_clear(&b);
}

static void integers_have_their_published_bytes(void **state)
{
    struct buf b;
    buf_init(&b, 100);
    buf_u32(&b, 0x01020304);
    buf_varint(&b, 624485); /* the example of DWARF 4, 7.6 */
    buf_zigzag(&b, -2);     /* Protocol Buffers: -2 -> 3 */
    assert_true(sv_eq(buf_sv(&b), SV("\x04\x03\x02\x01\xe5\x8e\x26\x03")));
    buf_clear(&b);
}

static void cursors_refuse_broken_bytes(void **state)
{
    static const struct sv broken[] = {
        {"\x80", 1},                                          /* ends in the middle */
        {"\x80\x00", 2},                                      /* 0 in two bytes */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},     /* 2^64 and more */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* never ends in time */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct cur c = cur_of(broken[i]);
        assert_int_equal(cur_varint(&c), 0);
        assert_true(c.failed);
    }
    struct cur c = cur_of(SV("\x05"
                             "abcd"));
    assert_null(cur_str(&c).p);
    assert_true(c.failed);
    c = cur_of(SV("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"));
    assert_null(cur_str(&c).p);
    c = cur_of(SV_NONE);
    assert_false(cur_more(&c));
    assert_non_null(cur_bytes(&c, 0).p);
}

static void arenas_keep_their_cap(void **state)
{
    struct arena a;
    arena_init(&a, 1000);
    assert_non_null(arena_alloc(&a, 0));
    assert_non_null(arena_alloc(&a, 900));
    assert_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_true(a.used <= 1000);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 992));
    assert_null(arena_sv(&a, SV("0123456789")).p);
    assert_null(arena_printf(&a, "%s", "0123456789").p);
    arena_clear(&a);
    arena_clear(&a);
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX - 64));
    arena_clear(&a);
}

static void arenas_hand_out_separate_memory(void **state)
{
    struct arena a;
    arena_init(&a, 64 << 20);
    uint64_t seed = 7;
    for (int round = 0; round < 3; round++) {
        unsigned char *parts[2000];
        size_t sizes[2000];
        for (size_t i = 0; i < 2000; i++) {
            sizes[i] = next_random(&seed) % (i % 100 == 0 ? 300000 : 500);
            parts[i] = arena_calloc(&a, 1, sizes[i]);
            assert_non_null(parts[i]);
            assert_int_equal((uintptr_t)parts[i] % 16, 0);
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(parts[i][j], 0);
            memset(parts[i], (int)(i % 251) + 1, sizes[i]);
        }
        for (size_t i = 0; i < 2000; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(parts[i][j], i % 251 + 1);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    struct sv s = arena_printf(&a, "%d-%s", 5, "x");
    assert_sv(s, "5-x");
    assert_int_equal(s.p[s.n], 0);
    arena_clear(&a);
}

static size_t key_text(char text[32], size_t id)
{
    /* Lengths from 0 on, with NUL bytes inside. */
    size_t n = (size_t)snprintf(text, 32, "%zu%ckey", id, '\0');
    return id == 0 ? 0 : n - id % 4;
}

static void maps_agree_with_an_array(void **state)
{
    enum { KEYS = 3000 };
    static uint64_t value[KEYS];
    static bool present[KEYS];
    struct map m;
    map_init(&m, KEYS - 10, 1 << 20);
    uint64_t seed = 99, count = 0;
    for (int i = 0; i < 40000; i++) {
        size_t id = next_random(&seed) % KEYS;
        char text[32];
        struct sv key = sv_from(text, key_text(text, id));
        uint64_t *found = map_get(&m, key);
        assert_int_equal(found != NULL, present[id]);
        if (found)
            assert_true(*found == value[id]);
        bool fresh;
        uint64_t *slot = map_put(&m, key, &fresh);
        if (!present[id] && count == KEYS - 10) {
            assert_null(slot);
            continue;
        }
        assert_non_null(slot);
        assert_int_equal(fresh, !present[id]);
        count += fresh;
        present[id] = true;
        *slot = value[id] = next_random(&seed);
    }
    assert_int_equal(count, KEYS - 10);
    assert_int_equal(m.count, count);
    size_t it = 0, walked = 0;
    struct sv key;
    uint64_t *slot;
    while (map_next(&m, &it, &key, &slot)) {
        size_t id = (size_t)strtoul(key.n ? key.p : "0", NULL, 10);
        assert_true(present[id] && *slot == value[id]);
        present[id] = false;
        walked++;
    }
    assert_int_equal(walked, count);
    map_reset(&m);
    assert_null(map_get(&m, SV("1")));
    assert_non_null(map_put(&m, SV("1"), NULL));
    map_clear(&m);
    map_clear(&m);
    map_init(&m, 10, 20);
    assert_null(map_put(&m, SV("a key that is longer than twenty bytes"), NULL));
    assert_int_equal(m.count, 0);
    map_clear(&m);
}

static int compare_values(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void multimaps_agree_with_a_list(void **state)
{
    enum { PAIRS = 5000, KEYS = 700 };
    static uint64_t keys[PAIRS], values[PAIRS];
    struct u64map m;
    u64map_init(&m);
    uint64_t seed = 5, v;
    size_t it = 0;
    assert_false(u64map_find(&m, 0, &it, &v));
    for (size_t i = 0; i < PAIRS; i++) {
        /* Half of the keys collide in their low bits; some pairs are (0, 0). */
        uint64_t k = next_random(&seed) % KEYS;
        keys[i] = k % 2 ? k << 20 : k * 0x9e3779b97f4a7c15u;
        values[i] = i % 3;
        assert_int_equal(u64map_add(&m, keys[i], values[i]), OK);
    }
    assert_int_equal(m.count, PAIRS);
    for (uint64_t k = 0; k < KEYS + 10; k++) {
        uint64_t key = k % 2 ? k << 20 : k * 0x9e3779b97f4a7c15u;
        uint64_t want[PAIRS], got[PAIRS];
        size_t wanted = 0, found = 0;
        for (size_t i = 0; i < PAIRS; i++)
            if (keys[i] == key)
                want[wanted++] = values[i];
        for (it = 0; u64map_find(&m, key, &it, &v);) {
            assert_true(found < PAIRS);
            got[found++] = v;
        }
        assert_int_equal(found, wanted);
        if (key != 0)
            assert_memory_equal(got, want, found * sizeof(got[0]));
        qsort(want, wanted, sizeof(want[0]), compare_values);
        qsort(got, found, sizeof(got[0]), compare_values);
        assert_memory_equal(got, want, found * sizeof(got[0]));
    }
    u64map_clear(&m);
    u64map_clear(&m);
}

static void errors_say_where_and_what_to_do(void **state)
{
    struct err e = ERR_NONE;
    assert_int_equal(err_set(&e, ERR_SYNTAX, "bad %d", 5), ERR_SYNTAX);
    assert_int_equal(err_hint(&e, "write %s", "good"), ERR_SYNTAX);
    assert_int_equal(err_at(&e, "feed.csv", 12, 345), ERR_SYNTAX);
    char text[256] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    err_print(out, "noroshi", &e);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "noroshi: feed.csv:12: bad 5\n  write good\n");
    /* What a terminal would obey is not printed: ESC, CSI in UTF-8, an end of line. */
    memset(text, 0, sizeof(text));
    out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    struct err hostile = ERR_NONE;
    err_set(&hostile, ERR_SYNTAX,
            "a\x1b]0;b\a\xc2\x9b"
            "c\nnoroshi: d\xe7\x8b\xbc");
    err_at(&hostile, "f\x1b[2J", 0, UINT64_MAX);
    err_print(out, "noroshi", &hostile);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "noroshi: f?[2J: a?]0;b??c?noroshi: d\xe7\x8b\xbc\n");
    /* A text may be wrapped by itself; remedy and place go. */
    err_set(&e, ERR_IO, "outer: %s", e.text);
    assert_string_equal(e.text, "outer: bad 5");
    assert_string_equal(e.remedy, "");
    assert_true(e.line == 0 && e.offset == UINT64_MAX && e.file[0] == '\0');
    assert_int_equal(err_errno(&e, ENOENT, "cannot open %s", "x"), ERR_NOT_FOUND);
    assert_string_equal(e.text, "cannot open x: No such file or directory");
    assert_int_equal(err_errno(&e, ENOSPC, "x"), ERR_FULL);
    assert_int_equal(err_errno(&e, EROFS, "x"), ERR_FULL);
    assert_int_equal(err_errno(NULL, EPERM, "x"), ERR_DENIED);
    assert_int_equal(err_errno(&e, EBADF, "x"), ERR_IO);
    assert_int_equal(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
    for (int code = OK; code >= ERR_INTERNAL; code--)
        assert_int_equal(err_code_of(err_name(code)), code);
    assert_string_equal(err_name(ERR_NOT_FOUND), "not_found");
    assert_int_equal(err_code_of("no such"), ERR_INTERNAL);
    char longer[2000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_errno(&e, EIO, "%s", longer);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_compare),
        cmocka_unit_test(views_search),
        cmocka_unit_test(views_cut),
        cmocka_unit_test(views_to_numbers),
        cmocka_unit_test(utf8_agrees_with_its_definition),
        cmocka_unit_test(copies_are_cut_at_characters),
        cmocka_unit_test(buffers_keep_their_maximum),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(cursors_read_what_buffers_wrote),
        cmocka_unit_test(integers_have_their_published_bytes),
        cmocka_unit_test(cursors_refuse_broken_bytes),
        cmocka_unit_test(arenas_keep_their_cap),
        cmocka_unit_test(arenas_hand_out_separate_memory),
        cmocka_unit_test(maps_agree_with_an_array),
        cmocka_unit_test(multimaps_agree_with_a_list),
        cmocka_unit_test(errors_say_where_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
