/* Signatures in the form of minisign: the vector of its documentation's format, and what the keeper gives. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/ledger.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMENT "timestamp:1700000000\tfile:hello.txt\thashed"

/* RFC 8032 TEST 1 as the key, numbered 1 to 8, over "hello noroshi\n". */
static void the_known_signature(void **state)
{
    static const uint8_t number[MINISIGN_NUMBER] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t seed[32], pub[32], secret[64], hash[64], sig[64], comment_sig[64], signed_comment[200];
    struct buf b;
    assert_true(hex_parse(SV("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), seed,
                          sizeof(seed)));
    crypto_sign_seed_keypair(pub, secret, seed);
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)"hello noroshi\n", 14, NULL, 0);
    crypto_sign_detached(sig, NULL, hash, sizeof(hash), secret);
    memcpy(signed_comment, sig, 64);
    memcpy(signed_comment + 64, COMMENT, strlen(COMMENT));
    crypto_sign_detached(comment_sig, NULL, signed_comment, 64 + strlen(COMMENT), secret);
    buf_init(&b, 4096);
    minisign_write(number, sig, SV(COMMENT), comment_sig, &b);
    assert_true(sv_eq(
        buf_sv(&b),
        SV("untrusted comment: signature by a noroshi node\n"
           "RUQBAgMEBQYHCPSYZLM4E2oNcUrLYCYlVkcJ9QcCyICVQ8EGuV+RUI/"
           "6AyLLQvxyuX3cFDITjZL7g0qVEAMD7PZN2TtFHHPfug0=\n"
           "trusted comment: " COMMENT "\n"
           "OdGfcSa8HeoWpQiGWh8H2FDhbXEr9cT4FW3+Nxdo6ImqRfVR9D239B3VO4/kRx07+eWKCkefwlukhmQilObVCQ==\n")));
    buf_clear(&b);
}

static void comments_are_one_line(void **state)
{
    char most[MINISIGN_COMMENT + 1];
    memset(most, 'x', sizeof(most));
    assert_true(minisign_comment(SV("")) && minisign_comment(SV("a\tb")) && minisign_comment(SV("署名")));
    assert_true(minisign_comment(sv_from(most, MINISIGN_COMMENT)));
    assert_false(minisign_comment(sv_from(most, MINISIGN_COMMENT + 1)));
    assert_false(minisign_comment(SV("a\nb")) || minisign_comment(SV("a\rb")) ||
                 minisign_comment(SV("\xff")));
}

/* What the keeper signs can be checked with the key of the card, and is never a message between nodes. */
static void the_keeper_signs_files(void **state)
{
    struct err e = ERR_NONE;
    char dir[] = "/tmp/noroshi-minisign-XXXXXX", path[100];
    uint8_t hash[64], sig[64], comment_sig[64], both[64 + sizeof(COMMENT)];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(keeper_make_keys(dir, "a.example", &e), OK);
    struct keeper *k = keeper_start(dir, &e);
    assert_non_null(k);
    const struct note_key *key = keeper_public(k, KEEPER_MESSAGES);
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)"", 0, NULL, 0);
    assert_int_equal(keeper_sign_file(k, hash, sig, &e), OK);
    assert_int_equal(crypto_sign_verify_detached(sig, hash, sizeof(hash), key->pub), 0);
    assert_int_equal(keeper_sign_comment(k, hash, SV(COMMENT), comment_sig, &e), OK);
    memcpy(both, sig, 64);
    memcpy(both + 64, COMMENT, strlen(COMMENT));
    assert_int_equal(crypto_sign_verify_detached(comment_sig, both, 64 + strlen(COMMENT), key->pub), 0);
    assert_int_equal(keeper_sign_comment(k, hash, SV("two\nlines"), comment_sig, &e), ERR_SYNTAX);
    keeper_stop(k);
    static const char *const files[] = {"log", "witness", "messages"};
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof(path), "%s/%s.%s", dir, files[i / 2], i % 2 ? "seed" : "vkey");
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_known_signature),
                                       cmocka_unit_test(comments_are_one_line),
                                       cmocka_unit_test(the_keeper_signs_files)};
    struct err e = ERR_NONE;
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
