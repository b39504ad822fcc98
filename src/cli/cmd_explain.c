#include "cli/cli.h"
#include "share/eyes/eyes.h"

#include <string.h>

#define ANSWER_MOST ((size_t)128 << 20)
#define STEP 1000 /* things of a survey that are looked at between two words on how far it is */

struct asked {
    const char *to, *purpose, *what; /* what NULL: everything */
    bool list, copy;
};

/* In the words of pact_release's rules, and two that are told for what is allowed and stays all the same. */
static const char *sentence(struct sv rule)
{
    static const char *const more[][2] = {
        {"withdrawal", "it takes back what the partner was never given"},
        {"not_given", "the partner was never given it"},
    };
    static const char *const text[RULE_MAX] = {
        [RULE_GRANTED] = "a grant covers it",
        [RULE_NOBODY] = "its owner or the partner is nobody",
        [RULE_PARTNER] = "the partner is not active",
        [RULE_NO_AGREEMENT] = "no agreement with the partner is in force",
        [RULE_NO_GRANT] = "no grant has this direction and purpose",
        [RULE_TYPE] = "no grant lists its type, its kinds of values, or its offence",
        [RULE_EXERCISE] = "exercise and real things do not mix",
        [RULE_LOCAL] = "it is kept here, or has expired",
        [RULE_MARKING] = "its marking is above the ceiling, TLP:RED, or unknown",
        [RULE_ORIGIN] = "who stated it does not let it go on to this partner",
        [RULE_ATTRIBUTION] = "it says who is held responsible, or who was hit",
        [RULE_PERSONAL] = "it holds personal data that the grant does not cover",
        [RULE_REDACTION] = "without what must not go it would be no object any more",
        [RULE_CAP] = "the day's number is reached",
        [RULE_RELEASE] = "a person has to release it first",
    };
    for (int r = 0; r < RULE_MAX; r++) {
        if (text[r] && sv_eq(rule, sv_c(release_rule_name((enum release_rule)r)))) {
            return text[r];
        }
    }
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (sv_eq(rule, sv_c(more[i][0]))) {
            return more[i][1];
        }
    }
    return "unknown";
}

/* "goes", "redacted", "stays" as the three forms in which a thing may leave. */
static const char *form_of(struct sv state)
{
    return sv_eq(state, SV("goes")) ? "original" : sv_eq(state, SV("redacted")) ? "copy" : "stays";
}

static bool goes(struct jv mark)
{
    return !sv_eq(json_get_str(mark, SV("state")), SV("stays"));
}

/* ---- one thing */

static void put_value(struct jw *w, struct jv v)
{
    struct buf b;
    buf_init(&b, ANSWER_MOST);
    json_add(&b, v);
    jw_raw(w, buf_sv(&b));
    buf_clear(&b);
}

static void print_members(struct jw *w, struct jv mark)
{
    struct json_it it = json_each(mark);
    struct sv key;
    struct jv v;
    jw_kbool(w, "goes", goes(mark));
    jw_kstr(w, "form", sv_c(form_of(json_get_str(mark, SV("state")))));
    while (json_next(&it, &key, &v)) {
        if (!sv_eq(key, SV("state"))) {
            jw_key_sv(w, key);
            put_value(w, v);
        }
    }
}

/* The statement that decides, and beside it all of them. */
static void print_one_json(struct cmd *c, const struct asked *o, struct jv answer)
{
    struct json_it it = json_each(json_get(answer, SV("statements")));
    struct sv key;
    struct jv v;
    struct buf b;
    struct jw w;
    buf_init(&b, ANSWER_MOST);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "object", sv_c(o->what));
    jw_kstr(&w, "source", json_get_str(answer, SV("source")));
    print_members(&w, json_get(answer, SV("mark")));
    if (o->copy) {
        jw_key(&w, "copy");
        put_value(&w, json_get(answer, SV("copy")));
    }
    jw_key(&w, "statements");
    jw_arr(&w);
    while (json_next(&it, &key, &v)) {
        jw_obj(&w);
        jw_kstr(&w, "object", json_get_str(v, SV("object")));
        jw_kstr(&w, "source", json_get_str(v, SV("source")));
        print_members(&w, json_get(v, SV("mark")));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    print_json(c, &b);
    buf_clear(&b);
}

static void print_field(FILE *out, const char *name, struct jv mark, const char *member)
{
    struct sv text = json_get_str(mark, sv_c(member));
    if (text.n) {
        fprintf(out, "%-12s ", name);
        print_safe(out, text);
        fputc('\n', out);
    }
}

static void print_mark_words(FILE *out, struct jv mark)
{
    struct sv state = json_get_str(mark, SV("state")), rule = json_get_str(mark, SV("rule"));
    struct sv why = json_get_str(mark, SV("why"));
    fputs(sv_eq(state, SV("redacted")) ? "goes as a copy" : goes(mark) ? "goes" : "stays", out);
    fputs(": ", out);
    print_safe(out, why.n ? why : sv_c(sentence(rule)));
    fprintf(out, " (%.*s)\n", SV_ARG(rule));
}

static void print_one(struct cmd *c, const struct asked *o, struct jv answer)
{
    FILE *out = c->out;
    struct jv mark = json_get(answer, SV("mark")), member;
    struct sv key;
    int64_t version = 0;
    print_mark_words(out, mark);
    print_field(out, "source", answer, "source");
    if (sv_eq(json_get_str(mark, SV("state")), SV("redacted"))) {
        print_field(out, "copy", mark, "goes_as");
    }
    print_field(out, "agreement", mark, "agreement");
    if (json_i64(json_get(mark, SV("version")), &version)) {
        fprintf(out, "%-12s version %lld  ", "", (long long)version);
        print_safe(out, json_get_str(mark, SV("title")));
        fputc('\n', out);
    }
    print_field(out, "grant", mark, "grant");
    print_field(out, "up to", mark, "ceiling");
    struct json_it it = json_each(json_get(mark, SV("redact")));
    for (bool first = true; json_next(&it, &key, &member); first = false) {
        fputs(first ? "taken out    " : " ", out);
        print_safe(out, json_str(member));
    }
    fputs(json_count(json_get(mark, SV("redact"))) ? "\n" : "", out);
    print_field(out, "deleted by", mark, "delete_after");
    print_field(out, "judicial use", mark, "judicial_use");
    print_field(out, "onward", mark, "onward");
    if (o->copy && json_type(json_get(answer, SV("copy"))) == JSON_OBJECT) {
        struct buf b;
        buf_init(&b, ANSWER_MOST);
        json_add(&b, json_get(answer, SV("copy")));
        print_safe(out, buf_sv(&b));
        fputc('\n', out);
        buf_clear(&b);
    }
}

static void print_others(struct cmd *c, struct jv answer)
{
    struct json_it it = json_each(json_get(answer, SV("statements")));
    struct sv key;
    struct jv v;
    if (json_count(json_get(answer, SV("statements"))) < 2) {
        return;
    }
    fputs("\nby all who state it, each decided by itself:\n", c->out);
    while (json_next(&it, &key, &v)) {
        fputs("  ", c->out);
        print_cell(c->out, json_get_str(v, SV("source")), 24);
        print_mark_words(c->out, json_get(v, SV("mark")));
    }
}

static int explain_one(struct cmd *c, const struct asked *o, struct eyes *x, struct err *e)
{
    struct buf b;
    struct jv answer = {0};
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    buf_init(&b, ANSWER_MOST);
    int rc = d ? eyes_explain(x, sv_c(o->what), &b, e) : err_set(e, ERR_MEMORY, "no memory to explain");
    rc = rc == OK ? json_parse(d, buf_sv(&b), &answer, e) : rc;
    if (rc == OK && c->json) {
        print_one_json(c, o, answer);
    } else if (rc == OK) {
        print_one(c, o, answer);
        print_others(c, answer);
    }
    buf_clear(&b);
    json_doc_free(d);
    return rc;
}

/* ---- everything */

struct survey {
    struct cmd *c;
    bool list; /* one line a thing */
    int64_t things, stays, redacted;
    int64_t rule[RULE_MAX + 2];
    char name[RULE_MAX + 2][24];
    size_t rules;
    usec told;
};

static int64_t number_of(struct jv v, const char *key)
{
    int64_t n = 0;
    (void)json_i64(json_get(v, sv_c(key)), &n);
    return n;
}

static void tell_progress(struct survey *s)
{
    usec now = time_ticks();
    if (s->c->people && now - s->told > USEC_SECOND) {
        s->told = now;
        fprintf(s->c->err, "\r\033[K%lld things, %lld would go", (long long)s->things,
                (long long)(s->things - s->stays));
        fflush(s->c->err);
    }
}

static void add_rule(struct survey *s, struct sv name, int64_t n)
{
    size_t i = 0;
    while (i < s->rules && !sv_eq(sv_c(s->name[i]), name)) {
        i++;
    }
    if (i == s->rules && i < RULE_MAX + 2) {
        (void)sv_copy(name, s->name[i], sizeof(s->name[i]));
        s->rules++;
    }
    s->rule[i < RULE_MAX + 2 ? i : 0] += n;
}

static void add_counts(struct survey *s, struct jv eyes)
{
    struct json_it it = json_each(json_get(eyes, SV("rules")));
    struct sv key;
    struct jv v;
    int64_t n = 0;
    s->things += number_of(eyes, "things");
    s->stays += number_of(eyes, "stays");
    s->redacted += number_of(eyes, "redacted");
    while (json_next(&it, &key, &v)) {
        if (json_i64(v, &n)) {
            add_rule(s, key, n);
        }
    }
}

static void tell_thing(struct survey *s, struct jv thing)
{
    struct jv mark = json_get(thing, SV("eyes"));
    struct sv id = json_get_str(thing, SV("id")), rule = json_get_str(mark, SV("rule"));
    const char *form = form_of(json_get_str(mark, SV("state")));
    if (s->c->json) {
        fprintf(s->c->out, "{\"id\":\"%.*s\",\"goes\":%s,\"form\":\"%s\",\"rule\":\"%.*s\",\"redact\":%zu}\n",
                SV_ARG(id), goes(mark) ? "true" : "false", form, SV_ARG(rule),
                json_count(json_get(mark, SV("redact"))));
        return;
    }
    fprintf(s->c->out, "%s  ", form[0] == 'c' ? "~" : goes(mark) ? "+" : "-");
    print_cell(s->c->out, id, 62);
    fprintf(s->c->out, "%.*s%s\n", SV_ARG(rule), form[0] == 'c' ? " (as a copy)" : "");
}

/* *next: where the next step begins, "" = that was the last. */
static int step(struct survey *s, struct eyes *x, char next[128], struct err *e)
{
    struct buf b;
    struct jv answer = {0}, thing;
    struct sv key;
    struct json_doc *d = json_doc_new(ANSWER_MOST);
    buf_init(&b, ANSWER_MOST);
    int rc = d ? eyes_survey(x, sv_c(next), STEP, s->list, &b, e)
               : err_set(e, ERR_MEMORY, "no memory to look through a partner's eyes");
    rc = rc == OK ? json_parse(d, buf_sv(&b), &answer, e) : rc;
    if (rc == OK) {
        struct json_it it = json_each(json_get(answer, SV("things")));
        while (json_next(&it, &key, &thing)) {
            tell_thing(s, thing);
        }
        add_counts(s, json_get(answer, SV("eyes")));
        (void)sv_copy(json_get_str(answer, SV("next")), next, 128);
    }
    buf_clear(&b);
    json_doc_free(d);
    return rc;
}

static void print_survey(struct survey *s)
{
    FILE *out = s->c->out;
    if (s->c->people) {
        fputs("\r\033[K", s->c->err);
    }
    if (s->c->json) {
        fprintf(out, "{\"things\":%lld,\"goes\":%lld,\"copies\":%lld,\"rules\":{", (long long)s->things,
                (long long)(s->things - s->stays), (long long)s->redacted);
        for (size_t i = 0; i < s->rules; i++) {
            fprintf(out, "%s\"%s\":%lld", i ? "," : "", s->name[i], (long long)s->rule[i]);
        }
        fputs("}}\n", out);
        return;
    }
    fprintf(out, "%lld things, %lld would go\n", (long long)s->things, (long long)(s->things - s->stays));
    if (s->redacted) {
        fprintf(out, "%10lld  of them as copies, without members that must not go\n", (long long)s->redacted);
    }
    for (size_t i = 0; i < s->rules; i++) {
        if (strcmp(s->name[i], release_rule_name(RULE_GRANTED)) != 0) {
            fprintf(out, "%10lld  stay: %s\n", (long long)s->rule[i], sentence(sv_c(s->name[i])));
        }
    }
}

static int survey(struct cmd *c, const struct asked *o, struct eyes *x, struct err *e)
{
    struct survey s = {.c = c, .list = o->list, .told = time_ticks()};
    char next[128] = "";
    int rc;
    do {
        rc = step(&s, x, next, e);
        tell_progress(&s);
    } while (rc == OK && next[0]);
    if (rc == OK) {
        print_survey(&s);
    }
    return rc;
}

/* ---- the command */

static int explain(struct cmd *c, const struct asked *o, enum purpose purpose, struct arena *a, struct err *e)
{
    struct partner partner;
    struct pact_view view;
    int rc = cmd_view(c, a, &view, e);
    rc = rc == OK ? partner_find(c->node->db, sv_c(o->to), a, &partner, e) : rc;
    const struct eyes_opts opts = {.db = c->node->db,
                                   .fuse = c->node->fuse,
                                   .ledger = c->node->ledger,
                                   .secret = &c->node->secret,
                                   .view = &view,
                                   .partner = &partner,
                                   .purpose = purpose,
                                   .now = time_now()};
    struct eyes *x = rc == OK ? eyes_new(&opts, e) : NULL;
    if (x) {
        rc = o->what ? explain_one(c, o, x, e) : survey(c, o, x, e);
    }
    eyes_free(x);
    return rc == OK && !x ? e->code : rc;
}

static int run(struct cmd *c)
{
    struct asked o = {.purpose = "network_safety"};
    bool all = false;
    const struct opt opts[] = {{"--to", &o.to, NULL},     {"--purpose", &o.purpose, NULL},
                               {"--all", NULL, &all},     {"--list", NULL, &o.list},
                               {"--copy", NULL, &o.copy}, {0}};
    enum purpose purpose;
    struct err e = ERR_NONE;
    struct arena a;
    if (!opts_take(c, &cmd_explain, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != (all ? 0 : 1) || !o.to) {
        return usage_error(c, &cmd_explain, "give a STIX id or a value, or --all, and --to PARTNER");
    }
    if (!purpose_parse(sv_c(o.purpose), &purpose)) {
        return usage_error(c, &cmd_explain, "there is no purpose '%s'", o.purpose);
    }
    o.what = all ? NULL : c->argv[0];
    arena_init(&a, 64u << 20);
    int rc = explain(c, &o, purpose, &a, &e);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_explain = {
    "explain", "why something would go to a partner, or not",
    "usage: noroshi explain OBJECT --to PARTNER [--purpose PURPOSE] [--copy] [--json]\n"
    "       noroshi explain --all [--list] --to PARTNER [--purpose PURPOSE] [--json]\n\n"
    "OBJECT is a STIX id or a value. Says which rule decides, which grant of which agreement, which members "
    "are taken\n"
    "out, and what the partner is obliged to; with --copy the bytes of a copy too. The same "
    "decision "
    "is made for\n"
    "everything that leaves. What loses members goes as a copy, an object of its own (docs/copies.md).\n\n"
    "Purposes: network_safety (default), cybercrime_investigation, prosecution_assistance, "
    "victim_notification,\n"
    "deconfliction, exercise.\n\n"
    "examples:\n"
    "  noroshi explain 203.0.113.7 --to JPCERT\n"
    "  noroshi explain sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to JPCERT --copy\n"
    "  noroshi explain --all --to JPCERT\n"
    "  noroshi explain threat-actor--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to JPCERT --json\n\n"
    "exit codes: 0 answered, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
