#include "cli/shares_recall.h"
#include "share/partner/shares.h"

#include <string.h>

#define LIMIT 100

struct listing {
    struct cmd *c;
    struct json_doc *doc;
    int64_t wanted; /* an entry, 0 = all */
    size_t n;
    struct err e; /* of what is told of an entry */
};

static void print_row(struct listing *l, int64_t entry, struct jv v, usec done)
{
    int64_t things = 0;
    (void)json_i64(json_get(v, SV("things")), &things);
    fprintf(l->c->out, "%8lld  ", (long long)entry);
    print_cell(l->c->out, json_get_str(v, SV("at")), 29);
    print_cell(l->c->out, json_get_str(v, SV("partner")), 38);
    print_cell(l->c->out, json_get_str(v, SV("channel")), 16);
    fprintf(l->c->out, "%7lld  %-10s ", (long long)things, done == USEC_NONE ? "cut short" : "complete");
    print_safe(l->c->out, json_get_str(v, SV("delete_after")));
    fputc('\n', l->c->out);
}

static int on_share(void *ctx, int64_t entry, struct sv record, usec done)
{
    struct listing *l = ctx;
    struct err e = ERR_NONE;
    struct jv v;
    if (l->wanted && entry != l->wanted) {
        return 1; /* the entries come newest first: there is none of this number */
    }
    if (json_parse(l->doc, record, &v, &e) != OK) {
        return e.code;
    }
    if (l->c->json) {
        fprintf(l->c->out, "%s{\"entry\":%lld,\"complete\":%s,\"share\":%.*s", l->n ? "," : "[",
                (long long)entry, done == USEC_NONE ? "false" : "true", SV_ARG(record));
        int rc = shares_state(l->c, entry, l->wanted != 0, &l->e);
        fputc('}', l->c->out);
        if (rc < 0) {
            return rc;
        }
    } else if (l->wanted) {
        print_safe(l->c->out, record);
        fputc('\n', l->c->out);
        int rc = shares_state(l->c, entry, true, &l->e);
        if (rc < 0) {
            return rc;
        }
    } else {
        print_row(l, entry, v, done);
    }
    l->n++;
    return l->wanted ? 1 : OK;
}

static int list(struct cmd *c, const char *partner, int64_t entry, int64_t limit)
{
    struct err e = ERR_NONE;
    struct listing l = {.c = c, .doc = json_doc_new(1u << 20), .wanted = entry, .e = ERR_NONE};
    char id[37];
    int rc = l.doc ? shares_partner(c, partner, id, &e) : err_set(&e, ERR_MEMORY, "no memory to list shares");
    rc = rc == OK ? share_each(c->node->db, sv_c(id), entry ? entry + 1 : 0, (size_t)limit, on_share, &l, &e)
                  : rc;
    json_doc_free(l.doc);
    e = l.e.code ? l.e : e;
    if (rc >= 0 && entry && l.n == 0) {
        err_set(&e, ERR_NOT_FOUND, "entry %lld is no share", (long long)entry);
        rc = err_hint(&e, "`noroshi shares list` shows them");
    }
    if (rc >= 0 && c->json) {
        fputs(l.n ? "]\n" : "[]\n", c->out);
    }
    return rc < 0 ? could_not(c, &e) : EXIT_DONE;
}

static int run_recall(struct cmd *c, struct recall_words *w, int64_t limit)
{
    bool object = c->argc == 2;
    if (strcmp(c->argv[0], "recall") == 0 && object != (w->entry != 0)) {
        return w->reason && w->by ? shares_recall(c, object ? c->argv[1] : NULL, w)
                                  : usage_error(c, &cmd_shares, "say --reason TEXT and --by USER");
    }
    if (strcmp(c->argv[0], "unwithdraw") == 0 && object) {
        return w->source && w->by ? shares_unwithdraw(c, c->argv[1], w)
                                  : usage_error(c, &cmd_shares, "say --source NAME and --by USER");
    }
    if (c->argc == 1 && strcmp(c->argv[0], "recalled") == 0) {
        return shares_recalled(c, w, limit);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "overdue") == 0) {
        return shares_overdue(c);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "withdrawn") == 0) {
        return shares_withdrawn(c);
    }
    return usage_error(c, &cmd_shares,
                       "say list, show ENTRY, recall OBJECT or --entry N, recalled, overdue, withdrawn, or "
                       "unwithdraw OBJECT");
}

static int run(struct cmd *c)
{
    const char *limit_text = NULL, *entry_text = NULL;
    struct recall_words w = {0};
    const struct opt opts[] = {{"--partner", &w.partner, NULL},
                               {"--limit", &limit_text, NULL},
                               {"--entry", &entry_text, NULL},
                               {"--reason", &w.reason, NULL},
                               {"--by", &w.by, NULL},
                               {"--source", &w.source, NULL},
                               {0}};
    int64_t limit = LIMIT, entry = 0;
    if (!opts_take(c, &cmd_shares, opts) || !opt_number(c, &cmd_shares, "--limit", limit_text, &limit) ||
        !opt_number(c, &cmd_shares, "--entry", entry_text, &w.entry)) {
        return EXIT_USAGE;
    }
    if (limit < 1 || limit > 100000) {
        return usage_error(c, &cmd_shares, "--limit takes 1 to 100000");
    }
    if (c->argc == 1 && strcmp(c->argv[0], "list") == 0) {
        return list(c, w.partner, 0, limit);
    }
    if (c->argc == 2 && strcmp(c->argv[0], "show") == 0 && sv_i64(sv_c(c->argv[1]), &entry) && entry > 0) {
        return list(c, NULL, entry, 1);
    }
    return c->argc ? run_recall(c, &w, limit) : usage_error(c, &cmd_shares, "say what to do");
}

const struct command cmd_shares = {
    "shares", "the register of what went to partners, and taking it back",
    "usage: noroshi shares list [--partner NAME] [--limit N] [--json]\n"
    "       noroshi shares show ENTRY [--json]\n"
    "       noroshi shares recall OBJECT|--entry N [--partner NAME] --reason TEXT --by USER   < PASSWORD\n"
    "       noroshi shares recalled [--partner NAME] [--entry N] [--limit N] [--json]\n"
    "       noroshi shares overdue [--json]\n"
    "       noroshi shares withdrawn [--json]\n"
    "       noroshi shares unwithdraw OBJECT --source NAME --by USER   < PASSWORD\n\n"
    "One entry of the ledger a page: to whom, when, how many things, by which grants of which agreements, "
    "the\n"
    "range and the filter, and when the partner must have deleted it. The entry is on disk before the "
    "page's\n"
    "first byte leaves; \"complete\" once the whole page was written.\n\n"
    "show        with what became of it: taken back, confirmed, deleted\n"
    "recall      asks every partner who has the object, or what went by the entry, to delete it, and whom "
    "they "
    "gave it to\n"
    "recalled    what was taken back from whom, and the answers; withdrawals that went by themselves too\n"
    "overdue     what was not answered within recall.overdue (24 h), and deletions not told by their day\n"
    "withdrawn   what was taken back here; its source cannot bring it again\n"
    "unwithdraw  lets the source bring it again\n\n"
    "examples:\n"
    "  noroshi shares list --partner JPCERT\n"
    "  noroshi shares recall indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --reason 'named a victim' --by "
    "mei < "
    "password\n"
    "  noroshi shares overdue\n\n"
    "exit codes: 0 done, 1 something is overdue, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
