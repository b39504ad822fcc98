#include "cli/agreement_try.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct command *const COMMANDS[] = {
    &cmd_init,         &cmd_serve,    &cmd_status,    &cmd_source,  &cmd_intake,
    &cmd_watch,        &cmd_feed,     &cmd_peer,      &cmd_look,    &cmd_find,
    &cmd_rejected,     &cmd_export,   &cmd_taxii,     &cmd_check,   &cmd_id,
    &cmd_pattern,      &cmd_partner,  &cmd_agreement, &cmd_explain, &cmd_copy,
    &cmd_shares,       &cmd_messages, &cmd_witness,   &cmd_relay,   &cmd_release,
    &cmd_contribution, &cmd_verify,   &cmd_rebuild,   &cmd_prove,   &cmd_checkpoint,
    &cmd_backup,       &cmd_restore,  &cmd_user,      &cmd_key,     &cmd_config,
    &cmd_exercise,     &cmd_version,  NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; COMMANDS[i]; i++) {
        if (strcmp(COMMANDS[i]->name, name) == 0) {
            return COMMANDS[i];
        }
    }
    return NULL;
}

static void print_overview(FILE *out)
{
    fprintf(out, "noroshi " NOROSHI_VERSION ": the node of a shared cyber data-fusion centre\n\n"
                 "usage: noroshi [-C DIR] COMMAND [OPTIONS] [ARGUMENTS]\n\n");
    for (size_t i = 0; COMMANDS[i]; i++) {
        fprintf(out, "  %-12s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    }
    fprintf(out, "\n"
                 "  -C DIR       the node's home (or NOROSHI_HOME; else ./var)\n"
                 "  --json       for machines, with every command\n"
                 "  --help       with every command: what it does, with examples\n\n"
                 "exit codes: 0 done, 1 done with rejects or findings, 2 wrong use, 3 could not\n");
}

/* ---- running one command with an opened node
 * ----------------------------------------------------------------------------------------- */

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int run_with(struct node *n, const struct command *command, const char *home, int argc, char **argv,
                    FILE *out, FILE *err, int in, const struct opener *files)
{
    struct cmd c = {.node = n,
                    .home = home,
                    .argc = argc,
                    .argv = argv,
                    .out = out,
                    .err = err,
                    .in = in,
                    .files = *files,
                    .people = isatty(fileno(err)) == 1};
    return command->run(&c);
}

/* On behalf of another process: argv is the command's name and its arguments; descriptors are in, out, err.
 */
int command_run_for(struct node *n, int argc, char **argv, const int fds[3], const struct opener *files);
int command_run_for(struct node *n, int argc, char **argv, const int fds[3], const struct opener *files)
{
    const struct command *command = argc > 0 ? command_find(argv[0]) : NULL;
    if (!command || command->needs != NEEDS_NODE) {
        return EXIT_USAGE;
    }
    int out_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3), err_fd = fcntl(fds[2], F_DUPFD_CLOEXEC, 3);
    FILE *out = out_fd >= 0 ? fdopen(out_fd, "w") : NULL, *err = err_fd >= 0 ? fdopen(err_fd, "w") : NULL;
    int code = EXIT_COULD_NOT;
    if (out && err) {
        setvbuf(err, NULL, _IOLBF, BUFSIZ);
        code = run_with(n, command, n->home, argc - 1, argv + 1, out, err, fds[0], files);
    }
    if (out && fclose(out) != 0 && code == EXIT_DONE) {
        code = EXIT_COULD_NOT;
    }
    if (err) {
        (void)fclose(err);
    }
    return code;
}

static int open_here(void *ctx, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 ? fd : err_errno(e, errno, "cannot open %s", path);
}

static int wait_here(void *ctx, int fd, struct err *e)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0) {
        if (errno != EINTR) {
            return err_errno(e, errno, "cannot wait for input");
        }
    }
    return OK;
}

static const struct opener FILES_HERE = {.open = open_here, .wait = wait_here};

/* Before a command has taken its options. */
static int report(const struct err *e, int argc, char **argv)
{
    struct cmd c = {.out = stdout, .err = stderr};
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        c.json = c.json || strcmp(argv[i], "--json") == 0;
    }
    (void)could_not(&c, e);
    return EXIT_COULD_NOT;
}

static int run_here(const struct command *command, const char *home, int argc, char **argv)
{
    struct err e = ERR_NONE;
    struct node n;
    int code = 0;
    if (command->needs == NEEDS_NODE) {
        int rc = node_command(home, argc + 1, argv - 1, &code, &e);
        if (rc != 0) {
            return rc == 1 ? code : report(&e, argc, argv);
        }
    }
    int rc = node_open(home, command->needs == NEEDS_READ ? NODE_READ : NODE_WRITE, &n, &e);
    if (rc != OK) {
        return report(&e, argc, argv);
    }
    code = run_with(&n, command, home, argc, argv, stdout, stderr, STDIN_FILENO, &FILES_HERE);
    node_close(&n);
    return code;
}

int main(int argc, char **argv)
{
    const char *home = getenv("NOROSHI_HOME");
    int at = 1;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 2 && strcmp(argv[1], "-C") == 0) {
        home = argv[2];
        at = 3;
    }
    if (!home || !*home) {
        home = "var";
    }
    if (at >= argc) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "help") == 0) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    const struct command *command = command_find(strcmp(argv[at], "--version") == 0 ? "version" : argv[at]);
    if (!command) {
        fprintf(stderr, "noroshi: there is no command '%s'\n  `noroshi --help` lists them\n", argv[at]);
        return EXIT_USAGE;
    }
    at++;
    /* -C may also stand after the command. */
    for (int i = at; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            break;
        }
        if (strcmp(argv[i], "-C") == 0) {
            home = argv[i + 1];
            memmove(&argv[i], &argv[i + 2], sizeof(*argv) * (size_t)(argc - i - 1));
            argc -= 2;
            break;
        }
    }
    if (wants_help(argc - at, argv + at)) {
        fputs(command->usage, stdout);
        return EXIT_DONE;
    }
    bool alone = command->needs == NEEDS_NOTHING ||
                 (command == &cmd_agreement && agreement_needs_no_home(argc - at, argv + at)) ||
                 (command == &cmd_copy && at < argc && strcmp(argv[at], "verify") == 0);
    int code =
        alone ? run_with(NULL, command, home, argc - at, argv + at, stdout, stderr, STDIN_FILENO, &FILES_HERE)
              : run_here(command, home, argc - at, argv + at);
    /* A reader that had enough (`| head`) is no failure. */
    if (fflush(stdout) != 0 && errno != EPIPE && code == EXIT_DONE) {
        fprintf(stderr, "noroshi: the output could not be written: %s\n", strerror(errno));
        code = EXIT_COULD_NOT;
    }
    return code;
}
