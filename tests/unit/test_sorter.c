/* fuse/sorter.h: against qsort over the same lines, in memory and through the file; the same order either
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuse/sorter.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check(size_t n, size_t memory)
{
    struct err e = ERR_NONE;
    struct sv line;
    uint64_t random = 88172645463325252u;
    char **lines = calloc(n + 1, sizeof(*lines));
    struct sorter *s = sorter_new("/tmp", memory);
    assert_non_null(s);
    for (size_t i = 0; i < n; i++) {
        char text[200];
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        /* Few different beginnings, so that order is decided late and equal lines come up. */
        snprintf(text, sizeof(text), "%.*s%llu", (int)(random % 50),
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 (unsigned long long)(random % (n / 2 + 1)));
        lines[i] = strdup(text);
        assert_int_equal(sorter_add(s, sv_c(text), &e), OK);
    }
    qsort(lines, n, sizeof(*lines), compare);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sorter_next(s, &line, &e), 1);
        if (!sv_eq(line, sv_c(lines[i])))
            fail_msg("line %zu: %.*s, want %s", i, SV_ARG(line), lines[i]);
        free(lines[i]);
    }
    assert_int_equal(sorter_next(s, &line, &e), 0);
    assert_int_equal(sorter_next(s, &line, &e), 0);
    sorter_free(s);
    free(lines);
}

static void lines_come_in_order(void **state)
{
    check(0, 1 << 20);
    check(1, 1 << 20);
    check(1000, 1 << 20);   /* in memory */
    check(20000, 64 << 10); /* some twenty runs */
    check(20000, 8 << 10);
}

static void what_cannot_be_sorted_is_said(void **state)
{
    struct err e = ERR_NONE;
    struct sv line = {calloc(1, 1 << 20), 1 << 20};
    struct sorter *s = sorter_new("/tmp", 1 << 20);
    assert_int_equal(sorter_add(s, line, &e), ERR_LIMIT);
    sorter_free(s);
    s = sorter_new("/nowhere/at/all", 8 << 10);
    int rc = OK;
    for (int i = 0; rc == OK && i < 1000; i++)
        rc = sorter_add(s, sv_sub(line, 0, 100), &e);
    assert_int_equal(rc, ERR_NOT_FOUND);
    sorter_free(s);
    sorter_free(NULL);
    free((char *)line.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_order),
        cmocka_unit_test(what_cannot_be_sorted_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
