/* Signed notes, keys, checkpoints, cosignatures and proofs: published and golden vectors, and everything that
 * must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#define DASH "\xe2\x80\x94 "

/* RFC 8032 7.1 TEST 1 and TEST 2. */
#define LOG_SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define WITNESS_SEED "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
#define LOG_VKEY "noroshi.example/tw/evidence+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define WITNESS_VKEY "noroshi.example/jp/witness+bdfce37d+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
#define GOLDEN_TEXT "noroshi.example/tw/evidence\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
#define GOLDEN_SIG                                                                                           \
    DASH "noroshi.example/tw/evidence "                                                                      \
         "1U6kSI2doq0sxSS2qLrecLHDIvLP6RXBzyFb+D5oNy+YK0OiOn3Vf/GZF1N9wjiKW4ptn7cNK3b8jxdtvX/jp8FAzgU=\n"
#define GOLDEN_COSIG                                                                                         \
    DASH "noroshi.example/jp/witness "                                                                       \
         "vfzjfQAAAABlU/"                                                                                    \
         "EAiN03CgSXxvfI+bR+rmbaKaU1Dal5kTBFLoXDerUJAkM7JLimWL8yEJXQAPVOykNHMgYQwXRmQyWLBQ9PQXG4CQ==\n"
#define GOLDEN_NOTE GOLDEN_TEXT "\n" GOLDEN_SIG GOLDEN_COSIG

static struct note_key key_of(const char *vkey)
{
    struct err e = ERR_NONE;
    struct note_key k = {.type = 0};

    if (note_key_parse(sv_c(vkey), &k, &e) != OK)
        fail_msg("%s: %s", vkey, e.text);
    return k;
}

static void secret_of(const char *seed_hex, uint8_t pub[32], uint8_t secret[64])
{
    uint8_t seed[32];

    assert_true(hex_parse(sv_c(seed_hex), seed, sizeof(seed)));
    crypto_sign_seed_keypair(pub, secret, seed);
}

static void keys_from_seeds(void **state)
{
    uint8_t pub[32], secret[64];
    struct note_key k;
    struct buf b;

    buf_init(&b, 1024);
    secret_of(LOG_SEED, pub, secret);
    assert_int_equal(note_key_make(SV("noroshi.example/tw/evidence"), NOTE_ED25519, pub, &k, NULL), OK);
    note_key_text(&k, &b);
    buf_addc(&b, 0);
    assert_string_equal(b.p, LOG_VKEY);
    buf_reset(&b);
    secret_of(WITNESS_SEED, pub, secret);
    assert_int_equal(note_key_make(SV("noroshi.example/jp/witness"), NOTE_COSIGNATURE, pub, &k, NULL), OK);
    note_key_text(&k, &b);
    buf_addc(&b, 0);
    assert_string_equal(b.p, WITNESS_VKEY);
    buf_clear(&b);
}

static void bad_keys(void **state)
{
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", ERR_SYNTAX},
        {"name", ERR_SYNTAX},
        {"name+d54ea448", ERR_SYNTAX},
        {"name+d54ea44+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", ERR_SYNTAX},
        {"name+d54ea448+!!!!", ERR_SYNTAX},
        {"name+d54ea448+", ERR_SYNTAX},
        {"name+d54ea448+AddamAGC", ERR_UNSUPPORTED},
        {"+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", ERR_VALUE},
        {"a b+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", ERR_VALUE},
        {"a\xe3\x80\x80"
         "b+d54ea448+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
         ERR_VALUE},
        {"noroshi.example/tw/evidence+d54ea449+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea", ERR_CRYPTO},
        /* type 0x06, ML-DSA-44, of the right length for Ed25519 */
        {"noroshi.example/tw/evidence+d54ea448+BtdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
         ERR_UNSUPPORTED},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = ERR_NONE;
        struct note_key k;

        if (note_key_parse(sv_c(bad[i].text), &k, &e) != bad[i].code)
            fail_msg("%s: code %d, %s", bad[i].text, e.code, e.text);
    }
}

static void golden_note(void **state)
{
    struct note_key log = key_of(LOG_VKEY), witness = key_of(WITNESS_VKEY);
    uint8_t pub[32], secret[64], sig[64], cosig[72] = {0, 0, 0, 0, 0x65, 0x53, 0xf1, 0x00};
    struct checkpoint cp = {.origin = SV("noroshi.example/tw/evidence"), .size = 8};
    struct buf text, note, message;
    struct sha256 sum;
    char hex[65];

    assert_true(
        hex_parse(SV("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"), cp.root.b, 32));
    buf_init(&text, 4096);
    buf_init(&note, 4096);
    buf_init(&message, 4096);
    checkpoint_text(&cp, &text);
    secret_of(LOG_SEED, pub, secret);
    crypto_sign_detached(sig, NULL, (const uint8_t *)text.p, text.n, secret);
    cosignature_message(1700000000, buf_sv(&text), &message);
    secret_of(WITNESS_SEED, pub, secret);
    crypto_sign_detached(cosig + 8, NULL, (const uint8_t *)message.p, message.n, secret);
    buf_add(&note, buf_sv(&text));
    buf_addc(&note, '\n');
    note_add_signature(&note, &log, sv_from((const char *)sig, 64));
    note_add_signature(&note, &witness, sv_from((const char *)cosig, 72));
    assert_int_equal(note.n, 337);
    assert_memory_equal(note.p, GOLDEN_NOTE, 337);
    sum = sha256_of(buf_sv(&note));
    hex_text(sum.b, 32, hex);
    assert_string_equal(hex, "d5977f69501f280d3bd1dfb1fc757bc3f8792d547677ff8566e81957b3e7ea62");
    buf_clear(&text);
    buf_clear(&note);
    buf_clear(&message);
}

static int check(struct sv note, const struct note_key *keys, size_t n, uint32_t *mask)
{
    struct sv text;

    return note_check(note, keys, n, &text, mask, NULL);
}

static void golden_note_checked(void **state)
{
    struct note_key keys[3] = {
        key_of(LOG_VKEY), key_of(WITNESS_VKEY),
        key_of("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")};
    struct err e = ERR_NONE;
    struct sv text;
    uint32_t mask = 0;

    assert_int_equal(note_check(SV(GOLDEN_NOTE), keys, 3, &text, &mask, &e), OK);
    assert_int_equal(mask, 3);
    assert_true(sv_eq(text, SV(GOLDEN_TEXT)));
    assert_int_equal(check(SV(GOLDEN_NOTE), keys + 1, 1, &mask), OK);
    assert_int_equal(mask, 1);
    assert_int_equal(check(SV(GOLDEN_NOTE), keys + 2, 1, &mask), ERR_CRYPTO);
    assert_int_equal(check(SV(GOLDEN_NOTE), keys, 0, &mask), ERR_CRYPTO);
    /* Signed twice by one key is signed once. */
    assert_int_equal(check(SV(GOLDEN_NOTE GOLDEN_SIG), keys, 3, &mask), OK);
    assert_int_equal(mask, 3);
}

/* No byte of a note can change without the signatures failing or the note being refused; never a crash, never
 * "signed". */
static void every_byte_matters(void **state)
{
    struct note_key keys[2] = {key_of(LOG_VKEY), key_of(WITNESS_VKEY)};
    char bytes[] = GOLDEN_NOTE;
    uint32_t mask;

    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            if (check(sv_from(bytes, sizeof(bytes) - 1), keys, 2, &mask) == OK)
                assert_int_not_equal(mask, 3); /* a name or id changed: that signature is of nobody known */
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
        }
    }
}

static void published_notes(void **state)
{
    struct note_key sum = key_of("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8");
    struct note_key foo = key_of("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    struct checkpoint cp;
    struct sv text;
    uint32_t mask;

    assert_int_equal(
        note_check(SV("go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n" DASH
                      "sum.golang.org "
                      "Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+"
                      "o3GeoWwOoAw=\n"),
                   &sum, 1, &text, &mask, NULL),
        OK);
    assert_int_equal(checkpoint_parse(text, &cp, NULL), OK);
    assert_int_equal(cp.size, 6476701);
    assert_true(sv_eq(cp.origin, SV("go.sum database tree")));
    assert_int_equal(note_check(SV("This is an example message.\n\n" DASH "example.com/foo "
                                   "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmR"
                                   "KuwHjG1Yu72IneyaQM=\n"),
                                &foo, 1, &text, &mask, NULL),
                     OK);
    assert_true(sv_eq(text, SV("This is an example message.\n")));
}

static void malformed_notes(void **state)
{
    static const struct {
        struct sv note;
        int code;
    } bad[] = {
        {{"", 0}, ERR_SYNTAX},
        {{"\n", 1}, ERR_SYNTAX},
        {{"\n\n", 2}, ERR_SYNTAX},
        {{GOLDEN_TEXT, sizeof(GOLDEN_TEXT) - 1}, ERR_SYNTAX},
        {{GOLDEN_TEXT "\n", sizeof(GOLDEN_TEXT)}, ERR_SYNTAX},
        {{GOLDEN_TEXT GOLDEN_SIG, sizeof(GOLDEN_TEXT GOLDEN_SIG) - 1}, ERR_SYNTAX},
        {{GOLDEN_NOTE, sizeof(GOLDEN_NOTE) - 2}, ERR_SYNTAX}, /* the last line does not end */
        {{GOLDEN_NOTE "x\n", sizeof(GOLDEN_NOTE "x\n") - 1}, ERR_SYNTAX},
        {{GOLDEN_NOTE DASH "name\n", sizeof(GOLDEN_NOTE DASH "name\n") - 1}, ERR_SYNTAX},
        {{GOLDEN_NOTE DASH " AAAAAAA=\n", sizeof(GOLDEN_NOTE DASH " AAAAAAA=\n") - 1}, ERR_SYNTAX},
        {{GOLDEN_NOTE DASH "name AAAA\n", sizeof(GOLDEN_NOTE DASH "name AAAA\n") - 1}, ERR_SYNTAX},
        {{GOLDEN_NOTE DASH "name AAAAAAA\n", sizeof(GOLDEN_NOTE DASH "name AAAAAAA\n") - 1}, ERR_SYNTAX},
        {{"a\r\n\n" GOLDEN_SIG, sizeof("a\r\n\n" GOLDEN_SIG) - 1}, ERR_SYNTAX},
        {{"a\0b\n\n" GOLDEN_SIG, sizeof("a\0b\n\n" GOLDEN_SIG) - 1}, ERR_SYNTAX},
        {{"\xff\n\n" GOLDEN_SIG, sizeof("\xff\n\n" GOLDEN_SIG) - 1}, ERR_SYNTAX},
        {{"other text\n\n" GOLDEN_SIG, sizeof("other text\n\n" GOLDEN_SIG) - 1}, ERR_CRYPTO},
    };
    struct note_key keys[2] = {key_of(LOG_VKEY), key_of(WITNESS_VKEY)};
    uint32_t mask;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (check(bad[i].note, keys, 2, &mask) != bad[i].code)
            fail_msg("note %zu: code %d", i, check(bad[i].note, keys, 2, &mask));
}

/* Sixteen signatures must be taken, thousands must not. */
static void many_signatures(void **state)
{
    struct note_key keys[2] = {key_of(LOG_VKEY), key_of(WITNESS_VKEY)};
    struct buf note;
    uint32_t mask = 0;

    buf_init(&note, 1 << 20);
    buf_add(&note, SV(GOLDEN_NOTE));
    for (int i = 0; i < 30; i++)
        buf_add(&note, SV(DASH "stranger.example AAAAAAECAwQ=\n"));
    assert_int_equal(check(buf_sv(&note), keys, 2, &mask), OK);
    assert_int_equal(mask, 3);
    for (int i = 0; i < 100; i++)
        buf_add(&note, SV(DASH "stranger.example AAAAAAECAwQ=\n"));
    assert_int_equal(check(buf_sv(&note), keys, 2, &mask), ERR_LIMIT);
    for (int i = 0; i < 10000; i++)
        buf_add(&note, SV(DASH "stranger.example AAAAAAECAwQ=\n"));
    assert_int_equal(check(buf_sv(&note), keys, 2, &mask), ERR_LIMIT);
    buf_clear(&note);
}

/* Text may hold empty lines: the last one separates. */
static void empty_lines(void **state)
{
    struct note_key log = key_of(LOG_VKEY);
    uint8_t pub[32], secret[64], sig[64];
    struct buf note;
    struct sv text = SV("a\n\nb\n\n\nc\n"), got;
    uint32_t mask;

    buf_init(&note, 4096);
    secret_of(LOG_SEED, pub, secret);
    crypto_sign_detached(sig, NULL, (const uint8_t *)text.p, text.n, secret);
    buf_add(&note, text);
    buf_addc(&note, '\n');
    note_add_signature(&note, &log, sv_from((const char *)sig, 64));
    assert_int_equal(note_check(buf_sv(&note), &log, 1, &got, &mask, NULL), OK);
    assert_true(sv_eq(got, text));
    buf_clear(&note);
}

static void checkpoints(void **state)
{
    static const char *const bad[] = {
        "",
        "origin",
        "origin\n",
        "origin\n8\n",
        "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n-8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n+8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n8 \nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n0x8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n18446744073709551616\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n",
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n", /* bits beyond the last byte */
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA\n",
        "origin\n8\nXcnaeacGWamtVZy3Ad7Zoqudgjqt!0lgz+Nw7/RgQyg=\n",
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n",
        "origin\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\nextension",
    };
    struct checkpoint cp;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (checkpoint_parse(sv_c(bad[i]), &cp, NULL) != ERR_SYNTAX)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(checkpoint_parse(SV("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"), &cp, NULL),
                     OK);
    assert_int_equal(cp.size, 0);
    assert_int_equal(
        checkpoint_parse(SV("o\n18446744073709551615\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n"),
                         &cp, NULL),
        OK);
    assert_true(cp.size == UINT64_MAX);
}

static struct sha256 vector_leaf(void *ctx, uint64_t i)
{
    static const char *const entries[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    };
    char raw[16];
    size_t n = strlen(entries[i]) / 2;

    assert_true(hex_parse(sv_c(entries[i]), raw, n));
    return sha256_leaf(sv_from(raw, n));
}

static void golden_proof(void **state)
{
    struct sha256 proof[64], sum;
    struct buf out;
    char hex[65];
    size_t n = merkle_prove_inclusion(5, 8, vector_leaf, NULL, proof);

    assert_int_equal(n, 3);
    buf_init(&out, 4096);
    tlog_proof_text(5, proof, n, SV_NONE, SV(GOLDEN_NOTE), &out);
    assert_true(sv_starts(buf_sv(&out),
                          SV("c2sp.org/tlog-proof@v1\nindex 5\nvBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n"
                             "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=\n"
                             "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=\n\n")));
    sum = sha256_of(buf_sv(&out));
    hex_text(sum.b, 32, hex);
    assert_string_equal(hex, "59c4012e72ee8ea38b88d690d45f51ff496560811fe23610ad30dc4f3ff5f24e");
    buf_clear(&out);
}

/* A court expert with openssl alone comes to the same answer. */
static void openssl_agrees(void **state)
{
    static const uint8_t spki[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    struct note_key log = key_of(LOG_VKEY);
    char dir[] = "/tmp/noroshi-note-XXXXXX", command[600], path[200];
    uint8_t der[44];
    struct arena a;
    struct sv sig;
    int good, bad;

    if (system("openssl version >/dev/null 2>&1") != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    arena_init(&a, 65536);
    assert_true(
        base64_parse(&a,
                     SV("1U6kSI2doq0sxSS2qLrecLHDIvLP6RXBzyFb+D5oNy+YK0OiOn3Vf/GZF1N9wjiKW4ptn7cNK3b8jxdtvX/"
                        "jp8FAzgU="),
                     &sig));
    memcpy(der, spki, sizeof(spki));
    memcpy(der + sizeof(spki), log.pub, 32);
    snprintf(path, sizeof(path), "%s/key", dir);
    assert_int_equal(file_write(AT_FDCWD, path, sv_from((const char *)der, sizeof(der)), 0600, NULL), OK);
    snprintf(path, sizeof(path), "%s/sig", dir);
    assert_int_equal(file_write(AT_FDCWD, path, sv_sub(sig, 4, SIZE_MAX), 0600, NULL), OK);
    snprintf(path, sizeof(path), "%s/text", dir);
    assert_int_equal(file_write(AT_FDCWD, path, SV(GOLDEN_TEXT), 0600, NULL), OK);
    snprintf(command, sizeof(command),
             "cd %s && openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile sig "
             ">/dev/null 2>&1",
             dir);
    good = system(command);
    assert_int_equal(file_write(AT_FDCWD, path, SV("noroshi.example/tw/evidence\n9\n"), 0600, NULL), OK);
    bad = system(command);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    arena_clear(&a);
    assert_int_equal(good, 0);
    assert_int_not_equal(bad, 0);
}

static int setup(void **state)
{
    return crypto_start(NULL);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(keys_from_seeds),    cmocka_unit_test(bad_keys),
        cmocka_unit_test(golden_note),        cmocka_unit_test(golden_note_checked),
        cmocka_unit_test(every_byte_matters), cmocka_unit_test(published_notes),
        cmocka_unit_test(malformed_notes),    cmocka_unit_test(many_signatures),
        cmocka_unit_test(empty_lines),        cmocka_unit_test(checkpoints),
        cmocka_unit_test(golden_proof),       cmocka_unit_test(openssl_agrees),
    };

    return cmocka_run_group_tests(all, setup, NULL);
}
