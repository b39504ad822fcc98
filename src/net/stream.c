#include "net/private.h"

#include <stdlib.h>

#define OUT_MOST ((size_t)8 << 20)
#define BLOCK 16384
#define STREAM_LEVEL 1 /* event threads compress: speed before size */

struct http_stream {
    struct http_stream *prev, *next;
    struct http_server *server;
    struct MHD_Connection *conn;
    http_pull_fn pull;
    void (*closed)(void *stream);
    void *stream;
    struct buf out;
    size_t sent;
    int end; /* 0, or what pull said at last: -1, -2 */
    bool events, gzip, flushed;
    z_stream z;
    struct buf plain; /* what `z` reads */
    /* Under the server's lock: the connection is suspended; it was woken while it was not. */
    bool rests, woken;
};

/* ---- compression on the way */

static bool squeeze(struct http_stream *s, int flush)
{
    s->z.next_in = (unsigned char *)s->plain.p;
    s->z.avail_in = (unsigned)s->plain.n;
    do {
        char *to = buf_reserve(&s->out, BLOCK);
        if (!to) {
            return false;
        }
        s->z.next_out = (unsigned char *)to;
        s->z.avail_out = BLOCK;
        if (deflate(&s->z, flush) == Z_STREAM_ERROR) {
            return false;
        }
        s->out.n += BLOCK - s->z.avail_out;
    } while (s->z.avail_out == 0);
    return true;
}

/* What came first, and what a stream that rests has said, goes out at once. */
static int flush_for(struct http_stream *s, int rc)
{
    bool sync = rc == 1 || !s->flushed;
    s->flushed = true;
    return rc < 0 ? Z_FINISH : sync ? Z_SYNC_FLUSH : Z_NO_FLUSH;
}

/* As pull: 1, 0, -1 or -2, with the next bytes in `out`. */
static int pull_bytes(struct http_stream *s)
{
    int rc;
    if (!s->gzip) {
        rc = s->pull(s->stream, &s->out);
        return s->out.failed ? -2 : rc;
    }
    do {
        buf_reset(&s->plain);
        rc = s->pull(s->stream, &s->plain);
        if (rc < -1 || s->plain.failed || !squeeze(s, flush_for(s, rc))) {
            return -2;
        }
    } while (rc == 0 && s->out.n == 0 && s->plain.n > 0);
    return rc;
}

/* ---- what libmicrohttpd asks for */

static bool stopping(struct http_stream *s)
{
    pthread_mutex_lock(&s->server->lock);
    bool stop = s->server->stopping;
    s->woken = false;
    pthread_mutex_unlock(&s->server->lock);
    return stop;
}

/* 1 = there is something, 0 = the stream rests now, -1 = the end, -2 = it failed. */
static int pull_more(struct http_stream *s)
{
    for (;;) {
        buf_reset(&s->out);
        s->sent = 0;
        bool stop = stopping(s);
        if (stop && s->events) {
            s->end = -1;
        }
        int rc = s->end ? s->end : pull_bytes(s);
        s->end = rc < 0 ? rc : s->end;
        if (rc == -2 || (rc < 0 && s->out.n == 0)) {
            return rc;
        }
        if (s->out.n > 0) {
            return 1;
        }
        if (stop) { /* it would rest, but nobody will wake it */
            return -2;
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
        return rc == 0 ? 0 : rc == -1 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
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
    if (s->gzip) {
        (void)deflateEnd(&s->z);
    }
    buf_clear(&s->plain);
    buf_clear(&s->out);
    free(s);
}

/* Announces gzip when the client takes it, the type is worth it and there is memory. */
static void choose_coding(struct http_request *r, struct http_stream *s, const char *content_type)
{
    s->events = sv_istarts(sv_c(content_type), SV("text/event-stream"));
    if (s->events || !respond_text_like(content_type)) {
        return;
    }
    http_set(r, "Vary", "Accept-Encoding");
    s->gzip = http_accepts(r, "gzip") &&
              deflateInit2(&s->z, STREAM_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    if (s->gzip) {
        http_set(r, "Content-Encoding", "gzip");
    }
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
    buf_init(&s->plain, OUT_MOST);
    choose_coding(r, s, content_type);
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
