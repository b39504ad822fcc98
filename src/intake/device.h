/*
 * Events that devices write as lines of text: syslog in its old and its new form, and CEF and LEEF, alone or
 * behind a syslog header. One reader for all; what a device's message holds stands in tables
 * (device_rules.c): the device, the shape of its messages, the fields.
 */
#pragma once

#include "intake/event.h"

enum device_group {
    DG_CEF = 1,
    DG_LEEF,
    DG_DATA, /* structured data of RFC 5424 */
    DG_FILTER,
    DG_FORTINET,
    DG_PALOALTO,
    DG_TEXT, /* what templates capture */
};

enum device_slot {
    DS_NONE,
    DS_TIME,  /* the best time */
    DS_START, /* the next best */
    DS_DATE,
    DS_CLOCK,
    DS_ZONE,
    DS_SENSOR,
    DS_SENSOR_IP,
    DS_HOST, /* of a request */
    DS_PATH,
    DS_PORT, /* the server's */
    DS_COUNT,
    DS_TYPE,
    DS_SUBTYPE,
    DS_APP,
    DS_FILE,
    DS_MAX,
};
_Static_assert(DS_MAX <= EVENT_SLOTS, "more slots than a state has");

enum device_shape { SHAPE_PAIRS, SHAPE_COLUMNS, SHAPE_TEMPLATES, SHAPE_DATA };

/* A device is known by the program that wrote the line (a final '*' stands for any rest; NULL: any), by how
 * the message begins, and by a text inside of it. */
struct device {
    const char *name;
    const char *app, *begins, *holds;
    uint8_t shape, group;
    const char *class;                 /* of its messages, when nothing else says it */
    const struct event_class *classes; /* by DS_SUBTYPE, else DS_TYPE; NULL = none */
    const char *const *fields;         /* SHAPE_COLUMNS: names by position; SHAPE_TEMPLATES: templates */
    bool own_time;                     /* the message itself says when */
};
extern const struct device devices[]; /* ends with a NULL name */
extern const struct event_rule device_rules[];

/* What stands before the message. */
struct device_head {
    struct sv time; /* as written; SV_NONE when there is none */
    bool old;       /* RFC 3164: no year, no zone */
    struct sv host, app, data, message;
};

/* ---- device_head.c --------------------------------------------------------------------------- */

/* False when the line does not begin like syslog: then all of it is the message. */
bool device_head(struct sv line, struct device_head *ret);
/*
 * A time as devices write it: RFC 3339 and its kin, seconds, milli-, micro- or nanoseconds since 1970,
 * "Aug 22 2026 10:00:00.123 UTC", and the same without a year. A year that is not written is the last one in
 * which the time is not later than a day from `now`.
 */
int device_time(struct event_state *s, struct sv text, usec now, usec *ret, struct err *e) MUST_USE;

/* ---- device_pairs.c -------------------------------------------------------------------------- */

/* One field by the rules of a group. */
void device_field(struct event_state *s, struct observation *o, unsigned group, struct sv key,
                  struct sv value);
/* KEY=value KEY="value in quotes" ... */
void device_pairs(struct event_state *s, struct observation *o, unsigned group, struct sv text);
/* [id key="value" ...][...] */
void device_data(struct event_state *s, struct observation *o, struct sv data);
/* Comma-separated, quotes doubled. */
void device_columns(struct event_state *s, struct observation *o, unsigned group, const char *const *names,
                    struct sv text);
/* Whether a text fits one of the templates; then its fields are read. */
bool device_templates(struct event_state *s, struct observation *o, const char *const *templates,
                      struct sv text);
/* The text behind "CEF:" and "LEEF:": header and fields; ret_type is the product. */
int device_cef(struct event_state *s, struct observation *o, struct sv text, struct sv *ret_type,
               struct err *e) MUST_USE;
int device_leef(struct event_state *s, struct observation *o, struct sv text, struct sv *ret_type,
                struct err *e) MUST_USE;
