#include "stix/tables.h"

#include "stix/private.h"
#include "stix/vocab.h"

#define HOSTS "ipv4-addr|ipv6-addr|mac-addr|domain-name"

static const struct prop artifact[] = {P("mime_type", MIME),
                                       P("payload_bin", BINARY),
                                       P("url", URL),
                                       P("hashes", HASHES),
                                       PV("encryption_algorithm", ENUM, enum_encryption),
                                       P("decryption_key", TEXT)};
static const struct object_rule artifact_rule = {RULE("artifact", "6.1", FAMILY_SCO, artifact),
                                                 .any_of = "payload_bin|url", .extra = rule_artifact};

static const struct prop autonomous_system[] = {R("number", COUNT), P("name", TEXT), P("rir", TEXT)};
static const struct object_rule autonomous_system_rule = {
    RULE("autonomous-system", "6.2", FAMILY_SCO, autonomous_system)};

static const struct prop directory[] = {R("path", TEXT),  P("path_enc", CHARSET),
                                        P("ctime", TIME), P("mtime", TIME),
                                        P("atime", TIME), PA("contains_refs", REFS, "file|directory")};
static const struct object_rule directory_rule = {RULE("directory", "6.3", FAMILY_SCO, directory)};

static const struct prop domain_name[] = {R("value", TEXT),
                                          PA("resolves_to_refs", REFS, "ipv4-addr|ipv6-addr|domain-name")};
static const struct object_rule domain_name_rule = {RULE("domain-name", "6.4", FAMILY_SCO, domain_name)};

static const struct prop email_addr[] = {R("value", TEXT), P("display_name", TEXT),
                                         PA("belongs_to_ref", REF, "user-account")};
static const struct object_rule email_addr_rule = {RULE("email-addr", "6.5", FAMILY_SCO, email_addr),
                                                   .extra = rule_email_addr};

static const struct prop mime_part[] = {P("body", TEXT), PA("body_raw_ref", REF, "artifact|file"),
                                        P("content_type", TEXT), P("content_disposition", TEXT)};
static const struct object_rule mime_part_rule = {RULE("email-mime-part", "6.6.2", FAMILY_PART, mime_part),
                                                  .any_of = "body|body_raw_ref"};

static const struct prop email_message[] = {R("is_multipart", FLAG),
                                            P("date", TIME),
                                            P("content_type", TEXT),
                                            PA("from_ref", REF, "email-addr"),
                                            PA("sender_ref", REF, "email-addr"),
                                            PA("to_refs", REFS, "email-addr"),
                                            PA("cc_refs", REFS, "email-addr"),
                                            PA("bcc_refs", REFS, "email-addr"),
                                            P("message_id", TEXT),
                                            P("subject", TEXT),
                                            P("received_lines", TEXTS),
                                            P("additional_header_fields", HEADERS),
                                            P("body", TEXT),
                                            PS("body_multipart", SUBS, mime_part_rule),
                                            PA("raw_email_ref", REF, "artifact")};
static const struct object_rule email_message_rule = {RULE("email-message", "6.6", FAMILY_SCO, email_message),
                                                      .extra = rule_email_message};

static const struct prop file[] = {P("hashes", HASHES),
                                   P("size", COUNT),
                                   P("name", TEXT),
                                   P("name_enc", CHARSET),
                                   P("magic_number_hex", HEX),
                                   PA("mime_type", MIME, "should"),
                                   P("ctime", TIME),
                                   P("mtime", TIME),
                                   P("atime", TIME),
                                   PA("parent_directory_ref", REF, "directory"),
                                   P("contains_refs", REFS),
                                   PA("content_ref", REF, "artifact")};
static const struct object_rule file_rule = {RULE("file", "6.7", FAMILY_SCO, file), .any_of = "hashes|name"};

static const struct prop ip_addr[] = {R("value", TEXT), PA("resolves_to_refs", REFS, "mac-addr"),
                                      PA("belongs_to_refs", REFS, "autonomous-system")};
static const struct object_rule ipv4_rule = {RULE("ipv4-addr", "6.8", FAMILY_SCO, ip_addr),
                                             .extra = rule_address};
static const struct object_rule ipv6_rule = {RULE("ipv6-addr", "6.9", FAMILY_SCO, ip_addr),
                                             .extra = rule_address};

static const struct prop value_only[] = {R("value", TEXT)};
static const struct object_rule mac_rule = {RULE("mac-addr", "6.10", FAMILY_SCO, value_only),
                                            .extra = rule_mac};

static const struct prop mutex[] = {R("name", TEXT)};
static const struct object_rule mutex_rule = {RULE("mutex", "6.11", FAMILY_SCO, mutex)};

static const struct prop network_traffic[] = {P("start", TIME),
                                              P("end", TIME),
                                              P("is_active", FLAG),
                                              PA("src_ref", REF, HOSTS),
                                              PA("dst_ref", REF, HOSTS),
                                              P("src_port", PORT),
                                              P("dst_port", PORT),
                                              R("protocols", TEXTS),
                                              P("src_byte_count", COUNT),
                                              P("dst_byte_count", COUNT),
                                              P("src_packets", COUNT),
                                              P("dst_packets", COUNT),
                                              P("ipfix", DICT),
                                              PA("src_payload_ref", REF, "artifact"),
                                              PA("dst_payload_ref", REF, "artifact"),
                                              PA("encapsulates_refs", REFS, "network-traffic"),
                                              PA("encapsulated_by_ref", REF, "network-traffic")};
static const struct object_rule network_traffic_rule = {
    RULE("network-traffic", "6.12", FAMILY_SCO, network_traffic), .any_of = "src_ref|dst_ref",
    .extra = rule_network_traffic};

static const struct prop process[] = {P("is_hidden", FLAG),
                                      P("pid", INT),
                                      P("created_time", TIME),
                                      P("cwd", TEXT),
                                      P("command_line", TEXT),
                                      P("environment_variables", DICT),
                                      PA("opened_connection_refs", REFS, "network-traffic"),
                                      PA("creator_user_ref", REF, "user-account"),
                                      PA("image_ref", REF, "file"),
                                      PA("parent_ref", REF, "process"),
                                      PA("child_refs", REFS, "process")};
static const struct object_rule process_rule = {RULE("process", "6.13", FAMILY_SCO, process),
                                                .any_of =
                                                    "extensions|is_hidden|pid|created_time|cwd|command_line|"
                                                    "environment_variables|opened_connection_refs|"
                                                    "creator_user_ref|image_ref|parent_ref|child_refs",
                                                .extra = rule_process};

static const struct prop software[] = {R("name", TEXT),       P("cpe", TEXT),    P("swid", TEXT),
                                       P("languages", TEXTS), P("vendor", TEXT), P("version", TEXT)};
static const struct object_rule software_rule = {RULE("software", "6.14", FAMILY_SCO, software),
                                                 .extra = rule_software};

static const struct object_rule url_rule = {RULE("url", "6.15", FAMILY_SCO, value_only)};

static const struct prop user_account[] = {P("user_id", TEXT),
                                           P("credential", TEXT),
                                           P("account_login", TEXT),
                                           PV("account_type", OPEN, ov_account),
                                           P("display_name", TEXT),
                                           P("is_service_account", FLAG),
                                           P("is_privileged", FLAG),
                                           P("can_escalate_privs", FLAG),
                                           P("is_disabled", FLAG),
                                           P("account_created", TIME),
                                           P("account_expires", TIME),
                                           P("credential_last_changed", TIME),
                                           P("account_first_login", TIME),
                                           P("account_last_login", TIME)};
static const struct object_rule user_account_rule = {
    RULE("user-account", "6.16", FAMILY_SCO, user_account),
    .any_of = "extensions|user_id|credential|account_login|account_type|display_name|is_service_account|"
              "is_privileged|can_escalate_privs|is_disabled|account_created|account_expires|"
              "credential_last_changed|account_first_login|account_last_login"};

static const struct prop registry_value[] = {P("name", TEXT), P("data", TEXT),
                                             PV("data_type", ENUM, enum_registry)};
static const struct object_rule registry_value_rule = {
    RULE("windows-registry-value", "6.17.2", FAMILY_PART, registry_value), .any_of = "name|data|data_type"};
static const struct prop registry_key[] = {
    P("key", TEXT), PS("values", SUBS, registry_value_rule), P("modified_time", TIME),
    PA("creator_user_ref", REF, "user-account"), P("number_of_subkeys", COUNT)};
static const struct object_rule registry_key_rule = {
    RULE("windows-registry-key", "6.17", FAMILY_SCO, registry_key),
    .any_of = "extensions|key|values|modified_time|creator_user_ref|number_of_subkeys",
    .extra = rule_registry_key};

#define V3_NAMES                                                                                             \
    "basic_constraints|name_constraints|policy_constraints|key_usage|extended_key_usage|subject_key_"        \
    "identifier|"                                                                                            \
    "authority_key_identifier|subject_alternative_name|issuer_alternative_name|subject_directory_"           \
    "attributes|"                                                                                            \
    "crl_distribution_points|inhibit_any_policy|private_key_usage_period_not_before|"                        \
    "private_key_usage_period_not_after|certificate_policies|policy_mappings"
static const struct prop v3_extensions[] = {P("basic_constraints", TEXT),
                                            P("name_constraints", TEXT),
                                            P("policy_constraints", TEXT),
                                            P("key_usage", TEXT),
                                            P("extended_key_usage", TEXT),
                                            P("subject_key_identifier", TEXT),
                                            P("authority_key_identifier", TEXT),
                                            P("subject_alternative_name", TEXT),
                                            P("issuer_alternative_name", TEXT),
                                            P("subject_directory_attributes", TEXT),
                                            P("crl_distribution_points", TEXT),
                                            P("inhibit_any_policy", TEXT),
                                            P("private_key_usage_period_not_before", TIME),
                                            P("private_key_usage_period_not_after", TIME),
                                            P("certificate_policies", TEXT),
                                            P("policy_mappings", TEXT)};
static const struct object_rule v3_rule = {RULE("x509-v3-extensions", "6.18.2", FAMILY_PART, v3_extensions),
                                           .any_of = V3_NAMES};
static const struct prop certificate[] = {P("is_self_signed", FLAG),
                                          P("hashes", HASHES),
                                          P("version", TEXT),
                                          P("serial_number", TEXT),
                                          P("signature_algorithm", TEXT),
                                          P("issuer", TEXT),
                                          P("validity_not_before", TIME),
                                          P("validity_not_after", TIME),
                                          P("subject", TEXT),
                                          P("subject_public_key_algorithm", TEXT),
                                          P("subject_public_key_modulus", TEXT),
                                          P("subject_public_key_exponent", INT),
                                          PS("x509_v3_extensions", SUB, v3_rule)};
static const struct object_rule certificate_rule = {
    RULE("x509-certificate", "6.18", FAMILY_SCO, certificate),
    .any_of = "extensions|is_self_signed|hashes|version|serial_number|signature_algorithm|issuer|"
              "validity_not_before|validity_not_after|subject|subject_public_key_algorithm|"
              "subject_public_key_modulus|subject_public_key_exponent|x509_v3_extensions"};

const struct object_rule *const sco_rules[] = {&artifact_rule,
                                               &autonomous_system_rule,
                                               &directory_rule,
                                               &domain_name_rule,
                                               &email_addr_rule,
                                               &email_message_rule,
                                               &file_rule,
                                               &ipv4_rule,
                                               &ipv6_rule,
                                               &mac_rule,
                                               &mutex_rule,
                                               &network_traffic_rule,
                                               &process_rule,
                                               &software_rule,
                                               &url_rule,
                                               &user_account_rule,
                                               &registry_key_rule,
                                               &certificate_rule,
                                               NULL};

static const struct object_rule *find(const struct object_rule *const *rules, struct sv type)
{
    for (; *rules; rules++)
        if (sv_eq((*rules)->type, type))
            return *rules;
    return NULL;
}

const struct object_rule *rule_of_type(struct sv type)
{
    const struct object_rule *r = find(sdo_rules, type);
    return r ? r : find(sco_rules, type);
}

bool stix_known_type(struct sv type)
{
    return rule_of_type(type) != NULL;
}
