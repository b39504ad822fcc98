/* Entries: canonical JSON (RFC 8785), never holding content. Format: docs/ledger.md. */
#include "ledger/private.h"

#define JSON_INT_MAX ((int64_t)9007199254740991) /* 2^53-1, the largest integer with a canonical form */

static void put_hash(struct jw *w, const char *key, const struct sha256 *h)
{
    char text[65];

    hex_text(h->b, sizeof(h->b), text);
    jw_kstr(w, key, sv_c(text));
}

static void put_uuid(struct jw *w, const char *key, struct uuid u)
{
    char text[37];

    uuid_text(u, text);
    jw_kstr(w, key, sv_c(text));
}

void entry_write(const struct entry_body *b, struct buf *out)
{
    char at[32];
    struct jw w;

    time_text(b->at, at);
    jw_init(&w, out);
    jw_obj(&w); /* members in the order of RFC 8785 3.2.3 */
    jw_kstr(&w, "at", sv_c(at));
    jw_kint(&w, "epoch", (int64_t)b->epoch);
    jw_kstr(&w, "kind", b->kind);
    if (b->n)
        jw_kint(&w, "n", (int64_t)b->n);
    put_uuid(&w, "org", b->org);
    if (b->has_prev) {
        put_hash(&w, "prev_root", &b->prev_root);
        jw_kint(&w, "prev_size", (int64_t)b->prev_size);
    }
    put_uuid(&w, "record", b->record);
    if (b->n)
        put_hash(&w, "root", &b->root);
    jw_kint(&w, "seq", (int64_t)b->seq);
    jw_kint(&w, "source", (int64_t)b->source);
    jw_kint(&w, "v", (int64_t)b->version);
    jw_end_obj(&w);
}

static bool get_int(struct jv o, const char *key, uint64_t *ret)
{
    int64_t v;

    if (!json_i64(json_get(o, sv_c(key)), &v) || v < 0 || v > JSON_INT_MAX)
        return false;
    *ret = (uint64_t)v;
    return true;
}

static bool get_hash(struct jv o, const char *key, struct sha256 *ret)
{
    return hex_parse(json_get_str(o, sv_c(key)), ret->b, sizeof(ret->b));
}

static bool get_uuid(struct jv o, const char *key, struct uuid *ret)
{
    return uuid_parse(json_get_str(o, sv_c(key)), ret);
}

static bool read_members(struct jv o, struct entry_body *b)
{
    const struct time_opts strict = {0};

    b->kind = json_get_str(o, SV("kind"));
    b->has_prev = json_type(json_get(o, SV("prev_size"))) != JSON_NONE;
    if (json_type(json_get(o, SV("n"))) != JSON_NONE &&
        (!get_int(o, "n", &b->n) || b->n == 0 || !get_hash(o, "root", &b->root)))
        return false;
    if (b->has_prev && (!get_int(o, "prev_size", &b->prev_size) || !get_hash(o, "prev_root", &b->prev_root)))
        return false;
    return b->kind.p && time_parse(json_get_str(o, SV("at")), &strict, &b->at, NULL) == OK &&
           get_int(o, "epoch", &b->epoch) && get_uuid(o, "org", &b->org) &&
           get_uuid(o, "record", &b->record) && get_int(o, "seq", &b->seq) &&
           get_int(o, "source", &b->source) && get_int(o, "v", &b->version);
}

int entry_read(struct json_doc *doc, struct sv text, struct entry_body *ret, struct err *e)
{
    struct buf again;
    struct jv o;
    bool good;
    int rc = json_parse(doc, text, &o, e);

    if (rc != OK)
        return rc;
    memset(ret, 0, sizeof(*ret));
    if (!read_members(o, ret))
        return err_set(e, ERR_SYNTAX, "a member is missing or has a wrong value");
    buf_init(&again, 2 * (size_t)ENTRY_MAX);
    entry_write(ret, &again);
    good = !again.failed && sv_eq(buf_sv(&again), text);
    buf_clear(&again);
    return good ? OK : err_set(e, ERR_SYNTAX, "it is not in canonical form");
}
