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

/*
 * A version is made of the attribute alone, not of what its event says besides: the same attribute in another
 * export of the event is the same version. Only the marking is inherited; a stricter one is a newer version.
 */
static usec version_of(usec at, bool marked, enum tlp tlp)
{
    return at - at % USEC_SECOND + (marked ? (usec)tlp + 1 : 0) * 1000;
}

static void write_head(struct misp *m, struct jw *w, const char *type, const struct misp_said *s)
{
    usec at = time_of(m, s->common);

    jw_kstr(w, "type", sv_c(type));
    jw_kstr(w, "spec_version", SV("2.1"));
    write_id(w, type, s);
    write_time(w, "created", at - at % USEC_SECOND);
    write_time(w, "modified", version_of(at, s->common->marked, s->common->tlp));
    if (s->common->flags & CLAIM_REVOKED)
        jw_kbool(w, "revoked", true);
    if (strcmp(type, "indicator") == 0)
        write_time(w, "valid_from", at - at % USEC_SECOND);
    jw_kstr(w, "name", sv_sub(s->value, 0, 256));
    jw_key(w, "labels");
    jw_arr(w);
    add_label(w, m->job->a, "type", s->type);
    add_label(w, m->job->a, "category", s->category);
    jw_end_arr(w);
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

/* ---- a MISP object: kept as MISP's own converter keeps objects that STIX has no type for ------- */

static void copy_text(struct misp *m, struct jw *w, struct jv from, const char *key, const char *to)
{
    struct sv text = misp_text(m->job->a, json_get(from, sv_c(key)));

    if (text.n)
        jw_kstr(w, to, text);
}

/* What the attributes make of their object. */
struct whole {
    bool marked;
    enum tlp tlp;
    usec at; /* the newest time among them */
};

static bool is_deleted(struct jv part)
{
    return misp_true(json_get(part, SV("deleted")));
}

/* One attribute; bytes of files are not taken over. Its own marking holds for the whole. */
static void write_member(struct misp *m, struct jw *w, struct jv attribute, struct whole *o)
{
    struct json_it it = json_each(json_get(attribute, SV("Tag")));
    struct err ignored = ERR_NONE;
    usec at;
    struct sv key;
    struct jv tag;

    while (json_next(&it, &key, &tag))
        if (misp_is_tlp(misp_tag_name(tag)))
            misp_marking(misp_tag_name(tag), &o->marked, &o->tlp);
    if (misp_time(json_get(attribute, SV("timestamp")), m->job->opts->zone, &at, &ignored) == OK &&
        at > o->at)
        o->at = at;
    jw_obj(w);
    copy_text(m, w, attribute, "uuid", "uuid");
    copy_text(m, w, attribute, "type", "type");
    copy_text(m, w, attribute, "category", "category");
    copy_text(m, w, attribute, "object_relation", "object_relation");
    copy_text(m, w, attribute, "value", "value");
    copy_text(m, w, attribute, "comment", "comment");
    jw_kbool(w, "to_ids", misp_true(json_get(attribute, SV("to_ids"))));
    jw_end_obj(w);
}

static size_t write_members(struct misp *m, struct jw *w, struct jv object, struct whole *o)
{
    struct json_it it = json_each(json_get(object, SV("Attribute")));
    struct sv key;
    struct jv attribute;
    size_t n = 0;

    jw_key(w, "x_misp_attributes");
    jw_arr(w);
    while (json_next(&it, &key, &attribute)) {
        if (json_type(attribute) != JSON_OBJECT || is_deleted(attribute))
            continue;
        write_member(m, w, attribute, o);
        n++;
    }
    jw_end_arr(w);
    return n;
}

static size_t write_object(struct misp *m, struct jv object, struct whole *o)
{
    char id[64];
    struct jw w;

    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("x-misp-object"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    (void)snprintf(id, sizeof(id), "x-misp-object--%.*s", SV_ARG(m->object.uuid));
    jw_kstr(&w, "id", sv_c(id));
    if (m->object.deleted)
        jw_kbool(&w, "revoked", true);
    jw_key(&w, "labels");
    jw_arr(&w);
    add_label(&w, m->job->a, "name", m->object.name);
    jw_end_arr(&w);
    jw_kstr(&w, "x_misp_name", m->object.name);
    copy_text(m, &w, object, "meta-category", "x_misp_meta_category");
    copy_text(m, &w, object, "template_uuid", "x_misp_template_uuid");
    copy_text(m, &w, object, "template_version", "x_misp_template_version");
    copy_text(m, &w, object, "comment", "x_misp_comment");
    size_t n = write_members(m, &w, object, o);
    if (o->at == USEC_NONE)
        return 0;
    write_time(&w, "created", o->at - o->at % USEC_SECOND);
    write_time(&w, "modified", version_of(o->at, o->marked, o->tlp));
    misp_write_marking(&w, o->marked, o->tlp);
    jw_end_obj(&w);
    return n;
}

int misp_object_made(struct misp *m, struct sv text, struct err *e)
{
    struct err why = ERR_NONE;
    struct jv object = {0};
    struct whole o = {.marked = m->head.marked, .tlp = m->head.tlp, .at = USEC_NONE};

    arena_reset(m->job->a);
    if (m->object.uuid.n == 0 || m->object.name.n == 0 || json_parse(m->doc, text, &object, &why) < 0 ||
        misp_time(json_get(object, SV("timestamp")), m->job->opts->zone, &o.at, &why) < 0 ||
        write_object(m, object, &o) == 0)
        return OK;
    int rc = stix2_made(&m->stix, buf_sv(&m->text), &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    return OK; /* its attributes are kept as claims */
}
