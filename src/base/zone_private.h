/* What zone.c (finding), zone_file.c (TZif) and zone_rule.c (POSIX TZ footers) share. */
#pragma once

#include "base/time.h"

#define ZONE_NAME_ROOM 64

/* The day and second of a year at which a rule changes the offset. */
struct zone_change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_WEEK } form; /* Jn, n, Mm.w.d */
    int day;                                              /* 1-365, 0-365, or 0-6 from Sunday */
    int month;
    int week;
    int32_t second;
};

struct zone_rule {
    int32_t standard;
    int32_t summer;
    bool has_summer;
    struct zone_change start, end;
};

struct zone {
    struct zone *next;
    char name[ZONE_NAME_ROOM];
    int32_t first;   /* offset before the first transition */
    size_t count;    /* transitions */
    int64_t *at;     /* seconds, rising */
    int32_t *offset; /* in force from at[i] */
    bool has_rule;   /* for instants past the table */
    struct zone_rule rule;
};

/* Parses a TZif file; NULL with ERR_CORRUPT, ERR_UNSUPPORTED or ERR_MEMORY. */
struct zone *zone_read_tzif(struct sv bytes, struct err *e);
/* Parses "CET-1CEST,M3.5.0,M10.5.0/3". */
bool zone_read_rule(struct sv text, struct zone_rule *ret);
/* Offset at an instant (seconds) under a rule, and the instant at which it ends (INT64_MAX: never). */
int32_t zone_rule_at(const struct zone_rule *r, int64_t at, int64_t *ret_end);
