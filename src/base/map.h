/* Hash maps: text to a 64-bit value (SipHash-like keyed XXH3 with a per-process secret), and 64-bit to
 * 64-bit. */
#pragma once

#include "base/arena.h"

struct map_slot;
struct map {
    struct map_slot *slots;
    size_t count;
    size_t mask;
    size_t max; /* mandatory maximum of keys */
    struct arena keys;
};

/* Embeds; nothing is allocated until the first put. `max` keys at most, `key_bytes` bytes of keys at most. */
void map_init(struct map *m, size_t max, size_t key_bytes);
void map_reset(struct map *m);
void map_clear(struct map *m);
/* Pointer to the value of `key`, or NULL. Dies at the next put. */
uint64_t *map_get(const struct map *m, struct sv key);
/* Pointer to the value of `key`, made with value 0 when absent (`*ret_new` says so; may be NULL). The key is
 * copied. NULL at the limit. */
uint64_t *map_put(struct map *m, struct sv key, bool *ret_new);
/* Walks: start with *it = 0; false at the end. Order is not defined. */
bool map_next(const struct map *m, size_t *it, struct sv *ret_key, uint64_t **ret_value);

struct u64map_slot;
struct u64map {
    struct u64map_slot *slots;
    size_t count;
    size_t mask;
    size_t zeros; /* pairs (0, 0): counted only, because such a slot means "empty" */
};
/*
 * Multimap over already well-mixed 64-bit keys (hashes): several values may stand under one key. The n-th
 * value of one key costs n steps, so callers bound how many they put under it.
 */
void u64map_init(struct u64map *m);
void u64map_clear(struct u64map *m);
int u64map_add(struct u64map *m, uint64_t key, uint64_t value) MUST_USE;
/* Next value under `key`: start with *it = 0; false when there are no more. */
bool u64map_find(const struct u64map *m, uint64_t key, size_t *it, uint64_t *ret_value);
