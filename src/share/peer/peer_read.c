/* Small answers of peers: discovery, API root, collections, status, errors. */
#include "share/peer/peer_private.h"

/* ---- values */

/* Text as it may be kept: bounded, without control characters. */
static struct sv text_of(struct jv v, struct arena *a)
{
    char room[PEER_TEXT_MOST];
    struct sv s = json_str(v);
    return s.n ? arena_sv(a, sv_c(sv_show(s, room, sizeof(room)))) : SV("");
}

static struct sv text_at(struct jv object, const char *key, struct arena *a)
{
    return text_of(json_get(object, sv_c(key)), a);
}

/* Numbers that some servers write as text. */
static int64_t number_at(struct jv object, const char *key)
{
    struct jv v = json_get(object, sv_c(key));
    int64_t n = 0;
    return json_i64(v, &n) || sv_i64(json_str(v), &n) ? n : 0;
}

static bool yes_at(struct jv object, const char *key)
{
    struct jv v = json_get(object, sv_c(key));
    bool yes = false;
    return json_bool(v, &yes) ? yes : sv_ieq(json_str(v), SV("true"));
}

usec peer_read_time(struct sv text)
{
    const struct time_opts o = {.fallback = zone_find(SV("UTC"), NULL)};
    usec at = USEC_NONE;
    text = sv_trim(text);
    return text.n && text.n < 64 && time_parse(text, &o, &at, NULL) == OK ? at : USEC_NONE;
}

int64_t peer_read_wait(struct sv text, usec now)
{
    int64_t seconds = -1;
    text = sv_trim(text);
    if (sv_i64(text, &seconds)) {
        return seconds < 0 ? -1 : seconds;
    }
    usec at = peer_read_time(text);
    return at == USEC_NONE ? -1 : at <= now ? 0 : (at - now) / USEC_SECOND + 1;
}

/* ---- what an address turned out to be */

static void add_root(struct peer_found *f, struct jv v, struct arena *a)
{
    struct sv url = text_of(v, a);
    for (size_t i = 0; i < f->roots; i++) {
        if (sv_eq(f->root_url[i], url)) {
            return;
        }
    }
    if (url.n && f->roots < PEER_ROOTS_MOST) {
        f->root_url[f->roots++] = url;
    }
}

/* `default` should be one of `api_roots`; where it is not, it is one more. */
static void read_discovery(struct jv v, struct arena *a, struct peer_found *f)
{
    struct json_it it = json_each(json_get(v, SV("api_roots")));
    struct sv key;
    struct jv root;
    f->discovery = true;
    while (json_next(&it, &key, &root)) {
        add_root(f, root, a);
    }
    add_root(f, json_get(v, SV("default")), a);
}

static bool read_collection(struct jv v, struct arena *a, struct peer_collection *c)
{
    struct jv can_read = json_get(v, SV("can_read"));
    *c = (struct peer_collection){
        .uuid = text_at(v, "id", a),
        .alias = text_at(v, "alias", a),
        .title = text_at(v, "title", a),
        /* a server that does not say is one that knows no rights */
        .can_read = json_type(can_read) <= JSON_NULL || yes_at(v, "can_read"),
        .can_write = yes_at(v, "can_write"),
        .after = USEC_NONE,
        .seen = USEC_NONE,
        .last_run = USEC_NONE,
        .last_ok = USEC_NONE,
        .pushed_to = USEC_NONE,
    };
    if (!c->title.n) {
        c->title = text_at(v, "display_name", a);
    }
    return c->uuid.n > 0 && c->uuid.n < 256;
}

static int read_collections(struct jv list, struct arena *a, struct peer_found *f, struct err *e)
{
    size_t most = json_count(list);
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    f->collections = true;
    most = most < PEER_COLLECTIONS_MOST ? most : PEER_COLLECTIONS_MOST;
    f->collection = arena_calloc(a, most + 1, sizeof(*f->collection));
    if (!f->collection) {
        return err_set(e, ERR_MEMORY, "no memory for the collections of a peer");
    }
    while (f->n < most && json_next(&it, &key, &v)) {
        f->n += read_collection(v, a, &f->collection[f->n]);
    }
    return OK;
}

static int read_found(struct jv v, struct arena *a, struct peer_found *f, struct err *e)
{
    struct jv list = json_get(v, SV("collections"));
    f->title = text_at(v, "title", a);
    if (!f->title.n) {
        f->title = text_at(v, "display_name", a);
    }
    if (json_type(json_get(v, SV("api_roots"))) == JSON_ARRAY || json_get_str(v, SV("default")).n) {
        read_discovery(v, a, f);
        return OK;
    }
    if (json_type(list) == JSON_ARRAY) {
        return read_collections(list, a, f, e);
    }
    if (json_type(json_get(v, SV("versions"))) == JSON_ARRAY ||
        json_type(json_get(v, SV("max_content_length"))) != JSON_NONE) {
        f->root = true;
        f->max_content = number_at(v, "max_content_length");
        f->tombstones = json_get_str(v, SV("x_noroshi_tombstones")).n > 0;
        return OK;
    }
    return OK; /* {}: no collections, no roots */
}

static int with_json(struct sv json, struct json_doc **ret, struct jv *v, struct err *e)
{
    *ret = json_doc_new(PEER_ANSWER_MOST);
    if (!*ret) {
        return err_set(e, ERR_MEMORY, "no memory to read an answer");
    }
    if (sv_starts(json, SV("\xEF\xBB\xBF"))) {
        json = sv_sub(json, 3, SIZE_MAX);
    }
    int rc = json_parse(*ret, json, v, e);
    if (rc == OK && json_type(*v) != JSON_OBJECT) {
        rc = err_set(e, ERR_SYNTAX, "the answer is no JSON object");
    }
    return rc;
}

int peer_read(struct sv json, struct arena *a, struct peer_found *ret, struct err *e)
{
    struct json_doc *d;
    struct jv v = {0};
    *ret = (struct peer_found){.title = SV("")};
    int rc = with_json(json, &d, &v, e);
    rc = rc == OK ? read_found(v, a, ret, e) : rc;
    json_doc_free(d);
    return rc;
}

/* ---- errors */

/* TAXII says title and description; OpenTAXII code, name and description; frameworks detail, message or
 * error. */
static struct sv error_words(struct jv v, struct arena *a)
{
    static const char *const heads[] = {"title", "name", "error", "message", "detail"};
    struct sv head = SV(""), more = text_at(v, "description", a);
    for (size_t i = 0; !head.n && i < sizeof(heads) / sizeof(heads[0]); i++) {
        head = text_at(v, heads[i], a);
    }
    if (!head.n || !more.n) {
        return head.n ? head : more;
    }
    return arena_printf(a, "%.*s: %.*s", SV_ARG(head), SV_ARG(more));
}

/* A page for people, or plain words: its first line of text. */
static struct sv plain_words(struct sv body, struct arena *a)
{
    char room[200];
    struct sv line;
    if (sv_starts(sv_trim(body), SV("<"))) {
        return SV("a web page");
    }
    body = sv_trim(body);
    return sv_line(&body, &line) ? arena_sv(a, sv_c(sv_show(line, room, sizeof(room)))) : SV("");
}

struct sv peer_read_error(struct sv body, struct arena *a)
{
    struct json_doc *d;
    struct jv v = {0};
    struct err why = ERR_NONE;
    int rc = body.n ? with_json(body, &d, &v, &why) : ERR_NOT_FOUND;
    struct sv words = rc == OK ? error_words(v, a) : body.n ? plain_words(body, a) : SV("");
    if (body.n) {
        json_doc_free(d);
    }
    return words.p ? words : SV("");
}

/* ---- status */

static int read_refusals(struct jv list, struct arena *a, struct peer_status *s, struct err *e)
{
    struct json_it it = json_each(list);
    struct sv key;
    struct jv v;
    size_t most = json_count(list) < 10000 ? json_count(list) : 10000;
    s->refusal = arena_calloc(a, most + 1, sizeof(*s->refusal));
    if (!s->refusal) {
        return err_set(e, ERR_MEMORY, "no memory for a status");
    }
    while (s->n < most && json_next(&it, &key, &v)) {
        struct peer_refusal *r = &s->refusal[s->n++];
        *r = (struct peer_refusal){.id = text_at(v, "id", a),
                                   .version = text_at(v, "version", a),
                                   .message = text_at(v, "message", a)};
        if (!r->id.n) { /* a list of ids, as in TAXII 2.0 successes */
            r->id = text_of(v, a);
        }
    }
    return OK;
}

int peer_read_status(struct sv json, struct arena *a, struct peer_status *ret, struct err *e)
{
    struct json_doc *d;
    struct jv v = {0};
    *ret = (struct peer_status){.id = SV("")};
    int rc = with_json(json, &d, &v, e);
    if (rc == OK) {
        struct sv status = json_get_str(v, SV("status"));
        ret->id = text_at(v, "id", a);
        ret->successes = number_at(v, "success_count");
        ret->failures = number_at(v, "failure_count");
        ret->pending = sv_ieq(status, SV("pending")) || (!status.n && number_at(v, "pending_count") > 0);
        rc = read_refusals(json_get(v, SV("failures")), a, ret, e);
    }
    json_doc_free(d);
    return rc;
}
