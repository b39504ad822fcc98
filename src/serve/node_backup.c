#include "serve/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a backup holds beside the database. `content` and credentials are walked; the rest is named. */
static const char *const FILES[] = {
    "noroshi.conf",  "keys/hash.secret",  "keys/log.seed",      "keys/witness.seed", "keys/messages.seed",
    "keys/log.vkey", "keys/witness.vkey", "keys/messages.vkey", "tls/cert.pem",      "tls/key.pem",
};

static int hash_file(const char *path, struct sha256 *ret, struct err *e)
{
    char block[65536];
    struct sha256_state s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_errno(e, errno, "cannot read %s", path);
    }
    ssize_t n;
    sha256_start(&s);
    while ((n = read(fd, block, sizeof(block))) > 0) {
        sha256_more(&s, sv_from(block, (size_t)n));
    }
    int rc = n < 0 ? err_errno(e, errno, "cannot read %s", path) : OK;
    *ret = sha256_end(&s);
    close_fd(&fd);
    return rc;
}

static int copy_file(const char *from, const char *to, struct err *e)
{
    char block[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0) {
        return err_errno(e, errno, "cannot read %s", from);
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = out < 0 ? err_errno(e, errno, "cannot write %s", to) : OK;
    ssize_t n = 0;
    while (rc == OK && (n = read(in, block, sizeof(block))) > 0) {
        rc = fd_write_all(out, sv_from(block, (size_t)n), e);
    }
    if (rc == OK && (n < 0 || fsync(out) != 0)) {
        rc = err_errno(e, errno, "cannot copy %s to %s", from, to);
    }
    close_fd(&in);
    close_fd(&out);
    return rc;
}

static int note(struct buf *manifest, const char *dir, const char *name, struct err *e)
{
    char path[4096], hex[65];
    struct sha256 sha;
    int rc = node_path(dir, name, path, e);
    rc = rc == OK ? hash_file(path, &sha, e) : rc;
    if (rc == OK) {
        hex_text(sha.b, sizeof(sha.b), hex);
        buf_printf(manifest, "%s  %s\n", hex, name);
    }
    return rc;
}

static int make_tree(const char *dir, struct err *e)
{
    static const char *const names[] = {"", "keys", "tls", "run", "geo", "content"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[4096];
        int rc = node_path(dir, names[i], path, e);
        rc = rc == OK ? dir_make(AT_FDCWD, path, 0700, e) : rc;
        if (rc != OK) {
            return rc;
        }
    }
    return OK;
}

static int refuse_existing(const char *dir, struct err *e)
{
    struct stat st;
    char path[4096];
    int rc = node_path(dir, "noroshi.conf", path, e);
    if (rc == OK && stat(path, &st) == 0) {
        err_set(e, ERR_EXISTS, "%s holds a node or a backup already", dir);
        rc = err_hint(e, "give a new or empty directory");
    }
    return rc;
}

/* Files of content/ever-two-letters/name: calls `each` with the path below the home. */
static int walk_content(const char *home, int (*each)(void *ctx, const char *name, struct err *e), void *ctx,
                        struct err *e)
{
    char path[4096], name[4096];
    int rc = node_path(home, "content", path, e);
    DIR *top = rc == OK ? opendir(path) : NULL;
    for (struct dirent *d; rc == OK && top && (d = readdir(top));) {
        if (d->d_name[0] == '.') {
            continue;
        }
        DIR *sub = snprintf(path, sizeof(path), "%s/content/%s", home, d->d_name) < (int)sizeof(path)
                       ? opendir(path)
                       : NULL;
        for (struct dirent *f; rc == OK && sub && (f = readdir(sub));) {
            if (f->d_name[0] != '.' &&
                snprintf(name, sizeof(name), "content/%s/%s", d->d_name, f->d_name) < (int)sizeof(name)) {
                rc = each(ctx, name, e);
            }
        }
        if (sub) {
            closedir(sub);
        }
    }
    if (top) {
        closedir(top);
    }
    return rc;
}

/* Credentials of peers and feeds: peer-*.json, feed-*.key. */
static bool is_credential(struct sv name)
{
    return (sv_starts(name, SV("peer-")) && sv_ends(name, SV(".json"))) ||
           (sv_starts(name, SV("feed-")) && sv_ends(name, SV(".key")));
}

static int walk_credentials(const char *home, int (*each)(void *ctx, const char *name, struct err *e),
                            void *ctx, struct err *e)
{
    char path[4096], name[4096];
    int rc = node_path(home, "keys", path, e);
    DIR *d = rc == OK ? opendir(path) : NULL;
    for (struct dirent *f; rc == OK && d && (f = readdir(d));) {
        if (is_credential(sv_c(f->d_name)) &&
            snprintf(name, sizeof(name), "keys/%s", f->d_name) < (int)sizeof(name)) {
            rc = each(ctx, name, e);
        }
    }
    if (d) {
        closedir(d);
    }
    return rc;
}

struct copying {
    const char *from, *to;
    struct buf *manifest;
};

static int copy_one(void *ctx, const char *name, struct err *e)
{
    const struct copying *c = ctx;
    char from[4096], to[4096];
    int rc = node_path(c->from, name, from, e);
    rc = rc == OK ? node_path(c->to, name, to, e) : rc;
    if (rc == OK && strncmp(name, "content/", 8) == 0) {
        char *slash = strrchr(to, '/');
        *slash = 0;
        rc = dir_make(AT_FDCWD, to, 0700, e);
        *slash = '/';
    }
    rc = rc == OK ? copy_file(from, to, e) : rc;
    return rc == OK && c->manifest ? note(c->manifest, c->to, name, e) : rc;
}

int node_backup(struct node *n, const char *dir, struct err *e)
{
    char path[4096];
    struct buf manifest;
    buf_init(&manifest, 256u << 20);
    const struct copying c = {.from = n->home, .to = dir, .manifest = &manifest};
    int rc = refuse_existing(dir, e);
    rc = rc == OK ? make_tree(dir, e) : rc;
    /* The database first: content files of later entries than it knows do no harm, the other way round would.
     */
    rc = rc == OK ? node_path(dir, "noroshi.db", path, e) : rc;
    rc = rc == OK ? db_copy_to(n->db, path, e) : rc;
    rc = rc == OK ? note(&manifest, dir, "noroshi.db", e) : rc;
    for (size_t i = 0; rc == OK && i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        rc = copy_one((void *)&c, FILES[i], e);
    }
    rc = rc == OK ? walk_credentials(n->home, copy_one, (void *)&c, e) : rc;
    rc = rc == OK ? walk_content(n->home, copy_one, (void *)&c, e) : rc;
    rc = rc == OK ? node_path(dir, "manifest-sha256.txt", path, e) : rc;
    rc = rc == OK ? file_write(AT_FDCWD, path, buf_sv(&manifest), 0600, e) : rc;
    buf_clear(&manifest);
    return rc;
}

/* ---- restore
 * ---------------------------------------------------------------------------------------------------------------------------
 */

/* Manifest names come from a file: they may name nothing outside. */
static bool safe_name(struct sv name)
{
    return name.n > 0 && name.n < 3000 && name.p[0] != '/' && sv_find(name, SV("..")) == SIZE_MAX &&
           sv_chr(name, 0) == SIZE_MAX;
}

static int check_line(const char *dir, struct sv line, struct err *e)
{
    char name[4096], path[4096];
    struct sha256 want, have;
    struct sv file = sv_sub(line, 66, SIZE_MAX);
    if (line.n < 67 || !hex_parse(sv_sub(line, 0, 64), want.b, 32) || !safe_name(file)) {
        return err_set(e, ERR_CORRUPT, "the manifest of the backup has a line that is no sum and name");
    }
    sv_copy(file, name, sizeof(name));
    int rc = node_path(dir, name, path, e);
    rc = rc == OK ? hash_file(path, &have, e) : rc;
    if (rc == OK && memcmp(want.b, have.b, 32) != 0) {
        err_set(e, ERR_CORRUPT, "%s is not what was backed up: its SHA-256 differs from the manifest", path);
        rc = err_hint(e, "take another copy of the backup");
    }
    return rc;
}

int node_restore(const char *backup_dir, const char *home, struct err *e)
{
    char path[4096];
    struct buf manifest;
    struct node n;
    buf_init(&manifest, 256u << 20);
    const struct copying c = {.from = backup_dir, .to = home};
    int rc = crypto_start(e);
    rc = rc == OK ? refuse_existing(home, e) : rc;
    rc = rc == OK ? node_path(backup_dir, "manifest-sha256.txt", path, e) : rc;
    rc = rc == OK ? file_read(AT_FDCWD, path, &manifest, e) : rc;
    struct sv rest = buf_sv(&manifest), line;
    while (rc == OK && sv_line(&rest, &line)) {
        rc = check_line(backup_dir, line, e);
    }
    rc = rc == OK ? make_tree(home, e) : rc;
    rest = buf_sv(&manifest);
    while (rc == OK && sv_line(&rest, &line)) {
        char name[4096];
        sv_copy(sv_sub(line, 66, SIZE_MAX), name, sizeof(name));
        rc = copy_one((void *)&c, name, e);
    }
    buf_clear(&manifest);
    rc = rc == OK ? node_open(home, NODE_WRITE, &n, e) : rc;
    if (rc == OK) {
        rc = ledger_new_epoch(n.ledger, time_now(), e);
        node_close(&n);
    }
    return rc;
}
