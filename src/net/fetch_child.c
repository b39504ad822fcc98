/*
 * The fetcher's process. What was forked from the node only waits for the worker it forks, and forks another
 * one when it dies: requests of that moment fail, later ones do not. The worker narrows itself and does all
 * requests in one thread over curl's multi interface.
 */
#include "net/fetch_private.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MOST 256u
#define MEMORY_MOST ((size_t)4 << 30)
#define TICK_MS 250
#define PROCESS_BROKEN 3

struct worker {
    int control;
    CURLM *multi;
    struct transfer *run[FETCH_RUNNING_MOST];
    struct transfer *wait[WAITING_MOST]; /* in order of arrival */
    size_t running, waiting, most;
    struct buf in, out;
    bool over;
};

/* ---- answers */

static void reply(struct worker *w, struct transfer *t, int rc, const struct fetch_answer *a,
                  const struct err *e)
{
    buf_reset(&w->out);
    if (rc == OK) {
        fetch_answer_encode(&w->out, a);
    } else {
        buf_u32(&w->out, (uint32_t)-e->code);
        buf_str(&w->out, sv_c(e->text));
        buf_str(&w->out, sv_c(e->remedy));
    }
    /* Who does not listen any more needs no answer. */
    (void)!msg_send(t->reply, rc == OK ? FETCH_ANSWER : FETCH_FAILED, buf_sv(&w->out), NULL, 0, NULL);
}

static void fail(struct worker *w, struct transfer *t, const struct err *e)
{
    reply(w, t, e->code, NULL, e);
    transfer_free(t);
}

static void drop(struct worker *w, size_t i)
{
    (void)curl_multi_remove_handle(w->multi, w->run[i]->easy);
    transfer_free(w->run[i]);
    w->run[i] = w->run[--w->running];
}

/* ---- one step after the other */

static bool begin(struct worker *w, struct transfer *t, struct err *e)
{
    if (transfer_prepare(t, e) != OK)
        return false;
    if (curl_multi_add_handle(w->multi, t->easy) == CURLM_OK)
        return true;
    err_set(e, ERR_MEMORY, "no memory for a request");
    return false;
}

static void begin_waiting(struct worker *w)
{
    while (w->waiting && w->running < w->most) {
        struct err e = ERR_NONE;
        struct transfer *t = w->wait[0];
        memmove(w->wait, w->wait + 1, --w->waiting * sizeof(w->wait[0]));
        t->began = t->moved = time_ticks();
        if (begin(w, t, &e))
            w->run[w->running++] = t;
        else
            fail(w, t, &e);
    }
}

static void end_one(struct worker *w, size_t i, CURLcode code)
{
    struct err e = ERR_NONE;
    struct fetch_answer a;
    struct transfer *t = w->run[i];
    int rc = transfer_end(t, code, &a, &e);
    (void)curl_multi_remove_handle(w->multi, t->easy);
    if (rc == 1 && begin(w, t, &e))
        return;
    w->run[i] = w->run[--w->running];
    reply(w, t, rc == 1 ? e.code : rc, &a, &e);
    transfer_free(t);
}

static void end_done(struct worker *w)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(w->multi, &left))) {
        for (size_t i = 0; m->msg == CURLMSG_DONE && i < w->running; i++) {
            if (w->run[i]->easy == m->easy_handle) {
                end_one(w, i, m->data.result);
                break;
            }
        }
    }
}

static void end_late(struct worker *w)
{
    usec now = time_ticks();
    for (size_t i = w->running; i-- > 0;) {
        struct err e = ERR_NONE;
        const struct transfer *t = w->run[i];
        bool stalled = now - t->moved > t->ask.stall_seconds * USEC_SECOND;
        if (!stalled && now - t->began <= t->ask.seconds * USEC_SECOND)
            continue;
        int rc = transfer_late(t, stalled, &e);
        reply(w, w->run[i], rc, NULL, &e);
        drop(w, i);
    }
}

/* ---- new requests, and callers that gave up */

static void take_request(struct worker *w)
{
    uint8_t type = 0;
    int fds[ASK_FDS] = {-1, -1};
    size_t nfds = 0;
    if (msg_recv(w->control, &type, &w->in, fds, ASK_FDS, &nfds, NULL) <= 0) {
        w->over = true;
        return;
    }
    if (type != FETCH_ASK || nfds != ASK_FDS) {
        for (size_t i = 0; i < nfds; i++)
            close_fd(&fds[i]);
        return;
    }
    struct transfer *t = transfer_new(&w->in, fds[ASK_REPLY], fds[ASK_SPOOL]);
    if (t && w->waiting < WAITING_MOST) {
        w->wait[w->waiting++] = t;
    } else if (t) {
        struct err e = ERR_NONE;
        err_set(&e, ERR_BUSY, "more than %u requests wait already", WAITING_MOST);
        fail(w, t, &e);
    }
}

/* Milliseconds: none while a waiting request can begin, since those that ran may all have ended in one round.
 */
static int patience(const struct worker *w)
{
    if (w->waiting && w->running < w->most)
        return 0;
    return w->running ? TICK_MS : 3600 * 1000;
}

static void wait_for_something(struct worker *w)
{
    struct curl_waitfd fds[1 + FETCH_RUNNING_MOST] = {{.fd = w->control, .events = CURL_WAIT_POLLIN}};
    for (size_t i = 0; i < w->running; i++)
        fds[1 + i] = (struct curl_waitfd){.fd = w->run[i]->reply, .events = CURL_WAIT_POLLIN};
    size_t n = w->running;
    if (curl_multi_poll(w->multi, fds, (unsigned)(1 + n), patience(w), NULL) != CURLM_OK)
        _exit(PROCESS_BROKEN);
    for (size_t i = n; i-- > 0;)
        if (fds[1 + i].revents)
            drop(w, i);
    if (fds[0].revents)
        take_request(w);
}

static _Noreturn void work(int control, unsigned most)
{
    struct sandbox_opts narrow = {.memory_max = MEMORY_MOST};
    struct worker w = {.control = control, .most = most};
    int running;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "noroshi-fetch", 0, 0, 0);
    buf_init(&w.in, MSG_MAX);
    buf_init(&w.out, FETCH_ANSWER_MOST);
    if (crypto_start(NULL) != OK || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK ||
        sandbox_enter(SANDBOX_FETCHER, &narrow, NULL, NULL) != OK)
        _exit(PROCESS_BROKEN);
    w.multi = curl_multi_init();
    if (!w.multi)
        _exit(PROCESS_BROKEN);
    while (!w.over) {
        begin_waiting(&w);
        if (curl_multi_perform(w.multi, &running) != CURLM_OK)
            _exit(PROCESS_BROKEN);
        end_done(&w);
        end_late(&w);
        if (!w.over)
            wait_for_something(&w);
    }
    _exit(0);
}

/* ---- the process that stands behind it */

static void settle(int control)
{
    /* Only the control socket and standard error are ours. */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || (control != 3 && dup2(control, 3) < 0))
        _exit(PROCESS_BROKEN);
    (void)close_range(4, ~0u, 0);
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    /* The terminal's ^C is for the node, which then ends us. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Waits for something to do before a worker is started: commands that fetch nothing pay for one fork. */
static bool wanted(void)
{
    struct pollfd p = {.fd = 3, .events = POLLIN};
    char byte;
    while (poll(&p, 1, -1) < 0)
        if (errno != EINTR)
            return false;
    return recv(3, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

_Noreturn void fetch_child(int control, unsigned most)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle(control);
    while (wanted()) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            work(3, most);
        if (pid < 0)
            _exit(PROCESS_BROKEN);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        /* What killed it may be tried again at once. */
        const struct timespec pause = {.tv_nsec = 200000000};
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            (void)nanosleep(&pause, NULL);
    }
    _exit(0);
}
