#include "net/private.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

static int tls_error(struct err *e, int rc, const char *what)
{
    return err_set(e, ERR_CRYPTO, "%s: %s", what, gnutls_strerror(rc));
}

/* A name that reads as an address becomes an iPAddress entry: browsers compare those as bytes. */
static int add_name(gnutls_x509_crt_t crt, const char *name, unsigned flags)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, name, address) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, 4, flags);
    }
    if (inet_pton(AF_INET6, name, address) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, 16, flags);
    }
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), flags);
}

static int set_identity(gnutls_x509_crt_t crt, const char *const *names, size_t n)
{
    unsigned char serial[16];
    random_bytes(serial, sizeof(serial));
    serial[0] &= 0x7f; /* RFC 5280 4.1.2.2: positive */
    serial[0] |= 0x01;
    int rc = gnutls_x509_crt_set_version(crt, 3);
    rc = rc == 0 ? gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) : rc;
    rc = rc == 0 ? gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, names[0],
                                                 (unsigned)strlen(names[0]))
                 : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = add_name(crt, names[i], i ? GNUTLS_FSAN_APPEND : GNUTLS_FSAN_SET);
    }
    return rc;
}

static int set_use(gnutls_x509_crt_t crt, unsigned days)
{
    time_t now = time(NULL);
    unsigned char id[32];
    size_t id_size = sizeof(id);
    /* A day back: clocks of partners differ. */
    int rc = gnutls_x509_crt_set_activation_time(crt, now - 86400);
    rc = rc == 0 ? gnutls_x509_crt_set_expiration_time(crt, now + (time_t)days * 86400) : rc;
    rc = rc == 0 ? gnutls_x509_crt_set_basic_constraints(crt, 0, -1) : rc;
    rc = rc == 0 ? gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) : rc;
    rc = rc == 0 ? gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0) : rc;
    rc = rc == 0 ? gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &id_size) : rc;
    return rc == 0 ? gnutls_x509_crt_set_subject_key_id(crt, id, id_size) : rc;
}

static int write_pem(const char *path, gnutls_datum_t *pem, unsigned mode, struct err *e)
{
    int rc = file_write(AT_FDCWD, path, sv_from((const char *)pem->data, pem->size), mode, e);
    gnutls_memset(pem->data, 0, pem->size);
    gnutls_free(pem->data);
    return rc;
}

static int write_both(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *cert_file,
                      const char *key_file, struct err *e)
{
    gnutls_datum_t pem = {NULL, 0};
    int rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
    if (rc != 0) {
        return tls_error(e, rc, "cannot write the TLS key");
    }
    rc = write_pem(key_file, &pem, 0600, e);
    if (rc != OK) {
        return rc;
    }
    rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
    return rc != 0 ? tls_error(e, rc, "cannot write the certificate") : write_pem(cert_file, &pem, 0644, e);
}

int http_make_certificate(const char *cert_file, const char *key_file, const char *const *names, size_t n,
                          unsigned days, struct err *e)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t crt = NULL;
    if (n == 0) {
        return err_set(e, ERR_USAGE, "a certificate needs at least one name");
    }
    int rc = gnutls_x509_privkey_init(&key);
    rc = rc == 0 ? gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0)
                 : rc;
    rc = rc == 0 ? gnutls_x509_crt_init(&crt) : rc;
    rc = rc == 0 ? gnutls_x509_crt_set_key(crt, key) : rc;
    rc = rc == 0 ? set_identity(crt, names, n) : rc;
    rc = rc == 0 ? set_use(crt, days) : rc;
    rc = rc == 0 ? gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) : rc;
    int code = rc == 0 ? write_both(crt, key, cert_file, key_file, e)
                       : tls_error(e, rc, "cannot make a certificate");
    if (crt) {
        gnutls_x509_crt_deinit(crt);
    }
    if (key) {
        gnutls_x509_privkey_deinit(key);
    }
    return code;
}

int http_certificate_fingerprint(const char *cert_file, char ret[65], struct err *e)
{
    struct buf pem;
    gnutls_x509_crt_t crt = NULL;
    unsigned char digest[32];
    size_t size = sizeof(digest);
    buf_init(&pem, 1 << 20);
    int rc = file_read(AT_FDCWD, cert_file, &pem, e);
    if (rc == OK) {
        const gnutls_datum_t in = {(unsigned char *)pem.p, (unsigned)pem.n};
        int tls = gnutls_x509_crt_init(&crt);
        tls = tls == 0 ? gnutls_x509_crt_import(crt, &in, GNUTLS_X509_FMT_PEM) : tls;
        tls = tls == 0 ? gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, digest, &size) : tls;
        rc = tls == 0 ? OK : tls_error(e, tls, "cannot read the certificate");
        if (rc != OK) {
            err_at(e, cert_file, 0, UINT64_MAX);
        }
    }
    if (rc == OK) {
        hex_text(digest, sizeof(digest), ret);
    }
    if (crt) {
        gnutls_x509_crt_deinit(crt);
    }
    buf_clear(&pem);
    return rc;
}

/* ---- certificates of clients */

static bool key_of(gnutls_x509_crt_t crt, struct sha256 *ret)
{
    size_t size = sizeof(ret->b);
    return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, ret->b, &size) == 0 &&
           size == sizeof(ret->b);
}

int http_certificate_key(struct sv certificate, struct sha256 *ret, struct err *e)
{
    gnutls_x509_crt_t crt;
    if (certificate.n > UINT32_MAX || gnutls_x509_crt_init(&crt) != 0) {
        return err_set(e, ERR_MEMORY, "no memory for the certificate");
    }
    const gnutls_datum_t in = {(unsigned char *)(uintptr_t)certificate.p, (unsigned)certificate.n};
    bool pem = sv_find(certificate, SV("-----BEGIN")) != SIZE_MAX;
    int tls = gnutls_x509_crt_import(crt, &in, pem ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER);
    int rc = tls != 0           ? tls_error(e, tls, "this is no certificate")
             : key_of(crt, ret) ? OK
                                : err_set(e, ERR_CRYPTO, "the certificate holds no key that can be read");
    gnutls_x509_crt_deinit(crt);
    return rc;
}

static bool in_its_time(gnutls_x509_crt_t crt)
{
    time_t now = time(NULL);
    return gnutls_x509_crt_get_activation_time(crt) <= now && now <= gnutls_x509_crt_get_expiration_time(crt);
}

bool http_client_key(const struct http_request *r, struct sha256 *ret)
{
    const struct http_server *s = r->server;
    const union MHD_ConnectionInfo *info =
        s->tls ? MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_GNUTLS_SESSION) : NULL;
    gnutls_session_t session = info ? (gnutls_session_t)info->tls_session : NULL;
    unsigned status = 0, n = 0;
    const gnutls_datum_t *chain = session ? gnutls_certificate_get_peers(session, &n) : NULL;
    gnutls_x509_crt_t crt;
    if (!chain || n == 0 || gnutls_x509_crt_init(&crt) != 0) {
        return false;
    }
    bool ok = gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 && in_its_time(crt) &&
              (!s->trusts_ca || (gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0)) &&
              key_of(crt, ret);
    gnutls_x509_crt_deinit(crt);
    return ok;
}
