/* One run over a peer: opened, its parts, what is written down at its end. */
#include "share/peer/peer_private.h"
#include "share/partner/partner.h"

#include <pthread.h>

#define RUNS_MOST 64

/* ---- one run of a peer at a time: the database has one process, so this is enough */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t running[RUNS_MOST];

static int occupy(int64_t peer, struct sv name, struct err *e)
{
    size_t place = RUNS_MOST;
    bool busy = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < RUNS_MOST; i++) {
        busy |= running[i] == peer;
        place = running[i] == 0 ? i : place;
    }
    if (!busy && place < RUNS_MOST) {
        running[place] = peer;
    }
    pthread_mutex_unlock(&lock);
    if (busy || place == RUNS_MOST) {
        err_set(e, ERR_BUSY, busy ? "peer '%.*s' is being worked on already" : "too many peers are worked on",
                SV_ARG(name));
        return err_hint(e, "try again when that has ended");
    }
    return OK;
}

static void leave(int64_t peer)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < RUNS_MOST; i++) {
        running[i] = running[i] == peer ? 0 : running[i];
    }
    pthread_mutex_unlock(&lock);
}

/* ---- a run */

static int authorize(struct peer_run *r, struct err *e)
{
    const struct peer_secret *s = &r->secret;
    struct buf pair, b;
    if (!s->user.n && !s->key.n) {
        return OK;
    }
    buf_init(&pair, 1u << 20);
    buf_init(&b, 2u << 20);
    if (s->key.n) {
        buf_add(&b, SV("Bearer "));
        buf_add(&b, s->key);
    } else {
        buf_printf(&pair, "%.*s:%.*s", SV_ARG(s->user), SV_ARG(s->password));
        buf_add(&b, SV("Basic "));
        base64_add(&b, buf_sv(&pair));
    }
    r->authorization = b.failed || pair.failed ? SV_NONE : arena_sv(&r->a, buf_sv(&b));
    if (pair.p) {
        explicit_bzero(pair.p, pair.n);
    }
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    buf_clear(&pair);
    buf_clear(&b);
    return r->authorization.p ? OK : err_set(e, ERR_MEMORY, "no memory for credentials");
}

/* Of a partner its present card counts, whatever the peer was added with; and it must be active. */
static int know_partner(struct peer_run *r, struct err *e)
{
    struct partner p;
    struct err none = ERR_NONE;
    char id[37];
    uuid_text(r->peer.org, id);
    int rc = partner_find(r->p->taxii.db, sv_c(id), &r->a, &p, &none);
    if (rc == ERR_NOT_FOUND) {
        return OK; /* an organisation of this node */
    }
    rc = rc == OK ? partner_is_active(r->p->taxii.db, sv_c(id), e) : (*e = none, rc);
    if (rc == 0) {
        err_set(e, ERR_DENIED, "the partner is %s, or its log is frozen", partner_status_name(p.status));
        return err_hint(e, "`noroshi partner show` and `noroshi witness status` tell which");
    }
    r->partner = rc == 1 && !r->secret.ca.n;
    r->peer.pin = r->partner ? p.card.spki[0] : r->peer.pin;
    return rc < 0 ? rc : OK;
}

int peer_run_open(struct peer_run *r, const struct peers *p, struct sv name, struct peer_report *report,
                  struct err *e)
{
    *report = (struct peer_report){.collection = SV("")};
    *r = (struct peer_run){.p = p, .report = report, .began = time_ticks()};
    arena_init(&r->a, 256u << 20);
    arena_init(&r->ask, 16u << 20);
    int rc = peer_find(p->taxii.db, name, &r->a, &r->peer, e);
    rc = rc == OK ? occupy(r->peer.id, r->peer.name, e) : rc;
    if (rc != OK) {
        arena_clear(&r->a);
        arena_clear(&r->ask);
        return rc;
    }
    rc = peer_secret_read(p->home, &r->peer, &r->a, &r->secret, e);
    rc = rc == OK ? know_partner(r, e) : rc;
    rc = rc == OK ? authorize(r, e) : rc;
    if (rc != OK) {
        peer_run_close(r, rc, e);
    }
    return rc;
}

static void write_down(struct peer_run *r, int rc, const struct err *why)
{
    struct db *db = r->p->taxii.db;
    struct err e = ERR_NONE;
    usec now = time_now();
    r->peer.last_run = now;
    if (rc == OK) {
        r->peer.last_ok = now;
    }
    if (rc != ERR_CANCELLED) {
        r->peer.error = rc == OK ? SV("") : arena_sv(&r->a, sv_c(why->text));
    }
    r->peer.not_before = r->wait > 0 ? now + (r->wait < 86400 ? r->wait : 86400) * USEC_SECOND : USEC_NONE;
    /* What cannot be written now is written by the next run: the cursors do not depend on it. */
    int written = db_begin(db, &e);
    if (written == OK && db_finish(db, peer_ran(db, &r->peer, &e), &e) != OK) {
        r->report->failed++;
    }
}

void peer_run_close(struct peer_run *r, int rc, const struct err *e)
{
    write_down(r, rc, e);
    leave(r->peer.id);
    r->report->seconds = (double)(time_ticks() - r->began) / 1e6;
    r->report->collection = SV("");
    arena_clear(&r->a);
    arena_clear(&r->ask);
}

int peer_run_goes_on(const struct peer_run *r, struct err *e)
{
    bool stop = r->p->stopping && r->p->stopping(r->p->of);
    return stop ? err_set(e, ERR_CANCELLED, "the exchange with the peer was ended before its end") : OK;
}

bool peer_run_late(const struct peer_run *r)
{
    return time_ticks() - r->began > PEER_RUN_SECONDS * USEC_SECOND;
}

/* ---- its parts */

struct gathered {
    struct peer_collection *c;
    size_t n, room;
    struct arena *a;
};

static int gather(void *ctx, const struct peer_collection *c)
{
    struct gathered *g = ctx;
    if (g->n == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        struct peer_collection *more = arena_calloc(g->a, room, sizeof(*more));
        if (!more) {
            return ERR_MEMORY;
        }
        if (g->n) {
            memcpy(more, g->c, g->n * sizeof(*more));
        }
        g->c = more;
        g->room = room;
    }
    g->c[g->n++] = *c;
    return OK;
}

static int save(struct peer_run *r, struct peer_collection *c, struct err *e)
{
    int rc = db_begin(r->p->taxii.db, e);
    return rc == OK ? db_finish(r->p->taxii.db, peer_collection_save(r->p->taxii.db, c, e), e) : rc;
}

typedef int (*part_fn)(struct peer_run *r, struct peer_collection *c, struct err *e);

/* The part's own error is kept with the collection; only what concerns the node itself ends the run. */
static int work_on(struct peer_run *r, struct peer_collection *c, part_fn part, struct err *first,
                   struct err *e)
{
    struct err later = ERR_NONE;
    r->report->collection = c->title.n ? c->title : c->uuid;
    int rc = part(r, c, e);
    c->last_run = time_now();
    if (rc == OK) {
        c->last_ok = c->last_run;
        c->error = SV("");
    } else if (rc != ERR_CANCELLED) {
        c->error = arena_sv(&r->a, sv_c(e->text));
        r->report->failed++;
    }
    int saved = save(r, c, &later);
    if (rc == OK && saved != OK) {
        *e = later;
        return saved;
    }
    if (rc != OK && !first->code) {
        *first = *e;
    }
    bool ends = rc == ERR_CANCELLED || rc == ERR_MEMORY || rc == ERR_FULL || r->wait > 0;
    return ends ? rc : OK;
}

/* `only` 0 = all that are due. */
static int each_part(struct peer_run *r, bool push, int64_t only, struct err *first, struct err *e)
{
    struct gathered g = {.a = &r->a};
    int rc = peer_collection_each(r->p->taxii.db, r->peer.id, &r->a, gather, &g, e);
    if (rc == ERR_MEMORY) {
        return err_set(e, ERR_MEMORY, "no memory for the collections of a peer");
    }
    for (size_t i = 0; rc == OK && i < g.n; i++) {
        struct peer_collection *c = &g.c[i];
        bool due = only ? c->id == only : push ? c->from != 0 : c->enabled && c->can_read;
        if (due) {
            r->report->collections++;
            rc = work_on(r, c, push ? peer_run_push : peer_run_pull, first, e);
        }
    }
    return rc;
}

static int finish(struct peer_run *r, int rc, struct err *first, struct err *e)
{
    struct err later = ERR_NONE;
    if (rc == OK && first->code) {
        *e = *first;
        rc = first->code;
    }
    int written = ledger_checkpoint(r->p->taxii.ledger, time_now(), &later);
    if (rc == OK && written != OK) {
        *e = later;
        rc = written;
    }
    peer_run_close(r, rc, e);
    return rc;
}

int peer_discover(const struct peers *p, struct sv name, struct peer_report *ret, struct err *e)
{
    struct peer_run r;
    int rc = peer_run_open(&r, p, name, ret, e);
    if (rc == OK) {
        rc = peer_run_discover(&r, e);
        peer_run_close(&r, rc, e);
    }
    return rc;
}

int peer_sync(const struct peers *p, struct sv name, struct peer_report *ret, int64_t *ret_wait,
              struct err *e)
{
    struct peer_run r;
    struct err first = ERR_NONE;
    *ret_wait = 0;
    int rc = peer_run_open(&r, p, name, ret, e);
    if (rc != OK) {
        return rc;
    }
    rc = peer_run_discover(&r, e);
    ret->collections = 0;
    rc = rc == OK ? each_part(&r, false, 0, &first, e) : rc;
    rc = rc == OK ? each_part(&r, true, 0, &first, e) : rc;
    *ret_wait = r.wait;
    return finish(&r, rc, &first, e);
}

int peer_push(const struct peers *p, struct sv name, int64_t collection, struct peer_report *ret,
              struct err *e)
{
    struct peer_run r;
    struct err first = ERR_NONE;
    int rc = peer_run_open(&r, p, name, ret, e);
    if (rc != OK) {
        return rc;
    }
    rc = peer_run_discover(&r, e); /* what it takes at once may have changed */
    ret->collections = 0;
    rc = rc == OK ? each_part(&r, true, collection, &first, e) : rc;
    return finish(&r, rc, &first, e);
}
