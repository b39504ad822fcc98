/* A file to its records: decompression, members of archives, the format of each. */
#include "intake/csv.h"
#include "intake/tar.h"

#include <fnmatch.h>

#define DEPTH_MOST 3u         /* archives inside archives */
#define MEMBERS_MOST 1000000u /* members of one file */
#define HEAD_KEPT 4096u       /* of a member in no known format */
#define NAME_MATCHED 1024u    /* a member with a longer name matches no pattern */

/*
 * Stands between formats and the caller's sink and remembers that the sink said no: a fault of one archive
 * member is told and passed over, a no of the caller ends everything.
 */
struct tap {
    const struct intake_sink *out;
    struct intake_sink sink;
    bool refused;
};

static int tapped(struct tap *t, int rc)
{
    t->refused |= rc < 0;
    return rc;
}

static int tap_record(void *ctx, struct sv type, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->record(t->out->ctx, type, e));
}

static int tap_claim(void *ctx, const struct claim_rec *c, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->claim(t->out->ctx, c, e));
}

static int tap_object(void *ctx, const struct object_rec *o, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->object(t->out->ctx, o, e));
}

static int tap_list(void *ctx, const struct list_rec *l, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->list(t->out->ctx, l, e));
}

static int tap_list_entry(void *ctx, struct sv value, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->list_entry(t->out->ctx, value, e));
}

static int tap_observation(void *ctx, const struct observation *o, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->observation(t->out->ctx, o, e));
}

static int tap_reject(void *ctx, const struct reject *r, struct err *e)
{
    struct tap *t = ctx;
    return tapped(t, t->out->reject(t->out->ctx, r, e));
}

static int tap_chunk(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e)
{
    struct tap *t = ctx;
    return t->out->chunk ? tapped(t, t->out->chunk(t->out->ctx, sha, offset, length, e)) : OK;
}

static int tap_member(void *ctx, struct sv path, const char *format, struct err *e)
{
    struct tap *t = ctx;
    return t->out->member ? tapped(t, t->out->member(t->out->ctx, path, format, e)) : OK;
}

static void tap_init(struct tap *t, const struct intake_sink *out)
{
    *t = (struct tap){.out = out};
    t->sink = (struct intake_sink){
        .ctx = t,
        .record = tap_record,
        .claim = tap_claim,
        .object = tap_object,
        .list = tap_list,
        .list_entry = tap_list_entry,
        .observation = tap_observation,
        .reject = tap_reject,
        .chunk = tap_chunk,
        .member = tap_member,
    };
}

struct walk {
    const struct intake_opts *opts;
    struct tap tap;
    struct arena a;
    uint64_t members;
    char wanted[MEMBERS_TEXT_MOST]; /* patterns separated by spaces; "" = all members */
};

/* ---- one file -------------------------------------------------------------------------------- */

static bool is_utf16(struct sv head)
{
    return sv_starts(head, SV("\xff\xfe")) || sv_starts(head, SV("\xfe\xff"));
}

static const struct intake_format *choose(const struct intake_opts *o, struct sv head, struct err *e)
{
    const struct intake_format *f;
    if (o->format.n) {
        f = intake_format_find(o->format);
        if (!f) {
            err_set(e, ERR_USAGE, "there is no format \"%.*s\"", SV_ARG(sv_sub(o->format, 0, 40)));
            err_hint(e, "`noroshi intake --help` lists the formats");
        }
        return f;
    }
    /* A mapping says which columns a source's tables have; their header may mean nothing to us. */
    if (o->mapping.n && csv_is_table(head, o->mapping))
        return intake_format_find(SV("csv"));
    bool events;
    if (o->mapping.n && json_is_mapped(head, o->mapping, &events))
        return intake_format_find(events ? SV("json-events") : SV("json"));
    f = is_utf16(head) ? NULL : intake_detect(head, o->name);
    if (!f) {
        err_set(e, ERR_UNSUPPORTED, "the file is in no known format");
        err_hint(e, is_utf16(head) ? "it is UTF-16 text: convert it with `iconv -f UTF-16 -t UTF-8`"
                                   : "name one with --format, or give the source a mapping if it is a table");
    }
    return f;
}

static bool is_blank(struct sv head)
{
    return sv_trim(sv_starts(head, SV("\xef\xbb\xbf")) ? sv_sub(head, 3, head.n) : head).n == 0;
}

static int read_events(const struct intake_format *f, struct intake_job *job, struct err *e)
{
    const struct intake_sink *out = job->sink;
    struct chunker *c = chunker_new(out);
    if (!c)
        return err_set(e, ERR_MEMORY, "no memory for a chunk of events");
    job->sink = chunker_sink(c);
    int rc = f->read(job, e);
    job->sink = out;
    /* Also when the file ended early: what came before is valid. */
    struct err later = ERR_NONE;
    int flushed = chunker_flush(c, &later);
    chunker_free(c);
    if (flushed < 0) {
        if (e)
            *e = later;
        return flushed;
    }
    return rc;
}

static int read_one(struct walk *w, struct stream *in, struct sv head, struct sv path,
                    const struct intake_opts *o, struct err *e)
{
    const struct intake_sink *sink = &w->tap.sink;
    if (head.n < INTAKE_HEAD_BYTES && is_blank(head))
        return sink->member(sink->ctx, path, MEMBER_EMPTY, e);
    const struct intake_format *f = choose(o, head, e);
    if (!f)
        return e->code;
    int rc = sink->member(sink->ctx, path, f->name, e);
    if (rc < 0)
        return rc;
    struct intake_job job = {.in = in, .opts = o, .sink = sink, .a = &w->a};
    rc = f->events ? read_events(f, &job, e) : f->read(&job, e);
    arena_reset(&w->a);
    return rc;
}

/* ---- archives -------------------------------------------------------------------------------- */

static int walk_stream(struct walk *w, struct stream *in, struct sv path, unsigned depth, struct err *e);

/* A member that could not be read, or not wholly, is one rejected record: counted and kept with its reason.
 */
static int tell(struct walk *w, struct sv path, struct sv head, const struct err *why, bool announce,
                struct err *e)
{
    const struct intake_sink *sink = &w->tap.sink;
    const struct intake_job job = {.sink = sink};
    struct err named = ERR_NONE;
    char name[sizeof(named.file)];
    sv_copy(path, name, sizeof(name));
    err_set(&named, why->code, "%s: %s", name, why->text);
    err_hint(&named, "%s", why->remedy);
    int rc = announce ? sink->member(sink->ctx, path, MEMBER_UNKNOWN, e) : OK;
    if (rc < 0)
        return rc;
    return emit_rejected_record(&job, SV("file"), why->line, why->offset, &named, head, SV(""), e);
}

static int walk_member(struct walk *w, struct stream *in, const struct tar_entry *entry, struct sv path,
                       unsigned depth, struct err *e)
{
    struct stream *part = stream_new_part(in, entry->size, INTAKE_OUT_BYTES, INTAKE_OUT_RATIO);
    if (!part)
        return err_set(e, ERR_MEMORY, "no memory to read a member of the archive");
    struct err why = ERR_NONE;
    struct sv head;
    char kept[HEAD_KEPT];
    size_t nkept = 0;
    int rc = stream_peek(part, sizeof(kept), &head, &why);
    if (rc == OK) {
        nkept = head.n;
        memcpy(kept, head.p, nkept);
        rc = walk_stream(w, part, path, depth, &why);
    }
    if (rc < 0 && !w->tap.refused) {
        /* After reading began the first bytes are gone: the reason and the place are what is left to tell. */
        bool unread = rc == ERR_UNSUPPORTED || rc == ERR_USAGE;
        rc = tell(w, path, unread ? sv_from(kept, nkept) : SV(""), &why, unread, e);
    } else if (rc < 0 && e) {
        *e = why;
    }
    uint64_t left = stream_part_left(part);
    stream_free(part);
    if (rc < 0)
        return rc;
    struct tar rest = {.in = in};
    return tar_skip(&rest, left + entry->padding, e);
}

static int walk_other(struct walk *w, const struct tar_entry *entry, struct sv path, struct stream *in,
                      struct err *e)
{
    struct err why = ERR_NONE;
    struct tar rest = {.in = in};
    err_set(&why, ERR_UNSUPPORTED, "a link, device or sparse file in an archive is not read");
    int rc = tell(w, path, SV(""), &why, true, e);
    return rc < 0 ? rc : tar_skip(&rest, entry->size + entry->padding, e);
}

/* Whether the source's mapping wants the member. '*' stands for any part of a path. */
static bool is_wanted(const struct walk *w, struct sv path)
{
    char name[NAME_MATCHED], pattern[MEMBERS_TEXT_MOST];
    struct sv rest = sv_c(w->wanted), one;
    if (!w->wanted[0])
        return true;
    if (!sv_copy(path, name, sizeof(name)))
        return false;
    while (sv_cut(&rest, ' ', &one))
        if (sv_copy(one, pattern, sizeof(pattern)) && one.n && fnmatch(pattern, name, 0) == 0)
            return true;
    return false;
}

static int walk_entry(struct walk *w, struct stream *in, const struct tar_entry *entry, struct sv outer,
                      unsigned depth, struct err *e)
{
    if (++w->members > MEMBERS_MOST)
        return err_set(e, ERR_LIMIT, "the archive holds more than %u members", MEMBERS_MOST);
    if (entry->type == TAR_DIRECTORY || !is_wanted(w, entry->path)) {
        struct tar rest = {.in = in};
        return tar_skip(&rest, entry->size + entry->padding, e);
    }
    struct buf path;
    buf_init(&path, 16384);
    if (outer.n) {
        buf_add(&path, outer);
        buf_addc(&path, '/');
    }
    buf_add(&path, entry->path);
    int rc = entry->type == TAR_FILE ? walk_member(w, in, entry, buf_sv(&path), depth + 1, e)
                                     : walk_other(w, entry, buf_sv(&path), in, e);
    buf_clear(&path);
    return rc;
}

static int walk_tar(struct walk *w, struct stream *in, struct sv path, unsigned depth, struct err *e)
{
    if (depth > DEPTH_MOST)
        return err_set(e, ERR_UNSUPPORTED, "archives are nested more than %u deep", DEPTH_MOST);
    struct tar tar;
    tar_init(&tar, in);
    int rc;
    do {
        struct tar_entry entry;
        rc = tar_next(&tar, &entry, e);
        if (rc > 0) {
            int done = walk_entry(w, in, &entry, path, depth, e);
            rc = done < 0 ? done : rc;
        }
    } while (rc > 0);
    tar_clear(&tar);
    return rc;
}

static int walk_stream(struct walk *w, struct stream *in, struct sv path, unsigned depth, struct err *e)
{
    struct sv head;
    int rc = stream_peek(in, INTAKE_HEAD_BYTES, &head, e);
    if (rc < 0)
        return rc;
    if (tar_is(head))
        return walk_tar(w, in, path, depth, e);
    struct intake_opts opts = *w->opts;
    if (depth)
        opts.name = path;
    return read_one(w, in, head, path, &opts, e);
}

static int read_wanted(struct walk *w, struct err *e)
{
    struct csv_mapping m;
    int rc = csv_mapping_read(w->opts->mapping, &m, e);
    if (rc == OK)
        (void)sv_copy(m.members, w->wanted, sizeof(w->wanted));
    csv_mapping_clear(&m);
    return rc;
}

int intake_parse(int fd, const struct intake_opts *o, const struct intake_sink *sink, struct err *e)
{
    struct walk w = {.opts = o};
    int wanted = read_wanted(&w, e);
    if (wanted < 0)
        return wanted;
    tap_init(&w.tap, sink);
    arena_init(&w.a, INTAKE_ARENA_BYTES);
    struct stream *in = stream_new(fd, INTAKE_OUT_BYTES, INTAKE_OUT_RATIO);
    int rc = in ? walk_stream(&w, in, SV(""), 0, e) : err_set(e, ERR_MEMORY, "no memory to read the file");
    stream_free(in);
    arena_clear(&w.a);
    return rc;
}
