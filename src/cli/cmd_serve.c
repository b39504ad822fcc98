#include "cli/cli.h"

#include <string.h>

int command_run_for(struct node *n, int argc, char **argv, const int fds[3], const struct opener *files);

static void on_ready(void *ctx, const char *address)
{
    struct cmd *c = ctx;
    if (c->json) {
        fprintf(c->out, "{\"address\":\"https://%s/\"}\n", address);
    } else {
        fprintf(c->out, "noroshi answers at https://%s/\n", address);
    }
    fflush(c->out);
}

static enum log_level level_of(struct sv name)
{
    return sv_eq(name, SV("debug"))   ? LOG_DEBUG
           : sv_eq(name, SV("warn"))  ? LOG_WARN
           : sv_eq(name, SV("error")) ? LOG_ERROR
                                      : LOG_INFO;
}

static int run(struct cmd *c)
{
    const char *listen = NULL;
    const struct opt opts[] = {{"--listen", &listen, NULL}, {0}};
    if (!opts_take(c, &cmd_serve, opts)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    if (listen && conf_set(c->node->conf, SV("http.listen"), sv_c(listen), &e) != OK) {
        return could_not(c, &e);
    }
    log_open(fileno(c->err), level_of(sv_c(conf_text(c->node->conf, "log.level"))), -1);
    const struct serve_opts o = {.command = command_run_for, .ready = on_ready, .ctx = c};
    return node_serve(c->node, &o, &e) == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_serve = {
    "serve", "run the node: HTTPS, API, live stream, console",
    "usage: noroshi serve [--listen ADDRESS:PORT] [--json]\n\n"
    "Runs the node until SIGTERM or SIGINT: console and API over HTTPS, the live stream, background work, "
    "and a socket through which\n"
    "other `noroshi` commands of the same user reach it. Settings stand in noroshi.conf "
    "(docs/configuration.md).\n\n"
    "example:\n"
    "  noroshi -C /srv/noroshi serve --listen 127.0.0.1:8443\n\n"
    "exit codes: 0 stopped cleanly, 2 wrong use, 3 could not (for example: another process owns the home)\n",
    NEEDS_OWN, run};
