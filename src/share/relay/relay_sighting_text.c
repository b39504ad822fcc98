/* A sighting as STIX 2.1 (section 5.2). */
#include "share/relay/relay_private.h"

#define COUNT_MOST 999999999ll

/* The same at every time, and for nobody else to be made out: one for an indicator and an hour. */
static void sighting_id(const struct relay_hour *h, char ret[64])
{
    static const struct uuid namespace = {
        {0x3d, 0x0e, 0x6c, 0x21, 0x5b, 0x7a, 0x4f, 0x0e, 0x9c, 0x44, 0x8a, 0x57, 0x19, 0xd2, 0x60, 0xbe}};
    const struct hash_secret *secret = h->b->r->taxii.secret;
    char partner[37], hex[65], uuid[37];
    uuid_text(h->b->relay->partner, partner);
    const struct sv parts[] = {SV("noroshi sighting v1"), sv_from((const char *)secret->b, sizeof(secret->b)),
                               sv_c(partner), h->ref, sv_from((const char *)&h->hour, sizeof(h->hour))};
    const struct sha256 sum = sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
    hex_text(sum.b, sizeof(sum.b), hex);
    uuid_text(uuid_v5(namespace, sv_c(hex)), uuid);
    snprintf(ret, 64, "sighting--%s", uuid);
}

static void write_time(struct jw *w, const char *key, usec t)
{
    char text[32];
    time_text6(t, text);
    memcpy(text + strlen(text) - 4, "Z", 2); /* STIX has milliseconds */
    jw_kstr(w, key, sv_c(text));
}

static void write_list(struct jw *w, const char *key, struct sv only)
{
    jw_key(w, key);
    jw_arr(w);
    jw_str(w, only);
    jw_end_arr(w);
}

void relay_sighting_write(const struct relay_hour *h, const struct relay_seen_by *y, bool where,
                          struct buf *out)
{
    struct jw w;
    char id[64], org[37], identity[64];
    int64_t count = y->count < (uint64_t)COUNT_MOST ? (int64_t)y->count : COUNT_MOST;
    uuid_text(h->b->r->home, org);
    snprintf(identity, sizeof(identity), "identity--%s", org);
    sighting_id(h, id);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("sighting"));
    jw_kstr(&w, "spec_version", SV("2.1"));
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "created_by_ref", sv_c(identity));
    write_time(&w, "created", h->hour);
    write_time(&w, "modified", h->version);
    write_time(&w, "first_seen", y->first);
    write_time(&w, "last_seen", y->last);
    jw_kint(&w, "count", count);
    jw_kstr(&w, "sighting_of_ref", h->ref);
    if (where) {
        write_list(&w, "where_sighted_refs", sv_c(identity));
    }
    write_list(&w, "object_marking_refs", tlp_id(y->tlp));
    jw_end_obj(&w);
}
