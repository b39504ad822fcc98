/*
 * One format's whole reader over the fuzzer's bytes: stream, splitter, parser and sink as in the program. The
 * sink holds the promises of intake.h: every record ends with content or a reject, every view can be read,
 * and what is emitted survives its own encoding.
 */
#pragma once

#include "intake/intake.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct promises {
    bool open, has;
    struct arena a;
};

static inline void promise(bool kept)
{
    if (!kept)
        abort();
}

/* Reads every byte, so that a view into freed memory is found. */
static inline void touch(struct sv s)
{
    volatile char sum = 0;

    for (size_t i = 0; i < s.n; i++)
        sum = (char)(sum ^ s.p[i]);
}

static inline int on_record(void *ctx, struct sv type, struct err *e)
{
    struct promises *p = ctx;

    promise(!p->open || p->has);
    promise(type.n > 0);
    touch(type);
    p->open = true;
    p->has = false;
    return OK;
}

static inline int on_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct promises *p = ctx;
    struct claim_rec back;
    struct buf b;

    promise(p->open && c->value.kind > KIND_NONE && c->value.kind < KIND_MAX && c->value.value.n > 0);
    promise(sv_utf8(c->value.value) && sv_utf8(c->labels) && sv_utf8(c->note));
    promise(c->confidence >= -1 && c->confidence <= 100);
    buf_init(&b, (size_t)256 << 20);
    claim_encode(&b, c);
    promise(!b.failed && claim_decode(buf_sv(&b), &back) && sv_eq(back.value.value, c->value.value));
    buf_clear(&b);
    p->has = true;
    return OK;
}

static inline int on_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct promises *p = ctx;

    touch(o->json);
    touch(o->text);
    promise(o->head.type.n > 0 && o->head.id.n > 0);
    for (size_t i = 0; i < o->nrefs; i++)
        touch(o->refs[i].target);
    for (size_t i = 0; i < o->nvalues; i++)
        touch(o->values[i].value);
    p->has = true;
    return OK;
}

static inline int on_list(void *ctx, const struct list_rec *l, struct err *e)
{
    touch(l->name);
    return OK;
}

static inline int on_entry(void *ctx, struct sv value, struct err *e)
{
    touch(value);
    ((struct promises *)ctx)->has = true;
    return OK;
}

static inline int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    ((struct promises *)ctx)->has = true;
    return OK;
}

static inline int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    promise(r->code < 0 && r->text.n > 0 && r->bytes.n <= REJECT_BYTES);
    touch(r->bytes);
    ((struct promises *)ctx)->has = true;
    return OK;
}

static inline int on_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length,
                           struct err *e)
{
    return OK;
}

static inline int on_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    return OK;
}

static inline void fuzz_mapped(const char *name, struct sv mapping, const uint8_t *data, size_t size)
{
    static int fd = -1;
    const struct intake_format *format = intake_format_find(sv_c(name));
    struct promises p = {0};
    const struct intake_sink sink = {&p,       on_record,      on_claim,  on_object, on_list,
                                     on_entry, on_observation, on_reject, on_chunk,  on_member,
                                     NULL};
    const struct intake_opts opts = {.mapping = mapping, .format = SV(""), .name = SV("input")};
    struct arena a;
    struct err e = ERR_NONE;

    if (fd < 0)
        fd = memfd_create("input", MFD_CLOEXEC);
    promise(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size &&
            lseek(fd, 0, SEEK_SET) == 0);
    arena_init(&a, (size_t)256 << 20);
    struct stream *in = stream_new(fd, (uint64_t)64 << 20, 0);
    promise(in != NULL);
    struct intake_job job = {.in = in, .opts = &opts, .sink = &sink, .a = &a};
    (void)format->detect(sv_from((const char *)data, size < 65536 ? size : 65536), SV("input"));
    int rc = format->read(&job, &e);
    promise(rc <= 0 && (rc == OK || e.text[0]) && (!p.open || p.has || rc < 0));
    stream_free(in);
    arena_clear(&a);
}

static inline void fuzz_format(const char *name, const uint8_t *data, size_t size)
{
    fuzz_mapped(name, SV(""), data, size);
}
