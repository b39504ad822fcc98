#include "cli/cli.h"
#include "share/contribution/contribution.h"

#define ANSWER_MOST ((size_t)16 << 20)

struct telling {
    struct cmd *c;
    struct jw w;
    usec since;
    struct uuid only; /* nil = all */
    struct err e;
};

static int on_partner(void *ctx, const struct partner *p)
{
    struct telling *t = ctx;
    if (!uuid_nil(t->only) && !uuid_eq(t->only, p->card.id)) {
        return OK;
    }
    return contribution_write(t->c->node->db, t->c->node->fuse, p, t->since, &t->w, &t->e);
}

/* ---- for people */

static long long number(struct jv v, const char *key)
{
    int64_t n = 0;
    (void)json_i64(json_get(v, sv_c(key)), &n);
    return (long long)n;
}

static void print_types(FILE *out, const char *word, struct jv types)
{
    struct json_it it = json_each(types);
    struct sv type;
    struct jv v;
    int64_t n = 0;
    if (!json_count(types)) {
        return;
    }
    fprintf(out, "  %s:", word);
    while (json_next(&it, &type, &v)) {
        (void)json_i64(v, &n);
        fputc(' ', out);
        print_safe(out, type);
        fprintf(out, " %lld", (long long)n);
    }
    fputc('\n', out);
}

static void print_table(FILE *out, struct jv all)
{
    struct json_it it = json_each(all);
    struct sv unused;
    struct jv p;
    fputs("PARTNER             GIVEN     TAKEN     FIRST      HITS  VALUES HIT  TAKEN BACK  AS WRONG\n", out);
    while (json_next(&it, &unused, &p)) {
        struct jv given = json_get(p, SV("given")), taken = json_get(p, SV("taken"));
        print_cell(out, json_get_str(p, SV("name")), 15);
        fprintf(out, "%10lld%10lld%10lld%10lld%12lld%12lld%10lld\n", number(given, "things"),
                number(taken, "objects"), number(taken, "first"), number(taken, "hits"),
                number(taken, "values_hit"), number(taken, "withdrawn"), number(taken, "false_positives"));
        print_types(out, "given", json_get(given, SV("by_type")));
        print_types(out, "taken", json_get(taken, SV("by_type")));
    }
}

static int print(struct telling *t, const struct buf *json, struct err *e)
{
    struct jv v = {0};
    if (t->c->json) {
        print_json(t->c, json);
        return OK;
    }
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    int rc = d ? json_parse(d, buf_sv(json), &v, e) : err_set(e, ERR_MEMORY, "no memory to show the answer");
    if (rc == OK) {
        print_table(t->c->out, v);
    }
    json_doc_free(d);
    return rc;
}

/* ---- the command */

static int tell(struct telling *t, const char *partner, struct err *e)
{
    struct arena a;
    struct buf json;
    struct partner p;
    arena_init(&a, 64u << 20);
    buf_init(&json, ANSWER_MOST);
    jw_init(&t->w, &json);
    int rc = partner ? partner_find(t->c->node->db, sv_c(partner), &a, &p, e) : OK;
    if (rc == OK) {
        t->only = partner ? p.card.id : (struct uuid){{0}};
        jw_arr(&t->w);
        rc = partner_each(t->c->node->db, &a, on_partner, t, e);
        jw_end_arr(&t->w);
        if (rc != OK && t->e.code != OK) {
            *e = t->e;
        }
    }
    rc = rc == OK ? print(t, &json, e) : rc;
    buf_clear(&json);
    arena_clear(&a);
    return rc;
}

static int run(struct cmd *c)
{
    const char *partner = NULL, *since = NULL;
    const struct opt opts[] = {{"--partner", &partner, NULL}, {"--since", &since, NULL}, {0}};
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct err e = ERR_NONE;
    struct telling t = {.c = c, .since = USEC_NONE, .e = ERR_NONE};
    if (!opts_take(c, &cmd_contribution, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc || (since && time_parse(sv_c(since), &utc, &t.since, &e) != OK)) {
        return usage_error(c, &cmd_contribution, "--since takes a time like 2026-08-22");
    }
    e = ERR_NONE;
    return tell(&t, partner, &e) == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_contribution = {
    "contribution", "who gives and takes how much, and what of it was of use",
    "usage: noroshi contribution [--partner NAME] [--since TIME]   [--json]\n\n"
    "For each partner: how many things went to it, how many different objects came from it, how many values "
    "it\n"
    "was the first to state here, how many events here met a value it states, and what of its was taken "
    "back.\n"
    "docs/contribution.md defines each number. Partners are not told of each other.\n\n"
    "  --partner NAME   one partner: name or UUID\n"
    "  --since TIME     count from then on, like 2026-08-01 (UTC)\n\n"
    "examples:\n"
    "  noroshi contribution\n"
    "  noroshi contribution --partner JPCERT --since 2026-08-01 --json\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
