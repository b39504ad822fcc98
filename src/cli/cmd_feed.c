/* feed: reports that are fetched by themselves. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EVERY_LEAST 60
#define FILE_MOST ((size_t)1 << 20)
#define READ_STEP 4096u

struct words {
    const char *url, *every, *ca, *key, *key_header, *source, *format, *way, *max_bytes;
    bool steady, markdown, accept_small;
};

/* ---- options */

static int64_t unit_of(char last)
{
    return last == 'd' ? 86400 : last == 'h' ? 3600 : last == 'm' ? 60 : last == 's' ? 1 : 0;
}

/* 0 when nothing is said. */
static int read_every(const char *text, int64_t *ret, struct err *e)
{
    struct sv s = sv_c(text);
    int64_t n, unit = s.n ? unit_of(s.p[s.n - 1]) : 0;
    *ret = 0;
    if (!text)
        return OK;
    if (!unit || !sv_i64(sv_sub(s, 0, s.n - 1), &n) || n <= 0 || __builtin_mul_overflow(n, unit, ret) ||
        *ret < EVERY_LEAST)
        return err_set(e, ERR_USAGE, "--every takes a time of at least a minute like 30m, 6h or 1d, not '%s'",
                       text);
    return OK;
}

static int read_max_bytes(const char *text, uint64_t *ret, struct err *e)
{
    struct sv s = sv_c(text ? text : "128M");
    uint64_t n;
    bool kilo = s.n && s.p[s.n - 1] == 'k', mega = s.n && s.p[s.n - 1] == 'M',
         giga = s.n && s.p[s.n - 1] == 'G';
    unsigned shift = kilo ? 10 : mega ? 20 : giga ? 30 : 0;
    if (!sv_u64(sv_sub(s, 0, s.n - (shift != 0)), &n) || n == 0 || n > (1u << 20) ||
        (n << shift) > ((uint64_t)64 << 30))
        return err_set(e, ERR_USAGE, "--max-bytes takes a size up to 64G like 500k, 64M or 2G, not '%s'",
                       text);
    *ret = n << shift;
    return OK;
}

/* A file where the command was given. */
static int read_file(struct cmd *c, const char *path, struct buf *ret, struct err *e)
{
    int fd = c->files.open(c->files.ctx, path, e);
    if (fd < 0)
        return fd;
    int rc = OK;
    for (;;) {
        char *p = buf_reserve(ret, READ_STEP);
        ssize_t n = p ? read(fd, p, READ_STEP) : -1;
        if (n < 0 && p && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n == 0 ? OK : err_set(e, p ? ERR_IO : ERR_LIMIT, "%s cannot be read, or is too large", path);
            break;
        }
        ret->n += (size_t)n;
    }
    close_fd(&fd);
    return rc;
}

/* ---- list and show */

static struct sv job_name(struct arena *a, struct sv feed)
{
    return arena_printf(a, FEED_KIND ":%.*s", SV_ARG(feed));
}

struct rows {
    struct cmd *c;
    struct err *e;
    struct sv only; /* one feed's name; "" = all */
    bool status;
    size_t n;
};

static void print_when(struct cmd *c, usec t)
{
    char at[40] = "-";
    const struct zone *z = zone_find(sv_c(conf_text(c->node->conf, "node.zone")), NULL);
    if (t != USEC_NONE)
        time_people(t, z ? z : zone_find(SV("UTC"), NULL), at);
    print_cell(c->out, sv_c(at), 18);
}

static const char *state_of(const struct job *j)
{
    if (j->running_since != USEC_NONE)
        return "running";
    if (!j->enabled)
        return "disabled";
    return j->runs == 0                    ? "waits"
           : j->last_code == OK            ? "ok"
           : j->last_code == ERR_CANCELLED ? "waits"
                                           : "failing";
}

static void print_status(struct cmd *c, const struct feed *f, const struct job *j)
{
    print_cell(c->out, f->name, 20);
    print_cell(c->out, sv_c(state_of(j)), 9);
    print_when(c, j->last_ok);
    print_when(c, j->enabled ? j->next_run : USEC_NONE);
    fprintf(c->out, "%10llu  ", (unsigned long long)f->total_accepted);
    print_safe(c->out, j->last_text);
    fputc('\n', c->out);
}

static int status_row(void *ctx, const struct feed *f)
{
    struct rows *r = ctx;
    struct arena a;
    struct job j;
    if (r->only.n && !sv_eq(r->only, f->name))
        return OK;
    arena_init(&a, 1 << 20);
    int rc = job_get(r->c->node->db, job_name(&a, f->name), &a, &j, r->e);
    if (rc == OK)
        print_status(r->c, f, &j);
    r->n++;
    arena_clear(&a);
    return rc;
}

static int status(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct rows r = {.c = c, .e = &e, .only = c->argc > 1 ? sv_c(c->argv[1]) : SV("")};
    if (c->json) {
        struct buf b;
        buf_init(&b, 16u << 20);
        int rc = feed_list_json(c->node->db, true, &b, &e);
        if (rc == OK)
            print_json(c, &b);
        buf_clear(&b);
        return rc == OK ? EXIT_DONE : could_not(c, &e);
    }
    print_cell(c->out, SV("feed"), 20);
    print_cell(c->out, SV("state"), 9);
    print_cell(c->out, SV("last good"), 18);
    print_cell(c->out, SV("next"), 18);
    fprintf(c->out, "%10s  %s\n", "accepted", "last result");
    int rc = feed_each(c->node->db, status_row, &r, &e);
    if (rc == OK && r.only.n && r.n == 0)
        rc = err_set(&e, ERR_NOT_FOUND, "the feed '%.*s' is not enabled", SV_ARG(r.only));
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static void print_entry(struct cmd *c, const struct feed_entry *f, const char *state)
{
    char grade[2] = {f->reliability, 0}, every[16];
    (void)snprintf(every, sizeof(every), "%uh", (f->every_minutes + 59) / 60);
    print_cell(c->out, sv_c(f->name), 20);
    print_cell(c->out, sv_c(state), 10);
    print_cell(c->out, sv_c(grade), 6);
    print_cell(c->out, sv_c(every), 6);
    fprintf(c->out, "%s%s\n", f->title, f->key_header[0] ? " (needs a key)" : "");
}

static int own_row(void *ctx, const struct feed *f)
{
    struct rows *r = ctx;
    if (f->entry.n == 0) {
        print_cell(r->c->out, f->name, 20);
        print_cell(r->c->out, SV("own"), 22);
        print_safe(r->c->out, f->url);
        fputc('\n', r->c->out);
    }
    return OK;
}

static int list(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct rows r = {.c = c, .e = &e};
    size_t n;
    const struct feed_entry *entry = feed_catalogue(&n);
    if (w->markdown) {
        struct buf b;
        buf_init(&b, 1 << 20);
        feed_catalogue_markdown(&b);
        fwrite(b.p, 1, b.n, c->out);
        buf_clear(&b);
        return EXIT_DONE;
    }
    if (c->json)
        return status(c);
    print_cell(c->out, SV("feed"), 20);
    print_cell(c->out, SV("state"), 10);
    print_cell(c->out, SV("grade"), 6);
    fprintf(c->out, "every what\n");
    for (size_t i = 0; i < n; i++) {
        struct job j;
        arena_init(&a, 1 << 20);
        bool known = job_get(c->node->db, job_name(&a, sv_c(entry[i].name)), &a, &j, &e) == OK;
        print_entry(c, &entry[i], !known ? "-" : j.enabled ? "enabled" : "disabled");
        arena_clear(&a);
    }
    e = ERR_NONE;
    int rc = feed_each(c->node->db, own_row, &r, &e);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

static int print_feed(struct cmd *c, struct sv name)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct feed f;
    struct job j;
    struct buf b;
    struct jw w;
    arena_init(&a, 4u << 20);
    buf_init(&b, 4u << 20);
    jw_init(&w, &b);
    int rc = feed_get(c->node->db, name, &a, &f, &e);
    rc = rc == OK ? job_get(c->node->db, job_name(&a, name), &a, &j, &e) : rc;
    if (rc == OK) {
        feed_write(&w, &f, &j);
        print_json(c, &b);
    }
    buf_clear(&b);
    arena_clear(&a);
    return rc == OK ? EXIT_DONE : could_not(c, &e);
}

/* ---- enable, add, disable, remove */

static int settled(struct cmd *c, struct sv name, const char *said, int rc, struct err *e)
{
    if (rc == OK)
        rc = ledger_checkpoint(c->node->ledger, time_now(), e);
    if (rc != OK)
        return could_not(c, e);
    if (c->json)
        return print_feed(c, name);
    fprintf(c->out, "feed %.*s %s\n", SV_ARG(name), said);
    return EXIT_DONE;
}

static int keep_key(struct cmd *c, const struct words *w, struct sv name, struct err *e)
{
    struct buf key;
    if (!w->key)
        return OK;
    buf_init(&key, 4 * READ_STEP);
    int rc = read_file(c, w->key, &key, e);
    rc = rc == OK ? feed_key_put(&c->node->feeds, name, buf_sv(&key), e) : rc;
    if (key.p)
        explicit_bzero(key.p, key.room);
    buf_clear(&key);
    return rc;
}

static int enable_entry(struct cmd *c, const struct words *w, const struct feed_entry *entry, struct sv ca,
                        int64_t every, struct err *e)
{
    struct sv url = sv_c(w->url);
    int rc = url.n ? feed_check(sv_c(entry->name), url, e) : OK;
    rc = rc == OK ? keep_key(c, w, sv_c(entry->name), e) : rc;
    return rc == OK ? feed_enable(&c->node->feeds, entry, c->node->org, url, ca, every, time_now(), e) : rc;
}

static int enable(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct buf ca;
    int64_t every;
    struct sv name = sv_c(c->argv[1]);
    const struct feed_entry *entry = feed_entry_find(name);
    buf_init(&ca, FILE_MOST);
    int rc = read_every(w->every, &every, &e);
    rc = rc == OK && w->ca ? read_file(c, w->ca, &ca, &e) : rc;
    if (rc == OK && entry)
        rc = enable_entry(c, w, entry, buf_sv(&ca), every, &e);
    else if (rc == OK)
        rc = feed_switch(&c->node->feeds, name, true, time_now(), &e);
    buf_clear(&ca);
    return settled(c, name, "enabled: it is fetched while the node runs, or now with `noroshi feed run`", rc,
                   &e);
}

static int fill_own(struct cmd *c, const struct words *w, struct feed *f, struct arena *a, struct err *e)
{
    struct source s;
    if (w->way && !feed_way_parse(sv_c(w->way), &f->way))
        return err_set(e, ERR_USAGE, "--way takes file, misp or otx, not '%s'", w->way);
    if (w->format && !intake_format_find(sv_c(w->format)))
        return err_set(e, ERR_USAGE, "there is no format '%s'", w->format);
    f->format = w->format ? sv_c(w->format) : f->way == FEED_MISP ? SV("misp") : SV("");
    int rc = source_find(c->node->db, w->source ? sv_c(w->source) : f->name, a, &s, e);
    if (rc == ERR_NOT_FOUND)
        err_hint(e,
                 "add the source that its reports come from first: noroshi source add %s --reliability C "
                 "--zone UTC",
                 w->source ? w->source : c->argv[1]);
    f->source = s.id;
    return rc == OK ? read_max_bytes(w->max_bytes, &f->max_bytes, e) : rc;
}

static int add(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct buf ca;
    int64_t every;
    struct feed f = {.name = sv_c(c->argv[1]),
                     .url = sv_c(w->url),
                     .steady = w->steady,
                     .key_header = sv_c(w->key_header)};
    arena_init(&a, 4u << 20);
    buf_init(&ca, FILE_MOST);
    int rc = feed_check(f.name, f.url, &e);
    if (rc == OK && feed_entry_find(f.name))
        rc = err_set(&e, ERR_EXISTS, "'%s' is a feed of the catalogue: noroshi feed enable %s", c->argv[1],
                     c->argv[1]);
    rc = rc == OK ? fill_own(c, w, &f, &a, &e) : rc;
    rc = rc == OK ? read_every(w->every, &every, &e) : rc;
    rc = rc == OK && w->ca ? read_file(c, w->ca, &ca, &e) : rc;
    f.ca_pem = buf_sv(&ca);
    rc = rc == OK ? keep_key(c, w, f.name, &e) : rc;
    rc = rc == OK ? db_begin(c->node->db, &e) : rc;
    if (rc == OK)
        rc =
            db_finish(c->node->db, feed_put(c->node->db, &f, every ? every : 3600, true, time_now(), &e), &e);
    buf_clear(&ca);
    arena_clear(&a);
    return settled(c, f.name, "added: it is fetched while the node runs, or now with `noroshi feed run`", rc,
                   &e);
}

static int take_away(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct sv name = sv_c(c->argv[1]);
    int rc = db_begin(c->node->db, &e);
    rc = rc == OK ? db_finish(c->node->db, feed_remove(c->node->db, name, &e), &e) : rc;
    rc = rc == OK ? feed_key_put(&c->node->feeds, name, SV(""), &e) : rc;
    if (rc != OK)
        return could_not(c, &e);
    if (c->json)
        fputs("{}\n", c->out);
    else
        fprintf(c->out, "feed %s removed; its source and what it stated stay\n", c->argv[1]);
    return EXIT_DONE;
}

static int disable(struct cmd *c)
{
    struct err e = ERR_NONE;
    struct sv name = sv_c(c->argv[1]);
    return settled(c, name, "disabled; what it stated stays",
                   feed_switch(&c->node->feeds, name, false, time_now(), &e), &e);
}

/* ---- run */

struct run {
    struct cmd *c;
    const struct words *w;
    struct feed_run_opts opts;
    struct feed_report report;
    bool shown;
    int worst;
    struct buf json;
    struct jw jw;
};

static void on_progress(void *ctx, const struct take_report *so_far)
{
    struct run *r = ctx;
    if (!r->c->people || so_far->seconds < 1.5)
        return;
    fprintf(r->c->err, "\r\033[K%llu records, %.0f s", (unsigned long long)so_far->records, so_far->seconds);
    fflush(r->c->err);
    r->shown = true;
}

static int run_feed(void *ctx, struct job_call *call, struct err *e)
{
    struct run *r = ctx;
    return feed_run(&r->c->node->feeds, call->argument, &r->opts, call, &r->report, e);
}

static void write_run(struct run *r, struct sv name, const struct job_call *call, int rc, const struct err *e)
{
    const struct take_report *t = &r->report.take;
    jw_obj(&r->jw);
    jw_kstr(&r->jw, "name", name);
    jw_kstr(&r->jw, "result", sv_c(rc == OK ? "ok" : err_name(rc)));
    jw_kbool(&r->jw, "unchanged", r->report.unchanged);
    jw_kint(&r->jw, "fetched_bytes", (int64_t)r->report.fetched);
    jw_kint(&r->jw, "answers", r->report.answers);
    jw_kint(&r->jw, "absent", r->report.absent);
    jw_kint(&r->jw, "records", (int64_t)t->records);
    jw_kint(&r->jw, "accepted", (int64_t)t->accepted);
    jw_kint(&r->jw, "duplicates", (int64_t)t->duplicates);
    jw_kint(&r->jw, "rejected", (int64_t)t->rejected);
    jw_kint(&r->jw, "sightings", (int64_t)t->sightings);
    jw_kstr(&r->jw, "text", rc == OK ? sv_c(call->text) : SV_NONE);
    jw_key(&r->jw, "error");
    rc == OK ? jw_null(&r->jw) : jw_err(&r->jw, e);
    jw_end_obj(&r->jw);
}

static void run_one(struct run *r, struct sv name)
{
    struct cmd *c = r->c;
    struct arena a;
    struct err e = ERR_NONE;
    struct job_call call = {0};
    const struct job_kind kind = {.name = FEED_KIND, .run = run_feed, .ctx = r};
    arena_init(&a, 1 << 20);
    r->report = (struct feed_report){.take.problem = ERR_NONE};
    if (c->people && !c->json) {
        fprintf(c->err, "fetching %.*s ...", SV_ARG(name));
        fflush(c->err);
        r->shown = true;
    }
    int rc = job_run_now(c->node->db, &kind, job_name(&a, name), time_now(), &call, &e);
    if (rc == ERR_NOT_FOUND && r->report.fetched == 0 && call.text[0] == 0 &&
        sv_starts(sv_c(e.text), SV("there is no job")))
        rc = feed_get(c->node->db, name, &a, &(struct feed){0}, &e); /* says how to enable it */
    if (r->shown)
        fputs("\r\033[K", c->err);
    r->shown = false;
    int code = rc != OK ? EXIT_COULD_NOT : r->report.take.rejected ? EXIT_FINDINGS : EXIT_DONE;
    r->worst = code > r->worst ? code : r->worst;
    if (c->json) {
        write_run(r, name, &call, rc, &e);
    } else if (rc != OK) {
        (void)could_not(c, &e);
    } else {
        print_cell(c->out, name, 20);
        fprintf(c->out, "%s\n", call.text);
    }
    arena_clear(&a);
}

static int add_name(void *ctx, const struct feed *f)
{
    struct buf *names = ctx;
    buf_add(names, f->name);
    buf_addc(names, ' ');
    return OK;
}

/* Names first: no statement stays open while feeds are taken. */
static int run_all(struct run *r, struct err *e)
{
    struct buf names;
    buf_init(&names, 1 << 20);
    int rc = OK;
    for (int i = 1; i < r->c->argc; i++) {
        buf_add(&names, sv_c(r->c->argv[i]));
        buf_addc(&names, ' ');
    }
    if (r->c->argc == 1)
        rc = feed_each(r->c->node->db, add_name, &names, e);
    struct sv rest = buf_sv(&names), name;
    if (rc == OK && rest.n == 0) {
        err_set(e, ERR_NOT_FOUND, "no feed is enabled");
        rc = err_hint(
            e, "`noroshi feed list` shows those that are known; `noroshi feed enable NAME` enables one");
    }
    while (rc == OK && sv_cut(&rest, ' ', &name))
        if (name.n)
            run_one(r, name);
    buf_clear(&names);
    return rc;
}

static int run_now(struct cmd *c, const struct words *w)
{
    struct err e = ERR_NONE;
    struct run r = {.c = c, .w = w};
    r.opts = (struct feed_run_opts){.accept_small = w->accept_small, .progress = on_progress, .ctx = &r};
    buf_init(&r.json, 16u << 20);
    jw_init(&r.jw, &r.json);
    jw_obj(&r.jw);
    jw_key(&r.jw, "feeds");
    jw_arr(&r.jw);
    int rc = run_all(&r, &e);
    jw_end_arr(&r.jw);
    jw_end_obj(&r.jw);
    rc = rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), &e) : rc;
    if (rc == OK && c->json)
        print_json(c, &r.json);
    buf_clear(&r.json);
    return rc == OK ? r.worst : could_not(c, &e);
}

static int run(struct cmd *c)
{
    struct words w = {0};
    const struct opt opts[] = {{"--url", &w.url, NULL},
                               {"--every", &w.every, NULL},
                               {"--ca", &w.ca, NULL},
                               {"--key-file", &w.key, NULL},
                               {"--key-header", &w.key_header, NULL},
                               {"--source", &w.source, NULL},
                               {"--format", &w.format, NULL},
                               {"--way", &w.way, NULL},
                               {"--max-bytes", &w.max_bytes, NULL},
                               {"--steady", NULL, &w.steady},
                               {"--markdown", NULL, &w.markdown},
                               {"--accept-small", NULL, &w.accept_small},
                               {0}};
    if (!opts_take(c, &cmd_feed, opts))
        return EXIT_USAGE;
    const char *what = c->argc ? c->argv[0] : "";
    if (strcmp(what, "list") == 0 && c->argc == 1)
        return list(c, &w);
    if (strcmp(what, "status") == 0 && c->argc <= 2)
        return c->json && c->argc == 2 ? print_feed(c, sv_c(c->argv[1])) : status(c);
    if (strcmp(what, "show") == 0 && c->argc == 2)
        return print_feed(c, sv_c(c->argv[1]));
    if (strcmp(what, "enable") == 0 && c->argc == 2)
        return enable(c, &w);
    if (strcmp(what, "disable") == 0 && c->argc == 2)
        return disable(c);
    if (strcmp(what, "remove") == 0 && c->argc == 2)
        return take_away(c);
    if (strcmp(what, "add") == 0 && c->argc == 2 && w.url)
        return add(c, &w);
    if (strcmp(what, "run") == 0)
        return run_now(c, &w);
    return usage_error(
        c, &cmd_feed,
        "say list, status [NAME], show NAME, enable NAME, disable NAME, run [NAME...], add NAME --url "
        "URL or remove NAME");
}

const struct command cmd_feed = {
    "feed", "feeds that are fetched by themselves: list, enable, run, status",
    "usage: noroshi feed list [--markdown]\n"
    "       noroshi feed enable NAME [--every TIME] [--url URL] [--ca FILE] [--key-file FILE]\n"
    "       noroshi feed add NAME --url URL [--source SOURCE] [--format FORMAT] [OPTIONS]\n"
    "       noroshi feed run [--accept-small] [NAME...]\n"
    "       noroshi feed status [NAME] | show NAME | disable NAME | remove NAME   [--json]\n\n"
    "A feed is fetched on schedule while the node runs. `list` shows the catalogue of well-known ones; "
    "`enable` "
    "makes the source with\n"
    "its grade, zone, licence and columns, and the schedule. An answer that is a web page, empty, or half as "
    "large "
    "as the last one is\n"
    "refused and told; nothing that was stated is ever removed by an answer.\n\n"
    "  --every TIME         how often: 30m, 6h, 1d (default: what the feed's makers ask for; own feeds 1h)\n"
    "  --url URL            another address, such as a mirror; https, or http on this machine\n"
    "  --ca FILE            trust the authorities in this PEM file instead of the system's\n"
    "  --key-file FILE      holds the key of a feed that wants one; kept in the node's keys/ with mode 0600\n"
    "  --key-header NAME    for `add`: the header the key goes into, such as X-API-KEY\n"
    "  --source SOURCE      for `add`: the source its reports come from (default: the one of the same name)\n"
    "  --format FORMAT      for `add`: as in `noroshi intake`; else found out\n"
    "  --way file|misp|otx  for `add`: one file (default), a MISP feed directory, or pages of OTX\n"
    "  --max-bytes SIZE     for `add`: largest answer taken, unpacked (default 128M)\n"
    "  --steady             for `add`: a whole list, which does not shrink to half by itself\n"
    "  --accept-small       for `run`: somebody looked, so little is right\n"
    "  --markdown           for `list`: the table of docs/feeds.md\n\n"
    "examples:\n"
    "  noroshi feed enable misp-warninglists\n"
    "  noroshi feed enable urlhaus --every 30m\n"
    "  noroshi feed enable otx --key-file otx.key\n"
    "  noroshi feed run cisa-kev\n"
    "  noroshi source add partner-list --reliability B --zone UTC --marking amber\n"
    "  noroshi feed add partner-list --url https://cert.example/list.txt --every 15m\n\n"
    "exit codes: 0 done, 1 done and some records are in quarantine, 2 wrong use, 3 could not (run: at least "
    "one feed)\n",
    NEEDS_NODE, run};
