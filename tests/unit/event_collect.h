/* Reads bytes or a file as `intake` would and writes what came out as text, one line a record, for tests of
 * the event formats. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "intake/intake.h"

struct collected {
    struct buf text;
    const char *format;
    size_t records, observations, claims, rejects, chunks;
    struct err end; /* how reading ended */
    /* when set, called for each observation instead of writing it */
    void (*each)(void *ctx, const struct observation *o);
    void *ctx;
    bool without_type;
};

static inline void write_observation(struct buf *b, const struct observation *o, bool with_type)
{
    char time[32] = "-";

    if (o->time != USEC_NONE)
        time_text6(o->time, time);
    if (with_type)
        buf_printf(b, "%.*s ", SV_ARG(o->type));
    buf_printf(b, "%.*s %s [%.*s]", SV_ARG(o->class), time, SV_ARG(o->sensor));
    for (size_t i = 0; i < o->n; i++)
        buf_printf(b, " %.*s=%s:%.*s", SV_ARG(o->v[i].field), kind_name(o->v[i].value.kind),
                   SV_ARG(o->v[i].value.value));
    if (o->count != 1)
        buf_printf(b, " x%llu", (unsigned long long)o->count);
    if (o->more)
        buf_printf(b, " and %zu more", o->more);
    buf_addc(b, '\n');
}

static inline int on_record(void *ctx, struct sv type, struct err *e)
{
    struct collected *g = ctx;

    assert_true(type.n > 0);
    g->records++;
    return OK;
}

static inline int on_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct collected *g = ctx;

    g->observations++;
    assert_true(o->raw.n > 0);
    assert_true(o->count > 0);
    if (g->each)
        g->each(g->ctx, o);
    else
        write_observation(&g->text, o, !g->without_type);
    return OK;
}

static inline int on_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct collected *g = ctx;

    g->claims++;
    buf_printf(&g->text, "%s:%.*s%s note=%.*s meta=%.*s\n", kind_name(c->value.kind), SV_ARG(c->value.value),
               c->flags & CLAIM_CONTEXT ? " context" : "", SV_ARG(c->note), SV_ARG(c->meta));
    return OK;
}

static inline int on_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct collected *g = ctx;

    g->rejects++;
    assert_true(r->text.n > 0);
    buf_printf(&g->text, "reject line %llu at %llu %s context %zu\n", (unsigned long long)r->line,
               (unsigned long long)r->offset, err_name(r->code), r->context.n);
    return OK;
}

static inline int on_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length,
                           struct err *e)
{
    ((struct collected *)ctx)->chunks++;
    return OK;
}

static inline int on_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    ((struct collected *)ctx)->format = format;
    return OK;
}

static inline void collect_init(struct collected *g)
{
    *g = (struct collected){.end = ERR_NONE, .format = ""};
    buf_init(&g->text, 64u << 20);
}

static inline void collect_fd(struct collected *g, int fd, const char *format, const char *zone)
{
    struct intake_opts o = {.mapping = SV(""), .name = SV(""), .format = sv_c(format)};
    struct err e = ERR_NONE;
    struct intake_sink sink = {.ctx = g,
                               .record = on_record,
                               .claim = on_claim,
                               .observation = on_observation,
                               .reject = on_reject,
                               .chunk = on_chunk,
                               .member = on_member};

    if (zone)
        assert_non_null(o.zone = zone_find(sv_c(zone), &e));
    if (intake_parse(fd, &o, &sink, &g->end) == OK)
        g->end.code = OK;
    assert_int_equal(g->records, g->observations + g->claims + g->rejects);
}

static inline void collect_bytes(struct collected *g, struct sv bytes, const char *format, const char *zone)
{
    struct err e = ERR_NONE;
    int fd = memfd_create("events", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, bytes, &e), OK);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    collect_fd(g, fd, format, zone);
    close(fd);
}

/* `path` is relative to the source tree, where tests run. */
static inline void collect_file(struct collected *g, const char *path, const char *format, const char *zone)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    collect_fd(g, fd, format, zone);
    close(fd);
}

static inline void assert_collected(struct collected *g, const char *expected)
{
    buf_addc(&g->text, 0);
    assert_false(g->text.failed);
    assert_string_equal(g->text.p, expected);
}

static inline void collect_clear(struct collected *g)
{
    buf_clear(&g->text);
}
