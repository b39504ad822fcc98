#include "match/private.h"

#include <stdlib.h>

static int v4_order(const void *a, const void *b)
{
    const struct v4_add *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    if (x->bits != y->bits)
        return x->bits < y->bits ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static uint32_t last_addr(const struct v4_entry *e)
{
    return e->addr | ~v4_mask(e->bits);
}

static void add_range(struct v4_tables *t, uint32_t start, uint32_t owner)
{
    if (t->n_ranges == 0 || t->ranges[t->n_ranges - 1].start != start)
        t->n_ranges++;
    t->ranges[t->n_ranges - 1] = (struct v4_range){start, owner};
}

/* Closes the entries that end before `addr` (all of them when `all`): what follows each belongs to its parent
 * again. */
static uint32_t close_before(struct v4_tables *t, uint32_t open, uint32_t addr, bool all)
{
    while (open != NONE32) {
        const struct v4_entry *top = &t->entries[open];
        uint32_t last = last_addr(top);
        if (!all && last >= addr)
            break;
        open = top->parent;
        if (last != UINT32_MAX)
            add_range(t, last + 1, open);
    }
    return open;
}

int v4_tables_make(struct v4_add *add, size_t n, struct v4_tables *t, struct err *e)
{
    *t = (struct v4_tables){0};
    if (n == 0)
        return OK;
    if (n >= NONE32 / 2)
        return err_set(e, ERR_LIMIT, "more than %u IPv4 prefixes in one index", NONE32 / 2 - 1);
    t->entries = calloc(n, sizeof(*t->entries));
    t->ranges = calloc(2 * n + 1, sizeof(*t->ranges));
    if (!t->entries || !t->ranges) {
        v4_tables_clear(t);
        return err_set(e, ERR_MEMORY, "no memory for an index of %zu IPv4 prefixes", n);
    }
    qsort(add, n, sizeof(*add), v4_order);
    uint32_t open = NONE32;
    add_range(t, 0, NONE32);
    for (size_t i = 0; i < n; i++) {
        if (i && add[i].addr == add[i - 1].addr && add[i].bits == add[i - 1].bits)
            continue;
        open = close_before(t, open, add[i].addr, false);
        uint32_t self = (uint32_t)t->n++;
        t->entries[self] = (struct v4_entry){add[i].addr, add[i].number, open, add[i].bits};
        add_range(t, add[i].addr, self);
        open = self;
    }
    (void)close_before(t, open, 0, true);
    return OK;
}

void v4_tables_clear(struct v4_tables *t)
{
    free(t->entries);
    free(t->ranges);
    *t = (struct v4_tables){0};
}

void v4_top_fill(const struct v4_tables *t, uint32_t *top)
{
    uint32_t at = 0;
    for (uint32_t h = 0; h < V4_TOP - 1; h++) {
        while (at + 1 < t->n_ranges && t->ranges[at + 1].start <= h << 16)
            at++;
        top[h] = at;
    }
    top[V4_TOP - 1] = (uint32_t)t->n_ranges - 1;
}

static bool entries_ok(const struct matchset *m)
{
    for (uint64_t i = 0; i < m->block->v4.n; i++) {
        const struct v4_entry *v = &m->v4[i];
        if (v->bits > 32 || (v->addr & ~v4_mask(v->bits)))
            return false;
        if (v->parent != NONE32 && (v->parent >= i || m->v4[v->parent].bits >= v->bits))
            return false;
    }
    return true;
}

bool v4_tables_ok(const struct matchset *m)
{
    uint64_t ranges = m->block->ranges.n;
    if (m->block->v4.n == 0)
        return ranges == 0 && m->block->top.n == 0;
    if (ranges == 0 || m->block->top.n != V4_TOP || !entries_ok(m))
        return false;
    for (uint64_t i = 0; i < ranges; i++) {
        if (i ? m->ranges[i].start <= m->ranges[i - 1].start : m->ranges[i].start != 0)
            return false;
        if (m->ranges[i].owner != NONE32 && m->ranges[i].owner >= m->block->v4.n)
            return false;
    }
    for (uint32_t h = 0; h < V4_TOP; h++) {
        if (m->top[h] >= ranges || (h && m->top[h] < m->top[h - 1]))
            return false;
        if (h < V4_TOP - 1 && m->ranges[m->top[h]].start > h << 16)
            return false;
    }
    return true;
}

uint32_t v4_find(const struct matchset *m, uint32_t addr, unsigned bits)
{
    if (m->block->v4.n == 0)
        return NONE32;
    uint32_t low = m->top[addr >> 16], n = m->top[(addr >> 16) + 1] - low + 1;
    while (n > 1) {
        uint32_t half = n / 2;
        low += m->ranges[low + half].start <= addr ? half : 0;
        n -= half;
    }
    uint32_t at = m->ranges[low].owner;
    while (bits < 32 && at != NONE32 && m->v4[at].bits > bits)
        at = m->v4[at].parent;
    return at;
}
