#include "net/private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/*
 * libmicrohttpd closes a connection that is silent; one that sends a byte now and then would hold its place
 * for ever. So: a head has to be whole in time, and a body has to come faster than a trickle.
 */
#define HEAD_GRACE (5 * USEC_SECOND)
#define BODY_GRACE (30 * USEC_SECOND)
#define BODY_LEAST 512 /* bytes a second, on average */

static bool too_slow(const struct watch *w, const struct link *l, usec now)
{
    usec age = now - l->since;
    switch (l->phase) {
    case LINK_HEAD:
        return age > w->head_limit;
    case LINK_BODY:
        return age > BODY_GRACE && l->bytes < (uint64_t)(age / USEC_SECOND) * BODY_LEAST;
    default:
        return false;
    }
}

static void *watching(void *arg)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
        usec now = time_ticks();
        for (struct link *l = w->first; l; l = l->next) {
            if (too_slow(w, l, now)) {
                (void)shutdown(l->fd, SHUT_RDWR); /* its event thread sees the end and closes it */
            }
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int watch_start(struct watch *w, unsigned idle_seconds, struct err *e)
{
    pthread_condattr_t monotonic;
    *w = (struct watch){.head_limit = (usec)idle_seconds * USEC_SECOND + HEAD_GRACE};
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&w->thread, NULL, watching, w) != 0) {
        return err_set(e, ERR_LIMIT, "cannot start a thread that watches connections");
    }
    w->started = true;
    return OK;
}

void watch_stop(struct watch *w)
{
    if (!w->started) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    w->started = false;
}

struct link *watch_add(struct watch *w, int fd)
{
    struct link *l = calloc(1, sizeof(*l));
    if (!l) {
        return NULL;
    }
    *l = (struct link){.fd = fd, .phase = LINK_HEAD, .since = time_ticks()};
    pthread_mutex_lock(&w->lock);
    l->next = w->first;
    if (l->next) {
        l->next->prev = l;
    }
    w->first = l;
    pthread_mutex_unlock(&w->lock);
    return l;
}

void watch_remove(struct watch *w, struct link *l)
{
    if (!l) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    *(l->prev ? &l->prev->next : &w->first) = l->next;
    if (l->next) {
        l->next->prev = l->prev;
    }
    pthread_mutex_unlock(&w->lock);
    free(l);
}

void watch_phase(struct watch *w, struct link *l, enum link_phase phase)
{
    if (!l) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    l->phase = phase;
    l->since = time_ticks();
    l->bytes = 0;
    pthread_mutex_unlock(&w->lock);
}

void watch_bytes(struct watch *w, struct link *l, size_t n)
{
    if (!l) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    l->bytes += n;
    pthread_mutex_unlock(&w->lock);
}
