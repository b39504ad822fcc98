#include "cli/person.h"
#include "pact/copy.h"
#include "share/partner/release.h"
#include "share/partner/shares.h"

#include <stdlib.h>
#include <string.h>

#define CARDS 16
#define FILE_MOST ((size_t)64 << 20)

struct words {
    const char *disclosure, *card, *field, *to, *by, *purpose;
    bool whole;
};

/* ---- verify: needs no node */

/* A card whose own message key signed it. Whether it is the partner's own, people compared by phone. */
struct known {
    struct partner_card card;
    struct note_key key;
    char id[160]; /* "name+hash" */
};

struct verifying {
    struct cmd *c;
    struct known known[CARDS];
    size_t cards;
    struct arena a;   /* cards */
    struct arena one; /* of one copy */
    struct copier *copier;
    struct json_doc *doc, *disclosed;
    struct jv disclosure; /* JSON_NONE: none was given */
    uint64_t copies, refused;
};

static int read_card(struct verifying *v, const char *path, struct err *e)
{
    struct dsse d;
    struct buf text;
    struct known *k = &v->known[v->cards];
    if (v->cards == CARDS) {
        return err_set(e, ERR_LIMIT, "at most %d cards", CARDS);
    }
    buf_init(&text, PARTNER_CARD_MAX * 2);
    int rc = cmd_read_file(v->c, path, &text, e);
    rc = rc == OK ? dsse_read(buf_sv(&text), &v->a, &d, e) : rc;
    rc = rc == OK ? partner_card_read(d.body, &v->a, &k->card, e) : rc;
    rc = rc == OK ? note_key_parse(k->card.messages, &k->key, e) : rc;
    if (rc == OK && (!sv_eq(d.type, SV(PARTNER_PAYLOAD)) || !dsse_signed_by(&d, k->key.pub))) {
        rc = err_set(e, ERR_CRYPTO, "%s is not signed by the message key in it", path);
    }
    if (rc == OK) {
        const struct note_key key = k->key;
        snprintf(k->id, sizeof(k->id), "%s+%08x", key.name, key.id);
        v->cards++;
    }
    buf_clear(&text);
    return rc;
}

/* The card of who made a proof; NULL when none was given. */
static const struct known *card_of(const struct verifying *v, const struct copy_proof *p)
{
    for (size_t i = 0; i < v->cards; i++) {
        if (uuid_eq(v->known[i].card.id, p->holder)) {
            return &v->known[i];
        }
    }
    return NULL;
}

/* Every proof whose holder's card is there must be signed by it, and the last one's must be there. */
static int check_signatures(const struct verifying *v, const struct copy_proof *p, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct known *k = card_of(v, &p[i]);
        char id[37];
        uuid_text(p[i].holder, id);
        if (!k && i + 1 == n) {
            return err_set(e, ERR_VALUE, "no card was given of identity--%s, who made the copy", id);
        }
        if (k && !sv_eq(p[i].key, sv_c(k->id))) {
            return err_set(e, ERR_VALUE, "proof %zu was made with the key %.*s, and the card has %s", i + 1,
                           SV_ARG(sv_sub(p[i].key, 0, 160)), k->id);
        }
        if (k && !copy_signed_by(&p[i], k->key.pub)) {
            return err_set(e, ERR_CRYPTO, "the signature of proof %zu is not that of the card's key", i + 1);
        }
    }
    return OK;
}

struct verdict {
    struct sv id;
    const struct copy_proof *proof;
    size_t proofs;
    struct copy_checked checked;
    bool disclosed;
    size_t by; /* which proof commits to what is disclosed */
    struct sv member;
    struct jv value;
};

static int check_copy(struct verifying *v, struct jv object, struct verdict *ret, struct err *e)
{
    struct copy_proof *p;
    int rc = copy_proofs(object, &v->one, &p, &ret->proofs, e);
    ret->proof = p;
    rc = rc == OK ? check_signatures(v, p, ret->proofs, e) : rc;
    rc = rc == OK ? copy_check(v->copier, object, p, ret->proofs, &v->one, &ret->checked, e) : rc;
    if (rc == OK && json_type(v->disclosure) != JSON_NONE) {
        rc = copy_disclosed(v->disclosure, p, ret->proofs, &v->one, &ret->by, &ret->member, &ret->value, e);
        ret->disclosed = rc == OK;
    }
    return rc;
}

static void write_proof(const struct verifying *v, const struct copy_proof *p, struct jw *w)
{
    const struct known *k = card_of(v, p);
    char id[37];
    uuid_text(p->holder, id);
    jw_obj(w);
    jw_kstr(w, "holder", sv_c(id));
    jw_kstr(w, "key", p->key);
    jw_kstr(w, "name", k ? k->card.name[LANGUAGE_EN] : SV_NONE);
    jw_kbool(w, "signed", k != NULL); /* false: no card to check it with */
    jw_end_obj(w);
}

static void tell_json(struct verifying *v, const struct verdict *t, const struct err *why)
{
    struct buf b;
    struct jw w;
    buf_init(&b, FILE_MOST * 2);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "id", t->id);
    jw_kbool(&w, "verified", why == NULL);
    if (why) {
        jw_key(&w, "error");
        jw_err(&w, why);
    } else {
        jw_key(&w, "proofs");
        jw_arr(&w);
        for (size_t i = 0; i < t->proofs; i++) {
            write_proof(v, &t->proof[i], &w);
        }
        jw_end_arr(&w);
        jw_key(&w, "members");
        jw_obj(&w);
        for (size_t i = 0; i < t->checked.parts; i++) {
            jw_key_sv(&w, t->checked.part[i].name);
            jw_arr(&w);
            for (unsigned k = 0; k < COPY_CHAIN; k++) {
                if (t->checked.by[i] >> k & 1) {
                    jw_uint(&w, k);
                }
            }
            jw_end_arr(&w);
        }
        jw_end_obj(&w);
    }
    if (!why && t->disclosed) {
        jw_key(&w, "disclosed");
        jw_obj(&w);
        jw_kstr(&w, "member", t->member);
        jw_kint(&w, "proof", (int64_t)t->by);
        jw_key(&w, "value");
        json_add(&b, t->value);
        w.after_key = false;
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    print_json(v->c, &b);
    buf_clear(&b);
}

/* Those that a proof stands for; `proof` 0 = none does. */
static void tell_members(struct verifying *v, const struct verdict *t, unsigned proof)
{
    FILE *out = v->c->out;
    bool any = false;
    for (size_t i = 0; i < t->checked.parts; i++) {
        if (proof ? t->checked.by[i] & proof : !t->checked.by[i]) {
            fputs(any ? " " : !proof ? "  its maker's word   " : "  committed to by it ", out);
            print_safe(out, t->checked.part[i].name);
            any = true;
        }
    }
    if (any) {
        fputc('\n', out);
    }
}

static void tell_people(struct verifying *v, const struct verdict *t, const struct err *why)
{
    FILE *out = v->c->out;
    print_safe(out, t->id.n ? t->id : SV("(no id)"));
    if (why) {
        fprintf(out, "  refused: %s\n", why->text);
        return;
    }
    fputs("  verified\n", out);
    for (size_t i = 0; i < t->proofs; i++) {
        const struct known *k = card_of(v, &t->proof[i]);
        fputs("proof by             ", out);
        print_safe(out, k ? k->card.name[LANGUAGE_EN] : t->proof[i].key);
        fputs(k ? "\n" : " (not checked: no card of it was given)\n", out);
        tell_members(v, t, 1u << i);
    }
    tell_members(v, t, 0);
    if (t->disclosed) {
        struct buf value;
        buf_init(&value, FILE_MOST);
        json_add(&value, t->value);
        fputs("disclosed            ", out);
        print_safe(out, t->member.n ? t->member : SV("(the whole object)"));
        fputs(" = ", out);
        print_safe(out, buf_sv(&value));
        fprintf(out, ", committed to by proof %zu\n", t->by + 1);
        buf_clear(&value);
    }
}

static void verify_one(struct verifying *v, struct jv object)
{
    struct err why = ERR_NONE;
    struct verdict t = {.id = json_get_str(object, SV("id"))};
    arena_reset(&v->one);
    int rc = check_copy(v, object, &t, &why);
    v->copies++;
    v->refused += rc != OK;
    if (v->c->json) {
        tell_json(v, &t, rc == OK ? NULL : &why);
    } else {
        tell_people(v, &t, rc == OK ? NULL : &why);
    }
}

/* One object, or those of a bundle or an envelope that are copies. */
static void verify_all(struct verifying *v, struct jv file)
{
    struct jv list = json_get(file, SV("objects")), object;
    struct json_it it = json_each(list);
    if (json_type(list) != JSON_ARRAY) {
        verify_one(v, file);
        return;
    }
    while (json_next(&it, NULL, &object)) {
        if (json_type(json_path(object, "extensions", COPY_EXTENSION, NULL)) != JSON_NONE) {
            verify_one(v, object);
        }
    }
}

static int read_json(struct cmd *c, const char *path, struct json_doc *doc, struct jv *ret, struct err *e)
{
    struct buf text;
    buf_init(&text, FILE_MOST);
    int rc = cmd_read_file(c, path, &text, e);
    rc = rc == OK ? json_parse(doc, buf_sv(&text), ret, e) : rc;
    if (rc != OK && !e->file[0]) {
        err_at(e, path, e->line, e->offset);
    }
    buf_clear(&text);
    return rc;
}

static int verify(struct verifying *v, const struct words *w, struct err *e)
{
    struct jv file;
    int rc = read_card(v, w->card, e);
    for (int i = 2; rc == OK && i < v->c->argc; i++) {
        rc = read_card(v, v->c->argv[i], e);
    }
    rc = rc == OK && w->disclosure ? read_json(v->c, w->disclosure, v->disclosed, &v->disclosure, e) : rc;
    rc = rc == OK ? read_json(v->c, v->c->argv[1], v->doc, &file, e) : rc;
    if (rc == OK) {
        verify_all(v, file);
    }
    return rc;
}

static int run_verify(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    if (c->argc < 2 || !w->card || w->field || w->whole || w->to || w->by || w->purpose) {
        return usage_error(c, &cmd_copy, "give the copy's file, and --card FILE of who made it");
    }
    struct verifying *v = calloc(1, sizeof(*v));
    if (!v) {
        err_set(&e, ERR_MEMORY, "no memory to verify a copy");
        return could_not(c, &e);
    }
    v->c = c;
    arena_init(&v->a, FILE_MOST);
    arena_init(&v->one, FILE_MOST);
    v->copier = copier_new();
    v->doc = json_doc_new(FILE_MOST);
    v->disclosed = json_doc_new(FILE_MOST);
    int rc = v->copier && v->doc && v->disclosed ? verify(v, w, &e)
                                                 : err_set(&e, ERR_MEMORY, "no memory to verify a copy");
    if (rc == OK && !v->copies) {
        rc = err_set(&e, ERR_NOT_FOUND, "%s holds no copy", c->argv[1]);
    }
    int code = rc != OK ? could_not(c, &e) : v->refused ? EXIT_FINDINGS : EXIT_DONE;
    json_doc_free(v->doc);
    json_doc_free(v->disclosed);
    copier_free(v->copier);
    arena_clear(&v->one);
    arena_clear(&v->a);
    free(v);
    return code;
}

/* ---- disclose: a person tells a partner one member of what it has as a copy */

struct telling {
    struct cmd *c;
    const struct words *w;
    enum purpose purpose;
    struct arena a;
    struct buf thing, out;
    struct partner partner;
    struct release release;
    struct release_written written;
    struct json_doc *doc;
};

/* It must go to the partner as a copy: then the agreement, and all that no person may set aside, allow the
 * rest. */
static int decide(struct telling *t, const char *object, struct err *e)
{
    struct node *n = t->c->node;
    struct pact_view view;
    struct release_thing thing;
    struct buf copy;
    const struct release_maker maker = {.fuse = n->fuse, .ledger = n->ledger, .secret = &n->secret};
    int rc = partner_find(n->db, sv_c(t->w->to), &t->a, &t->partner, e);
    rc = rc == OK ? cmd_view(t->c, &t->a, &view, e) : rc;
    rc = rc == OK ? fuse_thing(n->fuse, &view, sv_c(object), &t->thing, &thing.source, &thing.tlp, e) : rc;
    rc = rc == OK ? release_open(&t->release, n->db, t->partner.card.id, t->purpose, time_now(), e) : rc;
    rc = rc == OK ? release_copies(&t->release, &maker, e) : rc;
    if (rc != OK) {
        return rc;
    }
    thing.json = buf_sv(&t->thing);
    buf_init(&copy, FILE_MOST);
    rc = release_write(&t->release, &thing, &copy, &t->written, e);
    buf_clear(&copy);
    if (rc >= 0 && t->written.form != FORM_COPY) {
        err_set(e, ERR_DENIED, "it does not go to this partner as a copy (rule %s)",
                release_rule_name(t->written.answer.rule));
        return err_hint(e, "`noroshi explain %s --to %s` says what happens to it", object, t->w->to);
    }
    return rc < 0 ? rc : OK;
}

/* Like all that goes it stands in the register first. */
static int note(struct telling *t, const char *object, struct err *e)
{
    const struct release_answer *a = &t->written.answer;
    const struct share_grant grant = {
        .agreement = a->agreement->id, .version = a->agreement->version, .grant = a->grant->id, .things = 1};
    struct buf filter;
    int64_t entry;
    buf_init(&filter, 4096);
    buf_printf(&filter, "%.200s of %.300s, by %.200s", t->w->whole ? "all" : t->w->field, object, t->w->by);
    const struct share s = {.partner = t->partner.card.id,
                            .purpose = t->purpose,
                            .at = time_now(),
                            .channel = SV("disclosure"),
                            .collection = SV(""),
                            .filter = buf_sv(&filter),
                            .first = USEC_NONE,
                            .last = USEC_NONE,
                            .things = 1,
                            .delete_after = a->delete_after,
                            .grant = &grant,
                            .grants = 1};
    int rc = share_begin(t->c->node->ledger, t->c->node->db, &s, &entry, e);
    rc = rc == OK ? share_end(t->c->node->db, entry, time_now(), e) : rc;
    buf_clear(&filter);
    return rc;
}

static int disclose(struct telling *t, const char *object, struct err *e)
{
    struct copy_secret secret;
    struct jv original;
    struct copier *copier = copier_new();
    copy_secret_of(&t->c->node->secret, &secret);
    int rc = copier && t->doc ? json_parse(t->doc, buf_sv(&t->thing), &original, e)
                              : err_set(e, ERR_MEMORY, "no memory for a disclosure");
    rc = rc == OK
             ? copy_disclose(copier, original, &secret, t->w->whole ? SV("") : sv_c(t->w->field), &t->out, e)
             : rc;
    copier_free(copier);
    return rc == OK ? note(t, object, e) : rc;
}

static int run_disclose(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct telling t = {.c = c, .w = w};
    if (c->argc != 2 || !w->to || !w->field == !w->whole || w->card || w->disclosure) {
        return usage_error(c, &cmd_copy, "give a STIX id, --field MEMBER or --whole, and --to PARTNER");
    }
    if (!purpose_parse(sv_c(w->purpose ? w->purpose : "network_safety"), &t.purpose)) {
        return usage_error(c, &cmd_copy, "there is no purpose '%s'", w->purpose);
    }
    arena_init(&t.a, FILE_MOST);
    buf_init(&t.thing, FILE_MOST);
    buf_init(&t.out, FILE_MOST);
    t.doc = json_doc_new(FILE_MOST);
    int rc = cmd_person(c, w->by, &e);
    rc = rc == OK ? decide(&t, c->argv[1], &e) : rc;
    rc = rc == OK ? disclose(&t, c->argv[1], &e) : rc;
    if (rc == OK) {
        print_json(c, &t.out);
    }
    release_close(&t.release);
    json_doc_free(t.doc);
    buf_clear(&t.out);
    buf_clear(&t.thing);
    arena_clear(&t.a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int run(struct cmd *c)
{
    struct words w = {0};
    const struct opt opts[] = {{"--disclosure", &w.disclosure, NULL},
                               {"--card", &w.card, NULL},
                               {"--field", &w.field, NULL},
                               {"--whole", NULL, &w.whole},
                               {"--to", &w.to, NULL},
                               {"--by", &w.by, NULL},
                               {"--purpose", &w.purpose, NULL},
                               {0}};
    if (!opts_take(c, &cmd_copy, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc > 1 && strcmp(c->argv[0], "verify") == 0) {
        return run_verify(c, &w);
    }
    if (c->argc > 1 && strcmp(c->argv[0], "disclose") == 0 && c->node) {
        return run_disclose(c, &w);
    }
    return usage_error(c, &cmd_copy, "say verify or disclose, and of what");
}

const struct command cmd_copy = {
    "copy", "verify copies of objects, and tell a member of one later",
    "usage: noroshi copy verify FILE [--disclosure FILE] --card CARD [CARD...] [--json]\n"
    "       noroshi copy disclose OBJECT (--field MEMBER | --whole) --to PARTNER --by USER\n"
    "               [--purpose PURPOSE] < PASSWORD > DISCLOSURE\n\n"
    "What may go to a partner only without some members goes as a copy, an object of its own with a proof "
    "(docs/copies.md).\n\n"
    "verify    of an object, or of all copies in a bundle or TAXII envelope: whether the copy is what its "
    "maker "
    "signed, which\n"
    "          members are the original's, and by whose word; with --disclosure also whether what was told "
    "later is.\n"
    "          CARD is the partner card of who made the copy, and of those before him. Needs no node.\n"
    "disclose  a member that was taken out of what a partner gets as a copy: \"description\", "
    "\"extensions/ID\". A person\n"
    "          answers for it; it stands in the register of shares\n\n"
    "examples:\n"
    "  noroshi copy verify copy.json --card tw.card\n"
    "  noroshi copy disclose sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f --field where_sighted_refs --to "
    "JPCERT --by mei\n"
    "  noroshi copy verify copy.json --disclosure told.json --card tw.card --json\n\n"
    "exit codes: 0 verified or told, 1 a copy or the disclosure is refused, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
