#include "intake/stix2.h"

#include "intake/json_span.h"

/*
 * STIX 2.0 and 2.1 as bundle, bare array, single object and TAXII envelope. Members are found by the
 * splitter, so a bundle of any length needs the memory of one object, and the bytes of an object are kept as
 * they came.
 */

/* ---- detection ------------------------------------------------------------------------------- */

/* Does it look like "type": "x", "id": "x--..."? `cut`: the head ended inside. */
static int object_score(struct sv object)
{
    struct sv type = span_str(span_get(object, SV("type")));
    struct sv id = span_str(span_get(object, SV("id")));
    bool fits = type.n > 0 && sv_starts(id, type) && sv_starts(sv_sub(id, type.n, 2), SV("--"));
    struct sv spec = span_str(span_get(object, SV("spec_version")));

    if (fits)
        return 95;
    if (type.n && id.p == NULL && sv_starts(spec, SV("2.")))
        return 70;
    return type.n && sv_find(id, SV("--")) != SIZE_MAX ? 60 : 0;
}

/* The best of the first members: a broken one must not hide what the file is. */
static int array_score(struct sv array, int empty)
{
    struct span_it it;
    struct sv key, value;
    int best = 0, seen = 0;

    if (!span_open(&it, array))
        return 0;
    while (seen < 8 && span_next(&it, &key, &value)) {
        int score = span_first(value) == '{' ? object_score(value) : 0;
        best = score > best ? score : best;
        seen++;
    }
    return seen ? best : empty;
}

static int stix2_detect(struct sv head, struct sv name)
{
    struct span_it it;

    if (!span_open(&it, head))
        return 0;
    if (it.close == ']')
        return array_score(head, 0);
    struct sv objects = span_get(head, SV("objects"));
    struct sv type = span_str(span_get(head, SV("type")));
    if (sv_eq(type, SV("bundle")) &&
        (objects.p || sv_starts(span_str(span_get(head, SV("id"))), SV("bundle--"))))
        return 98;
    if (span_first(objects) == '[') {
        struct sv more = span_get(head, SV("more"));
        return array_score(objects, more.p ? 80 : 0);
    }
    return object_score(head);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct stix2 stix;
    bool nested; /* inside a bundle that is itself a member */
};

static int read_member(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e);

/* A bundle as a member of an array: its objects are read like those of a bundle alone in a file. */
static int read_inner_bundle(struct reading *r, struct sv objects, uint64_t line, uint64_t offset,
                             struct err *e)
{
    struct span_lines lines = {.start = objects.p, .first = line};
    struct span_it it;
    struct sv key, value;
    int rc = OK;

    r->nested = true;
    if (span_open(&it, objects))
        while (rc == OK && span_next(&it, &key, &value))
            rc = read_member(r, value, span_line(&lines, value.p), offset + (uint64_t)(value.p - objects.p),
                             e);
    r->nested = false;
    return rc;
}

/* A member of type "bundle": alone in the file and without objects it is an empty bundle. */
static int read_bundle(struct reading *r, struct sv member, struct jv bundle, const struct stix2_place *at,
                       struct err *e)
{
    struct jv objects = json_get(bundle, SV("objects"));
    struct err why = ERR_NONE;

    if (json_type(objects) == JSON_NONE)
        return OK;
    if (json_type(objects) == JSON_ARRAY && !r->nested) {
        struct sv text = span_get(member, SV("objects"));
        struct span_lines lines = {.start = member.p, .first = at->line};
        if (text.p)
            return read_inner_bundle(r, text, span_line(&lines, text.p),
                                     at->offset + (uint64_t)(text.p - member.p), e);
    }
    err_set(&why, ERR_VALUE,
            r->nested ? "a bundle stands inside of a bundle" : "the objects of this bundle are not a list");
    err_hint(&why, "a bundle holds a list of STIX objects under \"objects\" (STIX 2.1 section 8)");
    return stix2_reject(&r->stix, SV("bundle"), member, at, &why, e);
}

/* Type of a member that cannot be parsed, as far as its text says. */
static struct sv raw_type(struct sv member)
{
    struct sv type = span_str(span_get(member, SV("type")));

    return type.n > 0 && type.n <= 250 && sv_utf8(type) ? type : SV("unknown");
}

static int read_member(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e)
{
    struct reading *r = ctx;
    struct stix2_place at = {line, offset};
    struct err why = ERR_NONE;
    struct jv v = {0};

    arena_reset(r->stix.job->a);
    if (json_parse(r->stix.doc, member, &v, &why) < 0) {
        if (error_ends_file(why.code))
            return (*e = why).code;
        return stix2_reject(&r->stix, raw_type(member), member, &at, &why, e);
    }
    if (sv_eq(json_get_str(v, SV("type")), SV("bundle")))
        return read_bundle(r, member, v, &at, e);
    /* {"more":false}: a page of a TAXII collection that has nothing (TAXII 2.1 section 3.7) */
    if (json_type(json_get(v, SV("more"))) == JSON_BOOL && json_type(json_get(v, SV("id"))) == JSON_NONE &&
        json_type(json_get(v, SV("objects"))) == JSON_NONE)
        return OK;
    return stix2_object(&r->stix, member, v, &at, e);
}

static int stix2_read(struct intake_job *job, struct err *e)
{
    struct reading r = {0};
    int rc = stix2_init(&r.stix, job, e);

    if (rc == OK)
        rc = json_members(job->in, SV("objects"), read_member, &r, NULL, NULL, e);
    stix2_clear(&r.stix);
    return rc;
}

const struct intake_format fmt_stix2 = {
    .name = "stix2",
    .text = "STIX 2.0 and 2.1: bundle, array, single object, TAXII envelope",
    .detect = stix2_detect,
    .read = stix2_read,
};
