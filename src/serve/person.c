/* Persons who act for the node's organisation, and what the node signs on their behalf. */
#include "serve/node.h"
#include "serve/private.h"

#include <fcntl.h>

/* Commands come from this machine: they are one address. */
#define COMMANDS SV("commands")

/* While the node runs, tries are counted as at sign-in, by name and for all commands together. A home that no
 * node serves is open to who can read its files anyway. */
static int wait_turn(struct node *n, struct sv name, struct err *e)
{
    unsigned wait = n->web ? throttle_try(n->web->throttle, name, COMMANDS, time_now()) : 0;
    if (!wait) {
        return OK;
    }
    err_set(e, ERR_BUSY, "too many wrong passwords for this name");
    return err_hint(e, "try again in %u seconds", wait);
}

static int check_account(struct node *n, struct sv name, struct sv password, struct err *e)
{
    char hash[PASSWORD_HASH] = "";
    char role[32] = "";
    bool good = false;
    struct stmt *s = db_query(n->db, "SELECT role, password FROM account WHERE name = ?", e);
    if (!s) {
        return e->code;
    }
    db_text(s, name);
    int rc = db_step(s, e);
    if (rc == 1) {
        sv_copy(col_text(s, 0), role, sizeof(role));
        sv_copy(col_text(s, 1), hash, sizeof(hash));
    }
    db_done(s);
    rc = rc < 0 ? rc : password_check(password, hash[0] ? hash : NULL, &good, e);
    explicit_bzero(hash, sizeof(hash));
    if (rc == OK && !good) {
        err_set(e, ERR_AUTH, "name or password is wrong");
        rc = err_hint(e, "give the password of --by on standard input");
    } else if (rc == OK && n->web) {
        throttle_good(n->web->throttle, name, COMMANDS);
    }
    if (rc == OK && strcmp(role, role_name(ROLE_ADMIN)) != 0) {
        rc = err_set(e, ERR_DENIED, "only an administrator acts for the organisation");
    }
    return rc;
}

int person_check(struct node *n, struct sv name, struct sv password, struct err *e)
{
    int rc = wait_turn(n, name, e);
    return rc == OK ? check_account(n, name, password, e) : rc;
}

static int read_spki(struct node *n, char ret[65], struct err *e)
{
    char path[4096];
    struct buf pem;
    struct sha256 sum;
    buf_init(&pem, 1u << 20);
    int rc = node_path(n->home, "tls/cert.pem", path, e);
    rc = rc == OK ? file_read(AT_FDCWD, path, &pem, e) : rc;
    rc = rc == OK ? http_certificate_key(buf_sv(&pem), &sum, e) : rc;
    if (rc == OK) {
        hex_text(sum.b, sizeof(sum.b), ret);
    }
    buf_clear(&pem);
    return rc;
}

static struct sv key_text(struct node *n, enum keeper_key which, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1024);
    note_key_text(keeper_public(n->keeper, which), &b);
    struct sv text = arena_sv(a, buf_sv(&b));
    buf_clear(&b);
    return text;
}

/* The log's present epoch: its name tells partners from which one on they witness. */
static int log_text(struct node *n, struct arena *a, struct sv *ret, struct err *e)
{
    const struct note_key *key = keeper_public(n->keeper, KEEPER_LOG);
    struct ledger_state state;
    struct note_key named;
    struct buf b;
    int rc = ledger_state(n->ledger, &state, e);
    struct sv name =
        rc == OK && state.epoch > 1 ? arena_printf(a, "%s/%d", key->name, state.epoch) : sv_c(key->name);
    rc = rc == OK ? note_key_make(name, NOTE_ED25519, key->pub, &named, e) : rc;
    if (rc == OK) {
        buf_init(&b, 1024);
        note_key_text(&named, &b);
        *ret = arena_sv(a, buf_sv(&b));
        buf_clear(&b);
    }
    return rc;
}

/* What the card does not know yet comes from the node. */
static int fill_card(struct node *n, const struct partner_card *given, usec now, struct arena *a,
                     struct partner_card *ret, struct err *e)
{
    struct org home;
    char spki[65];
    int rc = org_home(n->db, a, &home, e);
    rc = rc == OK ? read_spki(n, spki, e) : rc;
    *ret = *given;
    rc = rc == OK ? log_text(n, a, &ret->log, e) : rc;
    if (rc != OK) {
        return rc;
    }
    ret->id = home.id;
    ret->version = now / USEC_SECOND;
    ret->country = home.country;
    ret->zone = home.zone;
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        ret->name[l] = given->name[l].n ? given->name[l] : home.name;
    }
    ret->witness = key_text(n, KEEPER_WITNESS, a);
    ret->messages = key_text(n, KEEPER_MESSAGES, a);
    ret->spki[0] = arena_sv(a, sv_c(spki));
    ret->spki[1] = given->spki[1].n ? given->spki[1] : SV("");
    return OK;
}

int node_sign(struct node *n, struct sv type, struct sv body, struct buf *envelope, struct err *e)
{
    struct dsse_signature sig = {.keyid = sv_c(keeper_public(n->keeper, KEEPER_MESSAGES)->name)};
    int rc = keeper_sign_message(n->keeper, type, body, sig.sig, e);
    if (rc == OK) {
        dsse_write(type, body, &sig, 1, envelope);
    }
    return rc == OK && envelope->failed ? err_set(e, ERR_LIMIT, "the envelope does not fit") : rc;
}

int node_card(struct node *n, const struct partner_card *given, usec now, struct arena *a,
              struct partner_card *ret, struct buf *envelope, struct err *e)
{
    struct partner_card filled;
    struct buf text;
    int rc = fill_card(n, given, now, a, &filled, e);
    buf_init(&text, PARTNER_CARD_MAX);
    if (rc == OK) {
        partner_card_write(&filled, &text);
        rc = partner_card_read(buf_sv(&text), a, ret, e);
    }
    rc = rc == OK ? node_sign(n, SV(PARTNER_PAYLOAD), ret->canonical, envelope, e) : rc;
    buf_clear(&text);
    return rc;
}
