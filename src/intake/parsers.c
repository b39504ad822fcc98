/*
 * The parser processes. One small process (the nursery) is forked before threads start and before any input
 * is read, so that what it forks later is clean. For each job it forks a worker, which loads the zone,
 * narrows itself, parses and writes frames to a pipe. The nursery reaps workers and says on a second pipe how
 * they ended.
 */
#include "intake/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_MOST ((size_t)2 << 30)
#define CPU_SECONDS_MOST 3600u
#define FLUSH_BYTES ((size_t)128 << 10) /* frames are written in blocks of at least so much */
#define FRAMES_MOST ((size_t)768 << 20) /* one frame that does not fit more is ERR_LIMIT */
#define PIPE_BYTES (1 << 20)
#define READ_BYTES ((size_t)256 << 10)
#define JOBS_MOST 64u
#define IDLE_MS 100

enum { MSG_JOB = 1 };
enum { JOB_IN, JOB_OUT, JOB_STATUS, JOB_FDS };

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct parsers {
    int control;
    pid_t nursery;
    pthread_mutex_t lock;
};

/* ---- worker: the sink that writes frames ----------------------------------------------------- */

struct writer {
    int fd;
    struct buf b;
};

static int writer_flush(struct writer *w, struct err *e)
{
    int rc = fd_write_all(w->fd, buf_sv(&w->b), e);
    buf_reset(&w->b);
    return rc;
}

static int written(struct writer *w, struct err *e)
{
    if (w->b.failed)
        return err_set(e, ERR_LIMIT, "one record needs more than %zu MiB", FRAMES_MOST >> 20);
    return w->b.n >= FLUSH_BYTES ? writer_flush(w, e) : OK;
}

static int write_record(void *ctx, struct sv type, struct err *e)
{
    struct writer *w = ctx;
    frame_record(&w->b, type);
    return written(w, e);
}

static int write_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct writer *w = ctx;
    frame_claim(&w->b, c);
    return written(w, e);
}

static int write_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct writer *w = ctx;
    frame_object(&w->b, o);
    return written(w, e);
}

static int write_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct writer *w = ctx;
    frame_list(&w->b, l);
    return written(w, e);
}

static int write_list_entry(void *ctx, struct sv value, struct err *e)
{
    struct writer *w = ctx;
    frame_list_entry(&w->b, value);
    return written(w, e);
}

static int write_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct writer *w = ctx;
    frame_observation(&w->b, o);
    return written(w, e);
}

static int write_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct writer *w = ctx;
    frame_reject(&w->b, r);
    return written(w, e);
}

static int write_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e)
{
    struct writer *w = ctx;
    frame_chunk(&w->b, sha, offset, length);
    return written(w, e);
}

static int write_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    struct writer *w = ctx;
    frame_member(&w->b, path, sv_c(format));
    return written(w, e);
}

static const struct intake_sink writer_sink = {
    .record = write_record,
    .claim = write_claim,
    .object = write_object,
    .list = write_list,
    .list_entry = write_list_entry,
    .observation = write_observation,
    .reject = write_reject,
    .chunk = write_chunk,
    .member = write_member,
};

/* ---- worker ---------------------------------------------------------------------------------- */

static void job_encode(struct buf *b, const struct intake_opts *o)
{
    buf_str(b, o->zone ? sv_c(zone_name(o->zone)) : SV(""));
    buf_str(b, o->mapping);
    buf_str(b, o->format);
    buf_str(b, o->name);
}

static int job_decode(struct sv body, struct intake_opts *ret, struct err *e)
{
    struct cur c = cur_of(body);
    struct sv zone = cur_str(&c);
    *ret = (struct intake_opts){.mapping = cur_str(&c)};
    ret->format = cur_str(&c);
    ret->name = cur_str(&c);
    if (c.failed)
        return err_set(e, ERR_INTERNAL, "a parser job cannot be read");
    ret->zone = zone.n ? zone_find(zone, e) : NULL;
    return zone.n && !ret->zone ? e->code : OK;
}

static int work_narrowed(struct sv body, int in, struct writer *w, struct err *e)
{
    struct intake_opts o;
    struct intake_sink sink = writer_sink;
    const struct sandbox_opts narrow = {
        .memory_max = SANITIZED ? 0 : MEMORY_MOST,
        .cpu_seconds = CPU_SECONDS_MOST,
    };
    sink.ctx = w;
    int rc = job_decode(body, &o, e);
    if (rc == OK)
        rc = sandbox_enter(SANDBOX_PARSER, &narrow, NULL, e);
    return rc < 0 ? rc : intake_parse(in, &o, &sink, e);
}

static _Noreturn void work(struct sv body, const int *fds, const sigset_t *old_mask)
{
    struct err e = ERR_NONE, ignored = ERR_NONE;
    struct writer w = {.fd = fds[JOB_OUT]};
    (void)sigprocmask(SIG_SETMASK, old_mask, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    buf_init(&w.b, FRAMES_MOST);
    int rc = work_narrowed(body, fds[JOB_IN], &w, &e);
    if (rc >= 0)
        e = ERR_NONE;
    if (w.b.failed)
        buf_reset(&w.b);
    frame_end(&w.b, &e);
    /* When nobody reads any more there is nobody to tell. */
    (void)!writer_flush(&w, &ignored);
    _exit(0);
}

/* ---- nursery --------------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int status;
};

struct nursery {
    int control, signals;
    sigset_t old_mask;
    struct child child[JOBS_MOST];
    size_t n;
    struct buf body;
};

static void reap(struct nursery *n)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < n->n; i++) {
            if (n->child[i].pid != pid)
                continue;
            (void)!write(n->child[i].status, &status, sizeof(status));
            close_fd(&n->child[i].status);
            n->child[i] = n->child[--n->n];
            break;
        }
    }
}

/* The worker keeps only what it works with: the numbers are moved together and all above are closed. */
static _Noreturn void be_worker(struct nursery *n, int *fds)
{
    const int in = dup(fds[JOB_IN]), out = dup(fds[JOB_OUT]);
    if (in < 0 || out < 0 || dup2(in, 3) < 0 || dup2(out, 4) < 0)
        _exit(1);
    (void)close_range(5, ~0u, 0);
    if (!SANITIZED) /* what a worker has to say stands in frames, not on somebody's terminal */
        (void)dup2(0, 2);
    const int moved[JOB_FDS] = {3, 4, -1};
    work(buf_sv(&n->body), moved, &n->old_mask);
}

/* A job that cannot be started ends like a worker that died: its pipes close without a last word, its status
 * says why. */
static void start_job(struct nursery *n, int *fds)
{
    pid_t pid = n->n < JOBS_MOST ? fork() : -1;
    if (pid == 0)
        be_worker(n, fds);
    if (pid > 0) {
        n->child[n->n++] = (struct child){pid, fds[JOB_STATUS]};
        fds[JOB_STATUS] = -1;
    } else {
        int status = -(n->n < JOBS_MOST ? errno : EAGAIN);
        (void)!write(fds[JOB_STATUS], &status, sizeof(status));
    }
    for (size_t i = 0; i < JOB_FDS; i++)
        close_fd(&fds[i]);
}

static bool take_job(struct nursery *n)
{
    struct err e = ERR_NONE;
    uint8_t type;
    int fds[JOB_FDS] = {-1, -1, -1};
    size_t nfds = 0;
    if (msg_recv(n->control, &type, &n->body, fds, JOB_FDS, &nfds, &e) <= 0)
        return false;
    if (type == MSG_JOB && nfds == JOB_FDS) {
        start_job(n, fds);
        return true;
    }
    for (size_t i = 0; i < nfds; i++)
        close_fd(&fds[i]);
    return true;
}

/* Nobody waits for them any more: one that hangs would hang for ever. */
static void end_abandoned(struct nursery *n, const struct pollfd *p)
{
    for (size_t i = 0; i < n->n; i++) {
        if (p[i].revents & POLLERR) {
            (void)kill(n->child[i].pid, SIGKILL);
            close_fd(&n->child[i].status);
        }
    }
}

static void nurse(struct nursery *n)
{
    struct pollfd p[2 + JOBS_MOST] = {{n->control, POLLIN, 0}, {n->signals, POLLIN, 0}};
    for (;;) {
        for (size_t i = 0; i < n->n; i++)
            p[2 + i] = (struct pollfd){n->child[i].status, 0, 0};
        if (poll(p, 2 + (nfds_t)n->n, -1) < 0) {
            if (errno != EINTR)
                return;
            continue;
        }
        end_abandoned(n, p + 2);
        if (p[1].revents) {
            struct signalfd_siginfo info;
            (void)!read(n->signals, &info, sizeof(info));
            reap(n);
        }
        /* At the end of the control socket the node is gone: workers die with us (PR_SET_PDEATHSIG). */
        if (p[0].revents && !take_job(n))
            return;
    }
}

static _Noreturn void be_nursery(int control)
{
    static struct nursery n;
    struct err e = ERR_NONE;
    sigset_t child;
    if (dup2(control, 3) < 0)
        _exit(1);
    (void)close_range(4, ~0u, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        close_fd(&null);
    }
    /* Handlers of the program must not run here: a worker that faults has to die of it. */
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* the terminal's ^C is for the node, which then ends us */
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, &n.old_mask);
    n.control = 3;
    n.signals = signalfd(-1, &child, SFD_CLOEXEC);
    buf_init(&n.body, MSG_MAX);
    /* Random bytes and secrets are fetched here, where files may still be read. */
    if (n.signals < 0 || crypto_start(&e) < 0)
        _exit(1);
    (void)hash_process_secret();
    nurse(&n);
    _exit(0);
}

struct parsers *parsers_start(struct err *e)
{
    int pair[2];
    struct parsers *p = calloc(1, sizeof(*p));
    if (!p) {
        err_set(e, ERR_MEMORY, "no memory for the parser processes");
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        err_errno(e, errno, "cannot make a socket for the parser processes");
        free(p);
        return NULL;
    }
    p->nursery = fork();
    if (p->nursery == 0)
        be_nursery(pair[1]);
    (void)close(pair[1]);
    if (p->nursery < 0) {
        err_errno(e, errno, "cannot start the parser process");
        (void)close(pair[0]);
        free(p);
        return NULL;
    }
    p->control = pair[0];
    (void)pthread_mutex_init(&p->lock, NULL);
    return p;
}

void parsers_stop(struct parsers *p)
{
    if (!p)
        return;
    close_fd(&p->control);
    while (waitpid(p->nursery, NULL, 0) < 0 && errno == EINTR)
        continue;
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- caller ---------------------------------------------------------------------------------- */

struct run {
    int out;    /* frames from the worker */
    int status; /* how it ended */
};

static int start_run(struct parsers *p, int fd, const struct intake_opts *o, struct run *ret, struct err *e)
{
    int out[2], status[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe for a parser");
    if (pipe2(status, O_CLOEXEC) < 0) {
        int rc = err_errno(e, errno, "cannot make a pipe for a parser");
        (void)close(out[0]);
        (void)close(out[1]);
        return rc;
    }
    (void)fcntl(out[0], F_SETPIPE_SZ, PIPE_BYTES);
    struct buf body;
    buf_init(&body, MSG_MAX);
    job_encode(&body, o);
    const int fds[JOB_FDS] = {fd, out[1], status[1]};
    (void)pthread_mutex_lock(&p->lock);
    int rc = body.failed ? err_set(e, ERR_LIMIT, "the settings of the source are too large")
                         : msg_send(p->control, MSG_JOB, buf_sv(&body), fds, JOB_FDS, e);
    (void)pthread_mutex_unlock(&p->lock);
    buf_clear(&body);
    (void)close(out[1]);
    (void)close(status[1]);
    *ret = (struct run){out[0], status[0]};
    if (rc < 0) {
        (void)close(out[0]);
        (void)close(status[0]);
    }
    return rc;
}

/* The worker ended without its last word. */
static int explain_death(const struct run *r, struct err *e)
{
    int status;
    ssize_t n;
    do
        n = read(r->status, &status, sizeof(status));
    while (n < 0 && errno == EINTR);
    if (n != sizeof(status))
        return err_set(e, ERR_INTERNAL, "the parser process is gone");
    if (status < 0)
        return err_errno(e, -status, "cannot start a parser for this file");
    if (!WIFSIGNALED(status))
        return err_set(e, ERR_INTERNAL, "the parser ended early with code %d", WEXITSTATUS(status));
    int sig = WTERMSIG(status);
    const char *name = sigdescr_np(sig);
    if (sig == SIGXCPU) {
        err_set(e, ERR_LIMIT, "the parser needed more than %u seconds of processor time", CPU_SECONDS_MOST);
        return err_hint(e, "split the file; what came before the limit is kept");
    }
    err_set(e, sig == SIGKILL ? ERR_LIMIT : ERR_INTERNAL, "the parser was ended by signal %d (%s)", sig,
            name ? name : "unknown");
    return err_hint(e, sig == SIGKILL ? "the machine may be out of memory; what came before is kept"
                                      : "the file may exploit a fault of the parser: keep it and report it");
}

/* Moves what is left to the front and makes room for more than is there, so that a long frame gets whole in
 * the end. */
static char *read_room(struct buf *b, size_t used)
{
    memmove(b->p, b->p + used, b->n - used);
    b->n -= used;
    return buf_reserve(b, b->n > READ_BYTES ? b->n : READ_BYTES);
}

/* Returns when there is something to read; the caller's sink is told when that takes long. */
static int wait_for_frames(const struct run *r, const struct intake_sink *sink, struct err *e)
{
    struct pollfd p = {r->out, POLLIN, 0};
    int n;
    do
        n = poll(&p, 1, IDLE_MS);
    while (n < 0 && errno == EINTR);
    return n == 0 && sink->idle ? sink->idle(sink->ctx, e) : OK;
}

static int replay(const struct run *r, const struct intake_sink *sink, struct buf *b, struct arena *a,
                  struct err *e)
{
    size_t used = 0;
    for (;;) {
        char *p = b->p ? read_room(b, used) : buf_reserve(b, READ_BYTES);
        if (!p)
            return err_set(e, ERR_LIMIT, "a record of the file is too large");
        int idle = wait_for_frames(r, sink, e);
        if (idle < 0)
            return idle;
        ssize_t n = read(r->out, p, b->n > READ_BYTES ? b->n : READ_BYTES);
        used = 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read from the parser");
        if (n == 0)
            return explain_death(r, e);
        b->n += (size_t)n;
        bool end;
        int rc = frames_play(buf_sv(b), a, sink, &used, &end, e);
        if (rc < 0 || end)
            return rc;
    }
}

int intake_run(struct parsers *p, int fd, const struct intake_opts *o, const struct intake_sink *sink,
               struct err *e)
{
    struct run r = {-1, -1};
    struct err own = ERR_NONE;
    struct buf b;
    struct arena a;
    e = e ? e : &own;
    int rc = start_run(p, fd, o, &r, e);
    if (rc < 0)
        return rc;
    buf_init(&b, FRAMES_MOST);
    arena_init(&a, INTAKE_ARENA_BYTES);
    rc = replay(&r, sink, &b, &a, e);
    buf_clear(&b);
    arena_clear(&a);
    close_fd(&r.out);
    close_fd(&r.status);
    return rc;
}
