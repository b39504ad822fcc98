/* Private to the MISP formats: attribute types, an event's head, one attribute from its bytes to the sink. */
#pragma once

#include "intake/json_span.h"
#include "intake/stix2.h"

/* Longest event: its text is held while its attributes are parsed one by one. */
#define MISP_EVENT_BYTES ((size_t)512 << 20)
/* What an event says about all its attributes may need at most. */
#define MISP_HEAD_BYTES ((size_t)16 << 20)
/* A statement that is no observable is kept as text up to here; the whole of it goes to the claim's note. */
#define MISP_TEXT_BYTES 1024u

/* ---- misp_type.c ----------------------------------------------------------------------------- */

enum misp_how {
    MISP_CONTEXT = 1,        /* never stated as bad, whatever to_ids says: a link, the victim's address */
    MISP_SOFT = 2,           /* a value that does not fit the kind is kept as text */
    MISP_IP = 4,             /* either address family */
    MISP_PORT = 8,           /* the second part is a port of the first */
    MISP_FIRST_CONTEXT = 16, /* the first part alone is not bad: a file's name beside its hash */
};
/* An attribute type of MISP and what its value is. `second` is KIND_NONE for a value of one part. */
struct misp_type {
    const char *name;
    enum kind first, second;
    unsigned how;
    bool composite; /* "a|b" */
    bool second_ip;
};
/* Never NULL: a type that is not known is text. */
const struct misp_type *misp_type_find(struct sv name);

/* ---- misp_event.c ---------------------------------------------------------------------------- */

#define MISP_TAGS_MAX 128
/* What attributes inherit from their event (and from the object they stand in). Views live as long as the
 * event. */
struct misp_head {
    struct sv uuid; /* lower-case, "" when missing or malformed */
    struct sv info;
    usec date; /* start of the event's day, USEC_NONE unknown */
    usec timestamp;
    bool marked;
    enum tlp tlp;
    struct sv tags[MISP_TAGS_MAX];
    size_t ntags;
    struct sv org_name;
    struct sv org_uuid;
};
/* The object an attribute stands in; all empty for an attribute of the event itself. */
struct misp_object {
    struct sv name, uuid, comment;
    usec first, last;
    bool deleted;
};

struct misp {
    const struct intake_job *job;
    struct json_doc *head_doc; /* event or object around the attributes */
    struct json_doc *doc;      /* one attribute */
    struct arena event_arena;
    struct arena object_arena;
    struct stix2 stix;      /* checks and describes the objects made of events */
    struct buf event_json;  /* what the head was read from, for a retry */
    struct buf object_json; /* the same of the object; empty outside of objects */
    struct buf text;        /* scratch for JSON written by us */
    struct misp_head head;
    struct misp_object object;
    struct span_lines lines;
    uint64_t base_offset; /* of lines.start in the file */
};

int misp_init(struct misp *m, const struct intake_job *job, struct err *e) MUST_USE;
void misp_clear(struct misp *m);
/* Reads an event's own members: everything but attributes and objects. */
int misp_event_head(struct misp *m, struct sv event, struct err *e) MUST_USE;
/* Gives the event as a STIX report to the sink; it is not a record. */
int misp_event_report(struct misp *m, struct err *e) MUST_USE;
/* The same for the members of a MISP object. */
int misp_object_head(struct misp *m, struct sv object, struct err *e) MUST_USE;

/* ---- misp_attr.c ----------------------------------------------------------------------------- */

/* One attribute: record and claims, or a reject. Negative only for errors that end the file. */
int misp_attribute(struct misp *m, struct sv text, struct err *e) MUST_USE;
/* A reject for a part of the file's text. */
int misp_reject(struct misp *m, struct sv type, struct sv text, const struct err *why, struct sv context,
                struct err *e) MUST_USE;
/* Gives the parts of one MISP object to the sink. */
int misp_object(struct misp *m, struct sv object, struct err *e) MUST_USE;

/* ---- misp_made.c ----------------------------------------------------------------------------- */

/* What an attribute says as a whole. */
struct misp_said {
    struct sv type, value, category, uuid;
    const struct claim_rec *common;
    const struct claim_rec *claim; /* of its parts */
    size_t n;
    bool to_ids;
};
/* Gives the indicator (or campaign) that the attribute is to the sink, when its claims do not say it all. It
 * is not a record. */
int misp_made(struct misp *m, const struct misp_said *s, struct err *e) MUST_USE;
/* Gives the object whose head was read, with the text it was read from, as an x-misp-object to the sink. */
int misp_object_made(struct misp *m, struct sv text, struct err *e) MUST_USE;
void misp_write_marking(struct jw *w, bool marked, enum tlp tlp);

/* ---- misp_retry.c ---------------------------------------------------------------------------- */

/* A reject of an attribute or object ("attribute", "object") with what it needs to be tried again alone. */
int misp_reject_part(struct misp *m, const char *what, struct sv type, struct sv text, const struct err *why,
                     struct err *e) MUST_USE;
/* Is the stream such a record? */
bool misp_is_retry(struct stream *in);
int misp_retry(struct misp *m, struct err *e) MUST_USE;

/* Tags into marking and labels: "tlp:*" tags mark, the strictest of them counts; all others are labels. */
void misp_marking(struct sv tag, bool *marked, enum tlp *tlp);
bool misp_is_tlp(struct sv tag);
/* Name of one element of a Tag list: {"name": ...} or a string. */
struct sv misp_tag_name(struct jv tag);
/* Unix seconds as text or number, or RFC 3339; null, "" and 0 give USEC_NONE. */
int misp_time(struct jv v, const struct zone *zone, usec *ret, struct err *e) MUST_USE;
/* true, "1" and 1. */
bool misp_true(struct jv v);
/* A text or a number as text. */
struct sv misp_text(struct arena *a, struct jv v);
