#include "cli/person.h"

#include <string.h>

struct listing {
    struct cmd *c;
    struct jw w;
    struct buf json;
};

/* ---- whom we witness */

static void print_log(struct cmd *c, const struct witnessed *w)
{
    char at[32] = "never";
    if (w->at != USEC_NONE) {
        time_text(w->at, at);
    }
    print_cell(c->out, w->origin, 48);
    fprintf(c->out, "size %-10llu cosigned %-22s %s", (unsigned long long)w->size, at,
            w->frozen ? "FROZEN: " : "");
    print_safe(c->out, w->frozen && w->alarm.p ? w->alarm : SV(""));
    fputc('\n', c->out);
}

static int on_log(void *ctx, const struct witnessed *w)
{
    struct listing *l = ctx;
    char at[32];
    if (!l->c->json) {
        print_log(l->c, w);
        return OK;
    }
    jw_obj(&l->w);
    jw_kstr(&l->w, "origin", w->origin);
    jw_kint(&l->w, "size", (int64_t)w->size);
    if (w->at != USEC_NONE) {
        time_text(w->at, at);
    }
    jw_kstr(&l->w, "cosigned_at", w->at != USEC_NONE ? sv_c(at) : SV_NONE);
    jw_kbool(&l->w, "frozen", w->frozen);
    jw_kstr(&l->w, "alarm", w->alarm);
    jw_end_obj(&l->w);
    return OK;
}

/* ---- who witnesses us */

static int on_partner(void *ctx, const struct partner *p)
{
    struct listing *l = ctx;
    struct note_key key;
    struct err e = ERR_NONE;
    uint64_t size = 0;
    usec at = USEC_NONE;
    char text[32] = "never";
    if (p->status != PARTNER_ACTIVE || note_key_parse(p->card.witness, &key, &e) != OK) {
        return OK;
    }
    int rc = ledger_cosigned_by(l->c->node->ledger, &key, &size, &at, &e);
    if (rc < 0) {
        return rc;
    }
    if (at != USEC_NONE) {
        time_text(at, text);
    }
    if (l->c->json) {
        jw_obj(&l->w);
        jw_kstr(&l->w, "partner", p->card.name[LANGUAGE_EN]);
        jw_kstr(&l->w, "witness", sv_c(key.name));
        jw_kint(&l->w, "size", (int64_t)size);
        jw_kstr(&l->w, "cosigned_at", at != USEC_NONE ? sv_c(text) : SV_NONE);
        jw_end_obj(&l->w);
        return OK;
    }
    print_cell(l->c->out, sv_c(key.name), 48);
    fprintf(l->c->out, "size %-10llu cosigned %s\n", (unsigned long long)size, text);
    return OK;
}

static int list(struct listing *l, struct arena *a, struct err *e)
{
    struct cmd *c = l->c;
    jw_obj(&l->w);
    jw_key(&l->w, "witnessed_here");
    jw_arr(&l->w);
    fputs(c->json ? "" : "logs that this node witnesses\n", c->out);
    int rc = witness_each(c->node->db, on_log, l, e);
    jw_end_arr(&l->w);
    jw_key(&l->w, "witnesses");
    jw_arr(&l->w);
    fputs(c->json ? "" : "witnesses of this node's log\n", c->out);
    rc = rc == OK ? partner_each(c->node->db, a, on_partner, l, e) : rc;
    jw_end_arr(&l->w);
    jw_end_obj(&l->w);
    return rc;
}

static int run_status(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct listing l = {.c = c};
    arena_init(&a, 64u << 20);
    buf_init(&l.json, 16u << 20);
    jw_init(&l.w, &l.json);
    int rc = list(&l, &a, &e);
    if (rc == OK && c->json) {
        print_json(c, &l.json);
    }
    buf_clear(&l.json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int run_ask(struct cmd *c)
{
    struct err e = ERR_NONE;
    unsigned asked = 0, cosigned = 0;
    int rc = ledger_checkpoint(c->node->ledger, time_now(), &e);
    rc = rc == OK ? witness_ask(&c->node->witnessing, &asked, &cosigned, &e) : rc;
    if (rc != OK) {
        return could_not(c, &e);
    }
    fprintf(c->out, c->json ? "{\"asked\":%u,\"cosigned\":%u}\n" : "%u partners asked, %u cosigned\n", asked,
            cosigned);
    return EXIT_DONE;
}

static int run_thaw(struct cmd *c, const char *origin, const char *by)
{
    struct err e = ERR_NONE;
    int rc = cmd_person(c, by, &e);
    rc = rc == OK ? db_begin(c->node->db, &e) : rc;
    if (rc == OK) {
        rc = db_finish(c->node->db, witness_thaw(c->node->ledger, sv_c(origin), &e), &e);
    }
    if (rc != OK) {
        return could_not(c, &e);
    }
    fputs(c->json ? "{\"done\":true}\n" : "thawed\n", c->out);
    return EXIT_DONE;
}

static int run(struct cmd *c)
{
    const char *by = NULL;
    const struct opt opts[] = {{"--by", &by, NULL}, {0}};
    if (!opts_take(c, &cmd_witness, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc == 1 && strcmp(c->argv[0], "status") == 0) {
        return run_status(c);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "ask") == 0) {
        return run_ask(c);
    }
    if (c->argc == 2 && strcmp(c->argv[0], "thaw") == 0) {
        return run_thaw(c, c->argv[1], by);
    }
    return usage_error(c, &cmd_witness, "say status, ask, or thaw ORIGIN");
}

const struct command cmd_witness = {
    "witness", "partners cosign each other's logs",
    "usage: noroshi witness status [--json]\n"
    "       noroshi witness ask\n"
    "       noroshi witness thaw ORIGIN --by USER   < PASSWORD\n\n"
    "status  whose logs this node cosigns and who cosigns its own: size, last time, and alarms\n"
    "ask     signs a checkpoint now and brings it to every active partner, as the running node does each "
    "minute\n"
    "thaw    lets a log go on that has shown two heads which exclude each other; until then nothing goes to "
    "that "
    "partner\n\n"
    "examples:\n"
    "  noroshi witness status\n"
    "  noroshi witness thaw noroshi.example/jp --by mei < password\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
