/* exercise: a small drill of three partners, and its removal. */
#include "cli/cli.h"
#include "cli/drill.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int put_org(struct cmd *c, const struct drill_partner *p, struct uuid *ret, usec now, struct err *e)
{
    const struct org o = {.id = uuid_v5(DRILL_NAMESPACE, sv_c(p->org)),
                          .name = sv_c(p->org),
                          .country = sv_c(p->country),
                          .zone = sv_c(p->zone),
                          .exercise = true};
    *ret = o.id;
    return org_put(c->node->ledger, c->node->db, &o, now, e);
}

/* A partner lets the node's own organisation see its exercise things for a year: real grants come from signed
 * agreements. */
static int put_grant(struct cmd *c, struct uuid from, usec now, struct err *e)
{
    char text[37];
    uuid_text(from, text);
    const struct pact_grant g = {.id = uuid_v5(DRILL_NAMESPACE, sv_c(text)),
                                 .from = from,
                                 .to = c->node->org,
                                 .purpose = PURPOSE_EXERCISE,
                                 .ceiling = TLP_AMBER,
                                 .valid_from = now,
                                 .valid_until = now + 365 * USEC_DAY,
                                 .exercise = true};
    return gate_grant(c->node->ledger, c->node->db, &g, now, e);
}

static int put_source(struct cmd *c, struct uuid org, const char *name, char reliability, const char *zone,
                      struct source *ret, usec now, struct err *e)
{
    *ret = (struct source){.uuid = uuid_v5(DRILL_NAMESPACE, sv_c(name)),
                           .org = org,
                           .name = sv_c(name),
                           .reliability = reliability,
                           .zone = sv_c(zone),
                           .tlp = TLP_GREEN,
                           .licence = SV("CC0-1.0"),
                           .exercise = true};
    struct arena a;
    struct source there;
    char id[37];
    uuid_text(ret->uuid, id);
    arena_init(&a, 1 << 20);
    int rc = source_find(c->node->db, sv_c(id), &a, &there, e);
    if (rc == OK) {
        ret->id = there.id; /* the drill is loaded already: its records will be duplicates */
    }
    arena_clear(&a);
    if (rc != ERR_NOT_FOUND) {
        return rc;
    }
    *e = ERR_NONE;
    return source_put(c->node->ledger, c->node->db, ret, now, e);
}

static int set_up(struct cmd *c, const struct drill_partner *p, struct source *feed, struct source *sensor,
                  usec now, struct err *e)
{
    struct uuid org;
    int rc = db_begin(c->node->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = put_org(c, p, &org, now, e);
    rc = rc == OK ? put_grant(c, org, now, e) : rc;
    rc = rc == OK ? put_source(c, org, p->feed, 'B', p->zone, feed, now, e) : rc;
    rc = rc == OK ? put_source(c, org, p->sensor, 'A', p->zone, sensor, now, e) : rc;
    return db_finish(c->node->db, rc, e);
}

static void on_sighting(void *ctx, const struct sighting *s)
{
    struct cmd *c = ctx;
    node_publish(c->node, s);
}

static int take_text(struct cmd *c, const struct source *s, const char *name, const char *text,
                     struct take_report *sum, struct err *e)
{
    struct take_report r;
    const struct take_opts o = {
        .parsers = c->node->parsers, .source = s, .now = time_now(), .sighting = on_sighting, .ctx = c};
    int fd = memfd_create("exercise", MFD_CLOEXEC);
    int rc = fd < 0 ? err_set(e, ERR_IO, "no temporary file for the drill") : fd_write_all(fd, sv_c(text), e);
    if (rc == OK && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_set(e, ERR_IO, "the temporary file of the drill cannot be read");
    }
    rc = rc == OK ? fuse_take(c->node->fuse, fd, sv_c(name), &o, &r, e) : rc;
    if (rc == OK) {
        take_report_add(sum, &r);
    }
    close_fd(&fd);
    return rc;
}

static int load(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct take_report sum = {.problem = ERR_NONE};
    struct source feed[DRILL_PARTNERS], sensor[DRILL_PARTNERS];
    int rc = OK;
    for (size_t i = 0; rc == OK && i < DRILL_PARTNERS; i++) {
        rc = set_up(c, &DRILL[i], &feed[i], &sensor[i], time_now(), &e);
    }
    for (size_t i = 0; rc == OK && i < DRILL_PARTNERS; i++) {
        rc = take_text(c, &feed[i], "exercise feed", DRILL[i].feed_text, &sum, &e);
    }
    for (size_t i = 0; rc == OK && i < DRILL_PARTNERS; i++) {
        rc = take_text(c, &sensor[i], "exercise events", DRILL[i].events_text, &sum, &e);
    }
    rc = rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), &e) : rc;
    if (rc != OK) {
        return could_not(c, &e);
    }
    fprintf(
        c->out,
        c->json ? "{\"records\":%llu,\"matched\":%llu,\"sightings\":%llu}\n"
                : "EXERCISE loaded: %llu records of three partners, %llu events matched, %llu sightings\n",
        (unsigned long long)sum.records, (unsigned long long)sum.matched, (unsigned long long)sum.sightings);
    return sum.rejected ? EXIT_FINDINGS : EXIT_DONE;
}

static int unload(struct cmd *c)
{
    struct err e = ERR_NONE;
    uint64_t dropped = 0;
    int rc = fuse_drop_exercise(c->node->fuse, time_now(), &dropped, &e);
    rc = rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), &e) : rc;
    if (rc != OK) {
        return could_not(c, &e);
    }
    fprintf(c->out,
            c->json ? "{\"sources_removed\":%llu}\n" : "EXERCISE removed: %llu sources with all they held\n",
            (unsigned long long)dropped);
    return EXIT_DONE;
}

static int run(struct cmd *c)
{
    if (!opts_take(c, &cmd_exercise, NULL)) {
        return EXIT_USAGE;
    }
    if (c->argc == 1 && strcmp(c->argv[0], "load") == 0) {
        return load(c);
    }
    if (c->argc == 1 && strcmp(c->argv[0], "remove") == 0) {
        return unload(c);
    }
    return usage_error(c, &cmd_exercise, "say load or remove");
}

const struct command cmd_exercise = {
    "exercise", "load or remove the small drill",
    "usage: noroshi exercise load | remove   [--json]\n\n"
    "Loads a small drill: three partner organisations with a feed and a sensor each, documentation addresses "
    "and .example names only,\n"
    "and events that match. Everything in it is marked EXERCISE wherever it is shown. `remove` takes all of "
    "it away again, and any\n"
    "other source that was added with --exercise.\n\n"
    "exit codes: 0 done, 1 some records were refused, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
