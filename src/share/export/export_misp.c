/*
 * MISP: attributes, and one event of everything (MISP core format). Every uuid is made from what it names, so
 * that the same export updates the same event.
 */
#include "share/export/export_misp.h"

static const struct uuid MISP_NAMESPACE = {
    {0x91, 0x4c, 0x0d, 0x77, 0x52, 0x38, 0x4a, 0x29, 0xb6, 0x0e, 0x6e, 0x6f, 0x72, 0x6f, 0x73, 0x68}};

/* ---- types */

/* Only what MISP has a type for: Bitcoin by its three forms, Monero by its length and first digit. */
static const char *wallet_type(struct sv v)
{
    if (sv_starts(v, SV("bc1")) || (v.n <= 35 && (v.p[0] == '1' || v.p[0] == '3'))) {
        return "btc";
    }
    if (v.n == 34 && v.p[0] == 'X') {
        return "dash";
    }
    return v.n >= 95 && (v.p[0] == '4' || v.p[0] == '8') ? "xmr" : NULL;
}

const char *misp_type_of(const struct obs *o, const char **ret_category)
{
    const char *type = misp_kind_type(o->kind, ret_category);
    return o->kind == KIND_WALLET ? wallet_type(o->value) : type;
}

/* ---- one attribute */

void misp_uuid(const char *what, struct sv a, struct sv b, struct sv c, char ret[37])
{
    struct buf name;
    buf_init(&name, 1u << 20);
    buf_str(&name, sv_c(what));
    buf_str(&name, a);
    buf_str(&name, b);
    buf_str(&name, c);
    uuid_text(uuid_v5(MISP_NAMESPACE, buf_sv(&name)), ret);
    buf_clear(&name);
}

void misp_seconds(struct jw *w, const char *key, usec t)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)(t == USEC_NONE ? 0 : t / USEC_SECOND));
    jw_kstr(w, key, sv_c(text));
}

static void tag(struct jw *w, struct sv name)
{
    jw_obj(w);
    jw_kstr(w, "name", name);
    jw_end_obj(w);
}

void misp_tlp_tag(struct jw *w, enum tlp tlp)
{
    static const char *const names[] = {"tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict"};
    tag(w, sv_c(names[tlp < TLP_RED ? tlp : TLP_AMBER_STRICT]));
}

static void write_tags(struct jw *w, enum tlp tlp, char grade, struct sv labels)
{
    char text[64];
    struct sv label;
    jw_key(w, "Tag");
    jw_arr(w);
    misp_tlp_tag(w, tlp);
    snprintf(text, sizeof(text), "admiralty-scale:source-reliability=\"%c\"", grade - 'A' + 'a');
    tag(w, sv_c(text));
    while (labels.n && sv_cut(&labels, ' ', &label)) {
        if (label.n && !sv_istarts(label, SV("tlp:")) && !sv_istarts(label, SV("admiralty-scale:")) &&
            !sv_starts(label, SV("misp:type=")) && !sv_starts(label, SV("misp:category="))) {
            tag(w, label);
        }
    }
    jw_end_arr(w);
}

static void time_member(struct jw *w, const char *key, usec t)
{
    char text[32];
    text_time(t, text);
    if (text[0]) {
        jw_kstr(w, key, sv_c(text));
    }
}

/* The next type that a label names and that fits a value of this kind. */
static const char *next_type(struct sv *labels, enum kind kind)
{
    const struct sv head = SV("misp:type=\"");
    struct sv label;
    while (labels->n && sv_cut(labels, ' ', &label)) {
        const char *type = sv_starts(label, head) && sv_ends(label, SV("\""))
                               ? misp_type_fits(sv_sub(label, head.n, label.n - head.n - 1), kind)
                               : NULL;
        if (type) {
            return type;
        }
    }
    return NULL;
}

static void write_one(struct exporter *x, const struct misp_attribute *t, const char *type,
                      const char *category)
{
    char uuid[37];
    struct buf about;
    struct jw w;
    buf_init(&about, 1u << 16);
    text_about(&about, t->g, "");
    misp_uuid("attribute", t->event, sv_c(type), t->g->value.value, uuid);
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_kstr(&w, "uuid", sv_c(uuid));
    jw_kstr(&w, "type", sv_c(type));
    jw_kstr(&w, "category", sv_c(category));
    jw_kstr(&w, "value", t->g->value.value);
    jw_kbool(&w, "to_ids", true);
    jw_kbool(&w, "disable_correlation", false);
    misp_seconds(&w, "timestamp", t->last);
    time_member(&w, "first_seen", t->first);
    time_member(&w, "last_seen", t->last);
    jw_kstr(&w, "comment", buf_sv(&about));
    write_tags(&w, t->tlp, t->grade, t->labels);
    jw_end_obj(&w);
    buf_clear(&about);
}

bool misp_attribute_write(struct exporter *x, const struct misp_attribute *t)
{
    const char *category = NULL, *usual = misp_type_of(&t->g->value, &category), *type;
    struct sv labels = t->labels;
    size_t n = 0;
    if (!usual) {
        return false;
    }
    while ((type = next_type(&labels, t->g->value.kind)) != NULL) {
        buf_add(&x->out, n++ ? SV(",\n") : SV(""));
        write_one(x, t, type, category);
    }
    if (n == 0) {
        write_one(x, t, usual, category);
    }
    return true;
}

void misp_org(struct exporter *x, struct jw *w)
{
    char uuid[37];
    misp_uuid("org", sv_c(x->o->node), SV(""), SV(""), uuid);
    jw_key(w, "Orgc");
    jw_obj(w);
    jw_kstr(w, "name", sv_c(x->o->node));
    jw_kstr(w, "uuid", sv_c(uuid));
    jw_end_obj(w);
}

void misp_date(struct jw *w, usec t)
{
    char text[32];
    time_text(t == USEC_NONE ? 0 : t, text);
    jw_kstr(w, "date", sv_sub(sv_c(text), 0, 10));
}

/* ---- one event of everything */

struct event_state {
    char uuid[37];
    usec newest;
    bool any;
    bool objects; /* the list of attributes is closed, that of objects open */
};

static int begin_event(struct exporter *x, struct err *e)
{
    struct event_state *s = x->state;
    struct buf key;
    struct jw w;
    buf_init(&key, 1u << 20);
    export_key(x->format, x->o, &key);
    misp_uuid("event", buf_sv(&key), SV(""), SV(""), s->uuid);
    buf_clear(&key);
    s->newest = USEC_NONE;
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_key(&w, "Event");
    jw_obj(&w);
    jw_kstr(&w, "uuid", sv_c(s->uuid));
    jw_kstr(&w, "info", SV("Indicators in force, exported by Noroshi"));
    misp_org(x, &w);
    jw_kstr(&w, "analysis", SV("2"));
    jw_kstr(&w, "threat_level_id", SV("4"));
    jw_kstr(&w, "distribution", SV("0"));
    jw_kbool(&w, "published", true);
    buf_add(&x->out, SV(",\"Attribute\":["));
    return OK;
}

static int event_value(struct exporter *x, const struct given *g, struct err *e)
{
    struct event_state *s = x->state;
    const struct misp_attribute t = {.g = g,
                                     .event = sv_c(s->uuid),
                                     .tlp = g->tlp,
                                     .grade = grade_best(g),
                                     .first = g->first,
                                     .last = g->last,
                                     .labels = g->labels};
    const char *category = NULL;
    if (!misp_type_of(&g->value, &category)) {
        return LEFT(LEFT_KIND);
    }
    buf_add(&x->out, s->any ? SV(",\n") : SV("\n"));
    s->any = true;
    s->newest = g->last > s->newest ? g->last : s->newest;
    (void)misp_attribute_write(x, &t);
    return OK;
}

/* ---- stored objects that say more than one value: a pair, a rule, a campaign */

static struct sv label_of(struct jv object, struct sv head)
{
    struct json_it it = json_each(json_get(object, SV("labels")));
    struct sv key;
    struct jv v;
    while (json_next(&it, &key, &v)) {
        struct sv label = json_str(v);
        if (sv_starts(label, head) && sv_ends(label, SV("\"")) && label.n > head.n) {
            return sv_sub(label, head.n, label.n - head.n - 1);
        }
    }
    return SV("");
}

static bool read_object(struct exporter *x, const struct given_object *g, struct sv *ret_type,
                        struct sv *ret_value)
{
    struct sv type = label_of(g->object, SV("misp:type=\""));
    if (sv_eq(g->type, SV("campaign"))) {
        *ret_type = SV("campaign-name");
        *ret_value = g->name;
        return sv_eq(type, *ret_type) && g->name.n;
    }
    return sv_eq(g->type, SV("indicator")) && g->compound &&
           misp_of_pattern(g->pattern, g->pattern_type, type, &x->a, ret_type, ret_value);
}

static void copy(struct jw *w, struct jv from, const char *key, const char *to)
{
    struct sv text = json_get_str(from, sv_c(key));
    if (text.n) {
        jw_kstr(w, to, text);
    }
}

/* What intake keeps a MISP object as (src/intake/misp_made.c). Objects come by id, so these come last. */
static void write_misp_object(struct exporter *x, const struct given_object *g, struct sv uuid)
{
    struct event_state *s = x->state;
    struct json_it it = json_each(json_get(g->object, SV("x_misp_attributes")));
    struct sv key;
    struct jv attribute;
    struct jw w;
    buf_add(&x->out, s->objects ? SV(",\n") : SV("],\"Object\":[\n"));
    s->objects = true;
    s->newest = g->modified > s->newest ? g->modified : s->newest;
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_kstr(&w, "uuid", uuid);
    copy(&w, g->object, "x_misp_name", "name");
    copy(&w, g->object, "x_misp_meta_category", "meta-category");
    copy(&w, g->object, "x_misp_template_uuid", "template_uuid");
    copy(&w, g->object, "x_misp_template_version", "template_version");
    copy(&w, g->object, "x_misp_comment", "comment");
    misp_seconds(&w, "timestamp", g->modified);
    jw_key(&w, "Attribute");
    jw_arr(&w);
    while (json_next(&it, &key, &attribute)) {
        bool to_ids = false;
        (void)json_bool(json_get(attribute, SV("to_ids")), &to_ids);
        jw_obj(&w);
        copy(&w, attribute, "uuid", "uuid");
        copy(&w, attribute, "type", "type");
        copy(&w, attribute, "category", "category");
        copy(&w, attribute, "object_relation", "object_relation");
        copy(&w, attribute, "value", "value");
        copy(&w, attribute, "comment", "comment");
        jw_kbool(&w, "to_ids", to_ids);
        misp_seconds(&w, "timestamp", g->modified);
        write_tags(&w, g->tlp, g->reliability, SV(""));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
}

static int event_object(struct exporter *x, const struct given_object *g, struct err *e)
{
    struct event_state *s = x->state;
    struct sv type, value, category = label_of(g->object, SV("misp:category=\""));
    size_t dashes = sv_find(g->id, SV("--"));
    struct buf about;
    struct jw w;
    char until[32];
    if (x->o->objects && dashes != SIZE_MAX && sv_eq(g->type, SV("x-misp-object"))) {
        write_misp_object(x, g, sv_sub(g->id, dashes + 2, SIZE_MAX));
        return OK;
    }
    if (s->objects || (filters_values(x) && !x->o->objects) || !read_object(x, g, &type, &value) ||
        dashes == SIZE_MAX) {
        return NOT_MEANT;
    }
    buf_init(&about, 1u << 16);
    text_time(g->until, until);
    buf_printf(&about, "%s; ", tlp_name(g->tlp));
    text_safe(&about, g->source_name, "");
    buf_printf(&about, " (%c); %s%s", g->reliability, until[0] ? "until " : "no end", until);
    buf_add(&x->out, s->any ? SV(",\n") : SV("\n"));
    s->any = true;
    s->newest = g->modified > s->newest ? g->modified : s->newest;
    jw_init(&w, &x->out);
    jw_obj(&w);
    jw_kstr(&w, "uuid", sv_sub(g->id, dashes + 2, SIZE_MAX));
    jw_kstr(&w, "type", type);
    jw_kstr(&w, "category", category.n ? category : SV("Other"));
    jw_kstr(&w, "value", value);
    jw_kbool(&w, "to_ids", sv_eq(g->type, SV("indicator")));
    misp_seconds(&w, "timestamp", g->modified);
    jw_kstr(&w, "comment", buf_sv(&about));
    write_tags(&w, g->tlp, g->reliability, SV(""));
    jw_end_obj(&w);
    buf_clear(&about);
    return OK;
}

static int end_event(struct exporter *x, struct err *e)
{
    const struct event_state *s = x->state;
    struct buf rest;
    struct jw w;
    buf_init(&rest, 1u << 16);
    jw_init(&w, &rest);
    jw_obj(&w);
    misp_date(&w, s->newest);
    misp_seconds(&w, "timestamp", s->newest);
    jw_key(&w, "Tag");
    jw_arr(&w);
    misp_tlp_tag(&w, x->report->tlp);
    jw_end_arr(&w);
    jw_end_obj(&w);
    buf_add(&x->out, SV("],"));
    buf_add(&x->out, sv_sub(buf_sv(&rest), 1, SIZE_MAX)); /* into the open event */
    buf_add(&x->out, SV("}\n"));
    buf_clear(&rest);
    return OK;
}

const struct export_format export_misp = {
    .name = "misp",
    .type = "application/json",
    .extension = "json",
    .text = "a MISP event",
    .kinds = KINDS_ALL,
    .state = sizeof(struct event_state),
    .begin = begin_event,
    .value = event_value,
    .object = event_object,
    .end = end_event,
};
