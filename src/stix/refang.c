#include "stix/private.h"

/* What stands between brackets in defanged text, and what it means. Those of `host` are plain words or path
 * characters elsewhere. */
static const struct token {
    const char *inner;
    const char *plain;
    bool host;
} tokens[] = {
    {".", ".", false},       {"dot", ".", false},       {"d0t", ".", false},     {"punkt", ".", false},
    {"://", "://", false},   {":", ":", true},          {":/", ":/", true},      {"/", "/", true},
    {"at", "@", true},       {"@", "@", true},          {"http", "http", false}, {"https", "https", false},
    {"hxxp", "http", false}, {"hxxps", "https", false},
};

static const struct token schemes[] = {
    {"hxxps", "https", false}, {"hxxp", "http", false},    {"htxps", "https", false},
    {"htxp", "http", false},   {"hxtps", "https", false},  {"hxtp", "http", false},
    {"h**ps", "https", false}, {"h**p", "http", false},    {"h__ps", "https", false},
    {"h__p", "http", false},   {"htttps", "https", false}, {"htttp", "http", false},
    {"hXXps", "https", false}, {"meows", "https", false},  {"meow", "http", false},
    {"fxps", "ftps", false},   {"fxp", "ftp", false},
};

static bool might_be_defanged(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '[' || s.p[i] == '(' || s.p[i] == '{' || s.p[i] == ']' || s.p[i] == '\\')
            return true;
    return false;
}

static char closing(char c)
{
    return c == '[' ? ']' : c == '(' ? ')' : c == '{' ? '}' : 0;
}

/* A bracketed token at `at`: bytes it takes, 0 for none. */
static size_t match_token(struct sv s, size_t at, bool in_path, const struct token **ret)
{
    char close = closing(s.p[at]);
    size_t left = s.n - at - 1;
    size_t end = 0;
    while (end < left && end < 8 && s.p[at + 1 + end] != close)
        end++;
    if (end == left || s.p[at + 1 + end] != close)
        return 0;
    struct sv inner = sv_sub(s, at + 1, end);
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        if ((in_path && tokens[i].host) || !sv_ieq(inner, sv_c(tokens[i].inner)))
            continue;
        *ret = &tokens[i];
        return end + 2;
    }
    return 0;
}

struct walk {
    struct sv in;
    size_t at;
    char *out;
    size_t n;
    bool in_path;
};

/* "[.com", "com.]" and "\.": half-made marks. The number of bytes to skip, 0 when there is none. */
static size_t match_half(const struct walk *w)
{
    char c = w->in.p[w->at];
    bool dot_next = w->at + 1 < w->in.n && w->in.p[w->at + 1] == '.';
    bool dot_before = w->n > 0 && w->out[w->n - 1] == '.';
    if (w->in_path)
        return 0;
    if ((c == '[' || c == '(' || c == '{' || c == '\\') && dot_next)
        return 1;
    return (c == ']' || c == ')' || c == '}') && dot_before ? 1 : 0;
}

static void step(struct walk *w)
{
    const struct token *t;
    size_t took = 0;
    char c = w->in.p[w->at];
    if (closing(c))
        took = match_token(w->in, w->at, w->in_path, &t);
    if (took) {
        for (const char *p = t->plain; *p; p++)
            w->out[w->n++] = *p;
        w->at += took;
        return;
    }
    took = match_half(w);
    if (took) {
        w->at += took;
        return;
    }
    bool slash_of_scheme = w->n > 0 && (w->out[w->n - 1] == ':' || w->out[w->n - 1] == '/');
    if ((c == '/' && !slash_of_scheme && !(w->at + 1 < w->in.n && w->in.p[w->at + 1] == '/' && w->n == 0)) ||
        c == '?')
        w->in_path = true;
    w->out[w->n++] = c;
    w->at++;
}

/* "hxxp://" and its kin, once the brackets are gone. Never longer than what it replaces. */
static size_t plain_scheme(char *p, size_t n)
{
    struct sv s = {p, n};
    size_t colon = sv_chr(sv_sub(s, 0, 16), ':');
    if (colon == SIZE_MAX || n - colon < 3 || memcmp(p + colon, "://", 3) != 0)
        return n;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!sv_ieq(sv_sub(s, 0, colon), sv_c(schemes[i].inner)))
            continue;
        size_t m = strlen(schemes[i].plain);
        memcpy(p, schemes[i].plain, m);
        memmove(p + m, p + colon, n - colon);
        return n - colon + m;
    }
    return n;
}

/* A scheme of the table above may stand without any bracket. */
static bool odd_scheme(struct sv s)
{
    size_t colon = sv_chr(sv_sub(s, 0, 16), ':');
    if (colon == SIZE_MAX || s.n < 4 || sv_istarts(s, SV("http:")) || sv_istarts(s, SV("https:")))
        return false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (sv_ieq(sv_sub(s, 0, colon), sv_c(schemes[i].inner)))
            return true;
    return false;
}

static struct sv one_pass(struct arena *a, struct sv text)
{
    /* Nothing in the tables is longer than what it replaces. */
    char *out = arena_alloc(a, text.n + 1);
    if (!out)
        return SV_NONE;
    struct walk w = {.in = text, .out = out};
    while (w.at < w.in.n)
        step(&w);
    w.n = plain_scheme(out, w.n);
    out[w.n] = 0;
    return (struct sv){out, w.n};
}

/* "[[.]]" takes two passes. What is wrapped more often than this is no defanged text: the empty view. */
#define MAX_PASSES 4

struct sv refang(struct arena *a, struct sv text)
{
    for (int i = 0; i < MAX_PASSES; i++) {
        if (!might_be_defanged(text) && !odd_scheme(text))
            return text;
        struct sv next = one_pass(a, text);
        if (!next.p || sv_eq(next, text))
            return next.p ? text : SV_NONE;
        text = next;
    }
    return might_be_defanged(text) ? SV("") : text;
}
