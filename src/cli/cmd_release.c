/* release: what waits for a person before it goes to a partner, and what persons decide. */
#include "cli/person.h"
#include "pact/copy.h"
#include "share/partner/queue.h"

#include <string.h>

#define NUMBERS_MOST 64
#define DECISIONS 100

struct words {
    const char *to, *purpose, *by, *reason, *until, *forward;
    bool decided;
};

/* ---- names */

static struct sv partner_name(struct cmd *c, struct uuid id, struct arena *a)
{
    char text[37];
    struct partner p;
    struct err ignored = ERR_NONE;
    uuid_text(id, text);
    return partner_find(c->node->db, sv_c(text), a, &p, &ignored) == OK ? p.card.name[LANGUAGE_EN]
                                                                        : arena_sv(a, sv_c(text));
}

/* Nil when none is named. A UUID may be of somebody whom only the partner that asks for a consent knows. */
static int partner_id(struct cmd *c, const char *name, struct uuid *ret, struct err *e)
{
    struct arena a;
    struct partner p;
    *ret = (struct uuid){{0}};
    if (!name || uuid_parse(sv_c(name), ret)) {
        return OK;
    }
    arena_init(&a, 16u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, e);
    *ret = rc == OK ? p.card.id : *ret;
    arena_clear(&a);
    return rc;
}

static void json_id(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, uuid_nil(id) ? SV_NONE : sv_c(text));
}

static void json_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    if (t != USEC_NONE) {
        time_text(t, text);
    }
    jw_kstr(w, key, t != USEC_NONE ? sv_c(text) : SV_NONE);
}

/* ---- list */

struct listing {
    struct cmd *c;
    struct arena a;
    struct buf b;
    struct jw w;
    usec now;
    size_t n, overdue;
};

static void waited(usec since, usec now, char ret[32])
{
    int64_t minutes = now > since ? (now - since) / (60 * USEC_SECOND) : 0;
    if (minutes < 60) {
        snprintf(ret, 32, "%lld min", (long long)minutes);
    } else if (minutes < 48 * 60) {
        snprintf(ret, 32, "%lld h", (long long)(minutes / 60));
    } else {
        snprintf(ret, 32, "%lld d", (long long)(minutes / 1440));
    }
}

static void json_row(struct jw *w, const struct queued *q, usec now)
{
    jw_obj(w);
    jw_kint(w, "number", q->number);
    jw_kstr(w, "kind", sv_c(queue_kind_name(q->kind)));
    jw_kstr(w, "id", q->id);
    jw_kstr(w, "type", q->type);
    jw_kstr(w, "version", q->version);
    jw_kstr(w, "sha256", q->sha256);
    json_id(w, "partner", q->partner);
    json_id(w, "asker", q->asker);
    jw_kstr(w, "purpose", sv_c(purpose_name(q->purpose)));
    json_id(w, "agreement", q->agreement);
    jw_kint(w, "agreement_version", q->agreement_version);
    json_id(w, "grant", q->grant);
    jw_kbool(w, "two_persons", q->two_persons);
    json_time(w, "asked", q->asked);
    jw_kstr(w, "asked_by", q->asked_by.n ? q->asked_by : SV_NONE);
    jw_kint(w, "waiting_seconds", now > q->asked ? (now - q->asked) / USEC_SECOND : 0);
    jw_kbool(w, "overdue", now - q->asked > QUEUE_OVERDUE);
    jw_end_obj(w);
}

static int on_row(void *ctx, const struct queued *q)
{
    struct listing *l = ctx;
    FILE *out = l->c->out;
    char wait[32];
    bool overdue = l->now - q->asked > QUEUE_OVERDUE;
    l->n++;
    l->overdue += overdue;
    if (l->c->json) {
        json_row(&l->w, q, l->now);
        return OK;
    }
    waited(q->asked, l->now, wait);
    fprintf(out, "%6lld  %-8s", (long long)q->number, queue_kind_name(q->kind));
    print_cell(out, q->id, 62);
    print_cell(out, partner_name(l->c, q->partner, &l->a), 16);
    fprintf(out, "%8s%s", wait, overdue ? " OVERDUE" : "");
    if (q->kind == QUEUE_CONSENT) {
        fputs("  asked by partner ", out);
        print_safe(out, partner_name(l->c, q->asker, &l->a));
    } else if (q->asked_by.n) {
        fputs("  asked by ", out);
        print_safe(out, q->asked_by);
    }
    fputs(q->two_persons ? "  (two persons)\n" : "\n", out);
    arena_reset(&l->a);
    return OK;
}

static int on_consent(void *ctx, const struct consent_state *s)
{
    struct listing *l = ctx;
    bool over = s->answered && s->c.granted && s->c.until != USEC_NONE && s->c.until <= l->now;
    const char *state = !s->answered ? "asked" : !s->c.granted ? "refused" : over ? "over" : "granted";
    if (l->c->json) {
        jw_obj(&l->w);
        jw_kstr(&l->w, "id", s->c.id);
        jw_kstr(&l->w, "version", s->c.version);
        json_id(&l->w, "origin", s->origin);
        json_id(&l->w, "partner", s->c.partner);
        jw_kstr(&l->w, "state", sv_c(state));
        json_time(&l->w, "until", s->c.until);
        json_time(&l->w, "asked", s->asked);
        jw_kstr(&l->w, "asked_by", s->person);
        jw_end_obj(&l->w);
        return OK;
    }
    fprintf(l->c->out, "consent %-8s", state);
    print_cell(l->c->out, s->c.id, 62);
    fputs("of ", l->c->out);
    print_cell(l->c->out, partner_name(l->c, s->origin, &l->a), 16);
    fputs("for ", l->c->out);
    print_safe(l->c->out, partner_name(l->c, s->c.partner, &l->a));
    fputc('\n', l->c->out);
    arena_reset(&l->a);
    return OK;
}

static int on_decision(void *ctx, int64_t entry, struct sv record)
{
    struct listing *l = ctx;
    struct err e = ERR_NONE;
    struct jv v;
    if (l->c->json) {
        jw_obj(&l->w);
        jw_kint(&l->w, "entry", entry);
        jw_key(&l->w, "decision");
        jw_raw(&l->w, record);
        jw_end_obj(&l->w);
        return OK;
    }
    struct json_doc *d = json_doc_new(65536);
    int rc = d ? json_parse(d, record, &v, &e) : ERR_MEMORY;
    if (rc == OK) {
        fprintf(l->c->out, "%8lld  ", (long long)entry);
        print_cell(l->c->out, json_get_str(v, SV("at")), 29);
        print_cell(l->c->out, json_get_str(v, SV("act")), 9);
        print_cell(l->c->out, json_get_str(v, SV("id")), 62);
        print_cell(l->c->out, json_get_str(v, SV("by")), 16);
        print_safe(l->c->out, json_get_str(v, SV("reason")));
        fputc('\n', l->c->out);
    }
    json_doc_free(d);
    return rc;
}

static int list_decided(struct listing *l, struct uuid partner, struct err *e)
{
    char id[37] = "";
    if (!uuid_nil(partner)) {
        uuid_text(partner, id);
    }
    jw_arr(&l->w);
    int rc = queue_decisions(l->c->node->db, sv_c(id), DECISIONS, on_decision, l, e);
    jw_end_arr(&l->w);
    return rc;
}

static int list_waiting(struct listing *l, struct uuid partner, struct err *e)
{
    jw_obj(&l->w);
    jw_key(&l->w, "waiting");
    jw_arr(&l->w);
    int rc = queue_each(l->c->node->db, partner, on_row, l, e);
    jw_end_arr(&l->w);
    jw_key(&l->w, "consents");
    jw_arr(&l->w);
    rc = rc == OK ? consent_each(l->c->node->db, on_consent, l, e) : rc;
    jw_end_arr(&l->w);
    jw_kint(&l->w, "overdue", (int64_t)l->overdue);
    jw_end_obj(&l->w);
    if (rc == OK && !l->c->json) {
        fprintf(l->c->out, "%zu wait for a person, %zu overdue (longer than 24 h)\n", l->n, l->overdue);
    }
    return rc;
}

static int list(struct cmd *c, const struct words *o, struct err *e)
{
    struct listing l = {.c = c, .now = time_now()};
    struct uuid partner;
    arena_init(&l.a, 16u << 20);
    buf_init(&l.b, 64u << 20);
    jw_init(&l.w, &l.b);
    int rc = partner_id(c, o->to, &partner, e);
    rc = rc != OK ? rc : o->decided ? list_decided(&l, partner, e) : list_waiting(&l, partner, e);
    if (rc == OK && c->json) {
        print_json(c, &l.b);
    }
    buf_clear(&l.b);
    arena_clear(&l.a);
    return rc;
}

/* ---- what is meant: a number, or a STIX id that waits */

static int numbers_of(struct cmd *c, const struct words *o, int64_t ret[NUMBERS_MOST], struct err *e)
{
    struct uuid partner;
    char shown[80];
    int rc = partner_id(c, o->to, &partner, e);
    if (rc != OK) {
        return rc;
    }
    if (sv_i64(sv_c(c->argv[0]), &ret[0]) && ret[0] > 0) {
        return 1;
    }
    int n = queue_numbers(c->node->db, sv_c(c->argv[0]), partner, ret, NUMBERS_MOST, e);
    if (n == 0) {
        err_set(e, ERR_NOT_FOUND, "nothing waits under '%s'",
                sv_show(sv_c(c->argv[0]), shown, sizeof(shown)));
        return err_hint(
            e, "`noroshi release list` shows what waits; `noroshi release ask` puts something there");
    }
    return n;
}

/* ---- show: what the person decides on */

static const struct agreement_grant *grant_of(const struct release *r, const struct queued *q)
{
    for (size_t i = 0; i < r->agreements; i++) {
        const struct agreement *g = r->agreement[i].agreement;
        for (size_t k = 0;
             uuid_eq(g->id, q->agreement) && g->version == q->agreement_version && k < g->grants; k++) {
            if (uuid_eq(g->grant[k].id, q->grant)) {
                return &g->grant[k];
            }
        }
    }
    return NULL;
}

/* Members that do not go, wherever they stand. */
static void print_denied(struct cmd *c, const struct agreement_grant *g, struct jv v, unsigned depth,
                         bool *any)
{
    struct json_it it = json_each(v);
    struct sv key;
    struct jv member;
    while (depth < 16 && json_next(&it, &key, &member)) {
        if (json_type(v) == JSON_OBJECT && pact_denies(g, key)) {
            fputs(*any ? ", " : "taken out    ", c->out);
            print_safe(c->out, key);
            *any = true;
        }
        print_denied(c, g, member, depth + 1, any);
    }
}

static int print_grant(struct cmd *c, const struct queued *q, struct sv text, struct err *e)
{
    struct release r;
    struct jv v;
    bool any = false;
    struct json_doc *d = json_doc_new(64u << 20);
    int rc = d ? json_parse(d, text, &v, e) : err_set(e, ERR_MEMORY, "no memory to show an object");
    rc = rc == OK ? release_open(&r, c->node->db, q->partner, q->purpose, time_now(), e) : rc;
    if (rc == OK) {
        const struct agreement_grant *g = grant_of(&r, q);
        if (g) {
            fprintf(c->out, "grant        %s up to %s, %s, onward %s\n", purpose_name(g->purpose),
                    tlp_name(g->ceiling), judicial_use_name(g->judicial_use), onward_name(g->onward));
            print_denied(c, g, v, 0, &any);
        }
        fputs(any ? "\n" : "", c->out);
        release_close(&r);
    }
    json_doc_free(d);
    return rc;
}

static int show_one(struct cmd *c, int64_t number, struct err *e)
{
    struct listing l = {.c = c, .now = time_now()};
    struct arena a;
    struct queued q;
    struct buf thing;
    const struct queue k = node_queue(c->node);
    arena_init(&a, 1u << 20);
    arena_init(&l.a, 16u << 20);
    buf_init(&l.b, 128u << 20);
    buf_init(&thing, 64u << 20);
    jw_init(&l.w, &l.b);
    int rc = queue_get(c->node->db, number, &a, &q, e);
    rc = rc == OK ? queue_bytes(&k, &q, &thing, e) : rc;
    if (rc == OK && c->json) {
        jw_obj(&l.w);
        jw_key(&l.w, "asked");
        json_row(&l.w, &q, l.now);
        jw_key(&l.w, "object");
        jw_raw(&l.w, buf_sv(&thing));
        jw_end_obj(&l.w);
        print_json(c, &l.b);
    } else if (rc == OK) {
        (void)on_row(&l, &q);
        fprintf(c->out, "sha256       %.*s\n", SV_ARG(q.sha256));
        rc = q.kind == QUEUE_RELEASE ? print_grant(c, &q, buf_sv(&thing), e) : OK;
        print_safe(c->out, buf_sv(&thing));
        fputc('\n', c->out);
    }
    buf_clear(&thing);
    buf_clear(&l.b);
    arena_clear(&l.a);
    arena_clear(&a);
    return rc;
}

static int show(struct cmd *c, const struct words *o, struct err *e)
{
    int64_t number[NUMBERS_MOST];
    int n = numbers_of(c, o, number, e);
    int rc = n < 0 ? n : OK;
    for (int i = 0; rc == OK && i < n; i++) {
        rc = show_one(c, number[i], e);
    }
    return rc;
}

/* ---- a person's words */

static void tell(struct cmd *c, const char *what, int64_t number, unsigned n)
{
    if (c->json) {
        fprintf(c->out, "{\"outcome\":\"%s\",\"number\":%lld,\"count\":%u}\n", what, (long long)number, n);
    } else {
        fprintf(c->out, "%s\n", what);
    }
}

static int ask(struct cmd *c, const struct words *o, struct err *e)
{
    enum purpose purpose;
    struct uuid partner;
    struct arena a;
    struct pact_view view;
    unsigned n = 0;
    const struct queue k = node_queue(c->node);
    if (!purpose_parse(sv_c(o->purpose), &purpose)) {
        return err_set(e, ERR_VALUE, "there is no purpose '%s'", o->purpose);
    }
    arena_init(&a, 64u << 20);
    int rc = partner_id(c, o->to, &partner, e);
    rc = rc == OK ? cmd_view(c, &a, &view, e) : rc;
    rc = rc == OK ? queue_ask(&k, &view, sv_c(c->argv[0]), partner, purpose, sv_c(o->by), time_now(), &n, e)
                  : rc;
    if (rc == OK) {
        tell(c, "asked", 0, n);
    }
    arena_clear(&a);
    return rc;
}

static int word_of(const struct words *o, bool approve, struct queue_word *ret, struct err *e)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    *ret = (struct queue_word){.approve = approve,
                               .person = sv_c(o->by),
                               .reason = o->reason ? sv_c(o->reason) : SV(""),
                               .until = USEC_NONE};
    return o->until ? time_parse(sv_c(o->until), &utc, &ret->until, e) : OK;
}

static int decide(struct cmd *c, const struct words *o, bool approve, struct err *e)
{
    static const char *const outcome[] = {"approved", "refused", "asked: the grant wants a second person"};
    int64_t number[NUMBERS_MOST];
    struct queue_word w;
    enum queue_outcome done = QUEUE_REFUSED;
    const struct queue k = node_queue(c->node);
    int n = numbers_of(c, o, number, e);
    int rc = n < 0 ? n : word_of(o, approve, &w, e);
    for (int i = 0; rc == OK && i < n; i++) {
        rc = queue_decide(&k, number[i], &w, time_now(), &done, e);
        if (rc == OK) {
            tell(c, outcome[done], number[i], 1);
        }
    }
    return rc;
}

static int revoke(struct cmd *c, const struct words *o, struct err *e)
{
    struct queue_word w;
    struct uuid partner;
    unsigned n = 0;
    const struct queue k = node_queue(c->node);
    int rc = partner_id(c, o->to, &partner, e);
    rc = rc == OK ? word_of(o, false, &w, e) : rc;
    rc = rc == OK ? queue_revoke(&k, sv_c(c->argv[0]), partner, &w, time_now(), &n, e) : rc;
    if (rc == OK) {
        tell(c, "revoked", 0, n);
    }
    return rc;
}

static int consent(struct cmd *c, const struct words *o, struct err *e)
{
    struct uuid partner, origin;
    struct arena a;
    struct pact_view view;
    arena_init(&a, 64u << 20);
    int rc = partner_id(c, o->forward, &partner, e);
    rc = rc == OK ? cmd_view(c, &a, &view, e) : rc;
    rc = rc == OK ? node_consent_ask(c->node, &view, sv_c(c->argv[0]), partner, sv_c(o->by), time_now(),
                                     &origin, e)
                  : rc;
    if (rc == OK && c->json) {
        tell(c, "asked", 0, 1);
    } else if (rc == OK) {
        fputs("asked ", c->out);
        print_safe(c->out, partner_name(c, origin, &a));
        fputc('\n', c->out);
    }
    arena_clear(&a);
    return rc;
}

/* ---- the command */

static int with_person(struct cmd *c, const struct words *o, const char *verb, struct err *e)
{
    int rc = cmd_person(c, o->by, e);
    if (rc != OK) {
        return rc;
    }
    if (strcmp(verb, "ask") == 0) {
        return ask(c, o, e);
    }
    if (strcmp(verb, "revoke") == 0) {
        return revoke(c, o, e);
    }
    return strcmp(verb, "consent") == 0 ? consent(c, o, e) : decide(c, o, strcmp(verb, "approve") == 0, e);
}

static bool is_verb(const char *verb)
{
    static const char *const verbs[] = {"ask", "approve", "refuse", "revoke", "consent"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int run(struct cmd *c)
{
    struct words o = {.purpose = "network_safety"};
    const struct opt opts[] = {{"--to", &o.to, NULL},           {"--purpose", &o.purpose, NULL},
                               {"--by", &o.by, NULL},           {"--reason", &o.reason, NULL},
                               {"--until", &o.until, NULL},     {"--for", &o.forward, NULL},
                               {"--decided", NULL, &o.decided}, {0}};
    struct err e = ERR_NONE;
    if (!opts_take(c, &cmd_release, opts)) {
        return EXIT_USAGE;
    }
    const char *verb = c->argc > 0 ? c->argv[0] : "";
    if (c->argc == 1 && strcmp(verb, "list") == 0) {
        return list(c, &o, &e) == OK ? EXIT_DONE : could_not(c, &e);
    }
    if (c->argc != 2 || (!is_verb(verb) && strcmp(verb, "show") != 0)) {
        return usage_error(c, &cmd_release,
                           "say list, or ask, show, approve, refuse, revoke or consent and what");
    }
    if ((strcmp(verb, "ask") == 0 || strcmp(verb, "revoke") == 0) && !o.to) {
        return usage_error(c, &cmd_release, "say --to PARTNER");
    }
    if (strcmp(verb, "consent") == 0 && !o.forward) {
        return usage_error(c, &cmd_release, "say --for PARTNER");
    }
    c->argv++;
    c->argc--;
    int rc = is_verb(verb) ? with_person(c, &o, verb, &e) : show(c, &o, &e);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_release = {
    "release", "what waits for a person before it goes to a partner",
    "usage: noroshi release list [--to PARTNER] [--decided] [--json]\n"
    "       noroshi release show N|ID [--to PARTNER] [--json]\n"
    "       noroshi release ask OBJECT --to PARTNER --by PERSON [--purpose PURPOSE] < password\n"
    "       noroshi release approve|refuse N|ID [--to PARTNER] --by PERSON [--reason TEXT] [--until TIME] < "
    "password\n"
    "       noroshi release revoke ID --to PARTNER --by PERSON [--reason TEXT] < password\n"
    "       noroshi release consent OBJECT --for PARTNER --by PERSON < password\n\n"
    "Where a grant wants a person (human_release), the node puts what would go into this list; nothing of it "
    "is\n"
    "shown to the partner. An approval holds for exactly the version that was shown, under this version of "
    "the\n"
    "agreement. Where the grant says \"always\", one person asks and another approves: the first approval of "
    "what\n"
    "the node found by itself asks. Partners' requests to pass on what came from here wait in the same "
    "list;\n"
    "--until ends such a consent (a year when nothing is said), revoke takes it back.\n"
    "OBJECT is a STIX id or a value, ID a STIX id, N a number of the list. What waits longer than 24 hours "
    "is overdue.\n\n"
    "examples:\n"
    "  noroshi release list --to JPCERT\n"
    "  noroshi release approve 17 --by lin --reason 'agreed with the prosecutor' < password\n"
    "  noroshi release ask 203.0.113.7 --to JPCERT --by mei < password\n"
    "  noroshi release consent indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --for USCERT --by mei < "
    "password\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
