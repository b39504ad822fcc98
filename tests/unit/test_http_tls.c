/* Certificates as made for a node, and the server that shows them; the client is GnuTLS itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>

static char dir[64], cert[96], key[96];

static int make(void **state)
{
    struct err e = ERR_NONE;
    const char *const names[] = {"localhost", "127.0.0.1", "::1", "tw.cert.example"};
    snprintf(dir, sizeof(dir), "/tmp/noroshi-tls-XXXXXX");
    if (!mkdtemp(dir) || crypto_start(&e) != OK) {
        return -1;
    }
    snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
    snprintf(key, sizeof(key), "%s/key.pem", dir);
    return http_make_certificate(cert, key, names, 4, 30, &e);
}

static int unmake(void **state)
{
    (void)unlink(cert);
    (void)unlink(key);
    return rmdir(dir);
}

static gnutls_x509_crt_t read_certificate(void)
{
    struct err e = ERR_NONE;
    struct buf pem;
    gnutls_x509_crt_t crt;
    buf_init(&pem, 1 << 20);
    assert_int_equal(file_read(AT_FDCWD, cert, &pem, &e), OK);
    const gnutls_datum_t in = {(unsigned char *)pem.p, (unsigned)pem.n};
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &in, GNUTLS_X509_FMT_PEM), 0);
    buf_clear(&pem);
    return crt;
}

static void test_certificate(void **state)
{
    struct stat st;
    gnutls_x509_crt_t crt = read_certificate();
    unsigned bits, usage, critical;
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(cert, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(crt, &bits), GNUTLS_PK_ECDSA);
    assert_int_equal(bits, 256);
    assert_true(gnutls_x509_crt_check_hostname(crt, "localhost"));
    assert_true(gnutls_x509_crt_check_hostname(crt, "tw.cert.example"));
    assert_true(gnutls_x509_crt_check_hostname(crt, "127.0.0.1"));
    assert_false(gnutls_x509_crt_check_hostname(crt, "127.0.0.2"));
    assert_false(gnutls_x509_crt_check_hostname(crt, "other.example"));
    assert_int_equal(gnutls_x509_crt_get_key_usage(crt, &usage, &critical), 0);
    assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    time_t left = gnutls_x509_crt_get_expiration_time(crt) - time(NULL);
    assert_in_range(left, 30 * 86400 - 60, 30 * 86400 + 1);
    gnutls_x509_crt_deinit(crt);
}

static void test_errors(void **state)
{
    struct err e = ERR_NONE;
    char hex[65];
    const char *const names[] = {"localhost"};
    assert_int_equal(http_certificate_fingerprint("/nonexistent/cert.pem", hex, &e), ERR_NOT_FOUND);
    assert_int_equal(http_certificate_fingerprint(key, hex, &e), ERR_CRYPTO);
    assert_int_equal(http_make_certificate("/nonexistent/c", "/nonexistent/k", names, 1, 1, &e),
                     ERR_NOT_FOUND);
    assert_int_equal(http_make_certificate(cert, key, names, 0, 1, &e), ERR_USAGE);
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .cert_file = cert,
                                .key_file = cert,
                                .threads = 1,
                                .max_connections = 10,
                                .max_per_address = 10,
                                .idle_seconds = 5,
                                .max_head = 8192};
    const struct http_handler none = {0};
    assert_null(http_start(&o, &none, &e));
    assert_int_equal(e.code, ERR_CRYPTO);
}

static int on_head(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file,
                   void **ret_user)
{
    *ret_max_body = 1 << 20;
    return 0;
}

static void on_body(void *ctx, struct http_request *r, void *user)
{
    struct sha256 sum;
    http_respond(r, 200, "text/plain", http_client_key(r, &sum) ? SV("known") : http_body(r));
}

/* Handshake with a certificate or none, one POST, the answer's body into `ret`; the fingerprint that the
 * server showed. */
static void talk_as(const char *address, const char *own_cert, const char *own_key, struct sv body,
                    struct buf *ret, char ret_fingerprint[65])
{
    gnutls_session_t session;
    gnutls_certificate_credentials_t none;
    unsigned n = 0;
    unsigned char sum[32];
    size_t size = sizeof(sum);
    char head[128];
    int fd = client_connect(address), rc;
    gnutls_certificate_allocate_credentials(&none);
    if (own_cert) {
        assert_int_equal(gnutls_certificate_set_x509_key_file(none, own_cert, own_key, GNUTLS_X509_FMT_PEM),
                         0);
    }
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, none);
    gnutls_transport_set_int(session, fd);
    while ((rc = gnutls_handshake(session)) < 0 && !gnutls_error_is_fatal(rc)) {
    }
    assert_int_equal(rc, 0);
    assert_int_equal(gnutls_protocol_get_version(session), GNUTLS_TLS1_3);
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &n);
    assert_int_equal(n, 1);
    assert_int_equal(gnutls_fingerprint(GNUTLS_DIG_SHA256, shown, sum, &size), 0);
    hex_text(sum, sizeof(sum), ret_fingerprint);
    snprintf(head, sizeof(head),
             "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", body.n);
    gnutls_record_send(session, head, strlen(head));
    for (size_t at = 0; at < body.n;) {
        ssize_t k = gnutls_record_send(session, body.p + at, body.n - at);
        assert_true(k > 0);
        at += (size_t)k;
    }
    ssize_t k;
    while ((k = gnutls_record_recv(session, buf_reserve(ret, 16384), 16384)) > 0 || k == GNUTLS_E_AGAIN) {
        ret->n += k > 0 ? (size_t)k : 0;
    }
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(none);
    close(fd);
}

static void talk(const char *address, struct sv body, struct buf *ret, char ret_fingerprint[65])
{
    talk_as(address, NULL, NULL, body, ret, ret_fingerprint);
}

static void test_server(void **state)
{
    struct err e = ERR_NONE;
    static char block[300000];
    char shown[65], file[65];
    struct buf b;
    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .cert_file = cert,
                                .key_file = key,
                                .client_ca_file = cert,
                                .threads = 2,
                                .max_connections = 10,
                                .max_per_address = 10,
                                .idle_seconds = 5,
                                .max_head = 8192};
    const struct http_handler h = {.head = on_head, .body = on_body};
    struct http_server *s = http_start(&o, &h, &e);
    assert_non_null(s);
    memset(block, 'x', sizeof(block));
    buf_init(&b, 1u << 20);
    talk(http_address(s), sv_from(block, sizeof(block)), &b, shown);
    assert_true(sv_starts(buf_sv(&b), SV("HTTP/1.1 200")));
    assert_true(sv_ends(buf_sv(&b), sv_from(block, sizeof(block)))); /* and no certificate was taken as one */
    assert_int_equal(http_certificate_fingerprint(cert, file, &e), OK);
    assert_string_equal(shown, file);
    /* Plain text on the TLS port, and half a handshake, harm nobody. */
    int fd = client_connect(http_address(s));
    assert_true(client_send(fd, SV("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    (void)client_some(fd, &b, 500);
    close(fd);
    fd = client_connect(http_address(s));
    buf_reset(&b);
    talk(http_address(s), SV("again"), &b, shown);
    assert_true(sv_ends(buf_sv(&b), SV("again")));
    close(fd);
    buf_clear(&b);
    http_stop(s, 2);
}

static void on_body_who(void *ctx, struct http_request *r, void *user)
{
    struct sha256 sum;
    char hex[65] = "nobody";
    if (http_client_key(r, &sum)) {
        hex_text(sum.b, sizeof(sum.b), hex);
    }
    http_respond(r, 200, "text/plain", sv_c(hex));
}

/* The same number by the key's own tools: SHA-256 of the SPKI in DER. */
static void spki_sum(const char *cert_file, char ret[65])
{
    char line[256];
    snprintf(line, sizeof(line),
             "openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum", cert_file);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    assert_int_equal(fread(ret, 1, 64, f), 64);
    ret[64] = 0;
    (void)pclose(f);
}

static struct sv body_of(const struct buf *b)
{
    size_t end = sv_find(buf_sv(b), SV("\r\n\r\n"));
    assert_true(end != SIZE_MAX);
    return sv_sub(buf_sv(b), end + 4, SIZE_MAX);
}

static void test_client_certificate(void **state)
{
    struct err e = ERR_NONE;
    char own_cert[96], own_key[96], want[65], got[65], shown[65];
    const char *const names[] = {"misp.example"};
    struct sha256 sum;
    struct buf b;
    snprintf(own_cert, sizeof(own_cert), "%s/own.pem", dir);
    snprintf(own_key, sizeof(own_key), "%s/own-key.pem", dir);
    assert_int_equal(http_make_certificate(own_cert, own_key, names, 1, 30, &e), OK);
    spki_sum(own_cert, want);
    buf_init(&b, 1u << 20);
    assert_int_equal(file_read(AT_FDCWD, own_cert, &b, &e), OK);
    assert_int_equal(http_certificate_key(buf_sv(&b), &sum, &e), OK);
    hex_text(sum.b, sizeof(sum.b), got);
    assert_string_equal(got, want);
    assert_int_equal(http_certificate_key(SV("-----BEGIN CERTIFICATE-----\nAAAA\n"), &sum, &e), ERR_CRYPTO);
    assert_int_equal(http_certificate_key(SV(""), &sum, &e), ERR_CRYPTO);

    const struct http_opts o = {.listen = "127.0.0.1:0",
                                .cert_file = cert,
                                .key_file = key,
                                .threads = 1,
                                .max_connections = 10,
                                .max_per_address = 10,
                                .idle_seconds = 5,
                                .max_head = 8192};
    const struct http_handler h = {.head = on_head, .body = on_body_who};
    struct http_server *s = http_start(&o, &h, &e);
    assert_non_null(s);
    for (int asks = 0; asks < 2; asks++) { /* a client that is not asked shows nothing */
        http_ask_client(s, asks);
        buf_reset(&b);
        talk_as(http_address(s), own_cert, own_key, SV("x"), &b, shown);
        assert_true(sv_eq(body_of(&b), asks ? sv_c(want) : SV("nobody")));
        buf_reset(&b);
        talk(http_address(s), SV("x"), &b, shown);
        assert_true(sv_eq(body_of(&b), SV("nobody")));
    }
    buf_clear(&b);
    http_stop(s, 2);
    (void)unlink(own_cert);
    (void)unlink(own_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_certificate), cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_server),
                                       cmocka_unit_test(test_client_certificate)};
    return cmocka_run_group_tests(tests, make, unmake);
}
