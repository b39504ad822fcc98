/* Shared by the two halves of jobs/: rows (rows.c) and threads (jobs.c). */
#pragma once

#include "jobs/jobs.h"

/*
 * Takes the job of a name (due or not), or with an empty name the one of these kinds that has been due
 * longest, and marks it as running. 1 = taken into `a`, 0 = none is due and *ret_next says when one will be
 * (USEC_NONE: never); ERR_BUSY and ERR_NOT_FOUND for a name.
 */
int job_take(struct db *db, struct sv name, const struct job_kind *kinds, usec now, struct arena *a,
             struct job *ret, usec *ret_next, struct err *e) MUST_USE;
/* Writes down what came of a job that was taken. */
int job_end(struct db *db, const struct job *j, const struct job_call *call, int rc, const struct err *why,
            usec now, struct err *e) MUST_USE;
