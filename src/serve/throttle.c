#include "serve/private.h"

#include <arpa/inet.h>
#include <stdlib.h>

/*
 * Failed sign-ins in fixed tables of counters, so that memory does not grow with the number of names tried.
 * Two names on one counter (the hash is keyed, nobody can aim) wait for each other a little, no more.
 */
#define SLOTS 8192
#define FREE_TRIES 5
#define FORGET (15 * 60 * USEC_SECOND)
#define WAIT_MOST 300
#define ADDRESS_FREE 20 /* one address can stand for an office */

struct slot {
    unsigned tries;
    usec last;
};
struct throttle {
    pthread_mutex_t lock;
    struct hash_secret secret;
    struct slot account[SLOTS], address[SLOTS];
};

struct throttle *throttle_new(void)
{
    struct throttle *t = calloc(1, sizeof(*t));
    if (t) {
        pthread_mutex_init(&t->lock, NULL);
        random_bytes(t->secret.b, sizeof(t->secret.b));
    }
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t) {
        pthread_mutex_destroy(&t->lock);
        free(t);
    }
}

static struct slot *slot_of(struct throttle *t, struct slot *table, struct sv name, usec now)
{
    struct slot *s = &table[hash64(&t->secret, name) % SLOTS];
    if (now - s->last > FORGET || now < s->last) {
        *s = (struct slot){0};
    }
    return s;
}

/* 1, 2, 4 ... seconds after the free tries, at most five minutes. */
static unsigned wait_of(const struct slot *s, unsigned free_tries, usec now)
{
    if (s->tries < free_tries) {
        return 0;
    }
    unsigned power = s->tries - free_tries;
    unsigned wait = power < 9 ? 1u << power : WAIT_MOST;
    wait = wait < WAIT_MOST ? wait : WAIT_MOST;
    usec passed = (now - s->last) / USEC_SECOND;
    return passed >= (usec)wait ? 0 : wait - (unsigned)passed;
}

/* Whoever has one IPv6 address has the 2^64 of its network. */
static struct sv network_of(struct sv address, struct in6_addr *room)
{
    char text[INET6_ADDRSTRLEN];
    bool v6 = sv_copy(address, text, sizeof(text)) && inet_pton(AF_INET6, text, room) == 1;
    return v6 ? sv_from((const char *)room, 8) : address;
}

unsigned throttle_try(struct throttle *t, struct sv account, struct sv address, usec now)
{
    pthread_mutex_lock(&t->lock);
    struct in6_addr room;
    struct slot *a = slot_of(t, t->account, account, now);
    struct slot *b = slot_of(t, t->address, network_of(address, &room), now);
    unsigned wait = wait_of(a, FREE_TRIES, now), other = wait_of(b, ADDRESS_FREE, now);
    wait = wait > other ? wait : other;
    if (wait == 0) {
        a->tries++;
        b->tries++;
        a->last = b->last = now;
    }
    pthread_mutex_unlock(&t->lock);
    return wait;
}

void throttle_good(struct throttle *t, struct sv account, struct sv address)
{
    struct in6_addr room;
    pthread_mutex_lock(&t->lock);
    *slot_of(t, t->account, account, INT64_MAX) = (struct slot){0};
    *slot_of(t, t->address, network_of(address, &room), INT64_MAX) = (struct slot){0};
    pthread_mutex_unlock(&t->lock);
}
