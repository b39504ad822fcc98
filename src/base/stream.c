/* Bytes of a descriptor, decompressed by content: RFC 1952 (gzip, many members) and RFC 8878 (zstd, many
 * frames). */
#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define IN_ROOM ((size_t)1 << 17)
#define PEEK_MOST ((size_t)1 << 20)
/* The ratio is not held against less output than this: short runs of one byte compress by any factor. */
#define RATIO_FREE ((uint64_t)1 << 20)
#define RATIO_DEFAULT 1000

enum coding { CODING_UNKNOWN, CODING_PLAIN, CODING_GZIP, CODING_ZSTD };

struct stream {
    int fd;                /* unless there is a parent */
    struct stream *parent; /* borrowed */
    uint64_t part_left;    /* bytes of the parent that belong to this stream and were not taken */
    enum coding coding;
    uint64_t max_out;
    unsigned max_ratio;
    uint64_t total_in;
    uint64_t total_out;
    bool input_end;
    bool mid_frame;     /* a member or frame was begun and not finished */
    bool done;          /* the end was reached, or `failure` is final */
    struct err failure; /* code OK until something went wrong */
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct buf peeked; /* decoded bytes looked at and not taken yet */
    size_t peeked_at;
    size_t in_at;
    size_t in_n;
    unsigned char in[IN_ROOM];
};

struct stream *stream_new(int fd, uint64_t max_out, unsigned max_ratio)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->fd = fd;
    s->max_out = max_out;
    s->max_ratio = max_ratio ? max_ratio : RATIO_DEFAULT;
    s->failure = ERR_NONE;
    buf_init(&s->peeked, PEEK_MOST);
    return s;
}

struct stream *stream_new_part(struct stream *parent, uint64_t n, uint64_t max_out, unsigned max_ratio)
{
    struct stream *s = stream_new(-1, max_out, max_ratio);
    if (s) {
        s->parent = parent;
        s->part_left = n;
    }
    return s;
}

uint64_t stream_part_left(const struct stream *s)
{
    return s->part_left;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    if (s->coding == CODING_GZIP)
        (void)inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    buf_clear(&s->peeked);
    free(s);
}

const char *stream_coding(const struct stream *s)
{
    return s->coding == CODING_GZIP ? "gzip" : s->coding == CODING_ZSTD ? "zstd" : "";
}

/* Ends the stream; bytes decoded before stay to be read. */
static void fail(struct stream *s, int code, const char *text)
{
    err_set(&s->failure, code, "%s", text);
    err_at(&s->failure, NULL, 0, s->total_out);
    s->done = true;
}

/* Whoever started the program may have left its standard input non-blocking. */
static bool wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

/* Bytes of the file or of the parent: > 0, 0 at the end, -1 with `failure` set. */
static ptrdiff_t take_source(struct stream *s, unsigned char *p, size_t n)
{
    if (!s->parent) {
        ssize_t got;
        do
            got = read(s->fd, p, n);
        while (got < 0 && (errno == EINTR || (errno == EAGAIN && wait_readable(s->fd))));
        if (got < 0)
            err_errno(&s->failure, errno, "cannot read the input");
        return got;
    }
    if (s->part_left == 0)
        return 0;
    ptrdiff_t got = stream_read(s->parent, p, n < s->part_left ? n : (size_t)s->part_left, &s->failure);
    if (got > 0)
        s->part_left -= (uint64_t)got;
    else if (got == 0)
        err_set(&s->failure, ERR_CORRUPT, "the archive ends in the middle of a member");
    return got > 0 ? got : -1;
}

/* Adds input behind what is left of it. False when nothing more came. */
static bool read_input(struct stream *s)
{
    if (s->input_end)
        return false;
    memmove(s->in, s->in + s->in_at, s->in_n - s->in_at);
    s->in_n -= s->in_at;
    s->in_at = 0;
    ptrdiff_t n = take_source(s, s->in + s->in_n, IN_ROOM - s->in_n);
    if (n <= 0) {
        s->input_end = true;
        return false;
    }
    s->in_n += (size_t)n;
    s->total_in += (uint64_t)n;
    return true;
}

static void detect(struct stream *s)
{
    while (s->in_n < 4 && read_input(s))
        continue;
    s->coding = CODING_PLAIN;
    if (s->in_n >= 3 && memcmp(s->in, "\x1f\x8b\x08", 3) == 0) {
        if (inflateInit2(&s->gzip, 15 + 16) != Z_OK) {
            fail(s, ERR_MEMORY, "no memory to decompress");
            return;
        }
        s->coding = CODING_GZIP;
        s->mid_frame = true;
    } else if (s->in_n >= 4 && memcmp(s->in, "\x28\xb5\x2f\xfd", 4) == 0) {
        s->zstd = ZSTD_createDStream();
        if (!s->zstd || ZSTD_isError(ZSTD_initDStream(s->zstd))) {
            fail(s, ERR_MEMORY, "no memory to decompress");
            return;
        }
        s->coding = CODING_ZSTD;
        s->mid_frame = true;
    }
}

/* What follows a gzip member: another one, zero padding as tapes have it, or the end. */
static bool next_member(struct stream *s)
{
    while (s->in_n - s->in_at < 3 && read_input(s))
        continue;
    if (s->in_n - s->in_at >= 2 && memcmp(s->in + s->in_at, "\x1f\x8b", 2) == 0) {
        s->mid_frame = true;
        return inflateReset(&s->gzip) == Z_OK;
    }
    while (s->in_at < s->in_n || read_input(s)) {
        if (s->in[s->in_at] != 0) {
            fail(s, ERR_CORRUPT, "other bytes follow the end of the gzip data");
            return false;
        }
        s->in_at++;
    }
    s->done = true;
    return false;
}

static size_t step_gzip(struct stream *s, unsigned char *p, size_t n)
{
    if (!s->mid_frame && !next_member(s))
        return 0;
    s->gzip.next_in = s->in + s->in_at;
    s->gzip.avail_in = (uInt)(s->in_n - s->in_at);
    s->gzip.next_out = p;
    s->gzip.avail_out = n > UINT32_MAX ? UINT32_MAX : (uInt)n;
    size_t asked = s->gzip.avail_out;
    int rc = inflate(&s->gzip, Z_NO_FLUSH);
    s->in_at = s->in_n - s->gzip.avail_in;
    if (rc == Z_STREAM_END)
        s->mid_frame = false;
    else if (rc == Z_MEM_ERROR)
        fail(s, ERR_MEMORY, "no memory to decompress");
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        fail(s, ERR_CORRUPT, "the gzip data is damaged");
    return asked - s->gzip.avail_out;
}

static size_t step_zstd(struct stream *s, unsigned char *p, size_t n)
{
    ZSTD_inBuffer in = {s->in + s->in_at, s->in_n - s->in_at, 0};
    ZSTD_outBuffer out = {p, n, 0};
    if (!s->mid_frame && in.size == 0)
        return 0;
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
    s->in_at += in.pos;
    ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
    if (code == ZSTD_error_memory_allocation || code == ZSTD_error_frameParameter_windowTooLarge)
        fail(s, ERR_LIMIT, "the zstd data needs more memory than allowed");
    else if (code != ZSTD_error_no_error)
        fail(s, ERR_CORRUPT, "the zstd data is damaged");
    else
        s->mid_frame = rc != 0;
    return out.pos;
}

static size_t step_plain(struct stream *s, unsigned char *p, size_t n)
{
    size_t have = s->in_n - s->in_at;
    if (have > n)
        have = n;
    memcpy(p, s->in + s->in_at, have);
    s->in_at += have;
    return have;
}

static void check_ratio(struct stream *s)
{
    if (s->coding == CODING_PLAIN || s->total_out < RATIO_FREE)
        return;
    uint64_t used = s->total_in - (s->in_n - s->in_at);
    if (s->total_out / s->max_ratio > used) {
        fail(s, ERR_LIMIT, "the data expands more than the allowed ratio");
        err_hint(&s->failure, "decompress it by hand and look what it is, if the source is trusted");
    }
}

/* Decodes until at least one byte came, or the end, or a failure. */
static size_t decode(struct stream *s, unsigned char *p, size_t n)
{
    while (!s->done) {
        if (s->coding == CODING_UNKNOWN) {
            detect(s);
            continue;
        }
        bool more = s->in_at < s->in_n || read_input(s);
        size_t got = s->coding == CODING_GZIP   ? step_gzip(s, p, n)
                     : s->coding == CODING_ZSTD ? step_zstd(s, p, n)
                                                : step_plain(s, p, n);
        if (got) {
            s->total_out += got;
            check_ratio(s);
            return got;
        }
        if (more || s->done)
            continue;
        if (s->mid_frame && !s->failure.code)
            fail(s, ERR_CORRUPT, "the compressed data ends in the middle");
        s->done = true;
    }
    return 0;
}

/* As decode, held to max_out: one byte past it is enough to know that there is more. */
static size_t decode_bounded(struct stream *s, unsigned char *p, size_t n)
{
    if (s->total_out < s->max_out) {
        uint64_t left = s->max_out - s->total_out;
        return decode(s, p, n < left ? n : (size_t)left);
    }
    unsigned char probe;
    if (decode(s, &probe, 1) > 0) {
        s->total_out--;
        fail(s, ERR_LIMIT, "the data is larger than allowed");
        err_hint(&s->failure, "raise the limit, or split the file");
    }
    return 0;
}

static int hand_out_failure(const struct stream *s, struct err *e)
{
    if (e)
        *e = s->failure;
    return s->failure.code;
}

ptrdiff_t stream_read(struct stream *s, void *p, size_t n, struct err *e)
{
    if (n == 0)
        return 0;
    if (n > PTRDIFF_MAX)
        n = PTRDIFF_MAX;
    size_t waiting = s->peeked.n - s->peeked_at;
    if (waiting) {
        size_t got = waiting < n ? waiting : n;
        memcpy(p, s->peeked.p + s->peeked_at, got);
        s->peeked_at += got;
        return (ptrdiff_t)got;
    }
    size_t got = decode_bounded(s, p, n);
    if (got)
        return (ptrdiff_t)got;
    return s->failure.code ? hand_out_failure(s, e) : 0;
}

int stream_peek(struct stream *s, size_t n, struct sv *ret, struct err *e)
{
    struct buf *b = &s->peeked;
    if (s->peeked_at) {
        memmove(b->p, b->p + s->peeked_at, b->n - s->peeked_at);
        b->n -= s->peeked_at;
        s->peeked_at = 0;
    }
    if (n > PEEK_MOST)
        return err_set(e, ERR_LIMIT, "at most %zu bytes can be looked at ahead", PEEK_MOST);
    while (b->n < n) {
        char *at = buf_reserve(b, n - b->n);
        if (!at)
            return err_set(e, ERR_MEMORY, "no memory to look ahead");
        size_t got = decode_bounded(s, (unsigned char *)at, n - b->n);
        if (got == 0)
            break;
        b->n += got;
    }
    *ret = sv_sub(sv_from(b->p ? b->p : "", b->n), 0, n);
    return b->n == 0 && s->failure.code ? hand_out_failure(s, e) : OK;
}
