/* Is a report what its schema says? Every broken rule is named with the JSON pointer of its place. */
#include "intake/xarf.h"

#include <stdarg.h>

struct check {
    struct xarf *x;
    struct err *e;
    size_t broken;
};

static void tell(struct check *c, const char *fmt, ...) PRINTF(2, 3);
static void tell(struct check *c, const char *fmt, ...)
{
    char text[200];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t n = c->broken++ ? strlen(c->e->text) : 0;
    if (n == 0)
        err_set(c->e, ERR_VALUE, "%s", text);
    else if (n + strlen(text) + 3 < sizeof(c->e->text))
        (void)snprintf(c->e->text + n, sizeof(c->e->text) - n, "; %s", text);
}

/* ---- types ----------------------------------------------------------------------------------- */

static const char *type_name(unsigned type)
{
    static const char *const names[] = {
        [XT_ANY] = "a value",
        [XT_STRING] = "a string",
        [XT_INT] = "an integer",
        [XT_NUMBER] = "a number",
        [XT_BOOL] = "true or false",
        [XT_OBJECT] = "an object",
        [XT_STRINGS] = "an array of strings",
        [XT_OBJECTS] = "an array of objects",
        [XT_INTS] = "an integer or an array of integers",
        [XT_MAP] = "an object of strings",
        [XT_CUSTOM] = "an object of strings and integers",
    };

    return names[type];
}

static bool is_int(struct jv v)
{
    return json_type(v) == JSON_INT || json_type(v) == JSON_UINT;
}

static bool type_fits(unsigned type, struct jv v)
{
    switch (type) {
    case XT_ANY:
        return true;
    case XT_STRING:
        return json_type(v) == JSON_STRING;
    case XT_INT:
        return is_int(v);
    case XT_NUMBER:
        return is_int(v) || json_type(v) == JSON_FLOAT;
    case XT_BOOL:
        return json_type(v) == JSON_BOOL;
    case XT_INTS:
        return is_int(v) || json_type(v) == JSON_ARRAY;
    case XT_STRINGS:
    case XT_OBJECTS:
        return json_type(v) == JSON_ARRAY;
    default:
        return json_type(v) == JSON_OBJECT;
    }
}

static void check_group(struct check *c, unsigned group, struct jv object, const char *at);

static void check_sample(struct check *c, struct jv v, const char *at)
{
    bool content = json_type(json_get(v, SV("ContentType"))) != JSON_NONE &&
                   json_type(json_get(v, SV("Payload"))) != JSON_NONE;

    if (!content && json_type(json_get(v, SV("FileName"))) == JSON_NONE)
        tell(c, "%s: a sample has ContentType and Payload, or FileName", at);
}

/* Does the vector begin with the base metrics of its version, each one of its letters? */
static bool is_vector(struct sv vector, bool two)
{
    struct sv want = two ? SV("AV:LAN/AC:HML/Au:MSN/C:NPC/I:NPC/A:NPC")
                         : SV("AV:NALP/AC:LH/PR:NLH/UI:NR/S:UC/C:NLH/I:NLH/A:NLH");
    struct sv letters, metric;

    if (two && sv_starts(vector, SV("(")))
        vector = sv_sub(vector, 1, SIZE_MAX);
    else if (!two && (sv_starts(vector, SV("CVSS:3.0/")) || sv_starts(vector, SV("CVSS:3.1/"))))
        vector = sv_sub(vector, 9, SIZE_MAX);
    else if (!two)
        return false;
    while (sv_cut(&want, '/', &letters)) {
        size_t colon = sv_chr(letters, ':');
        if (!sv_cut(&vector, '/', &metric))
            return false;
        if (two && want.n == 0 && sv_ends(metric, SV(")")))
            metric = sv_sub(metric, 0, metric.n - 1);
        if (metric.n != colon + 2 || memcmp(metric.p, letters.p, colon + 1) != 0 ||
            sv_chr(sv_sub(letters, colon + 1, SIZE_MAX), metric.p[colon + 1]) == SIZE_MAX)
            return false;
    }
    return true;
}

static void check_cvss(struct check *c, struct jv v, const char *at)
{
    bool two = sv_eq(json_get_str(v, SV("Version")), SV("2"));
    struct sv vector = json_get_str(v, SV("Vector"));

    if (vector.p && !is_vector(vector, two))
        tell(c, "%s/Vector: not a vector of CVSS %s", at, two ? "2" : "3");
}

static void check_object(struct check *c, unsigned group, struct jv v, const char *at)
{
    check_group(c, group, v, at);
    if (group == XG_SAMPLE)
        check_sample(c, v, at);
    if (group == XG_CVSS)
        check_cvss(c, v, at);
    if (group == XG_ACCOUNT_DATA && json_count(v) == 0)
        tell(c, "%s: must not be empty", at);
}

static void check_members(struct check *c, const struct xarf_rule *r, struct jv v, const char *at)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv element;
    char place[160];

    if (r->type == XT_OBJECTS && json_count(v) == 0 && r->arg == XG_SAMPLE)
        tell(c, "%s: must hold at least one sample", at);
    for (size_t n = 0; json_next(&it, &key, &element); n++) {
        bool map = r->type == XT_MAP || r->type == XT_CUSTOM;
        bool fits = r->type == XT_OBJECTS ? json_type(element) == JSON_OBJECT
                    : r->type == XT_INTS
                        ? is_int(element)
                        : json_type(element) == JSON_STRING || (r->type == XT_CUSTOM && is_int(element));
        if (map)
            (void)snprintf(place, sizeof(place), "%.90s/%.*s", at, SV_ARG(sv_sub(key, 0, 40)));
        else
            (void)snprintf(place, sizeof(place), "%.90s/%zu", at, n);
        if (!fits)
            tell(c, "%s: must be %s", place,
                 r->type == XT_OBJECTS  ? "an object"
                 : r->type == XT_INTS   ? "an integer"
                 : r->type == XT_CUSTOM ? "a string or an integer"
                                        : "a string");
        else if (r->type == XT_OBJECTS)
            check_object(c, r->arg, element, place);
        else if (!map && !xarf_form_fits(r, element))
            tell(c, "%s: must be %s", place, xarf_form_name(r));
    }
}

static void check_rule(struct check *c, const struct xarf_rule *r, struct jv v, const char *at)
{
    if (!type_fits(r->type, v))
        tell(c, "%s: must be %s", at, type_name(r->type));
    else if (r->type == XT_OBJECT)
        check_object(c, r->arg, v, at);
    else if (json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT)
        check_members(c, r, v, at);
    else if (!xarf_form_fits(r, v))
        tell(c, "%s: must be %s", at, xarf_form_name(r));
}

static bool group_has(const struct check *c, unsigned group, struct sv key)
{
    for (const struct xarf_rule *r = xarf_rules; r->key; r++)
        if (r->group == group && r->versions & c->x->version && sv_eq(key, sv_c(r->key)))
            return true;
    return false;
}

/* Groups that may hold nothing else. */
static bool is_closed(const struct check *c, unsigned group)
{
    return group == XG_CONTACT || group == XG_EVIDENCE || (group == XG_REPORTER && c->x->version == XARF_3);
}

static void check_group(struct check *c, unsigned group, struct jv object, const char *at)
{
    char place[160];
    struct sv key;
    struct jv v;

    for (const struct xarf_rule *r = xarf_rules; r->key; r++) {
        if (r->group != group || !(r->versions & c->x->version))
            continue;
        (void)snprintf(place, sizeof(place), "%.110s/%s", at, r->key);
        v = json_get(object, sv_c(r->key));
        if (json_type(v) != JSON_NONE)
            check_rule(c, r, v, place);
        else if (r->required)
            tell(c, "%s: is missing", place);
    }
    if (!is_closed(c, group))
        return;
    struct json_it it = json_each(object);
    while (json_next(&it, &key, &v))
        if (!group_has(c, group, key))
            tell(c, "%s/%.*s: is not a member of this object", at, SV_ARG(sv_sub(key, 0, 40)));
}

/* ---- reports --------------------------------------------------------------------------------- */

/* Version 3: an organisation that says that it is one names itself. */
static void check_person(struct check *c, struct jv root, const char *object, const char *who)
{
    struct jv v = json_get(root, sv_c(object));
    char key[48];
    static const char *const needs[] = {"Org", "OrgDomain", "OrgEmail"};

    (void)snprintf(key, sizeof(key), "%sType", who);
    struct sv type = json_get_str(v, sv_c(key));
    if (c->x->version != XARF_3 || !type.p || sv_eq(type, SV("Person")))
        return;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(key, sizeof(key), "%s%s", who, needs[i]);
        if (json_type(json_get(v, sv_c(key))) == JSON_NONE)
            tell(c, "/%s/%s: is missing", object, key);
    }
}

static const struct xarf_kind *find_kind(unsigned version, struct sv class, struct sv type)
{
    const struct xarf_kind *near = NULL;

    for (const struct xarf_kind *k = xarf_kinds; k->type; k++) {
        if (!(k->versions & version) || !sv_eq(type, sv_c(k->type)))
            continue;
        if (sv_eq(class, sv_c(k->class)))
            return k;
        near = k;
    }
    return near;
}

static void check_required(struct check *c, struct jv report, const char *at)
{
    struct sv all = sv_c(c->x->kind->required), key;

    while (all.n && sv_cut(&all, ' ', &key))
        if (json_type(json_get(report, key)) == JSON_NONE)
            tell(c, "%s/%.*s: is missing", at, SV_ARG(key));
}

static bool has(struct jv v, const char *key)
{
    return json_type(json_get(v, sv_c(key))) != JSON_NONE;
}

/* Members of a report by its kind; `class_at` and `type_at` are the keys that name it. */
static void check_report(struct check *c, struct jv report, const char *at, const char *class_key,
                         const char *type_key)
{
    struct sv class = json_get_str(report, sv_c(class_key)), type = json_get_str(report, sv_c(type_key));
    const struct xarf_kind *k = find_kind(c->x->version, class, type);
    char shown[48];

    c->x->kind = k;
    if (!k) {
        if (type.p && type.n)
            tell(c, "%s/%s: \"%s\" is no type of report of this version", at, type_key,
                 sv_show(type, shown, sizeof(shown)));
        for (unsigned g = XG_BASE; g <= XG_SOURCE && c->x->version & XARF_JSON; g++)
            check_group(c, g, report, at);
        return;
    }
    if (class.p && !sv_eq(class, sv_c(k->class)))
        tell(c, "%s/%s: must be %s for the type %s", at, class_key, k->class, k->type);
    for (unsigned g = XG_BASE; g < XG_MAX; g++)
        if (k->groups & XG(g))
            check_group(c, g, report, at);
    check_required(c, report, at);
    if (k->how & XH_EITHER && !has(report, "SourceIp") && !has(report, "SourceUrl"))
        tell(c, "%s: SourceIp or SourceUrl is missing", at);
    if (k->how & XH_ACCOUNT && (has(report, "SourceIp") || has(report, "SourceUrl")))
        tell(c, "%s: a report on an account has no SourceIp and no SourceUrl", at);
}

/* Version 4: the port tells sources behind one address apart (if/then of the types). */
static void check_port(struct check *c, struct jv root)
{
    struct sv type = json_get_str(root, SV("type")), source = json_get_str(root, SV("source_identifier"));
    struct sv protocol = json_get_str(root, SV("protocol"));
    bool attack = xarf_is_word(type, "ddos|login_attack|port_scan") && xarf_is_ip(source);
    bool smtp = xarf_is_word(type, "spam|bulk_messaging") && sv_eq(protocol, SV("smtp"));

    if ((attack || smtp) && !has(root, "source_port"))
        tell(c, "/source_port: is missing");
    if (smtp && !has(root, "smtp_from"))
        tell(c, "/smtp_from: is missing");
}

int xarf_check(struct xarf *x, struct jv root, struct err *e)
{
    struct check c = {.x = x, .e = e};
    struct jv report = json_get(root, SV("Report"));

    x->kind = NULL;
    check_group(&c, XG_TOP, root, "");
    if (x->version & XARF_JSON) {
        check_person(&c, root, "ReporterInfo", "Reporter");
        check_person(&c, root, "OnBehalfOf", "Complainant");
        if (json_type(report) == JSON_OBJECT)
            check_report(&c, report, "/Report", "ReportClass", "ReportType");
        else
            tell(&c, "/Report: is missing or no object");
    } else if (x->version == XARF_4) {
        check_report(&c, root, "", "category", "type");
        check_port(&c, root);
    }
    if (c.broken == 0)
        return OK;
    err_hint(e, "the report breaks the schema of its version: ask who sent it");
    return ERR_VALUE;
}
