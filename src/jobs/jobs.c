/* The threads that run what is due. */
#include "jobs/private.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MOST 32u
#define WAIT_MOST (60 * USEC_SECOND)
#define WAIT_AFTER_ERROR (10 * USEC_SECOND) /* the database is in trouble: others tell of it */

struct jobs {
    struct db *db;
    struct jobs_opts o;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    uint64_t woken;
    unsigned started;
    pthread_t thread[THREADS_MOST];
};

static bool is_stopping(void *of)
{
    const struct jobs *j = of;
    return atomic_load(&j->stopping);
}

/* NULL: a job that a command runs. */
static usec clock_of(const struct jobs *j)
{
    return j && j->o.clock ? j->o.clock(j->o.ctx) : time_now();
}

struct jobs *jobs_new(struct db *db, const struct jobs_opts *o, struct err *e)
{
    if (o->threads == 0 || o->threads > THREADS_MOST || !o->kinds) {
        err_set(e, ERR_VALUE, "background work needs kinds and 1 to %u threads", THREADS_MOST);
        return NULL;
    }
    struct jobs *j = calloc(1, sizeof(*j));
    if (!j) {
        err_set(e, ERR_MEMORY, "no memory for background work");
        return NULL;
    }
    pthread_condattr_t monotonic;
    j->db = db;
    j->o = *o;
    (void)pthread_mutex_init(&j->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&j->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return j;
}

/* ---- running one */

static int run_taken(struct db *db, const struct job *job, const struct job_kind *kind,
                     const struct jobs *jobs, struct job_call *call, struct err *e)
{
    struct err trouble = ERR_NONE;
    call->name = job->name;
    call->argument = job->argument;
    call->attempts = job->attempts;
    int rc = kind->run(kind->ctx, call, e);
    int written = job_end(db, job, call, rc, e, clock_of(jobs), &trouble);
    if (rc == OK && written != OK) {
        *e = trouble;
        rc = written;
    }
    return rc;
}

static const struct job_kind *kind_of(const struct jobs *j, struct sv name)
{
    const struct job_kind *k = j->o.kinds;
    while (k->name && !sv_eq(name, sv_c(k->name)))
        k++;
    return k->name ? k : NULL;
}

int jobs_step(struct jobs *j, usec *ret_wait, struct err *e)
{
    struct arena a;
    struct job job;
    usec now = clock_of(j), next;
    *ret_wait = WAIT_MOST;
    arena_init(&a, 4u << 20);
    int rc = job_take(j->db, SV(""), j->o.kinds, now, &a, &job, &next, e);
    if (rc == 1) {
        struct job_call call = {.stopping = is_stopping, .of = j};
        struct err why = ERR_NONE;
        int ran = run_taken(j->db, &job, kind_of(j, job.kind), j, &call, &why);
        if (j->o.ended)
            j->o.ended(j->o.ctx, &call, ran, &why);
    } else if (rc == 0 && next != USEC_NONE && next - now < WAIT_MOST) {
        *ret_wait = next - now;
    }
    arena_clear(&a);
    return rc;
}

int job_run_now(struct db *db, const struct job_kind *kind, struct sv name, usec now, struct job_call *call,
                struct err *e)
{
    struct arena a;
    struct job job;
    usec next;
    arena_init(&a, 4u << 20);
    int rc = job_take(db, name, NULL, now, &a, &job, &next, e);
    rc = rc == 1 ? run_taken(db, &job, kind, NULL, call, e) : rc;
    call->name = call->argument = SV_NONE; /* were in the arena */
    arena_clear(&a);
    return rc;
}

/* ---- threads */

/* Sleeps unless woken since `woken`. */
static void rest(struct jobs *j, usec wait, uint64_t woken)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / USEC_SECOND;
    until.tv_nsec += wait % USEC_SECOND * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&j->lock);
    while (!atomic_load(&j->stopping) && j->woken == woken &&
           pthread_cond_timedwait(&j->wake, &j->lock, &until) == 0)
        continue;
    (void)pthread_mutex_unlock(&j->lock);
}

static void *work(void *arg)
{
    struct jobs *j = arg;
    while (!atomic_load(&j->stopping)) {
        struct err e = ERR_NONE;
        usec wait;
        (void)pthread_mutex_lock(&j->lock);
        uint64_t woken = j->woken;
        (void)pthread_mutex_unlock(&j->lock);
        int rc = jobs_step(j, &wait, &e);
        if (rc != 1)
            rest(j, rc < 0 ? WAIT_AFTER_ERROR : wait, woken);
    }
    return NULL;
}

int jobs_start(struct jobs *j, struct err *e)
{
    sigset_t all, before;
    int rc = 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && j->started < j->o.threads) {
        rc = pthread_create(&j->thread[j->started], NULL, work, j);
        j->started += rc == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? OK : err_errno(e, rc, "cannot start threads for background work");
}

void jobs_wake(struct jobs *j)
{
    if (!j)
        return;
    (void)pthread_mutex_lock(&j->lock);
    j->woken++;
    (void)pthread_cond_broadcast(&j->wake);
    (void)pthread_mutex_unlock(&j->lock);
}

void jobs_end(struct jobs *j)
{
    if (!j)
        return;
    atomic_store(&j->stopping, true);
    jobs_wake(j);
}

void jobs_stop(struct jobs *j)
{
    if (!j)
        return;
    jobs_end(j);
    for (unsigned i = 0; i < j->started; i++)
        (void)pthread_join(j->thread[i], NULL);
    (void)pthread_cond_destroy(&j->wake);
    (void)pthread_mutex_destroy(&j->lock);
    free(j);
}
