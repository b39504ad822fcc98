/*
 * Incident reports (IDEA, X-ARF, IODEF): one record that states several values about one incident, some as
 * bad, some as context. The values of a record are held until it is read to its end, so that a report is
 * taken whole or refused whole.
 */
#pragma once

#include "intake/private.h"

#define REPORT_CLAIMS 4096u /* values of one report */

/* What a value is within its report. */
struct report_part {
    const char *role;            /* "source", "target", "attachment"...: stands in meta */
    bool bad;                    /* stated as bad; else context */
    uint16_t port;               /* of the addresses of this part; 0 = not one port */
    struct sv members;           /* further members of meta, as JSON without braces; "" */
    struct sv labels;            /* words beside those of the report; "" */
    const struct claim_rec *own; /* times, confidence and marking that replace the report's; NULL = none */
};
struct report {
    const struct intake_job *job;
    struct claim_rec common; /* times, confidence, marking, ref, note: of every claim */
    struct labels labels;    /* of every claim */
    struct sv members;       /* of every claim's meta, as JSON without braces */
    struct claim_rec *claim;
    size_t n, room;
    struct buf text; /* scratch */
};

void report_init(struct report *r, const struct intake_job *job);
void report_clear(struct report *r);
/* Forgets the last report; resets the job's arena. */
void report_begin(struct report *r);
/* A value of a kind, KIND_NONE = by its form. An equal value of the report is stated once; bad wins. */
int report_value(struct report *r, const struct report_part *p, enum kind kind, struct sv text,
                 struct err *e) MUST_USE;
/* An address, a prefix, or a range "192.0.2.3-192.0.2.9", which becomes the fewest prefixes that cover it. */
int report_address(struct report *r, const struct report_part *p, struct sv text, struct err *e) MUST_USE;
/* Any text, kept as context. */
int report_text(struct report *r, const struct report_part *p, struct sv text, struct err *e) MUST_USE;
/*
 * Record and claims. A report without any value is kept as the text "FORMAT:ID", so that its note is found.
 * Returns negative only when the file ends; ERR_VALUE in `why` when the times contradict each other or
 * nothing identifies the report: then nothing was emitted and the caller rejects.
 */
int report_emit(struct report *r, const char *format, struct sv type, struct err *why,
                struct err *e) MUST_USE;
/* Members of a JSON object without its braces, as a view in the arena. */
struct sv report_members(struct report *r, struct sv object);
/* Puts "PLACE: " before an error's sentence. */
int report_at(struct err *e, const char *place, ...) PRINTF(2, 3);

/* ---- addr_range.c ---------------------------------------------------------------------------- */

/* Calls `each` for the prefixes that cover first to last exactly (both of struct obs, one family). */
typedef int (*range_fn)(void *ctx, const uint8_t ip[16], unsigned bits, struct err *e);
int addr_range(const struct obs *first, const struct obs *last, range_fn each, void *ctx,
               struct err *e) MUST_USE;
