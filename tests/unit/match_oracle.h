/* What an index must answer, said again the slow way: every indicator is held against the observation as text
 * and bits. */
#pragma once

#include "match/match.h"

struct indicator {
    struct obs o;
    uint32_t number;
};

/* One covering indicator, with what orders it: class (URL before host), then length, then the finer rank. */
struct expected {
    uint32_t number;
    enum match_how how;
    int class;
    size_t length;
    int rank;
};

static inline bool oracle_suffix_domain(struct sv name)
{
    static const char *const known[] = {"co.jp", "duckdns.org", "com.tw"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (sv_eq(name, sv_c(known[i])))
            return true;
    return sv_chr(name, '.') == SIZE_MAX;
}

static inline bool oracle_below(struct sv name, struct sv parent)
{
    return name.n > parent.n + 1 && sv_ends(name, parent) && name.p[name.n - parent.n - 1] == '.';
}

static inline bool oracle_domain(struct sv ind, struct sv seen, bool host, struct expected *x)
{
    bool wildcard = sv_starts(ind, SV("*."));
    x->length = ind.n - (wildcard ? 2 : 0);
    x->rank = !wildcard;
    x->class = 1;
    if (sv_eq(ind, seen)) {
        x->how = host ? MATCH_HOST : MATCH_EXACT;
        return true;
    }
    x->how = wildcard ? MATCH_WILDCARD : MATCH_PARENT;
    if (wildcard)
        return oracle_below(seen, sv_sub(ind, 2, SIZE_MAX));
    return oracle_below(seen, ind) && !oracle_suffix_domain(ind);
}

static inline bool oracle_address(const struct obs *ind, const struct obs *seen, bool host,
                                  struct expected *x)
{
    unsigned from = ind->kind == KIND_IPV4 ? 96 : 0;
    if (ind->kind != seen->kind || ind->bits > seen->bits)
        return false;
    for (unsigned i = 0; i < ind->bits; i++) {
        unsigned at = from + i, mask = 0x80u >> (at % 8);
        if ((ind->ip[at / 8] & mask) != (seen->ip[at / 8] & mask))
            return false;
    }
    x->length = ind->bits;
    x->class = 1;
    x->how = MATCH_PREFIX;
    if (ind->bits == seen->bits)
        x->how = host ? MATCH_HOST : MATCH_EXACT;
    return true;
}

/* Without scheme and user, as RFC 3986 writes the authority. */
static inline struct sv oracle_key(struct sv url)
{
    size_t scheme = sv_find(url, SV("://"));
    url = sv_sub(url, scheme == SIZE_MAX ? 0 : scheme + 3, SIZE_MAX);
    size_t slash = sv_chr(url, '/'), at = sv_chr(url, '@');
    return at != SIZE_MAX && at < slash ? sv_sub(url, at + 1, SIZE_MAX) : url;
}

static inline bool oracle_boundary(struct sv s, size_t at)
{
    size_t query = sv_chr(s, '?');
    if (s.p[at] == '/')
        return at < query;
    return s.p[at] == '?' ? at == query : s.p[at] == '&' && query < at;
}

static inline bool oracle_url(struct sv ind, struct sv seen, struct expected *x)
{
    struct sv k = oracle_key(ind), s = oracle_key(seen);
    x->length = k.n;
    x->rank = !sv_eq(ind, seen);
    x->how = MATCH_EXACT;
    if (sv_eq(k, s))
        return true;
    x->how = MATCH_PATH;
    return sv_starts(s, k) && (oracle_boundary(s, k.n) || oracle_boundary(s, k.n - 1));
}

/* Host of a URL (an address or a name) or of an e-mail address, as an observation of its own. */
static inline bool oracle_host(const struct obs *seen, char scratch[256], struct obs *ret)
{
    struct sv host;
    if (seen->kind == KIND_EMAIL) {
        host = sv_sub(seen->value, sv_rchr(seen->value, '@') + 1, SIZE_MAX);
    } else if (seen->kind == KIND_URL) {
        struct sv key = oracle_key(seen->value);
        bool bracket = key.p[0] == '[';
        host = sv_sub(key, bracket, SIZE_MAX);
        for (size_t i = 0; i < host.n; i++)
            if (bracket ? host.p[i] == ']' : host.p[i] == ':' || host.p[i] == '/' || host.p[i] == '?')
                host.n = i;
    } else {
        return false;
    }
    return obs_ip(host, scratch, ret) || obs_domain(host, scratch, ret);
}

static inline bool oracle_covers(const struct indicator *i, const struct obs *seen, struct expected *x)
{
    char scratch[256];
    struct obs host;
    *x = (struct expected){.number = i->number};
    if (i->o.kind == KIND_URL)
        return seen->kind == KIND_URL && oracle_url(i->o.value, seen->value, x);
    bool address = i->o.kind == KIND_IPV4 || i->o.kind == KIND_IPV6;
    if (!address && i->o.kind != KIND_DOMAIN)
        return i->o.kind == seen->kind && sv_eq(i->o.value, seen->value);
    bool hosted = oracle_host(seen, scratch, &host);
    const struct obs *o = hosted ? &host : seen;
    if (address)
        return oracle_address(&i->o, o, hosted, x);
    return o->kind == KIND_DOMAIN && oracle_domain(i->o.value, o->value, hosted, x);
}

static inline int oracle_order(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}
