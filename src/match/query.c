#include "match/private.h"

#include <stdatomic.h>

static bool has_kind(const struct matchset *m, enum kind k)
{
    return m->block->kinds >> k & 1;
}

static void ask_address(struct query *q, const struct obs *address, bool host)
{
    q->family = address->kind == KIND_IPV4 ? 4 : 6;
    q->bits = address->bits;
    q->ip_host = host;
    memcpy(q->ip, address->ip, sizeof(q->ip));
}

/* What ends the host of a URL, and what makes it one for stix/ to read. */
static const bool ends_host[256] = {['/'] = true, ['?'] = true, ['@'] = true, ['#'] = true, ['\\'] = true};

/* Match key of an observed URL and the "host:port" it begins with. The usual forms need one pass over the
 * host. */
static struct sv split_url(struct sv url, struct sv *ret_host)
{
    size_t at = 0;
    if (url.n > 8 && memcmp(url.p, "http", 4) == 0)
        at = memcmp(url.p + 4, "://", 3) == 0 ? 7 : memcmp(url.p + 4, "s://", 4) == 0 ? 8 : 0;
    size_t end = at;
    while (end < url.n && !ends_host[(uint8_t)url.p[end]])
        end++;
    bool usual = at && end < url.n && (url.p[end] == '/' || url.p[end] == '?');
    struct sv key = usual ? sv_from(url.p + at, url.n - at) : url_match_key(url);
    *ret_host = usual ? sv_from(key.p, end - at) : url_key_host(key);
    return key;
}

/* Name or address of "host:port"; an address is noted in the query and leaves no name. */
static struct sv host_name(struct query *q, struct sv host)
{
    char scratch[256] UNINITIALIZED;
    struct obs address;
    size_t digits = host.n;
    while (digits > 0 && host.p[digits - 1] >= '0' && host.p[digits - 1] <= '9')
        digits--;
    if (digits > 0 && digits < host.n && host.p[digits - 1] == ':')
        host.n = digits - 1;
    bool bracket = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracket)
        host = sv_from(host.p + 1, host.n - 2);
    /* No top-level domain ends with a digit, except as an A-label. */
    char last = host.n ? host.p[host.n - 1] : 0;
    if (!(bracket || (last >= '0' && last <= '9')) || !obs_ip(host, scratch, &address))
        return host;
    ask_address(q, &address, true);
    return SV_NONE;
}

void query_start(const struct matchset *m, const struct obs *o, struct query *q)
{
    q->o = o;
    q->key = o->value;
    q->name = SV_NONE;
    q->family = 0;
    q->n = 0;
    if (o->kind == KIND_IPV4 || o->kind == KIND_IPV6) {
        ask_address(q, o, false);
    } else if (o->kind == KIND_DOMAIN) {
        q->name = o->value;
    } else if (o->kind == KIND_EMAIL) {
        size_t at = sv_rchr(o->value, '@');
        q->name = at == SIZE_MAX ? SV_NONE : sv_sub(o->value, at + 1, SIZE_MAX);
    } else if (o->kind == KIND_URL) {
        struct sv host;
        q->key = split_url(o->value, &host);
        q->host_hash = key_hash(&m->block->secret, URL_HOST_SPACE, host);
        __builtin_prefetch(filter_word(m, q->host_hash));
        q->name = host_name(q, host);
    }
    if (q->family == 4 && m->block->v4.n)
        __builtin_prefetch(&m->top[v4_addr(q->ip) >> 16]);
}

struct probes {
    const struct matchset *m;
    struct probe *p;
    size_t n;
    size_t max;
};

/* Field by field: a struct handed over by value would be read back before its bytes have left the store
 * buffer. */
static inline void add_probe(struct probes *l, uint64_t hash, struct sv key, enum kind kind, unsigned bits,
                             bool whole, bool host)
{
    __builtin_prefetch(filter_word(l->m, hash));
    if (l->n < l->max) {
        struct probe *p = &l->p[l->n];
        p->hash = hash;
        p->p = key.p;
        p->n = (uint32_t)key.n;
        p->kind = (uint8_t)kind;
        p->bits = (uint8_t)bits;
        p->whole = whole;
        p->host = host;
    }
    l->n++;
}

static inline void add_key(struct probes *l, enum kind kind, struct sv key, bool whole, bool host)
{
    add_probe(l, key_hash(&l->m->block->secret, kind, key), key, kind, 0, whole, host);
}

/* Notes where `c` stands in s[from, to), at most `max` places. */
static size_t places(struct sv s, char c, size_t from, size_t to, size_t *at, size_t max)
{
    size_t n = 0;
    while (n < max && from < to) {
        const char *p = memchr(s.p + from, c, to - from);
        if (!p)
            break;
        at[n++] = (size_t)(p - s.p);
        from = (size_t)(p - s.p) + 1;
    }
    return n;
}

/*
 * The key up to every '/' before the query, to the '?', and to every '&' in the query. When a URL has too
 * many, the whole one and the shortest are asked for: indicators are short, and nobody gets past one by
 * making the URL longer.
 */
static void add_url(struct probes *l, struct sv key)
{
    size_t cuts[CUTS_MAX] UNINITIALIZED;
    size_t stem = url_key_stem(key), path = stem;
    const char *query = memchr(key.p, '?', stem);
    if (query)
        path = (size_t)(query - key.p);
    size_t n = places(key, '/', 0, path, cuts, CUTS_MAX - 1);
    if (query && n < CUTS_MAX - 1) {
        cuts[n++] = path;
        n += places(key, '&', path + 1, stem, cuts + n, CUTS_MAX - 1 - n);
    }
    cuts[n++] = stem;
    while (n-- > 0)
        add_key(l, KIND_URL, sv_from(key.p, cuts[n]), cuts[n] == stem, false);
}

/*
 * The name and its parents of two labels or more: a single label never covers what is below it. Of too many
 * the shortest are asked for, as above.
 */
static void add_name(struct probes *l, struct sv name, bool host)
{
    size_t dots[NAME_DOTS] UNINITIALIZED;
    size_t n = name.n < 2 * NAME_DOTS ? places(name, '.', 0, name.n, dots, NAME_DOTS) : 0;
    add_key(l, KIND_DOMAIN, name, true, host);
    for (size_t i = n > CUTS_MAX ? n - CUTS_MAX : 0; i + 1 < n; i++)
        add_key(l, KIND_DOMAIN, sv_from(name.p + dots[i] + 1, name.n - dots[i] - 1), false, host);
}

static void add_v6(struct probes *l, const struct query *q)
{
    uint8_t ip[16];
    for (size_t i = 0; i < l->m->v6_n; i++) {
        uint8_t bits = l->m->v6_bits[i];
        if (bits > q->bits)
            continue;
        v6_masked(q->ip, bits, ip);
        uint64_t hash = key_hash(&l->m->block->secret, v6_space(bits), sv_from((const char *)ip, sizeof(ip)));
        add_probe(l, hash, sv_from((const char *)q->ip, sizeof(ip)), KIND_IPV6, bits, bits == q->bits,
                  q->ip_host);
    }
}

size_t query_probes(const struct matchset *m, struct query *q, struct probe *out, size_t max)
{
    struct probes l = {m, out, 0, max};
    enum kind kind = q->o->kind;
    if (kind == KIND_URL) {
        if (has_kind(m, KIND_URL) && filter_has(m, q->host_hash))
            add_url(&l, q->key);
    } else if (kind != KIND_IPV4 && kind != KIND_IPV6 && kind != KIND_DOMAIN && (unsigned)kind < KIND_MAX &&
               has_kind(m, kind)) {
        add_key(&l, kind, q->key, true, false);
    }
    if (q->name.n && has_kind(m, KIND_DOMAIN))
        add_name(&l, q->name, kind != KIND_DOMAIN);
    if (q->family == 6)
        add_v6(&l, q);
    q->n = l.n;
    return l.n <= max ? l.n : SIZE_MAX;
}

/* ---- confirming ---- */

#define RANKS 3
#define RUN_MAX 64u /* a builder makes runs of at most 32 equal hashes */

/*
 * public_suffix() takes a microsecond: too long for every name of every build, nothing for the few that an
 * observation stands below, and those come again and again.
 */
static bool slot_suffix(const struct matchset *m, const struct slot *s, struct sv name)
{
    uint64_t entry = (uint64_t)(s - m->slots) + 1;
    _Atomic uint64_t *known = &m->suffixes[entry % SUFFIX_CACHE];
    uint64_t answer = atomic_load_explicit(known, memory_order_relaxed);
    if (answer >> 1 != entry) {
        answer = entry << 1 | public_suffix(name);
        atomic_store_explicit(known, answer, memory_order_relaxed);
    }
    return answer & 1;
}

/* A name indicator against the name or one of its parents: rank, or -1 when it does not cover it. */
static int covers_name(const struct matchset *m, const struct query *q, const struct probe *p,
                       const struct slot *s, struct sv text, enum match_how *how)
{
    bool wildcard = s->flags & SLOT_WILDCARD;
    if (!sv_eq(sv_sub(text, wildcard ? 2 : 0, SIZE_MAX), sv_from(p->p, p->n)))
        return -1;
    if (!p->whole && wildcard && sv_eq(text, q->name)) {
        *how = p->host ? MATCH_HOST : MATCH_EXACT;
        return 0;
    }
    if (p->whole ? wildcard : !wildcard && slot_suffix(m, s, text))
        return -1;
    if (p->whole)
        *how = p->host ? MATCH_HOST : MATCH_EXACT;
    else
        *how = wildcard ? MATCH_WILDCARD : MATCH_PARENT;
    return !p->whole && !wildcard;
}

/* Same text first, then the longer key: "host/a/" before "host/a". */
static int covers_url(const struct query *q, const struct probe *p, const struct slot *s, struct sv text,
                      enum match_how *how)
{
    struct sv key = url_slot_key(s, text);
    if ((key.n != p->n && key.n != p->n + 1) || !sv_starts(q->key, key))
        return -1;
    *how = key.n == q->key.n ? MATCH_EXACT : MATCH_PATH;
    if (*how == MATCH_EXACT && sv_eq(text, q->o->value))
        return 0;
    return key.n == p->n ? 2 : 1;
}

static int covers_v6(const struct query *q, const struct probe *p, const struct slot *s, struct sv bytes,
                     enum match_how *how)
{
    uint8_t ip[16];
    v6_masked(q->ip, p->bits, ip);
    if (s->len != p->bits || memcmp(ip, bytes.p, sizeof(ip)) != 0)
        return -1;
    if (p->whole)
        *how = p->host ? MATCH_HOST : MATCH_EXACT;
    else
        *how = MATCH_PREFIX;
    return 0;
}

static int covers(const struct matchset *m, const struct query *q, const struct probe *p,
                  const struct slot *s, enum match_how *how)
{
    struct sv value = slot_value(m->heap, s);
    if (s->kind != p->kind)
        return -1;
    if (s->kind == KIND_DOMAIN)
        return covers_name(m, q, p, s, value, how);
    if (s->kind == KIND_URL)
        return covers_url(q, p, s, value, how);
    if (s->kind == KIND_IPV6)
        return covers_v6(q, p, s, value, how);
    *how = MATCH_EXACT;
    return (hex_bytes(s->kind) ? hex_same(q->key, value) : sv_eq(q->key, value)) ? 0 : -1;
}

static struct hit slot_hit(const struct matchset *m, const struct slot *s, enum match_how how)
{
    struct hit h = {.entry = (uint32_t)(s - m->slots), .how = how, .kind = (enum kind)s->kind};
    memcpy(&h.number, m->heap + s->ref, sizeof(h.number));
    return h;
}

size_t query_hits(const struct matchset *m, const struct query *q, const struct probe *p,
                  const struct slot *s, struct hit *ret, size_t max)
{
    size_t n = 0, run = 0, seen = 0;
    while (run < RUN_MAX && s[run].ref && s[run].hash == p->hash)
        run++;
    for (int rank = 0; rank < RANKS && seen < run; rank++) {
        for (size_t i = 0; i < run && n < max; i++) {
            enum match_how how = MATCH_EXACT;
            int r = covers(m, q, p, &s[i], &how);
            if (r == rank)
                ret[n++] = slot_hit(m, &s[i], how);
            if (r == rank || (r < 0 && rank == 0))
                seen++;
        }
    }
    return n;
}

void query_v4(const struct matchset *m, struct query *q)
{
    q->v4_entry = v4_find(m, v4_addr(q->ip), q->bits);
    if (q->v4_entry != NONE32)
        __builtin_prefetch(&m->v4[q->v4_entry]);
}

size_t query_v4_hits(const struct matchset *m, const struct query *q, struct hit *ret, size_t max)
{
    size_t n = 0;
    for (uint32_t at = q->v4_entry; at != NONE32 && n < max; at = m->v4[at].parent) {
        const struct v4_entry *v = &m->v4[at];
        enum match_how same = q->ip_host ? MATCH_HOST : MATCH_EXACT;
        ret[n++] = (struct hit){.number = v->number,
                                .entry = (uint32_t)(m->block->slots.n + at),
                                .how = v->bits == q->bits ? same : MATCH_PREFIX,
                                .kind = KIND_IPV4};
    }
    return n;
}
