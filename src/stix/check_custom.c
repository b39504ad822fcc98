/*
 * What the standard does not define: types, properties and extensions of somebody's own. Since 2.1 they are
 * made by extension definitions (7.3); of old by names with a prefix (11), which is what is asked for when
 * extensions are not.
 */
#include "stix/check.h"

#include "stix/private.h"

static bool extended_by(struct check *c, const char *kinds)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(json_get(c->root, SV("extensions")));
    while (json_next(&it, &key, &v)) {
        struct sv kind = json_get_str(v, SV("extension_type"));
        if (kind.p && word_in(kinds, kind))
            return true;
    }
    return false;
}

void custom_init(struct check *c)
{
    bool extended = has(c->root, "extensions");
    c->extension = false;
    c->toplevel = extended && extended_by(c, "toplevel-property-extension");
    c->new_object = extended && extended_by(c, "new-sdo|new-sco|new-sro");
}

/* "x_example_com_name" has something between two separators, "x_name" only the first. */
static bool prefixed(struct sv name, char separator, bool with_source)
{
    if (name.n < 3 || name.p[0] != 'x' || name.p[1] != separator)
        return false;
    size_t at = sv_chr(sv_sub(name, 3, SIZE_MAX), separator);
    return !with_source || (at != SIZE_MAX && 3 + at + 1 < name.n);
}

static void check_prefix(struct check *c, struct sv name, char separator, const char *section)
{
    struct sv shown = sv_sub(name, 0, 80);
    if (advised(c, ADVICE_CUSTOM_PREFIX)) {
        if (!prefixed(name, separator, true))
            advise(c, ADVICE_CUSTOM_PREFIX, section,
                   "\"%.*s\" should begin with x%c, who made it, and %c: x%cexample%ccom%cname",
                   SV_ARG(shown), separator, separator, separator, separator, separator);
    } else if (!prefixed(name, separator, false)) {
        advise(c, ADVICE_CUSTOM_PREFIX_LAX, section, "\"%.*s\" should begin with x%c", SV_ARG(shown),
               separator);
    }
}

void custom_type(struct check *c, struct sv type)
{
    if (c->policy->known_types)
        say(c, STIX_MUST, "3.2", "a type the standard does not define");
    if (!advised(c, ADVICE_EXTENSIONS_USE))
        check_prefix(c, type, '-', "11.2.1");
    else if (!c->new_object)
        advise(c, ADVICE_EXTENSIONS_USE, "11.2",
               "a type of its own should be made by an extension (new-sdo, new-sco, new-sro)");
}

/* What 2.0 defined and 2.1 does not: an upgrade keeps it. */
static bool defined_20(const struct check *c, struct sv name)
{
    static const struct {
        const char *part, *names;
    } rows[] = {{"file", "is_encrypted|encryption_algorithm|decryption_key"},
                {"archive-ext", "version"},
                {"process", "name|arguments"},
                {"socket-ext", "protocol_family"}};
    struct sv part = c->rule->type;
    if (c->depth >= c->base + 2 && c->depth < CHECK_MAX_DEPTH && c->path[c->depth - 2].key.p)
        part = c->path[c->depth - 2].key;
    for (size_t i = 0; c->was_20 && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (sv_eq(part, sv_c(rows[i].part)) && word_in(rows[i].names, name))
            return true;
    return false;
}

/* Properties of custom types and of what an extension describes are nobody's but their maker's. */
void custom_property(struct check *c, struct sv name)
{
    bool top = c->depth == c->base + 1;
    if (c->extension || !c->rule || c->rule->family == FAMILY_CUSTOM || defined_20(c, name))
        return;
    if (c->policy->known_properties)
        say(c, STIX_MUST, "3.1", "a property the standard does not define");
    if (!top && c->rule->family != FAMILY_SCO) {
        remark(c, "11.1", "a property of its own inside a type of the standard");
        return;
    }
    if (!advised(c, ADVICE_EXTENSIONS_USE))
        check_prefix(c, name, '_', "11.1.1");
    else if (!(top && c->toplevel))
        advise(c, ADVICE_EXTENSIONS_USE, "11.1", "a property of its own should be made by an extension");
}

void custom_extension(struct check *c, struct sv name)
{
    if (c->rule->family == FAMILY_CUSTOM)
        return;
    if (!advised(c, ADVICE_EXTENSIONS_USE))
        check_prefix(c, sv_sub(name, 0, name.n - 4), '-', "11.3.1");
    else
        advise(c, ADVICE_EXTENSIONS_USE, "11.3",
               "an extension should stand under the id of its definition, with an extension_type");
}

void custom_pattern_type(struct check *c, struct sv type)
{
    if (!advised(c, ADVICE_EXTENSIONS_USE) && !stix_known_type(type))
        check_prefix(c, type, '-', "11.2.1");
}
