/* Everything there is, a step at a time. */
#include "share/eyes/private.h"

#include <stdlib.h>

struct cursor {
    int64_t source;
    struct item_mark mark;
};

/* "SOURCE.OBJECT.ENTRY.CLAIM" */
static bool read_cursor(struct sv text, struct cursor *ret)
{
    int64_t n[4] = {0};
    struct sv part;
    size_t i = 0;
    while (i < 4 && sv_cut(&text, '.', &part)) {
        if (!sv_i64(part, &n[i]) || n[i] < 0) {
            return false;
        }
        i++;
    }
    *ret = (struct cursor){.source = n[0], .mark = {.object = n[1], .entry = n[2], .claim = n[3]}};
    return i == 4 && !text.n;
}

struct survey {
    struct eyes *x;
    struct jw *w;
    struct arena step; /* what was decided on one thing */
    struct cursor at;
    size_t left;
    bool list, more;
    struct err *e;
};

static int on_thing(void *ctx, const struct fuse_item *i, struct err *e)
{
    struct survey *s = ctx;
    struct verdict v;
    if (i->ended || !pact_sees(s->x->o.view, i->source, i->tlp)) {
        return OK;
    }
    arena_reset(&s->step);
    int rc = eyes_judge(s->x, i, &s->step, &v, e);
    if (rc != 1) {
        return rc;
    }
    eyes_count(s->x, &v);
    if (s->list) {
        jw_obj(s->w);
        jw_kstr(s->w, "id", v.id);
        jw_kstr(s->w, "type", i->type);
        jw_kstr(s->w, "source", v.source_name);
        jw_key(s->w, "eyes");
        jw_raw(s->w, v.json);
        jw_end_obj(s->w);
    }
    return OK;
}

/* Sources in the order of their numbers; the cursor stands in the one that is not finished. */
static int on_source(void *ctx, const struct source *src)
{
    struct survey *s = ctx;
    if (src->id < s->at.source || !pact_sees(s->x->o.view, src->id, TLP_CLEAR)) {
        return OK;
    }
    if (s->left == 0) {
        s->more = true;
        return OK;
    }
    if (src->id > s->at.source) {
        s->at = (struct cursor){.source = src->id};
    }
    int rc = fuse_items_since(s->x->o.fuse, src->id, &s->at.mark, s->left, on_thing, s, s->e);
    if (rc < 0) {
        return rc;
    }
    s->more = (size_t)rc == s->left;
    s->left -= (size_t)rc;
    return OK;
}

int eyes_survey(struct eyes *x, struct sv after, size_t most, bool list, struct buf *json, struct err *e)
{
    struct jw w;
    struct arena a;
    struct survey s = {.x = x, .w = &w, .left = most, .list = list, .e = e};
    if (after.n && !read_cursor(after, &s.at)) {
        err_set(e, ERR_VALUE, "this is no cursor");
        return err_hint(e, "give the `next` of the step before, or nothing");
    }
    x->counts = (struct eyes_counts){0};
    arena_init(&a, 64u << 20);
    arena_init(&s.step, 8u << 20);
    jw_init(&w, json);
    jw_obj(&w);
    jw_key(&w, "things");
    jw_arr(&w);
    int rc = source_each(x->o.db, &a, on_source, &s, e);
    jw_end_arr(&w);
    jw_key(&w, "next");
    if (s.more) {
        char text[96];
        snprintf(text, sizeof(text), "%lld.%lld.%lld.%lld", (long long)s.at.source,
                 (long long)s.at.mark.object, (long long)s.at.mark.entry, (long long)s.at.mark.claim);
        jw_str(&w, sv_c(text));
    } else {
        jw_null(&w);
    }
    eyes_write_counts(x, &w);
    jw_end_obj(&w);
    arena_clear(&s.step);
    arena_clear(&a);
    return rc;
}
