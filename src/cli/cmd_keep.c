/* verify, rebuild, backup, restore, checkpoint: keeping the ledger and the home. */
#include "cli/person.h"

#include <string.h>
#include <unistd.h>

struct telling {
    struct cmd *c;
    struct buf json;
    struct jw w;
    usec told;
    bool shown;
};

static void on_step(void *ctx, const char *stage, uint64_t done, uint64_t total)
{
    struct telling *t = ctx;
    usec now = time_ticks();
    if (!t->c->people || now - t->told < USEC_SECOND / 2) {
        return;
    }
    t->told = now;
    t->shown = true;
    fprintf(t->c->err, "\r\033[K%s: %llu of %llu", stage, (unsigned long long)done,
            (unsigned long long)total);
    fflush(t->c->err);
}

static void on_found(void *ctx, const struct ledger_finding *f)
{
    struct telling *t = ctx;
    if (t->c->json) {
        jw_obj(&t->w);
        jw_kstr(&t->w, "where", sv_c(f->where));
        jw_kstr(&t->w, "what", sv_c(f->what));
        jw_end_obj(&t->w);
        return;
    }
    print_safe(t->c->out, sv_c(f->where));
    fputs(": ", t->c->out);
    print_safe(t->c->out, sv_c(f->what));
    fputc('\n', t->c->out);
}

static void clear_line(struct telling *t)
{
    if (t->shown) {
        fputs("\r\033[K", t->c->err);
    }
}

static int run_verify(struct cmd *c)
{
    if (!opts_take(c, &cmd_verify, NULL)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    struct telling t = {.c = c};
    struct ledger_state state;
    int64_t found = 0;
    buf_init(&t.json, 256u << 20);
    jw_init(&t.w, &t.json);
    jw_obj(&t.w);
    jw_key(&t.w, "findings");
    jw_arr(&t.w);
    uint64_t expunged = 0;
    const struct ledger_progress p = {.step = on_step, .found = on_found, .ctx = &t, .expunged = &expunged};
    int rc = ledger_state(c->node->ledger, &state, &e);
    rc = rc == OK ? node_verify(c->node, &p, &found, &e) : rc;
    clear_line(&t);
    jw_end_arr(&t.w);
    jw_kint(&t.w, "count", found);
    jw_kint(&t.w, "entries", state.entries);
    jw_kint(&t.w, "expunged", (int64_t)expunged);
    jw_end_obj(&t.w);
    if (rc == OK && c->json) {
        print_json(c, &t.json);
    } else if (rc == OK && found == 0) {
        fprintf(c->out,
                "verified: %lld entries, their content, checkpoints and all tables made of them are as they "
                "were written\n",
                (long long)state.entries);
        if (expunged) {
            fprintf(c->out, "%llu records were expunged by order; their commitments stand\n",
                    (unsigned long long)expunged);
        }
    } else if (rc == OK) {
        fprintf(c->out, "%lld findings\n", (long long)found);
    }
    buf_clear(&t.json);
    return rc != OK ? could_not(c, &e) : found ? EXIT_FINDINGS : EXIT_DONE;
}

const struct command cmd_verify = {"verify", "recompute everything from the ledger and compare",
                                   "usage: noroshi verify [--json]\n\n"
                                   "Recomputes the hash of every entry, the Merkle tree, every checkpoint "
                                   "and its signature, every content record against its\n"
                                   "commitment; then applies all entries into an empty database and compares "
                                   "every table row by row. Names what differs.\n\n"
                                   "exit codes: 0 nothing differs, 1 findings, 2 wrong use, 3 could not\n",
                                   NEEDS_NODE, run_verify};

static int run_rebuild(struct cmd *c)
{
    if (!opts_take(c, &cmd_rebuild, NULL)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    struct telling t = {.c = c};
    const struct ledger_progress p = {.step = on_step, .found = on_found, .ctx = &t};
    usec from = time_ticks();
    int rc = node_rebuild(c->node, &p, &e);
    clear_line(&t);
    if (rc != OK) {
        return could_not(c, &e);
    }
    double seconds = (double)(time_ticks() - from) / 1e6;
    fprintf(c->out,
            c->json ? "{\"rebuilt\":true,\"seconds\":%.3f}\n"
                    : "all tables made again from the ledger in %.1f s\n",
            seconds);
    return EXIT_DONE;
}

const struct command cmd_rebuild = {"rebuild", "make all view tables again from the ledger",
                                    "usage: noroshi rebuild [--json]\n\n"
                                    "Empties the view tables and applies every ledger entry again, in one "
                                    "transaction: a failure leaves everything as it was.\n"
                                    "State (users, sessions, cursors, observables of the last 30 days, "
                                    "quarantine) is not touched. Use it when `verify` names a table.\n\n"
                                    "exit codes: 0 done, 2 wrong use, 3 could not\n",
                                    NEEDS_NODE, run_rebuild};

static int run_backup(struct cmd *c)
{
    if (!opts_take(c, &cmd_backup, NULL)) {
        return EXIT_USAGE;
    }
    if (c->argc != 1) {
        return usage_error(c, &cmd_backup, "give one new directory");
    }
    struct err e = ERR_NONE;
    const char *dir = c->argv[0];
    if (node_backup(c->node, dir, &e) != OK) {
        return could_not(c, &e);
    }
    if (c->json) {
        struct buf b;
        struct jw w;
        buf_init(&b, 1 << 16);
        jw_init(&w, &b);
        jw_obj(&w);
        jw_kstr(&w, "backup", sv_c(dir));
        jw_end_obj(&w);
        print_json(c, &b);
        buf_clear(&b);
    } else {
        fprintf(c->out,
                "backup written to %s; it holds the node's secret keys: keep it as safe as the node\n", dir);
    }
    return EXIT_DONE;
}

const struct command cmd_backup = {
    "backup", "a consistent copy of the whole home, while the node runs",
    "usage: noroshi backup DIR [--json]\n\n"
    "Copies database, content, keys, certificate and configuration into a new directory, with a manifest of "
    "SHA-256 sums\n"
    "(`sha256sum -c manifest-sha256.txt` checks it). A running node keeps running.\n\n"
    "example:\n"
    "  noroshi backup /mnt/safe/noroshi-2026-11-22\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_READ, run_backup};

/* Read before anything is made: a list that cannot be read must not leave a home that shows what it names. */
static int read_list(struct cmd *c, const char *path, struct buf *ret, struct err *e)
{
    struct jv v;
    if (!path) {
        return OK;
    }
    struct json_doc *d = json_doc_new(ret->max);
    int rc = d ? cmd_read_file(c, path, ret, e) : err_set(e, ERR_MEMORY, "no memory to read %s", path);
    rc = rc == OK ? json_parse(d, buf_sv(ret), &v, e) : rc;
    if (rc == OK && json_type(v) != JSON_ARRAY) {
        err_set(e, ERR_SYNTAX, "%s is no list of what was taken back", path);
        rc = err_hint(e, "`noroshi shares withdrawn --json` writes it");
    }
    json_doc_free(d);
    return rc;
}

static int run_restore(struct cmd *c)
{
    const char *withdrawn = NULL;
    const struct opt opts[] = {{"--withdrawn", &withdrawn, NULL}, {0}};
    if (!opts_take(c, &cmd_restore, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc != 2) {
        return usage_error(c, &cmd_restore, "give the backup and a new home");
    }
    struct err e = ERR_NONE;
    struct buf list;
    uint64_t again = 0;
    buf_init(&list, 256u << 20);
    int rc = read_list(c, withdrawn, &list, &e);
    rc = rc == OK ? node_restore(c->argv[0], c->argv[1], &e) : rc;
    rc = rc == OK && withdrawn ? node_withdraw_again(c->argv[1], buf_sv(&list), &again, &e) : rc;
    buf_clear(&list);
    if (rc != OK) {
        return could_not(c, &e);
    }
    if (c->json) {
        fputs("{\"restored\":true", c->out);
        if (withdrawn) {
            fprintf(c->out, ",\"withdrawn\":%llu", (unsigned long long)again);
        }
        fputs("}\n", c->out);
        return EXIT_DONE;
    }
    fputs("restored; the ledger goes on in a new epoch that names the last head\n", c->out);
    if (withdrawn) {
        fprintf(c->out, "%llu things taken back again\n", (unsigned long long)again);
    }
    return EXIT_DONE;
}

const struct command cmd_restore = {
    "restore", "put a backup into a new home, in a new ledger epoch",
    "usage: noroshi restore BACKUP HOME [--withdrawn FILE] [--json]\n\n"
    "Checks the backup against its manifest, copies it into a new directory and opens a new, signed ledger "
    "epoch there that names\n"
    "the last head, so that nobody can mistake the restored log for the one that went on. With --withdrawn "
    "what was "
    "taken back\n"
    "after the backup was made is deleted and expunged again; `noroshi shares withdrawn --json` writes that "
    "list.\n\n"
    "examples:\n"
    "  noroshi restore /mnt/safe/noroshi-2026-11-22 /srv/noroshi\n"
    "  noroshi restore /mnt/safe/noroshi-2026-11-22 /srv/noroshi --withdrawn withdrawn.json\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not\n",
    NEEDS_NOTHING, run_restore};

static void print_note(struct cmd *c, struct sv note)
{
    if (!c->json) {
        fwrite(note.p, 1, note.n, c->out);
        return;
    }
    struct buf b;
    struct jw w;
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "checkpoint", note);
    jw_end_obj(&w);
    print_json(c, &b);
    buf_clear(&b);
}

static int run_checkpoint(struct cmd *c)
{
    if (!opts_take(c, &cmd_checkpoint, NULL)) {
        return EXIT_USAGE;
    }
    struct err e = ERR_NONE;
    int rc = ledger_checkpoint(c->node->ledger, time_now(), &e);
    struct stmt *s =
        rc == OK
            ? db_query(c->node->db, "SELECT note FROM checkpoint ORDER BY epoch DESC, size DESC LIMIT 1", &e)
            : NULL;
    if (s) {
        rc = db_step(s, &e);
        if (rc == 1) {
            print_note(c, col_text(s, 0));
        }
        db_done(s);
        rc = rc == 1 ? OK : rc == 0 ? err_set(&e, ERR_NOT_FOUND, "there is no checkpoint yet") : rc;
    } else if (rc == OK) {
        rc = e.code;
    }
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_checkpoint = {"checkpoint", "sign the ledger's head and print it",
                                       "usage: noroshi checkpoint [--json]\n\n"
                                       "Signs a checkpoint over all entries if something was added since the "
                                       "last one, and prints the newest as a C2SP signed note.\n"
                                       "The public key stands in keys/log.vkey of the home.\n\n"
                                       "exit codes: 0 done, 2 wrong use, 3 could not\n",
                                       NEEDS_NODE, run_checkpoint};
