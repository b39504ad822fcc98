#include "fuse/private.h"

/* Past this many new claims beside the whole index, building it anew is cheaper than looking two blocks up.
 */
#define FRESH_MAX 100000

struct fuse_index fuse_index_get(struct fuse *f)
{
    pthread_mutex_lock(&f->index_lock);
    struct fuse_index i = f->index;
    i.base = i.base ? matchset_ref(i.base) : NULL;
    i.fresh = i.fresh ? matchset_ref(i.fresh) : NULL;
    pthread_mutex_unlock(&f->index_lock);
    return i;
}

void fuse_index_put(struct fuse_index *i)
{
    matchset_free(i->base);
    matchset_free(i->fresh);
    *i = (struct fuse_index){0};
}

/* A value that another source stated after the base was built stands in both blocks. */
static bool met(const struct index_hit *hit, size_t n, enum kind kind, struct sv value)
{
    for (size_t i = 0; i < n; i++) {
        if (hit[i].kind == kind && sv_eq(hit[i].value, value)) {
            return true;
        }
    }
    return false;
}

size_t fuse_index_find(const struct fuse_index *i, const struct obs *o, struct index_hit ret[INDEX_HITS])
{
    const struct matchset *sets[2] = {i->base, i->fresh};
    size_t n = 0;
    for (size_t k = 0; k < 2; k++) {
        struct hit hit[INDEX_HITS];
        size_t found = sets[k] ? matchset_find(sets[k], o, hit, INDEX_HITS) : 0;
        for (size_t h = 0; h < found && n < INDEX_HITS; h++) {
            struct index_hit *r = &ret[n];
            r->kind = hit[h].kind;
            r->how = hit[h].how;
            r->value = matchset_value(sets[k], hit[h].entry, r->scratch);
            n += !met(ret, n, r->kind, r->value);
        }
    }
    return n;
}

/* A value that cannot stand in an index (a whole top-level domain) is claimed, found and shown, but not
 * matched: it must not keep all others from being matched. */
int index_add(struct matchset_build *b, const struct obs *o, int64_t claim, struct err *e)
{
    struct err own = ERR_NONE;
    if (o->value.n > UINT16_MAX) {
        return OK;
    }
    int rc = matchset_build_add(b, o, (uint32_t)claim, &own);
    if (rc == ERR_UNSUPPORTED || rc == ERR_VALUE) {
        return OK;
    }
    if (rc < 0 && e) {
        *e = own;
    }
    return rc;
}

/* Claims with id > after into a builder. */
static int add_claims(struct fuse *f, int64_t after, const struct benign *benign, struct matchset_build *b,
                      struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT id, kind, value FROM claim WHERE id > ? AND flags = 0 ORDER BY id", e);
    if (!s) {
        return e->code;
    }
    struct arena a;
    arena_init(&a, 1 << 20);
    db_int(s, after);
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        enum kind kind = (enum kind)col_int(s, 1);
        struct obs o;
        struct err ignored = ERR_NONE;
        arena_reset(&a);
        if (!kind_matched(kind) || obs_read(&a, kind, col_text(s, 2), &o, &ignored) != OK ||
            benign_covers(benign, &o)) {
            continue;
        }
        rc = index_add(b, &o, col_int(s, 0), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    arena_clear(&a);
    return rc;
}

static int build(struct fuse *f, int64_t after, int64_t expected, struct matchset **ret, struct err *e)
{
    const struct benign *benign = benign_get(f, e);
    struct matchset_build *b = benign ? matchset_build_new((size_t)expected) : NULL;
    int rc = !benign ? e->code
             : !b    ? err_set(e, ERR_MEMORY, "no memory for the match index")
                     : add_claims(f, after, benign, b, e);
    if (rc == OK) {
        *ret = matchset_build_finish(b, e);
        rc = *ret ? OK : e->code;
    }
    matchset_build_free(b);
    return rc;
}

static void swap(struct fuse *f, struct fuse_index next)
{
    pthread_mutex_lock(&f->index_lock);
    struct fuse_index old = f->index;
    f->index = next;
    pthread_mutex_unlock(&f->index_lock);
    fuse_index_put(&old);
}

static int refresh(struct fuse *f, usec now, struct err *e)
{
    int64_t newest = db_value(f->db, "SELECT max(id) FROM claim", 0);
    struct fuse_index current = fuse_index_get(f), next = {.upto = newest, .built = now};
    bool whole = f->index_stale || !current.base || newest < current.upto;
    int rc = OK;
    if (!whole && newest == current.upto) {
        fuse_index_put(&current);
        return OK;
    }
    /* The fresh block always begins at the base's end, so two blocks are enough. */
    whole |= newest - current.base_upto > FRESH_MAX;
    if (whole) {
        next.base_upto = newest;
        rc = build(f, 0, newest, &next.base, e);
    } else {
        next.base_upto = current.base_upto;
        next.base = matchset_ref(current.base);
        rc = build(f, current.base_upto, newest - current.base_upto, &next.fresh, e);
    }
    fuse_index_put(&current);
    if (rc != OK) {
        fuse_index_put(&next);
        return rc;
    }
    f->index_stale = whole ? false : f->index_stale;
    swap(f, next);
    return OK;
}

/* The warninglists in memory and the staleness belong to whoever has the writer's turn. */
int fuse_index_refresh(struct fuse *f, usec now, struct err *e)
{
    if (db_in_tx(f->db) || !db_writable(f->db)) {
        return refresh(f, now, e);
    }
    int rc = db_begin(f->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = refresh(f, now, e);
    return db_finish(f->db, rc, e);
}
