/*
 * What passes between callers and the fetcher, and the parts of the fetcher's own process: fetch.c asks,
 * fetch_child.c is the process, fetch_transfer.c one request in it, fetch_body.c what comes of it,
 * fetch_explain.c why nothing did.
 */
#pragma once

#include "net/fetch.h"

#include <curl/curl.h>
#include <zlib.h>

/*
 * FETCH_ASK goes over the control socket with two descriptors: a socket for the one answer, and a file for
 * the body. Who closes its end of that socket has given up.
 */
enum { FETCH_ASK = 1, FETCH_ANSWER, FETCH_FAILED };
enum { ASK_REPLY, ASK_SPOOL, ASK_FDS };

#define FETCH_REDIRECTS 3
#define FETCH_SECONDS 300       /* when the request says nothing */
#define FETCH_STALL_SECONDS 30  /* likewise */
#define FETCH_ERROR_BODY 65536u /* of an answer that is no success so much is kept */
#define FETCH_HEAD_MOST 65536u
#define FETCH_ANSWER_MOST ((size_t)1 << 20)

void fetch_ask_encode(struct buf *b, const struct fetch_request *r);
/* Views into `body`; method and url are NUL-terminated copies in `a`. */
bool fetch_ask_decode(struct sv body, struct arena *a, struct fetch_request *ret);
void fetch_answer_encode(struct buf *b, const struct fetch_answer *a);
/* Copies into `a`. */
bool fetch_answer_decode(struct sv body, struct arena *a, struct fetch_answer *ret);

/* Lives until `control` ends. */
#define FETCH_RUNNING 8u
#define FETCH_RUNNING_MOST 64u
_Noreturn void fetch_child(int control, unsigned most);

/* ---- one request in the fetcher */

struct transfer {
    struct buf bytes; /* of the request: everything in `ask` points there */
    struct arena a;
    struct fetch_request ask;
    int reply, spool;
    int pem[3]; /* memory files of authorities, client certificate, client key; -1 */
    CURL *easy;
    struct curl_slist *headers;
    char *url;                 /* where it has got to */
    char origin[320], at[320]; /* scheme, host and port: as asked, and now */
    char host[256];
    bool foreign; /* was sent on to another origin: credentials stay behind */
    unsigned redirects;
    usec began, moved; /* ticks */
    curl_off_t sent;
    char curl_text[CURL_ERROR_SIZE];

    /* the answer as it comes */
    unsigned status;
    struct arena head;
    struct fetch_header header[FETCH_HEADERS];
    size_t nheaders, head_bytes;
    bool headed; /* its head is whole */
    bool gzip, inflating, inflated;
    z_stream z;
    uint64_t stored, passed; /* bytes kept, bytes thrown away */
    bool enough;             /* stopped by us, and well so */
    struct err why;          /* stopped by us, with this */
};

/* Takes over `reply` and `spool`. NULL when there is no memory (both are closed). */
struct transfer *transfer_new(struct buf *bytes, int reply, int spool);
void transfer_free(struct transfer *t);
/* Makes it ready for curl: at first and after each redirect. */
int transfer_prepare(struct transfer *t, struct err *e) MUST_USE;
/* curl is done with it. 1 = it goes on elsewhere: prepare it again; OK = `ret` is the answer. */
int transfer_end(struct transfer *t, CURLcode code, struct fetch_answer *ret, struct err *e) MUST_USE;
/* What a failure of curl means: which step, and what can be done. */
int transfer_explain(const struct transfer *t, CURLcode code, struct err *e);
/* The request said nothing for too long, or took too long: with the step it was at. */
int transfer_late(const struct transfer *t, bool stalled, struct err *e);

/* ---- bytes of the answer (fetch_body.c) */

size_t fetch_head_line(char *p, size_t size, size_t n, void *transfer);
size_t fetch_body_bytes(char *p, size_t size, size_t n, void *transfer);
/* Bytes of the request that went out count as movement as well. */
int fetch_progress(void *transfer, curl_off_t all_in, curl_off_t in, curl_off_t all_out, curl_off_t out);
/* Forgets what came so far, for the next hop. */
int fetch_body_restart(struct transfer *t, struct err *e) MUST_USE;
/* The coding of the body ended where the body did. */
bool fetch_body_whole(const struct transfer *t);
