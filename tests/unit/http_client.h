/* A raw HTTP client for tests: sends exactly the bytes it is told to, also wrong ones. */
#pragma once

#include "net/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int client_connect(const char *address)
{
    struct sv text = sv_c(address);
    uint64_t port = 0;
    (void)sv_u64(sv_sub(text, sv_rchr(text, ':') + 1, SIZE_MAX), &port);
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

static inline bool client_send(int fd, struct sv bytes)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes = sv_sub(bytes, (size_t)n, SIZE_MAX);
    }
    return true;
}

/* Some bytes within the time; 0 at the end, -1 when nothing came or the connection broke. */
static inline ssize_t client_some(int fd, struct buf *b, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char *to = buf_reserve(b, 65536);
    if (!to || poll(&p, 1, milliseconds) != 1) {
        return -1;
    }
    ssize_t n = recv(fd, to, 65536, 0);
    b->n += n > 0 ? (size_t)n : 0;
    return n;
}

struct answer {
    struct buf raw;
    unsigned status;
    struct sv head, body;
};

static inline struct sv answer_header(const struct answer *a, const char *name)
{
    struct sv rest = a->head, line, key;
    while (sv_line(&rest, &line)) {
        if (sv_cut(&line, ':', &key) && sv_ieq(key, sv_c(name))) {
            return sv_trim(line);
        }
    }
    return SV_NONE;
}

static inline bool answer_whole(struct answer *a)
{
    struct sv all = buf_sv(&a->raw);
    uint64_t length = 0;
    size_t end = sv_find(all, SV("\r\n\r\n"));
    if (end == SIZE_MAX || all.n < 12) {
        return false;
    }
    if (sv_starts(all, SV("HTTP/1.1 100"))) { /* an interim answer: what follows counts */
        size_t rest = all.n - end - 4;
        memmove(a->raw.p, a->raw.p + end + 4, rest);
        a->raw.n = rest;
        return answer_whole(a);
    }
    a->status = (unsigned)strtoul(all.p + 9, NULL, 10);
    a->head = sv_sub(all, 0, end + 2);
    a->body = sv_sub(all, end + 4, SIZE_MAX);
    struct sv text = answer_header(a, "Content-Length");
    return text.p && sv_u64(text, &length) && a->body.n >= length;
}

/* One answer with a Content-Length, or what came until the end. False when none came in `milliseconds`. */
static inline bool client_answer(int fd, struct answer *a, int milliseconds)
{
    buf_init(&a->raw, 16u << 20);
    a->status = 0;
    usec until = time_ticks() + milliseconds * (usec)1000;
    while (!answer_whole(a) && time_ticks() < until) {
        if (client_some(fd, &a->raw, (int)((until - time_ticks()) / 1000) + 1) <= 0) {
            break;
        }
    }
    (void)answer_whole(a);
    return a->status != 0;
}

static inline void answer_clear(struct answer *a)
{
    buf_clear(&a->raw);
}
