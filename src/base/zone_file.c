#include "base/zone_private.h"

#include <stdlib.h>

#define HEADER 44
#define TYPES_MOST 256
#define TRANSITIONS_MOST 10000
/* RFC 8536 3.2: at most 26 hours either way. */
#define OFFSET_MOST 93599

struct header {
    uint8_t version;
    uint32_t isut, isstd, leap, time, type, chars;
};

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static bool read_header(struct cur *c, struct header *h)
{
    struct sv b = cur_bytes(c, HEADER);
    if (!b.p || !sv_starts(b, SV("TZif")))
        return false;
    const uint8_t *p = (const uint8_t *)b.p;
    h->version = p[4];
    uint32_t *const counts[] = {&h->isut, &h->isstd, &h->leap, &h->time, &h->type, &h->chars};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        *counts[i] = (uint32_t)big_endian(p + 20 + 4 * i, 4);
    return h->type > 0 && h->type <= TYPES_MOST && h->time <= TRANSITIONS_MOST && h->chars <= 4096 &&
           h->leap <= 4096 && h->isut <= h->type && h->isstd <= h->type;
}

static size_t body_length(const struct header *h, size_t time_size)
{
    return h->time * (time_size + 1) + (size_t)h->type * 6 + h->chars + h->leap * (time_size + 4) + h->isstd +
           h->isut;
}

static bool read_types(struct sv types, uint32_t count, int32_t offsets[TYPES_MOST])
{
    const uint8_t *p = (const uint8_t *)types.p;
    for (uint32_t i = 0; i < count; i++) {
        int32_t offset = (int32_t)(uint32_t)big_endian(p + (size_t)i * 6, 4);
        if (offset < -OFFSET_MOST || offset > OFFSET_MOST)
            return false;
        offsets[i] = offset;
    }
    return true;
}

static void zone_drop(struct zone *z)
{
    free(z->at);
    free(z->offset);
    free(z);
}

/* Fills the transitions; false when indexes or order are wrong. */
static bool read_transitions(struct zone *z, const struct header *h, struct cur *c, size_t size)
{
    struct sv times = cur_bytes(c, h->time * size);
    struct sv indexes = cur_bytes(c, h->time);
    struct sv types = cur_bytes(c, (size_t)h->type * 6);
    int32_t offsets[TYPES_MOST] = {0};
    if (c->failed || !read_types(types, h->type, offsets))
        return false;
    z->first = offsets[0];
    for (uint32_t i = 0; i < h->time; i++) {
        uint64_t raw = big_endian((const uint8_t *)times.p + i * size, size);
        z->at[i] = size == 8 ? (int64_t)raw : (int64_t)(int32_t)(uint32_t)raw;
        uint8_t type = (uint8_t)indexes.p[i];
        if (type >= h->type || (i && z->at[i] <= z->at[i - 1]))
            return false;
        z->offset[i] = offsets[type];
    }
    z->count = h->time;
    return true;
}

/* "\n<TZ string>\n" at the end of version 2 and later; empty means no rule. */
static bool read_footer(struct zone *z, struct cur *c)
{
    struct sv rest = cur_bytes(c, (size_t)(c->end - c->p));
    if (!sv_starts(rest, SV("\n")))
        return false;
    rest = sv_sub(rest, 1, SIZE_MAX);
    struct sv text;
    if (sv_chr(rest, '\n') == SIZE_MAX || !sv_cut(&rest, '\n', &text))
        return false;
    z->has_rule = text.n > 0;
    return text.n == 0 || zone_read_rule(text, &z->rule);
}

static int read_body(struct zone *z, const struct header *h, struct cur *c, size_t size)
{
    z->at = calloc((size_t)h->time + 1, sizeof(*z->at));
    z->offset = calloc((size_t)h->time + 1, sizeof(*z->offset));
    if (!z->at || !z->offset)
        return ERR_MEMORY;
    size_t rest = h->chars + h->leap * (size + 4) + h->isstd + h->isut;
    if (!read_transitions(z, h, c, size) || !cur_bytes(c, rest).p)
        return ERR_CORRUPT;
    if (h->version >= '2' && !read_footer(z, c))
        return ERR_CORRUPT;
    /* Files of the "right" tree count leap seconds, POSIX time does not. */
    return h->leap ? ERR_UNSUPPORTED : OK;
}

struct zone *zone_read_tzif(struct sv bytes, struct err *e)
{
    struct cur c = cur_of(bytes);
    struct header h;
    size_t size = 4;
    bool ok = read_header(&c, &h);
    if (ok && h.version >= '2') {
        ok = cur_bytes(&c, body_length(&h, 4)).p && read_header(&c, &h) && h.version >= '2';
        size = 8;
    }
    struct zone *z = ok ? calloc(1, sizeof(*z)) : NULL;
    int rc = ok ? z ? read_body(z, &h, &c, size) : ERR_MEMORY : ERR_CORRUPT;
    if (rc == OK)
        return z;
    if (z)
        zone_drop(z);
    err_set(e, rc,
            rc == ERR_UNSUPPORTED ? "the time zone counts leap seconds"
            : rc == ERR_MEMORY    ? "no memory for a time zone"
                                  : "not a time zone file (TZif), or a damaged one");
    return NULL;
}
