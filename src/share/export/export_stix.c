/*
 * A STIX 2.1 bundle. A statement of a feed becomes the indicator that this node and every other would make of
 * it; a STIX indicator goes out as it came. Fused confidence stays out: it is the node's opinion, and would
 * give the same version of an object another content every hour.
 */
#include "share/export/export_writer.h"

#include <stdlib.h>

static const struct uuid EXPORT_NAMESPACE = {
    {0x2b, 0x1d, 0x3c, 0x5e, 0x7a, 0x90, 0x4e, 0x11, 0x8f, 0x52, 0x6e, 0x6f, 0x72, 0x6f, 0x73, 0x68}};

#define SOURCES_MOST (1u << 16)

struct state {
    struct u64map stated; /* ids of stored indicators whose values are given */
    struct map sources;   /* name to grade */
    bool any;
};

static void id_of(const char *type, struct sv name, char ret[64])
{
    char uuid[37];
    uuid_text(uuid_v5(EXPORT_NAMESPACE, name), uuid);
    snprintf(ret, 64, "%s--%s", type, uuid);
}

static int begin(struct exporter *x, struct err *e)
{
    struct state *s = x->state;
    struct buf key;
    char id[64];
    u64map_init(&s->stated);
    map_init(&s->sources, SOURCES_MOST, 16u << 20);
    buf_init(&key, 1u << 20);
    export_key(x->format, x->o, &key);
    id_of("bundle", buf_sv(&key), id);
    buf_clear(&key);
    buf_printf(&x->out, "{\"type\":\"bundle\",\"id\":\"%s\",\"objects\":[", id);
    return OK;
}

static void next(struct exporter *x)
{
    struct state *s = x->state;
    buf_add(&x->out, s->any ? SV(",\n") : SV("\n"));
    s->any = true;
}

/* ---- statements */

static int note_source(struct state *s, const struct given_claim *c, struct err *e)
{
    uint64_t *grade = map_put(&s->sources, c->source_name, NULL);
    if (!grade) {
        return err_set(e, ERR_LIMIT, "more than %u sources in one export", SOURCES_MOST);
    }
    *grade = (uint64_t)(unsigned char)c->reliability;
    return OK;
}

static bool is_stored(const struct given_claim *c)
{
    return sv_starts(c->ref, SV("indicator--"));
}

/* Where the source gives no time at all it is 1970 for good: `created` is the same in all versions. */
static usec first_known(usec a, usec b, usec c)
{
    return a != USEC_NONE ? a : b != USEC_NONE ? b : c != USEC_NONE ? c : 0;
}

/*
 * The indicator that TAXII gives (fuse_item_write), text for text: one id and `modified` never stand over two
 * contents. Where only this node's rules say when it ends, that makes another version, a millisecond later
 * (those of TAXII are two apart: version_of in fuse/claim.c).
 */
static int write_claim(struct exporter *x, const struct given *g, const struct given_claim *c, struct err *e)
{
    const struct stix_indicator i = {.value = g->value,
                                     .catalogue_source = c->source_name,
                                     .created = first_known(c->created, c->valid_from, c->modified),
                                     .modified = c->version + (c->until != c->stated_until ? 1000 : 0),
                                     .valid_from = first_known(c->valid_from, c->created, c->modified),
                                     .valid_until = c->until,
                                     .tlp = c->tlp,
                                     .labels = c->labels};
    next(x);
    stix_write_indicator(&i, &x->out);
    return note_source(x->state, c, e);
}

static int value(struct exporter *x, const struct given *g, struct err *e)
{
    struct state *s = x->state;
    int rc = OK;
    for (size_t i = 0; rc == OK && i < g->claims; i++) {
        const struct given_claim *c = &g->claim[i];
        if (!is_stored(c)) {
            rc = write_claim(x, g, c, e);
        } else if (u64map_add(&s->stated, hash64(hash_process_secret(), c->ref), 1) != OK) {
            rc = err_set(e, ERR_MEMORY, "no memory for the bundle");
        }
    }
    return rc;
}

static int object(struct exporter *x, const struct given_object *g, struct err *e)
{
    struct state *s = x->state;
    uint64_t known;
    size_t it = 0;
    bool simple = sv_eq(g->type, SV("indicator")) && !g->compound;
    bool wanted =
        simple ? u64map_find(&s->stated, hash64(hash_process_secret(), g->id), &it, &known) : x->o->objects;
    if (!wanted) {
        return NOT_MEANT;
    }
    next(x);
    buf_add(&x->out, g->json);
    return OK;
}

/* ---- who said it, and how reliable the node holds it */

static void write_identity(struct exporter *x, struct sv name, const char *id)
{
    struct jw w;
    next(x);
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("identity"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "created", SV("1970-01-01T00:00:00.000Z"));
    jw_kstr(&w, "modified", SV("1970-01-01T00:00:00.000Z"));
    jw_kstr(&w, "name", name);
    jw_end_obj(&w);
}

/* Another grade is another note: no version of an object changes. */
static void write_grade(struct exporter *x, const char *identity, char grade)
{
    char text[96], id[64];
    struct jw w;
    snprintf(text, sizeof(text), "%s %c", identity, grade);
    id_of("note", sv_c(text), id);
    snprintf(text, sizeof(text),
             "Source reliability %c on the Admiralty scale, as the exporting node holds it", grade);
    next(x);
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("note"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "created", SV("1970-01-01T00:00:00.000Z"));
    jw_kstr(&w, "modified", SV("1970-01-01T00:00:00.000Z"));
    jw_kstr(&w, "content", sv_c(text));
    jw_key(&w, "object_refs");
    jw_arr(&w);
    jw_str(&w, sv_c(identity));
    jw_end_arr(&w);
    jw_end_obj(&w);
}

struct named {
    struct sv name;
    char grade;
};

static int by_name(const void *a, const void *b)
{
    return sv_cmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int end(struct exporter *x, struct err *e)
{
    struct state *s = x->state;
    size_t it = 0, n = 0, room = s->sources.count;
    struct sv name;
    uint64_t *grade;
    struct named *list = arena_calloc(&x->a, room + 1, sizeof(*list));
    if (!list) {
        return err_set(e, ERR_MEMORY, "no memory for the bundle");
    }
    while (n < room && map_next(&s->sources, &it, &name, &grade)) {
        list[n++] = (struct named){name, (char)*grade};
    }
    qsort(list, n, sizeof(*list), by_name);
    for (size_t i = 0; i < n; i++) {
        char id[64];
        stix_source_identity(list[i].name, id);
        write_identity(x, list[i].name, id);
        write_grade(x, id, list[i].grade);
    }
    buf_add(&x->out, SV("\n]}\n"));
    return OK;
}

static void clear(struct exporter *x)
{
    struct state *s = x->state;
    u64map_clear(&s->stated);
    map_clear(&s->sources);
}

const struct export_format export_stix = {
    .name = "stix",
    .type = "application/stix+json;version=2.1",
    .extension = "json",
    .text = "a STIX 2.1 bundle",
    .kinds = KINDS_ALL,
    .state = sizeof(struct state),
    .begin = begin,
    .value = value,
    .object = object,
    .end = end,
    .clear = clear,
};
