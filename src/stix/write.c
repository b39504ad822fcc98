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
    size_t n = strlen(type);
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
    memcpy(ret, type, n);
    memcpy(ret + n, "--", 2);
    uuid_text(uuid_v5(CLAIM_NAMESPACE, buf_sv(&name)), ret + n + 2);
    buf_clear(&name);
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

/* Times, ids and our own words hold nothing that JSON would have to escape: they are written as they are, for
 * a page holds a thousand of these. */
static void put_time(struct buf *out, struct sv before, usec t)
{
    char text[32];
    stix_time_text(t, text);
    buf_add(out, before);
    buf_add(out, sv_c(text));
    buf_addc(out, '"');
}

static void put_text(struct buf *out, struct sv s)
{
    struct jw w;
    jw_init(&w, out);
    jw_str(&w, s);
}

static void put_labels(struct buf *out, struct sv labels)
{
    struct sv label;
    bool open = false;
    while (sv_cut(&labels, ' ', &label)) {
        if (label.n == 0)
            continue;
        buf_add(out, open ? SV(",") : SV(",\"labels\":["));
        open = true;
        put_text(out, label);
    }
    if (open)
        buf_addc(out, ']');
}

static void put_pattern(struct buf *out, const struct obs *value)
{
    struct buf pattern;
    buf_init(&pattern, NAME_ROOM);
    obs_pattern(value, &pattern);
    buf_add(out, SV(",\"pattern\":"));
    put_text(out, buf_sv(&pattern));
    buf_add(out, SV(",\"pattern_type\":\"stix\",\"pattern_version\":\"2.1\""));
    buf_clear(&pattern);
}

static void put_head(struct buf *out, const struct stix_indicator *i)
{
    char id[64], identity[64];
    id_text("indicator", i->catalogue_source, &i->value, id);
    buf_add(out, SV("{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\""));
    buf_add(out, sv_c(id));
    buf_add(out, SV("\",\"created_by_ref\":\""));
    if (!i->identity.n)
        stix_source_identity(i->catalogue_source, identity);
    buf_add(out, i->identity.n ? i->identity : sv_c(identity));
    buf_addc(out, '"');
}

void stix_write_indicator(const struct stix_indicator *i, struct buf *out)
{
    usec created = first_known(i->created, i->modified, i->valid_from);
    usec modified = first_known(i->modified, i->created, i->valid_from);
    usec valid_from = first_known(i->valid_from, i->created, i->modified);
    put_head(out, i);
    put_time(out, SV(",\"created\":\""), created < modified ? created : modified);
    put_time(out, SV(",\"modified\":\""), modified);
    put_labels(out, i->labels);
    buf_add(out, SV(",\"name\":"));
    put_text(out, i->value.value);
    put_pattern(out, &i->value);
    put_time(out, SV(",\"valid_from\":\""), valid_from);
    /* valid_until must be later (STIX 2.1 4.7); times are written in milliseconds. */
    if (i->valid_until != USEC_NONE && i->valid_until / 1000 > valid_from / 1000)
        put_time(out, SV(",\"valid_until\":\""), i->valid_until);
    if (i->tlp < TLP_UNKNOWN) {
        buf_add(out, SV(",\"object_marking_refs\":[\""));
        buf_add(out, tlp_id(i->tlp));
        buf_add(out, SV("\"]"));
    }
    buf_addc(out, '}');
}
