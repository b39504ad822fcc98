/* The checker: what a type must hold (tables), what a property must look like (shapes), what the tables
 * cannot say (rules). */
#pragma once

#include "stix/vocab.h"

enum shape {
    ANY,
    TEXT,
    TEXTS,
    FLAG,
    INT,
    COUNT, /* integer, not negative */
    PORT,
    NUMBER,
    TIME,
    REF, /* arg: types allowed ("a|b"), or forbidden ("!a|b"), or NULL */
    REFS,
    HASHES,
    DICT,
    HEADERS, /* dictionary of strings or lists of strings */
    HEX,
    BINARY,
    URL,
    MIME, /* arg: only SHOULD */
    CHARSET,
    LANG,
    OPEN, /* open vocabulary: SHOULD */
    OPENS,
    ENUM, /* closed vocabulary: MUST */
    ENUMS,
    SUB,  /* an object after `sub` */
    SUBS, /* a list of them */
    EXTENSIONS,
    SELECTORS,
};

struct object_rule;

struct prop {
    struct sv name;
    enum shape shape;
    bool required;
    const char *arg;
    const struct vocab *vocab;
    const struct object_rule *sub;
};

enum family { FAMILY_SDO, FAMILY_SRO, FAMILY_SCO, FAMILY_META, FAMILY_PART, FAMILY_CUSTOM };

struct check;

struct object_rule {
    struct sv type;
    const char *section;
    enum family family;
    const struct prop *props;
    size_t n;
    const char *any_of; /* "a|b": one of them at least */
    bool closed;        /* a part of an object that may hold nothing else */
    void (*extra)(struct check *c, struct jv object);
};

/* A place inside the object: rendered as a JSON pointer only when there is something to say. */
struct step {
    struct sv key; /* p NULL: a list member */
    size_t index;
};

#define CHECK_MAX_DEPTH (JSON_MAX_DEPTH + 2)

struct check {
    struct stix_report *r;
    const struct stix_policy *policy;
    struct jv root;
    struct sv id;                   /* of the object */
    const struct object_rule *rule; /* of the whole object */
    const char *section;
    size_t base; /* steps that lead to the object, inside a bundle */
    size_t depth;
    size_t budget;   /* of members that selectors may walk over */
    bool extension;  /* inside what an extension definition describes */
    bool toplevel;   /* an extension of the object adds properties to it */
    bool new_object; /* an extension made the object's type */
    bool was_20;
    struct step path[CHECK_MAX_DEPTH];
};

/* tables_sdo.c, tables_sco.c, tables_ext.c */
const struct object_rule *rule_of_type(struct sv type);
const struct prop *common_props(enum family f, size_t *ret_n);
/* An extension the standard defines for an observable type, or NULL. */
const struct object_rule *rule_of_extension(struct sv object_type, struct sv extension);
extern const struct object_rule rule_external_reference, rule_kill_chain_phase, rule_granular_marking;

/* tables_rel.c: does the standard define such a relationship? If not: `type` for other targets only, or not
 * at all for the source. *ret_section: the table that says so. */
enum relation { RELATION_DEFINED, RELATION_TARGET, RELATION_TYPE };
enum relation relation_of(struct sv source, struct sv type, struct sv target, const char **ret_section);

/* check.c */
void say(struct check *c, enum stix_level level, const char *section, const char *fmt, ...) PRINTF(4, 5);
/* A recommendation, unless it is off. */
void advise(struct check *c, enum stix_advice a, const char *section, const char *fmt, ...) PRINTF(4, 5);
bool advised(const struct check *c, enum stix_advice a);
/* Good practice; nothing is broken without it. */
void remark(struct check *c, const char *section, const char *fmt, ...) PRINTF(3, 4);
/* The steps to the object are in `c` already; fills the report further. */
void check_object(struct check *c, struct jv object);
void enter_key(struct check *c, struct sv key);
void enter_index(struct check *c, size_t i);
void leave(struct check *c);
/* One property: of its shape, or (`p` NULL) of somebody's own. */
void check_member(struct check *c, const struct prop *p, struct sv key, struct jv v);
/* Members, required properties and the rule of a part. */
void check_part(struct check *c, const struct object_rule *rule, struct jv object);
bool has(struct jv object, const char *name);
/* "a|b|c" holds the word. */
bool word_in(const char *list, struct sv word);
/* A property name nobody has defined: its letters and its value. */
void check_custom(struct check *c, struct sv name, struct jv v);

/* check_custom.c: what the standard does not define. */
void custom_init(struct check *c);
void custom_type(struct check *c, struct sv type);
void custom_property(struct check *c, struct sv name);
void custom_extension(struct check *c, struct sv name);
void custom_pattern_type(struct check *c, struct sv type);
/* check_advice.c: recommendations for the whole object, after its tables and rules. */
void check_advice(struct check *c);
/* check_observable.c */
void check_observable(struct check *c);
/* check_shape.c */
void check_shape(struct check *c, const struct prop *p, struct jv v);
/* check_text.c: does the text have the form? */
bool form_mime(struct sv s);
bool form_charset(struct sv s);
bool form_cpe(struct sv s);
bool form_email(struct sv s);
bool form_url(struct sv s);
bool form_hex(struct sv s);
bool form_base64(struct sv s);
bool form_language(struct sv s);
bool form_property_name(struct sv s);
bool form_type_name(struct sv s);
bool form_word(struct sv s);
/* check_marking.c */
/*
 * Does a granular marking's selector address content of the object? Every step costs the members it may have
 * to pass of
 * `*budget`: with nothing left the answer is no. (Lists have no index, and an object may hold a selector for
 * each member.)
 */
#define SELECTOR_BUDGET (8u << 20)
bool selector_exists(struct jv object, struct sv selector, size_t *budget, bool *ret_malformed);
void check_selector(struct check *c, struct sv selector);
