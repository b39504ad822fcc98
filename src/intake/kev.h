/* Private to the kev format: one entry of CISA's catalogue, whichever of its two forms it came in. */
#pragma once

#include "intake/whole.h"

struct kev_entry {
    struct sv cve, vendor, product, name, added, description, action, due, ransomware, notes;
    struct sv cwes[32];
    size_t ncwes;
};
/* Columns by their names; unknown ones are passed over. */
struct sv *kev_field(struct kev_entry *k, struct sv name);
/* "CWE-22, CWE-79" into k->cwes. */
void kev_cwes(struct kev_entry *k, struct sv list);
/* A day "2025-03-03" as the instant it begins in UTC: a day of the catalogue is a label, the same for every
 * reader. */
bool kev_day(struct sv text, usec *ret);

struct kev {
    const struct intake_job *job;
    struct json_doc *doc;
    struct buf meta;
    struct buf context; /* JSON: what a rejected entry needs to be tried again alone */
    usec modified;
};
/* Record and claim, or a reject with what is wrong. */
int kev_entry_emit(struct kev *k, const struct kev_entry *entry, struct sv text, struct sv context,
                   uint64_t line, uint64_t offset, struct err *e) MUST_USE;
int kev_reject(struct kev *k, struct sv text, struct sv context, uint64_t line, uint64_t offset,
               const struct err *why, struct err *e) MUST_USE;
int kev_json(struct kev *k, struct sv text, struct err *e) MUST_USE;
int kev_csv(struct kev *k, struct sv text, struct err *e) MUST_USE;
