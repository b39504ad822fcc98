/* Where a byte stands inside brackets and strings: the lexical half of json_split.c. */
#pragma once

#include "base/json.h"

struct nest {
    size_t depth;
    uint64_t kinds; /* bit per level, 1 is an object; kept for JSON_MAX_DEPTH levels, deeper ones are only
                       counted */
    bool string;
    bool escape;
};

/* The first quote or backslash at or after `at`, eight bytes at a time. */
static inline size_t nest_string_end(const char *p, size_t at, size_t n)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

    for (; n - at >= 8; at += 8) {
        uint64_t w, quote, slash;
        memcpy(&w, p + at, sizeof w);
        quote = w ^ ones * '"';
        slash = w ^ ones * '\\';
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops)
            break;
    }
    while (at < n && p[at] != '"' && p[at] != '\\')
        at++;
    return at;
}

/* Passes the rest of a string, as far as there is input; true when it is closed. */
static inline bool nest_string(struct nest *nest, const char *p, size_t *at, size_t n)
{
    while (*at < n) {
        if (nest->escape) {
            nest->escape = false;
            ++*at;
            continue;
        }
        *at = nest_string_end(p, *at, n);
        if (*at == n)
            return false;
        if (p[(*at)++] == '"') {
            nest->string = false;
            return true;
        }
        nest->escape = true;
    }
    return false;
}

static inline void nest_open(struct nest *nest, char c)
{
    if (nest->depth < JSON_MAX_DEPTH) {
        uint64_t bit = 1ull << nest->depth;
        nest->kinds = c == '{' ? nest->kinds | bit : nest->kinds & ~bit;
    }
    nest->depth++;
}

/* False when the bracket closes one of the other kind. */
static inline bool nest_close(struct nest *nest, char c)
{
    if (nest->depth == 0)
        return false;
    nest->depth--;
    return nest->depth >= JSON_MAX_DEPTH || (nest->kinds >> nest->depth & 1) == (c == '}');
}

static inline bool json_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
