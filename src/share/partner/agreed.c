/* The register of agreements: versions, what persons said of them, and what follows at an instant. */
#include "share/partner/partner.h"

#include "share/partner/register.h"

static const char *const STATUSES[] = {"draft", "active", "expired", "superseded", "suspended", "ended"};
static const char *const ACTS[ACT_MAX] = {"sign", "suspend", "resume", "end"};

const char *agreed_status_name(enum agreed_status s)
{
    return (unsigned)s < sizeof(STATUSES) / sizeof(STATUSES[0]) ? STATUSES[s] : "unknown";
}

const char *agreed_act_name(enum agreed_act a)
{
    return (unsigned)a < ACT_MAX ? ACTS[a] : "unknown";
}

/* ---- versions */

int agreement_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct agreement g;
    struct arena a;
    char id[37];
    struct stmt *s;
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    arena_init(&a, AGREEMENT_MAX * 8);
    int rc = agreement_read(record, &a, &g, e);
    s = rc == OK
            ? db_query(db,
                       "INSERT INTO agreement (id, version, digest, document, entry) VALUES (?,?,?,?,?) ON "
                       "CONFLICT (id, version) DO NOTHING",
                       e)
            : NULL;
    if (s) {
        uuid_text(g.id, id);
        db_text(s, sv_c(id));
        db_int(s, g.version);
        db_blob(s, sv_from((const char *)g.digest.b, sizeof(g.digest.b)));
        db_text(s, g.canonical);
        db_int(s, entry->id);
        rc = db_run(s, e);
        db_done(s);
    }
    arena_clear(&a);
    return s || rc != OK ? rc : e->code;
}

/* 1 and its digest when this version is here. */
static int find_version(struct db *db, struct uuid id, int64_t version, struct sha256 *ret, struct err *e)
{
    char text[37];
    struct stmt *s = db_query(db, "SELECT digest FROM agreement WHERE id = ? AND version = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(id, text);
    db_text(s, sv_c(text));
    db_int(s, version);
    int rc = db_step(s, e);
    if (rc == 1 && col_blob(s, 0).n == sizeof(ret->b)) {
        memcpy(ret->b, col_blob(s, 0).p, sizeof(ret->b));
    }
    db_done(s);
    return rc;
}

static bool is_party(const struct agreement *g, struct uuid id)
{
    for (size_t i = 0; i < g->parties; i++) {
        if (uuid_eq(g->party[i].id, id)) {
            return true;
        }
    }
    return false;
}

int agreed_add(struct ledger *l, struct db *db, struct sv json, usec now, struct arena *a,
               struct agreement *ret, struct err *e)
{
    struct org home;
    struct sha256 there;
    int rc = agreement_read(json, a, ret, e);
    rc = rc == OK ? org_home(db, a, &home, e) : rc;
    if (rc == OK && !is_party(ret, home.id)) {
        err_set(e, ERR_VALUE, "this node's organisation is no party to the agreement");
        return err_hint(e, "`noroshi partner invite` shows the id that must stand among the parties");
    }
    rc = rc == OK ? find_version(db, ret->id, ret->version, &there, e) : rc;
    if (rc == 1 && memcmp(there.b, ret->digest.b, sizeof(there.b)) != 0) {
        err_set(e, ERR_CONFLICT, "another text stands here under this id and version");
        return err_hint(e, "a changed agreement gets a higher version");
    }
    return rc == 0 ? register_accept(l, db, "agreement", ret->canonical, now, e) : rc == 1 ? OK : rc;
}

/* ---- what persons said */

int agreed_statement(const struct agreed_signature *s, struct buf *out, struct err *e)
{
    struct jw w;
    char agreement[37], party[37], digest[65], at[32];
    uuid_text(s->agreement, agreement);
    uuid_text(s->party, party);
    hex_text(s->digest.b, sizeof(s->digest.b), digest);
    time_text(s->at, at);
    /* The members in the order of RFC 8785. */
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "act", sv_c(agreed_act_name(s->act)));
    jw_kstr(&w, "agreement", sv_c(agreement));
    jw_kstr(&w, "at", sv_c(at));
    jw_kstr(&w, "party", sv_c(party));
    jw_kstr(&w, "person", s->person);
    jw_kstr(&w, "sha256", sv_c(digest));
    jw_kint(&w, "version", s->version);
    jw_end_obj(&w);
    return out->failed ? err_set(e, ERR_LIMIT, "the statement does not fit") : OK;
}

static bool act_parse(struct sv s, enum agreed_act *ret)
{
    for (int i = 0; i < ACT_MAX; i++) {
        if (sv_eq(s, sv_c(ACTS[i]))) {
            *ret = (enum agreed_act)i;
            return true;
        }
    }
    return false;
}

/* Reads a statement and checks that it says nothing else. */
static int read_statement(struct sv text, struct arena *a, struct agreed_signature *ret, struct err *e)
{
    const struct time_opts utc = {.fallback = NULL};
    struct json_doc *d = json_doc_new(65536);
    struct jv v = {0};
    struct buf again;
    struct sv digest;
    int rc = d ? json_parse(d, text, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a statement");
    digest = json_get_str(v, SV("sha256"));
    bool good = rc == OK && uuid_parse(json_get_str(v, SV("agreement")), &ret->agreement) &&
                uuid_parse(json_get_str(v, SV("party")), &ret->party) &&
                json_i64(json_get(v, SV("version")), &ret->version) && digest.n == 64 &&
                hex_parse(digest, ret->digest.b, sizeof(ret->digest.b)) &&
                act_parse(json_get_str(v, SV("act")), &ret->act) &&
                time_parse(json_get_str(v, SV("at")), &utc, &ret->at, e) == OK;
    ret->person = good ? arena_sv(a, json_get_str(v, SV("person"))) : SV_NONE;
    buf_init(&again, 65536);
    good = good && sv_trim(ret->person).n && agreed_statement(ret, &again, e) == OK &&
           sv_eq(buf_sv(&again), text);
    buf_clear(&again);
    json_doc_free(d);
    return good       ? OK
           : rc != OK ? rc
                      : err_set(e, ERR_VALUE, "the signed statement is none about an agreement");
}

static int open_statement(struct sv envelope, struct arena *a, struct dsse *d, struct agreed_signature *ret,
                          struct err *e)
{
    int rc = dsse_read(envelope, a, d, e);
    if (rc == OK && !sv_eq(d->type, SV(SIGNATURE_PAYLOAD))) {
        rc = err_set(e, ERR_VALUE, "the envelope holds no signature of an agreement");
    }
    ret->envelope = envelope;
    return rc == OK ? read_statement(d->body, a, ret, e) : rc;
}

int signature_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct agreed_signature sig = {0};
    struct dsse d;
    struct arena a;
    char agreement[37], party[37];
    struct stmt *s = NULL;
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    arena_init(&a, 4u << 20);
    int rc = open_statement(record, &a, &d, &sig, e);
    s = rc == OK ? db_query(db,
                            "INSERT INTO agreement_signature (agreement, version, party, person, act, at, "
                            "envelope, entry) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                            e)
                 : NULL;
    if (s) {
        uuid_text(sig.agreement, agreement);
        uuid_text(sig.party, party);
        db_text(s, sv_c(agreement));
        db_int(s, sig.version);
        db_text(s, sv_c(party));
        db_text(s, sig.person);
        db_int(s, sig.act);
        db_time(s, sig.at);
        db_text(s, record);
        db_int(s, entry->id);
        rc = db_run(s, e);
        db_done(s);
    }
    arena_clear(&a);
    return s || rc != OK ? rc : e->code;
}

/* The message key of whoever is to have signed: ours, or an active partner's pinned one. */
static int key_of(struct db *db, struct uuid party, const struct note_key *own, struct arena *a,
                  struct note_key *ret, struct err *e)
{
    struct org home;
    struct partner p;
    char id[37];
    int rc = org_home(db, a, &home, e);
    if (rc == OK && uuid_eq(home.id, party)) {
        *ret = *own;
        return OK;
    }
    uuid_text(party, id);
    rc = rc == OK ? partner_find(db, sv_c(id), a, &p, e) : rc;
    if (rc == OK && p.status != PARTNER_ACTIVE) {
        rc = err_set(e, ERR_DENIED, "the partner who signed is %s", partner_status_name(p.status));
    }
    return rc == OK ? note_key_parse(p.card.messages, ret, e) : rc;
}

/* A party that says more than anybody reads would make the register unreadable. Its end always has a place.
 */
#define STATEMENTS_OF_A_PARTY 64

static int said_too_much(struct db *db, const struct agreed_signature *sig, struct err *e)
{
    char agreement[37], party[37];
    bool full = false, ended = false;
    struct stmt *s =
        db_query(db,
                 "SELECT count(*), count(*) FILTER (WHERE act = ?) FROM agreement_signature WHERE "
                 "agreement = ? AND version = ? AND party = ?",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(sig->agreement, agreement);
    uuid_text(sig->party, party);
    db_int(s, ACT_END);
    db_text(s, sv_c(agreement));
    db_int(s, sig->version);
    db_text(s, sv_c(party));
    int rc = db_step(s, e);
    if (rc == 1) {
        full = col_int(s, 0) >= STATEMENTS_OF_A_PARTY;
        ended = col_int(s, 1) > 0;
    }
    db_done(s);
    if (full && (sig->act != ACT_END || ended)) {
        return err_set(e, ERR_LIMIT, "one party has made %d statements of this version already",
                       STATEMENTS_OF_A_PARTY);
    }
    return rc < 0 ? rc : OK;
}

static int said_before(struct db *db, const struct agreed_signature *sig, struct err *e)
{
    char agreement[37], party[37];
    struct stmt *s =
        db_query(db,
                 "SELECT 1 FROM agreement_signature WHERE agreement = ? AND version = ? AND party = "
                 "? AND person = ? AND act = ? AND at = ?",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(sig->agreement, agreement);
    uuid_text(sig->party, party);
    db_text(s, sv_c(agreement));
    db_int(s, sig->version);
    db_text(s, sv_c(party));
    db_text(s, sig->person);
    db_int(s, sig->act);
    db_time(s, sig->at);
    int rc = db_step(s, e);
    db_done(s);
    return rc;
}

/* A partner's word counts for what it is a party to: what is between others it neither signs nor ends. */
static int check_party(struct db *db, const struct agreed_signature *sig, struct arena *a, struct err *e)
{
    struct agreement g;
    char id[37];
    struct stmt *s = db_query(db, "SELECT document FROM agreement WHERE id = ? AND version = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(sig->agreement, id);
    db_text(s, sv_c(id));
    db_int(s, sig->version);
    int rc = db_step(s, e);
    rc = rc == 1   ? agreement_read(arena_sv(a, col_text(s, 0)), a, &g, e)
         : rc == 0 ? err_set(e, ERR_NOT_FOUND, "the agreement that is signed is not here")
                   : rc;
    db_done(s);
    if (rc == OK && !is_party(&g, sig->party)) {
        rc = err_set(e, ERR_DENIED, "who says it is no party to the agreement");
    }
    return rc;
}

static int check_statement(struct db *db, const struct agreed_signature *sig, const struct dsse *d,
                           const struct note_key *own, struct arena *a, struct err *e)
{
    struct sha256 digest;
    struct note_key key;
    int rc = find_version(db, sig->agreement, sig->version, &digest, e);
    if (rc == 0) {
        return err_set(e, ERR_NOT_FOUND, "the agreement that is signed is not here");
    }
    if (rc == 1 && memcmp(digest.b, sig->digest.b, sizeof(digest.b)) != 0) {
        return err_set(e, ERR_CONFLICT, "what is signed is another text than the one that is here");
    }
    rc = rc == 1 ? check_party(db, sig, a, e) : rc;
    rc = rc == OK ? key_of(db, sig->party, own, a, &key, e) : rc;
    if (rc == OK && !dsse_signed_by(d, key.pub)) {
        rc = err_set(e, ERR_CRYPTO, "the signature is not by the party it names");
    }
    return rc;
}

int agreed_state(struct ledger *l, struct db *db, struct sv envelope, const struct note_key *own, usec now,
                 struct arena *a, struct err *e)
{
    struct dsse d;
    struct agreed_signature sig = {0};
    int rc = open_statement(envelope, a, &d, &sig, e);
    rc = rc == OK ? check_statement(db, &sig, &d, own, a, e) : rc;
    rc = rc == OK ? said_before(db, &sig, e) : rc;
    if (rc != 0) {
        return rc == 1 ? OK : rc;
    }
    rc = said_too_much(db, &sig, e);
    return rc == OK ? register_accept(l, db, "signature", envelope, now, e) : rc;
}

/* ---- what follows */

static size_t persons_of(const struct agreed *g, struct uuid party)
{
    size_t n = 0;
    for (size_t i = 0; i < g->signatures; i++) {
        bool counts = g->signature[i].act == ACT_SIGN && uuid_eq(g->signature[i].party, party);
        for (size_t k = 0; counts && k < i; k++) {
            counts = g->signature[k].act != ACT_SIGN || !uuid_eq(g->signature[k].party, party) ||
                     !sv_eq(g->signature[k].person, g->signature[i].person);
        }
        n += counts;
    }
    return n;
}

static bool signed_by_all(const struct agreed *g)
{
    for (size_t i = 0; i < g->document.parties; i++) {
        if (persons_of(g, g->document.party[i].id) < SIGNATURES_OF_A_PARTY) {
            return false;
        }
    }
    return true;
}

/* Each party's last word counts: one that suspended it resumes it itself. Ending is for good. */
static enum agreed_status stopped(const struct agreed *g)
{
    for (size_t i = 0; i < g->signatures; i++) {
        if (g->signature[i].act == ACT_END) {
            return AGREED_ENDED;
        }
    }
    for (size_t p = 0; p < g->document.parties; p++) {
        const struct agreed_signature *last = NULL;
        for (size_t i = 0; i < g->signatures; i++) {
            const struct agreed_signature *s = &g->signature[i];
            bool speaks =
                (s->act == ACT_SUSPEND || s->act == ACT_RESUME) && uuid_eq(s->party, g->document.party[p].id);
            last = speaks && (!last || s->at >= last->at) ? s : last;
        }
        if (last && last->act == ACT_SUSPEND) {
            return AGREED_SUSPENDED;
        }
    }
    return AGREED_ACTIVE;
}

static enum agreed_status status_of(const struct agreed *g, usec now)
{
    enum agreed_status s = stopped(g);
    if (s == AGREED_ENDED || !signed_by_all(g)) {
        return s == AGREED_ENDED ? s : AGREED_DRAFT;
    }
    return now >= g->document.valid_until ? AGREED_EXPIRED : s;
}

/* Everything said of the version, by all parties, in the order it came here. */
static int load_signatures(struct db *db, struct sv id, int64_t version, struct arena *a, struct agreed *ret,
                           struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT envelope, count(*) OVER () FROM agreement_signature WHERE agreement = ? "
                 "AND version = ? ORDER BY entry",
                 e);
    struct agreed_signature *sig = NULL;
    size_t room = 0;
    int rc;
    ret->signature = NULL;
    ret->signatures = 0;
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    db_int(s, version);
    while ((rc = db_step(s, e)) == 1) {
        struct dsse d;
        if (!sig) {
            room = (size_t)col_int(s, 1);
            sig = arena_calloc(a, room, sizeof(*sig));
        }
        if (!sig || ret->signatures == room) {
            rc = err_set(e, ERR_MEMORY, "no memory for the signatures of an agreement");
            break;
        }
        rc = open_statement(arena_sv(a, col_text(s, 0)), a, &d, &sig[ret->signatures++], e);
        if (rc != OK) {
            break;
        }
    }
    db_done(s);
    ret->signature = sig;
    return rc;
}

/* What a newer version does to the older ones: signed by all it takes their place for good, for they must not
 * come back when it is suspended, ended or over; and who stops an agreement stops what is in force of it. */
static bool overrides(const struct agreed *newer, const struct agreed *older)
{
    return uuid_eq(newer->document.id, older->document.id) &&
           newer->document.version > older->document.version &&
           (signed_by_all(newer) || stopped(newer) != AGREED_ACTIVE);
}

static void supersede(struct agreed *g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n && g[i].status == AGREED_ACTIVE; k++) {
            if (overrides(&g[k], &g[i])) {
                g[i].status = AGREED_SUPERSEDED;
            }
        }
    }
}

#define VERSIONS_MAX 1024

static int load_all(struct db *db, usec now, struct arena *a, struct agreed **ret, size_t *ret_n,
                    struct err *e)
{
    struct stmt *s = db_query(db, "SELECT id, version, document FROM agreement ORDER BY entry", e);
    struct agreed *g = s ? arena_calloc(a, VERSIONS_MAX, sizeof(*g)) : NULL;
    int rc = OK;
    *ret = NULL;
    *ret_n = 0;
    if (!s) {
        return e->code;
    }
    if (!g) {
        db_done(s);
        return err_set(e, ERR_MEMORY, "no memory for the agreements");
    }
    while (rc == OK && (rc = db_step(s, e)) == 1) {
        if (*ret_n == VERSIONS_MAX) {
            rc = err_set(e, ERR_LIMIT, "more than %d versions of agreements", VERSIONS_MAX);
            break;
        }
        struct agreed *at = &g[(*ret_n)++];
        rc = agreement_read(col_text(s, 2), a, &at->document, e);
        rc = rc == OK ? load_signatures(db, col_text(s, 0), col_int(s, 1), a, at, e) : rc;
        at->status = rc == OK ? status_of(at, now) : AGREED_DRAFT;
    }
    db_done(s);
    if (rc == OK) {
        supersede(g, *ret_n);
    }
    *ret = g;
    return rc;
}

int agreed_each(struct db *db, usec now, struct arena *a, int (*each)(void *ctx, const struct agreed *g),
                void *ctx, struct err *e)
{
    struct agreed *g = NULL;
    size_t n = 0;
    int rc = load_all(db, now, a, &g, &n, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = each(ctx, &g[i]);
    }
    return rc;
}

int agreed_register(struct db *db, usec now, struct arena *a, struct agreement_state **ret, size_t *ret_n,
                    struct err *e)
{
    struct agreed *g = NULL;
    int rc = load_all(db, now, a, &g, ret_n, e);
    struct agreement_state *s = rc == OK ? arena_calloc(a, *ret_n + 1, sizeof(*s)) : NULL;
    if (rc == OK && !s) {
        rc = err_set(e, ERR_MEMORY, "no memory for the agreements");
    }
    for (size_t i = 0; rc == OK && i < *ret_n; i++) {
        s[i] = (struct agreement_state){&g[i].document, g[i].status == AGREED_ACTIVE};
    }
    *ret = s;
    return rc;
}

int agreed_file(struct db *db, struct uuid id, int64_t version, struct buf *out, struct err *e)
{
    char text[37];
    struct jw w;
    struct stmt *s = db_query(db, "SELECT document FROM agreement WHERE id = ? AND version = ?", e);
    if (!s) {
        return e->code;
    }
    uuid_text(id, text);
    db_text(s, sv_c(text));
    db_int(s, version);
    int rc = db_step(s, e);
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "agreement");
    jw_raw(&w, rc == 1 ? col_text(s, 0) : SV("null"));
    db_done(s);
    if (rc != 1) {
        return rc < 0 ? rc : err_set(e, ERR_NOT_FOUND, "there is no such version of the agreement");
    }
    s = db_query(
        db, "SELECT envelope FROM agreement_signature WHERE agreement = ? AND version = ? ORDER BY entry", e);
    rc = s ? OK : e->code;
    if (s) {
        db_text(s, sv_c(text));
        db_int(s, version);
    }
    jw_key(&w, "signatures");
    jw_arr(&w);
    while (rc == OK && (rc = db_step(s, e)) == 1) {
        jw_raw(&w, col_text(s, 0));
        rc = OK;
    }
    db_done(s);
    jw_end_arr(&w);
    jw_end_obj(&w);
    return rc == OK && out->failed ? err_set(e, ERR_LIMIT, "the agreement does not fit") : rc;
}
