/* The splitter of json.h: three shapes, any chunking, broken frames, members passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <malloc.h>

#define LIMIT 1000

/* What a run says, one line each: "OFFSET MEMBER", "limit OFFSET" or "CODE OFFSET" at the end, then shape and
 * frame. */
static void run(struct sv text, size_t chunk, size_t limit, struct buf *log)
{
    struct json_split *s = json_split_new(SV("objects"), limit);
    struct err e = ERR_NONE;
    size_t at = 0;
    int rc = OK;

    assert_non_null(s);
    buf_reset(log);
    do {
        struct sv part = sv_sub(text, at, chunk), member;
        uint64_t offset;
        at += part.n;
        rc = json_split_feed(s, part, at == text.n, &e);
        while (rc == OK && (rc = json_split_next(s, &member, &offset, &e)) != OK) {
            if (rc == 1)
                buf_printf(log, "%d %.*s\n", (int)offset, SV_ARG(member));
            else
                buf_printf(log, "%s %d\n", err_name(rc), (int)e.offset);
            if (rc != 1 && rc != ERR_LIMIT)
                break;
            rc = OK;
        }
    } while (rc == OK && at < text.n);
    buf_printf(log, "shape %d %.*s\n", (int)json_split_shape(s), SV_ARG(json_split_frame(s)));
    json_split_free(s);
}

struct split {
    struct sv text;
    const char *want;
};

static void check(const struct split *c, size_t limit)
{
    struct buf log;

    buf_init(&log, 1 << 16);
    for (size_t chunk = 1; chunk <= c->text.n + 1; chunk++) {
        run(c->text, chunk, limit, &log);
        if (!sv_eq(buf_sv(&log), sv_c(c->want)))
            fail_msg("%.*s in chunks of %zu gives\n%.*s", SV_ARG(c->text), chunk, SV_ARG(buf_sv(&log)));
    }
    buf_clear(&log);
}

static void three_shapes_are_split_however_they_are_cut(void **state)
{
    static const struct split cases[] = {
        {SV(" [ ] "), "shape 1 \n"},
        {SV("[1,\"a,]\\\"\\\\\",{\"x\":[1,{}]} ,null\n]\n"),
         "1 1\n3 \"a,]\\\"\\\\\"\n13 {\"x\":[1,{}]}\n27 null\nshape 1 \n"},
        {SV("\xEF\xBB\xBF[[],[[1]]]"), "4 []\n7 [[1]]\nshape 1 \n"},
        {SV("{\"type\":\"bundle\",\"objects\":[{\"a\":1}, 2 ],\"id\":[\"]\"]}"),
         "28 {\"a\":1}\n37 2\nshape 2 {\"type\":\"bundle\",\"objects\":[],\"id\":[\"]\"]}\n"},
        {SV("{\"objec\\u0074s\" : [7] }"), "19 7\nshape 2 {\"objec\\u0074s\" : [] }\n"},
        {SV("{\"x\":{\"objects\":[1]},\"y\":\"objects\",\"objects\":[]}"),
         "shape 2 {\"x\":{\"objects\":[1]},\"y\":\"objects\",\"objects\":[]}\n"},
        {SV(" {\"objects\":{\"a\":[1]}} "), "1 {\"objects\":{\"a\":[1]}}\nshape 3 \n"},
        {SV("{}"), "0 {}\nshape 3 \n"},
        {SV("{\"a\":[1,2],\"objects\":null}\n"), "0 {\"a\":[1,2],\"objects\":null}\nshape 3 \n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i], LIMIT);
}

static void broken_frames_are_named_at_their_byte(void **state)
{
    static const struct split cases[] = {
        {SV(""), "syntax 0\nshape 0 \n"},
        {SV("  "), "syntax 2\nshape 0 \n"},
        {SV("\xEF\xBB"), "syntax 0\nshape 0 \n"},
        {SV(" 7"), "syntax 1\nshape 0 \n"},
        {SV("[1,]"), "1 1\nsyntax 3\nshape 1 \n"},
        {SV("[,1]"), "syntax 1\nshape 1 \n"},
        {SV("[1,,2]"), "1 1\nsyntax 3\nshape 1 \n"},
        {SV("[1,{\"a\":[}]"), "1 1\nsyntax 9\nshape 1 \n"},
        {SV("[1}"), "syntax 2\nshape 1 \n"},
        {SV("[1,\"abc"), "1 1\nsyntax 3\nshape 1 \n"},
        {SV("[1,2"), "1 1\nsyntax 3\nshape 1 \n"},
        {SV("[1,"), "1 1\nsyntax 3\nshape 1 \n"},
        {SV("[1] x"), "1 1\nsyntax 4\nshape 1 \n"},
        {SV("{}{}"), "0 {}\nsyntax 2\nshape 3 \n"},
        {SV("{\"a\":1]"), "syntax 6\nshape 0 \n"},
        {SV("{\"a\":1"), "syntax 6\nshape 0 \n"},
        {SV("{\"objects\":[5],\"objects\":[6]}"), "12 5\nvalue 25\nshape 2 \n"},
        {SV("{\"a\" 1,\"objects\":[5]}"), "18 5\nsyntax 5\nshape 2 \n"},
        {SV("{\"objects\":[5,6],\"a\" 1}"), "12 5\n14 6\nsyntax 21\nshape 2 \n"},
        {SV("{\"objects\":[5,6]x}"), "12 5\n14 6\nsyntax 16\nshape 2 \n"},
        {SV("{\"objects\":[5,6],}"), "12 5\n14 6\nsyntax 17\nshape 2 \n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i], LIMIT);
}

/* Members are the business of json_parse: the splitter hands them out and goes on. */
static void malformed_members_do_not_stop_the_next(void **state)
{
    static const struct split c = {SV("[tru, 1 2 ,\"a\nb\",{\"a\" 1},\xFF,3]"),
                                   "1 tru\n6 1 2\n11 \"a\nb\"\n17 {\"a\" 1}\n25 \xFF\n27 3\nshape 1 \n"};

    check(&c, LIMIT);
}

static void members_too_long_are_passed_over(void **state)
{
    static const struct split members = {SV("[12345,123456,[\"],\",[7]] ,1]"),
                                         "1 12345\nlimit 7\nlimit 14\n26 1\nshape 1 \n"};
    static const struct split frame = {SV("{\"objects\":[1,2],\"x\":1} ?"),
                                       "12 1\n14 2\nlimit 0\nshape 2 \n"};
    static const struct split single = {SV("{\"a\":\"bcdefghijk\"}"), "limit 0\nshape 0 \n"};

    /* the answer must not depend on where the input is cut: spaces before a comma, a frame both too long and
     * broken */
    static const struct split spaces = {SV("[1,2      ,3   ]"), "1 1\nlimit 3\n11 3\nshape 1 \n"};
    static const struct split both = {SV("{\"a\":\"bcdefghijk\"]"), "limit 0\nshape 0 \n"};

    check(&members, 5);
    check(&spaces, 5);
    check(&both, 15);
    check(&frame, 15);
    check(&single, 15);
    json_split_free(NULL);
}

static void members_deeper_than_a_reader_takes_do_not_stop_the_next(void **state)
{
    char text[512] = "[";
    struct buf log;

    memset(text + 1, '[', 100);
    memset(text + 101, ']', 100);
    memcpy(text + 201, ",8]", 4);
    buf_init(&log, 1 << 16);
    run(sv_c(text), 7, LIMIT, &log);
    assert_true(sv_ends(buf_sv(&log), SV("\n202 8\nshape 1 \n")));
    buf_clear(&log);
}

static size_t memory_in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* 37 MB through a splitter in pieces of 64 KiB: every member arrives, whole and in its place. */
static void long_arrays_pass_with_the_memory_of_one_member(void **state)
{
    size_t before = memory_in_use();
    struct json_split *s = json_split_new(SV("objects"), 1 << 16);
    struct buf chunk;
    uint64_t fed = 0, seen = 0, offset, expected = 0;
    struct sv member;
    struct err e = ERR_NONE;

    assert_non_null(s);
    buf_init(&chunk, 1 << 17);
    buf_add(&chunk, SV("{\"objects\":["));
    expected = chunk.n;
    for (uint64_t i = 0; i < 400000;) {
        for (; chunk.n < 1 << 16 && i < 400000; i++)
            buf_printf(&chunk, "%s{\"n\":%06d,\"pad\":\"%070d\"}", i ? "," : "", (int)i, 0);
        fed += chunk.n;
        assert_int_equal(json_split_feed(s, buf_sv(&chunk), false, &e), OK);
        buf_reset(&chunk);
        int rc;
        while ((rc = json_split_next(s, &member, &offset, &e)) == 1) {
            uint64_t n;
            assert_int_equal(offset, expected);
            assert_true(sv_u64(sv_sub(member, 5, 6), &n) && n == seen);
            expected += member.n + 1;
            seen++;
        }
        assert_int_equal(rc, 0);
    }
    assert_int_equal(json_split_feed(s, SV("]}"), true, &e), OK);
    while (json_split_next(s, &member, &offset, &e) == 1)
        seen++;
    assert_int_equal(seen, 400000);
    assert_true(fed > 30 << 20);
    assert_true(memory_in_use() - before < 1 << 20);
    assert_true(sv_eq(json_split_frame(s), SV("{\"objects\":[]}")));
    buf_clear(&chunk);
    json_split_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_shapes_are_split_however_they_are_cut),
        cmocka_unit_test(broken_frames_are_named_at_their_byte),
        cmocka_unit_test(malformed_members_do_not_stop_the_next),
        cmocka_unit_test(members_too_long_are_passed_over),
        cmocka_unit_test(members_deeper_than_a_reader_takes_do_not_stop_the_next),
        cmocka_unit_test(long_arrays_pass_with_the_memory_of_one_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
