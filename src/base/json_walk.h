/*
 * The accessors of json.h once more, inline, for loops that visit every member of every event: there the
 * calls cost as much as the work. Same meaning, same lifetimes. Everything else includes base/json.h.
 */
#pragma once

#include "base/json_private.h"

/* One member of an object or element of an array after the other; `at` and `end` are places on the tape. */
struct json_walk {
    const struct json_tape *tape;
    size_t at;
    size_t end;
};

/* '{' '[' '"' 'l' 'u' 'd' 't' 'f' 'n', as simdjson's tape has them; 0 = absent. */
static inline char json_walk_type(struct jv v)
{
    return v.doc ? json_tape_type(v.doc, v.at) : 0;
}

/* `v` must be an object or array. */
static inline struct json_walk json_walk_in(struct jv v)
{
    return (struct json_walk){v.doc, v.at + 1, json_tape_skip(v.doc, v.at) - 1};
}

static inline bool json_walk_member(struct json_walk *w, struct sv *ret_key, struct jv *ret_value)
{
    if (w->at >= w->end)
        return false;
    *ret_key = json_tape_str(w->tape, w->at);
    *ret_value = (struct jv){w->tape, w->at + 1};
    w->at = json_tape_skip(w->tape, w->at + 1);
    return true;
}

static inline bool json_walk_element(struct json_walk *w, struct jv *ret_value)
{
    if (w->at >= w->end)
        return false;
    *ret_value = (struct jv){w->tape, w->at};
    w->at = json_tape_skip(w->tape, w->at);
    return true;
}

/* Text of a value that is a string. */
static inline struct sv json_walk_str(struct jv v)
{
    return json_tape_str(v.doc, v.at);
}
