/*
 * Shared by the event formats (eve, zeek, honeypot, cef, leef, syslog): one record of text to one
 * observation, without heap allocation once warm.
 *
 * What is taken out of an event stands in a table of rules: group, key, how to read it, the name the value
 * gets. A format is such a table and a function that adds what no single field says (time, class, the URL of
 * host and path).
 */
#pragma once

#include "intake/private.h"

#define EVENT_LINE_BYTES (1u << 20)   /* longest event */
#define EVENT_ARENA_BYTES (16u << 20) /* what the canonical values of one event may need */
#define EVENT_SLOTS 16
#define EVENT_INDEX_BITS 8
#define EVENT_INDEX (1u << EVENT_INDEX_BITS)

/* How the text of a field becomes a value. Text that does not fit is not a value: the event is still one. */
enum take {
    TAKE_NONE, /* only kept in a slot */
    TAKE_IP,
    TAKE_HOST, /* address or name, with or without a port */
    TAKE_NAME, /* address or name without a port; "*." is dropped */
    TAKE_URL,
    TAKE_EMAIL, /* also "Name <a@b.example>", and several separated by commas */
    TAKE_HASH,  /* MD5, SHA-1, SHA-256, SHA-512 by length */
    TAKE_JA3,
    TAKE_JA3S,
    TAKE_JA4,
    TAKE_CERT, /* certificate fingerprint, SHA-1 or SHA-256, with or without colons */
    TAKE_AGENT,
    TAKE_ANY,   /* shape unknown */
    TAKE_GROUP, /* an object, or objects in an array: read by the rules of group `arg` */
};

struct event_rule {
    uint8_t group;
    uint8_t take;
    uint8_t arg;  /* TAKE_GROUP: the group; else the format's own */
    uint8_t slot; /* also kept in this slot; 0 = not */
    const char *key;
    const char *field; /* what the value's place is called */
};

/* Rules by (group, key): open addressing. First and last eight bytes and the length are all of a key of up to
 * 16 bytes. */
struct event_key {
    uint64_t first, last;
    uint64_t tag;                  /* group and length */
    const struct event_rule *rule; /* NULL = a free place */
};
struct event_index {
    const struct event_rule *rules;
    struct event_key at[EVENT_INDEX];
    struct sv field[UINT8_MAX]; /* of each rule */
};

/* A field kept for the format. `v` is absent when the event is not JSON. */
struct event_slot {
    struct sv text; /* SV_NONE when not a string */
    struct jv v;
};

/* Sensors write many events a minute: all but seconds and fraction is read once. */
struct event_clock {
    char minute[16]; /* "2015-03-09T02:30" */
    char zone[8];
    size_t zone_n;
    usec base; /* USEC_NONE = nothing kept */
};

struct event_state;
struct event_format {
    const char *name;
    const struct event_rule *rules; /* ends with a NULL key; at most 254 */
    /* Reads one record into `o`, which is empty: 1 = an event, 0 = a header or comment, negative = not an
     * event. */
    int (*line)(struct event_state *s, struct sv text, struct observation *o, struct err *e);
    int (*start)(struct event_state *s, struct err *e); /* may be NULL */
    void (*stop)(struct event_state *s);                /* may be NULL */
};
extern const struct event_format eve_events, zeek_events, honeypot_events, cef_events, leef_events,
    syslog_events, json_events;

struct zeek_log;
struct event_state {
    const struct event_format *format;
    const struct intake_opts *opts;
    struct json_doc *doc;
    struct arena a; /* values of one event that have no place in `scratch`; reset at each */
    struct event_index index;
    struct event_clock clock;
    usec now; /* when reading began: for times that do not say their year */
    struct event_slot slot[EVENT_SLOTS];
    struct zeek_log *zeek;
    void *own;             /* of a format without a table of its own */
    struct sv context;     /* what a retry of a line needs before it */
    struct sv reject_type; /* what a line that is no event counts as */
    struct observed extra; /* a value that no longer fits */
    char scratch[OBSERVATION_VALUES + 1][256];
};

/* ---- event.c: values ---- */

/* Reads `text` as `how` says and adds what it is; one equal value under the same field is added once. */
void event_take(struct event_state *s, struct observation *o, enum take how, struct sv field, struct sv text);
/*
 * The URL of a request: `target` is a path or, to a proxy, a whole URL; a CONNECT target counts as a host.
 * `port` is that of the server, and used when `host` has none; 0 = not known. Port 443 makes it https.
 */
void event_take_request(struct event_state *s, struct observation *o, struct sv field, struct sv host,
                        uint16_t port, struct sv target);
/* A slot's number: JSON integer or decimal text; 0 when it is none or not a port. */
uint16_t event_port(const struct event_slot *slot);
/* The class (words in intake.h) of a format's own type: the last row has no type and is the default. */
struct event_class {
    struct sv type;
    struct sv class;
};
/* A view in the initialiser of a table. */
#define SV_ROW(lit)                                                                                          \
    {                                                                                                        \
        "" lit "", sizeof(lit) - 1                                                                           \
    }
struct sv event_class(const struct event_class *table, struct sv type);

/* ---- event_time.c ---- */

/* A time in text. Without a zone the source's declared one holds, else ERR_ZONE. */
int event_time(struct event_state *s, struct sv text, usec *ret, struct err *e) MUST_USE;

/* ---- event_rules.c: fields to values ---- */

void event_index_init(struct event_index *x, const struct event_rule *rules);
const struct event_rule *event_rule_find(const struct event_index *x, unsigned group, struct sv key);
/* The rule's field as a view. */
static inline struct sv event_field(const struct event_index *x, const struct event_rule *r)
{
    return x->field[r - x->rules];
}
/* Reads the members of an object by the rules of a group. */
void event_walk(struct event_state *s, struct observation *o, unsigned group, struct jv object);
/* One member by one rule. */
void event_apply(struct event_state *s, struct observation *o, const struct event_rule *r, struct jv v);
/* Parses text that must be one JSON object. */
int event_json(struct event_state *s, struct sv text, struct jv *ret, struct err *e) MUST_USE;
/*
 * For detection: true when one of the first records of `head` is an object with this key at its top. Reads
 * JSON lines and arrays, and a head that is cut off.
 */
bool event_head_has(struct sv head, struct sv key);

/* ---- event_file.c: records of a file ---- */

struct event_state *event_state_new(const struct event_format *f, const struct intake_opts *o, struct err *e);
void event_state_free(struct event_state *s);
/* One record: empties the state and `ret`, then f->line. */
int event_record(struct event_state *s, struct sv text, struct observation *ret, struct err *e) MUST_USE;
/*
 * A line that the liner cut: too long, or where a damaged file ends. A comment cut by the end is no record.
 */
int event_reject_cut(const struct intake_job *job, struct sv type, struct sv line, uint64_t number,
                     uint64_t offset, struct sv context, struct err *e) MUST_USE;
/*
 * Reads a whole file: lines, an array that has one event a line (a line that holds only a bracket or a comma
 * is no record), or any other array. Blank lines are no records.
 */
int event_read_file(struct intake_job *job, const struct event_format *f, struct err *e) MUST_USE;
/* Reads records that stand at a pointer of a JSON file (csv.h). */
int event_read_at(struct intake_job *job, const struct event_format *f, struct sv pointer,
                  struct err *e) MUST_USE;
/* Reads records that stand behind their length and a blank (RFC 6587 section 3.4.1). What follows a length
 * that is none is one reject. */
int event_read_counted(struct intake_job *job, const struct event_format *f, struct err *e) MUST_USE;
