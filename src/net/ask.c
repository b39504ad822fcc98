/* What a handler asks of a request. */
#include "net/private.h"
#include "net/text.h"

enum http_method http_method(const struct http_request *r)
{
    return r->method;
}

struct sv http_path(const struct http_request *r)
{
    return r->path;
}

/* The arena belongs to the request; asking does not change what the request is. */
static struct arena *arena_of(const struct http_request *r)
{
    return (struct arena *)(uintptr_t)&r->arena;
}

struct sv http_query(const struct http_request *r, const char *name)
{
    struct sv raw = text_pair(r->query, sv_c(name));
    return raw.p ? text_unescape(arena_of(r), raw, true) : SV_NONE;
}

struct sv http_header(const struct http_request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
    return value ? sv_c(value) : SV_NONE;
}

struct sv http_cookie(const struct http_request *r, const char *name)
{
    struct sv header = http_header(r, "Cookie");
    return header.p ? text_cookie(header, sv_c(name)) : SV_NONE;
}

bool http_accepts(const struct http_request *r, const char *coding)
{
    struct sv header = http_header(r, "Accept-Encoding");
    return header.p && text_accepts(header, sv_c(coding));
}

struct sv http_body(const struct http_request *r)
{
    return r->spooled && r->spool.fd < 0 ? buf_sv(&r->spool.memory) : SV("");
}

int http_body_fd(const struct http_request *r)
{
    return r->spooled ? r->spool.fd : -1;
}

void *http_user(const struct http_request *r)
{
    return r->user;
}

uint64_t http_body_bytes(const struct http_request *r)
{
    return r->spooled ? r->spool.out : 0;
}

const char *http_peer(const struct http_request *r)
{
    return r->peer;
}

bool http_query_next(const struct http_request *r, size_t *at, struct sv *ret_name, struct sv *ret_value)
{
    struct sv rest = sv_sub(r->query, *at, SIZE_MAX), pair, key;
    while (*at < r->query.n && sv_cut(&rest, '&', &pair)) {
        *at += pair.n + 1;
        if (pair.n == 0) {
            continue;
        }
        sv_cut(&pair, '=', &key);
        *ret_name = text_unescape(arena_of(r), key, true);
        *ret_value = pair.p ? text_unescape(arena_of(r), pair, true) : SV("");
        return true;
    }
    return false;
}

void http_expand_freely(struct http_request *r)
{
    r->any_ratio = true;
}
