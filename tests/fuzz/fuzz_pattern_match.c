/* A pattern, a NUL byte, and JSON of observations: evaluated, joined and compared without a crash and within
 * the limits; a pattern is equivalent to itself. */
#include "stix/pattern_match.h"

#include <stdlib.h>

static void evaluate(const struct pattern *p, struct sv json)
{
    struct json_doc *doc = json_doc_new(1u << 20);
    struct pat_seen *seen;
    struct arena a;
    struct err e = ERR_NONE;
    struct jv root;
    size_t n;
    bool match;
    arena_init(&a, 64u << 20);
    if (doc && json_parse(doc, json, &root, &e) == OK && pattern_read_seen(root, &a, &seen, &n, &e) == OK) {
        int rc = pattern_match(p, seen, n, &a, &match, &e);
        if (rc > 0 || (rc < 0 && e.code != rc))
            abort();
    }
    json_doc_free(doc);
    arena_clear(&a);
}

static void triggers(const struct pattern *p)
{
    struct arena a;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < pattern_expressions(p) && i < 64; i++) {
        const struct obs *o;
        size_t n;
        if (pattern_triggers(p, i, &a, &o, &n) && n == 0)
            abort();
    }
    arena_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv all = {(const char *)data, size};
    size_t cut = sv_chr(all, 0);
    struct sv text = sv_sub(all, 0, cut), json = cut == SIZE_MAX ? SV("[]") : sv_sub(all, cut + 1, SIZE_MAX);
    struct pattern *p = NULL;
    struct err e = ERR_NONE;
    if (size > 1u << 16)
        return 0;
    if (pattern_new(text, PATTERN_CANONICAL | PATTERN_REPEATED_QUALIFIERS, &p, &e) == OK) {
        evaluate(p, json);
        triggers(p);
        if (pattern_equivalent(text, text, PATTERN_REPEATED_QUALIFIERS, &e) == 0)
            abort();
    }
    pattern_free(p);
    return 0;
}
