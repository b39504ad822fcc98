#include "cli/cli.h"

#include <string.h>

static int run(struct cmd *c)
{
    const char *name = NULL, *country = NULL, *zone = NULL, *user = "admin", *password = NULL;
    const struct opt opts[] = {{"--name", &name, NULL},         {"--country", &country, NULL},
                               {"--zone", &zone, NULL},         {"--user", &user, NULL},
                               {"--password", &password, NULL}, {0}};
    if (!opts_take(c, &cmd_init, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != 1 || !name || !country || !zone) {
        return usage_error(c, &cmd_init, "give a directory, --name, --country and --zone");
    }
    struct err e = ERR_NONE;
    char made[64];
    const struct node_init init = {.dir = c->argv[0],
                                   .name = name,
                                   .country = country,
                                   .zone = zone,
                                   .user = user,
                                   .password = password};
    if (node_make(&init, made, &e) != OK) {
        return could_not(c, &e);
    }
    if (c->json) {
        struct buf b;
        struct jw w;
        buf_init(&b, 1 << 16);
        jw_init(&w, &b);
        jw_obj(&w);
        jw_kstr(&w, "home", sv_c(c->argv[0]));
        jw_kstr(&w, "name", sv_c(name));
        jw_kstr(&w, "user", sv_c(user));
        jw_kstr(&w, "password", made[0] ? sv_c(made) : SV_NONE);
        jw_end_obj(&w);
        print_json(c, &b);
        buf_clear(&b);
        return EXIT_DONE;
    }
    fprintf(c->out, "node %s made in %s\n", name, c->argv[0]);
    if (made[0]) {
        fprintf(c->out, "first sign-in: %s / %s   (shown once)\n", user, made);
    }
    fprintf(c->out, "next: noroshi -C %s serve\n", c->argv[0]);
    return EXIT_DONE;
}

const struct command cmd_init = {
    "init", "make a node's home: keys, configuration, database, first organisation and user",
    "usage: noroshi init DIR --name NAME --country CC --zone ZONE [--user USER] [--password TEXT] "
    "[--json]\n\n"
    "Makes the directory with Ed25519 keys for log, witness and messages (seed files mode 0600), a "
    "self-signed\n"
    "certificate, noroshi.conf, the database, the first organisation and its first user (role admin).\n"
    "Without --password one is made and shown once.\n\n"
    "  --name NAME      DNS-like name of the node; part of the ledger's origin, not to be changed later\n"
    "  --country CC     two capital letters of ISO 3166-1\n"
    "  --zone ZONE      IANA time zone, like Asia/Taipei\n\n"
    "examples:\n"
    "  noroshi init var --name tw.cert.example --country TW --zone Asia/Taipei\n"
    "  noroshi init /srv/noroshi --name jp.cert.example --country JP --zone Asia/Tokyo --user hanako\n\n"
    "exit codes: 0 made, 2 wrong use, 3 could not (for example: the directory is not empty)\n",
    NEEDS_NOTHING, run};
