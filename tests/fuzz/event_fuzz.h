/*
 * Any bytes as a file of one event format, and line by line. Every record is one observation or one reject;
 * every value is canonical, that is, what obs_read makes of it again.
 */
#pragma once

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "intake/intake.h"

struct seen {
    size_t records, results;
    struct arena a;
};

static inline void must(bool truth)
{
    if (!truth)
        abort();
}

static inline int fuzz_record(void *ctx, struct sv type, struct err *e)
{
    struct seen *s = ctx;

    must(s->records == s->results && type.n > 0);
    s->records++;
    return OK;
}

static inline void check_values(struct seen *s, const struct observation *o)
{
    must(o->n <= OBSERVATION_VALUES && o->class.n > 0 && (o->time != USEC_NONE || o->n == 0));
    for (size_t i = 0; i < o->n; i++) {
        const struct obs *v = &o->v[i].value;
        struct err e = ERR_NONE;
        struct obs again;

        must(v->kind > KIND_NONE && v->kind < KIND_MAX && v->value.n > 0 && o->v[i].field.n > 0);
        arena_reset(&s->a);
        must(obs_read(&s->a, v->kind, v->value, &again, &e) == OK && again.kind == v->kind &&
             sv_eq(again.value, v->value));
        if (v->kind == KIND_IPV4 || v->kind == KIND_IPV6)
            must(memcmp(again.ip, v->ip, sizeof v->ip) == 0 && again.bits == v->bits);
    }
}

static inline int fuzz_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct seen *s = ctx;

    s->results++;
    check_values(s, o);
    return OK;
}

static inline int fuzz_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct seen *s = ctx;

    s->results++;
    must(c->value.kind > KIND_NONE && c->value.kind < KIND_MAX && c->value.value.n > 0);
    return OK;
}

static inline int fuzz_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct seen *s = ctx;

    s->results++;
    must(r->text.n > 0 && r->code < 0 && r->bytes.n <= REJECT_BYTES);
    return OK;
}

static inline int fuzz_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length,
                             struct err *e)
{
    return OK;
}

static inline int fuzz_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    return OK;
}

static inline void fuzz_file(struct sv bytes, const char *format)
{
    struct err e = ERR_NONE;
    struct seen s = {0};
    struct intake_opts o = {.format = sv_c(format), .mapping = SV(""), .name = SV("")};
    const struct intake_sink sink = {.ctx = &s,
                                     .record = fuzz_record,
                                     .claim = fuzz_claim,
                                     .observation = fuzz_observation,
                                     .reject = fuzz_reject,
                                     .chunk = fuzz_chunk,
                                     .member = fuzz_member};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    must(fd >= 0 && fd_write_all(fd, bytes, &e) == OK && lseek(fd, 0, SEEK_SET) == 0);
    arena_init(&s.a, 64u << 20);
    o.zone = zone_find(SV("UTC"), &e);
    int rc = intake_parse(fd, &o, &sink, &e);
    must(rc == OK || (rc == e.code && e.text[0]));
    must(s.records == s.results);
    arena_clear(&s.a);
    close(fd);
}

static inline void fuzz_lines(struct sv bytes, const char *format)
{
    static struct observation got;
    struct err e = ERR_NONE;
    struct seen s = {0};
    struct intake_opts o = {.format = sv_c(format), .mapping = SV(""), .name = SV("")};
    struct event_reader *r = event_reader_new(&o, &e);
    struct sv line;

    must(r != NULL);
    arena_init(&s.a, 64u << 20);
    while (sv_line(&bytes, &line)) {
        int rc = event_reader_line(r, line, &got, &e);

        must(rc <= 1 && (rc >= 0 || (e.code == rc && e.text[0])));
        if (rc == 1)
            check_values(&s, &got);
    }
    arena_clear(&s.a);
    event_reader_free(r);
}
