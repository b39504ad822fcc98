#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1u << 20)

struct watch {
    struct cmd *c;
    struct fuse_index index;
    struct event_reader *reader;
    struct pact_view view;
    struct buf json;
    uint64_t line, bad, hits;
    usec now;
};

/* ---- one event
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void write_hit(struct watch *w, const struct observation *o, const struct observed *v, enum kind kind,
                      struct sv value, struct sv event)
{
    struct jw jw;
    char time[32];
    usec valid_from = USEC_NONE;
    buf_reset(&w->json);
    jw_init(&jw, &w->json);
    jw_obj(&jw);
    time_text(o->time, time);
    jw_kstr(&jw, "time", sv_c(time));
    jw_kstr(&jw, "sensor", o->sensor);
    jw_kstr(&jw, "class", o->class);
    jw_kstr(&jw, "value", v->value.value);
    jw_kstr(&jw, "kind", sv_c(kind_name(v->value.kind)));
    jw_kstr(&jw, "where", v->field);
    jw_key(&jw, "indicator");
    if (!fuse_indicator(w->c->node->fuse, &w->view, kind, value, w->now, &jw, &valid_from)) {
        return; /* another organisation's, not shared with ours */
    }
    jw_kbool(&jw, "before_valid_from", valid_from != USEC_NONE && o->time < valid_from);
    jw_key(&jw, "event");
    if (event.n && event.p[0] == '{' && json_is_whole(event)) { /* a row of a table may begin so */
        jw_raw(&jw, event);
    } else {
        jw_str(&jw, event);
    }
    jw_end_obj(&jw);
    if (!w->json.failed) {
        print_json(w->c, &w->json);
        w->hits++;
    }
}

static void match_event(struct watch *w, const struct observation *o, struct sv event)
{
    for (size_t i = 0; i < o->n; i++) {
        struct index_hit hit[INDEX_HITS];
        size_t n = fuse_index_find(&w->index, &o->v[i].value, hit);
        for (size_t h = 0; h < n; h++) {
            struct err ignored = ERR_NONE;
            if (fuse_holds(w->c->node->fuse, &w->view, hit[h].kind, hit[h].value, o->time, &ignored) == 1) {
                write_hit(w, o, &o->v[i], hit[h].kind, hit[h].value, event);
            }
        }
    }
}

static void one_line(struct watch *w, struct sv line)
{
    struct observation o;
    struct err e = ERR_NONE;
    w->line++;
    if (sv_trim(line).n == 0) {
        return;
    }
    int rc = event_reader_line(w->reader, line, &o, &e);
    if (rc == 1) {
        match_event(w, &o, line);
    } else if (rc < 0) {
        w->bad++;
        if (w->bad <= 10) {
            err_at(&e, NULL, w->line, e.offset);
            err_print(w->c->err, "noroshi watch", &e);
        }
    }
}

/* ---- lines of a descriptor, which may grow or be replaced (tail -F)
 * -------------------------------------------------------------------- */

struct tail {
    int fd;
    const char *path; /* NULL = standard input */
    bool follow;
    dev_t dev;
    ino_t ino;
};

static bool replaced(struct tail *t)
{
    struct stat now, open_file;
    if (!t->path || stat(t->path, &now) != 0 || fstat(t->fd, &open_file) != 0) {
        return false;
    }
    off_t at = lseek(t->fd, 0, SEEK_CUR);
    return now.st_ino != t->ino || now.st_dev != t->dev || (at >= 0 && open_file.st_size < at);
}

static bool reopen(struct tail *t)
{
    struct stat st;
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    if (t->fd > STDIN_FILENO) {
        close_fd(&t->fd);
    }
    t->fd = fd;
    if (fstat(fd, &st) == 0) {
        t->dev = st.st_dev;
        t->ino = st.st_ino;
    }
    return true;
}

static size_t split_lines(struct watch *w, char *p, size_t n)
{
    size_t from = 0;
    for (;;) {
        char *end = memchr(p + from, '\n', n - from);
        if (!end) {
            break;
        }
        struct sv line = sv_from(p + from, (size_t)(end - p) - from);
        if (line.n && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        one_line(w, line);
        from = (size_t)(end - p) + 1;
    }
    memmove(p, p + from, n - from);
    return n - from;
}

static int pump(struct watch *w, struct tail *t, struct buf *b, struct err *e)
{
    for (;;) {
        char *room = buf_reserve(b, 65536);
        if (!room) { /* one line longer than the limit: it cannot be an event */
            w->bad++;
            buf_reset(b);
            continue;
        }
        ssize_t n = read(t->fd, room, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(e, errno, "cannot read the events");
        }
        if (n > 0) {
            b->n += (size_t)n;
            b->n = split_lines(w, b->p, b->n);
            continue;
        }
        fflush(w->c->out);
        if (!t->follow) {
            break;
        }
        if (!replaced(t) || !reopen(t)) {
            (void)poll(NULL, 0, 200);
        }
    }
    if (b->n) {
        one_line(w, buf_sv(b));
    }
    return OK;
}

/* ---- the command
 * ------------------------------------------------------------------------------------------------------------------------
 */

static int watch_all(struct watch *w, bool follow, struct err *e)
{
    struct tail t = {.fd = w->c->in, .follow = follow};
    const char *path = w->c->argc ? w->c->argv[0] : "-";
    struct buf b;
    if (strcmp(path, "-") != 0) {
        t.path = path;
        t.fd = -1;
        if (!reopen(&t)) {
            return err_errno(e, errno, "cannot open %s", path);
        }
    } else {
        t.follow = false;
    }
    buf_init(&b, LINE_MAX_BYTES);
    int rc = pump(w, &t, &b, e);
    buf_clear(&b);
    if (t.path) {
        close_fd(&t.fd);
    }
    return rc;
}

/* Events are hostile: this process keeps the home's tables (keys it never had) and the folder of the watched
 * file, and starts no programs. */
static int narrow(struct watch *w, struct err *e)
{
    char folder[4096] = ".";
    struct sv name = sv_c(w->c->argc ? w->c->argv[0] : "-");
    size_t slash = sv_rchr(name, '/');
    if (slash != SIZE_MAX) {
        sv_copy(sv_sub(name, 0, slash ? slash : 1), folder, sizeof(folder));
    }
    char *home = realpath(w->c->home, NULL), *watched = realpath(folder, NULL);
    const char *const read[] = {"/usr/share/zoneinfo", watched, NULL};
    const struct sandbox_opts o = {.home = home, .read = read};
    int rc = home && watched ? sandbox_enter(SANDBOX_NODE, &o, NULL, e)
                             : err_errno(e, errno, "cannot find %s", home ? folder : w->c->home);
    free(home);
    free(watched);
    return rc;
}

static int run(struct cmd *c)
{
    const char *format = NULL, *zone = NULL;
    bool follow = false;
    const struct opt opts[] = {{"--format", &format, NULL},
                               {"--zone", &zone, NULL},
                               {"-f", NULL, &follow},
                               {"--follow", NULL, &follow},
                               {0}};
    if (!opts_take(c, &cmd_watch, opts)) {
        return EXIT_USAGE;
    }
    if (c->argc > 1) {
        return usage_error(c, &cmd_watch, "give one file, or '-' for standard input");
    }
    struct err e = ERR_NONE;
    struct arena a;
    struct watch w = {.c = c, .now = time_now()};
    struct intake_opts io = {.format = sv_c(format), .name = sv_c(c->argc ? c->argv[0] : "-")};
    arena_init(&a, 64u << 20);
    buf_init(&w.json, 16u << 20);
    io.zone = zone ? zone_find(sv_c(zone), &e) : NULL;
    int rc = zone && !io.zone ? e.code : OK;
    rc = rc == OK ? cmd_view(c, &a, &w.view, &e) : rc;
    rc = rc == OK ? fuse_index_refresh(c->node->fuse, w.now, &e) : rc;
    if (rc == OK) {
        w.index = fuse_index_get(c->node->fuse);
        w.reader = event_reader_new(&io, &e);
        rc = w.reader ? narrow(&w, &e) : e.code;
        rc = rc == OK ? watch_all(&w, follow, &e) : rc;
    }
    event_reader_free(w.reader);
    fuse_index_put(&w.index);
    buf_clear(&w.json);
    arena_clear(&a);
    if (rc != OK) {
        return could_not(c, &e);
    }
    if (w.bad) {
        fprintf(c->err, "noroshi watch: %llu of %llu lines could not be read\n", (unsigned long long)w.bad,
                (unsigned long long)w.line);
    }
    return w.bad || w.hits ? EXIT_FINDINGS : EXIT_DONE;
}

const struct command cmd_watch = {
    "watch", "match a stream of events, one JSON line a sighting",
    "usage: noroshi watch [--format FORMAT] [--zone ZONE] [-f] [--json] [FILE|-]\n\n"
    "Reads events line by line and prints a JSON line for each indicator that one of their values meets: "
    "time, sensor, class, value,\n"
    "kind, where in the event, the indicator with its sources, confidence and labels, and the event itself. "
    "Nothing is stored.\n"
    "Works beside a running node; the indicators are those accepted when it starts.\n\n"
    "  --format FORMAT   eve, zeek, honeypot, cef, leef or syslog; else detected by the first lines\n"
    "  --zone ZONE       zone of times written without one\n"
    "  -f, --follow      wait for more, through rotation, like tail -F\n\n"
    "examples:\n"
    "  noroshi watch -f /var/log/suricata/eve.json\n"
    "  zcat conn.log.gz | noroshi watch --format zeek - | head\n\n"
    "exit codes: 0 nothing met, 1 sightings were printed or lines could not be read, 2 wrong use, 3 could "
    "not\n",
    NEEDS_READ, run};
