#include "cli/cli.h"

#include <fcntl.h>
#include <string.h>

static void write_source(struct jw *w, const struct source *s)
{
    char id[37], org[37], grade[2] = {s->reliability, 0};
    uuid_text(s->uuid, id);
    uuid_text(s->org, org);
    jw_obj(w);
    jw_kint(w, "number", s->id);
    jw_kstr(w, "id", sv_c(id));
    jw_kstr(w, "name", s->name);
    jw_kstr(w, "org", sv_c(org));
    jw_kstr(w, "reliability", sv_c(grade));
    jw_kstr(w, "zone", s->zone.n ? s->zone : SV_NONE);
    jw_kstr(w, "marking", sv_c(tlp_name(s->tlp)));
    jw_kstr(w, "licence", s->licence.n ? s->licence : SV_NONE);
    jw_kstr(w, "upstream", s->upstream.n ? s->upstream : SV_NONE);
    jw_key(w, "mapping");
    s->mapping.n ? jw_raw(w, s->mapping) : jw_null(w);
    jw_kint(w, "expiry_seconds", s->expiry);
    jw_kbool(w, "exercise", s->exercise);
    jw_end_obj(w);
}

static int print_json_source(struct cmd *c, const struct source *s)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 4u << 20);
    jw_init(&w, &b);
    write_source(&w, s);
    print_json(c, &b);
    buf_clear(&b);
    return EXIT_DONE;
}

/* ---- add
 * ----------------------------------------------------------------------------------------------------------------------------
 */

struct words {
    const char *reliability, *zone, *marking, *licence, *mapping, *upstream, *expiry, *org;
    bool exercise;
};

static int read_mapping(const char *text, struct err *e)
{
    struct jv v = {0};
    struct json_doc *d = json_doc_new(1 << 20);
    int rc = d ? json_parse(d, sv_c(text), &v, e) : err_set(e, ERR_MEMORY, "no memory");
    if (rc == OK && json_type(v) != JSON_OBJECT) {
        rc = err_set(e, ERR_VALUE, "the mapping is no JSON object");
    }
    json_doc_free(d);
    if (rc != OK) {
        err_hint(e, "see docs/formats.md, for example --mapping "
                    "'{\"value\":2,\"kind\":\"domain-name\",\"first\":0}'");
    }
    return rc;
}

static int read_expiry(const char *text, int64_t *ret, struct err *e)
{
    struct sv s = sv_c(text);
    int64_t n, unit = 1;
    if (s.n) {
        char last = s.p[s.n - 1];
        unit = last == 'd' ? 86400 : last == 'h' ? 3600 : last == 'm' ? 60 : 1;
        s = unit > 1 || last == 's' ? sv_sub(s, 0, s.n - 1) : s;
    }
    if (!sv_i64(s, &n) || n < 0 || __builtin_mul_overflow(n, unit, ret)) {
        return err_set(e, ERR_USAGE, "--expiry takes a time like 30d, 12h or 3600s, not '%s'", text);
    }
    return OK;
}

struct org_search {
    struct sv text;
    struct uuid found;
    bool any;
};

static int match_org(void *ctx, const struct org *o)
{
    struct org_search *s = ctx;
    char id[37];
    uuid_text(o->id, id);
    if (sv_eq(s->text, o->name) || sv_ieq(s->text, sv_c(id))) {
        s->found = o->id;
        s->any = true;
    }
    return OK;
}

static int find_org(struct cmd *c, const char *text, struct uuid *ret, struct err *e)
{
    struct arena a;
    struct org_search s = {.text = sv_c(text)};
    if (!text) {
        *ret = c->node->org;
        return OK;
    }
    arena_init(&a, 4u << 20);
    int rc = org_each(c->node->db, &a, match_org, &s, e);
    arena_clear(&a);
    *ret = s.found;
    return rc == OK && !s.any ? err_set(e, ERR_NOT_FOUND, "there is no organisation '%s' at this node", text)
                              : rc;
}

static int fill(struct cmd *c, const struct words *w, struct source *s, struct err *e)
{
    int rc = find_org(c, w->org, &s->org, e);
    if (rc == OK && w->reliability) {
        if (strlen(w->reliability) != 1 || !strchr("ABCDEF", w->reliability[0])) {
            return err_set(
                e, ERR_USAGE,
                "--reliability takes one letter A (completely reliable) to F (cannot be judged), not '%s'",
                w->reliability);
        }
        s->reliability = w->reliability[0];
    }
    if (rc == OK && w->zone && !zone_find(sv_c(w->zone), e)) {
        return e->code;
    }
    if (rc == OK && w->marking && !tlp_parse(sv_c(w->marking), &s->tlp)) {
        return err_set(e, ERR_USAGE, "--marking takes clear, green, amber, amber+strict or red, not '%s'",
                       w->marking);
    }
    if (rc == OK && w->mapping) {
        rc = read_mapping(w->mapping, e);
    }
    if (rc == OK && w->expiry) {
        rc = read_expiry(w->expiry, &s->expiry, e);
    }
    s->zone = w->zone ? sv_c(w->zone) : s->zone;
    s->licence = w->licence ? sv_c(w->licence) : s->licence;
    s->mapping = w->mapping ? sv_c(w->mapping) : s->mapping;
    s->upstream = w->upstream ? sv_c(w->upstream) : s->upstream;
    s->exercise |= w->exercise;
    return rc;
}

static int put(struct cmd *c, struct source *s, struct err *e)
{
    usec now = time_now();
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = source_put(c->node->ledger, c->node->db, s, now, e);
    rc = db_finish(c->node->db, rc, e);
    return rc == OK ? ledger_checkpoint(c->node->ledger, now, e) : rc;
}

static int add(struct cmd *c, const struct words *w, bool change)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct source s = {.uuid = uuid_v4(), .reliability = 'F', .tlp = TLP_AMBER, .name = sv_c(c->argv[1])};
    arena_init(&a, 4u << 20);
    int rc = change ? source_find(c->node->db, sv_c(c->argv[1]), &a, &s, &e) : OK;
    struct uuid owner = s.org;
    rc = rc == OK ? fill(c, w, &s, &e) : rc;
    s.org = change ? owner : s.org;
    rc = rc == OK ? put(c, &s, &e) : rc;
    int code = EXIT_DONE;
    if (rc != OK) {
        code = could_not(c, &e);
    } else if (c->json) {
        code = print_json_source(c, &s);
    } else {
        fprintf(c->out, "source %lld %s\n", (long long)s.id, change ? "changed" : "added");
    }
    arena_clear(&a);
    return code;
}

/* ---- list and show
 * ---------------------------------------------------------------------------------------------------------------------
 */

struct listing {
    struct cmd *c;
    struct jw *w;
};

static int list_one(void *ctx, const struct source *s)
{
    struct listing *l = ctx;
    if (l->w) {
        write_source(l->w, s);
        return OK;
    }
    char grade[2] = {s->reliability, 0};
    fprintf(l->c->out, "%4lld  ", (long long)s->id);
    print_cell(l->c->out, s->name, 32);
    print_cell(l->c->out, sv_c(grade), 2);
    print_cell(l->c->out, sv_c(tlp_name(s->tlp)), 16);
    print_cell(l->c->out, s->zone.n ? s->zone : SV("no zone"), 18);
    fputs(s->exercise ? "EXERCISE " : "", l->c->out);
    print_safe(l->c->out, s->licence);
    fputc('\n', l->c->out);
    return OK;
}

static int list(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf b;
    struct jw w;
    struct listing l = {.c = c, .w = c->json ? &w : NULL};
    arena_init(&a, 16u << 20);
    buf_init(&b, 64u << 20);
    jw_init(&w, &b);
    jw_arr(&w);
    int rc = source_each(c->node->db, &a, list_one, &l, &e);
    jw_end_arr(&w);
    if (rc == OK && c->json) {
        print_json(c, &b);
    }
    buf_clear(&b);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int show(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct source s;
    arena_init(&a, 4u << 20);
    int rc = source_find(c->node->db, sv_c(c->argv[1]), &a, &s, &e);
    if (rc == ERR_NOT_FOUND) {
        err_hint(&e, "`noroshi source list` shows the sources");
    }
    int code = rc == OK ? print_json_source(c, &s) : could_not(c, &e);
    arena_clear(&a);
    return code;
}

static int run(struct cmd *c)
{
    struct words w = {0};
    const struct opt opts[] = {{"--reliability", &w.reliability, NULL}, {"--zone", &w.zone, NULL},
                               {"--marking", &w.marking, NULL},         {"--licence", &w.licence, NULL},
                               {"--mapping", &w.mapping, NULL},         {"--upstream", &w.upstream, NULL},
                               {"--expiry", &w.expiry, NULL},           {"--org", &w.org, NULL},
                               {"--exercise", NULL, &w.exercise},       {0}};
    if (!opts_take(c, &cmd_source, opts)) {
        return EXIT_USAGE;
    }
    const char *what = c->argc ? c->argv[0] : "";
    if (strcmp(what, "list") == 0 && c->argc == 1) {
        return list(c);
    }
    if (strcmp(what, "show") == 0 && c->argc == 2) {
        return show(c);
    }
    if ((strcmp(what, "add") == 0 || strcmp(what, "set") == 0) && c->argc == 2) {
        return add(c, &w, what[0] == 's');
    }
    return usage_error(c, &cmd_source, "say add NAME, set NAME, list or show NAME");
}

const struct command cmd_source = {
    "source", "the sources reports come from: add, set, list, show",
    "usage: noroshi source add|set NAME [OPTIONS]\n"
    "       noroshi source list | show NAME   [--json]\n\n"
    "A source is where reports come from; all that enters has one. It belongs to one organisation and gives "
    "what it states a grade,\n"
    "a marking and a time zone.\n\n"
    "  --reliability A..F   Admiralty grade of the source: A completely reliable ... E unreliable, F cannot "
    "be judged (default F)\n"
    "  --zone ZONE          IANA zone of times written without one, like Asia/Taipei or UTC; without it such "
    "records are refused\n"
    "  --marking TLP        clear, green, amber (default), amber+strict or red: holds where a report states "
    "none\n"
    "  --licence TEXT       on what terms it may be used\n"
    "  --upstream NAME      where its data really comes from: sources with the same upstream count as one "
    "witness\n"
    "  --mapping JSON       columns of tables or members of JSON to fields (docs/formats.md)\n"
    "  --expiry TIME        how long a statement without an end of its own holds after its last time: 30d, "
    "12h\n"
    "  --org NAME           owning organisation (default: the node's first)\n"
    "  --exercise           belongs to a drill: marked everywhere, removed by `noroshi exercise remove`\n\n"
    "examples:\n"
    "  noroshi source add ipsum --reliability C --zone UTC --marking clear --licence Unlicense\n"
    "  noroshi source add npa-165 --reliability B --zone Asia/Taipei --marking clear\n"
    "  noroshi source set npa-165 --zone Asia/Taipei\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not (for example: the name is taken)\n",
    NEEDS_NODE, run};
