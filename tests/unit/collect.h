/*
 * A sink for tests that keeps all it is told, and counts every record that ends with nothing or with two
 * ends. Whole files are read through intake_parse, so that detection, stream and format are those of the
 * program.
 */
#pragma once

#include "intake/intake.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct collected_object {
    struct sv type, id, json, text;
    struct stix_head head;
    size_t nrefs, nvalues;
    bool pattern_other;
    struct sv sha; /* hex */
};
struct collected_type {
    struct sv name;
    size_t n;
};
struct collect {
    struct arena a;
    struct sv format;
    struct claim_rec *claim;
    size_t nclaims, claims_room;
    struct collected_object *object;
    size_t nobjects, objects_room;
    struct reject *reject;
    size_t nrejects, rejects_room;
    struct sv *entry;
    size_t nentries, entries_room;
    struct collected_type *type;
    size_t ntypes, types_room;
    struct list_rec list;
    size_t lists;
    size_t records;
    size_t records_rejected;
    size_t empty; /* records with neither content nor reject */
    size_t mixed; /* records with both */
    bool open, has, rejected;
    bool light; /* count only */
};

#define COLLECT_GROW(array, n, room)                                                                         \
    do {                                                                                                     \
        if ((n) == (room)) {                                                                                 \
            (room) = (room) ? (room)*2 : 64;                                                                 \
            (array) = reallocarray((array), (room), sizeof *(array));                                        \
            if (!(array))                                                                                    \
                abort();                                                                                     \
        }                                                                                                    \
    } while (0)

static inline void collect_close(struct collect *c)
{
    if (!c->open)
        return;
    c->empty += !c->has && !c->rejected;
    c->mixed += c->has && c->rejected;
    c->records_rejected += c->rejected;
    c->open = c->has = c->rejected = false;
}

static inline int collect_record(void *ctx, struct sv type, struct err *e)
{
    struct collect *c = ctx;
    size_t i = 0;

    collect_close(c);
    c->open = true;
    c->records++;
    while (i < c->ntypes && !sv_eq(c->type[i].name, type))
        i++;
    if (i == c->ntypes) {
        COLLECT_GROW(c->type, c->ntypes, c->types_room);
        c->type[c->ntypes++] = (struct collected_type){arena_sv(&c->a, type), 0};
    }
    c->type[i].n++;
    return OK;
}

static inline int collect_claim(void *ctx, const struct claim_rec *rec, struct err *e)
{
    struct collect *c = ctx;

    c->has = true;
    if (c->light) {
        c->nclaims++;
        return OK;
    }
    COLLECT_GROW(c->claim, c->nclaims, c->claims_room);
    struct claim_rec *k = &c->claim[c->nclaims++];
    *k = *rec;
    k->value.value = arena_sv(&c->a, rec->value.value);
    k->labels = arena_sv(&c->a, rec->labels);
    k->ref = arena_sv(&c->a, rec->ref);
    k->note = arena_sv(&c->a, rec->note);
    k->meta = arena_sv(&c->a, rec->meta);
    return OK;
}

static inline int collect_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct collect *c = ctx;
    char hex[65];

    c->has = c->open;
    if (c->light) {
        c->nobjects++;
        return OK;
    }
    COLLECT_GROW(c->object, c->nobjects, c->objects_room);
    struct collected_object *k = &c->object[c->nobjects++];
    *k = (struct collected_object){.head = o->head, .nrefs = o->nrefs, .nvalues = o->nvalues};
    k->type = arena_sv(&c->a, o->head.type);
    k->id = arena_sv(&c->a, o->head.id);
    k->json = arena_sv(&c->a, o->json);
    k->text = arena_sv(&c->a, o->text);
    k->pattern_other = o->pattern_other;
    hex_text(o->sha.b, sizeof(o->sha.b), hex);
    k->sha = arena_sv(&c->a, sv_c(hex));
    return OK;
}

static inline int collect_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct collect *c = ctx;

    c->lists++;
    c->list = *l;
    c->list.name = arena_sv(&c->a, l->name);
    c->list.description = arena_sv(&c->a, l->description);
    c->list.attributes = arena_sv(&c->a, l->attributes);
    return OK;
}

static inline int collect_entry(void *ctx, struct sv value, struct err *e)
{
    struct collect *c = ctx;

    c->has = true;
    COLLECT_GROW(c->entry, c->nentries, c->entries_room);
    c->entry[c->nentries++] = arena_sv(&c->a, value);
    return OK;
}

static inline int collect_observation(void *ctx, const struct observation *o, struct err *e)
{
    ((struct collect *)ctx)->has = true;
    return OK;
}

static inline int collect_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct collect *c = ctx;

    c->rejected = true;
    COLLECT_GROW(c->reject, c->nrejects, c->rejects_room);
    struct reject *k = &c->reject[c->nrejects++];
    *k = *r;
    k->text = arena_sv(&c->a, r->text);
    k->remedy = arena_sv(&c->a, r->remedy);
    k->bytes = arena_sv(&c->a, r->bytes);
    k->context = arena_sv(&c->a, r->context);
    return OK;
}

static inline int collect_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length,
                                struct err *e)
{
    return OK;
}

static inline int collect_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    struct collect *c = ctx;

    c->format = sv_c(format);
    return OK;
}

static inline void collect_init(struct collect *c)
{
    *c = (struct collect){0};
    arena_init(&c->a, (size_t)1 << 30);
}

static inline void collect_clear(struct collect *c)
{
    arena_clear(&c->a);
    free(c->claim);
    free(c->object);
    free(c->reject);
    free(c->entry);
    free(c->type);
    *c = (struct collect){0};
}

static inline struct intake_sink collect_sink(struct collect *c)
{
    return (struct intake_sink){c,
                                collect_record,
                                collect_claim,
                                collect_object,
                                collect_list,
                                collect_entry,
                                collect_observation,
                                collect_reject,
                                collect_chunk,
                                collect_member,
                                NULL};
}

/* Reads a descriptor; `format` "" detects. */
static inline int collect_fd(struct collect *c, int fd, const char *format, const char *name,
                             const struct zone *zone, struct err *e)
{
    struct intake_sink sink = collect_sink(c);
    struct intake_opts opts = {.zone = zone, .mapping = SV(""), .format = sv_c(format), .name = sv_c(name)};
    int rc = intake_parse(fd, &opts, &sink, e);

    collect_close(c);
    return rc;
}

static inline int collect_text(struct collect *c, struct sv text, const char *format, struct err *e)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    int rc = collect_fd(c, fd, format, "input", NULL, e);
    close(fd);
    return rc;
}

static inline int collect_file(struct collect *c, const char *path, const char *format, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(e, ERR_NOT_FOUND, "cannot open %s", path);
    int rc = collect_fd(c, fd, format, path, NULL, e);
    close(fd);
    return rc;
}

static inline size_t collect_count(const struct collect *c, const char *type)
{
    for (size_t i = 0; i < c->ntypes; i++)
        if (sv_eq(c->type[i].name, sv_c(type)))
            return c->type[i].n;
    return 0;
}

/* The claim of a value, NULL when there is none. */
static inline const struct claim_rec *collect_find(const struct collect *c, enum kind kind, const char *value)
{
    for (size_t i = 0; i < c->nclaims; i++)
        if (c->claim[i].value.kind == kind && sv_eq(c->claim[i].value.value, sv_c(value)))
            return &c->claim[i];
    return NULL;
}
