/*
 * Members of one JSON object or array as views of its text, without parsing them: the bytes of a record stay
 * as they came, a broken member does not hide the others, and a head that ends in the middle can be looked
 * at. Only brackets and strings are understood here; each value is checked by json_parse afterwards.
 */
#pragma once

#include "base/base.h"

struct span_it {
    const char *p;
    const char *end;
    char close; /* '}' or ']' */
    bool first;
    bool bad;          /* the text between members is not JSON; nothing more is given */
    bool cut;          /* the text ended before the closing bracket */
    const char *after; /* where the walk ended: behind the closing bracket, or at the fault */
};

/* Passes a byte order mark and white space. False when the text does not begin with '{' or '['. */
bool span_open(struct span_it *it, struct sv text);
/*
 * The next member. Of an object: the key as it stands between its quotes (escapes are not decoded) and the
 * value's text; of an array: key SV_NONE. A value that the end of the text cuts is given as far as it goes,
 * with it->cut set.
 */
bool span_next(struct span_it *it, struct sv *ret_key, struct sv *ret_value);
/* Value of a key of an object's text as a span, SV_NONE when absent. The first of the name. */
struct sv span_get(struct sv object, struct sv key);
/* What stands between the quotes of a string value's text (escapes are not decoded); SV_NONE when it is no
 * string. */
struct sv span_str(struct sv value);
/* '{', '[', '"' or another first byte of a value; 0 when empty. */
char span_first(struct sv value);

/* Counts lines of a text in the order they are asked for; going back is allowed and starts again. */
struct span_lines {
    const char *start;
    const char *at;
    uint64_t first; /* line of `start` */
    uint64_t line;
};
uint64_t span_line(struct span_lines *l, const char *p);
