/* Shared by the files of the queue: inside this room only. */
#pragma once

#include "share/partner/queue.h"
#include "share/partner/register.h"

/* Binds by letter: 't' struct sv, 'i' int64_t, 'u' usec, 'd' struct uuid (nil = ""); runs to the end. */
int queue_sql(struct db *db, struct err *e, const char *sql, const char *types, ...) MUST_USE;
/* Text of an id, "" of nobody's. What is bound has to live until the statement has run: QUEUE_ID lives as
 * long as the block. */
struct sv queue_id(struct uuid id, char ret[37]);
#define QUEUE_ID(id) queue_id((id), (char[37]){0})

/* 1 = it waits now, 0 = it waited already, or there is no place (*ret_full). In a transaction. A newer
 * version takes the older one's place. */
int queue_put(struct db *db, const struct queued *q, bool *ret_full, struct err *e) MUST_USE;
int queue_drop(struct db *db, int64_t number, struct err *e) MUST_USE;
/* 1 = a person has decided on exactly this. */
int queue_decided(struct db *db, const struct queued *q, struct err *e) MUST_USE;

/* What was just asked about, as it would stand in the queue. Views of `r`; `sha256` of 65 bytes. */
void queue_describe(const struct release *r, const struct release_thing *t, const struct release_answer *a,
                    char sha256[65], struct queued *ret);
/* Under which rule it stays, for people. ERR_DENIED. */
int queue_refusal(const struct release_answer *a, struct err *e);
