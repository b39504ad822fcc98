/* OTX: pages of the pulses that changed since the last good run. Where the pages end the server says by an
 * empty one, or by 404: no answer has to be read for that outside of a parser. */
#include "fuse/feed_private.h"

#define PAGE_PULSES 50
#define PAGES_MOST 2000u
#define OVERLAP (10 * 60 * USEC_SECOND) /* clocks differ */
#define CURSOR SV("modified_since")

static struct sv page_address(struct feed_running *r, usec since, unsigned page)
{
    char at[32] = "";
    if (since != USEC_NONE)
        time_text(since / USEC_SECOND * USEC_SECOND, at);
    bool query = sv_chr(r->feed.url, '?') != SIZE_MAX;
    return arena_printf(&r->a, "%.*s%climit=%d&page=%u%s%s", SV_ARG(r->feed.url), query ? '&' : '?',
                        PAGE_PULSES, page, at[0] ? "&modified_since=" : "", at);
}

/* 1 = there are no more. */
static int take_page(struct feed_running *r, usec since, unsigned page, struct err *e)
{
    struct feed_answer a;
    uint64_t before = r->report->take.records;
    struct sv url = page_address(r, since, page);
    struct sv name = arena_printf(&r->a, "%.*s/page-%u", SV_ARG(r->feed.name), page);
    if (!url.p || !name.p)
        return err_set(e, ERR_MEMORY, "no memory for a feed");
    int rc = feed_fetch(r, url, false, &a, e);
    r->feed.status = a.status;
    if (rc != OK)
        return rc;
    if (a.status == 404 && page == 1)
        return err_set(e, ERR_NOT_FOUND, "there is nothing at the feed's address (status 404)");
    if (a.status != 200)
        return 1;
    rc = feed_take(r, &a, name, r->feed.format, e);
    return rc == OK && r->report->take.records == before ? 1 : rc;
}

int feed_run_otx(struct feed_running *r, struct err *e)
{
    int64_t since = USEC_NONE;
    usec began = time_now();
    int rc = feed_item_get(r->f->db, r->feed.id, CURSOR, &since, e);
    for (unsigned page = 1; rc >= 0 && page <= PAGES_MOST; page++) {
        if (feed_stopping(r))
            return err_set(e, ERR_CANCELLED, "the node is stopping");
        rc = take_page(r, since, page, e);
        if (rc == 1)
            break;
    }
    if (rc < 0)
        return rc;
    r->report->unchanged = r->report->take.records == 0;
    return feed_item_put(r->f->db, r->feed.id, CURSOR, began - OVERLAP, e);
}
