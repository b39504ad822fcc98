/* What was taken out must not stand anywhere else: the copy is looked at again as people would read it. */
#include "pact/copy_private.h"

#define NEEDLES 512
#define KINDS_TOKEN 2048

/* ---- text as it is meant */

/* Spellings of '@' and '.' that readers undo in their heads; `n` bytes of the text stand for `c`. */
static const struct spelling {
    const char *text;
    char c;
} spellings[] = {
    {"[at]", '@'},  {"(at)", '@'},   {"{at}", '@'},         {"[@]", '@'},          {"(@)", '@'},
    {"&#64;", '@'}, {"&#x40;", '@'}, {"&commat;", '@'},     {"\xef\xbc\xa0", '@'}, {"[.]", '.'},
    {"(.)", '.'},   {"{.}", '.'},    {"[dot]", '.'},        {"(dot)", '.'},        {"{dot}", '.'},
    {"[:]", ':'},   {"&#46;", '.'},  {"\xe3\x80\x82", '.'}, {"\xef\xbd\xa1", '.'},
};

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int hex_digit(char c)
{
    c = small(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many bytes of the rest stand for one character, and which; 0 = none of this kind. */
static size_t spelled(struct sv rest, char *ret)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        if (sv_istarts(rest, sv_c(spellings[i].text))) {
            *ret = spellings[i].c;
            return strlen(spellings[i].text);
        }
    }
    if (rest.n >= 3 && rest.p[0] == '%' && hex_digit(rest.p[1]) >= 0 && hex_digit(rest.p[2]) >= 0) {
        *ret = small((char)(hex_digit(rest.p[1]) * 16 + hex_digit(rest.p[2])));
        return 3;
    }
    /* U+FF01 to U+FF5E: the full-width forms of ASCII. */
    const uint8_t *p = (const uint8_t *)rest.p;
    if (rest.n >= 3 && p[0] == 0xef && ((p[1] == 0xbc && p[2] >= 0x81) || (p[1] == 0xbd && p[2] <= 0x9e))) {
        *ret = small((char)((p[1] == 0xbc ? p[2] - 0x80 : p[2] - 0x40) + 0x20));
        return 3;
    }
    return 0;
}

/* Characters that nobody sees: soft hyphen, zero-width ones, byte order mark. */
static size_t unseen(struct sv rest)
{
    static const char *const names[] = {"\xc2\xad",     "\xe2\x80\x8b", "\xe2\x80\x8c",
                                        "\xe2\x80\x8d", "\xe2\x81\xa0", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_starts(rest, sv_c(names[i]))) {
            return strlen(names[i]);
        }
    }
    return 0;
}

static bool is_special(char c)
{
    return c == '[' || c == '(' || c == '{' || c == '&' || c == '%' || (uint8_t)c >= 0x80;
}

void copy_plain(struct sv text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        char c = 0;
        size_t n = 0;
        if (is_special(text.p[i])) {
            struct sv rest = sv_sub(text, i, SIZE_MAX);
            size_t gone = unseen(rest);
            i += gone;
            if (gone) {
                continue;
            }
            n = spelled(rest, &c);
        }
        buf_addc(out, n ? c : small(text.p[i]));
        i += n ? n : 1;
    }
}

/* ---- addresses of persons */

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (uint8_t)c >= 0x80;
}

static bool in_local(char c)
{
    return in_name(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.\"", c));
}

static bool is_host(struct sv after)
{
    size_t i = 0;
    if (after.n && after.p[0] == '[') { /* an address literal (RFC 5321 4.1.3) */
        return after.n > 1 && (in_name(after.p[1]));
    }
    while (i < after.n && (in_name(after.p[i]) || after.p[i] == '-' || after.p[i] == '_')) {
        i++;
    }
    return i > 0 && i + 1 < after.n && after.p[i] == '.' && in_name(after.p[i + 1]);
}

bool copy_plain_names_somebody(struct sv plain)
{
    for (size_t i = 1; i + 1 < plain.n; i++) {
        if (plain.p[i] == '@' && in_local(plain.p[i - 1]) && is_host(sv_sub(plain, i + 1, SIZE_MAX))) {
            return true;
        }
    }
    return false;
}

struct naming {
    struct buf plain;
    bool found;
};

static void look_for_names(struct naming *n, struct jv v)
{
    struct json_it it = json_each(v);
    struct sv key, text = json_str(v);
    struct jv member;
    if (text.p) {
        buf_reset(&n->plain);
        copy_plain(text, &n->plain);
        n->found = n->found || n->plain.failed || copy_plain_names_somebody(buf_sv(&n->plain));
    }
    while (!n->found && json_next(&it, &key, &member)) {
        if (json_type(v) == JSON_OBJECT) {
            buf_reset(&n->plain);
            copy_plain(key, &n->plain);
            n->found = copy_plain_names_somebody(buf_sv(&n->plain));
        }
        look_for_names(n, member);
    }
}

bool pact_names_somebody(struct jv v)
{
    struct naming n = {.found = false};
    buf_init(&n.plain, COPY_MOST);
    look_for_names(&n, v);
    buf_clear(&n.plain);
    return n.found;
}

/* ---- what was taken out */

struct looking {
    struct copier *c;
    struct arena *a;
    const struct copy_terms *t;
    struct sv needle[NEEDLES];
    size_t n;
    bool more; /* too many to look for */
    struct buf plain;
    const char *why;
    struct arena tokens;
    int rc;
    struct err *e;
};

/* An instant that is the same elsewhere tells nothing of the one that was taken out. */
static bool is_instant(struct sv text)
{
    static const struct time_opts opts = {0};
    struct err ignored = ERR_NONE;
    usec at;
    return text.n >= 20 && text.p[0] >= '0' && text.p[0] <= '9' &&
           time_parse(text, &opts, &at, &ignored) == OK;
}

static void add_needle(struct looking *l, struct sv text)
{
    text = sv_trim(text);
    if (text.n == 0 || is_instant(text)) {
        return;
    }
    buf_reset(&l->plain);
    copy_plain(text, &l->plain);
    struct sv plain = buf_sv(&l->plain);
    for (size_t i = 0; i < l->n; i++) {
        if (sv_eq(l->needle[i], plain)) {
            return;
        }
    }
    struct sv kept = l->n < NEEDLES ? arena_sv(l->a, plain) : SV_NONE;
    l->more = l->more || !kept.p || l->plain.failed;
    if (kept.p) {
        l->needle[l->n++] = kept;
    }
}

static bool is_break(char c)
{
    return c == 0 || strchr(" \t\r\n,;\"'<>()[]{}|", c) != NULL;
}

/* The next piece of a text between white space and quotes, without the full stop that ends a sentence. */
static bool next_token(struct sv *rest, struct sv *ret)
{
    size_t from = 0, to;
    while (from < rest->n && is_break(rest->p[from])) {
        from++;
    }
    for (to = from; to < rest->n && !is_break(rest->p[to]); to++) {
    }
    *ret = sv_sub(*rest, from, to - from);
    *rest = sv_sub(*rest, to, SIZE_MAX);
    while (ret->n && strchr(".:!?", ret->p[ret->n - 1])) {
        ret->n--;
    }
    return ret->n > 0 || rest->n > 0;
}

/* Names and numbers inside of a sentence: what has a digit, a dot, a colon or an @ in it. */
static bool is_telling(struct sv token)
{
    size_t digits = 0;
    for (size_t i = 0; i < token.n; i++) {
        char c = token.p[i];
        if (c == '@' || c == '.' || c == ':' || c == '/') {
            return token.n >= 4;
        }
        digits += c >= '0' && c <= '9';
    }
    return digits >= 4;
}

static bool is_id(struct sv text)
{
    struct uuid u;
    return text.n > 38 && uuid_parse(sv_sub(text, text.n - 36, 36), &u) && text.p[text.n - 37] == '-';
}

/* What the object is called that was referred to: a name tells as much as an id. */
static void add_names(struct looking *l, struct sv id)
{
    static const char *const names[] = {"name",         "aliases", "value",         "contact_information",
                                        "display_name", "user_id", "account_login", "street_address"};
    struct jv object, member;
    buf_reset(&l->c->scratch);
    int rc = l->rc == OK && l->t->about ? l->t->about(l->t->ctx, id, &l->c->scratch, l->e) : 0;
    if (rc == 1) {
        rc = json_parse(l->c->another, buf_sv(&l->c->scratch), &object, l->e);
        for (size_t i = 0; rc == OK && i < sizeof(names) / sizeof(names[0]); i++) {
            struct jv v = json_get(object, sv_c(names[i]));
            struct json_it it = json_each(v);
            add_needle(l, json_str(v).p ? json_str(v) : SV(""));
            while (json_next(&it, NULL, &member)) {
                add_needle(l, json_str(member).p ? json_str(member) : SV(""));
            }
        }
    }
    l->rc = rc < 0 ? rc : l->rc;
}

static void add_needles(struct looking *l, struct jv v)
{
    struct json_it it = json_each(v);
    struct sv key, text = json_str(v), token;
    struct jv member;
    if (l->more || l->rc != OK) {
        return;
    }
    if (text.p && is_id(text)) {
        add_needle(l, text);
        add_names(l, text);
    } else if (text.p) {
        add_needle(l, text);
        struct sv rest = text;
        while (next_token(&rest, &token)) {
            if (token.n < text.n && is_telling(token)) {
                add_needle(l, token);
            }
        }
    }
    if (text.p) {
        return;
    }
    if (json_type(v) == JSON_INT || json_type(v) == JSON_UINT || json_type(v) == JSON_FLOAT) {
        struct buf number;
        buf_init(&number, 64);
        json_add(&number, v);
        if (number.n >= 4) { /* shorter ones stand anywhere */
            add_needle(l, buf_sv(&number));
        }
        buf_clear(&number);
    }
    while (json_next(&it, &key, &member)) {
        if (json_type(v) == JSON_OBJECT && is_telling(key)) {
            add_needle(l, key);
        }
        add_needles(l, member);
    }
}

/* Everything under a name that must not go, wherever in the original it stands. */
static void gather(struct looking *l, struct jv v, bool top)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv member;
    while (json_next(&it, &key, &member)) {
        bool object = json_type(v) == JSON_OBJECT;
        if (top && sv_eq(key, SV("extensions")) && json_type(member) == JSON_OBJECT) {
            struct json_it inner = json_each(member);
            struct sv name;
            struct jv extension;
            bool all = pact_denies(l->t->grant, key);
            while (json_next(&inner, &name, &extension)) {
                if (sv_eq(name, SV(COPY_EXTENSION))) {
                    continue;
                }
                if (all || pact_denies(l->t->grant, name)) {
                    add_needles(l, extension);
                } else {
                    gather(l, extension, false);
                }
            }
        } else if (object && pact_denies(l->t->grant, key)) {
            add_needles(l, member);
        } else {
            gather(l, member, false);
        }
    }
}

/* The needle as a word of its own: what is a letter at its end has none beside it. */
static bool stands_in(struct sv plain, struct sv needle)
{
    size_t at = 0, found;
    while ((found = sv_find(sv_sub(plain, at, SIZE_MAX), needle)) != SIZE_MAX) {
        size_t from = at + found, to = from + needle.n;
        bool before = from > 0 && (uint8_t)needle.p[0] < 0x80 && in_name(needle.p[0]) &&
                      (uint8_t)plain.p[from - 1] < 0x80 && in_name(plain.p[from - 1]);
        char last = needle.p[needle.n - 1];
        bool after = to < plain.n && (uint8_t)last < 0x80 && in_name(last) && (uint8_t)plain.p[to] < 0x80 &&
                     in_name(plain.p[to]);
        if (!before && !after) {
            return true;
        }
        at = from + 1;
    }
    return false;
}

/* Kinds of values that the grant does not list, in a text. */
static bool holds_other_kind(struct looking *l, struct sv text)
{
    struct sv token;
    while (next_token(&text, &token)) {
        struct obs o;
        struct err ignored = ERR_NONE;
        if (token.n < 4 || token.n > KINDS_TOKEN || !is_telling(token)) {
            continue;
        }
        arena_reset(&l->tokens);
        if (obs_guess(&l->tokens, token, &o, &ignored) == OK &&
            !word_list_has(l->t->grant->kinds, sv_c(kind_name(o.kind)))) {
            return true;
        }
    }
    return false;
}

static void look_at_text(struct looking *l, struct sv text, bool free_text)
{
    buf_reset(&l->plain);
    copy_plain(text, &l->plain);
    struct sv plain = buf_sv(&l->plain);
    for (size_t i = 0; i < l->n && !l->why; i++) {
        if (stands_in(plain, l->needle[i])) {
            l->why = "something that was taken out stands in another member too";
        }
    }
    if (!l->why && l->t->grant->personal_data != PERSONAL_ALL && copy_plain_names_somebody(plain)) {
        l->why = "the address of a person stands in what remains";
    }
    if (!l->why && free_text && !is_id(text) && !is_instant(text) && holds_other_kind(l, plain)) {
        l->why = "a value of a kind that the grant does not cover stands in a text";
    }
}

/* Values in their own places were looked at by their kinds. */
static bool is_value_place(struct sv key)
{
    return sv_eq(key, SV("pattern")) || sv_eq(key, SV("value")) || sv_eq(key, SV("hashes")) ||
           sv_eq(key, SV("key"));
}

static void look_at(struct looking *l, struct jv v, bool free_text)
{
    struct json_it it = json_each(v);
    struct sv key, text = json_str(v);
    struct jv member;
    if (text.p) {
        look_at_text(l, text, free_text);
    } else if (json_type(v) == JSON_INT || json_type(v) == JSON_UINT || json_type(v) == JSON_FLOAT) {
        struct buf number;
        buf_init(&number, 64);
        json_add(&number, v);
        look_at_text(l, buf_sv(&number), false);
        buf_clear(&number);
    }
    while (!l->why && json_next(&it, &key, &member)) {
        if (json_type(v) == JSON_OBJECT && sv_eq(key, SV(COPY_EXTENSION))) {
            continue; /* sums, and names of members that are there */
        }
        if (json_type(v) == JSON_OBJECT) {
            look_at_text(l, key, false);
        }
        look_at(l, member, free_text && !is_value_place(key));
    }
}

/* ---- all together */

static bool is_any(struct word_list l)
{
    return l.n == 1 && sv_eq(l.v[0], SV("*"));
}

struct kinds_left {
    const struct agreement_grant *grant;
    bool other;
};

static void on_value(void *ctx, const struct obs *o, bool stated)
{
    struct kinds_left *k = ctx;
    (void)stated;
    k->other = k->other || !word_list_has(k->grant->kinds, sv_c(kind_name(o->kind)));
}

/* The list that its own proof will stand in is still empty, which no list may be in the end (STIX 2.1 2.10).
 */
static const char *check_form(struct copier *c)
{
    static const struct stix_policy must = {.must_only = true};
    struct stix_report r = {.a = &c->a};
    size_t own = 0;
    stix_check_by(c->made.object, &must, &r);
    for (size_t i = 0; i < r.n; i++) {
        own += r.msg[i].level == STIX_MUST && sv_ends(r.msg[i].pointer, SV(COPY_EXTENSION "/proofs"));
    }
    return r.must > own ? "without what must not go it would be no valid object any more" : NULL;
}

int copy_look_again(struct copier *c, struct jv original, const struct copy_terms *t, const char **ret_why,
                    struct err *e)
{
    struct looking *l = arena_calloc(&c->a, 1, sizeof(*l));
    struct kinds_left kinds = {.grant = t->grant};
    *ret_why = NULL;
    if (!l) {
        return err_set(e, ERR_MEMORY, "no memory to look at a copy again");
    }
    l->c = c;
    l->e = e;
    l->a = &c->a;
    l->t = t;
    buf_init(&l->plain, COPY_MOST);
    arena_init(&l->tokens, 1u << 20);
    gather(l, original, true);
    add_needle(l, json_get_str(original, SV("id")));
    l->why = l->more ? "too much was taken out to be sure that none of it stands elsewhere" : check_form(c);
    int rc = l->why || l->rc != OK ? l->rc : stix_values(c->made.object, &c->a, on_value, &kinds, e);
    if (rc == OK && kinds.other) {
        l->why = "it holds a value of a kind that the grant does not cover";
    }
    if (rc == OK && !l->why) {
        look_at(l, c->made.object, !is_any(t->grant->kinds));
    }
    *ret_why = l->why;
    arena_clear(&l->tokens);
    buf_clear(&l->plain);
    return rc;
}
