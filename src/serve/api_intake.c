/* POST /events and /intake: a spooled body, taken in as a file is. */
#include "serve/private.h"

#include <stdlib.h>
#include <unistd.h>

static void on_sighting(void *ctx, const struct sighting *s)
{
    struct call *c = ctx;
    web_publish(c->web, s);
}

/* Whose data this is. A sensor's key speaks for its own source and no other. */
static int find_source(struct call *c, struct source *ret, struct err *e)
{
    struct sv text = http_query(c->r, "source");
    int rc = OK;
    if (c->who.role == ROLE_SENSOR && c->who.source == 0) {
        err_set(e, ERR_DENIED, "this sensor's key is bound to no source");
        return err_hint(e, "make it anew: noroshi key make NAME --source SOURCE");
    }
    if (c->who.source) {
        rc = source_get(c->node->db, c->who.source, &c->a, ret, e);
        struct source named = {0};
        if (rc == OK && !uuid_eq(ret->org, c->who.org)) {
            rc = err_set(e, ERR_DENIED, "this key is bound to a source of another organisation");
        }
        if (rc == OK && text.n) {
            rc = call_source(c, text, &named, e);
        }
        if (rc == OK && text.n && named.id != ret->id) {
            rc = err_set(e, ERR_DENIED, "this key speaks for another source");
        }
        return rc;
    }
    return text.n ? call_source(c, text, ret, e)
                  : err_set(e, ERR_VALUE, "name the source these come from: ?source=NAME");
}

static int find_format(struct call *c, bool events, struct sv *ret, struct err *e)
{
    *ret = http_query(c->r, "format");
    const struct intake_format *f = ret->n ? intake_format_find(*ret) : NULL;
    if (ret->n && (!f || (events && !f->events))) {
        char shown[60];
        err_set(e, ERR_VALUE, "there is no format '%s' for this", sv_show(*ret, shown, sizeof(shown)));
        return err_hint(e, "leave format out: the content decides");
    }
    return OK;
}

static int hash_body(struct call *c, int64_t source, struct sv format, struct sha256 *ret, struct err *e)
{
    struct sha256_state state;
    char block[16384], head[96];
    int fd = http_body_fd(c->r);
    ssize_t n;
    off_t at = 0;
    int k = snprintf(head, sizeof(head), "%s\n%lld\n%.*s\n", c->route->name, (long long)source,
                     SV_ARG(sv_sub(format, 0, 40)));
    sha256_start(&state);
    sha256_more(&state, sv_from(head, (size_t)k));
    while ((n = pread(fd, block, sizeof(block), at)) > 0) {
        sha256_more(&state, sv_from(block, (size_t)n));
        at += n;
    }
    *ret = sha256_end(&state);
    return n < 0 ? err_set(e, ERR_IO, "the body cannot be read back") : OK;
}

static int check_key(struct sv key, struct err *e)
{
    bool good = key.n >= 1 && key.n <= 200;
    for (size_t i = 0; good && i < key.n; i++) {
        good = key.p[i] > 0x20 && key.p[i] < 0x7f;
    }
    return good || !key.p ? OK
                          : err_set(e, ERR_VALUE, "an Idempotency-Key is 1 to 200 visible ASCII characters");
}

/* ---- taking */

struct taking {
    struct source source;
    struct sv format;
    struct idempotent once;
    bool events;
};

static struct sv file_name(struct call *c, const struct taking *t)
{
    char sum[65];
    struct sv name = http_query(c->r, "name");
    hex_text(t->once.body.b, sizeof(t->once.body.b), sum);
    /* The same body always gets the same name: its rejects are then kept once. */
    return name.n ? name : arena_printf(&c->a, "%s-%.12s", t->events ? "events" : "intake", sum);
}

static int take(struct call *c, const struct taking *t, struct err *e)
{
    struct take_report *report = calloc(1, sizeof(*report));
    struct pact_view view;
    const struct take_opts o = {.parsers = c->node->parsers,
                                .source = &t->source,
                                .format = t->format,
                                .now = c->now,
                                .events_only = t->events,
                                .view = &view,
                                .sighting = on_sighting,
                                .ctx = c};
    if (!report) {
        return err_set(e, ERR_MEMORY, "no memory for the report");
    }
    int rc = call_view(c, &view, e);
    rc = rc == OK ? fuse_take(c->node->fuse, http_body_fd(c->r), file_name(c, t), &o, report, e) : rc;
    if (rc == OK && report->problem.code != OK && report->accepted + report->duplicates == 0 &&
        report->rejected <= 1) { /* nothing of it could be read: what is in quarantine is the whole */
        *e = report->problem;
        rc = e->code;
        c->status = rc == ERR_CORRUPT ? 400 : 0; /* what was sent is damaged, not what is kept */
    }
    if (rc == OK) {
        take_report_json(report, 1, &c->out);
        rc = idempotent_keep(c->node->db, &t->once, c->route->status, buf_sv(&c->out), c->now, e);
    }
    rc = rc == OK ? db_sync(c->node->db, e) : rc;
    free(report);
    return rc;
}

static int take_once(struct call *c, const struct taking *t, struct err *e)
{
    int rc = idempotent_find(c->node->db, &t->once, &c->status, &c->out, e);
    if (rc == 1) {
        http_set(c->r, "Idempotent-Replayed", "true");
        return OK;
    }
    return rc == 0 ? take(c, t, e) : rc;
}

static int run(struct call *c, bool events, struct err *e)
{
    struct taking t = {.events = events};
    char busy[256];
    t.once.key = http_header(c->r, "Idempotency-Key");
    caller_actor(&c->who, t.once.actor);
    int rc = check_key(t.once.key, e);
    rc = rc == OK ? find_source(c, &t.source, e) : rc;
    rc = rc == OK ? find_format(c, events, &t.format, e) : rc;
    rc = rc == OK ? hash_body(c, t.source.id, t.format, &t.once.body, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (!t.once.key.p) {
        return take(c, &t, e);
    }
    snprintf(busy, sizeof(busy), "%s %.*s", t.once.actor, SV_ARG(t.once.key));
    if (!web_busy(c->web, busy)) {
        c->wait = 2;
        err_set(e, ERR_CONFLICT, "a request with this Idempotency-Key is being worked on");
        return err_hint(e, "send it again later: it then gets the same answer");
    }
    rc = take_once(c, &t, e);
    web_busy_end(c->web, busy);
    return rc;
}

int api_events(struct call *c, struct err *e)
{
    return run(c, true, e);
}

int api_intake(struct call *c, struct err *e)
{
    return run(c, false, e);
}
