/* Bundles, lists and objects of STIX 2.0: everything that is checked around one 2.1 object. */
#include "stix/check.h"

#include "stix/private.h"

#include <stdlib.h>

#define SEEN_KEYS (1u << 16)
#define SEEN_BYTES (16u << 20)

struct stix_checker {
    struct json_doc *doc; /* of what an upgrade gives */
    struct map seen;      /* "id modified" of the bundle */
    struct map ids;       /* in the bundle; only for whole_bundle */
};

/* One run. */
struct run {
    struct stix_checker *k;
    struct check c;
    struct err *e;
    struct json_it objects; /* of the observed-data that is upgraded */
    bool container_only;
};

struct stix_checker *stix_checker_new(size_t max_object)
{
    struct stix_checker *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->doc = json_doc_new(max_object);
    map_init(&k->seen, SEEN_KEYS, SEEN_BYTES);
    map_init(&k->ids, SEEN_KEYS * 16, SEEN_BYTES * 8);
    if (!k->doc) {
        stix_checker_free(k);
        return NULL;
    }
    return k;
}

void stix_checker_free(struct stix_checker *k)
{
    if (!k)
        return;
    json_doc_free(k->doc);
    map_clear(&k->seen);
    map_clear(&k->ids);
    free(k);
}

/* ---- the frame of a bundle ---- */

static const struct prop frame[] = {
    {.name = {"type", 4}, .shape = TEXT, .required = true},
    {.name = {"id", 2}, .shape = ANY, .required = true},
    {.name = {"objects", 7}, .shape = ANY},
    /* 2.0 had it here; many write it still. */
    {.name = {"spec_version", 12}, .shape = TEXT},
};
static const struct object_rule bundle_rule = {.type = {"bundle", 6},
                                               .section = "8.1",
                                               .family = FAMILY_META,
                                               .props = frame,
                                               .n = sizeof(frame) / sizeof(frame[0])};

static void check_bundle_id(struct check *c)
{
    struct sv prefix;
    struct uuid u;
    if (!has(c->root, "id"))
        return;
    enter_key(c, SV("id"));
    if (!c->id.p || !id_split(c->id, &prefix, &u) || !sv_eq(prefix, SV("bundle")) || (u.b[8] & 0xc0) != 0x80)
        say(c, STIX_MUST, "8.1", "the id of a bundle is \"bundle--\" and a UUID");
    else if (u.b[6] >> 4 != 4)
        advise(c, ADVICE_UUID, "2.9", "the id should be a UUIDv4");
    leave(c);
}

/* An empty list in a frame stands for members that are checked by themselves. */
static void check_frame_members(struct check *c, struct jv bundle, bool members_elsewhere)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(bundle);
    c->section = bundle_rule.section;
    while (json_next(&it, &key, &v)) {
        const struct prop *p = NULL;
        for (size_t i = 0; i < bundle_rule.n; i++)
            p = sv_eq(frame[i].name, key) ? &frame[i] : p;
        if (!members_elsewhere || !sv_eq(key, SV("objects")))
            check_member(c, p, key, v);
    }
    for (size_t i = 0; i < bundle_rule.n; i++)
        if (frame[i].required && json_type(json_get(bundle, frame[i].name)) == JSON_NONE)
            say(c, STIX_MUST, bundle_rule.section, "%.*s is required", SV_ARG(frame[i].name));
}

static void check_frame(struct check *c, struct jv bundle, bool members_elsewhere)
{
    struct jv objects = json_get(bundle, SV("objects"));
    c->root = bundle;
    c->base = c->depth;
    c->id = sv_sub(json_get_str(bundle, SV("id")), 0, 300);
    c->rule = &bundle_rule;
    c->extension = c->toplevel = c->new_object = false;
    check_frame_members(c, bundle, members_elsewhere);
    check_bundle_id(c);
    /* STIX 2.0 part 1, 5.1 */
    if (c->policy->v20 && !sv_eq(json_get_str(bundle, SV("spec_version")), SV("2.0")))
        say(c, STIX_MUST, "8.1", "a bundle of STIX 2.0 has the spec_version 2.0");
    enter_key(c, SV("objects"));
    if (has(bundle, "objects") && json_type(objects) != JSON_ARRAY)
        say(c, STIX_MUST, "8.1", "objects is a list");
    leave(c);
}

void stix_check_frame(struct jv bundle, size_t members, const struct stix_policy *p, struct stix_report *r)
{
    struct check c = {.r = r, .policy = p};
    r->n = r->more = r->must = r->should = 0;
    check_frame(&c, bundle, members > 0);
}

/* ---- objects ---- */

/* The recommendations that 2.0 did not have, or that its upgrade cannot break. */
static struct stix_policy policy_20(const struct stix_policy *p)
{
    static const enum stix_advice later[] = {
        ADVICE_UUID,
        ADVICE_ANALYSIS_PRODUCT,
        ADVICE_GROUPING,
        ADVICE_LANGUAGES,
        ADVICE_INFRASTRUCTURE,
        ADVICE_CAPABILITIES,
        ADVICE_RESULT,
        ADVICE_PROCESSOR,
        ADVICE_PATTERN_TYPES,
        ADVICE_REGION,
        ADVICE_COUNTRIES,
        ADVICE_INDICATOR_PROPERTIES,
        ADVICE_DEPRECATED,
        ADVICE_EXTENSION_DESCRIPTION,
        ADVICE_EXTENSION_PROPERTIES,
        ADVICE_EXTENSIONS_USE,
    };
    struct stix_policy old = *p;
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        old.off |= UINT64_C(1) << later[i];
    return old;
}

/* An upgrade gives the observables of observed-data in their order, then the object itself. */
static int check_upgraded(void *ctx, struct sv json, struct err *e)
{
    struct run *t = ctx;
    struct sv key;
    struct jv v, none;
    bool observable = json_next(&t->objects, &key, &none);
    int rc = json_parse(t->k->doc, json, &v, e);
    if (rc < 0 || (!observable && t->container_only))
        return rc;
    if (observable) {
        enter_key(&t->c, SV("objects"));
        enter_key(&t->c, key);
    }
    check_object(&t->c, v);
    if (observable) {
        leave(&t->c);
        leave(&t->c);
    }
    return OK;
}

static struct jv container_of(struct jv object)
{
    struct jv objects = json_get(object, SV("objects"));
    bool observed = sv_eq(json_get_str(object, SV("type")), SV("observed-data"));
    return observed && json_type(objects) == JSON_OBJECT ? objects : (struct jv){0};
}

/* The upgraded forms of an object, checked; what its upgrade refuses breaks a MUST. */
static int check_as_upgraded(struct run *t, struct jv object, const char *what)
{
    struct err why = ERR_NONE;
    t->objects = json_each(container_of(object));
    int rc = stix_upgrade(object, t->c.r->a, check_upgraded, t, &why);
    t->c.id = sv_sub(json_get_str(object, SV("id")), 0, 300);
    if (rc == ERR_MEMORY)
        return err_set(t->e, rc, "%s", why.text);
    if (rc < 0)
        say(&t->c, STIX_MUST, "2.13", "%s: %s", what, why.text);
    return OK;
}

/* Observables with ids of their own, as 2.1 has them, but in the container of 2.0. */
static bool check_with_ids(struct run *t, struct jv container)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(container);
    while (json_next(&it, &key, &v))
        if (json_type(json_get(v, SV("id"))) == JSON_NONE)
            return false;
    enter_key(&t->c, SV("objects"));
    it = json_each(container);
    while (json_next(&it, &key, &v)) {
        enter_key(&t->c, key);
        check_object(&t->c, v);
        leave(&t->c);
    }
    leave(&t->c);
    return true;
}

/* 2.13: observables in the deprecated container of a 2.1 object are held to their own rules too. */
static int check_container(struct run *t, struct jv object)
{
    if (check_with_ids(t, container_of(object)))
        return OK;
    const struct stix_policy *given = t->c.policy;
    struct stix_policy policy = *given;
    policy.off |= UINT64_C(1) << ADVICE_UUID; /* their ids are made here */
    t->c.policy = &policy;
    t->container_only = true;
    int rc = check_as_upgraded(t, object, "in objects");
    t->container_only = false;
    t->c.policy = given;
    return rc;
}

static void check_keys_20(struct check *c, struct jv object)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(json_get(object, SV("objects")));
    while (json_next(&it, &key, &v))
        if (!all_digits(key)) {
            advise(c, ADVICE_OBSERVABLE_KEYS, "2.9", "the keys of observables should be numbers from 0 on");
            return;
        }
}

static int check_20(struct run *t, struct jv object)
{
    const struct stix_policy *given = t->c.policy;
    struct stix_policy old = policy_20(given);
    t->c.policy = &old;
    t->c.was_20 = true;
    t->c.id = sv_sub(json_get_str(object, SV("id")), 0, 300);
    check_keys_20(&t->c, object);
    int rc = check_as_upgraded(t, object, "as STIX 2.0");
    t->c.policy = given;
    t->c.was_20 = false;
    return rc;
}

/* spec_version became a must in 2.1, but for observables, which 2.0 had only inside of observed-data. */
static bool is_20(const struct run *t, struct jv object, bool bundle_20)
{
    struct sv version = json_get_str(object, SV("spec_version")), type = json_get_str(object, SV("type"));
    if (json_type(object) != JSON_OBJECT || !type.p || t->c.policy->v21)
        return false;
    if (t->c.policy->v20 || sv_eq(version, SV("2.0")))
        return true;
    return !has(object, "spec_version") && !stix_is_sco(type) && (bundle_20 || has(object, "created"));
}

static void note_seen(struct run *t, struct jv object)
{
    struct sv id = json_get_str(object, SV("id")), modified = json_get_str(object, SV("modified"));
    char key[400];
    bool first;
    if (!id.n || !modified.n || id.n + modified.n + 1 > sizeof(key))
        return;
    memcpy(key, id.p, id.n);
    key[id.n] = ' ';
    memcpy(key + id.n + 1, modified.p, modified.n);
    if (map_put(&t->k->seen, sv_from(key, id.n + 1 + modified.n), &first) && !first)
        advise(&t->c, ADVICE_DUPLICATE_IDS, "3.6",
               "the same id and modified stand here twice: versions differ in modified");
}

static void check_inside(struct run *t, struct jv object)
{
    static const char *const names[] = {"source_ref", "target_ref", "sighting_of_ref"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct sv id = json_get_str(object, sv_c(names[i]));
        if (!id.n || map_get(&t->k->ids, id))
            continue;
        enter_key(&t->c, sv_c(names[i]));
        say(&t->c, STIX_MUST, "5", "refers to an object that is not in the bundle");
        leave(&t->c);
    }
}

static int check_one(struct run *t, struct jv object, bool bundle_20)
{
    int rc = OK;
    bool old = is_20(t, object, bundle_20);
    if (old)
        rc = check_20(t, object);
    else
        check_object(&t->c, object);
    if (rc == OK && !old && json_type(container_of(object)) == JSON_OBJECT)
        rc = check_container(t, object);
    if (rc < 0 || json_type(object) != JSON_OBJECT)
        return rc;
    t->c.id = sv_sub(json_get_str(object, SV("id")), 0, 300);
    note_seen(t, object);
    if (t->k->ids.count)
        check_inside(t, object);
    return OK;
}

/* ---- lists and bundles ---- */

static int check_list(struct run *t, struct jv list, bool bundle_20)
{
    struct sv key;
    struct jv v;
    size_t at = 0;
    int rc = OK;
    struct json_it it = json_each(list);
    while (rc == OK && json_next(&it, &key, &v)) {
        enter_index(&t->c, at++);
        rc = check_one(t, v, bundle_20);
        leave(&t->c);
    }
    return rc;
}

static void gather_ids(struct run *t, struct jv objects)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(objects);
    while (json_next(&it, &key, &v)) {
        struct sv id = json_get_str(v, SV("id"));
        if (id.n)
            (void)map_put(&t->k->ids, id, NULL);
    }
}

static int check_bundle(struct run *t, struct jv bundle)
{
    struct jv objects = json_get(bundle, SV("objects"));
    bool old =
        t->c.policy->v20 || (!t->c.policy->v21 && sv_eq(json_get_str(bundle, SV("spec_version")), SV("2.0")));
    const struct stix_policy *given = t->c.policy;
    struct stix_policy policy = old ? policy_20(given) : *given;
    t->c.policy = &policy;
    check_frame(&t->c, bundle, false);
    t->c.policy = given;
    if (given->whole_bundle)
        gather_ids(t, objects);
    enter_key(&t->c, SV("objects"));
    int rc = json_type(objects) == JSON_ARRAY ? check_list(t, objects, old) : OK;
    leave(&t->c);
    return rc;
}

void stix_checker_begin(struct stix_checker *k)
{
    map_reset(&k->seen);
    map_reset(&k->ids);
}

int stix_checker_run(struct stix_checker *k, struct jv v, const struct stix_policy *p, struct stix_report *r,
                     struct err *e)
{
    struct run t = {.k = k, .c = {.r = r, .policy = p}, .e = e};
    r->n = r->more = r->must = r->should = 0;
    if (json_type(v) == JSON_ARRAY)
        return check_list(&t, v, false);
    return sv_eq(json_get_str(v, SV("type")), SV("bundle")) ? check_bundle(&t, v) : check_one(&t, v, false);
}
