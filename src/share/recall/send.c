/* Who has it, and a message to each. */
#include "share/recall/recall_private.h"

#include <stdarg.h>
#include <stdlib.h>

static const char *const WHYS[WHY_MAX] = {
    [WHY_RECALLED] = "recalled", [WHY_REVOKED] = "revoked",
    [WHY_MARKING] = "marking",   [WHY_FALSE_POSITIVE] = "false_positive",
    [WHY_EXPIRED] = "expired",   [WHY_AGREEMENT] = "agreement_ended",
};

const char *withdraw_why_name(enum withdraw_why w)
{
    return (size_t)w < WHY_MAX ? WHYS[w] : "unknown";
}

bool withdraw_why_parse(struct sv s, enum withdraw_why *ret)
{
    for (size_t i = 0; i < WHY_MAX; i++) {
        if (sv_eq(s, sv_c(WHYS[i]))) {
            *ret = (enum withdraw_why)i;
            return true;
        }
    }
    return false;
}

bool why_deletes(enum withdraw_why w)
{
    return w == WHY_RECALLED || w == WHY_MARKING || w == WHY_AGREEMENT;
}

int recall_sql(struct db *db, struct err *e, const char *sql, const char *types, ...)
{
    struct stmt *s = db_query(db, sql, e);
    va_list ap;
    if (!s) {
        return e->code;
    }
    va_start(ap, types);
    for (; *types; types++) {
        switch (*types) {
        case 't':
            db_text(s, va_arg(ap, struct sv));
            break;
        case 'i':
            db_int(s, va_arg(ap, int64_t));
            break;
        default:
            db_time(s, va_arg(ap, usec));
        }
    }
    va_end(ap);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int id_list_add(struct id_list *l, struct sv id, struct err *e)
{
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        struct sv *more = arena_calloc(l->a, room, sizeof(*more));
        if (!more) {
            return err_set(e, ERR_MEMORY, "no memory for a list of ids");
        }
        if (l->n) {
            memcpy(more, l->id, l->n * sizeof(*more));
        }
        l->id = more;
        l->room = room;
    }
    l->id[l->n] = arena_sv(l->a, id);
    return l->id[l->n++].p ? OK : err_set(e, ERR_MEMORY, "no memory for a list of ids");
}

/* ---- who has it ---- */

struct held {
    char partner[37];
    struct sv id; /* under which it went */
    int64_t h, entry;
};
struct sending {
    const struct recall *r;
    const struct recall_order *o;
    usec now;
    struct arena a;
    struct held *held;
    size_t n, room;
    struct recall_sent sent;
};

static int add_held(struct sending *s, struct sv partner, struct sv id, int64_t h, int64_t entry,
                    struct err *e)
{
    char only[37], except[37];
    struct uuid nil = {{0}};
    uuid_text(s->o->partner, only);
    uuid_text(s->o->except, except);
    if ((!uuid_eq(s->o->partner, nil) && !sv_eq(partner, sv_c(only))) || sv_eq(partner, sv_c(except))) {
        return OK;
    }
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct held *more = reallocarray(s->held, room, sizeof(*more));
        if (!more) {
            return err_set(e, ERR_MEMORY, "no memory for the list of who has it");
        }
        s->held = more;
        s->room = room;
    }
    struct held *to = &s->held[s->n];
    *to = (struct held){.id = arena_sv(&s->a, id), .h = h, .entry = entry};
    sv_copy(partner, to->partner, sizeof(to->partner));
    s->n++;
    return to->id.p ? OK : err_set(e, ERR_MEMORY, "no memory for the list of who has it");
}

/* Under this very id. */
static int holders_of(struct sending *s, struct sv id, struct err *e)
{
    struct stmt *q =
        db_query(s->r->db, "SELECT partner, entry FROM share_given WHERE h = ? ORDER BY partner", e);
    int64_t h = recall_hash(s->r, id);
    int rc = q ? OK : e->code;
    if (q) {
        db_int(q, h);
    }
    while (q && rc == OK && (rc = db_step(q, e)) == 1) {
        rc = add_held(s, col_text(q, 0), id, h, col_int(q, 1), e);
    }
    db_done(q);
    return rc < 0 ? rc : OK;
}

/* And under those of its copies: a partner is told the id it knows. */
static int holders(struct sending *s, struct sv id, struct err *e)
{
    struct stmt *q = db_query(s->r->db, "SELECT id FROM share_copy WHERE original = ? ORDER BY id", e);
    int rc = q ? holders_of(s, id, e) : e->code;
    if (q) {
        db_text(q, id);
    }
    while (q && rc == OK && (rc = db_step(q, e)) == 1) {
        rc = holders_of(s, col_text(q, 0), e);
    }
    db_done(q);
    return rc < 0 ? rc : OK;
}

/* ---- all that went by an entry ---- */

/* The id behind a hash: of a stored object or a copy. */
static int id_of(struct sending *s, int64_t h, struct sv *ret, struct err *e)
{
    struct stmt *q = db_query(s->r->db, "SELECT stix_id FROM object WHERE h = ? LIMIT 1", e);
    if (!q) {
        return e->code;
    }
    db_int(q, h);
    int rc = db_step(q, e);
    *ret = rc == 1 ? arena_sv(&s->a, col_text(q, 0)) : SV_NONE;
    db_done(q);
    return rc;
}

static int other_ids(struct sending *s, struct u64map *open, struct err *e)
{
    static const char *const lists[] = {
        "SELECT id, '', '' FROM share_copy",
        "SELECT c.kind, c.value, s.name FROM claim c JOIN source s ON s.id = c.source",
    };
    int rc = OK;
    for (size_t i = 0; rc == OK && i < 2; i++) {
        struct stmt *q = db_query(s->r->db, lists[i], e);
        rc = q ? OK : e->code;
        while (q && rc == OK && (rc = db_step(q, e)) == 1) {
            char made[64];
            struct sv id = col_text(q, 0);
            if (i == 1) {
                stix_claim_id(col_text(q, 2), (enum kind)col_int(q, 0), col_text(q, 1), made);
                id = sv_c(made);
            }
            size_t it = 0;
            uint64_t ignored;
            rc =
                u64map_find(open, (uint64_t)recall_hash(s->r, id), &it, &ignored) ? holders_of(s, id, e) : OK;
        }
        db_done(q);
        rc = rc < 0 ? rc : OK;
    }
    return rc;
}

static int holders_of_entry(struct sending *s, struct err *e)
{
    struct stmt *q = db_query(s->r->db, "SELECT partner, h FROM share_given WHERE entry = ?", e);
    struct u64map open;
    size_t missing = 0;
    int rc = q ? OK : e->code;
    u64map_init(&open);
    if (q) {
        db_int(q, s->o->entry);
    }
    while (q && rc == OK && (rc = db_step(q, e)) == 1) {
        struct sv id = SV("");
        int64_t h = col_int(q, 1);
        rc = id_of(s, h, &id, e);
        if (rc == 1) {
            rc = add_held(s, col_text(q, 0), id, h, s->o->entry, e);
        } else if (rc == 0) {
            rc = u64map_add(&open, (uint64_t)h, 1);
            missing++;
        }
    }
    db_done(q);
    rc = rc >= 0 && missing ? other_ids(s, &open, e) : rc < 0 ? rc : OK;
    u64map_clear(&open);
    return rc;
}

/* ---- messages ---- */

static int by_partner(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    int c = strcmp(x->partner, y->partner);
    return c ? c : sv_cmp(x->id, y->id);
}

/* 1 = it was taken back from the partner as thoroughly before, and has not gone to it since. */
static int taken_before(struct sending *s, const struct held *h, struct err *e)
{
    struct stmt *q =
        db_query(s->r->db, "SELECT gone, entry FROM withdrawal_thing WHERE partner = ? AND h = ?", e);
    if (!q) {
        return e->code;
    }
    db_text(q, sv_c(h->partner));
    db_int(q, h->h);
    int rc = db_step(q, e);
    if (rc == 1) {
        rc = col_int(q, 1) >= h->entry && (col_int(q, 0) || !why_deletes(s->o->why));
    }
    db_done(q);
    return rc;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void write_entries(struct jw *w, const struct held *h, size_t n, int64_t *scratch)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = h[i].entry;
    }
    qsort(scratch, n, sizeof(*scratch), by_number);
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        if (scratch[i] && (!i || scratch[i] != scratch[i - 1])) {
            jw_int(w, scratch[i]);
        }
    }
    jw_end_arr(w);
}

static void write_body(const struct sending *s, const struct held *h, size_t n, int64_t *scratch,
                       struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "entries");
    write_entries(&w, h, n, scratch);
    jw_key(&w, "ids");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_str(&w, h[i].id);
    }
    jw_end_arr(&w);
    jw_kstr(&w, "reason", s->o->reason);
    jw_kstr(&w, "why", sv_c(withdraw_why_name(s->o->why)));
    jw_end_obj(&w);
}

static int keep(struct sending *s, const struct held *h, size_t n, struct sv message, struct sv entries,
                struct sv result, struct err *e)
{
    const char *kind = s->o->why == WHY_RECALLED ? "recall" : "withdrawal";
    struct db *db = s->r->db;
    int rc =
        recall_sql(db, e,
                   "INSERT INTO withdrawal (message, partner, kind, why, reason, by_whom, entries, "
                   "things, sent, accepted, result) VALUES (?,?,?,?,?,?,?,?,?,0,?)",
                   "tttttttiut", message, sv_c(h->partner), sv_c(kind), sv_c(withdraw_why_name(s->o->why)),
                   s->o->reason, s->o->by, entries, (int64_t)n, s->now, result);
    int64_t number = db_value(db, "SELECT max(number) FROM withdrawal", 0);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = recall_sql(
            db, e,
            "INSERT INTO withdrawal_thing (partner, h, gone, entry, withdrawal) VALUES (?,?,?,?,?) "
            "ON CONFLICT (partner, h) DO UPDATE SET gone = excluded.gone, entry = excluded.entry, "
            "withdrawal = excluded.withdrawal",
            "tiiii", sv_c(h[i].partner), h[i].h, (int64_t)why_deletes(s->o->why), h[i].entry, number);
    }
    return rc;
}

static int queue(struct sending *s, const struct held *h, size_t n, struct buf *body, int64_t *scratch,
                 struct err *e)
{
    struct message_draft d = {
        .kind = s->o->why == WHY_RECALLED ? "recall" : "withdrawal", .private_body = true, .share = h->entry};
    struct uuid id;
    struct buf entries;
    struct jw w;
    char text[37] = "";
    struct err why = ERR_NONE;
    buf_init(&entries, 1u << 20);
    jw_init(&w, &entries);
    write_entries(&w, h, n, scratch);
    buf_reset(body);
    write_body(s, h, n, scratch, body);
    d.body = buf_sv(body);
    int rc = body->failed || entries.failed ? err_set(e, ERR_LIMIT, "the recall does not fit") : OK;
    if (rc == OK && (!s->r->messages || !uuid_parse(sv_c(h->partner), &d.to))) {
        rc = err_set(e, ERR_INTERNAL, "there is nobody to bring messages to partners");
    }
    if (rc == OK) {
        rc = message_queue(s->r->messages, &d, s->now, &id, &why);
        if (rc == OK) {
            uuid_text(id, text);
            s->sent.messages++;
        } else if (rc == ERR_DENIED) { /* a partner that is not active cannot be told */
            s->sent.unreachable++;
            rc = OK;
        } else {
            *e = why;
        }
    }
    rc = rc == OK ? keep(s, h, n, sv_c(text), buf_sv(&entries), sv_c(why.code ? why.text : ""), e) : rc;
    s->sent.things += n;
    buf_clear(&entries);
    return rc;
}

static int send_all(struct sending *s, struct err *e)
{
    struct buf body;
    int64_t *scratch = calloc(RECALL_IDS, sizeof(*scratch));
    size_t kept = 0;
    int rc = scratch ? OK : err_set(e, ERR_MEMORY, "no memory for a recall");
    buf_init(&body, MESSAGE_BODY_MOST);
    if (s->n) {
        qsort(s->held, s->n, sizeof(*s->held), by_partner);
    }
    for (size_t i = 0; rc == OK && i < s->n; i++) {
        bool again = i && by_partner(&s->held[i], &s->held[i - 1]) == 0;
        rc = again ? 1 : taken_before(s, &s->held[i], e);
        s->sent.before += rc == 1 && !again;
        if (rc == 0) {
            s->held[kept++] = s->held[i];
        }
        rc = rc < 0 ? rc : OK;
    }
    for (size_t i = 0, end; rc == OK && i < kept; i = end) {
        for (end = i + 1;
             end < kept && end - i < RECALL_IDS && strcmp(s->held[end].partner, s->held[i].partner) == 0;
             end++) {
        }
        s->sent.partners += !i || strcmp(s->held[i].partner, s->held[i - 1].partner) != 0;
        rc = queue(s, &s->held[i], end - i, &body, scratch, e);
    }
    buf_clear(&body);
    free(scratch);
    return rc;
}

int recall_send(const struct recall *r, const struct recall_order *o, usec now, struct recall_sent *ret,
                struct err *e)
{
    struct sending s = {.r = r, .o = o, .now = now};
    int rc = OK;
    arena_init(&s.a, 256u << 20);
    for (size_t i = 0; rc == OK && i < o->ids; i++) {
        rc = holders(&s, o->id[i], e);
    }
    rc = rc == OK && o->entry ? holders_of_entry(&s, e) : rc;
    if (rc == OK && !s.n) {
        rc = err_set(e, ERR_NOT_FOUND, "nobody was given this");
    }
    rc = rc == OK ? send_all(&s, e) : rc;
    *ret = s.sent;
    free(s.held);
    arena_clear(&s.a);
    return rc;
}
