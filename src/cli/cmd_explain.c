#include "cli/cli.h"
#include "share/release.h"

#include <string.h>

struct asked {
    struct buf json; /* the object */
    int64_t source;
    enum tlp tlp;
};

static void print_answer_json(struct cmd *c, const char *object, const struct release_answer *a)
{
    struct buf b;
    struct jw w;
    char id[37], until[32];
    buf_init(&b, 1u << 18);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "object", sv_c(object));
    jw_kbool(&w, "goes", a->allow && a->redactions == 0);
    jw_kbool(&w, "allow", a->allow);
    jw_kstr(&w, "rule", sv_c(release_rule_name(a->rule)));
    if (a->agreement) {
        uuid_text(a->agreement->id, id);
        jw_kstr(&w, "agreement", sv_c(id));
        jw_kint(&w, "version", a->agreement->version);
        uuid_text(a->grant->id, id);
        jw_kstr(&w, "grant", sv_c(id));
    }
    jw_key(&w, "redact");
    jw_arr(&w);
    for (size_t i = 0; i < a->redactions; i++) {
        jw_str(&w, a->redact[i]);
    }
    jw_end_arr(&w);
    if (a->allow) {
        time_text(a->delete_after, until);
        jw_kstr(&w, "delete_after", sv_c(until));
        jw_kstr(&w, "judicial_use", sv_c(judicial_use_name(a->grant->judicial_use)));
        jw_kstr(&w, "onward", sv_c(onward_name(a->grant->onward)));
    }
    jw_end_obj(&w);
    print_json(c, &b);
    buf_clear(&b);
}

static const char *sentence(enum release_rule rule)
{
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
    return (unsigned)rule < RULE_MAX ? text[rule] : "unknown";
}

static void print_answer(struct cmd *c, const struct release_answer *a)
{
    char id[37], until[32];
    fprintf(c->out, "%s: %s (%s)\n", a->allow && a->redactions == 0 ? "goes" : "stays", sentence(a->rule),
            release_rule_name(a->rule));
    if (a->agreement) {
        uuid_text(a->agreement->id, id);
        fprintf(c->out, "agreement    %s version %lld  ", id, (long long)a->agreement->version);
        print_safe(c->out, a->agreement->title[LANGUAGE_EN]);
        uuid_text(a->grant->id, id);
        fprintf(c->out, "\ngrant        %s  %s up to %s\n", id, purpose_name(a->grant->purpose),
                tlp_name(a->grant->ceiling));
    }
    if (a->redactions) {
        fputs("held back, since these members must not go:", c->out);
        for (size_t i = 0; i < a->redactions; i++) {
            fputc(' ', c->out);
            print_safe(c->out, a->redact[i]);
        }
        fputc('\n', c->out);
    }
    if (a->allow) {
        time_text(a->delete_after, until);
        fprintf(c->out, "obligations  deleted by %s, %s, onward %s\n", until,
                judicial_use_name(a->grant->judicial_use), onward_name(a->grant->onward));
    }
}

static int ask(struct cmd *c, const struct asked *o, const char *to, enum purpose purpose, const char *object,
               struct err *e)
{
    struct arena a;
    struct partner p;
    struct release r;
    struct release_answer answer;
    usec now = time_now();
    arena_init(&a, 16u << 20);
    int rc = partner_find(c->node->db, sv_c(to), &a, &p, e);
    if (rc == OK) {
        const struct release_thing t = {buf_sv(&o->json), o->source, o->tlp};
        rc = release_open(&r, c->node->db, p.card.id, purpose, now, e);
        rc = rc == OK ? release_ask(&r, &t, &answer, e) : rc;
        if (rc == OK && c->json) {
            print_answer_json(c, object, &answer);
        } else if (rc == OK) {
            print_answer(c, &answer);
        }
        release_close(&r);
    }
    arena_clear(&a);
    return rc;
}

static int run(struct cmd *c)
{
    const char *to = NULL, *purpose_text = "network_safety";
    const struct opt opts[] = {{"--to", &to, NULL}, {"--purpose", &purpose_text, NULL}, {0}};
    enum purpose purpose;
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct asked o;
    if (!opts_take(c, &cmd_explain, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != 1 || !to) {
        return usage_error(c, &cmd_explain, "give a STIX id or a value, and --to PARTNER");
    }
    if (!purpose_parse(sv_c(purpose_text), &purpose)) {
        return usage_error(c, &cmd_explain, "there is no purpose '%s'", purpose_text);
    }
    arena_init(&a, 64u << 20);
    buf_init(&o.json, 64u << 20);
    int rc = cmd_view(c, &a, &view, &e);
    rc = rc == OK ? fuse_thing(c->node->fuse, &view, sv_c(c->argv[0]), &o.json, &o.source, &o.tlp, &e) : rc;
    rc = rc == OK ? ask(c, &o, to, purpose, c->argv[0], &e) : rc;
    buf_clear(&o.json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_explain = {
    "explain", "why something would go to a partner, or not",
    "usage: noroshi explain OBJECT --to PARTNER [--purpose PURPOSE] [--json]\n\n"
    "OBJECT is a STIX id or a value. Says which rule decides, which grant of which agreement, which members "
    "would "
    "have to\n"
    "be taken out, and what the partner is obliged to. The same decision is made for every thing that "
    "leaves.\n\n"
    "Purposes: network_safety (default), cybercrime_investigation, prosecution_assistance, "
    "victim_notification,\n"
    "deconfliction, exercise.\n\n"
    "examples:\n"
    "  noroshi explain 203.0.113.7 --to JPCERT\n"
    "  noroshi explain threat-actor--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --to JPCERT --json\n\n"
    "exit codes: 0 answered, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
