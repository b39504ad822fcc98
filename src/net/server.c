#include "net/private.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOW_WORKERS 2
#define JUDGES 2
#define JUDGE_QUEUE 256
#define POOL_MEMORY ((size_t)48 << 10) /* besides the head: what a connection reads and writes through */
#define TLS_PRIORITIES                                                                                       \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-AES-128-CBC:-AES-256-CBC:%SERVER_PRECEDENCE"

#define TLS13_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:%SERVER_PRECEDENCE"

/* ---- the listening socket */

/* "127.0.0.1:8443", "[::1]:8443" */
static bool split_listen(const char *text, char host[64], char port[8])
{
    struct sv s = sv_c(text);
    size_t colon = sv_rchr(s, ':');
    uint64_t number;
    if (colon == SIZE_MAX || !sv_u64(sv_sub(s, colon + 1, SIZE_MAX), &number) || number > 65535) {
        return false;
    }
    struct sv name = sv_sub(s, 0, colon);
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = sv_sub(name, 1, name.n - 2);
    }
    return name.n > 0 && sv_copy(name, host, 64) && sv_copy(sv_sub(s, colon + 1, SIZE_MAX), port, 8);
}

static int bind_one(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 511) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static void note_address(struct http_server *s)
{
    struct sockaddr_storage bound = {0};
    socklen_t n = sizeof(bound);
    char host[64], port[8];
    if (getsockname(s->listen_fd, (struct sockaddr *)&bound, &n) == 0 &&
        getnameinfo((struct sockaddr *)&bound, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(s->address, sizeof(s->address), bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                 port);
    }
}

static int open_socket(struct http_server *s, const char *listen_text, struct err *e)
{
    char host[64], port[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!split_listen(listen_text, host, port) || getaddrinfo(host, port, &hints, &found) != 0) {
        err_set(e, ERR_VALUE, "'%s' is no address to listen on", listen_text);
        return err_hint(e, "write an address and a port, for example 127.0.0.1:8443 or [::1]:8443");
    }
    s->listen_fd = bind_one(found);
    int why = errno;
    freeaddrinfo(found);
    if (s->listen_fd < 0) {
        err_errno(e, why, "cannot listen on %s", listen_text);
        return err_hint(e, why == EADDRINUSE ? "another program listens there: stop it or choose another port"
                                             : "choose an address of this machine and a port above 1023");
    }
    note_address(s);
    return OK;
}

/* ---- the daemon */

/* Before the handshake. With no authorities named, clients that choose by them send what they have. */
static void ask_certificate(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? (gnutls_session_t)info->tls_session : NULL;
    if (session) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_certificate_send_x509_rdn_sequence(session, 1);
    }
}

void http_ask_client(struct http_server *s, bool ask)
{
    atomic_store(&s->asks_client, ask && s->tls && !s->trusts_ca);
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        request_forget(s, *context);
        watch_remove(&s->watch, *context);
        *context = NULL;
        return;
    }
    if (atomic_load(&s->asks_client)) {
        ask_certificate(conn);
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info ? watch_add(&s->watch, info->connect_fd) : NULL;
}

/* Left as it is: text.c decodes once, and checks. */
static size_t no_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
    return strlen(s);
}

/* Rooms do not log; what goes wrong on one connection is that client's affair. */
static void no_log(void *cls, const char *format, va_list args)
{
}

struct pems {
    struct buf cert, key, ca;
};

static int read_pems(const struct http_opts *o, struct pems *p, struct err *e)
{
    int rc = o->cert_file ? file_read(AT_FDCWD, o->cert_file, &p->cert, e) : OK;
    rc = rc == OK && o->key_file ? file_read(AT_FDCWD, o->key_file, &p->key, e) : rc;
    rc = rc == OK && o->client_ca_file ? file_read(AT_FDCWD, o->client_ca_file, &p->ca, e) : rc;
    buf_addc(&p->cert, 0);
    buf_addc(&p->key, 0);
    buf_addc(&p->ca, 0);
    return rc == OK && (p->cert.failed || p->key.failed || p->ca.failed)
               ? err_set(e, ERR_MEMORY, "no memory for the TLS files")
               : rc;
}

static int start_daemon(struct http_server *s, const struct http_opts *o, struct pems *p, struct err *e)
{
    const char *priorities = o->tls13 ? TLS13_PRIORITIES : TLS_PRIORITIES;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, p->cert.p},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, p->key.p},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)priorities},
                                   {s->trusts_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, p->ca.p},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem threads[] = {
        {o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)o->threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (s->tls ? MHD_USE_TLS : 0);
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, request_access, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
        MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, s, MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
        o->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->max_head + POOL_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, threads, MHD_OPTION_ARRAY, s->tls ? tls : none,
        MHD_OPTION_END);
    if (!s->daemon) {
        err_set(e, ERR_CRYPTO,
                s->tls ? "the HTTPS server does not start: certificate and key do not fit together"
                       : "the HTTP server does not start");
        return err_hint(e,
                        "look at tls/cert.pem and tls/key.pem of the home, and at the limit of open files");
    }
    s->listen_fd = -1; /* the daemon's now */
    return OK;
}

static int check_opts(const struct http_opts *o, const struct http_server *s, struct err *e)
{
    if (!o->cert_file != !o->key_file) {
        return err_set(e, ERR_USAGE, "a certificate and its key belong together");
    }
    if (!s->tls && strncmp(o->listen, "127.", 4) != 0 && strncmp(o->listen, "[::1]", 5) != 0) {
        err_set(e, ERR_DENIED, "plain HTTP is only served on this machine, not on %s", o->listen);
        return err_hint(e, "give a certificate and a key");
    }
    return OK;
}

static int start(struct http_server *s, const struct http_opts *o, struct err *e)
{
    struct pems p;
    unsigned quick = o->threads * 4 > 8 ? o->threads * 4 : 8;
    buf_init(&p.cert, 1 << 20);
    buf_init(&p.key, 1 << 20);
    buf_init(&p.ca, 1 << 20);
    int rc = check_opts(o, s, e);
    rc = rc == OK ? read_pems(o, &p, e) : rc;
    rc = rc == OK ? open_socket(s, o->listen, e) : rc;
    rc = rc == OK ? watch_start(&s->watch, o->idle_seconds, e) : rc;
    if (rc == OK) {
        s->quick = pool_new(quick, o->max_connections + 1, e);
        s->slow = s->quick ? pool_new(SLOW_WORKERS, o->max_connections + 1, e) : NULL;
        s->judges = s->slow ? pool_new(JUDGES, JUDGE_QUEUE, e) : NULL;
        rc = s->judges ? OK : e->code;
    }
    rc = rc == OK ? start_daemon(s, o, &p, e) : rc;
    buf_clear(&p.cert);
    if (p.key.p) {
        explicit_bzero(p.key.p, p.key.n);
    }
    buf_clear(&p.key);
    buf_clear(&p.ca);
    return rc;
}

struct http_server *http_start(const struct http_opts *o, const struct http_handler *h, struct err *e)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for the HTTP server");
        return NULL;
    }
    s->handler = *h;
    s->listen_fd = -1;
    s->max_head = o->max_head;
    s->tls = o->cert_file != NULL;
    s->trusts_ca = o->client_ca_file != NULL;
    http_ask_client(s, o->ask_client);
    pthread_mutex_init(&s->lock, NULL);
    int rc = sv_copy(sv_c(o->spool_dir ? o->spool_dir : "/tmp"), s->spool_dir, sizeof(s->spool_dir))
                 ? start(s, o, e)
                 : err_set(e, ERR_LIMIT, "the path of the spool directory is too long");
    if (rc != OK) {
        http_stop(s, 0);
        return NULL;
    }
    return s;
}

/* ---- the end */

static void stop_daemon(struct http_server *s, unsigned seconds)
{
    int fd = MHD_quiesce_daemon(s->daemon);
    close_fd(&fd);
    streams_end(s);
    pool_wait(s->judges);
    pool_wait(s->quick);
    pool_wait(s->slow);
    usec until = time_ticks() + (usec)seconds * USEC_SECOND;
    while (atomic_load(&s->requests) > 0 && time_ticks() < until) {
        (void)poll(NULL, 0, 10);
    }
    MHD_stop_daemon(s->daemon);
}

void http_stop(struct http_server *s, unsigned seconds)
{
    if (!s) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    if (s->daemon) {
        stop_daemon(s, seconds);
    }
    pool_free(s->quick);
    pool_free(s->slow);
    pool_free(s->judges);
    watch_stop(&s->watch);
    close_fd(&s->listen_fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *http_address(const struct http_server *s)
{
    return s->address;
}

unsigned http_connections(const struct http_server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}
