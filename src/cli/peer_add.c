/* peer add and set: what a peer is, and its credentials. */
#include "cli/peer_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MOST ((size_t)256 << 10)
#define LINE_MOST 4096

/* ---- what is read from files and standard input: credentials are never words of the command */

static int read_file(struct cmd *c, const char *path, struct arena *a, struct sv *ret, struct err *e)
{
    int fd = c->files.open(c->files.ctx, path, e);
    char *p = fd >= 0 ? arena_alloc(a, FILE_MOST) : NULL;
    size_t n = 0;
    ssize_t k = 1;
    if (!p) {
        close_fd(&fd);
        return fd >= 0 ? err_set(e, ERR_MEMORY, "no memory for %s", path) : fd;
    }
    while (n < FILE_MOST && k > 0 && c->files.wait(c->files.ctx, fd, e) == OK) {
        k = read(fd, p + n, FILE_MOST - n);
        n += k > 0 ? (size_t)k : 0;
    }
    close_fd(&fd);
    if (e->code != OK) {
        return e->code;
    }
    *ret = sv_from(p, n);
    if (k < 0 || n == FILE_MOST || sv_find(*ret, SV("-----BEGIN ")) == SIZE_MAX) {
        err_set(e, ERR_VALUE, "%s holds no PEM", path);
        return err_hint(e, "give a text file with -----BEGIN ...-----");
    }
    return OK;
}

static int read_secret_line(struct cmd *c, const char *what, struct arena *a, struct sv *ret, struct err *e)
{
    char line[LINE_MOST], ch;
    size_t n = 0;
    while (n < sizeof(line) && c->files.wait(c->files.ctx, c->in, e) == OK && read(c->in, &ch, 1) == 1 &&
           ch != '\n') {
        line[n++] = ch;
    }
    n -= n && line[n - 1] == '\r';
    *ret = arena_sv(a, sv_from(line, n));
    explicit_bzero(line, sizeof(line));
    if (e->code != OK) {
        return e->code;
    }
    if (!n || n == sizeof(line)) {
        return err_set(e, ERR_VALUE, "%s on standard input is %s", what, n ? "too long" : "empty");
    }
    return ret->p ? OK : err_set(e, ERR_MEMORY, "no memory for %s", what);
}

/* What is given replaces what was; credentials of another kind go. */
static int read_credentials(struct cmd *c, const struct peer_words *w, struct arena *a, struct peer_secret *s,
                            struct err *e)
{
    int rc = OK;
    if (w->user) {
        s->user = sv_c(w->user);
        s->key = SV("");
        rc = read_secret_line(c, "the password", a, &s->password, e);
    } else if (w->key_stdin) {
        s->user = s->password = SV("");
        rc = read_secret_line(c, "the key", a, &s->key, e);
    }
    rc = rc == OK && w->certificate ? read_file(c, w->certificate, a, &s->certificate, e) : rc;
    rc = rc == OK && w->key ? read_file(c, w->key, a, &s->private_key, e) : rc;
    rc = rc == OK && w->ca ? read_file(c, w->ca, a, &s->ca, e) : rc;
    if (rc == OK && (sv_chr(s->user, ':') != SIZE_MAX || sv_chr(s->key, '\r') != SIZE_MAX)) {
        rc = err_set(e, ERR_VALUE, "a user name has no ':' and a key no line breaks");
    }
    return rc;
}

/* ---- options to fields */

static int read_every(const char *text, int64_t *ret, struct err *e)
{
    struct sv s = sv_c(text);
    char last = s.n ? s.p[s.n - 1] : 0;
    int64_t unit = last == 'd' ? 86400 : last == 'h' ? 3600 : last == 'm' ? 60 : last == 's' ? 1 : 0, n = 0;
    if (sv_eq(s, SV("never"))) {
        *ret = 0;
        return OK;
    }
    if (!unit || !sv_i64(sv_sub(s, 0, s.n - 1), &n) || n <= 0 || __builtin_mul_overflow(n, unit, ret)) {
        return err_set(e, ERR_USAGE, "--every takes a time like 30s, 15m, 6h or 1d, or never, not '%s'",
                       text);
    }
    return OK;
}

static int read_rate(const char *text, int64_t *ret, struct err *e)
{
    struct sv s = sv_c(text);
    char last = s.n ? s.p[s.n - 1] : 0;
    int64_t unit = last == 'k' ? 1000 : last == 'M' ? 1000000 : 1;
    s = unit > 1 ? sv_sub(s, 0, s.n - 1) : s;
    if (!sv_i64(s, ret) || *ret < 0 || __builtin_mul_overflow(*ret, unit, ret)) {
        return err_set(e, ERR_USAGE, "--rate takes bytes a second like 200k or 5M, not '%s'", text);
    }
    return OK;
}

struct org_search {
    struct sv text;
    struct uuid found;
    bool any;
};

static int match_org(void *ctx, const struct org *o)
{
    struct org_search *s = ctx;
    if (sv_eq(s->text, o->name)) {
        s->found = o->id;
        s->any = true;
    }
    return OK;
}

static int find_org(struct cmd *c, const char *text, struct arena *a, struct uuid *ret, struct err *e)
{
    struct org_search s = {.text = sv_c(text)};
    if (uuid_parse(sv_c(text), ret)) {
        return OK;
    }
    int rc = org_each(c->node->db, a, match_org, &s, e);
    *ret = s.found;
    return rc == OK && !s.any ? err_set(e, ERR_NOT_FOUND, "there is no organisation '%s' at this node", text)
                              : rc;
}

/* What a partner states stays the partner's: that is how it is known when something would go on to others. */
static struct sv upstream_of(struct cmd *c, const struct peer *p, struct arena *a)
{
    struct partner partner;
    struct err ignored = ERR_NONE;
    char id[37];
    uuid_text(p->org, id);
    bool is = partner_find(c->node->db, sv_c(id), a, &partner, &ignored) == OK;
    return is ? arena_printf(a, "partner:%s", id) : SV("");
}

/* What a partner's node brings by itself and what is fetched from it is one source: nothing counts twice. */
static int find_partners(struct cmd *c, const struct peer *p, struct sv upstream, int64_t *ret, struct err *e)
{
    *ret = 0;
    return upstream.n ? relay_source_find(&c->node->relays, p->org, false, ret, e) : OK;
}

/* The source is made when there is none of the peer's name: all that comes in has one. In a transaction. */
static int find_source(struct cmd *c, const char *name, struct peer *p, struct arena *a, struct err *e)
{
    struct source s;
    struct sv upstream = upstream_of(c, p, a);
    int rc = name ? OK : find_partners(c, p, upstream, &p->source, e);
    if (rc != OK || (!name && p->source)) {
        return rc;
    }
    rc = source_find(c->node->db, name ? sv_c(name) : p->name, a, &s, e);
    if (rc == ERR_NOT_FOUND && !name) {
        *e = ERR_NONE;
        s = (struct source){.uuid = uuid_v4(),
                            .org = c->node->org,
                            .name = p->name,
                            .reliability = 'F',
                            .zone = SV("UTC"),
                            .tlp = TLP_AMBER,
                            .upstream = upstream};
        rc = source_put(c->node->ledger, c->node->db, &s, time_now(), e);
    }
    p->source = s.id;
    return rc;
}

static int fill(struct cmd *c, const struct peer_words *w, struct peer *p, struct arena *a, struct err *e)
{
    int rc = w->every ? read_every(w->every, &p->every_seconds, e) : OK;
    rc = rc == OK && w->rate ? read_rate(w->rate, &p->bytes_per_second, e) : rc;
    rc = rc == OK && w->org ? find_org(c, w->org, a, &p->org, e) : rc;
    if (rc == OK && w->page && !sv_i64(sv_c(w->page), &p->page)) {
        rc = err_set(e, ERR_USAGE, "--page takes a number of objects, not '%s'", w->page);
    }
    p->pin = w->pin ? sv_c(w->pin) : p->pin;
    p->pick |= w->pick;
    return rc;
}

/* ---- a partner's node */

static int read_own(struct cmd *c, const char *name, struct arena *a, struct sv *ret, struct err *e)
{
    char path[4096];
    struct buf b;
    buf_init(&b, FILE_MOST);
    int rc = snprintf(path, sizeof(path), "%s/tls/%s", c->node->home, name) < (int)sizeof(path)
                 ? file_read(AT_FDCWD, path, &b, e)
                 : err_set(e, ERR_LIMIT, "the path of the node's certificate is too long");
    *ret = rc == OK ? arena_sv(a, buf_sv(&b)) : SV_NONE;
    if (b.p) {
        explicit_bzero(b.p, b.n);
    }
    buf_clear(&b);
    return rc;
}

/* Its card says where it is and which key it has; it knows us by our node's certificate. */
static int fill_partner(struct cmd *c, const char *name, struct peer *p, struct peer_secret *s,
                        struct arena *a, struct err *e)
{
    struct partner partner;
    int rc = partner_find(c->node->db, sv_c(name), a, &partner, e);
    if (rc != OK) {
        return rc;
    }
    const struct partner_card *card = &partner.card;
    p->org = card->id;
    p->pin = card->spki[0];
    if (!p->url.n) {
        p->url = arena_printf(a, "%.*s%staxii2/", SV_ARG(card->url), sv_ends(card->url, SV("/")) ? "" : "/");
    }
    rc = read_own(c, "cert.pem", a, &s->certificate, e);
    return rc == OK ? read_own(c, "key.pem", a, &s->private_key, e) : rc;
}

/* ---- add and set */

static int store(struct cmd *c, struct peer *p, const struct peer_words *w, const struct peer_secret *s,
                 struct arena *a, struct err *e)
{
    int rc = peer_check(p, e);
    rc = rc == OK ? db_begin(c->node->db, e) : rc;
    if (rc != OK) {
        return rc;
    }
    if (!p->id || w->source) {
        rc = find_source(c, w->source, p, a, e);
    }
    rc = rc == OK ? peer_put(c->node->db, p, a, e) : rc;
    rc = rc == OK ? peer_schedule(c->node->db, p, time_now(), e) : rc;
    rc = rc == OK ? peer_secret_write(c->node->home, p, s, e) : rc;
    rc = db_finish(c->node->db, rc, e);
    return rc == OK ? ledger_checkpoint(c->node->ledger, time_now(), e) : rc;
}

/* The peer stands even when it cannot be reached now: that is told, and tried again by the clock. */
static int look_at(struct cmd *c, struct sv name, struct arena *a, struct err *e)
{
    const struct peers p = c->node->peers;
    struct peer_report r;
    struct peer peer;
    struct err why = ERR_NONE;
    bool reached = peer_discover(&p, name, &r, &why) == OK;
    if (!reached) {
        err_print(c->err, "noroshi peer", &why);
    }
    int rc = peer_find(c->node->db, name, a, &peer, e);
    rc = rc == OK ? peer_print_one(c, &peer, e) : rc;
    return rc == OK ? reached ? EXIT_DONE : EXIT_FINDINGS : could_not(c, e);
}

int peer_add(struct cmd *c, const struct peer_words *w, bool change)
{
    struct err e = ERR_NONE;
    struct arena a;
    struct peer_secret s = {0};
    struct peer p = {.name = sv_c(c->argv[1]),
                     .org = c->node->org,
                     .enabled = true,
                     .every_seconds = PEER_EVERY,
                     .page = PEER_PAGE,
                     .last_run = USEC_NONE,
                     .last_ok = USEC_NONE,
                     .not_before = USEC_NONE};
    arena_init(&a, 64u << 20);
    int rc = change ? peer_find(c->node->db, p.name, &a, &p, &e) : OK;
    rc = rc == OK && change ? peer_secret_read(c->node->home, &p, &a, &s, &e) : rc;
    if (c->argc == 3) {
        p.url = sv_c(c->argv[2]);
        p.version = 0;
    }
    rc = rc == OK && w->partner ? fill_partner(c, w->partner, &p, &s, &a, &e) : rc;
    rc = rc == OK ? fill(c, w, &p, &a, &e) : rc;
    rc = rc == OK ? read_credentials(c, w, &a, &s, &e) : rc;
    rc = rc == OK ? store(c, &p, w, &s, &a, &e) : rc;
    if (s.password.n) {
        explicit_bzero((void *)(uintptr_t)s.password.p, s.password.n);
    }
    if (s.key.n) {
        explicit_bzero((void *)(uintptr_t)s.key.p, s.key.n);
    }
    int code = rc != OK ? could_not(c, &e) : EXIT_DONE;
    if (rc == OK && !w->offline) {
        code = look_at(c, p.name, &a, &e);
    } else if (rc == OK) {
        rc = peer_print_one(c, &p, &e);
        code = rc == OK ? EXIT_DONE : could_not(c, &e);
    }
    arena_clear(&a);
    return code;
}
