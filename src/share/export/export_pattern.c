/* Stored YARA and Sigma rules, passed through as their authors wrote them, each under a comment that says
 * what stands behind it. */
#include "share/export/export_writer.h"

#define NAMES_MOST (1u << 20)

struct state {
    struct map names;
};

static int begin_yara(struct exporter *x, struct err *e)
{
    map_init(&((struct state *)x->state)->names, NAMES_MOST, 64u << 20);
    text_head(x, "//");
    return OK;
}

static int begin_sigma(struct exporter *x, struct err *e)
{
    text_head(x, "#");
    return OK;
}

static void about(struct exporter *x, const struct given_object *g, const char *mark)
{
    char until[32];
    text_time(g->until, until);
    buf_printf(&x->out, "%s ", mark);
    text_safe(&x->out, g->id, "");
    buf_printf(&x->out, "\n%s %s; ", mark, tlp_name(g->tlp));
    text_safe(&x->out, g->source_name, "");
    buf_printf(&x->out, " (%c); %s%s\n", g->reliability, until[0] ? "until " : "no end", until);
}

/* Text that people read and tools parse: line ends and tabs are fine, other control characters are not. */
static bool is_text(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
            return false;
        }
    }
    return s.n > 0 && sv_utf8(s);
}

/* ---- YARA: comments and strings are passed over to find what is declared */

struct words {
    struct sv rest;
    bool open; /* a comment or string does not end */
};

static size_t quoted(struct sv s, char quote)
{
    for (size_t i = 1; i < s.n && s.p[i] != '\n'; i++) {
        if (s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == quote) {
            return i + 1;
        }
    }
    return 0;
}

/* Bytes of the comment or string at the front; 0 = none; SIZE_MAX = it does not end. */
static size_t opaque(struct sv s)
{
    size_t n = 0;
    if (sv_starts(s, SV("//"))) {
        n = sv_chr(s, '\n');
        return n == SIZE_MAX ? s.n : n;
    }
    if (sv_starts(s, SV("/*"))) {
        n = sv_find(sv_sub(s, 2, SIZE_MAX), SV("*/"));
        return n == SIZE_MAX ? SIZE_MAX : n + 4;
    }
    if (s.p[0] == '"') {
        n = quoted(s, '"');
        return n ? n : SIZE_MAX;
    }
    return 0;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The next word outside of comments and strings, or one other byte. A regular expression between slashes is
 * told by what stands before it: '=' or '(' or a word like "matches". */
static bool next_word(struct words *w, bool *regex, struct sv *ret)
{
    while (w->rest.n) {
        size_t n = opaque(w->rest);
        if (n == SIZE_MAX) {
            w->open = true;
            return false;
        }
        if (n == 0 && *regex && w->rest.p[0] == '/') {
            n = quoted(w->rest, '/');
            w->open |= n == 0;
            if (w->open) {
                return false;
            }
        }
        if (n == 0 && !strchr(" \t\r\n", w->rest.p[0])) {
            break;
        }
        w->rest = sv_sub(w->rest, n ? n : 1, SIZE_MAX);
    }
    size_t n = 0;
    while (n < w->rest.n && word_char(w->rest.p[n])) {
        n++;
    }
    n = n || w->rest.n == 0 ? n : 1;
    *ret = sv_sub(w->rest, 0, n);
    w->rest = sv_sub(w->rest, n, SIZE_MAX);
    *regex = ret->n && (strchr("=(,", ret->p[0]) || sv_eq(*ret, SV("matches")));
    return ret->n > 0;
}

/*
 * Names declared, into the map when `keep`; false when the text is not whole, reads other files, or declares
 * a name that stands in the export already: one file must compile.
 */
static bool yara_names(struct map *names, struct sv text, bool keep, enum export_left *why)
{
    struct words w = {.rest = text};
    struct sv word, before = SV("");
    bool regex = false, any = false;
    long depth = 0;
    *why = LEFT_TEXT;
    while (next_word(&w, &regex, &word)) {
        depth += sv_eq(word, SV("{")) ? 1 : sv_eq(word, SV("}")) ? -1 : 0;
        if (depth < 0 || (depth == 0 && sv_eq(word, SV("include")))) {
            return false;
        }
        if (depth == 0 && sv_eq(before, SV("rule"))) {
            any = true;
            if (!keep && map_get(names, word)) {
                *why = LEFT_SAME;
                return false;
            }
            if (keep && !map_put(names, word, NULL)) {
                return false;
            }
        }
        before = word;
    }
    return any && !w.open && depth == 0;
}

static int yara(struct exporter *x, const struct given_object *g, struct err *e)
{
    struct map *names = &((struct state *)x->state)->names;
    enum export_left why = LEFT_TEXT;
    if (!is_text(g->pattern) || !yara_names(names, g->pattern, false, &why) ||
        !yara_names(names, g->pattern, true, &why)) {
        return LEFT(why);
    }
    about(x, g, "//");
    buf_add(&x->out, g->pattern);
    buf_add(&x->out, SV("\n\n"));
    return OK;
}

/* ---- Sigma: one YAML document a rule */

/* A document of its own: a line of "---" or "..." in it would make two. */
static bool one_document(struct sv text)
{
    struct sv line;
    bool titled = false;
    while (sv_line(&text, &line)) {
        if (sv_starts(line, SV("---")) || sv_starts(line, SV("..."))) {
            return false;
        }
        titled |= sv_starts(line, SV("title:")) || sv_starts(line, SV("detection:"));
    }
    return titled;
}

static int sigma(struct exporter *x, const struct given_object *g, struct err *e)
{
    struct sv text = g->pattern;
    if (sv_starts(text, SV("---\n"))) {
        text = sv_sub(text, 4, SIZE_MAX);
    }
    if (!is_text(text) || !one_document(text)) {
        return LEFT(LEFT_TEXT);
    }
    buf_add(&x->out, SV("---\n"));
    about(x, g, "#");
    buf_add(&x->out, text);
    buf_add(&x->out, SV("\n"));
    return OK;
}

static int end_yara(struct exporter *x, struct err *e)
{
    text_tail(x, "//");
    return OK;
}

static int end_sigma(struct exporter *x, struct err *e)
{
    text_tail(x, "#");
    return OK;
}

static void clear_yara(struct exporter *x)
{
    map_clear(&((struct state *)x->state)->names);
}

const struct export_format export_yara = {
    .name = "yara",
    .type = "text/plain; charset=utf-8",
    .extension = "yar",
    .text = "stored YARA rules",
    .pattern_type = "yara",
    .state = sizeof(struct state),
    .begin = begin_yara,
    .object = yara,
    .end = end_yara,
    .clear = clear_yara,
};
const struct export_format export_sigma = {
    .name = "sigma",
    .type = "application/yaml",
    .extension = "yml",
    .text = "stored Sigma rules, one YAML document each",
    .pattern_type = "sigma",
    .begin = begin_sigma,
    .object = sigma,
    .end = end_sigma,
};
