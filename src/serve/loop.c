#include "serve/command_socket.h"
#include "serve/node.h"
#include "serve/private.h"
#include "share/taxii/taxii.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/*
 * The running node: console and API, the command socket, and one background thread that signs checkpoints,
 * catches up text search, fills TAXII collections, keeps the index current and forgets old observables.
 */
struct loop {
    struct node *node;
    atomic_bool stop;
    pthread_t thread;
};

static void complain(const char *what, const struct err *e)
{
    log_warn("serve", "%s: %s", what, e->text);
}

static void background_round(struct loop *l, usec *checkpoint, usec *forget)
{
    struct node *n = l->node;
    struct err e = ERR_NONE;
    usec now = time_now();
    usec every = conf_int(n->conf, "ledger.checkpoint") * USEC_SECOND;
    if (fuse_search_update(n->fuse, &e) != OK) {
        complain("text search is behind", &e);
    }
    const struct taxii taxii = {
        .db = n->db, .fuse = n->fuse, .ledger = n->ledger, .parsers = n->parsers, .secret = &n->secret};
    if (taxii_collect(&taxii, now, &e) != OK) {
        complain("TAXII collections are behind", &e);
    }
    /* On the clock's own multiples: when something came is not to be told from when it was signed. A clock
     * that was set back must not stop checkpoints for as long as it was set back. */
    if (now / every != *checkpoint / every) {
        *checkpoint = now;
        if (ledger_checkpoint(n->ledger, now, &e) != OK) {
            complain("no checkpoint could be signed", &e);
        }
    }
    if (now - *forget >= USEC_HOUR || now < *forget) {
        *forget = now;
        if (fuse_forget(n->fuse, now, &e) != OK) {
            complain("old observables could not be forgotten", &e);
        }
    }
}

/* What a commit brought is in its collections and on its way to partners within a tenth of a second. `seen`
 * is the newest entry that was looked at. */
static void bring_news(struct node *n, int64_t *seen)
{
    struct err e = ERR_NONE;
    int64_t newest = db_value(n->db, "SELECT max(id) FROM entry", 0);
    if (newest == *seen) {
        if (atomic_load(&n->relay_again) <= time_now()) {
            node_wake_courier(n);
        }
        return;
    }
    const struct taxii taxii = {
        .db = n->db, .fuse = n->fuse, .ledger = n->ledger, .parsers = n->parsers, .secret = &n->secret};
    if (taxii_collect(&taxii, time_now(), &e) != OK) {
        complain("TAXII collections are behind", &e);
    }
    *seen = newest;
    node_wake_courier(n);
}

static void *background(void *arg)
{
    struct loop *l = arg;
    usec checkpoint = time_now(), forget = 0;
    int64_t seen = 0;
    const struct take_opts settle = {.now = time_now()};
    struct err e = ERR_NONE;
    if (fuse_settle(l->node->fuse, &settle, &e) != OK) {
        complain("new indicators could not be looked up in the past", &e);
    }
    for (unsigned tick = 0; !atomic_load(&l->stop); tick++) {
        const struct timespec nap = {.tv_nsec = 100000000};
        if (tick % 10 == 0) {
            background_round(l, &checkpoint, &forget);
        }
        bring_news(l->node, &seen);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static void wait_for_signal(void)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    while (sigwait(&set, &got) != 0) {
    }
}

/* Blocked in every thread, waited for in this one. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int run(struct loop *l, const struct serve_opts *o, struct err *e)
{
    struct web *web = web_start(l->node, e);
    l->node->web = web;
    struct command_socket *commands = web ? command_socket_open(l->node, o->command, e) : NULL;
    int rc = commands ? OK : e->code;
    if (rc == OK && pthread_create(&l->thread, NULL, background, l) != 0) {
        rc = err_set(e, ERR_LIMIT, "cannot start the background thread");
    }
    if (rc == OK) {
        rc = node_start_work(l->node, e);
        if (rc != OK) {
            atomic_store(&l->stop, true);
            pthread_join(l->thread, NULL);
        }
    }
    if (rc == OK) {
        if (o->ready) {
            o->ready(o->ctx, web_address(web));
        }
        wait_for_signal();
        log_info("serve", "stopping");
        /* First, so that nobody waits for a server somewhere while the node ends. */
        node_end_work(l->node);
        atomic_store(&l->stop, true);
        pthread_join(l->thread, NULL);
    }
    command_socket_close(commands);
    l->node->web = NULL;
    web_stop(web);
    node_stop_work(l->node);
    return rc;
}

void node_publish(struct node *n, const struct sighting *s)
{
    if (n->web) {
        web_publish(n->web, s);
    }
}

/* From here on this process touches its home, zone files and the network, and starts no programs. Keeper and
 * parsers were forked before. */
static int narrow(struct node *n, struct err *e)
{
    static const char *const read[] = {"/usr/share/zoneinfo", "/etc/ssl", "/etc/localtime", NULL};
    char *home = realpath(n->home, NULL);
    if (!home) {
        return err_errno(e, errno, "cannot find %s", n->home);
    }
    const struct sandbox_opts opts = {.home = home, .read = read};
    int landlock = 0;
    int rc = sandbox_enter(SANDBOX_NODE, &opts, &landlock, e);
    if (rc == OK && landlock == 0) {
        log_warn("serve", "this kernel has no landlock: files are guarded by permissions only");
    }
    free(home);
    return rc;
}

#define OTHER_FILES 512 /* database, spooled bodies, parsers, commands */

/* Each connection is a file: as many as the configuration allows should fit. */
static void reserve_files(const struct node *n)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)conf_int(n->conf, "http.max_connections") + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) {
        return;
    }
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want) {
        log_warn(
            "serve",
            "only %llu files may be open: too few for http.max_connections; raise the limit of the service",
            (unsigned long long)limit.rlim_cur);
    }
}

int node_serve(struct node *n, const struct serve_opts *o, struct err *e)
{
    struct loop l = {.node = n};
    reserve_files(n);
    int narrowed = narrow(n, e);
    if (narrowed != OK) {
        return narrowed;
    }
    block_signals();
    int rc = fuse_index_refresh(n->fuse, time_now(), e);
    rc = rc == OK ? run(&l, o, e) : rc;
    struct err ignored = ERR_NONE;
    if (ledger_checkpoint(n->ledger, time_now(), &ignored) != OK) {
        complain("the last checkpoint could not be signed", &ignored);
    }
    return rc;
}
