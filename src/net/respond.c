#include "net/private.h"

#include <stdlib.h>

#define COMPRESS_FROM 1400 /* below, the answer is one packet anyway */
#define COMPRESS_LEVEL 5

void http_set(struct http_request *r, const char *name, const char *value)
{
    struct sv n = arena_sv(&r->arena, sv_c(name)), v = arena_sv(&r->arena, sv_c(value));
    if (n.p && v.p && r->headers < HEADERS_MAX) {
        r->header[r->headers].name = n.p;
        r->header[r->headers].value = v.p;
        r->headers++;
    }
}

void respond_take(struct http_request *r, unsigned status, const char *content_type,
                  struct MHD_Response *response)
{
    if (r->response) { /* the first answer holds */
        if (response) {
            MHD_destroy_response(response);
        }
        return;
    }
    if (!response) {
        status = 503;
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    for (size_t i = 0; response && i < r->headers; i++) {
        (void)MHD_add_response_header(response, r->header[i].name, r->header[i].value);
    }
    if (response && content_type) {
        (void)MHD_add_response_header(response, "Content-Type", content_type);
    }
    r->response = response;
    r->status = status;
}

bool respond_text_like(const char *type)
{
    struct sv s = sv_c(type);
    return sv_istarts(s, SV("text/")) || sv_istarts(s, SV("application/json")) ||
           sv_find(s, SV("+json")) != SIZE_MAX || sv_istarts(s, SV("application/x-ndjson"));
}

/* NULL when it does not pay or there is no memory: the plain form is sent then. */
static char *compress_gzip(struct sv body, size_t *ret_n)
{
    z_stream z = {0};
    if (body.n > UINT32_MAX / 2 ||
        deflateInit2(&z, COMPRESS_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t room = deflateBound(&z, body.n);
    char *out = malloc(room);
    z.next_in = (unsigned char *)(uintptr_t)body.p;
    z.avail_in = (unsigned)body.n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)room;
    bool ok = out && deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < body.n;
    *ret_n = ok ? z.total_out : 0;
    (void)deflateEnd(&z);
    if (!ok) {
        free(out);
        out = NULL;
    }
    return out;
}

void http_respond(struct http_request *r, unsigned status, const char *content_type, struct sv body)
{
    char *packed = NULL;
    size_t n = 0;
    if (r->response) {
        return;
    }
    if (body.n >= COMPRESS_FROM && respond_text_like(content_type)) {
        http_set(r, "Vary", "Accept-Encoding");
        packed = http_accepts(r, "gzip") ? compress_gzip(body, &n) : NULL;
    }
    if (packed) {
        http_set(r, "Content-Encoding", "gzip");
    }
    struct MHD_Response *response =
        packed ? MHD_create_response_from_buffer(n, packed, MHD_RESPMEM_MUST_FREE)
               : MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)(body.n ? body.p : ""),
                                                 MHD_RESPMEM_MUST_COPY);
    if (packed && !response) {
        free(packed);
    }
    respond_take(r, status, content_type, response);
}

void http_respond_static(struct http_request *r, unsigned status, const char *content_type,
                         const char *encoding, struct sv body)
{
    if (r->response) {
        return;
    }
    if (encoding) {
        http_set(r, "Content-Encoding", encoding);
    }
    respond_take(r, status, content_type,
                 MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_PERSISTENT));
}

void respond_refuse(struct http_request *r, unsigned status, const char *text)
{
    const struct http_handler *h = &r->server->handler;
    if (h->refuse) {
        h->refuse(h->ctx, r, status, text);
    }
    http_respond(r, status, "text/plain; charset=utf-8", sv_c(text));
}
