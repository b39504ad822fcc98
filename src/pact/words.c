/* The closed lists of an agreement by name. */
#include "pact/agreement.h"

static const char *const REDACTIONS[] = {"drop", "mask"};
static const char *const PERSONAL[] = {"none", "suspect_only", "all"};
static const char *const RELEASES[] = {"never", "sensitive", "always"};
static const char *const JUDICIAL[] = {"lead_only", "with_consent", "evidence"};
static const char *const ONWARD[] = {"none", "with_consent", "list"};
static const char *const TERMINATIONS[] = {"delete", "return", "keep"};
static const char *const LANGUAGES[] = {"en", "ja", "zh-Hant"};
static const char *const RULES[RULE_MAX] = {
    [RULE_GRANTED] = "granted",         [RULE_NOBODY] = "nobody",
    [RULE_PARTNER] = "partner",         [RULE_NO_AGREEMENT] = "agreement",
    [RULE_NO_GRANT] = "grant",          [RULE_TYPE] = "type",
    [RULE_EXERCISE] = "exercise",       [RULE_LOCAL] = "local",
    [RULE_MARKING] = "marking",         [RULE_ORIGIN] = "origin",
    [RULE_ATTRIBUTION] = "attribution", [RULE_PERSONAL] = "personal_data",
    [RULE_REDACTION] = "redaction",     [RULE_CAP] = "cap",
    [RULE_RELEASE] = "release",
};

#define NAME(list, i) ((size_t)(i) < sizeof(list) / sizeof((list)[0]) ? (list)[i] : "unknown")

const char *redaction_name(enum redaction r)
{
    return NAME(REDACTIONS, r);
}

const char *personal_data_name(enum personal_data p)
{
    return NAME(PERSONAL, p);
}

const char *human_release_name(enum human_release r)
{
    return NAME(RELEASES, r);
}

const char *judicial_use_name(enum judicial_use j)
{
    return NAME(JUDICIAL, j);
}

const char *onward_name(enum onward o)
{
    return NAME(ONWARD, o);
}

const char *on_termination_name(enum on_termination t)
{
    return NAME(TERMINATIONS, t);
}

const char *language_name(enum language l)
{
    return NAME(LANGUAGES, l);
}

bool language_parse(struct sv s, enum language *ret)
{
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        if (sv_ieq(s, sv_c(LANGUAGES[l]))) {
            *ret = (enum language)l;
            return true;
        }
    }
    return false;
}

const char *release_rule_name(enum release_rule r)
{
    return NAME(RULES, r);
}

bool word_list_has(struct word_list l, struct sv word)
{
    for (size_t i = 0; i < l.n; i++) {
        if (sv_eq(l.v[i], word) || (l.n == 1 && sv_eq(l.v[i], SV("*")))) {
            return true;
        }
    }
    return false;
}
