/* Objects that clients post: accepted or refused one by one. */
#include "share/taxii/taxii_private.h"

#include <unistd.h>

#define HEAD_BYTES (64u << 10)
#define LISTED_MOST 10000 /* of each list of a status resource; the counts are always whole */
#define STATUS_MOST (16u << 20)
#define KEPT (25 * USEC_HOUR) /* at least 24 hours (TAXII 2.1 4.3) */
#define MESSAGE_BYTES 400

struct list {
    struct buf b;
    uint64_t count;
};
struct post {
    const struct taxii *t;
    const struct taxii_collection *c;
    usec now;
    struct list good, bad;
    uint64_t record; /* the one that is open; 0 = none */
    bool refused;
    char id[256], version[40], message[MESSAGE_BYTES];
};

/* ---- the status resource */

static void add_listed(struct post *p)
{
    struct list *l = p->refused ? &p->bad : &p->good;
    struct jw w;
    l->count++;
    if (l->count > LISTED_MOST || !p->id[0]) {
        return;
    }
    buf_add(&l->b, l->b.n ? SV(",") : SV(""));
    jw_init(&w, &l->b);
    jw_obj(&w);
    jw_kstr(&w, "id", sv_c(p->id));
    if (p->version[0]) {
        jw_kstr(&w, "version", sv_c(p->version));
    }
    if (p->refused) {
        jw_kstr(&w, "message", sv_c(p->message));
    }
    jw_end_obj(&w);
}

static void end_record(struct post *p)
{
    if (p->record) {
        add_listed(p);
    }
    p->record = 0;
    p->refused = false;
    p->id[0] = p->version[0] = p->message[0] = 0;
}

static void write_list(struct jw *w, const char *count, const char *name, const struct list *l)
{
    jw_kint(w, count, (int64_t)l->count);
    if (l->b.n && !l->b.failed) {
        jw_key(w, name);
        jw_arr(w);
        jw_raw(w, buf_sv(&l->b));
        jw_end_arr(w);
    }
}

static void write_status(const struct post *p, const char *id, struct buf *json)
{
    struct jw w;
    char at[32];
    time_text6(p->now, at);
    jw_init(&w, json);
    jw_obj(&w);
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "status", SV("complete"));
    jw_kstr(&w, "request_timestamp", sv_c(at));
    jw_kint(&w, "total_count", (int64_t)(p->good.count + p->bad.count));
    write_list(&w, "success_count", "successes", &p->good);
    write_list(&w, "failure_count", "failures", &p->bad);
    jw_kint(&w, "pending_count", 0);
    jw_end_obj(&w);
}

int taxii_status_put(const struct taxii *t, int64_t root, struct sv id, struct sv principal, struct sv body,
                     usec now, struct err *e)
{
    struct stmt *s = db_query(t->db,
                              "INSERT INTO taxii_status (id, root, principal, made, expires, body) VALUES "
                              "(?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    db_int(s, root);
    db_text(s, principal);
    db_time(s, now);
    db_time(s, now + KEPT);
    db_text(s, body);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int keep_status(struct post *p, const struct taxii_who *who, struct buf *json, struct err *e)
{
    char id[37];
    size_t before = json->n;
    uuid_text(uuid_v4(), id);
    write_status(p, id, json);
    if (json->failed) {
        return err_set(e, ERR_LIMIT, "the status is larger than %zu bytes", json->max);
    }
    int rc = db_begin(p->t->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = taxii_status_put(p->t, p->c->root, sv_c(id), who->principal, sv_sub(buf_sv(json), before, SIZE_MAX),
                          p->now, e);
    return db_finish(p->t->db, rc, e);
}

int taxii_status_json(struct db *db, const struct taxii_root *r, const struct taxii_who *who, struct sv id,
                      struct buf *json, struct err *e)
{
    struct uuid u;
    char text[37];
    struct stmt *s = uuid_parse(id, &u) && who->principal.n
                         ? db_query(db,
                                    "SELECT body FROM taxii_status WHERE id = ? AND root = ? AND (principal "
                                    "= ? OR principal = '" TAXII_EVERYBODY "')",
                                    e)
                         : NULL;
    int rc = s ? OK : 0;
    if (s) {
        uuid_text(u, text);
        db_text(s, sv_c(text));
        db_int(s, r->id);
        db_text(s, who->principal);
        rc = db_step(s, e);
        if (rc == 1) {
            buf_add(json, col_text(s, 0));
        }
        db_done(s);
    }
    if (rc == 0) {
        return err_set(e, ERR_NOT_FOUND, "there is no such status");
    }
    return rc < 0 ? rc : json->failed ? err_set(e, ERR_LIMIT, "the status does not fit") : OK;
}

/* ---- what becomes of an object */

/* The first string under a key of a record that was refused, which may be cut or no JSON at all: only to tell
 * its sender which one is meant. */
static void peek(struct sv bytes, const char *key, char *ret, size_t cap)
{
    char quoted[40];
    snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    size_t at = sv_find(bytes, sv_c(quoted));
    ret[0] = 0;
    if (at == SIZE_MAX) {
        return;
    }
    struct sv rest = sv_trim(sv_sub(bytes, at + strlen(quoted), SIZE_MAX));
    if (!sv_starts(rest, SV(":"))) {
        return;
    }
    rest = sv_trim(sv_sub(rest, 1, SIZE_MAX));
    struct sv value = sv_sub(rest, 1, SIZE_MAX);
    size_t end = sv_chr(value, '"');
    if (sv_starts(rest, SV("\"")) && end != SIZE_MAX && end < cap) {
        (void)sv_show(sv_sub(value, 0, end), ret, cap);
    }
}

static void note_refused(struct post *p, const struct take_object *o)
{
    p->refused = true;
    if (o->id.p) {
        (void)sv_show(o->id, p->id, sizeof(p->id));
    } else {
        peek(o->why->bytes, "id", p->id, sizeof(p->id));
    }
    peek(o->why->bytes, "modified", p->version, sizeof(p->version));
    if (!p->version[0]) {
        peek(o->why->bytes, "created", p->version, sizeof(p->version));
    }
    (void)sv_show(o->why->text, p->message, sizeof(p->message));
}

static int add_member(struct post *p, const struct take_object *o, usec *ret_added, struct err *e)
{
    struct taxii_adder adder;
    const struct taxii_new m = {.id = o->id,
                                .type = o->type,
                                .source = p->c->source,
                                .version = o->version,
                                .spec = 21,
                                .tlp = o->tlp,
                                .number = o->number};
    int rc = taxii_adder_open(&adder, p->t, p->c->id, e);
    rc = rc == OK ? taxii_adder_add(&adder, &m, p->now, ret_added, e) : rc;
    return rc < 0 ? rc : taxii_adder_close(&adder, e);
}

static int on_settled(void *ctx, const struct take_object *o, struct err *e)
{
    struct post *p = ctx;
    if (p->record != o->record) {
        end_record(p);
        p->record = o->record;
    }
    if (o->why) {
        note_refused(p, o);
        return OK;
    }
    usec added = p->now;
    int rc = add_member(p, o, &added, e);
    if (!p->refused) { /* of several objects that a record becomes the main one comes last */
        (void)sv_copy(o->id, p->id, sizeof(p->id));
        taxii_version_text(o->version != USEC_NONE ? o->version : added, o->version != USEC_NONE, p->version);
    }
    return rc;
}

/* ---- the envelope */

static int no_envelope(struct err *e)
{
    err_set(e, ERR_SYNTAX, "the body is no TAXII envelope");
    return err_hint(e, "send {\"objects\":[...]} (TAXII 2.1 section 3.7)");
}

/* A look at the head; the rest is for the parser process. */
static int check_envelope(int fd, struct err *e)
{
    struct buf b;
    struct err ignored = ERR_NONE;
    buf_init(&b, HEAD_BYTES + 1);
    char *p = buf_reserve(&b, HEAD_BYTES);
    struct json_split *split = json_split_new(SV("objects"), HEAD_BYTES);
    ssize_t n = p && split ? pread(fd, p, HEAD_BYTES, 0) : -1;
    int rc = OK;
    if (!p || !split) {
        rc = err_set(e, ERR_MEMORY, "no memory to look at the body");
    } else if (n <= 0) {
        rc = no_envelope(e);
    } else {
        bool whole = n < (ssize_t)HEAD_BYTES;
        enum json_split_shape shape = SPLIT_UNKNOWN;
        struct sv member;
        uint64_t offset;
        if (json_split_feed(split, sv_from(p, (size_t)n), whole, &ignored) == OK) {
            int got = json_split_next(split, &member, &offset, &ignored);
            shape = got >= 0 || got == ERR_LIMIT ? json_split_shape(split) : SPLIT_UNKNOWN;
        }
        bool fits = shape == SPLIT_KEYED || (shape == SPLIT_UNKNOWN && !whole);
        rc = fits ? OK : no_envelope(e);
    }
    json_split_free(split);
    buf_clear(&b);
    return rc;
}

static int take(struct post *p, int fd, struct err *e)
{
    struct arena a;
    struct source source;
    struct take_report report;
    arena_init(&a, 4u << 20);
    int rc = source_get(p->t->db, p->c->source, &a, &source, e);
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_set(e, ERR_IO, "the body cannot be read");
    }
    if (rc == OK) {
        const struct take_opts o = {.parsers = p->t->parsers,
                                    .source = &source,
                                    .format = SV("stix2"),
                                    .now = p->now,
                                    .settled = on_settled,
                                    .settled_ctx = p};
        rc = fuse_take(p->t->fuse, fd, SV("taxii"), &o, &report, e);
    }
    if (rc == OK && report.problem.code != OK) {
        *e = report.problem;
        e->code = rc = e->code == ERR_LIMIT ? ERR_LIMIT : ERR_SYNTAX;
        if (report.records > 1) {
            err_hint(e, "%llu objects before it were looked at; send the request again when it is mended",
                     (unsigned long long)(report.records - 1));
        }
    }
    arena_clear(&a);
    return rc;
}

int taxii_post(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who, int fd,
               usec now, struct buf *json, struct err *e)
{
    struct taxii_collection present = *c;
    struct post p = {.t = t, .c = &present, .now = now};
    int rc = taxii_rights(t->db, &present, who, e);
    if (rc == OK && !present.can_write) {
        rc = err_set(e, ERR_DENIED, "this collection is not yours to write");
    }
    rc = rc == OK ? check_envelope(fd, e) : rc;
    if (rc != OK) {
        return rc;
    }
    buf_init(&p.good.b, STATUS_MOST);
    buf_init(&p.bad.b, STATUS_MOST);
    rc = take(&p, fd, e);
    end_record(&p);
    rc = rc == OK ? keep_status(&p, who, json, e) : rc;
    buf_clear(&p.good.b);
    buf_clear(&p.bad.b);
    return rc;
}
