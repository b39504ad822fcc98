/* What the files of json.h share. Not for other rooms. */
#pragma once

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
extern "C" {
#endif

#include "base/json.h"

/* simdjson 3 format, doc/tape.md: words[i] >> 56 is the type letter, the rest its payload. */
struct json_tape {
    const uint64_t *words;
    const uint8_t *strings;
};

enum json_dom_result { JSON_DOM_OK, JSON_DOM_MEMORY, JSON_DOM_REFUSED };

/* json_dom.cc: simdjson behind C. Nothing here throws. */
struct json_dom;
struct json_dom *json_dom_new(void);
void json_dom_free(struct json_dom *dom);
/* `padded` says that JSON_DOM_PADDING bytes past the text may be read; else the text is copied where it must
 * be. */
enum json_dom_result json_dom_parse(struct json_dom *dom, const char *text, size_t n, bool padded,
                                    struct json_tape *ret);
/* simdjson's own word for the last refusal. */
const char *json_dom_reason(const struct json_dom *dom);

/*
 * The fewest significant digits that read back as `v` (finite, above zero), nearest to it among those, and
 * the decimal exponent of the first: v = d.ddd * 10^exponent. Returns how many digits.
 */
size_t json_dom_digits(double v, char ret[17], int *ret_exponent);
/* False when the decimal text, already known to be a JSON number, is beyond the largest double. */
bool json_dom_in_range(const char *text, size_t n);

#define JSON_DOM_PADDING 64

static inline char json_tape_type(const struct json_tape *t, size_t at)
{
    return (char)(t->words[at] >> 56);
}

static inline struct sv json_tape_str(const struct json_tape *t, size_t at)
{
    const uint8_t *p = t->strings + (t->words[at] & 0x00FFFFFFFFFFFFFFu);
    uint32_t n;

    memcpy(&n, p, sizeof n);
    return sv_from((const char *)p + sizeof n, n);
}

/*
 * Length and first four bytes of a string in one word, the rest of a shorter one zero: strings whose heads
 * differ are different. The tape keeps the length before the bytes, and has room to read behind them.
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "json_head_mask needs a little-endian machine"
#endif
static inline uint64_t json_head_mask(size_t n)
{
    return n < 4 ? (1ull << (32 + 8 * n)) - 1 : UINT64_MAX;
}

static inline uint64_t json_tape_head(const struct json_tape *t, size_t at)
{
    uint64_t head;

    memcpy(&head, t->strings + (t->words[at] & 0x00FFFFFFFFFFFFFFu), sizeof head);
    return head;
}

/* Index of the word after the value at `at`. */
static inline size_t json_tape_skip(const struct json_tape *t, size_t at)
{
    uint64_t word = t->words[at];
    char type = (char)(word >> 56);

    if (type == '{' || type == '[')
        return (uint32_t)word;
    return at + (type == 'l' || type == 'u' || type == 'd' ? 2 : 1);
}

/*
 * json_check.c: looks for an object with the same key twice; `*ret_nth` is which string of the document
 * repeats, counted from 0.
 */
int json_find_duplicate(const struct json_tape *t, size_t *ret_nth) MUST_USE;

/*
 * json_locate.c: the slow pass: reads the text strictly, byte by byte, to say what is wrong and where.
 * Returns OK when nothing is wrong. The string `duplicate` (its number from 0, or JSON_NO_STRING) is reported
 * as a repeated key.
 */
#define JSON_NO_STRING SIZE_MAX
int json_locate(struct sv text, size_t duplicate, struct err *e);
/* True when the text between the quotes of a JSON string spells `plain`. */
bool json_spells(struct sv inner, struct sv plain);

/*
 * json_text.c. Length of the well-formed UTF-8 sequence at `p`, or 0 and in `*ret_bad` the length of the
 * maximal ill-formed part (Unicode 15, 3.9, table 3-7). `n` is at least 1.
 */
size_t json_utf8(const uint8_t *p, size_t n, size_t *ret_bad);
/* A quoted string with the escapes of RFC 8785 3.2.2.2, which are also the shortest RFC 8259 allows. */
void json_put_str(struct buf *b, struct sv s);
void json_put_int(struct buf *b, int64_t v);
void json_put_uint(struct buf *b, uint64_t v);
/* ECMAScript Number::toString of a finite number; returns the length. */
#define JSON_NUMBER_MAX 32
size_t json_number_text(double v, char ret[JSON_NUMBER_MAX]);

#ifdef __cplusplus
}
#endif
