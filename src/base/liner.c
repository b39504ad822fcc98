#include "base/file.h"

#include <stdlib.h>

#define BLOCK ((size_t)1 << 17)

struct liner {
    struct stream *stream;
    size_t max_line;
    uint64_t line;
    uint64_t offset; /* of p[at] in the decoded bytes */
    size_t at;
    size_t scanned; /* no newline before p[scanned] */
    size_t n;
    bool end;
    bool skipping; /* the rest of the line handed out last is to be passed over */
    struct err failure;
    size_t room;
    char p[];
};

struct liner *liner_new(struct stream *s, size_t max_line)
{
    /* Room for the longest line with its "\r\n", and a block to read at once. */
    size_t room, size;
    if (__builtin_add_overflow(max_line, BLOCK + 2, &room) ||
        __builtin_add_overflow(room, sizeof(struct liner), &size))
        return NULL;
    struct liner *l = malloc(size);
    if (!l)
        return NULL;
    *l = (struct liner){.stream = s, .max_line = max_line, .room = room, .failure = ERR_NONE};
    return l;
}

void liner_free(struct liner *l)
{
    free(l);
}

static void refill(struct liner *l)
{
    memmove(l->p, l->p + l->at, l->n - l->at);
    l->n -= l->at;
    l->scanned -= l->at;
    l->at = 0;
    ptrdiff_t got = stream_read(l->stream, l->p + l->n, l->room - l->n, &l->failure);
    if (got > 0)
        l->n += (size_t)got;
    else
        l->end = true;
}

/* Index of the next newline; SIZE_MAX when the line is longer than may be held, or the input ends first. */
static size_t find_newline(struct liner *l)
{
    for (;;) {
        struct sv rest = sv_from(l->p + l->scanned, l->n - l->scanned);
        size_t found = sv_chr(rest, '\n');
        if (found != SIZE_MAX)
            return l->scanned + found;
        l->scanned = l->n;
        if (l->end || l->n - l->at > l->max_line + 2)
            return SIZE_MAX;
        refill(l);
    }
}

static void take(struct liner *l, size_t n)
{
    l->at += n;
    l->offset += n;
    l->scanned = l->at;
}

/* Passes over the rest of a line that was too long; what it holds is not kept. */
static void skip_line(struct liner *l)
{
    l->skipping = false;
    while (!l->end) {
        l->at = l->n = l->scanned = 0;
        refill(l);
        size_t newline = sv_chr(sv_from(l->p, l->n), '\n');
        if (newline != SIZE_MAX) {
            take(l, newline + 1);
            return;
        }
        l->offset += l->n;
        l->at = l->scanned = l->n;
    }
}

int liner_next(struct liner *l, struct sv *ret, uint64_t *ret_line, uint64_t *ret_offset, bool *ret_cut,
               struct err *e)
{
    if (l->skipping)
        skip_line(l);
    size_t newline = find_newline(l);
    struct sv line = sv_from(l->p + l->at, (newline == SIZE_MAX ? l->n : newline) - l->at);
    if (newline == SIZE_MAX && line.n == 0) {
        if (l->failure.code && e)
            *e = l->failure;
        return l->failure.code;
    }
    *ret_line = ++l->line;
    *ret_offset = l->offset;
    take(l, line.n + (newline != SIZE_MAX));
    l->skipping = newline == SIZE_MAX && !l->end;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    /* What a damaged stream ends with is no whole line either: half an address reads like another address. */
    *ret_cut = line.n > l->max_line || (newline == SIZE_MAX && l->failure.code);
    *ret = sv_sub(line, 0, l->max_line);
    return 1;
}
