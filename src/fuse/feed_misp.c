/*
 * Feeds of MISP: a manifest names events and when each changed; only those are fetched. The manifest is read
 * by a parser process like everything from outside.
 */
#include "fuse/feed_private.h"

#include <stdlib.h>

#define EVENTS_MOST 200000u
#define FAILURES_MOST 10u /* in a row: then it is not the events */

struct manifest {
    struct event_item {
        char uuid[37];
        usec modified;
    } * item;
    size_t n, room;
    uint64_t rejected;
};

static int keep_item(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct manifest *m = ctx;
    struct uuid u;
    if (!uuid_parse(c->ref, &u))
        return OK;
    if (m->n == m->room) {
        size_t room = m->room ? m->room * 2 : 1024;
        struct event_item *p = room <= 2 * EVENTS_MOST ? reallocarray(m->item, room, sizeof(*p)) : NULL;
        if (!p)
            return err_set(e, ERR_LIMIT, "the manifest names more than %u events", EVENTS_MOST);
        m->item = p;
        m->room = room;
    }
    uuid_text(u, m->item[m->n].uuid);
    m->item[m->n++].modified = c->modified;
    return OK;
}

static int count_reject(void *ctx, const struct reject *why, struct err *e)
{
    struct manifest *m = ctx;
    m->rejected++;
    return OK;
}

static int pass_record(void *ctx, struct sv type, struct err *e)
{
    return OK;
}

static int read_manifest(struct feed_running *r, int fd, struct manifest *m, struct err *e)
{
    const struct intake_sink sink = {
        .ctx = m, .record = pass_record, .claim = keep_item, .reject = count_reject};
    const struct intake_opts o = {.zone = r->source.zone.n ? zone_find(r->source.zone, e) : NULL,
                                  .format = SV("misp-manifest"),
                                  .name = SV("manifest.json"),
                                  .mapping = SV("")};
    int rc = intake_run(r->f->parsers, fd, &o, &sink, e);
    if (rc == OK && m->n == 0) {
        err_set(e, ERR_VALUE, "the manifest names no event");
        rc = err_hint(e, "nothing was changed; look at the address");
    }
    return rc;
}

static struct sv address(struct feed_running *r, const char *file)
{
    struct sv base = r->feed.url;
    bool slash = base.n && base.p[base.n - 1] == '/';
    return arena_printf(&r->a, "%.*s%s%s", SV_ARG(base), slash ? "" : "/", file);
}

/* 1 = it is not there. */
static int take_event(struct feed_running *r, const struct event_item *item, struct err *e)
{
    char file[48];
    struct feed_answer a;
    (void)snprintf(file, sizeof(file), "%s.json", item->uuid);
    struct sv url = address(r, file);
    struct sv name = arena_printf(&r->a, "%.*s/%s", SV_ARG(r->feed.name), file);
    if (!url.p || !name.p)
        return err_set(e, ERR_MEMORY, "no memory for a feed");
    int rc = feed_fetch(r, url, false, &a, e);
    if (rc == OK && a.status != 200)
        return 1;
    rc = rc == OK ? feed_take(r, &a, name, r->feed.format, e) : rc;
    return rc == OK ? feed_item_put(r->f->db, r->feed.id, sv_c(item->uuid), item->modified, e) : rc;
}

static int take_changed(struct feed_running *r, const struct manifest *m, struct err *e)
{
    unsigned in_a_row = 0;
    struct err last = ERR_NONE;
    for (size_t i = 0; i < m->n; i++) {
        int64_t had = 0;
        int rc = feed_item_get(r->f->db, r->feed.id, sv_c(m->item[i].uuid), &had, e);
        if (rc < 0)
            return rc;
        if (rc == 1 && had == m->item[i].modified)
            continue;
        if (feed_stopping(r))
            return err_set(e, ERR_CANCELLED, "the node is stopping");
        struct err why = ERR_NONE;
        rc = take_event(r, &m->item[i], &why);
        r->report->absent += rc == 1;
        if (rc >= 0) {
            in_a_row = 0;
            continue;
        }
        last = why;
        if (rc == ERR_CANCELLED || rc == ERR_FULL || rc == ERR_AUTH || rc == ERR_BUSY ||
            ++in_a_row == FAILURES_MOST)
            break;
    }
    if (last.code != OK)
        *e = last;
    return last.code;
}

/* The manifest's ETag is kept once all it names was taken: until then the next run asks for it again. */
int feed_run_misp(struct feed_running *r, struct err *e)
{
    struct feed_answer a;
    struct manifest m = {0};
    struct sv url = address(r, "manifest.json");
    if (!url.p)
        return err_set(e, ERR_MEMORY, "no memory for a feed");
    int rc = feed_fetch(r, url, true, &a, e);
    r->feed.status = a.status;
    if (rc == OK && a.status == 404)
        rc = err_set(e, ERR_NOT_FOUND, "there is no manifest.json at the feed's address (status 404)");
    if (rc != OK || a.status == 304) {
        r->report->unchanged = rc == OK;
        return rc;
    }
    rc = read_manifest(r, a.fd, &m, e);
    close_fd(&a.fd);
    rc = rc == OK ? take_changed(r, &m, e) : rc;
    free(m.item);
    if (rc == OK) {
        r->report->unchanged = r->report->answers == 0 && r->report->absent == 0;
        r->feed.etag = a.etag;
        r->feed.modified = a.modified;
        r->feed.bytes = a.bytes;
    }
    return rc;
}
