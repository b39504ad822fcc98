#include "stix/tables.h"

#include "stix/pattern.h"
#include "stix/private.h"

static bool time_of(struct jv o, const char *name, usec *ret)
{
    struct sv s = json_get_str(o, sv_c(name));
    return s.p && stix_time(s, true, ret);
}

/* `later` must be at or after `earlier`, or strictly after it. */
static void order(struct check *c, struct jv o, const char *earlier, const char *later, bool strict)
{
    usec a, b;
    if (!time_of(o, earlier, &a) || !time_of(o, later, &b))
        return;
    if (b < a || (strict && b == a))
        say(c, STIX_MUST, c->section, "%s must be %s %s", later, strict ? "later than" : "at or after",
            earlier);
}

void rule_seen(struct check *c, struct jv o)
{
    order(c, o, "first_seen", "last_seen", false);
}

static bool shaped_id(struct sv id, const char *prefix, size_t year)
{
    struct sv rest = sv_sub(id, strlen(prefix), SIZE_MAX);
    if (!sv_starts(id, sv_c(prefix)))
        return false;
    if (year == 0)
        return all_digits(rest);
    return rest.n >= year + 5 && rest.p[year] == '-' && all_digits(sv_sub(rest, 0, year)) &&
           all_digits(sv_sub(rest, year + 1, SIZE_MAX));
}

/* 4.19.1, 4.1.1: what "cve" and "capec" name has its own form; and only under these names. */
void rule_external(struct check *c, struct jv o)
{
    struct sv source = json_get_str(o, SV("source_name"));
    struct sv id = json_get_str(o, SV("external_id"));
    bool is_cve = id.p && shaped_id(id, "CVE-", 4), is_capec = id.p && shaped_id(id, "CAPEC-", 0);
    if (sv_eq(source, SV("cve")) && !is_cve)
        say(c, STIX_MUST, "4.19.1", "a reference of source \"cve\" has an external_id like CVE-2021-44228");
    else if (sv_eq(source, SV("capec")) && !is_capec)
        say(c, STIX_MUST, "4.1.1", "a reference of source \"capec\" has an external_id like CAPEC-163");
    else if (is_cve && !sv_eq(source, SV("cve")))
        say(c, STIX_MUST, "4.19.1", "the source of a CVE id is called \"cve\"");
    else if (is_capec && !sv_eq(source, SV("capec")))
        say(c, STIX_MUST, "4.1.1", "the source of a CAPEC id is called \"capec\"");
    if (has(o, "url") && !has(o, "hashes"))
        advise(c, ADVICE_REFERENCE_HASHES, "2.5.1",
               "a reference with a URL should have hashes of what stood there");
}

void rule_granular(struct check *c, struct jv o)
{
    if (has(o, "lang") == has(o, "marking_ref"))
        say(c, STIX_MUST, "7.2.3.1", "exactly one of lang and marking_ref");
}

/* 3.1: names of types and properties have three letters at least; a shorter one can match nothing that is
 * valid. */
static bool names_exist(const struct pat_node *n)
{
    if (n->type == PAT_TEST) {
        struct sv property = n->path->key;
        return n->object_type.n >= 3 && (property.n >= 3 || sv_eq(property, SV("id")));
    }
    for (const struct pat_node *child = n->first; child; child = child->next)
        if (!names_exist(child))
            return false;
    return true;
}

static void pattern_types(struct check *c, const struct pat_node *n)
{
    if (n->type == PAT_TEST)
        custom_pattern_type(c, n->object_type);
    for (const struct pat_node *child = n->first; child; child = child->next)
        pattern_types(c, child);
}

void rule_indicator(struct check *c, struct jv o)
{
    struct pat_node *root;
    struct err e = ERR_NONE;
    struct sv pattern = json_get_str(o, SV("pattern"));
    order(c, o, "valid_from", "valid_until", true);
    if (!pattern.p || !sv_eq(json_get_str(o, SV("pattern_type")), SV("stix")))
        return;
    enter_key(c, SV("pattern"));
    if (pattern_parse(pattern, c->r->a, &root, &e) < 0)
        say(c, STIX_MUST, "9", "%s", e.text);
    else if (!names_exist(root))
        say(c, STIX_MUST, "3.1", "the pattern names a type or property of less than three letters");
    else if (!c->policy->must_only)
        pattern_types(c, root);
    leave(c);
}

static void within(struct check *c, struct jv o, const char *name, double least, double most)
{
    double d;
    if (json_f64(json_get(o, sv_c(name)), &d) && (d < least || d > most))
        say(c, STIX_MUST, c->section, "%s is a number from %g to %g", name, least, most);
}

void rule_location(struct check *c, struct jv o)
{
    if (has(o, "latitude") != has(o, "longitude"))
        say(c, STIX_MUST, "4.10", "latitude and longitude come together");
    if (has(o, "precision") && !has(o, "latitude"))
        say(c, STIX_MUST, "4.10", "precision needs latitude and longitude");
    within(c, o, "latitude", -90, 90);
    within(c, o, "longitude", -180, 180);
    /* "Up to precision meters from the defined point": a distance. */
    double meters;
    if (json_f64(json_get(o, SV("precision")), &meters) && meters < 0)
        say(c, STIX_MUST, "4.10.1", "precision is a distance in meters, never negative");
}

void rule_malware(struct check *c, struct jv o)
{
    bool family;
    rule_seen(c, o);
    if (json_bool(json_get(o, SV("is_family")), &family) && family && !has(o, "name"))
        say(c, STIX_MUST, "4.11", "a malware family has a name");
}

void rule_malware_analysis(struct check *c, struct jv o)
{
    struct sv key;
    struct jv v;
    order(c, o, "analysis_started", "analysis_ended", false);
    struct json_it it = json_each(json_get(o, SV("analysis_sco_refs")));
    while (json_next(&it, &key, &v)) {
        struct sv type;
        struct uuid u;
        if (json_str(v).p && id_split(json_str(v), &type, &u) && stix_known_type(type) && !stix_is_sco(type))
            say(c, STIX_MUST, "4.12", "analysis_sco_refs may only refer to observables");
    }
}

#define TLP_CREATED (INT64_C(1484870400) * USEC_SECOND) /* 2017-01-20T00:00:00Z */

/* The four TLP markings of STIX 2.1 7.2.1.4 must be written exactly so; no other object may be of that type.
 */
static void check_tlp(struct check *c, struct jv o)
{
    static const struct {
        const char *word, *name;
        enum tlp tlp;
    } fixed[] = {{"white", "TLP:WHITE", TLP_CLEAR},
                 {"green", "TLP:GREEN", TLP_GREEN},
                 {"amber", "TLP:AMBER", TLP_AMBER},
                 {"red", "TLP:RED", TLP_RED}};
    struct sv word = json_str(json_path(o, "definition", "tlp", NULL));
    struct sv id = json_get_str(o, SV("id")), name = json_get_str(o, SV("name"));
    usec created;
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        bool same = sv_eq(word, sv_c(fixed[i].word)) && tlp_of_id(id) == fixed[i].tlp &&
                    !sv_eq(id, tlp_id(fixed[i].tlp));
        /* The name came with the second committee specification: older ones have none. */
        bool named = !name.p || sv_eq(name, sv_c(fixed[i].name));
        if (same && named && time_of(o, "created", &created) && created == TLP_CREATED)
            return;
    }
    say(c, STIX_MUST, "7.2.1.4", "a TLP marking must be one of the four of the standard, unchanged");
}

static void custom_marking(struct check *c)
{
    advise(c, ADVICE_MARKING_TYPE, "7.2.1", "the type of a marking should be statement or tlp");
    if (!has(c->root, "extensions"))
        advise(c, ADVICE_EXTENSIONS_USE, "7.2.1", "a marking of its own should be made by an extension");
}

void rule_marking_definition(struct check *c, struct jv o)
{
    struct sv type = json_get_str(o, SV("definition_type")), key;
    struct jv definition = json_get(o, SV("definition")), v;
    if (has(o, "definition_type") != has(o, "definition"))
        say(c, STIX_MUST, "7.2.1", "definition_type and definition come together");
    else if (!type.p && !has(o, "extensions"))
        say(c, STIX_MUST, "7.2.1",
            "a marking is defined by definition_type and definition, or by an extension");
    if (sv_eq(type, SV("tlp")))
        check_tlp(c, o);
    else if (sv_eq(type, SV("statement")) && !json_get_str(definition, SV("statement")).p)
        say(c, STIX_MUST, "7.2.1.3", "a statement marking holds a statement");
    else if (type.p && !sv_eq(type, SV("statement")))
        custom_marking(c);
    if (has(o, "definition") && json_type(definition) != JSON_OBJECT)
        say(c, STIX_MUST, "7.2.1", "definition is an object");
    struct json_it it = json_each(json_get(o, SV("object_marking_refs")));
    while (json_next(&it, &key, &v))
        if (sv_eq(json_str(v), json_get_str(o, SV("id"))))
            say(c, STIX_MUST, "7.2.1", "a marking may not mark itself");
}

void rule_observed_data(struct check *c, struct jv o)
{
    struct sv key, type;
    struct jv v;
    struct uuid u;
    int64_t n;
    order(c, o, "first_observed", "last_observed", false);
    if (json_i64(json_get(o, SV("number_observed")), &n) && (n < 1 || n > 999999999))
        say(c, STIX_MUST, "4.14", "number_observed is a number from 1 to 999999999");
    if (has(o, "objects") && has(o, "object_refs"))
        say(c, STIX_MUST, "4.14", "only one of objects and object_refs");
    if (has(o, "objects") &&
        (json_type(json_get(o, SV("objects"))) != JSON_OBJECT || json_count(json_get(o, SV("objects"))) == 0))
        say(c, STIX_MUST, "4.14", "objects is a dictionary with at least one observable");
    struct json_it it = json_each(json_get(o, SV("object_refs")));
    while (json_next(&it, &key, &v)) {
        if (!json_str(v).p || !id_split(json_str(v), &type, &u))
            continue;
        bool sro = sv_eq(type, SV("relationship")) || sv_eq(type, SV("sighting"));
        if (stix_known_type(type) && !stix_is_sco(type) && !sro)
            say(c, STIX_MUST, "4.14", "object_refs may only refer to observables and relationships");
    }
}

void rule_relationship(struct check *c, struct jv o)
{
    struct sv type = json_get_str(o, SV("relationship_type"));
    order(c, o, "start_time", "stop_time", true);
    for (size_t i = 0; i < type.n; i++) {
        if ((type.p[i] >= 'a' && type.p[i] <= 'z') || is_digit(type.p[i]) || type.p[i] == '-')
            continue;
        say(c, STIX_MUST, "5.1", "a relationship_type has lower-case letters, digits and hyphens");
        break;
    }
}

void rule_sighting(struct check *c, struct jv o)
{
    int64_t n;
    rule_seen(c, o);
    if (json_i64(json_get(o, SV("count")), &n) && n > 999999999)
        say(c, STIX_MUST, "5.2", "count is a number from 0 to 999999999");
}

void rule_extension_definition(struct check *c, struct jv o)
{
    struct sv key;
    struct jv v;
    bool toplevel = false;
    struct json_it it = json_each(json_get(o, SV("extension_types")));
    while (json_next(&it, &key, &v))
        toplevel |= sv_eq(json_str(v), SV("toplevel-property-extension"));
    if (!toplevel && has(o, "extension_properties"))
        say(c, STIX_MUST, "7.3.1", "extension_properties belongs to a toplevel-property-extension");
    if (toplevel && !has(o, "extension_properties"))
        advise(c, ADVICE_EXTENSION_PROPERTIES, "7.3.1",
               "a toplevel-property-extension should name its extension_properties");
    if (!has(o, "description"))
        advise(c, ADVICE_EXTENSION_DESCRIPTION, "7.3.1", "an extension definition should have a description");
    if (!has(o, "created_by_ref"))
        remark(c, "7.3.1", "an extension definition says who made it (created_by_ref)");
}

static void check_translations(struct check *c, struct jv properties)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(properties);
    while (json_next(&it, &key, &v)) {
        if (form_property_name(key))
            continue;
        say(c, STIX_MUST, "7.1", "what is translated are properties: \"%.*s\" is no name of one",
            SV_ARG(sv_sub(key, 0, 60)));
        return;
    }
}

void rule_language_content(struct check *c, struct jv o)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(json_get(o, SV("contents")));
    while (json_next(&it, &key, &v)) {
        if (!form_language(key))
            say(c, STIX_MUST, "7.1", "the keys of contents are language codes of RFC 5646");
        if (json_type(v) != JSON_OBJECT || json_count(v) == 0)
            say(c, STIX_MUST, "7.1", "each language holds the translated properties");
        check_translations(c, v);
    }
}
