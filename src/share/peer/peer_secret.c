/*
 * Credentials of peers. They have to be shown to the peer as they are, so no hash will do: they stand in a
 * file of their own below keys/, beside the seeds, and a copy of the database holds none of them.
 */
#include "share/peer/peer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SECRET_MOST (1u << 20)

static int path_of(const char *home, const struct peer *p, char ret[4096], struct err *e)
{
    struct uuid u;
    if (!uuid_parse(p->uuid, &u)) {
        return err_set(e, ERR_CORRUPT, "a peer has no id");
    }
    return snprintf(ret, 4096, "%s/keys/peer-%.*s.json", home, SV_ARG(p->uuid)) < 4096
               ? OK
               : err_set(e, ERR_LIMIT, "the path %s is too long", home);
}

struct field {
    const char *key;
    struct sv *value;
};
#define FIELDS(s)                                                                                            \
    {                                                                                                        \
        {"user", &(s)->user}, {"password", &(s)->password}, {"key", &(s)->key},                              \
            {"certificate", &(s)->certificate}, {"private_key", &(s)->private_key}, {"ca", &(s)->ca},        \
        {                                                                                                    \
            NULL, NULL                                                                                       \
        }                                                                                                    \
    }

int peer_secret_write(const char *home, const struct peer *p, const struct peer_secret *s, struct err *e)
{
    char path[4096];
    struct peer_secret copy = *s;
    const struct field fields[] = FIELDS(&copy);
    struct buf b;
    struct jw w;
    int rc = path_of(home, p, path, e);
    buf_init(&b, SECRET_MOST);
    jw_init(&w, &b);
    jw_obj(&w);
    for (const struct field *f = fields; f->key; f++) {
        if (f->value->n) {
            jw_kstr(&w, f->key, *f->value);
        }
    }
    jw_end_obj(&w);
    if (rc == OK && b.failed) {
        rc = err_set(e, ERR_LIMIT, "the credentials are longer than %u bytes", SECRET_MOST);
    }
    rc = rc == OK ? file_write(AT_FDCWD, path, buf_sv(&b), 0600, e) : rc;
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    buf_clear(&b);
    return rc;
}

static int read_fields(struct sv json, const struct field *fields, struct arena *a, struct err *e)
{
    struct json_doc *d = json_doc_new(SECRET_MOST);
    struct jv v = {0};
    int rc = d ? json_parse(d, json, &v, e) : err_set(e, ERR_MEMORY, "no memory for credentials");
    for (const struct field *f = fields; rc == OK && f->key; f++) {
        struct sv s = json_get_str(v, sv_c(f->key));
        *f->value = arena_sv(a, s.p ? s : SV(""));
        rc = f->value->p ? OK : err_set(e, ERR_MEMORY, "no memory for credentials");
    }
    json_doc_free(d);
    return rc;
}

int peer_secret_read(const char *home, const struct peer *p, struct arena *a, struct peer_secret *ret,
                     struct err *e)
{
    char path[4096];
    const struct field fields[] = FIELDS(ret);
    struct buf b;
    *ret = (struct peer_secret){0};
    buf_init(&b, SECRET_MOST);
    int rc = path_of(home, p, path, e);
    rc = rc == OK ? file_read(AT_FDCWD, path, &b, e) : rc;
    if (rc == OK) {
        rc = read_fields(buf_sv(&b), fields, a, e);
    } else if (rc == ERR_NOT_FOUND) {
        *e = ERR_NONE;
        rc = read_fields(SV("{}"), fields, a, e);
    }
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    buf_clear(&b);
    return rc;
}

int peer_remove(struct db *db, const char *home, const struct peer *p, struct err *e)
{
    char path[4096];
    int rc = path_of(home, p, path, e);
    if (rc == OK && unlink(path) != 0 && errno != ENOENT) {
        rc = err_errno(e, errno, "cannot remove the credentials of %.*s", SV_ARG(p->name));
    }
    return rc == OK ? peer_rows_remove(db, p->id, e) : rc;
}
