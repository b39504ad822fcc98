/* Arena: memory that lives as long as a request or a batch. Everything is given back at once. */
#pragma once

#include "base/sv.h"

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out since the last reset */
    size_t cap;  /* mandatory maximum; past it arena_alloc returns NULL */
};

void arena_init(struct arena *a, size_t cap);
/* Keeps one block for reuse. All pointers from the arena die. */
void arena_reset(struct arena *a);
void arena_clear(struct arena *a);
/* 16-byte aligned, not zeroed; NULL when the cap or memory is reached. */
void *arena_alloc(struct arena *a, size_t n);
/* Zeroed array with overflow check. */
void *arena_calloc(struct arena *a, size_t count, size_t size);
/* Copy with a final NUL outside the view; SV_NONE (p NULL) on failure. */
struct sv arena_sv(struct arena *a, struct sv s);
struct sv arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
