/* Speaking to a partner's node: TAXII requests under pinned keys on both sides. */
#include "share/message/message_private.h"

#include <fcntl.h>
#include <unistd.h>

#define ANSWER_MOST (MESSAGE_MOST * 2)
#define ARENA_MOST ((size_t)160 << 20)
#define BATCH 32
#define BATCH_BYTES ((size_t)4 << 20)
#define WHOLE_SECONDS 120
#define STALL_SECONDS 30
#define TAXII "application/taxii+json;version=2.1"

struct wire {
    const struct messages *m;
    struct partner partner;
    struct note_key key;
    struct arena a;
    struct buf cert, pem;
};

/* ---- one request */

static int read_pem(const struct wire *w, const char *name, struct buf *ret, struct err *e)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/tls/%s", w->m->home, name) >= (int)sizeof(path)) {
        return err_set(e, ERR_LIMIT, "the path of the node's certificate is too long");
    }
    return file_read(AT_FDCWD, path, ret, e);
}

static int read_answer(int fd, struct buf *ret, struct err *e)
{
    ssize_t got = 1;
    while (got > 0 && !ret->failed) {
        char *room = buf_reserve(ret, 65536);
        got = room ? read(fd, room, 65536) : 0;
        ret->n += got > 0 ? (size_t)got : 0;
    }
    return got < 0 || ret->failed ? err_set(e, ERR_IO, "the partner's answer cannot be read") : OK;
}

static int refused(unsigned status, const struct buf *answer, struct err *e)
{
    char shown[160];
    err_set(e, status >= 500 || status == 429 ? ERR_BUSY : ERR_DENIED, "the partner's node answered %u: %s",
            status, sv_show(sv_trim(buf_sv(answer)), shown, sizeof(shown)));
    return status == 404 ? err_hint(e, "it may not have this node as an active partner, or its address has "
                                       "changed: compare the cards")
                         : e->code;
}

/* Asks under the partner's present key, else its next one. An answer that is none of 200 and 202 is an error.
 */
static int ask(struct wire *w, const char *method, const char *query, struct sv body, struct buf *answer,
               struct err *e)
{
    const struct partner_card *c = &w->partner.card;
    struct fetch_answer got = {.fd = -1};
    int rc = ERR_CRYPTO;
    for (size_t i = 0; i < 2 && (i == 0 || rc == ERR_AUTH) && c->spki[i].n; i++) {
        const struct fetch_request r = {
            .method = method,
            .url = arena_printf(&w->a, "%.*s%s%s%s", SV_ARG(c->url), sv_ends(c->url, SV("/")) ? "" : "/",
                                MESSAGE_PATH, query),
            .body = body,
            .header = {{SV("Accept"), SV(TAXII)}, {SV("Content-Type"), SV(TAXII)}},
            .headers = body.n ? 2 : 1,
            .pin = c->spki[i],
            .pin_alone = true,
            .client_cert_pem = buf_sv(&w->cert),
            .client_key_pem = buf_sv(&w->pem),
            .max_bytes = ANSWER_MOST,
            .seconds = WHOLE_SECONDS,
            .stall_seconds = STALL_SECONDS};
        rc = fetch(w->m->fetcher, &r, &w->a, &got, e);
    }
    buf_reset(answer);
    rc = rc == OK && got.fd >= 0 ? read_answer(got.fd, answer, e) : rc;
    close_fd(&got.fd);
    return rc == OK && got.status != 200 && got.status != 202 ? refused(got.status, answer, e) : rc;
}

static int open_wire(struct wire *w, const struct messages *m, struct uuid partner, struct err *e)
{
    *w = (struct wire){.m = m};
    arena_init(&w->a, ARENA_MOST);
    buf_init(&w->cert, 1u << 20);
    buf_init(&w->pem, 1u << 20);
    int rc = message_partner(m, partner, &w->a, &w->partner, &w->key, e);
    rc = rc == OK ? read_pem(w, "cert.pem", &w->cert, e) : rc;
    return rc == OK ? read_pem(w, "key.pem", &w->pem, e) : rc;
}

static void close_wire(struct wire *w)
{
    if (w->pem.p) {
        explicit_bzero(w->pem.p, w->pem.n);
    }
    buf_clear(&w->pem);
    buf_clear(&w->cert);
    arena_clear(&w->a);
}

/* ---- a body of objects */

struct batch {
    struct buf body;
    struct uuid id[BATCH]; /* as the objects name them */
    size_t n;
};

static void begin_batch(struct batch *b)
{
    b->n = 0;
    buf_reset(&b->body);
    buf_add(&b->body, SV("{\"objects\":["));
}

static void add_to_batch(struct batch *b, struct uuid id, struct uuid from, usec created, struct sv envelope)
{
    if (b->n) {
        buf_addc(&b->body, ',');
    }
    message_object(id, from, created, envelope, &b->body);
    b->id[b->n++] = id;
}

static int end_batch(struct batch *b, struct err *e)
{
    buf_add(&b->body, SV("]}"));
    return b->body.failed ? err_set(e, ERR_LIMIT, "the messages do not fit into one request") : OK;
}

static bool is_full(const struct batch *b, struct sv next)
{
    return b->n == BATCH || (b->n && b->body.n + next.n > BATCH_BYTES);
}

/* ---- what the partner says of them: a TAXII status resource */

/* The `message` of an object in a list of status details; p NULL when it is not in the list. */
static struct sv said_of(struct jv list, struct uuid id)
{
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    char text[37], name[64];
    uuid_text(id, text);
    snprintf(name, sizeof(name), MESSAGE_TYPE "--%s", text);
    while (json_next(&it, &unused, &v)) {
        if (sv_eq(json_get_str(v, SV("id")), sv_c(name))) {
            struct sv said = json_get_str(v, SV("message"));
            return said.p ? said : SV("");
        }
    }
    return SV_NONE;
}

static int not_taken(struct jv status, struct uuid id, struct err *e)
{
    char shown[300];
    struct sv why = said_of(json_get(status, SV("failures")), id);
    return err_set(e, ERR_DENIED, "the partner's node did not take it: %s",
                   why.n ? sv_show(why, shown, sizeof(shown)) : "it does not say why");
}

/* One acknowledgement, of this message, by the partner's pinned key, to us. */
static int keep_ack(struct wire *w, struct sv envelope, struct uuid about, struct err *e)
{
    struct arena a;
    struct message ack;
    struct uuid home;
    uint8_t sig[64];
    enum message_flaw flaw;
    arena_init(&a, ARENA_MOST);
    int rc = message_unseal(envelope, w->key.pub, &a, &ack, sig, &flaw, e);
    rc = rc == OK ? message_home(w->m, &home, e) : rc;
    if (rc == OK &&
        (!sv_eq(ack.kind, SV("ack")) || !uuid_eq(ack.from, w->partner.card.id) || !uuid_eq(ack.to, home))) {
        rc =
            err_set(e, ERR_DENIED, "the partner's node answered with something else than an acknowledgement");
    }
    rc = rc == OK ? message_acknowledged(w->m, &ack, envelope, about, time_now(), e) : rc;
    arena_clear(&a);
    return rc;
}

static int keep_acks(struct wire *w, const struct batch *b, struct sv answer, unsigned *done, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? json_parse(d, answer, &v, e) : err_set(e, ERR_MEMORY, "no memory for an answer");
    for (size_t i = 0; rc == OK && i < b->n; i++) {
        struct sv ack = said_of(json_get(v, SV("successes")), b->id[i]);
        rc = ack.p ? keep_ack(w, ack, b->id[i], e) : not_taken(v, b->id[i], e);
        if (rc == OK) {
            ++*done;
        } else {
            message_failed(w->m, b->id[i], e, time_now());
        }
    }
    json_doc_free(d);
    return rc;
}

/* ---- pushing */

static int gather(void *ctx, const struct message *msg, usec added, struct sv envelope, struct err *e)
{
    struct batch *b = ctx;
    if (is_full(b, envelope)) {
        return 1;
    }
    add_to_batch(b, msg->id, msg->from, msg->created, envelope);
    return b->body.failed ? err_set(e, ERR_LIMIT, "a message does not fit into a request") : OK;
}

/* The card is read for each request: it may have been replaced meanwhile, or the partner suspended. */
static int push_batch(const struct messages *m, struct uuid partner, struct batch *b, unsigned *done,
                      struct err *e)
{
    struct wire w;
    struct buf answer;
    buf_init(&answer, ANSWER_MOST);
    int rc = open_wire(&w, m, partner, e);
    rc = rc == OK ? end_batch(b, e) : rc;
    rc = rc == OK ? ask(&w, "POST", "", buf_sv(&b->body), &answer, e) : rc;
    if (rc == OK) {
        rc = keep_acks(&w, b, buf_sv(&answer), done, e);
    } else {
        message_failed(m, b->id[0], e, time_now());
    }
    buf_clear(&answer);
    close_wire(&w);
    return rc;
}

static int push(const struct messages *m, struct uuid partner, unsigned *done, struct err *e)
{
    struct batch b;
    int rc;
    buf_init(&b.body, MESSAGE_MOST + BATCH_BYTES);
    do {
        begin_batch(&b);
        rc = message_waiting(m, partner, USEC_NONE, BATCH, gather, &b, e);
        rc = rc >= 0 && b.n ? push_batch(m, partner, &b, done, e) : rc;
    } while (rc == OK && b.n);
    buf_clear(&b.body);
    return rc < 0 ? rc : OK;
}

int message_push(const struct messages *m, struct uuid partner, unsigned *ret_done, struct err *e)
{
    *ret_done = 0;
    turn_take(TURN_OUT, partner);
    int rc = push(m, partner, ret_done, e);
    turn_give(TURN_OUT, partner);
    return rc;
}

/* ---- pulling */

/* Handles one page in its order and gathers the acknowledgements; stops where something is refused, for what
 * comes after it must not overtake it. */
static int handle_page(struct wire *w, struct jv page, struct batch *acks, struct uuid home, struct err *e)
{
    struct json_it it = json_each(json_get(page, SV("objects")));
    struct sv unused;
    struct jv v;
    struct buf envelope, ack;
    int rc = OK;
    buf_init(&envelope, MESSAGE_MOST * 2);
    buf_init(&ack, MESSAGE_MOST);
    while (rc == OK && json_next(&it, &unused, &v) && !is_full(acks, SV(""))) {
        buf_reset(&envelope);
        buf_reset(&ack);
        json_add(&envelope, json_get(v, SV("envelope")));
        rc = message_receive(w->m, w->partner.card.id, buf_sv(&envelope), time_now(), &ack, e);
        if (rc == OK && ack.n) {
            add_to_batch(acks, uuid_v4(), home, time_now(), buf_sv(&ack));
        }
    }
    buf_clear(&ack);
    buf_clear(&envelope);
    return rc;
}

/* All of them have arrived, or it is worth asking again. */
static int post_acks(struct wire *w, struct batch *acks, unsigned *done, struct err *e)
{
    struct buf answer;
    struct jv v = {0};
    int64_t good = 0;
    buf_init(&answer, ANSWER_MOST);
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? end_batch(acks, e) : err_set(e, ERR_MEMORY, "no memory for acknowledgements");
    rc = rc == OK ? ask(w, "POST", "", buf_sv(&acks->body), &answer, e) : rc;
    rc = rc == OK ? json_parse(d, buf_sv(&answer), &v, e) : rc;
    if (rc == OK && (!json_i64(json_get(v, SV("success_count")), &good) || good != (int64_t)acks->n)) {
        rc = err_set(e, ERR_DENIED, "the partner's node did not take our acknowledgements");
    }
    *done += rc == OK ? (unsigned)acks->n : 0;
    json_doc_free(d);
    buf_clear(&answer);
    return rc;
}

/* 1 = something was handled and acknowledged, so there may be more. */
static int pull_page(struct wire *w, struct batch *acks, unsigned *done, struct err *e)
{
    struct buf answer;
    struct jv v = {0};
    struct uuid home;
    begin_batch(acks);
    buf_init(&answer, ANSWER_MOST);
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? message_home(w->m, &home, e) : err_set(e, ERR_MEMORY, "no memory for a page of messages");
    rc = rc == OK ? ask(w, "GET", "?limit=32", SV(""), &answer, e) : rc;
    rc = rc == OK ? json_parse(d, buf_sv(&answer), &v, e) : rc;
    if (rc == OK) {
        struct err first = ERR_NONE;
        int handled = handle_page(w, v, acks, home, &first);
        rc = acks->n ? post_acks(w, acks, done, e) : OK;
        if (rc == OK && handled != OK) {
            *e = first;
            rc = handled;
        }
    }
    json_doc_free(d);
    buf_clear(&answer);
    return rc == OK ? acks->n > 0 : rc;
}

static int pull(const struct messages *m, struct uuid partner, unsigned *done, struct err *e)
{
    struct batch acks;
    int rc = 1;
    buf_init(&acks.body, MESSAGE_MOST * 2);
    while (rc == 1) {
        struct wire w;
        rc = open_wire(&w, m, partner, e);
        rc = rc == OK ? pull_page(&w, &acks, done, e) : rc;
        close_wire(&w);
    }
    buf_clear(&acks.body);
    return rc;
}

int message_pull(const struct messages *m, struct uuid partner, unsigned *ret_done, struct err *e)
{
    *ret_done = 0;
    turn_take(TURN_OUT, partner);
    int rc = pull(m, partner, ret_done, e);
    turn_give(TURN_OUT, partner);
    return rc;
}
