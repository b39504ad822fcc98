/* Recommendations and good practice for domain, relationship and meta objects, which no table can say. */
#include "stix/check.h"

#include "stix/private.h"

/* ISO 3166-1 alpha-2, officially assigned. */
static const char countries[] = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ "
                                "BL BM BN BO BQ BR BS BT BV BW "
                                "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
                                "DO DZ EC EE EG EH ER ES ET FI "
                                "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK "
                                "HM HN HR HT HU ID IE IL IM IN "
                                "IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK "
                                "LR LS LT LU LV LY MA MC MD ME "
                                "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
                                "NL NO NP NR NU NZ OM PA PE PF "
                                "PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
                                "SJ SK SL SM SN SO SR SS ST SV "
                                "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ "
                                "VA VC VE VG VI VN VU WF WS YE "
                                "YT ZA ZM ZW";

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_country(struct sv s)
{
    if (s.n != 2 || !is_alpha(s.p[0]) || !is_alpha(s.p[1]))
        return false;
    for (size_t i = 0; i + 1 < sizeof(countries); i += 3)
        if (countries[i] == upper(s.p[0]) && countries[i + 1] == upper(s.p[1]))
            return true;
    return false;
}

static void advise_location(struct check *c)
{
    struct sv country = json_get_str(c->root, SV("country"));
    enter_key(c, SV("country"));
    if (country.p && !is_country(country))
        advise(c, ADVICE_COUNTRIES, "4.10.1", "a country should be a code of ISO 3166-1 alpha-2");
    leave(c);
    if (has(c->root, "latitude") && !has(c->root, "precision"))
        remark(c, "4.10", "latitude and longitude should come with a precision");
}

static void advise_indicator(struct check *c)
{
    if (!has(c->root, "name") || !has(c->root, "description"))
        advise(c, ADVICE_INDICATOR_PROPERTIES, "4.7.1",
               "an indicator should have a name and a description: they tell analysts what it does");
}

/* 4.12.1: "all lowercase with words separated by a dash". */
static void advise_analysis(struct check *c)
{
    struct sv product = json_get_str(c->root, SV("product"));
    bool fits = product.n > 0;
    for (size_t i = 0; i < product.n; i++)
        fits &= (product.p[i] >= 'a' && product.p[i] <= 'z') || is_digit(product.p[i]) || product.p[i] == '-';
    enter_key(c, SV("product"));
    if (product.p && !fits)
        advise(c, ADVICE_ANALYSIS_PRODUCT, "4.12.1", "the product is written lower-case, words with hyphens");
    leave(c);
}

static void advise_observed(struct check *c)
{
    struct sv key;
    struct jv v, objects = json_get(c->root, SV("objects"));
    if (json_type(objects) != JSON_OBJECT)
        return;
    enter_key(c, SV("objects"));
    advise(c, ADVICE_DEPRECATED, "4.14.1",
           "objects is deprecated: observables have become objects of their own");
    struct json_it it = json_each(objects);
    while (json_next(&it, &key, &v)) {
        enter_key(c, key);
        if (!all_digits(key))
            advise(c, ADVICE_OBSERVABLE_KEYS, "2.9", "the keys of observables should be numbers from 0 on");
        leave(c);
    }
    leave(c);
}

static struct sv type_of_ref(struct check *c, const char *name)
{
    struct sv type = SV_NONE, id = json_get_str(c->root, sv_c(name));
    struct uuid u;
    return id.p && id_split(id, &type, &u) && stix_known_type(type) ? type : SV_NONE;
}

/* 5.1: the relationships of the standard should be used; which there are stands with the source's type. What
 * objects of somebody's own may do is not ours to say. */
static void advise_relationship(struct check *c)
{
    struct sv kind = json_get_str(c->root, SV("relationship_type"));
    struct sv source = type_of_ref(c, "source_ref"), target = type_of_ref(c, "target_ref");
    const char *section;
    if (!kind.p || !source.p || !target.p || word_in("extension-definition", source) ||
        word_in("extension-definition", target))
        return;
    if (word_in("derived-from|duplicate-of", kind) && !sv_eq(source, target))
        remark(c, "3.7", "%.*s joins objects of one type", SV_ARG(kind));
    if (word_in("derived-from|duplicate-of|related-to", kind))
        return;
    struct sv shown = sv_sub(kind, 0, 60);
    enum relation r = relation_of(source, kind, target, &section);
    if (r == RELATION_TARGET)
        advise(c, ADVICE_RELATIONSHIP, section, "\"%.*s\" of a %.*s is not defined for a %.*s", SV_ARG(shown),
               SV_ARG(source), SV_ARG(target));
    else if (r == RELATION_TYPE)
        advise(c, ADVICE_RELATIONSHIP, section, "\"%.*s\" is not defined for a %.*s", SV_ARG(shown),
               SV_ARG(source));
}

static void advise_kill_chain(struct check *c)
{
    static const struct sv names[] = {SV("kill_chain_name"), SV("phase_name")};
    struct sv key;
    struct jv v;
    size_t at = 0;
    struct json_it it = json_each(json_get(c->root, SV("kill_chain_phases")));
    enter_key(c, SV("kill_chain_phases"));
    while (json_next(&it, &key, &v)) {
        enter_index(c, at++);
        for (size_t i = 0; i < 2; i++) {
            struct sv word = json_get_str(v, names[i]);
            enter_key(c, names[i]);
            if (word.p && !form_word(word))
                advise(c, ADVICE_KILL_CHAIN, "2.11", "%.*s should be lower-case, with hyphens",
                       SV_ARG(names[i]));
            leave(c);
        }
        leave(c);
    }
    leave(c);
}

/* ---- good practice ---- */

static bool beyond_ascii(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] >= 0x80)
            return true;
    return false;
}

/* 3.2: without `lang` text is read as English. */
static void note_language(struct check *c)
{
    if (has(c->root, "lang"))
        return;
    if (beyond_ascii(json_get_str(c->root, SV("name"))) ||
        beyond_ascii(json_get_str(c->root, SV("description"))) ||
        beyond_ascii(json_get_str(c->root, SV("content"))))
        remark(c, "3.2", "without lang the text is taken for English");
}

/* 3.2: labels must not say what a property of its own says. */
static void note_labels(struct check *c)
{
    static const struct {
        const char *type, *property;
        const struct vocab *vocab;
    } rows[] = {{"indicator", "indicator_types", &ov_indicator},
                {"malware", "malware_types", &ov_malware},
                {"report", "report_types", &ov_report},
                {"threat-actor", "threat_actor_types", &ov_actor},
                {"tool", "tool_types", &ov_tool}};
    struct sv key;
    struct jv v, labels = json_get(c->root, SV("labels"));
    for (size_t i = 0; json_type(labels) == JSON_ARRAY && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!sv_eq(c->rule->type, sv_c(rows[i].type)) || has(c->root, rows[i].property))
            continue;
        struct json_it it = json_each(labels);
        while (json_next(&it, &key, &v)) {
            if (!json_str(v).p || !word_in(rows[i].vocab->words, json_str(v)))
                continue;
            remark(c, "3.2", "the label \"%.*s\" belongs into %s", SV_ARG(sv_sub(json_str(v), 0, 60)),
                   rows[i].property);
            return;
        }
    }
}

static void note_language_content(struct check *c)
{
    if (!has(c->root, "object_modified"))
        remark(c, "7.1.1", "without object_modified nobody can tell which version was translated");
}

/* Each marking of an object holds; of TLP there should be one, which people see at a glance. */
static void note_markings(struct check *c)
{
    struct sv key, first = SV_NONE;
    struct jv v;
    struct json_it it = json_each(json_get(c->root, SV("object_marking_refs")));
    while (json_next(&it, &key, &v)) {
        struct sv id = json_str(v);
        if (!id.p || tlp_of_id(id) == TLP_UNKNOWN || sv_eq(id, first))
            continue;
        if (first.p) {
            enter_key(c, SV("object_marking_refs"));
            remark(c, "7.2.1.4", "%s and %s: the more restrictive holds", tlp_name(tlp_of_id(first)),
                   tlp_name(tlp_of_id(id)));
            leave(c);
            return;
        }
        first = id;
    }
}

/* The Incident Core extension of the OASIS common object repository (its section 2.1): the standard leaves
 * incidents to extensions (4.6). */
static void note_incident(struct check *c)
{
    static const char name[] = "extension-definition--ef765651-680c-498d-9894-99799f2fa126";
    static const struct {
        const char *name, *words;
    } rows[] = {{"determination", "blocked|confirmed|failed-attempt|false-positive|suspected"},
                {"investigation_status", "closed|new|open"},
                {"extension_type", "property-extension"}};
    const struct sv core = sv_c(name);
    struct jv extension = json_get(json_get(c->root, SV("extensions")), core);
    int64_t criticality;
    if (json_type(extension) != JSON_OBJECT)
        return;
    enter_key(c, SV("extensions"));
    enter_key(c, core);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sv word = json_get_str(extension, sv_c(rows[i].name));
        enter_key(c, sv_c(rows[i].name));
        if (!word.p || !word_in(rows[i].words, word))
            remark(c, "4.6", "Incident Core: %s is one of %s", rows[i].name, rows[i].words);
        leave(c);
    }
    if (json_i64(json_get(extension, SV("criticality")), &criticality) &&
        (criticality < 0 || criticality > 100))
        remark(c, "4.6", "Incident Core: criticality is a number from 0 to 100");
    leave(c);
    leave(c);
}

void check_advice(struct check *c)
{
    static const struct {
        const char *type;
        void (*fn)(struct check *c);
    } rows[] = {{"location", advise_location},
                {"indicator", advise_indicator},
                {"malware-analysis", advise_analysis},
                {"observed-data", advise_observed},
                {"incident", note_incident},
                {"relationship", advise_relationship},
                {"language-content", note_language_content}};
    note_markings(c);
    if (c->rule->family == FAMILY_SCO) {
        check_observable(c);
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (sv_eq(c->rule->type, sv_c(rows[i].type)))
            rows[i].fn(c);
    if (c->rule->family != FAMILY_SDO && c->rule->family != FAMILY_SRO)
        return;
    advise_kill_chain(c);
    note_language(c);
    note_labels(c);
    if (!has(c->root, "created_by_ref") && !word_in("extension-definition|identity", c->rule->type))
        remark(c, "3.5", "created_by_ref should name who made the object");
}
