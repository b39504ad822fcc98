/* String views: pointer and length, never NUL-terminated, never owning. */
#pragma once

#include "base/err.h"
#include <string.h>

struct sv {
    const char *p;
    size_t n;
};

#define SV(lit) ((struct sv){"" lit "", sizeof(lit) - 1})
#define SV_NONE ((struct sv){NULL, 0})
#define SV_ARG(s) (int)(s).n, (s).n ? (s).p : "" /* for "%.*s"; callers keep n below INT_MAX */

static inline struct sv sv_from(const char *p, size_t n)
{
    return (struct sv){p, n};
}
/* View of a C string; NULL gives the empty view. */
struct sv sv_c(const char *s);
bool sv_eq(struct sv a, struct sv b);
/* ASCII case-insensitive. */
bool sv_ieq(struct sv a, struct sv b);
/* Byte order, shorter first on a tie; for qsort-like use. */
int sv_cmp(struct sv a, struct sv b);
bool sv_starts(struct sv s, struct sv prefix);
bool sv_ends(struct sv s, struct sv suffix);
bool sv_istarts(struct sv s, struct sv prefix);
/* Index of `c` / `needle`, or SIZE_MAX. */
size_t sv_chr(struct sv s, char c);
size_t sv_rchr(struct sv s, char c);
size_t sv_find(struct sv s, struct sv needle);
/* Part from `at` (clamped) with at most `n` bytes. */
struct sv sv_sub(struct sv s, size_t at, size_t n);
/* Without ASCII white space (space, \t, \r, \n, \v, \f) at both ends. */
struct sv sv_trim(struct sv s);
/* Takes the part before the first `sep` off `*s` (which loses it and the separator); without `sep` takes all.
 * False once *s.p is NULL. */
bool sv_cut(struct sv *s, char sep, struct sv *ret_part);
/* The next line off `*s`, without "\n" or "\r\n". False at the end. */
bool sv_line(struct sv *s, struct sv *ret_line);
/* Whole view as decimal; false when empty, with other bytes, or out of range. */
bool sv_u64(struct sv s, uint64_t *ret);
bool sv_i64(struct sv s, int64_t *ret);
/* True when all bytes are well-formed UTF-8 (no surrogates, no overlongs). */
bool sv_utf8(struct sv s);
/* Copies to `dst` of `cap` bytes with a final NUL, cut at a UTF-8 boundary if too long; returns true when
 * nothing was cut. */
bool sv_copy(struct sv s, char *dst, size_t cap);
/* As sv_copy for error sentences and terminals: control bytes and bytes that are not UTF-8 become '?', a cut
 * ends in "...". Returns dst. */
const char *sv_show(struct sv s, char *dst, size_t cap);
