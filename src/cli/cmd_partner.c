#include "cli/person.h"

#include <string.h>

struct words {
    const char *by, *fingerprint, *url, *kind, *contact, *en, *ja, *zh, *next;
};

/* ---- our own card */

static int read_next(struct cmd *c, const char *path, char ret[65], struct err *e)
{
    struct buf pem;
    struct sha256 sum;
    buf_init(&pem, 1u << 20);
    int rc = cmd_read_file(c, path, &pem, e);
    rc = rc == OK ? http_certificate_key(buf_sv(&pem), &sum, e) : rc;
    if (rc == OK) {
        hex_text(sum.b, sizeof(sum.b), ret);
    }
    buf_clear(&pem);
    return rc;
}

static void print_card(struct cmd *c, const struct partner_card *card, const struct buf *envelope)
{
    char digits[PARTNER_FINGERPRINT];
    partner_fingerprint(&card->digest, digits);
    print_json(c, envelope);
    fprintf(c->err, "fingerprint  %s\nRead it to the partner by phone; the file may travel in any way.\n",
            digits);
}

static int run_invite(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf envelope;
    struct partner_card card;
    char next[65] = "";
    if (!w->url) {
        return usage_error(c, &cmd_partner, "say --url https://HOST:PORT/, where partners reach this node");
    }
    const struct partner_card given = {.name = {sv_c(w->en), sv_c(w->ja), sv_c(w->zh)},
                                       .kind = sv_c(w->kind ? w->kind : "cert"),
                                       .contact = sv_c(w->contact ? w->contact : ""),
                                       .url = sv_c(w->url)};
    struct partner_card with = given;
    arena_init(&a, 4u << 20);
    buf_init(&envelope, PARTNER_CARD_MAX * 2);
    int rc = w->next ? read_next(c, w->next, next, &e) : OK;
    with.spki[1] = sv_c(next);
    rc = rc == OK ? node_card(c->node, &with, time_now(), &a, &card, &envelope, &e) : rc;
    if (rc == OK) {
        print_card(c, &card, &envelope);
    }
    int code = rc == OK ? EXIT_DONE : could_not(c, &e);
    buf_clear(&envelope);
    arena_clear(&a);
    return code;
}

/* ---- telling */

static void print_partner_json(struct cmd *c, const struct partner *p)
{
    struct buf b;
    struct jw w;
    char digits[PARTNER_FINGERPRINT], at[32];
    buf_init(&b, PARTNER_CARD_MAX * 2);
    jw_init(&w, &b);
    partner_fingerprint(&p->card.digest, digits);
    time_text(p->changed, at);
    jw_obj(&w);
    jw_key(&w, "card");
    jw_raw(&w, p->card.canonical);
    jw_kstr(&w, "status", sv_c(partner_status_name(p->status)));
    jw_kstr(&w, "fingerprint", sv_c(digits));
    jw_kstr(&w, "proposed_by", p->proposed_by);
    jw_kstr(&w, "confirmed_by", p->confirmed_by.n ? p->confirmed_by : SV_NONE);
    jw_kstr(&w, "changed", sv_c(at));
    jw_kbool(&w, "keys_stale", partner_keys_stale(p, time_now()));
    jw_end_obj(&w);
    print_json(c, &b);
    buf_clear(&b);
}

static void print_partner(struct cmd *c, const struct partner *p)
{
    char digits[PARTNER_FINGERPRINT], id[37];
    if (c->json) {
        print_partner_json(c, p);
        return;
    }
    uuid_text(p->card.id, id);
    partner_fingerprint(&p->card.digest, digits);
    print_safe(c->out, p->card.name[LANGUAGE_EN]);
    fprintf(c->out, "  %.*s  %s\n  id           %s\n  fingerprint  %s\n  node         ",
            SV_ARG(p->card.country), partner_status_name(p->status), id, digits);
    print_safe(c->out, p->card.url);
    fputs("\n  contact      ", c->out);
    print_safe(c->out, p->card.contact);
    fputs("\n  proposed by  ", c->out);
    print_safe(c->out, p->proposed_by);
    fputs("\n  confirmed by ", c->out);
    print_safe(c->out, p->confirmed_by);
    fputc('\n', c->out);
}

struct listing {
    struct cmd *c;
    size_t n;
};

static int list_one(void *ctx, const struct partner *p)
{
    struct listing *l = ctx;
    struct cmd *c = l->c;
    char id[37];
    if (c->json) {
        fputs(l->n++ ? "," : "[", c->out);
        print_partner_json(c, p);
        return OK;
    }
    uuid_text(p->card.id, id);
    fprintf(c->out, "%s  ", id);
    print_cell(c->out, p->card.country, 4);
    print_cell(c->out, sv_c(partner_status_name(p->status)), 11);
    print_safe(c->out, p->card.name[LANGUAGE_EN]);
    fprintf(c->out, "%s\n",
            partner_keys_stale(p, time_now()) ? "  keys older than 90 days: ask for a new card" : "");
    return OK;
}

static int run_list(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct listing l = {.c = c};
    arena_init(&a, 64u << 20);
    int rc = partner_each(c->node->db, &a, list_one, &l, &e);
    if (rc == OK && c->json) {
        fputs(l.n ? "]\n" : "[]\n", c->out);
    }
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int run_show(struct cmd *c, const char *name)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct partner p;
    arena_init(&a, 64u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, &e);
    if (rc == OK) {
        print_partner(c, &p);
    }
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* ---- what persons decide */

static int check_digits(struct cmd *c, const struct partner_card *card, const char *typed, struct err *e)
{
    if (!typed) {
        err_set(e, ERR_USAGE, "compare the fingerprint with the partner by phone first");
        return err_hint(e, "then say --fingerprint 'DIGITS' as the partner read them to you");
    }
    if (!partner_fingerprint_is(&card->digest, sv_c(typed))) {
        err_set(e, ERR_CRYPTO, "the fingerprint is not that of this card");
        return err_hint(e, "do not go on: somebody may have changed the file on its way");
    }
    return OK;
}

/* The card must be known to be the partner's before it enters the register: by its digits, or, of one that is
 * there, by the key that is pinned (partner_propose). */
static int check_file(struct cmd *c, struct sv envelope, const char *typed, struct arena *a, struct err *e)
{
    struct dsse d;
    struct partner_card card;
    struct partner there;
    struct err ignored = ERR_NONE;
    char id[37];
    int rc = dsse_read(envelope, a, &d, e);
    rc = rc == OK ? partner_card_read(d.body, a, &card, e) : rc;
    if (rc != OK) {
        return rc;
    }
    uuid_text(card.id, id);
    bool known = partner_find(c->node->db, sv_c(id), a, &there, &ignored) == OK;
    return known && !typed ? OK : check_digits(c, &card, typed, e);
}

static int run_accept(struct cmd *c, const char *path, const struct words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf envelope;
    struct partner_card card;
    arena_init(&a, 8u << 20);
    buf_init(&envelope, PARTNER_CARD_MAX * 2);
    int rc = cmd_read_file(c, path, &envelope, &e);
    rc = rc == OK ? check_file(c, buf_sv(&envelope), w->fingerprint, &a, &e) : rc;
    rc = rc == OK ? cmd_person(c, w->by, &e) : rc;
    rc = rc == OK ? partner_propose(c->node->ledger, c->node->db, buf_sv(&envelope), sv_c(w->by), time_now(),
                                    &card, &a, &e)
                  : rc;
    buf_clear(&envelope);
    int code = rc == OK ? EXIT_DONE : could_not(c, &e);
    if (rc == OK) {
        char id[37];
        uuid_text(card.id, id);
        code = run_show(c, id);
    }
    arena_clear(&a);
    return code;
}

static int decide(struct cmd *c, const char *what, const struct partner *p, const struct words *w,
                  struct err *e)
{
    struct ledger *l = c->node->ledger;
    struct db *db = c->node->db;
    usec now = time_now();
    if (strcmp(what, "confirm") == 0) {
        int rc = check_digits(c, &p->card, w->fingerprint, e);
        rc = rc == OK ? cmd_person(c, w->by, e) : rc;
        return rc == OK ? partner_confirm(l, db, p->card.id, sv_c(w->by), now, e) : rc;
    }
    enum partner_status status = strcmp(what, "suspend") == 0  ? PARTNER_SUSPENDED
                                 : strcmp(what, "resume") == 0 ? PARTNER_ACTIVE
                                                               : PARTNER_ENDED;
    int rc = cmd_person(c, w->by, e);
    return rc == OK ? partner_set(l, db, p->card.id, status, sv_c(w->by), now, e) : rc;
}

static int run_decision(struct cmd *c, const char *what, const char *name, const struct words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct partner p;
    arena_init(&a, 8u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, &e);
    rc = rc == OK ? decide(c, what, &p, w, &e) : rc;
    arena_clear(&a);
    return rc == OK ? run_show(c, name) : could_not(c, &e);
}

static bool is_decision(const char *what)
{
    static const char *const decisions[] = {"confirm", "suspend", "resume", "end"};
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        if (strcmp(what, decisions[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int run(struct cmd *c)
{
    struct words w = {0};
    const struct opt opts[] = {{"--by", &w.by, NULL},           {"--fingerprint", &w.fingerprint, NULL},
                               {"--url", &w.url, NULL},         {"--kind", &w.kind, NULL},
                               {"--contact", &w.contact, NULL}, {"--name", &w.en, NULL},
                               {"--name-ja", &w.ja, NULL},      {"--name-zh", &w.zh, NULL},
                               {"--next", &w.next, NULL},       {0}};
    if (!opts_take(c, &cmd_partner, opts)) {
        return EXIT_USAGE;
    }
    const char *what = c->argc ? c->argv[0] : "";
    if ((strcmp(what, "invite") == 0 || strcmp(what, "rotate") == 0) && c->argc == 1) {
        return run_invite(c, &w);
    }
    if (strcmp(what, "accept") == 0 && c->argc == 2) {
        return run_accept(c, c->argv[1], &w);
    }
    if (strcmp(what, "list") == 0 && c->argc == 1) {
        return run_list(c);
    }
    if (strcmp(what, "show") == 0 && c->argc == 2) {
        return run_show(c, c->argv[1]);
    }
    if (is_decision(what) && c->argc == 2) {
        return run_decision(c, what, c->argv[1], &w);
    }
    return usage_error(c, &cmd_partner,
                       "say invite, rotate, accept FILE, list, or show, confirm, suspend, resume, end NAME");
}

const struct command cmd_partner = {
    "partner", "exchange keys with a partner, and end what must end",
    "usage: noroshi partner invite --url URL [--kind cert|police|prosecutor|ministry] [--contact TEXT]\n"
    "                [--name TEXT] [--name-ja TEXT] [--name-zh TEXT]            > CARD\n"
    "       noroshi partner rotate --url URL [--next CERTIFICATE] ...           > CARD\n"
    "       noroshi partner accept CARD --fingerprint DIGITS --by USER          < PASSWORD\n"
    "       noroshi partner confirm NAME --fingerprint DIGITS --by USER         < PASSWORD\n"
    "       noroshi partner suspend|resume|end NAME --by USER                   < PASSWORD\n"
    "       noroshi partner list | show NAME   [--json]\n\n"
    "invite   writes this node's card: who it is and its keys, signed by its own message key\n"
    "accept   takes a partner's card in after two officers compared its fingerprint by phone: one person "
    "proposes,\n"
    "confirm  a second person compares again and confirms; then the partner is active\n"
    "rotate   writes a newer card, with the TLS key that will be next; partners accept it without a phone "
    "call,\n"
    "         since the pinned key signs it\n"
    "end      is for good; a partner that lost its keys is ended and invited anew\n\n"
    "Persons are administrators of this node; the password is read from standard input.\n\n"
    "examples:\n"
    "  noroshi partner invite --url https://node.tw.example:8443/ --name-ja 台湾CERT > tw.card\n"
    "  noroshi partner accept jp.card --fingerprint '0123 4567 8901 2345 6789 0123 4567 8901' --by mei < pw\n"
    "  noroshi partner confirm JPCERT --fingerprint '0123 4567 8901 2345 6789 0123 4567 8901' --by lin < "
    "pw\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
