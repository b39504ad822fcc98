#include "intake/report.h"

#include <stdarg.h>
#include <stdlib.h>

void report_init(struct report *r, const struct intake_job *job)
{
    *r = (struct report){.job = job};
    buf_init(&r->text, REJECT_BYTES);
}

void report_clear(struct report *r)
{
    free(r->claim);
    buf_clear(&r->text);
}

void report_begin(struct report *r)
{
    arena_reset(r->job->a);
    claim_init(&r->common);
    labels_init(&r->labels, r->job->a);
    r->members = SV("");
    r->n = 0;
}

int report_at(struct err *e, const char *place, ...)
{
    struct err was = *e;
    char at[160];
    va_list args;

    va_start(args, place);
    (void)vsnprintf(at, sizeof(at), place, args);
    va_end(args);
    (void)snprintf(e->text, sizeof(e->text), "%s: %.230s", at, was.text);
    return e->code;
}

struct sv report_members(struct report *r, struct sv object)
{
    struct sv inner = object.n > 2 ? arena_sv(r->job->a, sv_sub(object, 1, object.n - 2)) : SV("");

    return inner.p ? inner : SV("");
}

/* {"role":"source",part's members,report's members} */
static struct sv write_meta(struct report *r, const struct report_part *p)
{
    struct arena *a = r->job->a;
    struct sv meta = arena_printf(a, "{\"role\":\"%s\"%s%.*s%s%.*s}", p->role, p->members.n ? "," : "",
                                  SV_ARG(p->members), r->members.n ? "," : "", SV_ARG(r->members));

    return meta.p ? meta : SV("");
}

static struct claim_rec *known(struct report *r, const struct obs *o)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->claim[i].value.kind == o->kind && sv_eq(r->claim[i].value.value, o->value))
            return &r->claim[i];
    return NULL;
}

static int grow(struct report *r, struct err *e)
{
    if (r->n == REPORT_CLAIMS)
        return err_set(e, ERR_LIMIT, "the report states more than %u values", REPORT_CLAIMS);
    if (r->n < r->room)
        return OK;
    size_t room = r->room ? r->room * 2 : 16;
    struct claim_rec *p = reallocarray(r->claim, room, sizeof(*p));
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a report's values");
    r->claim = p;
    r->room = room;
    return OK;
}

static void take_own(struct claim_rec *c, const struct claim_rec *own)
{
    c->first = own->first;
    c->last = own->last;
    c->valid_from = own->valid_from;
    c->valid_until = own->valid_until;
    c->confidence = own->confidence;
    c->marked = own->marked;
    c->tlp = own->tlp;
}

/* Labels wait in `labels` until the report's own are known. */
static int add(struct report *r, const struct report_part *p, const struct obs *o, struct err *e)
{
    struct claim_rec *c = known(r, o);

    if (c && (!p->bad || !(c->flags & CLAIM_CONTEXT)))
        return OK;
    if (!c) {
        int rc = grow(r, e);
        if (rc < 0)
            return rc;
        c = &r->claim[r->n++];
    }
    claim_init(c);
    c->value = *o;
    if (c->value.port == 0 && (o->kind == KIND_IPV4 || o->kind == KIND_IPV6 || o->kind == KIND_DOMAIN))
        c->value.port = p->port;
    c->flags = p->bad ? 0 : CLAIM_CONTEXT;
    c->labels = p->labels.p ? p->labels : SV("");
    c->meta = write_meta(r, p);
    if (p->own)
        take_own(c, p->own);
    return OK;
}

int report_value(struct report *r, const struct report_part *p, enum kind kind, struct sv text, struct err *e)
{
    struct obs o;
    int rc = kind == KIND_NONE ? obs_guess(r->job->a, text, &o, e) : obs_read(r->job->a, kind, text, &o, e);

    return rc < 0 ? rc : add(r, p, &o, e);
}

int report_text(struct report *r, const struct report_part *p, struct sv text, struct err *e)
{
    struct report_part context = *p;
    struct sv kept = sv_utf8(text) ? claim_note(r->job->a, sv_trim(text)) : SV("");

    if (kept.n == 0)
        return OK;
    context.bad = false;
    return add(r, &context, &(struct obs){.kind = KIND_TEXT, .value = sv_sub(kept, 0, 1024)}, e);
}

struct ranged {
    struct report *r;
    const struct report_part *p;
};

static int add_prefix(void *ctx, const uint8_t ip[16], unsigned bits, struct err *e)
{
    const struct ranged *to = ctx;
    char text[64];
    static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    enum kind kind = bits <= 32 && memcmp(ip, v4, sizeof(v4)) == 0 ? KIND_IPV4 : KIND_IPV6;

    ip_text(ip, bits, text);
    return report_value(to->r, to->p, kind, arena_sv(to->r->job->a, sv_c(text)), e);
}

static int read_ip(struct arena *a, struct sv text, struct obs *ret, struct err *e)
{
    return obs_read(a, sv_chr(text, ':') == SIZE_MAX ? KIND_IPV4 : KIND_IPV6, text, ret, e);
}

int report_address(struct report *r, const struct report_part *p, struct sv text, struct err *e)
{
    size_t dash = sv_chr(text, '-');
    struct obs first, last;
    struct arena *a = r->job->a;

    if (dash == SIZE_MAX) {
        int rc = read_ip(a, text, &first, e);
        return rc < 0 ? rc : add(r, p, &first, e);
    }
    int rc = read_ip(a, sv_trim(sv_sub(text, 0, dash)), &first, e);
    if (rc == OK)
        rc = read_ip(a, sv_trim(sv_sub(text, dash + 1, SIZE_MAX)), &last, e);
    unsigned whole = rc == OK && first.kind == KIND_IPV4 ? 32 : 128;
    if (rc == OK && (first.bits != whole || last.bits != whole))
        rc = err_set(e, ERR_VALUE, "a range stands between two addresses");
    return rc < 0 ? rc : addr_range(&first, &last, add_prefix, &(struct ranged){r, p}, e);
}

static struct sv joined_labels(struct report *r, struct sv own)
{
    struct labels all = r->labels;

    labels_add_words(&all, own);
    return labels_done(&all);
}

/* What a value does not say itself, the report says of all. */
static struct claim_rec complete(const struct claim_rec *common, const struct claim_rec *own)
{
    struct claim_rec c = *common;

    c.value = own->value;
    c.flags |= own->flags;
    c.labels = own->labels;
    c.meta = own->meta;
    if (own->first != USEC_NONE || own->last != USEC_NONE) {
        c.first = own->first;
        c.last = own->last;
    }
    c.valid_from = own->valid_from != USEC_NONE ? own->valid_from : c.valid_from;
    c.valid_until = own->valid_until != USEC_NONE ? own->valid_until : c.valid_until;
    c.confidence = own->confidence >= 0 ? own->confidence : c.confidence;
    if (own->marked) {
        c.marked = true;
        c.tlp = own->tlp;
    }
    return c;
}

int report_emit(struct report *r, const char *format, struct sv type, struct err *why, struct err *e)
{
    const struct intake_sink *sink = r->job->sink;
    const struct claim_rec *common = &r->common;
    int rc = OK;

    if (common->first != USEC_NONE && common->last != USEC_NONE && common->last < common->first) {
        err_set(why, ERR_VALUE, "the incident ends before it begins");
        return OK;
    }
    if (r->n == 0) {
        struct sv text = arena_printf(r->job->a, "%s:%.*s", format, SV_ARG(common->ref));
        rc = report_text(r, &(struct report_part){.role = "report"}, text, why);
        if (rc < 0)
            return error_ends_file(rc) ? (*e = *why).code : OK;
    }
    rc = sink->record(sink->ctx, type, e);
    for (size_t i = 0; rc >= 0 && i < r->n; i++) {
        struct claim_rec c = complete(common, &r->claim[i]);
        c.labels = joined_labels(r, c.labels);
        rc = sink->claim(sink->ctx, &c, e);
    }
    return rc < 0 ? rc : OK;
}
