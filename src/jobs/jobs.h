/*
 * jobs: durable background work.
 *
 * A job is a row: a name, the kind of work, its argument, how often. Threads of the node run what is due, at
 * most so many at once and never two of one name; a failure is tried again after a wait that doubles. A job
 * that ran when the node was killed is due again, so what a kind does must bear being done twice. May call
 * base/ store/.
 */
#pragma once

#include "store/store.h"

extern const struct db_room jobs_room; /* table: job (state) */

struct job {
    int64_t id;
    struct sv name;        /* unique: "feed:urlhaus" */
    struct sv kind;        /* "feed" */
    struct sv argument;    /* what the kind makes of it */
    int64_t every_seconds; /* 0 = once */
    bool enabled;
    usec next_run;
    usec running_since;                 /* USEC_NONE = it does not run */
    unsigned attempts;                  /* failures since the last success */
    usec last_start, last_end, last_ok; /* USEC_NONE = never */
    int last_code;                      /* OK or enum err_code */
    struct sv last_text;                /* what came of it, for people */
    uint64_t runs, failures;
};
#define JOB_TEXT 400

/* Waits after failures: 30 s, doubled each time up to 6 h, a quarter more or less by chance. */
#define JOB_RETRY_SECONDS 30
#define JOB_RETRY_SECONDS_MOST 21600

/*
 * Adds a job, or changes kind, argument, interval and `enabled` of the one of that name; a new one, one that
 * is enabled again and one whose interval changed are due at `first`. In a transaction.
 */
int job_put(struct db *db, const struct job *j, usec first, usec now, struct err *e) MUST_USE;
/* ERR_NOT_FOUND when there is none. In a transaction. */
int job_remove(struct db *db, struct sv name, struct err *e) MUST_USE;
/* Due at `at`, whatever it waited for. In a transaction. */
int job_due_at(struct db *db, struct sv name, usec at, usec now, struct err *e) MUST_USE;
int job_get(struct db *db, struct sv name, struct arena *a, struct job *ret, struct err *e) MUST_USE;
/* In order of names. Views die when `each` returns. */
int job_each(struct db *db, struct sv kind /* "" = all */, int (*each)(void *ctx, const struct job *j),
             void *ctx, struct err *e) MUST_USE;
/* Who owns the database calls this once: what ran when the last owner was killed is due again. */
int jobs_recover(struct db *db, usec now, struct err *e) MUST_USE;

/* ---- kinds of work */

struct job_call {
    struct sv name, argument;
    unsigned attempts;          /* failures just before this run */
    bool (*stopping)(void *of); /* true: end soon with ERR_CANCELLED */
    void *of;
    char text[JOB_TEXT];  /* set by the run: what came of it, one sentence */
    int64_t wait_seconds; /* set by the run: not again before so long (Retry-After); 0 = as usual */
};
struct job_kind {
    const char *name;
    /* ERR_CANCELLED is no failure: the job is due again. Runs in no transaction. */
    int (*run)(void *ctx, struct job_call *call, struct err *e);
    void *ctx;
};

/*
 * Does one job now, due or not, in this thread, and writes down what came of it. ERR_BUSY when it runs
 * already, ERR_NOT_FOUND when there is none; else what the run returned. `call` may carry the caller's
 * `stopping`.
 */
int job_run_now(struct db *db, const struct job_kind *kind, struct sv name, usec now, struct job_call *call,
                struct err *e) MUST_USE;

struct jobs;
struct jobs_opts {
    const struct job_kind *kinds; /* ends with a NULL name; jobs of other kinds rest */
    unsigned threads;             /* so many at once */
    usec (*clock)(void *ctx);     /* NULL = time_now */
    void *ctx;
    /* Told of each end, by the thread that ran it; may be NULL. */
    void (*ended)(void *ctx, const struct job_call *call, int rc, const struct err *e);
};
struct jobs *jobs_new(struct db *db, const struct jobs_opts *o, struct err *e);
/* Runs one job that is due, in this thread: 1 = one was run, 0 = none is due, *ret_wait says for how long
 * (at most a minute; clocks are set). */
int jobs_step(struct jobs *j, usec *ret_wait, struct err *e) MUST_USE;
/* Starts the threads. */
int jobs_start(struct jobs *j, struct err *e) MUST_USE;
/* A job was put or made due: looks again. */
void jobs_wake(struct jobs *j);
/* Tells those that run to end, without waiting. */
void jobs_end(struct jobs *j);
/* Waits for those that run, and frees. NULL-safe. */
void jobs_stop(struct jobs *j);
