#include "match/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Load of the finished table: 7/10. It is ordered, so misses end as early as hits. */
#define LOAD_TENTHS 7u

static void place(struct section *s, uint64_t *end, uint64_t n, size_t size)
{
    *end = (*end + 63) / 64 * 64;
    *s = (struct section){*end, n};
    *end += n * size;
}

static void write_filter(const struct matchset_build *b, struct block *h, const struct slot *slots,
                         uint64_t *filter)
{
    for (uint64_t i = 0; i < h->slots.n; i++)
        if (slots[i].ref)
            filter[scale(slots[i].hash, h->filter.n)] |= filter_mask(slots[i].hash);
    for (size_t i = 0; i < b->hosts_n; i++)
        filter[scale(b->hosts[i], h->filter.n)] |= filter_mask(b->hosts[i]);
}

static void write_v4(const struct v4_tables *t, const struct block *h, uint8_t *base)
{
    if (t->n == 0)
        return;
    memcpy(base + h->v4.at, t->entries, t->n * sizeof(*t->entries));
    memcpy(base + h->ranges.at, t->ranges, t->n_ranges * sizeof(*t->ranges));
    v4_top_fill(t, (uint32_t *)(void *)(base + h->top.at));
}

static int write_block(struct matchset_build *b, const struct v4_tables *t, struct err *e)
{
    struct block h = {.magic = BLOCK_MAGIC, .version = BLOCK_VERSION, .kinds = b->kinds, .secret = b->secret};
    uint64_t end = BLOCK_HEAD + b->heap_n;
    memcpy(h.v6_lengths, b->v6_lengths, sizeof(h.v6_lengths));
    h.count = b->used + t->n;
    h.homes = b->used * 10 / LOAD_TENTHS + 1;
    h.heap = (struct section){BLOCK_HEAD, b->heap_n};
    place(&h.slots, &end, slots_spread(b->slots, b->room, h.homes, NULL), sizeof(struct slot));
    place(&h.filter, &end, (b->used + b->hosts_n) * FILTER_KEY_BITS / 64 + 1, sizeof(uint64_t));
    place(&h.v4, &end, t->n, sizeof(struct v4_entry));
    place(&h.ranges, &end, t->n_ranges, sizeof(struct v4_range));
    place(&h.top, &end, t->n ? V4_TOP : 0, sizeof(uint32_t));
    h.bytes = end;
    int r = build_reserve(b, end, e);
    if (r < 0)
        return r;
    /* What lies behind the heap may hold records that were squeezed out. */
    memset(b->map + BLOCK_HEAD + b->heap_n, 0, end - BLOCK_HEAD - b->heap_n);
    struct slot *slots = (struct slot *)(void *)(b->map + h.slots.at);
    (void)slots_spread(b->slots, b->room, h.homes, slots);
    write_filter(b, &h, slots, (uint64_t *)(void *)(b->map + h.filter.at));
    write_v4(t, &h, b->map);
    memcpy(b->map, &h, sizeof(h));
    if (munmap(b->map, b->mapped) < 0 || ftruncate(b->fd, (off_t)end) < 0 ||
        fcntl(b->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        r = err_errno(e, errno, "cannot seal the match index");
    b->map = NULL;
    b->mapped = 0;
    return r;
}

struct matchset *matchset_build_finish(struct matchset_build *b, struct err *e)
{
    struct v4_tables t = {0};
    if (b->used_up) {
        err_set(e, ERR_INTERNAL, "this match index cannot be finished: it is already, or memory ran out");
        return NULL;
    }
    int r = build_drain(b, e);
    b->used_up = true;
    if (r == OK)
        r = v4_tables_make(b->v4, b->v4_n, &t, e);
    free(b->v4);
    b->v4 = NULL;
    if (r == OK)
        r = write_block(b, &t, e);
    v4_tables_clear(&t);
    if (r < 0)
        return NULL;
    free(b->slots);
    b->slots = NULL;
    struct matchset *m = matchset_map(b->fd, e);
    if (m)
        b->fd = -1;
    return m;
}
