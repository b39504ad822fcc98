#include "share/contribution/contribution.h"

#include "share/partner/release.h"
#include "share/partner/shares.h"
#include "share/taxii/taxii.h"

#define PAGE 1000
#define COUNTED_MOST 256

/* Numbers by name; what has no place any more is counted under "other". */
struct tally {
    struct arena *a;
    struct sv name[COUNTED_MOST];
    uint64_t n[COUNTED_MOST];
    size_t names;
};

static void tally_add(struct tally *t, struct sv name, uint64_t n)
{
    size_t i = 0;
    while (i < t->names && !sv_eq(t->name[i], name)) {
        i++;
    }
    if (i == t->names) {
        struct sv kept = i < COUNTED_MOST - 1 ? arena_sv(t->a, name) : SV("other");
        i = i < COUNTED_MOST ? i : COUNTED_MOST - 1;
        t->name[i] = kept.p ? kept : SV("other");
        t->names = i + 1;
    }
    t->n[i] += n;
}

static void on_type(void *ctx, struct sv type, uint64_t n)
{
    tally_add(ctx, type, n);
}

static void tally_write(const struct tally *t, const char *key, struct jw *w)
{
    jw_key(w, key);
    jw_obj(w);
    for (size_t i = 0; i < t->names; i++) {
        jw_key_sv(w, t->name[i]);
        jw_int(w, (int64_t)t->n[i]);
    }
    jw_end_obj(w);
}

/* ---- given */

struct given_sum {
    usec since;
    uint64_t things, messages;
    struct tally agreements;
    struct json_doc *doc;
    int64_t last; /* entry */
    size_t page;
    bool over; /* older than `since` */
};

static int on_share(void *ctx, int64_t entry, struct sv record, usec done)
{
    struct given_sum *g = ctx;
    struct err e = ERR_NONE;
    struct jv v, grant;
    struct sv unused;
    const struct time_opts none = {.fallback = NULL};
    usec at = USEC_NONE;
    int64_t n = 0;
    (void)done;
    g->last = entry;
    g->page++;
    if (json_parse(g->doc, record, &v, &e) != OK) {
        return e.code;
    }
    int rc = time_parse(json_get_str(v, SV("at")), &none, &at, &e);
    if (rc != OK) {
        return rc;
    }
    if (at < g->since) {
        g->over = true;
        return 1;
    }
    g->messages++;
    if (json_i64(json_get(v, SV("things")), &n) && n > 0) {
        g->things += (uint64_t)n;
    }
    struct json_it it = json_each(json_get(v, SV("grants")));
    while (json_next(&it, &unused, &grant)) {
        n = 0;
        (void)json_i64(json_get(grant, SV("things")), &n);
        tally_add(&g->agreements, json_get_str(grant, SV("agreement")), n > 0 ? (uint64_t)n : 0);
    }
    return OK;
}

static int count_given(struct db *db, struct sv partner, struct given_sum *g, struct err *e)
{
    int rc;
    do {
        g->page = 0;
        rc = share_each(db, partner, g->last, PAGE, on_share, g, e);
    } while (rc == OK && g->page == PAGE && !g->over);
    return rc < 0 ? rc : OK;
}

static int write_given(struct db *db, const struct partner *p, usec since, struct arena *a, struct jw *w,
                       struct err *e)
{
    char id[37];
    struct given_sum g = {.since = since, .agreements = {.a = a}, .doc = json_doc_new(1u << 20)};
    struct tally types = {.a = a};
    uuid_text(p->card.id, id);
    int rc = g.doc ? count_given(db, sv_c(id), &g, e) : err_set(e, ERR_MEMORY, "no memory to count shares");
    rc = rc == OK ? taxii_given_types(db, p->card.id, on_type, &types, e) : rc;
    json_doc_free(g.doc);
    jw_key(w, "given");
    jw_obj(w);
    jw_kint(w, "things", (int64_t)g.things);
    jw_kint(w, "messages", (int64_t)g.messages);
    tally_write(&types, "by_type", w);
    tally_write(&g.agreements, "by_agreement", w);
    jw_end_obj(w);
    return rc;
}

/* ---- taken */

struct taken {
    struct fuse *f;
    struct uuid partner;
    usec since;
    struct fuse_brought sum;
    struct tally types;
    struct err e;
};

static int on_source(void *ctx, const struct source *s)
{
    struct taken *t = ctx;
    struct uuid upstream;
    struct fuse_brought b;
    if (!release_principal(s->upstream, &upstream) || !uuid_eq(upstream, t->partner) || s->exercise) {
        return OK;
    }
    int rc = fuse_brought(t->f, s->id, t->since, &b, &t->e);
    rc = rc == OK ? fuse_brought_types(t->f, s->id, t->since, on_type, &t->types, &t->e) : rc;
    if (rc == OK) {
        t->sum.objects += b.objects;
        t->sum.values += b.values;
        t->sum.first += b.first;
        t->sum.hits += b.hits;
        t->sum.values_hit += b.values_hit;
        t->sum.withdrawn += b.withdrawn;
        t->sum.false_positives += b.false_positives;
    }
    return rc;
}

static int write_taken(struct db *db, struct fuse *f, const struct partner *p, usec since, struct arena *a,
                       struct jw *w, struct err *e)
{
    struct taken t = {.f = f, .partner = p->card.id, .since = since, .types = {.a = a}, .e = ERR_NONE};
    int rc = source_each(db, a, on_source, &t, e);
    if (rc < 0 && t.e.code != OK) {
        *e = t.e;
    }
    jw_key(w, "taken");
    jw_obj(w);
    jw_kint(w, "objects", (int64_t)t.sum.objects);
    tally_write(&t.types, "by_type", w);
    jw_kint(w, "values", (int64_t)t.sum.values);
    jw_kint(w, "first", (int64_t)t.sum.first);
    jw_kint(w, "hits", (int64_t)t.sum.hits);
    jw_kint(w, "values_hit", (int64_t)t.sum.values_hit);
    jw_kint(w, "withdrawn", (int64_t)t.sum.withdrawn);
    jw_kint(w, "false_positives", (int64_t)t.sum.false_positives);
    jw_end_obj(w);
    return rc;
}

int contribution_write(struct db *db, struct fuse *f, const struct partner *p, usec since, struct jw *w,
                       struct err *e)
{
    struct arena a;
    char id[37];
    arena_init(&a, 64u << 20);
    uuid_text(p->card.id, id);
    jw_obj(w);
    jw_kstr(w, "partner", sv_c(id));
    jw_kstr(w, "name", p->card.name[LANGUAGE_EN]);
    jw_kstr(w, "status", sv_c(partner_status_name(p->status)));
    int rc = write_given(db, p, since, &a, w, e);
    rc = rc == OK ? write_taken(db, f, p, since, &a, w, e) : rc;
    jw_end_obj(w);
    arena_clear(&a);
    return rc;
}
