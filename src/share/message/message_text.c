/* A message as text: canonical JSON in, canonical JSON out, and the STIX object in which its envelope
 * travels. */
#include "share/message/message_private.h"

#define PAYLOAD_MOST ((MESSAGE_MOST / 4) * 3)

static bool good_kind(struct sv kind)
{
    bool good = kind.n >= 1 && kind.n <= 32;
    for (size_t i = 0; good && i < kind.n; i++) {
        good = (kind.p[i] >= 'a' && kind.p[i] <= 'z') || kind.p[i] == '-';
    }
    return good;
}

/* ---- out */

static void write_uuid(struct jw *w, const char *key, struct uuid id)
{
    char text[37];
    uuid_text(id, text);
    jw_kstr(w, key, uuid_nil(id) ? SV_NONE : sv_c(text));
}

static void write_time(struct jw *w, const char *key, usec at)
{
    char text[32];
    time_text6(at, text);
    jw_kstr(w, key, sv_c(text));
}

/* The members in the order of RFC 8785; `body` is canonical already. */
static void write_members(const struct message *m, struct sv body, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    write_uuid(&w, "agreement", m->agreement);
    jw_kint(&w, "agreement_version", m->agreement_version);
    jw_key(&w, "body");
    jw_raw(&w, body);
    jw_kint(&w, "counter", m->counter);
    write_time(&w, "created", m->created);
    write_time(&w, "expires", m->expires);
    write_uuid(&w, "from", m->from);
    write_uuid(&w, "id", m->id);
    jw_kstr(&w, "kind", m->kind);
    write_uuid(&w, "to", m->to);
    jw_kstr(&w, "type", SV(MESSAGE_TYPE));
    jw_kint(&w, "v", 1);
    jw_end_obj(&w);
}

static int check(const struct message *m, struct err *e)
{
    const char *wrong = NULL;
    bool ack = sv_eq(m->kind, SV("ack"));
    if (uuid_nil(m->id) || uuid_nil(m->from) || uuid_nil(m->to)) {
        wrong = "has no id, no sender or no receiver";
    } else if (!good_kind(m->kind)) {
        wrong = "has no kind: one word of lower case letters";
    } else if (ack ? m->counter != 0 : m->counter < 1 || m->counter > ((int64_t)1 << 53) - 1) {
        wrong = "has a counter that is not in its range";
    } else if (m->created < 0 || m->expires <= m->created || m->expires - m->created > MESSAGE_LIFE) {
        wrong = "expires before it was made, or too long after";
    } else if (m->agreement_version < 0 || uuid_nil(m->agreement) != (m->agreement_version == 0)) {
        wrong = "names an agreement without its version, or the other way round";
    }
    return wrong ? err_set(e, ERR_VALUE, "the message %s", wrong) : OK;
}

int message_write(const struct message *m, struct buf *out, struct err *e)
{
    struct buf body;
    struct jv v = {0};
    struct json_doc *d = json_doc_new(PAYLOAD_MOST);
    int rc = d ? check(m, e) : err_set(e, ERR_MEMORY, "no memory to write a message");
    buf_init(&body, PAYLOAD_MOST);
    rc = rc == OK ? json_parse(d, m->body, &v, e) : rc;
    if (rc == OK && json_type(v) != JSON_OBJECT) {
        rc = err_set(e, ERR_VALUE, "the body of a message is a JSON object");
    }
    rc = rc == OK ? json_canonical(v, &body, e) : rc;
    if (rc == OK) {
        write_members(m, buf_sv(&body), out);
        rc = out->failed || out->n > PAYLOAD_MOST
                 ? err_set(e, ERR_LIMIT, "the message is larger than %zu bytes", PAYLOAD_MOST)
                 : OK;
    }
    buf_clear(&body);
    json_doc_free(d);
    return rc;
}

/* ---- in */

static bool read_uuid(struct jv v, const char *key, struct uuid *ret)
{
    return uuid_parse(json_get_str(v, sv_c(key)), ret);
}

static bool read_time(struct jv v, const char *key, usec *ret)
{
    const struct time_opts none = {.fallback = NULL};
    return time_parse(json_get_str(v, sv_c(key)), &none, ret, NULL) == OK;
}

/* Only what is needed to write it again: the same bytes must come out, so nothing else can stand in it. */
static bool read_members(struct jv v, struct message *ret)
{
    bool none = json_type(json_get(v, SV("agreement"))) == JSON_NULL;
    *ret = (struct message){.kind = json_get_str(v, SV("kind"))};
    return (none || read_uuid(v, "agreement", &ret->agreement)) &&
           json_i64(json_get(v, SV("agreement_version")), &ret->agreement_version) &&
           json_i64(json_get(v, SV("counter")), &ret->counter) && read_time(v, "created", &ret->created) &&
           read_time(v, "expires", &ret->expires) && read_uuid(v, "from", &ret->from) &&
           read_uuid(v, "id", &ret->id) && read_uuid(v, "to", &ret->to) &&
           json_type(json_get(v, SV("body"))) == JSON_OBJECT;
}

int message_read(struct sv json, struct arena *a, struct message *ret, struct err *e)
{
    struct buf body, again;
    struct jv v = {0};
    *ret = (struct message){0};
    if (json.n > PAYLOAD_MOST) {
        return err_set(e, ERR_LIMIT, "the message is larger than %zu bytes", PAYLOAD_MOST);
    }
    struct json_doc *d = json_doc_new(PAYLOAD_MOST);
    int rc = d ? json_parse(d, json, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a message");
    buf_init(&body, PAYLOAD_MOST);
    buf_init(&again, PAYLOAD_MOST * 2);
    if (rc == OK && !read_members(v, ret)) {
        rc = err_set(e, ERR_VALUE, "this is no message: a member is missing or of another type");
    }
    rc = rc == OK ? check(ret, e) : rc;
    rc = rc == OK ? json_canonical(json_get(v, SV("body")), &body, e) : rc;
    if (rc == OK) {
        write_members(ret, buf_sv(&body), &again);
        ret->kind = arena_sv(a, ret->kind);
        ret->body = arena_sv(a, buf_sv(&body));
        rc = again.failed || !ret->kind.p || !ret->body.p
                 ? err_set(e, ERR_MEMORY, "no memory to read a message")
             : sv_eq(buf_sv(&again), json)
                 ? OK
                 : err_set(e, ERR_VALUE, "the message is not in its canonical form");
    }
    buf_clear(&again);
    buf_clear(&body);
    json_doc_free(d);
    return rc;
}

/* ---- the object that carries it */

void message_object(struct uuid id, struct uuid from, usec created, struct sv envelope, struct buf *out)
{
    struct jw w;
    char text[37], name[64], at[32];
    time_text6(created, at);
    at[23] = 'Z'; /* STIX: milliseconds are enough, and what other readers expect */
    at[24] = 0;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV(MESSAGE_TYPE));
    jw_kstr(&w, "spec_version", SV("2.1"));
    uuid_text(id, text);
    snprintf(name, sizeof(name), MESSAGE_TYPE "--%s", text);
    jw_kstr(&w, "id", sv_c(name));
    uuid_text(from, text);
    snprintf(name, sizeof(name), "identity--%s", text);
    jw_kstr(&w, "created_by_ref", sv_c(name));
    jw_kstr(&w, "created", sv_c(at));
    jw_kstr(&w, "modified", sv_c(at));
    jw_key(&w, "extensions");
    jw_obj(&w);
    jw_key(&w, MESSAGE_EXTENSION);
    jw_obj(&w);
    jw_kstr(&w, "extension_type", SV("new-sdo"));
    jw_end_obj(&w);
    jw_end_obj(&w);
    jw_key(&w, "envelope");
    jw_raw(&w, envelope);
    jw_end_obj(&w);
}
