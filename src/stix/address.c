#include "stix/private.h"

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Four decimal octets; a leading zero is refused because half of the world reads it as octal. */
static bool read_v4(const char *p, const char *end, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        if (p == end || !is_digit(*p))
            return false;
        unsigned v = (unsigned)(*p++ - '0');
        if (v == 0) {
            if (p < end && is_digit(*p))
                return false;
        } else {
            while (p < end && is_digit(*p)) {
                v = v * 10 + (unsigned)(*p++ - '0');
                if (v > 255)
                    return false;
            }
        }
        out[i] = (uint8_t)v;
        if (i < 3 && (p == end || *p++ != '.'))
            return false;
    }
    return p == end;
}

static unsigned hex_digit(char c)
{
    return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(lower(c) - 'a') + 10;
}

/* One group of one to four hex digits; returns what follows, or NULL. */
static const char *read_group(const char *p, const char *end, uint8_t out[2])
{
    unsigned v = 0, n = 0;
    for (; p < end && n < 5 && is_hex(*p); p++, n++)
        v = v << 4 | hex_digit(*p);
    if (n == 0 || n > 4)
        return NULL;
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
    return p;
}

static bool looks_v4(const char *p, const char *end)
{
    for (int i = 0; i < 4 && p < end; i++, p++)
        if (*p == '.')
            return i > 0;
    return false;
}

/* RFC 4291 2.2: eight groups, one "::", and a dotted IPv4 tail. */
static bool read_v6(const char *p, const char *end, uint8_t out[16])
{
    size_t at = 0, gap = SIZE_MAX;
    memset(out, 0, 16);
    if (end - p >= 2 && p[0] == ':') {
        if (p[1] != ':')
            return false;
        gap = 0;
        p += 2;
    }
    while (p < end) {
        if (looks_v4(p, end)) {
            if (at > 12 || !read_v4(p, end, out + at))
                return false;
            at += 4;
            break;
        }
        if (at > 14)
            return false;
        p = read_group(p, end, out + at);
        if (!p)
            return false;
        at += 2;
        if (p == end)
            break;
        if (*p++ != ':' || p == end)
            return false;
        if (*p == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = at;
            p++;
        }
    }
    if (gap == SIZE_MAX)
        return at == 16;
    if (at > 14)
        return false;
    memmove(out + 16 - (at - gap), out + gap, at - gap);
    memset(out + gap, 0, 16 - at);
    return true;
}

static void clear_host_bits(uint8_t ip[16], unsigned bits)
{
    unsigned byte = bits / 8;
    if (bits % 8) {
        ip[byte] = (uint8_t)(ip[byte] & (0xff00u >> (bits % 8)));
        byte++;
    }
    if (byte < 16)
        memset(ip + byte, 0, 16 - byte);
}

/* "/24" at the end of the view; takes it off. */
static bool take_prefix(struct sv *text, unsigned max, unsigned *ret_bits)
{
    size_t slash = sv_rchr(*text, '/');
    struct sv digits = sv_sub(*text, slash + 1, SIZE_MAX);
    uint64_t bits;
    if (digits.n == 0 || digits.n > 3 || (digits.n > 1 && digits.p[0] == '0') || !sv_u64(digits, &bits) ||
        bits > max)
        return false;
    text->n = slash;
    *ret_bits = (unsigned)bits;
    return true;
}

bool ip_read(struct sv text, bool prefix_allowed, struct obs *ret)
{
    if (text.n < 2 || text.n > 128)
        return false;
    bool v6 = memchr(text.p, ':', text.n) != NULL;
    unsigned bits = v6 ? 128 : 32;
    if (prefix_allowed && memchr(text.p, '/', text.n) && !take_prefix(&text, bits, &bits))
        return false;
    if (!v6) {
        memcpy(ret->ip, V4_MAPPED, 12);
        if (!read_v4(text.p, text.p + text.n, ret->ip + 12))
            return false;
        ret->kind = KIND_IPV4;
        if (bits < 32)
            clear_host_bits(ret->ip, bits + 96);
    } else {
        const char *zone = memchr(text.p, '%', text.n);
        if (!read_v6(text.p, zone ? zone : text.p + text.n, ret->ip))
            return false;
        if (bits < 128)
            clear_host_bits(ret->ip, bits);
        bool mapped = bits >= 96 && memcmp(ret->ip, V4_MAPPED, 12) == 0;
        ret->kind = mapped ? KIND_IPV4 : KIND_IPV6;
        bits -= mapped ? 96 : 0;
    }
    ret->bits = (uint8_t)bits;
    ret->port = 0;
    return true;
}

bool ip_obs(struct sv text, bool prefix_allowed, char *scratch, struct obs *ret)
{
    if (!ip_read(text, prefix_allowed, ret))
        return false;
    /* Decimal octets without leading zeros are canonical as they stand. */
    if (ret->kind == KIND_IPV4 && ret->bits == 32 && memchr(text.p, ':', text.n) == NULL &&
        memchr(text.p, '/', text.n) == NULL) {
        ret->value = text;
        return true;
    }
    ip_text(ret->ip, ret->bits, scratch);
    ret->value = sv_c(scratch);
    if (sv_eq(ret->value, text))
        ret->value = text;
    return true;
}

bool obs_ip(struct sv text, char *scratch, struct obs *ret)
{
    return ip_obs(text, false, scratch, ret);
}

static char *put_uint(char *p, unsigned v)
{
    if (v >= 100)
        *p++ = (char)('0' + v / 100);
    if (v >= 10)
        *p++ = (char)('0' + v / 10 % 10);
    *p++ = (char)('0' + v % 10);
    return p;
}

static char *put_v4(char *p, const uint8_t b[4])
{
    for (int i = 0; i < 4; i++) {
        if (i)
            *p++ = '.';
        p = put_uint(p, b[i]);
    }
    return p;
}

static char *put_group(char *p, const uint8_t b[2])
{
    static const char digits[] = "0123456789abcdef";
    unsigned v = (unsigned)b[0] << 8 | b[1];
    if (v >= 0x1000)
        *p++ = digits[v >> 12];
    if (v >= 0x100)
        *p++ = digits[v >> 8 & 15];
    if (v >= 0x10)
        *p++ = digits[v >> 4 & 15];
    *p++ = digits[v & 15];
    return p;
}

/* RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as "::". */
static char *put_v6(char *p, const uint8_t ip[16])
{
    int best = -1, best_n = 1;
    for (int i = 0; i < 8;) {
        int n = 0;
        while (i + n < 8 && ip[2 * (i + n)] == 0 && ip[2 * (i + n) + 1] == 0)
            n++;
        if (n > best_n) {
            best = i;
            best_n = n;
        }
        i += n + 1;
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            *p++ = ':';
            *p++ = ':';
            i += best_n - 1;
            continue;
        }
        if (i > 0 && i != best + best_n)
            *p++ = ':';
        p = put_group(p, ip + 2 * i);
    }
    return p;
}

void ip_text(const uint8_t ip[16], unsigned bits, char ret[52])
{
    bool v4 = memcmp(ip, V4_MAPPED, 12) == 0;
    char *p = v4 ? put_v4(ret, ip + 12) : put_v6(ret, ip);
    if (bits < (v4 ? 32u : 128u)) {
        *p++ = '/';
        p = put_uint(p, bits);
    }
    *p = 0;
}
