/* One answer of a feed's server, judged before anything is believed of it. */
#include "fuse/feed_private.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#define RESUMES_MOST 5
#define WAIT_MOST 86400 /* a server may ask for a day, not for a year */
#define FEED_SECONDS 3600u
#define HEAD_BYTES 512u

/* ---- what the server asks for */

static int64_t wait_asked(const struct fetch_answer *a)
{
    struct sv text = sv_trim(fetch_answer_header(a, "retry-after"));
    int64_t seconds = 0;
    usec at;
    const struct time_opts o = {.fallback = zone_find(SV("UTC"), NULL)};
    if (!sv_i64(text, &seconds) && text.n && time_parse(text, &o, &at, NULL) == OK)
        seconds = (at - time_now()) / USEC_SECOND;
    return seconds < 0 ? 0 : seconds > WAIT_MOST ? WAIT_MOST : seconds;
}

static int judge_status(struct feed_running *r, const struct fetch_answer *a, struct err *e)
{
    r->call->wait_seconds = wait_asked(a);
    switch (a->status) {
    case 200:
    case 206:
    case 304:
    case 404:
        return OK;
    case 401:
    case 403:
        err_set(e, ERR_AUTH, "the server refuses us (status %u)", a->status);
        return err_hint(e, r->feed.key_header.n
                               ? "look whether the key is right and still valid"
                               : "the feed may need a key by now, or our address is blocked");
    case 410:
        err_set(e, ERR_NOT_FOUND, "the server says that the feed is gone for good (status 410)");
        return err_hint(e, "look for its new address, or `noroshi feed disable` it");
    case 429:
    case 503:
        err_set(e, ERR_BUSY, "the server asks to come back later (status %u)", a->status);
        return err_hint(e, "it is tried again by itself");
    default:
        err_set(e, ERR_IO, "the server answers with status %u", a->status);
        return err_hint(e, "it is tried again by itself; when it stays so, look at the address");
    }
}

/* ---- is it what it should be */

static bool is_page(struct sv head, struct sv type)
{
    struct sv s = sv_trim(sv_starts(head, SV("\xef\xbb\xbf")) ? sv_sub(head, 3, head.n) : head);
    if (sv_istarts(sv_trim(type), SV("text/html")) || sv_istarts(sv_trim(type), SV("application/xhtml")))
        return true;
    return sv_istarts(s, SV("<!doctype html")) || sv_istarts(s, SV("<html")) || sv_istarts(s, SV("<head"));
}

static int judge_body(struct feed_running *r, const struct fetch_answer *a, int fd, uint64_t bytes,
                      bool whole_feed, struct err *e)
{
    char head[HEAD_BYTES];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n < 0)
        return err_errno(e, errno, "what was fetched cannot be read again");
    if (bytes == 0) {
        err_set(e, ERR_VALUE, "the answer is empty");
        return err_hint(e, "nothing was changed; it is tried again by itself");
    }
    if (is_page(sv_from(head, (size_t)n), fetch_answer_header(a, "content-type"))) {
        err_set(e, ERR_VALUE, "the answer is a web page, not the feed");
        return err_hint(e,
                        "nothing was changed; look at the address in a browser: it may have moved, or want a "
                        "key");
    }
    if (whole_feed && r->feed.steady && !r->o->accept_small && bytes < r->feed.bytes / 2) {
        char name[FEED_NAME_MOST + 1];
        (void)sv_copy(r->feed.name, name, sizeof(name));
        err_set(e, ERR_VALUE, "the answer has %llu bytes, the last one had %llu: it is likely broken",
                (unsigned long long)bytes, (unsigned long long)r->feed.bytes);
        return err_hint(e, "nothing was changed; when so little is right: noroshi feed run %s --accept-small",
                        name);
    }
    return OK;
}

/* ---- asking */

static int append(int to, uint64_t at, int from, struct err *e)
{
    char block[65536];
    for (;;) {
        ssize_t n = read(from, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? OK : err_errno(e, errno, "what was fetched cannot be read again");
        for (ssize_t done = 0; done < n;) {
            ssize_t w = pwrite(to, block + done, (size_t)(n - done), (off_t)at);
            if (w < 0)
                return err_errno(e, errno, "what was fetched cannot be put together");
            done += w;
            at += (uint64_t)w;
        }
    }
}

/* A weak tag says nothing about bytes (RFC 9110 8.8.1), and a server without one cannot be resumed. */
static bool can_resume(const struct fetch_answer *a)
{
    struct sv etag = fetch_answer_header(a, "etag");
    return a->cut && etag.n && etag.p[0] == '"';
}

/* The rest of an answer that was cut. A server that sends the whole instead replaces it. */
static int resume(struct feed_running *r, struct fetch_request q, struct fetch_answer *a, struct err *e)
{
    q.modified = SV_NONE;
    for (int i = 0; i < RESUMES_MOST && can_resume(a); i++) {
        struct fetch_answer more;
        q.etag = fetch_answer_header(a, "etag");
        q.resume_from = a->bytes;
        int rc = fetch(r->f->fetcher, &q, &r->a, &more, e);
        if (rc == OK && more.status == 206) {
            rc = append(a->fd, a->bytes, more.fd, e);
            a->bytes += more.bytes;
            a->cut = more.cut;
            close_fd(&more.fd);
        } else if (rc == OK && more.status == 200) {
            close_fd(&a->fd);
            *a = more;
        } else if (rc == OK) {
            close_fd(&more.fd);
            rc = judge_status(r, &more, e);
            a->cut = true;
            return rc == OK ? err_set(e, ERR_IO, "the server answers with status %u", more.status) : rc;
        }
        if (rc != OK)
            return rc;
    }
    if (!a->cut)
        return OK;
    err_set(e, ERR_IO, "the connection broke after %llu bytes", (unsigned long long)a->bytes);
    return err_hint(e, "nothing was changed; it is tried again by itself");
}

static int make_request(struct feed_running *r, struct sv url, bool conditional, struct fetch_request *ret,
                        struct err *e)
{
    *ret = (struct fetch_request){.method = "GET",
                                  .url = url,
                                  .plain = feed_plain(url),
                                  .ca_pem = r->feed.ca_pem,
                                  .etag = conditional ? r->feed.etag : SV_NONE,
                                  .modified = conditional ? r->feed.modified : SV_NONE,
                                  .max_bytes = r->feed.max_bytes,
                                  .seconds = FEED_SECONDS};
    if (r->feed.key_header.n == 0)
        return OK;
    if (r->key.n == 0) {
        int rc = feed_key_get(r->f, &r->feed, &r->key, e);
        if (rc != OK)
            return rc;
    }
    ret->header[ret->headers++] = (struct fetch_header){r->feed.key_header, sv_trim(buf_sv(&r->key))};
    return OK;
}

int feed_fetch(struct feed_running *r, struct sv url, bool conditional, struct feed_answer *ret,
               struct err *e)
{
    struct fetch_request q;
    struct fetch_answer a = {.fd = -1};
    *ret = (struct feed_answer){.fd = -1};
    int rc = make_request(r, url, conditional, &q, e);
    rc = rc == OK ? fetch(r->f->fetcher, &q, &r->a, &a, e) : rc;
    ret->status = a.status;
    rc = rc == OK ? judge_status(r, &a, e) : rc;
    if (rc == OK && a.status == 200) {
        rc = a.cut ? resume(r, q, &a, e) : OK;
        rc = rc == OK ? judge_body(r, &a, a.fd, a.bytes, conditional, e) : rc;
    }
    if (rc != OK || a.status != 200) {
        close_fd(&a.fd);
        return rc;
    }
    *ret = (struct feed_answer){.status = a.status,
                                .fd = a.fd,
                                .bytes = a.bytes,
                                .etag = fetch_answer_header(&a, "etag"),
                                .modified = fetch_answer_header(&a, "last-modified")};
    r->report->fetched += a.bytes;
    return OK;
}
