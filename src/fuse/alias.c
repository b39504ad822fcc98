/*
 * A file is known by different hashes. Who names several of one file joins them: a file object with its
 * hashes, an indicator whose observation names them, a MISP object with an attribute for each. Joined is by
 * value, in a table of its own: one row a hash and joiner, so that it does not matter what came first.
 */
#include "fuse/private.h"

#include <stdlib.h>

static bool exact_hash(enum kind k)
{
    return k >= KIND_MD5 && k <= KIND_SHA512;
}

/* All rows of one joiner have this number; the text confirms. */
static int64_t file_number(const struct fuse *f, int64_t source, struct sv joined)
{
    char room[24 + 400];
    int n = snprintf(room, sizeof(room), "%lld %.*s", (long long)source, SV_ARG(sv_sub(joined, 0, 390)));
    return (int64_t)hash64(f->secret, sv_from(room, n > 0 ? (size_t)n : 0));
}

static int insert(struct fuse *f, const struct entry *entry, enum kind kind, struct sv value,
                  struct sv joined, enum tlp tlp, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "INSERT INTO file_alias (id, h, kind, value, file, joined, source, tlp, entry) VALUES "
                 "(?,?,?,?,?,?,?,?,?)",
                 e);
    if (!s) {
        return e->code;
    }
    bind_number(s, number_next(f, NUMBER_ALIAS, entry->id));
    db_int(s, value_hash(f, kind, value));
    db_int(s, kind);
    db_text(s, value);
    db_int(s, file_number(f, entry->source, joined));
    db_text(s, joined);
    db_int(s, entry->source);
    db_int(s, tlp);
    db_int(s, entry->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* What a joiner said before. A later word under a weaker marking does not loosen the earlier one. */
static int known(struct fuse *f, const struct entry *entry, enum kind kind, struct sv value, struct sv joined,
                 enum tlp tlp, struct err *e)
{
    struct stmt *s =
        db_query(f->db, "SELECT kind, value, joined, source, tlp FROM file_alias WHERE h = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, value_hash(f, kind, value));
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (col_int(s, 0) == (int64_t)kind && col_int(s, 3) == entry->source &&
            col_int(s, 4) == (int64_t)tlp && sv_eq(col_text(s, 1), value) && sv_eq(col_text(s, 2), joined)) {
            break;
        }
    }
    db_done(s);
    return rc;
}

static int add(struct fuse *f, const struct entry *entry, enum kind kind, struct sv value, struct sv joined,
               enum tlp tlp, bool *ret_added, struct err *e)
{
    int rc = known(f, entry, kind, value, joined, tlp, e);
    *ret_added = rc == 0;
    return rc == 0 ? insert(f, entry, kind, value, joined, tlp, e) : rc < 0 ? rc : OK;
}

int alias_add_object(struct fuse *f, const struct entry *entry, const struct object_rec *o, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < o->nvalues; i++) {
        char joined[400];
        bool added;
        const struct object_value *v = &o->values[i];
        if (!v->file || !exact_hash(v->kind)) {
            continue;
        }
        snprintf(joined, sizeof(joined), "%.*s#%u", SV_ARG(sv_sub(o->head.id, 0, 380)), v->file);
        rc = add(f, entry, v->kind, v->value, sv_c(joined), o->head.tlp, &added, e);
    }
    return rc;
}

/* {"object":"file","object_uuid":"..."} in the fields of a claim out of a MISP object: our own writer's JSON,
 * in which no other text can look like this. */
static bool file_object(struct sv meta, struct sv *ret_uuid)
{
    static const struct sv key = SV("\"object_uuid\":\"");
    struct uuid u;
    size_t at = sv_find(meta, key);
    if (at == SIZE_MAX || sv_find(meta, SV("\"object\":\"file\"")) == SIZE_MAX) {
        return false;
    }
    *ret_uuid = sv_sub(meta, at + key.n, 36);
    return uuid_parse(*ret_uuid, &u);
}

int alias_add_claim(struct fuse *f, const struct entry *entry, const struct claim_rec *c, bool *ret_added,
                    struct err *e)
{
    struct sv uuid;
    *ret_added = false;
    if (!c->meta.n || !exact_hash(c->value.kind) || !file_object(c->meta, &uuid)) {
        return OK;
    }
    return add(f, entry, c->value.kind, c->value.value, uuid, c->tlp, ret_added, e);
}

/* ---- finding ---- */

struct search {
    struct fuse *f;
    const struct pact_view *view;
    struct arena *a;
    struct alias *found; /* the first is what was asked for */
    size_t n;
    struct err *e;
};

/* An indicator that its source has revoked joins nothing any more. */
#define JOINERS                                                                                              \
    "SELECT a.kind, a.value, a.source, a.tlp, a.file, a.joined, s.name FROM file_alias a JOIN source s ON "  \
    "s.id = a.source"

static int revoked(struct search *q, int64_t source, struct sv joined)
{
    struct sv id = sv_sub(joined, 0, sv_chr(joined, '#'));
    if (!sv_starts(id, SV("indicator--"))) {
        return 0;
    }
    struct stmt *s = db_query(
        q->f->db, "SELECT 1 FROM object WHERE h = ? AND source = ? AND stix_id = ? AND revoked = 1", q->e);
    if (!s) {
        return q->e->code;
    }
    db_int(s, id_hash(q->f, id));
    db_int(s, source);
    db_text(s, id);
    int rc = db_step(s, q->e);
    db_done(s);
    return rc;
}

static int add_source(struct search *q, struct alias *to, struct sv name)
{
    struct sv rest = to->sources, one;
    while (rest.n && sv_cut(&rest, '\n', &one)) {
        if (sv_eq(one, name)) {
            return OK;
        }
    }
    struct sv now = to->sources.n ? arena_printf(q->a, "%.*s\n%.*s", SV_ARG(to->sources), SV_ARG(name))
                                  : arena_sv(q->a, name);
    to->sources = now;
    return now.p ? OK : err_set(q->e, ERR_MEMORY, "no memory for the hashes of a file");
}

static int note(struct search *q, enum kind kind, struct sv value, struct sv source)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->found[i].kind == kind && sv_eq(q->found[i].value, value)) {
            return i ? add_source(q, &q->found[i], source) : OK;
        }
    }
    if (q->n == ALIASES_MAX + 1) {
        return OK;
    }
    struct alias *to = &q->found[q->n++];
    *to = (struct alias){.kind = kind, .value = arena_sv(q->a, value), .sources = SV("")};
    return to->value.p ? add_source(q, to, source)
                       : err_set(q->e, ERR_MEMORY, "no memory for the hashes of a file");
}

/* All hashes one joiner names. */
static int of_file(struct search *q, int64_t file, int64_t source, struct sv joined)
{
    int rc = revoked(q, source, joined);
    if (rc != 0) {
        return rc < 0 ? rc : OK;
    }
    struct stmt *s = db_query(q->f->db, JOINERS " WHERE a.file = ? ORDER BY a.kind, a.value", q->e);
    if (!s) {
        return q->e->code;
    }
    db_int(s, file);
    while ((rc = db_step(s, q->e)) == 1) {
        if (col_int(s, 2) == source && sv_eq(col_text(s, 5), joined) &&
            pact_sees(q->view, source, (enum tlp)col_int(s, 3))) {
            rc = note(q, (enum kind)col_int(s, 0), col_text(s, 1), col_text(s, 6));
        } else {
            rc = OK;
        }
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* Who names this hash beside others. */
static int of_hash(struct search *q, const struct alias *from)
{
    struct stmt *s =
        db_query(q->f->db, JOINERS " WHERE a.h = ? ORDER BY a.source, a.joined LIMIT 1000", q->e);
    if (!s) {
        return q->e->code;
    }
    db_int(s, value_hash(q->f, from->kind, from->value));
    int rc;
    while ((rc = db_step(s, q->e)) == 1) {
        bool same = col_int(s, 0) == (int64_t)from->kind && sv_eq(col_text(s, 1), from->value);
        if (!same || !pact_sees(q->view, col_int(s, 2), (enum tlp)col_int(s, 3))) {
            continue;
        }
        struct sv joined = arena_sv(q->a, col_text(s, 5));
        rc = joined.p ? of_file(q, col_int(s, 4), col_int(s, 2), joined)
                      : err_set(q->e, ERR_MEMORY, "no memory for the hashes of a file");
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

static int compare(const void *a, const void *b)
{
    const struct alias *x = a, *y = b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : sv_cmp(x->value, y->value);
}

int alias_find(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, struct arena *a,
               struct alias ret[ALIASES_MAX], struct err *e)
{
    struct alias found[ALIASES_MAX + 1];
    struct search q = {.f = f, .view = view, .a = a, .found = found, .e = e};
    if (!exact_hash(kind)) {
        return 0;
    }
    found[q.n++] = (struct alias){.kind = kind, .value = value};
    /* From hash to hash: one names MD5 and SHA-1, another SHA-1 and SHA-256. */
    for (size_t i = 0; i < q.n; i++) {
        int rc = of_hash(&q, &found[i]);
        if (rc < 0) {
            return rc;
        }
    }
    memcpy(ret, found + 1, (q.n - 1) * sizeof(*ret));
    if (q.n > 2) {
        qsort(ret, q.n - 1, sizeof(*ret), compare);
    }
    return (int)(q.n - 1);
}
