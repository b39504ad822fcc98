#include "cli/eyes.h"

static bool read_time(struct cmd *c, const char *name, const char *text, usec *ret)
{
    struct err e = ERR_NONE;
    const struct time_opts o = {.fallback = zone_find(SV("UTC"), NULL)};
    *ret = USEC_NONE;
    if (text && time_parse(sv_c(text), &o, ret, &e) != OK) {
        usage_error(c, &cmd_find, "%s takes a time like 2026-08-22 or 2026-08-22T10:00:00Z, not '%s'", name,
                    text);
        return false;
    }
    return true;
}

static int print_hits(struct cmd *c, const struct buf *json, struct err *e)
{
    struct jv v = {0}, hit;
    struct json_doc *d = json_doc_new(json->max);
    int rc = d ? json_parse(d, buf_sv(json), &v, e) : err_set(e, ERR_MEMORY, "no memory to show the answer");
    struct json_it it = rc == OK ? json_each(json_get(v, SV("hits"))) : (struct json_it){0};
    struct sv key;
    size_t n = 0;
    while (rc == OK && json_next(&it, &key, &hit)) {
        struct sv value = json_get_str(hit, SV("value"));
        bool exercise = false;
        (void)json_bool(json_get(hit, SV("exercise")), &exercise);
        print_mark(c->out, hit);
        print_cell(c->out, json_get_str(hit, SV("time")), 20);
        print_cell(c->out, json_get_str(hit, SV("type")), 18);
        print_cell(c->out, json_get_str(hit, SV("source")), 18);
        fputs(exercise ? "EXERCISE " : "", c->out);
        print_safe(c->out, value.p ? value : json_get_str(hit, SV("id")));
        fputs("  ", c->out);
        print_safe(c->out, json_get_str(hit, SV("text")));
        fputc('\n', c->out);
        n++;
    }
    print_eyes(c->out, v);
    int64_t next;
    if (rc == OK && json_i64(json_get(v, SV("next")), &next)) {
        fprintf(c->out, "more: --before %lld\n", (long long)next);
    } else if (rc == OK && n == 0) {
        fputs("nothing found\n", c->out);
    }
    json_doc_free(d);
    return rc;
}

static int find_source(struct cmd *c, const char *name, int64_t *ret, struct err *e)
{
    struct arena a;
    struct source s;
    *ret = 0;
    if (!name) {
        return OK;
    }
    arena_init(&a, 4u << 20);
    int rc = source_find(c->node->db, sv_c(name), &a, &s, e);
    *ret = rc == OK ? s.id : 0;
    arena_clear(&a);
    return rc;
}

static int run(struct cmd *c)
{
    const char *type = NULL, *source = NULL, *since = NULL, *until = NULL, *limit = NULL, *before = NULL;
    struct eyes_words eyes = {0};
    const struct opt opts[] = {
        {"--type", &type, NULL},   {"--source", &source, NULL},        {"--since", &since, NULL},
        {"--until", &until, NULL}, {"--limit", &limit, NULL},          {"--before", &before, NULL},
        {"--as", &eyes.as, NULL},  {"--purpose", &eyes.purpose, NULL}, {0}};
    struct find_opts o = {.limit = 50};
    int64_t count = 50;
    if (!opts_take(c, &cmd_find, opts) || !read_time(c, "--since", since, &o.since) ||
        !read_time(c, "--until", until, &o.until) || !opt_number(c, &cmd_find, "--limit", limit, &count) ||
        !opt_number(c, &cmd_find, "--before", before, &o.before)) {
        return EXIT_USAGE;
    }
    if (c->argc == 0 || count < 1 || count > 1000) {
        return usage_error(c, &cmd_find, c->argc == 0 ? "give at least one word" : "--limit takes 1 to 1000");
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf text, json;
    arena_init(&a, 64u << 20);
    buf_init(&text, 1 << 20);
    buf_init(&json, 64u << 20);
    for (int i = 0; i < c->argc; i++) {
        buf_printf(&text, i ? " %s" : "%s", c->argv[i]);
    }
    o.text = buf_sv(&text);
    o.type = sv_c(type);
    o.limit = (size_t)count;
    int rc = find_source(c, source, &o.source, &e);
    rc = rc == OK ? cmd_view(c, &a, &view, &e) : rc;
    rc = rc == OK ? fuse_find(c->node->fuse, &view, &o, &json, &e) : rc;
    rc = rc == OK ? eyes_put_on(c, &eyes, &view, eyes_find, &json, &e) : rc;
    if (rc == OK && c->json) {
        print_json(c, &json);
    } else if (rc == OK) {
        rc = print_hits(c, &json, &e);
    }
    buf_clear(&text);
    buf_clear(&json);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_find = {
    "find", "full-text search",
    "usage: noroshi find [OPTIONS] WORD...   [--json]\n\n"
    "Searches names, descriptions, labels and notes for all words, newest first. Japanese and Chinese are "
    "found by any two\n"
    "neighbouring characters.\n\n"
    "  --type TYPE      a STIX type (report, indicator, malware...) or kind (domain-name, url, "
    "vulnerability...)\n"
    "  --source NAME    only from this source\n"
    "  --since TIME     not before, like 2026-08-01 (UTC)\n"
    "  --until TIME     before\n"
    "  --limit N        1 to 1000, default 50\n"
    "  --before NUMBER  continue below this number\n"
    "  --as PARTNER     as the partner would see it, before anything is shared: each hit is marked as what "
    "goes, goes\n"
    "                   without some members (redacted), or stays, and by which rule; --purpose as in "
    "`explain`\n\n"
    "examples:\n"
    "  noroshi find ransomware healthcare\n"
    "  noroshi find 詐騙 --source npa-165\n"
    "  noroshi find log4j --type vulnerability --json\n"
    "  noroshi find phishing --as JPCERT\n\n"
    "exit codes: 0 answered (also when nothing was found), 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
