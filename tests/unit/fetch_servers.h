/* Servers for the tests of HTTP out: a raw one without TLS that misbehaves as the path says, and the node's
 * own. */
#pragma once

#include "net/fetch.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

static struct fetcher *fetcher;
static int listener = -1;
static unsigned plain_port, tls_port;
static pthread_t server;
static struct http_server *tls;
static char dir[64], cert[96], key[96];
static struct buf cert_pem, bomb, zipped;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char text[200000];
static char seen[8192]; /* head of the last request to the raw server */
static char tls_authorization[64], tls_secret[64], tls_accept[64];

/* ---- the raw server: one thread, one connection at a time, the path says how to behave */

static void say(int fd, const char *fmt, ...) PRINTF(2, 3);
static void say(int fd, const char *fmt, ...)
{
    char line[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    (void)send(fd, line, (size_t)n, MSG_NOSIGNAL);
}

static void say_bytes(int fd, const char *head, struct sv body)
{
    say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", body.n, head);
    while (body.n) {
        ssize_t n = send(fd, body.p, body.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        body = sv_sub(body, (size_t)n, SIZE_MAX);
    }
}

static bool has(const char *head, const char *what)
{
    return strcasestr(head, what) != NULL;
}

static void rest(int fd, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    (void)poll(&p, 1, milliseconds);
}

static void answer_moved(int fd, const char *path)
{
    unsigned n = (unsigned)strtoul(path + 7, NULL, 10);
    if (n)
        say(fd,
            "HTTP/1.1 302 Found\r\nLocation: /moved/%u\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmove",
            n - 1);
    else
        say_bytes(fd, "", SV("arrived\n"));
}

static void answer_part(int fd, const char *head)
{
    if (has(head, "if-range: \"v1\"") && has(head, "range: bytes=4-"))
        say(fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-8/9\r\nContent-Length: 5\r\nETag: "
                "\"v1\"\r\nConnection: close\r\n\r\n56789");
    else
        say(fd, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9\r\nConnection: close\r\n\r\n1234");
}

static void answer(int fd, const char *path, const char *head)
{
    char path_text[64];
    (void)snprintf(path_text, sizeof(path_text), "%.*s", (int)strcspn(path, " "), path);
    if (strcmp(path_text, "/list") == 0 && has(head, "if-none-match: \"one\""))
        say(fd, "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nConnection: close\r\n\r\n");
    else if (strcmp(path_text, "/list") == 0)
        say_bytes(
            fd,
            "ETag: \"one\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n",
            SV("192.0.2.1\n"));
    else if (strncmp(path_text, "/moved/", 7) == 0)
        answer_moved(fd, path_text);
    else if (strcmp(path_text, "/away") == 0)
        say(fd,
            "HTTP/1.1 307 T\r\nLocation: https://127.0.0.1:%u/arrive\r\nContent-Length: 0\r\nConnection: "
            "close\r\n\r\n",
            tls_port);
    else if (strcmp(path_text, "/away-plain") == 0)
        say(fd,
            "HTTP/1.1 302 F\r\nLocation: http://localhost:%u/list\r\nContent-Length: 0\r\nConnection: "
            "close\r\n\r\n",
            plain_port);
    else if (strcmp(path_text, "/file") == 0)
        say(fd, "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: "
                "close\r\n\r\n");
    else if (strcmp(path_text, "/part") == 0)
        answer_part(fd, head);
    else if (strcmp(path_text, "/endless") == 0)
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\nx");
    else if (strcmp(path_text, "/stall") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n123");
        rest(fd, 10000);
    } else if (strcmp(path_text, "/mute") == 0)
        rest(fd, 10000);
    else if (strcmp(path_text, "/bomb") == 0)
        say_bytes(fd, "Content-Encoding: gzip\r\n", buf_sv(&bomb));
    else if (strcmp(path_text, "/zipped") == 0)
        say_bytes(fd, has(head, "accept-encoding: gzip") ? "Content-Encoding: gzip\r\n" : "",
                  buf_sv(&zipped));
    else if (strcmp(path_text, "/zip-cut") == 0)
        say_bytes(fd, "Content-Encoding: gzip\r\n", sv_sub(buf_sv(&zipped), 0, zipped.n - 9));
    else if (strcmp(path_text, "/brotli") == 0)
        say_bytes(fd, "Content-Encoding: br\r\n", SV("xx"));
    else if (strcmp(path_text, "/busy") == 0)
        say(fd,
            "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlater");
    else if (strcmp(path_text, "/slow") == 0)
        say_bytes(fd, "", sv_from(text, sizeof(text)));
    else
        say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void *serve(void *arg)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        char head[8192];
        size_t n = 0;
        ssize_t got = 0;
        do {
            got = recv(fd, head + n, sizeof(head) - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
            head[n] = 0;
        } while (got > 0 && head[0] != 0x16 && !strstr(head, "\r\n\r\n"));
        (void)pthread_mutex_lock(&lock);
        memcpy(seen, head, n + 1);
        (void)pthread_mutex_unlock(&lock);
        const char *path = strchr(head, ' ');
        if (path)
            answer(fd, path + 1, head);
        (void)shutdown(fd, SHUT_WR);
        close(fd);
    }
}

/* ---- the server with TLS: the node's own */

static void keep(char *to, size_t cap, struct sv value)
{
    (void)pthread_mutex_lock(&lock);
    (void)sv_copy(value, to, cap);
    (void)pthread_mutex_unlock(&lock);
}

static int tls_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                    void **ret_user)
{
    *ret_max_body = 1 << 20;
    return 0;
}

static void tls_body(void *ctx, struct http_request *r, void *user)
{
    keep(tls_authorization, sizeof(tls_authorization), http_header(r, "Authorization"));
    keep(tls_secret, sizeof(tls_secret), http_header(r, "X-Secret"));
    keep(tls_accept, sizeof(tls_accept), http_header(r, "Accept"));
    if (sv_eq(http_path(r), SV("/down"))) {
        char to[64];
        (void)snprintf(to, sizeof(to), "http://127.0.0.1:%u/list", plain_port);
        http_set(r, "Location", to);
        http_respond(r, 302, "text/plain", SV(""));
    } else {
        http_respond(r, 200, "text/plain", http_method(r) == HTTP_POST ? http_body(r) : SV("behind TLS\n"));
    }
}

static void tls_done(void *ctx, void *user)
{
}

static const struct http_handler tls_handler = {.head = tls_head, .body = tls_body, .done = tls_done};
