#include "stix/private.h"

/* Of this project, for what it makes out of claims; never for observables (STIX 2.1 2.9). */
static const struct uuid CLAIM_NAMESPACE = {
    {0x6a, 0x1f, 0x5f, 0x0e, 0x3b, 0x0c, 0x4d, 0x57, 0x9a, 0x55, 0x6e, 0x6f, 0x72, 0x6f, 0x73, 0x68}};

/* Room for the longest name: every byte of a value may need six as an escape. */
#define NAME_ROOM (8u * OBS_TEXT_MAX)

static void id_text(const char *type, struct sv source, const struct obs *value, char ret[64])
{
    struct buf name;
    struct jw w;
    char uuid[37];
    buf_init(&name, NAME_ROOM);
    jw_init(&w, &name);
    /* Keys in the order of RFC 8785. */
    jw_obj(&w);
    if (value)
        jw_kstr(&w, "kind", sv_c(kind_name(value->kind)));
    jw_kstr(&w, "source", source);
    if (value)
        jw_kstr(&w, "value", value->value);
    jw_end_obj(&w);
    uuid_text(uuid_v5(CLAIM_NAMESPACE, buf_sv(&name)), uuid);
    buf_clear(&name);
    snprintf(ret, 64, "%s--%s", type, uuid);
}

void stix_source_identity(struct sv catalogue_source, char ret[64])
{
    id_text("identity", catalogue_source, NULL, ret);
}

void stix_claim_id(struct sv catalogue_source, enum kind kind, struct sv value, char ret[64])
{
    const struct obs o = {.kind = kind, .value = value};
    id_text("indicator", catalogue_source, &o, ret);
}

static usec first_known(usec a, usec b, usec c)
{
    return a != USEC_NONE ? a : b != USEC_NONE ? b : c != USEC_NONE ? c : 0;
}

static void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    stix_time_text(t, text);
    jw_kstr(w, key, sv_c(text));
}

static void write_labels(struct jw *w, struct sv labels)
{
    struct sv label;
    bool open = false;
    while (sv_cut(&labels, ' ', &label)) {
        if (label.n == 0)
            continue;
        if (!open) {
            jw_key(w, "labels");
            jw_arr(w);
        }
        open = true;
        jw_str(w, label);
    }
    if (open)
        jw_end_arr(w);
}

void stix_write_indicator(const struct stix_indicator *i, struct buf *out)
{
    struct jw w;
    struct buf pattern;
    char id[64], identity[64];
    usec created = first_known(i->created, i->modified, i->valid_from);
    usec modified = first_known(i->modified, i->created, i->valid_from);
    usec valid_from = first_known(i->valid_from, i->created, i->modified);
    id_text("indicator", i->catalogue_source, &i->value, id);
    stix_source_identity(i->catalogue_source, identity);
    buf_init(&pattern, NAME_ROOM);
    obs_pattern(&i->value, &pattern);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("indicator"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "created_by_ref", sv_c(identity));
    write_time(&w, "created", created < modified ? created : modified);
    write_time(&w, "modified", modified);
    write_labels(&w, i->labels);
    jw_kstr(&w, "name", i->value.value);
    jw_kstr(&w, "pattern", buf_sv(&pattern));
    jw_kstr(&w, "pattern_type", SV("stix"));
    jw_kstr(&w, "pattern_version", SV("2.1"));
    write_time(&w, "valid_from", valid_from);
    /* valid_until must be later (STIX 2.1 4.7); times are written in milliseconds. */
    if (i->valid_until != USEC_NONE && i->valid_until / 1000 > valid_from / 1000)
        write_time(&w, "valid_until", i->valid_until);
    if (i->tlp < TLP_UNKNOWN) {
        jw_key(&w, "object_marking_refs");
        jw_arr(&w);
        jw_str(&w, tlp_id(i->tlp));
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
    buf_clear(&pattern);
}
