/* --dry-run: what an export would have met in the observables that the node keeps. */
#include "share/export/export_writer.h"

#include <stdlib.h>
#include <unistd.h>

struct met {
    uint32_t entry; /* of the set */
    enum kind kind;
    uint64_t count;
};
struct trial {
    struct matchset_build *build;
    struct matchset *set;
    struct met *met; /* by number */
    uint32_t n;
    struct export_hits *hits;
};

static int add(void *ctx, const struct given *g, struct err *e)
{
    struct trial *t = ctx;
    struct err own = ERR_NONE;
    if (!kind_matched(g->value.kind) || g->value.value.n > UINT16_MAX || t->n == UINT32_MAX - 1) {
        return OK;
    }
    int rc = matchset_build_add(t->build, &g->value, t->n, &own);
    if (rc == ERR_UNSUPPORTED || rc == ERR_VALUE) {
        return OK;
    }
    if (rc < 0) {
        *e = own;
        return rc;
    }
    t->n++;
    return OK;
}

static int look(void *ctx, const struct obs *o, uint64_t count, struct err *e)
{
    struct trial *t = ctx;
    struct hit hit[INDEX_HITS];
    size_t n = matchset_find(t->set, o, hit, INDEX_HITS);
    t->hits->observables++;
    t->hits->rows += n > 0;
    t->hits->observations += n > 0 ? count : 0;
    for (size_t i = 0; i < n; i++) {
        if (hit[i].number < t->n) {
            struct met *m = &t->met[hit[i].number];
            m->entry = hit[i].entry;
            m->kind = hit[i].kind;
            m->count += count;
        }
    }
    return OK;
}

static int most_first(const void *a, const void *b)
{
    const struct met *x = a, *y = b;
    return x->count < y->count   ? 1
           : x->count > y->count ? -1
           : x->entry < y->entry ? -1
                                 : x->entry > y->entry;
}

static void tell_top(struct trial *t)
{
    char scratch[MATCHSET_VALUE_MAX];
    if (t->n) {
        qsort(t->met, t->n, sizeof(*t->met), most_first);
    }
    while (t->hits->n < HITS_TOP && t->hits->n < t->n && t->met[t->hits->n].count > 0) {
        const struct met *m = &t->met[t->hits->n];
        sv_copy(matchset_value(t->set, m->entry, scratch), t->hits->top[t->hits->n].value,
                sizeof(t->hits->top[0].value));
        sv_copy(sv_c(kind_name(m->kind)), t->hits->top[t->hits->n].kind, sizeof(t->hits->top[0].kind));
        t->hits->top[t->hits->n++].count = m->count;
    }
}

static int no_file(void *ctx, struct sv name, struct sv bytes, struct err *e)
{
    return OK;
}

static int make(struct fuse *f, const struct export_format *format, const struct export_opts *o,
                struct export_report *ret, struct err *e)
{
    int fd = -1;
    int rc = export_is_folder(format) ? export_folder(f, format, o, no_file, NULL, ret, e)
                                      : export_make(f, format, o, &fd, ret, e);
    close_fd(&fd);
    return rc;
}

int export_try(struct fuse *f, const struct export_format *format, const struct export_opts *given,
               usec since, struct export_report *ret, struct export_hits *hits, struct err *e)
{
    struct trial t = {.build = matchset_build_new(1024), .hits = hits};
    struct export_opts o = *given;
    *hits = (struct export_hits){0};
    o.carried = add;
    o.ctx = &t;
    o.state = NULL; /* nothing is published: no serial is used up */
    int rc = t.build ? make(f, format, &o, ret, e) : err_set(e, ERR_MEMORY, "no memory for the trial");
    if (rc == OK) {
        t.met = calloc((size_t)t.n + 1, sizeof(*t.met));
        t.set = t.met ? matchset_build_finish(t.build, e) : NULL;
        rc = t.set ? OK : t.met ? e->code : err_set(e, ERR_MEMORY, "no memory for the trial");
    }
    rc = rc == OK ? fuse_past_each(f, o.view, since, look, &t, e) : rc;
    if (rc == OK) {
        tell_top(&t);
    }
    free(t.met);
    matchset_free(t.set);
    matchset_build_free(t.build);
    return rc;
}
