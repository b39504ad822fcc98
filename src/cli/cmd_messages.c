#include "cli/cli.h"
#include "share/message/message.h"

#include <string.h>

#define LIMIT 100

struct listing {
    struct cmd *c;
    struct arena *a;
    struct buf json;
    struct jw w;
};

/* ---- one message */

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    if (at != USEC_NONE) {
        time_text(at, text);
    }
    jw_kstr(w, key, at != USEC_NONE ? sv_c(text) : SV_NONE);
}

static void write_uuid(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, uuid_nil(id) ? SV_NONE : sv_c(text));
}

static struct uuid partner_of(const struct message_state *s)
{
    return s->out ? s->m.to : s->m.from;
}

static void write_message(struct jw *w, const struct message_state *s, bool body)
{
    char sum[65];
    hex_text(s->body_sha256.b, sizeof(s->body_sha256.b), sum);
    jw_obj(w);
    write_uuid(w, "id", s->m.id);
    jw_kstr(w, "direction", s->out ? SV("out") : SV("in"));
    jw_kstr(w, "kind", s->m.kind);
    write_uuid(w, "partner", partner_of(s));
    jw_kint(w, "counter", s->m.counter);
    write_time(w, "at", s->at);
    write_time(w, "created", s->m.created);
    write_time(w, "expires", s->m.expires);
    write_time(w, "acknowledged", s->acknowledged);
    jw_key(w, "accepted");
    if (s->acknowledged == USEC_NONE) {
        jw_null(w);
    } else {
        jw_bool(w, s->accepted);
    }
    jw_kstr(w, "text", s->text);
    jw_kint(w, "attempts", s->attempts);
    write_uuid(w, "agreement", s->m.agreement);
    jw_kint(w, "agreement_version", s->m.agreement_version);
    jw_kint(w, "share", s->share);
    jw_kint(w, "entry", s->entry);
    jw_kstr(w, "body_sha256", sv_c(sum));
    if (body) {
        jw_key(w, "body");
        jw_raw(w, s->m.body.n ? s->m.body : SV("null"));
    }
    jw_end_obj(w);
}

static struct sv name_of(struct cmd *c, struct arena *a, struct uuid id)
{
    char text[37];
    struct partner p;
    struct err e = ERR_NONE;
    uuid_text(id, text);
    return partner_find(c->node->db, sv_c(text), a, &p, &e) == OK ? p.card.name[LANGUAGE_EN]
                                                                  : arena_sv(a, sv_c(text));
}

static void print_message(struct listing *l, const struct message_state *s)
{
    FILE *out = l->c->out;
    char id[37], at[32];
    uuid_text(s->m.id, id);
    time_text(s->at - s->at % USEC_SECOND, at);
    fprintf(out, "%s  %-3s  ", id, s->out ? "out" : "in");
    print_cell(out, s->m.kind, 12);
    print_cell(out, name_of(l->c, l->a, partner_of(s)), 20);
    fprintf(out, "%8lld  %s  %-12s ", (long long)s->m.counter, at,
            s->acknowledged == USEC_NONE ? "waits"
            : s->accepted                ? "accepted"
                                         : "refused");
    if (s->acknowledged == USEC_NONE && s->attempts) {
        fprintf(out, "%u attempts: ", s->attempts);
    }
    print_safe(out, sv_sub(s->text, 0, 100));
    fputc('\n', out);
    arena_reset(l->a);
}

static int on_message(void *ctx, const struct message_state *s)
{
    struct listing *l = ctx;
    if (l->c->json) {
        write_message(&l->w, s, false);
    } else {
        print_message(l, s);
    }
    return OK;
}

/* ---- listing */

static int begin(struct listing *l, struct cmd *c, struct arena *a)
{
    *l = (struct listing){.c = c, .a = a};
    arena_init(a, 64u << 20);
    buf_init(&l->json, 256u << 20);
    jw_init(&l->w, &l->json);
    return OK;
}

static int end(struct listing *l, int rc, struct err *e)
{
    struct cmd *c = l->c;
    if (rc >= 0 && c->json) {
        print_json(c, &l->json);
    }
    buf_clear(&l->json);
    arena_clear(l->a);
    return rc < 0 ? could_not(c, e) : EXIT_DONE;
}

static int find_partner(struct cmd *c, const char *name, struct uuid *ret, struct err *e)
{
    struct arena a;
    struct partner p;
    *ret = (struct uuid){{0}};
    if (!name) {
        return OK;
    }
    arena_init(&a, 16u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, e);
    *ret = rc == OK ? p.card.id : *ret;
    arena_clear(&a);
    return rc;
}

static int list(struct cmd *c, const char *partner, const char *kind, int64_t limit, bool overdue)
{
    struct err e = ERR_NONE;
    struct listing l;
    struct arena a;
    struct uuid who;
    int rc = begin(&l, c, &a);
    rc = rc == OK ? find_partner(c, partner, &who, &e) : rc;
    jw_arr(&l.w);
    if (rc == OK) {
        rc = message_each(c->node->db, who, sv_c(kind), overdue ? time_now() - MESSAGE_OVERDUE : USEC_NONE,
                          (size_t)limit, on_message, &l, &e);
    }
    jw_end_arr(&l.w);
    return end(&l, rc, &e);
}

static int show(struct cmd *c, const char *text)
{
    struct err e = ERR_NONE;
    struct listing l;
    struct arena a;
    struct uuid id;
    struct message_state s;
    if (!uuid_parse(sv_c(text), &id)) {
        return usage_error(c, &cmd_messages, "'%s' is no id of a message", text);
    }
    (void)begin(&l, c, &a);
    int rc = message_find(c->node->db, id, &a, &s, &e);
    if (rc >= 0) {
        write_message(&l.w, &s, true);
        c->json = true; /* all there is of it is what a person wants as well */
    }
    return end(&l, rc, &e);
}

/* ---- refusals */

static int on_refusal(void *ctx, const struct message_refusal *r)
{
    struct listing *l = ctx;
    char last[32];
    if (l->c->json) {
        jw_obj(&l->w);
        write_uuid(&l->w, "partner", r->partner);
        jw_kstr(&l->w, "why", r->why);
        jw_kint(&l->w, "count", (int64_t)r->count);
        write_time(&l->w, "first", r->first);
        write_time(&l->w, "last", r->last);
        jw_kstr(&l->w, "text", r->text);
        jw_end_obj(&l->w);
        return OK;
    }
    time_text(r->last - r->last % USEC_SECOND, last);
    print_cell(l->c->out, name_of(l->c, l->a, r->partner), 20);
    print_cell(l->c->out, r->why, 12);
    fprintf(l->c->out, "%8llu  %s  ", (unsigned long long)r->count, last);
    print_safe(l->c->out, r->text);
    fputc('\n', l->c->out);
    arena_reset(l->a);
    return OK;
}

static int refusals(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct listing l;
    struct arena a;
    int rc = begin(&l, c, &a);
    jw_arr(&l.w);
    rc = rc == OK ? message_refusal_each(c->node->db, on_refusal, &l, &e) : rc;
    jw_end_arr(&l.w);
    return end(&l, rc, &e);
}

/* ---- now */

struct carrying {
    struct cmd *c;
    struct uuid only; /* nil = all */
    bool pull;
    unsigned done, failed;
    struct err first;
};

static int carry(void *ctx, const struct partner *p)
{
    struct carrying *k = ctx;
    struct err e = ERR_NONE;
    unsigned done = 0;
    char name[80];
    if (p->status != PARTNER_ACTIVE || (!uuid_nil(k->only) && !uuid_eq(k->only, p->card.id))) {
        return OK;
    }
    const struct messages *m = &k->c->node->messages;
    int rc = k->pull ? message_pull(m, p->card.id, &done, &e) : message_push(m, p->card.id, &done, &e);
    k->done += done;
    if (rc != OK && !k->failed++) {
        err_set(&k->first, e.code, "%s: %s", sv_show(p->card.name[LANGUAGE_EN], name, sizeof(name)), e.text);
        err_hint(&k->first, "%s", e.remedy);
    }
    return OK;
}

static int carry_all(struct cmd *c, const char *partner, bool pull)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct carrying k = {.c = c, .pull = pull, .first = ERR_NONE};
    int rc = find_partner(c, partner, &k.only, &e);
    arena_init(&a, 64u << 20);
    rc = rc == OK ? partner_each(c->node->db, &a, carry, &k, &e) : rc;
    arena_clear(&a);
    if (rc != OK || k.failed) {
        return could_not(c, rc != OK ? &e : &k.first);
    }
    fprintf(c->out, c->json ? "{\"%s\":%u}\n" : "%s: %u\n", pull ? "fetched" : "delivered", k.done);
    return EXIT_DONE;
}

static void write_probe(size_t bytes, struct buf *body)
{
    struct jw w;
    struct buf padding;
    char nonce[37];
    uuid_text(uuid_v4(), nonce);
    buf_init(&padding, bytes + 1);
    char *room = buf_reserve(&padding, bytes + 1);
    if (room) {
        memset(room, 'x', bytes);
        padding.n = bytes;
    }
    jw_init(&w, body);
    jw_obj(&w);
    jw_kstr(&w, "nonce", sv_c(nonce));
    if (padding.n) {
        jw_kstr(&w, "padding", buf_sv(&padding));
    }
    jw_end_obj(&w);
    buf_clear(&padding);
}

static int probe(struct cmd *c, const char *partner, int64_t bytes)
{
    struct err e = ERR_NONE;
    struct buf body;
    struct message_draft d = {.kind = "probe"};
    struct uuid id;
    char text[37];
    if (!partner) {
        return usage_error(c, &cmd_messages, "say whom to probe: --partner NAME");
    }
    buf_init(&body, 64u << 20);
    write_probe((size_t)bytes, &body);
    d.body = buf_sv(&body);
    int rc = find_partner(c, partner, &d.to, &e);
    rc = rc == OK ? db_begin(c->node->db, &e) : rc;
    if (rc == OK) {
        rc = db_finish(c->node->db, message_queue(&c->node->messages, &d, time_now(), &id, &e), &e);
    }
    rc = rc == OK ? db_sync(c->node->db, &e) : rc;
    buf_clear(&body);
    if (rc != OK) {
        return could_not(c, &e);
    }
    uuid_text(id, text);
    fprintf(c->out,
            c->json ? "{\"id\":\"%s\"}\n" : "%s waits; `noroshi messages show` tells what became of it\n",
            text);
    return EXIT_DONE;
}

static int run(struct cmd *c)
{
    const char *partner = NULL, *kind = NULL, *limit_text = NULL, *bytes_text = NULL;
    const struct opt opts[] = {{"--partner", &partner, NULL},
                               {"--kind", &kind, NULL},
                               {"--limit", &limit_text, NULL},
                               {"--bytes", &bytes_text, NULL},
                               {0}};
    int64_t limit = LIMIT, bytes = 0;
    if (!opts_take(c, &cmd_messages, opts) || !opt_number(c, &cmd_messages, "--limit", limit_text, &limit) ||
        !opt_number(c, &cmd_messages, "--bytes", bytes_text, &bytes)) {
        return EXIT_USAGE;
    }
    if (limit < 1 || limit > 100000 || bytes < 0 || bytes > (int64_t)32 << 20) {
        return usage_error(c, &cmd_messages, "--limit takes 1 to 100000, --bytes at most 33554432");
    }
    const char *what = c->argc ? c->argv[0] : "list";
    bool alone = c->argc <= 1;
    if (alone && (strcmp(what, "list") == 0 || strcmp(what, "overdue") == 0)) {
        return list(c, partner, kind, limit, strcmp(what, "overdue") == 0);
    }
    if (c->argc == 2 && strcmp(what, "show") == 0) {
        return show(c, c->argv[1]);
    }
    if (alone && strcmp(what, "refusals") == 0) {
        return refusals(c);
    }
    if (alone && (strcmp(what, "push") == 0 || strcmp(what, "pull") == 0)) {
        return carry_all(c, partner, strcmp(what, "pull") == 0);
    }
    if (alone && strcmp(what, "probe") == 0) {
        return probe(c, partner, bytes);
    }
    return usage_error(c, &cmd_messages, "say list, show ID, overdue, refusals, push, pull or probe");
}

const struct command cmd_messages = {
    "messages", "what this node and partners' nodes say to each other",
    "usage: noroshi messages [list] [--partner NAME] [--kind KIND] [--limit N] [--json]\n"
    "       noroshi messages show ID [--json]\n"
    "       noroshi messages overdue [--partner NAME] [--json]\n"
    "       noroshi messages refusals [--json]\n"
    "       noroshi messages push|pull [--partner NAME] [--json]\n"
    "       noroshi messages probe --partner NAME [--bytes N] [--json]\n\n"
    "list      newest first: sent and received, and what became of them\n"
    "show      one, with its body as far as it is kept (JSON)\n"
    "overdue   sent more than a day ago and not acknowledged yet\n"
    "refusals  what partners' nodes did that was refused, by reason, how often and when last\n"
    "push      delivers what waits now; the running node does that at once by itself\n"
    "pull      fetches what waits for this node at partners' nodes; the running node does that every\n"
    "          messages.pull\n"
    "probe     sends a message that means nothing, to see that messages get through and are acknowledged\n\n"
    "A message stays in the outbox until the partner's signed acknowledgement is here (docs/messages.md).\n\n"
    "examples:\n"
    "  noroshi messages probe --partner JPCERT\n"
    "  noroshi messages list --partner JPCERT --kind recall\n"
    "  noroshi messages overdue --json\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
