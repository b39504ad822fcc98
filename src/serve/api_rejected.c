#include "serve/private.h"

#define PAGE 200

static void write_rejected(struct jw *w, const struct quarantined *q)
{
    char at[32];
    time_text(q->at, at);
    jw_obj(w);
    jw_kint(w, "number", q->id);
    jw_kint(w, "source", q->source);
    jw_kstr(w, "file", q->file);
    jw_kstr(w, "format", q->format);
    jw_kstr(w, "at", sv_c(at));
    jw_key(w, "line");
    if (q->why.line) {
        jw_uint(w, q->why.line);
    } else {
        jw_null(w);
    }
    jw_key(w, "offset");
    if (q->why.offset != UINT64_MAX) {
        jw_uint(w, q->why.offset);
    } else {
        jw_null(w);
    }
    jw_kstr(w, "code", sv_c(err_name(q->why.code)));
    jw_kstr(w, "text", q->why.text);
    jw_kstr(w, "remedy", q->why.remedy.n ? q->why.remedy : SV_NONE);
    jw_kstr(w, "bytes", sv_sub(q->why.bytes, 0, 1024));
    jw_kstr(w, "against", q->why.against.n ? sv_sub(q->why.against, 0, 1024) : SV_NONE);
    jw_end_obj(w);
}

struct listing {
    struct jw w;
    const struct pact_view *view;
    int64_t last;
    size_t left, read;
};

/* What was refused has no marking that could be trusted: its owner alone sees it. */
static int list_one(void *ctx, const struct quarantined *q)
{
    struct listing *l = ctx;
    if (l->left == 0) {
        return OK;
    }
    l->read++;
    l->last = q->id;
    if (pact_sees(l->view, q->source, TLP_UNKNOWN)) {
        write_rejected(&l->w, q);
        l->left--;
    }
    return OK;
}

static int list(struct call *c, struct listing *l, int64_t source, int64_t after, bool *ret_more,
                struct err *e)
{
    int rc = OK;
    l->last = after;
    *ret_more = true;
    while (rc == OK && l->left > 0 && *ret_more) {
        struct arena a;
        arena_init(&a, 64u << 20);
        l->read = 0;
        rc = quarantine_each(c->node->db, source, l->last, PAGE, &a, list_one, l, e);
        *ret_more = l->read == PAGE || l->left == 0;
        arena_clear(&a);
    }
    return rc;
}

int api_rejected(struct call *c, struct err *e)
{
    struct pact_view view;
    struct source s = {0};
    int64_t after = 0, limit = 0;
    bool more = false;
    struct sv name = http_query(c->r, "source");
    int rc = call_view(c, &view, e);
    rc = rc == OK ? call_number(c, "after", 0, 0, INT64_MAX, &after, e) : rc;
    rc = rc == OK ? call_number(c, "limit", 100, 1, 1000, &limit, e) : rc;
    rc = rc == OK && name.n ? call_source(c, name, &s, e) : rc;
    if (rc != OK) {
        return rc;
    }
    struct listing l = {.view = &view, .left = (size_t)limit};
    jw_init(&l.w, &c->out);
    jw_obj(&l.w);
    jw_key(&l.w, "rejected");
    jw_arr(&l.w);
    rc = list(c, &l, s.id, after, &more, e);
    jw_end_arr(&l.w);
    jw_key(&l.w, "next");
    if (more) {
        jw_int(&l.w, l.last);
    } else {
        jw_null(&l.w);
    }
    jw_end_obj(&l.w);
    return rc;
}

static void on_sighting(void *ctx, const struct sighting *s)
{
    struct call *c = ctx;
    web_publish(c->web, s);
}

/* Of another organisation or not there at all: the answers are the same. */
static int find_own(struct call *c, int64_t id, struct err *e)
{
    struct pact_view view;
    struct quarantined q;
    int rc = call_view(c, &view, e);
    rc = rc == OK ? quarantine_get(c->node->db, id, &c->a, &q, e) : rc;
    if (rc == ERR_NOT_FOUND || (rc == OK && !pact_sees(&view, q.source, TLP_UNKNOWN))) {
        err_set(e, ERR_NOT_FOUND, "there is no record %lld in your quarantine", (long long)id);
        rc = err_hint(e, "GET /api/v1/rejected lists them");
    }
    return rc;
}

int api_retry(struct call *c, struct err *e)
{
    int64_t id = 0;
    bool accepted = false;
    const struct take_opts o = {
        .parsers = c->node->parsers, .now = c->now, .sighting = on_sighting, .ctx = c};
    int rc = sv_i64(c->part[0], &id) ? find_own(c, id, e)
                                     : err_set(e, ERR_NOT_FOUND, "a record's address ends in its number");
    rc = rc == OK ? fuse_retry(c->node->fuse, id, &o, &accepted, e) : rc;
    c->status = rc == ERR_UNSUPPORTED ? 409 : 0;
    rc = rc == OK ? db_sync(c->node->db, e) : rc;
    if (rc == OK) {
        buf_printf(&c->out, "{\"tried\":1,\"accepted\":%d}", accepted ? 1 : 0);
    }
    return rc;
}
