#include "stix/upgrade.h"

#include "stix/check.h"
#include "stix/private.h"

#define MAX_OBJECT_BYTES (64u << 20)
#define MAX_MARKINGS 64

struct sv hash_name_21(struct sv name)
{
    static const struct {
        enum kind kind;
        const char *name;
    } names[] = {{KIND_MD5, "MD5"},        {KIND_SHA1, "SHA-1"},     {KIND_SHA224, "SHA-224"},
                 {KIND_SHA256, "SHA-256"}, {KIND_SHA384, "SHA-384"}, {KIND_SHA512, "SHA-512"},
                 {KIND_SSDEEP, "SSDEEP"},  {KIND_TLSH, "TLSH"}};
    enum kind kind = hash_kind_of_name(name);
    for (size_t i = 0; kind != KIND_NONE && i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].kind == kind)
            return sv_c(names[i].name);
    return name;
}

static void copy_scalar(struct copier *c, struct jv v)
{
    struct buf text;
    if (json_type(v) == JSON_STRING) {
        jw_str(&c->w, json_str(v));
        return;
    }
    buf_init(&text, 1024);
    json_add(&text, v);
    jw_raw(&c->w, buf_sv(&text));
    buf_clear(&text);
}

static void copy_ref(struct copier *c, struct jv v)
{
    struct sv id, key = json_str(v);
    if (!c->set || !key.p) {
        copy_scalar(c, v);
        return;
    }
    int rc = sco_set_id(c->set, key, &id, c->e);
    if (rc < 0 && c->rc == OK)
        c->rc = rc;
    jw_str(&c->w, rc < 0 ? key : id);
}

/* 2.1 wants names of extensions to end in "-ext" (unless they are ids of definitions, which 2.0 does not
 * know). */
static struct sv extension_name_21(struct arena *a, struct sv name)
{
    if (sv_ends(name, SV("-ext")) || sv_starts(name, SV("extension-definition--")) || name.n > 240)
        return name;
    struct sv now = arena_printf(a, "%.*s-ext", SV_ARG(name));
    return now.p ? now : name;
}

static void copy_object(struct copier *c, struct sv name, struct jv v, unsigned depth)
{
    bool hashes = sv_ends(name, SV("hashes"));
    struct sv key;
    struct jv member;
    struct json_it it = json_each(v);
    jw_obj(&c->w);
    while (json_next(&it, &key, &member)) {
        struct sv now = hashes ? hash_name_21(key) : key;
        /* More extensions than that are left as they are: asking for each new name would walk over all. */
        if (sv_eq(name, SV("extensions")) && json_count(v) <= 64)
            now = extension_name_21(c->a, key);
        bool taken = !sv_eq(now, key) && json_type(json_get(v, now)) != JSON_NONE;
        jw_key_sv(&c->w, taken ? key : now);
        copy_value(c, key, member, depth + 1);
    }
    jw_end_obj(&c->w);
}

void copy_value(struct copier *c, struct sv name, struct jv v, unsigned depth)
{
    struct sv key;
    struct jv member;
    enum json_type t = json_type(v);
    if (depth > JSON_MAX_DEPTH) {
        jw_null(&c->w);
        return;
    }
    if (t == JSON_OBJECT) {
        copy_object(c, name, v, depth);
    } else if (t == JSON_ARRAY) {
        struct json_it it = json_each(v);
        bool refs = sv_ends(name, SV("_refs"));
        jw_arr(&c->w);
        while (json_next(&it, &key, &member)) {
            if (refs)
                copy_ref(c, member);
            else
                copy_value(c, name, member, depth + 1);
        }
        jw_end_arr(&c->w);
    } else if (sv_ends(name, SV("_ref"))) {
        copy_ref(c, v);
    } else {
        copy_scalar(c, v);
    }
}

void copy_member(struct copier *c, struct sv name, struct jv v)
{
    jw_key_sv(&c->w, name);
    copy_value(c, name, v, 1);
}

/* In 2.0 the labels of these types were their kinds (2.1 appendix C). */
static const struct {
    const char *type, *types;
} labelled[] = {{"indicator", "indicator_types"},
                {"malware", "malware_types"},
                {"report", "report_types"},
                {"threat-actor", "threat_actor_types"},
                {"tool", "tool_types"}};

static struct sv types_name(struct sv type)
{
    for (size_t i = 0; i < sizeof(labelled) / sizeof(labelled[0]); i++)
        if (sv_eq(type, sv_c(labelled[i].type)))
            return sv_c(labelled[i].types);
    return SV_NONE;
}

/* What the upgrade of one object has to know. */
struct job {
    struct copier c;
    struct jv object;
    struct sv type;
    struct sv types;                  /* where labels go */
    struct sv markings[MAX_MARKINGS]; /* of observed-data: those its observables get */
    size_t nmarkings;
};

static bool absent(const struct job *j, const char *name)
{
    return json_type(json_get(j->object, sv_c(name))) == JSON_NONE;
}

static bool of_objects(struct sv selector)
{
    return sv_eq(selector, SV("objects")) || sv_starts(selector, SV("objects."));
}

static int add_marking(struct job *j, struct sv id)
{
    for (size_t i = 0; i < j->nmarkings; i++)
        if (sv_eq(j->markings[i], id))
            return OK;
    if (j->nmarkings == MAX_MARKINGS)
        return err_set(j->c.e, ERR_LIMIT, "more than %d markings on one object", MAX_MARKINGS);
    if (id.p)
        j->markings[j->nmarkings++] = id;
    return OK;
}

/*
 * The markings of observed-data go with its observables when they leave it; so do those of granular markings
 * that point into `objects`: never less marked than before.
 */
static int collect_markings(struct job *j)
{
    struct sv key;
    struct jv v, s;
    int rc = OK;
    size_t budget = SELECTOR_BUDGET;
    struct json_it it = json_each(json_get(j->object, SV("object_marking_refs")));
    while (rc == OK && json_next(&it, &key, &v))
        rc = add_marking(j, json_str(v));
    it = json_each(json_get(j->object, SV("granular_markings")));
    while (rc == OK && json_next(&it, &key, &v)) {
        bool inside = false, malformed;
        struct json_it sit = json_each(json_get(v, SV("selectors")));
        while (json_next(&sit, &key, &s)) {
            inside |= of_objects(json_str(s));
            if (!selector_exists(j->object, json_str(s), &budget, &malformed))
                rc = err_set(j->c.e, ERR_VALUE,
                             "the marking selector \"%.*s\" points at nothing (STIX 2.0 part 1, 4.3)",
                             SV_ARG(sv_sub(json_str(s), 0, 100)));
        }
        if (inside && rc == OK)
            rc = add_marking(j, json_get_str(v, SV("marking_ref")));
    }
    return rc;
}

static void write_selector(struct job *j, struct sv s)
{
    bool moved = j->types.p && (sv_eq(s, SV("labels")) || sv_starts(s, SV("labels.")));
    if (!moved) {
        jw_str(&j->c.w, s);
        return;
    }
    struct sv now = arena_printf(j->c.a, "%.*s%.*s", SV_ARG(j->types), SV_ARG(sv_sub(s, 6, SIZE_MAX)));
    jw_str(&j->c.w, now.p ? now : s);
}

static bool selects_more(const struct job *j, struct jv marking)
{
    struct sv key;
    struct jv s;
    struct json_it it = json_each(json_get(marking, SV("selectors")));
    while (json_next(&it, &key, &s))
        if (!j->c.set || !of_objects(json_str(s)))
            return true;
    return false;
}

static void write_granular(struct job *j, struct jv marking)
{
    struct sv key, none;
    struct jv v, s;
    struct jw *w = &j->c.w;
    jw_obj(w);
    struct json_it it = json_each(marking);
    while (json_next(&it, &key, &v)) {
        jw_key_sv(w, key);
        if (!sv_eq(key, SV("selectors"))) {
            copy_scalar(&j->c, v);
            continue;
        }
        jw_arr(w);
        struct json_it sit = json_each(v);
        while (json_next(&sit, &none, &s))
            if (!j->c.set || !of_objects(json_str(s)))
                write_selector(j, json_str(s));
        jw_end_arr(w);
    }
    jw_end_obj(w);
}

static void write_granular_markings(struct job *j, struct jv list)
{
    struct sv key;
    struct jv v;
    bool any = false;
    struct json_it it = json_each(list);
    while (json_next(&it, &key, &v))
        any |= selects_more(j, v);
    if (!any)
        return;
    jw_key(&j->c.w, "granular_markings");
    jw_arr(&j->c.w);
    it = json_each(list);
    while (json_next(&it, &key, &v))
        if (selects_more(j, v))
            write_granular(j, v);
    jw_end_arr(&j->c.w);
}

static void write_object_refs(struct job *j)
{
    struct jw *w = &j->c.w;
    jw_key(w, "object_refs");
    jw_arr(w);
    for (size_t i = 0; i < j->c.set->n; i++)
        jw_str(w, j->c.set->items[i].id);
    jw_end_arr(w);
    if (j->nmarkings == 0)
        return;
    jw_key(w, "object_marking_refs");
    jw_arr(w);
    for (size_t i = 0; i < j->nmarkings; i++)
        jw_str(w, j->markings[i]);
    jw_end_arr(w);
}

static void write_member(struct job *j, struct sv key, struct jv v)
{
    struct copier *c = &j->c;
    struct sco_set *set = c->set;
    bool split = set && (sv_eq(key, SV("objects")) || sv_eq(key, SV("object_marking_refs")));
    if (split || sv_eq(key, SV("spec_version")))
        return;
    if (sv_eq(key, SV("granular_markings"))) {
        write_granular_markings(j, v);
        return;
    }
    /* References of the object itself are ids already. */
    c->set = NULL;
    if (sv_eq(key, SV("labels")) && j->types.p && json_type(json_get(j->object, j->types)) == JSON_NONE)
        copy_member(c, j->types, v);
    else if (sv_eq(key, SV("pattern")) && sv_eq(j->type, SV("indicator")) && json_str(v).p)
        jw_kstr(&c->w, "pattern", pattern_21(c->a, json_str(v)));
    else
        copy_member(c, key, v);
    c->set = set;
}

static void write_additions(struct job *j)
{
    struct jw *w = &j->c.w;
    if (sv_eq(j->type, SV("indicator")) && absent(j, "pattern_type"))
        jw_kstr(w, "pattern_type", SV("stix"));
    /* 2.0 did not tell families from samples; what had a name only is read as a family. */
    if (sv_eq(j->type, SV("malware")) && absent(j, "is_family"))
        jw_kbool(w, "is_family", true);
    struct sv tlp = json_str(json_path(j->object, "definition", "tlp", NULL));
    enum tlp level;
    if (sv_eq(j->type, SV("marking-definition")) && tlp.p && absent(j, "name") && tlp_parse(tlp, &level))
        jw_kstr(w, "name", level == TLP_CLEAR ? SV("TLP:WHITE") : sv_c(tlp_name(level)));
    if (j->c.set)
        write_object_refs(j);
}

static int write_main(struct job *j, stix_each_fn each, void *ctx)
{
    struct sv key;
    struct jv v;
    struct copier *c = &j->c;
    jw_init(&c->w, c->out);
    jw_obj(&c->w);
    jw_kstr(&c->w, "type", j->type);
    jw_kstr(&c->w, "spec_version", SV("2.1"));
    struct json_it it = json_each(j->object);
    while (json_next(&it, &key, &v))
        if (!sv_eq(key, SV("type")))
            write_member(j, key, v);
    write_additions(j);
    jw_end_obj(&c->w);
    if (c->rc == OK && c->out->failed)
        return err_set(c->e, ERR_LIMIT, "the object is larger than %u bytes", MAX_OBJECT_BYTES);
    return c->rc < 0 ? c->rc : each(ctx, buf_sv(c->out), c->e);
}

static int upgrade_observed(struct job *j, struct sco_set *set, stix_each_fn each, void *ctx)
{
    int rc = sco_set_open(set, j->object, j->c.a, j->c.e);
    if (rc == OK)
        rc = collect_markings(j);
    if (rc == OK)
        rc = sco_set_give(set, j->markings, j->nmarkings, each, ctx, j->c.e);
    if (rc == OK) {
        j->c.set = set;
        rc = write_main(j, each, ctx);
    }
    sco_set_close(set);
    return rc;
}

int stix_upgrade(struct jv object20, struct arena *a, stix_each_fn each, void *ctx, struct err *e)
{
    struct buf out;
    struct sco_set set;
    struct job j = {.c = {.a = a, .e = e, .out = &out}, .object = object20};
    j.type = json_get_str(object20, SV("type"));
    if (!j.type.p)
        return err_set(e, ERR_VALUE, "the STIX object has no type (STIX 2.0 part 1, 3.1)");
    j.types = types_name(j.type);
    buf_init(&out, MAX_OBJECT_BYTES);
    bool split =
        sv_eq(j.type, SV("observed-data")) && json_type(json_get(object20, SV("objects"))) == JSON_OBJECT;
    int rc = split ? upgrade_observed(&j, &set, each, ctx) : write_main(&j, each, ctx);
    buf_clear(&out);
    return rc;
}
