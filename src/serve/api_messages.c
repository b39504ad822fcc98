/*
 * Messages of partners' nodes over TAXII: an API root that only active partners know of, with one collection.
 * What is in it waits for exactly the partner who asks; what is posted is handled, and acknowledged in the
 * status resource.
 */
#include "serve/taxii.h"

#define OBJECTS_MOST 1000
#define PAGE_BYTES ((size_t)4 << 20)
#define ACK_MOST ((size_t)2 << 20)

int partner_find_caller(struct call *c, struct err *e)
{
    struct sha256 spki;
    struct caller who = {
        .known = true, .by_key = true, .partner = true, .role = ROLE_CLIENT, .name = "partner"};
    if (!http_client_key(c->r, &spki) || (c->web->door && !c->door)) {
        return 0;
    }
    int rc = partner_by_key(c->node->db, &spki, &who.org, e);
    if (rc == 1) {
        hex_text(spki.b, sizeof(spki.b), who.certificate);
        c->who = who;
    }
    return rc;
}

/* Whose log is frozen comes in, to be told so by the witness; it says and gets nothing. */
int messages_may(const struct call *c, struct err *e)
{
    char id[37];
    uuid_text(c->who.org, id);
    return partner_is_active(c->node->db, sv_c(id), e);
}

/* One request of a kind at a time and partner: bodies are held in memory. */
int messages_begin(struct call *c, struct err *e)
{
    char id[37];
    uuid_text(c->who.org, id);
    snprintf(c->busy, sizeof(c->busy), "messages %s %s", http_method(c->r) == HTTP_POST ? "in" : "out", id);
    if (!web_busy(c->web, c->busy)) {
        c->busy[0] = 0;
        return err_set(e, ERR_BUSY, "another request of yours is being answered");
    }
    return OK;
}

/* ---- what is here */

int api_messages_root(struct call *c, struct err *e)
{
    struct jw w;
    jw_init(&w, &c->out);
    jw_obj(&w);
    jw_kstr(&w, "title", SV("Messages between nodes"));
    jw_key(&w, "versions");
    jw_arr(&w);
    jw_str(&w, SV(TAXII_TYPE));
    jw_end_arr(&w);
    jw_kint(&w, "max_content_length", MESSAGES_BODY);
    jw_end_obj(&w);
    return OK;
}

static void write_collection(struct jw *w)
{
    jw_obj(w);
    jw_kstr(w, "id", SV(MESSAGE_COLLECTION));
    jw_kstr(w, "title", SV("Messages"));
    jw_kstr(w, "description", SV("What waits for you; what you post is for this node"));
    jw_kbool(w, "can_read", true);
    jw_kbool(w, "can_write", true);
    jw_key(w, "media_types");
    jw_arr(w);
    jw_str(w, SV(MESSAGE_PAYLOAD));
    jw_end_arr(w);
    jw_end_obj(w);
}

int api_messages_collections(struct call *c, struct err *e)
{
    struct jw w;
    jw_init(&w, &c->out);
    jw_obj(&w);
    jw_key(&w, "collections");
    jw_arr(&w);
    write_collection(&w);
    jw_end_arr(&w);
    jw_end_obj(&w);
    return OK;
}

int api_messages_collection(struct call *c, struct err *e)
{
    struct jw w;
    jw_init(&w, &c->out);
    write_collection(&w);
    return OK;
}

/* ---- what waits */

struct page {
    struct buf objects;
    size_t n, most;
    usec first, last;
};

static int add_waiting(void *ctx, const struct message *msg, usec added, struct sv envelope, struct err *e)
{
    struct page *p = ctx;
    if (p->n == p->most || (p->n && p->objects.n + envelope.n > PAGE_BYTES)) {
        return 1;
    }
    if (p->n) {
        buf_addc(&p->objects, ',');
    }
    message_object(msg->id, msg->from, msg->created, envelope, &p->objects);
    p->first = p->n ? p->first : added;
    p->last = added;
    p->n++;
    return p->objects.failed ? err_set(e, ERR_LIMIT, "a message does not fit into a page") : OK;
}

static void answer_page(struct call *c, const struct page *p, bool more)
{
    char text[32];
    if (p->n == 0) {
        buf_add(&c->out, SV("{}"));
        return;
    }
    time_text6(p->first, text);
    http_set(c->r, "X-TAXII-Date-Added-First", text);
    time_text6(p->last, text);
    http_set(c->r, "X-TAXII-Date-Added-Last", text);
    buf_add(&c->out, more ? SV("{\"more\":true,\"objects\":[") : SV("{\"objects\":["));
    buf_add(&c->out, buf_sv(&p->objects));
    buf_add(&c->out, SV("]}"));
}

/* A filter that is not understood must not be passed over. */
static int check_filters(const struct call *c, struct err *e)
{
    struct sv name, value;
    size_t at = 0;
    while (http_query_next(c->r, &at, &name, &value)) {
        if (!name.p || !value.p || sv_starts(name, SV("match[")) || sv_eq(name, SV("next"))) {
            err_set(e, ERR_VALUE, "a parameter of the query is no filter here");
            return err_hint(e, "messages take added_after and limit");
        }
    }
    return OK;
}

int api_messages_get(struct call *c, struct err *e)
{
    struct page p = {.first = USEC_NONE, .last = USEC_NONE};
    usec after;
    int64_t most;
    int rc = check_filters(c, e);
    rc = rc == OK ? call_time(c, "added_after", &after, e) : rc;
    rc = rc == OK ? call_number(c, "limit", 32, 1, INT64_MAX, &most, e) : rc;
    if (rc != OK) {
        return rc;
    }
    p.most = most < OBJECTS_MOST ? (size_t)most : OBJECTS_MOST;
    buf_init(&p.objects, MESSAGES_BODY + PAGE_BYTES);
    rc = message_waiting(&c->node->messages, c->who.org, after, p.most + 1, add_waiting, &p, e);
    if (rc >= 0) {
        answer_page(c, &p, rc == 1);
    }
    buf_clear(&p.objects);
    return rc < 0 ? rc : OK;
}

/* ---- what is brought */

struct posted {
    struct call *c;
    struct buf good, bad; /* status details */
    size_t goods, bads;
};

static void add_detail(struct buf *list, size_t *n, struct sv id, struct sv message)
{
    struct jw w;
    if ((*n)++) {
        buf_addc(list, ',');
    }
    jw_init(&w, list);
    jw_obj(&w);
    jw_kstr(&w, "id", id);
    jw_kstr(&w, "version", SV("1970-01-01T00:00:00.000Z"));
    jw_kstr(&w, "message", message);
    jw_end_obj(&w);
}

/* Of the object only what names it is looked at; what counts is signed. */
static int check_object(struct jv object, struct sv *ret_id, struct err *e)
{
    struct uuid unused;
    struct sv id = json_get_str(object, SV("id"));
    bool named = sv_starts(id, SV(MESSAGE_TYPE "--")) &&
                 uuid_parse(sv_sub(id, sizeof(MESSAGE_TYPE "--") - 1, SIZE_MAX), &unused);
    struct jv extension = json_path(object, "extensions", MESSAGE_EXTENSION, NULL);
    *ret_id = named ? id : SV(MESSAGE_TYPE "--00000000-0000-0000-0000-000000000000");
    if (!named || !sv_eq(json_get_str(object, SV("type")), SV(MESSAGE_TYPE)) ||
        !sv_eq(json_get_str(extension, SV("extension_type")), SV("new-sdo")) ||
        json_type(json_get(object, SV("envelope"))) != JSON_OBJECT) {
        return err_set(e, ERR_VALUE, "the object carries no message");
    }
    return OK;
}

/* What went wrong inside is for the operator. */
static struct sv told(int rc, const struct err *e)
{
    if (rc == ERR_DENIED || rc == ERR_VALUE || rc == ERR_BUSY) {
        return sv_c(e->text);
    }
    log_warn("messages", "a partner's message was not taken: %s", e->text);
    return SV("the message could not be handled now");
}

static int take_one(struct posted *p, struct jv object, struct err *e)
{
    struct buf envelope, ack;
    struct sv id;
    buf_init(&envelope, MESSAGES_BODY);
    buf_init(&ack, ACK_MOST);
    int rc = check_object(object, &id, e);
    if (rc == OK) {
        json_add(&envelope, json_get(object, SV("envelope")));
        rc = message_receive(&p->c->node->messages, p->c->who.org, buf_sv(&envelope), time_now(), &ack, e);
    }
    if (rc == OK) {
        add_detail(&p->good, &p->goods, id, ack.n ? buf_sv(&ack) : SV("taken"));
    } else {
        add_detail(&p->bad, &p->bads, id, told(rc, e));
    }
    buf_clear(&ack);
    buf_clear(&envelope);
    return rc;
}

/* In their order; what comes after one that was not taken must not overtake it. */
static void take_all(struct posted *p, struct jv objects)
{
    struct json_it it = json_each(objects);
    struct sv unused, id;
    struct jv object;
    int rc = OK;
    while (json_next(&it, &unused, &object)) {
        struct err e = ERR_NONE;
        if (rc == OK) {
            rc = take_one(p, object, &e);
        } else {
            (void)!check_object(object, &id, &e);
            add_detail(&p->bad, &p->bads, id, SV("not looked at: one before it was not taken"));
        }
    }
}

static void write_list(struct jw *w, const char *count, const char *name, size_t n, const struct buf *list)
{
    jw_kint(w, count, (int64_t)n);
    if (n) {
        jw_key(w, name);
        jw_arr(w);
        jw_raw(w, buf_sv(list));
        jw_end_arr(w);
    }
}

static void write_status(const struct posted *p, struct buf *out)
{
    struct jw w;
    char id[37], at[32];
    uuid_text(uuid_v4(), id);
    time_text6(p->c->now, at);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "id", sv_c(id));
    jw_kstr(&w, "status", SV("complete"));
    jw_kstr(&w, "request_timestamp", sv_c(at));
    jw_kint(&w, "total_count", (int64_t)(p->goods + p->bads));
    write_list(&w, "success_count", "successes", p->goods, &p->good);
    write_list(&w, "failure_count", "failures", p->bads, &p->bad);
    jw_kint(&w, "pending_count", 0);
    jw_end_obj(&w);
}

static int answer_posted(struct posted *p, struct jv objects, struct err *e)
{
    buf_init(&p->good, (size_t)OBJECTS_MOST * ACK_MOST);
    buf_init(&p->bad, (size_t)OBJECTS_MOST * 1024);
    take_all(p, objects);
    write_status(p, &p->c->out);
    bool failed = p->good.failed || p->bad.failed;
    buf_clear(&p->good);
    buf_clear(&p->bad);
    return failed ? err_set(e, ERR_MEMORY, "no memory for the answer") : OK;
}

int api_messages_post(struct call *c, struct err *e)
{
    struct posted p = {.c = c};
    struct jv v = {0};
    struct json_doc *d = json_doc_new(MESSAGES_BODY);
    int rc = d ? json_parse(d, http_body(c->r), &v, e) : err_set(e, ERR_MEMORY, "no memory to read the body");
    struct jv objects = json_get(v, SV("objects"));
    size_t n = json_count(objects);
    if (rc == OK && (json_type(objects) != JSON_ARRAY || n == 0 || n > OBJECTS_MOST)) {
        rc = err_set(e, ERR_VALUE, "the body is no envelope of 1 to %d objects", OBJECTS_MOST);
    }
    c->status = rc == OK || rc == ERR_MEMORY ? 0 : 422;
    rc = rc == OK ? answer_posted(&p, objects, e) : rc;
    json_doc_free(d);
    return rc;
}
