#include "match/private.h"

#include <endian.h>

#define XXH_INLINE_ALL /* keys are short: the call into the library would cost as much as the hash */
#include <xxhash.h>

static const uint8_t hex_kinds[KIND_MAX] = {
    [KIND_MD5] = 16,    [KIND_SHA1] = 20,   [KIND_SHA224] = 28,    [KIND_SHA256] = 32,
    [KIND_SHA384] = 48, [KIND_SHA512] = 64, [KIND_IMPHASH] = 16,   [KIND_JA3] = 16,
    [KIND_JA3S] = 16,   [KIND_JARM] = 31,   [KIND_CERT_SHA1] = 20, [KIND_CERT_SHA256] = 32,
};

size_t hex_bytes(unsigned kind)
{
    return kind < KIND_MAX ? hex_kinds[kind] : 0;
}

/* Value + 1 of a lower-case hexadecimal digit. */
static const uint8_t hex_value[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool hex_read(struct sv text, uint8_t *ret, size_t n)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned high = hex_value[(uint8_t)text.p[2 * i]], low = hex_value[(uint8_t)text.p[2 * i + 1]];
        if (!high || !low)
            return false;
        ret[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

/* Eight digits at once, one a byte: nibbles are spread out, and those above 9 get the distance from ':' to
 * 'a' as well. */
static uint64_t hex_digits8(uint32_t v)
{
    uint64_t x = v;
    x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
    x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x << 4 | x) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letter = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    return x + UINT64_C(0x3030303030303030) + letter * ('a' - '9' - 1);
}

/* Four bytes at a time; the last four may overlap the ones before. No hash is shorter than that. */
bool hex_same(struct sv text, struct sv bytes)
{
    uint64_t other = 0;
    if (text.n != 2 * bytes.n || bytes.n < 4)
        return false;
    for (size_t i = 0; i < bytes.n; i += 4) {
        uint32_t v;
        uint64_t t;
        size_t at = i + 4 <= bytes.n ? i : bytes.n - 4;
        memcpy(&v, bytes.p + at, sizeof(v));
        memcpy(&t, text.p + 2 * at, sizeof(t));
        other |= hex_digits8(be32toh(v)) ^ be64toh(t);
    }
    return other == 0;
}

uint64_t key_hash(const struct hash_secret *secret, unsigned space, struct sv bytes)
{
    uint64_t hash = XXH3_64bits_withSecret(bytes.n ? bytes.p : "", bytes.n, secret->b, sizeof(secret->b));
    return hash ^ space * UINT64_C(0x9e3779b97f4a7c15);
}

void v6_masked(const uint8_t ip[16], unsigned bits, uint8_t ret[16])
{
    size_t whole = bits / 8;
    memcpy(ret, ip, 16);
    if (whole >= 16)
        return;
    ret[whole] = (uint8_t)(ip[whole] & (0xff00u >> (bits % 8)));
    memset(ret + whole + 1, 0, 15 - whole);
}

struct sv url_slot_key(const struct slot *s, struct sv text)
{
    return s->flags < 255 ? sv_sub(text, s->flags, SIZE_MAX) : url_match_key(text);
}

struct sv url_key_host(struct sv key)
{
    size_t n = 0;
    while (n < key.n && key.p[n] != '/' && key.p[n] != '?')
        n++;
    return (struct sv){key.p, n};
}

size_t url_key_stem(struct sv key)
{
    if (key.n < 2)
        return key.n;
    char last = key.p[key.n - 1];
    if (last != '/' && last != '?' && last != '&')
        return key.n;
    bool query = memchr(key.p, '?', key.n - 1) != NULL;
    return query == (last == '&') ? key.n - 1 : key.n;
}

/*
 * registrable_domain() answers with the name itself both for a public suffix and for a name directly below
 * one; asked for a made-up name below, it tells the two apart.
 */
bool public_suffix(struct sv domain)
{
    char below[256] = "x.";
    if (sv_chr(domain, '.') == SIZE_MAX)
        return true;
    if (domain.n > 251)
        return false;
    memcpy(below + 2, domain.p, domain.n);
    return registrable_domain(sv_from(below, domain.n + 2)).n == domain.n + 2;
}
