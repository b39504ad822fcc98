/* Random indicators and observations from a small world, so that they meet often, and the steps of building
 * an index. */
#pragma once

#include "match/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define HITS 256

/* Small xorshift: the runs must repeat. */
static uint64_t seed = 88172645463325252u;
static inline unsigned roll(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static const char *pick(const char *const *list)
{
    unsigned n = 0;
    while (list[n])
        n++;
    return list[roll(n)];
}

static const char *const labels[] = {"a", "b", "cc", "www", "mail", "x1", NULL};
static const char *const ends[] = {"c.example", "co.jp",         "duckdns.org", "com.tw",
                                   "a.example", "b.duckdns.org", NULL};
static const char *const schemes[] = {"http://", "https://", "", "ftp://", "http://user@", NULL};
static const char *const ports[] = {"", "", "", ":8080", ":80", ":443", NULL};
static const char *const paths[] = {"",         "/",    "/a",         "/a/",         "/a/b",
                                    "/a/b/c",   "/ab",  "/a/?x=1",    "/a?x=1",      "/a?x=1&y=2",
                                    "/a?x=1&",  "/a?",  "/a?x=/b&y",  "/a&b/c",      "/a//b",
                                    "/a/b?q?r", "?x=1", "/a/b/c/d/e", "/a?x=1&y=22", NULL};

static inline void put_name(struct buf *b)
{
    for (unsigned n = roll(4); n > 0; n--)
        buf_printf(b, "%s.", pick(labels));
    buf_printf(b, "%s", pick(ends));
}

static inline void put_v4(struct buf *b)
{
    buf_printf(b, "%u.%u.%u.%u", roll(2) ? 192 : roll(256), roll(3), roll(3), roll(8));
}

static inline void put_v6(struct buf *b)
{
    buf_printf(b, "2001:db8:%x:%x::%x:%x", roll(2), roll(2) << 15, roll(2) << 12, roll(8));
}

static inline void put_url(struct buf *b)
{
    buf_printf(b, "%s", pick(schemes));
    unsigned shape = roll(8);
    if (shape == 0)
        put_v4(b);
    else if (shape == 1) {
        buf_printf(b, "[");
        put_v6(b);
        buf_printf(b, "]");
    } else
        put_name(b);
    buf_printf(b, "%s%s", pick(ports), pick(paths));
}

static inline void put_hex(struct buf *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_printf(b, "%02x", i < 2 ? roll(4) : i * 37 % 256);
}

struct hex_kind {
    enum kind kind;
    unsigned bytes;
};
static const struct hex_kind hex_kinds[] = {{KIND_MD5, 16},       {KIND_SHA1, 20},       {KIND_SHA224, 28},
                                            {KIND_SHA256, 32},    {KIND_SHA384, 48},     {KIND_SHA512, 64},
                                            {KIND_JA3, 16},       {KIND_JA3S, 16},       {KIND_JARM, 31},
                                            {KIND_CERT_SHA1, 20}, {KIND_CERT_SHA256, 32}};

static inline struct obs read_as(struct arena *a, enum kind kind, const char *text)
{
    struct obs o = {0};
    struct err e = ERR_NONE;
    size_t n = strlen(text);
    char *copy = arena_alloc(a, n + 1);
    assert_non_null(copy);
    memcpy(copy, text, n + 1);
    if (obs_read(a, kind, sv_from(copy, n), &o, &e) < 0)
        fail_msg("%s \"%s\": %s", kind_name(kind), text, e.text);
    return o;
}

/* One random value; `wide`: an indicator's shape (prefixes, wildcards) is allowed. */
static inline struct obs random_obs(struct arena *a, bool wide)
{
    struct buf b;
    buf_init(&b, 1000);
    enum kind kind = KIND_IPV4;
    switch (roll(6)) {
    case 0:
        put_v4(&b);
        if (wide ? roll(3) : !roll(10))
            buf_printf(&b, "/%u", roll(33));
        break;
    case 1:
        kind = KIND_IPV6;
        put_v6(&b);
        if (wide ? roll(3) : !roll(10))
            buf_printf(&b, "/%u", roll(129));
        break;
    case 2:
        kind = KIND_DOMAIN;
        if (wide ? !roll(4) : !roll(10))
            buf_printf(&b, "*.");
        put_name(&b);
        if (!roll(40)) {
            buf_reset(&b);
            buf_printf(&b, "%s", roll(2) ? "example" : "localhost");
        }
        break;
    case 3:
        kind = KIND_EMAIL;
        buf_printf(&b, "%s@", pick(labels));
        put_name(&b);
        break;
    case 4: {
        const struct hex_kind *h = &hex_kinds[roll(sizeof(hex_kinds) / sizeof(*hex_kinds))];
        kind = h->kind;
        put_hex(&b, h->bytes);
        break;
    }
    default:
        kind = KIND_URL;
        put_url(&b);
    }
    buf_addc(&b, 0);
    assert_false(b.failed);
    struct obs o = read_as(a, kind, b.p);
    buf_clear(&b);
    return o;
}

static inline struct matchset_build *builder(size_t expected)
{
    struct matchset_build *b = matchset_build_new(expected);
    assert_non_null(b);
    return b;
}

static inline void add(struct matchset_build *b, const struct obs *o, uint32_t number)
{
    struct err e = ERR_NONE;
    if (matchset_build_add(b, o, number, &e) < 0)
        fail_msg("%.*s: %s", SV_ARG(o->value), e.text);
}

static inline struct matchset *finish(struct matchset_build *b)
{
    struct err e = ERR_NONE;
    struct matchset *m = matchset_build_finish(b, &e);
    if (!m)
        fail_msg("%s", e.text);
    matchset_build_free(b);
    return m;
}
