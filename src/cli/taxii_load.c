/* `noroshi taxii load`: moves in from another TAXII server. */
#include "cli/taxii_words.h"

#include <string.h>
#include <unistd.h>

static int read_whole(struct cmd *c, const char *path, struct buf *ret, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? c->in : c->files.open(c->files.ctx, path, e);
    ssize_t got = 1;
    if (fd < 0) {
        return fd;
    }
    while (got > 0) {
        char *room = buf_reserve(ret, 65536);
        got = room ? read(fd, room, 65536) : 0;
        ret->n += got > 0 ? (size_t)got : 0;
    }
    if (!standard) {
        close(fd);
    }
    if (ret->failed) {
        err_set(e, ERR_LIMIT, "%s is larger than %zu MiB", path, TAXII_LOAD_MOST >> 20);
        return err_hint(e, "give the collections in several files: those that stand already are left alone");
    }
    return got < 0 ? err_set(e, ERR_IO, "cannot read %s", path) : OK;
}

/* The source the loaded objects are said by: the one that is named, else one made for this. */
static int load_source(struct cmd *c, const struct taxii_words *w, struct arena *a, struct source *ret,
                       struct err *e)
{
    struct err ignored = ERR_NONE;
    struct sv name = w->source ? sv_c(w->source) : SV("taxii");
    int rc = source_find(c->node->db, name, a, ret, w->source ? e : &ignored);
    if (rc == OK || w->source) {
        return rc;
    }
    *ret = (struct source){.uuid = uuid_v4(),
                           .org = c->node->org,
                           .name = name,
                           .reliability = 'F',
                           .zone = SV("UTC"),
                           .tlp = TLP_AMBER};
    rc = db_begin(c->node->db, e);
    return rc == OK ? taxii_settle(c, source_put(c->node->ledger, c->node->db, ret, time_now(), e), e) : rc;
}

struct notes {
    struct cmd *c;
    struct jw *w; /* NULL: for people */
};

static void on_note(void *ctx, const char *what, struct sv where, struct sv sentence)
{
    struct notes *n = ctx;
    if (n->w) {
        jw_obj(n->w);
        jw_kstr(n->w, "what", sv_c(what));
        jw_kstr(n->w, "where", where);
        jw_kstr(n->w, "text", sentence);
        jw_end_obj(n->w);
        return;
    }
    fprintf(n->c->out, "%-10s  ", what);
    print_safe(n->c->out, where);
    fputs(": ", n->c->out);
    print_safe(n->c->out, sentence);
    fputc('\n', n->c->out);
    fflush(n->c->out);
}

static void print_loaded(struct cmd *c, struct buf *b, struct jw *w, const struct taxii_load_report *r)
{
    if (!c->json) {
        fprintf(c->out,
                "%llu API roots, %llu collections, %llu objects, %llu status resources loaded; %llu "
                "collections left as they are, %llu objects refused, %llu moved on\n",
                (unsigned long long)r->roots, (unsigned long long)r->collections,
                (unsigned long long)r->objects, (unsigned long long)r->statuses, (unsigned long long)r->left,
                (unsigned long long)r->refused, (unsigned long long)r->moved);
        return;
    }
    jw_end_arr(w);
    jw_kint(w, "roots", (int64_t)r->roots);
    jw_kint(w, "collections", (int64_t)r->collections);
    jw_kint(w, "objects", (int64_t)r->objects);
    jw_kint(w, "statuses", (int64_t)r->statuses);
    jw_kint(w, "left", (int64_t)r->left);
    jw_kint(w, "refused", (int64_t)r->refused);
    jw_kint(w, "moved", (int64_t)r->moved);
    jw_end_obj(w);
    print_json(c, b);
}

int taxii_load_file(struct cmd *c, const struct taxii_words *w, struct arena *a,
                    struct taxii_load_report *ret, struct err *e)
{
    const struct taxii t = taxii_of(c);
    struct source source;
    struct buf file, b;
    struct jw out;
    struct notes notes = {.c = c, .w = c->json ? &out : NULL};
    struct taxii_load_opts o = {.ceiling = TLP_UNKNOWN, .now = time_now(), .note = on_note, .ctx = &notes};
    buf_init(&file, TAXII_LOAD_MOST);
    buf_init(&b, 256u << 20);
    jw_init(&out, &b);
    jw_obj(&out);
    jw_key(&out, "notes");
    jw_arr(&out);
    int rc = w->ceiling ? taxii_read_ceiling(w->ceiling, &o.ceiling, e) : OK;
    rc = rc == OK ? read_whole(c, c->argv[1], &file, e) : rc;
    rc = rc == OK ? load_source(c, w, a, &source, e) : rc;
    if (rc == OK) {
        o.source = source.id;
        rc = taxii_load(&t, buf_sv(&file), &o, ret, e);
        if (rc == ERR_SYNTAX) {
            err_at(e, c->argv[1], e->line, e->offset);
        }
        struct err ignored = ERR_NONE;
        int signed_ = ledger_checkpoint(c->node->ledger, time_now(), rc == OK ? e : &ignored);
        rc = rc == OK ? signed_ : rc;
    }
    if (rc == OK) {
        print_loaded(c, &b, &out, ret);
    }
    buf_clear(&file);
    buf_clear(&b);
    return rc;
}
