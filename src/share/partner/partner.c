#include "share/partner/partner.h"

#include "share/partner/register.h"

/* ---- the record: {"by","card":{...},"status"} */

static const char *const STATUSES[PARTNER_STATUS_MAX] = {"proposed", "active", "suspended", "ended"};

const char *partner_status_name(enum partner_status s)
{
    return (unsigned)s < PARTNER_STATUS_MAX ? STATUSES[s] : "unknown";
}

static bool status_parse(struct sv s, enum partner_status *ret)
{
    for (int i = 0; i < PARTNER_STATUS_MAX; i++) {
        if (sv_eq(s, sv_c(STATUSES[i]))) {
            *ret = (enum partner_status)i;
            return true;
        }
    }
    return false;
}

static void encode(const struct partner *p, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "card");
    jw_raw(&w, p->card.canonical);
    jw_kstr(&w, "confirmed_by", p->confirmed_by);
    jw_kstr(&w, "proposed_by", p->proposed_by);
    jw_kstr(&w, "status", sv_c(partner_status_name(p->status)));
    jw_end_obj(&w);
}

/* The origin of the partner's log: the name of its key. */
static struct sv log_name(const struct partner_card *c)
{
    return sv_sub(c->log, 0, sv_chr(c->log, '+'));
}

static int store(struct db *db, const struct partner_card *c, struct sv record, enum partner_status status,
                 const struct entry *entry, struct err *e)
{
    char id[37];
    struct stmt *s =
        db_query(db,
                 "INSERT INTO partner (id, record, status, spki_now, spki_next, log, changed, entry) "
                 "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET record = "
                 "excluded.record, status = excluded.status, spki_now = excluded.spki_now, "
                 "spki_next = excluded.spki_next, log = excluded.log, changed = excluded.changed, entry = "
                 "excluded.entry",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(c->id, id);
    db_text(s, sv_c(id));
    db_text(s, record);
    db_int(s, status);
    db_text(s, c->spki[0]);
    db_text(s, c->spki[1]);
    db_text(s, log_name(c));
    db_time(s, entry->at);
    db_int(s, entry->id);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

/* A row or an entry's record back to what it says. */
static int decode(struct sv record, struct arena *a, struct partner *ret, struct err *e)
{
    struct json_doc *d = json_doc_new(PARTNER_CARD_MAX * 2);
    struct jv v = {0};
    struct buf card;
    buf_init(&card, PARTNER_CARD_MAX * 2);
    int rc = d ? json_parse(d, record, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a partner");
    if (rc == OK) {
        json_add(&card, json_get(v, SV("card")));
        rc = partner_card_read(buf_sv(&card), a, &ret->card, e);
    }
    if (rc == OK && !status_parse(json_get_str(v, SV("status")), &ret->status)) {
        rc = err_set(e, ERR_CORRUPT, "the record of a partner has no status");
    }
    if (rc == OK) {
        ret->proposed_by = arena_sv(a, json_get_str(v, SV("proposed_by")));
        ret->confirmed_by = arena_sv(a, json_get_str(v, SV("confirmed_by")));
    }
    buf_clear(&card);
    json_doc_free(d);
    return rc;
}

int partner_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e)
{
    struct pack_it it = pack_each(entry->content);
    struct sv record;
    struct partner p = {0};
    struct arena a;
    if (!pack_next(&it, &record) || !record.p) {
        return OK; /* expunged */
    }
    arena_init(&a, 4u << 20);
    int rc = decode(record, &a, &p, e);
    rc = rc == OK ? store(db, &p.card, record, p.status, entry, e) : rc;
    arena_clear(&a);
    return rc;
}

static int accept(struct ledger *l, struct db *db, const struct partner *p, usec now, struct err *e)
{
    struct buf b;
    buf_init(&b, PARTNER_CARD_MAX * 2);
    encode(p, &b);
    int rc = register_accept(l, db, "partner", buf_sv(&b), now, e);
    buf_clear(&b);
    return rc;
}

/* ---- reading the register */

struct search {
    struct sv text;
    struct partner *found;
};

static bool is_name(const struct partner_card *c, struct sv text)
{
    char id[37];
    uuid_text(c->id, id);
    bool same = sv_ieq(sv_c(id), text);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        same = same || sv_ieq(c->name[l], text);
    }
    return same;
}

static int match(void *ctx, const struct partner *p)
{
    struct search *q = ctx;
    if (!is_name(&p->card, q->text)) {
        return OK;
    }
    *q->found = *p;
    return 1;
}

/* All of them are read before the first is told of: an open statement would show whoever is called the
 * database as it was before what he does. */
static int read_all(struct db *db, struct arena *a, struct partner *list, size_t most, size_t *ret_n,
                    struct err *e)
{
    struct stmt *s = db_query(db, "SELECT record, changed FROM partner ORDER BY id LIMIT ?", e);
    int rc;
    *ret_n = 0;
    if (!s) {
        return e->code;
    }
    db_int(s, (int64_t)most);
    while ((rc = db_step(s, e)) == 1) {
        struct partner *p = &list[*ret_n];
        *p = (struct partner){.changed = col_time(s, 1)};
        rc = decode(col_text(s, 0), a, p, e);
        if (rc != OK) {
            break;
        }
        ++*ret_n;
    }
    db_done(s);
    return rc;
}

int partner_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct partner *p), void *ctx,
                 struct err *e)
{
    size_t n, most = (size_t)db_value(db, "SELECT count(*) FROM partner", 0);
    struct partner *list = arena_calloc(a, most + 1, sizeof(*list));
    if (!list) {
        return err_set(e, ERR_MEMORY, "no memory for the partners");
    }
    int rc = read_all(db, a, list, most, &n, e);
    for (size_t i = 0; rc == OK && i < n; i++) {
        rc = each(ctx, &list[i]);
    }
    return rc;
}

int partner_find(struct db *db, struct sv id_or_name, struct arena *a, struct partner *ret, struct err *e)
{
    struct search q = {id_or_name, ret};
    char shown[80];
    int rc = partner_each(db, a, match, &q, e);
    if (rc == OK) {
        err_set(e, ERR_NOT_FOUND, "no partner '%s' is known", sv_show(id_or_name, shown, sizeof(shown)));
        return err_hint(e, "`noroshi partner list` names them");
    }
    return rc == 1 ? OK : rc;
}

/* ---- taking a card in */

static int check_key(struct sv vkey, uint8_t type, const char *what, struct note_key *ret, struct err *e)
{
    int rc = note_key_parse(vkey, ret, e);
    if (rc == OK && ret->type != type) {
        rc = err_set(e, ERR_VALUE, "the %s key of the card is of another type", what);
    }
    return rc;
}

static int check_keys(const struct partner_card *c, struct note_key *ret_messages, struct err *e)
{
    struct note_key log, witness;
    int rc = check_key(c->log, NOTE_ED25519, "log", &log, e);
    rc = rc == OK ? check_key(c->witness, NOTE_COSIGNATURE, "witness", &witness, e) : rc;
    rc = rc == OK ? check_key(c->messages, NOTE_ED25519, "message", ret_messages, e) : rc;
    bool shared =
        rc == OK && (memcmp(log.pub, witness.pub, 32) == 0 || memcmp(log.pub, ret_messages->pub, 32) == 0 ||
                     memcmp(witness.pub, ret_messages->pub, 32) == 0);
    return shared ? err_set(e, ERR_VALUE, "the card uses one key for two purposes") : rc;
}

/* "name" is the first epoch of a log, "name/2" what it is called after a restore (docs/ledger.md). */
static struct sv epoch_of(const struct partner_card *c, int64_t *ret)
{
    struct sv name = log_name(c);
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '/') {
        at--;
    }
    struct sv number = sv_sub(name, at, SIZE_MAX);
    bool later = at > 1 && number.n && number.p[0] != '0' && sv_i64(number, ret) && *ret > 1;
    *ret = later ? *ret : 1;
    return later ? sv_sub(name, 0, at - 1) : name;
}

/* The same log, or a later epoch of it. What froze the old one is not left behind with it. */
static int check_log(struct db *db, const struct partner *old, const struct partner_card *card, struct err *e)
{
    int64_t was, is;
    struct sv before = epoch_of(&old->card, &was), now = epoch_of(card, &is);
    if (sv_eq(card->log, old->card.log)) {
        return OK;
    }
    if (!sv_eq(before, now) || is <= was) {
        err_set(e, ERR_CONFLICT, "the new card names another log than the one that is witnessed");
        return err_hint(e, "a partner whose log begins anew is ended, and invited again");
    }
    if (witness_frozen(db, log_name(&old->card))) {
        err_set(e, ERR_DENIED, "the log that the new one follows is frozen");
        return err_hint(e, "`noroshi witness thaw ORIGIN --by NAME` once a person has decided");
    }
    return OK;
}

/* A card of a partner that is there: the pinned key must have signed it, and it must be newer. */
static int check_rotation(struct db *db, const struct partner *old, const struct partner_card *card,
                          const struct dsse *d, struct err *e)
{
    struct note_key pinned;
    int rc = note_key_parse(old->card.messages, &pinned, e);
    if (rc == OK && old->status == PARTNER_ENDED) {
        rc = err_set(e, ERR_DENIED, "the partnership has ended");
    }
    if (rc == OK && !dsse_signed_by(d, pinned.pub)) {
        err_set(e, ERR_CRYPTO, "the new card is not signed by the key that is pinned");
        rc = err_hint(e, "a partner that lost its key is ended, and invited again as a new one");
    }
    rc = rc == OK ? check_log(db, old, card, e) : rc;
    if (rc == OK && card->version <= old->card.version) {
        rc = err_set(e, ERR_CONFLICT, "the card has version %lld, and version %lld is here already",
                     (long long)card->version, (long long)old->card.version);
    }
    return rc;
}

static int open_card(struct sv envelope, struct arena *a, struct dsse *d, struct partner_card *ret,
                     struct err *e)
{
    struct note_key messages;
    int rc = dsse_read(envelope, a, d, e);
    if (rc == OK && !sv_eq(d->type, SV(PARTNER_PAYLOAD))) {
        rc = err_set(e, ERR_VALUE, "the file holds no partner's card");
    }
    rc = rc == OK ? partner_card_read(d->body, a, ret, e) : rc;
    rc = rc == OK ? check_keys(ret, &messages, e) : rc;
    if (rc == OK && !dsse_signed_by(d, messages.pub)) {
        rc = err_set(e, ERR_CRYPTO, "the card is not signed by the message key it names");
    }
    return rc;
}

/* A TLS key is how a partner is known: it stands for one. And nobody takes an organisation's id of this node.
 */
static int check_alone(struct db *db, const struct partner_card *c, struct sv id, struct err *e)
{
    struct stmt *s =
        db_query(db,
                 "SELECT 1 FROM org WHERE id = ? UNION ALL SELECT 1 FROM partner WHERE id <> ? AND "
                 "status <> ? AND (spki_now IN (?,?) OR (spki_next <> '' AND spki_next IN (?,?)))",
                 e);
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    db_text(s, id);
    db_int(s, PARTNER_ENDED);
    for (size_t i = 0; i < 4; i++) {
        db_text(s, c->spki[i % 2]);
    }
    int rc = db_step(s, e);
    db_done(s);
    return rc == 1 ? err_set(e, ERR_CONFLICT, "the card has the id or a TLS key of somebody else") : rc;
}

struct other {
    const struct partner_card *card;
    bool shared;
};

static bool same_key(struct sv a, struct sv b)
{
    struct err none = ERR_NONE;
    struct note_key x, y;
    return note_key_parse(a, &x, &none) == OK && note_key_parse(b, &y, &none) == OK &&
           memcmp(x.pub, y.pub, sizeof(x.pub)) == 0;
}

static int look_for_keys(void *ctx, const struct partner *p)
{
    struct other *o = ctx;
    const struct sv theirs[] = {p->card.log, p->card.witness, p->card.messages};
    const struct sv ours[] = {o->card->log, o->card->witness, o->card->messages};
    if (uuid_eq(p->card.id, o->card->id) || p->status == PARTNER_ENDED) {
        return OK;
    }
    for (size_t i = 0; i < 9; i++) {
        o->shared = o->shared || same_key(theirs[i / 3], ours[i % 3]);
    }
    return OK;
}

/* Another partner's witness key would make one witness look like two. */
static int check_own_keys(struct db *db, const struct partner_card *c, struct arena *a, struct err *e)
{
    struct other o = {.card = c};
    int rc = partner_each(db, a, look_for_keys, &o, e);
    return rc == OK && o.shared ? err_set(e, ERR_CONFLICT, "the card has a key of somebody else") : rc;
}

static int witness_log(struct ledger *l, struct db *db, const struct partner_card *c, usec now, struct err *e)
{
    struct note_key log;
    int rc = note_key_parse(c->log, &log, e);
    rc = rc == OK ? db_begin(db, e) : rc;
    return rc == OK ? db_finish(db, witness_trust(l, &log, now, e), e) : rc;
}

int partner_propose(struct ledger *l, struct db *db, struct sv envelope, struct sv person, usec now,
                    struct partner_card *ret, struct arena *a, struct err *e)
{
    struct dsse d;
    struct partner p = {.status = PARTNER_PROPOSED, .proposed_by = person, .confirmed_by = SV("")};
    struct partner old = {0};
    struct err none = ERR_NONE;
    char id[37];
    int rc = open_card(envelope, a, &d, ret, e);
    if (rc != OK) {
        return rc;
    }
    uuid_text(ret->id, id);
    int there = partner_find(db, sv_c(id), a, &old, &none);
    if (there != OK && there != ERR_NOT_FOUND) {
        *e = none;
        return there;
    }
    if (there == OK) {
        rc = check_rotation(db, &old, ret, &d, e);
        p = old;
    }
    p.card = *ret;
    rc = rc == OK ? check_alone(db, ret, sv_c(id), e) : rc;
    rc = rc == OK ? check_own_keys(db, ret, a, e) : rc;
    if (rc == OK && p.status != PARTNER_PROPOSED && !sv_eq(ret->log, old.card.log)) {
        rc = witness_log(l, db, ret, now, e); /* from its beginning; the old epoch's head stays known */
    }
    return rc == OK ? accept(l, db, &p, now, e) : rc;
}

/* ---- changing what a partner is */

static int load(struct db *db, struct uuid id, struct arena *a, struct partner *ret, struct err *e)
{
    char text[37];
    uuid_text(id, text);
    return partner_find(db, sv_c(text), a, ret, e);
}

/* An active partner's log is witnessed here from now on. */
static int activate(struct ledger *l, struct db *db, struct partner *p, usec now, struct err *e)
{
    int rc = witness_log(l, db, &p->card, now, e);
    p->status = PARTNER_ACTIVE;
    return rc == OK ? accept(l, db, p, now, e) : rc;
}

int partner_confirm(struct ledger *l, struct db *db, struct uuid id, struct sv person, usec now,
                    struct err *e)
{
    struct arena a;
    struct partner p = {0};
    arena_init(&a, 4u << 20);
    int rc = load(db, id, &a, &p, e);
    if (rc == OK && p.status != PARTNER_PROPOSED) {
        rc = err_set(e, ERR_CONFLICT, "the partner is %s, not proposed", partner_status_name(p.status));
    }
    if (rc == OK && sv_eq(p.proposed_by, person)) {
        err_set(e, ERR_DENIED, "the person who proposed a partner cannot confirm it");
        rc = err_hint(e, "a second person compares the fingerprint and confirms");
    }
    p.confirmed_by = person;
    rc = rc == OK ? activate(l, db, &p, now, e) : rc;
    arena_clear(&a);
    return rc;
}

int partner_set(struct ledger *l, struct db *db, struct uuid id, enum partner_status status, struct sv person,
                usec now, struct err *e)
{
    struct arena a;
    struct partner p = {0};
    arena_init(&a, 4u << 20);
    int rc = load(db, id, &a, &p, e);
    bool resumes = status == PARTNER_ACTIVE && p.status == PARTNER_SUSPENDED;
    bool stops = status == PARTNER_SUSPENDED && p.status == PARTNER_ACTIVE;
    bool ends = status == PARTNER_ENDED && p.status != PARTNER_ENDED;
    if (rc == OK && !resumes && !stops && !ends) {
        rc = err_set(e, ERR_CONFLICT, "a partner that is %s cannot become %s", partner_status_name(p.status),
                     partner_status_name(status));
    }
    p.status = status;
    rc = rc == OK ? accept(l, db, &p, now, e) : rc;
    arena_clear(&a);
    return rc;
}

/* A partner whose log forked gets nothing until a person decided. */
static int active_row(struct db *db, struct stmt *s, struct uuid *ret, struct err *e)
{
    int rc = db_step(s, e);
    char log[200] = "";
    if (rc == 1 && (!uuid_parse(col_text(s, 0), ret) || !sv_copy(col_text(s, 1), log, sizeof(log)))) {
        rc = err_set(e, ERR_CORRUPT, "the row of a partner cannot be read");
    }
    db_done(s);
    return rc == 1 && witness_frozen(db, sv_c(log)) ? 0 : rc;
}

int partner_by_key(struct db *db, const struct sha256 *spki, struct uuid *ret, struct err *e)
{
    char hex[65];
    struct stmt *s =
        db_query(db, "SELECT id FROM partner WHERE status = ? AND (spki_now = ? OR spki_next = ?)", e);
    if (!s) {
        return e->code;
    }
    hex_text(spki->b, sizeof(spki->b), hex);
    db_int(s, PARTNER_ACTIVE);
    db_text(s, sv_c(hex));
    db_text(s, sv_c(hex));
    int rc = db_step(s, e);
    if (rc == 1 && !uuid_parse(col_text(s, 0), ret)) {
        rc = err_set(e, ERR_CORRUPT, "a partner's id is no UUID");
    }
    db_done(s);
    return rc;
}

bool partner_any(struct db *db)
{
    return db_value(db, "SELECT count(*) FROM partner WHERE status = 1", 0) > 0;
}

int partner_is_active(struct db *db, struct sv id, struct err *e)
{
    struct uuid unused;
    struct stmt *s = db_query(db, "SELECT id, log FROM partner WHERE id = ? AND status = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, id);
    db_int(s, PARTNER_ACTIVE);
    return active_row(db, s, &unused, e);
}
