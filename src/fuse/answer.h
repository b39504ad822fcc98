/* One indicator as a viewer may see it: fused anew from the visible claims. Inside fuse/ only. */
#pragma once

#include "fuse/private.h"

#define ANSWER_CLAIMS 256 /* shown; more are counted */

struct answer_claim {
    int64_t source;
    struct sv source_name, upstream;
    struct uuid source_uuid;
    char reliability;
    bool exercise;
    unsigned flags;
    enum tlp tlp;
    usec created, modified, valid_from, valid_until, first, last, accepted,
        end; /* last instant at which it holds; INT64_MAX = no end */
    int confidence;
    struct sv labels, ref, note, meta;
    usec version; /* `modified` of the indicator it is given out as; only in exports */
    double term;
};
struct answer {
    enum kind kind;
    struct sv value;
    struct answer_claim claim[ANSWER_CLAIMS];
    size_t n, more;
    double confidence;
    usec first, last, valid_from, valid_until;
    enum tlp tlp;
    bool exercise, active;  /* active: some claim states it as bad, is not taken back and has not run out */
    struct sv labels;       /* union */
    struct sv first_source; /* who said so first */
};
/* An answer without claims; then claims are put into `claim` and summed up: times, confidence, marking and
 * labels of those that stand there. */
void answer_start(struct answer *ret, enum kind kind, struct sv value);
int answer_sum(struct answer *r, usec now, struct arena *a, struct err *e);
/* 1 = the viewer sees at least one claim; 0 = none. Text lives in `a`. */
int answer_fuse(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec now,
                struct arena *a, struct answer *ret, struct err *e);
void answer_write(const struct answer *r, enum match_how how, bool with_claims, struct jw *w);
/* With all claims; `how` in words: "alias". */
void answer_write_as(const struct answer *r, const char *how, struct jw *w);
void write_time(struct jw *w, const char *key, usec t);
/* Words as a JSON array. */
void write_words(struct jw *w, const char *key, struct sv words);
/* The deterministic STIX id of one claim's indicator. */
void claim_stix_id(const struct answer_claim *c, enum kind kind, struct sv value, char ret[64]);
