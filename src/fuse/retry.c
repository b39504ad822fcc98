#include "fuse/private.h"

#include <sys/mman.h>
#include <unistd.h>

/* The record and what it needs before it (a header) as a small file of its own. */
static int as_file(const struct quarantined *q, struct err *e)
{
    int fd = memfd_create("retry", MFD_CLOEXEC);
    if (fd < 0) {
        return err_set(e, ERR_IO, "no temporary file for the retry");
    }
    int rc = OK;
    if (q->why.context.n) {
        rc = fd_write_all(fd, q->why.context, e);
        if (rc == OK && q->why.context.p[q->why.context.n - 1] != '\n') {
            rc = fd_write_all(fd, SV("\n"), e);
        }
    }
    if (rc == OK) {
        rc = fd_write_all(fd, q->why.bytes, e);
    }
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_set(e, ERR_IO, "the temporary file of the retry cannot be read");
    }
    if (rc != OK) {
        close_fd(&fd);
        return rc;
    }
    return fd;
}

static int remove_row(struct fuse *f, int64_t id, struct err *e)
{
    int rc = db_begin(f->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = quarantine_remove(f->db, id, e);
    return db_finish(f->db, rc, e);
}

int fuse_retry(struct fuse *f, int64_t quarantine_id, const struct take_opts *o, bool *ret_accepted,
               struct err *e)
{
    struct arena a;
    struct quarantined q;
    struct source source;
    struct take_report report;
    arena_init(&a, 4u << 20);
    *ret_accepted = false;
    int rc = quarantine_get(f->db, quarantine_id, &a, &q, e);
    if (rc == OK && q.why.bytes.n == 0) {
        err_set(e, ERR_UNSUPPORTED,
                "record %lld is a file that could not be read to its end: nothing of it is kept to retry",
                (long long)quarantine_id);
        rc = err_hint(e, "mend the file and take it in again with `noroshi intake`");
    }
    rc = rc == OK ? source_get(f->db, q.source, &a, &source, e) : rc;
    int fd = rc == OK ? as_file(&q, e) : -1;
    rc = rc == OK && fd < 0 ? fd : rc;
    if (rc == OK) {
        struct take_opts again = *o;
        again.source = &source;
        again.format = q.format;
        again.retry = true;
        again.place = q.why.offset;
        rc = fuse_take(f, fd, SV("retry"), &again, &report, e);
        *ret_accepted = rc == OK && report.rejected == 0 && report.problem.code == OK && report.records > 0;
    }
    if (rc == OK && *ret_accepted) {
        rc = remove_row(f, quarantine_id, e);
    }
    close_fd(&fd);
    arena_clear(&a);
    return rc;
}
