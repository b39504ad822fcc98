#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)1 << 16)

void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    for (;;) {
        size_t step = b->max - b->n < READ_STEP ? b->max - b->n : READ_STEP;
        char probe;
        char *at = step ? buf_reserve(b, step) : &probe;
        if (!at)
            return err_set(e, ERR_MEMORY, "no memory to read %s", path);
        ssize_t n = read(fd, at, step ? step : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read %s", path);
        if (n == 0)
            return OK;
        if (step == 0)
            return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", path, b->max);
        b->n += (size_t)n;
    }
}

int file_read(int dirfd, const char *path, struct buf *b, struct err *e)
{
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", path);
    buf_reset(b);
    int rc = read_all(fd, path, b, e);
    close_fd(&fd);
    return rc;
}

int fd_write_all(int fd, struct sv bytes, struct err *e)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot write");
        bytes = sv_sub(bytes, (size_t)n, SIZE_MAX);
    }
    return OK;
}

/* Makes a rename in the directory of `path` durable. */
static int sync_directory(int dirfd, const char *path, struct err *e)
{
    char dir[PATH_MAX] = ".";
    size_t slash = sv_rchr(sv_c(path), '/');
    if (slash != SIZE_MAX)
        sv_copy(sv_from(path, slash ? slash : 1), dir, sizeof(dir));
    int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot open the directory of %s", path);
    int rc = fsync(fd) < 0 ? err_errno(e, errno, "cannot flush the directory of %s", path) : OK;
    close_fd(&fd);
    return rc;
}

static int fill_temporary(int fd, const char *path, struct sv bytes, unsigned mode, struct err *e)
{
    /* openat applies the umask: the mode asked for is exact. */
    if (fchmod(fd, mode) < 0)
        return err_errno(e, errno, "cannot set the mode of %s", path);
    struct err cause;
    if (fd_write_all(fd, bytes, &cause) != OK)
        return err_set(e, cause.code, "%s %s", cause.text, path);
    if (fsync(fd) < 0)
        return err_errno(e, errno, "cannot flush %s", path);
    return OK;
}

int file_write(int dirfd, const char *path, struct sv bytes, unsigned mode, struct err *e)
{
    char temporary[PATH_MAX];
    uint8_t random[8];
    char suffix[2 * sizeof(random) + 1];
    random_bytes(random, sizeof(random));
    hex_text(random, sizeof(random), suffix);
    int n = snprintf(temporary, sizeof(temporary), "%s.%s.tmp", path, suffix);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return err_set(e, ERR_LIMIT, "the path %.60s... is too long", path);
    int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, errno, "cannot create %s", temporary);
    int rc = fill_temporary(fd, path, bytes, mode, e);
    if (close(fd) < 0 && rc == OK)
        rc = err_errno(e, errno, "cannot close %s", temporary);
    if (rc == OK && renameat(dirfd, temporary, dirfd, path) < 0)
        rc = err_errno(e, errno, "cannot replace %s", path);
    if (rc != OK) {
        (void)unlinkat(dirfd, temporary, 0);
        return rc;
    }
    return sync_directory(dirfd, path, e);
}

int dir_make(int dirfd, const char *path, unsigned mode, struct err *e)
{
    if (mkdirat(dirfd, path, mode) == 0)
        return OK;
    if (errno != EEXIST)
        return err_errno(e, errno, "cannot make the directory %s", path);
    struct stat st;
    if (fstatat(dirfd, path, &st, 0) < 0)
        return err_errno(e, errno, "cannot look at %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_EXISTS, "%s is in the way: it is not a directory", path);
    return OK;
}
