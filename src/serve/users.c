/* Accounts and API keys as the command line makes them. */
#include "serve/private.h"

#include "serve/node.h"

#define KEY_DEFAULT (365 * USEC_DAY)
#define KEY_LONGEST (366 * USEC_DAY)

static const char *const role_names[] = {
    [ROLE_VIEWER] = "viewer", [ROLE_ANALYST] = "analyst", [ROLE_ADMIN] = "admin",
    [ROLE_SENSOR] = "sensor", [ROLE_AUDITOR] = "auditor", [ROLE_CLIENT] = "client",
};
#define ROLES (sizeof(role_names) / sizeof(role_names[0]))

const char *role_name(enum role r)
{
    return (size_t)r < ROLES ? role_names[r] : "nobody";
}

bool role_parse(struct sv s, enum role *ret)
{
    for (size_t i = 0; i < ROLES; i++) {
        if (sv_eq(s, sv_c(role_names[i]))) {
            *ret = (enum role)i;
            return true;
        }
    }
    return false;
}

static int finish(struct db *db, int rc, struct err *e)
{
    if (rc != OK) {
        db_rollback(db);
        return rc;
    }
    return db_end(db, true, e);
}

/* Names stand in logs and on screens: no control bytes, no blanks at the ends. */
static int check_name(struct sv name, const char *what, struct err *e)
{
    bool good = name.n >= 1 && name.n <= 64 && sv_utf8(name) && sv_eq(name, sv_trim(name));
    for (size_t i = 0; good && i < name.n; i++) {
        good = (unsigned char)name.p[i] >= 0x20 && name.p[i] != 0x7f;
    }
    if (!good) {
        char shown[80];
        err_set(e, ERR_VALUE, "'%s' is no name for %s", sv_show(name, shown, sizeof(shown)), what);
        return err_hint(e, "give 1 to 64 bytes of text without control characters");
    }
    return OK;
}

/* ---- accounts */

static int store_account(struct db *db, struct sv name, struct uuid org, enum role role, const char *hash,
                         usec now, struct err *e)
{
    char id[37];
    struct stmt *s =
        db_query(db,
                 "INSERT INTO account (name, org, role, password, made, changed) VALUES (?,?,?,?,?,?)"
                 " ON CONFLICT (name) DO UPDATE SET org = excluded.org, role = excluded.role, password = "
                 "excluded.password, changed = excluded.changed",
                 e);
    if (!s) {
        return e->code;
    }
    uuid_text(org, id);
    db_text(s, name);
    db_text(s, sv_c(id));
    db_text(s, sv_c(role_name(role)));
    db_text(s, sv_c(hash));
    db_time(s, now);
    db_time(s, now);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int user_find(struct db *db, struct sv name, enum role *ret_role, struct err *e)
{
    struct stmt *s = db_query(db, "SELECT role FROM account WHERE name = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 1 && !role_parse(col_text(s, 0), ret_role)) {
        rc = err_set(e, ERR_CORRUPT, "the role of this user is none that this program knows");
    }
    db_done(s);
    return rc;
}

/* Who had the old password or role is signed out. */
static int end_sessions(struct db *db, struct sv name, struct err *e)
{
    struct stmt *s =
        db_query(db, "DELETE FROM session WHERE account IN (SELECT id FROM account WHERE name = ?)", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

int user_check(struct sv name, struct sv password, struct err *e)
{
    int rc = check_name(name, "a user", e);
    if (rc == OK && (password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST)) {
        err_set(e, ERR_VALUE, "the password has %zu bytes", password.n);
        rc = err_hint(e, "give %d to %d bytes; a sentence is easy to keep in mind", PASSWORD_LEAST,
                      PASSWORD_MOST);
    }
    return rc;
}

int user_put(struct db *db, struct sv name, struct uuid org, enum role role, struct sv password, usec now,
             struct err *e)
{
    char hash[PASSWORD_HASH];
    int rc = user_check(name, password, e);
    if (rc == OK && role == ROLE_SENSOR) {
        err_set(e, ERR_VALUE, "a sensor does not sign in with a password");
        rc = err_hint(e, "make it a key: noroshi key make NAME --source SOURCE");
    }
    rc = rc == OK ? password_hash(password, hash, e) : rc;
    rc = rc == OK ? db_begin(db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = store_account(db, name, org, role, hash, now, e);
    rc = rc == OK ? end_sessions(db, name, e) : rc;
    return finish(db, rc, e);
}

/* ---- keys */

static int check_new_key(struct db *db, struct sv name, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT 1 FROM api_key WHERE name = ? AND revoked IS NULL AND expires > ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    db_time(s, now);
    int rc = db_step(s, e);
    db_done(s);
    if (rc == 1) {
        char shown[80];
        err_set(e, ERR_EXISTS, "there is a key '%s' that still holds", sv_show(name, shown, sizeof(shown)));
        rc = err_hint(e, "revoke it first: noroshi key revoke NAME; or choose another name");
    }
    return rc;
}

/* "nrs_", 8 letters that tell keys apart in lists, "_", 32 random bytes. */
static int make_secret(char ret[64], struct err *e)
{
    uint8_t random[38];
    struct buf b;
    buf_init(&b, 128);
    random_bytes(random, sizeof(random));
    buf_add(&b, SV("nrs_"));
    base64url_add(&b, sv_from((const char *)random, 6));
    buf_addc(&b, '_');
    base64url_add(&b, sv_from((const char *)random + 6, 32));
    bool ok = !b.failed && sv_copy(buf_sv(&b), ret, 64);
    buf_clear(&b);
    return ok ? OK : err_set(e, ERR_MEMORY, "no memory for a key");
}

struct new_key {
    struct sv name;
    struct uuid org;
    enum role role;
    int64_t source;
    usec made, expires;
    struct sv prefix, certificate; /* certificate: p NULL for a key with a secret */
    struct sha256 secret;          /* sum of the secret */
};

static int store_key(struct db *db, const struct new_key *k, struct err *e)
{
    char id[37];
    struct stmt *s = db_query(db,
                              "INSERT INTO api_key (name, prefix, secret, org, role, source, made, expires, "
                              "certificate) VALUES (?,?,?,?,?,?,?,?,?)",
                              e);
    if (!s) {
        return e->code;
    }
    uuid_text(k->org, id);
    db_text(s, k->name);
    db_text(s, k->prefix);
    db_blob(s, sv_from((const char *)k->secret.b, sizeof(k->secret.b)));
    db_text(s, sv_c(id));
    db_text(s, sv_c(role_name(k->role)));
    db_int(s, k->source);
    db_time(s, k->made);
    db_time(s, k->expires);
    db_text(s, k->certificate);
    int rc = db_run(s, e);
    db_done(s);
    return rc;
}

static int check_times(usec now, usec expires, struct err *e)
{
    if (expires > now && expires <= now + KEY_LONGEST) {
        return OK;
    }
    err_set(e, ERR_VALUE, "a key holds at most a year");
    return err_hint(e, "give --days 1 to 366 and make a new key before it ends");
}

int key_make(struct db *db, struct sv name, struct uuid org, enum role role, int64_t source, usec now,
             usec expires, char ret_key[64], struct err *e)
{
    expires = expires == USEC_NONE ? now + KEY_DEFAULT : expires;
    int rc = check_name(name, "a key", e);
    rc = rc == OK ? check_times(now, expires, e) : rc;
    rc = rc == OK ? make_secret(ret_key, e) : rc;
    rc = rc == OK ? db_begin(db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    const struct new_key k = {.name = name,
                              .org = org,
                              .role = role,
                              .source = source,
                              .made = now,
                              .expires = expires,
                              .prefix = sv_sub(sv_c(ret_key), 0, 12),
                              .secret = sha256_of(sv_c(ret_key))};
    rc = check_new_key(db, name, now, e);
    rc = rc == OK ? store_key(db, &k, e) : rc;
    return finish(db, rc, e);
}

/* One certificate stands for one name: else nobody could say who asked. */
static int check_new_certificate(struct db *db, struct sv hex, usec now, struct err *e)
{
    struct stmt *s =
        db_query(db, "SELECT name FROM api_key WHERE certificate = ? AND revoked IS NULL AND expires > ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, hex);
    db_time(s, now);
    int rc = db_step(s, e);
    if (rc == 1) {
        char shown[80];
        err_set(e, ERR_EXISTS, "this certificate's key is bound to '%s' already",
                sv_show(col_text(s, 0), shown, sizeof(shown)));
        rc = err_hint(e, "revoke that first: noroshi key revoke NAME");
    }
    db_done(s);
    return rc;
}

int key_bind(struct db *db, struct sv name, struct uuid org, enum role role, const struct sha256 *spki,
             usec now, usec expires, struct err *e)
{
    char hex[65];
    hex_text(spki->b, sizeof(spki->b), hex);
    struct new_key k = {.name = name,
                        .org = org,
                        .role = role,
                        .made = now,
                        .expires = expires == USEC_NONE ? now + KEY_DEFAULT : expires,
                        .prefix = SV("certificate"),
                        .certificate = sv_c(hex)};
    random_bytes(k.secret.b, sizeof(k.secret.b)); /* of no secret: no text has this sum */
    int rc = check_name(name, "a key", e);
    rc = rc == OK ? check_times(now, k.expires, e) : rc;
    rc = rc == OK ? db_begin(db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = check_new_key(db, name, now, e);
    rc = rc == OK ? check_new_certificate(db, k.certificate, now, e) : rc;
    rc = rc == OK ? store_key(db, &k, e) : rc;
    return finish(db, rc, e);
}

int key_revoke(struct db *db, struct sv name, struct err *e)
{
    int rc = db_begin(db, e);
    if (rc != OK) {
        return rc;
    }
    struct stmt *s = db_query(db, "UPDATE api_key SET revoked = ? WHERE name = ? AND revoked IS NULL", e);
    rc = s ? OK : e->code;
    if (s) {
        db_time(s, time_now());
        db_text(s, name);
        rc = db_run(s, e);
        db_done(s);
    }
    if (rc == OK && db_changed(db) == 0) {
        char shown[80];
        rc =
            err_set(e, ERR_NOT_FOUND, "there is no key '%s' that holds", sv_show(name, shown, sizeof(shown)));
    }
    return finish(db, rc, e);
}
