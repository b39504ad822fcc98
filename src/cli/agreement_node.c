/* `agreement` subcommands that need the node: drafts, signatures, the register. */
#include "cli/agreement_node.h"

#include <string.h>

#define FILE_MAX (AGREEMENT_MAX * 4)

/* ---- drafts */

static void make_id(void *ctx, struct uuid *ret)
{
    *ret = uuid_v4();
}

static int home_party(struct cmd *c, struct arena *a, struct agreement_party *ret, struct err *e)
{
    struct org home;
    int rc = org_home(c->node->db, a, &home, e);
    if (rc == OK) {
        *ret = (struct agreement_party){
            .id = home.id, .name = {home.name, home.name, home.name}, .country = home.country};
    }
    return rc;
}

static int add_partners(struct cmd *c, const char *with, struct arena *a, struct agreement_party *party,
                        size_t *n, struct err *e)
{
    struct sv rest = sv_c(with), name;
    while (rest.p && sv_cut(&rest, ',', &name)) {
        struct partner p;
        int rc = *n < 8 ? partner_find(c->node->db, sv_trim(name), a, &p, e)
                        : err_set(e, ERR_LIMIT, "a draft has at most eight parties");
        if (rc != OK) {
            return rc;
        }
        party[*n] = (struct agreement_party){.id = p.card.id, .country = p.card.country};
        memcpy(party[*n].name, p.card.name, sizeof(party[*n].name));
        ++*n;
    }
    return OK;
}

static int read_day(const char *text, usec fallback, usec *ret, struct err *e)
{
    const struct time_opts utc = {.fallback = zone_find(SV("UTC"), NULL)};
    *ret = fallback;
    return text ? time_parse(sv_c(text), &utc, ret, e) : OK;
}

int agreement_make_draft(struct cmd *c, const char *template, const struct agreement_words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf json;
    struct agreement_party party[8];
    struct agreement_draft d = {
        .template = sv_c(template), .id = uuid_v4(), .party = party, .make_id = make_id};
    usec now = time_now();
    if (!w->with) {
        return usage_error(c, &cmd_agreement, "say --with PARTNER[,PARTNER]");
    }
    arena_init(&a, 16u << 20);
    buf_init(&json, AGREEMENT_MAX);
    int rc = home_party(c, &a, &party[0], &e);
    d.parties = 1;
    rc = rc == OK ? add_partners(c, w->with, &a, party, &d.parties, &e) : rc;
    rc = rc == OK ? read_day(w->from, now - now % USEC_DAY, &d.valid_from, &e) : rc;
    rc = rc == OK ? read_day(w->until, d.valid_from + 365 * USEC_DAY, &d.valid_until, &e) : rc;
    rc = rc == OK ? agreement_draft(&d, &json, &e) : rc;
    if (rc == OK) {
        print_json(c, &json);
    }
    buf_clear(&json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* ---- files that travel: the document alone, or {"agreement","signatures"} */

struct travelled {
    struct buf file, part;
    struct json_doc *doc;
    struct jv document, signatures;
};

static void travelled_clear(struct travelled *t)
{
    json_doc_free(t->doc);
    buf_clear(&t->file);
    buf_clear(&t->part);
}

static int travelled_read(struct cmd *c, const char *path, struct travelled *t, struct err *e)
{
    struct jv v;
    buf_init(&t->file, FILE_MAX);
    buf_init(&t->part, FILE_MAX);
    t->doc = json_doc_new(FILE_MAX);
    int rc =
        t->doc ? cmd_read_file(c, path, &t->file, e) : err_set(e, ERR_MEMORY, "no memory to read a file");
    rc = rc == OK ? json_parse(t->doc, buf_sv(&t->file), &v, e) : rc;
    if (rc != OK) {
        err_at(e, path, e->line, e->offset);
        return rc;
    }
    bool bare = json_type(json_get(v, SV("agreement"))) == JSON_NONE;
    t->document = bare ? v : json_get(v, SV("agreement"));
    t->signatures = bare ? (struct jv){0} : json_get(v, SV("signatures"));
    return OK;
}

static int take_signatures(struct cmd *c, struct travelled *t, struct arena *a, size_t *ret_n, struct err *e)
{
    const struct note_key *own = keeper_public(c->node->keeper, KEEPER_MESSAGES);
    struct json_it it = json_each(t->signatures);
    struct sv unused;
    struct jv v;
    int rc = OK;
    while (rc == OK && json_next(&it, &unused, &v)) {
        buf_reset(&t->part);
        json_add(&t->part, v);
        rc = agreed_state(c->node->ledger, c->node->db, buf_sv(&t->part), own, time_now(), a, e);
        ++*ret_n;
    }
    return rc;
}

static int take_file(struct cmd *c, const char *path, struct arena *a, struct agreement *ret, size_t *ret_n,
                     struct err *e)
{
    struct travelled t = {0};
    int rc = travelled_read(c, path, &t, e);
    if (rc == OK) {
        buf_reset(&t.part);
        json_add(&t.part, t.document);
        rc = agreed_add(c->node->ledger, c->node->db, buf_sv(&t.part), time_now(), a, ret, e);
    }
    rc = rc == OK ? take_signatures(c, &t, a, ret_n, e) : rc;
    travelled_clear(&t);
    return rc;
}

/* Signs a statement on behalf of the person and takes it in as it will travel. */
static int state(struct cmd *c, const struct agreement *g, enum agreed_act act, const char *by,
                 struct arena *a, struct err *e)
{
    struct org home;
    struct buf text, envelope;
    usec now = time_now();
    int rc = org_home(c->node->db, a, &home, e);
    const struct agreed_signature s = {.agreement = g->id,
                                       .party = home.id,
                                       .version = g->version,
                                       .digest = g->digest,
                                       .act = act,
                                       .person = sv_c(by),
                                       .at = now - now % USEC_SECOND};
    buf_init(&text, 65536);
    buf_init(&envelope, 1u << 18);
    rc = rc == OK ? agreed_statement(&s, &text, e) : rc;
    rc = rc == OK ? node_sign(c->node, SV(SIGNATURE_PAYLOAD), buf_sv(&text), &envelope, e) : rc;
    rc = rc == OK ? agreed_state(c->node->ledger, c->node->db, buf_sv(&envelope),
                                 keeper_public(c->node->keeper, KEEPER_MESSAGES), now, a, e)
                  : rc;
    buf_clear(&envelope);
    buf_clear(&text);
    return rc;
}

static int print_file(struct cmd *c, const struct agreement *g, struct err *e)
{
    struct buf b;
    buf_init(&b, FILE_MAX * 4);
    int rc = agreed_file(c->node->db, g->id, g->version, &b, e);
    if (rc == OK) {
        print_json(c, &b);
    }
    buf_clear(&b);
    return rc;
}

int agreement_sign(struct cmd *c, const char *path, const struct agreement_words *w, bool counter)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreement g;
    size_t taken = 0;
    arena_init(&a, 256u << 20);
    int rc = counter && !w->by ? OK : cmd_person(c, w->by, &e);
    rc = rc == OK ? take_file(c, path, &a, &g, &taken, &e) : rc;
    if (rc == OK && counter && taken == 0) {
        err_set(&e, ERR_VALUE, "%s holds no signature of anybody else", path);
        rc = err_hint(&e, "`noroshi agreement sign` makes the first one");
    }
    rc = rc == OK && w->by ? state(c, &g, ACT_SIGN, w->by, &a, &e) : rc;
    rc = rc == OK ? print_file(c, &g, &e) : rc;
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* ---- the register */

struct listing {
    struct cmd *c;
    struct sv wanted; /* id, or p NULL for all */
    struct jw w;
    struct buf json;
    size_t n;
    struct agreed newest;
};

static void write_one(struct listing *l, const struct agreed *g)
{
    char id[37], from[32], until[32], at[32], party[37];
    uuid_text(g->document.id, id);
    time_text(g->document.valid_from, from);
    time_text(g->document.valid_until, until);
    jw_obj(&l->w);
    jw_kstr(&l->w, "id", sv_c(id));
    jw_kint(&l->w, "version", g->document.version);
    jw_kstr(&l->w, "title", g->document.title[LANGUAGE_EN]);
    jw_kstr(&l->w, "status", sv_c(agreed_status_name(g->status)));
    jw_kstr(&l->w, "valid_from", sv_c(from));
    jw_kstr(&l->w, "valid_until", sv_c(until));
    jw_key(&l->w, "statements");
    jw_arr(&l->w);
    for (size_t i = 0; i < g->signatures; i++) {
        uuid_text(g->signature[i].party, party);
        time_text(g->signature[i].at, at);
        jw_obj(&l->w);
        jw_kstr(&l->w, "act", sv_c(agreed_act_name(g->signature[i].act)));
        jw_kstr(&l->w, "party", sv_c(party));
        jw_kstr(&l->w, "person", g->signature[i].person);
        jw_kstr(&l->w, "at", sv_c(at));
        jw_end_obj(&l->w);
    }
    jw_end_arr(&l->w);
    jw_end_obj(&l->w);
}

static void print_one(struct listing *l, const struct agreed *g)
{
    FILE *out = l->c->out;
    char id[37], until[32];
    uuid_text(g->document.id, id);
    time_text(g->document.valid_until, until);
    fprintf(out, "%s  version %lld  ", id, (long long)g->document.version);
    print_cell(out, sv_c(agreed_status_name(g->status)), 12);
    fprintf(out, "until %s  %zu statements  ", until, g->signatures);
    print_safe(out, g->document.title[LANGUAGE_EN]);
    fputc('\n', out);
}

static int list_one(void *ctx, const struct agreed *g)
{
    struct listing *l = ctx;
    char id[37];
    uuid_text(g->document.id, id);
    if (l->wanted.p && !sv_ieq(l->wanted, sv_c(id))) {
        return OK;
    }
    l->n++;
    l->newest = *g; /* versions come oldest first; the arena outlives the walk */
    if (l->c->json) {
        write_one(l, g);
    } else {
        print_one(l, g);
    }
    return OK;
}

static int walk(struct listing *l, struct arena *a, struct err *e)
{
    buf_init(&l->json, FILE_MAX * 4);
    jw_init(&l->w, &l->json);
    jw_arr(&l->w);
    int rc = agreed_each(l->c->node->db, time_now(), a, list_one, l, e);
    jw_end_arr(&l->w);
    if (rc == OK && l->wanted.p && l->n == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no such agreement");
        rc = err_hint(e, "`noroshi agreement list` shows them");
    }
    return rc;
}

int agreement_list(struct cmd *c, const char *id)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct listing l = {.c = c, .wanted = id ? sv_c(id) : SV_NONE};
    arena_init(&a, 512u << 20);
    int rc = walk(&l, &a, &e);
    if (rc == OK && c->json) {
        print_json(c, &l.json);
    }
    buf_clear(&l.json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* The newest version of an agreement, without printing it. */
static int newest(struct cmd *c, const char *id, struct arena *a, struct agreed *ret, struct err *e)
{
    struct cmd quiet = *c;
    struct listing l = {.c = &quiet, .wanted = sv_c(id)};
    quiet.json = true;
    int rc = walk(&l, a, e);
    buf_clear(&l.json);
    *ret = l.newest;
    return rc;
}

int agreement_tell(struct cmd *c, const char *id, enum language language)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreed g;
    arena_init(&a, 512u << 20);
    int rc = newest(c, id, &a, &g, &e);
    if (rc == OK) {
        agreement_print_text(c, &g.document, language);
    }
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* The newest version with the next number, for an editor: nothing is taken in. */
int agreement_amend(struct cmd *c, const char *id)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreed g;
    struct buf b;
    char old[48], next[48];
    arena_init(&a, 512u << 20);
    buf_init(&b, FILE_MAX);
    int rc = newest(c, id, &a, &g, &e);
    if (rc == OK) {
        snprintf(old, sizeof(old), "\"version\":%lld", (long long)g.document.version);
        snprintf(next, sizeof(next), "\"version\":%lld", (long long)g.document.version + 1);
        size_t at =
            sv_find(g.document.canonical, sv_c(old)); /* the last member by RFC 8785, so its only place */
        buf_add(&b, sv_sub(g.document.canonical, 0, at));
        buf_add(&b, sv_c(next));
        buf_add(&b, sv_sub(g.document.canonical, at + strlen(old), SIZE_MAX));
        print_json(c, &b);
    }
    buf_clear(&b);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

int agreement_decide(struct cmd *c, const char *id, enum agreed_act act, const struct agreement_words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreed g;
    arena_init(&a, 512u << 20);
    int rc = cmd_person(c, w->by, &e);
    rc = rc == OK ? newest(c, id, &a, &g, &e) : rc;
    rc = rc == OK ? state(c, &g.document, act, w->by, &a, &e) : rc;
    rc = rc == OK ? print_file(c, &g.document, &e) : rc;
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}
