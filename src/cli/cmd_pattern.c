#include "cli/json_in.h"
#include "stix/pattern_match.h"

#include <string.h>

#define SCRATCH_MAX (512u << 20)

struct asking {
    struct cmd *c;
    const struct verb *verb;
    struct json_doc *doc;
    struct arena a;
    struct buf line;
    unsigned flags; /* of patterns given as arguments */
    uint64_t failed;
};
/* The answer to one case. */
struct answer {
    int value; /* 1 yes, 0 no, negative: none, because of `why` */
    struct sv pattern;
    struct err why;
};
struct verb {
    const char *name, *key;
    bool finding; /* "no" is one */
    void (*ask)(struct asking *m, struct jv one, struct answer *ret);
};

static unsigned flags_of(const struct asking *m, struct jv one)
{
    struct sv version = json_get_str(one, SV("stix_version"));
    return version.p ? (sv_eq(version, SV("2.0")) ? PATTERN_V20 : 0) : m->flags;
}

/* A text of a case; an empty one is a text. */
static bool text_of(struct jv one, const char *key, struct sv *ret, struct answer *answer)
{
    *ret = json_get_str(one, sv_c(key));
    if (ret->p)
        return true;
    answer->value = err_set(&answer->why, ERR_VALUE, "\"%s\" is missing, or is no string", key);
    return false;
}

static void check_pattern(struct asking *m, struct sv pattern, unsigned flags, struct answer *ret)
{
    struct pat_node *root;
    ret->pattern = pattern;
    int rc = pattern_parse_as(pattern, flags, &m->a, &root, &ret->why);
    ret->value = rc == OK ? 1 : rc == ERR_MEMORY ? rc : 0;
}

static void ask_check(struct asking *m, struct jv one, struct answer *ret)
{
    struct sv pattern;
    if (text_of(one, "pattern", &pattern, ret))
        check_pattern(m, pattern, flags_of(m, one), ret);
}

static void ask_match(struct asking *m, struct jv one, struct answer *ret)
{
    struct pattern *p = NULL;
    struct pat_seen *seen;
    struct sv pattern;
    bool match = false;
    size_t n;
    if (!text_of(one, "pattern", &pattern, ret))
        return;
    int rc = pattern_new(pattern, flags_of(m, one) | PATTERN_REPEATED_QUALIFIERS, &p, &ret->why);
    rc = rc < 0 ? rc : pattern_read_seen(json_get(one, SV("observed_data")), &m->a, &seen, &n, &ret->why);
    rc = rc < 0 ? rc : pattern_match(p, seen, n, &m->a, &match, &ret->why);
    pattern_free(p);
    ret->value = rc < 0 ? rc : match;
}

static void ask_equivalent(struct asking *m, struct jv one, struct answer *ret)
{
    struct sv a, b;
    if (text_of(one, "a", &a, ret) && text_of(one, "b", &b, ret))
        ret->value = pattern_equivalent(a, b, flags_of(m, one) | PATTERN_REPEATED_QUALIFIERS, &ret->why);
}

static const struct verb verbs[] = {
    {"check", "valid", true, ask_check},
    {"match", "match", false, ask_match},
    {"equivalent", "equivalent", false, ask_equivalent},
};

/* ---- JSON lines
 * ------------------------------------------------------------------------------------------------------------------
 */

static void tell(struct asking *m, const struct answer *answer)
{
    struct jw w;
    bool placed = answer->why.code && answer->pattern.p && answer->why.offset != UINT64_MAX;
    m->failed += answer->value < 0 || (answer->value == 0 && m->verb->finding);
    buf_reset(&m->line);
    jw_init(&w, &m->line);
    jw_obj(&w);
    if (answer->value < 0) {
        jw_key(&w, m->verb->key);
        jw_null(&w);
    } else {
        jw_kbool(&w, m->verb->key, answer->value == 1);
    }
    jw_kstr(&w, "error", answer->why.code ? sv_c(answer->why.text) : SV_NONE);
    if (placed) {
        jw_kint(&w, "line", (int64_t)answer->why.line);
        jw_kint(&w, "column", (int64_t)pattern_column(answer->pattern, answer->why.offset));
    }
    jw_end_obj(&w);
    print_json(m->c, &m->line);
}

/* The place is one in the input, not in a pattern. */
static int on_broken(void *ctx, const struct err *why, struct err *e)
{
    struct answer answer = {.value = why->code, .why = ERR_NONE};
    (void)e;
    if (why->line)
        err_set(&answer.why, why->code, "line %llu: %s", (unsigned long long)why->line, why->text);
    else
        answer.why = *why;
    tell(ctx, &answer);
    return OK;
}

static int on_value(void *ctx, const struct json_value *v, struct err *e)
{
    struct asking *m = ctx;
    struct answer answer = {.value = ERR_VALUE, .why = ERR_NONE};
    struct err why = ERR_NONE;
    struct jv one;
    arena_reset(&m->a);
    int rc = json_parse(m->doc, v->text, &one, &why);
    if (rc == OK && json_type(one) != JSON_OBJECT)
        rc = err_set(&why, ERR_VALUE, "a case is an object");
    if (rc < 0) {
        why.line = v->line;
        return on_broken(m, &why, e);
    }
    m->verb->ask(m, one, &answer);
    tell(m, &answer);
    return OK;
}

static int ask_files(struct asking *m)
{
    const struct json_sink sink = {m, on_value, on_broken, NULL};
    char *standard[] = {"-"};
    char **paths = m->c->argc > 1 ? m->c->argv + 1 : standard;
    int n = m->c->argc > 1 ? m->c->argc - 1 : 1, worst = EXIT_DONE;
    for (int i = 0; i < n; i++) {
        struct err e = ERR_NONE;
        int rc = json_in_each(m->c, paths[i], strcmp(paths[i], "-") == 0, &sink, &e);
        if (rc == ERR_SYNTAX || rc == ERR_VALUE || rc == ERR_LIMIT || rc == ERR_CORRUPT)
            (void)on_broken(m, &e, &e);
        else if (rc < 0)
            worst = could_not(m->c, &e);
    }
    return worst == EXIT_DONE && m->failed ? EXIT_FINDINGS : worst;
}

/* ---- patterns as arguments
 * ------------------------------------------------------------------------------------------------------- */

/* The line of the pattern that is wrong, and a mark under the place. */
static void point_at(FILE *out, struct sv pattern, const struct err *why)
{
    size_t at = why->offset < pattern.n ? (size_t)why->offset : pattern.n;
    size_t begin = sv_rchr(sv_sub(pattern, 0, at), '\n');
    begin = begin == SIZE_MAX ? 0 : begin + 1;
    size_t end = sv_chr(sv_sub(pattern, at, SIZE_MAX), '\n');
    struct sv line = sv_sub(pattern, begin, end == SIZE_MAX ? SIZE_MAX : at - begin + end);
    uint64_t column = pattern_column(pattern, at);
    if (line.n > 200)
        return;
    fputs("  ", out);
    print_safe(out, line);
    fprintf(out, "\n  %*s^ line %llu, column %llu\n", (int)column - 1, "", (unsigned long long)why->line,
            (unsigned long long)column);
}

static int check_argument(struct asking *m, char *text)
{
    struct answer answer = {.value = ERR_VALUE, .why = ERR_NONE};
    check_pattern(m, sv_c(text), m->flags, &answer);
    if (m->c->json) {
        tell(m, &answer);
    } else if (answer.value == 1) {
        fputs("valid\n", m->c->out);
    } else {
        fprintf(m->c->out, "not valid: ");
        print_safe(m->c->out, sv_c(answer.why.text));
        fputc('\n', m->c->out);
        point_at(m->c->out, answer.pattern, &answer.why);
    }
    return answer.value == 1 ? EXIT_DONE : EXIT_FINDINGS;
}

static int compare_arguments(struct asking *m, char *a, char *b)
{
    struct answer answer = {.why = ERR_NONE};
    answer.value = pattern_equivalent(sv_c(a), sv_c(b), m->flags | PATTERN_REPEATED_QUALIFIERS, &answer.why);
    if (answer.value < 0 && !m->c->json)
        return could_not(m->c, &answer.why);
    if (m->c->json)
        tell(m, &answer);
    else
        fputs(answer.value ? "equivalent\n" : "different, as far as the laws of the language tell\n",
              m->c->out);
    return answer.value < 0 ? EXIT_FINDINGS : EXIT_DONE;
}

/* Patterns begin with a bracket; names of files that do are written "./[...". */
static bool is_pattern(const char *argument)
{
    struct sv s = sv_trim(sv_c(argument));
    return sv_starts(s, SV("[")) || sv_starts(s, SV("("));
}

static int ask(struct asking *m)
{
    char **argv = m->c->argv;
    int argc = m->c->argc;
    if (m->verb->ask == ask_check && argc == 2 && is_pattern(argv[1]))
        return check_argument(m, argv[1]);
    if (m->verb->ask == ask_equivalent && argc == 3 && is_pattern(argv[1]) && is_pattern(argv[2]))
        return compare_arguments(m, argv[1], argv[2]);
    return ask_files(m);
}

static int run(struct cmd *c)
{
    const char *version = NULL;
    const struct opt opts[] = {{"--stix-version", &version, NULL}, {NULL, NULL, NULL}};
    struct asking m = {.c = c};
    struct err e = ERR_NONE;
    if (!opts_take(c, &cmd_pattern, opts))
        return EXIT_USAGE;
    for (size_t i = 0; c->argc && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(c->argv[0], verbs[i].name) == 0)
            m.verb = &verbs[i];
    if (!m.verb)
        return usage_error(c, &cmd_pattern, "say what to do: check, match or equivalent");
    if (version && strcmp(version, "2.0") != 0 && strcmp(version, "2.1") != 0)
        return usage_error(c, &cmd_pattern, "--stix-version is 2.0 or 2.1");
    m.flags = version && strcmp(version, "2.0") == 0 ? PATTERN_V20 : 0;
    m.doc = json_doc_new(JSON_IN_MEMBER);
    if (!m.doc) {
        err_set(&e, ERR_MEMORY, "no memory for a JSON parser");
        return could_not(c, &e);
    }
    arena_init(&m.a, SCRATCH_MAX);
    buf_init(&m.line, 1u << 20);
    int code = ask(&m);
    json_doc_free(m.doc);
    arena_clear(&m.a);
    buf_clear(&m.line);
    return code;
}

const struct command cmd_pattern = {
    "pattern", "checks, matches and compares STIX patterns",
    "usage: noroshi pattern check PATTERN\n"
    "       noroshi pattern equivalent PATTERN PATTERN\n"
    "       noroshi pattern check|match|equivalent [FILE...]\n\n"
    "Patterns of STIX 2.1 part 9, and of 2.0. No home is needed.\n\n"
    "Without a PATTERN it reads cases: JSON lines from stdin, or files of lines or of {\"cases\":[...]}; one "
    "JSON "
    "line a\n"
    "case comes out, in the same order. A line that is no case gives null and its error, and the next is "
    "read.\n\n"
    "  check        {\"pattern\":...}                       -> {\"valid\",\"error\",\"line\",\"column\"}\n"
    "  match        {\"pattern\":...,\"observed_data\":[...]} -> {\"match\",\"error\"}; the list holds "
    "bundles, 2.1\n"
    "               objects, or 2.0 observed-data; null when there is no answer\n"
    "  equivalent   {\"a\":...,\"b\":...}                     -> {\"equivalent\",\"error\"}\n\n"
    "  --stix-version 2.0|2.1   where a case has no \"stix_version\" (2.1)\n"
    "  --json                   one JSON line for a PATTERN too\n\n"
    "examples:\n"
    "  noroshi pattern check \"[domain-name:value = 'login.example']\"\n"
    "  noroshi pattern equivalent \"[a:b = 1 AND a:c = 2]\" \"[a:c = 2 AND a:b = 1]\"\n"
    "  noroshi pattern match < cases.jsonl\n\n"
    "exit codes: 0 done, 1 some are not valid or gave an error, 2 wrong use, 3 could not\n",
    NEEDS_NOTHING, run};
