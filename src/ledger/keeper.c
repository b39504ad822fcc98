/* The parent's side of the keeper: starting it and asking it. */
#include "ledger/keeper_private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct keeper {
    int fd;
    pid_t pid;
    pthread_mutex_t lock; /* one request is under way at a time */
    struct buf out, in;
    struct note_key keys[KEEPER_KEYS];
};

static int refusal(struct sv body, struct err *e)
{
    struct cur c = cur_of(body);
    int code = -(int)cur_u32(&c);
    struct sv text = cur_str(&c), remedy = cur_str(&c), file = cur_str(&c);
    char name[200];

    if (c.failed || code >= 0)
        return err_set(e, ERR_INTERNAL, "the keeper answered something that is not an answer");
    err_set(e, code, "%.*s", SV_ARG(text));
    if (remedy.n)
        err_hint(e, "%.*s", SV_ARG(remedy));
    if (file.n) {
        (void)sv_copy(file, name, sizeof(name));
        err_at(e, name, 0, UINT64_MAX);
    }
    return code;
}

static int keeper_lost(struct err *e)
{
    err_set(e, ERR_CRYPTO, "the keeper process is gone: nothing can be signed");
    return err_hint(e, "Restart the node.");
}

/* Receives one answer of the wanted type into k->in. */
static int receive(struct keeper *k, uint8_t wanted, struct err *e)
{
    uint8_t type;
    int rc = msg_recv(k->fd, &type, &k->in, NULL, 0, NULL, e);

    if (rc <= 0)
        return keeper_lost(e);
    if (type == KEEPER_REFUSED)
        return refusal(buf_sv(&k->in), e);
    return type == wanted ? OK : err_set(e, ERR_INTERNAL, "the keeper answered with frame %u", type);
}

static int receive_ready(struct keeper *k, struct err *e)
{
    struct cur c;
    int rc = receive(k, KEEPER_READY, e);

    c = cur_of(buf_sv(&k->in));
    for (int i = 0; rc == OK && i < KEEPER_KEYS; i++)
        rc = note_key_parse(cur_str(&c), &k->keys[i], e);
    return rc;
}

static int spawn(struct keeper *k, const char *dir, struct err *e)
{
    pid_t parent = getpid();
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_errno(e, errno, "cannot make a socket pair for the keeper");
    k->pid = fork();
    if (k->pid < 0) {
        int rc = err_errno(e, errno, "cannot start the keeper");

        close(fds[0]);
        close(fds[1]);
        return rc;
    }
    if (k->pid == 0) {
        /* Seeds must not outlive the node, even when a sibling still holds the other end of the socket. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
            _exit(3);
        close(fds[0]);
        keeper_live(fds[1], dir);
    }
    close(fds[1]);
    k->fd = fds[0];
    return OK;
}

struct keeper *keeper_start(const char *dir, struct err *e)
{
    struct err local = ERR_NONE;
    struct err *err = e ? e : &local;
    struct keeper *k = calloc(1, sizeof(*k));
    int rc;

    if (!k) {
        err_set(err, ERR_MEMORY, "no memory for the keeper");
        return NULL;
    }
    k->fd = -1;
    pthread_mutex_init(&k->lock, NULL);
    buf_init(&k->out, MSG_MAX);
    buf_init(&k->in, 1 << 16);
    rc = crypto_start(err);
    if (rc == OK)
        rc = spawn(k, dir, err);
    if (rc == OK)
        rc = receive_ready(k, err);
    if (rc != OK) {
        keeper_stop(k);
        return NULL;
    }
    return k;
}

void keeper_stop(struct keeper *k)
{
    if (!k)
        return;
    close_fd(&k->fd);
    if (k->pid > 0)
        while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    pthread_mutex_destroy(&k->lock);
    buf_clear(&k->out);
    buf_clear(&k->in);
    free(k);
}

const struct note_key *keeper_public(const struct keeper *k, enum keeper_key which)
{
    return &k->keys[which];
}

/* Sends k->out and takes the signature. Called with the lock held; gives it back. */
static int ask(struct keeper *k, uint8_t type, uint8_t ret_sig[64], struct err *e)
{
    int rc;

    if (k->out.failed)
        rc = err_set(e, ERR_LIMIT, "what is to be signed is too long");
    else if (msg_send(k->fd, type, buf_sv(&k->out), NULL, 0, e) != OK)
        rc = keeper_lost(e);
    else
        rc = receive(k, KEEPER_SIGNATURE, e);
    if (rc == OK && k->in.n != 64)
        rc = err_set(e, ERR_INTERNAL, "the keeper answered with %zu bytes", k->in.n);
    if (rc == OK)
        memcpy(ret_sig, k->in.p, 64);
    pthread_mutex_unlock(&k->lock);
    return rc;
}

int keeper_sign_checkpoint(struct keeper *k, struct sv text, uint8_t ret_sig[64], struct err *e)
{
    pthread_mutex_lock(&k->lock);
    buf_reset(&k->out);
    buf_add(&k->out, text);
    return ask(k, KEEPER_ASK_CHECKPOINT, ret_sig, e);
}

int keeper_cosign(struct keeper *k, struct sv text, uint64_t unix_time, uint8_t ret_sig[64], struct err *e)
{
    pthread_mutex_lock(&k->lock);
    buf_reset(&k->out);
    buf_u64(&k->out, unix_time);
    buf_add(&k->out, text);
    return ask(k, KEEPER_ASK_COSIGN, ret_sig, e);
}

int keeper_sign_message(struct keeper *k, struct sv payload_type, struct sv body, uint8_t ret_sig[64],
                        struct err *e)
{
    pthread_mutex_lock(&k->lock);
    buf_reset(&k->out);
    buf_str(&k->out, payload_type);
    buf_add(&k->out, body);
    return ask(k, KEEPER_ASK_MESSAGE, ret_sig, e);
}

int keeper_sign_file(struct keeper *k, const uint8_t hash[MINISIGN_HASH], uint8_t ret_sig[64], struct err *e)
{
    pthread_mutex_lock(&k->lock);
    buf_reset(&k->out);
    buf_addp(&k->out, hash, MINISIGN_HASH);
    return ask(k, KEEPER_ASK_FILE, ret_sig, e);
}

int keeper_sign_comment(struct keeper *k, const uint8_t hash[MINISIGN_HASH], struct sv comment,
                        uint8_t ret_sig[64], struct err *e)
{
    pthread_mutex_lock(&k->lock);
    buf_reset(&k->out);
    buf_addp(&k->out, hash, MINISIGN_HASH);
    buf_add(&k->out, comment);
    return ask(k, KEEPER_ASK_COMMENT, ret_sig, e);
}
