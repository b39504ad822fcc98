/* The keeper: it signs what it should, refuses what it should not, names what is wrong with key files, and
 * dies with its parent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "noroshi.example/tw"

static char dir[64];

static int setup(void **state)
{
    struct err e = ERR_NONE;

    snprintf(dir, sizeof(dir), "/tmp/noroshi-keeper-XXXXXX");
    if (crypto_start(&e) != OK || !mkdtemp(dir))
        return -1;
    return keeper_make_keys(dir, NAME, &e);
}

static int teardown(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static const char *in_dir(const char *name)
{
    static char path[2][128];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

static struct keeper *start(void)
{
    struct err e = ERR_NONE;
    struct keeper *k = keeper_start(dir, &e);

    if (!k)
        fail_msg("%s", e.text);
    return k;
}

static struct buf checkpoint(const char *origin, uint64_t size, uint8_t fill)
{
    struct checkpoint c = {.origin = sv_c(origin), .size = size};
    struct buf b;

    memset(c.root.b, fill, sizeof(c.root.b));
    buf_init(&b, 4096);
    checkpoint_text(&c, &b);
    return b;
}

static int ask(struct keeper *k, const char *origin, uint64_t size, uint8_t fill, uint8_t sig[64])
{
    struct buf b = checkpoint(origin, size, fill);
    int rc = keeper_sign_checkpoint(k, buf_sv(&b), sig, NULL);

    if (rc == OK)
        assert_int_equal(
            crypto_sign_verify_detached(sig, (uint8_t *)b.p, b.n, keeper_public(k, KEEPER_LOG)->pub), 0);
    buf_clear(&b);
    return rc;
}

static void key_files(void **state)
{
    struct err e = ERR_NONE;
    struct stat st;
    struct buf b;
    struct note_key k;

    for (size_t i = 0; i < 3; i++) {
        static const char *const seeds[] = {"log.seed", "witness.seed", "messages.seed"};

        assert_int_equal(stat(in_dir(seeds[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 32);
    }
    buf_init(&b, 1000);
    assert_int_equal(file_read(AT_FDCWD, in_dir("witness.vkey"), &b, &e), OK);
    assert_int_equal(note_key_parse(sv_trim(buf_sv(&b)), &k, &e), OK);
    assert_int_equal(k.type, NOTE_COSIGNATURE);
    assert_string_equal(k.name, NAME "/witness");
    buf_clear(&b);
    assert_int_equal(keeper_make_keys(dir, NAME, &e), ERR_EXISTS);
    assert_int_equal(keeper_make_keys(in_dir("other"), "two words", &e), ERR_VALUE);
    assert_int_equal(access(in_dir("other"), F_OK), -1);
}

static void signs_checkpoints(void **state)
{
    struct keeper *k = start();
    uint8_t sig[64];

    assert_string_equal(keeper_public(k, KEEPER_LOG)->name, NAME);
    assert_int_equal(ask(k, NAME, 5, 1, sig), OK);
    assert_int_equal(ask(k, NAME, 5, 1, sig), OK);         /* the same again */
    assert_int_equal(ask(k, NAME, 5, 2, sig), ERR_DENIED); /* another root of the same size is a fork */
    assert_int_equal(ask(k, NAME, 4, 1, sig), ERR_DENIED); /* a log does not shrink */
    assert_int_equal(ask(k, NAME, 6, 1, sig), OK);
    assert_int_equal(ask(k, "somebody.example", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "/x", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "/0", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "/1", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "/02", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "x/2", 7, 1, sig), ERR_DENIED);
    assert_int_equal(ask(k, NAME "/2", 1, 1, sig), OK); /* a new epoch begins anew */
    assert_int_equal(ask(k, NAME, 8, 1, sig), ERR_DENIED);
    assert_int_equal(keeper_sign_checkpoint(k, SV("anything else\n"), sig, NULL), ERR_SYNTAX);
    assert_int_equal(keeper_sign_checkpoint(k, SV(""), sig, NULL), ERR_SYNTAX);
    keeper_stop(k);
    keeper_stop(NULL);
}

static void cosigns(void **state)
{
    struct keeper *k = start();
    struct buf text = checkpoint("partner.example/log", 9, 9), message;
    uint8_t sig[64];

    buf_init(&message, 4096);
    assert_int_equal(keeper_cosign(k, buf_sv(&text), 1700000000, sig, NULL), OK);
    cosignature_message(1700000000, buf_sv(&text), &message);
    assert_int_equal(crypto_sign_verify_detached(sig, (uint8_t *)message.p, message.n,
                                                 keeper_public(k, KEEPER_WITNESS)->pub),
                     0);
    assert_int_equal(keeper_cosign(k, SV("not a checkpoint\n"), 1700000000, sig, NULL), ERR_SYNTAX);
    buf_clear(&text);
    buf_clear(&message);
    keeper_stop(k);
}

/* DSSE: the pre-authentication encoding of its protocol document. */
static void signs_messages(void **state)
{
    static const char pae[] = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    struct keeper *k = start();
    uint8_t sig[64];

    assert_int_equal(
        keeper_sign_message(k, SV("http://example.com/HelloWorld"), SV("hello world"), sig, NULL), OK);
    assert_int_equal(crypto_sign_verify_detached(sig, (const uint8_t *)pae, sizeof(pae) - 1,
                                                 keeper_public(k, KEEPER_MESSAGES)->pub),
                     0);
    assert_int_equal(keeper_sign_message(k, SV(""), SV("x"), sig, NULL), ERR_SYNTAX);
    keeper_stop(k);
}

/* RFC 8032 TEST 1 seed over the same encoding, as computed with other libraries. */
static void golden_message(void **state)
{
    static const char want[] =
        "4DHX3Zn4qpBKvEj7maE8O9u9bjXEnPLLnyXVUJ2PXJR8DSLcL3QDpFvfJOj3pB/SPHsl6Jg4boxsMb6KvuYABw==";
    uint8_t seed[32], pub[32], secret[64], sig[64];
    struct note_key key;
    struct buf b;
    struct keeper *k;

    assert_true(hex_parse(SV("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"), seed, 32));
    crypto_sign_seed_keypair(pub, secret, seed);
    assert_int_equal(note_key_make(SV(NAME "/messages"), NOTE_ED25519, pub, &key, NULL), OK);
    buf_init(&b, 1000);
    note_key_text(&key, &b);
    assert_int_equal(file_write(AT_FDCWD, in_dir("messages.seed"), sv_from((char *)seed, 32), 0600, NULL),
                     OK);
    assert_int_equal(file_write(AT_FDCWD, in_dir("messages.vkey"), buf_sv(&b), 0644, NULL), OK);
    k = start();
    assert_int_equal(
        keeper_sign_message(k, SV("http://example.com/HelloWorld"), SV("hello world"), sig, NULL), OK);
    keeper_stop(k);
    buf_reset(&b);
    base64_add(&b, sv_from((char *)sig, 64));
    assert_true(sv_eq(buf_sv(&b), sv_c(want)));
    buf_clear(&b);
}

/* Starting must fail with this code, name the file, and say what to do. */
static void refused(int code, const char *file)
{
    struct err e = ERR_NONE;
    struct keeper *k = keeper_start(dir, &e);

    assert_null(k);
    if (e.code != code || !strstr(e.text, file) || !e.remedy[0])
        fail_msg("code %d, \"%s\", remedy \"%s\"", e.code, e.text, e.remedy);
}

static void wrong_key_files(void **state)
{
    struct buf seed, vkey;

    buf_init(&seed, 1000);
    buf_init(&vkey, 1000);
    assert_int_equal(chmod(in_dir("witness.seed"), 0640), 0);
    refused(ERR_DENIED, "witness.seed");
    assert_int_equal(chmod(in_dir("witness.seed"), 0604), 0);
    refused(ERR_DENIED, "witness.seed");
    assert_int_equal(chmod(in_dir("witness.seed"), 0600), 0);

    assert_int_equal(file_read(AT_FDCWD, in_dir("log.seed"), &seed, NULL), OK);
    assert_int_equal(file_write(AT_FDCWD, in_dir("log.seed"), sv_sub(buf_sv(&seed), 0, 31), 0600, NULL), OK);
    refused(ERR_VALUE, "log.seed");
    assert_int_equal(
        file_write(AT_FDCWD, in_dir("log.seed"), SV("0123456789abcdef0123456789abcdef0"), 0600, NULL), OK);
    refused(ERR_VALUE, "log.seed");
    assert_int_equal(
        file_write(AT_FDCWD, in_dir("log.seed"), SV("0123456789abcdef0123456789abcdef"), 0600, NULL), OK);
    refused(ERR_CRYPTO, "log.seed"); /* the seed of another node */
    assert_int_equal(unlink(in_dir("log.seed")), 0);
    refused(ERR_NOT_FOUND, "log.seed");
    assert_int_equal(file_write(AT_FDCWD, in_dir("log.seed"), buf_sv(&seed), 0600, NULL), OK);
    keeper_stop(start());
    buf_clear(&seed);
    buf_clear(&vkey);
}

static void damaged_public_key(void **state)
{
    struct err e = ERR_NONE;

    assert_int_equal(file_write(AT_FDCWD, in_dir("log.vkey"), SV("rubbish\n"), 0644, NULL), OK);
    assert_null(keeper_start(dir, &e));
    assert_int_equal(e.code, ERR_VALUE);
    assert_non_null(strstr(e.text, "log.vkey"));
}

struct asker {
    struct keeper *k;
    int wrong;
};

static void *ask_often(void *arg)
{
    struct asker *a = arg;
    struct buf b;
    uint8_t sig[64];
    char body[32];

    buf_init(&b, 1000);
    for (int i = 0; i < 200; i++) {
        int n = snprintf(body, sizeof(body), "message %d of %p", i, (void *)a);

        buf_reset(&b);
        buf_printf(&b, "DSSEv1 1 t %d %s", n, body);
        if (keeper_sign_message(a->k, SV("t"), sv_c(body), sig, NULL) != OK ||
            crypto_sign_verify_detached(sig, (uint8_t *)b.p, b.n,
                                        keeper_public(a->k, KEEPER_MESSAGES)->pub) != 0)
            a->wrong++;
    }
    buf_clear(&b);
    return NULL;
}

/* Answers reach the thread that asked. */
static void many_threads(void **state)
{
    struct asker a[4];
    pthread_t t[4];
    struct keeper *k = start();

    for (size_t i = 0; i < 4; i++) {
        a[i] = (struct asker){k, 0};
        assert_int_equal(pthread_create(&t[i], NULL, ask_often, &a[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(a[i].wrong, 0);
    }
    keeper_stop(k);
}

/* A parent killed without a word takes its keeper along, even when another process still holds the socket. */
static void dies_with_its_parent(void **state)
{
    int status, told[2];
    pid_t parent, orphan;
    char c = 0;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(told), 0);
    parent = fork();
    if (parent == 0) {
        c = keeper_start(dir, NULL) ? 'y' : 'n';
        (void)!write(told[1], &c, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(told[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    orphan = waitpid(-1, &status, 0); /* would wait for ever if the keeper lived on */
    assert_true(orphan > 0 && orphan != parent);
    close(told[0]);
    close(told[1]);
}

static void killed_keeper(void **state)
{
    struct err e = ERR_NONE;
    struct keeper *k = start();
    char path[64], line[64] = "";
    FILE *f;
    uint8_t sig[64];
    long pid;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    f = fopen(path, "r");
    if (!f || !fgets(line, sizeof(line), f)) {
        keeper_stop(k);
        skip();
    }
    fclose(f);
    pid = strtol(line, NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGTERM), 0); /* a terminal's signals do not end it */
    assert_int_equal(keeper_sign_message(k, SV("t"), SV("x"), sig, &e), OK);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    assert_int_equal(keeper_sign_message(k, SV("t"), SV("x"), sig, &e), ERR_CRYPTO);
    assert_true(e.remedy[0]);
    keeper_stop(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        TEST(key_files),          TEST(signs_checkpoints), TEST(cosigns),
        TEST(signs_messages),     TEST(golden_message),    TEST(wrong_key_files),
        TEST(damaged_public_key), TEST(many_threads),      TEST(dies_with_its_parent),
        TEST(killed_keeper),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
