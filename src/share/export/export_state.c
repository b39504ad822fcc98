/* Since when an export is as it is: serial numbers must grow with every change and stand still without one.
 */
#include "share/export/export_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LINES_KEPT 256
#define LINE_LENGTH (64 + 1 + 64 + 1 + 10 + 1) /* key, content, serial */

struct line {
    char key[65], sha[65];
    uint32_t serial;
};

static bool read_one(struct sv text, struct line *ret)
{
    struct sv key, sha;
    uint64_t serial = 0;
    if (text.n != LINE_LENGTH - 1 || !sv_cut(&text, ' ', &key) || !sv_cut(&text, ' ', &sha) || key.n != 64 ||
        sha.n != 64 || !sv_u64(text, &serial) || serial > UINT32_MAX) {
        return false;
    }
    sv_copy(key, ret->key, sizeof(ret->key));
    sv_copy(sha, ret->sha, sizeof(ret->sha));
    ret->serial = (uint32_t)serial;
    return true;
}

/* A line that a crash left half written is one that is not known. */
static size_t read_lines(int fd, struct line *line, struct err *e)
{
    char text[LINES_KEPT * LINE_LENGTH];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct sv rest = sv_from(text, n > 0 ? (size_t)n : 0), one;
    size_t lines = 0;
    while (lines < LINES_KEPT && sv_line(&rest, &one)) {
        lines += read_one(one, &line[lines]);
    }
    return lines;
}

static int write_lines(int fd, const char *path, const struct line *line, size_t n, struct err *e)
{
    struct buf b;
    buf_init(&b, (LINES_KEPT + 1) * LINE_LENGTH);
    for (size_t i = 0; i < n && i < LINES_KEPT; i++) {
        buf_printf(&b, "%s %s %010u\n", line[i].key, line[i].sha, line[i].serial);
    }
    bool good = !b.failed && pwrite(fd, b.p, b.n, 0) == (ssize_t)b.n && ftruncate(fd, (off_t)b.n) == 0;
    buf_clear(&b);
    return good ? OK : err_errno(e, errno ? errno : EIO, "cannot write %s", path);
}

static uint32_t next_serial(const struct line *old, uint32_t now)
{
    return !old || old->serial < now ? now : old->serial + 1;
}

static int update(int fd, const char *path, const struct line *now, uint32_t *ret_serial, struct err *e)
{
    struct line *line = calloc(LINES_KEPT + 1, sizeof(*line));
    if (!line) {
        return err_set(e, ERR_MEMORY, "no memory for the versions of exports");
    }
    size_t n = read_lines(fd, line + 1, e), at = 1;
    while (at <= n && strcmp(line[at].key, now->key) != 0) {
        at++;
    }
    const struct line *old = at <= n ? &line[at] : NULL;
    int rc = OK;
    if (old && strcmp(old->sha, now->sha) == 0) {
        *ret_serial = old->serial;
    } else {
        *ret_serial = next_serial(old, now->serial);
        line[0] = *now;
        line[0].serial = *ret_serial;
        /* The newest stand first; the old line of this export is overwritten by those before it. */
        if (old) {
            memmove(&line[at], &line[at + 1], (n - at) * sizeof(*line));
        }
        rc = write_lines(fd, path, line, old ? n : n + 1, e);
    }
    free(line);
    return rc;
}

int export_version(const char *path, struct sv key, const struct sha256 *sha, usec now, uint32_t *ret_serial,
                   struct err *e)
{
    struct line line = {.serial = (uint32_t)(now / USEC_SECOND)};
    struct sha256 name = sha256_of(key);
    *ret_serial = line.serial;
    hex_text(name.b, sizeof(name.b), line.key);
    hex_text(sha->b, sizeof(sha->b), line.sha);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) { /* a home that may only be read: the clock alone tells */
        return !path || errno == EACCES || errno == EROFS || errno == ENOENT
                   ? OK
                   : err_errno(e, errno, "cannot open %s", path);
    }
    int rc = flock(fd, LOCK_EX) == 0 ? update(fd, path, &line, ret_serial, e)
                                     : err_errno(e, errno, "cannot lock %s", path);
    close_fd(&fd);
    return rc;
}
