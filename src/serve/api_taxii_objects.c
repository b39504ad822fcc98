/* Handlers of what a collection holds: pages of objects, manifests and versions; adding and deleting. */
#include "serve/taxii.h"

#include <stdlib.h>

static struct taxii taxii_of(const struct call *c)
{
    return (struct taxii){.db = c->node->db,
                          .fuse = c->node->fuse,
                          .ledger = c->node->ledger,
                          .parsers = c->node->parsers,
                          .secret = &c->node->secret};
}

/* ---- the query */

static struct sv *place_of(struct taxii_query *q, struct sv name)
{
    const struct {
        const char *name;
        struct sv *to;
    } places[] = {
        {"added_after", &q->added_after},
        {"limit", &q->limit},
        {"next", &q->next},
        {"match[id]", &q->match_id},
        {"match[type]", &q->match_type},
        {"match[version]", &q->match_version},
        {"match[spec_version]", &q->match_spec_version},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (sv_eq(name, sv_c(places[i].name))) {
            return places[i].to;
        }
    }
    return NULL;
}

static int refuse_parameter(struct sv name, const char *why, struct err *e)
{
    char shown[80];
    err_set(e, ERR_VALUE, "the parameter %s %s", sv_show(name, shown, sizeof(shown)), why);
    return err_hint(e, "filters are added_after, limit, next, match[id], match[type], match[version], "
                       "match[spec_version], each once");
}

/* Words or times, with commas (TAXII 2.1, 3.4.1.3). */
static int check_versions(struct sv list, struct err *e)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    struct sv part;
    usec at;
    while (sv_cut(&list, ',', &part)) {
        bool word = sv_eq(part, SV("last")) || sv_eq(part, SV("first")) || sv_eq(part, SV("all"));
        if (!word && time_parse(part, &utc, &at, e) != OK) {
            err_set(e, ERR_VALUE, "match[version] holds neither last, first, all nor times");
            return err_hint(e, "a time is written as 2026-08-22T02:53:35.123Z");
        }
    }
    return OK;
}

/* A filter that is not understood must not be passed over: the client would get what it did not ask for.
 * Other parameters are (TAXII 2.1, 1.6.3 lets servers ignore what they do not know). */
static int read_query(const struct call *c, struct taxii_query *q, struct err *e)
{
    struct sv name, value;
    size_t at = 0;
    while (http_query_next(c->r, &at, &name, &value)) {
        struct sv *to = place_of(q, name);
        if (!name.p || !value.p) {
            return err_set(e, ERR_VALUE, "a parameter of the query cannot be read");
        }
        if (!to && sv_starts(name, SV("match["))) {
            return refuse_parameter(name, "is no filter here", e);
        }
        if (to && to->p) {
            return refuse_parameter(name, "stands twice", e);
        }
        if (to) {
            *to = value;
        }
    }
    return q->match_version.n ? check_versions(q->match_version, e) : OK;
}

/* ---- pages */

struct page_stream {
    struct db *db;
    struct taxii_page *page;
    struct buf first; /* what was read before the answer began */
    bool begun;
};

static void close_page(void *stream)
{
    struct page_stream *s = stream;
    taxii_page_free(s->page);
    buf_clear(&s->first);
    free(s);
}

/* A statement in the middle of its rows keeps one read transaction for the whole block: else each object
 * would pay for the locks of its own. */
static int pull_block(struct page_stream *s, struct buf *out)
{
    struct err e = ERR_NONE;
    struct stmt *hold = db_query(s->db, "SELECT id FROM api_root", &e);
    int rc = hold && db_step(hold, &e) >= 0 ? taxii_page_pull(s->page, out) : -2;
    db_done(hold);
    return rc;
}

static int pull_page(void *stream, struct buf *out)
{
    struct page_stream *s = stream;
    if (!s->begun) {
        s->begun = true;
        buf_add(out, buf_sv(&s->first));
        buf_clear(&s->first);
        return 0;
    }
    return pull_block(s, out);
}

static void set_added(struct call *c, usec first, usec last)
{
    char text[32];
    if (first != USEC_NONE && last != USEC_NONE) {
        time_text6(first, text);
        http_set(c->r, "X-TAXII-Date-Added-First", text);
        time_text6(last, text);
        http_set(c->r, "X-TAXII-Date-Added-Last", text);
    }
}

/* A page that is whole after the first bytes gets a length; a longer one is written as it is read. */
static int answer_page(struct call *c, struct taxii_page *page, struct err *e)
{
    struct page_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        taxii_page_free(page);
        return err_set(e, ERR_MEMORY, "no memory for the answer");
    }
    *s = (struct page_stream){.db = c->node->db, .page = page};
    buf_init(&s->first, 16u << 20);
    int rc = pull_block(s, &s->first);
    if (rc < -1 || s->first.failed) {
        close_page(s);
        return err_set(e, ERR_INTERNAL, "the page could not be read");
    }
    answer_headers(c->r, c->web->tls);
    http_set(c->r, "Cache-Control", "no-store");
    c->answered = true;
    if (rc == -1) {
        http_respond(c->r, 200, TAXII_TYPE, buf_sv(&s->first));
        close_page(s);
    } else {
        (void)http_respond_stream(c->r, 200, TAXII_TYPE, pull_page, close_page, s);
    }
    return OK;
}

static int page_of(struct call *c, enum taxii_what what, struct sv object, struct err *e)
{
    const struct taxii t = taxii_of(c);
    struct taxii_query q = {0};
    struct taxii_page *page = NULL;
    usec first = USEC_NONE, last = USEC_NONE;
    int rc = read_query(c, &q, e);
    q.object = object;
    rc = rc == OK ? taxii_page_open(&t, &c->taxii->collection, &c->taxii->who, what, &q, c->now, &page,
                                    &first, &last, e)
                  : rc;
    if (rc == ERR_NOT_FOUND) {
        return err_set(e, ERR_NOT_FOUND, "there is no such object");
    }
    if (rc != OK) {
        c->status = rc == ERR_LIMIT ? 400 : 0; /* of the filters, not of a body */
        return rc;
    }
    set_added(c, first, last);
    return answer_page(c, page, e);
}

int api_taxii_objects(struct call *c, struct err *e)
{
    return page_of(c, TAXII_OBJECTS, SV_NONE, e);
}

int api_taxii_object(struct call *c, struct err *e)
{
    return page_of(c, TAXII_OBJECTS, c->part[1], e);
}

int api_taxii_versions(struct call *c, struct err *e)
{
    return page_of(c, TAXII_VERSIONS, c->part[1], e);
}

int api_taxii_manifest(struct call *c, struct err *e)
{
    return page_of(c, TAXII_MANIFEST, SV_NONE, e);
}

int api_taxii_tombstones(struct call *c, struct err *e)
{
    const struct taxii t = taxii_of(c);
    usec after = USEC_NONE;
    int rc = call_time(c, "added_after", &after, e);
    return rc == OK
               ? taxii_tombstones_json(&t, &c->taxii->collection, &c->taxii->who, after, c->now, &c->out, e)
               : rc;
}

/* ---- writing */

int api_taxii_post(struct call *c, struct err *e)
{
    const struct taxii t = taxii_of(c);
    int rc = taxii_post(&t, &c->taxii->collection, &c->taxii->who, http_body_fd(c->r), c->now, &c->out, e);
    if (rc == ERR_SYNTAX || rc == ERR_VALUE || rc == ERR_CORRUPT || rc == ERR_LIMIT) {
        c->status = 422; /* read, but no envelope of objects: 5.5 */
    }
    return rc == OK ? db_sync(c->node->db, e) : rc;
}

int api_taxii_delete(struct call *c, struct err *e)
{
    const struct taxii t = taxii_of(c);
    struct taxii_query q = {0};
    int rc = read_query(c, &q, e);
    q.object = c->part[1];
    rc = rc == OK ? taxii_delete(&t, &c->taxii->collection, &c->taxii->who, &q, c->now, e) : rc;
    if (rc == ERR_NOT_FOUND) {
        return err_set(e, ERR_NOT_FOUND, "there is no such object");
    }
    rc = rc == OK ? db_sync(c->node->db, e) : rc;
    if (rc == OK) {
        buf_add(&c->out, SV("{}")); /* some clients read every answer as JSON */
    }
    return rc;
}
