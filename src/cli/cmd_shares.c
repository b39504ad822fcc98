#include "cli/cli.h"
#include "share/partner/shares.h"

#include <string.h>

#define LIMIT 100

struct listing {
    struct cmd *c;
    struct json_doc *doc;
    int64_t wanted; /* an entry, 0 = all */
    size_t n;
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
        fprintf(l->c->out, "%s{\"entry\":%lld,\"complete\":%s,\"share\":%.*s}", l->n ? "," : "[",
                (long long)entry, done == USEC_NONE ? "false" : "true", SV_ARG(record));
    } else if (l->wanted) {
        print_safe(l->c->out, record);
        fputc('\n', l->c->out);
    } else {
        print_row(l, entry, v, done);
    }
    l->n++;
    return l->wanted ? 1 : OK;
}

static int partner_id(struct cmd *c, const char *name, char ret[37], struct err *e)
{
    struct arena a;
    struct partner p;
    ret[0] = 0;
    if (!name) {
        return OK;
    }
    arena_init(&a, 16u << 20);
    int rc = partner_find(c->node->db, sv_c(name), &a, &p, e);
    if (rc == OK) {
        uuid_text(p.card.id, ret);
    }
    arena_clear(&a);
    return rc;
}

static int list(struct cmd *c, const char *partner, int64_t entry, int64_t limit)
{
    struct err e = ERR_NONE;
    struct listing l = {.c = c, .doc = json_doc_new(1u << 20), .wanted = entry};
    char id[37];
    int rc = l.doc ? partner_id(c, partner, id, &e) : err_set(&e, ERR_MEMORY, "no memory to list shares");
    rc = rc == OK ? share_each(c->node->db, sv_c(id), entry ? entry + 1 : 0, (size_t)limit, on_share, &l, &e)
                  : rc;
    json_doc_free(l.doc);
    if (rc >= 0 && entry && l.n == 0) {
        err_set(&e, ERR_NOT_FOUND, "entry %lld is no share", (long long)entry);
        rc = err_hint(&e, "`noroshi shares list` shows them");
    }
    if (rc >= 0 && c->json) {
        fputs(l.n ? "]\n" : "[]\n", c->out);
    }
    return rc < 0 ? could_not(c, &e) : EXIT_DONE;
}

static int run(struct cmd *c)
{
    const char *partner = NULL, *limit_text = NULL;
    const struct opt opts[] = {{"--partner", &partner, NULL}, {"--limit", &limit_text, NULL}, {0}};
    int64_t limit = LIMIT, entry = 0;
    if (!opts_take(c, &cmd_shares, opts) || !opt_number(c, &cmd_shares, "--limit", limit_text, &limit)) {
        return EXIT_USAGE;
    }
    if (limit < 1 || limit > 100000) {
        return usage_error(c, &cmd_shares, "--limit takes 1 to 100000");
    }
    if (c->argc == 1 && strcmp(c->argv[0], "list") == 0) {
        return list(c, partner, 0, limit);
    }
    if (c->argc == 2 && strcmp(c->argv[0], "show") == 0 && sv_i64(sv_c(c->argv[1]), &entry) && entry > 0) {
        return list(c, NULL, entry, 1);
    }
    return usage_error(c, &cmd_shares, "say list, or show and the number of an entry");
}

const struct command cmd_shares = {"shares", "the register of what went to partners",
                                   "usage: noroshi shares list [--partner NAME] [--limit N] [--json]\n"
                                   "       noroshi shares show ENTRY [--json]\n\n"
                                   "One entry of the ledger a page: to whom, when, how many things, by which "
                                   "grants of which agreements, the "
                                   "range and\n"
                                   "the filter, and when the partner must have deleted it. The entry is on "
                                   "disk before the page's first byte "
                                   "leaves;\n"
                                   "\"complete\" once the whole page was written.\n\n"
                                   "examples:\n"
                                   "  noroshi shares list --partner JPCERT\n"
                                   "  noroshi shares show 4711\n\n"
                                   "exit codes: 0 done, 2 wrong use, 3 could not\n",
                                   NEEDS_NODE, run};
