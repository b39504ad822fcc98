#include "serve/private.h"

static void write_session(struct call *c, struct sv name, const char *role, struct uuid org, const char *csrf)
{
    struct jw w;
    char id[37];
    uuid_text(org, id);
    jw_init(&w, &c->out);
    jw_obj(&w);
    jw_kstr(&w, "name", name);
    jw_kstr(&w, "role", sv_c(role));
    jw_kstr(&w, "org", sv_c(id));
    jw_kstr(&w, "csrf", csrf[0] ? sv_c(csrf) : SV_NONE);
    jw_end_obj(&w);
}

struct account {
    int64_t id; /* 0: there is none of that name */
    struct sv name;
    enum role role;
    struct uuid org;
    char password[PASSWORD_HASH];
};

static int find_account(struct call *c, struct sv name, struct account *ret, struct err *e)
{
    *ret = (struct account){0};
    struct stmt *s =
        db_query(c->node->db, "SELECT id, name, role, org, password FROM account WHERE name = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 1 && role_parse(col_text(s, 2), &ret->role) && uuid_parse(col_text(s, 3), &ret->org) &&
        sv_copy(col_text(s, 4), ret->password, sizeof(ret->password))) {
        ret->id = col_int(s, 0);
        ret->name = arena_sv(&c->a, col_text(s, 1));
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

static int sign_in(struct call *c, const struct account *account, struct err *e)
{
    char token[CSRF_ROOM], csrf[CSRF_ROOM], cookie[256];
    int rc = session_make(c->node->db, account->id, c->now, token, e);
    if (rc != OK) {
        return rc;
    }
    session_csrf(sv_c(token), csrf);
    snprintf(cookie, sizeof(cookie), SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict", token);
    http_set(c->r, "Set-Cookie", cookie);
    write_session(c, account->name, role_name(account->role), account->org, csrf);
    return OK;
}

static int check(struct call *c, struct sv name, struct sv password, struct err *e)
{
    struct account account;
    bool good = false;
    struct sv peer = sv_c(http_peer(c->r));
    c->wait = throttle_try(c->web->throttle, name, peer, c->now);
    if (c->wait) {
        c->status = 429;
        err_set(e, ERR_BUSY, "too many sign-ins failed for this name or address");
        return err_hint(e, "try again in %u seconds", c->wait);
    }
    int rc = find_account(c, name, &account, e);
    rc = rc == OK ? password_check(password, account.id ? account.password : NULL, &good, e) : rc;
    if (rc == ERR_BUSY) {
        c->status = 429;
        c->wait = 2;
    }
    if (rc == OK && !good) {
        err_set(e, ERR_AUTH, "name or password is wrong");
        rc = err_hint(e, "passwords are set on the node: noroshi user set NAME");
    }
    if (rc == OK) {
        throttle_good(c->web->throttle, name, peer);
        rc = account.role == ROLE_CLIENT
                 ? err_set(e, ERR_DENIED, "this account is a program's: it speaks TAXII, it does not sign in")
                 : sign_in(c, &account, e);
    }
    explicit_bzero(account.password, sizeof(account.password));
    return rc;
}

int api_session_make(struct call *c, struct err *e)
{
    struct json_doc *doc = NULL;
    struct jv body;
    int rc = call_json(c, &doc, &body, e);
    if (rc == OK) {
        struct sv name = json_get_str(body, SV("name")), password = json_get_str(body, SV("password"));
        rc = name.p && password.p ? check(c, name, password, e)
                                  : err_set(e, ERR_VALUE, "give name and password as text");
    }
    json_doc_free(doc);
    return rc;
}

int api_session_get(struct call *c, struct err *e)
{
    write_session(c, sv_c(c->who.name), role_name(c->who.role), c->who.org, c->who.csrf);
    return OK;
}

int api_session_end(struct call *c, struct err *e)
{
    if (!c->who.session) {
        err_set(e, ERR_USAGE, "an API key has no session to end");
        return err_hint(e, "revoke the key on the node: noroshi key revoke NAME");
    }
    int rc = session_end(c->node->db, c->who.session, e);
    if (rc == OK) {
        http_set(c->r, "Set-Cookie",
                 SESSION_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
        http_set(c->r, "Clear-Site-Data", "\"cache\", \"storage\"");
    }
    return rc;
}
