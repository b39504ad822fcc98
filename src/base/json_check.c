/* Repeated keys, which simdjson lets pass. Compared on the tape, where escapes are decoded already. */
#include "base/json.h"

#include "base/json_private.h"

#include <stdlib.h>

/* Objects up to this many members are checked without memory. */
#define FEW 64

struct name {
    struct sv text;
    size_t at;
};

/* Returns the tape index of the second of two equal keys, 0 when all differ. */
static size_t repeat_among_few(const struct json_tape *t, size_t at, size_t end)
{
    uint64_t heads[FEW];
    const char *names[FEW];
    uint64_t seen = 0;

    for (size_t n = 0; at < end; at = json_tape_skip(t, at + 1), n++) {
        struct sv name = json_tape_str(t, at);
        uint64_t head = json_tape_head(t, at) & json_head_mask(name.n);
        uint64_t last = (uint8_t)name.p[name.n - (name.n > 0)];
        uint64_t bit = 1ull << ((head ^ last << 24) * 0x9E3779B97F4A7C15u >> 58);

        if (seen & bit)
            for (size_t i = 0; i < n; i++)
                if (heads[i] == head && memcmp(names[i], name.p, name.n) == 0)
                    return at;
        seen |= bit;
        heads[n] = head;
        names[n] = name.p;
    }
    return 0;
}

static int name_order(const void *x, const void *y)
{
    const struct name *a = x, *b = y;
    int order;

    if (a->text.n != b->text.n)
        return a->text.n < b->text.n ? -1 : 1;
    order = memcmp(a->text.p, b->text.p, a->text.n);
    if (order != 0)
        return order;
    return a->at < b->at ? -1 : 1;
}

/* Sorting, not hashing: its worst case does not depend on who chose the keys. */
static int repeat_among_many(const struct json_tape *t, size_t at, size_t end, size_t members, size_t *ret_at)
{
    struct name *names = calloc(members, sizeof *names);
    size_t n = 0, found = 0;

    if (!names)
        return ERR_MEMORY;
    for (; at < end && n < members; at = json_tape_skip(t, at + 1))
        names[n++] = (struct name){json_tape_str(t, at), at};
    qsort(names, n, sizeof *names, name_order);
    for (size_t i = 1; i < n; i++)
        if (names[i].text.n == names[i - 1].text.n &&
            memcmp(names[i].text.p, names[i - 1].text.p, names[i].text.n) == 0 &&
            (found == 0 || names[i].at < found))
            found = names[i].at;
    free(names);
    *ret_at = found;
    return OK;
}

static int repeat_in_object(const struct json_tape *t, size_t object, size_t *ret_at)
{
    size_t end = json_tape_skip(t, object) - 1;
    size_t members = json_count((struct jv){t, object});

    *ret_at = 0;
    if (members > FEW)
        return repeat_among_many(t, object + 1, end, members, ret_at);
    *ret_at = repeat_among_few(t, object + 1, end);
    return OK;
}

/* The next word in document order, containers entered. */
static size_t step_into(const struct json_tape *t, size_t at)
{
    char type = json_tape_type(t, at);

    return at + (type == 'l' || type == 'u' || type == 'd' ? 2 : 1);
}

int json_find_duplicate(const struct json_tape *t, size_t *ret_nth)
{
    size_t end = (uint32_t)t->words[0] - 1;
    size_t first = 0, strings = 0;

    /* An outer object stands before its members on the tape, so an inner repeat may come first in the text.
     */
    for (size_t at = 1; at < end;) {
        size_t repeat = 0;
        if (json_tape_type(t, at) == '{') {
            int rc = repeat_in_object(t, at, &repeat);
            if (rc)
                return rc;
        }
        if (repeat != 0 && (first == 0 || repeat < first))
            first = repeat;
        at = step_into(t, at);
    }
    if (first == 0)
        return OK;
    for (size_t at = 1; at < first;) {
        strings += json_tape_type(t, at) == '"';
        at = step_into(t, at);
    }
    *ret_nth = strings;
    return ERR_VALUE;
}
