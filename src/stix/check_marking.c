#include "stix/check.h"

#include "stix/private.h"

/* The next step of "a.[0].b"; false when it is malformed. */
static bool next_step(struct sv *rest, struct sv *ret_key, uint64_t *ret_index, bool *ret_is_index)
{
    struct sv part;
    if (!sv_cut(rest, '.', &part) || part.n == 0 || part.n > 250)
        return false;
    *ret_is_index = part.p[0] == '[';
    if (!*ret_is_index) {
        *ret_key = part;
        return true;
    }
    return part.n >= 3 && part.p[part.n - 1] == ']' && sv_u64(sv_sub(part, 1, part.n - 2), ret_index);
}

static struct jv member_at(struct jv list, uint64_t index)
{
    struct sv key;
    struct jv v;
    struct json_it it = json_each(list);
    for (uint64_t i = 0; json_type(list) == JSON_ARRAY && json_next(&it, &key, &v); i++)
        if (i == index)
            return v;
    return (struct jv){0};
}

bool selector_exists(struct jv object, struct sv selector, size_t *budget, bool *ret_malformed)
{
    struct jv at = object;
    struct sv rest = selector, key;
    uint64_t index;
    bool is_index, first = true;
    *ret_malformed = selector.n == 0;
    while (rest.p && !*ret_malformed && json_type(at) != JSON_NONE) {
        size_t cost = json_count(at) + 1;
        if (cost > *budget)
            return false;
        *budget -= cost;
        *ret_malformed = !next_step(&rest, &key, &index, &is_index) || (first && is_index);
        if (!*ret_malformed)
            at = is_index ? member_at(at, index) : json_get(at, key);
        first = false;
    }
    return !*ret_malformed && json_type(at) != JSON_NONE;
}

/* 7.2.3.1: property names and list positions between dots, and the content must be there. */
void check_selector(struct check *c, struct sv selector)
{
    bool malformed;
    if (selector_exists(c->root, selector, &c->budget, &malformed))
        return;
    if (malformed)
        say(c, STIX_MUST, "7.2.3.1",
            "a selector is made of property names and [positions] with dots between");
    else if (c->budget < json_count(c->root))
        say(c, STIX_MUST, "7.2.3.1", "more selectors than are checked");
    else
        say(c, STIX_MUST, "7.2.3.1", "the selector \"%.*s\" points at nothing",
            SV_ARG(sv_sub(selector, 0, 100)));
}
