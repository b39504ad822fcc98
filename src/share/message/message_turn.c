/* Who is at work with a partner: messages are handled one after the other, and never those of another one
 * less because of it. */
#include "share/message/message_private.h"

#include <pthread.h>

#define PLACES 256

struct place {
    struct uuid partner;
    bool taken[2];
};
static struct place places[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;

/* The partner's place, else a free one, else NULL. */
static struct place *place_of(struct uuid partner)
{
    struct place *free_one = NULL;
    for (struct place *p = places; p < places + PLACES; p++) {
        bool used = p->taken[TURN_IN] || p->taken[TURN_OUT];
        if (used && uuid_eq(p->partner, partner)) {
            return p;
        }
        free_one = used ? free_one : p;
    }
    return free_one;
}

void turn_take(enum turn t, struct uuid partner)
{
    pthread_mutex_lock(&lock);
    struct place *p = place_of(partner);
    while (!p || p->taken[t]) {
        pthread_cond_wait(&given, &lock);
        p = place_of(partner);
    }
    p->partner = partner;
    p->taken[t] = true;
    pthread_mutex_unlock(&lock);
}

void turn_give(enum turn t, struct uuid partner)
{
    pthread_mutex_lock(&lock);
    struct place *p = place_of(partner);
    if (p) {
        p->taken[t] = false;
    }
    pthread_cond_broadcast(&given);
    pthread_mutex_unlock(&lock);
}
