/*
 * JSON in and out.
 *
 * In: simdjson's DOM, one document a call, behind this header (json_dom.cc is the only C++ file of the
 * project). Refuses what RFC 8259 refuses, and also duplicate keys, lone surrogates, numbers outside of
 * int64, uint64 and double (ERR_VALUE), and values below level 64, where the outermost is level 1
 * (ERR_LIMIT). Views and `struct jv` die at the next json_parse on the same document. Out: a streaming
 * writer, and the canonical form of RFC 8785 for hashing.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#define JSON_MAX_DEPTH 64

enum json_type {
    JSON_NONE,
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_UINT,
    JSON_FLOAT,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value inside a parsed document: borrowed, two words, passed by value. {0} is "absent" (JSON_NONE). */
struct jv {
    const void *doc;
    size_t at;
};

struct json_doc;
/* A parser with its buffers; reuse it for many documents. `max` bytes a document at most. NULL without
 * memory. */
struct json_doc *json_doc_new(size_t max);
void json_doc_free(struct json_doc *d);
/*
 * Parses one whole document. Leading and trailing white space is allowed, trailing text is not.
 * On error `e` holds what was expected and e->line / e->offset the exact place inside `text`.
 */
int json_parse(struct json_doc *d, struct sv text, struct jv *ret, struct err *e) MUST_USE;
/* As json_parse but without the duplicate-key pass, for sensor events where the first key of a name wins. */
int json_parse_event(struct json_doc *d, struct sv text, struct jv *ret, struct err *e) MUST_USE;
/* Whether the text is one JSON value, found by reading its bytes only: for text that somebody else says he
 * parsed. */
bool json_is_whole(struct sv text);

enum json_type json_type(struct jv v);
/* Member of an object by key; absent when not an object or no such key. */
struct jv json_get(struct jv object, struct sv key);
/* Nested: json_path(v, "a", "b", NULL). */
struct jv json_path(struct jv object, ...) __attribute__((sentinel));
/* Text of a string; SV_NONE when not a string. May hold NUL bytes. */
struct sv json_str(struct jv v);
struct sv json_get_str(struct jv object, struct sv key);
/* True and value when it is an integer in range (floats with no fraction are not integers). */
bool json_i64(struct jv v, int64_t *ret);
bool json_u64(struct jv v, uint64_t *ret);
bool json_f64(struct jv v, double *ret); /* any number */
bool json_bool(struct jv v, bool *ret);
/* Number of elements or members; 0 otherwise. */
size_t json_count(struct jv v);

/* Walk over an array (key empty) or object: struct json_it it = json_each(v); while (json_next(&it, &key,
 * &val)) ... */
struct json_it {
    const void *doc;
    size_t at;
    size_t end;
    bool object;
};
struct json_it json_each(struct jv v);
bool json_next(struct json_it *it, struct sv *ret_key, struct jv *ret_value);

/* Canonical form of RFC 8785 (keys by UTF-16 code units, numbers as ECMAScript). ERR_VALUE for integers
 * beyond 2^53-1. */
int json_canonical(struct jv v, struct buf *out, struct err *e) MUST_USE;
/* Writes the value again as compact JSON: strings re-escaped, integers exact, floats shortest round-trip. */
void json_add(struct buf *out, struct jv v);

/*
 * Splitter: finds the members of one top-level array without parsing them, so that a bundle of gigabytes
 * needs the memory of one member. Feed it bytes as they come. It understands three shapes: `[ ... ]`; an
 * object holding the array under `key` (depth 1); a single object (one member). Members are checked by
 * json_parse afterwards; the splitter itself checks brackets, strings and the frame around members.
 */
struct json_split;
enum json_split_shape { SPLIT_UNKNOWN, SPLIT_ARRAY, SPLIT_KEYED, SPLIT_SINGLE };
/* `max_member` bytes a member, and the frame, at most. NULL without memory. */
struct json_split *json_split_new(struct sv key, size_t max_member);
void json_split_free(struct json_split *s);
/* Appends input. Views given by json_split_next die. */
int json_split_feed(struct json_split *s, struct sv bytes, bool last, struct err *e) MUST_USE;
/*
 * 1 and a member with its byte offset in the whole input; 0 when more input is needed or the end is reached;
 * negative on a broken frame, for ever, with e->offset. ERR_LIMIT is not for ever: a member, or an outer
 * object, that is too long was passed over; call again for what follows.
 */
int json_split_next(struct json_split *s, struct sv *ret_member, uint64_t *ret_offset,
                    struct err *e) MUST_USE;
enum json_split_shape json_split_shape(const struct json_split *s);
/*
 * The frame without the array: for SPLIT_KEYED the outer object with `key` set to [] (type, id, spec_version
 * of a bundle...). Complete after the end, none after an error in it.
 */
struct sv json_split_frame(const struct json_split *s);

/* Writer: keeps commas and nesting right. Strings that are not UTF-8 are written with U+FFFD. */
struct jw {
    struct buf *b;
    uint64_t comma; /* bit per level: a comma is due */
    unsigned depth;
    bool after_key;
};
void jw_init(struct jw *w, struct buf *b);
void jw_obj(struct jw *w);
void jw_arr(struct jw *w);
void jw_end_obj(struct jw *w);
void jw_end_arr(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_key_sv(struct jw *w, struct sv key);
void jw_str(struct jw *w, struct sv s);
void jw_int(struct jw *w, int64_t v);
void jw_uint(struct jw *w, uint64_t v);
void jw_double(struct jw *w, double v); /* shortest round-trip as ECMAScript; NaN and infinities as null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct sv json); /* already JSON */
/* Key and value in one call. jw_kstr with p == NULL writes null. */
void jw_kstr(struct jw *w, const char *key, struct sv s);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kbool(struct jw *w, const char *key, bool v);
/* {"code","text","remedy","file","line","offset"} with what is known. */
void jw_err(struct jw *w, const struct err *e);
