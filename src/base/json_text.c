/* How strings and numbers are spelled, in the writer as in the canonical form. */
#include "base/json.h"

#include "base/json_private.h"

#include <math.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

size_t json_utf8(const uint8_t *p, size_t n, size_t *ret_bad)
{
    uint8_t c = p[0], low = 0x80, high = 0xBF;
    size_t more;

    *ret_bad = 0;
    if (c < 0x80)
        return 1;
    *ret_bad = 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    more = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    if (c == 0xE0)
        low = 0xA0;
    else if (c == 0xED)
        high = 0x9F;
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i <= more; i++, low = 0x80, high = 0xBF) {
        if (i >= n || p[i] < low || p[i] > high)
            return 0;
        *ret_bad = i + 1;
    }
    return more + 1;
}

/* How many bytes from the start may stand in a JSON string as they are. */
static size_t plain_run(const uint8_t *p, size_t n)
{
    size_t at = 0, bad;

    while (at < n) {
        if (p[at] < 0x80) {
            if (p[at] < 0x20 || p[at] == '"' || p[at] == '\\')
                break;
            at++;
            continue;
        }
        size_t len = json_utf8(p + at, n - at, &bad);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

static void put_escape(struct buf *b, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    buf_addc(b, '\\');
    if (c >= 0x20) {
        buf_addc(b, (char)c);
    } else if (letters[c]) {
        buf_addc(b, letters[c]);
    } else {
        buf_addp(b, "u00", 3);
        buf_addc(b, hex[c >> 4]);
        buf_addc(b, hex[c & 15]);
    }
}

void json_put_str(struct buf *b, struct sv s)
{
    const uint8_t *p = (const uint8_t *)s.p;

    buf_addc(b, '"');
    for (size_t at = 0; at < s.n;) {
        size_t run = plain_run(p + at, s.n - at);
        buf_addp(b, p + at, run);
        at += run;
        if (at == s.n)
            break;
        if (p[at] < 0x80) {
            put_escape(b, p[at++]);
            continue;
        }
        size_t bad;
        (void)json_utf8(p + at, s.n - at, &bad);
        buf_addp(b, REPLACEMENT, sizeof REPLACEMENT - 1);
        at += bad;
    }
    buf_addc(b, '"');
}

void json_put_uint(struct buf *b, uint64_t v)
{
    char text[20];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_addp(b, text + at, sizeof text - at);
}

void json_put_int(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_addc(b, '-');
    json_put_uint(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static size_t put_zeros(char *p, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = '0';
    return n > 0 ? (size_t)n : 0;
}

/* Exponent form: d.ddde+x */
static size_t put_exponent(char *p, const char *digits, size_t n, int exponent)
{
    size_t at = 0;

    p[at++] = digits[0];
    if (n > 1) {
        p[at++] = '.';
        memcpy(p + at, digits + 1, n - 1);
        at += n - 1;
    }
    return at + (size_t)snprintf(p + at, 8, "e%+d", exponent);
}

/* ECMA-262 6.1.6.1.20 Number::toString: `point` is its n, the digits before the decimal point. */
size_t json_number_text(double v, char ret[JSON_NUMBER_MAX])
{
    char digits[17];
    int exponent = 0;
    size_t at = 0;

    if (v == 0) {
        ret[0] = '0';
        return 1;
    }
    if (v < 0)
        ret[at++] = '-';
    size_t n = json_dom_digits(fabs(v), digits, &exponent);
    int count = (int)n, point = exponent + 1;
    if (point > 21 || point <= -6)
        return at + put_exponent(ret + at, digits, n, exponent);
    if (point <= 0) {
        ret[at++] = '0';
        ret[at++] = '.';
        at += put_zeros(ret + at, -point);
        memcpy(ret + at, digits, n);
        return at + n;
    }
    if (count <= point) {
        memcpy(ret + at, digits, n);
        at += n;
        return at + put_zeros(ret + at, point - count);
    }
    memcpy(ret + at, digits, (size_t)point);
    at += (size_t)point;
    ret[at++] = '.';
    memcpy(ret + at, digits + point, n - (size_t)point);
    return at + n - (size_t)point;
}
