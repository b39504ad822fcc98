/* The keeper process: it alone holds the seeds, reads nothing but typed requests, and signs only what they
 * may ask for. */
#include "ledger/keeper_private.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)16 << 20) /* a message between nodes */

struct secrets {
    uint8_t seed[SEED_BYTES];
    uint8_t sign[KEEPER_KEYS][crypto_sign_SECRETKEYBYTES];
};

struct keep {
    int fd;
    struct secrets *secrets; /* guarded pages, locked in memory, read-only after start */
    struct note_key keys[KEEPER_KEYS];
    /* The last checkpoint signed in this run: a log never goes back. */
    uint64_t epoch;
    uint64_t size;
    struct sha256 root;
};

/* Everything but the socket and standard error belongs to the parent. */
static int shed_descriptors(int *fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        return -1;
    if (*fd != 3 && dup2(*fd, 3) < 0)
        return -1;
    *fd = 3;
    return close_range(4, ~0u, 0);
}

/* A terminal's Ctrl-C goes to all processes of the node, but the parent still needs a checkpoint signed while
 * it shuts down. */
static void settle_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int load_keys(struct keep *k, const char *dir, struct err *e)
{
    int rc = crypto_start(e);

    if (rc != OK)
        return rc;
    k->secrets = sodium_malloc(sizeof(*k->secrets));
    if (!k->secrets) {
        err_set(e, ERR_MEMORY, "no locked memory for the signing keys");
        return err_hint(e, "Raise the limit of locked memory (ulimit -l) to at least 64 kB.");
    }
    for (int i = 0; i < KEEPER_KEYS && rc == OK; i++) {
        uint8_t pub[32];

        rc = keeper_read_key(dir, (enum keeper_key)i, k->secrets->seed, &k->keys[i], e);
        if (rc == OK && crypto_sign_seed_keypair(pub, k->secrets->sign[i], k->secrets->seed) != 0)
            rc = err_set(e, ERR_CRYPTO, "key file %s.seed makes no key", keeper_file[i]);
    }
    sodium_memzero(k->secrets->seed, sizeof(k->secrets->seed));
    if (rc == OK && sodium_mprotect_readonly(k->secrets) != 0)
        rc = err_set(e, ERR_CRYPTO, "the signing keys cannot be protected in memory");
    return rc;
}

static int send_refusal(int fd, const struct err *why)
{
    struct buf b;
    int rc;

    buf_init(&b, 4096);
    buf_u32(&b, (uint32_t)-why->code);
    buf_str(&b, sv_c(why->text));
    buf_str(&b, sv_c(why->remedy));
    buf_str(&b, sv_c(why->file));
    rc = msg_send(fd, KEEPER_REFUSED, buf_sv(&b), NULL, 0, NULL);
    buf_clear(&b);
    return rc;
}

static int send_ready(const struct keep *k)
{
    struct buf b, one;
    int rc;

    buf_init(&b, 4096);
    buf_init(&one, 1024);
    for (int i = 0; i < KEEPER_KEYS; i++) {
        buf_reset(&one);
        note_key_text(&k->keys[i], &one);
        buf_str(&b, buf_sv(&one));
    }
    rc = msg_send(k->fd, KEEPER_READY, buf_sv(&b), NULL, 0, NULL);
    buf_clear(&one);
    buf_clear(&b);
    return rc;
}

/* "name" is epoch 1, "name/7" epoch 7; 0 = an origin of somebody else. */
static uint64_t epoch_of(struct sv origin, struct sv name)
{
    uint64_t n;

    if (sv_eq(origin, name))
        return 1;
    if (!sv_starts(origin, name) || origin.n < name.n + 2 || origin.p[name.n] != '/' ||
        origin.p[name.n + 1] == '0')
        return 0;
    return sv_u64(sv_sub(origin, name.n + 1, SIZE_MAX), &n) && n >= 2 ? n : 0;
}

static int allow_checkpoint(struct keep *k, struct sv text, struct err *e)
{
    struct checkpoint cp;
    uint64_t epoch;
    int rc = checkpoint_parse(text, &cp, e);

    if (rc != OK)
        return rc;
    epoch = epoch_of(cp.origin, sv_c(k->keys[KEEPER_LOG].name));
    if (epoch == 0)
        return err_set(e, ERR_DENIED, "the keeper signs checkpoints of %s only", k->keys[KEEPER_LOG].name);
    if (epoch < k->epoch || (epoch == k->epoch && cp.size < k->size))
        return err_set(e, ERR_DENIED, "the keeper has signed a later checkpoint (size %llu) already",
                       (unsigned long long)k->size);
    if (epoch == k->epoch && cp.size == k->size && memcmp(cp.root.b, k->root.b, sizeof(cp.root.b)) != 0)
        return err_set(e, ERR_DENIED, "the keeper has signed another root of the same size");
    k->epoch = epoch;
    k->size = cp.size;
    k->root = cp.root;
    return OK;
}

/* The hash of a file; with a comment, its signature and the comment. Neither can be a message or a note:
 * those begin with words. */
static int file_message(struct keep *k, uint8_t type, struct sv body, struct buf *out, struct err *e)
{
    struct sv hash = sv_sub(body, 0, MINISIGN_HASH), comment = sv_sub(body, MINISIGN_HASH, SIZE_MAX);
    uint8_t sig[crypto_sign_BYTES];

    if (hash.n != MINISIGN_HASH || (type == KEEPER_ASK_FILE && comment.n) || !minisign_comment(comment))
        return err_set(e, ERR_SYNTAX, "a request to the keeper is cut off");
    if (type == KEEPER_ASK_FILE) {
        buf_add(out, hash);
        return OK;
    }
    if (crypto_sign_detached(sig, NULL, (const uint8_t *)hash.p, hash.n, k->secrets->sign[KEEPER_MESSAGES]))
        return err_set(e, ERR_CRYPTO, "signing failed");
    buf_addp(out, sig, sizeof(sig));
    buf_add(out, comment);
    return OK;
}

/* The bytes to be signed for a request. */
static int message_of(struct keep *k, uint8_t type, struct sv body, struct buf *out, enum keeper_key *which,
                      struct err *e)
{
    struct cur c = cur_of(body);
    struct checkpoint cp;
    struct sv payload_type;
    uint64_t at;
    int rc;

    switch (type) {
    case KEEPER_ASK_CHECKPOINT:
        *which = KEEPER_LOG;
        buf_add(out, body);
        return allow_checkpoint(k, body, e);
    case KEEPER_ASK_COSIGN:
        *which = KEEPER_WITNESS;
        at = cur_u64(&c);
        if (c.failed)
            return err_set(e, ERR_SYNTAX, "a request to the keeper is cut off");
        body = sv_sub(body, 8, SIZE_MAX);
        rc = checkpoint_parse(body, &cp, e);
        cosignature_message(at, body, out);
        return rc;
    case KEEPER_ASK_MESSAGE:
        *which = KEEPER_MESSAGES;
        payload_type = cur_str(&c);
        if (c.failed || payload_type.n == 0)
            return err_set(e, ERR_SYNTAX, "a request to the keeper is cut off");
        body = sv_from((const char *)c.p, (size_t)(c.end - c.p));
        buf_printf(out, "DSSEv1 %zu %.*s %zu ", payload_type.n, SV_ARG(payload_type), body.n);
        buf_add(out, body);
        return OK;
    case KEEPER_ASK_FILE:
    case KEEPER_ASK_COMMENT:
        *which = KEEPER_MESSAGES;
        return file_message(k, type, body, out, e);
    default:
        return err_set(e, ERR_UNSUPPORTED, "the keeper does not know request %u", type);
    }
}

static int answer(struct keep *k, uint8_t type, struct sv body, struct buf *message)
{
    enum keeper_key which = KEEPER_LOG;
    struct err e = ERR_NONE;
    uint8_t sig[crypto_sign_BYTES];
    int rc;

    assert(k->secrets);
    buf_reset(message);
    rc = message_of(k, type, body, message, &which, &e);
    if (rc == OK && message->failed)
        rc = err_set(&e, ERR_LIMIT, "what is to be signed is too long");
    if (rc == OK && crypto_sign_detached(sig, NULL, (const uint8_t *)message->p, message->n,
                                         k->secrets->sign[which]) != 0)
        rc = err_set(&e, ERR_CRYPTO, "signing failed");
    if (rc != OK)
        return send_refusal(k->fd, &e);
    return msg_send(k->fd, KEEPER_SIGNATURE, sv_from((const char *)sig, sizeof(sig)), NULL, 0, NULL);
}

static int serve(struct keep *k)
{
    struct buf body, message;
    uint8_t type;
    int rc;

    buf_init(&body, REQUEST_MAX);
    buf_init(&message, REQUEST_MAX + 4096);
    do {
        rc = msg_recv(k->fd, &type, &body, NULL, 0, NULL, NULL);
        if (rc == 1)
            rc = answer(k, type, buf_sv(&body), &message) == OK ? 1 : ERR_IO;
    } while (rc == 1);
    buf_clear(&body);
    buf_clear(&message);
    return rc; /* 0: the parent hung up */
}

_Noreturn void keeper_live(int fd, const char *dir)
{
    struct sandbox_opts narrow = {0};
    struct keep k = {.fd = fd};
    struct err e = ERR_NONE;
    int rc;

    settle_signals();
    if (shed_descriptors(&k.fd) < 0)
        _exit(3);
    (void)prctl(PR_SET_NAME, "noroshi-keeper", 0, 0, 0);
    rc = load_keys(&k, dir, &e);
    if (rc == OK)
        rc = sandbox_enter(SANDBOX_KEEPER, &narrow, NULL, &e);
    if (rc == OK)
        rc = send_ready(&k);
    else
        (void)!send_refusal(k.fd, &e);
    if (rc == OK)
        rc = serve(&k);
    sodium_free(k.secrets);
    _exit(rc == OK ? 0 : 3);
}
