#include "stix/pattern.h"

#include "stix/private.h"
#include "stix/values.h"

/* One equality of the pattern that we can index. */
struct atom {
    struct obs value;
    struct atom *next;
};

struct sieve {
    struct arena *a;
    struct atom *first;
    struct atom **tail;
    bool other; /* the pattern says more than "one of these values" */
    bool memory;
};

/* The path of a test as "a.b.c": list steps left out, for every member of a list is meant by [*] only. */
static bool path_text(const struct pat_node *n, char *out, size_t room, struct sv *ret, bool *ret_exact)
{
    size_t at = 0;
    *ret_exact = true;
    for (const struct pat_step *s = n->path; s; s = s->next) {
        if (s->type != STEP_KEY) {
            *ret_exact = *ret_exact && s->type == STEP_ANY;
            continue;
        }
        if (at + s->key.n + 2 > room)
            return false;
        if (at)
            out[at++] = '.';
        if (s->key.n)
            memcpy(out + at, s->key.p, s->key.n);
        at += s->key.n;
    }
    *ret = (struct sv){out, at};
    return true;
}

/* "%.example.com" under a domain name's LIKE is our wildcard; any other wildcard is not. */
static bool like_wildcard(struct arena *a, struct sv like, struct sv *ret)
{
    if (!sv_starts(like, SV("%.")))
        return false;
    for (size_t i = 1; i < like.n; i++)
        if (like.p[i] == '%' || like.p[i] == '_' || like.p[i] == 0)
            return false;
    *ret = arena_printf(a, "*%.*s", SV_ARG(sv_sub(like, 1, SIZE_MAX)));
    return ret->p != NULL;
}

static bool literal_text(struct arena *a, const struct pat_lit *l, struct sv *ret)
{
    *ret = l->bytes;
    if (l->type == LIT_INT && l->integer >= 0) {
        *ret = arena_printf(a, "%lld", (long long)l->integer);
        return ret->p != NULL;
    }
    return l->type == LIT_STRING;
}

/* True when the literal became an atom. */
static bool take(struct sieve *s, const struct pat_node *n, enum kind kind, const struct pat_lit *l)
{
    struct sv text;
    struct atom *atom = arena_calloc(s->a, 1, sizeof(*atom));
    if (!atom) {
        s->memory = true;
        return false;
    }
    if (!literal_text(s->a, l, &text))
        return false;
    if (n->op == OP_LIKE && !(kind == KIND_DOMAIN && like_wildcard(s->a, text, &text)))
        return false;
    if (!value_read(s->a, kind, text, &atom->value))
        return false;
    *s->tail = atom;
    s->tail = &atom->next;
    return true;
}

enum kind pattern_test_kind(const struct pat_node *n)
{
    char room[160];
    struct sv path;
    bool exact;
    return path_text(n, room, sizeof(room), &path, &exact) && exact ? value_kind(n->object_type, path)
                                                                    : KIND_NONE;
}

static void sieve_test(struct sieve *s, const struct pat_node *n)
{
    bool equal = n->op == OP_EQ || n->op == OP_IN;
    enum kind kind = pattern_test_kind(n);
    bool address = kind == KIND_IPV4 || kind == KIND_IPV6 || kind == KIND_MAX;
    bool fits = equal || (n->op == OP_ISSUBSET && address) || (n->op == OP_LIKE && kind == KIND_DOMAIN);
    if (n->negated || kind == KIND_NONE || !fits || !n->literals) {
        s->other = true;
        return;
    }
    for (const struct pat_lit *l = n->literals; l; l = l->next)
        s->other |= !take(s, n, kind, l);
}

/* The parser bounds the depth of the tree. */
static void sieve_node(struct sieve *s, const struct pat_node *n)
{
    if (n->type == PAT_TEST) {
        sieve_test(s, n);
        return;
    }
    s->other |= n->type != PAT_OR && n->type != PAT_ANY && n->type != PAT_OBSERVED;
    for (const struct pat_node *c = n->first; c; c = c->next)
        sieve_node(s, c);
}

enum pattern_class stix_pattern(struct sv pattern, struct arena *a, stix_value_fn each, void *ctx,
                                struct err *e)
{
    struct pat_node *root;
    struct sieve s = {.a = a};
    s.tail = &s.first;
    if (pattern_parse(pattern, a, &root, e) < 0)
        return PATTERN_BAD;
    sieve_node(&s, root);
    if (s.memory) {
        err_set(e, ERR_MEMORY, "no memory for the values of a pattern");
        return PATTERN_BAD;
    }
    for (const struct atom *t = s.first; each && t; t = t->next)
        each(ctx, &t->value, !s.other);
    return s.other ? PATTERN_OTHER : PATTERN_ATOMS;
}

/* Escapes for a STIX string literal. */
static void add_literal(struct buf *out, struct sv s)
{
    size_t from = 0;
    buf_addc(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '\\') {
            buf_add(out, sv_sub(s, from, i - from));
            buf_addc(out, '\\');
            from = i;
        }
    }
    buf_add(out, sv_sub(s, from, SIZE_MAX));
    buf_addc(out, '\'');
}

/* Object paths a value of a kind is written under. Kinds without a place in the standard get a custom
 * property. */
static const char *const paths[KIND_MAX] = {
    [KIND_IPV4] = "ipv4-addr:value",
    [KIND_IPV6] = "ipv6-addr:value",
    [KIND_DOMAIN] = "domain-name:value",
    [KIND_URL] = "url:value",
    [KIND_EMAIL] = "email-addr:value",
    [KIND_MD5] = "file:hashes.MD5",
    [KIND_SHA1] = "file:hashes.'SHA-1'",
    [KIND_SHA224] = "file:hashes.'SHA-224'",
    [KIND_SHA256] = "file:hashes.'SHA-256'",
    [KIND_SHA384] = "file:hashes.'SHA-384'",
    [KIND_SHA512] = "file:hashes.'SHA-512'",
    [KIND_SSDEEP] = "file:hashes.SSDEEP",
    [KIND_TLSH] = "file:hashes.TLSH",
    [KIND_IMPHASH] = "file:extensions.'windows-pebinary-ext'.imphash",
    [KIND_JA3] = "network-traffic:x_ja3",
    [KIND_JA3S] = "network-traffic:x_ja3s",
    [KIND_JA4] = "network-traffic:x_ja4",
    [KIND_JARM] = "network-traffic:x_jarm",
    [KIND_VULNERABILITY] = "vulnerability:name",
    [KIND_WALLET] = "cryptocurrency-wallet:value",
    [KIND_MAC] = "mac-addr:value",
    [KIND_FILENAME] = "file:name",
    [KIND_MUTEX] = "mutex:name",
    [KIND_REGISTRY] = "windows-registry-key:key",
    [KIND_USER_AGENT] = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
    [KIND_CERT_SHA1] = "x509-certificate:hashes.'SHA-1'",
    [KIND_CERT_SHA256] = "x509-certificate:hashes.'SHA-256'",
    [KIND_PHONE] = "phone-number:value",
};

void obs_pattern(const struct obs *o, struct buf *out)
{
    const char *path = (unsigned)o->kind < KIND_MAX ? paths[o->kind] : NULL;
    struct sv value = o->value;
    if (o->kind == KIND_AS) {
        buf_printf(out, "[autonomous-system:number = %.*s]", SV_ARG(sv_sub(value, 2, SIZE_MAX)));
        return;
    }
    buf_addc(out, '[');
    buf_add(out, sv_c(path ? path : "x-noroshi:value"));
    buf_addc(out, ' ');
    bool prefix = (o->kind == KIND_IPV4 || o->kind == KIND_IPV6) && sv_chr(value, '/') != SIZE_MAX;
    if (o->kind == KIND_DOMAIN && sv_starts(value, SV("*."))) {
        buf_add(out, SV("LIKE '%"));
        buf_add(out, sv_sub(value, 1, SIZE_MAX));
        buf_add(out, SV("']"));
        return;
    }
    buf_add(out, prefix ? SV("ISSUBSET ") : SV("= "));
    add_literal(out, value);
    buf_addc(out, ']');
}
