/*
 * Events are taken in chunks so that a file given twice counts once: the chunk's hash must be known before
 * its observations are, and must not depend on how the bytes came. A chunk closes before the record that
 * follows CHUNK_BYTES or CHUNK_RECORDS.
 */
#include "intake/private.h"

#include <stdlib.h>

#define HELD_MOST ((size_t)256 << 20)

struct chunker {
    const struct intake_sink *out;
    struct intake_sink sink;
    struct buf held;
    struct arena a;
    struct sha256_state sha;
    uint64_t offset; /* of the first record with a known place */
    uint64_t bytes;
    uint64_t records;
};

static void begin(struct chunker *c)
{
    buf_reset(&c->held);
    sha256_start(&c->sha);
    c->offset = UINT64_MAX;
    c->bytes = 0;
    c->records = 0;
}

int chunker_flush(struct chunker *c, struct err *e)
{
    size_t used;
    bool end;
    if (c->held.n == 0)
        return OK;
    struct sha256 sha = sha256_end(&c->sha);
    int rc = c->out->chunk
                 ? c->out->chunk(c->out->ctx, &sha, c->offset == UINT64_MAX ? 0 : c->offset, c->bytes, e)
                 : OK;
    if (rc >= 0)
        rc = frames_play(buf_sv(&c->held), &c->a, c->out, &used, &end, e);
    begin(c);
    return rc;
}

static int held(struct chunker *c, struct err *e)
{
    return c->held.failed
               ? err_set(e, ERR_LIMIT, "a chunk of events needs more than %zu MiB", HELD_MOST >> 20)
               : OK;
}

static void take_bytes(struct chunker *c, struct sv bytes, uint64_t offset)
{
    if (c->offset == UINT64_MAX)
        c->offset = offset;
    sha256_more(&c->sha, bytes);
    c->bytes += bytes.n;
}

static int on_record(void *ctx, struct sv type, struct err *e)
{
    struct chunker *c = ctx;
    int rc = c->bytes >= CHUNK_BYTES || c->records >= CHUNK_RECORDS ? chunker_flush(c, e) : OK;
    if (rc < 0)
        return rc;
    c->records++;
    frame_record(&c->held, type);
    return held(c, e);
}

static int on_claim(void *ctx, const struct claim_rec *claim, struct err *e)
{
    struct chunker *c = ctx;
    frame_claim(&c->held, claim);
    return held(c, e);
}

static int on_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct chunker *c = ctx;
    frame_object(&c->held, o);
    return held(c, e);
}

static int on_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct chunker *c = ctx;
    frame_list(&c->held, l);
    return held(c, e);
}

static int on_list_entry(void *ctx, struct sv value, struct err *e)
{
    struct chunker *c = ctx;
    frame_list_entry(&c->held, value);
    return held(c, e);
}

static int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct chunker *c = ctx;
    take_bytes(c, o->raw, o->offset);
    frame_observation(&c->held, o);
    return held(c, e);
}

static int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct chunker *c = ctx;
    take_bytes(c, r->bytes, r->offset);
    frame_reject(&c->held, r);
    return held(c, e);
}

struct chunker *chunker_new(const struct intake_sink *out)
{
    struct chunker *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->out = out;
    c->sink = (struct intake_sink){
        .ctx = c,
        .record = on_record,
        .claim = on_claim,
        .object = on_object,
        .list = on_list,
        .list_entry = on_list_entry,
        .observation = on_observation,
        .reject = on_reject,
    };
    buf_init(&c->held, HELD_MOST);
    arena_init(&c->a, INTAKE_ARENA_BYTES);
    begin(c);
    return c;
}

void chunker_free(struct chunker *c)
{
    if (!c)
        return;
    buf_clear(&c->held);
    arena_clear(&c->a);
    free(c);
}

const struct intake_sink *chunker_sink(struct chunker *c)
{
    return &c->sink;
}
