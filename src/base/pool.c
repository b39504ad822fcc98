#include "base/proc.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct job {
    void (*run)(void *);
    void *arg;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t added;
    pthread_cond_t idle;
    struct job *ring;
    size_t room;
    size_t first;
    size_t queued;
    unsigned running;
    bool stopping;
    unsigned started;
    pthread_t threads[];
};

static void *work(void *arg)
{
    struct pool *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stopping && p->queued == 0)
            (void)pthread_cond_wait(&p->added, &p->lock);
        if (p->stopping)
            break;
        struct job job = p->ring[p->first];
        p->first = (p->first + 1) % p->room;
        p->queued--;
        p->running++;
        (void)pthread_mutex_unlock(&p->lock);
        job.run(job.arg);
        (void)pthread_mutex_lock(&p->lock);
        p->running--;
        if (p->running == 0 && p->queued == 0)
            (void)pthread_cond_broadcast(&p->idle);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals belong to the thread that made the pool. */
static int start_threads(struct pool *p, unsigned threads)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    while (rc == 0 && p->started < threads) {
        rc = pthread_create(&p->threads[p->started], NULL, work, p);
        p->started += rc == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct pool *pool_new(unsigned threads, size_t max_queued, struct err *e)
{
    if (threads == 0 || max_queued == 0) {
        err_set(e, ERR_VALUE, "a pool needs at least one thread and one place in its queue");
        return NULL;
    }
    struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    struct job *ring = calloc(max_queued, sizeof(*ring));
    if (!p || !ring) {
        free(p);
        free(ring);
        err_set(e, ERR_MEMORY, "no memory for worker threads");
        return NULL;
    }
    p->ring = ring;
    p->room = max_queued;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->added, NULL);
    (void)pthread_cond_init(&p->idle, NULL);
    int rc = start_threads(p, threads);
    if (rc == 0)
        return p;
    pool_free(p);
    err_errno(e, rc, "cannot start worker threads");
    return NULL;
}

int pool_add(struct pool *p, void (*run)(void *), void *arg)
{
    (void)pthread_mutex_lock(&p->lock);
    bool full = p->queued == p->room;
    if (!full) {
        p->ring[(p->first + p->queued) % p->room] = (struct job){run, arg};
        p->queued++;
        (void)pthread_cond_signal(&p->added);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return full ? ERR_LIMIT : OK;
}

void pool_wait(struct pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->queued || p->running)
        (void)pthread_cond_wait(&p->idle, &p->lock);
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->added);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        (void)pthread_join(p->threads[i], NULL);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->added);
    (void)pthread_cond_destroy(&p->idle);
    free(p->ring);
    free(p);
}
