/* Short forms for the property tables. */
#pragma once

#include "stix/check.h"

#define NAME(s)                                                                                              \
    {                                                                                                        \
        (s), sizeof(s) - 1                                                                                   \
    }
#define P(s, shape_)                                                                                         \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_)                                                                   \
    }
#define R(s, shape_)                                                                                         \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .required = true                                                 \
    }
#define PA(s, shape_, arg_)                                                                                  \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .arg = (arg_)                                                    \
    }
#define RA(s, shape_, arg_)                                                                                  \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .required = true, .arg = (arg_)                                  \
    }
#define PV(s, shape_, vocab_)                                                                                \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .vocab = &(vocab_)                                               \
    }
#define RV(s, shape_, vocab_)                                                                                \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .required = true, .vocab = &(vocab_)                             \
    }
#define PS(s, shape_, sub_)                                                                                  \
    {                                                                                                        \
        .name = NAME(s), .shape = (shape_), .sub = &(sub_)                                                   \
    }
#define RULE(type_, section_, family_, props_)                                                               \
    .type = NAME(type_), .section = (section_), .family = (family_), .props = (props_),                      \
    .n = sizeof(props_) / sizeof((props_)[0])

/* tables_sdo.c and tables_sco.c: NULL-terminated lists. */
extern const struct object_rule *const sdo_rules[];
extern const struct object_rule *const sco_rules[];

/* check_rules.c: what the tables cannot say, a function a type. */
void rule_seen(struct check *c, struct jv o);
void rule_extension_definition(struct check *c, struct jv o);
void rule_external(struct check *c, struct jv o);
void rule_granular(struct check *c, struct jv o);
void rule_indicator(struct check *c, struct jv o);
void rule_location(struct check *c, struct jv o);
void rule_malware(struct check *c, struct jv o);
void rule_malware_analysis(struct check *c, struct jv o);
void rule_marking_definition(struct check *c, struct jv o);
void rule_observed_data(struct check *c, struct jv o);
void rule_relationship(struct check *c, struct jv o);
void rule_sighting(struct check *c, struct jv o);
void rule_language_content(struct check *c, struct jv o);
/* check_sco.c */
void rule_artifact(struct check *c, struct jv o);
void rule_email_addr(struct check *c, struct jv o);
void rule_email_message(struct check *c, struct jv o);
void rule_mac(struct check *c, struct jv o);
void rule_address(struct check *c, struct jv o);
void rule_network_traffic(struct check *c, struct jv o);
void rule_process(struct check *c, struct jv o);
void rule_registry_key(struct check *c, struct jv o);
void rule_software(struct check *c, struct jv o);
