#include "cli/cli.h"

static int run(struct cmd *c)
{
    if (!opts_take(c, &cmd_version, NULL)) {
        return EXIT_USAGE;
    }
    if (c->json) {
        fprintf(c->out, "{\"noroshi\":\"%s\",\"database\":\"%s\"}\n", NOROSHI_VERSION, db_version());
    } else {
        fprintf(c->out, "noroshi %s (%s)\n", NOROSHI_VERSION, db_version());
    }
    return EXIT_DONE;
}

const struct command cmd_version = {
    "version", "the program's version",
    "usage: noroshi version [--json]\n\nPrints the version of the program and of its database engine.\n",
    NEEDS_NOTHING, run};
