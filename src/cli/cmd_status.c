#include "cli/cli.h"

static void print_pairs(struct cmd *c, const char *title, struct jv object)
{
    struct json_it it = json_each(object);
    struct sv key;
    struct jv v;
    while (json_next(&it, &key, &v)) {
        int64_t n = 0;
        (void)json_i64(v, &n);
        fprintf(c->out, "%-14s", title);
        print_cell(c->out, key, 40);
        fprintf(c->out, "%12lld\n", (long long)n);
        title = "";
    }
}

static void print_partners(struct cmd *c, struct jv v)
{
    int64_t waiting = 0, overdue = 0, refused = 0;
    struct json_it it = json_each(json_get(v, SV("health")));
    struct sv unused;
    struct jv item;
    (void)json_i64(json_path(v, "messages", "waiting", NULL), &waiting);
    (void)json_i64(json_path(v, "messages", "overdue", NULL), &overdue);
    (void)json_i64(json_path(v, "messages", "refused", NULL), &refused);
    fprintf(c->out, "messages      %lld wait, %lld overdue, %lld of partners refused\n", (long long)waiting,
            (long long)overdue, (long long)refused);
    while (json_next(&it, &unused, &item)) {
        fputs("health        ", c->out);
        print_safe(c->out, json_get_str(item, SV("partner")));
        fputs(": ", c->out);
        print_safe(c->out, json_get_str(item, SV("text")));
        fputc('\n', c->out);
    }
}

static int print_people(struct cmd *c, const struct buf *json, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(json->max);
    int rc = d ? json_parse(d, buf_sv(json), &v, e) : err_set(e, ERR_MEMORY, "no memory to show the status");
    if (rc == OK) {
        int64_t entries = 0, quarantine = 0, indicators = 0;
        (void)json_i64(json_path(v, "ledger", "entries", NULL), &entries);
        (void)json_i64(json_get(v, SV("quarantine")), &quarantine);
        (void)json_i64(json_path(v, "index", "indicators", NULL), &indicators);
        fprintf(c->out, "node          ");
        print_safe(c->out, json_get_str(v, SV("name")));
        fprintf(c->out, "\nledger        %lld entries, root ", (long long)entries);
        print_safe(c->out, json_str(json_path(v, "ledger", "root", NULL)));
        struct sv at = json_str(json_path(v, "ledger", "checkpoint_at", NULL));
        fputs("\ncheckpoint    ", c->out);
        print_safe(c->out, at.p ? at : SV("none yet"));
        fprintf(c->out, "\nindex         %lld indicators in memory\nquarantine    %lld\n",
                (long long)indicators, (long long)quarantine);
        struct sv digest = json_str(json_path(v, "digest", "sha256", NULL));
        int64_t in_digest = 0;
        if (digest.p) {
            (void)json_i64(json_path(v, "digest", "objects", NULL), &in_digest);
            fputs("digest        ", c->out);
            print_safe(c->out, digest);
            fprintf(c->out, " of %lld objects\n", (long long)in_digest);
        }
        print_partners(c, v);
        print_pairs(c, "counts", json_get(v, SV("counts")));
        print_pairs(c, "claims", json_get(v, SV("claims_by_kind")));
        print_pairs(c, "objects", json_get(v, SV("objects_by_type")));
        print_pairs(c, "warninglists", json_get(v, SV("warninglists")));
        print_pairs(c, "sightings", json_get(v, SV("sightings_by_source")));
    }
    json_doc_free(d);
    return rc;
}

struct reading {
    struct cmd *c;
    usec started, told;
};

static void on_progress(void *ctx, uint64_t done)
{
    struct reading *r = ctx;
    usec now = time_ticks();
    if (r->c->people && now - r->started > 2 * USEC_SECOND && now - r->told > USEC_SECOND / 2) {
        r->told = now;
        fprintf(r->c->err, "\r\033[K%llu objects read, %.0f/s", (unsigned long long)done,
                (double)done * 1e6 / (double)(now - r->started));
        (void)fflush(r->c->err);
    }
}

static int run(struct cmd *c)
{
    struct reading reading = {.c = c, .started = time_ticks()};
    struct status_opts o = {.progress = on_progress, .ctx = &reading};
    const struct opt opts[] = {{"--digest", NULL, &o.digest}, {NULL, NULL, NULL}};
    if (!opts_take(c, &cmd_status, opts)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf json;
    arena_init(&a, 64u << 20);
    buf_init(&json, 64u << 20);
    int rc = cmd_view(c, &a, &view, &e);
    rc = rc == OK ? fuse_index_refresh(c->node->fuse, time_now(), &e) : rc;
    rc = rc == OK ? node_status_with(c->node, &view, &o, &json, &e) : rc;
    if (reading.told) {
        fputs("\r\033[K", c->err);
    }
    if (rc == OK && c->json) {
        print_json(c, &json);
    } else if (rc == OK) {
        rc = print_people(c, &json, &e);
    }
    buf_clear(&json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_status = {"status", "what the node holds: counts, ledger, index, quarantine",
                                   "usage: noroshi status [--digest] [--json]\n\n"
                                   "Counts by type and source, ledger size and root, the last signed "
                                   "checkpoint, the match index, the quarantine, versions.\n\n"
                                   "  --digest   one SHA-256 over all objects and claims this "
                                   "organisation may hold, equal at two nodes that\n"
                                   "             hold the same (docs/json.md); reads everything\n\n"
                                   "examples:\n"
                                   "  noroshi status\n"
                                   "  noroshi status --digest\n"
                                   "  noroshi status --json | python3 -m json.tool\n\n"
                                   "exit codes: 0 done, 2 wrong use, 3 could not\n",
                                   NEEDS_NODE, run};
