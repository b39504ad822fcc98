#include "intake/misp.h"

/* One attribute while it is read: at most two claims. */
struct attribute {
    struct jv v;
    struct sv type;
    const struct misp_type *row;
    struct sv value;
    struct sv comment, event_info, event_uuid;
    bool to_ids;
    uint16_t port;
    struct claim_rec common;
    struct claim_rec claims[2];
    size_t n;
};

int misp_reject(struct misp *m, struct sv type, struct sv text, const struct err *why, struct sv context,
                struct err *e)
{
    uint64_t line = span_line(&m->lines, text.p);
    uint64_t offset = m->base_offset + (uint64_t)(text.p - m->lines.start);

    if (why->offset != UINT64_MAX) {
        offset += why->offset;
        line += why->line > 1 ? why->line - 1 : 0;
    }
    return emit_rejected_record(m->job, type, line, offset, why, text, context, e);
}

/* ---- values of MISP's JSON: numbers and truth come as themselves or as text ------------------ */

bool misp_true(struct jv v)
{
    struct sv s = json_str(v);
    bool flag = false;
    int64_t n = 0;

    if (json_bool(v, &flag))
        return flag;
    if (json_i64(v, &n))
        return n != 0;
    return s.n && !sv_eq(s, SV("0")) && !sv_ieq(s, SV("false"));
}

struct sv misp_text(struct arena *a, struct jv v)
{
    struct buf b;

    switch (json_type(v)) {
    case JSON_STRING:
        return json_str(v);
    case JSON_INT:
    case JSON_UINT:
    case JSON_FLOAT:
    case JSON_BOOL:
        break;
    default:
        return SV_NONE;
    }
    buf_init(&b, 64);
    json_add(&b, v);
    struct sv copy = b.failed ? SV_NONE : arena_sv(a, buf_sv(&b));
    buf_clear(&b);
    return copy;
}

int misp_time(struct jv v, const struct zone *zone, usec *ret, struct err *e)
{
    struct sv s = sv_trim(json_str(v));
    uint64_t seconds = 0;
    int64_t n = 0;
    double d = 0;

    *ret = USEC_NONE;
    if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL || (json_type(v) == JSON_STRING && s.n == 0))
        return OK;
    if (json_i64(v, &n) && n >= 0)
        seconds = (uint64_t)n;
    else if (json_type(v) == JSON_FLOAT && json_f64(v, &d) && d >= 0 && d < 253402300800.0)
        seconds = (uint64_t)d;
    else if (json_type(v) != JSON_STRING)
        return err_set(e, ERR_VALUE, "a time here is seconds since 1970 or RFC 3339 text");
    else if (!sv_u64(s, &seconds))
        return time_parse(s, &(struct time_opts){.fallback = zone, .allow_unix = true}, ret, e);
    if (seconds >= 253402300800u)
        return err_set(e, ERR_VALUE, "the time %llu is beyond the year 9999", (unsigned long long)seconds);
    if (seconds > 0)
        *ret = (usec)seconds * USEC_SECOND;
    return OK;
}

/* ---- what all claims of an attribute share --------------------------------------------------- */

/* MISP's taxonomy `misp`, predicate confidence-level, with the numbers it gives to its words; -1 for other
 * tags. */
static int confidence_of(struct sv tag)
{
    static const struct {
        const char *word;
        int confidence;
    } words[] = {{"completely-confident", 100},
                 {"usually-confident", 75},
                 {"fairly-confident", 50},
                 {"rarely-confident", 25},
                 {"unconfident", 0}};
    const struct sv head = SV("misp:confidence-level=\"");

    if (!sv_istarts(tag, head) || tag.p[tag.n - 1] != '"' || tag.n == head.n)
        return -1;
    struct sv word = sv_sub(tag, head.n, tag.n - head.n - 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (sv_ieq(word, sv_c(words[i].word)))
            return words[i].confidence;
    return -1;
}

/* An attribute's own tag is more precise than its event's. */
static void read_confidence(struct claim_rec *c, struct sv tag, bool of_event)
{
    int confidence = confidence_of(tag);
    if (confidence >= 0 && (!of_event || c->confidence < 0))
        c->confidence = confidence;
}

static void read_labels(struct misp *m, struct attribute *t)
{
    const struct misp_head *h = &m->head;
    struct json_it it = json_each(json_get(t->v, SV("Tag")));
    struct labels labels;
    struct sv key;
    struct jv tag;

    labels_init(&labels, m->job->a);
    t->common.marked = h->marked;
    t->common.tlp = h->tlp;
    while (json_next(&it, &key, &tag)) {
        struct sv name = misp_tag_name(tag);
        read_confidence(&t->common, name, false);
        if (misp_is_tlp(name))
            misp_marking(name, &t->common.marked, &t->common.tlp);
        else
            labels_add(&labels, name);
    }
    for (size_t i = 0; i < h->ntags; i++) {
        read_confidence(&t->common, h->tags[i], true);
        labels_add(&labels, h->tags[i]);
    }
    /* Which of the types with the same kind of value it is would be lost else. */
    const char *usual = t->row->composite ? NULL : misp_kind_type(t->row->first, NULL);
    if (t->to_ids && usual && !sv_eq(t->type, sv_c(usual)))
        labels_add(&labels, arena_printf(m->job->a, "misp:type=\"%s\"", t->row->name));
    t->common.labels = labels_done(&labels);
}

static int read_times(struct misp *m, struct attribute *t, struct err *e)
{
    const struct zone *zone = m->job->opts->zone;
    struct claim_rec *c = &t->common;
    int rc = misp_time(json_get(t->v, SV("timestamp")), zone, &c->modified, e);

    if (rc == OK)
        rc = misp_time(json_get(t->v, SV("first_seen")), zone, &c->first, e);
    if (rc == OK)
        rc = misp_time(json_get(t->v, SV("last_seen")), zone, &c->last, e);
    if (c->modified == USEC_NONE)
        c->modified = m->head.timestamp;
    if (c->first == USEC_NONE)
        c->first = m->object.first;
    if (c->last == USEC_NONE)
        c->last = m->object.last;
    return rc;
}

static void meta_text(struct jw *w, const char *key, struct sv value)
{
    if (value.n)
        jw_kstr(w, key, value);
}

static struct sv write_meta(struct misp *m, const struct attribute *t)
{
    struct jw w;

    buf_reset(&m->text);
    jw_init(&w, &m->text);
    jw_obj(&w);
    meta_text(&w, "category", json_get_str(t->v, SV("category")));
    meta_text(&w, "event", t->event_uuid);
    meta_text(&w, "object", m->object.name);
    meta_text(&w, "object_uuid", m->object.uuid);
    meta_text(&w, "relation", json_get_str(t->v, SV("object_relation")));
    if (t->port)
        jw_kint(&w, "port", t->port);
    jw_end_obj(&w);
    struct sv meta = m->text.n > 2 ? arena_sv(m->job->a, buf_sv(&m->text)) : SV("");
    return meta.p ? meta : SV("");
}

static int read_common(struct misp *m, struct attribute *t, struct err *e)
{
    struct claim_rec *c = &t->common;
    struct jv event = json_get(t->v, SV("Event")); /* in the answer of an attribute search */
    struct sv own = json_get_str(t->v, SV("uuid"));

    claim_init(c);
    t->event_info = m->head.info.n ? m->head.info : json_get_str(event, SV("info"));
    t->event_uuid = m->head.uuid.n ? m->head.uuid : json_get_str(event, SV("uuid"));
    t->comment = sv_trim(json_get_str(t->v, SV("comment")));
    if (t->comment.n == 0)
        t->comment = m->object.comment;
    c->ref = own.n ? own : SV("");
    c->note = claim_note(m->job->a, t->comment.n ? t->comment : t->event_info);
    t->to_ids = misp_true(json_get(t->v, SV("to_ids")));
    if (!t->to_ids || t->row->how & MISP_CONTEXT)
        c->flags |= CLAIM_CONTEXT;
    if (m->object.deleted || misp_true(json_get(t->v, SV("deleted"))))
        c->flags |= CLAIM_REVOKED;
    read_labels(m, t);
    return read_times(m, t, e);
}

/* ---- values ---------------------------------------------------------------------------------- */

static struct claim_rec *add_claim(struct attribute *t)
{
    t->claims[t->n] = t->common;
    return &t->claims[t->n++];
}

/* Not by printf: texts may hold NUL. SV_NONE without memory. */
static struct sv join(struct arena *a, struct sv first, struct sv between, struct sv second)
{
    char *p = arena_alloc(a, first.n + between.n + second.n + 1);

    if (!p)
        return SV_NONE;
    memcpy(p, first.p, first.n);
    memcpy(p + first.n, between.p, between.n);
    memcpy(p + first.n + between.n, second.p, second.n);
    return sv_from(p, first.n + between.n + second.n);
}

/* The beginning of a long text, told apart from others that begin so by its hash. */
static struct sv cut_text(struct arena *a, struct sv value)
{
    struct sha256 sha = sha256_of(value);
    size_t n = MISP_TEXT_BYTES;
    char tail[80], hash[17];

    while (n > 0 && ((unsigned char)value.p[n] & 0xC0) == 0x80)
        n--;
    hex_text(sha.b, 8, hash);
    (void)snprintf(tail, sizeof(tail), "... (%zu bytes, sha256 %s)", value.n, hash);
    return join(a, sv_sub(value, 0, n), SV(""), sv_c(tail));
}

/* "type: value". A long value is cut, and kept in the note as far as notes go. */
static int add_text(struct misp *m, struct attribute *t, struct sv value, struct err *e)
{
    struct arena *a = m->job->a;
    struct claim_rec *c = add_claim(t);
    bool cut = value.n > MISP_TEXT_BYTES;
    struct sv text = cut ? cut_text(a, value) : value;

    c->flags |= CLAIM_CONTEXT;
    if (cut)
        c->note = c->note.n ? join(a, c->note, SV("\n"), claim_note(a, value)) : claim_note(a, value);
    c->value = (struct obs){.kind = KIND_TEXT, .value = text.p ? join(a, t->type, SV(": "), text) : SV_NONE};
    return c->value.value.p && c->note.p ? OK : err_set(e, ERR_LIMIT, "the attribute is too long");
}

static int read_ip(struct arena *a, struct sv text, struct obs *ret, struct err *e)
{
    int rc = obs_read(a, KIND_IPV4, text, ret, NULL);

    return rc == OK ? rc : obs_read(a, KIND_IPV6, text, ret, e);
}

/* People write hosts and paths without a scheme into "url" as well. */
static int read_url(struct arena *a, struct sv text, struct obs *ret, struct err *e)
{
    struct obs guess;
    int rc = obs_read(a, KIND_URL, text, ret, e);

    if (rc == OK || obs_guess(a, text, &guess, NULL) < 0)
        return rc;
    if (guess.kind != KIND_URL && guess.kind != KIND_DOMAIN && guess.kind != KIND_IPV4 &&
        guess.kind != KIND_IPV6)
        return rc;
    *ret = guess;
    return OK;
}

static int read_value(struct arena *a, enum kind kind, bool ip, struct sv text, struct obs *ret,
                      struct err *e)
{
    if (ip)
        return read_ip(a, text, ret, e);
    if (kind == KIND_URL)
        return read_url(a, text, ret, e);
    return obs_read(a, kind, text, ret, e);
}

static int add_value(struct misp *m, struct attribute *t, enum kind kind, bool ip, struct sv text,
                     struct err *e)
{
    struct obs o;

    if (kind == KIND_TEXT)
        return add_text(m, t, text, e);
    int rc = read_value(m->job->a, kind, ip, text, &o, e);
    if (rc < 0 && t->row->how & MISP_SOFT && !error_ends_file(rc))
        return add_text(m, t, text, e);
    if (rc == OK)
        add_claim(t)->value = o;
    return rc;
}

/* The '|' between the parts: a file's name may hold one, its hash does not. */
static int split(struct attribute *t, struct sv *ret_first, struct sv *ret_second, struct err *e)
{
    size_t at = t->row->first == KIND_FILENAME ? sv_rchr(t->value, '|') : sv_chr(t->value, '|');

    if (at == SIZE_MAX)
        return err_set(e, ERR_VALUE, "the value of %.80s should have two parts with '|' between them",
                       t->row->name);
    *ret_first = sv_trim(sv_sub(t->value, 0, at));
    *ret_second = sv_trim(sv_sub(t->value, at + 1, SIZE_MAX));
    if (ret_first->n == 0 || ret_second->n == 0)
        return err_set(e, ERR_VALUE, "one of the two parts of the value is empty");
    return OK;
}

static int read_port(struct attribute *t, struct sv text, struct err *e)
{
    uint64_t port = 0;
    char shown[40];

    if (!sv_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return err_set(e, ERR_VALUE, "\"%s\" is no port", sv_show(text, shown, sizeof(shown)));
    t->port = (uint16_t)port;
    return OK;
}

static int read_composite(struct misp *m, struct attribute *t, struct err *e)
{
    const struct misp_type *row = t->row;
    struct sv first = SV_NONE, second = SV_NONE;
    int rc = split(t, &first, &second, e);

    if (rc == OK && row->how & MISP_PORT)
        rc = read_port(t, second, e);
    if (rc == OK)
        rc = add_value(m, t, row->first, row->how & MISP_IP, first, e);
    if (rc < 0)
        return rc;
    if (row->how & MISP_FIRST_CONTEXT)
        t->claims[0].flags |= CLAIM_CONTEXT;
    t->claims[0].value.port = t->port;
    if (row->second == KIND_NONE)
        return OK;
    return add_value(m, t, row->second, row->second_ip, second, e);
}

static int read_values(struct misp *m, struct attribute *t, struct err *e)
{
    struct sv value = misp_text(m->job->a, json_get(t->v, SV("value")));

    t->value = sv_trim(value);
    if (value.p == NULL)
        return err_set(e, ERR_VALUE, "the attribute has no value");
    if (t->value.n == 0)
        return err_set(e, ERR_VALUE, "the attribute's value is empty");
    int rc = t->row->composite ? read_composite(m, t, e)
                               : add_value(m, t, t->row->first, t->row->how & MISP_IP, t->value, e);
    if (rc < 0)
        return rc;
    struct sv meta = write_meta(m, t);
    for (size_t i = 0; i < t->n; i++)
        t->claims[i].meta = meta;
    return OK;
}

/* ---- one attribute --------------------------------------------------------------------------- */

static int read_attribute(struct misp *m, struct sv text, struct attribute *t, struct err *e)
{
    int rc = json_parse(m->doc, text, &t->v, e);

    if (rc < 0)
        return rc;
    if (json_type(t->v) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "an attribute is a JSON object");
    struct sv type = sv_trim(json_get_str(t->v, SV("type")));
    if (type.n == 0 || type.n > 100)
        return err_set(e, ERR_VALUE, "the attribute has no type");
    t->type = type;
    t->row = misp_type_find(type);
    rc = read_common(m, t, e);
    return rc < 0 ? rc : read_values(m, t, e);
}

static struct sv raw_type(struct sv text)
{
    struct sv type = span_str(span_get(text, SV("type")));

    return type.n > 0 && type.n <= 100 && sv_utf8(type) ? type : SV("unknown");
}

int misp_attribute(struct misp *m, struct sv text, struct err *e)
{
    const struct intake_sink *sink = m->job->sink;
    struct attribute t = {.type = SV_NONE};
    struct err why = ERR_NONE;

    arena_reset(m->job->a);
    int rc = read_attribute(m, text, &t, &why);
    if (rc < 0 && error_ends_file(rc))
        return (*e = why).code;
    if (rc < 0)
        return misp_reject_part(m, "attribute", t.type.n ? t.type : raw_type(text), text, &why, e);
    rc = sink->record(sink->ctx, t.type, e);
    for (size_t i = 0; rc == OK && i < t.n; i++)
        rc = sink->claim(sink->ctx, &t.claims[i], e);
    const struct misp_said said = {.type = t.type,
                                   .value = t.value,
                                   .category = json_get_str(t.v, SV("category")),
                                   .uuid = t.common.ref,
                                   .common = &t.common,
                                   .claim = t.claims,
                                   .n = t.n,
                                   .to_ids = t.to_ids};
    return rc == OK ? misp_made(m, &said, e) : rc;
}
