#include "base/sv.h"

struct sv sv_c(const char *s)
{
    return s ? sv_from(s, strlen(s)) : sv_from("", 0);
}

bool sv_eq(struct sv a, struct sv b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

static bool equal_fold(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool sv_ieq(struct sv a, struct sv b)
{
    return a.n == b.n && equal_fold(a.p, b.p, a.n);
}

int sv_cmp(struct sv a, struct sv b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool sv_starts(struct sv s, struct sv prefix)
{
    return s.n >= prefix.n && sv_eq(sv_from(s.p, prefix.n), prefix);
}

bool sv_ends(struct sv s, struct sv suffix)
{
    if (suffix.n == 0)
        return true;
    return s.n >= suffix.n && memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0;
}

bool sv_istarts(struct sv s, struct sv prefix)
{
    return s.n >= prefix.n && equal_fold(s.p, prefix.p, prefix.n);
}

size_t sv_chr(struct sv s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t sv_rchr(struct sv s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t sv_find(struct sv s, struct sv needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

struct sv sv_sub(struct sv s, size_t at, size_t n)
{
    if (!s.p)
        return s;
    if (at > s.n)
        at = s.n;
    if (n > s.n - at)
        n = s.n - at;
    return sv_from(s.p + at, n);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct sv sv_trim(struct sv s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool sv_cut(struct sv *s, char sep, struct sv *ret_part)
{
    if (!s->p)
        return false;
    size_t at = sv_chr(*s, sep);
    if (at == SIZE_MAX) {
        *ret_part = *s;
        *s = SV_NONE;
    } else {
        *ret_part = sv_from(s->p, at);
        *s = sv_from(s->p + at + 1, s->n - at - 1);
    }
    return true;
}

bool sv_line(struct sv *s, struct sv *ret_line)
{
    if (s->n == 0)
        return false;
    sv_cut(s, '\n', ret_line);
    if (ret_line->n && ret_line->p[ret_line->n - 1] == '\r')
        ret_line->n--;
    return true;
}

bool sv_u64(struct sv s, uint64_t *ret)
{
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool sv_i64(struct sv s, int64_t *ret)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (!sv_u64(negative ? sv_sub(s, 1, SIZE_MAX) : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Length of the well-formed sequence at `p` (RFC 3629 section 4), or 0. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < n)
        return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool sv_utf8(struct sv s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        while (s.n - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if (word & 0x8080808080808080u)
                break;
            i += sizeof(word);
        }
        if (i == s.n)
            break;
        size_t n = sequence_length(p + i, s.n - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

bool sv_copy(struct sv s, char *dst, size_t cap)
{
    if (cap == 0)
        return false;
    size_t n = s.n;
    if (n >= cap) {
        n = cap - 1;
        /* At most three continuation bytes belong to a sequence begun before the cut. */
        for (int back = 0; back < 3 && n && ((unsigned char)s.p[n] & 0xc0) == 0x80; back++)
            n--;
    }
    if (n)
        memmove(dst, s.p, n);
    dst[n] = '\0';
    return n == s.n;
}

const char *sv_show(struct sv s, char *dst, size_t cap)
{
    bool whole = sv_copy(s, dst, cap);
    size_t n = whole ? s.n : strlen(sv_sub(s, 0, cap - 1).n ? dst : "");
    bool text = sv_utf8(sv_from(dst, n));
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)dst[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !text))
            dst[i] = '?';
    }
    if (!whole && n >= 3) {
        size_t at = n - 3;
        while (at && ((unsigned char)dst[at] & 0xc0) == 0x80) /* not in the middle of a character */
            at--;
        memcpy(dst + at, "...", 4);
    }
    return dst;
}
