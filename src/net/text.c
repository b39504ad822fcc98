#include "net/text.h"

bool text_target(struct sv target, struct sv *ret_path, struct sv *ret_query)
{
    if (sv_istarts(target, SV("http://")) || sv_istarts(target, SV("https://"))) {
        target = sv_sub(target, sv_find(target, SV("//")) + 2, SIZE_MAX);
        size_t slash = sv_chr(target, '/');
        target = slash == SIZE_MAX ? SV("/") : sv_sub(target, slash, SIZE_MAX);
    }
    if (target.n == 0 || target.p[0] != '/') {
        return false;
    }
    size_t hash = sv_chr(target, '#');
    target = hash == SIZE_MAX ? target : sv_sub(target, 0, hash);
    size_t mark = sv_chr(target, '?');
    *ret_path = mark == SIZE_MAX ? target : sv_sub(target, 0, mark);
    *ret_query = mark == SIZE_MAX ? SV("") : sv_sub(target, mark + 1, SIZE_MAX);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next decoded byte of `s` at *at, or -1 on a broken escape. */
static int next_byte(struct sv s, size_t *at, bool plus)
{
    char c = s.p[(*at)++];
    if (c == '+' && plus) {
        return ' ';
    }
    if (c != '%') {
        return (unsigned char)c;
    }
    int high = *at < s.n ? hex_digit(s.p[*at]) : -1;
    int low = *at + 1 < s.n ? hex_digit(s.p[*at + 1]) : -1;
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

struct sv text_unescape(struct arena *a, struct sv s, bool plus)
{
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t at = 0; to && at < s.n;) {
        int c = next_byte(s, &at, plus);
        if (c < 0x20 || c == 0x7f) {
            return SV_NONE;
        }
        to[n++] = (char)c;
    }
    if (!to || !sv_utf8(sv_from(to, n))) {
        return SV_NONE;
    }
    to[n] = 0;
    return sv_from(to, n);
}

static bool same_name(struct sv raw, struct sv name)
{
    size_t k = 0;
    for (size_t at = 0; at < raw.n; k++) {
        int c = next_byte(raw, &at, true);
        if (c < 0 || k >= name.n || c != (unsigned char)name.p[k]) {
            return false;
        }
    }
    return k == name.n;
}

struct sv text_pair(struct sv query, struct sv name)
{
    struct sv pair, key;
    while (sv_cut(&query, '&', &pair)) {
        bool valued = sv_chr(pair, '=') != SIZE_MAX;
        sv_cut(&pair, '=', &key);
        if (same_name(key, name)) {
            return valued ? pair : SV("");
        }
    }
    return SV_NONE;
}

struct sv text_cookie(struct sv header, struct sv name)
{
    struct sv part, key;
    while (sv_cut(&header, ';', &part)) {
        if (sv_chr(part, '=') == SIZE_MAX) {
            continue;
        }
        sv_cut(&part, '=', &key);
        if (sv_eq(sv_trim(key), name)) {
            struct sv value = sv_trim(part);
            bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
            return quoted ? sv_sub(value, 1, value.n - 2) : value;
        }
    }
    return SV_NONE;
}

/* "q=0", "q=0.0", "q=0.000": not wanted. */
static bool refused(struct sv parameters)
{
    struct sv part;
    while (sv_cut(&parameters, ';', &part)) {
        part = sv_trim(part);
        if (!sv_istarts(part, SV("q="))) {
            continue;
        }
        bool zero = part.n > 2;
        for (size_t i = 2; i < part.n; i++) {
            zero = zero && (part.p[i] == '0' || part.p[i] == '.');
        }
        return zero;
    }
    return false;
}

bool text_accepts(struct sv header, struct sv coding)
{
    struct sv part, name;
    while (sv_cut(&header, ',', &part)) {
        sv_cut(&part, ';', &name);
        if (sv_ieq(sv_trim(name), coding)) {
            return !refused(part);
        }
    }
    return false;
}
