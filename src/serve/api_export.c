/*
 * GET /api/v1/export/{format}: what is in force, as equipment polls it. An export is made into a file, kept
 * while the ledger, the never-block list and the clock leave it as it is, and streamed from there, so that
 * asking again costs nothing.
 */
#include "serve/private.h"

#include "share/export/export.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEPT 16
#define WAITING_MOST 4 /* for their turn to make one; more are told to come again */
#define BLOCK 65536

struct kept {
    struct sha256 key; /* format, filter, view, never-block list */
    int64_t entries;   /* of the ledger when it was begun */
    int fd;            /* -1 = free */
    uint64_t used;
    struct export_report report;
};
struct exports {
    pthread_mutex_t lock; /* of what is kept */
    pthread_mutex_t making;
    unsigned waiting;
    uint64_t clock;
    struct kept kept[KEPT];
};

struct exports *exports_new(void)
{
    struct exports *x = calloc(1, sizeof(*x));
    if (!x) {
        return NULL;
    }
    pthread_mutex_init(&x->lock, NULL);
    pthread_mutex_init(&x->making, NULL);
    for (size_t i = 0; i < KEPT; i++) {
        x->kept[i].fd = -1;
    }
    return x;
}

void exports_free(struct exports *x)
{
    if (!x) {
        return;
    }
    for (size_t i = 0; i < KEPT; i++) {
        close_fd(&x->kept[i].fd);
    }
    pthread_mutex_destroy(&x->making);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* ---- what is asked for */

struct wish {
    const struct export_format *format;
    struct export_opts o;
    struct pact_view view;
    struct sha256 key;
    int64_t entries;
    char never[4200], state[4200], spool[4200];
};

struct source_wish {
    const struct pact_view *view;
    struct sv name;
    int64_t found;
};

static int match_source(void *ctx, const struct source *s)
{
    struct source_wish *q = ctx;
    if (sv_eq(s->name, q->name) && pact_sees(q->view, s->id, TLP_CLEAR)) {
        q->found = s->id;
    }
    return OK;
}

static int read_source(struct call *c, struct wish *w, struct err *e)
{
    struct source_wish q = {.view = &w->view, .name = http_query(c->r, "source")};
    if (!q.name.n) {
        return OK;
    }
    int rc = source_each(c->node->db, &c->a, match_source, &q, e);
    w->o.filter.source = q.found;
    return rc == OK && !q.found ? err_set(e, ERR_NOT_FOUND, "there is no such source") : rc;
}

static int read_wish(struct call *c, struct wish *w, struct err *e)
{
    const struct export_words words = {.kind = http_query(c->r, "kind"),
                                       .confidence = http_query(c->r, "confidence"),
                                       .age = http_query(c->r, "age"),
                                       .label = http_query(c->r, "label"),
                                       .tlp = http_query(c->r, "tlp")};
    w->format = export_find(c->part[0]);
    if (!w->format) {
        err_set(e, ERR_NOT_FOUND, "there is no export of that name");
        return err_hint(e, "`noroshi export --help` lists them");
    }
    if (export_is_folder(w->format)) {
        err_set(e, ERR_USAGE, "%s is a folder of files", export_name(w->format));
        return err_hint(e,
                        "write it with `noroshi export %s --output DIR` to where a web server gives it out",
                        export_name(w->format));
    }
    snprintf(w->never, sizeof(w->never), "%s/never-block.txt", c->node->home);
    snprintf(w->state, sizeof(w->state), "%s/run/exports", c->node->home);
    snprintf(w->spool, sizeof(w->spool), "%s/run", c->node->home);
    w->o = (struct export_opts){.view = &w->view,
                                .now = c->now,
                                .node = c->node->name,
                                .never = w->never,
                                .state = w->state,
                                .spool = w->spool,
                                .objects = sv_eq(http_query(c->r, "objects"), SV("true"))};
    int rc = export_filter(&words, &w->o, e);
    rc = rc == OK ? call_view(c, &w->view, e) : rc;
    return rc == OK ? read_source(c, w, e) : rc;
}

/* What a kept export is found by. The file is known by what the system says of it: an editor changes that. */
static int name_wish(struct call *c, struct wish *w, struct err *e)
{
    struct ledger_state ledger;
    struct stat st = {0};
    struct buf key;
    int rc = ledger_state(c->node->ledger, &ledger, e);
    buf_init(&key, 1u << 20);
    export_key(w->format, &w->o, &key);
    (void)stat(w->never, &st);
    buf_printf(&key, "%lld %lld %lld %lld", (long long)st.st_ino, (long long)st.st_size,
               (long long)st.st_mtim.tv_sec, (long long)st.st_mtim.tv_nsec);
    w->key = sha256_of(buf_sv(&key));
    w->entries = ledger.entries;
    rc = rc == OK && key.failed ? err_set(e, ERR_MEMORY, "no memory for an export") : rc;
    buf_clear(&key);
    return rc;
}

/* ---- what is kept */

/* A descriptor of its own on what is kept, or -1. With the lock held. */
static int find_kept(struct exports *x, const struct wish *w, struct export_report *ret)
{
    for (size_t i = 0; i < KEPT; i++) {
        struct kept *k = &x->kept[i];
        if (k->fd >= 0 && memcmp(k->key.b, w->key.b, sizeof(w->key.b)) == 0 && k->entries == w->entries &&
            w->o.now < k->report.same_until) {
            k->used = ++x->clock;
            *ret = k->report;
            return fcntl(k->fd, F_DUPFD_CLOEXEC, 3);
        }
    }
    return -1;
}

/* In the place of an older one of the same name, of a free one, or of the one not asked for longest. */
static void keep(struct exports *x, const struct wish *w, int fd, const struct export_report *r)
{
    pthread_mutex_lock(&x->lock);
    struct kept *to = &x->kept[0];
    for (size_t i = 0; i < KEPT; i++) {
        struct kept *k = &x->kept[i];
        if (k->fd >= 0 && memcmp(k->key.b, w->key.b, sizeof(w->key.b)) == 0) {
            to = k;
            break;
        }
        if (to->fd >= 0 && (k->fd < 0 || k->used < to->used)) {
            to = k;
        }
    }
    close_fd(&to->fd);
    *to = (struct kept){.key = w->key,
                        .entries = w->entries,
                        .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3),
                        .used = ++x->clock,
                        .report = *r};
    pthread_mutex_unlock(&x->lock);
}

static int look(struct exports *x, const struct wish *w, struct export_report *ret)
{
    pthread_mutex_lock(&x->lock);
    int fd = find_kept(x, w, ret);
    pthread_mutex_unlock(&x->lock);
    return fd;
}

static bool queue(struct exports *x, int by)
{
    pthread_mutex_lock(&x->lock);
    bool good = by < 0 || x->waiting < WAITING_MOST;
    x->waiting = good ? (unsigned)((int)x->waiting + by) : x->waiting;
    pthread_mutex_unlock(&x->lock);
    return good;
}

/* One is made at a time: who waited for the same one finds it. */
static int make(struct call *c, struct wish *w, int *ret_fd, struct export_report *ret, struct err *e)
{
    struct exports *x = c->web->exports;
    if (!queue(x, 1)) {
        c->wait = 10;
        err_set(e, ERR_BUSY, "too many wait for an export already");
        return err_hint(e, "come again in %u seconds", c->wait);
    }
    pthread_mutex_lock(&x->making);
    *ret_fd = look(x, w, ret);
    int rc = *ret_fd >= 0 ? OK : export_make(c->node->fuse, w->format, &w->o, ret_fd, ret, e);
    if (rc == OK) {
        keep(x, w, *ret_fd, ret);
    }
    pthread_mutex_unlock(&x->making);
    (void)queue(x, -1);
    return rc;
}

/* ---- the answer */

struct download {
    int fd;
    off_t at;
};

static int pull(void *stream, struct buf *out)
{
    struct download *d = stream;
    char *to = buf_reserve(out, BLOCK);
    ssize_t n = to ? pread(d->fd, to, BLOCK, d->at) : -1;
    if (n <= 0) {
        return -1;
    }
    out->n += (size_t)n;
    d->at += n;
    return 0;
}

static void closed(void *stream)
{
    struct download *d = stream;
    close_fd(&d->fd);
    free(d);
}

/* RFC 9110 5.6.7 */
static void http_date(uint32_t seconds, char ret[40])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    snprintf(ret, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7], tm.tm_mday,
             months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* RFC 9110 13.1.2: a list of tags, compared weakly; "*" is any. */
static bool has_tag(struct sv list, struct sv etag)
{
    struct sv one;
    while (list.n && sv_cut(&list, ',', &one)) {
        one = sv_trim(one);
        one = sv_starts(one, SV("W/")) ? sv_sub(one, 2, SIZE_MAX) : one;
        if (sv_eq(one, SV("*")) || sv_eq(one, etag)) {
            return true;
        }
    }
    return false;
}

static bool is_known(struct call *c, const struct export_report *r, const char *date)
{
    struct sv tags = http_header(c->r, "If-None-Match"), since = http_header(c->r, "If-Modified-Since");
    return tags.p ? has_tag(tags, sv_c(r->etag)) : since.p && sv_eq(sv_trim(since), sv_c(date));
}

static void set_number(struct call *c, const char *name, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    http_set(c->r, name, text);
}

/* What the format itself may have no place for. */
static void set_headers(struct call *c, const struct export_report *r, const char *date)
{
    uint64_t left = r->give.benign + r->give.never;
    for (int i = 0; i < LEFT_MAX; i++) {
        left += r->left[i];
    }
    answer_headers(c->r, c->web->tls);
    http_set(c->r, "Cache-Control", "private, no-cache");
    http_set(c->r, "ETag", r->etag);
    http_set(c->r, "Last-Modified", date);
    http_set(c->r, "Vary", "Authorization, Cookie");
    http_set(c->r, "X-Noroshi-Marking", tlp_name(r->tlp));
    set_number(c, "X-Noroshi-Entries", r->written);
    set_number(c, "X-Noroshi-Left-Out", left);
}

static int respond(struct call *c, const struct wish *w, int fd, const struct export_report *r, struct err *e)
{
    char date[40];
    http_date(r->serial, date);
    if (is_known(c, r, date)) {
        close_fd(&fd);
        set_headers(c, r, date);
        c->status = 304;
        c->answered = true;
        http_respond(c->r, 304, export_type(w->format), SV(""));
        return OK;
    }
    struct download *d = calloc(1, sizeof(*d));
    if (!d) {
        close_fd(&fd);
        return err_set(e, ERR_MEMORY, "no memory for an export");
    }
    d->fd = fd;
    set_headers(c, r, date);
    char name[80];
    snprintf(name, sizeof(name), "inline; filename=\"noroshi-%s.%s\"", export_name(w->format),
             export_extension(w->format));
    http_set(c->r, "Content-Disposition", name);
    c->answered = true;
    (void)http_respond_stream(c->r, 200, export_type(w->format), pull, closed, d);
    return OK;
}

int api_export(struct call *c, struct err *e)
{
    struct export_report r;
    struct wish *w = arena_calloc(&c->a, 1, sizeof(*w));
    if (!w) {
        return err_set(e, ERR_MEMORY, "no memory for an export");
    }
    int rc = read_wish(c, w, e);
    rc = rc == OK ? name_wish(c, w, e) : rc;
    int fd = rc == OK ? look(c->web->exports, w, &r) : -1;
    if (rc == OK && fd < 0) {
        rc = make(c, w, &fd, &r, e);
    }
    return rc == OK ? respond(c, w, fd, &r, e) : rc;
}
