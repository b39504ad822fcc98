/* An attribute that says more than its values, stated as bad, is also kept as the indicator it is: the pair
 * of name and hash, the port beside an address, a rule. */
#include "intake/misp.h"

static usec time_of(const struct misp *m, const struct claim_rec *c)
{
    return c->modified != USEC_NONE         ? c->modified
           : c->last != USEC_NONE           ? c->last
           : m->head.timestamp != USEC_NONE ? m->head.timestamp
                                            : m->head.date;
}

/* Parts that are addresses or names in their one spelling, so that lists which hold them find them. */
static struct sv said(struct misp *m, const struct misp_said *s)
{
    struct sv part[2] = {s->value, SV_NONE};
    size_t at = sv_chr(s->value, '|');

    if (at == SIZE_MAX || s->n == 0)
        return s->value;
    part[0] = sv_sub(s->value, 0, at);
    part[1] = sv_sub(s->value, at + 1, SIZE_MAX);
    for (size_t i = 0; i < s->n && i < 2; i++) {
        enum kind kind = s->claim[i].value.kind;
        if (kind == KIND_IPV4 || kind == KIND_IPV6 || kind == KIND_DOMAIN)
            part[i] = s->claim[i].value.value;
        else if (i == 0)
            return s->value;
    }
    size_t n = part[0].n + 1 + part[1].n;
    char *p = arena_alloc(m->job->a, n);
    if (!p)
        return s->value;
    memcpy(p, part[0].p, part[0].n);
    p[part[0].n] = '|';
    memcpy(p + part[0].n + 1, part[1].p, part[1].n);
    return sv_from(p, n);
}

static void write_id(struct jw *w, const char *type, const struct misp_said *s)
{
    static const struct uuid ns = {
        {0x4d, 0x69, 0x73, 0x70, 0x0f, 0x21, 0x4b, 0x9e, 0x8a, 0x11, 0x6e, 0x6f, 0x72, 0x6f, 0x73, 0x68}};
    struct uuid u;
    char uuid[37], id[64];

    if (!uuid_parse(s->uuid, &u) || uuid_nil(u)) {
        const struct sv parts[] = {s->type, SV("\n"), s->value};
        struct sha256 sum = sha256_parts(parts, 3);
        u = uuid_v5(ns, sv_from((const char *)sum.b, sizeof(sum.b)));
    }
    uuid_text(u, uuid);
    (void)snprintf(id, sizeof(id), "%s--%s", type, uuid);
    jw_kstr(w, "id", sv_c(id));
}

static void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];

    time_text(t, text);
    jw_kstr(w, key, sv_c(text));
}

static void add_label(struct jw *w, struct arena *a, const char *key, struct sv value)
{
    struct sv label = value.n ? arena_printf(a, "misp:%s=\"%.*s\"", key, SV_ARG(value)) : SV_NONE;

    if (label.p)
        jw_str(w, label);
}

static void write_labels(struct misp *m, struct jw *w, const struct misp_said *s)
{
    struct sv words = s->common->labels, word;

    jw_key(w, "labels");
    jw_arr(w);
    add_label(w, m->job->a, "type", s->type);
    add_label(w, m->job->a, "category", s->category);
    while (words.n && sv_cut(&words, ' ', &word))
        if (word.n)
            jw_str(w, word);
    jw_end_arr(w);
}

static void write_head(struct misp *m, struct jw *w, const char *type, const struct misp_said *s)
{
    usec at = time_of(m, s->common), first = s->common->first;

    jw_kstr(w, "type", sv_c(type));
    jw_kstr(w, "spec_version", SV("2.1"));
    write_id(w, type, s);
    write_time(w, "created", at);
    write_time(w, "modified", at);
    if (s->common->flags & CLAIM_REVOKED)
        jw_kbool(w, "revoked", true);
    if (strcmp(type, "indicator") == 0)
        write_time(w, "valid_from", first != USEC_NONE && first < at ? first : at);
    jw_kstr(w, "name", sv_sub(s->value, 0, 256));
    if (s->common->note.n)
        jw_kstr(w, "description", s->common->note);
    write_labels(m, w, s);
    misp_write_marking(w, s->common->marked, s->common->tlp);
}

static bool write_indicator(struct misp *m, struct jw *w, const struct misp_said *s)
{
    struct buf pattern;
    struct sv language;

    buf_init(&pattern, MISP_HEAD_BYTES);
    bool made = misp_pattern(s->type, said(m, s), &pattern, &language);
    if (made) {
        write_head(m, w, "indicator", s);
        jw_kstr(w, "pattern", buf_sv(&pattern));
        jw_kstr(w, "pattern_type", language);
    }
    buf_clear(&pattern);
    return made;
}

int misp_made(struct misp *m, const struct misp_said *s, struct err *e)
{
    struct err why = ERR_NONE;
    struct jw w;
    bool campaign = sv_eq(s->type, SV("campaign-name"));

    if (time_of(m, s->common) == USEC_NONE || (!campaign && !s->to_ids) || !sv_utf8(s->value))
        return OK;
    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    if (campaign)
        write_head(m, &w, "campaign", s);
    else if (!write_indicator(m, &w, s))
        return OK;
    jw_end_obj(&w);
    int rc = stix2_made(&m->stix, buf_sv(&m->text), &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    return OK; /* its values are kept as claims */
}
