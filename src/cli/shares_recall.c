#include "cli/shares_recall.h"

#include "cli/person.h"
#include "share/partner/shares.h"

#include <string.h>

#define LISTED 10000

int shares_partner(struct cmd *c, const char *name, char ret[37], struct err *e)
{
    struct arena a;
    struct partner p;
    ret[0] = 0;
    if (!name) {
        return OK;
    }
    arena_init(&a, 16u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, e);
    if (rc == OK) {
        uuid_text(p.card.id, ret);
    }
    arena_clear(&a);
    return rc;
}

/* ---- messages that take something back */

static void print_withdrawal(struct cmd *c, const struct withdrawal *w)
{
    char sent[32], answered[32] = "no answer yet";
    time_text(w->sent, sent);
    if (w->answered != USEC_NONE) {
        time_text(w->answered, answered);
    }
    fprintf(c->out, "%-21s ", sent);
    print_cell(c->out, w->partner, 38);
    print_cell(c->out, w->why, 16);
    fprintf(c->out, "%7llu  %-21s ", (unsigned long long)w->things, answered);
    fputs(w->answered == USEC_NONE ? "" : w->accepted ? "done " : "refused ", c->out);
    print_safe(c->out, w->result);
    fputc('\n', c->out);
}

static void write_withdrawal(struct jw *w, const struct withdrawal *x)
{
    char text[32];
    jw_obj(w);
    jw_kbool(w, "accepted", x->accepted);
    if (x->answered != USEC_NONE) {
        time_text(x->answered, text);
    }
    jw_kstr(w, "answered", x->answered != USEC_NONE ? sv_c(text) : SV_NONE);
    jw_kstr(w, "by", x->by);
    jw_key(w, "entries");
    jw_raw(w, x->entries);
    jw_kstr(w, "kind", x->kind);
    jw_kstr(w, "message", x->message.n ? x->message : SV_NONE);
    jw_kstr(w, "partner", x->partner);
    jw_kstr(w, "reason", x->reason);
    jw_key(w, "result");
    if (x->accepted && sv_starts(x->result, SV("{"))) {
        jw_raw(w, x->result);
    } else {
        jw_str(w, x->result);
    }
    time_text(x->sent, text);
    jw_kstr(w, "sent", sv_c(text));
    jw_kint(w, "things", (int64_t)x->things);
    jw_kstr(w, "why", x->why);
    jw_end_obj(w);
}

struct telling {
    struct cmd *c;
    struct jw w;
    struct buf json;
    size_t n;
    usec now, since; /* overdue: deletions that should have been told before this */
    struct err *e;
};

static int on_withdrawal(void *ctx, const struct withdrawal *w)
{
    struct telling *t = ctx;
    t->n++;
    if (t->c->json) {
        write_withdrawal(&t->w, w);
    } else {
        print_withdrawal(t->c, w);
    }
    return OK;
}

static void open_telling(struct telling *t, struct cmd *c, struct err *e)
{
    *t = (struct telling){.c = c, .e = e, .now = time_now()};
    buf_init(&t->json, 256u << 20);
    jw_init(&t->w, &t->json);
}

static int close_telling(struct telling *t, int rc)
{
    if (rc >= 0 && t->c->json) {
        print_json(t->c, &t->json);
    }
    buf_clear(&t->json);
    return rc < 0 ? could_not(t->c, t->e) : EXIT_DONE;
}

int shares_recalled(struct cmd *c, const struct recall_words *w, int64_t limit)
{
    struct err e = ERR_NONE;
    struct telling t;
    char partner[37];
    open_telling(&t, c, &e);
    int rc = shares_partner(c, w->partner, partner, &e);
    jw_arr(&t.w);
    rc = rc == OK ? recall_each(&c->node->relays.recall, sv_c(partner), w->entry, USEC_NONE, (size_t)limit,
                                on_withdrawal, &t, &e)
                  : rc;
    jw_end_arr(&t.w);
    return close_telling(&t, rc);
}

/* ---- how one entry of the register stands */

static void write_state(struct jw *w, const struct share_state *s)
{
    char at[32];
    jw_obj(w);
    jw_kint(w, "confirmed", (int64_t)s->confirmed);
    jw_kint(w, "deleted", (int64_t)s->deleted);
    if (s->last_deleted != USEC_NONE) {
        time_text(s->last_deleted, at);
    }
    jw_kstr(w, "last_deleted", s->last_deleted != USEC_NONE ? sv_c(at) : SV_NONE);
    jw_kint(w, "recalled", (int64_t)s->recalled);
    jw_kint(w, "things", (int64_t)s->things);
    jw_end_obj(w);
}

int shares_state(struct cmd *c, int64_t entry, bool with_messages, struct err *e)
{
    struct share_state s;
    struct telling t;
    int rc = recall_share_state(&c->node->relays.recall, entry, &s, e);
    if (rc != OK) {
        return rc;
    }
    open_telling(&t, c, e);
    if (c->json) {
        write_state(&t.w, &s);
        fprintf(c->out, ",\"state\":%.*s", SV_ARG(buf_sv(&t.json)));
        buf_reset(&t.json);
        jw_init(&t.w, &t.json);
    } else if (with_messages) {
        fprintf(c->out,
                "%llu things by this entry last: %llu taken back (%llu confirmed), %llu deleted by the "
                "partner\n",
                (unsigned long long)s.things, (unsigned long long)s.recalled, (unsigned long long)s.confirmed,
                (unsigned long long)s.deleted);
    }
    if (with_messages) {
        jw_arr(&t.w);
        rc = recall_each(&c->node->relays.recall, SV(""), entry, USEC_NONE, LISTED, on_withdrawal, &t, e);
        jw_end_arr(&t.w);
        if (rc >= 0 && c->json) {
            fprintf(c->out, ",\"withdrawals\":%.*s", SV_ARG(buf_sv(&t.json)));
        }
    }
    buf_clear(&t.json);
    return rc;
}

/* ---- recall */

static void print_sent(struct cmd *c, const struct recall_sent *s)
{
    if (c->json) {
        fprintf(c->out,
                "{\"before\":%llu,\"messages\":%u,\"partners\":%u,\"things\":%llu,\"unreachable\":%u}\n",
                (unsigned long long)s->before, s->messages, s->partners, (unsigned long long)s->things,
                s->unreachable);
        return;
    }
    fprintf(c->out, "%llu things are recalled from %u partners by %u messages\n",
            (unsigned long long)s->things, s->partners, s->messages);
    if (s->before) {
        fprintf(c->out, "%llu were recalled before\n", (unsigned long long)s->before);
    }
    if (s->unreachable) {
        fprintf(c->out,
                "%u messages have nobody to go to: the partner is not active; `noroshi shares overdue` "
                "keeps them\n",
                s->unreachable);
    }
}

int shares_recall(struct cmd *c, const char *object, const struct recall_words *w)
{
    struct err e = ERR_NONE;
    char partner[37];
    struct recall_sent sent = {0};
    const struct sv id = sv_c(object ? object : "");
    struct recall_order o = {.id = &id,
                             .ids = object ? 1 : 0,
                             .entry = w->entry,
                             .why = WHY_RECALLED,
                             .reason = sv_c(w->reason),
                             .by = sv_c(w->by)};
    int rc = cmd_person(c, w->by, &e);
    rc = rc == OK ? shares_partner(c, w->partner, partner, &e) : rc;
    if (rc == OK && w->partner) {
        (void)uuid_parse(sv_c(partner), &o.partner);
    }
    rc = rc == OK ? db_begin(c->node->db, &e) : rc;
    if (rc == OK) {
        rc = db_finish(c->node->db, recall_send(&c->node->relays.recall, &o, time_now(), &sent, &e), &e);
        rc = rc == OK ? db_sync(c->node->db, &e) : rc;
    }
    if (rc == ERR_NOT_FOUND) {
        err_hint(&e, "`noroshi shares list` shows what went to whom; an object is named by its STIX id");
    }
    if (rc != OK) {
        return could_not(c, &e);
    }
    print_sent(c, &sent);
    return EXIT_DONE;
}

/* ---- overdue */

struct missing {
    struct telling *t;
    struct json_doc *doc;
};

/* An entry whose things should be deleted by now, and not all of them are told to be. */
static int on_share(void *ctx, int64_t entry, struct sv record, usec done)
{
    struct missing *m = ctx;
    struct telling *t = m->t;
    struct share_state s;
    struct jv v;
    struct err none = ERR_NONE;
    usec at;
    if (json_parse(m->doc, record, &v, &none) != OK) {
        return OK;
    }
    struct sv day = json_get_str(v, SV("delete_after"));
    if (!day.p || time_parse(day, NULL, &at, &none) != OK || at > t->since) {
        return OK;
    }
    int rc = recall_share_state(&t->c->node->relays.recall, entry, &s, t->e);
    if (rc != OK || s.deleted >= s.things) {
        return rc;
    }
    t->n++;
    if (t->c->json) {
        jw_obj(&t->w);
        jw_kstr(&t->w, "delete_after", day);
        jw_kint(&t->w, "entry", entry);
        jw_kint(&t->w, "missing", (int64_t)(s.things - s.deleted));
        jw_kstr(&t->w, "partner", json_get_str(v, SV("partner")));
        jw_end_obj(&t->w);
        return OK;
    }
    fprintf(t->c->out, "entry %-8lld ", (long long)entry);
    print_cell(t->c->out, json_get_str(v, SV("partner")), 38);
    fprintf(t->c->out, "%llu things should have been deleted by ",
            (unsigned long long)(s.things - s.deleted));
    print_safe(t->c->out, day);
    fputc('\n', t->c->out);
    return OK;
}

int shares_overdue(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct telling t;
    open_telling(&t, c, &e);
    usec patience = conf_int(c->node->conf, "recall.overdue") * USEC_SECOND;
    t.since = t.now - patience;
    struct missing m = {.t = &t, .doc = json_doc_new(1u << 20)};
    jw_obj(&t.w);
    jw_key(&t.w, "unanswered");
    jw_arr(&t.w);
    int rc = m.doc ? recall_each(&c->node->relays.recall, SV(""), 0, t.now - patience, LISTED, on_withdrawal,
                                 &t, &e)
                   : err_set(&e, ERR_MEMORY, "no memory to list what is overdue");
    jw_end_arr(&t.w);
    jw_key(&t.w, "undeleted");
    jw_arr(&t.w);
    rc = rc >= 0 ? share_each(c->node->db, SV(""), 0, SIZE_MAX / 2, on_share, &m, &e) : rc;
    jw_end_arr(&t.w);
    jw_end_obj(&t.w);
    json_doc_free(m.doc);
    if (rc >= 0 && !c->json && !t.n) {
        fputs("nothing is overdue\n", c->out);
    }
    bool found = t.n > 0;
    int code = close_telling(&t, rc);
    return code == EXIT_DONE && found ? EXIT_FINDINGS : code;
}

/* ---- what was taken back here */

static int on_withdrawn(void *ctx, const struct withdrawn *w, struct err *e)
{
    struct telling *t = ctx;
    char at[32], h[24];
    time_text(w->at, at);
    snprintf(h, sizeof(h), "%016llx", (unsigned long long)w->h);
    if (t->c->json) {
        jw_obj(&t->w);
        jw_kstr(&t->w, "at", sv_c(at));
        jw_kstr(&t->w, "by", w->by);
        jw_kstr(&t->w, "h", sv_c(h));
        jw_kstr(&t->w, "mode", w->mode == WITHDRAW_GONE ? SV("gone") : SV("ended"));
        jw_kint(&t->w, "source", w->source);
        jw_kstr(&t->w, "why", w->why);
        jw_end_obj(&t->w);
        return OK;
    }
    fprintf(t->c->out, "%s  %-5s source %-5lld %s ", at, w->mode == WITHDRAW_GONE ? "gone" : "ended",
            (long long)w->source, h);
    print_cell(t->c->out, w->why, 16);
    print_safe(t->c->out, w->by);
    fputc('\n', t->c->out);
    return OK;
}

int shares_withdrawn(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct telling t;
    open_telling(&t, c, &e);
    jw_arr(&t.w);
    int rc = fuse_withdrawn_each(c->node->fuse, on_withdrawn, &t, &e);
    jw_end_arr(&t.w);
    return close_telling(&t, rc);
}

int shares_unwithdraw(struct cmd *c, const char *object, const struct recall_words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct source s;
    const struct sv id = sv_c(object);
    arena_init(&a, 1u << 20);
    int rc = cmd_person(c, w->by, &e);
    rc = rc == OK ? source_find(c->node->db, sv_c(w->source), &a, &s, &e) : rc;
    rc = rc == OK ? db_begin(c->node->db, &e) : rc;
    if (rc == OK) {
        rc = db_finish(c->node->db, fuse_unwithdraw(c->node->fuse, s.id, &id, 1, time_now(), &e), &e);
    }
    arena_clear(&a);
    if (rc != OK) {
        return could_not(c, &e);
    }
    fputs(c->json ? "{\"done\":true}\n" : "its source may bring it again\n", c->out);
    return EXIT_DONE;
}
