#include "serve/private.h"

#define TOUCH_EVERY (60 * USEC_SECOND)
#define IDEMPOTENT_KEPT (7 * USEC_DAY)

static void random_token(char ret[CSRF_ROOM], struct sv bytes)
{
    struct buf b;
    buf_init(&b, CSRF_ROOM);
    base64url_add(&b, bytes);
    sv_copy(buf_sv(&b), ret, CSRF_ROOM);
    buf_clear(&b);
}

void session_csrf(struct sv token, char ret[CSRF_ROOM])
{
    const struct sv parts[] = {SV("noroshi csrf\n"), token};
    struct sha256 sum = sha256_parts(parts, 2);
    random_token(ret, sv_from((const char *)sum.b, sizeof(sum.b)));
}

void caller_actor(const struct caller *c, char ret[40])
{
    snprintf(ret, 40, "%s:%lld", c->by_key ? "key" : "account", (long long)c->id);
}

void caller_principal(const struct caller *c, char ret[PRINCIPAL_ROOM])
{
    if (c->partner) {
        char id[37];
        uuid_text(c->org, id);
        snprintf(ret, PRINCIPAL_ROOM, "partner:%s", id);
    } else if (c->certificate[0]) {
        snprintf(ret, PRINCIPAL_ROOM, "cert:%s", c->certificate);
    } else if (c->known) {
        snprintf(ret, PRINCIPAL_ROOM, "%s:%s", c->by_key ? "key" : "user", c->name);
    } else {
        ret[0] = 0;
    }
}

static int refuse(struct err *e, const char *text, const char *remedy)
{
    err_set(e, ERR_AUTH, "%s", text);
    return err_hint(e, "%s", remedy);
}

bool caller_read(struct stmt *s, struct caller *ret)
{
    ret->id = col_int(s, 0);
    sv_copy(col_text(s, 1), ret->name, sizeof(ret->name));
    ret->known = uuid_parse(col_text(s, 2), &ret->org) && role_parse(col_text(s, 3), &ret->role);
    return ret->known;
}

/* ---- sessions */

static int find_session(struct db *db, struct sv token, usec now, struct caller *ret, struct err *e)
{
    struct sha256 sum = sha256_of(token);
    struct stmt *s = db_query(db,
                              "SELECT a.id, a.name, a.org, a.role, s.id, s.made, s.seen FROM session s JOIN "
                              "account a ON a.id = s.account WHERE s.token = ?",
                              e);
    if (!s) {
        return e->code;
    }
    db_blob(s, sv_from((const char *)sum.b, sizeof(sum.b)));
    int rc = db_step(s, e);
    bool good = rc == 1 && caller_read(s, ret);
    if (good) {
        ret->session = col_int(s, 4);
        ret->made = col_time(s, 5);
        ret->seen = col_time(s, 6);
        good = now - ret->seen <= SESSION_IDLE && now - ret->made <= SESSION_MOST;
    }
    db_done(s);
    if (rc < 0) {
        return rc;
    }
    if (!good) {
        *ret = (struct caller){0};
        return refuse(e, "the session has ended", "sign in again");
    }
    session_csrf(token, ret->csrf);
    return OK;
}

int session_make(struct db *db, int64_t account, usec now, char ret_token[CSRF_ROOM], struct err *e)
{
    uint8_t random[32];
    random_bytes(random, sizeof(random));
    random_token(ret_token, sv_from((const char *)random, sizeof(random)));
    struct sha256 sum = sha256_of(sv_c(ret_token));
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(db, "INSERT INTO session (token, account, made, seen) VALUES (?,?,?,?)", e);
    rc = s ? OK : e->code;
    if (s) {
        db_blob(s, sv_from((const char *)sum.b, sizeof(sum.b)));
        db_int(s, account);
        db_time(s, now);
        db_time(s, now);
        rc = db_run(s, e);
        db_done(s);
    }
    if (rc != OK) {
        db_rollback(db);
        return rc;
    }
    return db_end(db, true, e);
}

/* One statement with up to two numbers, in a transaction of its own. */
static int run_one(struct db *db, const char *sql, int64_t a, const int64_t *b, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(db, sql, e);
    rc = s ? OK : e->code;
    if (s) {
        db_int(s, a);
        if (b) {
            db_int(s, *b);
        }
        rc = db_run(s, e);
        db_done(s);
    }
    if (rc != OK) {
        db_rollback(db);
        return rc;
    }
    return db_end(db, true, e);
}

int session_end(struct db *db, int64_t session, struct err *e)
{
    return run_one(db, "DELETE FROM session WHERE id = ?", session, NULL, e);
}

int session_sweep(struct db *db, usec now, struct err *e)
{
    const int64_t most = now - SESSION_MOST;
    int rc = run_one(db, "DELETE FROM session WHERE seen < ? OR made < ?", now - SESSION_IDLE, &most, e);
    return rc == OK ? run_one(db, "DELETE FROM idempotent WHERE at < ?", now - IDEMPOTENT_KEPT, NULL, e) : rc;
}

/* ---- keys */

#define KEY_SELECT "SELECT id, name, org, role, source, last_used FROM api_key WHERE "
#define KEY_HOLDS " AND revoked IS NULL AND expires > ?"

/* 1 when the statement, bound as far as the time, gives a key that holds. */
static int read_key(struct stmt *s, usec now, struct caller *ret, struct err *e)
{
    db_time(s, now);
    int rc = db_step(s, e);
    if (rc == 1 && caller_read(s, ret)) {
        ret->by_key = true;
        ret->source = col_int(s, 4);
        ret->seen = col_time(s, 5);
    } else if (rc == 1) {
        rc = 0;
    }
    db_done(s);
    return rc;
}

int caller_by_key(struct db *db, struct sv key, usec now, struct caller *ret, struct err *e)
{
    struct sha256 sum = sha256_of(key);
    *ret = (struct caller){0};
    struct stmt *s = db_query(db, KEY_SELECT "certificate IS NULL AND secret = ?" KEY_HOLDS, e);
    if (!s) {
        return e->code;
    }
    db_blob(s, sv_from((const char *)sum.b, sizeof(sum.b)));
    int rc = read_key(s, now, ret, e);
    if (rc == 0) {
        rc = refuse(e, "the API key is unknown, ended or revoked", "make a new one: noroshi key make NAME");
    }
    return rc < 0 ? rc : OK;
}

/* A partner is known by the keys of its card: no key of this node has to be made for it. */
static int partner_caller(struct db *db, const struct sha256 *spki, struct caller *ret, struct err *e)
{
    struct caller c = {.known = true, .by_key = true, .partner = true, .role = ROLE_CLIENT};
    int rc = partner_by_key(db, spki, &c.org, e);
    if (rc == 1) {
        snprintf(c.name, sizeof(c.name), "partner");
        *ret = c;
    }
    return rc;
}

int caller_unknown_certificate(struct caller *ret, struct err *e)
{
    *ret = (struct caller){0};
    return refuse(e, "no key of this node is bound to this certificate",
                  "register it: noroshi key add NAME --certificate FILE");
}

int caller_by_certificate(struct db *db, const struct sha256 *spki, usec now, struct caller *ret,
                          struct err *e)
{
    char hex[65];
    *ret = (struct caller){0};
    struct stmt *s = db_query(db, KEY_SELECT "certificate = ?" KEY_HOLDS, e);
    if (!s) {
        return e->code;
    }
    hex_text(spki->b, sizeof(spki->b), hex);
    db_text(s, sv_c(hex));
    int rc = read_key(s, now, ret, e);
    rc = rc == 0 ? partner_caller(db, spki, ret, e) : rc;
    if (rc == 0) {
        return caller_unknown_certificate(ret, e);
    }
    sv_copy(sv_c(hex), ret->certificate, sizeof(ret->certificate));
    return rc < 0 ? rc : OK;
}

bool certificates_registered(struct db *db, usec now)
{
    struct err e = ERR_NONE;
    struct stmt *s =
        db_query(db, "SELECT 1 FROM api_key WHERE certificate IS NOT NULL" KEY_HOLDS " LIMIT 1", &e);
    if (!s) {
        return false;
    }
    db_time(s, now);
    bool any = db_step(s, &e) == 1;
    db_done(s);
    return any || partner_any(db);
}

int caller_find(struct db *db, const struct http_request *r, usec now, struct caller *ret, struct err *e)
{
    *ret = (struct caller){0};
    struct sv authorization = http_header(r, "Authorization");
    if (authorization.p) {
        if (!sv_istarts(authorization, SV("Bearer nrs_"))) {
            return refuse(e, "the Authorization header holds no key of this node",
                          "send `Authorization: Bearer nrs_...`");
        }
        return caller_by_key(db, sv_trim(sv_sub(authorization, 7, SIZE_MAX)), now, ret, e);
    }
    struct sv token = http_cookie(r, SESSION_COOKIE);
    return token.p ? find_session(db, token, now, ret, e) : OK;
}

bool caller_stands(struct db *db, const struct caller *c, usec now)
{
    struct err e = ERR_NONE;
    struct stmt *s =
        db_query(db,
                 c->by_key ? "SELECT 1 FROM api_key WHERE id = ? AND revoked IS NULL AND expires > ?"
                           : "SELECT 1 FROM session WHERE id = ? AND seen > ? AND made > ? AND made = ? AND "
                             "account = ?",
                 &e);
    if (!s) {
        return false;
    }
    db_int(s, c->by_key ? c->id : c->session);
    db_time(s, c->by_key ? now : now - SESSION_IDLE);
    if (!c->by_key) {
        db_time(s, now - SESSION_MOST);
        db_time(s, c->made); /* an ended session's number is given to a later one */
        db_int(s, c->id);
    }
    bool stands = db_step(s, &e) == 1;
    db_done(s);
    return stands;
}

int caller_touch(struct db *db, const struct caller *c, usec now, struct err *e)
{
    if ((c->seen != USEC_NONE && now - c->seen < TOUCH_EVERY) || (!c->by_key && !c->session)) {
        return OK;
    }
    const int64_t id = c->by_key ? c->id : c->session;
    return run_one(db,
                   c->by_key ? "UPDATE api_key SET last_used = ? WHERE id = ?"
                             : "UPDATE session SET seen = ? WHERE id = ?",
                   now, &id, e);
}
