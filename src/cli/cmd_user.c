/* user and key: who may sign in. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

/* First line of standard input, so that a password never stands in a process list. */
static struct sv read_line(struct cmd *c, char *buffer, size_t size, struct err *e)
{
    size_t n = 0;
    char ch;
    while (n < size && c->files.wait(c->files.ctx, c->in, e) == OK && read(c->in, &ch, 1) == 1 &&
           ch != '\n') {
        buffer[n++] = ch;
    }
    return sv_from(buffer, n);
}

/* `add` takes a new name and `set` one that is there, whose role stays when none is given (`role` not NULL).
 */
static int check_user(struct cmd *c, enum role *role, struct err *e)
{
    enum role present = ROLE_VIEWER;
    bool add = strcmp(c->argv[0], "add") == 0;
    int rc = user_find(c->node->db, sv_c(c->argv[1]), &present, e);
    if (rc < 0) {
        return rc;
    }
    if (add && rc == 1) {
        err_set(e, ERR_EXISTS, "there is a user '%s' already", c->argv[1]);
        return err_hint(e, "change password and role with `noroshi user set %s`", c->argv[1]);
    }
    if (!add && rc == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no user '%s'", c->argv[1]);
        return err_hint(e, "add one with `noroshi user add %s`", c->argv[1]);
    }
    if (role && !add) {
        *role = present;
    }
    return OK;
}

static int run_user(struct cmd *c)
{
    const char *role_text = NULL;
    const struct opt opts[] = {{"--role", &role_text, NULL}, {0}};
    enum role role = ROLE_VIEWER;
    char line[1024];
    if (!opts_take(c, &cmd_user, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != 2 || (strcmp(c->argv[0], "add") != 0 && strcmp(c->argv[0], "set") != 0)) {
        return usage_error(c, &cmd_user, "say add NAME or set NAME");
    }
    if (role_text && !role_parse(sv_c(role_text), &role)) {
        return usage_error(c, &cmd_user, "--role takes viewer, analyst, admin, auditor or client, not '%s'",
                           role_text);
    }
    struct err e = ERR_NONE;
    struct sv password = read_line(c, line, sizeof(line), &e);
    if (e.code != OK) {
        return could_not(c, &e);
    }
    if (password.n < 12) {
        err_set(&e, ERR_VALUE, "the password has fewer than 12 characters");
        err_hint(&e, "give it on standard input: echo 'a long sentence' | noroshi user add NAME");
        return could_not(c, &e);
    }
    if (check_user(c, role_text ? NULL : &role, &e) != OK ||
        user_put(c->node->db, sv_c(c->argv[1]), c->node->org, role, password, time_now(), &e) != OK) {
        explicit_bzero(line, sizeof(line));
        return could_not(c, &e);
    }
    explicit_bzero(line, sizeof(line));
    if (c->json) {
        fputs("{\"done\":true}\n", c->out);
    } else {
        fprintf(c->out, "user %s may sign in\n", c->argv[1]);
    }
    return EXIT_DONE;
}

const struct command cmd_user = {
    "user", "add a user or set password and role",
    "usage: noroshi user add|set NAME [--role ROLE] [--json] < PASSWORD\n\n"
    "The password (12 characters or more) is read from standard input. Roles: viewer, analyst, admin, "
    "auditor,\n"
    "and client: a program that speaks TAXII and nothing else.\n"
    "`add` makes a viewer without --role; `set` leaves the role as it is. Sensors get a key instead.\n\n"
    "example:\n"
    "  echo 'correct horse battery staple' | noroshi user add hanako --role analyst\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run_user};

static int make_key(struct cmd *c, const char *role_text, const char *source_name, const char *days_text)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct source s = {0};
    enum role role;
    int64_t days = 365;
    char key[64];
    if (!role_parse(sv_c(role_text), &role)) {
        return usage_error(c, &cmd_key,
                           "--role takes viewer, analyst, admin, sensor, auditor or client, not '%s'",
                           role_text);
    }
    if (!opt_number(c, &cmd_key, "--days", days_text, &days) || days < 1 || days > 366) {
        return usage_error(c, &cmd_key, "--days takes 1 to 366");
    }
    arena_init(&a, 4u << 20);
    usec now = time_now();
    int rc = source_name ? source_find(c->node->db, sv_c(source_name), &a, &s, &e) : OK;
    rc = rc == OK ? key_make(c->node->db, sv_c(c->argv[1]), c->node->org, role, s.id, now,
                             now + days * USEC_DAY, key, &e)
                  : rc;
    arena_clear(&a);
    if (rc != OK) {
        return could_not(c, &e);
    }
    fprintf(c->out, c->json ? "{\"key\":\"%s\"}\n" : "%s\n", key);
    return EXIT_DONE;
}

/* The file is opened where the command was given. */
static int read_certificate(struct cmd *c, const char *path, struct sha256 *ret, struct err *e)
{
    char block[64 << 10];
    size_t n = 0;
    ssize_t k = 0;
    int fd = c->files.open(c->files.ctx, path, e);
    if (fd < 0) {
        return fd;
    }
    while (n < sizeof(block) && c->files.wait(c->files.ctx, fd, e) == OK &&
           (k = read(fd, block + n, sizeof(block) - n)) > 0) {
        n += (size_t)k;
    }
    close(fd);
    if (e->code != OK || k < 0 || n == sizeof(block)) {
        return e->code != OK ? e->code : err_set(e, ERR_VALUE, "%s is no certificate", path);
    }
    int rc = http_certificate_key(sv_from(block, n), ret, e);
    return rc == OK ? OK : err_hint(e, "give one certificate as PEM or DER, for example a self-signed one");
}

static int bind_key(struct cmd *c, const char *role_text, const char *path, const char *days_text)
{
    struct err e = ERR_NONE;
    struct sha256 spki;
    enum role role;
    int64_t days = 365;
    char hex[65];
    if (!role_parse(sv_c(role_text), &role) || role == ROLE_SENSOR) {
        return usage_error(c, &cmd_key, "--role takes viewer, analyst, admin, auditor or client, not '%s'",
                           role_text);
    }
    if (!opt_number(c, &cmd_key, "--days", days_text, &days) || days < 1 || days > 366) {
        return usage_error(c, &cmd_key, "--days takes 1 to 366");
    }
    usec now = time_now();
    int rc = read_certificate(c, path, &spki, &e);
    rc = rc == OK ? key_bind(c->node->db, sv_c(c->argv[1]), c->node->org, role, &spki, now,
                             now + days * USEC_DAY, &e)
                  : rc;
    if (rc != OK) {
        return could_not(c, &e);
    }
    hex_text(spki.b, sizeof(spki.b), hex);
    fprintf(c->out, c->json ? "{\"principal\":\"cert:%s\"}\n" : "cert:%s\n", hex);
    return EXIT_DONE;
}

static int run_key(struct cmd *c)
{
    const char *role = NULL, *source = NULL, *days = NULL, *certificate = NULL;
    const struct opt opts[] = {{"--role", &role, NULL},
                               {"--source", &source, NULL},
                               {"--days", &days, NULL},
                               {"--certificate", &certificate, NULL},
                               {0}};
    if (!opts_take(c, &cmd_key, opts)) {
        return EXIT_USAGE;
    }
    const char *what = c->argc ? c->argv[0] : "";
    if (strcmp(what, "make") == 0 && c->argc == 2) {
        return certificate ? usage_error(c, &cmd_key, "a certificate is bound by key add, not made")
                           : make_key(c, role ? role : "sensor", source, days);
    }
    if (strcmp(what, "add") == 0 && c->argc == 2) {
        return !certificate || source ? usage_error(c, &cmd_key, "key add takes NAME --certificate FILE")
                                      : bind_key(c, role ? role : "client", certificate, days);
    }
    if (strcmp(what, "revoke") == 0 && c->argc == 2) {
        struct err e = ERR_NONE;
        if (key_revoke(c->node->db, sv_c(c->argv[1]), &e) != OK) {
            return could_not(c, &e);
        }
        if (c->json) {
            fputs("{\"done\":true}\n", c->out);
        } else {
            fprintf(c->out, "key %s holds no longer\n", c->argv[1]);
        }
        return EXIT_DONE;
    }
    return usage_error(c, &cmd_key, "say make NAME, add NAME or revoke NAME");
}

const struct command cmd_key = {
    "key", "API keys and client certificates: make, add, revoke",
    "usage: noroshi key make NAME [--role ROLE] [--source SOURCE] [--days N] [--json]\n"
    "       noroshi key add NAME --certificate FILE [--role ROLE] [--days N] [--json]\n"
    "       noroshi key revoke NAME [--json]\n\n"
    "`make` prints a new API key once; only its hash is kept. A sensor's key is bound to its source.\n"
    "`add` lets whoever holds the key of a certificate (PEM or DER, also self-signed) in without a secret, "
    "and "
    "prints\n"
    "the name that TAXII rights are given to. Roles: viewer, analyst, admin, sensor (make's default), "
    "auditor, "
    "client\n"
    "(add's default: a program that speaks TAXII and nothing else).\n\n"
    "examples:\n"
    "  noroshi key make dmz-suricata --source sensor-1\n"
    "  noroshi key make dashboard --role viewer --days 90\n"
    "  noroshi key add misp-tokyo --certificate misp-tokyo.pem\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run_key};
