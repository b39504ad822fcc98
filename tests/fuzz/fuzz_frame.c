/*
 * What a parser process that was taken over may send: any bytes. Frames are played or refused, never read
 * past; what a frame says survives being written again. The same bytes as records of a ledger pack.
 */
#include "format_job.h"
#include "intake/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int any_record(void *ctx, struct sv type, struct err *e)
{
    touch(type);
    return OK;
}

static int any_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct claim_rec back;
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    claim_encode(&b, c);
    promise(!b.failed && claim_decode(buf_sv(&b), &back) && sv_eq(back.meta, c->meta) &&
            back.last == c->last);
    buf_clear(&b);
    return OK;
}

static int any_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct object_rec back;
    struct arena a;
    struct buf b;
    arena_init(&a, (size_t)64 << 20);
    buf_init(&b, (size_t)64 << 20);
    object_encode(&b, o);
    promise(!b.failed && object_decode(buf_sv(&b), &a, &back) && sv_eq(back.json, o->json));
    promise(back.nrefs == o->nrefs && back.nvalues == o->nvalues);
    buf_clear(&b);
    arena_clear(&a);
    return OK;
}

static int any_observation(void *ctx, const struct observation *o, struct err *e)
{
    promise(o->n <= OBSERVATION_VALUES);
    for (size_t i = 0; i < o->n; i++) {
        promise(o->v[i].value.kind > KIND_NONE && o->v[i].value.kind < KIND_MAX);
        touch(o->v[i].value.value);
        touch(o->v[i].field);
    }
    touch(o->raw);
    return OK;
}

static int any_reject(void *ctx, const struct reject *r, struct err *e)
{
    promise(r->code < 0 && r->bytes.n <= REJECT_BYTES);
    touch(r->bytes);
    touch(r->context);
    return OK;
}

static int any_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    promise(format != NULL);
    touch(path);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct promises p = {0};
    const struct intake_sink sink = {&p,       any_record,      any_claim,  any_object, on_list,
                                     on_entry, any_observation, any_reject, on_chunk,   any_member,
                                     NULL};
    struct sv bytes = sv_from((const char *)data, size);
    struct claim_rec c;
    struct object_rec o;
    struct arena a;
    struct err e = ERR_NONE;
    size_t used;
    bool end;

    arena_init(&a, (size_t)64 << 20);
    int rc = frames_play(bytes, &a, &sink, &used, &end, &e);
    promise(used <= size && (rc == OK || e.code == rc));
    if (claim_decode(bytes, &c))
        (void)any_claim(NULL, &c, &e);
    arena_reset(&a);
    if (object_decode(bytes, &a, &o))
        (void)any_object(NULL, &o, &e);
    arena_clear(&a);
    return 0;
}
