#include "cli/json_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES ((size_t)64 << 10)
#define BLOCK_BYTES ((size_t)256 << 10)
#define OUT_MAX (UINT64_C(1) << 42)

/* ---- what it is ---- */

/* Most lines are whole objects: then those that are not are broken ones. A line that may go on behind the
 * head does not count. */
static bool looks_like_lines(struct sv head)
{
    size_t whole = 0, others = 0;
    struct sv rest = head, line = SV("");
    while (sv_chr(rest, '\n') != SIZE_MAX || (rest.n && head.n < HEAD_BYTES)) {
        if (!sv_line(&rest, &line)) {
            break;
        }
        line = sv_trim(line);
        bool object = line.n && line.p[0] == '{' && json_is_whole(line);
        whole += object;
        others += line.n && !object;
    }
    return whole + others > 1 && whole >= others;
}

/* Under which name the list stands; a collection of cases holds objects too, but further in. */
static struct sv list_name(struct sv head)
{
    size_t objects = sv_find(head, SV("\"objects\"")), cases = sv_find(head, SV("\"cases\""));
    return cases < objects ? SV("cases") : SV("objects");
}

/* ---- lines ---- */

static int read_lines(struct stream *in, const struct json_sink *k, struct err *e)
{
    struct liner *l = liner_new(in, JSON_IN_MEMBER);
    struct json_value v = {.is_line = true};
    bool cut;
    int rc = l ? OK : err_set(e, ERR_MEMORY, "no memory to read lines");
    while (rc == OK && (rc = liner_next(l, &v.text, &v.line, &v.offset, &cut, e)) == 1) {
        struct err why = ERR_NONE;
        v.text = sv_trim(v.text);
        rc = OK;
        if (cut) {
            err_set(&why, ERR_LIMIT, "the line is longer than %u bytes, or the file ends inside of it",
                    JSON_IN_MEMBER);
            err_at(&why, NULL, v.line, v.offset);
            rc = k->broken(k->ctx, &why, e);
        } else if (v.text.n) {
            rc = k->value(k->ctx, &v, e);
        }
    }
    liner_free(l);
    return rc;
}

/* ---- documents ---- */

static int give(struct json_split *split, const struct json_sink *k, struct err *e)
{
    for (;;) {
        struct json_value v = {0};
        struct err why = ERR_NONE;
        int rc = json_split_next(split, &v.text, &v.offset, &why);
        if (rc == 1) {
            rc = k->value(k->ctx, &v, e);
        } else if (rc == ERR_LIMIT) {
            rc = k->broken(k->ctx, &why, e);
        } else {
            if (rc < 0) {
                *e = why;
            }
            return rc;
        }
        if (rc != OK) {
            return rc;
        }
    }
}

static int read_split(struct stream *in, struct json_split *split, char *block, const struct json_sink *k,
                      struct err *e)
{
    for (;;) {
        ptrdiff_t n = stream_read(in, block, BLOCK_BYTES, e);
        if (n < 0) {
            return (int)n;
        }
        int rc = json_split_feed(split, sv_from(block, (size_t)n), n == 0, e);
        rc = rc == OK ? give(split, k, e) : rc;
        if (rc != OK || n == 0) {
            return rc;
        }
    }
}

static int read_document(struct stream *in, struct sv list, const struct json_sink *k, struct err *e)
{
    struct json_split *split = json_split_new(list, JSON_IN_MEMBER);
    char *block = malloc(BLOCK_BYTES);
    int rc = split && block ? read_split(in, split, block, k, e)
                            : err_set(e, ERR_MEMORY, "no memory to read JSON");
    if (rc == OK && k->frame && json_split_shape(split) == SPLIT_KEYED) {
        rc = k->frame(k->ctx, json_split_frame(split), e);
    }
    json_split_free(split);
    free(block);
    return rc;
}

/* ---- files ---- */

static int read_stream(int fd, bool lines, const struct json_sink *k, struct err *e)
{
    struct sv head;
    struct stream *in = stream_new(fd, OUT_MAX, 0);
    int rc = in ? stream_peek(in, HEAD_BYTES, &head, e) : err_set(e, ERR_MEMORY, "no memory to read");
    if (rc >= 0) {
        struct sv list = list_name(head);
        rc = lines || looks_like_lines(head) ? read_lines(in, k, e) : read_document(in, list, k, e);
    }
    stream_free(in);
    return rc;
}

static int open_file(struct cmd *c, const char *path, struct err *e)
{
    struct stat st;
    int fd = c->files.open(c->files.ctx, path, e);
    if (fd < 0) {
        return fd;
    }
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        close_fd(&fd);
        err_set(e, ERR_UNSUPPORTED, "%s is no file", path);
        return err_hint(e, "name the files: %s/*.json", path);
    }
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return fd;
}

int json_in_each(struct cmd *c, const char *path, bool lines, const struct json_sink *sink, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? c->in : open_file(c, path, e);
    if (fd < 0) {
        return fd;
    }
    int rc = read_stream(fd, lines, sink, e);
    if (!standard) {
        close_fd(&fd);
    }
    if (rc < 0 && !e->file[0]) {
        err_at(e, standard ? "stdin" : path, e->line, e->offset);
    }
    return rc;
}
