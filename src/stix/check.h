/* The checker: what a type must hold (tables), what a property must look like (shapes), what the tables
 * cannot say (rules). */
#pragma once

#include "stix/stix.h"

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
    OPEN, /* open vocabulary in arg: SHOULD */
    OPENS,
    ENUM, /* closed vocabulary in arg: MUST */
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
    struct jv root;
    const struct object_rule *rule; /* of the whole object */
    const char *section;
    size_t depth;
    size_t budget; /* of members that selectors may walk over */
    struct step path[CHECK_MAX_DEPTH];
};

/* check_tables.c */
const struct object_rule *rule_of_type(struct sv type);
const struct prop *common_props(enum family f, size_t *ret_n);
/* An extension the standard defines for an observable type, or NULL. */
const struct object_rule *rule_of_extension(struct sv object_type, struct sv extension);
extern const struct object_rule rule_external_reference, rule_kill_chain_phase, rule_granular_marking;

/* check.c */
void say(struct check *c, enum stix_level level, const char *section, const char *fmt, ...) PRINTF(4, 5);
void enter_key(struct check *c, struct sv key);
void enter_index(struct check *c, size_t i);
void leave(struct check *c);
/* Members, required properties and the rule of a part. */
void check_part(struct check *c, const struct object_rule *rule, struct jv object);
bool has(struct jv object, const char *name);
/* "a|b|c" holds the word. */
bool word_in(const char *list, struct sv word);
/* A property name nobody has defined: its letters and its value. */
void check_custom(struct check *c, struct sv name, struct jv v);

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
