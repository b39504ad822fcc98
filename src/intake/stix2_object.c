#include "intake/stix2.h"

#include <stdlib.h>

#define CANONICAL_BYTES ((size_t)INTAKE_MEMBER_BYTES * 2)

int stix2_init(struct stix2 *s, const struct intake_job *job, struct err *e)
{
    *s = (struct stix2){.job = job};
    buf_init(&s->canonical, CANONICAL_BYTES);
    buf_init(&s->text, INTAKE_MEMBER_BYTES);
    s->doc = json_doc_new(INTAKE_MEMBER_BYTES);
    s->upgraded = json_doc_new(INTAKE_MEMBER_BYTES);
    return s->doc && s->upgraded ? OK : err_set(e, ERR_MEMORY, "no memory for a JSON parser");
}

void stix2_clear(struct stix2 *s)
{
    json_doc_free(s->doc);
    json_doc_free(s->upgraded);
    buf_clear(&s->canonical);
    buf_clear(&s->text);
    free(s->refs);
    free(s->values);
    free(s->plain);
}

/* A type is a word of the standard or of somebody's extension: anything else is not let into the counts. */
static struct sv record_type(struct jv v)
{
    struct sv type = json_get_str(v, SV("type"));

    return type.n > 0 && type.n <= 250 ? type : SV("unknown");
}

int stix2_reject(struct stix2 *s, struct sv type, struct sv text, const struct stix2_place *at,
                 const struct err *why, struct err *e)
{
    struct stix2_place place = *at;

    if (why->offset != UINT64_MAX) {
        place.offset += why->offset;
        place.line += why->line > 1 ? why->line - 1 : 0;
    }
    return emit_rejected_record(s->job, type, place.line, place.offset, why, text, SV(""), e);
}

/* ---- what an object holds -------------------------------------------------------------------- */

static void add_ref(void *ctx, struct sv property, struct sv target)
{
    struct stix2 *s = ctx;

    if (s->nrefs == s->refs_room) {
        size_t room = s->refs_room ? s->refs_room * 2 : 64;
        struct object_ref *refs = reallocarray(s->refs, room, sizeof(*refs));
        s->no_memory |= !refs;
        if (!refs)
            return;
        s->refs = refs;
        s->refs_room = room;
    }
    s->refs[s->nrefs++] = (struct object_ref){property, target};
}

static bool grow_values(struct stix2 *s)
{
    size_t room = s->values_room ? s->values_room * 2 : 64;
    struct stix2_value *values = reallocarray(s->values, room, sizeof(*values));

    if (!values)
        return false;
    s->values = values;
    struct object_value *plain = reallocarray(s->plain, room, sizeof(*plain));
    if (!plain)
        return false;
    s->plain = plain;
    s->values_room = room;
    return true;
}

static void add_value(void *ctx, const struct obs *o, bool bad)
{
    struct stix2 *s = ctx;

    if (s->nvalues == s->values_room && !grow_values(s)) {
        s->no_memory = true;
        return;
    }
    s->values[s->nvalues] = (struct stix2_value){*o, bad};
    s->plain[s->nvalues++] = (struct object_value){.kind = o->kind, .value = o->value, .bad = bad};
}

/* Values of an indicator's pattern; also says whether memory can match it wholly. */
static int pattern_values(struct stix2 *s, struct jv indicator, bool *ret_other, struct err *e)
{
    struct sv type = json_get_str(indicator, SV("pattern_type"));
    struct sv pattern = json_get_str(indicator, SV("pattern"));

    if (type.p && !sv_eq(type, SV("stix"))) {
        *ret_other = true;
        return OK;
    }
    struct err why = ERR_NONE;
    switch (stix_pattern(pattern, s->job->a, add_value, s, &why)) {
    case PATTERN_ATOMS:
        return OK;
    case PATTERN_OTHER:
    case PATTERN_FOREIGN:
        *ret_other = true;
        return OK;
    default:
        break;
    }
    err_set(e, why.code < 0 ? why.code : ERR_SYNTAX, "/pattern: byte %llu: %s",
            why.offset == UINT64_MAX ? 0ull : (unsigned long long)why.offset, why.text);
    return err_hint(e, "write the pattern as STIX 2.1 section 9 says");
}

static bool names_hashes(const struct stix2 *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->nvalues; i++)
        n += s->plain[i].kind >= KIND_MD5 && s->plain[i].kind <= KIND_SHA512;
    return n > 1;
}

/* Hashes of one file, among the values that were found. */
static void mark_file(void *ctx, unsigned group, const struct obs *hash)
{
    struct stix2 *s = ctx;

    for (size_t i = 0; i < s->nvalues; i++)
        if (s->plain[i].kind == hash->kind && sv_eq(s->plain[i].value, hash->value) && !s->plain[i].file)
            s->plain[i].file = (uint8_t)group;
}

static int object_values(struct stix2 *s, struct jv v, struct object_rec *o, struct err *e)
{
    s->nvalues = 0;
    s->no_memory = false;
    int rc = sv_eq(o->head.type, SV("indicator")) ? pattern_values(s, v, &o->pattern_other, e)
                                                  : stix_values(v, s->job->a, add_value, s, e);
    if (rc == OK && s->no_memory)
        rc = err_set(e, ERR_MEMORY, "no memory for the values of an object");
    if (rc == OK && names_hashes(s))
        stix_file_hashes(v, s->job->a, mark_file, s);
    o->values = s->plain;
    o->nvalues = s->nvalues;
    return rc;
}

static int object_refs(struct stix2 *s, struct jv v, struct object_rec *o, struct err *e)
{
    s->nrefs = 0;
    s->no_memory = false;
    stix_refs(v, add_ref, s);
    o->refs = s->refs;
    o->nrefs = s->nrefs;
    return s->no_memory ? err_set(e, ERR_MEMORY, "no memory for the references of an object") : OK;
}

/* The rules of the standard at MUST level; the first broken one is the reason of the reject. */
static int check(struct stix2 *s, struct jv v, struct err *e)
{
    static const struct stix_policy must = {.must_only = true};
    struct stix_report report = {.a = s->job->a};

    stix_check_by(v, &must, &report);
    for (size_t i = 0; report.must && i < report.n; i++) {
        const struct stix_msg *m = &report.msg[i];
        if (m->level != STIX_MUST)
            continue;
        char pointer[120], text[200];
        err_set(e, ERR_VALUE, "%s: %s",
                m->pointer.n ? sv_show(m->pointer, pointer, sizeof(pointer)) : "the object",
                sv_show(m->text, text, sizeof(text)));
        return err_hint(e, "see section %s of the STIX 2.1 standard; the object breaks %zu of its rules",
                        m->section ? m->section : "3", report.must);
    }
    return report.must
               ? err_set(e, ERR_VALUE, "the object breaks %zu rules of the STIX 2.1 standard", report.must)
               : OK;
}

/* Everything about one 2.1 object. Views into `v`, the arena and the buffers of `s`. */
static int describe(struct stix2 *s, struct sv text, struct jv v, struct object_rec *o, struct err *e)
{
    *o = (struct object_rec){.json = text};
    int rc = json_type(v) == JSON_OBJECT ? OK : err_set(e, ERR_VALUE, "a STIX object is a JSON object");
    if (rc == OK)
        rc = stix_head(v, s->job->a, &o->head, e);
    if (rc == OK)
        rc = check(s, v, e);
    if (rc == OK)
        rc = object_values(s, v, o, e);
    if (rc == OK)
        rc = object_refs(s, v, o, e);
    if (rc < 0)
        return rc;
    buf_reset(&s->canonical);
    rc = json_canonical(v, &s->canonical, e);
    if (rc < 0)
        return rc;
    o->sha = sha256_of(buf_sv(&s->canonical));
    buf_reset(&s->text);
    stix_text(v, &s->text);
    o->text = buf_sv(&s->text);
    if (s->text.failed || s->canonical.failed)
        return err_set(e, ERR_LIMIT, "the object is longer than %u bytes", INTAKE_MEMBER_BYTES);
    return OK;
}

static int emit(struct stix2 *s, struct jv v, const struct object_rec *o, struct err *e)
{
    int rc = s->job->sink->object(s->job->sink->ctx, o, e);

    if (rc == OK && sv_eq(o->head.type, SV("indicator")))
        rc = stix2_claims(s, v, &o->head, e);
    return rc;
}

int stix2_made(struct stix2 *s, struct sv json, struct err *e)
{
    struct object_rec o;
    struct jv v = {0};
    int rc = json_parse(s->doc, json, &v, e);

    if (rc == OK)
        rc = describe(s, json, v, &o, e);
    return rc < 0 ? rc : s->job->sink->object(s->job->sink->ctx, &o, e);
}

/* ---- STIX 2.0 -------------------------------------------------------------------------------- */

struct upgraded {
    struct stix2 *s;
    struct sv *json;
    size_t n, room;
};

static int keep_upgraded(void *ctx, struct sv json, struct err *e)
{
    struct upgraded *u = ctx;

    if (u->n == u->room) {
        size_t room = u->room ? u->room * 2 : 16;
        struct sv *all = arena_calloc(u->s->job->a, room, sizeof(*all));
        if (!all)
            return err_set(e, ERR_LIMIT, "the object becomes too many objects of STIX 2.1");
        if (u->n)
            memcpy(all, u->json, u->n * sizeof(*all));
        u->json = all;
        u->room = room;
    }
    struct sv copy = arena_sv(u->s->job->a, json);
    if (!copy.p)
        return err_set(e, ERR_LIMIT, "the object is too long as STIX 2.1");
    u->json[u->n++] = copy;
    return OK;
}

/* All objects that one 2.0 object becomes are checked before the first is emitted: a record is accepted whole
 * or not. */
static int walk_upgraded(struct stix2 *s, const struct upgraded *u, bool give, struct err *e)
{
    for (size_t i = 0; i < u->n; i++) {
        struct object_rec o;
        struct jv v = {0};
        int rc = json_parse(s->upgraded, u->json[i], &v, e);
        if (rc == OK)
            rc = describe(s, u->json[i], v, &o, e);
        if (rc == OK && give)
            rc = emit(s, v, &o, e);
        if (rc < 0)
            return rc;
    }
    return OK;
}

static int object20(struct stix2 *s, struct sv text, struct jv v, const struct stix2_place *at, struct err *e)
{
    struct upgraded u = {.s = s};
    struct err why = ERR_NONE;
    int rc = stix_upgrade(v, s->job->a, keep_upgraded, &u, &why);

    if (rc == OK)
        rc = walk_upgraded(s, &u, false, &why);
    if (rc == OK && u.n == 0)
        rc = err_set(&why, ERR_VALUE, "the STIX 2.0 object becomes nothing in STIX 2.1");
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0) {
        why.offset = UINT64_MAX; /* it would point into the object as upgraded */
        return stix2_reject(s, record_type(v), text, at, &why, e);
    }
    rc = s->job->sink->record(s->job->sink->ctx, record_type(v), e);
    return rc < 0 ? rc : walk_upgraded(s, &u, true, e);
}

/* spec_version became a must in 2.1, except for observables, which 2.0 had only inside of observed-data. */
static bool is_20(struct jv v)
{
    return json_type(v) == JSON_OBJECT && json_type(json_get(v, SV("spec_version"))) == JSON_NONE &&
           !stix_is_sco(json_get_str(v, SV("type")));
}

int stix2_object(struct stix2 *s, struct sv text, struct jv v, const struct stix2_place *at, struct err *e)
{
    struct err why = ERR_NONE;
    struct object_rec o;

    if (is_20(v))
        return object20(s, text, v, at, e);
    int rc = describe(s, text, v, &o, &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        return stix2_reject(s, record_type(v), text, at, &why, e);
    rc = s->job->sink->record(s->job->sink->ctx, o.head.type, e);
    return rc < 0 ? rc : emit(s, v, &o, e);
}
