#include "stix/pattern_private.h"

/* A path may follow references in a circle as often as it is long. */
#define LISTS_MAX 200

enum form { FORM_PLAIN, FORM_HEX, FORM_BASE64, FORM_REF, FORM_REFS };

struct walk {
    struct pat_eval *v;
    pat_value_fn each;
    void *ctx;
};
/* Where the walk stands: a value, and what the name of its property says of it. */
struct place {
    struct jv value;
    enum form form;
    struct sv name;
};

int pat_spend(struct pat_eval *v, uint64_t steps, struct err *e)
{
    if (steps <= v->left) {
        v->left -= steps;
        return OK;
    }
    v->left = 0;
    err_set(e, ERR_LIMIT, "the pattern takes more than %llu steps over these observations",
            (unsigned long long)PATTERN_STEPS_MAX);
    return err_hint(
        e, "give it fewer observations at a time, or a pattern with fewer [*], REPEATS and FOLLOWEDBY");
}

/* STIX 2.1 sections 2 and 3.1: the end of a property's name tells its type. */
static enum form form_of(struct sv name)
{
    return sv_ends(name, SV("_hex"))    ? FORM_HEX
           : sv_ends(name, SV("_bin"))  ? FORM_BASE64
           : sv_ends(name, SV("_ref"))  ? FORM_REF
           : sv_ends(name, SV("_refs")) ? FORM_REFS
                                        : FORM_PLAIN;
}

static struct jv resolve(const struct pat_seen *seen, struct sv id)
{
    size_t low = 0, high = seen->nscope;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = sv_cmp(seen->scope[mid].id, id);
        if (order == 0)
            return seen->scope[mid].value;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return (struct jv){0};
}

static int wrong(struct err *e, struct sv name, const char *what)
{
    char shown[64];
    return err_set(e, ERR_VALUE, "the value of \"%s\" is no %s", sv_show(name, shown, sizeof(shown)), what);
}

static int give(struct walk *w, const struct place *at, struct err *e)
{
    struct pat_value value = {.json = at->value};
    struct sv text = json_str(at->value);
    if (text.p && (at->form == FORM_HEX || at->form == FORM_BASE64)) {
        char *out = arena_alloc(&w->v->decoded, text.n / 2 + 1);
        value.binary = true;
        if (!out)
            return err_set(e, ERR_LIMIT, "the binary values of the observations are too long");
        if (at->form == FORM_HEX) {
            value.bytes = sv_from(out, text.n / 2);
            if (text.n % 2 || (text.n && !hex_parse(text, out, text.n / 2)))
                return wrong(e, at->name, "pairs of hexadecimal digits");
        } else if (text.n == 0) {
            value.bytes = SV("");
        } else if (!base64_parse(&w->v->decoded, text, &value.bytes)) {
            return wrong(e, at->name, "base64");
        }
    }
    int rc = pat_spend(w->v, 1 + text.n / 16, e);
    return rc < 0 ? rc : w->each(w->ctx, &value, e);
}

/* What a reference points at, when the path goes on behind it. 0: it points nowhere. */
static int follow(struct walk *w, struct place *at, struct err *e)
{
    struct sv id = json_str(at->value);
    if (!id.p)
        return wrong(e, at->name, "reference");
    at->value = resolve(w->v->seen, id);
    at->form = FORM_PLAIN;
    return json_type(at->value) == JSON_OBJECT;
}

static int member(struct walk *w, struct place *at, const struct pat_step *s, struct err *e)
{
    int rc = at->form == FORM_REF ? follow(w, at, e) : 1;
    if (rc <= 0)
        return rc;
    at->value = json_get(at->value, s->key);
    at->name = s->key;
    at->form = form_of(s->key);
    if (json_type(at->value) == JSON_NONE)
        return 0;
    if (at->form == FORM_REF && !json_str(at->value).p)
        return wrong(e, s->key, "reference");
    return at->form == FORM_REFS && json_type(at->value) != JSON_ARRAY
               ? wrong(e, s->key, "list of references")
               : 1;
}

static int element(struct walk *w, struct place *at, int64_t index, struct err *e)
{
    struct json_it it = json_each(at->value);
    struct sv key;
    struct jv value;
    if (json_type(at->value) != JSON_ARRAY || index < 0 || (uint64_t)index >= json_count(at->value))
        return 0;
    int rc = pat_spend(w->v, (uint64_t)index, e);
    for (int64_t i = 0; rc == OK && json_next(&it, &key, &value); i++) {
        if (i < index)
            continue;
        at->value = value;
        at->form = at->form == FORM_REFS ? FORM_REF : FORM_PLAIN;
        return 1;
    }
    return rc;
}

static int walk_from(struct walk *w, const struct pat_step *s, struct place at, unsigned lists,
                     struct err *e);

static int each_element(struct walk *w, const struct pat_step *s, const struct place *at, unsigned lists,
                        struct err *e)
{
    struct json_it it = json_each(at->value);
    struct place next = {.name = at->name, .form = at->form == FORM_REFS ? FORM_REF : FORM_PLAIN};
    struct sv key;
    int rc = OK;
    if (json_type(at->value) != JSON_ARRAY)
        return OK;
    if (lists == LISTS_MAX)
        return err_set(e, ERR_LIMIT, "more than %u [*] in a path", LISTS_MAX);
    while (rc == OK && json_next(&it, &key, &next.value))
        rc = walk_from(w, s->next, next, lists + 1, e);
    return rc;
}

static int walk_from(struct walk *w, const struct pat_step *s, struct place at, unsigned lists, struct err *e)
{
    for (; s; s = s->next) {
        int rc = pat_spend(w->v, 4, e);
        if (rc < 0)
            return rc;
        if (s->type == STEP_ANY)
            return each_element(w, s, &at, lists, e);
        rc = s->type == STEP_KEY ? member(w, &at, s, e) : element(w, &at, s->index, e);
        if (rc <= 0)
            return rc;
    }
    return give(w, &at, e);
}

int pat_path_each(struct pat_eval *v, const struct pat_step *path, struct jv object, pat_value_fn each,
                  void *ctx, struct err *e)
{
    struct walk w = {v, each, ctx};
    return walk_from(&w, path, (struct place){.value = object}, 0, e);
}
