#include "stix/pattern_lex.h"

#include "stix/private.h"

#include <stdarg.h>
#include <stdlib.h>

int pattern_error(struct sv pattern, size_t offset, struct err *e, const char *fmt, ...)
{
    char what[240];
    uint64_t line = 1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < offset && i < pattern.n; i++)
        line += pattern.p[i] == '\n';
    err_set(e, ERR_SYNTAX, "STIX pattern: %s at byte %zu", what, offset);
    return err_at(e, NULL, line, offset);
}

static bool name_start(char c)
{
    return is_alpha(c) || c == '_';
}

/* Bytes of white space at `at`, the Unicode spaces of the grammar among them; 0 for none. */
static size_t space_at(struct sv s, size_t at)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    char c = s.p[at];
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return 1;
    if ((uint8_t)c < 0x80)
        return 0;
    struct sv rest = sv_sub(s, at, 3);
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (sv_starts(rest, sv_c(wide[i])))
            return strlen(wide[i]);
    bool en_quad = rest.n == 3 && (uint8_t)rest.p[0] == 0xe2 && (uint8_t)rest.p[1] == 0x80 &&
                   (uint8_t)rest.p[2] >= 0x80 && (uint8_t)rest.p[2] <= 0x8a;
    return en_quad ? 3 : 0;
}

static int skip_blank(struct lexer *l, struct err *e)
{
    while (l->at < l->text.n) {
        size_t n = space_at(l->text, l->at);
        struct sv rest = sv_sub(l->text, l->at, SIZE_MAX);
        if (n == 0 && sv_starts(rest, SV("/*"))) {
            size_t end = sv_find(sv_sub(rest, 2, SIZE_MAX), SV("*/"));
            if (end == SIZE_MAX)
                return pattern_error(l->text, l->at, e, "a comment is not closed");
            n = end + 4;
        } else if (n == 0 && sv_starts(rest, SV("//"))) {
            while (n < rest.n && rest.p[n] != '\n' && rest.p[n] != '\r')
                n++;
        }
        if (n == 0)
            return OK;
        l->at += n;
    }
    return OK;
}

/* A quoted run at l->at (the quote): bytes between the quotes as written. Only \' and \\ are escapes. */
static int quoted(struct lexer *l, bool escapes, struct sv *ret, bool *ret_escaped, struct err *e)
{
    size_t start = l->at + 1;
    *ret_escaped = false;
    for (size_t i = start; i < l->text.n; i++) {
        char c = l->text.p[i];
        if (c == '\'') {
            *ret = sv_sub(l->text, start, i - start);
            l->at = i + 1;
            return OK;
        }
        if (c != '\\' || !escapes)
            continue;
        if (i + 1 >= l->text.n || (l->text.p[i + 1] != '\'' && l->text.p[i + 1] != '\\'))
            return pattern_error(l->text, i, e, "a backslash must be followed by a quote or a backslash");
        *ret_escaped = true;
        i++;
    }
    return pattern_error(l->text, start - 1, e, "a quote is not closed");
}

static int lex_string(struct lexer *l, struct token *t, struct err *e)
{
    struct sv raw = SV_NONE;
    bool escaped = false;
    int rc = quoted(l, true, &raw, &escaped, e);
    if (rc < 0)
        return rc;
    if (!sv_utf8(raw))
        return pattern_error(l->text, t->offset, e, "a string is not UTF-8");
    t->type = TOK_LITERAL;
    t->literal = (struct pat_lit){.type = LIT_STRING, .bytes = raw};
    if (!escaped)
        return OK;
    char *p = arena_alloc(l->a, raw.n + 1);
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\')
            i++;
        p[n++] = raw.p[i];
    }
    t->literal.bytes = (struct sv){p, n};
    return OK;
}

static int decode_hex(struct lexer *l, struct token *t, struct sv raw, struct err *e)
{
    char *p = arena_alloc(l->a, raw.n / 2 + 1);
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    if (raw.n % 2 || !hex_parse(raw, p, raw.n / 2))
        return pattern_error(l->text, t->offset, e, "h'...' must hold pairs of hexadecimal digits");
    t->literal = (struct pat_lit){.type = LIT_HEX, .bytes = {p, raw.n / 2}};
    return OK;
}

/* t'...', h'...' and b'...': the letter stands at l->at. */
static int lex_prefixed(struct lexer *l, struct token *t, struct err *e)
{
    struct sv raw = SV_NONE;
    bool escaped = false;
    char letter = l->text.p[l->at++];
    int rc = quoted(l, false, &raw, &escaped, e);
    if (rc < 0)
        return rc;
    t->type = TOK_LITERAL;
    if (letter == 'h')
        return decode_hex(l, t, raw, e);
    if (letter == 'b') {
        t->literal = (struct pat_lit){.type = LIT_BASE64, .bytes = SV("")};
        if (raw.n && !base64_parse(l->a, raw, &t->literal.bytes))
            return pattern_error(l->text, t->offset, e, "b'...' must hold padded base64");
        return OK;
    }
    t->literal = (struct pat_lit){.type = LIT_TIME, .bytes = raw};
    if (!stix_time(raw, false, &t->literal.time))
        return pattern_error(l->text, t->offset, e, "t'...' must hold a time like 2016-01-20T12:31:12.123Z");
    return OK;
}

/* '+'/'-', then "0" or digits without leading zero, or [digits] '.' digits. Bytes taken, 0 when it is no
 * number. */
static size_t number_at(struct sv s, size_t at, bool *ret_real)
{
    size_t i = at;
    if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
        i++;
    size_t digits = i;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    *ret_real = i + 1 < s.n && s.p[i] == '.' && is_digit(s.p[i + 1]);
    if (*ret_real) {
        for (i++; i < s.n && is_digit(s.p[i]);)
            i++;
        return i - at;
    }
    if (i == digits)
        return 0;
    return s.p[digits] == '0' ? digits + 1 - at : i - at;
}

static int lex_number(struct lexer *l, struct token *t, size_t n, bool real, struct err *e)
{
    char text[64];
    struct sv raw = sv_sub(l->text, l->at, n);
    struct sv digits = raw.p[0] == '+' ? sv_sub(raw, 1, SIZE_MAX) : raw;
    t->type = TOK_LITERAL;
    t->literal = (struct pat_lit){.type = real ? LIT_FLOAT : LIT_INT, .bytes = raw};
    if (!sv_copy(digits, text, sizeof(text)))
        return pattern_error(l->text, t->offset, e, "a number of more than 63 characters");
    if (!real && !sv_i64(digits, &t->literal.integer))
        return pattern_error(l->text, t->offset, e, "an integer beyond 64 bits");
    t->literal.real = strtod(text, NULL);
    l->at += n;
    return OK;
}

static void lex_word(struct lexer *l, struct token *t)
{
    static const struct {
        const char *word;
        enum token_type type;
    } words[] = {{"AND", TOK_AND},
                 {"OR", TOK_OR},
                 {"NOT", TOK_NOT},
                 {"FOLLOWEDBY", TOK_FOLLOWEDBY},
                 {"LIKE", TOK_LIKE},
                 {"MATCHES", TOK_MATCHES},
                 {"ISSUPERSET", TOK_ISSUPERSET},
                 {"ISSUBSET", TOK_ISSUBSET},
                 {"EXISTS", TOK_EXISTS},
                 {"IN", TOK_IN},
                 {"START", TOK_START},
                 {"STOP", TOK_STOP},
                 {"SECONDS", TOK_SECONDS},
                 {"WITHIN", TOK_WITHIN},
                 {"REPEATS", TOK_REPEATS},
                 {"TIMES", TOK_TIMES}};
    size_t i = l->at;
    t->type = TOK_NAME;
    for (; i < l->text.n; i++) {
        char c = l->text.p[i];
        if (c == '-')
            t->type = TOK_HYPHEN_NAME;
        else if (!name_start(c) && !is_digit(c))
            break;
    }
    t->text = sv_sub(l->text, l->at, i - l->at);
    l->at = i;
    if (sv_eq(t->text, SV("true")) || sv_eq(t->text, SV("false"))) {
        t->type = TOK_LITERAL;
        t->literal = (struct pat_lit){.type = LIT_BOOL, .truth = t->text.p[0] == 't', .bytes = t->text};
        return;
    }
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
        if (sv_eq(t->text, sv_c(words[w].word)))
            t->type = words[w].type;
}

static int lex_symbol(struct lexer *l, struct token *t, struct err *e)
{
    static const struct {
        const char *text;
        enum token_type type;
    } symbols[] = {{"==", TOK_EQ},    {"!=", TOK_NE},    {"<>", TOK_NE},    {"<=", TOK_LE},
                   {">=", TOK_GE},    {"=", TOK_EQ},     {"<", TOK_LT},     {">", TOK_GT},
                   {":", TOK_COLON},  {".", TOK_DOT},    {",", TOK_COMMA},  {"(", TOK_LPAREN},
                   {")", TOK_RPAREN}, {"[", TOK_LBRACK}, {"]", TOK_RBRACK}, {"*", TOK_STAR}};
    struct sv rest = sv_sub(l->text, l->at, 2);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (!sv_starts(rest, sv_c(symbols[i].text)))
            continue;
        t->type = symbols[i].type;
        l->at += strlen(symbols[i].text);
        return OK;
    }
    return pattern_error(l->text, l->at, e, "a character that has no meaning here (0x%02x)",
                         (uint8_t)rest.p[0]);
}

int lex_next(struct lexer *l, struct token *ret, struct err *e)
{
    bool real;
    int rc = skip_blank(l, e);
    *ret = (struct token){.type = TOK_END, .offset = l->at};
    if (rc < 0 || l->at >= l->text.n)
        return rc;
    char c = l->text.p[l->at];
    if (c == '\'')
        return lex_string(l, ret, e);
    if ((c == 't' || c == 'h' || c == 'b') && l->at + 1 < l->text.n && l->text.p[l->at + 1] == '\'')
        return lex_prefixed(l, ret, e);
    size_t n = number_at(l->text, l->at, &real);
    if (n)
        return lex_number(l, ret, n, real, e);
    if (name_start(c)) {
        lex_word(l, ret);
        return OK;
    }
    return lex_symbol(l, ret, e);
}
