/*
 * Reading a collection to its end: pages, each taken in and only then passed by the cursor. What servers do
 * wrong, and what is done about it, stands in docs/peers.md under the names used here.
 */
#include "share/peer/peer_private.h"

#include <stdlib.h>

#define EMPTY_MOST 16 /* pages in a row that promise more and hold nothing */
#define REPEAT_MOST 3 /* pages met before in the same run */
#define SHRINK_BY 4
#define PAGE_LEAST 1
#define SEEN_MOST 200000 /* pages and cursors that a run remembers */

struct drain {
    struct peer_run *r;
    struct peer_collection *c;
    struct map pages, cursors; /* digests met in this run */
    unsigned empty, repeats;
    bool disordered;
    bool start;       /* the request at hand is the one that `etag` is of */
    struct sv etag;   /* of its answer */
    usec answer_last; /* date of the last object of the page at hand */
    unsigned by_date; /* pages passed by date */
    bool plain;       /* match[version] is left out of this run: the server failed over something */
    bool done;
    struct arena a; /* of the request at hand */
    char next[PEER_NEXT_MOST + 1];
    char etag_room[PEER_TEXT_MOST + 1];
};

/* ---- notes */

/* A fault that was met and borne. */
static void note(struct drain *d, const char *name)
{
    struct sv notes = d->c->notes, one;
    while (notes.n && sv_cut(&notes, ' ', &one)) {
        if (sv_eq(one, sv_c(name))) {
            return;
        }
    }
    struct sv more = arena_printf(&d->r->a, "%.*s%s%s", SV_ARG(d->c->notes), d->c->notes.n ? " " : "", name);
    d->c->notes = more.p ? more : d->c->notes;
}

static bool met_before(struct map *m, struct sv digest)
{
    bool fresh = false;
    return map_put(m, digest, &fresh) && !fresh;
}

static bool cursor_met(struct drain *d, struct sv next)
{
    struct sha256 sha = sha256_of(next);
    return met_before(&d->cursors, sv_from((const char *)sha.b, sizeof(sha.b)));
}

/* ---- the request */

static int64_t limit_of(const struct drain *d)
{
    return d->c->page ? d->c->page : d->r->peer.page;
}

static struct sv url_of(struct drain *d, const char *resource, int64_t limit)
{
    const struct peer_collection *c = d->c;
    char after[32];
    struct buf b;
    buf_init(&b, 64u << 10);
    buf_add(&b, c->root);
    buf_add(&b, SV("collections/"));
    peer_url_escape(&b, c->uuid);
    buf_printf(&b, "/%s/", resource);
    char sep = '?';
    if (c->after != USEC_NONE) {
        time_text6(c->after, after);
        buf_printf(&b, "%cadded_after=", sep);
        peer_url_escape(&b, sv_c(after));
        sep = '&';
    }
    if (d->r->peer.version != 20) {
        buf_printf(&b, "%climit=%lld", sep, (long long)limit);
        sep = '&';
        if (!c->last_only && !d->plain) {
            buf_add(&b, SV("&match%5Bversion%5D=all"));
        }
        if (c->next.n) {
            buf_add(&b, SV("&next="));
            peer_url_escape(&b, c->next);
        }
    } else if (!c->last_only && !d->plain) {
        buf_printf(&b, "%cmatch%%5Bversion%%5D=all", sep);
    }
    struct sv url = b.failed ? SV_NONE : arena_sv(&d->a, buf_sv(&b));
    buf_clear(&b);
    return url;
}

/* 2.0 pages by ranges of items; the cursor is the number of the next one. */
static struct sv range_of(struct drain *d, int64_t limit)
{
    int64_t from = 0;
    if (d->r->peer.version != 20) {
        return SV_NONE;
    }
    (void)sv_i64(d->c->next, &from);
    return arena_printf(&d->a, "items %lld-%lld", (long long)from, (long long)(from + limit - 1));
}

static void set_next(struct drain *d, struct sv next)
{
    d->c->next = sv_copy(next, d->next, sizeof(d->next)) ? sv_c(d->next) : SV("");
}

static int get_page(struct drain *d, struct fetch_answer *ret, struct err *e)
{
    int64_t limit = limit_of(d);
    d->start = d->c->next.n == 0 && d->c->seen == USEC_NONE;
    const struct peer_ask q = {
        .method = "GET",
        .url = url_of(d, "objects", limit),
        .stix = true,
        .range = range_of(d, limit),
        .etag = d->start ? d->c->etag : SV_NONE,
        .max_bytes = PEER_PAGE_BYTES,
        .tries = limit > PAGE_LEAST ? 3 : PEER_TRIES, /* then a smaller page */
    };
    if (!q.url.p) {
        return err_set(e, ERR_MEMORY, "no memory for an address");
    }
    return peer_ask(d->r, &q, ret, e);
}

/* A page that does not come whole, in time or in size may do so when it is smaller. */
static bool shrink(struct drain *d)
{
    int64_t limit = limit_of(d);
    if (limit <= PAGE_LEAST) {
        return false;
    }
    d->c->page = limit / SHRINK_BY > PAGE_LEAST ? limit / SHRINK_BY : PAGE_LEAST;
    d->c->etag = SV("");
    note(d, "smaller-pages");
    return true;
}

static bool grow(struct drain *d)
{
    int64_t limit = limit_of(d);
    if (limit >= PEER_PAGE_MOST) {
        return false;
    }
    d->c->page = limit * SHRINK_BY < PEER_PAGE_MOST ? limit * SHRINK_BY : PEER_PAGE_MOST;
    d->c->etag = SV("");
    return true;
}

/* ---- the cursor */

static int save(struct drain *d, struct err *e)
{
    struct db *db = d->r->p->taxii.db;
    int rc = db_begin(db, e);
    return rc == OK ? db_finish(db, peer_collection_save(db, d->c, e), e) : rc;
}

/* A clock of milliseconds or seconds may yet add to its last tick: that one is asked for again. */
static usec after_all(usec last)
{
    return last % 1000 == 0 ? last - 1 : last;
}

static void drained(struct drain *d)
{
    struct peer_collection *c = d->c;
    usec after = c->seen != USEC_NONE ? after_all(c->seen) : c->after;
    bool same = after == c->after || after == USEC_NONE;
    c->after = same ? c->after : after;
    c->seen = USEC_NONE;
    c->next = SV("");
    c->etag = same && d->start ? d->etag : SV("");
    /* What was too much once need not be for ever. */
    c->page = c->page * 2 >= d->r->peer.page && c->page < d->r->peer.page ? 0 : c->page;
    c->page = c->page < d->r->peer.page ? c->page * 2 : c->page;
    d->done = true;
}

/* Goes on by date. False when the date is not past what was asked for. */
static bool step_to(struct drain *d, usec date)
{
    if (date == USEC_NONE || (d->c->after != USEC_NONE && date <= d->c->after)) {
        return false;
    }
    d->c->after = date;
    d->c->next = SV("");
    return true;
}

/* A date far ahead of our clock is a fault: as a cursor it would hide all that comes until then. */
static usec believed(struct drain *d, usec date)
{
    if (date == USEC_NONE || date < time_now() + USEC_DAY) {
        return date;
    }
    note(d, "future-dates");
    return USEC_NONE;
}

/* The manifest tells the dates of as many objects as the page had. */
static int ask_manifest(struct drain *d, uint64_t objects, usec *ret, struct err *e)
{
    struct fetch_answer answer;
    struct peer_page page;
    struct peer_ask q = {.method = "GET", .max_bytes = PEER_PAGE_BYTES};
    struct sv next = d->c->next;
    d->c->next = SV("");
    q.url = url_of(d, "manifest", (int64_t)(objects < PEER_PAGE_MOST ? objects : PEER_PAGE_MOST));
    d->c->next = next;
    *ret = USEC_NONE;
    int rc = q.url.p ? peer_ask(d->r, &q, &answer, e) : err_set(e, ERR_MEMORY, "no memory for an address");
    if (rc != OK) {
        return rc;
    }
    if (answer.status != 200 && answer.status != 206) {
        struct err ignored = ERR_NONE;
        (void)peer_refused(d->r, &answer, "manifest", &ignored);
        return OK;
    }
    rc = answer.fd >= 0 ? peer_page_read(answer.fd, true, objects, &d->r->ask, &page, e) : ERR_NOT_FOUND;
    close_fd(&answer.fd);
    if (rc == OK) {
        d->disordered |= page.disordered;
        *ret = believed(d, page.date);
    }
    return rc == ERR_MEMORY ? rc : OK;
}

/* More is there and no usable `next`: by the date of the last object, which is asked for again, since others
 * may have the same. */
static int go_on_by_date(struct drain *d, const struct peer_page *page, struct err *e)
{
    usec last = d->answer_last;
    int rc = OK;
    note(d, "no-next");
    if (last == USEC_NONE) {
        note(d, "no-dates");
    }
    if (last == USEC_NONE || d->by_date++ % 64 == 0) { /* also asked for the order, now and then */
        usec date;
        rc = ask_manifest(d, page->objects, &date, e);
        last = last == USEC_NONE ? date : last;
    }
    if (rc != OK) {
        return rc;
    }
    d->c->seen = last > d->c->seen ? last : d->c->seen;
    if (d->disordered) { /* a date says nothing about what is missing: only a larger page helps */
        note(d, "disorder");
        d->c->next = SV("");
        if (grow(d)) {
            return OK;
        }
    }
    if (last != USEC_NONE && step_to(d, last - 1)) {
        return OK;
    }
    if (last != USEC_NONE && grow(d)) { /* all of the page has one date */
        d->c->next = SV("");
        note(d, "equal-dates");
        return OK;
    }
    if (step_to(d, last)) {
        return OK;
    }
    err_set(e, ERR_UNSUPPORTED,
            "the peer has more objects, but names no cursor and no dates by which to ask for them");
    return err_hint(e, "tell who runs it: `next` or X-TAXII-Date-Added-Last is missing (TAXII 2.1 5.4)");
}

/* ---- a page that came */

static void note_dates(struct drain *d, const struct fetch_answer *answer, bool again)
{
    struct sv text = fetch_answer_header(answer, "x-taxii-date-added-last");
    usec first = peer_read_time(fetch_answer_header(answer, "x-taxii-date-added-first"));
    usec last = believed(d, peer_read_time(text));
    if (text.n && sv_chr(text, '.') == SIZE_MAX) {
        note(d, "short-dates");
    }
    if (first != USEC_NONE && last != USEC_NONE && first > last) {
        usec swap = first;
        first = last;
        last = swap;
        d->disordered = true;
    }
    d->disordered |= !again && d->c->next.n && first != USEC_NONE && first < d->c->seen;
    if (d->disordered) {
        note(d, "disorder");
    }
    d->answer_last = last;
    d->c->seen = last > d->c->seen ? last : d->c->seen;
}

static void note_types(struct drain *d, const struct fetch_answer *answer)
{
    struct sv type = fetch_answer_header(answer, "content-type");
    if (d->r->peer.version == 20 || sv_istarts(type, SV("application/vnd.oasis"))) {
        note(d, "taxii-2.0");
    } else if (!sv_istarts(type, SV("application/taxii+json"))) {
        note(d, "content-type");
    }
}

/* "items 0-99/500" */
static void read_range(struct drain *d, const struct fetch_answer *answer, struct peer_page *page)
{
    struct sv range = fetch_answer_header(answer, "content-range"), part;
    int64_t end, all;
    if (d->r->peer.version != 20 || answer->status != 206 || !sv_cut(&range, '-', &part) ||
        !sv_cut(&range, '/', &part) || !sv_i64(part, &end) || end < 0 || end > INT64_MAX - 1) {
        return;
    }
    page->more = !sv_i64(range, &all) || end + 1 < all;
    page->next = arena_printf(&d->a, "%lld", (long long)end + 1);
}

/* *ret_smaller: the parser could not get through it, a smaller page is asked for. */
static int take(struct drain *d, int fd, bool *ret_smaller, struct err *e)
{
    const struct peers *p = d->r->p;
    struct take_report report;
    struct source source;
    struct arena a;
    char name[512];
    arena_init(&a, 4u << 20);
    int rc = source_get(p->taxii.db, d->r->peer.source, &a, &source, e);
    const struct take_opts o = {.parsers = p->taxii.parsers,
                                .source = &source,
                                .format = SV("stix2"),
                                .now = time_now(),
                                .sighting = p->sighting,
                                .ctx = p->node};
    snprintf(name, sizeof(name), "peer:%.*s/%.*s", SV_ARG(d->r->peer.name), SV_ARG(d->c->uuid));
    rc = rc == OK ? fuse_take(p->taxii.fuse, fd, sv_c(name), &o, &report, e) : rc;
    arena_clear(&a);
    if (rc != OK) {
        return rc;
    }
    struct peer_report *sum = d->r->report;
    sum->objects += report.records;
    sum->accepted += report.accepted;
    sum->duplicates += report.duplicates;
    sum->rejected += report.rejected;
    d->c->accepted += (int64_t)report.accepted;
    d->c->duplicates += (int64_t)report.duplicates;
    d->c->rejected += (int64_t)report.rejected;
    *ret_smaller = report.problem.code != OK && shrink(d);
    return OK;
}

/* Where the next request begins. */
static int advance(struct drain *d, const struct peer_page *page, struct err *e)
{
    struct peer_collection *c = d->c;
    d->empty = page->objects ? 0 : d->empty + 1;
    if (!page->more && page->next.n && page->objects) {
        note(d, "next-without-more"); /* a cursor for later polls, which we keep by date */
    }
    if (page->more && d->empty >= EMPTY_MOST) {
        note(d, "endless");
        drained(d);
        return OK;
    }
    if (page->more && page->next.n && page->next.n <= PEER_NEXT_MOST && !cursor_met(d, page->next)) {
        set_next(d, page->next);
        return OK;
    }
    if (page->more && page->next.n) {
        note(d, "next-repeated");
    }
    if (page->more && page->objects) {
        return go_on_by_date(d, page, e);
    }
    if (page->more && !page->next.n) {
        note(d, "endless");
    }
    if (d->answer_last == USEC_NONE && page->objects && c->seen == USEC_NONE) {
        note(d, "no-dates");
        usec date;
        int rc = ask_manifest(d, PEER_PAGE_MOST, &date, e);
        if (rc != OK) {
            return rc;
        }
        c->seen = date;
    }
    drained(d);
    return OK;
}

static int use_page(struct drain *d, struct fetch_answer *answer, struct err *e)
{
    struct peer_page page;
    bool smaller = false;
    int rc = peer_page_read(answer->fd, false, 0, &d->a, &page, e);
    if (rc == ERR_SYNTAX && sv_istarts(fetch_answer_header(answer, "content-type"), SV("text/html"))) {
        err_set(e, ERR_UNSUPPORTED, "the peer answered with a web page instead of objects");
        return err_hint(e, "something before the server may ask for a sign-in, or the address is wrong");
    }
    if (rc != OK) {
        return rc;
    }
    bool again = page.objects && met_before(&d->pages, sv_from((const char *)page.sha.b, sizeof(page.sha.b)));
    note_types(d, answer);
    note_dates(d, answer, again);
    read_range(d, answer, &page);
    if ((int64_t)page.objects > limit_of(d)) {
        note(d, "limit-ignored");
    }
    if (again) {
        note(d, "page-repeated");
    }
    rc = again || !page.objects ? OK : take(d, answer->fd, &smaller, e);
    if (smaller) {
        return rc;
    }
    d->r->report->pages++;
    d->c->pages++;
    if (rc == OK && again && ++d->repeats > REPEAT_MOST && page.more) {
        note(d, "endless");
        drained(d);
        return OK;
    }
    d->repeats = again ? d->repeats : 0;
    return rc == OK ? advance(d, &page, e) : rc;
}

/* ---- answers that are no page */

/* Cursors die with a server's restart or after seconds, and some do not know match[version]: is there another
 * way to ask? */
static bool other_way(struct drain *d, unsigned status)
{
    bool odd = status == 400 || status == 404 || status == 410 || status == 416 || status == 422 ||
               status == 500 || status == 501;
    if (odd && d->c->next.n) {
        note(d, "next-expired");
        d->c->next = SV("");
        /* In order, what was seen is done; else it goes on from where this drain began. */
        bool dated = !d->disordered && d->c->seen != USEC_NONE && step_to(d, d->c->seen - 1);
        if (!dated) {
            (void)grow(d);
        }
        return true;
    }
    if (odd && status != 404 && !d->c->last_only && !d->plain) {
        note(d, "last-version-only");
        d->plain = true;
        d->c->last_only = status < 500; /* a failure may have had another reason */
        return true;
    }
    return false;
}

static int without(struct drain *d, struct fetch_answer *answer, struct err *e)
{
    unsigned status = answer->status;
    int rc = peer_refused(d->r, answer, "objects", e);
    if (status == 416 && d->r->peer.version == 20) { /* asked past the last item */
        drained(d);
        return OK;
    }
    return other_way(d, status) ? OK : rc;
}

static int round_trip(struct drain *d, struct err *e)
{
    struct fetch_answer answer;
    int rc = get_page(d, &answer, e);
    if (rc != OK) {
        if (rc == ERR_CANCELLED || d->r->wait) {
            return rc;
        }
        return other_way(d, d->r->status) || (d->r->too_much && shrink(d)) ? OK : rc;
    }
    if (answer.status == 304) {
        close_fd(&answer.fd);
        d->etag = d->c->etag;
        drained(d);
        return OK;
    }
    if (answer.status != 200 && answer.status != 206) {
        return without(d, &answer, e);
    }
    struct sv etag = fetch_answer_header(&answer, "etag");
    d->etag = d->start && sv_copy(etag, d->etag_room, sizeof(d->etag_room)) ? sv_c(d->etag_room) : SV("");
    if (answer.fd < 0) {
        drained(d);
        return OK;
    }
    rc = use_page(d, &answer, e);
    close_fd(&answer.fd);
    /* Text that ends in the middle, though all bytes that were promised came. */
    bool broken = rc == ERR_SYNTAX || rc == ERR_CORRUPT || rc == ERR_LIMIT;
    if (broken && shrink(d)) {
        note(d, "broken-page");
        return OK;
    }
    return rc;
}

int peer_run_pull(struct peer_run *r, struct peer_collection *c, struct err *e)
{
    struct drain d = {.r = r, .c = c, .etag = SV(""), .answer_last = USEC_NONE};
    uint64_t began = r->report->pages, requests = 0;
    arena_init(&d.a, 1u << 20);
    map_init(&d.pages, SEEN_MOST, 16u << 20);
    map_init(&d.cursors, SEEN_MOST, 16u << 20);
    if (c->next.n) {
        (void)cursor_met(&d, c->next);
    }
    int rc = peer_run_goes_on(r, e);
    while (rc == OK && !d.done && !peer_run_late(r) && r->report->pages - began < PEER_RUN_PAGES &&
           requests++ < 2 * PEER_RUN_PAGES) {
        *e = ERR_NONE;
        arena_reset(&d.a);
        rc = round_trip(&d, e);
        rc = rc == OK ? save(&d, e) : rc;
        if (rc == OK && r->p->progress) {
            r->p->progress(r->p->who, r->report);
        }
    }
    map_clear(&d.pages);
    map_clear(&d.cursors);
    arena_clear(&d.a);
    c->next = arena_sv(&r->a, c->next);
    c->etag = arena_sv(&r->a, c->etag);
    /* What was deleted is asked for once all that is there was read. */
    return rc == OK && d.done ? peer_run_tombstones(r, c, e) : rc;
}
