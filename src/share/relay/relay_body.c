/* The body of a message of kind "objects": docs/relay.md. */
#include "share/relay/relay_private.h"

#define FRAME_MOST ((size_t)2 << 20)
#define ID_MOST 255

/* ---- writing: members in the order of RFC 8785 */

static void write_uuid(struct jw *w, const char *key, struct uuid u)
{
    char text[37];
    uuid_text(u, text);
    jw_kstr(w, key, sv_c(text));
}

static void write_onward(struct jw *w, const struct agreement_grant *g)
{
    char text[37];
    if (g->onward != ONWARD_LIST) {
        jw_kstr(w, "onward", sv_c(onward_name(g->onward)));
        return;
    }
    jw_key(w, "onward");
    jw_arr(w);
    for (size_t i = 0; i < g->onward_count; i++) {
        uuid_text(g->onward_to[i], text);
        jw_str(w, sv_c(text));
    }
    jw_end_arr(w);
}

static void write_grant(struct jw *w, const struct relay_grant_out *g)
{
    char at[32];
    jw_obj(w);
    write_uuid(w, "agreement", g->agreement->id);
    time_text6(g->delete_after, at);
    jw_kstr(w, "delete_after", sv_c(at));
    write_uuid(w, "grant", g->grant->id);
    jw_key(w, "ids");
    jw_arr(w);
    jw_raw(w, buf_sv(&g->ids));
    jw_end_arr(w);
    jw_kstr(w, "judicial_use", sv_c(judicial_use_name(g->grant->judicial_use)));
    write_onward(w, g->grant);
    jw_kstr(w, "purpose", sv_c(purpose_name(g->grant->purpose)));
    jw_kint(w, "version", g->agreement->version);
    jw_end_obj(w);
}

void relay_body_write(const struct relay_batch *b, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "collection", b->collection->uuid);
    jw_kbool(&w, "exercise", b->release->purpose == PURPOSE_EXERCISE);
    jw_key(&w, "grants");
    jw_arr(&w);
    for (size_t i = 0; i < b->grants; i++) {
        write_grant(&w, &b->out[i]);
    }
    jw_end_arr(&w);
    jw_key(&w, "objects");
    jw_arr(&w);
    jw_raw(&w, buf_sv(&b->objects));
    jw_end_arr(&w);
    jw_end_obj(&w);
}

/* ---- reading */

static int wrong(struct err *e, const char *what)
{
    return err_set(e, ERR_VALUE, "%s", what);
}

static bool read_word(struct jv v, const char *(*name)(int), int max, int *ret)
{
    struct sv word = json_str(v);
    for (int i = 0; i < max; i++) {
        if (word.p && sv_eq(word, sv_c(name(i)))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static const char *name_of_judicial(int i)
{
    return judicial_use_name((enum judicial_use)i);
}

static const char *name_of_onward(int i)
{
    return onward_name((enum onward)i);
}

/* A word, or the list of organisations. */
static bool read_onward(struct jv v, enum onward *ret)
{
    int word = 0;
    struct json_it it = json_each(v);
    struct sv key;
    struct jv each;
    struct uuid id;
    if (json_type(v) != JSON_ARRAY) {
        bool known = read_word(v, name_of_onward, ONWARD_MAX, &word) && word != ONWARD_LIST;
        *ret = (enum onward)word;
        return known;
    }
    *ret = ONWARD_LIST;
    while (json_next(&it, &key, &each)) {
        if (!uuid_parse(json_str(each), &id)) {
            return false;
        }
    }
    return json_count(v) > 0;
}

static int read_ids(struct relay_body *b, struct jv ids, struct err *e)
{
    struct json_it it = json_each(ids);
    struct sv key;
    struct jv id;
    if (json_type(ids) != JSON_ARRAY || json_count(ids) == 0) {
        return wrong(e, "a grant has no list of ids");
    }
    while (json_next(&it, &key, &id)) {
        bool fresh = false;
        struct sv text = json_str(id);
        uint64_t *at = text.n && text.n <= ID_MOST ? map_put(&b->ids, text, &fresh) : NULL;
        if (!at || !fresh) {
            return wrong(e, "an id is none, too many, or stands under two grants");
        }
        *at = b->grants;
    }
    return OK;
}

#define GRANT_MEMBERS 8

static int read_grant(struct relay_body *b, struct jv v, struct err *e)
{
    static const struct time_opts any_zone = {0};
    int judicial = 0;
    if (b->grants >= RELAY_GRANTS_IN) {
        return wrong(e, "the message has too many grants");
    }
    struct relay_grant_in *g = &b->grant[b->grants];
    *g = (struct relay_grant_in){0};
    bool good = json_count(v) == GRANT_MEMBERS &&
                uuid_parse(json_get_str(v, SV("agreement")), &g->agreement) &&
                uuid_parse(json_get_str(v, SV("grant")), &g->grant) &&
                json_i64(json_get(v, SV("version")), &g->version) && g->version > 0 &&
                purpose_parse(json_get_str(v, SV("purpose")), &g->purpose) &&
                read_word(json_get(v, SV("judicial_use")), name_of_judicial, JUDICIAL_MAX, &judicial) &&
                read_onward(json_get(v, SV("onward")), &g->onward) &&
                time_parse(json_get_str(v, SV("delete_after")), &any_zone, &g->delete_after, e) == OK;
    g->judicial = (enum judicial_use)judicial;
    int rc = good ? read_ids(b, json_get(v, SV("ids")), e) : wrong(e, "a grant of the message is malformed");
    b->grants += rc == OK;
    return rc;
}

static int read_frame(struct relay_body *b, struct jv v, struct err *e)
{
    struct json_it it = json_each(json_get(v, SV("grants")));
    struct sv key;
    struct jv grant;
    int rc = OK;
    bool good = json_type(v) == JSON_OBJECT && json_count(v) == 4 &&
                uuid_parse(json_get_str(v, SV("collection")), &b->collection) &&
                json_bool(json_get(v, SV("exercise")), &b->exercise) &&
                json_type(json_get(v, SV("grants"))) == JSON_ARRAY &&
                json_type(json_get(v, SV("objects"))) == JSON_ARRAY;
    if (!good) {
        return wrong(e, "the body has other members than collection, exercise, grants, objects");
    }
    while (rc == OK && json_next(&it, &key, &grant)) {
        rc = read_grant(b, grant, e);
    }
    return rc;
}

/* Objects are found, not read: they stay where they are. */
static int find_objects(struct relay_body *b, struct json_split *s, struct sv body, struct err *e)
{
    struct sv member;
    uint64_t offset;
    int rc = json_split_feed(s, body, true, e);
    while (rc == OK && (rc = json_split_next(s, &member, &offset, e)) == 1) {
        if (b->objects == RELAY_OBJECTS) {
            return err_set(e, ERR_VALUE, "a message has more than %d objects", RELAY_OBJECTS);
        }
        b->object[b->objects++] = sv_sub(body, (size_t)offset, member.n);
        rc = OK;
    }
    if (rc < 0 || json_split_shape(s) != SPLIT_KEYED) {
        return wrong(e, "the body holds no list of objects, or one that is too large");
    }
    return OK;
}

int relay_body_read(struct sv body, struct relay_body *ret, struct err *e)
{
    struct jv v;
    *ret = (struct relay_body){0};
    map_init(&ret->ids, RELAY_OBJECTS, RELAY_OBJECTS * (ID_MOST + 1));
    struct json_split *s = json_split_new(SV("objects"), RELAY_OBJECT_MOST);
    struct json_doc *d = json_doc_new(FRAME_MOST);
    int rc = s && d ? find_objects(ret, s, body, e) : err_set(e, ERR_MEMORY, "no memory to read a message");
    if (rc == OK && json_parse(d, json_split_frame(s), &v, e) != OK) {
        rc = wrong(e, "the frame of the body is no JSON");
    }
    rc = rc == OK ? read_frame(ret, v, e) : rc;
    json_doc_free(d);
    json_split_free(s);
    return rc;
}

void relay_body_clear(struct relay_body *b)
{
    map_clear(&b->ids);
    b->objects = b->grants = 0;
}
