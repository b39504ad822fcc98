#include "cli/agreement_node.h"
#include "cli/agreement_try.h"

#include <string.h>

static int with_agreement(struct cmd *c, const char *path, struct arena *a, struct agreement *ret,
                          struct err *e)
{
    struct buf text;
    buf_init(&text, AGREEMENT_MAX);
    int rc = cmd_read_file(c, path, &text, e);
    rc = rc == OK ? agreement_read(buf_sv(&text), a, ret, e) : rc;
    if (rc != OK && !e->file[0]) {
        err_at(e, path, e->line, e->offset);
    }
    buf_clear(&text);
    return rc;
}

static void print_checked(struct cmd *c, const struct agreement *g)
{
    char id[37], digest[65];
    uuid_text(g->id, id);
    hex_text(g->digest.b, sizeof(g->digest.b), digest);
    if (c->json) {
        fprintf(c->out, "{\"valid\":true,\"id\":\"%s\",\"version\":%lld,\"grants\":%zu,\"sha256\":\"%s\"}\n",
                id, (long long)g->version, g->grants, digest);
    } else {
        fprintf(c->out, "agreement %s version %lld: %zu grants, SHA-256 %s\n", id, (long long)g->version,
                g->grants, digest);
    }
}

static int run_check(struct cmd *c, const char *path)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreement g;
    arena_init(&a, 64u << 20);
    int rc = with_agreement(c, path, &a, &g, &e);
    if (rc == OK) {
        print_checked(c, &g);
    }
    arena_clear(&a);
    if (rc == ERR_VALUE || rc == ERR_SYNTAX) {
        (void)could_not(c, &e);
        return EXIT_FINDINGS;
    }
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

void agreement_print_text(struct cmd *c, const struct agreement *g, enum language l)
{
    struct buf text, json;
    struct jw w;
    buf_init(&text, AGREEMENT_MAX * 8);
    buf_init(&json, AGREEMENT_MAX * 16);
    agreement_text(g, l, &text);
    if (c->json) {
        jw_init(&w, &json);
        jw_obj(&w);
        jw_kstr(&w, "language", sv_c(language_name(l)));
        jw_kstr(&w, "text", buf_sv(&text));
        jw_end_obj(&w);
        print_json(c, &json);
    } else {
        struct sv rest = buf_sv(&text), line;
        while (sv_line(&rest, &line)) {
            print_safe(c->out, line);
            fputc('\n', c->out);
        }
    }
    buf_clear(&json);
    buf_clear(&text);
}

static int run_text(struct cmd *c, const char *path, const char *language)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreement g;
    enum language l = LANGUAGE_EN;
    if (language && !language_parse(sv_c(language), &l)) {
        return usage_error(c, &cmd_agreement, "the languages are en, ja and zh-Hant");
    }
    arena_init(&a, 64u << 20);
    int rc = with_agreement(c, path, &a, &g, &e);
    if (rc == OK) {
        agreement_print_text(c, &g, l);
    }
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

bool agreement_needs_no_home(int argc, char **argv)
{
    return argc > 0 &&
           (strcmp(argv[0], "check") == 0 || strcmp(argv[0], "text") == 0 || strcmp(argv[0], "try") == 0);
}

static int run_act(struct cmd *c, const char *what, const struct agreement_words *w)
{
    static const enum agreed_act acts[] = {ACT_SUSPEND, ACT_RESUME, ACT_END};
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(what, agreed_act_name(acts[i])) == 0) {
            return agreement_decide(c, c->argv[1], acts[i], w);
        }
    }
    return usage_error(c, &cmd_agreement, "there is no `agreement %s`", what);
}

static int run_explain(struct cmd *c, const struct agreement_words *w)
{
    enum language l = LANGUAGE_EN;
    if (w->language && !language_parse(sv_c(w->language), &l)) {
        return usage_error(c, &cmd_agreement, "the languages are en, ja and zh-Hant");
    }
    return agreement_tell(c, c->argv[1], l);
}

static int run_with_one(struct cmd *c, const struct agreement_words *w)
{
    const char *what = c->argv[0], *arg = c->argv[1];
    if (strcmp(what, "check") == 0) {
        return run_check(c, arg);
    }
    if (strcmp(what, "text") == 0) {
        return run_text(c, arg, w->language);
    }
    if (strcmp(what, "draft") == 0) {
        return agreement_make_draft(c, arg, w);
    }
    if (strcmp(what, "sign") == 0 || strcmp(what, "countersign") == 0) {
        return agreement_sign(c, arg, w, what[0] == 'c');
    }
    if (strcmp(what, "show") == 0) {
        return agreement_list(c, arg);
    }
    if (strcmp(what, "explain") == 0) {
        return run_explain(c, w);
    }
    return strcmp(what, "amend") == 0 ? agreement_amend(c, arg) : run_act(c, what, w);
}

static int run(struct cmd *c)
{
    struct agreement_words w = {0};
    const struct opt opts[] = {{"--language", &w.language, NULL}, {"--by", &w.by, NULL},
                               {"--with", &w.with, NULL},         {"--from", &w.from, NULL},
                               {"--until", &w.until, NULL},       {0}};
    if (!opts_take(c, &cmd_agreement, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc == 2) {
        return run_with_one(c, &w);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "try") == 0) {
        return agreement_try(c);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "list") == 0) {
        return agreement_list(c, NULL);
    }
    return usage_error(c, &cmd_agreement, "say what, and with which file or agreement");
}

const struct command cmd_agreement = {
    "agreement", "draft, sign and end agreements with partners",
    "usage: noroshi agreement draft TEMPLATE --with PARTNER[,...] [--from DATE] [--until DATE]   > DRAFT\n"
    "       noroshi agreement sign FILE --by USER               < PASSWORD   > SIGNED\n"
    "       noroshi agreement countersign FILE [--by USER]      < PASSWORD   > SIGNED\n"
    "       noroshi agreement list | show ID | explain ID [--language en|ja|zh-Hant]   [--json]\n"
    "       noroshi agreement amend ID                                       > DRAFT\n"
    "       noroshi agreement suspend|resume|end ID --by USER   < PASSWORD   > SIGNED\n"
    "       noroshi agreement check FILE | text FILE [--language L] | try\n\n"
    "draft        of a template: network-safety, joint-cybercrime\n"
    "sign         takes a draft in and signs it for a person; two persons of every party sign\n"
    "countersign  takes in what others signed, and signs too when --by is given\n"
    "explain      the text for people, made from the same data, in one of three languages\n"
    "amend        the newest version under the next number, to be edited and signed anew\n"
    "suspend, resume, end   take effect here at once; SIGNED tells the other parties (countersign takes it "
    "in)\n"
    "check, text  of a file, without a node; try decides over JSON lines (docs/agreements.md)\n\n"
    "It is in force when two persons of every party signed, and the time is within.\n\n"
    "examples:\n"
    "  noroshi agreement draft network-safety --with JPCERT --until 2027-12-31 > draft.json\n"
    "  noroshi agreement text draft.json --language ja\n"
    "  noroshi agreement sign draft.json --by mei < password > signed.json\n"
    "  noroshi agreement countersign from-jp.json --by lin < password > both.json\n\n"
    "exit codes: 0 done, 1 a file is refused or a line cannot be answered, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
