/*
 * cli: one file a command.
 *
 * A command gets its streams and its way to files in `struct cmd`, never stdin, stdout or getcwd: the
 * same code runs in a process of its own and inside the running node on behalf of another process. May call
 * all rooms.
 */
#pragma once

#include "serve/serve.h"

/* Exit codes of every command. */
enum { EXIT_DONE = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_COULD_NOT = 3 };

enum needs {
    NEEDS_NOTHING, /* no home at all */
    NEEDS_NODE,    /* the running node, or the home opened for writing */
    NEEDS_READ,    /* opens the home for reading, beside a running node too */
    NEEDS_OWN,     /* opens the home itself: there must be no running node */
};

struct cmd {
    struct node *node; /* NULL for NEEDS_NOTHING */
    const char *home;
    int argc; /* after the command's own name */
    char **argv;
    FILE *out, *err;
    int in;              /* stdin */
    struct opener files; /* opens what the arguments name, where the command was given */
    bool json;
    bool people; /* `err` is a terminal: progress may be shown */
};

struct command {
    const char *name;
    const char *summary;
    const char *usage; /* the whole help text, with examples */
    enum needs needs;
    int (*run)(struct cmd *c);
};
extern const struct command *const COMMANDS[]; /* ends with NULL */
const struct command *command_find(const char *name);

/* ---- options: reentrant, since commands run in threads of the node
 * --------------------------------------------------------------- */

struct opt {
    const char *name;   /* "--source" */
    const char **value; /* takes a value */
    bool *flag;         /* or is a flag */
};
/*
 * Takes options off c->argv; what remains are the arguments, in order. "--" ends the options, "-" is an
 * argument. An unknown option prints what to do and returns false: the command exits with EXIT_USAGE.
 */
bool opts_take(struct cmd *c, const struct command *self, const struct opt *opts);
/* Prints "noroshi NAME: text" and where help is, returns EXIT_USAGE. */
int usage_error(struct cmd *c, const struct command *self, const char *fmt, ...) PRINTF(3, 4);
/* Prints an error with place and remedy (as JSON with --json) and returns EXIT_COULD_NOT. */
int could_not(struct cmd *c, const struct err *e);
/* A number option; false with a message when it is none. */
bool opt_number(struct cmd *c, const struct command *self, const char *name, const char *text, int64_t *ret);

/* The view of the home organisation: what the operator sees. */
int cmd_view(struct cmd *c, struct arena *a, struct pact_view *ret, struct err *e);
/* For writing through JSON: prints the buffer and a newline. */
void print_json(struct cmd *c, const struct buf *json);
/* Text for a terminal: control characters are shown as '?'. */
void print_safe(FILE *out, struct sv text);
/* Pads or cuts to `width` terminal columns, counting CJK characters as two. */
void print_cell(FILE *out, struct sv text, unsigned width);

extern const struct command cmd_init, cmd_serve, cmd_source, cmd_intake, cmd_feed, cmd_watch, cmd_look,
    cmd_find, cmd_rejected, cmd_status, cmd_rebuild, cmd_verify, cmd_backup, cmd_restore, cmd_version,
    cmd_user, cmd_key, cmd_exercise, cmd_checkpoint, cmd_config, cmd_prove, cmd_agreement, cmd_partner,
    cmd_shares, cmd_messages, cmd_witness, cmd_explain, cmd_copy, cmd_export, cmd_check, cmd_id, cmd_taxii,
    cmd_peer, cmd_pattern, cmd_relay, cmd_release, cmd_contribution;
