/* Programs: Basic, Bearer and client certificates. */
#include "serve/private.h"

#include <sodium.h>
#include <stdlib.h>

#define PLACES 256
#define KEY_LENGTH (4 + 8 + 1 + 43)

struct place {
    uint8_t mark[32];   /* of name and password, under a key of this process */
    struct sha256 hash; /* of the account's stored password hash as it was then */
    int64_t account;    /* 0 = free */
    usec made, used;
};
struct basic {
    pthread_mutex_t lock;
    uint8_t key[32];
    struct place place[PLACES];
};

struct basic *basic_new(void)
{
    struct basic *b = calloc(1, sizeof(*b));
    if (b) {
        pthread_mutex_init(&b->lock, NULL);
        random_bytes(b->key, sizeof(b->key));
    }
    return b;
}

void basic_free(struct basic *b)
{
    if (b) {
        pthread_mutex_destroy(&b->lock);
        explicit_bzero(b, sizeof(*b));
        free(b);
    }
}

/* ---- what was found good */

static void mark_of(const struct basic *b, struct sv name, struct sv password, uint8_t ret[32])
{
    crypto_generichash_state state;
    const uint64_t length = name.n; /* so that no other pair reads the same */
    crypto_generichash_init(&state, b->key, sizeof(b->key), 32);
    crypto_generichash_update(&state, (const unsigned char *)&length, sizeof(length));
    crypto_generichash_update(&state, (const unsigned char *)(name.n ? name.p : ""), name.n);
    crypto_generichash_update(&state, (const unsigned char *)(password.n ? password.p : ""), password.n);
    crypto_generichash_final(&state, ret, 32);
}

static bool holds(const struct place *p, usec now)
{
    return p->account && now - p->used <= SESSION_IDLE && now - p->made <= SESSION_MOST && now >= p->made;
}

/* A copy of the place, which is used now; account 0 when there is none. */
static struct place recall(struct basic *b, const uint8_t mark[32], usec now)
{
    struct place found = {0};
    pthread_mutex_lock(&b->lock);
    for (struct place *p = b->place; p < b->place + PLACES; p++) {
        if (holds(p, now) && sodium_memcmp(p->mark, mark, sizeof(p->mark)) == 0) {
            p->used = now;
            found = *p;
            break;
        }
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

/* Into a place whose time is over, or the one that was not used for longest. */
static void remember(struct basic *b, const struct place *new)
{
    pthread_mutex_lock(&b->lock);
    struct place *to = &b->place[0];
    for (struct place *p = b->place; p < b->place + PLACES; p++) {
        if (sodium_memcmp(p->mark, new->mark, sizeof(p->mark)) == 0 || !holds(p, new->made)) {
            to = p;
            break;
        }
        to = p->used < to->used ? p : to;
    }
    *to = *new;
    pthread_mutex_unlock(&b->lock);
}

static void forget(struct basic *b, const uint8_t mark[32])
{
    pthread_mutex_lock(&b->lock);
    for (struct place *p = b->place; p < b->place + PLACES; p++) {
        if (sodium_memcmp(p->mark, mark, sizeof(p->mark)) == 0) {
            explicit_bzero(p, sizeof(*p));
        }
    }
    pthread_mutex_unlock(&b->lock);
}

/* ---- accounts */

/* 1 and the account with its stored hash; 0 when there is none of that name. */
static int find_account(struct db *db, struct sv name, struct caller *ret, char ret_hash[PASSWORD_HASH],
                        struct err *e)
{
    struct stmt *s = db_query(db, "SELECT id, name, org, role, password FROM account WHERE name = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 1 && (!caller_read(s, ret) || !sv_copy(col_text(s, 4), ret_hash, PASSWORD_HASH))) {
        rc = 0;
    }
    db_done(s);
    return rc;
}

static int wrong(struct err *e)
{
    err_set(e, ERR_AUTH, "name or password is wrong");
    return err_hint(e, "send a name and password of this node, or an API key as the password");
}

struct attempt {
    struct web *web;
    struct sv name, password, address;
    uint8_t mark[32];
    usec now;
};

/* The slow way. `who` is what find_account found, `hash` NULL for nobody. */
static int check_slowly(const struct attempt *t, const struct caller *who, const char *hash,
                        unsigned *ret_wait, struct err *e)
{
    bool good = false;
    *ret_wait = throttle_try(t->web->throttle, t->name, t->address, t->now);
    if (*ret_wait) {
        err_set(e, ERR_BUSY, "too many attempts failed for this name or address");
        return err_hint(e, "try again in %u seconds", *ret_wait);
    }
    int rc = password_check(t->password, hash, &good, e);
    if (rc != OK || !good) {
        return rc == OK ? wrong(e) : rc;
    }
    throttle_good(t->web->throttle, t->name, t->address);
    struct place p = {.hash = sha256_of(sv_c(hash)), .account = who->id, .made = t->now, .used = t->now};
    memcpy(p.mark, t->mark, sizeof(p.mark));
    remember(t->web->basic, &p);
    return OK;
}

static int check_password(struct attempt *t, bool patient, struct caller *ret, unsigned *ret_wait,
                          struct err *e)
{
    char hash[PASSWORD_HASH];
    struct caller who = {0};
    int rc = find_account(t->web->node->db, t->name, &who, hash, e);
    if (rc < 0) {
        return rc;
    }
    bool there = rc == 1;
    mark_of(t->web->basic, t->name, t->password, t->mark);
    struct place known = recall(t->web->basic, t->mark, t->now);
    struct sha256 now = there ? sha256_of(sv_c(hash)) : (struct sha256){{0}};
    if (known.account && (!there || known.account != who.id || memcmp(now.b, known.hash.b, 32) != 0)) {
        forget(t->web->basic, t->mark);
        known.account = 0;
    }
    if (known.account) {
        rc = OK;
    } else if (!patient) {
        rc = CALLER_LATER;
    } else {
        rc = check_slowly(t, &who, there ? hash : NULL, ret_wait, e);
    }
    if (rc == OK) {
        *ret = who;
    }
    explicit_bzero(hash, sizeof(hash));
    return rc;
}

/* ---- the header */

static bool is_key(struct sv password)
{
    return password.n == KEY_LENGTH && sv_starts(password, SV("nrs_"));
}

static int find_basic(struct web *w, const struct http_request *r, struct sv coded, usec now, bool patient,
                      struct caller *ret, unsigned *ret_wait, struct err *e)
{
    struct arena a;
    struct sv pair;
    arena_init(&a, 64u << 10);
    struct attempt t = {.web = w, .now = now, .address = sv_c(http_peer(r))};
    int rc;
    if (!base64_parse(&a, coded, &pair) || sv_chr(pair, ':') == SIZE_MAX || !sv_utf8(pair)) {
        rc = err_set(e, ERR_AUTH, "the Authorization header holds no name and password");
    } else {
        t.password = pair;
        sv_cut(&t.password, ':', &t.name);
        rc = is_key(t.password) ? caller_by_key(w->node->db, t.password, now, ret, e)
                                : check_password(&t, patient, ret, ret_wait, e);
        explicit_bzero((char *)(uintptr_t)pair.p, pair.n);
    }
    arena_clear(&a);
    return rc;
}

/* RFC 6750, and as taxii2-client's TokenAuth writes it. */
static const char *const key_schemes[] = {"Bearer ", "Token "};

int program_find(struct web *w, const struct http_request *r, usec now, bool patient, struct caller *ret,
                 unsigned *ret_wait, struct err *e)
{
    *ret = (struct caller){0};
    *ret_wait = 0;
    struct sv authorization = http_header(r, "Authorization");
    struct sha256 spki;
    if (sv_istarts(authorization, SV("Basic "))) {
        return find_basic(w, r, sv_trim(sv_sub(authorization, 6, SIZE_MAX)), now, patient, ret, ret_wait, e);
    }
    for (size_t i = 0; i < sizeof(key_schemes) / sizeof(key_schemes[0]); i++) {
        struct sv scheme = sv_c(key_schemes[i]);
        if (sv_istarts(authorization, scheme)) {
            return caller_by_key(w->node->db, sv_trim(sv_sub(authorization, scheme.n, SIZE_MAX)), now, ret,
                                 e);
        }
    }
    if (authorization.p) {
        return err_set(e, ERR_AUTH, "the Authorization header is neither Basic nor Bearer");
    }
    if (!http_client_key(r, &spki)) {
        return OK;
    }
    int rc = caller_by_certificate(w->node->db, &spki, now, ret, e);
    return rc == OK && ret->partner && w->door ? caller_unknown_certificate(ret, e) : rc;
}
