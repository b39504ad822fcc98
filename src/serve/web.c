#include "serve/taxii.h"

#include "serve/node.h"

#include <stdlib.h>
#include <time.h>

#define MAX_HEAD 16384
#define BEAT_SECONDS 15
#define SWEEP_SECONDS 600
#define FLUSH_SECONDS 2
#define STOP_SECONDS 10

/* ---- notes of use, counts, requests that run */

void web_touch(struct web *w, const struct caller *c)
{
    if (!c->known) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    size_t i = 0;
    while (i < w->touches && (w->touched[i].by_key != c->by_key || w->touched[i].id != c->id ||
                              w->touched[i].session != c->session)) {
        i++;
    }
    if (i < sizeof(w->touched) / sizeof(w->touched[0])) {
        w->touched[i] = *c;
        w->touches += i == w->touches;
    }
    pthread_mutex_unlock(&w->lock);
}

static void flush_touches(struct web *w)
{
    struct err e = ERR_NONE;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        bool any = w->touches > 0;
        struct caller c = any ? w->touched[--w->touches] : (struct caller){0};
        pthread_mutex_unlock(&w->lock);
        if (!any) {
            return;
        }
        if (caller_touch(w->node->db, &c, time_now(), &e) != OK) {
            log_warn("serve", "the use of a session or key could not be noted: %s", e.text);
            return;
        }
    }
}

void web_count(struct web *w, unsigned status)
{
    unsigned class = status / 100;
    pthread_mutex_lock(&w->lock);
    w->by_class[class < 6 ? class : 5]++;
    pthread_mutex_unlock(&w->lock);
}

bool web_busy(struct web *w, const char *what)
{
    size_t n = sizeof(w->busy) / sizeof(w->busy[0]), place = n;
    bool taken = false;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < n; i++) {
        taken = taken || strcmp(w->busy[i], what) == 0;
        place = w->busy[i][0] ? place : i;
    }
    taken = taken || place == n;
    if (!taken) {
        sv_copy(sv_c(what), w->busy[place], sizeof(w->busy[place]));
    }
    pthread_mutex_unlock(&w->lock);
    return !taken;
}

void web_busy_end(struct web *w, const char *what)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < sizeof(w->busy) / sizeof(w->busy[0]); i++) {
        if (strcmp(w->busy[i], what) == 0) {
            w->busy[i][0] = 0;
        }
    }
    pthread_mutex_unlock(&w->lock);
}

/* ---- the thread that keeps house */

static bool rest_a_second(struct web *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&w->lock);
    if (!w->stop) {
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
    }
    bool go_on = !w->stop;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *keep_house(void *arg)
{
    struct web *w = arg;
    struct err e = ERR_NONE;
    for (unsigned tick = 0; rest_a_second(w); tick++) {
        if (tick % FLUSH_SECONDS == 0) {
            flush_touches(w);
        }
        http_ask_client(w->server, certificates_registered(w->node->db, time_now()));
        if (tick % BEAT_SECONDS == 0) {
            live_heartbeat(w->live);
        }
        if (tick % SWEEP_SECONDS == 0 && session_sweep(w->node->db, time_now(), &e) != OK) {
            log_warn("serve", "ended sessions could not be removed: %s", e.text);
        }
    }
    return NULL;
}

static int start_keeper(struct web *w, struct err *e)
{
    if (pthread_create(&w->keeper, NULL, keep_house, w) != 0) {
        return err_set(e, ERR_LIMIT, "cannot start a thread of the HTTP side");
    }
    w->keeping = true;
    return OK;
}

/* ---- starting and stopping */

static int start_door(struct web *w, const struct http_opts *common, struct err *e)
{
    struct http_opts o = *common;
    struct http_handler h = door_handler;
    h.ctx = w;
    o.listen = conf_text(w->node->conf, "http.partner_listen");
    o.tls13 = true;
    o.ask_client = true;
    w->door = http_start(&o, &h, e);
    if (!w->door) {
        return e->code;
    }
    log_info("serve", "partners come in at https://%s/", http_address(w->door));
    return OK;
}

static int start_server(struct web *w, struct err *e)
{
    const struct conf *conf = w->node->conf;
    char cert[4096], key[4096], run[4096];
    int rc = node_path(w->node->home, "tls/cert.pem", cert, e);
    rc = rc == OK ? node_path(w->node->home, "tls/key.pem", key, e) : rc;
    rc = rc == OK ? node_path(w->node->home, "run", run, e) : rc;
    if (rc != OK) {
        return rc;
    }
    const struct http_opts o = {
        .listen = conf_text(conf, "http.listen"),
        .cert_file = cert,
        .key_file = key,
        .threads = (unsigned)conf_int(conf, "http.threads"),
        .max_connections = (unsigned)conf_int(conf, "http.max_connections"),
        .max_per_address = (unsigned)conf_int(conf, "http.max_per_address"),
        .idle_seconds = (unsigned)conf_int(conf, "http.idle"),
        .max_head = MAX_HEAD,
        .spool_dir = run,
        .ask_client = certificates_registered(w->node->db, time_now()),
    };
    struct http_handler h = call_handler;
    h.ctx = w;
    w->tls = true;
    w->max_body = (size_t)conf_int(conf, "http.max_body");
    /* First: who comes in by the other one must find that it is not the door. */
    rc = conf_text(conf, "http.partner_listen")[0] ? start_door(w, &o, e) : OK;
    w->server = rc == OK ? http_start(&o, &h, e) : NULL;
    return w->server ? OK : e->code;
}

static void init_locks(struct web *w)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct web *web_start(struct node *n, struct err *e)
{
    if (routes_check(e) != OK || taxii_routes_check(e) != OK) {
        return NULL;
    }
    struct web *w = calloc(1, sizeof(*w));
    if (!w) {
        err_set(e, ERR_MEMORY, "no memory for the HTTP side");
        return NULL;
    }
    w->node = n;
    init_locks(w);
    w->throttle = throttle_new();
    w->basic = basic_new();
    w->live = live_new(n);
    w->exports = exports_new();
    bool made = w->throttle && w->basic && w->live && w->exports;
    int rc = made ? OK : err_set(e, ERR_MEMORY, "no memory for the HTTP side");
    rc = rc == OK ? start_server(w, e) : rc;
    rc = rc == OK ? start_keeper(w, e) : rc;
    if (rc != OK) {
        web_stop(w);
        return NULL;
    }
    return w;
}

void web_stop(struct web *w)
{
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->keeping) {
        pthread_join(w->keeper, NULL);
    }
    http_stop(w->door, STOP_SECONDS);
    http_stop(w->server, STOP_SECONDS);
    if (w->keeping) {
        flush_touches(w);
    }
    live_free(w->live);
    exports_free(w->exports);
    basic_free(w->basic);
    throttle_free(w->throttle);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

const char *web_address(const struct web *w)
{
    return http_address(w->server);
}

void web_publish(struct web *w, const struct sighting *s)
{
    live_publish(w->live, s);
}
