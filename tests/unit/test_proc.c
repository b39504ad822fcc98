/* Messages with descriptors, worker threads, the log. */
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/proc.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void messages_arrive_with_their_descriptors(void **state)
{
    int before = count_fds(), pair[2];
    make_pair(pair);
    int sent[MSG_MAX_FDS], got[MSG_MAX_FDS];
    for (size_t i = 0; i < MSG_MAX_FDS; i++) {
        sent[i] = memfd_create("sent", 0);
        char digit = (char)('0' + i);
        assert_int_equal(write(sent[i], &digit, 1), 1);
    }
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 1000);
    uint8_t type = 0;
    size_t n = 99;
    /* All kept; fewer kept than sent; none; several messages in the socket at once. */
    assert_int_equal(msg_send(pair[0], 7, SV("body"), sent, MSG_MAX_FDS, &e), OK);
    assert_int_equal(msg_send(pair[0], 8, SV(""), sent, 3, &e), OK);
    assert_int_equal(msg_send(pair[0], 9, SV("x"), NULL, 0, &e), OK);
    assert_int_equal(msg_send(pair[0], 10, SV("y"), sent, 2, &e), OK);
    assert_int_equal(msg_recv(pair[1], &type, &b, got, MSG_MAX_FDS, &n, &e), 1);
    assert_true(type == 7 && sv_eq(buf_sv(&b), SV("body")) && n == MSG_MAX_FDS);
    for (size_t i = 0; i < n; i++) {
        char digit;
        assert_int_equal(pread(got[i], &digit, 1, 0), 1);
        assert_int_equal(digit, '0' + i);
        assert_int_equal(fcntl(got[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close_fd(&got[i]);
    }
    assert_int_equal(msg_recv(pair[1], &type, &b, got, 1, &n, &e), 1);
    assert_true(type == 8 && b.n == 0 && n == 1);
    close_fd(&got[0]);
    assert_int_equal(msg_recv(pair[1], &type, &b, NULL, 0, NULL, &e), 1);
    assert_true(type == 9 && sv_eq(buf_sv(&b), SV("x")));
    assert_int_equal(msg_recv(pair[1], &type, &b, NULL, 0, NULL, &e), 1);
    assert_true(type == 10 && sv_eq(buf_sv(&b), SV("y")));
    close_fd(&pair[0]);
    assert_int_equal(msg_recv(pair[1], &type, &b, got, MSG_MAX_FDS, &n, &e), 0);
    close_fd(&pair[1]);
    for (size_t i = 0; i < MSG_MAX_FDS; i++)
        close_fd(&sent[i]);
    assert_int_equal(count_fds(), before);
    buf_clear(&b);
}

struct sender {
    int fd;
    struct sv body;
    int rc;
};

static void *send_large(void *arg)
{
    struct sender *s = arg;
    int fds[2] = {s->fd, s->fd};
    s->rc = msg_send(s->fd, 1, s->body, fds, 2, NULL);
    return NULL;
}

static void large_messages_pass_small_sockets(void **state)
{
    int pair[2];
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        make_pair(pair);
        if (nonblocking) {
            assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
            assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
        }
        size_t size = 5000001;
        char *body = malloc(size);
        assert_non_null(body);
        for (size_t i = 0; i < size; i++)
            body[i] = (char)(i * 31 >> 3);
        struct sender s = {.fd = pair[0], .body = sv_from(body, size), .rc = 1};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, send_large, &s), 0);
        struct buf b;
        buf_init(&b, MSG_MAX);
        uint8_t type;
        int fds[2];
        size_t n;
        struct err e = ERR_NONE;
        assert_int_equal(msg_recv(pair[1], &type, &b, fds, 2, &n, &e), 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(s.rc, OK);
        assert_int_equal(n, 2);
        assert_true(sv_eq(buf_sv(&b), s.body));
        close_fd(&fds[0]);
        close_fd(&fds[1]);
        close_fd(&pair[0]);
        close_fd(&pair[1]);
        buf_clear(&b);
        free(body);
    }
}

static void broken_messages_are_refused(void **state)
{
    static const struct {
        struct sv bytes;
        int code;
    } rows[] = {
        {{"\x05", 1}, ERR_CORRUPT},
        {{"\x05\0\0\0", 4}, ERR_CORRUPT},
        {{"\x05\0\0\0\1", 5}, ERR_CORRUPT},
        {{"\x05\0\0\0\1abcd", 9}, ERR_CORRUPT},
        {{"\xff\xff\xff\xff\1", 5}, ERR_LIMIT},
        {{"\xe9\x03\0\0\1", 5}, ERR_LIMIT}, /* 1001 bytes into a buffer of 1000 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int before = count_fds(), pair[2], got[2];
        make_pair(pair);
        /* With a descriptor on the first byte, which must not be leaked either. */
        struct iovec iov = {(void *)(uintptr_t)rows[i].bytes.p, rows[i].bytes.n};
        union {
            char room[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } c = {{0}};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        *h = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &(int){STDERR_FILENO}, sizeof(int));
        assert_int_equal(sendmsg(pair[0], &m, 0), rows[i].bytes.n);
        close_fd(&pair[0]);
        struct buf b;
        buf_init(&b, 1000);
        uint8_t type;
        size_t n = 9;
        struct err e = ERR_NONE;
        assert_int_equal(msg_recv(pair[1], &type, &b, got, 2, &n, &e), rows[i].code);
        assert_int_equal(n, 0);
        close_fd(&pair[1]);
        assert_int_equal(count_fds(), before);
        buf_clear(&b);
    }
    int pair[2];
    make_pair(pair);
    close_fd(&pair[1]);
    struct err e = ERR_NONE;
    assert_int_equal(msg_send(pair[0], 1, SV("x"), NULL, 0, &e), ERR_IO); /* EPIPE, and no SIGPIPE */
    assert_int_equal(msg_send(pair[0], 1, sv_from("", MSG_MAX + 1), NULL, 0, &e), ERR_LIMIT);
    assert_int_equal(msg_send(pair[0], 1, SV("x"), pair, MSG_MAX_FDS + 1, &e), ERR_LIMIT);
    close_fd(&pair[0]);
}

static void messages_pass_pipes(void **state)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 100);
    uint8_t type;
    assert_int_equal(msg_send(ends[1], 3, SV("through a pipe"), NULL, 0, &e), OK);
    close_fd(&ends[1]);
    assert_int_equal(msg_recv(ends[0], &type, &b, NULL, 0, NULL, &e), 1);
    assert_true(type == 3 && sv_eq(buf_sv(&b), SV("through a pipe")));
    assert_int_equal(msg_recv(ends[0], &type, &b, NULL, 0, NULL, &e), 0);
    close_fd(&ends[0]);
    buf_clear(&b);
}

struct shared {
    pthread_mutex_t lock;
    pthread_cond_t open;
    bool is_open;
    int begun;
    int order[2000];
    int n;
};

struct task {
    struct shared *shared;
    int id;
};

static void record(void *arg)
{
    struct task *t = arg;
    (void)pthread_mutex_lock(&t->shared->lock);
    t->shared->begun++;
    while (!t->shared->is_open)
        (void)pthread_cond_wait(&t->shared->open, &t->shared->lock);
    t->shared->order[t->shared->n++] = t->id;
    (void)pthread_mutex_unlock(&t->shared->lock);
}

static int count_begun(struct shared *s)
{
    (void)pthread_mutex_lock(&s->lock);
    int n = s->begun;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

static void open_gate(struct shared *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->is_open = true;
    (void)pthread_cond_broadcast(&s->open);
    (void)pthread_mutex_unlock(&s->lock);
}

static void pools_run_all_jobs_in_order(void **state)
{
    static struct shared s = {.lock = PTHREAD_MUTEX_INITIALIZER, .open = PTHREAD_COND_INITIALIZER};
    static struct task tasks[2000];
    struct err e = ERR_NONE;
    struct pool *p = pool_new(1, 100, &e);
    assert_non_null(p);
    for (int i = 0; i < 101; i++) {
        tasks[i] = (struct task){&s, i};
        assert_int_equal(pool_add(p, record, &tasks[i]), OK);
        /* The first job has left the queue and waits, so the other hundred fill it. */
        while (i == 0 && count_begun(&s) == 0)
            (void)usleep(10);
    }
    assert_int_equal(pool_add(p, record, &tasks[0]), ERR_LIMIT);
    open_gate(&s);
    pool_wait(p);
    assert_int_equal(s.n, 101);
    for (int i = 0; i < s.n; i++)
        assert_int_equal(s.order[i], i);
    pool_free(p);

    s.n = 0;
    p = pool_new(8, 50, &e);
    assert_non_null(p);
    for (int i = 0; i < 2000; i++) {
        tasks[i] = (struct task){&s, i};
        while (pool_add(p, record, &tasks[i]) == ERR_LIMIT)
            (void)usleep(10);
    }
    pool_wait(p);
    assert_int_equal(s.n, 2000);
    pool_wait(p);
    bool seen[2000] = {false};
    for (int i = 0; i < 2000; i++)
        seen[s.order[i]] = true;
    for (int i = 0; i < 2000; i++)
        assert_true(seen[i]);
    pool_free(p);
    pool_free(NULL);
    assert_null(pool_new(0, 5, &e));
    assert_int_equal(e.code, ERR_VALUE);
}

static struct sv logged(int fd, char *text, size_t cap)
{
    ssize_t n = pread(fd, text, cap, 0);
    assert_true(n >= 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return sv_from(text, (size_t)n);
}

static void logs_cannot_be_forged(void **state)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    char text[8192];
    log_open(fd, LOG_INFO, 1);
    log_write(LOG_DEBUG, "room", "unseen");
    assert_int_equal(logged(fd, text, sizeof(text)).n, 0);
    log_info("intake", "%s", "a \"quote\" \\ and\nbreak\x1b \xe7\x8b\xbc");
    struct sv line = logged(fd, text, sizeof(text));
    assert_true(sv_starts(line, SV("{\"time\":\"20")));
    assert_true(sv_ends(line, SV("Z\",\"level\":\"info\",\"room\":\"intake\",\"text\":"
                                 "\"a \\\"quote\\\" \\\\ and\\u000abreak\\u001b \xe7\x8b\xbc\"}\n")));
    struct err e;
    err_set(&e, ERR_SYNTAX, "bad");
    err_hint(&e, "mend it");
    err_at(&e, "f.csv", 3, 17);
    log_err(LOG_ERROR, "intake", &e);
    line = logged(fd, text, sizeof(text));
    assert_true(sv_ends(
        line, SV("\"text\":\"bad\",\"code\":\"syntax\",\"remedy\":\"mend it\",\"file\":\"f.csv\",\"line\":3,"
                 "\"offset\":17}\n")));
    log_open(fd, LOG_WARN, 0);
    log_info("x", "unseen");
    log_warn("net", "one\ntwo\x1b[2J\xff");
    line = logged(fd, text, sizeof(text));
    assert_true(sv_ends(line, SV("Z warn  net: one\\x0atwo\\x1b[2J\\xff\n")));
    log_err(LOG_ERROR, "intake", &e);
    line = logged(fd, text, sizeof(text));
    assert_true(sv_ends(line, SV("Z error intake: bad (f.csv:3); mend it\n")));
    /* Whatever the length: one line, ended. */
    char longer[6000];
    memset(longer, '\n', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    for (int json = 0; json < 2; json++) {
        log_open(fd, LOG_INFO, json);
        log_warn(longer, "%s", longer);
        line = logged(fd, text, sizeof(text));
        assert_int_equal(sv_chr(line, '\n'), line.n - 1);
        assert_true(sv_ends(line, json ? SV("\"}\n") : SV("\n")));
    }
    log_open(STDERR_FILENO, LOG_INFO, -1);
    close_fd(&fd);
}

static int start(void **state)
{
    return crypto_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_with_their_descriptors),
        cmocka_unit_test(large_messages_pass_small_sockets),
        cmocka_unit_test(broken_messages_are_refused),
        cmocka_unit_test(messages_pass_pipes),
        cmocka_unit_test(pools_run_all_jobs_in_order),
        cmocka_unit_test(logs_cannot_be_forged),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
