/*
 * net: HTTPS in, on libmicrohttpd and GnuTLS, behind about a dozen functions; certificates.
 *
 * Calls base/ only. Knows no routes: the caller gives one handler that is asked first with the head of a
 * request (before the body is read), then with the body.
 */
#pragma once

#include "base/base.h"

struct http_server;
struct http_request;

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};

struct http_opts {
    const char *listen;               /* "127.0.0.1:8443", "[::1]:8443"; port 0 = any free one */
    const char *cert_file, *key_file; /* PEM; both NULL = plain HTTP (tests only, loopback only) */
    unsigned threads;
    unsigned max_connections; /* in all */
    unsigned max_per_address;
    unsigned idle_seconds; /* a connection that sends nothing is closed */
    size_t max_head;       /* bytes of request line and headers */
    const char *spool_dir; /* where bodies that go to a file stand, unlinked; NULL = /tmp */
    const char
        *client_ca_file; /* PEM; asks clients for a certificate, which http_client_key judges; NULL = no */
    bool tls13;          /* TLS 1.3 and nothing older */
    bool ask_client;     /* asks clients for any certificate, also a self-signed one (http_ask_client) */
};

/* What `head` returns when `later` is to judge on a worker: to look up a password takes long. */
#define HTTP_LATER 1

/*
 * `head` runs on an event thread and must be short; `body` runs on a worker thread while the connection rests
 * (a request spooled to a file on one of two workers of its own, so that long ones do not hold up the
 * others).
 */
struct http_handler {
    void *ctx;
    /*
     * Head is there, body is not: authenticate and route here. Return 0 to take the body (at most
     * *ret_max_body bytes, given to `body` whole or, when *ret_to_file is set, spooled to an unlinked file),
     * or an HTTP status after http_respond to refuse without reading it.
     * `*ret_user` travels to `body` and `done`.
     */
    int (*head)(void *ctx, struct http_request *r, size_t *ret_max_body, bool *ret_to_file, void **ret_user);
    /* As `head` and after it when it returned HTTP_LATER: on one of two threads for this, while the
     * connection rests and nothing of the body is read. NULL when `head` never returns that. */
    int (*later)(void *ctx, struct http_request *r, void *user, size_t *ret_max_body, bool *ret_to_file);
    /* The whole body is there (decoded when Content-Encoding: gzip; an expansion past the limit was answered
     * with 413). Must respond. */
    void (*body)(void *ctx, struct http_request *r, void *user);
    /* The exchange is over, however it ended. */
    void (*done)(void *ctx, void *user);
    /* Answers (http_respond) what this room refuses by itself: 400, 413, 415, 431, 503. NULL = plain text. */
    void (*refuse)(void *ctx, struct http_request *r, unsigned status, const char *text);
};

struct http_server *http_start(const struct http_opts *o, const struct http_handler *h, struct err *e);
/*
 * Stops accepting, ends streams, waits for handlers that run (they are never cut off), gives answers
 * `seconds` to reach their clients, closes. Requests that still wait for a worker are answered with 503.
 */
void http_stop(struct http_server *s, unsigned seconds);
/* "127.0.0.1:8443" as bound. */
const char *http_address(const struct http_server *s);
unsigned http_connections(const struct http_server *s);
/* Whether connections from now on ask for a client certificate. None is required, and no authority is named:
 * a client proves that it has the key, and http_client_key tells which. Without client_ca_file only. */
void http_ask_client(struct http_server *s, bool ask);

enum http_method http_method(const struct http_request *r);
struct sv http_path(const struct http_request *r); /* decoded once, always begins with '/', no query */
struct sv http_query(const struct http_request *r, const char *name); /* decoded; p NULL when absent */
/* The pairs of the query in their order, decoded (p NULL: broken): *at is 0 at first. False at the end. */
bool http_query_next(const struct http_request *r, size_t *at, struct sv *ret_name, struct sv *ret_value);
struct sv http_header(const struct http_request *r, const char *name);
struct sv http_cookie(const struct http_request *r, const char *name);
/* True when the client takes this Content-Encoding ("br", "gzip"). */
bool http_accepts(const struct http_request *r, const char *coding);
struct sv http_body(const struct http_request *r);
int http_body_fd(const struct http_request *r); /* spooled body at offset 0, owned by the request; -1 */
void *http_user(const struct http_request *r);  /* what `head` gave to *ret_user; NULL before it was asked */
uint64_t http_body_bytes(const struct http_request *r);
const char *http_peer(const struct http_request *r); /* address text without port */
/*
 * SHA-256 of the SPKI of the client's certificate, whose private key it has proved to have; false when none
 * was sent, its time has not come or is over, or, with client_ca_file, it does not verify.
 */
bool http_client_key(const struct http_request *r, struct sha256 *ret);
/* In `head`: this body may expand in any ratio, up to its limit. For those who may fill that limit anyway. */
void http_expand_freely(struct http_request *r);

/* Response headers, before http_respond. */
void http_set(struct http_request *r, const char *name, const char *value);
/* Answers with a copy of `body`; compresses when the client accepts gzip and the type is text-like and body
 * is large. Security headers (HSTS, nosniff, no-referrer, CSP given by the caller) are the caller's. */
void http_respond(struct http_request *r, unsigned status, const char *content_type, struct sv body);
/* As above with bytes that outlive the server (embedded assets); `encoding` "br", "gzip" or NULL is what they
 * are in. */
void http_respond_static(struct http_request *r, unsigned status, const char *content_type,
                         const char *encoding, struct sv body);
/* Server-sent events / streamed pages: `pull` writes the next bytes to `out`; returns 1 more later (call
 * http_wake when there is), 0 go on, -1 the end, -2 it failed: the connection is cut, so that the client
 * knows. Compressed as in http_respond, server-sent events aside. */
typedef int (*http_pull_fn)(void *stream, struct buf *out);
struct http_stream;
struct http_stream *http_respond_stream(struct http_request *r, unsigned status, const char *content_type,
                                        http_pull_fn pull, void (*closed)(void *stream), void *stream);
/* Thread-safe: the suspended stream is pulled again. Not after `closed` was called. */
void http_wake(struct http_stream *s);

/* Makes an ECDSA P-256 key and a self-signed certificate for the names ("localhost", "127.0.0.1"...), PEM
 * files with mode 0600 / 0644. */
int http_make_certificate(const char *cert_file, const char *key_file, const char *const *names, size_t n,
                          unsigned days, struct err *e) MUST_USE;
/* SHA-256 of the SPKI of a certificate (PEM or DER): what http_client_key gives for who holds its key. */
int http_certificate_key(struct sv certificate, struct sha256 *ret, struct err *e) MUST_USE;
/* SHA-256 of the certificate as colon-less lower-case hex. */
int http_certificate_fingerprint(const char *cert_file, char ret[65], struct err *e) MUST_USE;
/* Path matching for route tables: "/api/v1/sources/{id}" against a path; captured parts into `parts`. Returns
 * how many or -1. */
int http_match(const char *pattern, struct sv path, struct sv *parts, size_t max);
