#include "net/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RATIO_FREE ((uint64_t)1 << 20) /* this much may come out whatever went in */
#define RATIO_MOST 200
#define PAST_LIMIT ((uint64_t)1 << 20)

static int temporary_file(const char *dir)
{
    char path[4200];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
        return fd;
    }
    snprintf(path, sizeof(path), "%s/body-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(path);
    }
    return fd;
}

int spool_open(struct spool *s, uint64_t max, const char *dir, bool gzip)
{
    *s = (struct spool){.max = max, .fd = -1, .gzip = gzip};
    buf_init(&s->memory, max ? (size_t)max : 1);
    if (gzip && inflateInit2(&s->z, 15 + 16) != Z_OK) {
        return ERR_MEMORY;
    }
    if (dir) {
        s->fd = temporary_file(dir);
        if (s->fd < 0) {
            int code = err_errno(NULL, errno, "spool");
            spool_close(s);
            return code;
        }
    }
    return OK;
}

static void fail(struct spool *s, unsigned status, const char *why)
{
    if (!s->status) {
        s->status = status;
        s->why = why;
    }
}

static void keep(struct spool *s, struct sv bytes)
{
    if (bytes.n > s->max - s->out) {
        fail(s, 413, "the body, decompressed, is larger than this address takes");
        return;
    }
    s->out += bytes.n;
    if (s->fd >= 0) {
        struct err e = ERR_NONE;
        if (fd_write_all(s->fd, bytes, &e) != OK) {
            fail(s, e.code == ERR_FULL ? 507 : 500, "the body could not be kept on disk");
        }
        return;
    }
    buf_add(&s->memory, bytes);
    if (s->memory.failed) {
        fail(s, 503, "there is no memory for the body at this moment");
    }
}

static void inflate_some(struct spool *s, struct sv bytes)
{
    static _Thread_local unsigned char out[64 << 10];
    s->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    s->z.avail_in = (unsigned)bytes.n;
    while (!s->status && (s->z.avail_in > 0 || s->z.avail_out == 0)) {
        if (s->gzip_ended) { /* RFC 1952 2.2: members one after the other */
            s->gzip_ended = false;
            (void)inflateReset(&s->z);
        }
        s->z.next_out = out;
        s->z.avail_out = sizeof(out);
        int rc = inflate(&s->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            fail(s, 400, "the body is not the gzip that Content-Encoding says");
            return;
        }
        keep(s, sv_from((const char *)out, sizeof(out) - s->z.avail_out));
        if (!s->any_ratio && s->out > RATIO_FREE && s->out / RATIO_MOST > s->in) {
            fail(s, 413, "the body expands more than 200 times");
        }
        s->gzip_ended = rc == Z_STREAM_END;
        if (s->gzip_ended && s->z.avail_in == 0) {
            break;
        }
    }
}

bool spool_add(struct spool *s, struct sv bytes)
{
    s->in += bytes.n;
    if (s->in > s->max) {
        fail(s, 413, "the body is larger than this address takes");
        return s->in - s->max <= (s->max > PAST_LIMIT ? s->max : PAST_LIMIT);
    }
    if (s->status) {
        return true;
    }
    if (s->gzip) {
        inflate_some(s, bytes);
    } else {
        keep(s, bytes);
    }
    return true;
}

void spool_end(struct spool *s)
{
    if (!s->status && s->gzip && s->in > 0 && !s->gzip_ended) {
        fail(s, 400, "the gzip body ends in the middle");
    }
    if (!s->status && s->fd >= 0 && lseek(s->fd, 0, SEEK_SET) != 0) {
        fail(s, 500, "the body could not be read back from disk");
    }
}

void spool_close(struct spool *s)
{
    if (s->gzip) {
        (void)inflateEnd(&s->z);
        s->gzip = false;
    }
    buf_clear(&s->memory);
    close_fd(&s->fd);
}
