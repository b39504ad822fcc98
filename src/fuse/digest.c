/*
 * One hash over what a viewer may hold, so that two nodes can tell whether they hold the same: docs/json.md
 * says how another program computes it.
 */
#include "fuse/private.h"

#include "fuse/sorter.h"

#include <stdlib.h>

#define SORT_MEMORY ((size_t)64 << 20)
#define DIGEST_DOCUMENT ((size_t)1 << 20)

struct summing {
    struct fuse *f;
    const struct pact_view *view;
    struct sorter *lines;
    struct json_doc *doc;
    struct buf json, canonical;
    void (*progress)(void *ctx, uint64_t done);
    void *ctx;
    uint64_t done;
    /* While the sorted lines are read: of the id at hand those with the newest time. */
    struct buf newest;
    char id[400], time[40];
    bool revoked;
    struct buf block;
    struct sha256_state sha;
    uint64_t counted;
};

/* With nine fraction digits: its order as text is that of time. */
static void time_of_version(usec t, int64_t ns, char ret[40])
{
    char text[32];
    if (t == USEC_NONE) {
        snprintf(ret, 40, "-");
        return;
    }
    time_text6(t, text);
    size_t n = strlen(text);
    snprintf(ret, 40, "%.*s%03dZ", (int)(n - 1), text, (int)(ns % 1000));
}

static int add_line(struct summing *d, struct sv id, usec t, int64_t ns, const struct sha256 *sha,
                    bool revoked, struct err *e)
{
    char when[40], hex[65], line[600];
    time_of_version(t, ns, when);
    hex_text(sha->b, sizeof(sha->b), hex);
    int n = snprintf(line, sizeof(line), "%.*s %s %s %c", SV_ARG(sv_sub(id, 0, 390)), when, hex,
                     revoked ? 'r' : '-');
    if (d->progress && ++d->done % 4096 == 0) {
        d->progress(d->ctx, d->done);
    }
    return sorter_add(d->lines, sv_from(line, (size_t)n), e);
}

static int add_objects(struct summing *d, struct err *e)
{
    struct stmt *s =
        db_query(d->f->db,
                 "SELECT stix_id, modified, created, modified_ns, sha, source, tlp, revoked FROM "
                 "object",
                 e);
    int rc = s ? OK : e->code;
    while (s && (rc = db_step(s, e)) == 1) {
        struct sha256 sha;
        struct sv bytes = col_blob(s, 4);
        usec modified = col_time(s, 1);
        if (bytes.n != sizeof(sha.b)) {
            rc = err_set(e, ERR_CORRUPT, "a stored object has no hash");
            break;
        }
        if (!pact_sees(d->view, col_int(s, 5), (enum tlp)col_int(s, 6))) {
            continue;
        }
        memcpy(sha.b, bytes.p, sizeof(sha.b));
        rc = add_line(d, col_text(s, 0), modified != USEC_NONE ? modified : col_time(s, 2), col_int(s, 3),
                      &sha, col_int(s, 7) != 0, e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc;
}

/* The claim as it is given out, and the hash of that. */
static int add_claim(struct summing *d, int64_t number, usec version, struct err *e)
{
    struct jv v;
    buf_reset(&d->json);
    buf_reset(&d->canonical);
    int rc = fuse_item_write(d->f, true, number, version, &d->json, e);
    if (rc <= 0) {
        return rc; /* it changed meanwhile */
    }
    rc = json_parse(d->doc, buf_sv(&d->json), &v, e);
    rc = rc == OK ? json_canonical(v, &d->canonical, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (d->canonical.failed) {
        return err_set(e, ERR_LIMIT, "a claim is longer than %zu bytes as an indicator", DIGEST_DOCUMENT);
    }
    const struct sha256 sha = sha256_of(buf_sv(&d->canonical));
    return add_line(d, json_get_str(v, SV("id")), version, 0, &sha, false, e);
}

static int add_claims(struct summing *d, struct err *e)
{
    struct stmt *s =
        db_query(d->f->db, "SELECT id, version, kind, ref, source, tlp FROM claim WHERE flags = 0", e);
    int rc = s ? OK : e->code;
    while (s && (rc = db_step(s, e)) == 1) {
        bool counts = claim_is_given((enum kind)col_int(s, 2)) && !claim_is_object(col_text(s, 3));
        if (!counts || !pact_sees(d->view, col_int(s, 4), (enum tlp)col_int(s, 5))) {
            continue;
        }
        rc = add_claim(d, col_int(s, 0), col_int(s, 1), e);
        if (rc < 0) {
            break;
        }
    }
    db_done(s);
    return rc < 0 ? rc : OK;
}

/* ---- reading the sorted lines ---- */

static void flush_block(struct summing *d)
{
    sha256_more(&d->sha, buf_sv(&d->block));
    buf_reset(&d->block);
}

static void count_line(struct summing *d, struct sv line)
{
    buf_add(&d->block, line);
    buf_addc(&d->block, '\n');
    d->counted++;
    if (d->block.n > 65536) {
        flush_block(d);
    }
}

/* The id at hand is done. */
static void end_id(struct summing *d)
{
    struct sv rest = buf_sv(&d->newest), line;
    while (!d->revoked && rest.n && sv_cut(&rest, '\n', &line)) {
        if (line.n) {
            count_line(d, line);
        }
    }
    buf_reset(&d->newest);
    d->revoked = false;
}

/* "id time sha r": a newer time of the same id replaces what was gathered; observables have no versions. */
static void read_line(struct summing *d, struct sv line)
{
    struct sv rest = line, id, when;
    (void)sv_cut(&rest, ' ', &id);
    (void)sv_cut(&rest, ' ', &when);
    bool same = sv_eq(id, sv_c(d->id));
    if (!same) {
        end_id(d);
        sv_copy(id, d->id, sizeof(d->id));
    }
    if (same && !sv_eq(when, sv_c(d->time))) {
        buf_reset(&d->newest);
        d->revoked = false;
    }
    sv_copy(when, d->time, sizeof(d->time));
    struct sv told = sv_sub(line, 0, line.n - 2);
    if (sv_eq(when, SV("-"))) {
        count_line(d, told);
        return;
    }
    d->revoked |= line.p[line.n - 1] == 'r';
    buf_add(&d->newest, told);
    buf_addc(&d->newest, '\n');
}

static int sum_up(struct summing *d, struct sha256 *ret, struct err *e)
{
    struct sv line;
    char last[600] = "";
    int rc;
    sha256_start(&d->sha);
    while ((rc = sorter_next(d->lines, &line, e)) == 1) {
        /* The same object of two sources, and of two reports of one. */
        if (!sv_eq(line, sv_c(last))) {
            read_line(d, line);
        }
        sv_copy(line, last, sizeof(last));
    }
    if (rc < 0) {
        return rc;
    }
    end_id(d);
    flush_block(d);
    *ret = sha256_end(&d->sha);
    return d->newest.failed || d->block.failed ? err_set(e, ERR_MEMORY, "no memory for a digest") : OK;
}

int fuse_digest(struct fuse *f, const struct pact_view *view, const char *dir,
                void (*progress)(void *ctx, uint64_t done), void *ctx, struct digest *ret, struct err *e)
{
    struct summing *d = calloc(1, sizeof(*d));
    if (!d) {
        return err_set(e, ERR_MEMORY, "no memory for a digest");
    }
    *d = (struct summing){.f = f, .view = view, .progress = progress, .ctx = ctx};
    d->lines = sorter_new(dir, SORT_MEMORY);
    d->doc = json_doc_new(DIGEST_DOCUMENT);
    buf_init(&d->json, DIGEST_DOCUMENT);
    buf_init(&d->canonical, DIGEST_DOCUMENT);
    buf_init(&d->newest, 16u << 20);
    buf_init(&d->block, 1u << 20);
    int rc = d->lines && d->doc ? add_objects(d, e) : err_set(e, ERR_MEMORY, "no memory for a digest");
    rc = rc == OK ? add_claims(d, e) : rc;
    rc = rc == OK ? sum_up(d, &ret->sha, e) : rc;
    ret->objects = d->counted;
    sorter_free(d->lines);
    json_doc_free(d->doc);
    buf_clear(&d->json);
    buf_clear(&d->canonical);
    buf_clear(&d->newest);
    buf_clear(&d->block);
    free(d);
    return rc;
}
