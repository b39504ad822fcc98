#include "base/buf.h"

#include <stdarg.h>
#include <stdlib.h>

#define FIRST_ROOM ((size_t)256)

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

void buf_clear(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

/* The allocation holds one byte more than `room`, so that printf may write its NUL at the maximum. */
static bool grow(struct buf *b, size_t need)
{
    size_t room = b->room ? b->room : FIRST_ROOM;
    while (room < need)
        room = room > b->max / 2 ? b->max : room * 2;
    if (room > b->max)
        room = b->max;
    size_t size;
    if (__builtin_add_overflow(room, (size_t)1, &size))
        return false;
    char *p = realloc(b->p, size);
    if (!p)
        return false;
    b->p = p;
    b->room = room;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max || b->n > b->max - n) {
        b->failed = true;
        return NULL;
    }
    if ((!b->p || b->n + n > b->room) && !grow(b, b->n + n)) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->n;
}

void buf_addp(struct buf *b, const void *p, size_t n)
{
    char *at = buf_reserve(b, n);
    if (!at || n == 0)
        return;
    memcpy(at, p, n);
    b->n += n;
}

void buf_add(struct buf *b, struct sv s)
{
    buf_addp(b, s.p, s.n);
}

void buf_addc(struct buf *b, char c)
{
    char *at = buf_reserve(b, 1);
    if (!at)
        return;
    *at = c;
    b->n++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char *at = buf_reserve(b, 0);
    if (!at)
        return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(at, b->room - b->n + 1, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)n > b->room - b->n) {
        at = buf_reserve(b, (size_t)n);
        if (!at)
            return;
        va_start(args, fmt);
        (void)vsnprintf(at, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    b->n += (size_t)n;
}

void buf_u8(struct buf *b, uint8_t v)
{
    buf_addc(b, (char)v);
}

static void put_le(struct buf *b, uint64_t v, size_t bytes)
{
    char *at = buf_reserve(b, bytes);
    if (!at)
        return;
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(uint8_t)(v >> (8 * i));
    b->n += bytes;
}

void buf_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void buf_varint(struct buf *b, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    buf_addp(b, bytes, n);
}

void buf_zigzag(struct buf *b, int64_t v)
{
    uint64_t u = (uint64_t)v << 1;
    buf_varint(b, v < 0 ? ~u : u);
}

void buf_str(struct buf *b, struct sv s)
{
    buf_varint(b, s.n);
    buf_add(b, s);
}

struct cur cur_of(struct sv s)
{
    const uint8_t *p = (const uint8_t *)(s.p ? s.p : "");
    return (struct cur){.p = p, .end = p + s.n};
}

bool cur_more(const struct cur *c)
{
    return !c->failed && c->p < c->end;
}

static const uint8_t *take(struct cur *c, size_t n)
{
    if (c->failed || (size_t)(c->end - c->p) < n) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

static uint64_t take_le(struct cur *c, size_t bytes)
{
    const uint8_t *p = take(c, bytes);
    uint64_t v = 0;
    for (size_t i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t cur_u8(struct cur *c)
{
    return (uint8_t)take_le(c, 1);
}

uint32_t cur_u32(struct cur *c)
{
    return (uint32_t)take_le(c, 4);
}

uint64_t cur_u64(struct cur *c)
{
    return take_le(c, 8);
}

uint64_t cur_varint(struct cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = take(c, 1);
        if (!p)
            return 0;
        uint64_t low = *p & 0x7fu;
        /* One spelling a value: no bits past 64, no needless last byte. */
        if ((shift == 63 && low > 1) || (shift && *p == 0))
            break;
        v |= low << shift;
        if (*p < 0x80)
            return v;
    }
    c->failed = true;
    return 0;
}

int64_t cur_zigzag(struct cur *c)
{
    uint64_t u = cur_varint(c);
    return (int64_t)((u >> 1) ^ (0 - (u & 1)));
}

struct sv cur_str(struct cur *c)
{
    uint64_t n = cur_varint(c);
    if (n > SIZE_MAX) {
        c->failed = true;
        return SV_NONE;
    }
    return cur_bytes(c, (size_t)n);
}

struct sv cur_bytes(struct cur *c, size_t n)
{
    const uint8_t *p = take(c, n);
    return p ? sv_from((const char *)p, n) : SV_NONE;
}
