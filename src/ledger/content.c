/* How packs stand in content rows: plain, or compressed by zstd. */
#include "ledger/private.h"

#include <stdlib.h>
#include <zstd.h>

/* Level 1 costs a few milliseconds a megabyte; the salts themselves do not compress. */
#define ZSTD_LEVEL 1
#define ZSTD_LEAST 256u

struct codec {
    ZSTD_CCtx *cctx;
    ZSTD_DCtx *dctx;
    struct buf out;
};

struct codec *codec_new(void)
{
    struct codec *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->cctx = ZSTD_createCCtx();
    c->dctx = ZSTD_createDCtx();
    buf_init(&c->out, ZSTD_COMPRESSBOUND((size_t)PACK_MAX));
    if (!c->cctx || !c->dctx) {
        codec_free(c);
        return NULL;
    }
    return c;
}

void codec_free(struct codec *c)
{
    if (!c)
        return;
    ZSTD_freeCCtx(c->cctx);
    ZSTD_freeDCtx(c->dctx);
    buf_clear(&c->out);
    free(c);
}

struct sha256 content_sum(struct sv codec, struct sv bytes)
{
    struct sv parts[3] = {codec, {"", 1}, bytes};

    return sha256_parts(parts, 3);
}

void content_encode(struct codec *c, struct sv pack, struct content *ret)
{
    char *room;
    size_t n = 0;

    ret->codec = CODEC_PLAIN;
    ret->bytes = pack;
    buf_reset(&c->out);
    room = pack.n >= ZSTD_LEAST ? buf_reserve(&c->out, ZSTD_compressBound(pack.n)) : NULL;
    if (room)
        n = ZSTD_compressCCtx(c->cctx, room, ZSTD_compressBound(pack.n), pack.p, pack.n, ZSTD_LEVEL);
    if (room && !ZSTD_isError(n) && n < pack.n - pack.n / 8) {
        ret->codec = CODEC_ZSTD;
        ret->bytes = sv_from(room, n);
    }
    ret->sum = content_sum(sv_c(ret->codec), ret->bytes);
}

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_CORRUPT, "stored content cannot be read: %s", what);
}

int content_decode(struct codec *c, struct sv codec, struct sv bytes, struct sv *ret_pack, struct err *e)
{
    unsigned long long size;
    char *room;
    size_t n;

    if (sv_eq(codec, SV(CODEC_PLAIN))) {
        *ret_pack = bytes;
        return OK;
    }
    if (!sv_eq(codec, SV(CODEC_ZSTD)))
        return bad(e, "its codec is not known");
    size = ZSTD_getFrameContentSize(bytes.p, bytes.n);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > PACK_MAX)
        return bad(e, "it is not a zstd frame of a pack");
    buf_reset(&c->out);
    room = buf_reserve(&c->out, (size_t)size + 1);
    if (!room)
        return err_set(e, ERR_MEMORY, "no memory for a pack of %llu bytes", size);
    n = ZSTD_decompressDCtx(c->dctx, room, (size_t)size, bytes.p, bytes.n);
    if (ZSTD_isError(n) || n != size)
        return bad(e, "its zstd frame is damaged");
    *ret_pack = sv_from(room, n);
    return OK;
}
