#include "base/log.h"
#include "base/sv.h"
#include "base/time.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#define LINE_ROOM 4096

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO;
static enum log_level log_least = LOG_INFO;
static int log_json = -1;

void log_open(int fd, enum log_level least, int json)
{
    (void)pthread_mutex_lock(&lock);
    log_fd = fd;
    log_least = least;
    log_json = json < 0 ? !isatty(fd) : json;
    (void)pthread_mutex_unlock(&lock);
}

/* A line under construction; room is kept for its end. */
struct line {
    char p[LINE_ROOM];
    size_t n;
};

static void add_raw(struct line *l, const char *s)
{
    size_t n = strlen(s);
    if (n > LINE_ROOM - 8 - l->n)
        n = LINE_ROOM - 8 - l->n;
    memcpy(l->p + l->n, s, n);
    l->n += n;
}

/* Text from outside must neither end the line, nor move the cursor of a terminal, nor break the JSON. */
static void add_text(struct line *l, const char *s, bool json)
{
    bool utf8 = sv_utf8(sv_c(s));
    for (; *s && l->n < LINE_ROOM - 64; s++) {
        unsigned char c = (unsigned char)*s;
        if (json && (c == '"' || c == '\\')) {
            l->p[l->n++] = '\\';
            l->p[l->n++] = (char)c;
        } else if (!json && c == 0xc2 && (unsigned char)s[1] < 0xa0) { /* C1 controls in UTF-8 */
            add_raw(l, "?");
            s += s[1] != '\0';
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            char escape[8];
            (void)snprintf(escape, sizeof(escape), json ? "\\u%04x" : "\\x%02x", c);
            add_raw(l, escape);
        } else {
            l->p[l->n++] = (char)c;
        }
    }
}

static void build(struct line *l, bool json, enum log_level level, const char *room, const char *text)
{
    char now[32];
    time_text6(time_now(), now);
    if (json) {
        add_raw(l, "{\"time\":\"");
        add_raw(l, now);
        add_raw(l, "\",\"level\":\"");
        add_raw(l, level_names[level]);
        add_raw(l, "\",\"room\":\"");
        add_text(l, room, true);
        add_raw(l, "\",\"text\":\"");
        add_text(l, text, true);
        add_raw(l, "\"");
    } else {
        now[19] = '\0';
        add_raw(l, now);
        add_raw(l, "Z ");
        add_raw(l, level_names[level]);
        add_raw(l, level == LOG_INFO || level == LOG_WARN ? "  " : " ");
        add_text(l, room, false);
        add_raw(l, ": ");
        add_text(l, text, false);
    }
}

/* A full disk or a closed pipe must not stop the program: what cannot be logged is lost. */
static void put(struct line *l, bool json)
{
    if (json)
        l->p[l->n++] = '}';
    l->p[l->n++] = '\n';
    ssize_t n;
    do
        n = write(log_fd, l->p, l->n);
    while (n < 0 && errno == EINTR);
}

static bool begin(enum log_level level, bool *ret_json)
{
    (void)pthread_mutex_lock(&lock);
    if (level < log_least) {
        (void)pthread_mutex_unlock(&lock);
        return false;
    }
    if (log_json < 0)
        log_json = !isatty(log_fd);
    *ret_json = log_json > 0;
    return true;
}

void log_write(enum log_level level, const char *room, const char *fmt, ...)
{
    bool json;
    if (!begin(level, &json))
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct line l = {.n = 0};
    build(&l, json, level, room, text);
    put(&l, json);
    (void)pthread_mutex_unlock(&lock);
}

static void add_number(struct line *l, const char *name, uint64_t v)
{
    char text[64];
    (void)snprintf(text, sizeof(text), ",\"%s\":%llu", name, (unsigned long long)v);
    add_raw(l, text);
}

static void add_err_json(struct line *l, const struct err *e)
{
    add_raw(l, ",\"code\":\"");
    add_raw(l, err_name(e->code));
    add_raw(l, "\"");
    if (e->remedy[0]) {
        add_raw(l, ",\"remedy\":\"");
        add_text(l, e->remedy, true);
        add_raw(l, "\"");
    }
    if (e->file[0]) {
        add_raw(l, ",\"file\":\"");
        add_text(l, e->file, true);
        add_raw(l, "\"");
    }
    if (e->line)
        add_number(l, "line", e->line);
    if (e->offset != UINT64_MAX)
        add_number(l, "offset", e->offset);
}

static void add_err_text(struct line *l, const struct err *e)
{
    if (e->file[0]) {
        add_raw(l, " (");
        add_text(l, e->file, false);
        char at[32];
        (void)snprintf(at, sizeof(at), ":%llu", (unsigned long long)e->line);
        add_raw(l, e->line ? at : "");
        add_raw(l, ")");
    }
    if (e->remedy[0]) {
        add_raw(l, "; ");
        add_text(l, e->remedy, false);
    }
}

void log_err(enum log_level level, const char *room, const struct err *e)
{
    bool json;
    if (!begin(level, &json))
        return;
    struct line l = {.n = 0};
    build(&l, json, level, room, e->text[0] ? e->text : err_name(e->code));
    if (json)
        add_err_json(&l, e);
    else
        add_err_text(&l, e);
    put(&l, json);
    (void)pthread_mutex_unlock(&lock);
}
