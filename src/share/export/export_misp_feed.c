/*
 * A MISP feed: a folder with an event for each source and day, in the layout of PyMISP's feed generator.
 * Attributes go to the nameless file as they come, and out of it event by event.
 */
#include "share/export/export_misp.h"

#include <nettle/md5.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENT_MOST ((size_t)512 << 20)

struct piece {
    int64_t source, day;
    uint64_t at;
    uint32_t length;
    enum tlp tlp;
    usec last;
    uint8_t md5[16];
};
struct feed_state {
    struct piece *p;
    size_t n, room;
    struct arena text;
    struct {
        int64_t source;
        struct sv name;
    } name[4096];
    size_t namen;
};

static int begin_feed(struct exporter *x, struct err *e)
{
    arena_init(&((struct feed_state *)x->state)->text, 16u << 20);
    return OK;
}

static struct sv *name_of(struct feed_state *s, int64_t source)
{
    for (size_t i = 0; i < s->namen; i++) {
        if (s->name[i].source == source) {
            return &s->name[i].name;
        }
    }
    return NULL;
}

static bool keep_name(struct feed_state *s, const struct given_claim *c)
{
    if (name_of(s, c->source)) {
        return true;
    }
    struct sv copy =
        s->namen < sizeof(s->name) / sizeof(s->name[0]) ? arena_sv(&s->text, c->source_name) : SV_NONE;
    if (copy.p) {
        s->name[s->namen].source = c->source;
        s->name[s->namen++].name = copy;
    }
    return copy.p != NULL;
}

static usec claim_last(const struct given_claim *c)
{
    usec t = c->last > c->modified ? c->last : c->modified;
    t = t == USEC_NONE ? c->created : t;
    t = t == USEC_NONE ? c->valid_from : t;
    return t == USEC_NONE ? c->accepted : t;
}

static void md5_lower(struct sv v, uint8_t ret[16])
{
    struct md5_ctx m;
    md5_init(&m);
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = (uint8_t)(v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]);
        md5_update(&m, 1, &c);
    }
    md5_digest(&m, 16, ret);
}

static int add_piece(struct exporter *x, const struct given *g, const struct given_claim *c, struct err *e)
{
    struct feed_state *s = x->state;
    if (s->n == s->room) {
        size_t room = s->room ? s->room * 2 : 1024;
        struct piece *grown = reallocarray(s->p, room, sizeof(*grown));
        if (!grown) {
            return err_set(e, ERR_MEMORY, "no memory for the feed");
        }
        s->p = grown;
        s->room = room;
    }
    if (!keep_name(s, c)) {
        return err_set(e, ERR_LIMIT, "more sources than a feed can hold");
    }
    struct piece *p = &s->p[s->n++];
    usec last = claim_last(c);
    *p = (struct piece){.source = c->source,
                        .day = last >= 0 ? last / USEC_DAY : 0,
                        .at = x->at + x->out.n,
                        .tlp = c->tlp,
                        .last = last};
    char day[24];
    snprintf(day, sizeof(day), "%lld", (long long)p->day);
    /* One witness an attribute: what it says of itself is that statement alone. */
    struct given alone = *g;
    alone.claim = c;
    alone.claims = 1;
    alone.until = c->until;
    alone.tlp = c->tlp;
    struct buf event;
    buf_init(&event, 1u << 16);
    buf_printf(&event, "%s %.*s", day, SV_ARG(c->source_name));
    const struct misp_attribute t = {.g = &alone,
                                     .event = buf_sv(&event),
                                     .tlp = c->tlp,
                                     .grade = c->reliability,
                                     .first = c->first != USEC_NONE ? c->first : last,
                                     .last = last,
                                     .labels = c->labels};
    (void)misp_attribute_write(x, &t);
    buf_clear(&event);
    md5_lower(g->value.value, p->md5);
    p->length = (uint32_t)(x->at + x->out.n - p->at);
    return OK;
}

static int feed_value(struct exporter *x, const struct given *g, struct err *e)
{
    const char *category = NULL;
    int rc = misp_type_of(&g->value, &category) ? OK : LEFT(LEFT_KIND);
    for (size_t i = 0; rc == OK && i < g->claims; i++) {
        rc = add_piece(x, g, &g->claim[i], e);
    }
    return rc;
}

static int by_event(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    if (x->day != y->day) {
        return x->day < y->day ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

struct event {
    const struct piece *p;
    size_t n;
    struct sv source;
    char uuid[37], info[200];
    usec newest;
    enum tlp tlp;
};

static void describe_event(struct exporter *x, struct feed_state *s, size_t first, struct event *ret)
{
    struct sv *name = name_of(s, s->p[first].source);
    char day[24];
    *ret = (struct event){.p = &s->p[first], .source = name ? *name : SV(""), .newest = USEC_NONE};
    while (first + ret->n < s->n && s->p[first + ret->n].source == ret->p->source &&
           s->p[first + ret->n].day == ret->p->day) {
        const struct piece *p = &ret->p[ret->n++];
        ret->newest = p->last > ret->newest ? p->last : ret->newest;
        ret->tlp = p->tlp > ret->tlp ? p->tlp : ret->tlp;
    }
    snprintf(day, sizeof(day), "%lld", (long long)ret->p->day);
    misp_uuid("feed event", sv_c(x->o->node), ret->source, sv_c(day), ret->uuid);
    char shown[120];
    snprintf(ret->info, sizeof(ret->info), "%s, by Noroshi", sv_show(ret->source, shown, sizeof(shown)));
}

/* What event and manifest share. */
static void write_head(struct exporter *x, const struct event *v, struct jw *w)
{
    misp_org(x, w);
    jw_kstr(w, "info", sv_c(v->info));
    misp_date(w, v->p->day * USEC_DAY);
    misp_seconds(w, "timestamp", v->newest);
    jw_kstr(w, "analysis", SV("2"));
    jw_kstr(w, "threat_level_id", SV("4"));
    jw_key(w, "Tag");
    jw_arr(w);
    misp_tlp_tag(w, v->tlp);
    jw_end_arr(w);
}

static int write_event(struct exporter *x, const struct event *v, struct buf *out, struct err *e)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "Event");
    jw_obj(&w);
    jw_kstr(&w, "uuid", sv_c(v->uuid));
    write_head(x, v, &w);
    jw_kbool(&w, "published", true);
    buf_add(out, SV(",\"Attribute\":["));
    for (size_t i = 0; i < v->n; i++) {
        buf_add(out, i ? SV(",\n") : SV("\n"));
        char *to = buf_reserve(out, v->p[i].length);
        if (!to) {
            return err_set(e, ERR_LIMIT, "the day of %.80s is too long for one event", v->info);
        }
        if (pread(x->fd, to, v->p[i].length, (off_t)v->p[i].at) != (ssize_t)v->p[i].length) {
            return err_set(e, ERR_IO, "cannot read the export");
        }
        out->n += v->p[i].length;
    }
    buf_add(out, SV("\n]}}\n"));
    return out->failed ? err_set(e, ERR_LIMIT, "the day of %.80s is too long for one event", v->info) : OK;
}

static void add_hashes(const struct event *v, struct buf *out)
{
    char hex[33];
    for (size_t i = 0; i < v->n; i++) {
        hex_text(v->p[i].md5, 16, hex);
        buf_printf(out, "%s,%s\n", hex, v->uuid);
    }
}

static int give_events(struct exporter *x, struct buf *hashes, struct jw *manifest, export_file_fn each,
                       void *ctx, struct err *e)
{
    struct feed_state *s = x->state;
    struct buf out;
    int rc = OK;
    buf_init(&out, EVENT_MOST);
    for (size_t i = 0; rc == OK && i < s->n;) {
        struct event v;
        char name[48];
        describe_event(x, s, i, &v);
        buf_reset(&out);
        rc = write_event(x, &v, &out, e);
        snprintf(name, sizeof(name), "%s.json", v.uuid);
        rc = rc == OK ? each(ctx, sv_c(name), buf_sv(&out), e) : rc;
        add_hashes(&v, hashes);
        jw_key(manifest, v.uuid);
        jw_obj(manifest);
        write_head(x, &v, manifest);
        jw_end_obj(manifest);
        x->report->bytes += out.n;
        i += v.n;
    }
    buf_clear(&out);
    return rc;
}

static int folder(struct exporter *x, export_file_fn each, void *ctx, struct err *e)
{
    struct feed_state *s = x->state;
    struct buf hashes, manifest;
    struct jw w;
    buf_init(&hashes, EVENT_MOST);
    buf_init(&manifest, EVENT_MOST);
    jw_init(&w, &manifest);
    if (s->n) {
        qsort(s->p, s->n, sizeof(*s->p), by_event);
    }
    jw_obj(&w);
    int rc = give_events(x, &hashes, &w, each, ctx, e);
    jw_end_obj(&w);
    if (rc == OK && (hashes.failed || manifest.failed)) {
        rc = err_set(e, ERR_MEMORY, "no memory for the feed's index");
    }
    rc = rc == OK ? each(ctx, SV("hashes.csv"), buf_sv(&hashes), e) : rc;
    rc = rc == OK ? each(ctx, SV("manifest.json"), buf_sv(&manifest), e) : rc;
    buf_clear(&hashes);
    buf_clear(&manifest);
    return rc;
}

static void clear_feed(struct exporter *x)
{
    struct feed_state *s = x->state;
    free(s->p);
    arena_clear(&s->text);
}

const struct export_format export_misp_feed = {
    .name = "misp-feed",
    .type = "application/json",
    .extension = "",
    .text = "a MISP feed: a folder with an event for each source and day",
    .kinds = KINDS_ALL,
    .state = sizeof(struct feed_state),
    .begin = begin_feed,
    .value = feed_value,
    .clear = clear_feed,
    .folder = folder,
};
