/* Inside of share/eyes. */
#pragma once

#include "share/eyes/eyes.h"

/* What was decided on one thing: a version of an object of a source, or a claim. */
struct verdict {
    struct sv id, source_name;
    usec version;
    enum eyes_state state;
    struct sv json; /* the mark */
    int rule;       /* index of counts */
    bool counted;
    struct verdict *next;
};
/* All that is known under one id, or of one value. */
struct verdicts {
    struct sv key;
    struct verdict *first;
    struct verdicts *next;
};

/* Rules that are none of pact_release's. */
enum { EYES_RULE_NOT_GIVEN = RULE_MAX, EYES_RULE_WITHDRAWAL, EYES_RULES };

struct eyes_counts {
    uint64_t things, state[EYES_STATE_MAX], rule[EYES_RULES];
};

#define EYES_NAMES 64
struct eyes {
    struct eyes_opts o;
    struct release release;
    struct arena a;
    struct buf thing, goes, mark; /* what was asked about last, what of it would go, its mark */
    struct verdicts *known;
    struct eyes_counts counts;
    struct {
        int64_t source;
        struct sv name;
    } name[EYES_NAMES]; /* of sources, the last ones asked for */
    size_t names;
};

const char *eyes_rule_name(int rule);
/* Decides on one thing; `a` gets what is kept of it. 1 = done, 0 = it is not there any more. */
int eyes_judge(struct eyes *x, const struct fuse_item *i, struct arena *a, struct verdict *ret,
               struct err *e) MUST_USE;
void eyes_count(struct eyes *x, const struct verdict *v);
/* "eyes":{"partner","purpose","at","counts"} into an open object. */
void eyes_write_counts(const struct eyes *x, struct jw *w);
/* What is kept under a STIX id, or stated of a value; asked once. NULL with `e`. */
const struct verdicts *eyes_of_id(struct eyes *x, struct sv id, struct err *e);
const struct verdicts *eyes_of_value(struct eyes *x, struct sv kind, struct sv value, struct err *e);
