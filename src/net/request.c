#include "net/private.h"
#include "net/text.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- the head */

static enum http_method method_of(const char *text)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",      [HTTP_PUT] = "PUT",
        [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

static void find_peer(struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info ? info->client_addr : NULL;
    socklen_t n = sa && sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (!sa || getnameinfo(sa, n, r->peer, sizeof(r->peer), NULL, 0, NI_NUMERICHOST) != 0) {
        r->peer[0] = 0;
    }
    if (strncmp(r->peer, "::ffff:", 7) == 0 && strchr(r->peer, '.')) {
        memmove(r->peer, r->peer + 7, strlen(r->peer + 7) + 1);
    }
}

struct head_facts {
    bool named; /* every name is a token */
    size_t bytes;
    unsigned lengths, codings;
    struct sv length, coding;
};

/* RFC 9110 5.6.2. A name with a blank before the colon is another name to us and the same to some proxy. */
static bool is_token(const char *s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    const char *p = s;
    for (; *p; p++) {
        bool word = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
        if (!word && !strchr(marks, *p)) {
            return false;
        }
    }
    return p > s;
}

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct head_facts *f = cls;
    f->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
    f->named = f->named && is_token(name);
    if (sv_ieq(sv_c(name), SV("Content-Length"))) {
        f->lengths++;
        f->length = sv_c(value);
    } else if (sv_ieq(sv_c(name), SV("Transfer-Encoding"))) {
        f->codings++;
        f->coding = sv_c(value);
    }
    return MHD_YES;
}

static void refuse(struct http_request *r, unsigned status, const char *text)
{
    respond_refuse(r, status, text);
}

/* RFC 9112 6.3: what could be read as two different lengths is refused. False when refused. */
static bool check_head(struct http_request *r, struct head_facts *f, uint64_t *ret_length)
{
    (void)MHD_get_connection_values(r->conn, MHD_HEADER_KIND, count_header, f);
    f->bytes += strlen(r->target);
    *ret_length = 0;
    struct sv path = SV_NONE;
    if (f->bytes > r->server->max_head) {
        refuse(r, 431, "the head of the request is too large");
    } else if (!f->named) {
        http_set(r, "Connection", "close");
        refuse(r, 400, "a header of the request has no proper name");
    } else if (f->lengths > 1 || f->codings > 1 || (f->lengths && f->codings) ||
               (f->codings && !sv_ieq(f->coding, SV("chunked"))) ||
               (f->lengths && !sv_u64(f->length, ret_length))) {
        http_set(r, "Connection", "close");
        refuse(r, 400, "the length of the body is not stated in one clear way");
    } else if (text_target(sv_c(r->target), &path, &r->query)) {
        r->path = text_unescape(&r->arena, path, false);
    }
    if (!r->path.p) {
        refuse(r, 400, "the request names no address that can be read");
    }
    return !r->response;
}

/* Opens the spool as the handler judged. False when the request was refused. */
static bool admit(struct http_request *r)
{
    struct http_server *s = r->server;
    if (r->verdict != 0) {
        if (!r->response) {
            refuse(r, (unsigned)r->verdict, "refused");
        }
        return false;
    }
    struct sv coding = http_header(r, "Content-Encoding");
    bool gzip = coding.p && (sv_ieq(coding, SV("gzip")) || sv_ieq(coding, SV("x-gzip")));
    if (coding.p && !gzip && !sv_ieq(coding, SV("identity"))) {
        refuse(r, 415, "send the body plain or with Content-Encoding: gzip");
    } else if (r->length > r->max_body) {
        refuse(r, 413, "the body is larger than this address takes");
    } else if (spool_open(&r->spool, r->max_body, r->to_file ? s->spool_dir : NULL, gzip) != OK) {
        refuse(r, 507, "there is no room for the body at this moment");
    } else {
        r->spool.any_ratio = r->any_ratio;
        r->spooled = true;
    }
    return !r->response;
}

static enum MHD_Result answer(struct http_request *r)
{
    r->phase = REQUEST_DONE;
    if (!r->response) {
        refuse(r, 500, "the request was not answered");
    }
    return r->response ? MHD_queue_response(r->conn, r->status, r->response) : MHD_NO;
}

/* The head is judged: takes the body, or answers, as early as the client can be expected to read it. */
static enum MHD_Result go_on(struct http_request *r, bool good)
{
    if (good && admit(r)) {
        r->phase = REQUEST_BODY;
        watch_phase(&r->server->watch, r->link, LINK_BODY);
        return MHD_YES;
    }
    watch_phase(&r->server->watch, r->link, LINK_BODY);
    if (r->stated && r->length <= DRAIN_MOST && !http_header(r, "Expect").p) {
        r->phase = REQUEST_DRAIN;
        return MHD_YES;
    }
    return answer(r);
}

static void judge(void *arg)
{
    struct http_request *r = arg;
    struct http_server *s = r->server;
    r->verdict = s->handler.later(s->handler.ctx, r, r->user, &r->max_body, &r->to_file);
    MHD_resume_connection(r->conn);
}

/* The connection rests while a worker judges; nothing of the body is read, no "100 Continue" is sent. */
static enum MHD_Result judge_later(struct http_request *r)
{
    struct http_server *s = r->server;
    r->phase = REQUEST_JUDGE;
    watch_phase(&s->watch, r->link, LINK_BUSY);
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping, full = false;
    if (!stopping) {
        MHD_suspend_connection(r->conn); /* before the worker can resume it */
        full = pool_add(s->judges, judge, r) != OK;
    }
    pthread_mutex_unlock(&s->lock);
    if (full) {
        r->verdict = 503;
        refuse(r, 503, "too many requests wait already");
        MHD_resume_connection(r->conn);
    } else if (stopping) {
        refuse(r, 503, "the node is stopping");
        return go_on(r, false);
    }
    return MHD_YES;
}

static enum MHD_Result on_head(struct http_request *r, const char *method)
{
    struct http_server *s = r->server;
    struct head_facts f = {.named = true};
    r->method = method_of(method);
    find_peer(r);
    bool good = check_head(r, &f, &r->length);
    r->stated = f.named && f.codings == 0 && (f.lengths == 1 || (f.lengths == 0 && good));
    if (good) {
        r->headed = true;
        r->verdict = s->handler.head(s->handler.ctx, r, &r->max_body, &r->to_file, &r->user);
    }
    return good && r->verdict == HTTP_LATER ? judge_later(r) : go_on(r, good);
}

/* ---- the body, the work, the end */

static void work(void *arg)
{
    struct http_request *r = arg;
    struct http_server *s = r->server;
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    if (stopping) {
        refuse(r, 503, "the node is stopping");
    } else {
        s->handler.body(s->handler.ctx, r, r->user);
    }
    MHD_resume_connection(r->conn);
}

static enum MHD_Result on_body_end(struct http_request *r)
{
    struct http_server *s = r->server;
    spool_end(&r->spool);
    watch_phase(&s->watch, r->link, LINK_BUSY);
    if (r->spool.status) {
        refuse(r, r->spool.status, r->spool.why);
        return answer(r);
    }
    r->phase = REQUEST_WORK;
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping, full = false;
    if (!stopping) {
        MHD_suspend_connection(r->conn); /* before the worker can resume it */
        full = pool_add(r->spool.fd >= 0 ? s->slow : s->quick, work, r) != OK;
    }
    pthread_mutex_unlock(&s->lock);
    if (full) {
        refuse(r, 503, "too many requests wait already");
        MHD_resume_connection(r->conn);
    } else if (stopping) {
        refuse(r, 503, "the node is stopping");
        return answer(r);
    }
    return MHD_YES;
}

static enum MHD_Result on_body(struct http_request *r, struct sv bytes)
{
    watch_bytes(&r->server->watch, r->link, bytes.n);
    return r->phase == REQUEST_DRAIN || spool_add(&r->spool, bytes) ? MHD_YES : MHD_NO;
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                               const char *version, const char *data, size_t *data_size, void **con_cls)
{
    struct http_request *r = *con_cls;
    if (!r) {
        return MHD_NO;
    }
    switch (r->phase) {
    case REQUEST_NEW:
        return on_head(r, method);
    case REQUEST_JUDGE: /* asked again with the same head, now that the connection goes on */
        return go_on(r, true);
    case REQUEST_BODY:
    case REQUEST_DRAIN:
        if (*data_size) {
            struct sv bytes = sv_from(data, *data_size);
            *data_size = 0;
            return on_body(r, bytes);
        }
        return r->phase == REQUEST_BODY ? on_body_end(r) : answer(r);
    case REQUEST_WORK:
        return answer(r);
    case REQUEST_DONE:
        break;
    }
    return MHD_YES;
}

void request_forget(struct http_server *s, struct link *l)
{
    struct http_request *r = l ? l->request : NULL;
    if (r && r->phase == REQUEST_NEW) {
        arena_clear(&r->arena);
        free(r->target);
        free(r);
        l->request = NULL;
        atomic_fetch_sub(&s->requests, 1);
    }
}

void *request_begin(void *cls, const char *uri, struct MHD_Connection *conn)
{
    struct http_server *s = cls;
    struct http_request *r = calloc(1, sizeof(*r));
    char *target = strdup(uri);
    if (!r || !target) {
        free(r);
        free(target);
        return NULL;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    *r = (struct http_request){.server = s,
                               .conn = conn,
                               .target = target,
                               .phase = REQUEST_NEW,
                               .link = info ? info->socket_context : NULL};
    arena_init(&r->arena, REQUEST_ARENA);
    if (r->link) {
        request_forget(s, r->link);
        r->link->request = r;
    }
    atomic_fetch_add(&s->requests, 1);
    return r;
}

void request_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                       enum MHD_RequestTerminationCode why)
{
    struct http_server *s = cls;
    struct http_request *r = *con_cls;
    if (!r) {
        return;
    }
    *con_cls = NULL;
    if (r->link) {
        r->link->request = NULL;
    }
    if (r->headed && s->handler.done) {
        s->handler.done(s->handler.ctx, r->user);
    }
    watch_phase(&s->watch, r->link, LINK_HEAD);
    if (r->response) {
        MHD_destroy_response(r->response);
    }
    if (r->spooled) {
        spool_close(&r->spool);
    }
    arena_clear(&r->arena);
    free(r->target);
    free(r);
    atomic_fetch_sub(&s->requests, 1);
}
