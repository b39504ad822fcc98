#include "match/private.h"

#define BATCH 32u
#define BATCH_PROBES (BATCH * 12u)

static const char *const how_names[] = {
    [MATCH_EXACT] = "exact",   [MATCH_PARENT] = "parent", [MATCH_WILDCARD] = "wildcard",
    [MATCH_PREFIX] = "prefix", [MATCH_HOST] = "host",     [MATCH_PATH] = "path",
};

const char *match_how_name(enum match_how h)
{
    return (unsigned)h < sizeof(how_names) / sizeof(*how_names) ? how_names[h] : "unknown";
}

size_t matchset_find(const struct matchset *m, const struct obs *o, struct hit *ret, size_t max)
{
    struct query q;
    struct probe probes[PROBES_MAX] UNINITIALIZED;
    size_t n = 0;
    query_start(m, o, &q);
    size_t count = query_probes(m, &q, probes, PROBES_MAX);
    for (size_t i = 0; i < count && n < max; i++) {
        if (!filter_has(m, probes[i].hash))
            continue;
        const struct slot *s = slot_seek(m->slots, m->block->homes, probes[i].hash);
        if (s->ref && s->hash == probes[i].hash)
            n += query_hits(m, &q, &probes[i], s, ret + n, max - n);
    }
    if (q.family == 4 && n < max) {
        query_v4(m, &q);
        n += query_v4_hits(m, &q, ret + n, max - n);
    }
    return n;
}

/*
 * The steps of a batch. Each one does for all observations what needs one cache line, and asks for the line
 * that the next step needs: the waits for memory overlap instead of adding up.
 */
struct batch {
    const struct matchset *m;
    struct query q[BATCH];
    struct probe probe[BATCH_PROBES];
    uint16_t live[BATCH_PROBES]; /* the probes of each query that are still worth a look, from `first` on */
    const struct slot *slot[BATCH_PROBES];
    size_t n;          /* observations */
    bool alone[BATCH]; /* asks for too much to be done with the others */
};

static void prefetch_ranges(const struct matchset *m, uint32_t addr)
{
    const uint32_t *top = &m->top[addr >> 16];
    const char *p = (const char *)&m->ranges[top[0]], *end = (const char *)&m->ranges[top[1]];
    for (unsigned i = 0; i < 4 && p <= end; i++, p += 64)
        __builtin_prefetch(p);
}

static void list_probes(struct batch *b)
{
    size_t used = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct query *q = &b->q[i];
        b->alone[i] = query_probes(b->m, q, b->probe + used, BATCH_PROBES - used) == SIZE_MAX;
        q->first = used;
        q->n = b->alone[i] ? 0 : q->n;
        used += q->n;
        if (q->family == 4 && b->m->block->v4.n)
            prefetch_ranges(b->m, v4_addr(q->ip));
    }
}

static void keep_filtered(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct query *q = &b->q[i];
        size_t kept = q->first;
        for (size_t k = q->first; k < q->first + q->n; k++) {
            uint64_t hash = b->probe[k].hash;
            if (!filter_has(b->m, hash))
                continue;
            __builtin_prefetch(b->m->slots + scale(hash, b->m->block->homes));
            b->live[kept++] = (uint16_t)k;
        }
        q->n = kept - q->first;
        if (q->family == 4)
            query_v4(b->m, q);
    }
}

static void keep_found(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct query *q = &b->q[i];
        size_t kept = q->first;
        for (size_t k = q->first; k < q->first + q->n; k++) {
            uint64_t hash = b->probe[b->live[k]].hash;
            const struct slot *s = slot_seek(b->m->slots, b->m->block->homes, hash);
            if (!s->ref || s->hash != hash)
                continue;
            __builtin_prefetch(b->m->heap + s->ref);
            __builtin_prefetch(b->m->heap + s->ref + sizeof(uint32_t) + slot_bytes(s) - 1);
            b->slot[kept] = s;
            b->live[kept++] = b->live[k];
        }
        q->n = kept - q->first;
    }
}

static bool best_hit(const struct batch *b, const struct query *q, struct hit *ret)
{
    for (size_t k = q->first; k < q->first + q->n; k++)
        if (query_hits(b->m, q, &b->probe[b->live[k]], b->slot[k], ret, 1))
            return true;
    return q->family == 4 && query_v4_hits(b->m, q, ret, 1);
}

size_t matchset_find_batch(const struct matchset *m, const struct obs *o, size_t n, struct hit *first)
{
    struct batch b UNINITIALIZED;
    size_t met = 0;
    b.m = m;
    for (size_t at = 0; at < n; at += b.n) {
        b.n = n - at < BATCH ? n - at : BATCH;
        for (size_t i = 0; i < b.n; i++)
            query_start(m, &o[at + i], &b.q[i]);
        list_probes(&b);
        keep_filtered(&b);
        keep_found(&b);
        for (size_t i = 0; i < b.n; i++) {
            struct hit *h = &first[at + i];
            bool found = b.alone[i] ? matchset_find(m, &o[at + i], h, 1) > 0 : best_hit(&b, &b.q[i], h);
            if (!found)
                *h = (struct hit){.number = NONE32, .entry = NONE32};
            met += found;
        }
    }
    return met;
}

struct sv matchset_value(const struct matchset *m, uint32_t entry, char scratch[MATCHSET_VALUE_MAX])
{
    if (entry >= m->block->slots.n) {
        uint64_t i = entry - m->block->slots.n;
        uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};
        if (i >= m->block->v4.n)
            return SV_NONE;
        for (unsigned k = 0; k < 4; k++)
            ip[12 + k] = (uint8_t)(m->v4[i].addr >> (24 - 8 * k));
        ip_text(ip, m->v4[i].bits, scratch);
        return sv_c(scratch);
    }
    const struct slot *s = &m->slots[entry];
    if (!s->ref)
        return SV_NONE;
    struct sv value = slot_value(m->heap, s);
    if (s->kind == KIND_IPV6) {
        ip_text((const uint8_t *)value.p, s->len, scratch);
        return sv_c(scratch);
    }
    if (!hex_bytes(s->kind))
        return value;
    hex_text(value.p, value.n, scratch);
    return (struct sv){scratch, 2 * value.n};
}

bool matchset_next(const struct matchset *m, size_t *it, struct hit *ret)
{
    for (; *it < m->block->slots.n; ++*it) {
        const struct slot *s = &m->slots[*it];
        if (!s->ref)
            continue;
        *ret = (struct hit){.entry = (uint32_t)(*it)++, .how = MATCH_EXACT, .kind = (enum kind)s->kind};
        memcpy(&ret->number, m->heap + s->ref, sizeof(ret->number));
        return true;
    }
    size_t i = *it - (size_t)m->block->slots.n;
    if (i >= m->block->v4.n)
        return false;
    *ret = (struct hit){
        .number = m->v4[i].number, .entry = (uint32_t)(*it)++, .how = MATCH_EXACT, .kind = KIND_IPV4};
    return true;
}
