/* The shapes that messages of devices have, and their fields by the rules of a group. */
#include "intake/device.h"

void device_field(struct event_state *s, struct observation *o, unsigned group, struct sv key,
                  struct sv value)
{
    const struct event_rule *r = event_rule_find(&s->index, group, key);

    if (!r || value.n == 0)
        return;
    if (r->slot && !s->slot[r->slot].text.p)
        s->slot[r->slot].text = value;
    if (r->take != TAKE_NONE)
        event_take(s, o, r->take, event_field(&s->index, r), value);
}

/* ---- KEY=value ------------------------------------------------------------------------------- */

static bool is_key(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Backslashes before any byte are taken off. */
static struct sv unescape(struct event_state *s, struct sv text)
{
    if (text.n == 0 || !memchr(text.p, '\\', text.n))
        return text;
    char *p = arena_alloc(&s->a, text.n);
    size_t n = 0;
    for (size_t i = 0; p && i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n) {
            char c = text.p[++i];
            p[n++] = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        } else {
            p[n++] = text.p[i];
        }
    }
    return p ? sv_from(p, n) : SV("");
}

/* The end of a quoted value that begins behind its quote; text.n when it is not closed. */
static size_t quote_end(struct sv text, size_t at)
{
    while (at < text.n && text.p[at] != '"')
        at += text.p[at] == '\\' ? 2 : 1;
    return at < text.n ? at : text.n;
}

void device_pairs(struct event_state *s, struct observation *o, unsigned group, struct sv text)
{
    size_t i = 0;

    while (i < text.n) {
        size_t key = i;
        while (i < text.n && is_key(text.p[i]))
            i++;
        if (i == key || i >= text.n || text.p[i] != '=') {
            i += i == key;
            continue;
        }
        struct sv name = sv_sub(text, key, i - key);
        size_t start = ++i;
        bool quoted = i < text.n && text.p[i] == '"';
        if (quoted) {
            i = quote_end(text, ++start);
            device_field(s, o, group, name, unescape(s, sv_sub(text, start, i - start)));
            i++;
            continue;
        }
        while (i < text.n && text.p[i] != ' ' && text.p[i] != ',' && text.p[i] != ']' && text.p[i] != '\t')
            i++;
        device_field(s, o, group, name, sv_sub(text, start, i - start));
    }
}

void device_data(struct event_state *s, struct observation *o, struct sv data)
{
    device_pairs(s, o, DG_DATA, data);
}

/* ---- columns --------------------------------------------------------------------------------- */

/* The next cell; *rest is what follows its comma, SV_NONE after the last. */
static struct sv next_cell(struct event_state *s, struct sv *rest)
{
    if (rest->n == 0 || rest->p[0] != '"') {
        struct sv cell = SV("");
        if (!sv_cut(rest, ',', &cell))
            *rest = SV_NONE;
        return cell;
    }
    char *p = arena_alloc(&s->a, rest->n);
    size_t n = 0, i = 1;
    for (; i < rest->n && (rest->p[i] != '"' || (i + 1 < rest->n && rest->p[i + 1] == '"')); i++) {
        i += rest->p[i] == '"';
        if (p)
            p[n++] = rest->p[i];
    }
    size_t comma = sv_chr(sv_sub(*rest, i, SIZE_MAX), ',');
    *rest = comma == SIZE_MAX ? SV_NONE : sv_sub(*rest, i + comma + 1, SIZE_MAX);
    return p ? sv_from(p, n) : SV("");
}

void device_columns(struct event_state *s, struct observation *o, unsigned group, const char *const *names,
                    struct sv text)
{
    for (; *names && text.p; names++) {
        struct sv cell = next_cell(s, &text);
        if (**names)
            device_field(s, o, group, sv_c(*names), cell);
    }
}

/* ---- templates ------------------------------------------------------------------------------- */

#define CAPTURES_MOST 12

struct capture {
    struct sv name, value;
};

static size_t last_of(struct sv text, struct sv needle)
{
    size_t found = SIZE_MAX, at = 0, next;

    while (at < text.n && (next = sv_find(sv_sub(text, at, SIZE_MAX), needle)) != SIZE_MAX) {
        found = at + next;
        at = found + 1;
    }
    return found;
}

/*
 * Literal text and {name}. A name takes what stands before the next literal's first place, {name+} before its
 * last place: what an attacker chose (a user's name) may hold anything, also what looks like the rest of the
 * line. A name at the end takes one word.
 */
static bool match(const char *t, struct sv text, struct capture *c, size_t *ret_n)
{
    *ret_n = 0;
    while (*t) {
        struct sv literal = sv_from(t, strcspn(t, "{"));
        if (!sv_starts(text, literal))
            return false;
        text = sv_sub(text, literal.n, SIZE_MAX);
        t += literal.n;
        if (!*t)
            return true;
        struct sv name = sv_from(t + 1, strcspn(t + 1, "}"));
        t += name.n + 2;
        literal = sv_from(t, strcspn(t, "{"));
        bool word = name.n && name.p[name.n - 1] == '<', last = word || (name.n && name.p[name.n - 1] == '+');
        size_t at = literal.n == 0 ? sv_chr(text, ' ')
                    : last         ? last_of(text, literal)
                                   : sv_find(text, literal);
        if (literal.n == 0 && at == SIZE_MAX)
            at = text.n;
        if (at == SIZE_MAX || *ret_n == CAPTURES_MOST)
            return false;
        size_t from = word ? sv_rchr(sv_sub(text, 0, at), ' ') + 1 : 0; /* SIZE_MAX + 1 is 0 */
        c[(*ret_n)++] = (struct capture){sv_sub(name, 0, name.n - last), sv_sub(text, from, at - from)};
        text = sv_sub(text, at, SIZE_MAX);
    }
    return true;
}

bool device_templates(struct event_state *s, struct observation *o, const char *const *templates,
                      struct sv text)
{
    struct capture c[CAPTURES_MOST];
    size_t n;

    for (; *templates; templates++) {
        if (!match(*templates, text, c, &n))
            continue;
        for (size_t i = 0; i < n; i++)
            if (!sv_eq(c[i].value, SV("unknown")))
                device_field(s, o, DG_TEXT, c[i].name, c[i].value);
        return true;
    }
    return false;
}

/* ---- CEF and LEEF ---------------------------------------------------------------------------- */

/* The next field of a header; "\|" and "\\" are its escapes. */
static bool header_field(struct event_state *s, struct sv *rest, struct sv *ret)
{
    size_t i = 0;

    while (i < rest->n && rest->p[i] != '|')
        i += rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->n)
        return false;
    *ret = unescape(s, sv_sub(*rest, 0, i));
    *rest = sv_sub(*rest, i + 1, SIZE_MAX);
    return true;
}

static int read_header(struct event_state *s, struct sv *text, size_t n, struct sv *ret, const char *what,
                       struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!header_field(s, text, &ret[i]))
            return err_set(e, ERR_SYNTAX, "the header of %s has %zu fields, %zu are needed", what, i, n);
    return OK;
}

/* Where the next "key=" begins at or behind `at`: a blank, a word, '='. SIZE_MAX when there is none. */
static size_t next_key(struct sv text, size_t at, size_t *ret_equals)
{
    for (size_t i = at; i < text.n; i++) {
        if (text.p[i] == '\\') {
            i++;
            continue;
        }
        if (text.p[i] != '=')
            continue;
        size_t key = i;
        while (key > at && (is_key(text.p[key - 1]) || text.p[key - 1] == '[' || text.p[key - 1] == ']'))
            key--;
        if (key == i || (key > 0 && text.p[key - 1] != ' '))
            continue;
        *ret_equals = i;
        return key;
    }
    return SIZE_MAX;
}

int device_cef(struct event_state *s, struct observation *o, struct sv text, struct sv *ret_type,
               struct err *e)
{
    struct sv head[7] = {SV_NONE};
    size_t equals = 0, following = 0;
    int rc = read_header(s, &text, 7, head, "CEF", e);

    if (rc < 0)
        return rc;
    *ret_type = head[2].n ? head[2] : SV("cef");
    for (size_t key = next_key(text, 0, &equals); key != SIZE_MAX; equals = following) {
        size_t next = next_key(text, equals + 1, &following);
        struct sv value = sv_sub(text, equals + 1, next == SIZE_MAX ? SIZE_MAX : next - equals - 1);
        device_field(s, o, DG_CEF, sv_sub(text, key, equals - key), unescape(s, sv_trim(value)));
        key = next;
    }
    return OK;
}

/* LEEF 2.0 names its separator: a character, or its number as x09 or 0x09. */
static bool read_separator(struct sv field, char *ret)
{
    unsigned value = 0;

    *ret = field.n ? field.p[0] : '\t';
    if (field.n < 2)
        return true;
    field = sv_sub(field, field.p[0] == '0' ? 1 : 0, SIZE_MAX);
    if (field.n < 2 || field.n > 3 || (field.p[0] != 'x' && field.p[0] != 'X'))
        return false;
    for (size_t i = 1; i < field.n; i++) {
        const char *digits = "0123456789abcdef";
        const char *d = memchr(digits, field.p[i] | (field.p[i] >= 'A' ? 0x20 : 0), 16);
        if (!d)
            return false;
        value = value * 16 + (unsigned)(d - digits);
    }
    *ret = (char)value;
    return value != 0;
}

int device_leef(struct event_state *s, struct observation *o, struct sv text, struct sv *ret_type,
                struct err *e)
{
    struct sv head[6] = {SV_NONE}, part, rest;
    char separator = '\t';
    int rc = read_header(s, &text, 5, head, "LEEF", e);

    if (rc < 0)
        return rc;
    *ret_type = head[2].n ? head[2] : SV("leef");
    rest = text;
    /* The sixth field may be left out: then no '|' stands before the first '='. */
    if (sv_starts(head[0], SV("2")) && sv_chr(text, '|') < sv_chr(text, '=') &&
        header_field(s, &rest, &head[5])) {
        if (!read_separator(head[5], &separator))
            return err_set(e, ERR_SYNTAX, "the separator of LEEF is one character or its number like x09");
        text = rest;
    }
    while (text.n && sv_cut(&text, separator, &part)) {
        size_t equals = sv_chr(part, '=');
        if (equals != SIZE_MAX)
            device_field(s, o, DG_LEEF, sv_trim(sv_sub(part, 0, equals)),
                         sv_trim(sv_sub(part, equals + 1, SIZE_MAX)));
    }
    return OK;
}
