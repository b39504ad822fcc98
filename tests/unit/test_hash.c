/* Hashes and text forms against published vectors. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_hash(struct sha256 h, const char *want)
{
    char text[65];
    hex_text(h.b, sizeof(h.b), text);
    assert_string_equal(text, want);
}

/* FIPS 180-4, examples of NIST: one block, two blocks, one million bytes. */
static void sha256_vectors(void **state)
{
    assert_hash(sha256_of(SV_NONE), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash(sha256_of(SV("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash(sha256_of(SV("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    struct sha256_state s;
    sha256_start(&s);
    for (int i = 0; i < 100000; i++)
        sha256_more(&s, SV("aaaaaaaaaa"));
    assert_hash(sha256_end(&s), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    struct sv parts[] = {SV("a"), SV_NONE, SV("bc")};
    assert_hash(sha256_parts(parts, 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static struct sha256 tree_root(const struct sv *entries, size_t n)
{
    if (n == 1)
        return sha256_leaf(entries[0]);
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    struct sha256 left = tree_root(entries, k), right = tree_root(entries + k, n - k);
    return sha256_node(&left, &right);
}

/* The tree of Certificate Transparency's reference implementation. */
static void merkle_vectors(void **state)
{
    assert_hash(sha256_leaf(SV("")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_hash(sha256_leaf(SV("L123456")),
                "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    static const struct sv entries[] = {
        {"", 0},
        {"\x00", 1},
        {"\x10", 1},
        {"\x20\x21", 2},
        {"\x30\x31", 2},
        {"\x40\x41\x42\x43", 4},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
    };
    static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    for (size_t n = 1; n <= 8; n++)
        assert_hash(tree_root(entries, n), roots[n - 1]);
}

static void sha1_vector(void **state)
{
    uint8_t digest[20];
    char text[41];
    sha1_of(SV("abc"), digest);
    hex_text(digest, sizeof(digest), text);
    assert_string_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static struct uuid uuid_of(const char *text)
{
    struct uuid u;
    assert_true(uuid_parse(sv_c(text), &u));
    return u;
}

static void assert_uuid(struct uuid u, const char *want)
{
    char text[37];
    uuid_text(u, text);
    assert_string_equal(text, want);
}

static void uuid_vectors(void **state)
{
    struct uuid dns = uuid_of("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    assert_uuid(uuid_v5(dns, SV("www.example.com")),
                "2ed6657d-e927-568b-95e1-2665a8aea6a2");                                 /* RFC 9562 A.4 */
    assert_uuid(uuid_v5(dns, SV("python.org")), "886313e1-3b8a-5372-9b90-0c9aee199e5d"); /* Python's uuid */
    assert_uuid(uuid_of("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    assert_true(uuid_nil(uuid_of("00000000-0000-0000-0000-000000000000")) && !uuid_nil(dns));
    static const char *const bad[] = {
        "",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c89",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
        "6ba7b8109-dad-11d1-80b4-00c04fd430c8",
        "6ba7b810 9dad-11d1-80b4-00c04fd430c8",
        "{ba7b810-9dad-11d1-80b4-00c04fd430c8",
    };
    struct uuid u;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(uuid_parse(sv_c(bad[i]), &u));
}

static void uuid_v4_is_random(void **state)
{
    struct uuid a = uuid_v4(), b = uuid_v4();
    assert_false(uuid_eq(a, b));
    assert_int_equal(a.b[6] >> 4, 4);
    assert_int_equal(a.b[8] >> 6, 2);
}

static void hex_round_trip(void **state)
{
    uint8_t all[256], back[256];
    char text[513];
    for (size_t i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_text(all, sizeof(all), text);
    assert_true(hex_parse(sv_c(text), back, sizeof(back)));
    assert_memory_equal(all, back, sizeof(all));
    assert_true(hex_parse(SV("aBFf"), back, 2) && back[0] == 0xab && back[1] == 0xff);
    assert_false(hex_parse(SV("abc"), back, 2) || hex_parse(SV("abcd0"), back, 2) ||
                 hex_parse(SV("ab"), back, 2));
    /* Every byte that is no digit is refused, in both places of a pair. */
    for (int c = 0; c < 256; c++) {
        bool digit = strchr("0123456789abcdefABCDEF", c) && c;
        char pair[2] = {(char)c, '0'}, swapped[2] = {'0', (char)c};
        assert_int_equal(hex_parse(sv_from(pair, 2), back, 1), digit);
        assert_int_equal(hex_parse(sv_from(swapped, 2), back, 1), digit);
    }
}

static void base64_vectors(void **state)
{
    static const char *const rows[][3] = {
        /* RFC 4648 section 10 */
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    struct arena a;
    struct buf b;
    arena_init(&a, 1 << 16);
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        base64_add(&b, sv_c(rows[i][0]));
        assert_true(sv_eq(buf_sv(&b), sv_c(rows[i][1])));
        struct sv back;
        assert_true(base64_parse(&a, buf_sv(&b), &back));
        assert_true(sv_eq(back, sv_c(rows[i][0])));
        buf_reset(&b);
        base64url_add(&b, sv_c(rows[i][0]));
        assert_true(sv_eq(buf_sv(&b), sv_c(rows[i][2])));
    }
    static const char *const bad[] = {
        "Z",      "Zg",   "Zg=",  "Zg==Zg==", "=Zg=", "Zh==",  "Zm9=",    "Zm 9v",
        "Zm9v\n", "Zm-v", "====", "Z===",     "Zg=g", "Zm9v=", "Zm9vYg=", "\xc3\xa9=="};
    struct sv back;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(base64_parse(&a, sv_c(bad[i]), &back));
    arena_clear(&a);
    buf_clear(&b);
}

static void base64_round_trip(void **state)
{
    struct arena a;
    struct buf b;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1 << 12);
    for (size_t n = 0; n < 200; n++) {
        uint8_t bytes[200];
        random_bytes(bytes, n);
        buf_reset(&b);
        base64_add(&b, sv_from((const char *)bytes, n));
        struct sv back;
        assert_int_equal(b.n, (n + 2) / 3 * 4);
        assert_true(base64_parse(&a, buf_sv(&b), &back));
        assert_true(sv_eq(back, sv_from((const char *)bytes, n)));
    }
    arena_clear(&a);
    buf_clear(&b);
}

static void keyed_hash_depends_on_its_key(void **state)
{
    struct hash_secret one, two;
    for (size_t i = 0; i < sizeof(one.b); i++) {
        one.b[i] = (uint8_t)(i * 7 + 1);
        two.b[i] = (uint8_t)(i * 13 + 5);
    }
    char text[300] = {0};
    for (size_t n = 0; n <= sizeof(text); n++) {
        struct sv s = sv_from(text, n);
        assert_true(hash64(&one, s) == hash64(&one, s));
        assert_true(hash64(&one, s) != hash64(&two, s));
    }
    assert_ptr_equal(hash_process_secret(), hash_process_secret());
    static const struct hash_secret zero;
    assert_memory_not_equal(hash_process_secret()->b, zero.b, sizeof(zero.b));
}

static void secrets_compare(void **state)
{
    assert_true(secret_eq(SV("abc"), SV("abc")) && secret_eq(SV(""), SV_NONE));
    assert_false(secret_eq(SV("abc"), SV("abd")) || secret_eq(SV("abc"), SV("ab")));
}

static int start(void **state)
{
    return crypto_start(NULL);
}

/* RFC 4231 4.3: a shorter key is one that is filled up with zeros. */
static void hmac_vector(void **state)
{
    const struct sha256 key = {"Jefe"};
    char hex[65];
    struct sha256 mac = hmac_sha256(&key, SV("what do ya want for nothing?"));
    hex_text(mac.b, sizeof(mac.b), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),    cmocka_unit_test(merkle_vectors),
        cmocka_unit_test(sha1_vector),       cmocka_unit_test(uuid_vectors),
        cmocka_unit_test(uuid_v4_is_random), cmocka_unit_test(hex_round_trip),
        cmocka_unit_test(base64_vectors),    cmocka_unit_test(base64_round_trip),
        cmocka_unit_test(secrets_compare),   cmocka_unit_test(keyed_hash_depends_on_its_key),
        cmocka_unit_test(hmac_vector),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
