/* Merkle trees: the published vectors of RFC 6962, and brute force over all small trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"

#define MOST 64

static const char *const entries[] = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
};
/* transparency-dev/merkle, testonly/constants.go */
static const char *const roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct sha256 vector_leaf(void *ctx, uint64_t i)
{
    char raw[16];
    size_t n = strlen(entries[i]) / 2;

    assert_true(hex_parse(sv_c(entries[i]), raw, n));
    return sha256_leaf(sv_from(raw, n));
}

static struct sha256 from_hex(const char *hex)
{
    struct sha256 h;

    assert_true(hex_parse(sv_c(hex), h.b, sizeof(h.b)));
    return h;
}

static void assert_hash(const struct sha256 *got, const char *hex)
{
    char text[65];

    hex_text(got->b, sizeof(got->b), text);
    assert_string_equal(text, hex);
}

static void leaves_and_nodes(void **state)
{
    struct sha256 h = sha256_leaf(SV(""));

    assert_hash(&h, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    h = sha256_leaf(SV("L123456"));
    assert_hash(&h, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
}

static void published_roots(void **state)
{
    struct merkle m = {0};

    for (size_t n = 0; n <= 8; n++) {
        struct sha256 root = merkle_root(&m), leaf;

        assert_hash(&root, roots[n]);
        if (n < 8) {
            leaf = vector_leaf(NULL, n);
            merkle_append(&m, &leaf);
        }
    }
    assert_int_equal(m.size, 8);
}

/* Example of the specification: from three to eight. */
static void published_consistency(void **state)
{
    struct sha256 proof[64];
    size_t n = merkle_prove_consistency(3, 8, vector_leaf, NULL, proof);
    static const char *const starts[] = {"0298d122", "07506a85", "fac54203", "6b47aaf2"};
    static const char *const ends[] = {"7fe7", "87e7", "c125", "f6e4"};

    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        char text[65];

        hex_text(proof[i].b, 32, text);
        assert_memory_equal(text, starts[i], 8);
        assert_string_equal(text + 60, ends[i]);
    }
}

/* ---- brute force: the definition of RFC 6962, written down a second time ---- */

static struct sha256 plain_leaf(void *ctx, uint64_t i)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)i);

    return sha256_leaf(sv_from(text, (size_t)n));
}

static struct sha256 mth(uint64_t begin, uint64_t end)
{
    uint64_t n = end - begin, k = 1;
    struct sha256 l, r;

    if (n == 0)
        return sha256_of(SV(""));
    if (n == 1)
        return plain_leaf(NULL, begin);
    while (2 * k < n)
        k *= 2;
    l = mth(begin, begin + k);
    r = mth(begin + k, end);
    return sha256_node(&l, &r);
}

static void roots_by_definition(void **state)
{
    struct merkle m = {0};

    for (uint64_t n = 0; n <= 300; n++) {
        struct sha256 want = mth(0, n), got = merkle_root(&m), leaf = plain_leaf(NULL, n);

        assert_memory_equal(want.b, got.b, 32);
        merkle_append(&m, &leaf);
    }
}

/* Every proof holds, and none holds for another index, size, leaf, root, or with one hash changed, added or
 * left out. */
static void inclusion(void **state)
{
    struct sha256 proof[65], wrong = from_hex(roots[0]);

    for (uint64_t size = 1; size <= MOST; size++) {
        struct sha256 root = mth(0, size);

        for (uint64_t i = 0; i < size; i++) {
            struct sha256 leaf = plain_leaf(NULL, i);
            size_t n = merkle_prove_inclusion(i, size, plain_leaf, NULL, proof);

            assert_true(merkle_check_inclusion(i, size, &leaf, proof, n, &root));
            assert_false(merkle_check_inclusion(i, size, &wrong, proof, n, &root));
            assert_false(merkle_check_inclusion(i, size, &leaf, proof, n, &wrong));
            assert_false(merkle_check_inclusion(i, 0, &leaf, proof, n, &root));
            assert_false(merkle_check_inclusion(size, size, &leaf, proof, n, &root));
            assert_false(merkle_check_inclusion(i + size, size, &leaf, proof, n, &root));
            if (size > 1)
                assert_false(merkle_check_inclusion(i ^ 1, size, &leaf, proof, n, &root));
            if (n > 0)
                assert_false(merkle_check_inclusion(i, size, &leaf, proof, n - 1, &root));
            proof[n] = wrong;
            assert_false(merkle_check_inclusion(i, size, &leaf, proof, n + 1, &root));
            for (size_t k = 0; k < n; k++) {
                proof[k].b[k % 32] ^= 1;
                assert_false(merkle_check_inclusion(i, size, &leaf, proof, n, &root));
                proof[k].b[k % 32] ^= 1;
            }
        }
    }
    assert_int_equal(merkle_prove_inclusion(3, 3, plain_leaf, NULL, proof), 0);
}

static void consistency_one(uint64_t m, uint64_t n)
{
    struct sha256 proof[65], a = mth(0, m), b = mth(0, n), wrong = from_hex(roots[0]);
    size_t count = merkle_prove_consistency(m, n, plain_leaf, NULL, proof);

    wrong.b[0] ^= 1;
    assert_true(merkle_check_consistency(m, n, &a, &b, proof, count));
    assert_false(merkle_check_consistency(n + 1, n, &a, &b, proof, count));
    proof[count] = wrong;
    assert_false(merkle_check_consistency(m, n, &a, &b, proof, count + 1));
    if (m == 0)
        return;
    assert_false(merkle_check_consistency(m, n, &wrong, &b, proof, count));
    assert_false(merkle_check_consistency(m, n, &a, &wrong, proof, count));
    if (m == n)
        return;
    assert_false(merkle_check_consistency(m, m, &a, &b, proof, count));
    assert_false(merkle_check_consistency(m, n, &a, &b, proof, count - 1));
    for (size_t k = 0; k < count; k++) {
        proof[k].b[k % 32] ^= 0x80;
        assert_false(merkle_check_consistency(m, n, &a, &b, proof, count));
        proof[k].b[k % 32] ^= 0x80;
    }
}

static void consistency(void **state)
{
    for (uint64_t n = 0; n <= MOST; n++)
        for (uint64_t m = 0; m <= n; m++)
            consistency_one(m, n);
}

/* Sizes near 2^64 must end, not loop or overflow. */
static void huge_sizes(void **state)
{
    struct sha256 proof[64] = {0}, h = {0};

    assert_false(merkle_check_inclusion(UINT64_MAX - 1, UINT64_MAX, &h, proof, 64, &h));
    assert_false(merkle_check_inclusion(UINT64_MAX, UINT64_MAX, &h, proof, 64, &h));
    assert_false(merkle_check_consistency(UINT64_MAX - 1, UINT64_MAX, &h, &h, proof, 64));
    assert_false(merkle_check_consistency(1, UINT64_MAX, &h, &h, proof, 0));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(leaves_and_nodes),
        cmocka_unit_test(published_roots),
        cmocka_unit_test(published_consistency),
        cmocka_unit_test(roots_by_definition),
        cmocka_unit_test(inclusion),
        cmocka_unit_test(consistency),
        cmocka_unit_test(huge_sizes),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
