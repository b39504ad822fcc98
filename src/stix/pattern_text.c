#include "stix/pattern_private.h"

#include <stdlib.h>
#include <uninorm.h>

static bool ascii(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] >= 0x80)
            return false;
    return true;
}

struct sv pat_nfc(struct arena *a, struct sv text)
{
    if (ascii(text))
        return text.p ? text : SV("");
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)text.p, text.n, NULL, &n);
    struct sv ret = normal ? arena_sv(a, sv_from((const char *)normal, n)) : SV_NONE;
    free(normal);
    return ret;
}

/* The next character of well-formed UTF-8 and how many bytes it takes. */
static uint32_t character(struct sv s, size_t at, size_t *ret_n)
{
    uint8_t c = (uint8_t)s.p[at];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t code = n == 1 ? c : c & (0x7fu >> n);
    n = n < s.n - at ? n : s.n - at;
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((uint8_t)s.p[at + i] & 0x3fu);
    *ret_n = n;
    return code;
}

bool pat_latin(struct arena *a, struct sv text, struct sv *ret)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0, step;
    if (!out)
        return false;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t code = character(text, i, &step);
        if (code > 0xff)
            return false;
        out[n++] = (char)(uint8_t)code;
    }
    *ret = sv_from(out, n);
    return true;
}

bool pat_bytes_cmp(struct sv bytes, struct sv text, int *ret)
{
    size_t at = 0, step;
    *ret = 0;
    for (size_t i = 0; i < text.n; i += step, at++) {
        uint32_t code = character(text, i, &step);
        if (code > 0xff)
            return false;
        if (*ret == 0 && at >= bytes.n)
            *ret = -1;
        else if (*ret == 0 && (uint8_t)bytes.p[at] != code)
            *ret = (uint8_t)bytes.p[at] < code ? -1 : 1;
    }
    if (*ret == 0 && at < bytes.n)
        *ret = 1;
    return true;
}

/* Bytes of the character at `at`. */
static size_t width(struct sv s, size_t at, bool binary)
{
    size_t n = 1;
    if (!binary)
        (void)character(s, at, &n);
    return n;
}

/* After a mismatch only the last "%" need take more. */
int pat_like(struct pat_eval *v, struct sv like, struct sv text, bool binary, struct err *e)
{
    size_t i = 0, t = 0, star = SIZE_MAX, from = 0;
    uint64_t steps = 0;
    while (t < text.n) {
        if (++steps > v->left)
            return pat_spend(v, steps, e);
        if (i < like.n && like.p[i] == '%') {
            star = i++;
            from = t;
        } else if (i < like.n && like.p[i] == '_') {
            i++;
            t += width(text, t, binary);
        } else if (i < like.n && like.p[i] == text.p[t]) {
            i++;
            t++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            from += width(text, from, binary);
            t = from;
        } else {
            return 0;
        }
    }
    while (i < like.n && like.p[i] == '%')
        i++;
    int rc = pat_spend(v, steps, e);
    return rc < 0 ? rc : i == like.n;
}

/* Fraction digits behind the sixth, without zeros at the end: what microseconds do not hold. */
static struct sv beyond(struct sv s)
{
    size_t dot = sv_chr(s, '.');
    struct sv digits = dot == SIZE_MAX ? SV("") : sv_sub(s, dot + 1, s.n - dot - 2);
    digits = sv_sub(digits, 6, SIZE_MAX);
    while (digits.n && digits.p[digits.n - 1] == '0')
        digits.n--;
    return digits;
}

int pat_time_cmp(struct sv a, usec at, struct sv b, usec bt)
{
    if (at != bt)
        return at < bt ? -1 : 1;
    return sv_cmp(beyond(a), beyond(b));
}
