/* Which members an object cannot be without. */
#include "stix/tables.h"

static const struct object_rule *rule_of(const struct object_rule *const *rules, struct sv type)
{
    for (; *rules; rules++) {
        if (sv_eq((*rules)->type, type)) {
            return *rules;
        }
    }
    return NULL;
}

bool stix_requires(struct sv type, struct sv property)
{
    static const char *const common[] = {"type", "id", "spec_version", "created", "modified"};
    const struct object_rule *r = rule_of(sdo_rules, type);
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (sv_eq(property, sv_c(common[i]))) {
            return true;
        }
    }
    r = r ? r : rule_of(sco_rules, type);
    for (size_t i = 0; r && i < r->n; i++) {
        if (r->props[i].required && sv_eq(r->props[i].name, property)) {
            return true;
        }
    }
    return false;
}
