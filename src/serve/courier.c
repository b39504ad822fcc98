/*
 * The courier: brings what waits for partners to them. One thread turns news into messages (node_rounds) and
 * sees who the partners are.
 */
#include "serve/node.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_SECONDS 1

struct courier {
    struct node *node;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    uint64_t news; /* how often it was woken */
    bool stop;
    pthread_t rounds;
    bool runs;
};

struct courier *courier_new(struct node *n)
{
    struct courier *c = calloc(1, sizeof(*c));
    if (c) {
        pthread_condattr_t monotonic;
        c->node = n;
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&c->wake, &monotonic);
        pthread_condattr_destroy(&monotonic);
    }
    return c;
}

void courier_free(struct courier *c)
{
    if (c) {
        pthread_cond_destroy(&c->wake);
        pthread_mutex_destroy(&c->lock);
        free(c);
    }
}

void node_wake_courier(struct node *n)
{
    struct courier *c = n->courier;
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->news++;
        pthread_cond_broadcast(&c->wake);
        pthread_mutex_unlock(&c->lock);
    }
}

/* ---- rounds */

static void run_rounds(struct courier *c)
{
    for (const struct node_round *r = node_rounds; r->name; r++) {
        struct err e = ERR_NONE;
        int rc = r->run(c->node, time_now(), &e);
        if (rc != OK && rc != ERR_CANCELLED) {
            log_warn("courier", "%s: %s", r->name, e.text);
        }
    }
}

/* Waits for news after `seen`, a second at most. False: the end. */
static bool wait_for_news(struct courier *c, uint64_t *seen)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_SECONDS;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && c->news == *seen && pthread_cond_timedwait(&c->wake, &c->lock, &until) == 0) {
    }
    bool go_on = !c->stop;
    *seen = c->news;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *go_rounds(void *arg)
{
    struct courier *c = arg;
    uint64_t seen = 0;
    do {
        run_rounds(c);
    } while (wait_for_news(c, &seen));
    return NULL;
}

int courier_start(struct courier *c, struct err *e)
{
    c->stop = false;
    if (pthread_create(&c->rounds, NULL, go_rounds, c) != 0) {
        return err_set(e, ERR_LIMIT, "cannot start the courier's thread");
    }
    c->runs = true;
    return OK;
}

void courier_end(struct courier *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    fetcher_hang_up(c->node->messenger);
}

void courier_stop(struct courier *c)
{
    if (c->runs) {
        pthread_join(c->rounds, NULL);
        c->runs = false;
    }
}
