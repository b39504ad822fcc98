/* A sink that writes down every call, so that two ways of reading can be compared byte by byte. */
#pragma once

#include "intake/intake.h"

struct transcript {
    struct buf b;
    size_t calls, records, observations, chunks, members, rejects, claims;
    size_t others;     /* objects and list entries */
    size_t stop_after; /* refuses the call after so many; 0 = never */
};

static inline int transcript_call(struct transcript *t, struct err *e)
{
    buf_addc(&t->b, '\n');
    if (++t->calls == t->stop_after)
        return err_set(e, ERR_CANCELLED, "stopped by the test");
    return OK;
}

static inline void transcript_text(struct transcript *t, struct sv s)
{
    buf_printf(&t->b, " %zu:", s.n);
    buf_add(&t->b, s);
}

static inline int transcript_record(void *ctx, struct sv type, struct err *e)
{
    struct transcript *t = ctx;
    t->records++;
    buf_add(&t->b, SV("record"));
    transcript_text(t, type);
    return transcript_call(t, e);
}

static inline int transcript_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct transcript *t = ctx;
    t->claims++;
    buf_add(&t->b, SV("claim "));
    claim_encode(&t->b, c);
    buf_addp(&t->b, c->value.ip, sizeof(c->value.ip));
    buf_u8(&t->b, c->value.kind == KIND_IPV4 || c->value.kind == KIND_IPV6 ? c->value.bits : 0);
    return transcript_call(t, e);
}

static inline int transcript_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct transcript *t = ctx;
    t->others++;
    buf_add(&t->b, SV("object "));
    object_encode(&t->b, o);
    return transcript_call(t, e);
}

static inline int transcript_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct transcript *t = ctx;
    buf_printf(&t->b, "list %d %llu", (int)l->match, (unsigned long long)l->version);
    transcript_text(t, l->name);
    transcript_text(t, l->description);
    transcript_text(t, l->attributes);
    return transcript_call(t, e);
}

static inline int transcript_entry(void *ctx, struct sv value, struct err *e)
{
    struct transcript *t = ctx;
    t->others++;
    buf_add(&t->b, SV("entry"));
    transcript_text(t, value);
    return transcript_call(t, e);
}

static inline int transcript_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct transcript *t = ctx;
    t->observations++;
    buf_printf(&t->b, "observation %lld %llu %llu %llu %zu", (long long)o->time, (unsigned long long)o->count,
               (unsigned long long)o->line, (unsigned long long)o->offset, o->more);
    transcript_text(t, o->sensor);
    transcript_text(t, o->class);
    transcript_text(t, o->type);
    for (size_t i = 0; i < o->n; i++) {
        const struct obs *v = &o->v[i].value;
        buf_printf(&t->b, " %d %u", (int)v->kind, v->port);
        if (v->kind == KIND_IPV4 || v->kind == KIND_IPV6) {
            buf_u8(&t->b, v->bits);
            buf_addp(&t->b, v->ip, sizeof(v->ip));
        }
        transcript_text(t, v->value);
        transcript_text(t, o->v[i].field);
    }
    transcript_text(t, o->raw);
    return transcript_call(t, e);
}

static inline int transcript_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct transcript *t = ctx;
    t->rejects++;
    buf_printf(&t->b, "reject %d %llu %llu", r->code, (unsigned long long)r->line,
               (unsigned long long)r->offset);
    transcript_text(t, r->text);
    transcript_text(t, r->remedy);
    transcript_text(t, r->bytes);
    transcript_text(t, r->context);
    return transcript_call(t, e);
}

static inline int transcript_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length,
                                   struct err *e)
{
    struct transcript *t = ctx;
    t->chunks++;
    buf_printf(&t->b, "chunk %llu %llu ", (unsigned long long)offset, (unsigned long long)length);
    buf_addp(&t->b, sha->b, sizeof(sha->b));
    return transcript_call(t, e);
}

static inline int transcript_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    struct transcript *t = ctx;
    t->members++;
    buf_printf(&t->b, "member %s", format);
    transcript_text(t, path);
    return transcript_call(t, e);
}

static inline void transcript_init(struct transcript *t)
{
    *t = (struct transcript){0};
    buf_init(&t->b, (size_t)1 << 30);
}

static inline struct intake_sink transcript_sink(struct transcript *t)
{
    return (struct intake_sink){t,
                                transcript_record,
                                transcript_claim,
                                transcript_object,
                                transcript_list,
                                transcript_entry,
                                transcript_observation,
                                transcript_reject,
                                transcript_chunk,
                                transcript_member,
                                NULL};
}
