/* What is to go when a source takes ids back. Inside fuse/ only. */
#pragma once

#include "fuse/private.h"

struct rows {
    struct number_range *v;
    size_t n, room;
};
int rows_add(struct rows *r, int64_t id, int64_t entry, struct err *e);

/* A value that what goes has stated. */
struct touched {
    enum kind kind; /* KIND_NONE: the id of a compound pattern */
    struct sv value;
    bool whole;   /* every claim of the source goes, whoever else of it stated it */
    bool stays;   /* another statement of the source keeps it */
    bool unseen;  /* nothing explains its sightings any more */
    int64_t seen; /* entry of the first record of its sightings */
};

struct finding {
    struct fuse *f;
    const struct withdraw *w;
    struct arena a; /* texts of what follows */
    int64_t *h;     /* the ids by hash, sorted, each once */
    bool *known;    /* something was found under it */
    size_t n;
    struct buf key;
    struct map places; /* kind and value to the number in `value` */
    struct touched *value;
    size_t values, value_room;
    struct rows row[NUMBERED];
    uint64_t objects, claims, sightings;
    int64_t *entry; /* entries that hold versions of the objects */
    size_t entries, entry_room;
    int64_t first_claim; /* entry in which the first of the claims began */
    struct ledger_place *place;
    size_t n_place, place_room;
    struct pack kept;    /* claims of the source that stand without what goes */
    struct map creators; /* of the objects */
    struct map ids;      /* STIX ids of the objects, for what was refused */
};
int finding_init(struct finding *g, struct fuse *f, const struct withdraw *w, struct err *e);
void finding_clear(struct finding *g);
/* Finds everything that goes. In a transaction. */
int find_gone(struct finding *g, struct err *e);
/* Finds the rows that end: objects, and claims that no other object of the source states. */
typedef int (*end_claim_fn)(void *ctx, int64_t claim, struct sv other_ref, struct err *e);
int find_ended(struct finding *g, end_claim_fn each, void *ctx, struct err *e);
