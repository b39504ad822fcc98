#include "base/proc.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER 5
/* A peer that promises many bytes must send them before memory is taken for them. */
#define READ_STEP ((size_t)1 << 20)

union control {
    char room[CMSG_SPACE(sizeof(int) * MSG_MAX_FDS)];
    struct cmsghdr align;
};

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    (void)poll(&p, 1, -1);
}

/* Socket or pipe; SIGPIPE is kept away from sockets. */
static ssize_t send_some(int fd, const struct msghdr *m)
{
    ssize_t n = sendmsg(fd, m, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK && m->msg_controllen == 0)
        n = writev(fd, m->msg_iov, (int)m->msg_iovlen);
    return n;
}

static ssize_t receive_some(int fd, void *p, size_t n)
{
    ssize_t got = recv(fd, p, n, 0);
    return got < 0 && errno == ENOTSOCK ? read(fd, p, n) : got;
}

static void put_fds(struct msghdr *m, union control *c, const int *fds, size_t nfds)
{
    memset(c, 0, sizeof(*c));
    m->msg_control = c->room;
    m->msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
    struct cmsghdr *h = CMSG_FIRSTHDR(m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
    memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
}

static void advance(struct iovec iov[2], size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t part = n < iov[i].iov_len ? n : iov[i].iov_len;
        iov[i].iov_base = (char *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        n -= part;
    }
}

int msg_send(int fd, uint8_t type, struct sv body, const int *fds, size_t nfds, struct err *e)
{
    if (body.n > MSG_MAX || nfds > MSG_MAX_FDS)
        return err_set(e, ERR_LIMIT, "a message of %zu bytes and %zu descriptors is too large", body.n, nfds);
    uint8_t header[HEADER] = {(uint8_t)body.n, (uint8_t)(body.n >> 8), (uint8_t)(body.n >> 16),
                              (uint8_t)(body.n >> 24), type};
    struct iovec iov[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)body.p, body.n}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    union control c;
    if (nfds)
        put_fds(&m, &c, fds, nfds);
    while (iov[0].iov_len + iov[1].iov_len) {
        ssize_t n = send_some(fd, &m);
        if (n < 0 && errno == EAGAIN)
            wait_for(fd, POLLOUT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot send to the other process");
        advance(iov, (size_t)n);
        m.msg_control = NULL;
        m.msg_controllen = 0;
    }
    return OK;
}

struct received {
    int *fds;
    size_t max;
    size_t n;
};

static void keep_fds(struct msghdr *m, struct received *r)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int got;
            memcpy(&got, CMSG_DATA(h) + i * sizeof(int), sizeof(got));
            if (r->n < r->max)
                r->fds[r->n++] = got;
            else
                close_fd(&got);
        }
    }
}

static ssize_t receive_header(int fd, uint8_t *p, size_t n, struct received *r)
{
    union control c;
    struct iovec iov = {p, n};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof(c.room)};
    ssize_t got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == ENOTSOCK)
        return read(fd, p, n);
    if (got >= 0)
        keep_fds(&m, r);
    return got;
}

/* `r` is NULL for the body: descriptors hidden in it are dropped by the kernel. Returns 1, 0 at an end before
 * any byte. */
static int receive_all(int fd, uint8_t *p, size_t n, struct received *r, struct err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = r ? receive_header(fd, p + done, n - done, r) : receive_some(fd, p + done, n - done);
        if (got < 0 && errno == EAGAIN)
            wait_for(fd, POLLIN);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return err_errno(e, errno, "cannot receive from the other process");
        if (got == 0)
            return done ? err_set(e, ERR_CORRUPT, "the other process ended in the middle of a message") : 0;
        done += (size_t)got;
    }
    return 1;
}

static int receive_body(int fd, struct buf *b, size_t n, struct err *e)
{
    if (n > MSG_MAX || n > b->max)
        return err_set(e, ERR_LIMIT, "a message of %zu bytes is too large", n);
    while (b->n < n) {
        size_t step = n - b->n < READ_STEP ? n - b->n : READ_STEP;
        char *at = buf_reserve(b, step);
        if (!at)
            return err_set(e, ERR_MEMORY, "no memory for a message of %zu bytes", n);
        int rc = receive_all(fd, (uint8_t *)at, step, NULL, e);
        if (rc == 0)
            return err_set(e, ERR_CORRUPT, "the other process ended in the middle of a message");
        if (rc < 0)
            return rc;
        b->n += step;
    }
    return 1;
}

int msg_recv(int fd, uint8_t *ret_type, struct buf *b, int *fds, size_t max_fds, size_t *ret_nfds,
             struct err *e)
{
    uint8_t header[HEADER];
    struct received r = {.fds = fds, .max = max_fds};
    buf_reset(b);
    int rc = receive_all(fd, header, sizeof(header), &r, e);
    if (rc == 1) {
        struct cur c = cur_of(sv_from((const char *)header, sizeof(header)));
        size_t n = cur_u32(&c);
        *ret_type = cur_u8(&c);
        rc = receive_body(fd, b, n, e);
    }
    if (rc != 1)
        for (; r.n; r.n--)
            close_fd(&r.fds[r.n - 1]);
    if (ret_nfds)
        *ret_nfds = r.n;
    return rc;
}
