/*
 * What must not be seen: canaries (each unique, so that the place it came from is known), ids and literal
 * values; and the search for them in bytes as they leave, in every dress they could wear.
 */
#pragma once

#include "taxii_toy.h"

#include <stdlib.h>

/* ---- chance, repeatable by its seed */

struct dice {
    uint64_t s;
};
static inline uint64_t dice_next(struct dice *d)
{
    d->s += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = d->s;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline unsigned draw(struct dice *d, unsigned n)
{
    return (unsigned)((dice_next(d) >> 11) % n);
}
/* True once in n. */
static inline bool once(struct dice *d, unsigned n)
{
    return draw(d, n) == 0;
}
static inline struct uuid draw_uuid(struct dice *d)
{
    struct uuid u;
    for (size_t i = 0; i < sizeof(u.b); i++) {
        u.b[i] = (uint8_t)draw(d, 256);
    }
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

/* ---- secrets */

#define NOBODYS (-1)     /* of the node, of another partner: never seen */
#define CANARY_OPEN "zq" /* 16 characters that live in host names, hex and words alike */
#define CANARY_TEXT 17
struct secret {
    char text[80];
    int thing;         /* that it stands in, or NOBODYS */
    const char *place; /* name of the member, or what it is of the node */
    const char *inner; /* name of a member deeper in it that holds this, or NULL */
};
/* Their texts are pointed to: they never move. */
#define SECRETS_MOST 16384
struct secrets {
    struct secret *v;
    size_t n;
};

static inline struct secret *secret_add(struct secrets *s, int thing, const char *place, const char *inner)
{
    s->v = s->v ? s->v : calloc(SECRETS_MOST, sizeof(*s->v));
    assert_true(s->v && s->n < SECRETS_MOST);
    s->v[s->n] = (struct secret){.thing = thing, .place = place, .inner = inner};
    return &s->v[s->n++];
}

/* "zq", its number and six more digits by chance, "qz". */
static inline const char *canary(struct secrets *s, struct dice *d, int thing, const char *place,
                                 const char *inner)
{
    size_t number = s->n;
    struct secret *c = secret_add(s, thing, place, inner);
    assert_true(number < 0x1000000);
    snprintf(c->text, sizeof(c->text), CANARY_OPEN "%06x%06xqz", (unsigned)number, draw(d, 0x1000000));
    return c->text;
}

static inline void secret_text(struct secrets *s, int thing, const char *place, const char *inner,
                               const char *text)
{
    struct secret *c = secret_add(s, thing, place, inner);
    assert_true(strlen(text) < sizeof(c->text));
    memcpy(c->text, text, strlen(text) + 1);
}

/* ---- the search */

typedef void (*leak_fn)(void *ctx, const struct secret *s, const char *dress);
struct scan {
    const struct secrets *secrets;
    leak_fn found;
    void *ctx;
    uint64_t bytes; /* looked at, in all dresses */
};

static inline bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* A canary says by itself which it is. */
static inline void scan_canary(struct scan *k, const char *p, const char *dress)
{
    char text[CANARY_TEXT] = "", number[7] = "";
    for (size_t i = 0; i < CANARY_TEXT - 1; i++) {
        text[i] = lower(p[i]);
        if (i >= 2 && i < 14 && !is_hex(text[i])) {
            return;
        }
    }
    memcpy(number, text + 2, 6);
    size_t at = strtoul(number, NULL, 16);
    if (at < k->secrets->n && strcmp(k->secrets->v[at].text, text) == 0) {
        k->found(k->ctx, &k->secrets->v[at], dress);
    }
}

static inline bool is_uuid_at(const char *p)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : !is_hex(lower(p[i]))) {
            return false;
        }
    }
    return true;
}

static inline void scan_literals(struct scan *k, const char *p, size_t n, const char *dress)
{
    for (size_t i = 0; i < k->secrets->n; i++) {
        const struct secret *s = &k->secrets->v[i];
        size_t length = strlen(s->text);
        if (length <= n && memcmp(s->text, CANARY_OPEN, 2) != 0 && strncasecmp(p, s->text, length) == 0) {
            k->found(k->ctx, s, dress);
        }
    }
}

static inline void scan_plain(struct scan *k, struct sv b, const char *dress)
{
    k->bytes += b.n;
    for (size_t i = 0; i + 16 <= b.n; i++) {
        const char *p = b.p + i;
        if ((p[0] | 32) == 'z' && (p[1] | 32) == 'q' && (p[14] | 32) == 'q' && (p[15] | 32) == 'z') {
            scan_canary(k, p, dress);
        }
        bool begins = i == 0 || !is_hex(lower(p[-1]));
        /* Ids and hashes; both begin where hex begins. */
        if (begins && is_hex(lower(p[0])) && i + 36 <= b.n && (is_uuid_at(p) || is_hex(lower(p[35])))) {
            scan_literals(k, p, b.n - i, dress);
        }
    }
}

/* ---- dresses: each takes something off, what came out is searched and undressed again */

static inline int hex_digit(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX, \n..., of JSON; %XX of addresses; &#xx; of XML: all at once. */
static inline bool undress_escapes(struct sv b, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\\' && i + 5 < b.n && b.p[i + 1] == 'u' && hex_digit(b.p[i + 2]) == 0 &&
            hex_digit(b.p[i + 3]) == 0 && hex_digit(b.p[i + 4]) >= 0 && hex_digit(b.p[i + 5]) >= 0) {
            buf_addc(out, (char)(hex_digit(b.p[i + 4]) * 16 + hex_digit(b.p[i + 5])));
            i += 5;
            any = true;
        } else if (b.p[i] == '%' && i + 2 < b.n && hex_digit(b.p[i + 1]) >= 0 && hex_digit(b.p[i + 2]) >= 0) {
            buf_addc(out, (char)(hex_digit(b.p[i + 1]) * 16 + hex_digit(b.p[i + 2])));
            i += 2;
            any = true;
        } else if (b.p[i] == '\\' && i + 1 < b.n) {
            any = true; /* what it escapes follows */
        } else {
            buf_addc(out, b.p[i]);
        }
    }
    return any;
}

/* UTF-16 and UTF-32 of either order are ASCII with zero bytes between. */
static inline bool undress_wide(struct sv b, struct buf *out)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i]) {
            buf_addc(out, b.p[i]);
        }
    }
    return out->n != b.n;
}

static inline int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* Runs of 16 digits and more, from each of the four places where a group can begin. */
static inline bool undress_base64(struct sv b, struct buf *out)
{
    for (size_t i = 0; i < b.n;) {
        size_t end = i;
        while (end < b.n && base64_digit(b.p[end]) >= 0) {
            end++;
        }
        for (size_t from = i; end - i >= 16 && from < i + 4; from++) {
            for (size_t k = from; k + 3 < end; k += 4) {
                unsigned v = 0;
                for (size_t n = 0; n < 4; n++) {
                    v = v << 6 | (unsigned)base64_digit(b.p[k + n]);
                }
                buf_addc(out, (char)(v >> 16));
                buf_addc(out, (char)(v >> 8));
                buf_addc(out, (char)v);
            }
            buf_addc(out, '\n');
        }
        i = end + 1;
    }
    return out->n > 0;
}

/* Runs of 32 hex digits and more. */
static inline bool undress_hex(struct sv b, struct buf *out)
{
    for (size_t i = 0; i < b.n;) {
        size_t end = i;
        while (end < b.n && hex_digit(b.p[end]) >= 0) {
            end++;
        }
        for (size_t k = i; end - i >= 32 && k + 1 < end; k += 2) {
            buf_addc(out, (char)(hex_digit(b.p[k]) * 16 + hex_digit(b.p[k + 1])));
        }
        i = end + 1;
    }
    return out->n > 0;
}

#define DRESSES 4
#define DRESSED_TWICE 2

static inline void scan_bytes(struct scan *k, struct sv b, const char *dress, unsigned depth)
{
    static bool (*const undress[DRESSES])(struct sv, struct buf *) = {undress_escapes, undress_wide,
                                                                      undress_base64, undress_hex};
    static const char *const names[DRESSES] = {"escaped", "wide", "base64", "hex"};
    scan_plain(k, b, dress);
    for (size_t i = 0; depth < DRESSED_TWICE && i < DRESSES; i++) {
        struct buf out;
        buf_init(&out, 1u << 28);
        if (undress[i](b, &out)) {
            scan_bytes(k, buf_sv(&out), names[i], depth + 1);
        }
        buf_clear(&out);
    }
}
