#include "cli/agreement_try.h"

#include <string.h>
#include <unistd.h>

/* The whole file, bounded. */
static int read_file(struct cmd *c, const char *path, struct buf *ret, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? c->in : c->files.open(c->files.ctx, path, e);
    ssize_t got = 1;
    if (fd < 0) {
        return fd;
    }
    while (got > 0 && !ret->failed) {
        char *room = buf_reserve(ret, 65536);
        got = room ? read(fd, room, 65536) : 0;
        ret->n += got > 0 ? (size_t)got : 0;
    }
    if (!standard) {
        close(fd);
    }
    if (ret->failed) {
        return err_set(e, ERR_LIMIT, "%s is larger than an agreement can be", path);
    }
    return got < 0 ? err_set(e, ERR_IO, "cannot read %s", path) : OK;
}

static int with_agreement(struct cmd *c, const char *path, struct arena *a, struct agreement *ret,
                          struct err *e)
{
    struct buf text;
    buf_init(&text, AGREEMENT_MAX);
    int rc = read_file(c, path, &text, e);
    rc = rc == OK ? agreement_read(buf_sv(&text), a, ret, e) : rc;
    if (rc != OK && !e->file[0]) {
        err_at(e, path, e->line, e->offset);
    }
    buf_clear(&text);
    return rc;
}

static void print_checked(struct cmd *c, const struct agreement *g)
{
    char id[37], digest[65];
    uuid_text(g->id, id);
    hex_text(g->digest.b, sizeof(g->digest.b), digest);
    if (c->json) {
        fprintf(c->out, "{\"valid\":true,\"id\":\"%s\",\"version\":%lld,\"grants\":%zu,\"sha256\":\"%s\"}\n",
                id, (long long)g->version, g->grants, digest);
    } else {
        fprintf(c->out, "agreement %s version %lld: %zu grants, SHA-256 %s\n", id, (long long)g->version,
                g->grants, digest);
    }
}

static int run_check(struct cmd *c, const char *path)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreement g;
    arena_init(&a, 64u << 20);
    int rc = with_agreement(c, path, &a, &g, &e);
    if (rc == OK) {
        print_checked(c, &g);
    }
    arena_clear(&a);
    if (rc == ERR_VALUE || rc == ERR_SYNTAX) {
        (void)could_not(c, &e);
        return EXIT_FINDINGS;
    }
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static void print_text(struct cmd *c, const struct agreement *g, enum language l)
{
    struct buf text, json;
    struct jw w;
    buf_init(&text, AGREEMENT_MAX * 8);
    buf_init(&json, AGREEMENT_MAX * 16);
    agreement_text(g, l, &text);
    if (c->json) {
        jw_init(&w, &json);
        jw_obj(&w);
        jw_kstr(&w, "language", sv_c(language_name(l)));
        jw_kstr(&w, "text", buf_sv(&text));
        jw_end_obj(&w);
        print_json(c, &json);
    } else {
        struct sv rest = buf_sv(&text), line;
        while (sv_line(&rest, &line)) {
            print_safe(c->out, line);
            fputc('\n', c->out);
        }
    }
    buf_clear(&json);
    buf_clear(&text);
}

static int run_text(struct cmd *c, const char *path, const char *language)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct agreement g;
    enum language l = LANGUAGE_EN;
    if (language && !language_parse(sv_c(language), &l)) {
        return usage_error(c, &cmd_agreement, "the languages are en, ja and zh-Hant");
    }
    arena_init(&a, 64u << 20);
    int rc = with_agreement(c, path, &a, &g, &e);
    if (rc == OK) {
        print_text(c, &g, l);
    }
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int run(struct cmd *c)
{
    const char *language = NULL;
    const struct opt opts[] = {{"--language", &language, NULL}, {NULL, NULL, NULL}};
    if (!opts_take(c, &cmd_agreement, opts)) {
        return EXIT_USAGE;
    }
    const char *what = c->argc > 0 ? c->argv[0] : "";
    if (strcmp(what, "check") == 0 && c->argc == 2) {
        return run_check(c, c->argv[1]);
    }
    if (strcmp(what, "text") == 0 && c->argc == 2) {
        return run_text(c, c->argv[1], language);
    }
    if (strcmp(what, "try") == 0 && c->argc == 1) {
        return agreement_try(c);
    }
    return usage_error(c, &cmd_agreement, "say check FILE, text FILE, or try");
}

const struct command cmd_agreement = {
    "agreement", "check, read and try an agreement before it is signed",
    "usage: noroshi agreement check FILE [--json]\n"
    "       noroshi agreement text FILE [--language en|ja|zh-Hant] [--json]\n"
    "       noroshi agreement try < LINES\n\n"
    "check    reads an agreement as strictly as the node does and prints the SHA-256 of what is signed\n"
    "text     prints the document for people, made from the same data, in one of three languages\n"
    "try      decides over JSON lines: {\"agreements\":[{\"agreement\":{...},\"active\":true}]} sets the "
    "register, each\n"
    "         {\"ask\":{...}} is answered by {\"allow\",\"rule\",\"agreement\",\"grant\",\"redact\","
    "\"delete_after\"}\n\n"
    "FILE \"-\" is standard input. docs/agreements.md describes the document, the questions and the "
    "rules.\n\n"
    "examples:\n"
    "  noroshi agreement check network-safety.json\n"
    "  noroshi agreement text network-safety.json --language ja\n"
    "  noroshi agreement try < questions.jsonl\n\n"
    "exit codes: 0 done, 1 the agreement is refused or a line cannot be answered, 2 wrong use, 3 could not\n",
    NEEDS_NOTHING, run};
