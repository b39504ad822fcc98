/* HTTP out against servers of ours that misbehave: a raw one without TLS, and the node's own with TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fetch_servers.h"

/* ---- start and end */

static void zip(struct buf *out, const char *bytes, size_t n)
{
    z_stream z = {0};
    buf_init(out, 8 << 20);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)buf_reserve(out, 4 << 20);
    z.avail_out = 4 << 20;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n = z.total_out;
    (void)deflateEnd(&z);
}

static int start_plain(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) < 0)
        return -1;
    plain_port = ntohs(a.sin_port);
    return pthread_create(&server, NULL, serve, NULL);
}

static int start_tls(struct err *e)
{
    const char *const names[] = {"127.0.0.1"};
    (void)snprintf(dir, sizeof(dir), "/tmp/noroshi-fetch-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
    (void)snprintf(key, sizeof(key), "%s/key.pem", dir);
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .cert_file = cert,
                                .key_file = key,
                                .threads = 1,
                                .max_connections = 50,
                                .max_per_address = 50,
                                .idle_seconds = 20,
                                .max_head = 16384};
    buf_init(&cert_pem, 1 << 16);
    if (http_make_certificate(cert, key, names, 1, 30, e) != OK ||
        file_read(AT_FDCWD, cert, &cert_pem, e) != OK || !(tls = http_start(&o, &tls_handler, e)))
        return -1;
    tls_port = (unsigned)strtoul(strrchr(http_address(tls), ':') + 1, NULL, 10);
    return 0;
}

static int start(void **state)
{
    struct err e = ERR_NONE;
    static char zeros[1 << 20];
    signal(SIGPIPE, SIG_IGN);
    if (crypto_start(&e) != OK || !(fetcher = fetcher_start(&e)))
        return -1;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 23);
    zip(&bomb, zeros, sizeof(zeros));
    zip(&zipped, text, sizeof(text));
    if (start_plain() != 0 || start_tls(&e) != 0) {
        print_error("%s\n", e.text);
        return -1;
    }
    return fetcher_spool(fetcher, dir, &e);
}

static int stop(void **state)
{
    fetcher_stop(fetcher);
    http_stop(tls, 1);
    (void)shutdown(listener, SHUT_RDWR);
    (void)pthread_join(server, NULL);
    close_fd(&listener);
    buf_clear(&bomb);
    buf_clear(&zipped);
    buf_clear(&cert_pem);
    (void)unlink(cert);
    (void)unlink(key);
    return rmdir(dir); /* also says that no body has a name */
}

/* ---- asking */

struct asked {
    struct arena a;
    struct fetch_answer answer;
    struct err e;
    int rc;
    struct buf body;
    char url[128];
};

static struct fetch_request request(struct asked *q, bool with_tls, const char *path)
{
    (void)snprintf(q->url, sizeof(q->url), "%s://127.0.0.1:%u%s", with_tls ? "https" : "http",
                   with_tls ? tls_port : plain_port, path);
    return (struct fetch_request){.method = "GET",
                                  .url = sv_c(q->url),
                                  .plain = !with_tls,
                                  .ca_pem = with_tls ? buf_sv(&cert_pem) : SV_NONE,
                                  .max_bytes = 1 << 20,
                                  .seconds = 20};
}

static void do_ask(struct asked *q, const struct fetch_request *r)
{
    q->e = ERR_NONE;
    arena_init(&q->a, 1 << 20);
    buf_init(&q->body, 8 << 20);
    q->rc = fetch(fetcher, r, &q->a, &q->answer, &q->e);
    if (q->answer.fd >= 0) {
        ssize_t n;
        do {
            char *p = buf_reserve(&q->body, 65536);
            assert_non_null(p);
            n = read(q->answer.fd, p, 65536);
            q->body.n += n > 0 ? (size_t)n : 0;
        } while (n > 0);
        close_fd(&q->answer.fd);
        assert_int_equal(q->body.n, q->answer.bytes);
    }
}

static void done(struct asked *q)
{
    arena_clear(&q->a);
    buf_clear(&q->body);
}

static void expect_error(const struct asked *q, int code, const char *step)
{
    if (q->rc != code || strncmp(q->e.text, step, strlen(step)) != 0)
        fail_msg("%s: got %s: %s, want %s: %s...", q->url, err_name(q->rc), q->e.text, err_name(code), step);
    assert_int_equal(q->answer.fd, -1);
}

static void expect_body(const struct asked *q, unsigned status, struct sv body)
{
    if (q->rc != OK)
        fail_msg("%s: %s", q->url, q->e.text);
    assert_int_equal(q->answer.status, status);
    assert_true(sv_eq(buf_sv(&q->body), body));
}

static void ask_plain(struct asked *q, const char *path)
{
    struct fetch_request r = request(q, false, path);
    do_ask(q, &r);
}

static void test_answers(void **state)
{
    struct asked q;
    ask_plain(&q, "/list");
    expect_body(&q, 200, SV("192.0.2.1\n"));
    assert_false(q.answer.cut);
    assert_true(sv_eq(fetch_answer_header(&q.answer, "etag"), SV("\"one\"")));
    assert_true(sv_eq(fetch_answer_header(&q.answer, "content-type"), SV("text/plain")));
    assert_null(fetch_answer_header(&q.answer, "retry-after").p);
    assert_non_null(strstr(seen, "User-Agent: noroshi/"));
    done(&q);
    struct fetch_request r = request(&q, false, "/list");
    r.etag = SV("\"one\"");
    r.modified = SV("Mon, 23 Nov 2026 00:00:00 GMT");
    do_ask(&q, &r);
    assert_int_equal(q.rc, OK);
    assert_int_equal(q.answer.status, 304);
    assert_int_equal(q.answer.fd, -1);
    assert_non_null(strstr(seen, "If-Modified-Since: Mon, 23 Nov 2026"));
    done(&q);
    ask_plain(&q, "/busy");
    expect_body(&q, 503, SV("later"));
    assert_true(sv_eq(fetch_answer_header(&q.answer, "retry-after"), SV("120")));
    done(&q);
    ask_plain(&q, "/nothing-here");
    assert_true(q.rc == OK && q.answer.status == 404 && q.answer.fd == -1);
    done(&q);
}

static void test_redirects(void **state)
{
    struct asked q;
    ask_plain(&q, "/moved/3");
    expect_body(&q, 200, SV("arrived\n"));
    done(&q);
    ask_plain(&q, "/moved/4");
    expect_error(&q, ERR_LIMIT, "redirect:");
    done(&q);
    ask_plain(&q, "/away-plain");
    expect_error(&q, ERR_DENIED, "redirect:");
    done(&q);
    ask_plain(&q, "/file");
    expect_error(&q, ERR_DENIED, "address:");
    done(&q);
    struct fetch_request r = request(&q, true, "/down");
    do_ask(&q, &r);
    expect_error(&q, ERR_DENIED, "redirect: http without TLS");
    done(&q);
}

static void test_credentials_stay(void **state)
{
    struct asked q;
    struct fetch_request r = request(&q, true, "/direct");
    r.header[0] = (struct fetch_header){SV("Authorization"), SV("Bearer abc")};
    r.header[1] = (struct fetch_header){SV("X-Secret"), SV("key")};
    r.header[2] = (struct fetch_header){SV("Accept"), SV("text/csv")};
    r.headers = 3;
    do_ask(&q, &r);
    expect_body(&q, 200, SV("behind TLS\n"));
    assert_string_equal(tls_authorization, "Bearer abc");
    assert_string_equal(tls_secret, "key");
    done(&q);
    (void)snprintf(q.url, sizeof(q.url), "http://127.0.0.1:%u/away", plain_port);
    r.url = sv_c(q.url);
    r.plain = true;
    do_ask(&q, &r);
    expect_body(&q, 200, SV("behind TLS\n"));
    assert_non_null(strstr(seen, "Bearer abc"));
    assert_string_equal(tls_authorization, "");
    assert_string_equal(tls_secret, "");
    assert_string_equal(tls_accept, "text/csv");
    done(&q);
}

static void test_cut_and_resume(void **state)
{
    struct asked q;
    ask_plain(&q, "/part");
    expect_body(&q, 200, SV("1234"));
    assert_true(q.answer.cut);
    done(&q);
    struct fetch_request r = request(&q, false, "/part");
    r.etag = SV("\"v1\"");
    r.resume_from = 4;
    do_ask(&q, &r);
    expect_body(&q, 206, SV("56789"));
    assert_false(q.answer.cut);
    assert_true(sv_eq(fetch_answer_header(&q.answer, "content-range"), SV("bytes 4-8/9")));
    assert_null(strstr(seen, "gzip"));
    done(&q);
}

static void test_sizes(void **state)
{
    struct asked q;
    ask_plain(&q, "/endless");
    expect_error(&q, ERR_LIMIT, "size:");
    done(&q);
    struct fetch_request r = request(&q, false, "/bomb");
    r.max_bytes = 100000;
    do_ask(&q, &r);
    expect_error(&q, ERR_LIMIT, "size:");
    done(&q);
    ask_plain(&q, "/bomb");
    assert_true(q.rc == OK && q.answer.bytes == 1 << 20);
    done(&q);
    ask_plain(&q, "/zipped");
    assert_true(q.rc == OK && q.answer.bytes == 200000 && !q.answer.cut);
    done(&q);
    ask_plain(&q, "/zip-cut");
    assert_true(q.rc == OK && q.answer.cut && q.answer.bytes > 0);
    done(&q);
    ask_plain(&q, "/brotli");
    expect_error(&q, ERR_UNSUPPORTED, "coding:");
    done(&q);
}

static void test_time(void **state)
{
    struct asked q;
    struct fetch_request r = request(&q, false, "/stall");
    r.stall_seconds = 1;
    do_ask(&q, &r);
    expect_error(&q, ERR_TIME, "time (body):");
    done(&q);
    r = request(&q, false, "/mute");
    r.seconds = 1;
    do_ask(&q, &r);
    expect_error(&q, ERR_TIME, "time (answer):");
    done(&q);
    r = request(&q, false, "/slow");
    r.bytes_per_second = 100000;
    r.stall_seconds = 5;
    usec began = time_ticks();
    do_ask(&q, &r);
    assert_true(q.rc == OK && q.answer.bytes == sizeof(text));
    assert_true(time_ticks() - began > USEC_SECOND / 2);
    done(&q);
}

static void test_trust(void **state)
{
    struct asked q;
    struct sha256 spki;
    char hex[65];
    struct err e = ERR_NONE;
    struct fetch_request r = request(&q, true, "/");
    assert_int_equal(http_certificate_key(buf_sv(&cert_pem), &spki, &e), OK);
    hex_text(spki.b, sizeof(spki.b), hex);
    r.pin = sv_c(hex);
    do_ask(&q, &r);
    expect_body(&q, 200, SV("behind TLS\n"));
    done(&q);
    hex[0] = hex[0] == '0' ? '1' : '0';
    do_ask(&q, &r);
    expect_error(&q, ERR_AUTH, "TLS:");
    done(&q);
    r = request(&q, true, "/");
    r.ca_pem = SV_NONE; /* the system knows nothing of it */
    do_ask(&q, &r);
    expect_error(&q, ERR_AUTH, "TLS:");
    done(&q);
    r = request(&q, true, "/");
    (void)snprintf(q.url, sizeof(q.url), "https://localhost:%u/",
                   tls_port); /* another name than the certificate's */
    r.url = sv_c(q.url);
    do_ask(&q, &r);
    expect_error(&q, ERR_AUTH, "TLS:");
    done(&q);
    assert_null(strstr(q.e.text, "/proc"));
    r.ca_pem = SV("no certificate"); /* trusts nobody, not the system's authorities instead */
    do_ask(&q, &r);
    assert_true(q.rc == ERR_VALUE || q.rc == ERR_AUTH);
    done(&q);
}

static void test_post(void **state)
{
    struct asked q;
    struct fetch_request r = request(&q, true, "/post");
    char *body = malloc(500000);
    memset(body, 'b', 500000);
    r.method = "POST";
    r.body = sv_from(body, 500000);
    do_ask(&q, &r);
    expect_body(&q, 200, r.body);
    free(body);
    done(&q);
}

static void test_bad_requests(void **state)
{
    struct asked q;
    struct fetch_request r = request(&q, false, "/list");
    r.plain = false;
    do_ask(&q, &r);
    expect_error(&q, ERR_DENIED, "address:");
    done(&q);
    static const char *const bad[] = {
        "ftp://127.0.0.1/x",   "file:///etc/passwd", "https://user:pass@127.0.0.1/",
        "gopher://127.0.0.1/", "https://",           "not an address"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        r = request(&q, false, "");
        r.url = sv_c(bad[i]);
        do_ask(&q, &r);
        assert_true(q.rc == ERR_DENIED || q.rc == ERR_VALUE);
        assert_true(sv_starts(sv_c(q.e.text), SV("address:")));
        done(&q);
    }
    r = request(&q, false, "/list");
    r.header[0] = (struct fetch_header){SV("X-A"), SV("a\r\nX-B: b")};
    r.headers = 1;
    do_ask(&q, &r);
    assert_int_equal(q.rc, ERR_VALUE);
    done(&q);
    r = request(&q, false, "/list");
    r.max_bytes = 0;
    do_ask(&q, &r);
    assert_int_equal(q.rc, ERR_USAGE);
    done(&q);
    (void)snprintf(q.url, sizeof(q.url), "https://127.0.0.1:%u/", plain_port);
    r = (struct fetch_request){.method = "GET", .url = sv_c(q.url), .max_bytes = 100, .seconds = 5};
    do_ask(&q, &r); /* what answers there does not speak TLS */
    expect_error(&q, ERR_CRYPTO, "TLS:");
    done(&q);
    r.url = SV("https://127.0.0.1:1/");
    do_ask(&q, &r);
    expect_error(&q, ERR_IO, "connect:");
    done(&q);
    r.url = SV("https://no-such-host.invalid/");
    do_ask(&q, &r);
    expect_error(&q, ERR_NOT_FOUND, "name:");
    done(&q);
}

/* More at the same time than may run. A thread cannot fail a test: it tells what went wrong. */
struct many {
    pthread_t thread;
    char wrong[500];
};

static void *ask_many(void *arg)
{
    struct many *m = arg;
    struct asked q;
    for (int i = 0; i < 5 && !m->wrong[0]; i++) {
        struct fetch_request r = request(&q, true, "/");
        r.seconds = 120;
        do_ask(&q, &r);
        if (q.rc != OK || q.answer.status != 200 || !sv_eq(buf_sv(&q.body), SV("behind TLS\n")))
            (void)snprintf(m->wrong, sizeof(m->wrong), "request %d: %d, status %u, %zu bytes: %s", i, q.rc,
                           q.answer.status, q.body.n, q.e.text);
        done(&q);
    }
    return NULL;
}

static void test_many(void **state)
{
    struct many m[20] = {0};
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(pthread_create(&m[i].thread, NULL, ask_many, &m[i]), 0);
    for (size_t i = 0; i < 20; i++) {
        (void)pthread_join(m[i].thread, NULL);
        assert_string_equal(m[i].wrong, "");
    }
}

static void *ask_mute(void *arg)
{
    struct asked *q = arg;
    ask_plain(q, "/mute");
    return NULL;
}

static void test_hang_up(void **state)
{
    pthread_t t;
    struct asked waiting, later;
    assert_int_equal(pthread_create(&t, NULL, ask_mute, &waiting), 0);
    (void)usleep(300000);
    usec began = time_ticks();
    fetcher_hang_up(fetcher);
    (void)pthread_join(t, NULL);
    assert_true(time_ticks() - began < 3 * USEC_SECOND);
    assert_int_equal(waiting.rc, ERR_CANCELLED);
    done(&waiting);
    ask_plain(&later, "/list");
    assert_int_equal(later.rc, ERR_CANCELLED);
    done(&later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_credentials_stay),
        cmocka_unit_test(test_cut_and_resume),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_hang_up),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
