#include "stix/check.h"

#include "stix/private.h"

typedef void (*shape_fn)(struct check *c, const struct prop *p, struct jv v);

/* Says that it is not the type; true when it is. */
static bool is_type(struct check *c, struct jv v, enum json_type want, const char *section, const char *what)
{
    if (json_type(v) == want)
        return true;
    say(c, STIX_MUST, section, "not %s", what);
    return false;
}

static bool is_text(struct check *c, struct jv v)
{
    return is_type(c, v, JSON_STRING, "2.15", "a string");
}

static void each_member(struct check *c, const struct prop *p, struct jv v, shape_fn shape)
{
    struct sv key;
    struct jv member;
    size_t i = 0;
    if (!is_type(c, v, JSON_ARRAY, "2.12", "a list"))
        return;
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member)) {
        enter_index(c, i++);
        shape(c, p, member);
        leave(c);
    }
}

static void shape_text(struct check *c, const struct prop *p, struct jv v)
{
    (void)p;
    is_text(c, v);
}

static void shape_int(struct check *c, const struct prop *p, struct jv v)
{
    int64_t n;
    uint64_t u;
    if (!json_i64(v, &n)) {
        if (!json_u64(v, &u))
            say(c, STIX_MUST, "2.10", "not an integer");
        else if (p->shape == PORT)
            say(c, STIX_MUST, c->section, "a port is a number from 0 to 65535");
        return;
    }
    if (p->shape == PORT && (n < 0 || n > 65535))
        say(c, STIX_MUST, c->section, "a port is a number from 0 to 65535");
    else if (p->shape == COUNT && n < 0)
        say(c, STIX_MUST, c->section, "must not be negative");
}

static void shape_time(struct check *c, const struct prop *p, struct jv v)
{
    struct sv s = json_str(v);
    usec t;
    (void)p;
    if (!is_type(c, v, JSON_STRING, "2.16", "a time stamp"))
        return;
    if (!stix_time(s, true, &t))
        say(c, STIX_MUST, "2.16.1", "\"%.*s\" is not a time stamp like 2016-01-20T12:31:12.123Z",
            SV_ARG(sv_sub(s, 0, 60)));
    else if (s.n > sizeof("2016-01-20T12:31:12.123456789Z") - 1)
        remark(c, "2.16.1", "finer than nanoseconds: others may cut it");
}

static void shape_ref(struct check *c, const struct prop *p, struct jv v)
{
    struct sv id = json_str(v), type;
    struct uuid u;
    if (!is_type(c, v, JSON_STRING, "2.9", "an id"))
        return;
    if (!id_split(id, &type, &u) || (u.b[8] & 0xc0) != 0x80 || !form_type_name(type)) {
        say(c, STIX_MUST, "2.9", "an id is a type, \"--\" and a UUID of RFC 4122");
        return;
    }
    if (!p->arg)
        return;
    bool forbid = p->arg[0] == '!';
    if (word_in(p->arg + forbid, type) != forbid)
        return;
    /* A type we do not know may have been made for this place by an extension. */
    if (forbid || stix_known_type(type))
        say(c, STIX_MUST, c->section, "may not refer to %s %.*s",
            forbid ? "a" : "this type:", SV_ARG(sv_sub(type, 0, 60)));
    else
        remark(c, c->section, "refers to a type of its own: %.*s", SV_ARG(sv_sub(type, 0, 60)));
}

static bool hash_fits(enum kind kind, struct sv algorithm, struct sv value)
{
    if (kind >= KIND_MD5 && kind <= KIND_SHA512)
        return all_hex(value) && hash_kind(value.n) == kind;
    if (sv_eq(algorithm, SV("SHA3-256")))
        return all_hex(value) && value.n == 64;
    if (sv_eq(algorithm, SV("SHA3-512")))
        return all_hex(value) && value.n == 128;
    if (kind == KIND_TLSH)
        return value.n == 70 || value.n == 72;
    return true;
}

#define HASH_ALGORITHMS "MD5|SHA-1|SHA-256|SHA-512|SHA3-256|SHA3-512|SSDEEP|TLSH"

static bool dictionary_key(struct sv key, size_t least)
{
    if (key.n < least || key.n > 250)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (!is_alpha(key.p[i]) && !is_digit(key.p[i]) && key.p[i] != '_' && key.p[i] != '-')
            return false;
    return true;
}

static void one_hash(struct check *c, struct sv key, struct jv v)
{
    enum kind kind = hash_kind_of_name(key);
    struct sv value = json_str(v);
    if (!dictionary_key(key, 3))
        say(c, STIX_MUST, "2.7",
            "the name of a hash algorithm has 3 to 250 letters, digits, hyphens and underscores");
    else if (!word_in(HASH_ALGORITHMS, key) && !sv_starts(key, SV("x_")))
        advise(c, ADVICE_HASH_ALGORITHM, "10.7", "\"%.*s\" is not in hash-algorithm-ov",
               SV_ARG(sv_sub(key, 0, 60)));
    if (key.n > 30)
        advise(c, ADVICE_HASH_LENGTH, "2.7", "a name of a hash algorithm longer than 30 characters");
    if (is_text(c, v) && !hash_fits(kind, key, value))
        say(c, STIX_MUST, "2.7", "the value is no %.*s", SV_ARG(sv_sub(key, 0, 40)));
}

/* 2.7: "to enhance compatibility, the SHA-256 hash SHOULD be used whenever possible": a report may not have
 * it. */
static void shape_hashes(struct check *c, const struct prop *p, struct jv v)
{
    struct sv key;
    struct jv member;
    (void)p;
    if (!is_type(c, v, JSON_OBJECT, "2.7", "a dictionary of hashes"))
        return;
    if (json_count(v) == 0)
        say(c, STIX_MUST, "2.7", "an empty dictionary: leave the property out");
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member)) {
        enter_key(c, key);
        one_hash(c, key, member);
        leave(c);
    }
    if (json_count(v) && json_type(json_get(v, SV("SHA-256"))) == JSON_NONE)
        remark(c, "2.7", "no SHA-256 among the hashes");
}

static void one_header(struct check *c, struct jv v)
{
    struct sv key;
    struct jv member;
    if (json_type(v) != JSON_ARRAY) {
        is_text(c, v);
        return;
    }
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member))
        is_text(c, member);
}

static void shape_dict(struct check *c, const struct prop *p, struct jv v)
{
    struct sv key;
    struct jv member;
    if (!is_type(c, v, JSON_OBJECT, "2.3", "a dictionary"))
        return;
    if (json_count(v) == 0)
        say(c, STIX_MUST, "2.3", "an empty dictionary: leave the property out");
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member)) {
        enter_key(c, key);
        if (!dictionary_key(key, 0))
            say(c, STIX_MUST, "2.3", "a key has at most 250 letters, digits, hyphens and underscores");
        if (json_type(member) == JSON_NULL && !sv_starts(key, SV("lpReserved")))
            say(c, STIX_MUST, "2.3", "null is no value");
        else if (p->shape == HEADERS)
            one_header(c, member);
        leave(c);
    }
}

static void mime_message(struct check *c, const struct prop *p)
{
    if (p->arg)
        advise(c, ADVICE_MIME, c->section, "not a MIME type");
    else
        say(c, STIX_MUST, c->section, "not a MIME type");
}

static void shape_form(struct check *c, const struct prop *p, struct jv v)
{
    struct sv s = json_str(v);
    if (!is_text(c, v))
        return;
    switch (p->shape) {
    case HEX:
        if (!form_hex(s))
            say(c, STIX_MUST, "2.8", "not pairs of hexadecimal digits");
        break;
    case BINARY:
        if (!form_base64(s))
            say(c, STIX_MUST, "2.1", "not base64");
        break;
    case URL:
        if (!form_url(s))
            say(c, STIX_MUST, c->section, "not a URL of RFC 3986");
        break;
    case MIME:
        if (!form_mime(s))
            mime_message(c, p);
        break;
    case CHARSET:
        if (!form_charset(s))
            say(c, STIX_MUST, c->section, "not a character set of the IANA registry");
        break;
    case LANG:
        if (!form_language(s))
            say(c, STIX_MUST, c->section, "not a language code of RFC 5646");
        break;
    default:
        break;
    }
}

static void shape_open(struct check *c, const struct prop *p, struct jv v)
{
    struct sv word = json_str(v);
    if (!is_text(c, v) || word_in(p->vocab->words, word))
        return;
    struct sv shown = sv_sub(word, 0, 60);
    advise(c, p->vocab->advice, p->vocab->section, "\"%.*s\" is not in %s", SV_ARG(shown), p->vocab->name);
    if (!form_word(word))
        advise(c, ADVICE_VOCAB_FORMAT, "2.14", "a word of one's own is written lower-case, with hyphens");
}

static void shape_enum(struct check *c, const struct prop *p, struct jv v)
{
    if (!is_text(c, v) || word_in(p->vocab->words, json_str(v)))
        return;
    struct sv shown = sv_sub(sv_c(p->vocab->words), 0, 200);
    say(c, STIX_MUST, p->vocab->section, "must be one of %.*s", SV_ARG(shown));
}

static void shape_sub(struct check *c, const struct prop *p, struct jv v)
{
    if (!is_type(c, v, JSON_OBJECT, c->section, "an object"))
        return;
    check_part(c, p->sub, v);
}

static void shape_selector(struct check *c, const struct prop *p, struct jv v)
{
    (void)p;
    if (is_text(c, v))
        check_selector(c, json_str(v));
}

static void extension_of_definition(struct check *c, struct jv v)
{
    struct sv key;
    struct jv member, type = json_get(v, SV("extension_type"));
    static const struct prop kinds = {.vocab = &enum_extension};
    struct json_it it = json_each(v);
    c->extension = true;
    while (json_next(&it, &key, &member)) {
        enter_key(c, key);
        if (sv_eq(key, SV("extension_type")))
            shape_enum(c, &kinds, member);
        else
            check_custom(c, key, member);
        leave(c);
    }
    c->extension = false;
    if (json_type(type) == JSON_NONE)
        say(c, STIX_MUST, "7.3", "extension_type is required");
}

/* 7.3 and 11.3: under the id of its definition; or one the standard defines; or, of old, a name that ends in
 * "-ext". */
static void one_extension(struct check *c, struct sv key, struct jv v)
{
    const struct object_rule *rule = rule_of_extension(c->rule->type, key);
    struct sv type;
    struct uuid u;
    if (!is_type(c, v, JSON_OBJECT, "7.3", "an object"))
        return;
    if (json_count(v) == 0)
        say(c, STIX_MUST, "7.3", "an empty extension: leave it out");
    else if (rule)
        check_part(c, rule, v);
    else if (id_split(key, &type, &u) && sv_eq(type, SV("extension-definition")))
        extension_of_definition(c, v);
    else if (!sv_ends(key, SV("-ext")) || !form_type_name(key))
        say(c, STIX_MUST, "11.3.1",
            "an extension stands under the id of its definition, or under a name that ends in -ext");
    else
        custom_extension(c, key);
}

static void shape_extensions(struct check *c, const struct prop *p, struct jv v)
{
    struct sv key;
    struct jv member;
    (void)p;
    if (!is_type(c, v, JSON_OBJECT, "7.3", "a dictionary of extensions"))
        return;
    if (json_count(v) == 0)
        say(c, STIX_MUST, "2.3", "an empty dictionary: leave the property out");
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member)) {
        enter_key(c, key);
        one_extension(c, key, member);
        leave(c);
    }
}

static void shape_number(struct check *c, const struct prop *p, struct jv v)
{
    double d;
    (void)p;
    if (!json_f64(v, &d))
        say(c, STIX_MUST, "2.6", "not a number");
}

static void shape_flag(struct check *c, const struct prop *p, struct jv v)
{
    (void)p;
    is_type(c, v, JSON_BOOL, "2.2", "true or false");
}

void check_shape(struct check *c, const struct prop *p, struct jv v)
{
    static const struct {
        shape_fn fn;
        bool list;
    } shapes[] = {
        [ANY] = {NULL, false},
        [TEXT] = {shape_text, false},
        [TEXTS] = {shape_text, true},
        [FLAG] = {shape_flag, false},
        [INT] = {shape_int, false},
        [COUNT] = {shape_int, false},
        [PORT] = {shape_int, false},
        [NUMBER] = {shape_number, false},
        [TIME] = {shape_time, false},
        [REF] = {shape_ref, false},
        [REFS] = {shape_ref, true},
        [HASHES] = {shape_hashes, false},
        [DICT] = {shape_dict, false},
        [HEADERS] = {shape_dict, false},
        [HEX] = {shape_form, false},
        [BINARY] = {shape_form, false},
        [URL] = {shape_form, false},
        [MIME] = {shape_form, false},
        [CHARSET] = {shape_form, false},
        [LANG] = {shape_form, false},
        [OPEN] = {shape_open, false},
        [OPENS] = {shape_open, true},
        [ENUM] = {shape_enum, false},
        [ENUMS] = {shape_enum, true},
        [SUB] = {shape_sub, false},
        [SUBS] = {shape_sub, true},
        [EXTENSIONS] = {shape_extensions, false},
        [SELECTORS] = {shape_selector, true},
    };
    if (!shapes[p->shape].fn)
        return;
    if (shapes[p->shape].list)
        each_member(c, p, v, shapes[p->shape].fn);
    else
        shapes[p->shape].fn(c, p, v);
}
