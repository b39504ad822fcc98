#include "cli/json_in.h"

#include <string.h>

struct making {
    struct cmd *c;
    const char *path;
    struct json_doc *doc;
    struct arena a;
    struct buf line;
    uint64_t failed;
};

static void write_names(struct jw *w, const char *key, const char *const *names, struct jv only)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; names && names[i]; i++) {
        if (json_type(only) == JSON_NONE || json_type(json_get(only, sv_c(names[i]))) != JSON_NONE) {
            jw_str(w, sv_c(names[i]));
        }
    }
    jw_end_arr(w);
}

static void tell_json(struct making *m, struct jv sco, struct sv id, const struct err *why)
{
    const char *const *names = stix_sco_contributing(json_get_str(sco, SV("type")));
    struct jw w;
    buf_reset(&m->line);
    jw_init(&w, &m->line);
    jw_obj(&w);
    jw_kstr(&w, "id", id);
    write_names(&w, "contributing", names, (struct jv){0});
    if (json_type(sco) == JSON_OBJECT) {
        write_names(&w, "used", names, sco);
    }
    if (why) {
        jw_key(&w, "error");
        jw_err(&w, why);
    }
    jw_end_obj(&w);
    print_json(m->c, &m->line);
}

static void tell(struct making *m, struct jv sco, struct sv id, const struct err *why)
{
    m->failed += why != NULL;
    if (m->c->json) {
        tell_json(m, sco, id, why);
    } else if (why) {
        err_print(m->c->err, "noroshi id", why);
    } else {
        print_safe(m->c->out, id);
        fputc('\n', m->c->out);
    }
}

static int on_broken(void *ctx, const struct err *why, struct err *e)
{
    struct making *m = ctx;
    struct err placed = *why;
    if (!placed.file[0]) {
        err_at(&placed, m->path, placed.line, placed.offset);
    }
    tell(m, (struct jv){0}, SV_NONE, &placed);
    return OK;
}

static int on_value(void *ctx, const struct json_value *v, struct err *e)
{
    struct making *m = ctx;
    struct err why = ERR_NONE;
    struct sv id = SV_NONE;
    struct jv sco = {0};
    arena_reset(&m->a);
    int rc = json_parse(m->doc, v->text, &sco, &why);
    if (rc == OK && json_type(json_get(sco, SV("type"))) == JSON_NONE) {
        struct jv inner = json_get(sco, SV("object"));
        sco = json_type(inner) == JSON_OBJECT ? inner : sco;
    }
    rc = rc == OK ? stix_sco_id(sco, &m->a, &id, &why) : rc;
    if (rc == ERR_MEMORY) {
        return (*e = why).code;
    }
    if (rc != OK) {
        err_at(&why, m->path, v->line, v->offset + (why.offset == UINT64_MAX ? 0 : why.offset));
    }
    tell(m, sco, id, rc == OK ? NULL : &why);
    return OK;
}

static int make_all(struct making *m)
{
    const struct json_sink sink = {m, on_value, on_broken, NULL};
    char *standard[] = {"-"};
    char **paths = m->c->argc ? m->c->argv : standard;
    int n = m->c->argc ? m->c->argc : 1, worst = EXIT_DONE;
    for (int i = 0; i < n; i++) {
        struct err e = ERR_NONE;
        m->path = strcmp(paths[i], "-") == 0 ? "stdin" : paths[i];
        int rc = json_in_each(m->c, paths[i], false, &sink, &e);
        if (rc == ERR_SYNTAX || rc == ERR_VALUE || rc == ERR_LIMIT || rc == ERR_CORRUPT) {
            (void)on_broken(m, &e, &e);
        } else if (rc < 0) {
            worst = could_not(m->c, &e);
        }
    }
    return worst == EXIT_DONE && m->failed ? EXIT_FINDINGS : worst;
}

static int run(struct cmd *c)
{
    struct making m = {.c = c};
    struct err e = ERR_NONE;
    if (!opts_take(c, &cmd_id, NULL)) {
        return EXIT_USAGE;
    }
    m.doc = json_doc_new(JSON_IN_MEMBER);
    if (!m.doc) {
        err_set(&e, ERR_MEMORY, "no memory for a JSON parser");
        return could_not(c, &e);
    }
    arena_init(&m.a, 128u << 20);
    buf_init(&m.line, 1u << 20);
    int code = make_all(&m);
    json_doc_free(m.doc);
    arena_clear(&m.a);
    buf_clear(&m.line);
    return code;
}

const struct command cmd_id = {
    "id", "the deterministic ids of observables",
    "usage: noroshi id [FILE...] [--json]\n\n"
    "Prints the id that STIX 2.1 (sections 2.9 and 3.4) gives each observable: a UUIDv5 over the properties "
    "that\n"
    "contribute to it. An id the object has already is not looked at. No home is needed.\n\n"
    "A file is one object, a list, a bundle, or JSON lines of objects or of {\"object\":{...}}; \"-\" or no "
    "file is stdin.\n\n"
    "  --json   one line an object: {\"id\",\"contributing\":[all names],\"used\":[those that are there]}; "
    "what has no\n"
    "           such id gives {\"id\":null,...,\"error\":{...}}\n\n"
    "examples:\n"
    "  echo '{\"type\":\"domain-name\",\"value\":\"login.example\"}' | noroshi id\n"
    "  noroshi id --json observables.jsonl\n\n"
    "exit codes: 0 all have one, 1 some have none or are no JSON, 2 wrong use, 3 could not\n",
    NEEDS_NOTHING, run};
