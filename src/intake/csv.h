/* Private to intake/: tables of text. */
#pragma once

#include "intake/private.h"

#define CSV_COLUMNS 128u /* a table with more is refused */
#define CSV_QUOTED_MOST                                                                                      \
    (1u << 20) /* a quoted field that does not end within so many bytes was never meant as one */

/* ---- csv_row.c
 * -----------------------------------------------------------------------------------------------------------
 */

struct csv_row {
    struct sv raw;                /* as it stands, without line end */
    struct sv field[CSV_COLUMNS]; /* unquoted, trimmed; views into the text or the arena */
    size_t n;                     /* columns, also past CSV_COLUMNS */
    size_t bytes;                 /* with line end */
    unsigned lines;
    bool open_quote; /* a quote is never closed: the row is its first line alone, not split */
};
/*
 * Reads the row at the beginning of `text` (RFC 4180, and any separator; text after a closing quote is kept).
 * `last`: no text follows. 1 = a row, 0 = more text is needed (or none is left).
 */
int csv_row_read(struct sv text, bool last, char separator, struct arena *a, struct csv_row *ret);
bool csv_row_empty(const struct csv_row *r);

/* ---- csv_map.c: what columns mean
 * ------------------------------------------------------------------------------------------ */

enum csv_role {
    ROLE_META, /* kept in `meta` under the column's name */
    ROLE_IGNORE,
    ROLE_VALUE,
    ROLE_TYPE,
    ROLE_FIRST,
    ROLE_LAST,
    ROLE_CREATED,
    ROLE_MODIFIED,
    ROLE_VALID_FROM,
    ROLE_VALID_UNTIL,
    ROLE_CONFIDENCE,
    ROLE_LABELS,
    ROLE_NOTE,
    ROLE_REFERENCE,
    ROLE_ID,
    ROLE_TLP,
};
/* What a value may be: one kind, addresses of both families, or anything. */
struct csv_want {
    enum kind kind; /* KIND_NONE = guess */
    bool address;   /* any address or prefix */
};
struct csv_column {
    enum csv_role role;
    struct csv_want want; /* ROLE_VALUE */
    bool utc;             /* times without zone are UTC: the name says so */
    bool unix_time;
    struct sv name; /* key in `meta` */
};
/* A source's mapping, read. */
struct csv_mapping {
    struct json_doc *doc;
    struct jv columns; /* absent = by name */
    int header;        /* rows; -1 = found out */
    char separator;    /* 0 = found out */
    struct sv labels;
    int confidence; /* -1 = not said */
    bool context;
    struct jv fields;  /* of JSON records: pointer to role; absent = none */
    struct sv records; /* pointer to the list of records; "" = the file is the list, or lines */
    bool events;       /* records are events: roles are those of json_event_role */
    bool replace;      /* a state: newer rows replace what was said, see CLAIM_REPLACE */
    struct sv as_of;   /* what stands before the time of the whole table in its comments; "" */
    struct sv members; /* patterns of the names of an archive's members that are read; "" = all */
};
int csv_mapping_read(struct sv text, struct csv_mapping *ret, struct err *e) MUST_USE;
void csv_mapping_clear(struct csv_mapping *m);
/* Role of column `number` (from 0) named `name` ("" without header). */
void csv_column_by_name(struct sv name, struct arena *a, struct csv_column *ret);
void csv_column_by_mapping(const struct csv_mapping *m, size_t number, struct sv name, struct arena *a,
                           struct csv_column *ret);
/* The field of a JSON record: its role is the mapping's, its name the pointer without its slash. */
void csv_column_by_pointer(struct sv pointer, struct sv role, struct csv_column *ret);
/* What the text of a type column wants; false when it is no type we know. */
bool csv_type(struct sv text, struct csv_want *ret);
/* Reads a value as wanted; one that the type does not fit is tried as another of the same family (addresses
 * and names, hashes). */
int csv_value(struct arena *a, struct csv_want want, struct sv text, struct obs *ret, struct err *e) MUST_USE;

/* ---- csv_plan.c: how a file is laid out
 * -------------------------------------------------------------------------------------- */

struct csv_plan {
    char separator;
    unsigned header;     /* rows that are no records, after comments */
    bool comment_header; /* the names stand in a comment: "# a,b,c" */
    size_t width;
    struct csv_column column[CSV_COLUMNS];
    int certain; /* as intake_format.detect */
};
/* Looks at the beginning of a file. Names live in `a`. False when it is no table with a column of values. */
bool csv_plan_make(struct sv head, const struct csv_mapping *m, struct arena *a, struct csv_plan *ret);
/* "", "-", "None", "null", "N/A": nothing said. */
bool csv_nothing(struct sv text);

/* ---- csv_fill.c: the texts of one record to claims
 * -------------------------------------------------------------------------------------------- */

struct csv_fill {
    struct intake_job *job;
    struct csv_mapping mapping;
    struct csv_plan plan; /* the columns: `width` and `column` */
    const struct zone *utc;
    struct csv_row row; /* the record's texts */
    struct buf meta;
    struct obs value[CSV_COLUMNS];
    size_t nvalues;
    struct sv type; /* what by_type says of the record; emptied by the caller */
    usec as_of;     /* of the whole table, by a comment; USEC_NONE = not said */
};
/* Reads the source's mapping; as_of is USEC_NONE. Clear it in any case. */
int csv_fill_init(struct csv_fill *t, struct intake_job *job, struct err *e) MUST_USE;
void csv_fill_clear(struct csv_fill *t);
/* Values, and all else into `c`; then record and a claim a value. */
int csv_fill_read(struct csv_fill *t, struct claim_rec *c, struct err *why) MUST_USE;
int csv_fill_give(struct csv_fill *t, struct claim_rec *c, struct err *e) MUST_USE;

/* ---- json_map.c: JSON records by a mapping
 * -------------------------------------------------------------------------------------------- */

/* What a member of an event is. */
enum json_event_role { EVENT_TIME, EVENT_SENSOR, EVENT_CLASS, EVENT_TYPE, EVENT_COUNT, EVENT_VALUE };
/* A role of `fields` when the mapping says "events": true; false when it is none. */
bool json_event_role(struct sv text, enum json_event_role *ret, struct csv_want *want);
/*
 * JSON pointers (RFC 6901) in which a segment '*' stands for every member or element. `each` is called for
 * what the pointer leads to, and for each element when that is an array.
 */
bool json_pointer_ok(struct sv pointer);
typedef void (*json_at_fn)(void *ctx, struct jv v);
void json_at(struct jv root, struct sv pointer, json_at_fn each, void *ctx);
/* The value's text: strings as they are, numbers and truth as written; SV_NONE for null, objects, arrays. */
struct sv json_scalar(struct arena *a, struct jv v);
/* As json_records for records that stand at a pointer of the file; also one record behind JSON_RETRY. */
#define JSON_RETRY "{\"noroshi-retry\":\"record\"}"
int json_records_at(struct stream *in, struct sv pointer, member_fn each, void *ctx, struct err *e) MUST_USE;
