#include "fuse/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 << 10)
#define RUN_BUFFER ((size_t)64 << 10)
#define RUNS_MAX 4096

/* One sorted stretch of the file: each line after its length. */
struct run {
    off_t at, end; /* what is not read yet */
    char *buffer;
    size_t from, filled;
    struct sv line; /* the next one; p NULL at the end */
};

struct sorter {
    char *dir;
    size_t memory;
    struct buf text;  /* lines one after the other */
    uint32_t *offset; /* where each begins; one more for the end */
    size_t n, room;
    int fd; /* -1 = everything fits so far */
    off_t written;
    struct run *runs;
    size_t nruns;
    size_t next; /* of the lines in memory */
    bool reading;
};

struct sorter *sorter_new(const char *dir, size_t memory)
{
    struct sorter *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->fd = -1;
    s->memory = memory < UINT32_MAX ? memory : UINT32_MAX;
    s->dir = strdup(dir);
    buf_init(&s->text, s->memory);
    if (!s->dir) {
        sorter_free(s);
        return NULL;
    }
    return s;
}

void sorter_free(struct sorter *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->nruns; i++) {
        free(s->runs[i].buffer);
    }
    close_fd(&s->fd);
    buf_clear(&s->text);
    free(s->offset);
    free(s->runs);
    free(s->dir);
    free(s);
}

/* ---- what is in memory ---- */

static struct sv line_at(const struct sorter *s, uint32_t at)
{
    uint32_t n;
    memcpy(&n, s->text.p + at, sizeof(n));
    return sv_from(s->text.p + at + sizeof(n), n);
}

static int compare_lines(const void *a, const void *b, void *ctx)
{
    const struct sorter *s = ctx;
    return sv_cmp(line_at(s, *(const uint32_t *)a), line_at(s, *(const uint32_t *)b));
}

static void sort_memory(struct sorter *s)
{
    if (s->n > 1) {
        qsort_r(s->offset, s->n, sizeof(*s->offset), compare_lines, s);
    }
}

/* ---- what is in the file ---- */

static int open_file(struct sorter *s, struct err *e)
{
    if (s->fd >= 0) {
        return OK;
    }
    s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        char name[4200];
        snprintf(name, sizeof(name), "%s/sort-XXXXXX", s->dir);
        s->fd = mkostemp(name, O_CLOEXEC);
        if (s->fd >= 0) {
            (void)unlink(name);
        }
    }
    return s->fd >= 0 ? OK : err_errno(e, errno, "cannot make a temporary file in %s", s->dir);
}

static int flush_block(struct sorter *s, struct buf *block, struct err *e)
{
    int rc =
        block->failed ? err_set(e, ERR_MEMORY, "no memory to sort") : fd_write_all(s->fd, buf_sv(block), e);
    s->written += (off_t)block->n;
    buf_reset(block);
    return rc;
}

/* The lines in memory become a run of the file. */
static int spill(struct sorter *s, struct err *e)
{
    struct buf block;
    struct run *runs = s->nruns < RUNS_MAX ? reallocarray(s->runs, s->nruns + 1, sizeof(*runs)) : NULL;
    if (!runs) {
        return err_set(e, ERR_MEMORY, "no memory to sort");
    }
    s->runs = runs;
    int rc = open_file(s, e);
    if (rc != OK) {
        return rc;
    }
    runs[s->nruns] = (struct run){.at = s->written};
    buf_init(&block, RUN_BUFFER + LINE_MAX_BYTES + 8);
    sort_memory(s);
    for (size_t i = 0; rc == OK && i < s->n; i++) {
        struct sv line = line_at(s, s->offset[i]);
        buf_u32(&block, (uint32_t)line.n);
        buf_add(&block, line);
        rc = block.n >= RUN_BUFFER ? flush_block(s, &block, e) : OK;
    }
    rc = rc == OK ? flush_block(s, &block, e) : rc;
    buf_clear(&block);
    runs[s->nruns++].end = s->written;
    buf_reset(&s->text);
    s->n = 0;
    return rc;
}

/* At least `need` bytes from the run's place on, or all that are left. */
static int fill(struct sorter *s, struct run *r, size_t need, struct err *e)
{
    while (r->filled - r->from < need && r->at < r->end) {
        if (r->from) {
            memmove(r->buffer, r->buffer + r->from, r->filled - r->from);
            r->filled -= r->from;
            r->from = 0;
        }
        size_t room = RUN_BUFFER + LINE_MAX_BYTES + 8 - r->filled;
        size_t left = (size_t)(r->end - r->at);
        ssize_t n = pread(s->fd, r->buffer + r->filled, room < left ? room : left, r->at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? err_errno(e, errno, "cannot read a temporary file")
                         : err_set(e, ERR_CORRUPT, "a temporary file was cut short");
        }
        r->filled += (size_t)n;
        r->at += n;
    }
    return OK;
}

static int advance(struct sorter *s, struct run *r, struct err *e)
{
    int rc = fill(s, r, 4, e);
    r->line = SV_NONE;
    if (rc != OK || r->filled - r->from < 4) {
        return rc;
    }
    struct cur c = cur_of(sv_from(r->buffer + r->from, 4));
    size_t n = cur_u32(&c);
    rc = n <= LINE_MAX_BYTES ? fill(s, r, 4 + n, e) : err_set(e, ERR_CORRUPT, "a temporary file is damaged");
    if (rc != OK) {
        return rc;
    }
    if (r->filled - r->from < 4 + n) {
        return err_set(e, ERR_CORRUPT, "a temporary file was cut short");
    }
    r->line = sv_from(r->buffer + r->from + 4, n);
    r->from += 4 + n;
    return OK;
}

/* ---- adding and taking ---- */

static bool grow(struct sorter *s)
{
    if (s->n < s->room) {
        return true;
    }
    size_t room = s->room ? s->room * 2 : 1024;
    uint32_t *offset = reallocarray(s->offset, room, sizeof(*offset));
    if (!offset) {
        return false;
    }
    s->offset = offset;
    s->room = room;
    return true;
}

int sorter_add(struct sorter *s, struct sv line, struct err *e)
{
    uint32_t n = (uint32_t)line.n;
    if (line.n > LINE_MAX_BYTES || line.n > s->memory / 4) {
        return err_set(e, ERR_LIMIT, "a line of %zu bytes is too long to be sorted", line.n);
    }
    if (s->text.n + s->n * sizeof(*s->offset) + line.n + 16 > s->memory / 2) {
        int rc = spill(s, e);
        if (rc != OK) {
            return rc;
        }
    }
    if (!grow(s)) {
        return err_set(e, ERR_MEMORY, "no memory to sort");
    }
    s->offset[s->n++] = (uint32_t)s->text.n;
    buf_addp(&s->text, &n, sizeof(n));
    buf_add(&s->text, line);
    return s->text.failed ? err_set(e, ERR_MEMORY, "no memory to sort") : OK;
}

static int begin_reading(struct sorter *s, struct err *e)
{
    s->reading = true;
    sort_memory(s);
    for (size_t i = 0; i < s->nruns; i++) {
        s->runs[i].buffer = malloc(RUN_BUFFER + LINE_MAX_BYTES + 8);
        int rc = s->runs[i].buffer ? advance(s, &s->runs[i], e) : err_set(e, ERR_MEMORY, "no memory to sort");
        if (rc != OK) {
            return rc;
        }
    }
    return OK;
}

static int take_memory(struct sorter *s, struct sv *ret)
{
    if (s->next == s->n) {
        return 0;
    }
    *ret = line_at(s, s->offset[s->next++]);
    return 1;
}

/* The line that was handed out last lives in its run's buffer until now. */
int sorter_next(struct sorter *s, struct sv *ret, struct err *e)
{
    int rc = OK;
    if (!s->reading) {
        rc = s->nruns && s->n ? spill(s, e) : OK;
        rc = rc == OK ? begin_reading(s, e) : rc;
    } else if (s->nruns && s->next < s->nruns) {
        rc = advance(s, &s->runs[s->next], e);
    }
    if (rc != OK) {
        return rc;
    }
    if (!s->nruns) {
        return take_memory(s, ret);
    }
    struct run *least = NULL;
    for (size_t i = 0; i < s->nruns; i++) {
        struct run *r = &s->runs[i];
        if (r->line.p && (!least || sv_cmp(r->line, least->line) < 0)) {
            least = r;
            s->next = i;
        }
    }
    if (!least) {
        s->next = s->nruns;
        return 0;
    }
    *ret = least->line;
    return 1;
}
