#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX 100000
#define DEPTH_MAX 32

struct run {
    struct cmd *c;
    struct take_opts opts;
    struct take_report *report;
    size_t n, room;
    int worst; /* exit code so far */
    bool progress_shown;
};

/* ---- telling
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void clear_progress(struct run *r)
{
    if (r->progress_shown) {
        fputs("\r\033[K", r->c->err);
        r->progress_shown = false;
    }
}

static void on_progress(void *ctx, const struct take_report *so_far)
{
    struct run *r = ctx;
    if (r->c->people && so_far->seconds > 1.5) {
        fprintf(r->c->err, "\r\033[K%llu records, %.0f/s, %.0f s  ", (unsigned long long)so_far->records,
                so_far->seconds > 0 ? (double)so_far->records / so_far->seconds : 0.0, so_far->seconds);
        print_safe(r->c->err, sv_c(so_far->path));
        fflush(r->c->err);
        r->progress_shown = true;
    }
}

static void on_sighting(void *ctx, const struct sighting *s)
{
    struct run *r = ctx;
    node_publish(r->c->node, s);
}

static void print_file(struct cmd *c, const struct take_report *r)
{
    print_cell(c->out, sv_c(r->format[0] ? r->format : "?"), 14);
    fprintf(c->out, "%9llu %9llu %9llu %9llu ", (unsigned long long)r->records,
            (unsigned long long)r->accepted, (unsigned long long)r->duplicates,
            (unsigned long long)r->rejected);
    if (r->events) {
        fprintf(c->out, "%9llu %9llu ", (unsigned long long)r->matched, (unsigned long long)r->sightings);
    } else {
        fprintf(c->out, "%9s %9s ", "-", "-");
    }
    fprintf(c->out, "%7.2f  ", r->seconds);
    print_safe(c->out, sv_c(r->path));
    fputc('\n', c->out);
}

static void print_table(struct cmd *c, const struct take_report *r, size_t n)
{
    struct take_report sum = {.problem = ERR_NONE};
    print_cell(c->out, SV("format"), 14);
    fprintf(c->out, "%9s %9s %9s %9s %9s %9s %7s  %s\n", "records", "accepted", "duplicate", "rejected",
            "matched", "sightings", "seconds", "file");
    for (size_t i = 0; i < n; i++) {
        print_file(c, &r[i]);
        take_report_add(&sum, &r[i]);
    }
    if (n != 1) {
        sv_copy(SV("total"), sum.format, sizeof(sum.format));
        snprintf(sum.path, sizeof(sum.path), "%zu files", n);
        print_file(c, &sum);
    }
    if (sum.rejected) {
        fprintf(c->out, "\n%llu records are kept in quarantine: `noroshi rejected list` shows why\n",
                (unsigned long long)sum.rejected);
    }
}

/* ---- taking
 * -----------------------------------------------------------------------------------------------------------------------------
 */

static struct take_report *new_report(struct run *r)
{
    if (r->n == r->room) {
        size_t room = r->room ? r->room * 2 : 64;
        struct take_report *p = room <= PATHS_MAX * 2 ? reallocarray(r->report, room, sizeof(*p)) : NULL;
        if (!p) {
            return NULL;
        }
        r->report = p;
        r->room = room;
    }
    return &r->report[r->n++];
}

static void worsen(struct run *r, int code)
{
    r->worst = code > r->worst ? code : r->worst;
}

static int take_fd(struct run *r, int fd, const char *path, struct err *e)
{
    struct take_report *report = new_report(r);
    if (!report) {
        return err_set(e, ERR_LIMIT, "more than %d files in one command", PATHS_MAX);
    }
    r->opts.now = time_now();
    int rc = fuse_take(r->c->node->fuse, fd, sv_c(path), &r->opts, report, e);
    clear_progress(r);
    if (rc != OK) {
        return rc;
    }
    if (report->problem.code != OK) {
        if (!report->problem.file[0]) {
            err_at(&report->problem, path, report->problem.line, report->problem.offset);
        }
        err_print(r->c->err, "noroshi intake", &report->problem);
        worsen(r, EXIT_FINDINGS);
    }
    worsen(r, report->rejected ? EXIT_FINDINGS : EXIT_DONE);
    return OK;
}

static int copy_input(struct run *r, int from, int to, struct err *e)
{
    const struct opener *files = &r->c->files;
    char block[65536];
    for (;;) {
        int rc = files->wait(files->ctx, from, e);
        if (rc != OK) {
            return rc;
        }
        ssize_t n = read(from, block, sizeof(block));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? OK : err_errno(e, errno, "cannot read the input");
        }
        rc = fd_write_all(to, sv_from(block, (size_t)n), e);
        if (rc != OK) {
            return rc;
        }
    }
}

/* A pipe is read to its end first: while records are taken nobody else can write, and its writer may be slow.
 */
static int take_stream(struct run *r, int fd, const char *path, struct err *e)
{
    struct stat st;
    char name[4200];
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        return take_fd(r, fd, path, e);
    }
    snprintf(name, sizeof(name), "%s/run/intake-XXXXXX", r->c->node->home);
    int spool = mkostemp(name, O_CLOEXEC);
    if (spool < 0) {
        return err_errno(e, errno, "cannot make a temporary file in %s/run", r->c->node->home);
    }
    (void)unlink(name);
    int rc = copy_input(r, fd, spool, e);
    if (rc == OK && lseek(spool, 0, SEEK_SET) != 0) {
        rc = err_errno(e, errno, "cannot read the input again");
    }
    rc = rc == OK ? take_fd(r, spool, path, e) : rc;
    close_fd(&spool);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int take_path(struct run *r, const char *path, unsigned depth, struct err *e);

static int take_names(struct run *r, char **names, size_t n, const char *shown, unsigned depth, struct err *e)
{
    int rc = OK;
    for (size_t i = 0; rc == OK && i < n; i++) {
        char inner[4096];
        if (snprintf(inner, sizeof(inner), "%s/%s", shown, names[i]) >= (int)sizeof(inner)) {
            return err_set(e, ERR_LIMIT, "a path below %s is too long", shown);
        }
        rc = take_path(r, inner, depth + 1, e);
    }
    return rc;
}

/* Names of a directory's visible entries, sorted; how many, or a negative code. The caller frees names[0 ..
 * n). */
static int read_names(int fd, const char *shown, char **names, struct err *e)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), n = 0, rc = OK;
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    if (!d) {
        close_fd(&copy);
        return err_errno(e, errno, "cannot look into %s", shown);
    }
    for (struct dirent *entry; rc == OK && (entry = readdir(d));) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        names[n] = n < PATHS_MAX ? strdup(entry->d_name) : NULL;
        rc = names[n] ? OK : err_set(e, ERR_LIMIT, "%s holds more than %d files", shown, PATHS_MAX);
        n += rc == OK;
    }
    closedir(d);
    if (rc != OK) {
        while (n > 0) {
            free(names[--n]);
        }
        return rc;
    }
    qsort(names, (size_t)n, sizeof(*names), compare_names);
    return n;
}

/* In the order of names, so that taking a directory twice does the same. */
static int take_directory(struct run *r, int fd, const char *shown, unsigned depth, struct err *e)
{
    if (depth > DEPTH_MAX) {
        return err_set(e, ERR_LIMIT, "%s: directories are nested deeper than %d", shown, DEPTH_MAX);
    }
    char **names = calloc(PATHS_MAX + 1, sizeof(*names));
    if (!names) {
        return err_set(e, ERR_MEMORY, "no memory to read %s", shown);
    }
    int n = read_names(fd, shown, names, e);
    int rc = n < 0 ? n : take_names(r, names, (size_t)n, shown, depth, e);
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return rc;
}

static int take_path(struct run *r, const char *path, unsigned depth, struct err *e)
{
    struct stat st;
    int fd = r->c->files.open(r->c->files.ctx, path, e);
    if (fd < 0) {
        return fd;
    }
    if (fstat(fd, &st) != 0) {
        int failed = err_errno(e, errno, "cannot look at %s", path);
        close_fd(&fd);
        return failed;
    }
    int rc;
    if (S_ISDIR(st.st_mode)) {
        rc = take_directory(r, fd, path, depth, e);
    } else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) {
        int flags = fcntl(fd, F_GETFL);
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
        rc = take_stream(r, fd, path, e);
    } else {
        rc = depth ? OK : err_set(e, ERR_UNSUPPORTED, "%s is neither a file nor a directory", path);
    }
    close_fd(&fd);
    return rc;
}

static int take_all(struct run *r, struct err *e)
{
    int rc = OK;
    for (int i = 0; rc == OK && i < r->c->argc; i++) {
        const char *path = r->c->argv[i];
        rc = strcmp(path, "-") == 0 ? take_stream(r, r->c->in, "-", e) : take_path(r, path, 0, e);
        if (rc == ERR_NOT_FOUND || rc == ERR_DENIED ||
            rc == ERR_UNSUPPORTED) { /* this path only: the others are still taken */
            err_print(r->c->err, "noroshi intake", e);
            *e = ERR_NONE;
            worsen(r, EXIT_COULD_NOT);
            rc = OK;
        }
    }
    struct err later = ERR_NONE;
    int signed_rc = ledger_checkpoint(r->c->node->ledger, time_now(), rc == OK ? e : &later);
    return rc == OK ? signed_rc : rc;
}

static void show(struct run *r)
{
    if (!r->c->json) {
        print_table(r->c, r->report, r->n);
        return;
    }
    struct buf json;
    buf_init(&json, 1u << 30);
    take_report_json(r->report, r->n, &json);
    print_json(r->c, &json);
    buf_clear(&json);
}

static int run(struct cmd *c)
{
    const char *source = NULL, *format = NULL;
    const struct opt opts[] = {{"--source", &source, NULL}, {"--format", &format, NULL}, {0}};
    if (!opts_take(c, &cmd_intake, opts)) {
        return EXIT_USAGE;
    }
    if (!source || c->argc == 0) {
        return usage_error(c, &cmd_intake,
                           source ? "give at least one file, directory or '-'"
                                  : "name the --source these come from (`noroshi source list` shows them)");
    }
    if (format && !intake_format_find(sv_c(format))) {
        return usage_error(c, &cmd_intake, "there is no format '%s'", format);
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct source s;
    struct run r = {.c = c};
    arena_init(&a, 4u << 20);
    int rc = source_find(c->node->db, sv_c(source), &a, &s, &e);
    if (rc == ERR_NOT_FOUND) {
        err_hint(&e, "add it first: noroshi source add %s --reliability C --zone UTC", source);
    }
    if (rc == OK) {
        r.opts = (struct take_opts){.parsers = c->node->parsers,
                                    .source = &s,
                                    .format = sv_c(format),
                                    .progress = on_progress,
                                    .sighting = on_sighting,
                                    .ctx = &r};
        rc = take_all(&r, &e);
        show(&r);
    }
    free(r.report);
    arena_clear(&a);
    return rc == OK ? r.worst : could_not(c, &e);
}

const struct command cmd_intake = {
    "intake", "take feeds, bundles, lists and events in",
    "usage: noroshi intake --source SOURCE [--format FORMAT] [--json] PATH...\n\n"
    "Takes files in: detects each one's format by its content, accepts what can be accepted, keeps what "
    "cannot in quarantine with its\n"
    "place and reason, matches events against indicators, looks new indicators up in the past. Directories "
    "are walked; .gz, .zst and\n"
    ".tar (also inside them) are opened; '-' is standard input. Taking the same file again changes nothing "
    "but the duplicate count.\n\n"
    "  --source SOURCE   name or id of the source (`noroshi source add`): owner, grade, zone and marking "
    "come from it\n"
    "  --format FORMAT   one of stix2 misp misp-manifest kev warninglist idea xarf iodef list csv json eve "
    "zeek\n"
    "                    zeek-intel honeypot cef leef syslog json-events; else detected\n\n"
    "examples:\n"
    "  noroshi intake --source ipsum ipsum.txt\n"
    "  noroshi intake --source sensor-1 /var/log/suricata/eve.json.1.gz\n"
    "  curl -s https://feed.example/list | noroshi intake --source example-feed -\n"
    "  noroshi intake --source circl-osint --json feed-directory/\n\n"
    "records = accepted + duplicates + rejected, in the format's own unit (objects, attributes, lines, rows, "
    "events).\n"
    "exit codes: 0 all accepted, 1 some records are in quarantine, 2 wrong use, 3 could not\n",
    NEEDS_NODE, run};
