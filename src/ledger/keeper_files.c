/* Key files: "<which>.seed", 32 random bytes, mode 0600; "<which>.vkey", the public key as a C2SP
 * verification key and a line feed. */
#include "ledger/keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const keeper_file[KEEPER_KEYS] = {"log", "witness", "messages"};
const uint8_t keeper_type[KEEPER_KEYS] = {NOTE_ED25519, NOTE_COSIGNATURE, NOTE_ED25519};
/* The log key bears the log's origin, as C2SP asks; the others may not share its name. */
static const char *const suffix[KEEPER_KEYS] = {"", "/witness", "/messages"};

static int path_of(const char *dir, enum keeper_key which, const char *ending, char ret[4096], struct err *e)
{
    int n = snprintf(ret, 4096, "%s/%s.%s", dir, keeper_file[which], ending);

    return n > 0 && n < 4096 ? OK : err_set(e, ERR_VALUE, "the path of the key directory is too long");
}

static int key_of_seed(const uint8_t seed[SEED_BYTES], struct sv name, uint8_t type, struct note_key *ret,
                       struct err *e)
{
    uint8_t pub[32], secret[64];
    int rc = OK;

    if (crypto_sign_seed_keypair(pub, secret, seed) != 0)
        rc = err_set(e, ERR_CRYPTO, "an Ed25519 key cannot be made of the seed");
    sodium_memzero(secret, sizeof(secret));
    return rc == OK ? note_key_make(name, type, pub, ret, e) : rc;
}

static int refuse_existing(const char *dir, struct err *e)
{
    char path[4096];

    for (int i = 0; i < KEEPER_KEYS; i++) {
        for (int vkey = 0; vkey < 2; vkey++) {
            int rc = path_of(dir, (enum keeper_key)i, vkey ? "vkey" : "seed", path, e);

            if (rc != OK)
                return rc;
            if (access(path, F_OK) == 0) {
                err_set(e, ERR_EXISTS, "key file %s exists already", path);
                return err_hint(e,
                                "A node keeps its keys for life: choose another directory for a new node.");
            }
        }
    }
    return OK;
}

static int make_key(const char *dir, const char *node_name, enum keeper_key which, struct err *e)
{
    char path[4096], name[192];
    uint8_t seed[SEED_BYTES];
    struct note_key key;
    struct buf text;
    int n = snprintf(name, sizeof(name), "%s%s", node_name, suffix[which]);
    int rc;

    if (n < 0 || (size_t)n >= sizeof(key.name))
        return err_set(e, ERR_LIMIT, "the node's name is too long");
    random_bytes(seed, sizeof(seed));
    buf_init(&text, 512);
    rc = key_of_seed(seed, sv_c(name), keeper_type[which], &key, e);
    if (rc == OK)
        rc = path_of(dir, which, "seed", path, e);
    if (rc == OK)
        rc = file_write(AT_FDCWD, path, sv_from((const char *)seed, sizeof(seed)), 0600, e);
    if (rc == OK)
        rc = path_of(dir, which, "vkey", path, e);
    if (rc == OK) {
        note_key_text(&key, &text);
        buf_addc(&text, '\n');
        rc = file_write(AT_FDCWD, path, buf_sv(&text), 0644, e);
    }
    sodium_memzero(seed, sizeof(seed));
    buf_clear(&text);
    return rc;
}

int keeper_make_keys(const char *dir, const char *node_name, struct err *e)
{
    struct note_key probe;
    uint8_t none[32] = {0};
    int rc = crypto_start(e);

    if (rc == OK)
        rc = note_key_make(sv_c(node_name), NOTE_ED25519, none, &probe, e);
    if (rc == OK)
        rc = refuse_existing(dir, e);
    if (rc == OK)
        rc = dir_make(AT_FDCWD, dir, 0700, e);
    for (int i = 0; rc == OK && i < KEEPER_KEYS; i++)
        rc = make_key(dir, node_name, (enum keeper_key)i, e);
    return rc;
}

static int check_seed_file(int fd, const char *path, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot look at key file %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_VALUE, "key file %s is not a regular file", path);
    if (st.st_mode & 077) {
        err_set(e, ERR_DENIED, "key file %s may be read by others (mode %04o)", path, st.st_mode & 07777u);
        return err_hint(e, "Take the rights away with: chmod 600 %s", path);
    }
    if (st.st_size != SEED_BYTES) {
        err_set(e, ERR_VALUE, "key file %s has %lld bytes; a seed has %u", path, (long long)st.st_size,
                SEED_BYTES);
        return err_hint(e, "Put back the file that belongs to this node.");
    }
    return OK;
}

static int read_seed(const char *path, uint8_t *ret_seed, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;
    int rc;

    if (fd < 0) {
        err_errno(e, errno, "cannot open key file %s", path);
        return err_hint(e, "The node cannot sign without its keys: put the file back from its backup.");
    }
    rc = check_seed_file(fd, path, e);
    if (rc == OK) {
        n = read(fd, ret_seed, SEED_BYTES);
        if (n < 0)
            rc = err_errno(e, errno, "cannot read key file %s", path);
        else if (n != (ssize_t)SEED_BYTES)
            rc = err_set(e, ERR_VALUE, "key file %s ends too early", path);
    }
    close_fd(&fd);
    return rc;
}

int keeper_read_key(const char *dir, enum keeper_key which, uint8_t *ret_seed, struct note_key *ret,
                    struct err *e)
{
    char seed_path[4096], vkey_path[4096];
    struct note_key made;
    struct buf text;
    int rc = path_of(dir, which, "seed", seed_path, e);

    if (rc == OK)
        rc = path_of(dir, which, "vkey", vkey_path, e);
    if (rc == OK)
        rc = read_seed(seed_path, ret_seed, e);
    if (rc != OK)
        return rc;
    buf_init(&text, 1024);
    rc = file_read(AT_FDCWD, vkey_path, &text, e);
    if (rc == OK && note_key_parse(sv_trim(buf_sv(&text)), ret, e) != OK) {
        char why[400];

        (void)sv_copy(sv_c(e->text), why, sizeof(why));
        rc = err_set(e, ERR_VALUE, "key file %s: %.250s", vkey_path, why);
    }
    buf_clear(&text);
    if (rc == OK)
        rc = key_of_seed(ret_seed, sv_c(ret->name), ret->type, &made, e);
    if (rc == OK && (ret->type != keeper_type[which] || memcmp(made.pub, ret->pub, sizeof(made.pub)) != 0)) {
        rc = err_set(e, ERR_CRYPTO, "key file %s is not the seed of the public key in %s", seed_path,
                     vkey_path);
        err_hint(e, "Put back the files that belong together.");
    }
    return rc;
}
