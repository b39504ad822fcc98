/*
 * Private to the iodef format: RFC 7970 (version 2) and RFC 5070 (version 1). A file is held and read by
 * libxml2's reader; one Incident at a time becomes a tree, out of which the values are taken by the names of
 * its classes. No document type is read, nothing is fetched, no entity is replaced but XML's own five.
 */
#pragma once

#include "intake/report.h"

#include <libxml/tree.h>

#define IODEF_1 "urn:ietf:params:xml:ns:iodef-1.0"
#define IODEF_2 "urn:ietf:params:xml:ns:iodef-2.0"
#define IODEF_DSIG "http://www.w3.org/2000/09/xmldsig#"

struct iodef {
    struct report r;
    bool v2;
    const char *ns;
};

/* ---- iodef_value.c --------------------------------------------------------------------------- */

/* Whether the node is the class `name` of this version. */
bool iodef_is(const struct iodef *d, const xmlNode *n, const char *name);
/* The next child of that class after `after`, or the first; NULL when there is none. */
xmlNode *iodef_child(const struct iodef *d, const xmlNode *parent, const char *name, const xmlNode *after);
/* Text of a node, or of an attribute, trimmed, in the arena; "" when absent. */
struct sv iodef_text(struct iodef *d, const xmlNode *n);
struct sv iodef_attr(struct iodef *d, const xmlNode *n, const char *name);
/* A time of a child; USEC_NONE when absent. */
int iodef_time(struct iodef *d, const xmlNode *parent, const char *name, usec *ret, struct err *e) MUST_USE;
/* The marking of a restriction attribute; false when it says nothing. */
bool iodef_restriction(struct iodef *d, const xmlNode *n, enum tlp *ret);
/* Confidence child of an element as 0..100; -1 when it does not say. */
int iodef_confidence(struct iodef *d, const xmlNode *parent);

/* Values of one kind of class; each element found is added under `p`. */
int iodef_address(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e) MUST_USE;
int iodef_typed(struct iodef *d, const struct report_part *p, struct sv type, struct sv text,
                struct err *e) MUST_USE;
int iodef_files(struct iodef *d, const xmlNode *parent, const struct report_part *p, struct err *e) MUST_USE;
int iodef_email(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e) MUST_USE;
int iodef_keys(struct iodef *d, const xmlNode *n, const struct report_part *p, struct err *e) MUST_USE;

/* ---- iodef_incident.c ------------------------------------------------------------------------ */

/* Everything of one Incident into the report; `ret_type` is what the record counts as. */
int iodef_incident(struct iodef *d, const xmlNode *incident, struct sv *ret_type, struct err *e) MUST_USE;
