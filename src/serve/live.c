/*
 * Sightings as server-sent events. One ring of the last ones for all clients, a cursor each: a slow client
 * costs nothing and is told that it missed some. What a client is sent is decided by its own organisation's
 * view.
 */
#include "serve/private.h"

#include <stdlib.h>

#define RING 4096
#define CLIENTS_MOST 200
#define CLIENTS_EACH 16 /* of one account or key: nobody takes the places of all others */
#define BATCH 64
#define ID_ROOM 49

struct client {
    struct client *prev, *next;
    struct live *live;
    struct caller who;
    struct http_stream *stream;
    uint64_t at; /* next event to read */
    uint64_t beat;
    bool greeted, resumed_late;
};

struct live {
    struct node *node;
    pthread_mutex_t lock;
    struct sighting ring[RING];
    char *text[RING]; /* what the views of ring[] point into */
    uint64_t next;    /* number of the next event; ring[next % RING] */
    uint64_t beat;
    struct client *clients;
    unsigned count;
};

/* ---- numbers of events, sealed: gaps between them would tell how much others see */

static uint64_t mask_of(const void *p, size_t n)
{
    return hash64(hash_process_secret(), sv_from(p, n));
}

static void seal(uint64_t number, char ret[ID_ROOM])
{
    uint64_t part[3];
    random_bytes(part, 8);
    part[1] = number ^ mask_of(part, 8);
    part[2] = mask_of(part, 16);
    hex_text(part, sizeof(part), ret);
}

static bool unseal(struct sv text, uint64_t *ret)
{
    uint64_t part[3];
    if (!hex_parse(text, part, sizeof(part)) || part[2] != mask_of(part, 16)) {
        return false;
    }
    *ret = part[1] ^ mask_of(part, 8);
    return true;
}

/* ---- the ring */

struct live *live_new(struct node *n)
{
    struct live *l = calloc(1, sizeof(*l));
    if (l) {
        l->node = n;
        pthread_mutex_init(&l->lock, NULL);
    }
    return l;
}

void live_free(struct live *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; i < RING; i++) {
        free(l->text[i]);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

#define TEXTS(s)                                                                                             \
    {                                                                                                        \
        &(s)->observed, &(s)->indicator, &(s)->field, &(s)->class, &(s)->sensor                              \
    }
#define TEXTS_N 5

/* One block for all texts of a sighting; NULL without memory. */
static char *copy_sighting(const struct sighting *from, struct sighting *to)
{
    *to = *from;
    struct sv *text[TEXTS_N] = TEXTS(to);
    size_t n = 1;
    for (size_t i = 0; i < TEXTS_N; i++) {
        n += text[i]->n;
    }
    char *block = malloc(n), *p = block;
    for (size_t i = 0; block && i < TEXTS_N; i++) {
        if (text[i]->n) {
            memcpy(p, text[i]->p, text[i]->n);
        }
        text[i]->p = p;
        p += text[i]->n;
    }
    return block;
}

static void wake_all(struct live *l)
{
    for (struct client *c = l->clients; c; c = c->next) {
        http_wake(c->stream);
    }
}

void live_publish(struct live *l, const struct sighting *s)
{
    struct sighting copy;
    char *text = copy_sighting(s, &copy);
    if (!text) {
        return; /* the sighting itself is stored; only its announcement is lost */
    }
    pthread_mutex_lock(&l->lock);
    size_t i = l->next % RING;
    free(l->text[i]);
    l->text[i] = text;
    l->ring[i] = copy;
    l->next++;
    wake_all(l);
    pthread_mutex_unlock(&l->lock);
}

void live_heartbeat(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    l->beat++;
    wake_all(l);
    pthread_mutex_unlock(&l->lock);
}

unsigned live_clients(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned n = l->count;
    pthread_mutex_unlock(&l->lock);
    return n;
}

/* ---- a client */

struct batch {
    struct sighting s[BATCH];
    uint64_t first; /* number of s[0] */
    size_t n;
    bool lost, beat;
};

static void read_ring(struct client *c, struct batch *b, struct arena *a)
{
    struct live *l = c->live;
    pthread_mutex_lock(&l->lock);
    uint64_t oldest = l->next > RING ? l->next - RING : 0;
    b->lost = c->at < oldest || c->resumed_late;
    c->resumed_late = false;
    c->at = c->at < oldest ? oldest : c->at;
    b->first = c->at;
    b->beat = c->beat != l->beat;
    c->beat = l->beat;
    while (b->n < BATCH && c->at < l->next) {
        struct sighting *to = &b->s[b->n];
        *to = l->ring[c->at % RING];
        struct sv *text[TEXTS_N] = TEXTS(to);
        for (size_t i = 0; i < TEXTS_N; i++) {
            *text[i] = arena_sv(a, *text[i]);
        }
        b->n++;
        c->at++;
    }
    pthread_mutex_unlock(&l->lock);
}

static void write_event(struct client *c, const struct pact_view *view, const struct sighting *s,
                        uint64_t number, struct buf *out)
{
    char id[ID_ROOM];
    struct buf json;
    buf_init(&json, 1u << 20);
    if (fuse_sighting_json(c->live->node->fuse, view, s, time_now(), &json) && !json.failed) {
        seal(number, id);
        buf_printf(out, "id: %s\nevent: sighting\ndata: ", id);
        struct sv rest = buf_sv(&json), line;
        while (sv_line(&rest, &line)) { /* the writer breaks no lines; a break would end the event */
            buf_add(out, line);
        }
        buf_add(out, SV("\n\n"));
    }
    buf_clear(&json);
}

static int write_batch(struct client *c, const struct batch *b, struct arena *a, struct buf *out)
{
    struct pact_view view;
    struct err e = ERR_NONE;
    if (b->beat && !caller_stands(c->live->node->db, &c->who, time_now())) {
        return -1;
    }
    if (b->lost) {
        buf_add(out, SV("event: lost\ndata: {\"missed\":true}\n\n"));
    }
    if (b->n && node_view(c->live->node, c->who.org, a, &view, &e) != OK) {
        return -1; /* nothing is sent that could not be decided */
    }
    for (size_t i = 0; i < b->n; i++) {
        write_event(c, &view, &b->s[i], b->first + i, out);
    }
    if (b->beat && out->n == 0) {
        buf_add(out, SV(":\n\n"));
    }
    return b->n == BATCH ? 0 : 1;
}

static int pull(void *stream, struct buf *out)
{
    struct client *c = stream;
    struct arena a;
    struct batch *b = calloc(1, sizeof(*b));
    if (!b) {
        return -1;
    }
    if (!c->greeted) {
        c->greeted = true;
        buf_add(out, SV("retry: 3000\n\n"));
    }
    arena_init(&a, 16u << 20);
    int rc = 0;
    do { /* what this client may not see is passed over */
        b->n = 0;
        read_ring(c, b, &a);
        rc = write_batch(c, b, &a, out);
        arena_reset(&a);
    } while (rc == 0 && out->n == 0);
    arena_clear(&a);
    free(b);
    return rc;
}

static void closed(void *stream)
{
    struct client *c = stream;
    struct live *l = c->live;
    pthread_mutex_lock(&l->lock);
    if (c->stream) {
        *(c->prev ? &c->prev->next : &l->clients) = c->next;
        if (c->next) {
            c->next->prev = c->prev;
        }
    }
    l->count--;
    pthread_mutex_unlock(&l->lock);
    free(c);
}

/* After the event the client had last; at the newest without one, or with one that this process did not give.
 */
static void resume(struct client *c, struct sv last_id)
{
    uint64_t number = 0;
    bool known = last_id.n && unseal(last_id, &number) && number < c->live->next;
    c->at = known ? number + 1 : c->live->next;
    c->resumed_late = last_id.n && !known;
}

/* With the lock held. */
static bool has_room(const struct live *l, const struct caller *who)
{
    unsigned own = 0;
    for (const struct client *c = l->clients; c; c = c->next) {
        own += c->who.by_key == who->by_key && c->who.id == who->id;
    }
    return l->count < CLIENTS_MOST && own < CLIENTS_EACH;
}

int api_live(struct call *c, struct err *e)
{
    struct live *l = c->web->live;
    struct client *client = calloc(1, sizeof(*client));
    if (!client) {
        return err_set(e, ERR_MEMORY, "no memory for another client");
    }
    pthread_mutex_lock(&l->lock);
    bool full = !has_room(l, &c->who);
    if (!full) {
        l->count++;
        client->live = l;
        client->who = c->who;
        client->beat = l->beat;
        resume(client, http_header(c->r, "Last-Event-ID"));
    }
    pthread_mutex_unlock(&l->lock);
    if (full) {
        free(client);
        c->wait = 30;
        err_set(e, ERR_BUSY, "too many clients follow the live stream already");
        return err_hint(e, "at most %d in all and %d of one account or key: close others first", CLIENTS_MOST,
                        CLIENTS_EACH);
    }
    answer_headers(c->r, c->web->tls);
    http_set(c->r, "Cache-Control", "no-store");
    http_set(c->r, "X-Accel-Buffering", "no");
    c->answered = true;
    struct http_stream *stream = http_respond_stream(c->r, 200, "text/event-stream", pull, closed, client);
    if (stream) {
        pthread_mutex_lock(&l->lock);
        client->stream = stream;
        client->next = l->clients;
        if (client->next) {
            client->next->prev = client;
        }
        l->clients = client;
        pthread_mutex_unlock(&l->lock);
    }
    return OK;
}
