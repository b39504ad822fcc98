#include "serve/node.h"
#include "share/taxii/taxii.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that holds something already is not ours to fill. */
static int check_empty(const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d) {
        return errno == ENOENT ? OK : err_errno(e, errno, "cannot look into %s", dir);
    }
    int rc = OK;
    for (struct dirent *entry; rc == OK && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            err_set(e, ERR_EXISTS, "%s is not empty (it holds %s)", dir, entry->d_name);
            rc = err_hint(e,
                          "give a new or empty directory; a node that stands there is started with `noroshi "
                          "-C %s serve`",
                          dir);
        }
    }
    closedir(d);
    return rc;
}

static int make_directories(const char *dir, struct err *e)
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

static int write_conf(const struct node_init *i, struct err *e)
{
    char path[4096];
    struct buf b;
    buf_init(&b, 1 << 20);
    conf_write_template(node_schema, &b);
    buf_printf(&b, "\n# Written when the node was made.\nnode.name = %s\nnode.country = %s\nnode.zone = %s\n",
               i->name, i->country, i->zone);
    int rc = node_path(i->dir, "noroshi.conf", path, e);
    rc = rc == OK ? file_write(AT_FDCWD, path, buf_sv(&b), 0600, e) : rc;
    buf_clear(&b);
    return rc;
}

static int make_keys(const struct node_init *i, struct err *e)
{
    char path[4096], cert[4096], key[4096];
    struct hash_secret secret;
    random_bytes(secret.b, sizeof(secret.b));
    int rc = node_path(i->dir, "keys/hash.secret", path, e);
    rc = rc == OK ? file_write(AT_FDCWD, path, sv_from((const char *)secret.b, sizeof(secret.b)), 0600, e)
                  : rc;
    rc = rc == OK ? node_path(i->dir, "keys", path, e) : rc;
    rc = rc == OK ? keeper_make_keys(path, i->name, e) : rc;
    rc = rc == OK ? node_path(i->dir, "tls/cert.pem", cert, e) : rc;
    rc = rc == OK ? node_path(i->dir, "tls/key.pem", key, e) : rc;
    const char *const names[] = {"localhost", "127.0.0.1", "::1", i->name};
    return rc == OK ? http_make_certificate(cert, key, names, 4, 397, e) : rc;
}

/* 20 characters of 32 that are not mistaken for each other: 100 bits. */
static void make_password(char ret[64])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789A";
    uint8_t random[20];
    size_t n = 0;
    random_bytes(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++) {
        if (i && i % 5 == 0) {
            ret[n++] = '-';
        }
        ret[n++] = letters[random[i] % 32];
    }
    ret[n] = 0;
}

static int add_org_and_user(struct node *n, const struct node_init *i, const char *password, struct err *e)
{
    usec now = time_now();
    const struct org org = {
        .id = uuid_v4(), .name = sv_c(i->name), .country = sv_c(i->country), .zone = sv_c(i->zone)};
    int rc = db_begin(n->db, e);
    if (rc != OK) {
        return rc;
    }
    rc = org_put(n->ledger, n->db, &org, now, e);
    const struct taxii t = {.db = n->db, .fuse = n->fuse, .ledger = n->ledger, .secret = &n->secret};
    rc = rc == OK ? taxii_begin(&t, sv_c(i->name), now, e) : rc;
    rc = db_finish(n->db, rc, e);
    rc = rc == OK ? user_put(n->db, sv_c(i->user), org.id, ROLE_ADMIN, sv_c(password), now, e) : rc;
    return rc == OK ? ledger_checkpoint(n->ledger, now, e) : rc;
}

static int make_database(const struct node_init *i, const char *password, struct err *e)
{
    char path[4096];
    struct node n;
    int rc = node_path(i->dir, "noroshi.db", path, e);
    struct db *db = rc == OK ? db_open(path, DB_CREATE, e) : NULL;
    rc = rc == OK && !db ? e->code : rc;
    db_close(db);
    rc = rc == OK ? node_open(i->dir, NODE_WRITE, &n, e) : rc;
    if (rc == OK) {
        rc = add_org_and_user(&n, i, password, e);
        node_close(&n);
    }
    return rc;
}

static int check_words(const struct node_init *i, struct err *e)
{
    struct sv name = sv_c(i->name), country = sv_c(i->country);
    for (size_t k = 0; k < name.n; k++) {
        char c = name.p[k];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) {
            err_set(e, ERR_VALUE, "'%s' is no node name: letters a-z, digits, '-' and '.' only", i->name);
            return err_hint(e, "give a name like a DNS name, for example --name tw.cert.example");
        }
    }
    if (name.n == 0 || name.n > 100) {
        return err_set(e, ERR_VALUE, "a node name has 1 to 100 characters");
    }
    if (country.n != 2 || country.p[0] < 'A' || country.p[0] > 'Z' || country.p[1] < 'A' ||
        country.p[1] > 'Z') {
        err_set(e, ERR_VALUE, "'%s' is no country code", i->country);
        return err_hint(e, "give two capital letters of ISO 3166-1, for example --country TW");
    }
    return zone_find(sv_c(i->zone), e) ? OK : e->code;
}

int node_make(const struct node_init *i, char ret_password[64], struct err *e)
{
    const char *password = i->password ? i->password : ret_password;
    ret_password[0] = 0;
    int rc = crypto_start(e);
    if (rc == OK && !i->password) {
        make_password(ret_password);
    }
    rc = rc == OK ? check_words(i, e) : rc;
    rc = rc == OK ? user_check(sv_c(i->user), sv_c(password), e) : rc;
    rc = rc == OK ? check_empty(i->dir, e) : rc;
    rc = rc == OK ? make_directories(i->dir, e) : rc;
    rc = rc == OK ? write_conf(i, e) : rc;
    rc = rc == OK ? make_keys(i, e) : rc;
    return rc == OK ? make_database(i, password, e) : rc;
}
