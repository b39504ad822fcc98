#include "stix/private.h"

static const struct scheme_port {
    const char *scheme;
    unsigned port;
} default_ports[] = {{"http", 80}, {"https", 443}, {"ftp", 21}, {"ws", 80}, {"wss", 443}};

/* The parts of a URL as written; `scheme` empty for "host/path". */
struct parts {
    struct sv scheme;
    struct sv user; /* with its '@' */
    struct sv host; /* without brackets */
    struct sv port; /* digits */
    struct sv rest; /* from '/' or '?', without fragment */
    bool bracket;
};

static bool scheme_byte(char c)
{
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}

/* RFC 3986 3.1. Without "://" there is no scheme here: "mailto:x" is no address of a host. */
static bool split_scheme(struct sv *text, struct sv *ret_scheme)
{
    size_t at = sv_find(sv_sub(*text, 0, 40), SV("://"));
    *ret_scheme = SV_NONE;
    if (at == SIZE_MAX)
        return false;
    if (at == 0 || !is_alpha(text->p[0]))
        return false;
    for (size_t i = 0; i < at; i++)
        if (!scheme_byte(text->p[i]))
            return false;
    *ret_scheme = sv_sub(*text, 0, at);
    *text = sv_sub(*text, at + 3, SIZE_MAX);
    return true;
}

static size_t authority_end(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/' || s.p[i] == '?' || s.p[i] == '#' || s.p[i] == '\\')
            return i;
    return s.n;
}

/* Host and port of "user@host:port" or "[v6]:port". */
static bool split_authority(struct sv s, struct parts *r)
{
    size_t at = sv_rchr(s, '@');
    if (at != SIZE_MAX) {
        r->user = sv_sub(s, 0, at + 1);
        s = sv_sub(s, at + 1, SIZE_MAX);
    }
    struct sv after;
    r->bracket = s.n > 0 && s.p[0] == '[';
    if (r->bracket) {
        size_t close = sv_chr(s, ']');
        if (close == SIZE_MAX)
            return false;
        r->host = sv_sub(s, 1, close - 1);
        after = sv_sub(s, close + 1, SIZE_MAX);
    } else {
        size_t colon = sv_chr(s, ':');
        r->host = sv_sub(s, 0, colon);
        after = colon == SIZE_MAX ? SV("") : sv_sub(s, colon, SIZE_MAX);
    }
    if (after.n == 0)
        return true;
    r->port = sv_sub(after, 1, SIZE_MAX);
    return after.p[0] == ':' && r->port.n <= 5 && (r->port.n == 0 || all_digits(r->port));
}

static bool split_url(struct sv text, struct parts *r)
{
    *r = (struct parts){0};
    split_scheme(&text, &r->scheme);
    size_t end = authority_end(text);
    r->rest = sv_sub(text, end, SIZE_MAX);
    size_t hash = sv_chr(r->rest, '#');
    if (hash != SIZE_MAX)
        r->rest.n = hash;
    return split_authority(sv_sub(text, 0, end), r);
}

static bool is_default_port(struct sv scheme, unsigned port)
{
    /* Without a scheme it is a web address: both web ports say nothing. */
    if (scheme.n == 0)
        return port == 80 || port == 443;
    for (size_t i = 0; i < sizeof(default_ports) / sizeof(default_ports[0]); i++)
        if (sv_ieq(scheme, sv_c(default_ports[i].scheme)))
            return default_ports[i].port == port;
    return false;
}

/* Canonical host into `out` (256 bytes); the number of bytes, 0 when it is no host. */
static size_t write_host(const struct parts *r, bool dotted, char *out)
{
    struct obs o;
    if (ip_read(r->host, false, &o)) {
        bool v6 = o.kind == KIND_IPV6;
        if (r->bracket == (memchr(r->host.p, ':', r->host.n) == NULL))
            return 0;
        char text[52];
        ip_text(o.ip, o.bits, text);
        int n = snprintf(out, 256, v6 ? "[%s]" : "%s", text);
        return n > 0 ? (size_t)n : 0;
    }
    size_t n = r->bracket ? 0 : domain_write(r->host, out);
    return n && (!dotted || memchr(out, '.', n)) ? n : 0;
}

static bool clean(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static int no_url(struct sv text, const char *why, struct err *e)
{
    return err_set(e, ERR_SYNTAX, "not a URL: %s in \"%.*s\"", why, (int)(text.n < 120 ? text.n : 120),
                   text.p);
}

static struct sv build(struct arena *a, const struct parts *r, struct sv host, bool port)
{
    size_t room = r->scheme.n + 3 + r->user.n + host.n + 1 + r->port.n + 1 + r->rest.n + 1;
    char *out = arena_alloc(a, room);
    if (!out)
        return SV_NONE;
    size_t n = 0;
    for (; n < r->scheme.n; n++)
        out[n] = lower(r->scheme.p[n]);
    const struct sv pieces[] = {r->scheme.n ? SV("://") : SV(""),
                                r->user,
                                host,
                                port ? SV(":") : SV(""),
                                port ? r->port : SV(""),
                                r->rest.n == 0 || r->rest.p[0] != '/' ? SV("/") : SV(""),
                                r->rest};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (pieces[i].n)
            memcpy(out + n, pieces[i].p, pieces[i].n);
        n += pieces[i].n;
    }
    out[n] = 0;
    return (struct sv){out, n};
}

int url_read(struct arena *a, struct sv text, bool schemeless, struct obs *ret, struct err *e)
{
    struct parts r;
    char host[256];
    uint64_t port = 0;
    if (!clean(text))
        return no_url(text, "white space or a control character", e);
    if (!split_url(text, &r))
        return no_url(text, "no readable host and port", e);
    if (r.scheme.n == 0 && !schemeless)
        return no_url(text, "no scheme", e);
    size_t host_n = 0;
    if (r.host.n == 0 && sv_ieq(r.scheme, SV("file")))
        host[0] = 0;
    else if ((host_n = write_host(&r, r.scheme.n == 0, host)) == 0)
        return no_url(text, "the host is neither an address nor a name", e);
    if (r.port.n && (!sv_u64(r.port, &port) || port > 65535))
        return no_url(text, "the port is above 65535", e);
    while (r.port.n > 1 && r.port.p[0] == '0')
        r.port = sv_sub(r.port, 1, SIZE_MAX);
    bool keep_port = r.port.n && !is_default_port(r.scheme, (unsigned)port);
    struct sv value = build(a, &r, (struct sv){host, host_n}, keep_port);
    if (!value.p)
        return err_set(e, ERR_MEMORY, "no memory for a URL");
    *ret = (struct obs){.kind = KIND_URL, .port = (uint16_t)port};
    ret->value = sv_eq(value, text) ? text : value;
    return OK;
}

struct sv url_match_key(struct sv url)
{
    struct sv scheme;
    split_scheme(&url, &scheme);
    size_t at = sv_rchr(sv_sub(url, 0, authority_end(url)), '@');
    return at == SIZE_MAX ? url : sv_sub(url, at + 1, SIZE_MAX);
}

struct sv url_host(struct sv url)
{
    struct parts r = {0};
    struct sv key = url_match_key(url);
    split_authority(sv_sub(key, 0, authority_end(key)), &r);
    return r.host;
}
