/* The two messages between a caller and the fetcher. */
#include "net/fetch_private.h"

#include <string.h>

static void put_headers(struct buf *b, const struct fetch_header *h, size_t n)
{
    buf_varint(b, n);
    for (size_t i = 0; i < n; i++) {
        buf_str(b, h[i].name);
        buf_str(b, h[i].value);
    }
}

static bool take_headers(struct cur *c, struct fetch_header *h, size_t *ret_n)
{
    uint64_t n = cur_varint(c);
    if (c->failed || n > FETCH_HEADERS)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        h[i].name = cur_str(c);
        h[i].value = cur_str(c);
    }
    *ret_n = (size_t)n;
    return !c->failed;
}

void fetch_ask_encode(struct buf *b, const struct fetch_request *r)
{
    const struct sv texts[] = {sv_c(r->method ? r->method : "GET"),
                               r->url,
                               r->body,
                               r->etag,
                               r->modified,
                               r->ca_pem,
                               r->pin,
                               r->client_cert_pem,
                               r->client_key_pem};
    const uint64_t numbers[] = {r->plain,         r->max_bytes,   r->bytes_per_second, r->seconds,
                                r->stall_seconds, r->resume_from, r->pin_alone};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        buf_str(b, texts[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        buf_varint(b, numbers[i]);
    put_headers(b, r->header, r->headers);
}

bool fetch_ask_decode(struct sv body, struct arena *a, struct fetch_request *ret)
{
    struct cur c = cur_of(body);
    *ret = (struct fetch_request){0};
    struct sv method = arena_sv(a, cur_str(&c));
    ret->url = arena_sv(a, cur_str(&c));
    struct sv *const texts[] = {&ret->body,          &ret->etag, &ret->modified,
                                &ret->ca_pem,        &ret->pin,  &ret->client_cert_pem,
                                &ret->client_key_pem};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = cur_str(&c);
    ret->plain = cur_varint(&c) != 0;
    ret->max_bytes = cur_varint(&c);
    ret->bytes_per_second = cur_varint(&c);
    ret->seconds = (unsigned)cur_varint(&c);
    ret->stall_seconds = (unsigned)cur_varint(&c);
    ret->resume_from = cur_varint(&c);
    ret->pin_alone = cur_varint(&c) != 0;
    ret->method = method.p;
    return take_headers(&c, ret->header, &ret->headers) && method.p && ret->url.p;
}

void fetch_answer_encode(struct buf *b, const struct fetch_answer *a)
{
    buf_varint(b, a->status);
    buf_varint(b, a->bytes);
    buf_u8(b, a->cut);
    put_headers(b, a->header, a->headers);
}

bool fetch_answer_decode(struct sv body, struct arena *a, struct fetch_answer *ret)
{
    struct cur c = cur_of(body);
    *ret = (struct fetch_answer){.fd = -1};
    ret->status = (unsigned)cur_varint(&c);
    ret->bytes = cur_varint(&c);
    ret->cut = cur_u8(&c) != 0;
    if (!take_headers(&c, ret->header, &ret->headers))
        return false;
    for (size_t i = 0; i < ret->headers; i++) {
        ret->header[i].name = arena_sv(a, ret->header[i].name);
        ret->header[i].value = arena_sv(a, ret->header[i].value);
        if (!ret->header[i].name.p || !ret->header[i].value.p)
            return false;
    }
    return true;
}
