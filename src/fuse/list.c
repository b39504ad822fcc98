#include "fuse/private.h"

/* Warninglists whose names begin so only tell what a value is (context); all others say that it is benign. */
static const char *const CONTEXT_WORDS[] = {
    "tranco",       "cisco umbrella", "majestic",   "alexa",
    "cisco",        "moz top",        "top ",       "dynamic dns",
    "dynamic-dns",  "url shortener",  "shortener",  "tld",
    "second-level", "second level",   "suffix",     "university",
    "universities", "disposable",     "sinkhole",   "vpn",
    "captive",      "parking",        "hosting",    "crl",
    "ocsp",         "phone",          "free email", "free-email",
    "smtp",
};

static bool contains(struct sv s, const char *word)
{
    struct sv w = sv_c(word);
    for (size_t i = 0; i + w.n <= s.n; i++) {
        if (sv_ieq(sv_sub(s, i, w.n), w)) {
            return true;
        }
    }
    return false;
}

const char *list_role(struct sv name)
{
    for (size_t i = 0; i < sizeof(CONTEXT_WORDS) / sizeof(CONTEXT_WORDS[0]); i++) {
        if (contains(name, CONTEXT_WORDS[i])) {
            return "context";
        }
    }
    return "benign";
}

void list_head_encode(struct buf *b, const struct list_rec *l)
{
    buf_str(b, l->name);
    buf_str(b, l->description);
    buf_varint(b, l->version);
    buf_varint(b, l->match);
    buf_str(b, l->attributes);
}

bool list_head_decode(struct sv bytes, struct list_rec *ret)
{
    struct cur c = cur_of(bytes);
    ret->name = cur_str(&c);
    ret->description = cur_str(&c);
    ret->version = cur_varint(&c);
    ret->match = (enum list_match)cur_varint(&c);
    ret->attributes = cur_str(&c);
    return !c.failed && ret->match <= LIST_REGEX;
}

int64_t list_find(struct fuse *f, int64_t source, struct sv name, uint64_t *ret_version, struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT id, version FROM list WHERE source = ? AND name = ?", e);
    if (!s) {
        return e->code;
    }
    db_int(s, source);
    db_text(s, name);
    int64_t id = db_step(s, e);
    if (id == 1) {
        id = col_int(s, 0);
        if (ret_version) {
            *ret_version = (uint64_t)col_int(s, 1);
        }
    }
    db_done(s);
    return id;
}

bool list_has(struct fuse *f, int64_t list, struct sv entry_value)
{
    struct stmt *s = db_query(f->db, "SELECT list, value FROM list_entry WHERE h = ?", NULL);
    if (!s) {
        return false;
    }
    db_int(s, value_hash(f, KIND_NONE, entry_value));
    bool found = false;
    while (!found && db_step(s, NULL) == 1) {
        found = col_int(s, 0) == list && sv_eq(col_text(s, 1), entry_value);
    }
    db_done(s);
    return found;
}

int64_t list_size(struct fuse *f, int64_t list)
{
    struct stmt *s = db_query(f->db, "SELECT count(*) FROM list_entry WHERE list = ?", NULL);
    int64_t n = 0;
    if (s) {
        db_int(s, list);
        n = db_step(s, NULL) == 1 ? col_int(s, 0) : 0;
        db_done(s);
    }
    return n;
}

static int delete_old(struct fuse *f, int64_t id, struct err *e)
{
    static const char *const sql[] = {"DELETE FROM list_entry WHERE list = ?",
                                      "DELETE FROM list WHERE id = ?"};
    for (size_t i = 0; i < 2; i++) {
        struct stmt *s = db_query(f->db, sql[i], e);
        if (!s) {
            return e->code;
        }
        db_int(s, id);
        int rc = db_run(s, e);
        db_done(s);
        if (rc < 0) {
            return rc;
        }
    }
    return OK;
}

static int insert_head(struct fuse *f, const struct entry *entry, const struct list_rec *l, int64_t *ret_id,
                       struct err *e)
{
    struct stmt *s = db_query(f->db,
                              "INSERT INTO list (source, name, description, role, match, version, "
                              "attributes, entry) VALUES (?,?,?,?,?,?,?,?) RETURNING id",
                              e);
    if (!s) {
        return e->code;
    }
    db_int(s, entry->source);
    db_text(s, l->name);
    db_text(s, l->description);
    db_text(s, sv_c(list_role(l->name)));
    db_int(s, l->match);
    db_int(s, (int64_t)l->version);
    db_text(s, l->attributes);
    db_int(s, entry->id);
    int rc = db_step(s, e);
    if (rc == 1) {
        *ret_id = col_int(s, 0);
        rc = OK;
    }
    db_done(s);
    return rc;
}

int list_apply(struct fuse *f, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct list_rec head;
    if (!pack_next(&it, &record) || !record.p || !list_head_decode(record, &head)) {
        return err_set(e, ERR_CORRUPT, "entry %lld holds a warninglist without a readable head",
                       (long long)entry->id);
    }
    int64_t old = list_find(f, entry->source, head.name, NULL, e), id = 0;
    int rc = old < 0 ? (int)old : old > 0 ? delete_old(f, old, e) : OK;
    if (rc == OK) {
        rc = insert_head(f, entry, &head, &id, e);
    }
    struct stmt *s =
        rc == OK ? db_query(f->db, "INSERT INTO list_entry (list, h, value) VALUES (?, ?, ?)", e) : NULL;
    if (rc == OK && !s) {
        return e->code;
    }
    while (rc == OK && pack_next(&it, &record)) {
        if (!record.p) {
            continue;
        }
        db_int(s, id);
        db_int(s, value_hash(f, KIND_NONE, record));
        db_text(s, record);
        rc = db_run(s, e);
    }
    db_done(s);
    benign_free(f->benign);
    f->benign = NULL;
    f->index_stale = true;
    return rc;
}
