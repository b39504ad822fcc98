#include "stix/check.h"

#include "stix/private.h"

#include <stdarg.h>

/* RFC 6901: "~" and "/" in a name are written "~0" and "~1". */
static void add_escaped(struct buf *b, struct sv key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~' || key.p[i] == '/') {
            buf_addc(b, '~');
            buf_addc(b, key.p[i] == '~' ? '0' : '1');
        } else {
            buf_addc(b, key.p[i]);
        }
    }
}

static struct sv pointer_text(const struct check *c)
{
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < c->depth; i++) {
        buf_addc(&b, '/');
        if (c->path[i].key.p)
            add_escaped(&b, c->path[i].key);
        else
            buf_printf(&b, "%zu", c->path[i].index);
    }
    struct sv r = arena_sv(c->r->a, b.n ? buf_sv(&b) : SV(""));
    buf_clear(&b);
    return r;
}

/* Where a message goes: a free place, or for a MUST that of the last which is none. */
static struct stix_msg *place(struct stix_report *r, enum stix_level level)
{
    if (r->n < sizeof(r->msg) / sizeof(r->msg[0]))
        return &r->msg[r->n++];
    r->more++;
    for (size_t i = r->n; level == STIX_MUST && i > 0; i--)
        if (r->msg[i - 1].level != STIX_MUST)
            return &r->msg[i - 1];
    return NULL;
}

static void add(struct check *c, enum stix_level level, enum stix_advice advice, const char *section,
                const char *fmt, va_list args) PRINTF(5, 0);
static void add(struct check *c, enum stix_level level, enum stix_advice advice, const char *section,
                const char *fmt, va_list args)
{
    struct stix_report *r = c->r;
    char text[400];
    r->must += level == STIX_MUST;
    r->should += level == STIX_SHOULD;
    struct stix_msg *m = place(r, level);
    if (!m)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    *m = (struct stix_msg){.level = level,
                           .id = c->id.p ? arena_sv(r->a, c->id) : SV_NONE,
                           .pointer = pointer_text(c),
                           .section = section,
                           .advice = advice,
                           .text = arena_sv(r->a, sv_c(text))};
}

void say(struct check *c, enum stix_level level, const char *section, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(c, level, ADVICE_NONE, section, fmt, ap);
    va_end(ap);
}

bool advised(const struct check *c, enum stix_advice a)
{
    return !c->policy->must_only && !(c->policy->off & (UINT64_C(1) << a));
}

void advise(struct check *c, enum stix_advice a, const char *section, const char *fmt, ...)
{
    va_list ap;
    if (!advised(c, a))
        return;
    va_start(ap, fmt);
    add(c, STIX_SHOULD, a, section, fmt, ap);
    va_end(ap);
}

void remark(struct check *c, const char *section, const char *fmt, ...)
{
    va_list ap;
    if (c->policy->must_only)
        return;
    va_start(ap, fmt);
    add(c, STIX_NOTE, ADVICE_NONE, section, fmt, ap);
    va_end(ap);
}

/* JSON itself is bounded to 64 levels, so the path never runs out; a deeper step is not named. */
void enter_key(struct check *c, struct sv key)
{
    if (c->depth < CHECK_MAX_DEPTH)
        c->path[c->depth] = (struct step){key.p ? key : SV(""), 0};
    c->depth++;
}

void enter_index(struct check *c, size_t i)
{
    if (c->depth < CHECK_MAX_DEPTH)
        c->path[c->depth] = (struct step){SV_NONE, i};
    c->depth++;
}

void leave(struct check *c)
{
    c->depth--;
}

bool has(struct jv object, const char *name)
{
    return json_type(json_get(object, sv_c(name))) != JSON_NONE;
}

bool word_in(const char *list, struct sv word)
{
    struct sv rest = sv_c(list), one;
    while (sv_cut(&rest, '|', &one))
        if (sv_eq(one, word))
            return true;
    return false;
}

static const struct prop *find_prop(const struct prop *props, size_t n, struct sv name)
{
    for (size_t i = 0; i < n; i++)
        if (sv_eq(props[i].name, name))
            return &props[i];
    return NULL;
}

/* A list or an object without members, or null, stands for nothing and is forbidden (2.12, 2.3). */
static bool check_nothing(struct check *c, struct jv v)
{
    enum json_type t = json_type(v);
    if (t == JSON_NULL)
        say(c, STIX_MUST, "3.2", "null is no value: leave the property out");
    else if (t == JSON_ARRAY && json_count(v) == 0)
        say(c, STIX_MUST, "2.12", "an empty list: leave the property out");
    return t == JSON_NULL || (t == JSON_ARRAY && json_count(v) == 0);
}

void check_custom(struct check *c, struct sv name, struct jv v)
{
    struct sv text = json_str(v);
    if (!form_property_name(name))
        say(c, STIX_MUST, "3.1", "a property name has 3 to 250 lower-case letters, digits and underscores");
    if (c->depth == c->base + 1 && word_in("severity|action|username|phone_number|phone_numbers", name))
        say(c, STIX_MUST, "3.8", "this property name is reserved");
    if (check_nothing(c, v))
        return;
    custom_property(c, name);
    if (sv_ends(name, SV("_bin")) && !(text.p && form_base64(text)))
        say(c, STIX_MUST, "2.1", "a property whose name ends in _bin holds base64");
    if (sv_ends(name, SV("_hex")) && !(text.p && form_hex(text)))
        say(c, STIX_MUST, "2.8", "a property whose name ends in _hex holds pairs of hexadecimal digits");
}

static void check_required(struct check *c, const struct prop *props, size_t n, struct jv object,
                           const char *section)
{
    for (size_t i = 0; i < n; i++) {
        if (!props[i].required || json_type(json_get(object, props[i].name)) != JSON_NONE)
            continue;
        say(c, STIX_MUST, section, "%.*s is required", SV_ARG(props[i].name));
    }
}

static void check_any_of(struct check *c, const struct object_rule *rule, struct jv object)
{
    struct sv rest = sv_c(rule->any_of), one;
    while (rule->any_of && sv_cut(&rest, '|', &one))
        if (json_type(json_get(object, one)) != JSON_NONE)
            return;
    if (!rule->any_of)
        return;
    struct sv shown = sv_sub(sv_c(rule->any_of), 0, 120);
    say(c, STIX_MUST, rule->section, "at least one of these is required: %.*s", SV_ARG(shown));
}

void check_member(struct check *c, const struct prop *p, struct sv key, struct jv v)
{
    enter_key(c, key);
    if (!p)
        check_custom(c, key, v);
    else if (!check_nothing(c, v))
        check_shape(c, p, v);
    leave(c);
}

void check_part(struct check *c, const struct object_rule *rule, struct jv object)
{
    struct sv key;
    struct jv v;
    const char *outer = c->section;
    c->section = rule->section;
    struct json_it it = json_each(object);
    while (json_next(&it, &key, &v))
        check_member(c, find_prop(rule->props, rule->n, key), key, v);
    check_required(c, rule->props, rule->n, object, rule->section);
    check_any_of(c, rule, object);
    if (rule->extra)
        rule->extra(c, object);
    c->section = outer;
}

/* The family of a type that no table knows: an extension may tell, else having been created does. */
static const struct object_rule *custom_rule(struct check *c, struct sv type)
{
    static const struct object_rule rule = {.section = "11", .family = FAMILY_CUSTOM};
    if (!form_type_name(type))
        say(c, STIX_MUST, "3.1", "a type name has 3 to 250 lower-case letters, digits and single hyphens");
    if (sv_eq(type, SV("action")))
        say(c, STIX_MUST, "3.8", "this type name is reserved");
    custom_type(c, type);
    return &rule;
}

/* 3.2: "the minimum precision MUST be milliseconds"; but whole seconds are what many write, and nothing is
 * lost by them. */
static void check_precision(struct check *c, const char *name)
{
    struct sv text = json_get_str(c->root, sv_c(name));
    if (!text.p || (text.n >= 24 && text.p[19] == '.'))
        return;
    enter_key(c, sv_c(name));
    remark(c, "3.2", "%s should have milliseconds, also when they are 000", name);
    leave(c);
}

static void check_versions(struct check *c, enum family f)
{
    usec created, modified;
    struct sv a = json_get_str(c->root, SV("created")), b = json_get_str(c->root, SV("modified"));
    if (f == FAMILY_CUSTOM && (has(c->root, "created") != has(c->root, "modified")))
        say(c, STIX_MUST, "3.6", "created and modified come together");
    if (f == FAMILY_CUSTOM && has(c->root, "created") && !has(c->root, "spec_version"))
        say(c, STIX_MUST, "3.2", "spec_version is required");
    if (a.p && b.p && stix_time(a, true, &created) && stix_time(b, true, &modified) && modified < created)
        say(c, STIX_MUST, "3.2", "modified must not be before created");
    if (!c->policy->must_only) {
        check_precision(c, "created");
        check_precision(c, "modified");
    }
    int64_t confidence;
    struct jv v = json_get(c->root, SV("confidence"));
    if (json_i64(v, &confidence) && (confidence < 0 || confidence > 100) && f != FAMILY_SCO)
        say(c, STIX_MUST, "3.2", "confidence is a number from 0 to 100");
}

static unsigned uuid_version(const struct uuid *u)
{
    return u->b[6] >> 4;
}

/* 2.9: which version the UUID of each kind of object should have. */
static void check_uuid(struct check *c, struct sv type, enum family f, unsigned version)
{
    bool contributes = f == FAMILY_SCO && sco_has_contributing(c->root, type);
    if (sv_eq(type, SV("process"))) {
        if (version != 4)
            say(c, STIX_MUST, "6.13", "the id of a process is a UUIDv4");
    } else if (f == FAMILY_SCO && !contributes) {
        if (version != 4)
            say(c, STIX_MUST, "2.9", "without a property that contributes to the id it is a UUIDv4");
    } else if (f == FAMILY_SCO) {
        if (version != 5)
            advise(c, ADVICE_UUID, "2.9", "the id of an observable should be a UUIDv5");
    } else if (version != 4 && !(f == FAMILY_CUSTOM && version == 5 && c->new_object)) {
        advise(c, ADVICE_UUID, "2.9", "the id should be a UUIDv4");
    }
}

static void check_id(struct check *c, struct sv type, enum family f)
{
    struct sv id = json_get_str(c->root, SV("id")), prefix;
    struct uuid u;
    if (json_type(json_get(c->root, SV("id"))) == JSON_NONE)
        return;
    enter_key(c, SV("id"));
    if (!id.p || !id_split(id, &prefix, &u) || (u.b[8] & 0xc0) != 0x80 || uuid_version(&u) < 1 ||
        uuid_version(&u) > 8)
        say(c, STIX_MUST, "2.9", "an id is a type, \"--\" and a UUID of RFC 4122");
    else if (!sv_eq(prefix, type))
        say(c, STIX_MUST, "2.9", "the id must begin with the object's own type");
    else
        check_uuid(c, type, f, uuid_version(&u));
    leave(c);
}

static void check_whole(struct check *c, struct sv type)
{
    size_t n;
    struct sv key;
    struct jv v;
    const struct prop *common = common_props(c->rule->family, &n);
    c->section = c->rule->section;
    struct json_it it = json_each(c->root);
    while (json_next(&it, &key, &v)) {
        const struct prop *p = find_prop(c->rule->props, c->rule->n, key);
        check_member(c, p ? p : find_prop(common, n, key), key, v);
    }
    check_required(c, common, n, c->root, "3.2");
    check_required(c, c->rule->props, c->rule->n, c->root, c->rule->section);
    check_any_of(c, c->rule, c->root);
    check_id(c, type, c->rule->family);
    check_versions(c, c->rule->family);
    if (c->rule->extra)
        c->rule->extra(c, c->root);
}

void check_object(struct check *c, struct jv object)
{
    c->root = object;
    c->base = c->depth;
    c->budget = SELECTOR_BUDGET;
    c->id = SV_NONE;
    if (json_type(object) != JSON_OBJECT) {
        say(c, STIX_MUST, "3", "a STIX object is a JSON object");
        return;
    }
    struct sv type = json_get_str(object, SV("type"));
    c->id = sv_sub(json_get_str(object, SV("id")), 0, 300);
    if (!type.p) {
        say(c, STIX_MUST, "3.2", "type is required");
        return;
    }
    if (sv_eq(type, SV("bundle"))) {
        say(c, STIX_MUST, "8", "a bundle is not an object: check its members");
        return;
    }
    custom_init(c);
    c->rule = rule_of_type(type);
    if (!c->rule)
        c->rule = custom_rule(c, type);
    check_whole(c, type);
    if (!c->policy->must_only)
        check_advice(c);
}

void stix_check_by(struct jv object, const struct stix_policy *p, struct stix_report *r)
{
    struct check c = {.r = r, .policy = p};
    r->n = r->more = r->must = r->should = 0;
    check_object(&c, object);
}

void stix_check(struct jv object, struct stix_report *r)
{
    static const struct stix_policy all;
    stix_check_by(object, &all, r);
}
