/*
 * Witnessing other logs, and being witnessed: https://c2sp.org/tlog-witness,
 * https://c2sp.org/tlog-cosignature.
 *
 * A witness remembers one head of every log it knows and cosigns a newer one only with proof that it holds
 * the older. The new head is on disk before the cosignature leaves: a witness that forgot could be made to
 * sign a fork.
 */
#include "ledger/private.h"

#define REQUEST_MAX NOTE_MAX
#define PROOF_MAX 63 /* tlog-witness: no proof is longer */

struct request {
    uint64_t old;
    struct sha256 proof[PROOF_MAX];
    size_t n;
    struct sv note;
};

/* What is remembered of a log. */
struct known_log {
    struct note_key key;
    uint64_t size;
    struct sha256 root;
    bool frozen;
};

/* ---- the request */

static bool parse_hash(struct sv line, struct sha256 *ret)
{
    struct arena a;
    struct sv bytes;
    bool good;

    arena_init(&a, 4096);
    good = line.n == 44 && base64_parse(&a, line, &bytes) && bytes.n == sizeof(ret->b);
    if (good)
        memcpy(ret->b, bytes.p, sizeof(ret->b));
    arena_clear(&a);
    return good;
}

/* "old <size>\n", proof lines, an empty line, the checkpoint. */
static bool parse_request(struct sv text, struct request *ret)
{
    struct sv line;

    if (text.n > REQUEST_MAX || !sv_cut(&text, '\n', &line) || !sv_starts(line, SV("old ")))
        return false;
    line = sv_sub(line, 4, SIZE_MAX);
    if (!sv_u64(line, &ret->old) || (line.n > 1 && line.p[0] == '0'))
        return false;
    while (sv_cut(&text, '\n', &line) && line.n > 0) {
        if (ret->n == PROOF_MAX || !parse_hash(line, &ret->proof[ret->n]))
            return false;
        ret->n++;
    }
    ret->note = text;
    return text.p && text.n > 0;
}

/* ---- what is remembered */

static int log_read(struct db *db, struct sv origin, struct known_log *ret, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT vkey, size, root, frozen FROM witnessed WHERE origin = ?", e);
    int rc;

    if (!s)
        return err_of(e);
    db_text(s, origin);
    rc = db_step(s, e);
    if (rc == 1) {
        ret->size = (uint64_t)col_int(s, 1);
        hash_copy(col_blob(s, 2), &ret->root);
        ret->frozen = col_int(s, 3) != 0;
        if (note_key_parse(col_text(s, 0), &ret->key, e) != OK)
            rc = err_of(e);
    }
    db_done(s);
    return rc;
}

static int log_advance(struct db *db, const struct checkpoint *cp, struct sv note, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "UPDATE witnessed SET size = ?, root = ?, note = ?, at = ? WHERE origin = ?", e);
    int rc;

    if (!s)
        return err_of(e);
    db_int(s, (int64_t)cp->size);
    db_blob(s, sv_from((const char *)cp->root.b, sizeof(cp->root.b)));
    db_text(s, note);
    db_time(s, now);
    db_text(s, cp->origin);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* Two signed heads that cannot both be true are kept: they prove the fork to anybody. */
static int raise_alarm(struct db *db, struct sv origin, const char *what, struct sv note, usec now,
                       struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "INSERT INTO witness_alarm(origin, at, what, ours, theirs) SELECT origin, ?, ?, "
                 "note, ? FROM witnessed WHERE origin = ?",
                 e);
    int rc;

    if (!s)
        return err_of(e);
    db_time(s, now);
    db_text(s, sv_c(what));
    db_text(s, note);
    db_text(s, origin);
    rc = db_run(s, e);
    db_done(s);
    if (rc != OK)
        return rc;
    s = db_query(db, "UPDATE witnessed SET frozen = 1 WHERE origin = ?", e);
    if (!s)
        return err_of(e);
    db_text(s, origin);
    rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* ---- the decision: HTTP status by the order of the protocol's text */

static bool same_root(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static unsigned judge(const struct known_log *log, const struct request *r, const struct checkpoint *cp,
                      const char **ret_alarm)
{
    if (log->frozen)
        return 403;
    if (r->old > cp->size)
        return 400;
    if (cp->size == log->size && log->size > 0 && !same_root(&cp->root, &log->root)) {
        *ret_alarm = "fork: two roots of one size are signed";
        return 409;
    }
    if (r->old != log->size)
        return 409;
    if (r->old == cp->size)
        return r->n == 0 ? 200 : 422;
    if (r->old == 0)
        return r->n == 0 ? 200 : 422;
    if (merkle_check_consistency(r->old, cp->size, &log->root, &cp->root, r->proof, r->n))
        return 200;
    /* A broken proof may be an accident; a log that never brings a good one stays where it is. */
    return 422;
}

static int refuse(struct witness_answer *ret, unsigned status, struct buf *body, const char *text)
{
    ret->status = status;
    ret->type = "text/plain; charset=utf-8";
    buf_printf(body, "%s\n", text);
    return OK;
}

static const char *reason(unsigned status, bool frozen)
{
    switch (status) {
    case 400:
        return "the old size is larger than the checkpoint's";
    case 403:
        return frozen ? "this log has shown two heads that exclude each other: a person decides first"
                      : "the checkpoint is not signed by the log's key";
    case 422:
        return "the consistency proof does not hold";
    default:
        return "the checkpoint is refused";
    }
}

static int cosign(struct ledger *l, struct sv text, usec now, struct buf *body, struct err *e)
{
    const uint64_t unix_time = (uint64_t)(now / USEC_SECOND);
    uint8_t sig[8 + 64];
    int rc = keeper_cosign(l->keeper, text, unix_time, sig + 8, e);

    for (unsigned i = 0; i < 8; i++)
        sig[i] = (uint8_t)(unix_time >> (56 - 8 * i));
    if (rc == OK)
        note_add_signature(body, keeper_public(l->keeper, KEEPER_WITNESS),
                           sv_from((const char *)sig, sizeof(sig)));
    return rc;
}

struct adding {
    struct request r;
    struct checkpoint cp;
    struct sv text; /* of the checkpoint, with its final LF */
    struct known_log log;
};

/* Inside one write transaction: what is read here is what is advanced. */
static int decide(struct ledger *l, struct adding *a, usec now, struct witness_answer *ret, struct err *e)
{
    const char *alarm = NULL;
    int rc = log_read(l->db, a->cp.origin, &a->log, e);

    if (rc != 1)
        return rc == 0 ? err_set(e, ERR_BUSY, "the log was forgotten meanwhile") : rc;
    ret->status = judge(&a->log, &a->r, &a->cp, &alarm);
    if (ret->status == 200)
        return log_advance(l->db, &a->cp, a->r.note, now, e);
    ret->alarm = alarm != NULL;
    return alarm ? raise_alarm(l->db, a->cp.origin, alarm, a->r.note, now, e) : OK;
}

static int settle(struct ledger *l, struct adding *a, usec now, struct witness_answer *ret, struct err *e)
{
    int rc = db_begin(l->db, e);

    if (rc != OK)
        return rc;
    rc = db_finish(l->db, decide(l, a, now, ret, e), e);
    return rc == OK && (ret->status == 200 || ret->alarm) ? db_sync(l->db, e) : rc;
}

int witness_add(struct ledger *l, struct sv request, usec now, struct witness_answer *ret, struct buf *body,
                struct err *e)
{
    struct adding a = {0};
    uint32_t mask;
    struct err ignored = ERR_NONE;
    struct sv text = SV_NONE, signatures;
    int rc;

    *ret = (struct witness_answer){.type = "text/plain; charset=utf-8"};
    if (!parse_request(request, &a.r) || note_split(a.r.note, &text, &signatures, &ignored) != OK ||
        checkpoint_parse(text, &a.cp, &ignored) != OK)
        return refuse(ret, 400, body, "this is no add-checkpoint request");
    rc = log_read(l->db, a.cp.origin, &a.log, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return refuse(ret, 404, body, "this log is not known here");
    if (note_check(a.r.note, &a.log.key, 1, &a.text, &mask, &ignored) != OK)
        return refuse(ret, 403, body, reason(403, false));
    rc = settle(l, &a, now, ret, e);
    if (rc != OK)
        return rc;
    if (ret->status == 200)
        return cosign(l, a.text, now, body, e);
    if (ret->status != 409)
        return refuse(ret, ret->status, body, reason(ret->status, a.log.frozen));
    ret->type = "text/x.tlog.size";
    buf_printf(body, "%llu\n", (unsigned long long)a.log.size);
    return OK;
}

/* ---- which logs */

int witness_trust(struct ledger *l, const struct note_key *log, usec now, struct err *e)
{
    struct buf vkey;
    struct known_log known;
    struct stmt *s;
    int rc = log_read(l->db, sv_c(log->name), &known, e);

    if (rc == 1 && memcmp(known.key.pub, log->pub, sizeof(log->pub)) != 0) {
        err_set(e, ERR_EXISTS, "%s is known with another key", log->name);
        return err_hint(e, "a log that lost its key begins a new one under another name");
    }
    if (rc != 0)
        return rc < 0 ? rc : OK;
    s = db_query(
        l->db,
        "INSERT INTO witnessed(origin, vkey, size, root, note, at, frozen) VALUES(?, ?, 0, ?, '', ?, 0)", e);
    if (!s)
        return err_of(e);
    buf_init(&vkey, 1024);
    note_key_text(log, &vkey);
    db_text(s, sv_c(log->name));
    db_text(s, buf_sv(&vkey));
    db_blob(s, sv_from((const char *)known.root.b, sizeof(known.root.b)));
    db_time(s, now);
    rc = db_run(s, e);
    db_done(s);
    buf_clear(&vkey);
    return rc;
}

bool witness_frozen(struct db *db, struct sv origin)
{
    struct known_log log = {0};
    struct err ignored = ERR_NONE;
    int rc = log_read(db, origin, &log, &ignored);

    return rc < 0 || (rc == 1 && log.frozen); /* what cannot be read is not trusted */
}

int witness_thaw(struct ledger *l, struct sv origin, struct err *e)
{
    struct stmt *s = db_query(l->db, "UPDATE witnessed SET frozen = 0 WHERE origin = ? AND frozen = 1", e);
    int rc;

    if (!s)
        return err_of(e);
    db_text(s, origin);
    rc = db_run(s, e);
    db_done(s);
    if (rc == OK && db_changed(l->db) == 0)
        return err_set(e, ERR_NOT_FOUND, "no frozen log of that name is known");
    return rc;
}

int witness_each(struct db *db, int (*each)(void *ctx, const struct witnessed *w), void *ctx, struct err *e)
{
    struct stmt *s = db_query(db,
                              "SELECT origin, vkey, size, at, frozen, (SELECT what FROM witness_alarm WHERE "
                              "witness_alarm.origin = witnessed.origin ORDER BY id DESC LIMIT 1) FROM "
                              "witnessed ORDER BY origin",
                              e);
    int rc;

    if (!s)
        return err_of(e);
    while ((rc = db_step(s, e)) == 1) {
        struct witnessed w = {.origin = col_text(s, 0),
                              .vkey = col_text(s, 1),
                              .size = (uint64_t)col_int(s, 2),
                              .at = col_int(s, 2) > 0 ? col_time(s, 3) : USEC_NONE,
                              .frozen = col_int(s, 4) != 0,
                              .alarm = col_text(s, 5)};

        rc = each(ctx, &w);
        if (rc != OK)
            break;
    }
    db_done(s);
    return rc;
}
