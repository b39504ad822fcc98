/* Text forms of bytes: UUID, hexadecimal, base64. */
#include "base/hash.h"

static const char hex_digits[] = "0123456789abcdef";

/* Value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

void hex_text(const void *p, size_t n, char *ret)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = hex_digits[b[i] >> 4];
        ret[2 * i + 1] = hex_digits[b[i] & 15];
    }
    ret[2 * n] = '\0';
}

bool hex_parse(struct sv s, void *ret, size_t n)
{
    if (s.n % 2 || s.n / 2 != n)
        return false;
    uint8_t *out = ret;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(s.p[2 * i]);
        int low = hex_value(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static struct uuid with_version(struct uuid u, uint8_t version)
{
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | (version << 4));
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

struct uuid uuid_v4(void)
{
    struct uuid u;
    random_bytes(u.b, sizeof(u.b));
    return with_version(u, 4);
}

struct uuid uuid_v5(struct uuid ns, struct sv name)
{
    uint8_t digest[20];
    struct uuid u;
    sha1_parts((struct sv[]){sv_from((const char *)ns.b, sizeof(ns.b)), name}, 2, digest);
    memcpy(u.b, digest, sizeof(u.b));
    return with_version(u, 5);
}

/* Where the sixteen bytes of a UUID stand in its text. */
static const uint8_t uuid_places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

bool uuid_parse(struct sv s, struct uuid *ret)
{
    if (s.n != 36 || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' || s.p[23] != '-')
        return false;
    struct uuid u;
    for (size_t i = 0; i < sizeof(u.b); i++)
        if (!hex_parse(sv_from(s.p + uuid_places[i], 2), &u.b[i], 1))
            return false;
    *ret = u;
    return true;
}

void uuid_text(struct uuid u, char ret[37])
{
    ret[8] = ret[13] = ret[18] = ret[23] = '-';
    for (size_t i = 0; i < sizeof(u.b); i++) {
        ret[uuid_places[i]] = hex_digits[u.b[i] >> 4];
        ret[uuid_places[i] + 1] = hex_digits[u.b[i] & 15];
    }
    ret[36] = '\0';
}

bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

bool uuid_nil(struct uuid u)
{
    return uuid_eq(u, (struct uuid){{0}});
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The 1 to 3 bytes at `p` as four digits. */
static void base64_group(const uint8_t *p, size_t n, const char *digits, char out[4])
{
    uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
    for (unsigned i = 0; i < 4; i++)
        out[i] = digits[v >> (18 - 6 * i) & 63];
}

static void base64_write(struct buf *b, struct sv bytes, const char *digits, bool pad)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    for (size_t left = bytes.n; left;) {
        size_t n = left < 3 ? left : 3;
        char group[4];
        base64_group(p, n, digits, group);
        if (pad)
            memset(group + n + 1, '=', 3 - n);
        buf_addp(b, group, pad ? 4 : n + 1);
        p += n;
        left -= n;
    }
}

void base64_add(struct buf *b, struct sv bytes)
{
    base64_write(b, bytes, base64_digits, true);
}

void base64url_add(struct buf *b, struct sv bytes)
{
    base64_write(b, bytes, base64url_digits, false);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Reads `digits` (2 to 4) digits into `digits - 1` bytes; the bits left over must be zero (RFC 4648 3.5). */
static bool base64_read_group(const char *p, size_t digits, uint8_t *out)
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = i < digits ? base64_value(p[i]) : 0;
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
    }
    for (size_t i = 0; i + 1 < digits; i++)
        out[i] = (uint8_t)(v >> (16 - 8 * i));
    return (v & ((1u << (8 * (4 - digits))) - 1)) == 0;
}

bool base64_parse(struct arena *a, struct sv s, struct sv *ret)
{
    if (s.n % 4)
        return false;
    uint8_t *out = arena_alloc(a, s.n / 4 * 3 + 1);
    if (!out)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i += 4) {
        size_t digits = 4;
        if (i + 4 == s.n)
            digits = s.p[i + 3] != '=' ? 4 : s.p[i + 2] != '=' ? 3 : 2;
        if (!base64_read_group(s.p + i, digits, out + n))
            return false;
        n += digits - 1;
    }
    out[n] = 0;
    *ret = sv_from((const char *)out, n);
    return true;
}
