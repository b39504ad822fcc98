/* The background work of the node: its kinds, what they work with, and who is told. */
#include "serve/node.h"

#include <stdlib.h>

static void tell_sighting(void *ctx, const struct sighting *s)
{
    node_publish(ctx, s);
}

int node_open_work(struct node *n, struct err *e)
{
    char keys[4096];
    int rc = node_path(n->home, "keys", keys, e);
    char *dir = rc == OK ? strdup(keys) : NULL;
    if (rc == OK && !dir)
        rc = err_set(e, ERR_MEMORY, "no memory to open the node");
    n->feeds = (struct feeds){.db = n->db,
                              .ledger = n->ledger,
                              .fuse = n->fuse,
                              .fetcher = n->fetcher,
                              .parsers = n->parsers,
                              .keys = dir,
                              .sighting = tell_sighting,
                              .ctx = n};
    n->job_kinds[0] = (struct job_kind){.name = FEED_KIND, .run = feed_job, .ctx = &n->feeds};
    n->peers = (struct peers){.taxii = {.db = n->db,
                                        .fuse = n->fuse,
                                        .ledger = n->ledger,
                                        .parsers = n->parsers,
                                        .secret = &n->secret},
                              .home = n->home,
                              .ctx = n->fetcher,
                              .sighting = tell_sighting,
                              .node = n,
                              .recall = &n->relays.recall}; /* set up with the messages */
    n->job_kinds[1] = (struct job_kind){.name = PEER_KIND, .run = peer_job, .ctx = &n->peers};
    n->witnessing =
        (struct witnessing){.db = n->db, .ledger = n->ledger, .fetcher = n->fetcher, .home = n->home};
    n->job_kinds[2] = (struct job_kind){.name = WITNESS_KIND, .run = witness_job, .ctx = &n->witnessing};
    n->job_kinds[3] = (struct job_kind){0};
    return rc == OK ? jobs_recover(n->db, time_now(), e) : rc;
}

void node_close_work(struct node *n)
{
    free((void *)(uintptr_t)n->feeds.keys);
    n->feeds = (struct feeds){0};
}

static void tell_end(void *ctx, const struct job_call *call, int rc, const struct err *e)
{
    if (rc == OK && call->text[0])
        log_info("jobs", "%.*s: %s", SV_ARG(call->name), call->text);
    else if (rc != OK && rc != ERR_CANCELLED)
        log_warn("jobs", "%.*s: %s", SV_ARG(call->name), e->text);
}

static int schedule_witnesses(struct node *n, struct err *e)
{
    int rc = db_begin(n->db, e);
    return rc == OK ? db_finish(n->db, witness_schedule(n->db, time_now(), e), e) : rc;
}

int node_start_work(struct node *n, struct err *e)
{
    int scheduled = schedule_witnesses(n, e);
    if (scheduled != OK)
        return scheduled;
    const struct jobs_opts o = {
        .kinds = n->job_kinds, .threads = (unsigned)conf_int(n->conf, "jobs.threads"), .ended = tell_end};
    n->jobs = jobs_new(n->db, &o, e);
    int rc = n->jobs ? jobs_start(n->jobs, e) : e->code;
    rc = rc == OK ? courier_start(n->courier, e) : rc;
    if (rc != OK)
        node_stop_work(n);
    return rc;
}

void node_end_work(struct node *n)
{
    jobs_end(n->jobs);
    courier_end(n->courier);
    fetcher_hang_up(n->fetcher);
}

void node_stop_work(struct node *n)
{
    jobs_stop(n->jobs);
    n->jobs = NULL;
    courier_end(n->courier);
    courier_stop(n->courier);
}
