/* What server.c, request.c, respond.c, stream.c, spool.c and watch.c share. */
#pragma once

#include "net/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

#define HEADERS_MAX 24
#define REQUEST_ARENA ((size_t)256 << 10)
/* A refused request's body up to this size is still read, so that the answer reaches a client that is
 * writing. */
#define DRAIN_MOST ((uint64_t)256 << 10)

/* ---- spool.c: the body as it arrives, decoded on the way, in memory or in an unlinked file */

struct spool {
    uint64_t max; /* of what arrives and of what comes out */
    uint64_t in, out;
    unsigned status; /* 0, or the HTTP status this body deserves */
    const char *why;
    struct buf memory;
    int fd; /* -1: in memory */
    bool gzip, gzip_ended;
    bool any_ratio; /* only `max` bounds what comes out */
    z_stream z;
};
int spool_open(struct spool *s, uint64_t max, const char *dir /* NULL = memory */, bool gzip) MUST_USE;
/* False when the client sends so far past the limit that the connection should end. */
bool spool_add(struct spool *s, struct sv bytes);
void spool_end(struct spool *s);
void spool_close(struct spool *s);

/* ---- watch.c: deadlines that an idle timeout does not give: heads and bodies that trickle in */

enum link_phase { LINK_HEAD, LINK_BODY, LINK_BUSY };
struct link {
    struct link *prev, *next;
    int fd;
    enum link_phase phase;
    void *request; /* begun and not yet completed */
    usec since;
    uint64_t bytes;
};
struct watch {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct link *first;
    usec head_limit; /* from connecting, or the end of the last exchange, to the end of the head */
    bool started, stop;
};
int watch_start(struct watch *w, unsigned idle_seconds, struct err *e) MUST_USE;
void watch_stop(struct watch *w);
struct link *watch_add(struct watch *w, int fd);
void watch_remove(struct watch *w, struct link *l);
void watch_phase(struct watch *w, struct link *l, enum link_phase phase);
void watch_bytes(struct watch *w, struct link *l, size_t n);

/* ---- server.c */

struct http_server {
    struct http_handler handler;
    struct MHD_Daemon *daemon;
    int listen_fd;
    char address[80];
    char spool_dir[4096];
    size_t max_head;
    bool tls, trusts_ca;
    atomic_bool asks_client;
    struct watch watch;
    struct pool *quick, *slow; /* handlers of bodies in memory; of bodies in files */
    struct pool *judges;       /* heads whose judgement takes long */
    pthread_mutex_t lock;      /* stopping, streams, and whether a stream rests */
    struct http_stream *streams;
    bool stopping;
    atomic_uint requests; /* begun and not yet completed */
};

/* ---- request.c */

enum request_phase { REQUEST_NEW, REQUEST_JUDGE, REQUEST_BODY, REQUEST_DRAIN, REQUEST_WORK, REQUEST_DONE };
struct http_request {
    struct http_server *server;
    struct MHD_Connection *conn;
    struct link *link;
    enum request_phase phase;
    enum http_method method;
    char *target;
    struct sv path, query;
    struct arena arena;
    int verdict;     /* of the head: as handler.head returns it */
    uint64_t length; /* of the body as the head states it, clearly (`stated`), else 0 */
    bool stated;
    size_t max_body;
    bool to_file, any_ratio;
    struct spool spool;
    bool spooled; /* `spool` is open */
    bool headed;  /* `done` is due */
    void *user;
    char peer[64];
    struct {
        const char *name, *value;
    } header[HEADERS_MAX];
    size_t headers;
    struct MHD_Response *response;
    unsigned status;
};
void *request_begin(void *cls, const char *uri, struct MHD_Connection *conn);
/* libmicrohttpd does not complete a request whose parameters it had no room for: the connection's next one,
 * or its end, does. */
void request_forget(struct http_server *s, struct link *l);
enum MHD_Result request_access(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                               const char *version, const char *data, size_t *data_size, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                       enum MHD_RequestTerminationCode why);

/* ---- respond.c */

void respond_refuse(struct http_request *r, unsigned status, const char *text);
/* Gives headers set so far and `response` (or NULL: no memory) to the request, which owns it from now on. */
void respond_take(struct http_request *r, unsigned status, const char *content_type,
                  struct MHD_Response *response);

/* Worth compressing. */
bool respond_text_like(const char *type);

/* ---- stream.c */

void streams_end(struct http_server *s);
