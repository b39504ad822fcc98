/* Answers that are written as they are read, and heads that take long to judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client.h"

#include <stdatomic.h>
#include <zlib.h>

#define LINES 200000
#define PAST 400 /* lines of a stream that fails */

static atomic_int judging, judged, most_at_once, bodies, closed;

/* ---- a handler */

struct lines {
    int at, last;
    bool fails;
};

static int pull_lines(void *stream, struct buf *out)
{
    struct lines *l = stream;
    for (int i = 0; i < 1000 && l->at < l->last; i++, l->at++) {
        buf_printf(out, "{\"line\":%d}\n", l->at);
    }
    return l->at < l->last ? 0 : l->fails ? -2 : -1;
}

static void free_lines(void *stream)
{
    atomic_fetch_add(&closed, 1);
    free(stream);
}

static int on_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                   void **ret_user)
{
    *ret_max_body = 64u << 20;
    if (sv_eq(http_path(r), SV("/free"))) {
        http_expand_freely(r);
    }
    return http_header(r, "Authorization").p ? HTTP_LATER : 0;
}

static int on_later(void *ctx, struct http_request *r, void *user, size_t *ret_max_body, bool *ret_to_file)
{
    int now = atomic_fetch_add(&judging, 1) + 1;
    if (now > atomic_load(&most_at_once)) {
        atomic_store(&most_at_once, now);
    }
    (void)poll(NULL, 0, 100);
    atomic_fetch_sub(&judging, 1);
    atomic_fetch_add(&judged, 1);
    *ret_max_body = 1u << 20;
    if (sv_eq(http_header(r, "Authorization"), SV("good"))) {
        return 0;
    }
    http_respond(r, 401, "text/plain", SV("who?"));
    return 401;
}

static void answer_pairs(struct http_request *r)
{
    struct buf b;
    struct sv name, value;
    size_t at = 0;
    buf_init(&b, 4096);
    while (http_query_next(r, &at, &name, &value)) {
        buf_printf(&b, "%.*s=%s%.*s;", SV_ARG(name), value.p ? "" : "!", SV_ARG(value));
    }
    http_respond(r, 200, "text/plain", buf_sv(&b));
    buf_clear(&b);
}

static void on_body(void *ctx, struct http_request *r, void *user)
{
    char size[32];
    atomic_fetch_add(&bodies, 1);
    bool whole = sv_eq(http_path(r), SV("/lines"));
    if (whole || sv_eq(http_path(r), SV("/broken"))) {
        struct lines *l = calloc(1, sizeof(*l));
        *l = (struct lines){.last = whole ? LINES : PAST, .fails = !whole};
        (void)http_respond_stream(r, 200, "application/json", pull_lines, free_lines, l);
        return;
    }
    if (sv_eq(http_path(r), SV("/pairs"))) {
        answer_pairs(r);
        return;
    }
    snprintf(size, sizeof(size), "%llu", (unsigned long long)http_body_bytes(r));
    http_respond(r, 200, "text/plain", sv_c(size));
}

static struct http_server *start(void)
{
    struct err e = ERR_NONE;
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .threads = 1,
                                .max_connections = 50,
                                .max_per_address = 50,
                                .idle_seconds = 20,
                                .max_head = 8192};
    const struct http_handler h = {.head = on_head, .later = on_later, .body = on_body};
    struct http_server *s = http_start(&o, &h, &e);
    atomic_store(&judged, 0);
    atomic_store(&most_at_once, 0);
    atomic_store(&bodies, 0);
    atomic_store(&closed, 0);
    assert_non_null(s);
    return s;
}

/* All that comes until the server closes; false when it does not. */
static bool read_all(struct http_server *s, struct sv request, struct buf *b)
{
    int fd = client_connect(http_address(s));
    ssize_t n;
    buf_init(b, 64u << 20);
    assert_true(client_send(fd, request));
    while ((n = client_some(fd, b, 5000)) > 0) {
    }
    close(fd);
    return n == 0;
}

/* Takes the chunks apart; false when the last one is missing. */
static bool dechunk(struct sv raw, struct sv *ret_head, struct buf *body)
{
    size_t end = sv_find(raw, SV("\r\n\r\n"));
    struct sv rest = sv_sub(raw, end + 4, SIZE_MAX), line;
    assert_true(end != SIZE_MAX);
    *ret_head = sv_sub(raw, 0, end + 2);
    buf_init(body, 64u << 20);
    while (sv_line(&rest, &line)) {
        size_t n = strtoul(line.p, NULL, 16);
        if (n == 0) {
            return line.n > 0;
        }
        buf_add(body, sv_sub(rest, 0, n));
        rest = sv_sub(rest, n + 2, SIZE_MAX);
    }
    return false;
}

static void assert_lines(struct sv text)
{
    struct sv line;
    char want[32];
    int i = 0;
    for (; sv_line(&text, &line); i++) {
        snprintf(want, sizeof(want), "{\"line\":%d}", i);
        if (!sv_eq(line, sv_c(want))) {
            fail_msg("line %d is %.*s", i, SV_ARG(line));
        }
    }
    assert_int_equal(i, LINES);
}

/* ---- streams */

static void test_stream(void **state)
{
    struct http_server *s = start();
    struct buf raw, body;
    struct sv head;
    assert_true(read_all(s, SV("GET /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), &raw));
    assert_true(dechunk(buf_sv(&raw), &head, &body));
    assert_true(sv_find(head, SV("Content-Encoding")) == SIZE_MAX);
    assert_true(sv_find(head, SV("Vary: Accept-Encoding")) != SIZE_MAX);
    assert_lines(buf_sv(&body));
    buf_clear(&body);
    buf_clear(&raw);
    http_stop(s, 2);
    assert_int_equal(atomic_load(&closed), 1);
}

static void test_stream_gzip(void **state)
{
    struct http_server *s = start();
    struct buf raw, body, out;
    struct sv head;
    assert_true(read_all(
        s, SV("GET /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"), &raw));
    assert_true(dechunk(buf_sv(&raw), &head, &body));
    assert_true(sv_find(head, SV("Content-Encoding: gzip")) != SIZE_MAX);
    assert_true(body.n < (size_t)LINES * 6);
    buf_init(&out, 64u << 20);
    z_stream z = {.next_in = (unsigned char *)body.p,
                  .avail_in = (unsigned)body.n,
                  .next_out = (unsigned char *)buf_reserve(&out, 16u << 20),
                  .avail_out = 16u << 20};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_lines(sv_from(out.p, z.total_out));
    inflateEnd(&z);
    buf_clear(&out);
    buf_clear(&body);
    buf_clear(&raw);
    http_stop(s, 2);
}

/* Who reads a page that broke off must not take it for whole. */
static void test_stream_fails(void **state)
{
    static const char *const codings[] = {"identity", "gzip"};
    struct http_server *s = start();
    for (int i = 0; i < 2; i++) {
        struct buf raw, body;
        struct sv head;
        char request[128];
        snprintf(request, sizeof(request), "GET /broken HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n",
                 codings[i]);
        (void)read_all(s, sv_c(request), &raw);
        assert_true(sv_starts(buf_sv(&raw), SV("HTTP/1.1 200")));
        assert_false(dechunk(buf_sv(&raw), &head, &body));
        buf_clear(&body);
        buf_clear(&raw);
    }
    http_stop(s, 2);
    assert_int_equal(atomic_load(&closed), 2);
}

static void test_head(void **state)
{
    struct http_server *s = start();
    struct buf raw;
    assert_true(read_all(s, SV("HEAD /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), &raw));
    assert_true(sv_starts(buf_sv(&raw), SV("HTTP/1.1 200")));
    assert_true(sv_ends(buf_sv(&raw), SV("\r\n\r\n")));
    buf_clear(&raw);
    http_stop(s, 2);
    assert_int_equal(atomic_load(&closed), 1);
}

/* ---- heads that take long */

static void test_judged(void **state)
{
    struct http_server *s = start();
    struct answer a;
    int fd = client_connect(http_address(s));
    assert_true(client_send(
        fd, SV("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\nContent-Length: 3\r\n\r\nabc")));
    assert_true(client_answer(fd, &a, 3000));
    assert_int_equal(a.status, 200);
    assert_true(sv_eq(a.body, SV("3")));
    answer_clear(&a);
    /* On the same connection: refused, the body is passed over, and the next request is understood. */
    assert_true(client_send(
        fd, SV("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: bad\r\nContent-Length: 3\r\n\r\nabc")));
    assert_true(client_answer(fd, &a, 3000));
    assert_int_equal(a.status, 401);
    answer_clear(&a);
    assert_true(client_send(fd, SV("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(client_answer(fd, &a, 3000));
    assert_int_equal(a.status, 200);
    answer_clear(&a);
    close(fd);
    assert_int_equal(atomic_load(&bodies), 2);
    assert_int_equal(atomic_load(&judged), 2);
    http_stop(s, 2);
}

/* Who waits for "100 Continue", or states a body past the limit that the judgement set, sends none of it. */
static void test_judged_before_body(void **state)
{
    struct http_server *s = start();
    struct buf raw;
    (void)read_all(s,
                   SV("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: bad\r\nExpect: 100-continue\r\n"
                      "Content-Length: 900000\r\n\r\n"),
                   &raw);
    assert_true(sv_starts(buf_sv(&raw), SV("HTTP/1.1 401")));
    buf_clear(&raw);
    (void)read_all(
        s, SV("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\nContent-Length: 1073741824\r\n\r\n"),
        &raw);
    assert_true(sv_starts(buf_sv(&raw), SV("HTTP/1.1 413")));
    buf_clear(&raw);
    assert_int_equal(atomic_load(&bodies), 0);
    http_stop(s, 2);
}

static void test_many_judged(void **state)
{
    struct http_server *s = start();
    struct answer a;
    int fd[8];
    for (int i = 0; i < 8; i++) {
        fd[i] = client_connect(http_address(s));
        assert_true(client_send(fd[i], SV("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n\r\n")));
    }
    int other = client_connect(http_address(s)); /* held up by none of them */
    usec from = time_ticks();
    assert_true(client_send(other, SV("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(client_answer(other, &a, 3000));
    assert_true(time_ticks() - from < 150000);
    answer_clear(&a);
    close(other);
    for (int i = 0; i < 8; i++) {
        assert_true(client_answer(fd[i], &a, 5000));
        assert_int_equal(a.status, 200);
        answer_clear(&a);
        close(fd[i]);
    }
    assert_in_range(atomic_load(&most_at_once), 1, 2);
    /* One that is judged while the server stops is still answered. */
    int last = client_connect(http_address(s));
    assert_true(client_send(last, SV("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n\r\n")));
    for (int i = 0; i < 100 && atomic_load(&judging) == 0; i++) {
        (void)poll(NULL, 0, 5);
    }
    http_stop(s, 2);
    assert_true(client_answer(last, &a, 1000));
    assert_true(a.status == 200 || a.status == 503);
    answer_clear(&a);
    close(last);
}

/* ---- small things */

static void test_ratio(void **state)
{
    static char packed[1u << 20], request[256];
    static unsigned char zeros[40u << 20];
    struct http_server *s = start();
    z_stream z = {.next_in = zeros, .avail_in = sizeof(zeros)};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (unsigned char *)packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    for (int i = 0; i < 2; i++) {
        struct answer a;
        int fd = client_connect(http_address(s));
        snprintf(request, sizeof(request),
                 "POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
                 i ? "/free" : "/", z.total_out);
        assert_true(client_send(fd, sv_c(request)));
        assert_true(client_send(fd, sv_from(packed, z.total_out)));
        assert_true(client_answer(fd, &a, 5000));
        assert_int_equal(a.status, i ? 200 : 413);
        assert_int_equal(sv_eq(a.body, SV("41943040")), i);
        answer_clear(&a);
        close(fd);
    }
    deflateEnd(&z);
    http_stop(s, 2);
}

static void test_pairs(void **state)
{
    struct http_server *s = start();
    struct answer a;
    int fd = client_connect(http_address(s));
    assert_true(client_send(
        fd, SV("GET /pairs?match%5Bid%5D=a,b&&limit=&next&x=%zz&q=a+b=c HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_true(client_answer(fd, &a, 3000));
    assert_true(sv_eq(a.body, SV("match[id]=a,b;limit=;next=;x=!;q=a b=c;")));
    answer_clear(&a);
    close(fd);
    http_stop(s, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),       cmocka_unit_test(test_stream_gzip),
        cmocka_unit_test(test_stream_fails), cmocka_unit_test(test_head),
        cmocka_unit_test(test_judged),       cmocka_unit_test(test_judged_before_body),
        cmocka_unit_test(test_many_judged),  cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_pairs),
    };
    struct err e = ERR_NONE;
    return crypto_start(&e) == OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
