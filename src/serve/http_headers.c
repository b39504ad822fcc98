/* What every answer carries, and errors as JSON. */
#include "serve/private.h"

#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "    \
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

void answer_headers(struct http_request *r, bool tls)
{
    http_set(r, "Content-Security-Policy", POLICY);
    http_set(r, "X-Content-Type-Options", "nosniff");
    http_set(r, "Referrer-Policy", "no-referrer");
    http_set(r, "Cross-Origin-Opener-Policy", "same-origin");
    http_set(r, "Cross-Origin-Embedder-Policy", "require-corp");
    http_set(r, "Cross-Origin-Resource-Policy", "same-origin");
    http_set(r, "X-Frame-Options", "DENY");
    http_set(r, "Permissions-Policy", "camera=(), geolocation=(), microphone=()");
    if (tls) {
        http_set(r, "Strict-Transport-Security", "max-age=31536000");
    }
}

unsigned answer_status(int code)
{
    switch (code) {
    case ERR_SYNTAX:
    case ERR_VALUE:
    case ERR_ZONE:
    case ERR_USAGE:
        return 400;
    case ERR_AUTH:
        return 401;
    case ERR_DENIED:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_EXISTS:
    case ERR_CONFLICT:
        return 409;
    case ERR_LIMIT:
        return 413;
    case ERR_UNSUPPORTED:
        return 415;
    case ERR_MEMORY:
    case ERR_BUSY:
        return 503;
    case ERR_FULL:
        return 507;
    default:
        return 500;
    }
}

void answer_error(struct http_request *r, bool tls, unsigned status, const struct err *e)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 64u << 10);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "error");
    jw_err(&w, e);
    jw_end_obj(&w);
    answer_headers(r, tls);
    http_set(r, "Cache-Control", "no-store");
    if (status == 401) {
        http_set(r, "WWW-Authenticate", "Bearer");
    }
    http_respond(r, status, "application/json", b.failed ? SV("{\"error\":{}}") : buf_sv(&b));
    buf_clear(&b);
}
