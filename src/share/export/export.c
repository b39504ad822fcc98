#include "share/export/export_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_MOST ((size_t)256 << 20)
#define FLUSH_AT ((size_t)256 << 10)
#define MINUTE (60 * USEC_SECOND)

const struct export_format *const EXPORT_FORMATS[] = {
    &export_stix, &export_misp, &export_misp_feed, &export_csv,
    &export_list, &export_rpz,  &export_suricata,  &export_suricata_dataset,
    &export_zeek, &export_nft,  &export_yara,      &export_sigma,
    NULL,
};

const char *export_left_name(enum export_left l)
{
    static const char *const names[] = {
        [LEFT_KIND] = "kind", [LEFT_LONG] = "length", [LEFT_TEXT] = "characters", [LEFT_SAME] = "covered"};
    return (unsigned)l < LEFT_MAX ? names[l] : "other";
}

const struct export_format *export_find(struct sv name)
{
    for (size_t i = 0; EXPORT_FORMATS[i]; i++) {
        if (sv_eq(name, sv_c(EXPORT_FORMATS[i]->name))) {
            return EXPORT_FORMATS[i];
        }
    }
    return NULL;
}

const char *export_name(const struct export_format *f)
{
    return f->name;
}

const char *export_type(const struct export_format *f)
{
    return f->type;
}

const char *export_extension(const struct export_format *f)
{
    return f->extension;
}

const char *export_text(const struct export_format *f)
{
    return f->text;
}

bool export_is_folder(const struct export_format *f)
{
    return f->folder != NULL;
}

/* ---- the file */

static int open_spool(const char *dir, struct err *e)
{
    char path[4200];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        return fd;
    }
    if (snprintf(path, sizeof(path), "%s/export-XXXXXX", dir) >= (int)sizeof(path)) {
        return err_set(e, ERR_LIMIT, "the path %s is too long", dir);
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write into %s", dir);
    }
    (void)unlink(path);
    return fd;
}

int export_flush(struct exporter *x, bool all, struct err *e)
{
    if (x->out.failed) {
        return err_set(e, ERR_MEMORY, "no memory for an export");
    }
    if (x->out.n == 0 || (!all && x->out.n < FLUSH_AT)) {
        return OK;
    }
    sha256_more(&x->sha, buf_sv(&x->out));
    int rc = fd_write_all(x->fd, buf_sv(&x->out), e);
    x->at += x->out.n;
    buf_reset(&x->out);
    return rc;
}

bool filters_values(const struct exporter *x)
{
    const struct give_filter *f = &x->o->filter;
    return f->kinds || f->confidence > 0 || f->label.n;
}

void export_serial(struct exporter *x)
{
    x->serial_at = x->at + x->out.n;
    buf_add(&x->out, SV("0000000000"));
}

/* ---- what is given */

static void note_given(struct export_report *r, const struct given *g)
{
    r->written++;
    r->tlp = g->tlp > r->tlp ? g->tlp : r->tlp;
    for (size_t i = 0; i < g->claims; i++) {
        char grade = g->claim[i].reliability;
        r->grade[grade >= 'A' && grade <= 'F' ? grade - 'A' : 5]++;
    }
    if (g->until != USEC_NONE && g->until < r->first_until) {
        r->first_until = g->until;
    }
}

static int take_value(void *ctx, const struct given *g, struct err *e)
{
    struct exporter *x = ctx;
    int rc = LEFT(LEFT_KIND);
    if (x->format->kinds & BIT(g->value.kind)) {
        rc = x->format->value(x, g, e);
        arena_reset(&x->a);
    }
    if (rc < 0) {
        return rc;
    }
    if (rc > 0) {
        x->report->left[rc - 1]++;
        return OK;
    }
    note_given(x->report, g);
    rc = x->o->carried ? x->o->carried(x->o->ctx, g, e) : OK;
    return rc == OK ? export_flush(x, false, e) : rc;
}

static int take_object(void *ctx, const struct given_object *g, struct err *e)
{
    struct exporter *x = ctx;
    int rc = x->format->object(x, g, e);
    arena_reset(&x->a);
    if (rc < 0) {
        return rc;
    }
    if (rc > 0) {
        x->report->left[rc - 1] += rc <= LEFT_MAX;
        return OK;
    }
    x->report->written++;
    x->report->tlp = g->tlp > x->report->tlp ? g->tlp : x->report->tlp;
    x->report->grade[g->reliability >= 'A' && g->reliability <= 'F' ? g->reliability - 'A' : 5]++;
    if (g->until != USEC_NONE && g->until < x->report->first_until) {
        x->report->first_until = g->until;
    }
    return export_flush(x, false, e);
}

static void add_report(struct give_report *sum, const struct give_report *r)
{
    sum->given += r->given;
    sum->benign += r->benign;
    sum->never += r->never;
    sum->filtered += r->filtered;
    sum->changes = r->changes < sum->changes ? r->changes : sum->changes;
}

static int walk(struct exporter *x, const struct give_filter *filter, struct err *e)
{
    struct give_report r;
    int rc = OK;
    if (!x->format->pattern_type) {
        rc = fuse_give(x->f, x->o->view, filter, x->o->now, take_value, x, &r, e);
        add_report(&x->report->give, &r);
    }
    if (rc == OK && x->format->object) {
        rc = fuse_give_objects(x->f, x->o->view, x->o->objects ? GIVE_OBJECTS : GIVE_INDICATORS,
                               sv_c(x->format->pattern_type), filter, x->o->now, take_object, x, &r, e);
        add_report(&x->report->give, &r);
    }
    return rc;
}

/* ---- the whole */

static int check(const struct export_format *f, const struct export_opts *o, struct err *e)
{
    uint32_t kinds = o->filter.kinds;
    if (o->filter.ceiling > GIVE_HIGHEST) {
        err_set(e, ERR_USAGE, "%s is never exported", tlp_name(o->filter.ceiling));
        return err_hint(e, "the highest ceiling is %s", tlp_name(GIVE_HIGHEST));
    }
    if (f->one_kind && (kinds == 0 || (kinds & (kinds - 1)) != 0)) {
        err_set(e, ERR_USAGE, "%s holds one kind of value at a time", f->name);
        return err_hint(e, "name it, for example kind ipv4-addr, domain-name, url or sha-256");
    }
    return OK;
}

static usec floor_to(usec t, usec unit)
{
    return t - (t % unit + unit) % unit;
}

/* Confidence ages by the whole hour, so that an export asked for again is the same for a while. */
static usec as_of(const struct export_format *f, usec now)
{
    return floor_to(now, f->relative ? MINUTE : USEC_HOUR);
}

static int write_all(struct exporter *x, struct err *e)
{
    struct give_filter filter = x->o->filter;
    struct never *never = NULL;
    int rc = never_read(x->f, x->o->never, &never, e);
    filter.never = never;
    filter.aged_at = floor_to(x->o->now, USEC_HOUR);
    filter.since = x->o->age ? filter.aged_at - x->o->age : filter.since;
    rc = rc == OK && x->format->begin ? x->format->begin(x, e) : rc;
    rc = rc == OK ? walk(x, &filter, e) : rc;
    rc = rc == OK && x->format->end ? x->format->end(x, e) : rc;
    never_free(never);
    return rc == OK && x->fd >= 0 ? export_flush(x, true, e) : rc;
}

static int exporter_open(struct exporter *x, struct fuse *f, const struct export_format *format,
                         const struct export_opts *o, struct export_report *report, struct err *e)
{
    *report = (struct export_report){.first_until = INT64_MAX, .give.changes = INT64_MAX};
    *x = (struct exporter){.f = f,
                           .format = format,
                           .o = o,
                           .report = report,
                           .as_of = as_of(format, o->now),
                           .serial_at = UINT64_MAX,
                           .fd = -1};
    buf_init(&x->out, OUT_MOST);
    arena_init(&x->a, 64u << 20);
    sha256_start(&x->sha);
    x->state = calloc(1, format->state ? format->state : 1);
    if (!x->state) {
        return err_set(e, ERR_MEMORY, "no memory for an export");
    }
    return check(format, o, e);
}

static void exporter_close(struct exporter *x)
{
    if (x->format->clear && x->state) {
        x->format->clear(x);
    }
    free(x->state);
    buf_clear(&x->out);
    arena_clear(&x->a);
}

/* Content, and since when it is so. */
static int name_version(struct exporter *x, struct err *e)
{
    struct export_report *r = x->report;
    struct buf key;
    char hex[65], digits[16];
    usec next = x->as_of + (x->format->relative ? MINUTE : USEC_HOUR);
    r->sha = sha256_end(&x->sha);
    r->bytes = x->at;
    r->same_until = r->give.changes < next ? r->give.changes : next;
    buf_init(&key, 1u << 20);
    export_key(x->format, x->o, &key);
    int rc = key.failed ? err_set(e, ERR_MEMORY, "no memory for an export")
                        : export_version(x->o->state, buf_sv(&key), &r->sha, x->o->now, &r->serial, e);
    buf_clear(&key);
    hex_text(r->sha.b, sizeof(r->sha.b), hex);
    snprintf(digits, sizeof(digits), "%010u", r->serial);
    bool numbered = x->serial_at != UINT64_MAX;
    snprintf(r->etag, sizeof(r->etag), "\"%.48s%s%s\"", hex, numbered ? "-" : "", numbered ? digits : "");
    if (rc == OK && numbered && pwrite(x->fd, digits, 10, (off_t)x->serial_at) != 10) {
        rc = err_errno(e, errno, "cannot write the export");
    }
    return rc == OK && lseek(x->fd, 0, SEEK_SET) != 0 ? err_errno(e, errno, "cannot read the export") : rc;
}

int export_make(struct fuse *f, const struct export_format *format, const struct export_opts *o, int *ret_fd,
                struct export_report *ret, struct err *e)
{
    struct exporter x;
    int rc = exporter_open(&x, f, format, o, ret, e);
    if (rc == OK && format->folder) {
        err_set(e, ERR_USAGE, "%s is a folder of files", format->name);
        rc = err_hint(e, "write it into a directory: noroshi export %s --output DIR", format->name);
    }
    if (rc == OK) {
        x.fd = open_spool(o->spool, e);
        rc = x.fd < 0 ? x.fd : write_all(&x, e);
    }
    rc = rc == OK ? name_version(&x, e) : rc;
    if (rc == OK) {
        *ret_fd = x.fd;
        x.fd = -1;
    }
    close_fd(&x.fd);
    exporter_close(&x);
    return rc;
}

int export_folder(struct fuse *f, const struct export_format *format, const struct export_opts *o,
                  export_file_fn each, void *ctx, struct export_report *ret, struct err *e)
{
    struct exporter x;
    int rc = exporter_open(&x, f, format, o, ret, e);
    if (rc == OK && !format->folder) {
        rc = err_set(e, ERR_USAGE, "%s is one file", format->name);
    }
    if (rc == OK) {
        x.fd = open_spool(o->spool, e);
        rc = x.fd < 0 ? x.fd : write_all(&x, e);
    }
    rc = rc == OK ? format->folder(&x, each, ctx, e) : rc;
    close_fd(&x.fd);
    exporter_close(&x);
    return rc;
}
