#include "stix/private.h"

static int refuse(struct sv text, const char *what, struct err *e)
{
    struct sv s = sv_sub(text, 0, 120);
    err_set(e, ERR_SYNTAX, "not %s: \"%.*s\"%s", what, SV_ARG(s), text.n > s.n ? "..." : "");
    return err_hint(e, "write it like 203.0.113.7, 203.0.113.0/24, name.example, https://name.example/path, "
                       "a hash or CVE-2021-44228");
}

static bool port_of(struct sv digits, uint16_t *ret)
{
    uint64_t v;
    if (digits.n == 0 || digits.n > 5 || !sv_u64(digits, &v) || v > 65535)
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* An address or prefix, its text in the arena unless it is canonical already. */
static bool read_ip(struct arena *a, struct sv text, struct obs *ret)
{
    char scratch[52];
    if (!ip_obs(text, true, scratch, ret))
        return false;
    if (ret->value.p == scratch)
        ret->value = arena_sv(a, ret->value);
    return ret->value.p != NULL;
}

static bool read_domain(struct arena *a, struct sv text, struct obs *ret)
{
    char scratch[256];
    if (!obs_domain(text, scratch, ret))
        return false;
    memset(ret->ip, 0, sizeof(ret->ip));
    ret->value = sv_eq(ret->value, text) ? text : arena_sv(a, ret->value);
    return ret->value.p != NULL;
}

/* "192.0.2.1:443", "[2001:db8::1]:443", "[2001:db8::1]", "host.example:443". */
static bool read_with_port(struct arena *a, struct sv text, struct obs *ret)
{
    uint16_t port = 0;
    struct sv host;
    if (text.n == 0)
        return false;
    if (text.p[0] == '[') {
        size_t close = sv_chr(text, ']');
        if (close == SIZE_MAX)
            return false;
        host = sv_sub(text, 1, close - 1);
        struct sv after = sv_sub(text, close + 1, SIZE_MAX);
        if (after.n && (after.p[0] != ':' || !port_of(sv_sub(after, 1, SIZE_MAX), &port)))
            return false;
        if (memchr(host.p, '/', host.n) || !read_ip(a, host, ret))
            return false;
    } else {
        size_t colon = sv_chr(text, ':');
        if (colon == SIZE_MAX || !port_of(sv_sub(text, colon + 1, SIZE_MAX), &port))
            return false;
        host = sv_sub(text, 0, colon);
        bool name = !read_ip(a, host, ret);
        if (name && (!memchr(host.p, '.', host.n) || !read_domain(a, host, ret)))
            return false;
    }
    ret->port = port;
    return true;
}

/* Kinds whose form alone tells them from every other. */
static bool read_formed(struct arena *a, struct sv text, struct obs *ret)
{
    static const enum kind formed[] = {KIND_VULNERABILITY, KIND_MAC, KIND_JA4, KIND_SSDEEP};
    if (text.n >= 32 && text.n <= 128 && all_hex(text)) {
        enum kind k = text.n == 62 ? KIND_JARM : text.n == 70 ? KIND_TLSH : hash_kind(text.n);
        if (k != KIND_NONE)
            return token_read(a, k, text, ret);
    }
    for (size_t i = 0; i < sizeof(formed) / sizeof(formed[0]); i++)
        if (token_read(a, formed[i], text, ret))
            return true;
    if (text.n == 72 && sv_istarts(text, SV("T1")) && token_read(a, KIND_TLSH, text, ret))
        return true;
    if (text.n > 2 && sv_istarts(text, SV("AS")) && (is_digit(text.p[2]) || text.p[2] == ' '))
        return token_read(a, KIND_AS, text, ret);
    return wallet_checked(text) && wallet_read(a, text, ret);
}

/* "value", <value>: quotes people put round one value. */
static struct sv unquote(struct sv s)
{
    static const char pairs[][2] = {{'"', '"'}, {'\'', '\''}, {'<', '>'}, {'`', '`'}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (s.n > 2 && s.p[0] == pairs[i][0] && s.p[s.n - 1] == pairs[i][1])
            return sv_trim(sv_sub(s, 1, s.n - 2));
    return s;
}

static int clean_text(struct arena *a, struct sv text, struct sv *ret, struct err *e)
{
    text = sv_trim(text);
    if (text.n == 0)
        return err_set(e, ERR_SYNTAX, "there is no value");
    if (text.n > OBS_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "a value of %zu bytes is longer than the %d that are read", text.n,
                       OBS_TEXT_MAX);
    *ret = refang(a, text);
    if (!ret->p)
        return err_set(e, ERR_MEMORY, "no memory for a value");
    return ret->n ? OK : refuse(text, "a value", e);
}

int obs_guess(struct arena *a, struct sv text, struct obs *ret, struct err *e)
{
    *ret = (struct obs){0};
    struct sv s = SV_NONE;
    int rc = clean_text(a, unquote(sv_trim(text)), &s, e);
    if (rc != OK)
        return rc;
    if (sv_find(sv_sub(s, 0, 40), SV("://")) != SIZE_MAX)
        return url_read(a, s, false, ret, e);
    if (read_ip(a, s, ret) || read_with_port(a, s, ret) || read_formed(a, s, ret))
        return OK;
    if (sv_istarts(s, SV("mailto:")))
        s = sv_sub(s, 7, SIZE_MAX);
    /* "host.example?a=b" is a URL without scheme and path. */
    size_t slash = sv_chr(s, '/'), query = sv_chr(s, '?');
    if (query < slash)
        slash = query;
    size_t at = sv_chr(s, '@');
    if (at != SIZE_MAX && (slash == SIZE_MAX || at < slash) && email_read(a, s, ret) &&
        sv_chr(sv_sub(ret->value, at, SIZE_MAX), '.') != SIZE_MAX)
        return OK;
    if (slash != SIZE_MAX && at > slash)
        return url_read(a, s, true, ret, e);
    if (sv_chr(s, '.') != SIZE_MAX || s.n > 3) {
        if (read_domain(a, s, ret) && sv_chr(ret->value, '.') != SIZE_MAX)
            return OK;
    }
    *ret = (struct obs){0};
    return refuse(text, "an address, name, URL, hash, e-mail, CVE, wallet, MAC or AS number", e);
}

static bool read_known(struct arena *a, enum kind kind, struct sv s, struct obs *ret)
{
    switch (kind) {
    case KIND_IPV4:
    case KIND_IPV6:
        /* An IPv4-mapped address said to be IPv6 is the IPv4 address it maps. */
        if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
            s = sv_sub(s, 1, s.n - 2);
        return read_ip(a, s, ret) && (ret->kind == kind || sv_chr(s, ':') != SIZE_MAX) &&
               (kind == KIND_IPV6 || ret->kind == KIND_IPV4);
    case KIND_DOMAIN:
        return read_domain(a, s, ret);
    case KIND_EMAIL:
        return email_read(a, s, ret);
    case KIND_WALLET:
        return wallet_read(a, s, ret);
    case KIND_TEXT:
        *ret = (struct obs){.kind = kind, .value = s};
        return s.n > 0;
    default:
        return token_read(a, kind, s, ret);
    }
}

int obs_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret, struct err *e)
{
    *ret = (struct obs){0};
    struct sv s = sv_trim(text);
    bool defanged = kind >= KIND_IPV4 && kind <= KIND_EMAIL;
    if (defanged || s.n == 0 || s.n > OBS_TEXT_MAX) {
        int rc = clean_text(a, s, &s, e);
        if (rc < 0)
            return rc;
    }
    if (kind == KIND_URL)
        return url_read(a, s, true, ret, e);
    if (read_known(a, kind, s, ret))
        return OK;
    *ret = (struct obs){0};
    char what[64];
    snprintf(what, sizeof(what), "a value of kind %s", kind_name(kind));
    return refuse(text, what, e);
}
