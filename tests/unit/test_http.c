/* The HTTP server over real sockets on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <zlib.h>

#define MEMORY_MOST 65536
#define FILE_MOST (1u << 20)

/* ---- a handler to test with */

static struct {
    atomic_int headed, done, closed, slow_running, handled;
    pthread_mutex_t lock;
    struct http_stream *stream;
    int events; /* to be sent */
    bool end;
} seen;

static int on_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                   void **ret_user)
{
    atomic_fetch_add(&seen.headed, 1);
    *ret_user = &seen;
    *ret_max_body = MEMORY_MOST;
    if (sv_eq(http_path(r), SV("/refuse"))) {
        http_respond(r, 403, "text/plain", SV("no"));
        return 403;
    }
    if (sv_eq(http_path(r), SV("/file"))) {
        *ret_to_file = true;
        *ret_max_body = FILE_MOST;
    }
    return 0;
}

static int pull(void *stream, struct buf *out)
{
    pthread_mutex_lock(&seen.lock);
    for (; seen.events > 0; seen.events--) {
        buf_add(out, SV("data: x\n\n"));
    }
    int rc = seen.end ? -1 : 1;
    pthread_mutex_unlock(&seen.lock);
    return rc;
}

static void on_closed(void *stream)
{
    pthread_mutex_lock(&seen.lock);
    seen.stream = NULL;
    pthread_mutex_unlock(&seen.lock);
    atomic_fetch_add(&seen.closed, 1);
}

static void answer_file(struct http_request *r)
{
    char text[64];
    int fd = http_body_fd(r);
    struct stat st;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_CUR) == 0 && st.st_nlink == 0 &&
                (uint64_t)st.st_size == http_body_bytes(r);
    snprintf(text, sizeof(text), "%s %llu", good ? "good" : "bad", (unsigned long long)http_body_bytes(r));
    http_respond(r, 200, "text/plain", sv_c(text));
}

static void answer_query(struct http_request *r)
{
    struct buf b;
    struct sv a = http_query(r, "a"), cookie = http_cookie(r, "c");
    buf_init(&b, 65536);
    buf_printf(&b, "%.*s|%s|%.*s|%.*s", SV_ARG(http_path(r)), a.p ? "a" : "-", SV_ARG(a), SV_ARG(cookie));
    http_set(r, "X-Peer", http_peer(r));
    http_respond(r, 200, "text/plain", buf_sv(&b));
    buf_clear(&b);
}

static void answer_large(struct http_request *r)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    for (int i = 0; i < 10000; i++) {
        buf_printf(&b, "line %d\n", i);
    }
    http_respond(r, 200, "text/plain", buf_sv(&b));
    buf_clear(&b);
}

static void on_body(void *ctx, struct http_request *r, void *user)
{
    struct sv path = http_path(r);
    assert_ptr_equal(user, &seen);
    atomic_fetch_add(&seen.handled, 1);
    if (sv_eq(path, SV("/echo"))) {
        http_respond(r, 200, "application/octet-stream", http_body(r));
    } else if (sv_eq(path, SV("/file"))) {
        answer_file(r);
    } else if (sv_eq(path, SV("/large"))) {
        answer_large(r);
    } else if (sv_eq(path, SV("/slow"))) {
        atomic_fetch_add(&seen.slow_running, 1);
        (void)poll(NULL, 0, 500);
        http_respond(r, 200, "text/plain", SV("slow"));
        atomic_fetch_sub(&seen.slow_running, 1);
    } else if (sv_eq(path, SV("/stream"))) {
        pthread_mutex_lock(&seen.lock);
        seen.stream = http_respond_stream(r, 200, "text/event-stream", pull, on_closed, &seen);
        pthread_mutex_unlock(&seen.lock);
    } else if (!sv_eq(path, SV("/silent"))) {
        answer_query(r);
    }
}

static void on_done(void *ctx, void *user)
{
    assert_ptr_equal(user, &seen);
    atomic_fetch_add(&seen.done, 1);
}

static const struct http_handler handler = {.head = on_head, .body = on_body, .done = on_done};

static struct http_server *start_with(unsigned per_address, unsigned idle)
{
    struct err e = ERR_NONE;
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .threads = 1,
                                .max_connections = 50,
                                .max_per_address = per_address,
                                .idle_seconds = idle,
                                .max_head = 8192};
    atomic_store(&seen.headed, 0);
    atomic_store(&seen.done, 0);
    atomic_store(&seen.closed, 0);
    atomic_store(&seen.handled, 0);
    seen.events = 0;
    seen.end = false;
    struct http_server *s = http_start(&o, &handler, &e);
    if (!s) {
        fail_msg("%s", e.text);
    }
    return s;
}

static struct http_server *start(void)
{
    return start_with(40, 20);
}

static bool wait_for(atomic_int *what, int value)
{
    for (int i = 0; i < 300 && atomic_load(what) != value; i++) {
        (void)poll(NULL, 0, 10);
    }
    return atomic_load(what) == value;
}

/* Sends the parts on a new connection and reads the answer. */
static unsigned ask(struct http_server *s, struct sv head, struct sv body, struct answer *a)
{
    int fd = client_connect(http_address(s));
    assert_true(fd >= 0);
    (void)client_send(fd, head);
    (void)client_send(fd, body);
    (void)client_answer(fd, a, 5000);
    close(fd);
    return a->status;
}

static unsigned status_of(struct http_server *s, struct sv head, struct sv body)
{
    struct answer a;
    unsigned status = ask(s, head, body, &a);
    answer_clear(&a);
    return status;
}

static struct sv post_head(struct arena *a, const char *path, size_t length, const char *more)
{
    return arena_printf(a, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, length,
                        more);
}

static unsigned post(struct http_server *s, const char *path, struct sv body, const char *more,
                     struct answer *ret)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    unsigned status = ask(s, post_head(&a, path, body.n, more), body, ret);
    arena_clear(&a);
    return status;
}

static unsigned post_status(struct http_server *s, const char *path, struct sv body, const char *more)
{
    struct answer a;
    unsigned status = post(s, path, body, more, &a);
    answer_clear(&a);
    return status;
}

static struct sv zeros(size_t n)
{
    static char block[4u << 20];
    assert_true(n <= sizeof(block));
    return sv_from(block, n);
}

/* ---- requests */

static void test_echo(void **state)
{
    struct http_server *s = start();
    struct answer a;
    assert_int_equal(post(s, "/echo", SV("hello"), "", &a), 200);
    assert_true(sv_eq(a.body, SV("hello")));
    answer_clear(&a);
    assert_int_equal(post(s, "/echo", zeros(MEMORY_MOST), "", &a), 200);
    assert_int_equal(a.body.n, MEMORY_MOST);
    answer_clear(&a);
    assert_int_equal(ask(s, SV("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
                         SV("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"), &a),
                     200);
    assert_true(sv_eq(a.body, SV("abcdefg")));
    answer_clear(&a);
    assert_true(wait_for(&seen.done, 3));
    http_stop(s, 2);
    assert_int_equal(atomic_load(&seen.headed), 3);
}

static void test_keep_alive(void **state)
{
    struct http_server *s = start();
    int fd = client_connect(http_address(s));
    struct answer a;
    for (int i = 0; i < 3; i++) {
        assert_true(client_send(fd, SV("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")));
        assert_true(client_answer(fd, &a, 3000));
        assert_int_equal(a.status, 200);
        assert_true(sv_eq(a.body, SV("hi")));
        answer_clear(&a);
    }
    assert_int_equal(http_connections(s), 1);
    close(fd);
    http_stop(s, 2);
}

static void test_parameters(void **state)
{
    struct http_server *s = start();
    struct answer a;
    assert_int_equal(
        ask(s,
            SV("GET /p%61th/%E9%8A%80?b=1&a=x+y%26z&a=2 HTTP/1.1\r\nHost: x\r\nCookie: b=1; c=\"v\"\r\n\r\n"),
            SV(""), &a),
        200);
    assert_true(sv_eq(a.body, SV("/path/\xe9\x8a\x80|a|x y&z|v")));
    assert_true(sv_eq(answer_header(&a, "X-Peer"), SV("127.0.0.1")));
    answer_clear(&a);
    assert_int_equal(ask(s, SV("GET http://elsewhere/q HTTP/1.1\r\nHost: x\r\n\r\n"), SV(""), &a), 200);
    assert_true(sv_eq(a.body, SV("/q|-||")));
    answer_clear(&a);
    assert_int_equal(status_of(s, SV("GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n"), SV("")), 400);
    assert_int_equal(status_of(s, SV("GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"), SV("")), 400);
    assert_int_equal(status_of(s, SV("GET /a%ff HTTP/1.1\r\nHost: x\r\n\r\n"), SV("")), 400);
    assert_int_equal(status_of(s, SV("GET a HTTP/1.1\r\nHost: x\r\n\r\n"), SV("")), 400);
    http_stop(s, 2);
}

static void test_silent_handler(void **state)
{
    struct http_server *s = start();
    assert_int_equal(status_of(s, SV("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n"), SV("")), 500);
    http_stop(s, 2);
}

/* ---- limits */

static void test_too_large(void **state)
{
    struct http_server *s = start();
    /* Not one byte of these bodies is sent: the answer comes before. */
    assert_int_equal(
        status_of(s, SV("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"), SV("")),
        413);
    assert_int_equal(
        status_of(s, SV("POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"), SV("")), 413);
    assert_int_equal(
        status_of(s, SV("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"), SV("")),
        403);
    assert_int_equal(post_status(s, "/echo", zeros(MEMORY_MOST + 1), ""), 413);
    assert_int_equal(post_status(s, "/refuse", zeros(1000), ""), 403);
    assert_int_equal(atomic_load(&seen.handled), 0);
    http_stop(s, 2);
}

static void test_too_large_chunked(void **state)
{
    struct http_server *s = start();
    struct buf b;
    buf_init(&b, 8u << 20);
    buf_printf(&b, "%x\r\n", MEMORY_MOST + 1);
    buf_add(&b, zeros(MEMORY_MOST + 1));
    buf_add(&b, SV("\r\n0\r\n\r\n"));
    struct sv head = SV("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(status_of(s, head, buf_sv(&b)), 413);
    buf_reset(&b);
    buf_add(&b, SV("3f0000\r\n"));
    buf_add(&b, zeros(0x3f0000)); /* far past the limit: the connection ends */
    assert_int_equal(status_of(s, head, buf_sv(&b)), 0);
    assert_int_equal(atomic_load(&seen.handled), 0);
    buf_clear(&b);
    http_stop(s, 2);
}

static void test_unclear_length(void **state)
{
    struct http_server *s = start();
    assert_int_equal(status_of(s,
                               SV("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
                                  "chunked\r\n\r\n"),
                               SV("0\r\n\r\n")),
                     400);
    assert_int_equal(
        status_of(s, SV("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
                  SV("abcd")),
        400);
    assert_int_equal(status_of(s, SV("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n"), SV("")),
                     400);
    assert_int_equal(/* the name is "Transfer-Encoding " here and may be another to a proxy in front */
                     status_of(s,
                               SV("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : "
                                  "chunked\r\nContent-Length: "
                                  "5\r\n\r\n"),
                               SV("0\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n")),
                     400);
    assert_int_equal(status_of(s, SV("GET /echo HTTP/1.1\r\nHost: x\r\nX(y): z\r\n\r\n"), SV("")), 400);
    assert_int_equal(atomic_load(&seen.handled), 0);
    http_stop(s, 2);
}

static void test_large_head(void **state)
{
    struct http_server *s = start();
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_add(&b, SV("GET / HTTP/1.1\r\nHost: x\r\n"));
    for (int i = 0; i < 10; i++) {
        buf_printf(&b, "X-%d: %0900d\r\n", i, 0);
    }
    buf_add(&b, SV("\r\n"));
    assert_int_equal(status_of(s, buf_sv(&b), SV("")), 431);
    buf_clear(&b);
    http_stop(s, 2);
}

/* ---- gzip */

static size_t pack(struct sv plain, char *to, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)plain.p;
    z.avail_in = (unsigned)plain.n;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return n;
}

static void test_gzip(void **state)
{
    static char packed[1u << 20];
    static const char gzip[] = "Content-Encoding: gzip\r\n";
    struct http_server *s = start();
    struct answer a;
    size_t n = pack(SV("first "), packed, sizeof(packed));
    n += pack(SV("second"), packed + n, sizeof(packed) - n);
    assert_int_equal(post(s, "/echo", sv_from(packed, n), gzip, &a), 200);
    assert_true(sv_eq(a.body, SV("first second")));
    answer_clear(&a);
    assert_int_equal(post_status(s, "/echo", sv_from(packed, n - 4), gzip), 400);
    assert_int_equal(post_status(s, "/echo", SV("not gzip"), gzip), 400);
    assert_int_equal(post_status(s, "/echo", SV("x"), "Content-Encoding: br\r\n"), 415);
    assert_int_equal(post_status(s, "/echo", SV("x"), "Content-Encoding: identity\r\n"), 200);
    n = pack(zeros(FILE_MOST), packed, sizeof(packed));
    assert_int_equal(post(s, "/file", sv_from(packed, n), gzip, &a), 200);
    assert_true(sv_eq(a.body, SV("good 1048576")));
    answer_clear(&a);
    n = pack(zeros(4u << 20), packed, sizeof(packed));
    assert_true(n < MEMORY_MOST);
    assert_int_equal(post_status(s, "/file", sv_from(packed, n), gzip), 413);
    assert_int_equal(post_status(s, "/echo", sv_from(packed, n), gzip), 413);
    http_stop(s, 2);
}

static void test_compressed_answer(void **state)
{
    struct http_server *s = start();
    struct answer plain, packed;
    static unsigned char out[1u << 20];
    assert_int_equal(ask(s, SV("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"), SV(""), &plain), 200);
    assert_int_equal(ask(s, SV("GET /large HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br;q=1, gzip\r\n\r\n"),
                         SV(""), &packed),
                     200);
    assert_true(sv_eq(answer_header(&packed, "Content-Encoding"), SV("gzip")));
    assert_true(packed.body.n < plain.body.n / 2);
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed.body.p,
                  .avail_in = (unsigned)packed.body.n,
                  .next_out = out,
                  .avail_out = sizeof(out)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_true(sv_eq(sv_from((const char *)out, z.total_out), plain.body));
    inflateEnd(&z);
    answer_clear(&packed);
    assert_int_equal(
        ask(s, SV("GET /large HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0\r\n\r\n"), SV(""), &packed),
        200);
    assert_null(answer_header(&packed, "Content-Encoding").p);
    answer_clear(&packed);
    answer_clear(&plain);
    http_stop(s, 2);
}

/* ---- connections that behave badly */

static void test_silence_ends(void **state)
{
    struct http_server *s = start_with(40, 1);
    int fd = client_connect(http_address(s));
    struct buf b;
    buf_init(&b, 1u << 20);
    assert_true(client_send(fd, SV("GET / HT")));
    assert_true(client_some(fd, &b, 4000) <= 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1); /* closed, not merely quiet */
    close(fd);
    buf_clear(&b);
    http_stop(s, 2);
}

static void test_trickle_ends(void **state)
{
    struct http_server *s = start_with(40, 1);
    int fd = client_connect(http_address(s)), sent = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_true(client_send(fd, SV("GET / HTTP/1.1\r\nX: ")));
    while (sent < 40 && poll(&p, 1, 300) == 0 && client_send(fd, SV("a"))) {
        sent++;
    }
    assert_true(sent > 5 && sent < 40); /* past the idle time, and not for ever */
    close(fd);
    http_stop(s, 2);
}

static void test_address_limit(void **state)
{
    struct http_server *s = start_with(3, 20);
    int fd[4];
    struct answer a;
    for (int i = 0; i < 4; i++) {
        fd[i] = client_connect(http_address(s));
        (void)client_send(fd[i], SV("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_int_equal(client_answer(fd[i], &a, 2000), i < 3);
        answer_clear(&a);
    }
    for (int i = 0; i < 4; i++) {
        close(fd[i]);
    }
    http_stop(s, 2);
}

static void test_client_disappears(void **state)
{
    struct http_server *s = start();
    int fd = client_connect(http_address(s));
    assert_true(client_send(fd, SV("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(wait_for(&seen.slow_running, 1));
    const struct linger hard = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
    assert_true(wait_for(&seen.done, 1));
    fd = client_connect(http_address(s)); /* in the middle of a body */
    assert_true(client_send(fd, SV("POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")));
    assert_true(wait_for(&seen.headed, 2));
    close(fd);
    assert_true(wait_for(&seen.done, 2));
    assert_int_equal(atomic_load(&seen.handled), 1);
    assert_int_equal(post_status(s, "/echo", SV("x"), ""), 200);
    http_stop(s, 2);
}

static void test_slow_holds_up_nobody(void **state)
{
    struct http_server *s = start();
    int fd = client_connect(http_address(s));
    struct answer a;
    assert_true(client_send(fd, SV("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(wait_for(&seen.slow_running, 1));
    assert_int_equal(post_status(s, "/echo", SV("x"), ""), 200);
    assert_int_equal(atomic_load(&seen.slow_running), 1);
    assert_true(client_answer(fd, &a, 3000));
    assert_true(sv_eq(a.body, SV("slow")));
    answer_clear(&a);
    close(fd);
    http_stop(s, 2);
}

/* ---- streams and stopping */

static void send_event(void)
{
    pthread_mutex_lock(&seen.lock);
    seen.events++;
    if (seen.stream) {
        http_wake(seen.stream);
    }
    pthread_mutex_unlock(&seen.lock);
}

static bool reads(int fd, struct buf *b, struct sv what)
{
    for (int i = 0; i < 20 && sv_find(buf_sv(b), what) == SIZE_MAX; i++) {
        if (client_some(fd, b, 500) == 0) {
            break;
        }
    }
    return sv_find(buf_sv(b), what) != SIZE_MAX;
}

static int open_stream(struct http_server *s, struct buf *b)
{
    int fd = client_connect(http_address(s));
    buf_init(b, 1u << 20);
    assert_true(client_send(fd, SV("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(reads(fd, b, SV("text/event-stream")));
    return fd;
}

static void test_stream(void **state)
{
    struct http_server *s = start();
    struct buf b;
    int fd = open_stream(s, &b);
    for (int i = 0; i < 3; i++) {
        buf_reset(&b);
        send_event();
        assert_true(reads(fd, &b, SV("data: x\n\n")));
        assert_int_equal(client_some(fd, &b, 50), -1); /* and rests again */
    }
    assert_int_equal(post_status(s, "/echo", SV("x"), ""), 200); /* on the same event thread */
    pthread_mutex_lock(&seen.lock);
    seen.end = true;
    http_wake(seen.stream);
    pthread_mutex_unlock(&seen.lock);
    assert_true(wait_for(&seen.closed, 1));
    close(fd);
    buf_clear(&b);
    http_stop(s, 2);
}

static void test_stream_client_disappears(void **state)
{
    struct http_server *s = start();
    struct buf b;
    int fd = open_stream(s, &b);
    close(fd);
    for (int i = 0; i < 100 && atomic_load(&seen.closed) == 0; i++) {
        send_event();
        (void)poll(NULL, 0, 20);
    }
    assert_int_equal(atomic_load(&seen.closed), 1);
    assert_true(wait_for(&seen.done, 1));
    buf_clear(&b);
    http_stop(s, 2);
}

static void *stop_it(void *arg)
{
    http_stop(arg, 5);
    return NULL;
}

static void test_stop(void **state)
{
    struct http_server *s = start();
    char address[80];
    struct buf b;
    struct answer a;
    pthread_t stopping;
    sv_copy(sv_c(http_address(s)), address, sizeof(address));
    int stream = open_stream(s, &b), fd = client_connect(address), idle = client_connect(address);
    assert_true(client_send(fd, SV("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(wait_for(&seen.slow_running, 1));
    usec begun = time_ticks();
    assert_int_equal(pthread_create(&stopping, NULL, stop_it, s), 0);
    assert_true(client_answer(fd, &a, 4000)); /* what ran is answered */
    assert_int_equal(a.status, 200);
    pthread_join(stopping, NULL);
    assert_true(time_ticks() - begun < 4 * USEC_SECOND);
    assert_int_equal(atomic_load(&seen.closed), 1);
    assert_int_equal(atomic_load(&seen.done), 2);
    assert_int_equal(client_connect(address), -1);
    answer_clear(&a);
    buf_clear(&b);
    close(stream);
    close(fd);
    close(idle);
}

static void test_start_errors(void **state)
{
    struct err e = ERR_NONE;
    struct http_server *s = start();
    struct http_opts o = {.listen = http_address(s),
                          .threads = 1,
                          .max_connections = 10,
                          .max_per_address = 10,
                          .idle_seconds = 5,
                          .max_head = 8192};
    assert_null(http_start(&o, &handler, &e));
    assert_true(strstr(e.text, "cannot listen on") && e.remedy[0]);
    o.listen = "0.0.0.0:0";
    assert_null(http_start(&o, &handler, &e)); /* plain HTTP is for this machine only */
    assert_int_equal(e.code, ERR_DENIED);
    o.listen = "nowhere";
    assert_null(http_start(&o, &handler, &e));
    assert_int_equal(e.code, ERR_DENIED);
    o.listen = "127.0.0.1:99999";
    assert_null(http_start(&o, &handler, &e));
    assert_int_equal(e.code, ERR_VALUE);
    http_stop(s, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_silent_handler),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_too_large_chunked),
        cmocka_unit_test(test_unclear_length),
        cmocka_unit_test(test_large_head),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_compressed_answer),
        cmocka_unit_test(test_silence_ends),
        cmocka_unit_test(test_trickle_ends),
        cmocka_unit_test(test_address_limit),
        cmocka_unit_test(test_client_disappears),
        cmocka_unit_test(test_slow_holds_up_nobody),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_client_disappears),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_start_errors),
    };
    struct err e = ERR_NONE;
    pthread_mutex_init(&seen.lock, NULL);
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
