/*
 * The courier: brings what waits for partners to them, and fetches what waits for us there. One thread turns
 * news into messages (node_rounds) and sees who the partners are; each partner has a thread of its own, so
 * that one that hangs delays nobody else.
 */
#include "serve/node.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_SECONDS 1
#define LEGS 256
#define RETRY_LEAST USEC_SECOND
#define RETRY_MOST (60 * USEC_SECOND)

struct leg {
    struct courier *courier;
    struct uuid partner;
    char name[80]; /* of the partner, for the log */
    pthread_t thread;
    bool runs;
    bool active; /* as the last round saw it */
    uint64_t seen;
};

struct courier {
    struct node *node;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t wake;
    uint64_t news; /* how often it was woken */
    uint64_t told; /* up to where the legs may look: transactions that told the news are over */
    bool stop;
    pthread_t rounds, teller;
    bool runs, tells;
    struct leg leg[LEGS];
    size_t legs;
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

/* With the lock. Until `until` (time_ticks) or a broadcast; false when the time came. */
static bool wait_until(struct courier *c, usec until)
{
    struct timespec at = {.tv_sec = until / USEC_SECOND, .tv_nsec = (until % USEC_SECOND) * 1000};
    return pthread_cond_timedwait(&c->wake, &c->lock, &at) == 0;
}

/* ---- one partner */

static void tell(const struct leg *l, const char *what, int rc, unsigned done, const struct err *e,
                 bool again)
{
    if (done) {
        log_write(LOG_DEBUG, "courier", "%s: %u messages %s", l->name, done, what);
    }
    if (rc != OK && rc != ERR_CANCELLED && !again) {
        log_warn("courier", "%s: %s", l->name, e->text);
    }
}

struct course {
    usec next_push, next_pull, wait; /* time_ticks; `wait` after the next failure */
    bool failing;
};

static void push(struct leg *l, struct course *k, usec now)
{
    struct err e = ERR_NONE;
    unsigned done = 0;
    int rc = message_push(&l->courier->node->messages, l->partner, &done, &e);
    tell(l, "delivered", rc, done, &e, k->failing);
    if (rc == OK) {
        *k = (struct course){
            .next_push = INT64_MAX, .next_pull = k->next_pull, .failing = k->failing && !done};
        return;
    }
    k->failing = true;
    k->wait = done || k->wait < RETRY_LEAST ? RETRY_LEAST
              : k->wait * 2 < RETRY_MOST    ? k->wait * 2
                                            : RETRY_MOST;
    k->next_push = now + k->wait;
    k->next_pull = k->next_pull < now ? k->next_pull : now; /* perhaps it cannot reach us either, but we it */
}

static void pull(struct leg *l, struct course *k, usec now)
{
    struct err e = ERR_NONE;
    unsigned done = 0;
    int rc = message_pull(&l->courier->node->messages, l->partner, &done, &e);
    tell(l, "fetched", rc, done, &e, k->failing);
    k->next_pull = now + conf_int(l->courier->node->conf, "messages.pull") * USEC_SECOND;
    k->failing = rc != OK;
}

/* Waits for news, or for what is due. False: the end. */
static bool rest(struct leg *l, struct course *k)
{
    struct courier *c = l->courier;
    bool go_on;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && (!l->active ||
                        (c->told == l->seen && time_ticks() < k->next_push && time_ticks() < k->next_pull))) {
        usec until = k->next_push < k->next_pull ? k->next_push : k->next_pull;
        usec most = time_ticks() + RETRY_MOST;
        (void)wait_until(c, until < most && l->active ? until : most);
    }
    /* News do not shorten the wait after a failure: a partner that is down hears no more often from us. */
    if (c->told != l->seen && !k->wait) {
        k->next_push = 0;
    }
    l->seen = c->told;
    go_on = !c->stop;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *go_leg(void *arg)
{
    struct leg *l = arg;
    struct course k = {0};
    while (rest(l, &k)) {
        usec now = time_ticks();
        if (now >= k.next_push) {
            push(l, &k, now);
        }
        if (now >= k.next_pull) {
            pull(l, &k, now);
        }
    }
    return NULL;
}

/* ---- who the partners are */

static struct leg *leg_of(struct courier *c, struct uuid partner)
{
    for (size_t i = 0; i < c->legs; i++) {
        if (uuid_eq(c->leg[i].partner, partner)) {
            return &c->leg[i];
        }
    }
    return NULL;
}

/* A partner that is active has a thread; one that is not any more keeps it, at rest. */
static int see_partner(void *ctx, const struct partner *p)
{
    struct courier *c = ctx;
    struct err e = ERR_NONE;
    char id[37];
    uuid_text(p->card.id, id);
    bool active = p->status == PARTNER_ACTIVE && partner_is_active(c->node->db, sv_c(id), &e) == 1;
    pthread_mutex_lock(&c->lock);
    struct leg *l = leg_of(c, p->card.id);
    if (!l && active && !c->stop && c->legs < LEGS) {
        l = &c->leg[c->legs];
        *l = (struct leg){.courier = c, .partner = p->card.id, .active = true};
        sv_show(p->card.name[LANGUAGE_EN], l->name, sizeof(l->name));
        l->runs = pthread_create(&l->thread, NULL, go_leg, l) == 0;
        c->legs += l->runs;
    } else if (l && l->active != active) {
        l->active = active;
        pthread_cond_broadcast(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
    return OK;
}

static void see_partners(struct courier *c)
{
    struct arena a;
    struct err e = ERR_NONE;
    arena_init(&a, 64u << 20);
    if (partner_each(c->node->db, &a, see_partner, c, &e) != OK) {
        log_warn("courier", "the partners cannot be read: %s", e.text);
    }
    arena_clear(&a);
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

/* News are told inside of the transaction that brings them; there is one writer at a time, so once it is our
 * turn that transaction is over. */
static void tell_legs(struct courier *c, uint64_t news)
{
    struct err e = ERR_NONE;
    int rc = db_begin(c->node->db, &e);
    if (rc == OK) {
        rc = db_end(c->node->db, true, &e); /* of nothing: to roll back would make others read anew */
    }
    if (rc != OK) {
        log_warn("courier", "%s", e.text);
    }
    pthread_mutex_lock(&c->lock);
    c->told = news;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

/* Waits for news after `seen`, a second at most. False: the end. */
static bool wait_for_news(struct courier *c, uint64_t seen)
{
    usec until = time_ticks() + ROUND_SECONDS * USEC_SECOND;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && c->news == seen && wait_until(c, until)) {
    }
    bool go_on = !c->stop;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

static uint64_t news_of(struct courier *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t news = c->news;
    pthread_mutex_unlock(&c->lock);
    return news;
}

static void *go_rounds(void *arg)
{
    struct courier *c = arg;
    uint64_t news;
    do {
        news = news_of(c);
        see_partners(c);
        run_rounds(c);
    } while (wait_for_news(c, news));
    return NULL;
}

static void *go_telling(void *arg)
{
    struct courier *c = arg;
    uint64_t told = 0;
    while (wait_for_news(c, told)) {
        uint64_t news = news_of(c);
        if (news != told) {
            tell_legs(c, news);
            told = news;
        }
    }
    return NULL;
}

/* ---- starting and stopping */

int courier_start(struct courier *c, struct err *e)
{
    c->stop = false;
    if (pthread_create(&c->rounds, NULL, go_rounds, c) != 0) {
        return err_set(e, ERR_LIMIT, "cannot start the courier's thread");
    }
    c->runs = true;
    c->tells = pthread_create(&c->teller, NULL, go_telling, c) == 0;
    return c->tells ? OK : err_set(e, ERR_LIMIT, "cannot start the courier's thread");
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
    if (!c->runs) {
        return;
    }
    pthread_join(c->rounds, NULL);
    c->runs = false;
    if (c->tells) {
        pthread_join(c->teller, NULL);
        c->tells = false;
    }
    for (size_t i = 0; i < c->legs; i++) {
        pthread_join(c->leg[i].thread, NULL);
    }
    c->legs = 0;
}
