/* What persons decided: entries of the ledger (kind "release"), and what follows for a thing. */
#include "share/partner/queue_private.h"

#define RECORD_MOST ((size_t)65536)

enum act { DECIDE_APPROVE, DECIDE_REFUSE, DECIDE_REVOKE };
static const char *const ACT_NAMES[] = {"approve", "refuse", "revoke"};

/* ---- the record */

static void write_id(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, uuid_nil(id) ? SV("") : sv_c(text));
}

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    if (at != USEC_NONE) {
        time_text6(at, text);
    }
    jw_kstr(w, key, at != USEC_NONE ? sv_c(text) : SV_NONE);
}

/* The members in the order of RFC 8785. */
static void write_record(const struct queued *q, enum act act, const struct queue_word *p, usec now,
                         struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "act", sv_c(ACT_NAMES[act]));
    write_id(&w, "agreement", q->agreement);
    jw_kint(&w, "agreement_version", q->agreement_version);
    jw_kstr(&w, "asked_by", q->asked_by);
    write_id(&w, "asker", q->asker);
    write_time(&w, "at", now);
    jw_kstr(&w, "by", p->person);
    write_id(&w, "grant", q->grant);
    jw_kstr(&w, "id", q->id);
    jw_kstr(&w, "kind", sv_c(queue_kind_name(q->kind)));
    write_id(&w, "partner", q->partner);
    jw_kstr(&w, "purpose", sv_c(purpose_name(q->purpose)));
    jw_kstr(&w, "reason", p->reason.p ? p->reason : SV(""));
    jw_kstr(&w, "sha256", q->sha256);
    write_time(&w, "until", p->until);
    jw_kstr(&w, "version", q->version);
    jw_end_obj(&w);
}

static struct sv text_of(struct jv v, const char *key)
{
    struct sv s = json_get_str(v, sv_c(key));
    return s.p ? s : SV("");
}

/* The last word on the same bytes, partner and grant holds. */
static int store(struct db *db, struct jv v, struct sv record, const struct entry *entry, struct err *e)
{
    int64_t version = 0, kind = sv_eq(text_of(v, "kind"), SV("consent")) ? QUEUE_CONSENT : QUEUE_RELEASE;
    (void)json_i64(json_get(v, SV("agreement_version")), &version);
    return queue_sql(
        db, e,
        "INSERT INTO release_decision (kind, partner, asker, stix_id, sha256, agreement, agreement_version, "
        "grant_id, approved, record, entry) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (kind, partner, "
        "asker, "
        "stix_id, sha256, agreement, agreement_version, grant_id) DO UPDATE SET approved = "
        "excluded.approved, "
        "record = excluded.record, entry = excluded.entry",
        "itttttititi", kind, text_of(v, "partner"), text_of(v, "asker"), text_of(v, "id"),
        text_of(v, "sha256"), text_of(v, "agreement"), version, text_of(v, "grant"),
        (int64_t)sv_eq(text_of(v, "act"), SV("approve")), record, entry->id);
}

int release_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct jv v = {0};
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    struct json_doc *d = json_doc_new(RECORD_MOST);
    int rc = d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a decision");
    rc = rc == OK ? store(db, v, record, entry, e) : rc;
    json_doc_free(d);
    return rc;
}

int64_t queue_changes(struct db *db)
{
    return db_value(db,
                    "SELECT max(n) FROM (SELECT max(entry) AS n FROM release_decision UNION ALL SELECT "
                    "max(entry) FROM consent)",
                    0);
}

int queue_decisions(struct db *db, struct sv partner, size_t most,
                    int (*each)(void *ctx, int64_t entry, struct sv record), void *ctx, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT entry, record FROM release_decision WHERE (? = '' OR partner = ?) ORDER "
                 "BY entry DESC LIMIT ?",
                 e);
    int rc;
    if (!s) {
        return e->code;
    }
    db_text(s, partner);
    db_text(s, partner);
    db_int(s, (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        rc = each(ctx, col_int(s, 0), col_text(s, 1));
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    return rc;
}

int queue_decided(struct db *db, const struct queued *q, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT 1 FROM release_decision WHERE kind = ? AND partner = ? AND asker = ? AND "
                 "stix_id = ? AND sha256 = ? AND agreement = ? AND agreement_version = ? AND "
                 "grant_id = ?",
                 e);
    if (!s) {
        return e->code;
    }
    db_int(s, q->kind);
    db_text(s, QUEUE_ID(q->partner));
    db_text(s, QUEUE_ID(q->asker));
    db_text(s, q->id);
    db_text(s, q->sha256);
    db_text(s, QUEUE_ID(q->agreement));
    db_int(s, q->agreement_version);
    db_text(s, QUEUE_ID(q->grant));
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

/* ---- deciding */

struct deciding {
    const struct queue *k;
    const struct queue_word *word;
    struct queued q;
    usec now;
    struct arena a;
    struct buf thing;
};

/* A release must be all that is missing, still. */
static int ask_again(struct deciding *d, struct err *e)
{
    struct release r;
    struct release_answer answer;
    const struct release_thing t = {buf_sv(&d->thing), d->q.source, d->q.tlp};
    int rc = release_open(&r, d->k->db, d->q.partner, d->q.purpose, d->now, e);
    rc = rc == OK ? release_ask(&r, &t, &answer, e) : rc;
    if (rc == OK && answer.allow) {
        rc = err_set(e, ERR_EXISTS, "it goes to the partner without a person");
    } else if (rc == OK && answer.rule != RULE_RELEASE) {
        rc = queue_refusal(&answer, e);
    } else if (rc == OK && (!uuid_eq(answer.grant->id, d->q.grant) ||
                            answer.agreement->version != d->q.agreement_version ||
                            !uuid_eq(answer.agreement->id, d->q.agreement))) {
        err_set(e, ERR_CONFLICT, "the agreement has changed since it was asked about");
        rc = err_hint(e, "it is asked about anew within a minute; `noroshi release list` shows it");
    }
    release_close(&r);
    return rc;
}

/* 1 = one more person is needed, and this one asks. */
static int two_persons(struct deciding *d, struct err *e)
{
    if (!d->q.two_persons || !d->word->approve || d->q.kind != QUEUE_RELEASE) {
        return OK;
    }
    if (d->q.asked_by.n && sv_eq(d->q.asked_by, d->word->person)) {
        err_set(e, ERR_DENIED, "the grant wants two persons: who asked for it cannot approve it");
        return err_hint(e, "another administrator approves it");
    }
    return d->q.asked_by.n ? OK : 1;
}

static int keep(struct deciding *d, enum act act, struct err *e)
{
    struct buf b;
    int64_t entry;
    buf_init(&b, RECORD_MOST);
    write_record(&d->q, act, d->word, d->now, &b);
    int rc = b.failed ? err_set(e, ERR_LIMIT, "the decision does not fit")
                      : register_append(d->k->ledger, d->k->db, "release", buf_sv(&b), d->now, &entry, e);
    buf_clear(&b);
    return rc;
}

/* What follows is in the same transaction: no word without its message, no message without its word. */
static int follow(struct deciding *d, bool granted, struct err *e)
{
    const struct queue *k = d->k;
    if (d->q.kind == QUEUE_CONSENT) {
        return k->tell ? k->tell(k->ctx, &d->q, granted, d->word->until, d->now, e)
                       : err_set(e, ERR_USAGE, "no message can be sent from here");
    }
    return granted && k->approved ? k->approved(k->ctx, &d->q, d->now, e) : OK;
}

static int settle(struct deciding *d, enum act act, struct err *e)
{
    int rc = db_begin(d->k->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = keep(d, act, e);
    rc = rc == OK && d->q.number ? queue_drop(d->k->db, d->q.number, e) : rc;
    rc = rc == OK ? follow(d, act == DECIDE_APPROVE, e) : rc;
    rc = db_finish(d->k->db, rc, e);
    return rc == OK ? db_sync(d->k->db, e) : rc;
}

static int second(struct deciding *d, struct err *e)
{
    int rc = db_begin(d->k->db, e);
    return rc != OK
               ? rc
               : db_finish(d->k->db,
                           queue_sql(d->k->db, e,
                                     "UPDATE release_queue SET asked_by = ? WHERE number = ? AND asked_by "
                                     "= ''",
                                     "ti", d->word->person, d->q.number),
                           e);
}

static int check_word(const struct queue_word *w, struct err *e)
{
    if (!w->person.n) {
        return err_set(e, ERR_USAGE, "a person must answer for this");
    }
    return w->reason.n > QUEUE_REASON_MOST || !sv_utf8(w->reason)
               ? err_set(e, ERR_VALUE, "a reason is UTF-8 text of at most %d bytes", QUEUE_REASON_MOST)
               : OK;
}

static int decide(struct deciding *d, enum queue_outcome *ret, struct err *e)
{
    bool approve = d->word->approve;
    int rc = approve ? queue_bytes(d->k, &d->q, &d->thing, e) : OK;
    rc = rc == OK && approve && d->q.kind == QUEUE_RELEASE ? ask_again(d, e) : rc;
    rc = rc == OK ? two_persons(d, e) : rc;
    if (rc == 1) {
        *ret = QUEUE_SECONDED;
        return second(d, e);
    }
    *ret = approve ? QUEUE_APPROVED : QUEUE_REFUSED;
    return rc == OK ? settle(d, approve ? DECIDE_APPROVE : DECIDE_REFUSE, e) : rc;
}

int queue_decide(const struct queue *k, int64_t number, const struct queue_word *w, usec now,
                 enum queue_outcome *ret, struct err *e)
{
    struct queue_word word = *w;
    struct deciding d = {.k = k, .word = &word, .now = now};
    arena_init(&d.a, 1u << 20);
    buf_init(&d.thing, (size_t)64 << 20);
    int rc = check_word(w, e);
    rc = rc == OK ? queue_get(k->db, number, &d.a, &d.q, e) : rc;
    if (d.q.kind == QUEUE_RELEASE || !w->approve) {
        word.until = USEC_NONE; /* a release holds as long as its grant and version do */
    } else if (word.until == USEC_NONE) {
        word.until = now + CONSENT_DAYS * USEC_DAY;
    }
    if (rc == OK && word.until != USEC_NONE &&
        (word.until <= now || word.until > now + CONSENT_DAYS_MOST * USEC_DAY)) {
        rc = err_set(e, ERR_VALUE, "a consent ends in the future, within %d days", CONSENT_DAYS_MOST);
    }
    rc = rc == OK ? decide(&d, ret, e) : rc;
    buf_clear(&d.thing);
    arena_clear(&d.a);
    return rc;
}

/* ---- taking back */

static struct uuid member_id(struct jv v, const char *key)
{
    struct uuid id = {{0}};
    return uuid_parse(text_of(v, key), &id) ? id : (struct uuid){{0}};
}

/* A decision as what it was about. Texts in the arena. */
static int of_record(struct sv record, struct arena *a, struct queued *ret, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(RECORD_MOST);
    int rc = d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a decision");
    if (rc == OK) {
        *ret =
            (struct queued){.kind = sv_eq(text_of(v, "kind"), SV("consent")) ? QUEUE_CONSENT : QUEUE_RELEASE,
                            .partner = member_id(v, "partner"),
                            .asker = member_id(v, "asker"),
                            .id = arena_sv(a, text_of(v, "id")),
                            .type = SV(""),
                            .version = arena_sv(a, text_of(v, "version")),
                            .sha256 = arena_sv(a, text_of(v, "sha256")),
                            .agreement = member_id(v, "agreement"),
                            .grant = member_id(v, "grant"),
                            .asked_by = arena_sv(a, text_of(v, "asked_by"))};
        (void)json_i64(json_get(v, SV("agreement_version")), &ret->agreement_version);
        (void)purpose_parse(text_of(v, "purpose"), &ret->purpose);
    }
    json_doc_free(d);
    return rc;
}

#define REVOKES_MOST 256

int queue_revoke(const struct queue *k, struct sv id, struct uuid partner, const struct queue_word *w,
                 usec now, unsigned *ret, struct err *e)
{
    struct queued *list;
    size_t n = 0;
    struct queue_word word = *w;
    struct deciding d = {.k = k, .word = &word, .now = now};
    arena_init(&d.a, (size_t)64 << 20);
    list = arena_calloc(&d.a, REVOKES_MOST, sizeof(*list));
    word.until = USEC_NONE;
    *ret = 0;
    int rc = list ? check_word(w, e) : err_set(e, ERR_MEMORY, "no memory to take back");
    struct stmt *s = rc == OK
                         ? db_query(k->db,
                                    "SELECT record FROM release_decision WHERE partner = ? AND stix_id = ? "
                                    "AND approved = 1 ORDER BY entry",
                                    e)
                         : NULL;
    rc = rc == OK && !s ? e->code : rc;
    if (s) {
        db_text(s, QUEUE_ID(partner));
        db_text(s, id);
        while (rc == OK && n < REVOKES_MOST && (rc = db_step(s, e)) == 1) {
            rc = of_record(col_text(s, 0), &d.a, &list[n++], e);
        }
        db_done(s);
    }
    for (size_t i = 0; rc == OK && i < n; i++) {
        d.q = list[i];
        rc = settle(&d, DECIDE_REVOKE, e);
        *ret += rc == OK;
    }
    arena_clear(&d.a);
    if (rc == OK && n == 0) {
        rc = err_set(e, ERR_NOT_FOUND, "nobody has approved that for this partner");
    }
    return rc;
}

/* ---- what follows for an ask */

static const struct agreement_state *state_of(const struct release *r, struct sv agreement, int64_t version)
{
    struct uuid id;
    for (size_t i = 0; uuid_parse(agreement, &id) && i < r->agreements; i++) {
        if (uuid_eq(r->agreement[i].agreement->id, id) && r->agreement[i].agreement->version == version) {
            return &r->agreement[i];
        }
    }
    return NULL;
}

/* Asks under one grant alone: another grant's obstacles are not what the person decided on. */
static void try_grant(const struct agreement_state *s, struct sv grant, const struct release_ask *ask,
                      struct release_answer *best)
{
    struct uuid id;
    for (size_t i = 0; uuid_parse(grant, &id) && i < s->agreement->grants; i++) {
        if (!uuid_eq(s->agreement->grant[i].id, id)) {
            continue;
        }
        struct agreement alone = *s->agreement;
        alone.grant = &s->agreement->grant[i];
        alone.grants = 1;
        const struct agreement_state state = {&alone, s->active};
        struct release_answer a = pact_release(&state, 1, ask);
        a.agreement = s->agreement;
        if (a.allow && (!best->allow || a.redactions < best->redactions)) {
            *best = a;
        }
    }
}

int queue_released(const struct release *r, const struct release_thing *t, const struct release_ask *ask,
                   struct release_answer *ret, struct err *e)
{
    struct release_ask released = *ask;
    char hex[65] = "";
    int rc;
    if (ret->allow ? ret->redactions == 0 : ret->rule != RULE_RELEASE) {
        return OK;
    }
    struct stmt *s =
        db_query(r->db,
                 "SELECT sha256, agreement, agreement_version, grant_id FROM release_decision WHERE "
                 "kind = 0 AND partner = ? AND stix_id = ? AND approved = 1 ORDER BY entry",
                 e);
    if (!s) {
        return e->code;
    }
    released.released = true;
    db_text(s, QUEUE_ID(r->partner));
    db_text(s, r->id);
    while ((rc = db_step(s, e)) == 1) {
        const struct agreement_state *state = state_of(r, col_text(s, 1), col_int(s, 2));
        if (!hex[0]) {
            struct sha256 sum = sha256_of(t->json);
            hex_text(sum.b, sizeof(sum.b), hex);
        }
        if (state && sv_eq(col_text(s, 0), sv_c(hex))) {
            try_grant(state, col_text(s, 3), &released, ret);
        }
    }
    db_done(s);
    return rc;
}
