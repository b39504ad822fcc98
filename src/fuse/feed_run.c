/* One run of a feed: ask, judge, take, write down. */
#include "fuse/feed_private.h"

#include <unistd.h>

bool feed_stopping(const struct feed_running *r)
{
    return r->call->stopping && r->call->stopping(r->call->of);
}

/* ---- taking */

static void add_counts(struct take_report *sum, const struct take_report *one)
{
    sum->records += one->records;
    sum->accepted += one->accepted;
    sum->duplicates += one->duplicates;
    sum->rejected += one->rejected;
    sum->matched += one->matched;
    sum->sightings += one->sightings;
    sum->seconds += one->seconds;
    (void)sv_copy(sv_c(one->format), sum->format, sizeof(sum->format));
}

/* A format that changed looks like this: nothing in a list that always holds something, or all is refused. */
static int judge_report(const struct feed_running *r, const struct take_report *t, struct err *e)
{
    if (t->problem.code != OK) {
        *e = t->problem;
        return e->code;
    }
    if (t->records == 0 && r->feed.steady && !r->o->accept_small) {
        err_set(e, ERR_VALUE, "the answer holds no record");
        return err_hint(e, "look at it in a browser: the feed's format may have changed");
    }
    if (t->records == 0 || t->accepted + t->duplicates)
        return OK;
    err_set(e, ERR_SYNTAX, "none of the %llu records could be read: the feed's format may have changed",
            (unsigned long long)t->records);
    return err_hint(e, "`noroshi rejected list` shows why");
}

static void on_progress(void *ctx, const struct take_report *so_far)
{
    const struct feed_running *r = ctx;
    r->o->progress(r->o->ctx, so_far);
}

static void on_sighting(void *ctx, const struct sighting *s)
{
    const struct feed_running *r = ctx;
    r->f->sighting(r->f->ctx, s);
}

int feed_take(struct feed_running *r, struct feed_answer *a, struct sv name, struct sv format, struct err *e)
{
    struct take_report one = {.problem = ERR_NONE};
    const struct take_opts o = {.parsers = r->f->parsers,
                                .source = &r->source,
                                .format = format,
                                .now = time_now(),
                                .progress = r->o->progress ? on_progress : NULL,
                                .sighting = r->f->sighting ? on_sighting : NULL,
                                .ctx = r};
    if (lseek(a->fd, 0, SEEK_SET) != 0) {
        close_fd(&a->fd);
        return err_set(e, ERR_IO, "what was fetched cannot be read again");
    }
    int rc = fuse_take(r->f->fuse, a->fd, name, &o, &one, e);
    close_fd(&a->fd);
    add_counts(&r->report->take, &one);
    r->report->answers++;
    return rc == OK ? judge_report(r, &one, e) : rc;
}

/* ---- feeds that are one file */

/* "urlhaus/csv_recent": what stands for the file in messages and in quarantine. No query: it may hold a key.
 */
static struct sv file_name(struct feed_running *r)
{
    struct sv path = sv_sub(r->feed.url, 0, sv_chr(r->feed.url, '?'));
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    size_t slash = sv_rchr(path, '/');
    struct sv last = slash == SIZE_MAX ? path : sv_sub(path, slash + 1, SIZE_MAX);
    struct sv name = arena_printf(&r->a, "%.*s/%.*s", SV_ARG(r->feed.name), SV_ARG(last));
    return name.p ? name : r->feed.name;
}

static int run_file(struct feed_running *r, struct err *e)
{
    struct feed_answer a;
    int rc = feed_fetch(r, r->feed.url, true, &a, e);
    r->feed.status = a.status;
    if (rc != OK)
        return rc;
    if (a.status == 404) {
        err_set(e, ERR_NOT_FOUND, "there is nothing at the feed's address (status 404)");
        return err_hint(e, "look at the address: noroshi feed show NAME");
    }
    r->report->unchanged = a.status == 304;
    if (a.status == 304)
        return OK;
    rc = feed_take(r, &a, file_name(r), r->feed.format, e);
    if (rc == OK) {
        r->feed.etag = a.etag;
        r->feed.modified = a.modified;
        r->feed.bytes = a.bytes;
    }
    return rc;
}

/* ---- the run */

static int open_run(struct feed_running *r, struct sv name, struct err *e)
{
    int rc = feed_get(r->f->db, name, &r->a, &r->feed, e);
    return rc == OK ? source_get(r->f->db, r->feed.source, &r->a, &r->source, e) : rc;
}

static void say(struct job_call *call, const struct feed_report *r)
{
    const struct take_report *t = &r->take;
    if (r->unchanged) {
        (void)snprintf(call->text, sizeof(call->text), "unchanged");
        return;
    }
    int n = snprintf(
        call->text, sizeof(call->text), "%llu records: %llu new, %llu known, %llu rejected; %llu kB",
        (unsigned long long)t->records, (unsigned long long)t->accepted, (unsigned long long)t->duplicates,
        (unsigned long long)t->rejected, (unsigned long long)((r->fetched + 1023) / 1024));
    if (r->absent)
        (void)snprintf(call->text + n, sizeof(call->text) - (size_t)n, "; %u events are not there",
                       r->absent);
}

/* What was taken stays taken, also when the run failed later. */
static int write_down(struct feed_running *r, int rc, usec now, struct err *e)
{
    const struct take_report *t = &r->report->take;
    struct err trouble = ERR_NONE;
    r->feed.checked = now;
    if (r->report->answers) {
        r->feed.changed = now;
        r->feed.records = t->records;
        r->feed.accepted = t->accepted;
        r->feed.duplicates = t->duplicates;
        r->feed.rejected = t->rejected;
        r->feed.total_accepted += t->accepted;
    }
    int noted = feed_note(r->f->db, &r->feed, &trouble);
    if (rc == OK && noted != OK) {
        *e = trouble;
        rc = noted;
    }
    return rc;
}

int feed_run(const struct feeds *f, struct sv name, const struct feed_run_opts *o, struct job_call *call,
             struct feed_report *ret, struct err *e)
{
    static const struct feed_run_opts none;
    struct feed_running r = {.f = f, .o = o ? o : &none, .call = call, .report = ret};
    *ret = (struct feed_report){.take.problem = ERR_NONE};
    arena_init(&r.a, 64u << 20);
    buf_init(&r.key, 8192);
    int rc = open_run(&r, name, e);
    if (rc == OK) {
        rc = r.feed.way == FEED_MISP  ? feed_run_misp(&r, e)
             : r.feed.way == FEED_OTX ? feed_run_otx(&r, e)
                                      : run_file(&r, e);
        rc = write_down(&r, rc, time_now(), e);
    }
    if (rc == OK)
        say(call, ret);
    if (r.key.p)
        explicit_bzero(r.key.p, r.key.room);
    buf_clear(&r.key);
    arena_clear(&r.a);
    return rc;
}

int feed_job(void *ctx, struct job_call *call, struct err *e)
{
    struct feed_report report;
    return feed_run(ctx, call->argument, NULL, call, &report, e);
}
