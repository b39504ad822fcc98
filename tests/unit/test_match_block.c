#include "match/match.h"
#include "match_samples.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void test_empty(void **state)
{
    struct matchset *m = finish(builder(0));
    struct arena a;
    arena_init(&a, 1u << 20);
    struct hit h[2];
    size_t it = 0;
    assert_int_equal(matchset_count(m), 0);
    for (unsigned i = 0; i < 200; i++) {
        struct obs o = random_obs(&a, false);
        assert_int_equal(matchset_find(m, &o, h, 2), 0);
        assert_int_equal(matchset_find_batch(m, &o, 1, h), 0);
        assert_int_equal(h[0].number, UINT32_MAX);
    }
    assert_int_equal(matchset_find_batch(m, NULL, 0, h), 0);
    assert_false(matchset_next(m, &it, h));
    matchset_free(m);
    arena_clear(&a);
}

static void test_refused(void **state)
{
    struct matchset_build *b = builder(0);
    char *large = calloc(70000, 1);
    assert_non_null(large);
    memset(large, 'a', 70000);
    const struct {
        struct obs o;
        uint32_t number;
        int code;
    } bad[] = {{{.kind = KIND_TEXT, .value = SV("words")}, 1, ERR_UNSUPPORTED},
               {{.kind = KIND_NONE, .value = SV("words")}, 1, ERR_UNSUPPORTED},
               {{.kind = (enum kind)200, .value = SV("words")}, 1, ERR_UNSUPPORTED},
               {{.kind = KIND_MD5, .value = SV("00112233445566778899AABBCCDDEEFF")}, 1, ERR_VALUE},
               {{.kind = KIND_MD5, .value = SV("0011")}, 1, ERR_VALUE},
               {{.kind = KIND_DOMAIN, .value = SV("")}, 1, ERR_VALUE},
               {{.kind = KIND_URL, .value = SV("file:///etc/passwd")}, 1, ERR_UNSUPPORTED},
               {{.kind = KIND_EMAIL, .value = {large, 70000}}, 1, ERR_LIMIT},
               {{.kind = KIND_DOMAIN, .value = SV("x.example")}, UINT32_MAX, ERR_VALUE}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err e = ERR_NONE;
        assert_int_equal(matchset_build_add(b, &bad[i].o, bad[i].number, &e), bad[i].code);
        assert_int_not_equal(e.text[0], 0);
    }
    struct err e = ERR_NONE;
    struct matchset *m = matchset_build_finish(b, &e);
    assert_non_null(m);
    assert_int_equal(matchset_count(m), 0);
    struct obs o = {.kind = KIND_JA4, .value = SV("t13")};
    assert_int_equal(matchset_build_add(b, &o, 1, &e), ERR_INTERNAL);
    assert_null(matchset_build_finish(b, &e));
    matchset_build_free(b);
    matchset_free(m);
    free(large);
}

/* A memfd with these bytes; sealed as a builder seals its own. */
static int block_fd(const void *p, size_t n, bool sealed)
{
    struct err e = ERR_NONE;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, sv_from(p, n), &e), OK);
    if (sealed)
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    return fd;
}

static void refuse(const void *p, size_t n, bool sealed, int code)
{
    struct err e = ERR_NONE;
    int fd = block_fd(p, n, sealed);
    assert_null(matchset_map(fd, &e));
    assert_int_equal(e.code, code);
    assert_int_equal(close(fd), 0); /* stays the caller's */
}

/* Uses every way into a block. */
static void walk(const struct matchset *m, const struct obs *o, size_t n)
{
    struct hit h[HITS], first[64];
    char scratch[MATCHSET_VALUE_MAX];
    size_t it = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        size_t found = matchset_find(m, &o[i], h, HITS);
        for (size_t k = 0; k < found; k++)
            sum += matchset_value(m, h[k].entry, scratch).n;
    }
    sum += matchset_find_batch(m, o, n < 64 ? n : 64, first);
    while (matchset_next(m, &it, h))
        sum += matchset_value(m, h->entry, scratch).n;
    assert_true(sum < SIZE_MAX);
}

static void test_hostile_block(void **state)
{
    struct arena a;
    arena_init(&a, 4u << 20);
    struct obs seen[64];
    struct matchset_build *b = builder(0);
    for (uint32_t i = 0; i < 64; i++) {
        struct obs o = random_obs(&a, true);
        seen[i] = i % 2 ? o : random_obs(&a, false);
        add(b, &o, i);
    }
    struct matchset *m = finish(b);
    size_t n = matchset_bytes(m);
    uint8_t *good = malloc(n), *bad = malloc(n);
    assert_true(good && bad);
    assert_int_equal(pread(matchset_fd(m), good, n, 0), n);
    matchset_free(m);
    refuse(good, n, false, ERR_DENIED);
    refuse(good, n - 1, true, ERR_CORRUPT);
    refuse(good, 100, true, ERR_CORRUPT);
    refuse(good, 0, true, ERR_CORRUPT);
    struct err e = ERR_NONE;
    assert_null(matchset_map(-1, &e));
    size_t accepted = 0, refused = 0;
    for (unsigned i = 0; i < 6000; i++) {
        memcpy(bad, good, n);
        for (unsigned k = 1 + roll(3); k > 0; k--) {
            /* Half of them in the header, where a byte decides most; the wide address tables get the fewest.
             */
            size_t at = roll(2) ? roll(512) : roll((unsigned)(n < 12000 ? n : 12000));
            bad[at] = (uint8_t)(roll(2) ? roll(256) : bad[at] ^ 1u << roll(8));
        }
        int fd = block_fd(bad, n, true);
        struct matchset *x = matchset_map(fd, &e);
        accepted += x != NULL;
        refused += x == NULL;
        if (x)
            walk(x, seen, 64);
        else
            assert_int_equal(close(fd), 0);
        matchset_free(x);
    }
    assert_true(accepted > 100 && refused > 100);
    free(good);
    free(bad);
    arena_clear(&a);
}

static int start(void **state)
{
    return crypto_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile_block),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
