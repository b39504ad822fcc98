#include "fuse/private.h"

int64_t object_nanoseconds(struct sv text)
{
    int64_t ns = 0;
    for (size_t i = 26; i < 29; i++) {
        bool digit = text.n > 20 && text.p[19] == '.' && i < text.n && text.p[i] >= '0' && text.p[i] <= '9';
        if (!digit) {
            return i == 26 ? 0 : i == 27 ? ns * 100 : ns * 10;
        }
        ns = ns * 10 + (text.p[i] - '0');
    }
    return ns;
}

static int compare_times(usec a, int64_t a_ns, usec b, int64_t b_ns)
{
    return a != b ? (a < b ? -1 : 1) : a_ns < b_ns ? -1 : a_ns > b_ns;
}

/* What one stored version of the same id says of an incoming one that has other content. */
static enum change compare_version(struct stmt *s, const struct object_rec *o)
{
    /* Observables have no versions: other properties are another report of the same thing. */
    if (o->head.modified == USEC_NONE) {
        return CHANGE_UPDATE;
    }
    int order = compare_times(o->head.modified, object_nanoseconds(o->head.modified_text), col_time(s, 1),
                              col_int(s, 3));
    if (order == 0) {
        return CHANGE_CONFLICT;
    }
    /* "Revoking an object is permanent; future versions of the object with this id MUST NOT be created" (STIX
     * 2.1 3.2). What came before it may still arrive. */
    return order > 0 && col_int(s, 4) && !o->head.revoked ? CHANGE_ENDED : CHANGE_UPDATE;
}

/* How the stored versions of this id by this source relate to an incoming one. */
static int compare_stored(struct fuse *f, int64_t source, int64_t h, const struct object_rec *o,
                          enum change *ret, struct err *e)
{
    struct stmt *s = db_query(
        f->db, "SELECT stix_id, modified, sha, modified_ns, revoked FROM object WHERE h = ? AND source = ?",
        e);
    if (!s) {
        return e->code;
    }
    db_int(s, h);
    db_int(s, source);
    struct sv sha = sv_from((const char *)o->sha.b, sizeof(o->sha.b));
    *ret = CHANGE_NEW;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        if (!sv_eq(col_text(s, 0), o->head.id)) {
            continue;
        }
        if (sv_eq(col_blob(s, 2), sha)) {
            *ret = CHANGE_NONE;
            break;
        }
        enum change now = compare_version(s, o);
        if (*ret == CHANGE_NEW || now == CHANGE_CONFLICT || (now == CHANGE_ENDED && *ret == CHANGE_UPDATE)) {
            *ret = now;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* The stored version that is in the way: of the same time, or the one that revokes. */
static int stored_against(struct fuse *f, int64_t source, const struct object_rec *o, enum change why,
                          struct arena *a, struct sv *ret, struct err *e)
{
    struct stmt *s =
        db_query(f->db,
                 "SELECT stix_id, modified, body, modified_ns, revoked FROM object WHERE h = ? AND "
                 "source = ? ORDER BY id",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, id_hash(f, o->head.id));
    db_int(s, source);
    int rc;
    *ret = SV("");
    while ((rc = db_step(s, e)) == 1) {
        if (sv_eq(col_text(s, 0), o->head.id) && compare_version(s, o) == why) {
            *ret = arena_sv(a, col_blob(s, 2));
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : ret->p ? OK : err_set(e, ERR_MEMORY, "no memory for a conflict");
}

int object_refusal(struct fuse *f, int64_t source, const struct object_rec *o, enum change why,
                   struct arena *a, struct reject *ret, struct err *e)
{
    bool ended = why == CHANGE_ENDED;
    *ret = (struct reject){
        .offset = UINT64_MAX,
        .code = ERR_CONFLICT,
        .text = ended
                    ? SV("its source has revoked this object, and that is final (STIX 2.1 section 3.2)")
                    : SV("the same id and `modified` stand for other content already: a new version needs a "
                         "newer `modified`"),
        .remedy = ended ? SV("ask the producer for a new object with an id of its own")
                        : SV("ask the producer which text holds; `noroshi rejected show` has both"),
        .bytes = o->json,
    };
    return stored_against(f, source, o, why, a, &ret->against, e);
}

static int insert(struct fuse *f, const struct entry *entry, const struct object_rec *o, int64_t h,
                  int64_t *ret_id, struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "INSERT INTO object (id, h, stix_id, type, source, tlp, created, modified, "
                              "created_by, revoked, pattern_other, sha, body, text,"
                              " accepted, entry, modified_ns) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
                              "RETURNING id",
                              e);
    if (!s) {
        return e->code;
    }
    bind_number(s, number_next(f, NUMBER_OBJECT, entry->id));
    db_int(s, h);
    db_text(s, o->head.id);
    db_text(s, o->head.type);
    db_int(s, entry->source);
    db_int(s, o->head.tlp);
    db_time(s, o->head.created);
    db_time(s, o->head.modified);
    db_text(s, o->head.created_by.p ? o->head.created_by : SV(""));
    db_int(s, o->head.revoked);
    db_int(s, o->pattern_other);
    db_blob(s, sv_from((const char *)o->sha.b, sizeof(o->sha.b)));
    db_blob(s, o->json);
    db_text(s, o->text.p ? o->text : SV(""));
    db_time(s, entry->at);
    db_int(s, entry->id);
    db_int(s, object_nanoseconds(o->head.modified_text));
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret_id = col_int(s, 0);
        rc = OK;
    }
    db_done(s);
    return rc;
}

static int insert_refs(struct fuse *f, const struct entry *entry, const struct object_rec *o, int64_t id,
                       struct err *e)
{
    struct stmt *s =
        o->nrefs
            ? db_query(f->db,
                       "INSERT INTO object_ref (id, target_h, target, property, object) VALUES (?,?,?,?,?)",
                       e)
            : NULL;
    if (o->nrefs && !s) {
        return e->code;
    }
    int rc = OK;
    for (size_t i = 0; rc == OK && i < o->nrefs; i++) {
        bind_number(s, number_next(f, NUMBER_REF, entry->id));
        db_int(s, id_hash(f, o->refs[i].target));
        db_text(s, o->refs[i].target);
        db_text(s, o->refs[i].property);
        db_int(s, id);
        rc = db_run(s, e);
    }
    db_done(s);
    return rc;
}

static int insert_values(struct fuse *f, const struct entry *entry, const struct object_rec *o, int64_t id,
                         struct err *e)
{
    struct stmt *s =
        o->nvalues
            ? db_query(f->db,
                       "INSERT INTO object_value (id, h, kind, value, bad, object) VALUES (?,?,?,?,?,?)", e)
            : NULL;
    if (o->nvalues && !s) {
        return e->code;
    }
    int rc = OK;
    for (size_t i = 0; rc == OK && i < o->nvalues; i++) {
        const struct object_value *v = &o->values[i];
        bind_number(s, number_next(f, NUMBER_VALUE, entry->id));
        db_int(s, value_hash(f, v->kind, v->value));
        db_int(s, v->kind);
        db_text(s, v->value);
        db_int(s, v->bad);
        db_int(s, id);
        rc = db_run(s, e);
    }
    db_done(s);
    return rc;
}

/* The source that first spoke for a creator stays entitled to make its objects' newest versions. */
static int note_speaker(struct fuse *f, const struct entry *entry, struct sv created_by, struct err *e)
{
    if (!created_by.n) {
        return OK;
    }
    struct stmt *s = db_query(
        f->db, "INSERT INTO speaker (created_by, source) VALUES (?, ?) ON CONFLICT (created_by) DO NOTHING",
        e);
    if (!s) {
        return e->code;
    }
    db_text(s, created_by);
    db_int(s, entry->source);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int object_apply(struct fuse *f, const struct entry *entry, const struct object_rec *o, enum change *ret,
                 struct err *e)
{
    int64_t h = id_hash(f, o->head.id), id = 0;
    int rc = compare_stored(f, entry->source, h, o, ret, e);
    if (rc < 0 || *ret == CHANGE_NONE || *ret == CHANGE_CONFLICT || *ret == CHANGE_ENDED) {
        return rc;
    }
    rc = insert(f, entry, o, h, &id, e);
    if (rc == OK) {
        rc = insert_refs(f, entry, o, id, e);
    }
    if (rc == OK) {
        rc = insert_values(f, entry, o, id, e);
    }
    if (rc == OK) {
        rc = alias_add_object(f, entry, o, e);
    }
    return rc == OK ? note_speaker(f, entry, o->head.created_by, e) : rc;
}
