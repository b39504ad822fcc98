#include "cli/taxii_words.h"

#include <string.h>

struct taxii taxii_of(struct cmd *c)
{
    return (struct taxii){.db = c->node->db,
                          .fuse = c->node->fuse,
                          .ledger = c->node->ledger,
                          .parsers = c->node->parsers,
                          .secret = &c->node->secret};
}

static struct sv text(const char *s)
{
    return s ? sv_c(s) : SV("");
}

int taxii_settle(struct cmd *c, int rc, struct err *e)
{
    rc = db_finish(c->node->db, rc, e);
    return rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), e) : rc;
}

/* ---- finding what is named */

struct search {
    struct sv text;
    int64_t root;
    struct taxii_collection found;
    struct taxii_root found_root;
    unsigned n;
};

static int match_root(void *ctx, const struct taxii_root *r)
{
    struct search *s = ctx;
    if (sv_eq(r->path, s->text)) {
        s->found_root = *r;
        s->n++;
    }
    return OK;
}

static int find_root(struct cmd *c, const char *name, struct arena *a, struct taxii_root *ret, struct err *e)
{
    struct search s = {.text = sv_c(name)};
    while (s.text.n && s.text.p[0] == '/') {
        s.text = sv_sub(s.text, 1, SIZE_MAX);
    }
    while (s.text.n && s.text.p[s.text.n - 1] == '/') {
        s.text.n--;
    }
    int rc = taxii_root_each(c->node->db, a, match_root, &s, e);
    if (rc == OK && s.n == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no API root '%s'", name);
        rc = err_hint(e, "`noroshi taxii root list` shows them");
    }
    *ret = s.found_root;
    return rc;
}

static int match_collection(void *ctx, const struct taxii_collection *k)
{
    struct search *s = ctx;
    if (sv_ieq(k->uuid, s->text) || (k->alias.n && sv_eq(k->alias, s->text))) {
        s->found = *k;
        s->n++;
    }
    return OK;
}

/* By UUID or alias; "ROOT/ID" when several roots have one of that name. */
static int find_collection(struct cmd *c, const char *name, struct arena *a, struct taxii_collection *ret,
                           struct err *e)
{
    struct search s = {.text = sv_c(name)};
    size_t slash = sv_rchr(s.text, '/');
    int rc = OK;
    if (slash != SIZE_MAX) {
        struct taxii_root root = {0};
        struct sv path = arena_sv(a, sv_sub(s.text, 0, slash));
        rc = path.p ? find_root(c, path.p, a, &root, e) : err_set(e, ERR_MEMORY, "no memory");
        s.root = rc == OK ? root.id : 0;
        s.text = sv_sub(s.text, slash + 1, SIZE_MAX);
    }
    rc = rc == OK ? taxii_collection_each(c->node->db, s.root, a, match_collection, &s, e) : rc;
    if (rc == OK && s.n == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no collection '%s'", name);
        rc = err_hint(e, "`noroshi taxii collection list` shows them");
    } else if (rc == OK && s.n > 1) {
        err_set(e, ERR_CONFLICT, "several API roots have a collection '%s'", name);
        rc = err_hint(e, "say which: ROOT/ID");
    }
    *ret = s.found;
    return rc;
}

int taxii_read_ceiling(const char *word, enum tlp *ret, struct err *e)
{
    if (strcmp(word, "none") == 0) {
        *ret = TLP_UNKNOWN;
        return OK;
    }
    return tlp_parse(sv_c(word), ret)
               ? OK
               : err_set(e, ERR_USAGE,
                         "--ceiling takes clear, green, amber, amber+strict, red or none, not '%s'", word);
}

static const char *ceiling_name(enum tlp t)
{
    return t == TLP_UNKNOWN ? "none" : tlp_name(t);
}

/* ---- roots */

static int root_add(struct cmd *c, const struct taxii_words *w, struct err *e)
{
    const struct taxii t = taxii_of(c);
    int64_t most = 100LL << 20;
    if (w->most && (!sv_i64(sv_c(w->most), &most) || most <= 0)) {
        return err_set(e, ERR_USAGE, "--max-content takes a number of bytes, not '%s'", w->most);
    }
    struct taxii_root r = {.path = sv_c(c->argv[2]),
                           .title = w->title ? sv_c(w->title) : sv_c(c->argv[2]),
                           .description = text(w->description),
                           .max_content = most,
                           .standard = w->standard};
    int rc = db_begin(c->node->db, e);
    if (rc == OK) {
        rc = taxii_settle(c, taxii_root_put(&t, &r, time_now(), e), e);
    }
    if (rc == OK && !c->json) {
        fprintf(c->out, "API root /%s/ added\n", c->argv[2]);
    }
    return rc;
}

struct listing {
    struct cmd *c;
    struct jw *w;
    struct arena *a;
};

static int list_root(void *ctx, const struct taxii_root *r)
{
    struct listing *l = ctx;
    if (l->w) {
        jw_obj(l->w);
        jw_kstr(l->w, "path", r->path);
        jw_kstr(l->w, "title", r->title);
        jw_kstr(l->w, "description", r->description.n ? r->description : SV_NONE);
        jw_kint(l->w, "max_content_length", r->max_content);
        jw_kbool(l->w, "default", r->standard);
        jw_end_obj(l->w);
        return OK;
    }
    fputc('/', l->c->out);
    print_cell(l->c->out, r->path, 32);
    fputs(r->standard ? " default  " : "          ", l->c->out);
    print_safe(l->c->out, r->title);
    fputc('\n', l->c->out);
    return OK;
}

/* ---- collections */

static int write_right(void *ctx, const struct taxii_right *r)
{
    struct listing *l = ctx;
    if (l->w) {
        jw_obj(l->w);
        jw_kstr(l->w, "principal", r->principal);
        jw_kbool(l->w, "read", r->reads);
        jw_kbool(l->w, "write", r->writes);
        jw_end_obj(l->w);
        return OK;
    }
    fprintf(l->c->out, "  %s%s  ", r->reads ? "read " : "     ", r->writes ? "write" : "     ");
    print_safe(l->c->out, r->principal);
    fputc('\n', l->c->out);
    return OK;
}

static struct sv source_name(struct cmd *c, struct arena *a, int64_t id)
{
    struct source s;
    struct err ignored = ERR_NONE;
    return id && source_get(c->node->db, id, a, &s, &ignored) == OK ? s.name : SV("");
}

static int write_source(void *ctx, int64_t source)
{
    struct listing *l = ctx;
    struct sv name = source ? source_name(l->c, l->a, source) : SV("all");
    if (l->w) {
        jw_str(l->w, name);
        return OK;
    }
    fputs("  fed by ", l->c->out);
    print_safe(l->c->out, name);
    fputc('\n', l->c->out);
    return OK;
}

static int write_collection(struct listing *l, const struct taxii_collection *k, struct err *e)
{
    struct sv source = source_name(l->c, l->a, k->source);
    jw_obj(l->w);
    jw_kstr(l->w, "id", k->uuid);
    jw_kstr(l->w, "alias", k->alias.n ? k->alias : SV_NONE);
    jw_kstr(l->w, "title", k->title);
    jw_kstr(l->w, "description", k->description.n ? k->description : SV_NONE);
    jw_kint(l->w, "root", k->root);
    jw_kstr(l->w, "ceiling", sv_c(ceiling_name(k->ceiling)));
    jw_kstr(l->w, "purpose", sv_c(purpose_name(k->purpose)));
    jw_kstr(l->w, "source", source.n ? source : SV_NONE);
    jw_kbool(l->w, "admins", k->admins);
    jw_kint(l->w, "objects", taxii_count(l->c->node->db, k->id));
    jw_key(l->w, "rights");
    jw_arr(l->w);
    int rc = taxii_right_each(l->c->node->db, k->id, l->a, write_right, l, e);
    jw_end_arr(l->w);
    jw_key(l->w, "fed_by");
    jw_arr(l->w);
    rc = rc == OK ? taxii_source_each(l->c->node->db, k->id, write_source, l, e) : rc;
    jw_end_arr(l->w);
    jw_end_obj(l->w);
    return rc;
}

static int list_collection(void *ctx, const struct taxii_collection *k)
{
    struct listing *l = ctx;
    struct err ignored = ERR_NONE;
    if (l->w) {
        return write_collection(l, k, &ignored);
    }
    FILE *out = l->c->out;
    print_cell(out, k->uuid, 37);
    print_cell(out, k->alias, 12);
    print_cell(out, sv_c(ceiling_name(k->ceiling)), 17);
    fprintf(out, "%9lld  ", (long long)taxii_count(l->c->node->db, k->id));
    print_safe(out, k->title);
    fputc('\n', out);
    return OK;
}

static int show(struct cmd *c, const struct taxii_collection *k, struct arena *a, struct err *e)
{
    struct listing l = {.c = c, .a = a};
    if (c->json) {
        struct buf b;
        struct jw w;
        buf_init(&b, 16u << 20);
        jw_init(&w, &b);
        l.w = &w;
        int rc = write_collection(&l, k, e);
        if (rc == OK) {
            print_json(c, &b);
        }
        buf_clear(&b);
        return rc;
    }
    struct sv source = source_name(c, a, k->source);
    (void)list_collection(&l, k);
    fputs("  posted objects: ", c->out);
    print_safe(c->out, source.n ? source : SV("none are taken"));
    fprintf(c->out, "\n  purpose for other organisations: %s", purpose_name(k->purpose));
    fprintf(c->out, "\n  %s\n", k->admins ? "admins read and write it" : "admins need a right like others");
    int rc = taxii_right_each(c->node->db, k->id, a, write_right, &l, e);
    return rc == OK ? taxii_source_each(c->node->db, k->id, write_source, &l, e) : rc;
}

static int fill(struct cmd *c, const struct taxii_words *w, struct arena *a, struct taxii_collection *k,
                struct err *e)
{
    struct source s;
    int rc = w->ceiling ? taxii_read_ceiling(w->ceiling, &k->ceiling, e) : OK;
    if (rc == OK && w->purpose && !purpose_parse(sv_c(w->purpose), &k->purpose)) {
        err_set(e, ERR_USAGE, "'%s' is no purpose", w->purpose);
        rc = err_hint(e, "network_safety, cybercrime_investigation, prosecution_assistance, "
                         "victim_notification, deconfliction or exercise");
    }
    if (rc == OK && w->source) {
        rc = source_find(c->node->db, sv_c(w->source), a, &s, e);
        k->source = rc == OK ? s.id : 0;
    }
    k->title = w->title ? sv_c(w->title) : k->title;
    k->description = w->description ? sv_c(w->description) : k->description;
    k->alias = w->alias ? sv_c(w->alias) : k->alias;
    k->admins = k->admins && !w->no_admins;
    return rc;
}

static int grant(struct cmd *c, int64_t collection, const struct taxii_words *w, struct err *e)
{
    const struct taxii t = taxii_of(c);
    bool same = w->read && w->write && strcmp(w->read, w->write) == 0;
    const struct taxii_right rights[] = {{.principal = text(w->read), .reads = true, .writes = same},
                                         {.principal = text(w->write), .writes = true}};
    int rc = OK;
    if (w->read) {
        rc = taxii_right_put(&t, collection, &rights[0], time_now(), e);
    }
    if (rc == OK && w->write && !same) {
        rc = taxii_right_put(&t, collection, &rights[1], time_now(), e);
    }
    return rc;
}

static int put(struct cmd *c, const struct taxii_words *w, struct arena *a, struct taxii_collection *k,
               struct err *e)
{
    const struct taxii t = taxii_of(c);
    int rc = fill(c, w, a, k, e);
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = taxii_collection_put(&t, k, time_now(), a, e);
    rc = rc == OK ? grant(c, k->id, w, e) : rc;
    rc = taxii_settle(c, rc, e);
    return rc == OK ? show(c, k, a, e) : rc;
}

static int add(struct cmd *c, const struct taxii_words *w, struct arena *a, struct err *e)
{
    struct taxii_root root;
    int rc = find_root(c, c->argv[2], a, &root, e);
    struct taxii_collection k = {
        .root = root.id, .uuid = text(w->id), .ceiling = TLP_AMBER_STRICT, .admins = true};
    if (rc == OK && !w->title) {
        rc = err_set(e, ERR_USAGE, "a collection needs a --title");
    }
    return rc == OK ? put(c, w, a, &k, e) : rc;
}

static int attach(struct cmd *c, const struct taxii_collection *k, const char *name, bool on, struct arena *a,
                  struct err *e)
{
    const struct taxii t = taxii_of(c);
    struct source s = {0};
    int rc = strcmp(name, "all") == 0 ? OK : source_find(c->node->db, sv_c(name), a, &s, e);
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    rc = taxii_settle(c, taxii_attach(&t, k->id, s.id, on, time_now(), e), e);
    return rc == OK && on ? taxii_collect(&t, time_now(), e) : rc;
}

static int take_back(struct cmd *c, const struct taxii_collection *k, const char *principal, struct err *e)
{
    const struct taxii t = taxii_of(c);
    const struct taxii_right none = {.principal = sv_c(principal)};
    int rc = db_begin(c->node->db, e);
    return rc == OK ? taxii_settle(c, taxii_right_put(&t, k->id, &none, time_now(), e), e) : rc;
}

/* What is said of one collection that stands. */
static int change(struct cmd *c, const struct taxii_words *w, const char *verb, struct arena *a,
                  struct err *e)
{
    struct taxii_collection k;
    int rc = find_collection(c, c->argv[2], a, &k, e);
    if (rc != OK) {
        return rc;
    }
    if (strcmp(verb, "show") == 0) {
        return show(c, &k, a, e);
    }
    if (strcmp(verb, "set") == 0) {
        return put(c, w, a, &k, e);
    }
    if (strcmp(verb, "remove") == 0) {
        k.removed = true;
        const struct taxii t = taxii_of(c);
        rc = db_begin(c->node->db, e);
        return rc == OK ? taxii_settle(c, taxii_collection_put(&t, &k, time_now(), a, e), e) : rc;
    }
    if (strcmp(verb, "grant") == 0) {
        if (!w->read && !w->write) {
            return err_set(e, ERR_USAGE, "grant what to whom? --read PRINCIPAL, --write PRINCIPAL");
        }
        rc = db_begin(c->node->db, e);
        rc = rc == OK ? taxii_settle(c, grant(c, k.id, w, e), e) : rc;
    } else if (strcmp(verb, "revoke") == 0) {
        rc = take_back(c, &k, c->argv[3], e);
    } else {
        rc = attach(c, &k, c->argv[3], verb[0] == 'a', a, e);
    }
    return rc == OK ? show(c, &k, a, e) : rc;
}

static int list(struct cmd *c, bool roots, struct arena *a, struct err *e)
{
    struct buf b;
    struct jw w;
    struct listing l = {.c = c, .w = c->json ? &w : NULL, .a = a};
    struct taxii_root root = {0};
    int rc = !roots && c->argc == 3 ? find_root(c, c->argv[2], a, &root, e) : OK;
    buf_init(&b, 256u << 20);
    jw_init(&w, &b);
    jw_arr(&w);
    if (rc == OK) {
        rc = roots ? taxii_root_each(c->node->db, a, list_root, &l, e)
                   : taxii_collection_each(c->node->db, root.id, a, list_collection, &l, e);
    }
    jw_end_arr(&w);
    if (rc == OK && c->json) {
        print_json(c, &b);
    }
    buf_clear(&b);
    return rc;
}

static int discovery(struct cmd *c, const struct taxii_words *w, struct err *e)
{
    const struct taxii t = taxii_of(c);
    const struct {
        const char *name, *value;
    } set[] = {{"title", w->title}, {"description", w->description}, {"contact", w->contact}};
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; rc == OK && i < 3; i++) {
        rc = set[i].value ? taxii_setting_put(&t, sv_c(set[i].name), sv_c(set[i].value), time_now(), e) : OK;
    }
    return taxii_settle(c, rc, e);
}

/* ---- the command */

static bool is(const struct cmd *c, int at, const char *word)
{
    return at < c->argc && strcmp(c->argv[at], word) == 0;
}

static int run_words(struct cmd *c, const struct taxii_words *w, struct arena *a, bool *ret_known,
                     struct taxii_load_report *loaded, struct err *e)
{
    static const char *const two[] = {"show", "set", "remove", "grant"};
    static const char *const three[] = {"attach", "detach", "revoke"};
    *ret_known = true;
    if (is(c, 0, "load") && c->argc == 2) {
        return taxii_load_file(c, w, a, loaded, e);
    }
    if (is(c, 0, "discovery") && c->argc == 1) {
        return discovery(c, w, e);
    }
    if (is(c, 0, "root") && is(c, 1, "list") && c->argc == 2) {
        return list(c, true, a, e);
    }
    if (is(c, 0, "root") && is(c, 1, "add") && c->argc == 3) {
        return root_add(c, w, e);
    }
    bool collection = is(c, 0, "collection");
    if (collection && is(c, 1, "list") && c->argc <= 3) {
        return list(c, false, a, e);
    }
    if (collection && is(c, 1, "add") && c->argc == 3) {
        return add(c, w, a, e);
    }
    for (size_t i = 0; collection && i < 4; i++) {
        if (is(c, 1, two[i]) && c->argc == 3) {
            return change(c, w, two[i], a, e);
        }
        if (i < 3 && is(c, 1, three[i]) && c->argc == 4) {
            return change(c, w, three[i], a, e);
        }
    }
    *ret_known = false;
    return OK;
}

static int run(struct cmd *c)
{
    struct taxii_words w = {0};
    struct err e = ERR_NONE;
    struct arena a;
    struct taxii_load_report loaded = {0};
    bool known;
    const struct opt opts[] = {{"--title", &w.title, NULL},         {"--description", &w.description, NULL},
                               {"--contact", &w.contact, NULL},     {"--id", &w.id, NULL},
                               {"--alias", &w.alias, NULL},         {"--ceiling", &w.ceiling, NULL},
                               {"--purpose", &w.purpose, NULL},     {"--source", &w.source, NULL},
                               {"--read", &w.read, NULL},           {"--write", &w.write, NULL},
                               {"--max-content", &w.most, NULL},    {"--default", NULL, &w.standard},
                               {"--no-admins", NULL, &w.no_admins}, {0}};
    if (!opts_take(c, &cmd_taxii, opts)) {
        return EXIT_USAGE;
    }
    arena_init(&a, 64u << 20);
    int rc = run_words(c, &w, &a, &known, &loaded, &e);
    int code = !known                         ? usage_error(c, &cmd_taxii,
                                                            "say load FILE, discovery, root add|list, or "
                                                                                    "collection add|list|show|set|attach|detach|grant|"
                                                                                    "revoke|remove")
               : rc != OK                     ? could_not(c, &e)
               : loaded.refused + loaded.left ? EXIT_FINDINGS
                                              : EXIT_DONE;
    arena_clear(&a);
    return code;
}

const struct command cmd_taxii = {
    "taxii", "the TAXII 2.1 server: API roots, collections, who reads and writes them",
    "usage: noroshi taxii root add PATH [--title T] [--description D] [--max-content BYTES] [--default]\n"
    "       noroshi taxii root list\n"
    "       noroshi taxii collection add ROOT --title T [OPTIONS]\n"
    "       noroshi taxii collection list [ROOT]\n"
    "       noroshi taxii collection show|remove ID | set ID [OPTIONS]\n"
    "       noroshi taxii collection attach|detach ID SOURCE|all\n"
    "       noroshi taxii collection grant ID [--read WHO] [--write WHO] | revoke ID WHO\n"
    "       noroshi taxii discovery [--title T] [--description D] [--contact C]\n"
    "       noroshi taxii load FILE [--source NAME] [--ceiling TLP]   [--json]\n\n"
    "What other software reads and writes here over TAXII 2.1 (docs/taxii.md). A collection is named by its "
    "UUID or alias, or\n"
    "ROOT/ID. WHO is user:NAME, key:NAME, cert:SHA-256 of a certificate's public key, partner:UUID, "
    "peer:NAME, "
    "or * for\n"
    "everybody who is authenticated (it never lets partners write).\n\n"
    "  --title, --description   for people\n"
    "  --id UUID                of a new collection (default: a new one)\n"
    "  --alias WORD             another name in its URL\n"
    "  --ceiling TLP            nothing marked higher goes out: clear, green, amber, amber+strict (default), "
    "red, or none;\n"
    "                           red and none are for callers of the owning organisation only\n"
    "  --purpose PURPOSE        for which other organisations read it (default network_safety): what is "
    "granted for "
    "another\n"
    "                           purpose does not appear\n"
    "  --source NAME            what is posted to it is this source's; without one nothing can be posted\n"
    "  --read WHO, --write WHO  a right; `grant` replaces the rights that WHO had\n"
    "  --no-admins              admins need a right like everybody else\n"
    "  --max-content BYTES      largest body of a POST (default 100 MiB)\n"
    "  --default                the API root that discovery names first\n\n"
    "`attach` makes what a source brings, and has brought, appear in the collection; `all` are the sources "
    "of "
    "the node's\n"
    "organisation that belong to no exercise. `load` moves in from another server: API roots, collections, "
    "objects with\n"
    "their dates, status resources; only collections that are not there yet.\n\n"
    "examples:\n"
    "  noroshi taxii collection add taxii2/root --title 'For the SIEM' --alias siem --read key:siem\n"
    "  noroshi taxii collection attach siem all\n"
    "  noroshi taxii collection add taxii2/root --title Inbox --source partner-x --write user:partner-x\n"
    "  noroshi taxii load default_data.json\n\n"
    "exit codes: 0 done, 1 loaded, but objects were refused or collections left as they are, 2 wrong use, 3 "
    "could "
    "not\n",
    NEEDS_NODE, run};
