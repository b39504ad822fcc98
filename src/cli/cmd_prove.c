#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

static void print_proof(struct cmd *c, const struct buf *proof)
{
    if (!c->json) {
        fwrite(proof->p, 1, proof->n, c->out);
        return;
    }
    struct buf json;
    struct jw w;
    buf_init(&json, (size_t)1 << 30);
    jw_init(&w, &json);
    jw_obj(&w);
    jw_kstr(&w, "what", c->argc ? sv_c(c->argv[0]) : SV("minisign-key"));
    jw_kstr(&w, "proof", buf_sv(proof));
    jw_end_obj(&w);
    print_json(c, &json);
    buf_clear(&json);
}

/* "timestamp:1700000000	file:hello.txt	hashed", as minisign itself writes it. */
static int sign_file(struct cmd *c, const char *path, struct buf *out, struct err *e)
{
    struct sv name = sv_c(path);
    struct buf comment;
    int fd = c->files.open(c->files.ctx, path, e);
    if (fd < 0) {
        return fd;
    }
    buf_init(&comment, MINISIGN_COMMENT);
    name = sv_rchr(name, '/') == SIZE_MAX ? name : sv_sub(name, sv_rchr(name, '/') + 1, SIZE_MAX);
    buf_printf(&comment, "timestamp:%lld\tfile:%.*s\thashed", (long long)(time_now() / USEC_SECOND),
               SV_ARG(sv_sub(name, 0, 255)));
    int rc = minisign_sign(ledger_keeper(c->node->ledger), fd, buf_sv(&comment), out, e);
    buf_clear(&comment);
    close(fd);
    return rc;
}

/* What needs no ledger: a file's signature, and the key it is checked with. */
static int run_minisign(struct cmd *c, bool key)
{
    struct err e = ERR_NONE;
    struct buf out;
    int rc = OK;
    buf_init(&out, 65536);
    if (key) {
        minisign_public(keeper_public(ledger_keeper(c->node->ledger), KEEPER_MESSAGES), &out);
    } else {
        rc = sign_file(c, c->argv[0], &out, &e);
    }
    if (rc == OK) {
        print_proof(c, &out);
    }
    buf_clear(&out);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int run(struct cmd *c)
{
    bool file = false, key = false;
    const struct opt opts[] = {
        {"--minisign", NULL, &file}, {"--minisign-key", NULL, &key}, {NULL, NULL, NULL}};
    if (!opts_take(c, &cmd_prove, opts)) {
        return EXIT_USAGE;
    }
    if ((file || key) && (file == key || c->argc != (file ? 1 : 0))) {
        return usage_error(c, &cmd_prove, "give --minisign and a file, or --minisign-key alone");
    }
    if (file || key) {
        return run_minisign(c, key);
    }
    if (c->argc != 1) {
        return usage_error(c, &cmd_prove, "give a STIX id, a value, or the number of an entry");
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct pact_view view;
    struct buf proof;
    arena_init(&a, 64u << 20);
    buf_init(&proof, (size_t)512 << 20);
    int rc = cmd_view(c, &a, &view, &e);
    /* What came since the last checkpoint can be proved from a new one. */
    rc = rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), &e) : rc;
    rc = rc == OK ? fuse_prove(c->node->fuse, &view, sv_c(c->argv[0]), &proof, &e) : rc;
    if (rc == OK) {
        print_proof(c, &proof);
    }
    int code = rc == OK ? EXIT_DONE : could_not(c, &e);
    buf_clear(&proof);
    arena_clear(&a);
    return code;
}

const struct command cmd_prove = {
    "prove", "a proof that something is in the ledger, for strangers",
    "usage: noroshi prove ID [--json]\n"
    "       noroshi prove --minisign FILE | --minisign-key\n\n"
    "Writes a C2SP tlog-proof to standard output: that the newest version of a STIX object, the first claim "
    "of "
    "a value, or an entry\n"
    "of the ledger was accepted by this node before its last signed checkpoint. With ID a STIX id or a value "
    "the proof holds the\n"
    "record itself, so hand it only to those who may see it; with the number of an entry it holds no "
    "content. "
    "A new checkpoint is\n"
    "signed first when there is something new. docs/verify.py checks a proof with Python and openssl "
    "alone.\n\n"
    "--minisign signs a file with the node's message key, in the form of minisign: for those who have "
    "neither "
    "this program\n"
    "nor the ledger. --minisign-key writes the public key; it is the one that stands in the node's card.\n\n"
    "examples:\n"
    "  noroshi prove indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f > one.tlog-proof\n"
    "  noroshi prove 203.0.113.7 > one.tlog-proof\n"
    "  python3 docs/verify.py one.tlog-proof --log var/keys/log.vkey\n"
    "  noroshi prove --minisign both.json > both.json.minisig; noroshi prove --minisign-key > tw.pub\n"
    "  minisign -V -p tw.pub -m both.json\n\n"
    "exit codes: 0 done, 2 wrong use, 3 could not (also when nothing is known of ID)\n",
    NEEDS_NODE, run};
