/* Vocabularies of STIX 2.1 part 10: the open ones are recommended, the enumerations are closed. */
#pragma once

#include "stix/stix.h"

struct vocab {
    const char *name;    /* as the standard calls it: "malware-type-ov" */
    const char *section; /* "10.15" */
    const char *words;   /* "adware|backdoor|..." */
    enum stix_advice advice;
};

extern const struct vocab ov_account;
extern const struct vocab ov_motivation;
extern const struct vocab ov_resource;
extern const struct vocab enum_encryption;
extern const struct vocab enum_extension;
extern const struct vocab ov_grouping;
extern const struct vocab ov_identity;
extern const struct vocab ov_language;
extern const struct vocab ov_indicator;
extern const struct vocab ov_sector;
extern const struct vocab ov_infrastructure;
extern const struct vocab ov_capability;
extern const struct vocab ov_av_result;
extern const struct vocab ov_malware;
extern const struct vocab enum_address_family;
extern const struct vocab enum_socket;
extern const struct vocab enum_opinion;
extern const struct vocab ov_pattern;
extern const struct vocab ov_processor;
extern const struct vocab ov_region;
extern const struct vocab ov_report;
extern const struct vocab ov_actor;
extern const struct vocab ov_actor_role;
extern const struct vocab ov_sophistication;
extern const struct vocab ov_tool;
extern const struct vocab enum_integrity;
extern const struct vocab ov_pe;
extern const struct vocab enum_registry;
extern const struct vocab enum_service_start;
extern const struct vocab enum_service_type;
extern const struct vocab enum_service_status;
