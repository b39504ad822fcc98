/*
 * The slow pass: a strict reader of RFC 8259 that keeps nothing but its place. It runs only over text that
 * simdjson or the search for repeated keys has refused, to tell a person what is wrong and at which byte.
 */
#include "base/json.h"

#include "base/json_private.h"

#include <stdarg.h>

#define END_OF_TEXT (-1)

struct scan {
    const uint8_t *p;
    size_t n;
    size_t at;
    size_t strings;   /* seen so far */
    size_t duplicate; /* number of the string to report, or JSON_NO_STRING */
    unsigned level;
    struct err *e;
};

static int fail(struct scan *s, int code, size_t at, const char *fmt, ...) PRINTF(4, 5);
static int value(struct scan *s);

static int fail(struct scan *s, int code, size_t at, const char *fmt, ...)
{
    char text[sizeof s->e->text];
    uint64_t line = 1;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (size_t i = 0; i < at && i < s->n; i++)
        line += s->p[i] == '\n';
    err_set(s->e, code, "%s", text);
    err_at(s->e, NULL, line, at);
    return code;
}

static int peek(const struct scan *s)
{
    return s->at < s->n ? s->p[s->at] : END_OF_TEXT;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->n &&
           (s->p[s->at] == ' ' || s->p[s->at] == '\n' || s->p[s->at] == '\r' || s->p[s->at] == '\t'))
        s->at++;
}

/* "expected X, but here stands Y" */
static int unexpected(struct scan *s, const char *wanted)
{
    int c = peek(s);

    if (c == END_OF_TEXT)
        return fail(s, ERR_SYNTAX, s->at, "the text ends where %s should stand", wanted);
    if (c > 0x20 && c < 0x7F)
        return fail(s, ERR_SYNTAX, s->at, "%s should stand here, not '%c'", wanted, c);
    return fail(s, ERR_SYNTAX, s->at, "%s should stand here, not the byte 0x%02x", wanted, (unsigned)c);
}

/* Four hexadecimal digits at `at`, or -1. */
static int32_t hex4(const uint8_t *p, size_t n, size_t at)
{
    int32_t v = 0;

    if (at > n || n - at < 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        int c = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9')
            v = v << 4 | (p[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (c - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* The escape at the backslash `at`: code point and length, or length 0 when it is malformed, SIZE_MAX for
 * half a pair. */
static uint32_t escape_at(const uint8_t *p, size_t n, size_t at, size_t *ret_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known;
    int32_t high, low;

    *ret_len = 0;
    if (n - at < 2)
        return 0;
    if (p[at + 1] != 'u') {
        known = p[at + 1] ? strchr(from, p[at + 1]) : NULL;
        *ret_len = known ? 2 : 0;
        return known ? (uint32_t)(uint8_t)to[known - from] : 0;
    }
    high = hex4(p, n, at + 2);
    if (high < 0)
        return 0;
    *ret_len = 6;
    if (high < 0xD800 || high > 0xDFFF)
        return (uint32_t)high;
    *ret_len = SIZE_MAX;
    if (high > 0xDBFF || n - at < 12 || p[at + 6] != '\\' || p[at + 7] != 'u')
        return 0;
    low = hex4(p, n, at + 8);
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *ret_len = 12;
    return 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
}

static int escape(struct scan *s)
{
    size_t len;

    escape_at(s->p, s->n, s->at, &len);
    if (len == SIZE_MAX) {
        fail(s, ERR_SYNTAX, s->at, "half of a surrogate pair stands alone in a string");
        err_hint(s->e, "write the character itself in UTF-8, or both halves as \\uD8xx\\uDCxx");
        return ERR_SYNTAX;
    }
    if (len == 0)
        return fail(s, ERR_SYNTAX, s->at,
                    "a backslash in a string must be followed by one of \" \\ / b f n r t or u "
                    "and four hexadecimal digits");
    s->at += len;
    return OK;
}

static int string_rest(struct scan *s, size_t open)
{
    while (s->at < s->n) {
        uint8_t c = s->p[s->at];
        size_t bad, len;
        if (c == '"') {
            s->at++;
            return OK;
        }
        if (c == '\\') {
            int rc = escape(s);
            if (rc)
                return rc;
            continue;
        }
        if (c < 0x20) {
            fail(s, ERR_SYNTAX, s->at, "a string holds the raw control byte 0x%02x", c);
            err_hint(s->e, "in JSON it is written \\u%04x", c);
            return ERR_SYNTAX;
        }
        len = json_utf8(s->p + s->at, s->n - s->at, &bad);
        if (len == 0) {
            fail(s, ERR_SYNTAX, s->at, "the text is not UTF-8: byte 0x%02x", c);
            err_hint(s->e, "convert the file to UTF-8");
            return ERR_SYNTAX;
        }
        s->at += len;
    }
    return fail(s, ERR_SYNTAX, open, "the string that starts here has no closing quote");
}

/* The key as it is spelled, short, and with nothing in it that a terminal would obey (DEL, U+0080 to U+009F).
 */
static int repeated(struct scan *s, size_t open)
{
    char shown[64];
    struct sv key = {(const char *)s->p + open + 1, s->at - open - 2};
    bool whole = sv_copy(key, shown, sizeof shown);

    for (char *c = shown; *c; c++) {
        if (*c == 0x7F)
            *c = '?';
        else if ((uint8_t)c[0] == 0xC2 && (uint8_t)c[1] < 0xA0)
            c[0] = c[1] = '?';
    }
    fail(s, ERR_VALUE, open, "the key \"%s%s\" stands twice in one object", shown, whole ? "" : "...");
    err_hint(s->e, "readers disagree on which of the two counts; remove one");
    return ERR_VALUE;
}

static int string(struct scan *s)
{
    size_t open = s->at++;
    int rc = string_rest(s, open);

    if (rc)
        return rc;
    return s->strings++ == s->duplicate ? repeated(s, open) : OK;
}

static size_t digits(struct scan *s)
{
    size_t from = s->at;

    while (s->at < s->n && s->p[s->at] >= '0' && s->p[s->at] <= '9')
        s->at++;
    return s->at - from;
}

static int number_in_range(struct scan *s, size_t from, bool integer)
{
    struct sv text = {(const char *)s->p + from, s->at - from};
    uint64_t u;
    int64_t i;

    if (integer && !sv_i64(text, &i) && !sv_u64(text, &u)) {
        fail(s, ERR_VALUE, from, "the integer of %zu digits does not fit in 64 bits",
             text.n - (text.p[0] == '-'));
        err_hint(s->e, "write it as a string");
        return ERR_VALUE;
    }
    if (!integer && !json_dom_in_range(text.p, text.n)) {
        fail(s, ERR_VALUE, from, "the number is beyond the range of a double");
        err_hint(s->e, "write it as a string");
        return ERR_VALUE;
    }
    return OK;
}

static int number(struct scan *s)
{
    size_t from = s->at;
    bool integer = true;

    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0') {
        s->at++;
        if (digits(s) > 0)
            return fail(s, ERR_SYNTAX, from, "a number must not start with a zero");
    } else if (digits(s) == 0) {
        return unexpected(s, "a digit");
    }
    if (peek(s) == '.') {
        integer = false;
        s->at++;
        if (digits(s) == 0)
            return unexpected(s, "a digit");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        integer = false;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (digits(s) == 0)
            return unexpected(s, "a digit");
    }
    return number_in_range(s, from, integer);
}

static int word(struct scan *s, struct sv w)
{
    struct sv rest = {(const char *)s->p + s->at, s->n - s->at};

    if (!sv_starts(rest, w))
        return fail(s, ERR_SYNTAX, s->at,
                    "a value should stand here; the only words of JSON are true, false and null");
    s->at += w.n;
    return OK;
}

/* One member of an object: key, colon, value. */
static int member(struct scan *s)
{
    int rc;

    if (peek(s) != '"')
        return unexpected(s, "a key in double quotes");
    rc = string(s);
    if (rc)
        return rc;
    skip_space(s);
    if (peek(s) != ':')
        return unexpected(s, "':'");
    s->at++;
    return value(s);
}

static int container(struct scan *s, char close)
{
    const char *wanted = close == '}' ? "',' or '}'" : "',' or ']'";

    s->at++;
    skip_space(s);
    if (peek(s) == close) {
        s->at++;
        return OK;
    }
    for (;;) {
        int rc;
        skip_space(s);
        rc = close == '}' ? member(s) : value(s);
        if (rc)
            return rc;
        skip_space(s);
        if (peek(s) == close)
            break;
        if (peek(s) != ',')
            return unexpected(s, wanted);
        s->at++;
    }
    s->at++;
    return OK;
}

static int inside_value(struct scan *s)
{
    int c = peek(s);

    switch (c) {
    case '{':
        return container(s, '}');
    case '[':
        return container(s, ']');
    case '"':
        return string(s);
    case 't':
        return word(s, SV("true"));
    case 'f':
        return word(s, SV("false"));
    case 'n':
        return word(s, SV("null"));
    default:
        return c == '-' || (c >= '0' && c <= '9') ? number(s) : unexpected(s, "a value");
    }
}

static int value(struct scan *s)
{
    int rc;

    skip_space(s);
    if (s->level == JSON_MAX_DEPTH)
        return fail(s, ERR_LIMIT, s->at, "the document nests deeper than %d levels", JSON_MAX_DEPTH);
    s->level++;
    rc = inside_value(s);
    s->level--;
    return rc;
}

int json_locate(struct sv text, size_t duplicate, struct err *e)
{
    struct err unused;
    struct scan s = {.p = (const uint8_t *)text.p, .n = text.n, .duplicate = duplicate, .e = e ? e : &unused};
    int rc;

    if (sv_starts(text, SV("\xEF\xBB\xBF"))) {
        fail(&s, ERR_SYNTAX, 0, "the text starts with a byte order mark");
        err_hint(s.e, "save it as UTF-8 without a mark");
        return ERR_SYNTAX;
    }
    skip_space(&s);
    if (s.at == s.n)
        return fail(&s, ERR_SYNTAX, s.at, "the text is empty: a JSON value should stand here");
    rc = value(&s);
    if (rc)
        return rc;
    skip_space(&s);
    if (s.at < s.n)
        return fail(&s, ERR_SYNTAX, s.at, "text goes on after the end of the JSON value");
    return OK;
}

bool json_is_whole(struct sv text)
{
    return json_locate(text, JSON_NO_STRING, NULL) == OK;
}

static size_t encode(uint32_t c, char ret[4])
{
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        ret[i] = (char)(0x80 | (c & 0x3F));
    ret[0] = (char)(lead[n] | c);
    return n;
}

bool json_spells(struct sv inner, struct sv plain)
{
    const uint8_t *p = (const uint8_t *)inner.p;
    size_t at = 0;

    while (at < inner.n) {
        char bytes[4];
        size_t n = 1, len = 1;
        bytes[0] = inner.p[at];
        if (p[at] == '\\') {
            n = encode(escape_at(p, inner.n, at, &len), bytes);
            if (len == 0 || len == SIZE_MAX)
                return false;
        }
        if (plain.n < n || memcmp(plain.p, bytes, n) != 0)
            return false;
        plain = sv_from(plain.p + n, plain.n - n);
        at += len;
    }
    return plain.n == 0;
}
