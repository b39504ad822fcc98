/*
 * HTTP out, on libcurl (GnuTLS) in a process of its own: the fetcher is forked before any input is read, has
 * the network, and no database, no keys and no files but the descriptors it is given. Certificates are always
 * verified.
 */
#pragma once

#include "base/base.h"

struct fetcher;
/* Forks the fetcher. Call it before threads start. */
struct fetcher *fetcher_start(struct err *e);
/* The same for up to `most` (1 to 64) requests at the same time instead of eight. */
struct fetcher *fetcher_start_wide(unsigned most, struct err *e);
void fetcher_stop(struct fetcher *f); /* NULL-safe; requests that run end with ERR_CANCELLED */
/* Ends the requests that run and refuses new ones (ERR_CANCELLED): before waiting for those who ask. */
void fetcher_hang_up(struct fetcher *f);
/* Directory in which bodies stand as unnamed files; without it they stand in memory. */
int fetcher_spool(struct fetcher *f, const char *dir, struct err *e) MUST_USE;

#define FETCH_HEADERS 16
struct fetch_header {
    struct sv name, value;
};
struct fetch_request {
    const char *method; /* "GET", "POST", "DELETE" */
    struct sv url;      /* https; http only with `plain` */
    bool plain;         /* also follows redirects without TLS, but to the same host and port only */
    struct fetch_header header[FETCH_HEADERS]; /* Accept, Authorization, ... */
    size_t headers;
    struct sv body;           /* of a POST */
    struct sv etag, modified; /* for a conditional request; "" = none */
    struct sv ca_pem;         /* trust exactly these instead of the system's; "" = the system's */
    struct sv pin;            /* SHA-256 of the server's SPKI in hex, which it must then have; "" = none */
    bool pin_alone; /* the pin stands in the place of chain and name: partners, whose keys were compared by
                       people */
    struct sv client_cert_pem, client_key_pem; /* "" = none */
    uint64_t max_bytes;                        /* decoded; more is ERR_LIMIT. Not 0 */
    uint64_t bytes_per_second;                 /* 0 = unlimited */
    unsigned seconds;                          /* whole request: ERR_TIME; 0 = 300 */
    unsigned stall_seconds;                    /* nothing came for so long: ERR_TIME; 0 = 30 */
    uint64_t resume_from;                      /* Range: bytes=N-, only with `etag` as If-Range; 0 = whole */
};
struct fetch_answer {
    unsigned status; /* HTTP; 304 = unchanged, no body */
    int fd;          /* body in an unlinked file or memfd at offset 0; -1 when there is none. The caller's */
    uint64_t bytes;
    bool cut; /* the connection broke in the middle: `bytes` are there, the rest is not */
    struct fetch_header header[FETCH_HEADERS]; /* lower-case names: content-type, -length, -range, etag,
                                                  last-modified, retry-after, x-taxii-date-added-first and
                                                  -last, location, www-authenticate */
    size_t headers;
};
/*
 * One request; a GET follows at most 3 redirects within https. To another host, port or scheme only Accept,
 * Accept-Language and User-Agent are sent along and no client certificate. Blocks; may be called by several
 * threads (eight run at the same time, the others wait their turn). Views of the answer live in `a`. A
 * transport failure is an error value that names the step (address, name, connect, TLS, answer, body, coding,
 * redirect, size, time) and what to do; any HTTP status is an answer, of which 64 KiB are kept when it is no
 * success. A resumed request is answered by 206 (the rest) or 200 (the whole, for it has changed).
 */
int fetch(struct fetcher *f, const struct fetch_request *r, struct arena *a, struct fetch_answer *ret,
          struct err *e) MUST_USE;
/* Header of an answer by lower-case name; p NULL when absent. */
struct sv fetch_answer_header(const struct fetch_answer *a, const char *name);
