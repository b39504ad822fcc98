/* What a server sends: the head it is read from, the body counted, unpacked and kept. */
#include "net/fetch_private.h"
#include "base/file.h"

#include <unistd.h>

/* What callers may want to know; the rest of a head is dropped here. */
static const char *const kept[] = {
    "content-type", "content-length",           "content-range",           "etag",     "last-modified",
    "retry-after",  "x-taxii-date-added-first", "x-taxii-date-added-last", "location", "www-authenticate"};

static bool succeeded(const struct transfer *t)
{
    return t->status >= 200 && t->status < 300;
}

static bool stop(struct transfer *t, int code, const char *text, const char *remedy)
{
    err_set(&t->why, code, "%s", text);
    err_hint(&t->why, "%s", remedy);
    return false;
}

static bool too_large(struct transfer *t)
{
    err_set(&t->why, ERR_LIMIT, "size: what %s sends is larger than %llu bytes", t->host,
            (unsigned long long)t->ask.max_bytes);
    err_hint(&t->why, "raise the limit if so much is meant to come");
    return false;
}

static struct sv header(const struct transfer *t, const char *name)
{
    for (size_t i = 0; i < t->nheaders; i++)
        if (sv_eq(t->header[i].name, sv_c(name)))
            return t->header[i].value;
    return SV_NONE;
}

static void keep(struct transfer *t, struct sv name, struct sv value)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (!sv_ieq(name, sv_c(kept[i])) || t->nheaders == FETCH_HEADERS)
            continue;
        struct sv copy = arena_sv(&t->head, value);
        if (copy.p && !header(t, kept[i]).p)
            t->header[t->nheaders++] = (struct fetch_header){sv_c(kept[i]), copy};
    }
    if (sv_ieq(name, SV("content-encoding")) && !sv_ieq(value, SV("identity"))) {
        t->gzip = sv_ieq(value, SV("gzip")) || sv_ieq(value, SV("x-gzip"));
        if (!t->gzip)
            (void)stop(t, ERR_UNSUPPORTED,
                       "coding: the server answers in a Content-Encoding that was not asked for",
                       "tell who runs it: it should send gzip or nothing");
    }
}

/* The empty line: what the head promises is judged before the body is taken. */
static bool judge(struct transfer *t)
{
    uint64_t length;
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->status = (unsigned)status;
    t->headed = status >= 200;
    if (succeeded(t) && sv_u64(header(t, "content-length"), &length) && length > t->ask.max_bytes)
        (void)too_large(t);
    return t->why.code == OK;
}

static void forget_head(struct transfer *t)
{
    arena_reset(&t->head);
    t->nheaders = 0;
    t->headed = t->gzip = false;
}

size_t fetch_head_line(char *p, size_t size, size_t n, void *transfer)
{
    struct transfer *t = transfer;
    struct sv line = sv_trim(sv_from(p, size * n)), name;
    t->moved = time_ticks();
    t->head_bytes += size * n;
    if (t->head_bytes > FETCH_HEAD_MOST)
        return stop(t, ERR_LIMIT, "size: the head of the answer is larger than 64 KiB",
                    "tell who runs the server");
    if (sv_starts(line, SV("HTTP/")) && (!t->headed || t->stored + t->passed == 0)) {
        forget_head(t);
        return size * n;
    }
    if (t->headed) /* trailers say nothing that was asked for */
        return size * n;
    if (line.n == 0)
        return judge(t) ? size * n : 0;
    if (sv_cut(&line, ':', &name))
        keep(t, sv_trim(name), sv_trim(line));
    return size * n;
}

/* ---- the body */

/* Answers that are no success are read as far as they explain themselves. */
static bool store(struct transfer *t, struct sv bytes)
{
    uint64_t most = succeeded(t) ? t->ask.max_bytes : FETCH_ERROR_BODY;
    if (!succeeded(t) && bytes.n > most - t->stored) {
        t->passed += bytes.n - (most - t->stored);
        bytes.n = (size_t)(most - t->stored);
        t->enough = t->passed > 16 * (uint64_t)FETCH_ERROR_BODY;
    }
    if (bytes.n > most - t->stored)
        return too_large(t);
    if (fd_write_all(t->spool, bytes, &t->why) != OK)
        return false;
    t->stored += bytes.n;
    return !t->enough;
}

static bool inflate_start(struct transfer *t)
{
    t->z = (z_stream){0};
    t->inflating = inflateInit2(&t->z, 15 + 16) == Z_OK;
    if (!t->inflating)
        err_set(&t->why, ERR_MEMORY, "no memory to unpack what is fetched");
    return t->inflating;
}

/* Several gzip members one after the other are one body (RFC 1952 2.2). */
static bool inflate_more(struct transfer *t, struct sv bytes)
{
    unsigned char out[16384];
    if (!t->inflating && !inflate_start(t))
        return false;
    t->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    t->z.avail_in = (unsigned)bytes.n;
    do {
        if (t->inflated && t->z.avail_in && inflateReset(&t->z) != Z_OK)
            return false;
        t->z.next_out = out;
        t->z.avail_out = sizeof(out);
        int rc = inflate(&t->z, Z_NO_FLUSH);
        if (rc == Z_BUF_ERROR)
            return true;
        t->inflated = rc == Z_STREAM_END;
        if (rc != Z_OK && rc != Z_STREAM_END)
            return stop(t, ERR_CORRUPT, "coding: the server's gzip is damaged",
                        "try again; else tell who runs it");
        if (!store(t, sv_from((const char *)out, sizeof(out) - t->z.avail_out)))
            return false;
    } while (t->z.avail_in || t->z.avail_out == 0);
    return true;
}

size_t fetch_body_bytes(char *p, size_t size, size_t n, void *transfer)
{
    struct transfer *t = transfer;
    struct sv bytes = sv_from(p, size * n);
    t->moved = time_ticks();
    /* Some servers name a coding that they did not use; gzip begins with this byte, text never does. */
    if (t->gzip && !t->inflating && bytes.n && (unsigned char)bytes.p[0] != 0x1f)
        t->gzip = false;
    return (t->gzip ? inflate_more(t, bytes) : store(t, bytes)) ? size * n : 0;
}

int fetch_progress(void *transfer, curl_off_t all_in, curl_off_t in, curl_off_t all_out, curl_off_t out)
{
    struct transfer *t = transfer;
    if (out != t->sent)
        t->moved = time_ticks();
    t->sent = out;
    return 0;
}

bool fetch_body_whole(const struct transfer *t)
{
    return !t->gzip || !t->inflating || t->inflated;
}

int fetch_body_restart(struct transfer *t, struct err *e)
{
    forget_head(t);
    if (t->inflating)
        (void)inflateEnd(&t->z);
    t->inflating = t->inflated = t->enough = false;
    t->stored = t->passed = 0;
    t->head_bytes = 0;
    t->status = 0;
    t->why = ERR_NONE;
    if (ftruncate(t->spool, 0) < 0 || lseek(t->spool, 0, SEEK_SET) < 0)
        return err_set(e, ERR_IO, "the file for what is fetched cannot be emptied");
    return OK;
}
