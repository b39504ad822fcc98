/* STIX 2.0 to 2.1, shared by its parts. */
#pragma once

#include "stix/stix.h"

/* The observables of one 2.0 observed-data object, and the ids they get. */
struct sco_item {
    struct sv key; /* "0" */
    struct jv value;
    struct sv type;
    struct sv id; /* empty until known */
    bool busy;    /* its id is being made: a cycle ends here */
};
struct sco_set {
    struct map index; /* key to place in `items` */
    struct sco_item *items;
    size_t n;
    struct sv owner;      /* id of the observed-data object */
    struct json_doc *doc; /* for the JSON that ids are made of */
    struct arena *a;
    unsigned depth; /* of references that wait for each other */
    bool ids;       /* the object is of 2.1: what is referred to may stand elsewhere, under its id */
};

/* Copies JSON with what 2.1 spells otherwise. The first error sticks. */
struct copier {
    struct jw w;
    struct buf *out;
    struct sco_set *set; /* references are resolved in it; NULL: left alone */
    struct arena *a;
    struct err *e;
    int rc;
};

/* upgrade.c */
void copy_member(struct copier *c, struct sv name, struct jv v);
void copy_value(struct copier *c, struct sv name, struct jv v, unsigned depth);
struct sv hash_name_21(struct sv name);
/* upgrade_sco.c */
int sco_set_open(struct sco_set *set, struct jv observed, struct arena *a, struct err *e) MUST_USE;
void sco_set_close(struct sco_set *set);
/* The id of the observable under a key; ERR_VALUE when there is none. Makes it when it is not known yet. */
int sco_set_id(struct sco_set *set, struct sv key, struct sv *ret, struct err *e) MUST_USE;
/* Gives every observable, with the markings of its owner. */
int sco_set_give(struct sco_set *set, const struct sv *markings, size_t nmarkings, stix_each_fn each,
                 void *ctx, struct err *e) MUST_USE;
/* upgrade_pattern.c: hash names and START/STOP as 2.1 spells them; the pattern itself when it cannot be read.
 */
struct sv pattern_21(struct arena *a, struct sv pattern);
/* sco_id.c */
bool sco_contributes(struct sv type, struct sv property);
