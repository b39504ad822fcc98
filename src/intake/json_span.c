#include "intake/json_span.h"

#include "base/json_nest.h"

static void pass_space(struct span_it *it)
{
    while (it->p < it->end && json_space(*it->p))
        it->p++;
}

bool span_open(struct span_it *it, struct sv text)
{
    *it = (struct span_it){.p = text.p, .end = text.p ? text.p + text.n : NULL, .first = true};
    if (sv_starts(text, SV("\xEF\xBB\xBF")))
        it->p += 3;
    pass_space(it);
    it->after = it->p;
    if (it->p == it->end || (*it->p != '{' && *it->p != '['))
        return false;
    it->close = *it->p == '{' ? '}' : ']';
    it->p++;
    return true;
}

static bool stop(struct span_it *it, bool bad)
{
    it->bad = bad;
    it->cut = !bad && it->p == it->end;
    it->after = it->p;
    it->p = it->end;
    return false;
}

/* Takes a string off, from its opening quote on. False when the text ends inside. */
static bool take_string(struct span_it *it, struct sv *ret_inner)
{
    struct nest nest = {.string = true};
    const char *open = it->p + 1;
    size_t at = 0;
    bool closed = nest_string(&nest, open, &at, (size_t)(it->end - open));

    *ret_inner = sv_from(open, closed ? at - 1 : at);
    it->p = open + at;
    return closed;
}

/* Passes one value up to the comma or bracket behind it; false when the text ends first. */
static bool pass_value(struct span_it *it)
{
    struct nest nest = {0};
    struct sv inner;

    for (; it->p < it->end; it->p++) {
        char c = *it->p;
        if (c == '"') {
            if (!take_string(it, &inner))
                return false;
            it->p--;
        } else if (c == '{' || c == '[') {
            nest_open(&nest, c);
        } else if ((nest.depth == 0 && c == ',') || ((c == '}' || c == ']') && !nest_close(&nest, c))) {
            return true; /* a closing bracket of the wrong kind is found by the caller */
        }
    }
    return false;
}

/* At a key: takes it and the colon. */
static bool take_key(struct span_it *it, struct sv *ret_key)
{
    if (*it->p != '"')
        return stop(it, true);
    if (!take_string(it, ret_key))
        return stop(it, false);
    pass_space(it);
    if (it->p == it->end)
        return stop(it, false);
    if (*it->p != ':')
        return stop(it, true);
    it->p++;
    pass_space(it);
    return true;
}

/* Passes the comma between members. False at the end, wanted or not. */
static bool to_member(struct span_it *it)
{
    pass_space(it);
    if (it->p == it->end)
        return stop(it, false);
    if (*it->p == it->close) {
        it->after = it->p + 1;
        it->p = it->end;
        it->close = 0;
        return false;
    }
    if (!it->first) {
        if (*it->p != ',')
            return stop(it, true);
        it->p++;
        pass_space(it);
        if (it->p == it->end)
            return stop(it, false);
    }
    it->first = false;
    return true;
}

bool span_next(struct span_it *it, struct sv *ret_key, struct sv *ret_value)
{
    *ret_key = SV_NONE;
    if (it->bad || it->cut || it->close == 0 || !to_member(it))
        return false;
    if (it->close == '}' && !take_key(it, ret_key))
        return false;
    const char *start = it->p;
    it->cut = !pass_value(it);
    *ret_value = sv_trim(sv_from(start, (size_t)(it->p - start)));
    if (ret_value->n == 0 && !it->cut)
        return stop(it, true);
    if (it->cut)
        it->after = it->p;
    return true;
}

struct sv span_get(struct sv object, struct sv key)
{
    struct span_it it;
    struct sv k, v;

    if (!span_open(&it, object) || it.close != '}')
        return SV_NONE;
    while (span_next(&it, &k, &v))
        if (sv_eq(k, key))
            return v;
    return SV_NONE;
}

struct sv span_str(struct sv value)
{
    bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';

    return quoted ? sv_sub(value, 1, value.n - 2) : SV_NONE;
}

char span_first(struct sv value)
{
    return value.n ? value.p[0] : '\0';
}

uint64_t span_line(struct span_lines *l, const char *p)
{
    const char *next;

    if (p < l->at || l->line == 0) {
        l->at = l->start;
        l->line = l->first;
    }
    while (l->at < p && (next = memchr(l->at, '\n', (size_t)(p - l->at)))) {
        l->at = next + 1;
        l->line++;
    }
    l->at = p;
    return l->line;
}
