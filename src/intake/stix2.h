/* Private to the stix2 format: one STIX object from its bytes to the sink. */
#pragma once

#include "intake/private.h"

struct stix2_value {
    struct obs obs;
    bool bad;
};

/* Buffers that live as long as a file. */
struct stix2 {
    const struct intake_job *job;
    struct json_doc *doc;
    struct json_doc *upgraded; /* objects made of a 2.0 object */
    struct buf canonical;
    struct buf text;
    struct object_ref *refs;
    size_t nrefs, refs_room;
    struct stix2_value *values;
    struct object_value *plain;
    size_t nvalues, values_room;
    bool no_memory; /* one of the two arrays could not grow */
};

/* Where a record stands in the file. */
struct stix2_place {
    uint64_t line, offset;
};

int stix2_init(struct stix2 *s, const struct intake_job *job, struct err *e) MUST_USE;
void stix2_clear(struct stix2 *s);
/*
 * One object: record, then the object (for STIX 2.0 each object it becomes) and the claims of an indicator,
 * or a reject. `v` is `text` parsed in s->doc. Negative only for errors that end the file.
 */
int stix2_object(struct stix2 *s, struct sv text, struct jv v, const struct stix2_place *at,
                 struct err *e) MUST_USE;
/* A record that is no object: `why` has its place inside `text`. */
int stix2_reject(struct stix2 *s, struct sv type, struct sv text, const struct stix2_place *at,
                 const struct err *why, struct err *e) MUST_USE;
/* An object written by us: checked and given to the sink, without a record of its own. */
int stix2_made(struct stix2 *s, struct sv json, struct err *e) MUST_USE;
/* One claim for each value the indicator calls bad. */
int stix2_claims(struct stix2 *s, struct jv indicator, const struct stix_head *head, struct err *e) MUST_USE;
