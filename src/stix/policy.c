#include "stix/stix.h"

#include "base/base.h"

enum group { GROUP_NONE, GROUP_FORMAT, GROUP_VOCAB, GROUP_SOURCES, GROUP_VALUES };

/* The groups are those of the OASIS validator; vocabularies and outside sources are both "approved values".
 */
static const struct {
    const char *name;
    enum group group;
} rows[ADVICE_MAX] = {
    [ADVICE_NONE] = {"", GROUP_NONE},
    [ADVICE_UUID] = {"uuid-check", GROUP_FORMAT},
    [ADVICE_VOCAB_FORMAT] = {"open-vocab-format", GROUP_FORMAT},
    [ADVICE_KILL_CHAIN] = {"kill-chain-names", GROUP_FORMAT},
    [ADVICE_OBSERVABLE_KEYS] = {"observable-object-keys", GROUP_FORMAT},
    [ADVICE_DICTIONARY_KEYS] = {"observable-dictionary-keys", GROUP_FORMAT},
    [ADVICE_ANALYSIS_PRODUCT] = {"malware-analysis-product", GROUP_FORMAT},
    [ADVICE_PROCESS_PRIORITY] = {"windows-process-priority-format", GROUP_FORMAT},
    [ADVICE_HASH_LENGTH] = {"hash-length", GROUP_FORMAT},
    [ADVICE_MARKING_TYPE] = {"marking-definition-type", GROUP_VALUES},
    [ADVICE_RELATIONSHIP] = {"relationship-types", GROUP_VALUES},
    [ADVICE_DUPLICATE_IDS] = {"duplicate-ids", GROUP_VALUES},
    [ADVICE_MOTIVATION] = {"attack-motivation", GROUP_VOCAB},
    [ADVICE_RESOURCE_LEVEL] = {"attack-resource-level", GROUP_VOCAB},
    [ADVICE_GROUPING] = {"grouping-context", GROUP_VOCAB},
    [ADVICE_LANGUAGES] = {"implementation-languages", GROUP_VOCAB},
    [ADVICE_INFRASTRUCTURE] = {"infrastructure-types", GROUP_VOCAB},
    [ADVICE_CAPABILITIES] = {"malware-capabilities", GROUP_VOCAB},
    [ADVICE_RESULT] = {"malware-result", GROUP_VOCAB},
    [ADVICE_PROCESSOR] = {"processor-architecture", GROUP_VOCAB},
    [ADVICE_IDENTITY_CLASS] = {"identity-class", GROUP_VOCAB},
    [ADVICE_INDICATOR_TYPES] = {"indicator-types", GROUP_VOCAB},
    [ADVICE_SECTOR] = {"industry-sector", GROUP_VOCAB},
    [ADVICE_MALWARE_TYPES] = {"malware-types", GROUP_VOCAB},
    [ADVICE_PATTERN_TYPES] = {"indicator-pattern-types", GROUP_VOCAB},
    [ADVICE_REPORT_TYPES] = {"report-types", GROUP_VOCAB},
    [ADVICE_ACTOR_TYPES] = {"threat-actor-types", GROUP_VOCAB},
    [ADVICE_ACTOR_ROLE] = {"threat-actor-role", GROUP_VOCAB},
    [ADVICE_SOPHISTICATION] = {"threat-actor-sophistication", GROUP_VOCAB},
    [ADVICE_TOOL_TYPES] = {"tool-types", GROUP_VOCAB},
    [ADVICE_REGION] = {"region", GROUP_VOCAB},
    [ADVICE_HASH_ALGORITHM] = {"hash-algo", GROUP_VOCAB},
    [ADVICE_PE_TYPE] = {"windows-pebinary-type", GROUP_VOCAB},
    [ADVICE_ACCOUNT_TYPE] = {"account-type", GROUP_VOCAB},
    [ADVICE_MIME] = {"mime-type", GROUP_SOURCES},
    [ADVICE_PROTOCOLS] = {"protocols", GROUP_SOURCES},
    [ADVICE_IPFIX] = {"ipfix", GROUP_SOURCES},
    [ADVICE_HTTP_HEADERS] = {"http-request-headers", GROUP_SOURCES},
    [ADVICE_SOCKET_OPTIONS] = {"socket-options", GROUP_SOURCES},
    [ADVICE_PDF_INFO] = {"pdf-doc-info", GROUP_SOURCES},
    [ADVICE_COUNTRIES] = {"countries", GROUP_SOURCES},
    [ADVICE_PORTS] = {"network-traffic-ports", GROUP_NONE},
    [ADVICE_REFERENCE_HASHES] = {"extref-hashes", GROUP_NONE},
    [ADVICE_INDICATOR_PROPERTIES] = {"indicator-properties", GROUP_NONE},
    [ADVICE_DEPRECATED] = {"deprecated-properties", GROUP_NONE},
    [ADVICE_EXTENSION_DESCRIPTION] = {"extension-description", GROUP_NONE},
    [ADVICE_EXTENSION_PROPERTIES] = {"extension-properties", GROUP_NONE},
    [ADVICE_EXTENSIONS_USE] = {"extensions-use", GROUP_NONE},
    [ADVICE_CUSTOM_PREFIX] = {"custom-prefix", GROUP_FORMAT},
    [ADVICE_CUSTOM_PREFIX_LAX] = {"custom-prefix-lax", GROUP_FORMAT},
};

/* What the labels of STIX 2.0 were called in its own checks. */
static const struct {
    const char *old, *now;
} renamed[] = {{"indicator-label", "indicator-types"},
               {"malware-label", "malware-types"},
               {"report-label", "report-types"},
               {"threat-actor-label", "threat-actor-types"},
               {"tool-label", "tool-types"}};

const char *stix_level_name(enum stix_level l)
{
    return l == STIX_MUST ? "MUST" : l == STIX_SHOULD ? "SHOULD" : "note";
}

const char *stix_advice_name(enum stix_advice a)
{
    return (unsigned)a < ADVICE_MAX ? rows[a].name : "";
}

void stix_policy_init(struct stix_policy *p)
{
    *p = (struct stix_policy){0};
}

static bool in_group(enum group of, struct sv name)
{
    if (sv_eq(name, SV("all")))
        return true;
    if (sv_eq(name, SV("approved-values")))
        return of == GROUP_VALUES || of == GROUP_VOCAB || of == GROUP_SOURCES;
    return (sv_eq(name, SV("format-checks")) && of == GROUP_FORMAT) ||
           (sv_eq(name, SV("all-vocabs")) && of == GROUP_VOCAB) ||
           (sv_eq(name, SV("all-external-sources")) && of == GROUP_SOURCES);
}

bool stix_policy_set(struct stix_policy *p, struct sv name, bool on)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
        if (sv_eq(name, sv_c(renamed[i].old)))
            name = sv_c(renamed[i].now);
    for (unsigned a = ADVICE_NONE + 1; a < ADVICE_MAX; a++)
        if (sv_eq(name, sv_c(rows[a].name)) || in_group(rows[a].group, name))
            bits |= UINT64_C(1) << a;
    p->off = on ? p->off & ~bits : p->off | bits;
    return bits != 0;
}

static bool set_each(struct stix_policy *p, struct jv names, bool on)
{
    struct sv key;
    struct jv v;
    bool known = true;
    struct json_it it = json_each(names);
    while (json_next(&it, &key, &v))
        known &= stix_policy_set(p, json_str(v), on);
    return known;
}

bool stix_policy_options(struct stix_policy *p, struct jv options)
{
    struct jv enabled = json_get(options, SV("enabled")), disabled = json_get(options, SV("disabled"));
    p->v20 = sv_eq(json_get_str(options, SV("version")), SV("2.0"));
    if (json_count(enabled) && !json_count(disabled))
        (void)stix_policy_set(p, SV("all"), false);
    bool known = set_each(p, disabled, false);
    known &= set_each(p, enabled, true);
    (void)json_bool(json_get(options, SV("strict_types")), &p->known_types);
    (void)json_bool(json_get(options, SV("strict_properties")), &p->known_properties);
    (void)json_bool(json_get(options, SV("enforce_refs")), &p->whole_bundle);
    return known;
}
