#include "cli/cli.h"
#include "share/partner/release.h"

#include <string.h>

struct asked {
    struct buf json; /* the object */
    int64_t source;
    enum tlp tlp;
};

static const char *const FORMS[] = {"stays", "original", "copy"};

static void print_answer_json(struct cmd *c, const char *object, const struct release_written *written,
                              struct sv text)
{
    const struct release_answer *a = &written->answer;
    struct buf b;
    struct jw w;
    char id[37], until[32];
    buf_init(&b, 128u << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "object", sv_c(object));
    jw_kbool(&w, "goes", written->form != FORM_STAYS);
    jw_kstr(&w, "form", sv_c(FORMS[written->form]));
    if (written->why) {
        jw_kstr(&w, "why", sv_c(written->why));
    }
    if (written->form == FORM_COPY) {
        jw_kstr(&w, "copy_id", written->id);
    }
    if (text.n) {
        jw_key(&w, "copy");
        jw_raw(&w, text);
    }
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

static void print_answer(struct cmd *c, const struct release_written *written)
{
    static const char *const words[] = {"stays", "goes", "goes as a copy"};
    const struct release_answer *a = &written->answer;
    char id[37], until[32];
    fprintf(c->out, "%s: %s (%s)\n", words[written->form], written->why ? written->why : sentence(a->rule),
            release_rule_name(a->rule));
    if (written->form == FORM_COPY) {
        fputs("copy         ", c->out);
        print_safe(c->out, written->id);
        fputc('\n', c->out);
    }
    if (a->agreement) {
        uuid_text(a->agreement->id, id);
        fprintf(c->out, "agreement    %s version %lld  ", id, (long long)a->agreement->version);
        print_safe(c->out, a->agreement->title[LANGUAGE_EN]);
        uuid_text(a->grant->id, id);
        fprintf(c->out, "\ngrant        %s  %s up to %s\n", id, purpose_name(a->grant->purpose),
                tlp_name(a->grant->ceiling));
    }
    if (a->redactions) {
        fputs("taken out   ", c->out);
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

static struct release_maker maker_of(const struct cmd *c)
{
    return (struct release_maker){
        .fuse = c->node->fuse, .ledger = c->node->ledger, .secret = &c->node->secret};
}

static void print_both(struct cmd *c, const char *object, const struct release_written *written,
                       struct sv text, bool copy)
{
    bool shown = copy && written->form != FORM_STAYS;
    if (c->json) {
        print_answer_json(c, object, written, shown ? text : SV_NONE);
        return;
    }
    print_answer(c, written);
    if (shown) {
        fprintf(c->out, "%.*s\n", SV_ARG(text));
    }
}

static int ask(struct cmd *c, const struct asked *o, const char *to, enum purpose purpose, bool copy,
               struct err *e)
{
    struct arena a;
    struct partner p;
    struct release r;
    struct release_written written;
    struct buf text;
    const struct release_maker maker = maker_of(c);
    usec now = time_now();
    arena_init(&a, 16u << 20);
    buf_init(&text, 64u << 20);
    int rc = partner_find(c->node->db, sv_c(to), &a, &p, e);
    if (rc == OK) {
        const struct release_thing t = {buf_sv(&o->json), o->source, o->tlp};
        rc = release_open(&r, c->node->db, p.card.id, purpose, now, e);
        rc = rc == OK ? release_copies(&r, &maker, e) : rc;
        rc = rc == OK ? release_write(&r, &t, &text, &written, e) : rc;
        if (rc >= 0) {
            print_both(c, c->argv[0], &written, buf_sv(&text), copy);
            rc = OK;
        }
        release_close(&r);
    }
    buf_clear(&text);
    arena_clear(&a);
    return rc;
}

/* ---- everything through the partner's eyes */

struct surveying {
    struct cmd *c;
    struct release release;
    struct buf thing, text;
    uint64_t total, goes, by_rule[RULE_MAX], copies;
    usec told;
    bool list; /* one line a thing */
};

static void tell_progress(struct surveying *s)
{
    usec now = time_ticks();
    if (s->c->people && now - s->told > USEC_SECOND) {
        s->told = now;
        fprintf(s->c->err, "\r\033[K%llu things, %llu would go", (unsigned long long)s->total,
                (unsigned long long)s->goes);
        fflush(s->c->err);
    }
}

static void tell_thing(struct surveying *s, struct sv id, const struct release_written *written)
{
    const struct release_answer *a = &written->answer;
    bool goes = written->form != FORM_STAYS;
    if (s->c->json) {
        fprintf(s->c->out, "{\"id\":\"%.*s\",\"goes\":%s,\"form\":\"%s\",\"rule\":\"%s\",\"redact\":%zu}\n",
                SV_ARG(id), goes ? "true" : "false", FORMS[written->form], release_rule_name(a->rule),
                a->redactions);
        return;
    }
    fprintf(s->c->out, "%s  ", written->form == FORM_COPY ? "~" : goes ? "+" : "-");
    print_cell(s->c->out, id, 62);
    fprintf(s->c->out, "%s%s\n", release_rule_name(a->rule),
            written->form == FORM_COPY ? " (as a copy)" : "");
}

static int on_item(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct surveying *s = ctx;
    struct release_written written;
    if (i->ended) {
        return OK;
    }
    buf_reset(&s->thing);
    int rc = fuse_item_write(s->c->node->fuse, i->claim, i->number, i->version, &s->thing, e);
    if (rc != 1) {
        return rc;
    }
    const struct release_thing t = {buf_sv(&s->thing), i->source, i->tlp};
    buf_reset(&s->text);
    rc = release_write(&s->release, &t, &s->text, &written, e);
    if (rc < 0) {
        return rc;
    }
    s->total++;
    s->by_rule[written.answer.rule]++;
    s->copies += written.form == FORM_COPY;
    s->goes += written.form != FORM_STAYS;
    if (s->list) {
        tell_thing(s, i->id, &written);
    }
    tell_progress(s);
    return OK;
}

static int on_source(void *ctx, const struct source *src)
{
    struct surveying *s = ctx;
    struct item_mark mark = {0};
    struct err e = ERR_NONE;
    int rc;
    do {
        rc = fuse_items_since(s->c->node->fuse, src->id, &mark, 1000, on_item, s, &e);
    } while (rc == 1000);
    return rc < 0 ? rc : OK;
}

static void print_survey(struct surveying *s)
{
    FILE *out = s->c->out;
    if (s->c->people) {
        fputs("\r\033[K", s->c->err);
    }
    if (s->c->json) {
        fprintf(out, "{\"things\":%llu,\"goes\":%llu,\"copies\":%llu,\"rules\":{",
                (unsigned long long)s->total, (unsigned long long)s->goes, (unsigned long long)s->copies);
        for (int r = 0; r < RULE_MAX; r++) {
            fprintf(out, "%s\"%s\":%llu", r ? "," : "", release_rule_name((enum release_rule)r),
                    (unsigned long long)s->by_rule[r]);
        }
        fputs("}}\n", out);
        return;
    }
    fprintf(out, "%llu things, %llu would go\n", (unsigned long long)s->total, (unsigned long long)s->goes);
    if (s->copies) {
        fprintf(out, "%10llu  of them as copies, without members that must not go\n",
                (unsigned long long)s->copies);
    }
    for (int r = RULE_GRANTED + 1; r < RULE_MAX; r++) {
        if (s->by_rule[r]) {
            fprintf(out, "%10llu  stay: %s\n", (unsigned long long)s->by_rule[r],
                    sentence((enum release_rule)r));
        }
    }
}

static int survey(struct cmd *c, const char *to, enum purpose purpose, bool list, struct err *e)
{
    struct arena a;
    struct partner p;
    struct surveying s = {.c = c, .list = list, .told = time_ticks()};
    arena_init(&a, 64u << 20);
    const struct release_maker maker = maker_of(c);
    buf_init(&s.thing, 64u << 20);
    buf_init(&s.text, 64u << 20);
    int rc = partner_find(c->node->db, sv_c(to), &a, &p, e);
    if (rc == OK) {
        rc = release_open(&s.release, c->node->db, p.card.id, purpose, time_now(), e);
        rc = rc == OK ? release_copies(&s.release, &maker, e) : rc;
        rc = rc == OK ? source_each(c->node->db, &a, on_source, &s, e) : rc;
        release_close(&s.release);
    }
    if (rc == OK) {
        print_survey(&s);
    } else if (!e->code) {
        err_set(e, rc, "a stored thing cannot be read; run noroshi verify");
    }
    buf_clear(&s.thing);
    buf_clear(&s.text);
    arena_clear(&a);
    return rc;
}

static int run(struct cmd *c)
{
    const char *to = NULL, *purpose_text = "network_safety";
    bool all = false, list = false, copy = false;
    const struct opt opts[] = {{"--to", &to, NULL},     {"--purpose", &purpose_text, NULL},
                               {"--all", NULL, &all},   {"--list", NULL, &list},
                               {"--copy", NULL, &copy}, {0}};
    enum purpose purpose;
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct asked o;
    if (!opts_take(c, &cmd_explain, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != (all ? 0 : 1) || !to) {
        return usage_error(c, &cmd_explain, "give a STIX id or a value, or --all, and --to PARTNER");
    }
    if (!purpose_parse(sv_c(purpose_text), &purpose)) {
        return usage_error(c, &cmd_explain, "there is no purpose '%s'", purpose_text);
    }
    if (all) {
        return survey(c, to, purpose, list, &e) == OK ? EXIT_DONE : could_not(c, &e);
    }
    arena_init(&a, 64u << 20);
    buf_init(&o.json, 64u << 20);
    int rc = cmd_view(c, &a, &view, &e);
    rc = rc == OK ? fuse_thing(c->node->fuse, &view, sv_c(c->argv[0]), &o.json, &o.source, &o.tlp, &e) : rc;
    rc = rc == OK ? ask(c, &o, to, purpose, copy, &e) : rc;
    buf_clear(&o.json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_explain = {
    "explain", "why something would go to a partner, or not",
    "usage: noroshi explain OBJECT --to PARTNER [--purpose PURPOSE] [--copy] [--json]\n"
    "       noroshi explain --all [--list] --to PARTNER [--purpose PURPOSE] [--json]\n\n"
    "OBJECT is a STIX id or a value. Says which rule decides, which grant of which agreement, which members "
    "are taken\n"
    "out, and what the partner is obliged to; with --copy also the very bytes that would go. The same "
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
