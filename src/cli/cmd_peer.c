/* peer: TAXII servers of others, read from and posted to. */
#include "cli/peer_cli.h"

#include <string.h>

/* ---- telling how far it is */

struct watching {
    struct cmd *c;
    usec began, told;
    bool shown;
};

static void on_progress(void *who, const struct peer_report *r)
{
    struct watching *w = who;
    usec now = time_ticks();
    if (w->c->people && now - w->began > 1500000 && now - w->told > USEC_SECOND / 2) {
        w->told = now;
        w->shown = true;
        fprintf(w->c->err, "\r\033[K%llu pages, %llu objects, %llu posted, %.0f s  ",
                (unsigned long long)r->pages, (unsigned long long)r->objects, (unsigned long long)r->pushed,
                (double)(now - w->began) / 1e6);
        print_safe(w->c->err, r->collection);
        fflush(w->c->err);
    }
}

static struct peers watched(struct cmd *c, struct watching *w)
{
    struct peers p = c->node->peers;
    *w = (struct watching){.c = c, .began = time_ticks()};
    p.progress = on_progress;
    p.who = w;
    return p;
}

static void end_line(struct watching *w)
{
    if (w->shown) {
        fputs("\r\033[K", w->c->err);
    }
}

/* ---- sync */

struct names {
    struct sv name[1024];
    size_t n;
};

static int gather(void *ctx, const struct peer *p)
{
    struct names *names = ctx;
    if (p->enabled && names->n < sizeof(names->name) / sizeof(names->name[0])) {
        names->name[names->n++] = p->name;
    }
    return OK;
}

static int sync_one(struct cmd *c, struct sv name, struct jw *w, int *worst)
{
    struct watching watching;
    struct peers p = watched(c, &watching);
    struct peer_report r = {0};
    struct err e = ERR_NONE;
    int64_t wait;
    const struct peer named = {.name = name};
    int rc = peer_sync(&p, name, &r, &wait, &e);
    end_line(&watching);
    if (rc == ERR_NOT_FOUND && r.requests == 0) {
        return could_not(c, &e);
    }
    if (c->json) {
        peer_json_report(w, &named, &r);
    } else {
        peer_print_report(c, &named, &r);
    }
    if (rc != OK) {
        err_print(c->err, "noroshi peer", &e);
        *worst = *worst > EXIT_COULD_NOT ? *worst : EXIT_COULD_NOT;
    } else if (r.rejected || r.refused) {
        *worst = *worst > EXIT_FINDINGS ? *worst : EXIT_FINDINGS;
    }
    return EXIT_DONE;
}

static int sync_all(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf b;
    struct jw w;
    struct names names = {.n = 0};
    int worst = EXIT_DONE;
    arena_init(&a, 16u << 20);
    buf_init(&b, 16u << 20);
    jw_init(&w, &b);
    jw_arr(&w);
    int rc = OK;
    if (c->argc == 2) {
        names.name[names.n++] = sv_c(c->argv[1]);
    } else {
        rc = peer_each(c->node->db, &a, gather, &names, &e);
    }
    int code = rc == OK ? EXIT_DONE : could_not(c, &e);
    for (size_t i = 0; code == EXIT_DONE && i < names.n; i++) {
        code = sync_one(c, names.name[i], &w, &worst);
    }
    jw_end_arr(&w);
    if (code == EXIT_DONE && c->json) {
        print_json(c, &b);
    }
    buf_clear(&b);
    arena_clear(&a);
    return code == EXIT_DONE ? worst : code;
}

/* ---- enable, disable, remove */

static int switch_collection(struct cmd *c, const struct peer *p, bool on, struct arena *a, struct err *e)
{
    struct peer_collection k;
    int rc = peer_collection_find(c->node->db, p->id, sv_c(c->argv[2]), a, &k, e);
    if (rc == OK && on && !k.can_read) {
        err_set(e, ERR_DENIED, "the peer does not let us read this collection");
        rc = err_hint(e, "ask who runs it for the right to read");
    }
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    return rc == OK ? db_finish(c->node->db, peer_collection_enable(c->node->db, k.id, on, e), e) : rc;
}

static int switch_peer(struct cmd *c, struct peer *p, bool on, struct arena *a, struct err *e)
{
    p->enabled = on;
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = peer_put(c->node->db, p, a, e);
    rc = rc == OK ? peer_schedule(c->node->db, p, time_now(), e) : rc;
    return db_finish(c->node->db, rc, e);
}

static int remove_peer(struct cmd *c, const struct peer *p, struct err *e)
{
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = peer_unschedule(c->node->db, p, e);
    rc = rc == OK ? peer_remove(c->node->db, c->node->home, p, e) : rc;
    return db_finish(c->node->db, rc, e);
}

static int change(struct cmd *c, const char *what)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct peer p;
    arena_init(&a, 16u << 20);
    int rc = peer_find(c->node->db, sv_c(c->argv[1]), &a, &p, &e);
    bool on = strcmp(what, "enable") == 0;
    if (rc == OK && strcmp(what, "remove") == 0) {
        rc = remove_peer(c, &p, &e);
    } else if (rc == OK) {
        rc = c->argc == 3 ? switch_collection(c, &p, on, &a, &e) : switch_peer(c, &p, on, &a, &e);
    }
    arena_clear(&a);
    if (rc != OK) {
        return could_not(c, &e);
    }
    if (c->json) {
        fputs("{\"done\":true}\n", c->out);
    } else {
        fprintf(c->out, "%s: %sd\n", c->argv[1], what);
    }
    return EXIT_DONE;
}

/* ---- push */

static int match_own(void *ctx, const struct taxii_collection *k)
{
    struct taxii_collection *f = ctx;
    if (sv_ieq(k->uuid, f->title) || (k->alias.n && sv_eq(k->alias, f->title)) || sv_eq(k->title, f->title)) {
        f->id = f->id ? -1 : k->id;
    }
    return OK;
}

/* What is pushed: as said, else as it is. */
static int settle(struct cmd *c, const struct peer_words *w, struct peer_collection *k, struct arena *a,
                  struct err *e)
{
    struct taxii_collection own = {.title = sv_c(w->from)};
    int rc = w->from ? taxii_collection_each(c->node->db, 0, a, match_own, &own, e) : OK;
    if (rc == OK && w->from && own.id <= 0) {
        err_set(e, own.id ? ERR_VALUE : ERR_NOT_FOUND, "%s collection of this node is called '%s'",
                own.id ? "more than one" : "no", w->from);
        rc = err_hint(e, "`noroshi taxii collection list` shows them");
    }
    int64_t from = w->off ? 0 : w->from ? own.id : k->from;
    if (rc == OK && !w->off && !from) {
        rc = err_set(e, ERR_USAGE, "say --from COLLECTION: which collection of this node is posted");
    }
    if (rc == OK && from != k->from) {
        rc = db_begin(c->node->db, e);
        rc = rc == OK ? db_finish(c->node->db, peer_collection_push(c->node->db, k->id, from, e), e) : rc;
    }
    k->from = from;
    return rc;
}

static int push(struct cmd *c, const struct peer_words *words)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct peer p;
    struct peer_collection k;
    struct peer_report r = {0};
    struct watching watching;
    const struct peers peers = watched(c, &watching);
    arena_init(&a, 16u << 20);
    int rc = peer_find(c->node->db, sv_c(c->argv[1]), &a, &p, &e);
    rc = rc == OK ? peer_collection_find(c->node->db, p.id, sv_c(c->argv[2]), &a, &k, &e) : rc;
    rc = rc == OK ? settle(c, words, &k, &a, &e) : rc;
    rc = rc == OK && k.from ? peer_push(&peers, p.name, k.id, &r, &e) : rc;
    end_line(&watching);
    if (rc == OK && c->json) {
        struct buf b;
        struct jw w;
        buf_init(&b, 1u << 20);
        jw_init(&w, &b);
        peer_json_report(&w, &p, &r);
        print_json(c, &b);
        buf_clear(&b);
    } else if (rc == OK) {
        peer_print_report(c, &p, &r);
    }
    arena_clear(&a);
    return rc != OK ? could_not(c, &e) : r.refused ? EXIT_FINDINGS : EXIT_DONE;
}

/* ---- the command */

static int show(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct peer p;
    arena_init(&a, 16u << 20);
    int rc = peer_find(c->node->db, sv_c(c->argv[1]), &a, &p, &e);
    rc = rc == OK ? peer_print_one(c, &p, &e) : rc;
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int list(struct cmd *c)
{
    struct err e = ERR_NONE;
    return peer_print_list(c, &e) == OK ? EXIT_DONE : could_not(c, &e);
}

/* What does not go together, before anything is read. */
static const char *wrong(const struct peer_words *w)
{
    return (w->user != NULL) != w->password_stdin         ? "--user and --password-stdin belong together"
           : w->user && w->key_stdin                      ? "give a password or a key, not both"
           : (w->certificate != NULL) != (w->key != NULL) ? "--certificate and --key belong together"
                                                          : NULL;
}

static int dispatch(struct cmd *c, const struct peer_words *w)
{
    const char *what = c->argc ? c->argv[0] : "";
    int n = c->argc - 1;
    if (strcmp(what, "add") == 0 && (n == 2 || (n == 1 && w->partner))) {
        return peer_add(c, w, false);
    }
    if (strcmp(what, "set") == 0 && (n == 1 || n == 2)) {
        return peer_add(c, w, true);
    }
    if (strcmp(what, "list") == 0 && n == 0) {
        return list(c);
    }
    if (strcmp(what, "show") == 0 && n == 1) {
        return show(c);
    }
    if (strcmp(what, "sync") == 0 && n <= 1) {
        return sync_all(c);
    }
    if (((strcmp(what, "enable") == 0 || strcmp(what, "disable") == 0) && (n == 1 || n == 2)) ||
        (strcmp(what, "remove") == 0 && n == 1)) {
        return change(c, what);
    }
    if (strcmp(what, "push") == 0 && n == 2) {
        return push(c, w);
    }
    return usage_error(c, &cmd_peer,
                       "say add NAME URL, set NAME, list, show NAME, sync [NAME], enable|disable NAME "
                       "[COLLECTION], remove NAME or push NAME COLLECTION");
}

static int run(struct cmd *c)
{
    struct peer_words w = {0};
    const struct opt opts[] = {{"--user", &w.user, NULL},
                               {"--password-stdin", NULL, &w.password_stdin},
                               {"--key-stdin", NULL, &w.key_stdin},
                               {"--certificate", &w.certificate, NULL},
                               {"--key", &w.key, NULL},
                               {"--ca", &w.ca, NULL},
                               {"--pin", &w.pin, NULL},
                               {"--source", &w.source, NULL},
                               {"--org", &w.org, NULL},
                               {"--partner", &w.partner, NULL},
                               {"--every", &w.every, NULL},
                               {"--page", &w.page, NULL},
                               {"--rate", &w.rate, NULL},
                               {"--pick", NULL, &w.pick},
                               {"--offline", NULL, &w.offline},
                               {"--from", &w.from, NULL},
                               {"--off", NULL, &w.off},
                               {0}};
    if (!opts_take(c, &cmd_peer, opts)) {
        return EXIT_USAGE;
    }
    return wrong(&w) ? usage_error(c, &cmd_peer, "%s", wrong(&w)) : dispatch(c, &w);
}

const struct command cmd_peer = {
    "peer", "TAXII servers of others: read them, post to them",
    "usage: noroshi peer add NAME URL [OPTIONS]\n"
    "       noroshi peer add NAME --partner PARTNER [OPTIONS]\n"
    "       noroshi peer set NAME [URL] [OPTIONS]\n"
    "       noroshi peer list | show NAME | sync [NAME] | remove NAME\n"
    "       noroshi peer enable|disable NAME [COLLECTION]\n"
    "       noroshi peer push NAME COLLECTION --from OURS | --off   [--json]\n\n"
    "Reads the collections of a TAXII 2.1 or 2.0 server, and posts what a collection of this node holds to "
    "one "
    "of them\n"
    "(docs/peers.md). Each collection has a cursor: what was taken in is not asked for again, and a sync "
    "that "
    "was cut off\n"
    "goes on where it was. URL is that of discovery, like https://taxii.example/taxii2/.\n\n"
    "  --user NAME --password-stdin   Basic: the password is the first line of standard input\n"
    "  --key-stdin                    Bearer: the key is the first line of standard input\n"
    "  --certificate FILE --key FILE  client certificate and its private key, PEM\n"
    "  --ca FILE                      trust the authorities (or the one certificate) in this file instead of "
    "the system's\n"
    "  --pin HEX                      SHA-256 of the server's public key, which it must then have\n"
    "  --partner PARTNER              a partner's node (docs/partners.md): its URL and key are those of its "
    "card, "
    "ours is\n"
    "                                 the node's own certificate, and what comes from it stays its own\n"
    "  --source NAME                  what comes in is this source's (default: a new one called NAME, grade "
    "F, "
    "TLP:AMBER)\n"
    "  --org ORG                      whose view the peer gets of what is pushed to it: an organisation of "
    "this node, or\n"
    "                                 the UUID of a partner (default: the node's own)\n"
    "  --every TIME                   how often it is synced while the node runs (default 15m), or never\n"
    "  --page N                       objects asked for at once (default 1000)\n"
    "  --rate BYTES                   bytes a second at most, like 200k or 5M; 0 = as fast as it goes\n"
    "  --pick                         read no collection until it is enabled by name\n"
    "  --offline                      do not look at the server now\n"
    "  --from OURS, --off             push this collection of ours from now on; push no longer\n\n"
    "`push` needs a right: noroshi taxii collection grant OURS --read peer:NAME. What came from a peer is "
    "never "
    "sent back to\n"
    "it, and nothing above the collection's ceiling or TLP:AMBER+STRICT goes out.\n\n"
    "examples:\n"
    "  noroshi peer add attack https://attack-taxii.example/taxii2/ --source mitre --every 1d\n"
    "  echo \"$PASSWORD\" | noroshi peer add tokyo https://taxii.cert.example/taxii2/ --user tw "
    "--password-stdin\n"
    "  noroshi peer sync tokyo\n"
    "  noroshi peer push tokyo inbox --from shared\n\n"
    "exit codes: 0 done, 1 done with objects refused (or added, and not reached), 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
