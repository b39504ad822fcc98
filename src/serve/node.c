#include "serve/node.h"

#include "share/recall/recall.h"
#include "share/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const struct conf_item node_schema[] = {
    {"node.name", CONF_TEXT, 1, 100, "noroshi.example",
     "Name of the node: part of the ledger's origin; lower case, like a DNS name."},
    {"node.country", CONF_TEXT, 2, 2, "TW", "Country of the operator, ISO 3166-1 alpha-2."},
    {"node.zone", CONF_TEXT, 1, 64, "UTC", "IANA time zone in which the operator reads times."},
    {"http.listen", CONF_TEXT, 3, 100, "127.0.0.1:8443", "Address and port of the console and API."},
    {"http.partner_listen", CONF_TEXT, 0, 100, "",
     "Address and port of a listener of the partners' own: TLS 1.3 and their pinned keys only. Empty: they "
     "come in by http.listen."},
    {"http.threads", CONF_INT, 1, 64, "2", "Threads that answer requests."},
    {"http.max_connections", CONF_INT, 8, 100000, "1000", "Connections at the same time, in all."},
    {"http.max_per_address", CONF_INT, 1, 100000, "200", "Connections at the same time from one address."},
    {"http.idle", CONF_SECONDS, 1, 3600, "60s", "A connection that sends nothing for so long is closed."},
    {"http.max_body", CONF_SIZE, 1024, 1LL << 40, "1G",
     "Largest request body taken in, before decompression."},
    {"ledger.checkpoint", CONF_SECONDS, 1, 86400, "60s",
     "How often a checkpoint is signed when there is something new, on the clock's own multiples."},
    {"ledger.pad", CONF_INT, 1, 4096, "64",
     "Before a checkpoint the log is filled up to a multiple of so many entries, so that its growth tells "
     "little."},
    {"jobs.threads", CONF_INT, 1, 16, "2", "Feeds and other background work done at the same time."},
    {"messages.pull", CONF_SECONDS, 1, 3600, "30s",
     "How often messages that wait at a partner's node are fetched, beside those that it brings."},
    {"recall.overdue", CONF_SECONDS, 1, 2592000, "86400s",
     "A recall that is not answered for so long, or a deletion not told so long after its day, is overdue."},
    {"log.level", CONF_TEXT, 1, 8, "info", "Least level that is logged: debug, info, warn, error."},
    {0},
};

int node_path(const char *home, const char *name, char ret[4096], struct err *e)
{
    if (snprintf(ret, 4096, "%s/%s", home, name) >= 4096) {
        return err_set(e, ERR_LIMIT, "the path %s is too long", home);
    }
    return OK;
}

static int read_conf(struct node *n, struct err *e)
{
    char path[4096];
    struct buf text;
    buf_init(&text, 1 << 20);
    int rc = node_path(n->home, "noroshi.conf", path, e);
    rc = rc == OK ? file_read(AT_FDCWD, path, &text, e) : rc;
    if (rc == ERR_NOT_FOUND) {
        err_set(e, ERR_NOT_FOUND, "%s is not the home of a node: it has no noroshi.conf", n->home);
        err_hint(e, "make one with `noroshi init DIR --name NAME --country CC --zone ZONE`, or name it with "
                    "-C DIR or NOROSHI_HOME");
    }
    n->conf = rc == OK ? conf_new(node_schema) : NULL;
    if (rc == OK && !n->conf) {
        rc = err_set(e, ERR_MEMORY, "no memory for the configuration");
    }
    rc = rc == OK ? conf_read(n->conf, buf_sv(&text), path, e) : rc;
    if (rc == OK) {
        sv_copy(sv_c(conf_text(n->conf, "node.name")), n->name, sizeof(n->name));
    }
    buf_clear(&text);
    return rc;
}

static int read_secret(struct node *n, struct err *e)
{
    char path[4096];
    struct buf b;
    buf_init(&b, 4096);
    int rc = node_path(n->home, "keys/hash.secret", path, e);
    rc = rc == OK ? file_read(AT_FDCWD, path, &b, e) : rc;
    if (rc == OK && b.n != sizeof(n->secret.b)) {
        err_set(e, ERR_CORRUPT, "%s has %zu bytes, a hash secret has %zu", path, b.n, sizeof(n->secret.b));
        rc = err_hint(e, "put the file back from a backup of this node: stored look-up hashes depend on it");
    }
    if (rc == OK) {
        memcpy(n->secret.b, b.p, sizeof(n->secret.b));
    }
    buf_clear(&b);
    return rc;
}

static int migrate(struct db *db, struct err *e)
{
    static const struct db_room *const rooms[] = {&ledger_room, &jobs_room,  &intake_room,  &fuse_room,
                                                  &feed_room,   &share_room, &partner_room, &recall_room,
                                                  &relay_room,  &serve_room};
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        int rc = db_migrate(db, rooms[i], e);
        if (rc != OK) {
            return rc;
        }
    }
    return OK;
}

/* All rooms' entry kinds; NODE_KINDS places with the final NULL name. */
static void gather_kinds(struct fuse *f, struct ledger_kind ret[NODE_KINDS])
{
    size_t n = 0;
    struct ledger_kind own[FUSE_KINDS];
    fuse_kinds(f, own);
    const struct ledger_kind *const sets[] = {intake_kinds, own, share_kinds, partner_kinds,
                                              message_kinds_of_ledger};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        for (const struct ledger_kind *k = sets[i]; k->name && n + 1 < NODE_KINDS; k++) {
            ret[n++] = *k;
        }
    }
    ret[n] = (struct ledger_kind){0};
}

static int open_rooms(struct node *n, enum node_mode mode, struct err *e)
{
    char path[4096];
    struct ledger_kind kinds[NODE_KINDS];
    int rc = node_path(n->home, "noroshi.db", path, e);
    if (rc != OK) {
        return rc;
    }
    n->db = db_open(path, mode == NODE_READ ? DB_READ : DB_WRITE, e);
    if (!n->db) {
        return e->code;
    }
    rc = mode == NODE_READ ? OK : migrate(n->db, e);
    n->fuse = rc == OK ? fuse_new(n->db, &n->secret) : NULL;
    if (rc == OK && !n->fuse) {
        rc = err_set(e, ERR_MEMORY, "no memory to open the node");
    }
    if (rc == OK) {
        gather_kinds(n->fuse, kinds);
        n->ledger = ledger_open(n->db, n->keeper, sv_c(n->name), kinds, e);
        rc = n->ledger ? OK : e->code;
    }
    if (rc == OK) {
        ledger_pad_to(n->ledger, (unsigned)conf_int(n->conf, "ledger.pad"));
        fuse_attach(n->fuse, n->ledger);
        rc = fuse_check_secret(n->fuse, e);
    }
    if (rc == OK) {
        rc = node_path(n->home, "geo", path, e);
    }
    return rc == OK ? fuse_network_open(n->fuse, path, e) : rc;
}

static int find_home_org(struct node *n, struct err *e)
{
    struct arena a;
    struct org org;
    arena_init(&a, 1 << 20);
    int rc = org_home(n->db, &a, &org, e);
    if (rc == OK) {
        n->org = org.id;
    }
    arena_clear(&a);
    return rc == ERR_NOT_FOUND ? OK : rc; /* while the home is being made there is none yet */
}

int node_open(const char *home, enum node_mode mode, struct node *ret, struct err *e)
{
    *ret = (struct node){.started = time_now()};
    char path[4096];
    int rc = crypto_start(e);
    if (rc == OK && strlen(home) >= sizeof(ret->home)) {
        rc = err_set(e, ERR_LIMIT, "the path of the home is too long");
    }
    if (rc == OK) {
        sv_copy(sv_c(home), ret->home, sizeof(ret->home));
        rc = read_conf(ret, e);
    }
    rc = rc == OK ? read_secret(ret, e) : rc;
    rc = rc == OK ? node_path(home, "keys", path, e) : rc;
    if (rc == OK && mode == NODE_WRITE) {
        /* All fork: before threads, before the database, before any input. */
        ret->keeper = keeper_start(path, e);
        ret->parsers = ret->keeper ? parsers_start(e) : NULL;
        ret->fetcher = ret->parsers ? fetcher_start(e) : NULL;
        ret->messenger = ret->fetcher ? fetcher_start_wide(64, e) : NULL;
        rc = ret->messenger ? OK : e->code;
        rc = rc == OK ? node_path(home, "run", path, e) : rc;
        rc = rc == OK ? fetcher_spool(ret->fetcher, path, e) : rc;
        rc = rc == OK ? fetcher_spool(ret->messenger, path, e) : rc;
    }
    rc = rc == OK ? open_rooms(ret, mode, e) : rc;
    rc = rc == OK && mode == NODE_WRITE ? node_open_work(ret, e) : rc;
    rc = rc == OK && mode == NODE_WRITE ? node_open_messages(ret, e) : rc;
    rc = rc == OK ? find_home_org(ret, e) : rc;
    if (rc != OK) {
        node_close(ret);
    }
    return rc;
}

void node_close(struct node *n)
{
    if (!n) {
        return;
    }
    courier_free(n->courier);
    n->courier = NULL;
    node_close_work(n);
    fuse_free(n->fuse);
    ledger_close(n->ledger);
    db_close(n->db);
    fetcher_stop(n->messenger);
    fetcher_stop(n->fetcher);
    parsers_stop(n->parsers);
    keeper_stop(n->keeper);
    conf_free(n->conf);
    n->fuse = NULL;
    n->ledger = NULL;
    n->db = NULL;
    n->messenger = NULL;
    n->fetcher = NULL;
    n->parsers = NULL;
    n->keeper = NULL;
    n->conf = NULL;
}

int node_view(struct node *n, struct uuid org, struct arena *a, struct pact_view *ret, struct err *e)
{
    return gate_view(n->db, org, PURPOSE_NETWORK_SAFETY, time_now(), a, ret, e);
}

/* ---- verify and rebuild
 * -------------------------------------------------------------------------------------------------------- */

struct scratch {
    struct node *node;
    struct fuse *fuse;
    struct ledger_kind kinds[NODE_KINDS];
};

static struct db *open_scratch(void *ctx, struct ledger_kind **ret_kinds, struct err *e)
{
    struct scratch *s = ctx;
    struct db *db = db_open(":memory:", DB_MEMORY, e);
    if (!db) {
        return NULL;
    }
    s->fuse = migrate(db, e) == OK ? fuse_new(db, &s->node->secret) : NULL;
    if (!s->fuse) {
        db_close(db);
        return NULL;
    }
    if (fuse_ground(s->fuse, s->node->fuse, e) != OK) {
        db_close(db);
        return NULL;
    }
    gather_kinds(s->fuse, s->kinds);
    *ret_kinds = s->kinds;
    return db;
}

int node_verify(struct node *n, const struct ledger_progress *p, int64_t *ret_findings, struct err *e)
{
    struct scratch s = {.node = n};
    int64_t found = ledger_verify(n->ledger, open_scratch, &s, p, e);
    fuse_free(s.fuse);
    *ret_findings = found > 0 ? found : 0;
    return found < 0 ? (int)found : OK;
}

int node_rebuild(struct node *n, const struct ledger_progress *p, struct err *e)
{
    int rc = ledger_rebuild(n->ledger, p, e);
    return rc == OK ? fuse_search_update(n->fuse, e) : rc;
}

/* ---- status
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void write_ledger(struct node *n, const struct ledger_state *s, struct jw *w)
{
    char root[65], at[32];
    hex_text(s->root.b, sizeof(s->root.b), root);
    jw_key(w, "ledger");
    jw_obj(w);
    jw_kint(w, "entries", s->entries);
    jw_kint(w, "epoch", s->epoch);
    jw_kint(w, "size", (int64_t)s->size);
    jw_kstr(w, "root", sv_c(root));
    if (s->checkpoint_at != USEC_NONE) {
        time_text(s->checkpoint_at, at);
    }
    jw_kstr(w, "checkpoint_at", s->checkpoint_at != USEC_NONE ? sv_c(at) : SV_NONE);
    jw_kint(w, "checkpoint_size", (int64_t)s->checkpoint_size);
    jw_end_obj(w);
}

static int write_digest(struct node *n, const struct pact_view *view, const struct status_opts *o,
                        struct jw *w, struct err *e)
{
    char dir[4200], hex[65];
    struct digest d;
    snprintf(dir, sizeof(dir), "%s/run", n->home);
    int rc = fuse_digest(n->fuse, view, dir, o->progress, o->ctx, &d, e);
    if (rc != OK) {
        return rc;
    }
    hex_text(d.sha.b, sizeof(d.sha.b), hex);
    jw_key(w, "digest");
    jw_obj(w);
    jw_kstr(w, "sha256", sv_c(hex));
    jw_kint(w, "objects", (int64_t)d.objects);
    jw_end_obj(w);
    return OK;
}

int node_status(struct node *n, const struct pact_view *view, struct buf *json, struct err *e)
{
    return node_status_with(n, view, &(const struct status_opts){0}, json, e);
}

int node_status_with(struct node *n, const struct pact_view *view, const struct status_opts *o,
                     struct buf *json, struct err *e)
{
    struct ledger_state state;
    struct jw w;
    char started[32], org[37];
    int rc = ledger_state(n->ledger, &state, e);
    if (rc != OK) {
        return rc;
    }
    time_text(n->started, started);
    uuid_text(n->org, org);
    jw_init(&w, json);
    jw_obj(&w);
    jw_kstr(&w, "name", sv_c(n->name));
    jw_kstr(&w, "org", sv_c(org));
    jw_key(&w, "versions");
    jw_obj(&w);
    jw_kstr(&w, "noroshi", SV(NOROSHI_VERSION));
    jw_kstr(&w, "database", sv_c(db_version()));
    jw_end_obj(&w);
    jw_kstr(&w, "since", sv_c(started));
    write_ledger(n, &state, &w);
    rc = fuse_status(n->fuse, view, &w, e);
    if (rc == OK && uuid_eq(view->org, n->org)) {
        rc = report_partners(n, &w, time_now(), e);
    }
    rc = rc == OK && o->digest ? write_digest(n, view, o, &w, e) : rc;
    jw_end_obj(&w);
    return rc == OK && json->failed ? err_set(e, ERR_MEMORY, "no memory for the status") : rc;
}
