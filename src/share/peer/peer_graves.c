/*
 * Deletions at a peer of our own program: its tombstones (docs/taxii.md). What it took out of a collection,
 * and has in none that we read any more, is taken back here too.
 */
#include "share/peer/peer_private.h"
#include "share/recall/recall.h"

#define GRAVES_MOST 1000 /* taken back at once */
#define PAGES_MOST 100

struct graves {
    struct peer_run *r;
    struct peer_collection *c;
    struct arena a;
    struct sv id[GRAVES_MOST];
    size_t n;
    usec upto;
    bool more;
    bool found; /* of the id at hand: some collection has it still */
    struct err *e;
};

static struct sv address(struct graves *g, const struct peer_collection *c, struct sv id, usec after)
{
    char text[32];
    struct buf b;
    buf_init(&b, 64u << 10);
    buf_add(&b, c->root);
    buf_add(&b, SV("collections/"));
    peer_url_escape(&b, c->uuid);
    if (id.n) {
        buf_add(&b, SV("/objects/"));
        peer_url_escape(&b, id);
        buf_add(&b, SV("/versions/"));
    } else {
        buf_add(&b, SV("/tombstones/"));
    }
    if (!id.n && after > 0) {
        time_text6(after, text);
        buf_add(&b, SV("?added_after="));
        peer_url_escape(&b, sv_c(text));
    }
    struct sv url = b.failed ? SV_NONE : arena_sv(&g->a, buf_sv(&b));
    buf_clear(&b);
    return url;
}

/* 1 and a small body, 0 = there is no such thing. */
static int get(struct graves *g, struct sv url, struct buf *body, struct err *e)
{
    struct fetch_answer answer;
    const struct peer_ask q = {.method = "GET", .url = url, .max_bytes = PEER_ANSWER_MOST};
    if (!url.p) {
        return err_set(e, ERR_MEMORY, "no memory for an address");
    }
    int rc = peer_ask(g->r, &q, &answer, e);
    if (rc != OK) {
        return rc;
    }
    if (answer.status == 404) {
        close_fd(&answer.fd);
        return 0;
    }
    if (answer.status < 200 || answer.status > 299) {
        return peer_refused(g->r, &answer, "tombstones", e);
    }
    rc = peer_body(&answer, body, e);
    return rc == OK ? 1 : rc;
}

/* ---- is it in none of the collections we read? ---- */

static int look_for(void *ctx, const struct peer_collection *c)
{
    struct graves *g = ctx;
    struct json_doc *d;
    struct buf body;
    struct jv v;
    if (!c->enabled || !c->can_read || g->found) {
        return OK;
    }
    buf_init(&body, PEER_ANSWER_MOST);
    int rc = get(g, address(g, c, g->id[g->n], 0), &body, g->e);
    d = rc == 1 ? json_doc_new(PEER_ANSWER_MOST) : NULL;
    if (rc == 1) {
        struct err ignored = ERR_NONE;
        /* What cannot be read is no word that it is gone. */
        g->found = !d || json_parse(d, buf_sv(&body), &v, &ignored) != OK ||
                   json_count(json_get(v, SV("versions"))) > 0;
    }
    json_doc_free(d);
    buf_clear(&body);
    return rc < 0 ? rc : OK;
}

/* Something of the id is here as the peer's. */
static int held(struct graves *g, struct sv id, struct err *e)
{
    struct stmt *s = db_query(g->r->p->taxii.db, "SELECT stix_id FROM object WHERE h = ? AND source = ?", e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)hash64(g->r->p->taxii.secret, id));
    db_int(s, g->r->peer.source);
    while ((rc = db_step(s, e)) == 1 && !sv_eq(col_text(s, 0), id)) {
    }
    db_done(s);
    return rc;
}

static int note(struct graves *g, struct sv id, struct err *e)
{
    struct arena a;
    int rc = id.p && id.n < 256 ? held(g, id, e) : 0;
    if (rc != 1) {
        return rc < 0 ? rc : OK;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (sv_eq(g->id[i], id)) {
            return OK;
        }
    }
    g->id[g->n] = arena_sv(&g->a, id);
    if (!g->id[g->n].p) {
        return err_set(e, ERR_MEMORY, "no memory for tombstones");
    }
    g->found = false;
    arena_init(&a, 64u << 20);
    rc = peer_collection_each(g->r->p->taxii.db, g->r->peer.id, &a, look_for, g, e);
    arena_clear(&a);
    g->n += rc == OK && !g->found;
    return rc;
}

static int read_page(struct graves *g, struct sv body, struct err *e)
{
    struct json_doc *d = json_doc_new(PEER_ANSWER_MOST);
    struct jv v;
    int rc = d ? json_parse(d, body, &v, e) : err_set(e, ERR_MEMORY, "no memory for tombstones");
    g->more = false;
    if (rc == OK) {
        struct json_it it = json_each(json_get(v, SV("tombstones")));
        struct sv key;
        struct jv one;
        usec before = g->upto;
        (void)json_bool(json_get(v, SV("more")), &g->more);
        while (rc == OK && g->n < GRAVES_MOST && json_next(&it, &key, &one)) {
            usec at = peer_read_time(json_get_str(one, SV("deleted")));
            /* A far future would hide all that comes until then. */
            g->upto = at != USEC_NONE && at > g->upto && at < time_now() + USEC_DAY ? at : g->upto;
            rc = note(g, json_get_str(one, SV("id")), e);
        }
        g->more = (g->more || g->n == GRAVES_MOST) && g->upto > before;
    }
    json_doc_free(d);
    return rc;
}

/* The cursor is passed once what stands before it is taken back. */
static int settle(struct graves *g, struct err *e)
{
    struct db *db = g->r->p->taxii.db;
    uint64_t taken;
    int rc =
        g->n ? recall_deleted_at_peer(g->r->p->recall, g->r->peer.source, g->id, g->n, time_now(), &taken, e)
             : OK;
    rc = rc == OK ? db_begin(db, e) : rc;
    return rc == OK ? db_finish(db, recall_follow_to(g->r->p->recall, g->c->id, g->upto, e), e) : rc;
}

int peer_run_tombstones(struct peer_run *r, struct peer_collection *c, struct err *e)
{
    struct graves g = {.r = r, .c = c, .e = e};
    struct buf body;
    if (!r->tombstones || !r->p->recall) {
        return OK;
    }
    arena_init(&g.a, 16u << 20);
    buf_init(&body, PEER_ANSWER_MOST);
    int rc = recall_followed(r->p->recall, c->id, &g.upto, e);
    g.more = true;
    for (size_t i = 0; rc == OK && g.more && i < PAGES_MOST; i++) {
        arena_reset(&g.a);
        buf_reset(&body);
        g.n = 0;
        usec before = g.upto;
        rc = get(&g, address(&g, c, SV(""), g.upto), &body, e);
        if (rc == 0) {
            break;
        }
        rc = rc == 1 ? read_page(&g, buf_sv(&body), e) : rc;
        rc = rc == OK && g.upto > before ? settle(&g, e) : rc;
    }
    buf_clear(&body);
    arena_clear(&g.a);
    return rc;
}
