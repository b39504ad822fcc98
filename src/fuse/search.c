#include "fuse/answer.h"
#include "fuse/words.h"

/* Documents indexed in one transaction. */
#define STEP 5000
#define LIMIT_MAX 1000

struct document {
    int64_t id, object, claim, source;
    struct sv type;
    usec at;
};

/* Numbers are given by us: RETURNING would open a savepoint a statement, and FTS5 writes its whole buffer out
 * at each. */
static int add_document(struct fuse *f, const struct document *d, struct sv text, struct buf *words,
                        struct err *e)
{
    struct stmt *s =
        db_query(f->db, "INSERT INTO document (id, object, claim, source, type, at) VALUES (?,?,?,?,?,?)", e);
    if (!s) {
        return e->code;
    }
    db_int(s, d->id);
    d->object ? db_int(s, d->object) : db_null(s);
    d->claim ? db_int(s, d->claim) : db_null(s);
    db_int(s, d->source);
    db_text(s, d->type);
    db_time(s, d->at);
    int rc = db_run(s, e);
    db_done(s);
    buf_reset(words);
    words_for_index(text, words);
    s = rc == OK ? db_query(f->db, "INSERT INTO search (rowid, text) VALUES (?, ?)", e) : NULL;
    if (!s) {
        return e->code;
    }
    db_int(s, d->id);
    db_text(s, buf_sv(words));
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* Indexes up to STEP rows after the cursor; *ret_more tells whether there may be more. */
static int index_step(struct fuse *f, const char *sql, const char *cursor, bool objects, struct buf *words,
                      bool *ret_more, struct err *e)
{
    struct stmt *s = db_query(f->db, sql, e);
    if (!s) {
        return e->code;
    }
    /* A number is never given twice: the text index does not forget what a dropped document said. */
    int64_t at = cursor_get(f, cursor), next = cursor_get(f, "document") + 1;
    size_t n = 0;
    int rc;
    db_int(s, at);
    while ((rc = db_step(s, e)) == 1) {
        at = col_int(s, 0);
        n++;
        const struct document d = {
            .id = next++,
            .object = objects ? at : 0,
            .claim = objects ? 0 : at,
            .source = col_int(s, 1),
            .type = objects ? col_text(s, 2) : sv_c(kind_name((enum kind)col_int(s, 2))),
            .at = col_time(s, 3),
        };
        rc = add_document(f, &d, col_text(s, 4), words, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    *ret_more = n == STEP;
    rc = rc < 0 ? rc : cursor_set(f, "document", next - 1, e);
    return rc < 0 ? rc : cursor_set(f, cursor, at, e);
}

/* Rows dropped from the tail give their numbers to later ones: the cursor never stands behind the end. */
static int pull_back(struct fuse *f, const char *cursor, const char *max_sql, struct err *e)
{
    int64_t newest = db_value(f->db, max_sql, 0);
    return cursor_get(f, cursor) > newest ? cursor_set(f, cursor, newest, e) : OK;
}

int fuse_search_update(struct fuse *f, struct err *e)
{
    struct buf words;
    buf_init(&words, 64u << 20);
    bool more = true;
    int rc = OK;
    while (rc == OK && more) {
        bool more_objects = false, more_claims = false;
        rc = db_begin(f->db, e);
        if (rc != OK) {
            break;
        }
        rc = pull_back(f, "search_object", "SELECT max(id) FROM object", e);
        rc = rc == OK ? pull_back(f, "search_claim", "SELECT max(id) FROM claim", e) : rc;
        if (rc == OK) {
            rc = index_step(f,
                            "SELECT id, source, type, coalesce(modified, created, accepted), text FROM "
                            "object WHERE id > ? ORDER BY id LIMIT 5000",
                            "search_object", true, &words, &more_objects, e);
        }
        if (rc == OK) {
            /* A claim out of a STIX object is found through the object. */
            rc = index_step(f,
                            "SELECT id, source, kind, coalesce(last_seen, modified, created, accepted), note "
                            "|| ' ' || value FROM claim WHERE id > ? AND note <> '' AND ref NOT LIKE "
                            "'indicator--%' ORDER BY id LIMIT 5000",
                            "search_claim", false, &words, &more_claims, e);
        }
        rc = db_finish(f->db, rc, e);
        more = more_objects || more_claims;
    }
    buf_clear(&words);
    return rc;
}

/* ---- finding
 * ------------------------------------------------------------------------------------------------------------------
 */

static void write_hit(struct jw *w, struct stmt *s)
{
    bool object = !col_null(s, 1);
    char id[64] = "";
    if (!object) {
        stix_claim_id(col_text(s, 4), (enum kind)col_int(s, 9), col_text(s, 7), id);
    }
    struct sv text = object ? col_text(s, 11) : col_text(s, 10);
    jw_obj(w);
    jw_kint(w, "number", col_int(s, 0));
    jw_kstr(w, "id", object ? col_text(s, 8) : sv_c(id));
    jw_kstr(w, "type", col_text(s, 3));
    if (!object) {
        jw_kstr(w, "value", col_text(s, 7));
    }
    jw_kstr(w, "source", col_text(s, 4));
    jw_kbool(w, "exercise", col_int(s, 12) != 0);
    write_time(w, "time", col_time(s, 5));
    char shown[400];
    sv_copy(text, shown, sizeof(shown));
    jw_kstr(w, "text", sv_c(shown));
    jw_end_obj(w);
}

static const char FIND[] =
    "SELECT d.id, d.object, d.source, d.type, s.name, d.at, coalesce(o.tlp, c.tlp), c.value, o.stix_id, "
    "c.kind, c.note, o.text, s.exercise"
    " FROM search JOIN document d ON d.id = search.rowid JOIN source s ON s.id = d.source"
    " LEFT JOIN object o ON o.id = d.object LEFT JOIN claim c ON c.id = d.claim"
    " WHERE search MATCH ? AND d.id < ? AND (? = '' OR d.type = ?) AND (? = 0 OR d.source = ?) AND "
    "coalesce(d.at, 0) >= ? AND coalesce(d.at, 0) < ?"
    " ORDER BY search.rowid DESC";

static void bind(struct stmt *s, const struct find_opts *o, struct sv query)
{
    db_text(s, query);
    db_int(s, o->before ? o->before : INT64_MAX);
    db_text(s, o->type.n ? o->type : SV(""));
    db_text(s, o->type.n ? o->type : SV(""));
    db_int(s, o->source);
    db_int(s, o->source);
    db_int(s, o->since == USEC_NONE ? INT64_MIN : o->since);
    db_int(s, o->until == USEC_NONE ? INT64_MAX : o->until);
}

int fuse_find(struct fuse *f, const struct pact_view *view, const struct find_opts *o, struct buf *json,
              struct err *e)
{
    struct buf query;
    buf_init(&query, 1 << 16);
    words_for_query(o->text, &query);
    if (query.failed || query.n == 0) {
        buf_clear(&query);
        err_set(e, ERR_USAGE,
                query.failed ? "the search text is too long" : "there is no word to search for");
        return err_hint(e, "give at least one word, for example `noroshi find phishing`");
    }
    struct stmt *s = db_query(f->db, FIND, e);
    if (!s) {
        buf_clear(&query);
        return e->code;
    }
    bind(s, o, buf_sv(&query));
    struct jw w;
    jw_init(&w, json);
    jw_obj(&w);
    jw_kstr(&w, "query", o->text);
    jw_key(&w, "hits");
    jw_arr(&w);
    size_t limit = o->limit && o->limit <= LIMIT_MAX ? o->limit : o->limit ? LIMIT_MAX : 50, n = 0;
    int64_t last = 0;
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        /* A row without object and claim was dropped since: the text index forgets late. */
        if (col_null(s, 6) || !pact_sees(view, col_int(s, 2), (enum tlp)col_int(s, 6))) {
            continue;
        }
        if (n == limit) {
            break;
        }
        last = col_int(s, 0);
        n++;
        write_hit(&w, s);
    }
    jw_end_arr(&w);
    jw_kint(&w, "count", (int64_t)n);
    jw_key(&w, "next");
    rc == 1 ? jw_int(&w, last) : jw_null(&w);
    jw_end_obj(&w);
    db_done(s);
    buf_clear(&query);
    return rc < 0 ? rc : OK;
}
