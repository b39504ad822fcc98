#include "net/private.h"

#include <stdlib.h>

#define OUT_MOST ((size_t)8 << 20)
#define BLOCK 16384

struct http_stream {
    struct http_stream *prev, *next;
    struct http_server *server;
    struct MHD_Connection *conn;
    http_pull_fn pull;
    void (*closed)(void *stream);
    void *stream;
    struct buf out;
    size_t sent;
    bool ended;
    /* Under the server's lock: the connection is suspended; it was woken while it was not. */
    bool rests, woken;
};

/* 1 = there is something, 0 = the stream rests now, -1 = the end. */
static int pull_more(struct http_stream *s)
{
    for (;;) {
        buf_reset(&s->out);
        s->sent = 0;
        pthread_mutex_lock(&s->server->lock);
        bool stop = s->server->stopping;
        s->woken = false;
        pthread_mutex_unlock(&s->server->lock);
        int rc = stop || s->ended ? -1 : s->pull(s->stream, &s->out);
        s->ended = rc < 0;
        if (s->out.n > 0 || rc < 0 || s->out.failed) {
            return s->out.n > 0 && !s->out.failed ? 1 : -1;
        }
        pthread_mutex_lock(&s->server->lock);
        bool rest = !s->woken && !s->server->stopping;
        if (rest) {
            s->rests = true;
            MHD_suspend_connection(s->conn);
        }
        pthread_mutex_unlock(&s->server->lock);
        if (rest) {
            return 0;
        }
    }
}

static ssize_t read_stream(void *cls, uint64_t pos, char *to, size_t max)
{
    struct http_stream *s = cls;
    int rc = s->sent < s->out.n ? 1 : pull_more(s);
    if (rc <= 0) {
        return rc == 0 ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t n = s->out.n - s->sent < max ? s->out.n - s->sent : max;
    memcpy(to, s->out.p + s->sent, n);
    s->sent += n;
    return (ssize_t)n;
}

static void free_stream(void *cls)
{
    struct http_stream *s = cls;
    if (s->closed) {
        s->closed(s->stream);
    }
    pthread_mutex_lock(&s->server->lock);
    *(s->prev ? &s->prev->next : &s->server->streams) = s->next;
    if (s->next) {
        s->next->prev = s->prev;
    }
    pthread_mutex_unlock(&s->server->lock);
    buf_clear(&s->out);
    free(s);
}

struct http_stream *http_respond_stream(struct http_request *r, unsigned status, const char *content_type,
                                        http_pull_fn pull, void (*closed)(void *stream), void *stream)
{
    struct http_stream *s = r->response ? NULL : calloc(1, sizeof(*s));
    struct MHD_Response *response =
        s ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, s, free_stream) : NULL;
    if (!response) {
        free(s);
        if (closed) {
            closed(stream);
        }
        respond_take(r, 503, NULL, NULL);
        return NULL;
    }
    *s = (struct http_stream){
        .server = r->server, .conn = r->conn, .pull = pull, .closed = closed, .stream = stream};
    buf_init(&s->out, OUT_MOST);
    pthread_mutex_lock(&s->server->lock);
    s->next = s->server->streams;
    if (s->next) {
        s->next->prev = s;
    }
    s->server->streams = s;
    pthread_mutex_unlock(&s->server->lock);
    respond_take(r, status, content_type, response);
    return s;
}

/* With the server's lock held. */
static void wake_locked(struct http_stream *s)
{
    s->woken = true;
    if (s->rests) {
        s->rests = false;
        MHD_resume_connection(s->conn);
    }
}

void http_wake(struct http_stream *s)
{
    pthread_mutex_lock(&s->server->lock);
    wake_locked(s);
    pthread_mutex_unlock(&s->server->lock);
}

void streams_end(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    for (struct http_stream *s = server->streams; s; s = s->next) {
        wake_locked(s);
    }
    pthread_mutex_unlock(&server->lock);
}
