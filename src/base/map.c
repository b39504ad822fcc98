#include "base/map.h"
#include "base/hash.h"

#include <stdlib.h>

#define FIRST_SLOTS ((size_t)64)

struct map_slot {
    uint64_t hash;
    struct sv key; /* p == NULL: empty */
    uint64_t value;
};

struct u64map_slot {
    uint64_t key;
    uint64_t value;
};

/* Tables are filled to three quarters. */
static bool is_full(size_t count, size_t mask)
{
    return count >= mask - mask / 4;
}

void map_init(struct map *m, size_t max, size_t key_bytes)
{
    *m = (struct map){.max = max};
    arena_init(&m->keys, key_bytes);
}

void map_reset(struct map *m)
{
    if (m->slots)
        memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
    m->count = 0;
    arena_reset(&m->keys);
}

void map_clear(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->count = 0;
    m->mask = 0;
    arena_clear(&m->keys);
}

static struct map_slot *slot_of(const struct map *m, uint64_t hash, struct sv key)
{
    for (size_t i = (size_t)hash & m->mask;; i = (i + 1) & m->mask) {
        struct map_slot *s = &m->slots[i];
        if (!s->key.p || (s->hash == hash && sv_eq(s->key, key)))
            return s;
    }
}

uint64_t *map_get(const struct map *m, struct sv key)
{
    if (!m->count)
        return NULL;
    struct map_slot *s = slot_of(m, hash64(hash_process_secret(), key), key);
    return s->key.p ? &s->value : NULL;
}

static bool map_grow(struct map *m)
{
    size_t slots = m->slots ? (m->mask + 1) * 2 : FIRST_SLOTS;
    struct map_slot *fresh = calloc(slots, sizeof(*fresh));
    if (!fresh)
        return false;
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        if (!m->slots[i].key.p)
            continue;
        size_t at = (size_t)m->slots[i].hash & (slots - 1);
        while (fresh[at].key.p)
            at = (at + 1) & (slots - 1);
        fresh[at] = m->slots[i];
    }
    free(m->slots);
    m->slots = fresh;
    m->mask = slots - 1;
    return true;
}

uint64_t *map_put(struct map *m, struct sv key, bool *ret_new)
{
    uint64_t hash = hash64(hash_process_secret(), key);
    struct map_slot *s = m->slots ? slot_of(m, hash, key) : NULL;
    if (ret_new)
        *ret_new = !s || !s->key.p;
    if (s && s->key.p)
        return &s->value;
    if (m->count >= m->max)
        return NULL;
    if (!s || is_full(m->count, m->mask)) {
        if (!map_grow(m))
            return NULL;
        s = slot_of(m, hash, key);
    }
    struct sv copy = arena_sv(&m->keys, key);
    if (!copy.p)
        return NULL;
    *s = (struct map_slot){.hash = hash, .key = copy};
    m->count++;
    return &s->value;
}

bool map_next(const struct map *m, size_t *it, struct sv *ret_key, uint64_t **ret_value)
{
    for (; m->slots && *it <= m->mask; (*it)++) {
        struct map_slot *s = &m->slots[*it];
        if (!s->key.p)
            continue;
        *ret_key = s->key;
        if (ret_value)
            *ret_value = &s->value;
        (*it)++;
        return true;
    }
    return false;
}

void u64map_init(struct u64map *m)
{
    *m = (struct u64map){0};
}

void u64map_clear(struct u64map *m)
{
    free(m->slots);
    *m = (struct u64map){0};
}

static bool is_empty(const struct u64map_slot *s)
{
    return s->key == 0 && s->value == 0;
}

static void u64map_place(struct u64map_slot *slots, size_t mask, struct u64map_slot pair)
{
    size_t at = (size_t)pair.key & mask;
    while (!is_empty(&slots[at]))
        at = (at + 1) & mask;
    slots[at] = pair;
}

/* Starting at an empty slot walks every cluster from its beginning, so values of one key keep the order they
 * were added in. */
static bool u64map_grow(struct u64map *m)
{
    size_t slots = m->slots ? (m->mask + 1) * 2 : FIRST_SLOTS;
    struct u64map_slot *fresh = calloc(slots, sizeof(*fresh));
    if (!fresh)
        return false;
    size_t start = 0;
    while (m->slots && !is_empty(&m->slots[start]))
        start++;
    for (size_t i = 0; m->slots && i <= m->mask; i++) {
        const struct u64map_slot *s = &m->slots[(start + i) & m->mask];
        if (!is_empty(s))
            u64map_place(fresh, slots - 1, *s);
    }
    free(m->slots);
    m->slots = fresh;
    m->mask = slots - 1;
    return true;
}

int u64map_add(struct u64map *m, uint64_t key, uint64_t value)
{
    if (key == 0 && value == 0) {
        m->zeros++;
        m->count++;
        return OK;
    }
    if ((!m->slots || is_full(m->count - m->zeros, m->mask)) && !u64map_grow(m))
        return ERR_MEMORY;
    u64map_place(m->slots, m->mask, (struct u64map_slot){key, value});
    m->count++;
    return OK;
}

bool u64map_find(const struct u64map *m, uint64_t key, size_t *it, uint64_t *ret_value)
{
    size_t skip = key == 0 ? m->zeros : 0;
    if (*it < skip) {
        (*it)++;
        *ret_value = 0;
        return true;
    }
    while (m->slots) {
        const struct u64map_slot *s = &m->slots[((size_t)key + (*it - skip)) & m->mask];
        if (is_empty(s))
            return false;
        (*it)++;
        if (s->key == key) {
            *ret_value = s->value;
            return true;
        }
    }
    return false;
}
