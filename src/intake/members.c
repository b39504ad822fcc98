#include "intake/private.h"

#include <stdlib.h>

#define READ_BYTES ((size_t)256 << 10)

/* Offsets of newlines not passed by a member yet, so that a member's line is known without keeping the bytes
 * before it. */
struct lines {
    uint64_t line;
    uint64_t fed;
    uint64_t *at;
    size_t first, n, room;
};

static int lines_feed(struct lines *l, struct sv bytes, struct err *e)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        if (l->n == l->room && l->first > l->room / 2) {
            memmove(l->at, l->at + l->first, (l->n - l->first) * sizeof(*l->at));
            l->n -= l->first;
            l->first = 0;
        }
        if (l->n == l->room) {
            size_t room = l->room ? l->room * 2 : 1024;
            uint64_t *at = reallocarray(l->at, room, sizeof(*at));
            if (!at)
                return err_set(e, ERR_MEMORY, "no memory to count lines");
            l->at = at;
            l->room = room;
        }
        l->at[l->n++] = l->fed + (uint64_t)(p - bytes.p);
        p++;
    }
    l->fed += bytes.n;
    return OK;
}

static uint64_t lines_of(struct lines *l, uint64_t offset)
{
    while (l->first < l->n && l->at[l->first] < offset) {
        l->first++;
        l->line++;
    }
    return l->line;
}

struct walk {
    struct json_split *split;
    struct lines lines;
    member_fn each;
    void *ctx;
    bool stopped;        /* `each` said so: its error is the answer */
    struct err too_long; /* the first member that was passed over */
};

static int give_members(struct walk *w, struct err *e)
{
    for (;;) {
        struct sv member;
        uint64_t offset;
        int rc = json_split_next(w->split, &member, &offset, e);
        if (rc == ERR_LIMIT && e) {
            /* Passed over by the splitter; told at the end. */
            if (w->too_long.code == OK)
                w->too_long = *e;
            continue;
        }
        if (rc <= 0)
            return rc;
        rc = w->each(w->ctx, member, lines_of(&w->lines, offset), offset, e);
        if (rc < 0) {
            w->stopped = true;
            return rc;
        }
    }
}

/* A broken frame names the line too. */
static int placed(struct walk *w, int rc, struct err *e)
{
    if (rc < 0 && !w->stopped && e && e->offset != UINT64_MAX && e->line == 0)
        e->line = lines_of(&w->lines, e->offset);
    return rc;
}

static int walk_stream(struct walk *w, struct stream *in, char *block, struct err *e)
{
    for (;;) {
        ptrdiff_t n = stream_read(in, block, READ_BYTES, e);
        if (n < 0) {
            /* What came before the damage is given out; the damage is what is told. */
            struct err ignored = ERR_NONE;
            int rc = give_members(w, &ignored);
            if (w->stopped && e)
                *e = ignored;
            return w->stopped ? rc : (int)n;
        }
        struct sv bytes = sv_from(block, (size_t)n);
        int rc = lines_feed(&w->lines, bytes, e);
        if (rc == OK)
            rc = json_split_feed(w->split, bytes, n == 0, e);
        if (rc == OK)
            rc = give_members(w, e);
        if (rc < 0)
            return placed(w, rc, e);
        if (n == 0) {
            if (w->too_long.code && e)
                *e = w->too_long;
            return w->too_long.code;
        }
    }
}

int json_members(struct stream *in, struct sv key, member_fn each, void *ctx,
                 enum json_split_shape *ret_shape, struct buf *frame, struct err *e)
{
    return json_members_max(in, key, INTAKE_MEMBER_BYTES, each, ctx, ret_shape, frame, e);
}

int json_members_max(struct stream *in, struct sv key, size_t max_member, member_fn each, void *ctx,
                     enum json_split_shape *ret_shape, struct buf *frame, struct err *e)
{
    struct walk w = {.split = json_split_new(key, max_member),
                     .lines = {.line = 1},
                     .each = each,
                     .ctx = ctx,
                     .too_long = ERR_NONE};
    char *block = malloc(READ_BYTES);
    int rc =
        w.split && block ? walk_stream(&w, in, block, e) : err_set(e, ERR_MEMORY, "no memory to read JSON");
    if (w.split) {
        if (ret_shape)
            *ret_shape = json_split_shape(w.split);
        if (frame)
            buf_add(frame, json_split_frame(w.split));
    }
    json_split_free(w.split);
    free(w.lines.at);
    free(block);
    return rc;
}
