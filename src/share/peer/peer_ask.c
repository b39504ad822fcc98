/* One request to a peer: what is sent along, what is tried again and when, refusals in words. */
#include "share/peer/peer_private.h"

#include <time.h>
#include <unistd.h>

#define WAIT_FIRST (USEC_SECOND / 4)
#define WAIT_MOST (30 * USEC_SECOND)
#define WAIT_ASKED_MOST 60 /* seconds of a Retry-After that are sat through */
#define SMALL_SECONDS 120
#define PAGE_SECONDS 900

/* ---- the request */

static void add(struct fetch_request *f, const char *name, struct sv value)
{
    if (value.n && f->headers < FETCH_HEADERS) {
        f->header[f->headers++] = (struct fetch_header){sv_c(name), value};
    }
}

static struct sv media_type(const struct peer_run *r, const struct peer_ask *q)
{
    if (r->peer.version != 20) {
        return SV("application/taxii+json;version=2.1");
    }
    return q->stix ? SV("application/vnd.oasis.stix+json; version=2.0")
                   : SV("application/vnd.oasis.taxii+json; version=2.0");
}

static struct fetch_request request_of(const struct peer_run *r, const struct peer_ask *q)
{
    struct fetch_request f = {
        .method = q->method,
        .url = q->url,
        .body = q->body,
        .etag = q->etag,
        .ca_pem = r->secret.ca,
        .pin = r->peer.pin,
        .pin_alone = r->partner,
        .client_cert_pem = r->secret.certificate,
        .client_key_pem = r->secret.private_key,
        .max_bytes = q->max_bytes,
        .bytes_per_second = (uint64_t)r->peer.bytes_per_second,
        .seconds = q->max_bytes > PEER_ANSWER_MOST || q->body.n ? PAGE_SECONDS : SMALL_SECONDS,
    };
    bool posts = strcmp(q->method, "POST") == 0;
    add(&f, "Accept", posts ? SV("application/taxii+json;version=2.1") : media_type(r, q));
    add(&f, "Authorization", r->authorization);
    add(&f, "Content-Type", posts ? media_type(r, q) : SV_NONE);
    add(&f, "Range", q->range);
    return f;
}

/* ---- waiting */

/* Doubled each time, half of it by chance, so that many clients of one server do not come back together. */
static usec backoff(unsigned tried)
{
    uint32_t random;
    usec wait = WAIT_FIRST << (tried < 8 ? tried : 8);
    wait = wait < WAIT_MOST ? wait : WAIT_MOST;
    random_bytes(&random, sizeof(random));
    return wait / 2 + (usec)(random % (uint32_t)(wait / 2));
}

static int rest(const struct peer_run *r, usec wait, struct err *e)
{
    usec until = time_ticks() + wait;
    int rc = peer_run_goes_on(r, e);
    while (rc == OK && time_ticks() < until) {
        const struct timespec nap = {.tv_nsec = 50000000};
        nanosleep(&nap, NULL);
        rc = peer_run_goes_on(r, e);
    }
    return rc;
}

static bool passes(unsigned status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}

static bool may_pass(int code)
{
    return code == ERR_IO || code == ERR_TIME || code == ERR_CORRUPT || code == ERR_CRYPTO ||
           code == ERR_NOT_FOUND || code == ERR_BUSY;
}

/* ---- refusals */

/* Unpacks what came as gzip without saying so. */
int peer_body(struct fetch_answer *a, struct buf *b, struct err *e)
{
    char block[16384];
    ptrdiff_t n = 0;
    struct stream *in = a->fd >= 0 ? stream_new(a->fd, b->max, 0) : NULL;
    int rc = in || a->fd < 0 ? OK : err_set(e, ERR_MEMORY, "no memory to read an answer");
    while (in && (n = stream_read(in, block, sizeof(block), e)) > 0) {
        buf_addp(b, block, (size_t)n);
    }
    stream_free(in);
    close_fd(&a->fd);
    if (rc != OK || n < 0) {
        return rc != OK ? rc : (int)n;
    }
    return b->failed ? err_set(e, ERR_LIMIT, "the answer is longer than %zu bytes", b->max) : OK;
}

struct refusal_kind {
    unsigned status;
    int code;
    const char *text, *remedy;
};
static const struct refusal_kind kinds[] = {
    {400, ERR_VALUE, "does not understand the request", NULL},
    {401, ERR_AUTH, "does not let us in",
     "give the user, key or certificate anew: noroshi peer set NAME ..."},
    {403, ERR_DENIED, "does not allow it", "ask who runs it for the right to this collection"},
    {404, ERR_NOT_FOUND, "has no such thing", "look at the address; it should be that of discovery"},
    {406, ERR_UNSUPPORTED, "does not speak this version of TAXII", NULL},
    {413, ERR_LIMIT, "takes less at once", NULL},
    {415, ERR_UNSUPPORTED, "does not take this type of content", NULL},
    {422, ERR_VALUE, "cannot work with the content", NULL},
    {429, ERR_BUSY, "wants fewer requests", "give it a longer interval: noroshi peer set NAME --every 1h"},
    {503, ERR_BUSY, "is busy or being repaired", NULL},
};

int peer_refused(struct peer_run *r, struct fetch_answer *a, const char *what, struct err *e)
{
    char words[200];
    struct buf b;
    struct err ignored = ERR_NONE;
    buf_init(&b, 1u << 20);
    (void)peer_body(a, &b, &ignored);
    (void)sv_show(peer_read_error(buf_sv(&b), &r->ask), words, sizeof(words));
    buf_clear(&b);
    struct refusal_kind kind = {0, ERR_IO, a->status >= 500 ? "failed" : "answered in an unexpected way",
                                NULL};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kind = kinds[i].status == a->status ? kinds[i] : kind;
    }
    err_set(e, kind.code, "%s: the peer %s (%u%s%s)", what, kind.text, a->status, words[0] ? ": " : "",
            words);
    return kind.remedy ? err_hint(e, "%s", kind.remedy) : e->code;
}

/* ---- asking */

static int fetch_once(struct peer_run *r, const struct peer_ask *q, struct fetch_answer *ret, struct err *e)
{
    const struct fetch_request f = request_of(r, q);
    *ret = (struct fetch_answer){.fd = -1};
    r->report->requests++;
    int rc =
        r->p->fetch ? r->p->fetch(r->p->ctx, &f, &r->ask, ret, e) : fetch(r->p->ctx, &f, &r->ask, ret, e);
    if (rc == OK) {
        r->report->bytes += ret->bytes;
    }
    if (rc == OK && ret->cut) {
        close_fd(&ret->fd);
        rc = err_set(e, ERR_IO, "the connection broke in the middle of the answer, after %llu bytes",
                     (unsigned long long)ret->bytes);
        r->too_much = true;
    }
    return rc;
}

/* What came of one try: OK is final, *ret_again says that an error may pass. */
static int try_once(struct peer_run *r, const struct peer_ask *q, struct fetch_answer *ret, bool *ret_again,
                    int64_t *ret_wait, struct err *e)
{
    r->too_much = false;
    int rc = fetch_once(r, q, ret, e);
    *ret_again = may_pass(rc);
    *ret_wait = 0;
    if (rc != OK) {
        r->too_much |= rc == ERR_LIMIT || rc == ERR_TIME;
        return rc;
    }
    r->status = ret->status;
    if (!passes(ret->status)) {
        return OK;
    }
    int64_t wait = peer_read_wait(fetch_answer_header(ret, "retry-after"), time_now());
    *ret_wait = wait > 0 ? wait : 0;
    *ret_again = true;
    r->too_much = ret->status == 500 || ret->status == 502 || ret->status == 504;
    return peer_refused(r, ret, "asked", e);
}

int peer_ask(struct peer_run *r, const struct peer_ask *q, struct fetch_answer *ret, struct err *e)
{
    for (unsigned tried = 0;; tried++) {
        bool again = false;
        int64_t wait = 0;
        arena_reset(&r->ask);
        r->status = 0;
        int rc = peer_run_goes_on(r, e);
        rc = rc == OK ? try_once(r, q, ret, &again, &wait, e) : rc;
        if (rc == OK || rc == ERR_CANCELLED || !again) {
            return rc;
        }
        if (wait > WAIT_ASKED_MOST) {
            r->wait = wait;
            return rc;
        }
        unsigned tries = r->too_much && q->tries ? q->tries : PEER_TRIES;
        if (tried + 1 >= tries || peer_run_late(r)) {
            return rc;
        }
        r->report->retries++;
        usec pause = backoff(tried);
        rc = rest(r, wait * USEC_SECOND > pause ? wait * USEC_SECOND : pause, e);
        if (rc != OK) {
            return rc;
        }
    }
}

int peer_get(struct peer_run *r, struct sv url, struct peer_found *ret, struct err *e)
{
    struct fetch_answer answer;
    struct buf b;
    const struct peer_ask q = {.method = "GET", .url = url, .max_bytes = PEER_ANSWER_MOST};
    *ret = (struct peer_found){.title = SV("")};
    int rc = peer_ask(r, &q, &answer, e);
    if (rc != OK) {
        return rc;
    }
    if (answer.status < 200 || answer.status > 299) {
        return peer_refused(r, &answer, "discovery", e);
    }
    buf_init(&b, PEER_ANSWER_MOST);
    rc = peer_body(&answer, &b, e);
    if (rc == OK && peer_read(buf_sv(&b), &r->a, ret, e) != OK) {
        char words[200];
        rc = e->code == ERR_MEMORY
                 ? ERR_MEMORY
                 : err_set(e, ERR_SYNTAX, "the peer's answer is no TAXII but %s",
                           sv_show(peer_read_error(buf_sv(&b), &r->ask), words, sizeof(words)));
        err_hint(e, "give the address of its discovery, which often ends in /taxii2/");
    }
    buf_clear(&b);
    return rc;
}
