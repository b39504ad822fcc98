/* The caller's side: starting the fetcher and asking it. */
#include "net/fetch_private.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fetcher {
    int control;
    pid_t pid;
    char spool[4096];     /* directory of bodies; "" = memory */
    pthread_mutex_t lock; /* of what follows, and one request at a time goes over `control` */
    pthread_cond_t idle;
    unsigned asking;
    bool closing;
};

struct fetcher *fetcher_start(struct err *e)
{
    return fetcher_start_wide(FETCH_RUNNING, e);
}

struct fetcher *fetcher_start_wide(unsigned most, struct err *e)
{
    int pair[2];
    struct fetcher *f = calloc(1, sizeof(*f));
    if (!f) {
        err_set(e, ERR_MEMORY, "no memory for the fetcher");
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        err_errno(e, errno, "cannot make a socket pair for the fetcher");
        free(f);
        return NULL;
    }
    f->pid = fork();
    if (f->pid == 0)
        fetch_child(pair[1], most < 1 ? 1 : most < FETCH_RUNNING_MOST ? most : FETCH_RUNNING_MOST);
    close_fd(&pair[1]);
    if (f->pid < 0) {
        err_errno(e, errno, "cannot start the fetcher");
        close_fd(&pair[0]);
        free(f);
        return NULL;
    }
    f->control = pair[0];
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->idle, NULL);
    return f;
}

int fetcher_spool(struct fetcher *f, const char *dir, struct err *e)
{
    return sv_copy(sv_c(dir), f->spool, sizeof(f->spool))
               ? OK
               : err_set(e, ERR_LIMIT, "the path %s is too long", dir);
}

void fetcher_hang_up(struct fetcher *f)
{
    if (!f)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->closing = true;
    (void)shutdown(f->control, SHUT_RDWR);
    (void)pthread_mutex_unlock(&f->lock);
}

void fetcher_stop(struct fetcher *f)
{
    if (!f)
        return;
    fetcher_hang_up(f);
    while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    (void)pthread_mutex_lock(&f->lock);
    while (f->asking)
        (void)pthread_cond_wait(&f->idle, &f->lock);
    (void)pthread_mutex_unlock(&f->lock);
    close_fd(&f->control);
    (void)pthread_cond_destroy(&f->idle);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- one request */

static int open_spool(const struct fetcher *f, struct err *e)
{
    int fd = f->spool[0] ? open(f->spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    /* A file system that has no unnamed files: memory serves as well. */
    if (fd < 0)
        fd = memfd_create("noroshi-body", MFD_CLOEXEC);
    return fd >= 0 ? fd : err_errno(e, errno, "cannot make a file for what is fetched");
}

static bool has_control(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static int check_request(const struct fetch_request *r, struct err *e)
{
    if (r->max_bytes == 0)
        return err_set(e, ERR_USAGE, "a request needs a limit of bytes");
    if (r->headers > FETCH_HEADERS)
        return err_set(e, ERR_USAGE, "a request has at most %d headers", FETCH_HEADERS);
    bool bad = has_control(r->url) || has_control(r->etag) || has_control(r->modified) || r->url.n == 0;
    for (size_t i = 0; i < r->headers; i++)
        bad = bad || has_control(r->header[i].name) || has_control(r->header[i].value) ||
              r->header[i].name.n == 0 || sv_chr(r->header[i].name, ':') != SIZE_MAX;
    if (bad)
        return err_set(e, ERR_VALUE, "the address or a header of the request holds control characters");
    if (r->resume_from && r->etag.n == 0)
        return err_set(e, ERR_USAGE, "a request that resumes needs the ETag of what is there");
    return OK;
}

static int send_request(struct fetcher *f, const struct fetch_request *r, const int fds[ASK_FDS],
                        struct err *e)
{
    struct buf b;
    buf_init(&b, MSG_MAX);
    fetch_ask_encode(&b, r);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the request is larger than %u MiB", MSG_MAX >> 20) : OK;
    (void)pthread_mutex_lock(&f->lock);
    if (rc == OK && f->closing)
        rc = err_set(e, ERR_CANCELLED, "the node is stopping");
    else if (rc == OK)
        rc = msg_send(f->control, FETCH_ASK, buf_sv(&b), fds, ASK_FDS, e);
    (void)pthread_mutex_unlock(&f->lock);
    buf_clear(&b);
    return rc;
}

static int gone(struct fetcher *f, struct err *e)
{
    (void)pthread_mutex_lock(&f->lock);
    bool closing = f->closing;
    (void)pthread_mutex_unlock(&f->lock);
    if (closing)
        return err_set(e, ERR_CANCELLED, "the node is stopping");
    err_set(e, ERR_IO, "the fetcher ended in the middle of this request");
    return err_hint(e, "try again: it is started anew by itself; when it happens again, report it");
}

static int failure(struct sv body, struct err *e)
{
    struct cur c = cur_of(body);
    int code = -(int)cur_u32(&c);
    struct sv text = cur_str(&c), remedy = cur_str(&c);
    if (c.failed || code >= 0)
        return err_set(e, ERR_INTERNAL, "the fetcher answered something that is not an answer");
    err_set(e, code, "%.*s", SV_ARG(text));
    return remedy.n ? err_hint(e, "%.*s", SV_ARG(remedy)) : code;
}

static int receive_answer(struct fetcher *f, int reply, struct arena *a, struct fetch_answer *ret,
                          struct err *e)
{
    struct buf b;
    uint8_t type = 0;
    buf_init(&b, FETCH_ANSWER_MOST);
    int rc = msg_recv(reply, &type, &b, NULL, 0, NULL, e);
    if (rc <= 0)
        rc = gone(f, e);
    else if (type == FETCH_FAILED)
        rc = failure(buf_sv(&b), e);
    else if (type != FETCH_ANSWER || !fetch_answer_decode(buf_sv(&b), a, ret))
        rc = err_set(e, ERR_INTERNAL, "the fetcher answered something that is not an answer");
    else
        rc = OK;
    buf_clear(&b);
    return rc;
}

static int ask(struct fetcher *f, const struct fetch_request *r, int spool, struct arena *a,
               struct fetch_answer *ret, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(e, errno, "cannot make a socket for a request");
    const int fds[ASK_FDS] = {[ASK_REPLY] = pair[1], [ASK_SPOOL] = spool};
    int rc = send_request(f, r, fds, e);
    close_fd(&pair[1]);
    rc = rc == OK ? receive_answer(f, pair[0], a, ret, e) : rc;
    close_fd(&pair[0]);
    return rc;
}

int fetch(struct fetcher *f, const struct fetch_request *r, struct arena *a, struct fetch_answer *ret,
          struct err *e)
{
    *ret = (struct fetch_answer){.fd = -1};
    if (!f)
        return err_set(e, ERR_UNSUPPORTED,
                       "this process has no fetcher: the node was opened for reading only");
    int rc = check_request(r, e);
    int spool = rc == OK ? open_spool(f, e) : -1;
    if (spool < 0)
        return rc == OK ? spool : rc;
    (void)pthread_mutex_lock(&f->lock);
    f->asking++;
    (void)pthread_mutex_unlock(&f->lock);
    rc = ask(f, r, spool, a, ret, e);
    (void)pthread_mutex_lock(&f->lock);
    if (--f->asking == 0)
        (void)pthread_cond_broadcast(&f->idle);
    (void)pthread_mutex_unlock(&f->lock);
    /* 304 and 204 have no body; an empty 200 has one. */
    if (rc == OK && (ret->bytes || (ret->status >= 200 && ret->status < 300 && ret->status != 204))) {
        (void)lseek(spool, 0, SEEK_SET);
        ret->fd = spool;
    } else {
        close_fd(&spool);
        ret->fd = -1;
    }
    return rc;
}

struct sv fetch_answer_header(const struct fetch_answer *a, const char *name)
{
    for (size_t i = 0; i < a->headers; i++)
        if (sv_eq(a->header[i].name, sv_c(name)))
            return a->header[i].value;
    return SV_NONE;
}
