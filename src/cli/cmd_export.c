#include "cli/cli.h"
#include "share/export/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAST (7 * USEC_DAY)

/* What the options say, and where things stand. */
struct order {
    struct cmd *c;
    const struct export_format *format;
    struct export_opts o;
    const char *output; /* NULL = standard output */
    bool try_only;
    char never[4096], state[4096], spool[4096];
    struct arena a;
    struct pact_view view;
    uint64_t done;
    usec told;
};

static int progress(void *ctx, const struct given *g, struct err *e)
{
    struct order *t = ctx;
    t->done++;
    if (t->done % 4096 == 0 && t->c->people && time_ticks() - t->told > USEC_SECOND / 2) {
        t->told = time_ticks();
        fprintf(t->c->err, "\r%llu values", (unsigned long long)t->done);
        fflush(t->c->err);
    }
    return OK;
}

/* ---- where the bytes go */

static int copy(int from, int to, struct err *e)
{
    char block[65536];
    ssize_t n;
    while ((n = read(from, block, sizeof(block))) > 0) {
        int rc = fd_write_all(to, sv_from(block, (size_t)n), e);
        if (rc != OK) {
            return rc;
        }
    }
    return n == 0 ? OK : err_errno(e, errno, "cannot read the export");
}

/* Beside the old file, then in its place: whoever reads it meanwhile has the one or the other, whole. */
static int replace(const char *path, int from, struct err *e)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary)) {
        return err_set(e, ERR_LIMIT, "the path %s is too long", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write %s", path);
    }
    int rc = copy(from, fd, e);
    if (rc == OK && (fchmod(fd, 0644) != 0 || fsync(fd) != 0)) {
        rc = err_errno(e, errno, "cannot write %s", path);
    }
    close_fd(&fd);
    if (rc == OK && rename(temporary, path) != 0) {
        rc = err_errno(e, errno, "cannot put %s in place", path);
    }
    if (rc != OK) {
        (void)unlink(temporary);
    }
    return rc;
}

static int give_file(struct order *t, int fd, struct err *e)
{
    if (t->output) {
        return replace(t->output, fd, e);
    }
    char block[65536];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        if (fwrite(block, 1, (size_t)n, t->c->out) != (size_t)n) {
            return errno == EPIPE ? OK : err_errno(e, errno, "the output could not be written");
        }
    }
    return n == 0 ? OK : err_errno(e, errno, "cannot read the export");
}

/* ---- a folder */

struct written {
    int dir;
    struct map names;
};

static int write_member(void *ctx, struct sv name, struct sv bytes, struct err *e)
{
    struct written *w = ctx;
    char path[80];
    if (!sv_copy(name, path, sizeof(path)) || !map_put(&w->names, name, NULL)) {
        return err_set(e, ERR_LIMIT, "too many files in the folder");
    }
    return file_write(w->dir, path, bytes, 0644, e);
}

/* Events of an earlier export that the index no longer names. Nothing else in the folder is touched. */
static void sweep(struct written *w)
{
    int fd = openat(w->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *at; d && (at = readdir(d));) {
        struct sv name = sv_c(at->d_name);
        struct uuid u;
        if (name.n == 41 && sv_ends(name, SV(".json")) && uuid_parse(sv_sub(name, 0, 36), &u) &&
            !map_get(&w->names, name)) {
            (void)unlinkat(w->dir, at->d_name, 0);
        }
    }
    if (d) {
        closedir(d);
    }
}

static int give_folder(struct order *t, struct export_report *r, struct err *e)
{
    struct written w = {.dir = -1};
    int rc = dir_make(AT_FDCWD, t->output, 0755, e);
    if (rc == OK) {
        w.dir = open(t->output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = w.dir >= 0 ? OK : err_errno(e, errno, "cannot open the directory %s", t->output);
    }
    map_init(&w.names, 1u << 20, 64u << 20);
    rc = rc == OK ? export_folder(t->c->node->fuse, t->format, &t->o, write_member, &w, r, e) : rc;
    if (rc == OK) {
        sweep(&w);
    }
    map_clear(&w.names);
    close_fd(&w.dir);
    return rc;
}

/* ---- what is told */

static void tell(struct order *t, const struct export_report *r, FILE *out)
{
    fprintf(out, "%llu written", (unsigned long long)r->written);
    const struct {
        const char *what;
        uint64_t n;
    } left[] = {
        {"covered by a warninglist", r->give.benign},
        {"on the never-block list", r->give.never},
        {"weaker, older or without the label", r->give.filtered},
        {"of a kind the format has no place for", r->left[LEFT_KIND]},
        {"too long", r->left[LEFT_LONG]},
        {"with characters the format cannot carry", r->left[LEFT_TEXT]},
        {"in it already", r->left[LEFT_SAME]},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        if (left[i].n) {
            fprintf(out, "%s%llu %s", any ? ", " : "; left out: ", (unsigned long long)left[i].n,
                    left[i].what);
            any = true;
        }
    }
    fprintf(out, "; highest marking %s\n", tlp_name(r->tlp));
}

static void tell_json(struct order *t, const struct export_report *r, const struct export_hits *h)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 1u << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "format", sv_c(export_name(t->format)));
    jw_kstr(&w, "output", t->output ? sv_c(t->output) : SV_NONE);
    export_report_write(r, &w);
    if (h) {
        jw_key(&w, "dry_run");
        jw_obj(&w);
        jw_kint(&w, "days", PAST / USEC_DAY);
        jw_kint(&w, "observables", (int64_t)h->observables);
        jw_kint(&w, "met", (int64_t)h->rows);
        jw_kint(&w, "observations", (int64_t)h->observations);
        jw_key(&w, "top");
        jw_arr(&w);
        for (size_t i = 0; i < h->n; i++) {
            jw_obj(&w);
            jw_kstr(&w, "value", sv_c(h->top[i].value));
            jw_kstr(&w, "kind", sv_c(h->top[i].kind));
            jw_kint(&w, "observations", (int64_t)h->top[i].count);
            jw_end_obj(&w);
        }
        jw_end_arr(&w);
        jw_end_obj(&w);
    }
    jw_end_obj(&w);
    print_json(t->c, &b);
    buf_clear(&b);
}

static void tell_hits(struct order *t, const struct export_hits *h)
{
    FILE *out = t->c->out;
    fprintf(out, "of the last %d days it would have met %llu observations (%llu of %llu kept observables)\n",
            (int)(PAST / USEC_DAY), (unsigned long long)h->observations, (unsigned long long)h->rows,
            (unsigned long long)h->observables);
    for (size_t i = 0; i < h->n; i++) {
        fprintf(out, "%12llu  ", (unsigned long long)h->top[i].count);
        print_cell(out, sv_c(h->top[i].kind), 14);
        print_safe(out, sv_c(h->top[i].value));
        fputc('\n', out);
    }
}

/* ---- the command */

static int try_it(struct order *t, struct err *e)
{
    struct export_report r;
    struct export_hits hits;
    int rc = export_try(t->c->node->fuse, t->format, &t->o, t->o.now - PAST, &r, &hits, e);
    if (rc == OK && t->c->json) {
        tell_json(t, &r, &hits);
    } else if (rc == OK) {
        tell(t, &r, t->c->out);
        tell_hits(t, &hits);
    }
    return rc;
}

static int make_it(struct order *t, struct err *e)
{
    struct export_report r;
    int fd = -1;
    t->o.carried = progress;
    t->o.ctx = t;
    t->told = time_ticks();
    int rc = export_is_folder(t->format) ? give_folder(t, &r, e)
                                         : export_make(t->c->node->fuse, t->format, &t->o, &fd, &r, e);
    rc = rc == OK && fd >= 0 ? give_file(t, fd, e) : rc;
    close_fd(&fd);
    fputs(t->c->people && t->done >= 4096 ? "\r" : "", t->c->err);
    if (rc == OK && t->c->json) {
        tell_json(t, &r, NULL);
    } else if (rc == OK) {
        tell(t, &r, t->c->err);
    }
    return rc;
}

static int prepare(struct order *t, const struct export_words *words, const char *source, struct err *e)
{
    struct cmd *c = t->c;
    int n[3] = {snprintf(t->never, sizeof(t->never), "%s/never-block.txt", c->home),
                snprintf(t->state, sizeof(t->state), "%s/run/exports", c->home),
                snprintf(t->spool, sizeof(t->spool), "%s/run", c->home)};
    for (int i = 0; i < 3; i++) {
        if (n[i] >= (int)sizeof(t->never)) {
            return err_set(e, ERR_LIMIT, "the path of the home is too long");
        }
    }
    t->o.never = t->never;
    t->o.state = t->state;
    t->o.spool = access(t->spool, W_OK) == 0 ? t->spool : "/tmp";
    t->o.node = c->node->name;
    t->o.view = &t->view;
    t->o.now = time_now();
    int rc = export_filter(words, &t->o, e);
    struct source s;
    if (rc == OK && source) {
        rc = source_find(c->node->db, sv_c(source), &t->a, &s, e);
        t->o.filter.source = rc == OK ? s.id : 0;
    }
    return rc == OK ? cmd_view(c, &t->a, &t->view, e) : rc;
}

static int wrong_use(struct order *t)
{
    struct cmd *c = t->c;
    if (c->argc != 1) {
        return usage_error(c, &cmd_export, "name one format");
    }
    t->format = export_find(sv_c(c->argv[0]));
    if (!t->format) {
        return usage_error(c, &cmd_export, "there is no format '%s'", c->argv[0]);
    }
    if (c->json && !t->output && !t->try_only) {
        return usage_error(c, &cmd_export, "--json prints a report: name the file with --output");
    }
    if (export_is_folder(t->format) && !t->output && !t->try_only) {
        return usage_error(c, &cmd_export, "%s is a folder: name it with --output", c->argv[0]);
    }
    return EXIT_DONE;
}

static int run(struct cmd *c)
{
    const char *kind = NULL, *confidence = NULL, *age = NULL, *label = NULL, *tlp = NULL, *source = NULL;
    struct order t = {.c = c};
    const struct opt opts[] = {{"--kind", &kind, NULL},
                               {"--confidence", &confidence, NULL},
                               {"--age", &age, NULL},
                               {"--label", &label, NULL},
                               {"--tlp", &tlp, NULL},
                               {"--source", &source, NULL},
                               {"--output", &t.output, NULL},
                               {"--dry-run", NULL, &t.try_only},
                               {"--objects", NULL, &t.o.objects},
                               {0}};
    if (!opts_take(c, &cmd_export, opts)) {
        return EXIT_USAGE;
    }
    int code = wrong_use(&t);
    if (code != EXIT_DONE) {
        return code;
    }
    const struct export_words words = {.kind = sv_c(kind),
                                       .confidence = sv_c(confidence),
                                       .age = sv_c(age),
                                       .label = sv_c(label),
                                       .tlp = sv_c(tlp)};
    struct err e = ERR_NONE;
    arena_init(&t.a, 64u << 20);
    int rc = prepare(&t, &words, source, &e);
    rc = rc == OK ? (t.try_only ? try_it(&t, &e) : make_it(&t, &e)) : rc;
    arena_clear(&t.a);
    bool misused = rc == ERR_USAGE || rc == ERR_VALUE;
    if (rc != OK && misused) {
        (void)could_not(c, &e);
        return EXIT_USAGE;
    }
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

const struct command cmd_export = {
    "export", "indicators in force, in the forms of equipment and other programs",
    "usage: noroshi export FORMAT [OPTIONS] [--output FILE]   [--json]\n\n"
    "Writes every indicator in force that may be given: not expired, not taken back, of no exercise, never "
    "what "
    "a warninglist\n"
    "or the file never-block.txt in the node's home covers, never TLP:RED. Told at the end: how many were "
    "written, and what was\n"
    "left out and why.\n\n"
    "  stix               STIX 2.1 bundle (--objects: stored objects too)\n"
    "  misp               a MISP event\n"
    "  misp-feed          a folder in the layout of MISP feeds; --output DIR\n"
    "  csv                a table with a header\n"
    "  list               one value a line; name one --kind\n"
    "  rpz                a DNS response policy zone\n"
    "  suricata           rules; numbers are stable\n"
    "  suricata-dataset   a dataset; name one --kind\n"
    "  zeek               for Zeek's Intelligence Framework\n"
    "  nft                two nftables sets with timeouts\n"
    "  yara, sigma        stored rules as they came\n\n"
    "  --kind KINDS       only these, like ipv4-addr,ipv6-addr or domain-name\n"
    "  --confidence N     fused confidence of at least N of 100\n"
    "  --age TIME         last seen within, like 30d or 12h\n"
    "  --label WORD       with this label\n"
    "  --tlp MARKING      nothing marked higher, like green; the highest there is: amber+strict\n"
    "  --source NAME      only what this source says\n"
    "  --output FILE      put in place whole; without it standard output\n"
    "  --dry-run          write nothing: how many of the last seven days' observations it would have met\n\n"
    "examples:\n"
    "  noroshi export rpz --confidence 60 --output /var/cache/bind/rpz.noroshi\n"
    "  noroshi export list --kind ipv4-addr --age 30d --tlp green\n"
    "  noroshi export suricata --dry-run\n"
    "  noroshi export misp-feed --output /srv/www/feed --json\n\n"
    "exit codes: 0 written, 2 wrong use, 3 could not\n",
    NEEDS_READ, run};
