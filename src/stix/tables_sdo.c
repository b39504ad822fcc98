#include "stix/tables.h"

#include "stix/vocab.h"

#define NOT_OBJECTS "!bundle"
#define NOT_LINKABLE "!bundle|language-content|marking-definition|relationship|sighting"

static const struct vocab spec_version = {.name = "spec_version", .section = "3.2", .words = "2.1"};

static const struct prop external_reference[] = {R("source_name", TEXT), P("description", TEXT),
                                                 P("url", URL), P("hashes", HASHES), P("external_id", TEXT)};
const struct object_rule rule_external_reference = {
    RULE("external-reference", "2.5", FAMILY_PART, external_reference),
    .any_of = "description|url|external_id", .extra = rule_external};

static const struct prop kill_chain_phase[] = {R("kill_chain_name", TEXT), R("phase_name", TEXT)};
const struct object_rule rule_kill_chain_phase = {
    RULE("kill-chain-phase", "2.11", FAMILY_PART, kill_chain_phase)};

static const struct prop granular_marking[] = {R("selectors", SELECTORS), P("lang", LANG),
                                               PA("marking_ref", REF, "marking-definition")};
const struct object_rule rule_granular_marking = {
    RULE("granular-marking", "7.2.3", FAMILY_PART, granular_marking), .extra = rule_granular};

/* 3.2, the table of common properties. */
static const struct prop common_sdo[] = {R("type", TEXT),
                                         RV("spec_version", ENUM, spec_version),
                                         R("id", ANY),
                                         PA("created_by_ref", REF, "identity"),
                                         R("created", TIME),
                                         R("modified", TIME),
                                         P("revoked", FLAG),
                                         P("labels", TEXTS),
                                         P("confidence", INT),
                                         P("lang", LANG),
                                         PS("external_references", SUBS, rule_external_reference),
                                         PA("object_marking_refs", REFS, "marking-definition"),
                                         PS("granular_markings", SUBS, rule_granular_marking),
                                         P("extensions", EXTENSIONS)};
static const struct prop common_meta[] = {R("type", TEXT),
                                          RV("spec_version", ENUM, spec_version),
                                          R("id", ANY),
                                          PA("created_by_ref", REF, "identity"),
                                          R("created", TIME),
                                          PS("external_references", SUBS, rule_external_reference),
                                          PA("object_marking_refs", REFS, "marking-definition"),
                                          PS("granular_markings", SUBS, rule_granular_marking),
                                          P("extensions", EXTENSIONS)};
static const struct prop common_sco[] = {R("type", TEXT),
                                         PV("spec_version", ENUM, spec_version),
                                         R("id", ANY),
                                         PA("object_marking_refs", REFS, "marking-definition"),
                                         PS("granular_markings", SUBS, rule_granular_marking),
                                         P("defanged", FLAG),
                                         P("extensions", EXTENSIONS)};
/* Of a type nobody has told us about: whether it is versioned is not known. */
static const struct prop common_custom[] = {R("type", TEXT),
                                            PV("spec_version", ENUM, spec_version),
                                            R("id", ANY),
                                            PA("created_by_ref", REF, "identity"),
                                            P("created", TIME),
                                            P("modified", TIME),
                                            P("revoked", FLAG),
                                            P("labels", TEXTS),
                                            P("confidence", INT),
                                            P("lang", LANG),
                                            PS("external_references", SUBS, rule_external_reference),
                                            PA("object_marking_refs", REFS, "marking-definition"),
                                            PS("granular_markings", SUBS, rule_granular_marking),
                                            P("defanged", FLAG),
                                            P("extensions", EXTENSIONS)};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

const struct prop *common_props(enum family f, size_t *ret_n)
{
    switch (f) {
    case FAMILY_SDO:
    case FAMILY_SRO:
        *ret_n = COUNT_OF(common_sdo);
        return common_sdo;
    case FAMILY_META:
        *ret_n = COUNT_OF(common_meta);
        return common_meta;
    case FAMILY_SCO:
        *ret_n = COUNT_OF(common_sco);
        return common_sco;
    case FAMILY_CUSTOM:
        *ret_n = COUNT_OF(common_custom);
        return common_custom;
    case FAMILY_PART:
        break;
    }
    *ret_n = 0;
    return NULL;
}

#define KILL_CHAIN PS("kill_chain_phases", SUBS, rule_kill_chain_phase)

static const struct prop attack_pattern[] = {R("name", TEXT), P("description", TEXT), P("aliases", TEXTS),
                                             KILL_CHAIN};
static const struct object_rule attack_pattern_rule = {
    RULE("attack-pattern", "4.1", FAMILY_SDO, attack_pattern)};

static const struct prop campaign[] = {R("name", TEXT),       P("description", TEXT), P("aliases", TEXTS),
                                       P("first_seen", TIME), P("last_seen", TIME),   P("objective", TEXT)};
static const struct object_rule campaign_rule = {RULE("campaign", "4.2", FAMILY_SDO, campaign),
                                                 .extra = rule_seen};

static const struct prop course_of_action[] = {R("name", TEXT), P("description", TEXT)};
static const struct object_rule course_of_action_rule = {
    RULE("course-of-action", "4.3", FAMILY_SDO, course_of_action)};

static const struct prop grouping[] = {P("name", TEXT), P("description", TEXT),
                                       RV("context", OPEN, ov_grouping),
                                       RA("object_refs", REFS, NOT_OBJECTS)};
static const struct object_rule grouping_rule = {RULE("grouping", "4.4", FAMILY_SDO, grouping)};

static const struct prop identity[] = {R("name", TEXT),
                                       P("description", TEXT),
                                       P("roles", TEXTS),
                                       PV("identity_class", OPEN, ov_identity),
                                       PV("sectors", OPENS, ov_sector),
                                       P("contact_information", TEXT)};
static const struct object_rule identity_rule = {RULE("identity", "4.5", FAMILY_SDO, identity)};

static const struct prop incident[] = {R("name", TEXT), P("description", TEXT)};
static const struct object_rule incident_rule = {RULE("incident", "4.6", FAMILY_SDO, incident)};

static const struct prop indicator[] = {P("name", TEXT),
                                        P("description", TEXT),
                                        PV("indicator_types", OPENS, ov_indicator),
                                        R("pattern", TEXT),
                                        RV("pattern_type", OPEN, ov_pattern),
                                        P("pattern_version", TEXT),
                                        R("valid_from", TIME),
                                        P("valid_until", TIME),
                                        KILL_CHAIN};
static const struct object_rule indicator_rule = {RULE("indicator", "4.7", FAMILY_SDO, indicator),
                                                  .extra = rule_indicator};

static const struct prop infrastructure[] = {R("name", TEXT),
                                             P("description", TEXT),
                                             PV("infrastructure_types", OPENS, ov_infrastructure),
                                             P("aliases", TEXTS),
                                             KILL_CHAIN,
                                             P("first_seen", TIME),
                                             P("last_seen", TIME)};
static const struct object_rule infrastructure_rule = {
    RULE("infrastructure", "4.8", FAMILY_SDO, infrastructure), .extra = rule_seen};

static const struct prop intrusion_set[] = {R("name", TEXT),
                                            P("description", TEXT),
                                            P("aliases", TEXTS),
                                            P("first_seen", TIME),
                                            P("last_seen", TIME),
                                            P("goals", TEXTS),
                                            PV("resource_level", OPEN, ov_resource),
                                            PV("primary_motivation", OPEN, ov_motivation),
                                            PV("secondary_motivations", OPENS, ov_motivation)};
static const struct object_rule intrusion_set_rule = {RULE("intrusion-set", "4.9", FAMILY_SDO, intrusion_set),
                                                      .extra = rule_seen};

static const struct prop location[] = {
    P("name", TEXT),           P("description", TEXT),         P("latitude", NUMBER),
    P("longitude", NUMBER),    P("precision", NUMBER),         PV("region", OPEN, ov_region),
    P("country", TEXT),        P("administrative_area", TEXT), P("city", TEXT),
    P("street_address", TEXT), P("postal_code", TEXT)};
static const struct object_rule location_rule = {RULE("location", "4.10", FAMILY_SDO, location),
                                                 .any_of = "region|country|latitude", .extra = rule_location};

static const struct prop malware[] = {P("name", TEXT),
                                      P("description", TEXT),
                                      PV("malware_types", OPENS, ov_malware),
                                      R("is_family", FLAG),
                                      P("aliases", TEXTS),
                                      KILL_CHAIN,
                                      P("first_seen", TIME),
                                      P("last_seen", TIME),
                                      PA("operating_system_refs", REFS, "software"),
                                      PV("architecture_execution_envs", OPENS, ov_processor),
                                      PV("implementation_languages", OPENS, ov_language),
                                      PV("capabilities", OPENS, ov_capability),
                                      PA("sample_refs", REFS, "file|artifact")};
static const struct object_rule malware_rule = {RULE("malware", "4.11", FAMILY_SDO, malware),
                                                .extra = rule_malware};

static const struct prop malware_analysis[] = {R("product", TEXT),
                                               P("version", TEXT),
                                               PA("host_vm_ref", REF, "software"),
                                               PA("operating_system_ref", REF, "software"),
                                               PA("installed_software_refs", REFS, "software"),
                                               P("configuration_version", TEXT),
                                               P("modules", TEXTS),
                                               P("analysis_engine_version", TEXT),
                                               P("analysis_definition_version", TEXT),
                                               P("submitted", TIME),
                                               P("analysis_started", TIME),
                                               P("analysis_ended", TIME),
                                               P("result_name", TEXT),
                                               PV("result", OPEN, ov_av_result),
                                               P("analysis_sco_refs", REFS),
                                               PA("sample_ref", REF, "file|artifact|network-traffic")};
static const struct object_rule malware_analysis_rule = {
    RULE("malware-analysis", "4.12", FAMILY_SDO, malware_analysis), .any_of = "result|analysis_sco_refs",
    .extra = rule_malware_analysis};

static const struct prop note[] = {P("abstract", TEXT), R("content", TEXT), P("authors", TEXTS),
                                   RA("object_refs", REFS, NOT_OBJECTS)};
static const struct object_rule note_rule = {RULE("note", "4.13", FAMILY_SDO, note)};

static const struct prop observed_data[] = {R("first_observed", TIME), R("last_observed", TIME),
                                            R("number_observed", INT), P("objects", ANY),
                                            P("object_refs", REFS)};
static const struct object_rule observed_data_rule = {
    RULE("observed-data", "4.14", FAMILY_SDO, observed_data), .any_of = "objects|object_refs",
    .extra = rule_observed_data};

static const struct prop opinion[] = {P("explanation", TEXT), P("authors", TEXTS),
                                      RV("opinion", ENUM, enum_opinion),
                                      RA("object_refs", REFS, NOT_OBJECTS)};
static const struct object_rule opinion_rule = {RULE("opinion", "4.15", FAMILY_SDO, opinion)};

static const struct prop report[] = {R("name", TEXT), P("description", TEXT),
                                     PV("report_types", OPENS, ov_report), R("published", TIME),
                                     RA("object_refs", REFS, NOT_OBJECTS)};
static const struct object_rule report_rule = {RULE("report", "4.16", FAMILY_SDO, report)};

static const struct prop threat_actor[] = {R("name", TEXT),
                                           P("description", TEXT),
                                           PV("threat_actor_types", OPENS, ov_actor),
                                           P("aliases", TEXTS),
                                           P("first_seen", TIME),
                                           P("last_seen", TIME),
                                           PV("roles", OPENS, ov_actor_role),
                                           P("goals", TEXTS),
                                           PV("sophistication", OPEN, ov_sophistication),
                                           PV("resource_level", OPEN, ov_resource),
                                           PV("primary_motivation", OPEN, ov_motivation),
                                           PV("secondary_motivations", OPENS, ov_motivation),
                                           PV("personal_motivations", OPENS, ov_motivation)};
static const struct object_rule threat_actor_rule = {RULE("threat-actor", "4.17", FAMILY_SDO, threat_actor),
                                                     .extra = rule_seen};

static const struct prop tool[] = {
    R("name", TEXT), P("description", TEXT), PV("tool_types", OPENS, ov_tool), P("aliases", TEXTS),
    KILL_CHAIN,      P("tool_version", TEXT)};
static const struct object_rule tool_rule = {RULE("tool", "4.18", FAMILY_SDO, tool)};

static const struct prop vulnerability[] = {R("name", TEXT), P("description", TEXT)};
static const struct object_rule vulnerability_rule = {
    RULE("vulnerability", "4.19", FAMILY_SDO, vulnerability)};

static const struct prop relationship[] = {
    R("relationship_type", TEXT),        P("description", TEXT), RA("source_ref", REF, NOT_LINKABLE),
    RA("target_ref", REF, NOT_LINKABLE), P("start_time", TIME),  P("stop_time", TIME)};
static const struct object_rule relationship_rule = {RULE("relationship", "5.1", FAMILY_SRO, relationship),
                                                     .extra = rule_relationship};

static const struct prop sighting[] = {P("description", TEXT),
                                       P("first_seen", TIME),
                                       P("last_seen", TIME),
                                       P("count", COUNT),
                                       RA("sighting_of_ref", REF, NOT_LINKABLE),
                                       PA("observed_data_refs", REFS, "observed-data"),
                                       PA("where_sighted_refs", REFS, "identity|location"),
                                       P("summary", FLAG)};
static const struct object_rule sighting_rule = {RULE("sighting", "5.2", FAMILY_SRO, sighting),
                                                 .extra = rule_sighting};

static const struct prop language_content[] = {RA("object_ref", REF, "!bundle|language-content"),
                                               P("object_modified", TIME), R("contents", DICT)};
static const struct object_rule language_content_rule = {
    RULE("language-content", "7.1", FAMILY_SDO, language_content), .extra = rule_language_content};

static const struct prop marking_definition[] = {P("name", TEXT), P("definition_type", TEXT),
                                                 P("definition", ANY)};
static const struct object_rule marking_definition_rule = {
    RULE("marking-definition", "7.2.1", FAMILY_META, marking_definition), .extra = rule_marking_definition};

static const struct prop extension_definition[] = {R("name", TEXT),
                                                   P("description", TEXT),
                                                   R("schema", TEXT),
                                                   R("version", TEXT),
                                                   RV("extension_types", ENUMS, enum_extension),
                                                   P("extension_properties", TEXTS)};
static const struct object_rule extension_definition_rule = {
    RULE("extension-definition", "7.3", FAMILY_SDO, extension_definition),
    .extra = rule_extension_definition};

const struct object_rule *const sdo_rules[] = {&attack_pattern_rule,
                                               &campaign_rule,
                                               &course_of_action_rule,
                                               &grouping_rule,
                                               &identity_rule,
                                               &incident_rule,
                                               &indicator_rule,
                                               &infrastructure_rule,
                                               &intrusion_set_rule,
                                               &location_rule,
                                               &malware_rule,
                                               &malware_analysis_rule,
                                               &note_rule,
                                               &observed_data_rule,
                                               &opinion_rule,
                                               &report_rule,
                                               &threat_actor_rule,
                                               &tool_rule,
                                               &vulnerability_rule,
                                               &relationship_rule,
                                               &sighting_rule,
                                               &language_content_rule,
                                               &marking_definition_rule,
                                               &extension_definition_rule,
                                               NULL};
