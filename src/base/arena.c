#include "base/arena.h"

#include <stdarg.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN 16
#define BLOCK_FIRST ((size_t)4096)
#define BLOCK_MOST ((size_t)1 << 20)

struct arena_block {
    struct arena_block *next;
    size_t room;
    size_t used;
    size_t pad;
    char bytes[];
};

_Static_assert(offsetof(struct arena_block, bytes) % ALIGN == 0, "blocks must keep the alignment of malloc");

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

static void free_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->room);
        free(b);
        b = next;
    }
}

void arena_reset(struct arena *a)
{
    if (a->head) {
        free_blocks(a->head->next);
        a->head->next = NULL;
        a->head->used = 0;
        ASAN_POISON_MEMORY_REGION(a->head->bytes, a->head->room);
    }
    a->used = 0;
}

void arena_clear(struct arena *a)
{
    free_blocks(a->head);
    a->head = NULL;
    a->used = 0;
}

/* Blocks double, so that the number of them stays small without a short arena costing a large block. */
static struct arena_block *add_block(struct arena *a, size_t least)
{
    size_t room = a->head ? a->head->room : BLOCK_FIRST / 2;
    room = room < BLOCK_MOST ? room * 2 : BLOCK_MOST;
    if (room < least)
        room = least;
    size_t size;
    if (__builtin_add_overflow(sizeof(struct arena_block), room, &size) || size > PTRDIFF_MAX)
        return NULL;
    struct arena_block *b = malloc(size);
    if (!b)
        return NULL;
    *b = (struct arena_block){.next = a->head, .room = room};
    ASAN_POISON_MEMORY_REGION(b->bytes, room);
    a->head = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t take = n ? n : 1;
    if (__builtin_add_overflow(take, ALIGN - 1, &take))
        return NULL;
    take &= ~(size_t)(ALIGN - 1);
    if (take > a->cap || a->used > a->cap - take)
        return NULL;
    struct arena_block *b = a->head;
    if (!b || b->room - b->used < take) {
        b = add_block(a, take);
        if (!b)
            return NULL;
    }
    char *p = b->bytes + b->used;
    b->used += take;
    a->used += take;
    ASAN_UNPOISON_MEMORY_REGION(p, n ? n : 1);
    return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    void *p = arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct sv arena_sv(struct arena *a, struct sv s)
{
    if (s.n == SIZE_MAX)
        return SV_NONE;
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return SV_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return sv_from(p, s.n);
}

struct sv arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
    if (!p)
        return SV_NONE;
    va_start(args, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return sv_from(p, (size_t)n);
}
