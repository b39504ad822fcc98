/* Is this the secret that the stored hashes were made with? Under another one every look-up would find
 * nothing. */
#include "fuse/private.h"

#define SAMPLE "16"

struct sample {
    unsigned rows, good;
};

static int compare_values(struct fuse *f, const char *sql, struct sample *ret, struct err *e)
{
    struct stmt *s = db_query(f->db, sql, e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        ret->rows++;
        ret->good += value_hash(f, (enum kind)col_int(s, 1), col_text(s, 2)) == col_int(s, 0);
    }
    db_done(s);
    return rc;
}

static int compare_objects(struct fuse *f, struct sample *ret, struct err *e)
{
    struct stmt *s = db_query(f->db, "SELECT h, stix_id FROM object ORDER BY id LIMIT " SAMPLE, e);
    if (!s) {
        return e->code;
    }
    int rc;
    while ((rc = db_step(s, e)) == 1) {
        ret->rows++;
        ret->good += id_hash(f, col_text(s, 1)) == col_int(s, 0);
    }
    db_done(s);
    return rc;
}

int fuse_check_secret(struct fuse *f, struct err *e)
{
    struct sample found = {0};
    int rc = compare_values(f, "SELECT h, kind, value FROM claim ORDER BY id LIMIT " SAMPLE, &found, e);
    rc = rc == OK ? compare_values(f, "SELECT h, kind, value FROM past ORDER BY id LIMIT " SAMPLE, &found, e)
                  : rc;
    rc = rc == OK ? compare_objects(f, &found, e) : rc;
    /* One row may be damaged, which `verify` tells; when none fits it is the secret. */
    if (rc == OK && found.rows > 1 && found.good == 0) {
        err_set(e, ERR_CORRUPT, "keys/hash.secret is not the secret that this database was made with");
        rc = err_hint(
            e, "put the file back from a backup of this node: with another one no look-up finds anything");
    }
    return rc;
}
