#include "serve/partnership.h"

#define LIMIT_USUAL 100
#define LIMIT_MOST 1000
#define TEXT_MOST 8192

static int text_of(struct call *c, const char *name, struct sv *ret, struct err *e)
{
    *ret = http_query(c->r, name);
    if (ret->n == 0 || ret->n > TEXT_MOST) {
        return err_set(e, ERR_VALUE, "give ?%s= with 1 to %d bytes of text", name, TEXT_MOST);
    }
    return OK;
}

typedef int (*see_fn)(struct eyes *x, struct sv answer, struct buf *json, struct err *e);

/* The answer that was just made, as the partner of ?as= would see it, before anything is shared. */
static int through_eyes(struct call *c, struct sight *s, see_fn see, struct err *e)
{
    struct buf plain = c->out;
    if (!s->eyes) {
        return OK;
    }
    buf_init(&c->out, CALL_ANSWER);
    int rc = plain.failed ? err_set(e, ERR_LIMIT, "the answer is too large")
                          : see(s->eyes, buf_sv(&plain), &c->out, e);
    buf_clear(&plain);
    return rc;
}

/* Whose eyes, and whether they may be looked through, is known before anything is looked up. */
static int open_eyes(struct call *c, struct sight *ret, struct err *e)
{
    *ret = (struct sight){.eyes = NULL};
    return http_query(c->r, "as").n ? partnership_eyes(c, "as", ret, e) : OK;
}

int api_look(struct call *c, struct err *e)
{
    struct pact_view view;
    struct sv value;
    struct sight s;
    int rc = open_eyes(c, &s, e);
    rc = rc == OK ? text_of(c, "value", &value, e) : rc;
    rc = rc == OK ? call_view(c, &view, e) : rc;
    rc = rc == OK
             ? fuse_look_version(c->node->fuse, &view, value, http_query(c->r, "version"), c->now, &c->out, e)
             : rc;
    rc = rc == OK && !s.eyes ? relay_look(c->node->db, &c->node->secret, &view, &c->out, e) : rc;
    rc = rc == OK && !s.eyes ? recall_look(c->node->db, c->node->fuse, &c->node->secret, &view, &c->out, e)
                             : rc;
    rc = rc == OK ? through_eyes(c, &s, eyes_look, e) : rc;
    partnership_blind(&s);
    return rc;
}

struct visible_search {
    const struct pact_view *view;
    struct sv text;
    int64_t number, found;
};

static int match_visible(void *ctx, const struct source *s)
{
    struct visible_search *q = ctx;
    char id[37];
    uuid_text(s->uuid, id);
    if (pact_sees(q->view, s->id, TLP_CLEAR) &&
        (sv_eq(s->name, q->text) || sv_ieq(sv_c(id), q->text) || (q->number > 0 && q->number == s->id))) {
        q->found = s->id;
    }
    return OK;
}

/* A source that is not visible is answered as one that does not exist. */
static int visible_source(struct call *c, const struct pact_view *view, int64_t *ret, struct err *e)
{
    struct visible_search q = {.view = view, .text = http_query(c->r, "source")};
    (void)sv_i64(q.text, &q.number);
    int rc = q.text.n ? source_each(c->node->db, &c->a, match_visible, &q, e) : OK;
    *ret = q.found;
    return rc == OK && q.text.n && !q.found ? err_set(e, ERR_NOT_FOUND, "there is no such source") : rc;
}

int api_find(struct call *c, struct err *e)
{
    struct pact_view view;
    struct find_opts o = {.type = http_query(c->r, "type")};
    int64_t limit = 0;
    struct sight s;
    int rc = open_eyes(c, &s, e);
    rc = rc == OK ? text_of(c, "q", &o.text, e) : rc;
    rc = rc == OK ? call_view(c, &view, e) : rc;
    rc = rc == OK ? visible_source(c, &view, &o.source, e) : rc;
    rc = rc == OK ? call_time(c, "since", &o.since, e) : rc;
    rc = rc == OK ? call_time(c, "until", &o.until, e) : rc;
    rc = rc == OK ? call_number(c, "limit", LIMIT_USUAL, 1, LIMIT_MOST, &limit, e) : rc;
    rc = rc == OK ? call_number(c, "before", 0, 0, INT64_MAX, &o.before, e) : rc;
    o.limit = (size_t)limit;
    rc = rc == OK ? fuse_find(c->node->fuse, &view, &o, &c->out, e) : rc;
    rc = rc == OK ? through_eyes(c, &s, eyes_find, e) : rc;
    partnership_blind(&s);
    return rc;
}

int api_sightings(struct call *c, struct err *e)
{
    struct pact_view view;
    int64_t before, limit;
    int rc = call_number(c, "before", 0, 0, INT64_MAX, &before, e);
    rc = rc == OK ? call_number(c, "limit", LIMIT_USUAL, 1, LIMIT_MOST, &limit, e) : rc;
    rc = rc == OK ? call_view(c, &view, e) : rc;
    return rc == OK ? fuse_sightings(c->node->fuse, &view, before, (size_t)limit, c->now, &c->out, e) : rc;
}

int api_status(struct call *c, struct err *e)
{
    struct pact_view view;
    int rc = call_view(c, &view, e);
    const struct status_opts o = {.digest = sv_eq(http_query(c->r, "digest"), SV("1"))};
    return rc == OK ? node_status_with(c->node, &view, &o, &c->out, e) : rc;
}
