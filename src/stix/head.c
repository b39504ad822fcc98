#include "stix/private.h"

bool id_split(struct sv id, struct sv *ret_type, struct uuid *ret_uuid)
{
    if (id.n < 39 || id.p[id.n - 38] != '-' || id.p[id.n - 37] != '-')
        return false;
    *ret_type = sv_sub(id, 0, id.n - 38);
    return uuid_parse(sv_sub(id, id.n - 36, 36), ret_uuid);
}

static int missing(const char *what, struct err *e)
{
    return err_set(e, ERR_VALUE, "the STIX object has no %s (STIX 2.1 section 3.2)", what);
}

/* STIX time stamps end in Z; other offsets are read too, for an instant is an instant, and left to stix_check
 * to name. */
static int read_time(struct jv object, const char *name, bool required, usec *ret, struct err *e)
{
    struct jv v = json_get(object, sv_c(name));
    struct sv text = json_str(v);
    *ret = USEC_NONE;
    if (json_type(v) == JSON_NONE)
        return required ? missing(name, e) : OK;
    if (text.p && stix_time(text, true, ret))
        return OK;
    static const struct time_opts opts = {0};
    struct err inner = ERR_NONE;
    if (text.p && time_parse(text, &opts, ret, &inner) == OK)
        return OK;
    *ret = USEC_NONE;
    struct sv shown = sv_sub(text, 0, 60);
    return err_set(e, ERR_VALUE, "%s is not a time stamp: \"%.*s\" (STIX 2.1 section 2.16)", name,
                   SV_ARG(shown));
}

static int read_identity(struct jv object, struct stix_head *h, struct err *e)
{
    struct sv prefix;
    struct uuid u;
    h->type = json_get_str(object, SV("type"));
    h->id = json_get_str(object, SV("id"));
    if (!h->type.n)
        return missing("type", e);
    if (!h->id.n)
        return missing("id", e);
    if (!id_split(h->id, &prefix, &u) || !sv_eq(prefix, h->type)) {
        struct sv shown = sv_sub(h->id, 0, 120);
        return err_set(e, ERR_VALUE,
                       "the id \"%.*s\" is not its type, \"--\" and a UUID (STIX 2.1 section 2.9)",
                       SV_ARG(shown));
    }
    if (sv_eq(h->type, SV("bundle")))
        return err_set(e, ERR_VALUE, "a bundle is not an object but a box of them (STIX 2.1 section 8)");
    return OK;
}

static int read_times(struct jv object, struct stix_head *h, struct err *e)
{
    bool sco = stix_is_sco(h->type);
    bool known = stix_known_type(h->type);
    bool created = known && !sco;
    bool modified = created && !sv_eq(h->type, SV("marking-definition"));
    h->created = h->modified = h->valid_from = h->valid_until = USEC_NONE;
    int rc = OK;
    if (!sco) {
        rc = read_time(object, "created", created, &h->created, e);
        if (rc == OK)
            rc = read_time(object, "modified", modified, &h->modified, e);
        h->modified_text = json_get_str(object, SV("modified"));
        if (h->modified == USEC_NONE)
            h->modified = h->created;
    }
    if (rc == OK && sv_eq(h->type, SV("indicator"))) {
        rc = read_time(object, "valid_from", false, &h->valid_from, e);
        if (rc == OK)
            rc = read_time(object, "valid_until", false, &h->valid_until, e);
    }
    return rc;
}

int stix_head(struct jv object, struct arena *a, struct stix_head *ret, struct err *e)
{
    (void)a;
    *ret = (struct stix_head){.confidence = -1};
    if (json_type(object) != JSON_OBJECT)
        return err_set(e, ERR_VALUE, "a STIX object is a JSON object, and this is not");
    int rc = read_identity(object, ret, e);
    if (rc == OK)
        rc = read_times(object, ret, e);
    if (rc < 0)
        return rc;
    ret->created_by = json_get_str(object, SV("created_by_ref"));
    json_bool(json_get(object, SV("revoked")), &ret->revoked);
    /* spec_version is optional on observables (STIX 2.1 3.2); 2.0 had no observable objects of their own. */
    struct sv version = json_get_str(object, SV("spec_version"));
    ret->v20 = sv_eq(version, SV("2.0")) || (!version.p && ret->created != USEC_NONE);
    int64_t confidence;
    if (json_i64(json_get(object, SV("confidence")), &confidence) && confidence >= 0 && confidence <= 100)
        ret->confidence = (int)confidence;
    markings_read(object, &ret->tlp, &ret->marked);
    return OK;
}

static void refs_of(struct jv v, stix_ref_fn each, void *ctx, unsigned depth);

static void ref_member(struct sv key, struct jv v, stix_ref_fn each, void *ctx, unsigned depth)
{
    struct sv id = json_str(v);
    if (sv_ends(key, SV("_ref")) && id.p) {
        if (sv_find(id, SV("--")) != SIZE_MAX)
            each(ctx, key, id);
        return;
    }
    if (!sv_ends(key, SV("_refs")) || json_type(v) != JSON_ARRAY) {
        refs_of(v, each, ctx, depth + 1);
        return;
    }
    struct sv none;
    struct jv member;
    struct json_it it = json_each(v);
    while (json_next(&it, &none, &member)) {
        id = json_str(member);
        if (id.p && sv_find(id, SV("--")) != SIZE_MAX)
            each(ctx, key, id);
    }
}

static void refs_of(struct jv v, stix_ref_fn each, void *ctx, unsigned depth)
{
    struct sv key;
    struct jv member;
    enum json_type t = json_type(v);
    if (depth > JSON_MAX_DEPTH || (t != JSON_ARRAY && t != JSON_OBJECT))
        return;
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member)) {
        /* An extension is used under the id of its definition (STIX 2.1 7.3). */
        if (t == JSON_OBJECT && sv_starts(key, SV("extension-definition--")))
            each(ctx, SV("extensions"), key);
        if (t == JSON_OBJECT)
            ref_member(key, member, each, ctx, depth);
        else
            refs_of(member, each, ctx, depth + 1);
    }
}

void stix_refs(struct jv object, stix_ref_fn each, void *ctx)
{
    refs_of(object, each, ctx, 0);
}

static void add_text(struct jv v, struct buf *out)
{
    struct sv key, s = json_str(v);
    struct jv member;
    if (s.n) {
        buf_add(out, s);
        buf_addc(out, '\n');
    }
    struct json_it it = json_each(v);
    while (json_next(&it, &key, &member))
        if (json_type(member) == JSON_STRING)
            add_text(member, out);
}

void stix_text(struct jv object, struct buf *out)
{
    static const char *const names[] = {"name",        "description", "abstract", "content", "opinion",
                                        "explanation", "aliases",     "labels",   "pattern"};
    struct sv key;
    struct jv member;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_text(json_get(object, sv_c(names[i])), out);
    /* "T1059", "CVE-2021-44228": people search by the names others gave. */
    struct json_it it = json_each(json_get(object, SV("external_references")));
    while (json_next(&it, &key, &member))
        add_text(json_get(member, SV("external_id")), out);
    /* Translations (language-content): {"ja": {"name": "..."}}. */
    if (!sv_eq(json_get_str(object, SV("type")), SV("language-content")))
        return;
    it = json_each(json_get(object, SV("contents")));
    while (json_next(&it, &key, &member))
        add_text(member, out);
}
