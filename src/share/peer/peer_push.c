/*
 * Posting what a collection of ours holds to a collection of a peer. The page is chosen through the gate: the
 * principal "peer:NAME" must have the right to read our collection, sees what the organisation it stands for
 * may see, nothing above the collection's ceiling or TLP:AMBER+STRICT, and nothing that came from itself.
 */
#include "share/peer/peer_private.h"

#include <stdlib.h>
#include <time.h>

#define PUSH_PAGE "200"
#define BODY_MOST (8 << 20) /* of one POST, whatever the peer takes */
#define BODY_LEAST 1024     /* a peer that says it takes less means something else */
#define POLL_SECONDS 120    /* a status is asked for so long */
#define REFUSED_MOST 20     /* objects refused one by one without one accepted: it is not the objects */
#define ENVELOPE "{\"objects\":["

struct batch {
    struct buf body; /* members one after the other, each followed by a comma */
    size_t *end;     /* where each ends, before its comma */
    size_t n, room;
};

struct push {
    struct peer_run *r;
    struct peer_collection *c;
    struct taxii_collection from;
    struct taxii_who who;
    size_t body_most;
    struct batch batch;
    struct buf envelope;
    unsigned refused_in_a_row;
};

/* ---- batches */

static struct sv member_of(const struct batch *b, size_t i)
{
    size_t start = i ? b->end[i - 1] + 1 : 0;
    return sv_from(b->body.p + start, b->end[i] - start);
}

static int batch_add(struct batch *b, struct sv member, struct err *e)
{
    if (b->n == b->room) {
        size_t room = b->room ? b->room * 2 : 256;
        size_t *end = reallocarray(b->end, room, sizeof(*end));
        if (!end) {
            return err_set(e, ERR_MEMORY, "no memory for what is posted");
        }
        b->end = end;
        b->room = room;
    }
    buf_add(&b->body, member);
    b->end[b->n++] = b->body.n;
    buf_addc(&b->body, ',');
    return b->body.failed ? err_set(e, ERR_MEMORY, "no memory for what is posted") : OK;
}

static void batch_reset(struct batch *b)
{
    buf_reset(&b->body);
    b->n = 0;
}

/* ---- refusals */

/* Values of our own objects, found without parsing them: the text was stored as it came. */
static struct sv text_in(struct json_doc *d, struct sv member, const char *key, char *room, size_t size)
{
    struct jv v = {0};
    if (!d || json_parse(d, member, &v, NULL) != OK) {
        return SV("");
    }
    return sv_c(sv_show(json_get_str(v, sv_c(key)), room, size));
}

static int keep_refusal(struct push *p, const struct peer_refusal *given, struct err *e)
{
    struct db *db = p->r->p->taxii.db;
    struct peer_refusal f = *given;
    f.at = time_now();
    p->r->report->refused++;
    p->c->refused++;
    int rc = db_begin(db, e);
    return rc == OK ? db_finish(db, peer_refusal_add(db, p->c->id, &f, e), e) : rc;
}

/* One object that the peer does not take: what it said is kept, and the next ones are posted. */
static int refuse_one(struct push *p, struct sv member, const struct err *why, struct err *e)
{
    char id[256], version[64];
    struct json_doc *d = json_doc_new(member.n + 1);
    struct peer_refusal f = {.id = text_in(d, member, "id", id, sizeof(id)),
                             .version = text_in(d, member, "modified", version, sizeof(version)),
                             .message = sv_c(why->text)};
    json_doc_free(d);
    if (++p->refused_in_a_row > REFUSED_MOST) {
        *e = *why;
        return why->code;
    }
    return keep_refusal(p, &f, e);
}

/* ---- status */

static int rest(struct push *p, unsigned milliseconds, struct err *e)
{
    for (unsigned i = 0; i < milliseconds; i += 50) {
        const struct timespec nap = {.tv_nsec = 50000000};
        nanosleep(&nap, NULL);
        if (peer_run_goes_on(p->r, e) != OK) {
            return e->code;
        }
    }
    return OK;
}

static int read_status(struct push *p, struct fetch_answer *answer, struct arena *a, struct peer_status *ret,
                       struct err *e)
{
    struct buf b;
    struct err why = ERR_NONE;
    buf_init(&b, PEER_ANSWER_MOST);
    int rc = peer_body(answer, &b, e);
    /* A success without a status resource is one in which nothing was refused. */
    if (rc == OK && peer_read_status(buf_sv(&b), a, ret, &why) != OK) {
        *ret = (struct peer_status){.id = SV("")};
        rc = why.code == ERR_MEMORY ? (*e = why).code : OK;
    }
    buf_clear(&b);
    return rc;
}

static int poll_status(struct push *p, struct arena *a, struct peer_status *s, struct err *e)
{
    struct fetch_answer answer;
    struct buf b;
    usec until = time_ticks() + POLL_SECONDS * USEC_SECOND;
    int rc = OK;
    for (unsigned wait = 100; rc == OK && s->pending && s->id.n && time_ticks() < until;) {
        rc = rest(p, wait, e);
        wait = wait < 2000 ? wait * 2 : wait;
        buf_init(&b, 64u << 10);
        buf_add(&b, p->c->root);
        buf_add(&b, SV("status/"));
        peer_url_escape(&b, s->id);
        buf_addc(&b, '/');
        struct sv url = arena_sv(a, buf_sv(&b));
        buf_clear(&b);
        const struct peer_ask q = {.method = "GET", .url = url, .max_bytes = PEER_ANSWER_MOST};
        rc = rc == OK ? peer_ask(p->r, &q, &answer, e) : rc;
        if (rc == OK && answer.status != 200) { /* forgotten, or not told: it was accepted at least */
            (void)peer_refused(p->r, &answer, "status", e);
            *e = ERR_NONE;
            s->pending = false;
            return OK;
        }
        rc = rc == OK ? read_status(p, &answer, a, s, e) : rc;
    }
    if (rc == OK && s->pending) {
        err_set(e, ERR_TIME, "the peer did not say within %d seconds what came of the objects", POLL_SECONDS);
        rc = err_hint(e, "they are posted again at the next run");
    }
    return rc;
}

/* ---- posting */

static int accepted(struct push *p, struct fetch_answer *answer, size_t n, struct err *e)
{
    struct peer_status s;
    struct arena a;
    arena_init(&a, 64u << 20);
    int rc = read_status(p, answer, &a, &s, e);
    rc = rc == OK ? poll_status(p, &a, &s, e) : rc;
    for (size_t i = 0; rc == OK && i < s.n; i++) {
        rc = keep_refusal(p, &s.refusal[i], e);
    }
    arena_clear(&a);
    if (rc == OK) {
        uint64_t taken = n > s.n ? n - s.n : 0;
        p->r->report->pushed += taken;
        p->c->pushed += (int64_t)taken;
        p->refused_in_a_row = taken ? 0 : p->refused_in_a_row;
    }
    return rc;
}

static int post(struct push *p, size_t from, size_t to, struct fetch_answer *ret, struct err *e)
{
    struct buf url;
    size_t start = from ? p->batch.end[from - 1] + 1 : 0;
    buf_reset(&p->envelope);
    buf_add(&p->envelope, SV(ENVELOPE));
    buf_addp(&p->envelope, p->batch.body.p + start, p->batch.end[to - 1] - start);
    buf_add(&p->envelope, SV("]}"));
    buf_init(&url, 64u << 10);
    buf_add(&url, p->c->root);
    buf_add(&url, SV("collections/"));
    peer_url_escape(&url, p->c->uuid);
    buf_add(&url, SV("/objects/"));
    const struct peer_ask q = {
        .method = "POST", .url = buf_sv(&url), .body = buf_sv(&p->envelope), .max_bytes = PEER_ANSWER_MOST};
    int rc = p->envelope.failed || url.failed ? err_set(e, ERR_MEMORY, "no memory for what is posted")
                                              : peer_ask(p->r, &q, ret, e);
    buf_clear(&url);
    return rc;
}

/* Posts members [from, to): too much at once, or something in it that the peer cannot work with, is halved
 * until it is one object's own fault. */
static int send(struct push *p, size_t from, size_t to, struct err *e)
{
    struct fetch_answer answer;
    int rc = post(p, from, to, &answer, e);
    if (rc != OK) {
        return rc;
    }
    if (answer.status >= 200 && answer.status < 300) {
        return accepted(p, &answer, to - from, e);
    }
    unsigned status = answer.status;
    rc = peer_refused(p->r, &answer, "posting", e);
    if (status != 413 && status != 400 && status != 422) {
        return rc;
    }
    if (to - from == 1) {
        const struct err why = *e;
        *e = ERR_NONE;
        return refuse_one(p, member_of(&p->batch, from), &why, e);
    }
    size_t half = from + (to - from) / 2;
    *e = ERR_NONE;
    if (status == 413) {
        p->body_most = p->envelope.n / 2 > BODY_LEAST ? p->envelope.n / 2 : BODY_LEAST;
    }
    rc = send(p, from, half, e);
    return rc == OK ? send(p, half, to, e) : rc;
}

static int flush(struct push *p, struct err *e)
{
    int rc = p->batch.n ? send(p, 0, p->batch.n, e) : OK;
    batch_reset(&p->batch);
    return rc;
}

static int add_member(struct push *p, struct sv member, struct err *e)
{
    const size_t frame = sizeof(ENVELOPE) + 2;
    int rc = p->batch.n && p->batch.body.n + member.n + frame > p->body_most ? flush(p, e) : OK;
    return rc == OK ? batch_add(&p->batch, member, e) : rc;
}

/* ---- pages of our own collection */

static int take_members(struct push *p, struct json_split *s, struct err *e)
{
    struct sv member;
    uint64_t offset;
    int rc;
    while ((rc = json_split_next(s, &member, &offset, e)) == 1) {
        rc = json_split_shape(s) == SPLIT_KEYED ? add_member(p, member, e) : OK;
        if (rc != OK) {
            return rc;
        }
    }
    return rc;
}

static int send_page(struct push *p, struct taxii_page *page, struct err *e)
{
    struct json_split *s = json_split_new(SV("objects"), 64u << 20);
    struct buf b;
    int rc = s ? OK : err_set(e, ERR_MEMORY, "no memory for what is posted"), pulled = 0;
    buf_init(&b, 128u << 20);
    while (rc == OK && pulled == 0) {
        buf_reset(&b);
        pulled = taxii_page_pull(page, &b);
        rc = pulled == -2 ? err_set(e, ERR_IO, "a page of our own collection cannot be read")
                          : json_split_feed(s, buf_sv(&b), pulled == -1, e);
        rc = rc == OK ? take_members(p, s, e) : rc;
    }
    buf_clear(&b);
    json_split_free(s);
    return rc == OK ? flush(p, e) : rc;
}

static int next_page(struct push *p, bool *ret_end, struct err *e)
{
    struct db *db = p->r->p->taxii.db;
    char after[32];
    struct taxii_query q = {.limit = SV(PUSH_PAGE), .match_version = SV("all")};
    struct taxii_page *page;
    usec first, last;
    if (p->c->pushed_to != USEC_NONE) {
        time_text6(p->c->pushed_to, after);
        q.added_after = sv_c(after);
    }
    int rc = taxii_page_open(&p->r->p->taxii, &p->from, &p->who, TAXII_OBJECTS, &q, time_now(), &page, &first,
                             &last, e);
    if (rc != OK) {
        return rc;
    }
    *ret_end = last == USEC_NONE;
    rc = *ret_end ? OK : send_page(p, page, e);
    taxii_page_free(page);
    if (rc == OK && !*ret_end) {
        p->c->pushed_to = last;
        rc = db_begin(db, e);
        rc = rc == OK ? db_finish(db, peer_collection_save(db, p->c, e), e) : rc;
    }
    return rc;
}

struct finding {
    int64_t id;
    struct taxii_collection found;
};

static int match(void *ctx, const struct taxii_collection *c)
{
    struct finding *f = ctx;
    if (c->id == f->id) {
        f->found = *c;
    }
    return OK;
}

static int prepare(struct push *p, struct err *e)
{
    struct finding f = {.id = p->c->from};
    struct peer_run *r = p->r;
    int rc = taxii_collection_each(r->p->taxii.db, 0, &r->a, match, &f, e);
    if (rc == OK && !f.found.id) {
        err_set(e, ERR_NOT_FOUND, "the collection that is to be pushed is not there any more");
        rc = err_hint(e,
                      "choose another with `noroshi peer push %.*s ID --from COLLECTION`, or end it with "
                      "--off",
                      SV_ARG(r->peer.name));
    }
    if (rc == OK && r->peer.version == 20) {
        rc = err_set(e, ERR_UNSUPPORTED, "this peer speaks TAXII 2.0, which has no place for STIX 2.1");
    }
    if (rc == OK && !p->c->can_write) {
        err_set(e, ERR_DENIED, "the peer does not let us write to this collection");
        rc = err_hint(e, "ask who runs it for the right to write");
    }
    if (rc != OK) {
        return rc;
    }
    p->from = f.found;
    if (p->from.ceiling > TLP_AMBER_STRICT) {
        p->from.ceiling = TLP_AMBER_STRICT;
    }
    p->who = (struct taxii_who){.principal = arena_printf(&r->a, "peer:%.*s", SV_ARG(r->peer.name)),
                                .org = r->peer.org,
                                .except = r->peer.source};
    int64_t most =
        p->c->max_content > BODY_LEAST && p->c->max_content < BODY_MOST ? p->c->max_content : BODY_MOST;
    p->body_most = (size_t)most;
    return p->who.principal.p ? taxii_collect(&r->p->taxii, time_now(), e)
                              : err_set(e, ERR_MEMORY, "no memory to push");
}

int peer_run_push(struct peer_run *r, struct peer_collection *c, struct err *e)
{
    struct push p = {.r = r, .c = c};
    bool end = false;
    buf_init(&p.batch.body, 256u << 20);
    buf_init(&p.envelope, 256u << 20);
    int rc = prepare(&p, e);
    while (rc == OK && !end && !peer_run_late(r)) {
        rc = peer_run_goes_on(r, e);
        rc = rc == OK ? next_page(&p, &end, e) : rc;
        if (rc == OK && r->p->progress) {
            r->p->progress(r->p->who, r->report);
        }
    }
    if (rc == ERR_DENIED && !e->remedy[0]) {
        err_hint(e, "let it read: noroshi taxii grant COLLECTION peer:%.*s --read", SV_ARG(r->peer.name));
    }
    free(p.batch.end);
    buf_clear(&p.batch.body);
    buf_clear(&p.envelope);
    return rc;
}
