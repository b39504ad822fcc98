#include "cli/cli.h"

#include <string.h>

static void write_rejected(struct jw *w, const struct quarantined *q, bool whole)
{
    jw_obj(w);
    jw_kint(w, "number", q->id);
    jw_kint(w, "source", q->source);
    jw_kstr(w, "file", q->file);
    jw_kstr(w, "format", q->format);
    char at[32];
    time_text(q->at, at);
    jw_kstr(w, "at", sv_c(at));
    jw_key(w, "line");
    q->why.line ? jw_uint(w, q->why.line) : jw_null(w);
    jw_key(w, "offset");
    q->why.offset != UINT64_MAX ? jw_uint(w, q->why.offset) : jw_null(w);
    jw_kstr(w, "code", sv_c(err_name(q->why.code)));
    jw_kstr(w, "text", q->why.text);
    jw_kstr(w, "remedy", q->why.remedy.n ? q->why.remedy : SV_NONE);
    if (whole) {
        jw_kstr(w, "bytes", q->why.bytes);
        jw_kstr(w, "context", q->why.context.n ? q->why.context : SV_NONE);
        jw_kstr(w, "against", q->why.against.n ? q->why.against : SV_NONE);
    }
    jw_end_obj(w);
}

struct listing {
    struct cmd *c;
    struct jw w;
    struct buf json;
};

static int list_one(void *ctx, const struct quarantined *q)
{
    struct listing *l = ctx;
    if (l->c->json) {
        write_rejected(&l->w, q, false);
        return OK;
    }
    fprintf(l->c->out, "%6lld  ", (long long)q->id);
    print_safe(l->c->out, q->file);
    if (q->why.line) {
        fprintf(l->c->out, ":%llu", (unsigned long long)q->why.line);
    } else if (q->why.offset != UINT64_MAX) {
        fprintf(l->c->out, "@%llu", (unsigned long long)q->why.offset);
    }
    fputs(": ", l->c->out);
    print_safe(l->c->out, q->why.text);
    fputc('\n', l->c->out);
    return OK;
}

static int source_number(struct cmd *c, const char *name, int64_t *ret, struct err *e)
{
    struct arena a;
    struct source s;
    arena_init(&a, 4u << 20);
    int rc = name ? source_find(c->node->db, sv_c(name), &a, &s, e) : OK;
    *ret = name && rc == OK ? s.id : 0;
    arena_clear(&a);
    return rc;
}

static int list(struct cmd *c, int64_t source, int64_t after, int64_t limit)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct listing l = {.c = c};
    arena_init(&a, 256u << 20);
    buf_init(&l.json, 256u << 20);
    jw_init(&l.w, &l.json);
    jw_obj(&l.w);
    jw_kint(&l.w, "count", quarantine_count(c->node->db));
    jw_key(&l.w, "rejected");
    jw_arr(&l.w);
    int rc = quarantine_each(c->node->db, source, after, (size_t)limit, &a, list_one, &l, &e);
    jw_end_arr(&l.w);
    jw_end_obj(&l.w);
    if (rc == OK && c->json) {
        print_json(c, &l.json);
    } else if (rc == OK) {
        fprintf(c->out, "%lld in quarantine\n", (long long)quarantine_count(c->node->db));
    }
    buf_clear(&l.json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int show(struct cmd *c, int64_t id)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct quarantined q;
    struct buf b;
    struct jw w;
    arena_init(&a, 4u << 20);
    buf_init(&b, 4u << 20);
    int rc = quarantine_get(c->node->db, id, &a, &q, &e);
    if (rc == OK) {
        jw_init(&w, &b);
        write_rejected(&w, &q, true);
        print_json(c, &b);
    } else if (rc == ERR_NOT_FOUND) {
        err_hint(&e, "`noroshi rejected list` shows the numbers");
    }
    buf_clear(&b);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

struct numbers {
    int64_t *id;
    size_t n, room;
};

static int note_number(void *ctx, const struct quarantined *q)
{
    struct numbers *n = ctx;
    if (n->n < n->room) {
        n->id[n->n++] = q->id;
    }
    return OK;
}

static int retry_some(struct cmd *c, const int64_t *id, size_t n, uint64_t *accepted, struct err *e)
{
    const struct take_opts o = {.parsers = c->node->parsers, .now = time_now()};
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        bool ok = false;
        rc = fuse_retry(c->node->fuse, id[i], &o, &ok, e);
        *accepted += ok;
        if (rc == ERR_UNSUPPORTED && n > 1) {
            rc = OK; /* one that cannot be retried does not stop the others */
        }
    }
    return rc;
}

/* Numbers are read in rounds: retrying changes the table. */
static int retry_all(struct cmd *c, int64_t source, uint64_t *tried, uint64_t *accepted, struct err *e)
{
    int64_t ids[1000], after = 0;
    int rc = OK;
    for (;;) {
        struct arena a;
        struct numbers n = {.id = ids, .room = 1000};
        arena_init(&a, 256u << 20);
        rc = quarantine_each(c->node->db, source, after, 1000, &a, note_number, &n, e);
        arena_clear(&a);
        if (rc != OK || n.n == 0) {
            return rc;
        }
        after = ids[n.n - 1];
        *tried += n.n;
        rc = retry_some(c, ids, n.n, accepted, e);
        if (rc != OK) {
            return rc;
        }
    }
}

static int retry(struct cmd *c, bool all, int64_t source)
{
    struct err e = ERR_NONE;
    uint64_t tried = 0, accepted = 0;
    int rc = OK;
    if (all) {
        rc = retry_all(c, source, &tried, &accepted, &e);
    }
    for (int i = 1; !all && rc == OK && i < c->argc; i++) {
        int64_t id;
        if (!opt_number(c, &cmd_rejected, "retry", c->argv[i], &id)) {
            return EXIT_USAGE;
        }
        tried++;
        rc = retry_some(c, &id, 1, &accepted, &e);
    }
    rc = rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), &e) : rc;
    if (rc != OK) {
        return could_not(c, &e);
    }
    fprintf(c->out, c->json ? "{\"tried\":%llu,\"accepted\":%llu}\n" : "%llu tried, %llu accepted\n",
            (unsigned long long)tried, (unsigned long long)accepted);
    return tried == accepted ? EXIT_DONE : EXIT_FINDINGS;
}

static int run(struct cmd *c)
{
    const char *source = NULL, *after = NULL, *limit = NULL;
    bool all = false;
    const struct opt opts[] = {{"--source", &source, NULL},
                               {"--after", &after, NULL},
                               {"--limit", &limit, NULL},
                               {"--all", NULL, &all},
                               {0}};
    int64_t from = 0, most = 100, number = 0;
    if (!opts_take(c, &cmd_rejected, opts) || !opt_number(c, &cmd_rejected, "--after", after, &from) ||
        !opt_number(c, &cmd_rejected, "--limit", limit, &most)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    if (source_number(c, source, &number, &e) != OK) {
        return could_not(c, &e);
    }
    const char *what = c->argc ? c->argv[0] : "";
    if (strcmp(what, "list") == 0 && c->argc == 1 && most > 0) {
        return list(c, number, from, most);
    }
    if (strcmp(what, "show") == 0 && c->argc == 2) {
        int64_t id;
        return opt_number(c, &cmd_rejected, "show", c->argv[1], &id) ? show(c, id) : EXIT_USAGE;
    }
    if (strcmp(what, "retry") == 0 && (c->argc > 1 || all)) {
        return retry(c, all, number);
    }
    return usage_error(c, &cmd_rejected, "say list, show NUMBER, retry NUMBER... or retry --all");
}

const struct command cmd_rejected = {
    "rejected", "the quarantine: what could not be accepted, and why",
    "usage: noroshi rejected list [--source NAME] [--after NUMBER] [--limit N] [--json]\n"
    "       noroshi rejected show NUMBER\n"
    "       noroshi rejected retry NUMBER... | --all [--source NAME]   [--json]\n\n"
    "Records that could not be accepted are kept with file, line, offset and reason. After mending the cause "
    "(a source's zone or\n"
    "mapping, a newer program) they can be tried again; those accepted leave the quarantine.\n\n"
    "examples:\n"
    "  noroshi rejected list --source sensor-1\n"
    "  noroshi source set sensor-1 --zone UTC && noroshi rejected retry --all --source sensor-1\n\n"
    "exit codes: 0 done, 1 some stay in quarantine after a retry, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
