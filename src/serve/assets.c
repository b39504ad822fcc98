#include "serve/assets.h"

#include "serve/private.h"

static const struct asset *choose(const struct http_request *r, struct sv path)
{
    for (const struct asset *a = assets; a->path; a++) {
        if (sv_eq(path, sv_c(a->path)) && (!a->encoding || http_accepts(r, a->encoding))) {
            return a;
        }
    }
    return NULL;
}

static int send(struct call *c, struct sv path, struct err *e)
{
    const struct asset *a = choose(c->r, path);
    if (!a) {
        return err_set(e, ERR_NOT_FOUND, "the console has no such file");
    }
    answer_headers(c->r, c->web->tls);
    http_set(c->r, "ETag", a->etag);
    http_set(c->r, "Vary", "Accept-Encoding");
    http_set(c->r, "Cache-Control", a->forever ? "public, max-age=31536000, immutable" : "no-cache");
    c->answered = true;
    struct sv held = http_header(c->r, "If-None-Match");
    if (held.p && sv_find(held, sv_c(a->etag)) != SIZE_MAX) {
        c->status = 304;
        http_respond_static(c->r, 304, a->type, NULL, SV(""));
        return OK;
    }
    http_respond_static(c->r, 200, a->type, a->encoding, sv_from(a->begin, (size_t)(a->end - a->begin)));
    return OK;
}

int api_page(struct call *c, struct err *e)
{
    return send(c, SV("/index.html"), e);
}

int api_asset(struct call *c, struct err *e)
{
    return send(c, http_path(c->r), e);
}
