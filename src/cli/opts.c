#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int usage_error(struct cmd *c, const struct command *self, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(c->err, "noroshi %s: ", self->name);
    vfprintf(c->err, fmt, args);
    fprintf(c->err, "\n  `noroshi %s --help` shows how it is used\n", self->name);
    va_end(args);
    return EXIT_USAGE;
}

/* What to do, for errors that come from places too deep to know. */
static const char *remedy_of(int code)
{
    switch (code) {
    case ERR_FULL:
        return "free space, or make the file system writable, and try again: nothing that was accepted is "
               "lost";
    case ERR_DENIED:
        return "look at owner and mode of what is named, and as whom this is run";
    case ERR_NOT_FOUND:
        return "look at the spelling, and at the directory the command was given in";
    case ERR_MEMORY:
        return "give the machine more memory, or take less at once";
    case ERR_IO:
        return "look at the disk and the system's log; `noroshi verify` tells whether anything is damaged";
    case ERR_CORRUPT:
        return "`noroshi verify` names what is damaged; `noroshi restore` puts a backup into a new home";
    default:
        return NULL;
    }
}

int could_not(struct cmd *c, const struct err *given)
{
    struct err with = *given;
    const struct err *e = &with;
    if (!with.remedy[0] && remedy_of(with.code)) {
        err_hint(&with, "%s", remedy_of(with.code));
    }
    if (c->json) {
        struct buf b;
        struct jw w;
        buf_init(&b, 1 << 16);
        jw_init(&w, &b);
        jw_obj(&w);
        jw_key(&w, "error");
        jw_err(&w, e);
        jw_end_obj(&w);
        print_json(c, &b);
        buf_clear(&b);
    }
    err_print(c->err, "noroshi", e);
    return e->code == ERR_USAGE ? EXIT_USAGE : EXIT_COULD_NOT;
}

static const struct opt *find(const struct opt *opts, const char *arg, size_t n)
{
    for (; opts && opts->name; opts++) {
        if (strlen(opts->name) == n && strncmp(opts->name, arg, n) == 0) {
            return opts;
        }
    }
    return NULL;
}

bool opts_take(struct cmd *c, const struct command *self, const struct opt *opts)
{
    int kept = 0;
    bool done = false;
    for (int i = 0; i < c->argc; i++) {
        char *arg = c->argv[i];
        if (done || arg[0] != '-' || arg[1] == 0) {
            c->argv[kept++] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            done = true;
            continue;
        }
        if (strcmp(arg, "--json") == 0) {
            c->json = true;
            continue;
        }
        const char *equals = strchr(arg, '=');
        const struct opt *o = find(opts, arg, equals ? (size_t)(equals - arg) : strlen(arg));
        if (!o || (o->flag && equals)) {
            usage_error(c, self, "there is no option '%s'", arg);
            return false;
        }
        if (o->flag) {
            *o->flag = true;
        } else if (equals) {
            *o->value = equals + 1;
        } else if (i + 1 < c->argc) {
            *o->value = c->argv[++i];
        } else {
            usage_error(c, self, "the option '%s' needs a value", arg);
            return false;
        }
    }
    c->argc = kept;
    return true;
}

bool opt_number(struct cmd *c, const struct command *self, const char *name, const char *text, int64_t *ret)
{
    if (text && !sv_i64(sv_c(text), ret)) {
        usage_error(c, self, "%s takes a whole number, not '%s'", name, text);
        return false;
    }
    return true;
}

int cmd_view(struct cmd *c, struct arena *a, struct pact_view *ret, struct err *e)
{
    int rc = node_view(c->node, c->node->org, a, ret, e);
    ret->at_node = true;
    return rc;
}
