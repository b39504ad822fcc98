/*
 * Growable byte buffer with a mandatory maximum and a sticky error, and the cursor that reads what it wrote.
 * A failed write or read makes all later ones no-ops: check `failed` once at the end.
 */
#pragma once

#include "base/sv.h"

struct buf {
    char *p;
    size_t n;
    size_t room;
    size_t max;
    bool failed; /* maximum reached or no memory */
};

void buf_init(struct buf *b, size_t max);
void buf_reset(struct buf *b); /* empties, keeps the memory, forgets the failure */
void buf_clear(struct buf *b); /* gives the memory back; may be called twice */
/* Room for `n` more bytes; NULL on failure. Advance b->n yourself after writing. */
char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, struct sv s);
void buf_addp(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
static inline struct sv buf_sv(const struct buf *b)
{
    return (struct sv){b->p, b->n};
}

/* Little-endian fixed integers, LEB128 varint, zigzag varint, and varint-length-prefixed bytes. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_varint(struct buf *b, uint64_t v);
void buf_zigzag(struct buf *b, int64_t v);
void buf_str(struct buf *b, struct sv s);

struct cur {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};

struct cur cur_of(struct sv s);
bool cur_more(const struct cur *c); /* bytes left and not failed */
uint8_t cur_u8(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
uint64_t cur_varint(struct cur *c);
int64_t cur_zigzag(struct cur *c);
struct sv cur_str(struct cur *c); /* view into the cursor's bytes */
struct sv cur_bytes(struct cur *c, size_t n);
