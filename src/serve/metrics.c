#include "serve/private.h"

#include <arpa/inet.h>

int api_healthz(struct call *c, struct err *e)
{
    bool good = db_value(c->node->db, "SELECT 1", 0) == 1;
    buf_add(&c->out, good ? SV("{\"ok\":true}") : SV("{\"ok\":false}"));
    c->status = good ? 200 : 503;
    return OK;
}

static bool from_here(const struct http_request *r)
{
    struct sv peer = sv_c(http_peer(r)), site = http_header(r, "Sec-Fetch-Site");
    /* A page in a browser on this machine is not the operator, and a forwarded request does not come from
     * here. */
    return (sv_starts(peer, SV("127.")) || sv_eq(peer, SV("::1"))) && !site.p &&
           !http_header(r, "X-Forwarded-For").p && !http_header(r, "Forwarded").p;
}

static void gauge(struct buf *b, const char *name, const char *type, const char *help, double value)
{
    buf_printf(b, "# HELP noroshi_%s %s\n# TYPE noroshi_%s %s\nnoroshi_%s %.17g\n", name, help, name, type,
               name, value);
}

static void write_answers(struct web *w, struct buf *b)
{
    buf_add(b, SV("# HELP noroshi_http_answers_total Answers by status class.\n"
                  "# TYPE noroshi_http_answers_total counter\n"));
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 2; i <= 5; i++) {
        buf_printf(b, "noroshi_http_answers_total{class=\"%uxx\"} %llu\n", i,
                   (unsigned long long)w->by_class[i]);
    }
    pthread_mutex_unlock(&w->lock);
}

int api_metrics(struct call *c, struct err *e)
{
    struct ledger_state state;
    struct buf *b = &c->out;
    /* They are of the whole node: for the organisation that runs it. */
    bool auditor = c->who.known && (c->who.role == ROLE_AUDITOR || c->who.role == ROLE_ADMIN) &&
                   uuid_eq(c->who.org, c->node->org);
    if (!from_here(c->r) && !auditor) {
        err_set(e, c->who.known ? ERR_DENIED : ERR_AUTH, "metrics are for auditors, or read on this machine");
        return err_hint(e, "send an auditor's API key");
    }
    int rc = ledger_state(c->node->ledger, &state, e);
    if (rc != OK) {
        return rc;
    }
    struct fuse_index index = fuse_index_get(c->node->fuse);
    double index_age = index.built > 0 ? (double)(c->now - index.built) / 1e6 : 0;
    fuse_index_put(&index);
    buf_printf(b, "# HELP noroshi_info Version.\n# TYPE noroshi_info gauge\nnoroshi_info{version=\"%s\"} 1\n",
               NOROSHI_VERSION);
    gauge(b, "uptime_seconds", "gauge", "Since the node was opened.",
          (double)(c->now - c->node->started) / 1e6);
    gauge(b, "http_connections", "gauge", "Connections at this moment.", http_connections(c->web->server));
    gauge(b, "live_clients", "gauge", "Clients of the live stream.", live_clients(c->web->live));
    gauge(b, "ledger_entries", "counter", "Entries of the ledger.", (double)state.entries);
    gauge(b, "ledger_leaves", "counter", "Leaves of the ledger's tree.", (double)state.size);
    gauge(b, "ledger_checkpoint_size", "gauge", "Leaves under the last checkpoint.",
          (double)state.checkpoint_size);
    gauge(b, "quarantine_records", "gauge", "Records in quarantine.", (double)quarantine_count(c->node->db));
    gauge(b, "index_age_seconds", "gauge", "Since the match index was built.", index_age);
    struct message_counts messages;
    rc = message_count(c->node->db, c->now, &messages, e);
    if (rc == OK) {
        gauge(b, "messages_waiting", "gauge", "Messages that partners have not acknowledged.",
              (double)messages.waiting);
        gauge(b, "messages_overdue", "gauge", "Those of them that are older than a day.",
              (double)messages.overdue);
        gauge(b, "messages_refused_total", "counter", "Messages of partners that were refused.",
              (double)messages.refused);
    }
    write_answers(c->web, b);
    return rc;
}
