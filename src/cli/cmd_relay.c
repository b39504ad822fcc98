/* relay: what is new here is at partners within seconds. */
#include "cli/taxii_words.h"
#include "share/relay/relay.h"

#include <string.h>

struct relay_words {
    const char *collection, *reliability, *marking;
    bool no_history, exercise;
};

/* ---- names */

struct collection_search {
    struct sv text;
    struct taxii_collection *ret;
    unsigned found;
};

static int match_collection(void *ctx, const struct taxii_collection *k)
{
    struct collection_search *s = ctx;
    if (sv_ieq(k->uuid, s->text) || (k->alias.n && sv_eq(k->alias, s->text))) {
        *s->ret = *k;
        s->found++;
    }
    return OK;
}

static int find_collection(struct cmd *c, const char *text, struct arena *a, struct taxii_collection *ret,
                           struct err *e)
{
    struct collection_search s = {.text = sv_c(text), .ret = ret};
    int rc = taxii_collection_each(c->node->db, 0, a, match_collection, &s, e);
    if (rc == OK && s.found != 1) {
        err_set(e, s.found ? ERR_VALUE : ERR_NOT_FOUND,
                s.found ? "several collections are called '%s'" : "there is no collection '%s'", text);
        rc = err_hint(e, "`noroshi taxii collection list` shows them; give the UUID");
    }
    return rc;
}

struct collection_number {
    int64_t id;
    struct sv name;
};

static int name_collection(void *ctx, const struct taxii_collection *k)
{
    struct collection_number *n = ctx;
    if (k->id == n->id) {
        n->name = k->alias.n ? k->alias : k->uuid;
    }
    return OK;
}

static struct sv collection_name(struct cmd *c, int64_t id, struct arena *a)
{
    struct collection_number n = {.id = id, .name = SV("(removed)")};
    struct err ignored = ERR_NONE;
    return taxii_collection_each(c->node->db, 0, a, name_collection, &n, &ignored) == OK ? n.name : SV("");
}

static struct sv partner_name(struct cmd *c, struct uuid id, struct arena *a)
{
    char text[37];
    struct partner p;
    struct err ignored = ERR_NONE;
    uuid_text(id, text);
    return partner_find(c->node->db, sv_c(text), a, &p, &ignored) == OK ? p.card.name[LANGUAGE_EN]
                                                                        : arena_sv(a, sv_c(text));
}

/* ---- list and status */

struct listing {
    struct cmd *c;
    struct arena *a;
    struct jw w;
    bool status;
    struct uuid only; /* nil = all */
    size_t n;
};

static void json_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    if (t != USEC_NONE) {
        time_text(t, text);
    }
    jw_kstr(w, key, t != USEC_NONE ? sv_c(text) : SV_NONE);
}

static void json_seconds(struct jw *w, uint64_t n, double seconds)
{
    if (n) {
        jw_double(w, seconds);
    } else {
        jw_null(w);
    }
}

static void json_times(struct jw *w, const char *key, const struct relay_times *t)
{
    jw_key(w, key);
    jw_obj(w);
    jw_kint(w, "messages", (int64_t)t->n);
    jw_key(w, "p50");
    json_seconds(w, t->n, t->p50);
    jw_key(w, "p95");
    json_seconds(w, t->n, t->p95);
    jw_end_obj(w);
}

static int json_rule(void *ctx, struct sv rule, uint64_t n)
{
    struct jw *w = ctx;
    jw_key_sv(w, rule);
    jw_int(w, (int64_t)n);
    return OK;
}

static int json_state(struct listing *l, const struct relay *r, const struct relay_state *s, struct err *e)
{
    jw_kint(&l->w, "sent", (int64_t)s->sent);
    jw_kint(&l->w, "messages", (int64_t)s->messages);
    jw_kint(&l->w, "unanswered", (int64_t)s->unanswered);
    jw_kint(&l->w, "to_do", s->to_do);
    jw_kint(&l->w, "held", (int64_t)s->held);
    jw_key(&l->w, "held_by_rule");
    jw_obj(&l->w);
    int rc = relay_held_each(l->c->node->db, r->id, json_rule, &l->w, e);
    jw_end_obj(&l->w);
    json_times(&l->w, "seconds_push", &s->push);
    json_times(&l->w, "seconds_fresh", &s->fresh);
    return rc;
}

static int print_rule(void *ctx, struct sv rule, uint64_t n)
{
    FILE *out = ctx;
    fprintf(out, "               %llu ", (unsigned long long)n);
    print_safe(out, rule);
    fputc('\n', out);
    return OK;
}

static void print_times(FILE *out, const char *what, const struct relay_times *t)
{
    if (t->n) {
        fprintf(out, "  %-12s p50 %.3f s, p95 %.3f s of the last %llu messages\n", what, t->p50, t->p95,
                (unsigned long long)t->n);
    }
}

static int print_state(struct listing *l, const struct relay *r, const struct relay_state *s, struct err *e)
{
    FILE *out = l->c->out;
    fprintf(out, "  sent         %llu in %llu messages, %llu not answered yet\n", (unsigned long long)s->sent,
            (unsigned long long)s->messages, (unsigned long long)s->unanswered);
    fprintf(out, "  waiting      %lld\n  held back    %llu\n", (long long)s->to_do,
            (unsigned long long)s->held);
    int rc = relay_held_each(l->c->node->db, r->id, print_rule, out, e);
    print_times(out, "push to ack", &s->push);
    print_times(out, "new to ack", &s->fresh);
    return rc;
}

static int on_relay(void *ctx, const struct relay *r, struct err *e)
{
    struct listing *l = ctx;
    struct relay_state s = {0};
    char id[37], at[32] = "never";
    if (!uuid_nil(l->only) && !uuid_eq(l->only, r->partner)) {
        return OK;
    }
    l->n++;
    int rc = l->status ? relay_state_of(&l->c->node->relays, r, &s, e) : OK;
    if (rc != OK) {
        return rc;
    }
    if (l->c->json) {
        uuid_text(r->partner, id);
        jw_obj(&l->w);
        jw_kstr(&l->w, "partner", partner_name(l->c, r->partner, l->a));
        jw_kstr(&l->w, "partner_id", sv_c(id));
        jw_kstr(&l->w, "collection", collection_name(l->c, r->collection, l->a));
        json_time(&l->w, "since", r->made);
        json_time(&l->w, "last_sent", r->last_sent);
        rc = l->status ? json_state(l, r, &s, e) : OK;
        jw_end_obj(&l->w);
        return rc;
    }
    if (r->last_sent != USEC_NONE) {
        time_text(r->last_sent, at);
    }
    print_cell(l->c->out, partner_name(l->c, r->partner, l->a), 24);
    print_cell(l->c->out, collection_name(l->c, r->collection, l->a), 38);
    fprintf(l->c->out, "last sent %s\n", at);
    return l->status ? print_state(l, r, &s, e) : OK;
}

static int find_partner(struct cmd *c, const char *name, struct arena *a, struct partner *ret, struct err *e)
{
    return partner_find(c->node->db, sv_c(name), a, ret, e);
}

static int list(struct cmd *c, bool status, const char *partner, struct arena *a, struct err *e)
{
    struct buf json;
    struct partner p = {0};
    struct listing l = {.c = c, .a = a, .status = status};
    int rc = partner ? find_partner(c, partner, a, &p, e) : OK;
    l.only = p.card.id;
    buf_init(&json, 16u << 20);
    jw_init(&l.w, &json);
    jw_arr(&l.w);
    rc = rc == OK ? relay_each(c->node->db, on_relay, &l, e) : rc;
    jw_end_arr(&l.w);
    if (rc == OK && c->json) {
        print_json(c, &json);
    } else if (rc == OK && !l.n) {
        fputs("nothing is relayed; `noroshi relay add PARTNER --collection ALIAS` begins\n", c->out);
    }
    buf_clear(&json);
    return rc;
}

/* ---- add, remove, accept, now */

static int add_or_remove(struct cmd *c, const struct relay_words *w, bool add, struct arena *a, struct err *e)
{
    struct partner p;
    struct taxii_collection k;
    const struct relays *r = &c->node->relays;
    int rc = find_partner(c, c->argv[1], a, &p, e);
    rc = rc == OK ? find_collection(c, w->collection, a, &k, e) : rc;
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = add ? relay_add(r, p.card.id, k.id, !w->no_history, time_now(), e)
             : relay_remove(r, p.card.id, k.id, e);
    rc = db_finish(c->node->db, rc, e);
    if (rc == OK) {
        node_wake_courier(c->node);
        fputs(c->json ? "{\"done\":true}\n" : add ? "relayed from now on\n" : "no longer relayed\n", c->out);
    }
    return rc;
}

static int accept_from(struct cmd *c, const struct relay_words *w, struct arena *a, struct err *e)
{
    struct partner p;
    struct source s;
    enum tlp tlp = TLP_UNKNOWN;
    char grade = 0;
    int rc = find_partner(c, c->argv[1], a, &p, e);
    if (rc == OK && w->reliability) {
        grade = w->reliability[0];
        rc = strlen(w->reliability) == 1 && grade >= 'A' && grade <= 'F'
                 ? OK
                 : err_set(e, ERR_USAGE, "--reliability takes A to F");
    }
    if (rc == OK && w->marking && !tlp_parse(sv_c(w->marking), &tlp)) {
        rc = err_set(e, ERR_USAGE, "--marking takes a TLP marking, not '%s'", w->marking);
    }
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = relay_source(&c->node->relays, p.card.id, w->exercise, grade, tlp, time_now(), &s, a, e);
    rc = db_finish(c->node->db, rc, e);
    if (rc == OK && c->json) {
        fprintf(c->out, "{\"source\":%lld}\n", (long long)s.id);
    } else if (rc == OK) {
        fputs("accepted as source ", c->out);
        print_safe(c->out, s.name);
        fprintf(c->out, " (%c, %s)\n", s.reliability, tlp_name(s.tlp));
    }
    return rc;
}

static int run_now(struct cmd *c, struct err *e)
{
    const struct taxii t = taxii_of(c);
    usec again;
    unsigned messages = 0;
    int rc = taxii_collect(&t, time_now(), e);
    rc = rc == OK ? relay_round(&c->node->relays, time_now(), &again, &messages, e) : rc;
    if (rc == OK) {
        node_wake_courier(c->node);
        fprintf(c->out, c->json ? "{\"messages\":%u}\n" : "%u messages queued\n", messages);
    }
    return rc;
}

/* -1 = none of these. */
static int act(struct cmd *c, const struct relay_words *w, struct arena *a, struct err *e)
{
    const char *verb = c->argc ? c->argv[0] : "";
    bool add = strcmp(verb, "add") == 0;
    if (c->argc == 2 && (add || strcmp(verb, "remove") == 0) && w->collection) {
        return add_or_remove(c, w, add, a, e);
    }
    if (c->argc == 2 && strcmp(verb, "accept") == 0) {
        return accept_from(c, w, a, e);
    }
    if (c->argc == 1 && strcmp(verb, "list") == 0) {
        return list(c, false, NULL, a, e);
    }
    if ((c->argc == 1 || c->argc == 2) && strcmp(verb, "status") == 0) {
        return list(c, true, c->argc == 2 ? c->argv[1] : NULL, a, e);
    }
    if (c->argc == 1 && strcmp(verb, "now") == 0) {
        return run_now(c, e);
    }
    return err_set(e, ERR_USAGE,
                   "say add or remove PARTNER --collection ALIAS, accept PARTNER, list, status, now");
}

static int run(struct cmd *c)
{
    struct relay_words w = {0};
    struct err e = ERR_NONE;
    struct arena a;
    const struct opt opts[] = {{"--collection", &w.collection, NULL},   {"--no-history", NULL, &w.no_history},
                               {"--reliability", &w.reliability, NULL}, {"--marking", &w.marking, NULL},
                               {"--exercise", NULL, &w.exercise},       {0}};
    if (!opts_take(c, &cmd_relay, opts)) {
        return EXIT_USAGE;
    }
    arena_init(&a, 64u << 20);
    int rc = act(c, &w, &a, &e);
    arena_clear(&a);
    return rc == OK          ? EXIT_DONE
           : rc == ERR_USAGE ? usage_error(c, &cmd_relay, "%s", e.text)
                             : could_not(c, &e);
}

const struct command cmd_relay = {
    "relay", "what is new here is at partners within seconds",
    "usage: noroshi relay add PARTNER --collection ALIAS [--no-history]\n"
    "       noroshi relay remove PARTNER --collection ALIAS\n"
    "       noroshi relay list | status [PARTNER] [--json]\n"
    "       noroshi relay accept PARTNER [--reliability A-F] [--marking TLP] [--exercise]\n"
    "       noroshi relay now\n\n"
    "add      brings each new member of the collection, and each sighting of an indicator that the partner "
    "knows,\n"
    "         to the partner's node as far as an agreement lets it; the collection must let it in (--read "
    "partner:UUID).\n"
    "         What the collection holds already follows, after all that is new, unless --no-history\n"
    "remove   ends that; what waits in the outbox still goes\n"
    "status   what was sent, waits and is held back by which rule, and how many seconds it takes\n"
    "accept   sets how far what the partner's node brings is trusted, and how it is marked; without it its "
    "source is\n"
    "         made with its first message, as F and TLP:AMBER. Things of exercises have a source of their "
    "own\n"
    "now      a round at once, as the running node does whenever something is new\n\n"
    "examples:\n"
    "  noroshi relay add JPCERT --collection partners\n"
    "  noroshi relay status JPCERT\n"
    "  noroshi relay accept JPCERT --reliability B\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
