#include "stix/pattern.h"
#include "stix/private.h"
#include "stix/values.h"

/* What is known by one of these is known for good; fuzzy hashes only resemble each other. */
static const enum kind kinds[] = {KIND_MD5, KIND_SHA1, KIND_SHA224, KIND_SHA256, KIND_SHA384, KIND_SHA512};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct hashes {
    struct arena *a;
    stix_file_fn each;
    void *ctx;
    unsigned group;
    struct obs found[KINDS];
    bool two; /* of one algorithm: these are two files */
};

static void add(struct hashes *h, enum kind kind, struct sv text)
{
    struct obs o;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i] != kind || !value_read(h->a, kind, text, &o))
            continue;
        h->two |= h->found[i].kind != KIND_NONE && !sv_eq(h->found[i].value, o.value);
        h->found[i] = o;
    }
}

/* Gives what was gathered when it is two hashes or more, and begins anew. */
static void give(struct hashes *h)
{
    size_t n = 0;
    for (size_t i = 0; i < KINDS; i++)
        n += h->found[i].kind != KIND_NONE;
    if (n > 1 && !h->two && h->group < STIX_FILES_MAX) {
        h->group++;
        for (size_t i = 0; i < KINDS; i++)
            if (h->found[i].kind != KIND_NONE)
                h->each(h->ctx, h->group, &h->found[i]);
    }
    memset(h->found, 0, sizeof(h->found));
    h->two = false;
}

/* "file:hashes.MD5 = '...'": one value, and what the pattern looks for. */
static void add_test(struct hashes *h, const struct pat_node *n)
{
    const struct pat_step *s = n->path;
    bool hash = sv_eq(n->object_type, SV("file")) && s && s->type == STEP_KEY &&
                sv_eq(s->key, SV("hashes")) && s->next && s->next->type == STEP_KEY && !s->next->next;
    bool one = !n->negated && (n->op == OP_EQ || n->op == OP_IN) && n->literals && !n->literals->next &&
               n->literals->type == LIT_STRING;
    if (hash && one)
        add(h, value_hash_kind(n->object_type, s->next->key), n->literals->bytes);
}

static void gather(struct hashes *h, const struct pat_node *n)
{
    if (n->type == PAT_TEST)
        add_test(h, n);
    for (const struct pat_node *c = n->first; c; c = c->next)
        gather(h, c);
}

/* One observation expression is about one thing (STIX 2.1 9.5); what others join may be another. */
static void each_observation(struct hashes *h, const struct pat_node *n)
{
    if (n->type == PAT_OBSERVED) {
        gather(h, n);
        give(h);
        return;
    }
    for (const struct pat_node *c = n->first; c; c = c->next)
        each_observation(h, c);
}

void stix_file_hashes(struct jv object, struct arena *a, stix_file_fn each, void *ctx)
{
    struct hashes h = {.a = a, .each = each, .ctx = ctx};
    struct sv type = json_get_str(object, SV("type")), key;
    struct sv pattern = json_get_str(object, SV("pattern")),
              language = json_get_str(object, SV("pattern_type"));
    struct pat_node *root;
    struct err e = ERR_NONE;
    struct jv v;
    if (sv_eq(type, SV("file")) || sv_eq(type, SV("artifact"))) {
        struct json_it it = json_each(json_get(object, SV("hashes")));
        while (json_next(&it, &key, &v))
            add(&h, value_hash_kind(type, key), json_str(v));
        give(&h);
    } else if (sv_eq(type, SV("indicator")) && pattern.p && (!language.p || sv_eq(language, SV("stix"))) &&
               pattern_parse(pattern, a, &root, &e) == OK) {
        each_observation(&h, root);
    }
}
