#include "serve/command_socket.h"

#include "serve/node.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS_MAX 4096
#define ARGS_BYTES (1u << 20)
#define COMMANDS_MAX 32

/* Client to node: MSG_COMMAND once, MSG_FILE (a descriptor) or MSG_NO_FILE (an error code's name and text)
 * for each MSG_OPEN. */
enum { MSG_COMMAND = 1, MSG_EXIT = 2, MSG_OPEN = 3, MSG_FILE = 4, MSG_NO_FILE = 5 };

struct command_socket {
    struct node *node;
    int (*run)(struct node *, int, char **, const int[3], const struct opener *);
    int listen_fd;
    int stop[2];
    pthread_t thread;
    atomic_int running;
    char path[4096];
};

/* ---- one command
 * ------------------------------------------------------------------------------------------------------------------
 */

struct one {
    struct command_socket *socket;
    int fd;
};

static bool same_user(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* argv as NUL-terminated strings one after the other; pointers into `b`. */
static int split_args(struct buf *b, char **argv)
{
    int argc = 0;
    buf_addc(b, 0); /* the last string ends even when the sender forgot */
    for (size_t at = 0; !b->failed && at + 1 < b->n && argc < ARGS_MAX; at += strlen(b->p + at) + 1) {
        argv[argc++] = b->p + at;
    }
    argv[argc] = NULL;
    return argc;
}

/* Asks the client for a file: what it may read is its own affair, what we may is our home. */
static int open_at_client(void *ctx, const char *path, struct err *e)
{
    const struct one *o = ctx;
    struct buf b;
    uint8_t type = 0;
    int fd = -1;
    size_t n = 0;
    buf_init(&b, 1 << 16);
    int rc = msg_send(o->fd, MSG_OPEN, sv_c(path), NULL, 0, e);
    rc = rc == OK ? msg_recv(o->fd, &type, &b, &fd, 1, &n, e) : rc;
    if (rc == 0) {
        rc = err_set(e, ERR_CANCELLED, "the command was ended");
    } else if (rc == 1 && type == MSG_FILE && n == 1) {
        rc = fd;
        fd = -1;
    } else if (rc == 1) {
        struct sv text = buf_sv(&b), code;
        char name[32];
        (void)sv_cut(&text, '\n', &code);
        sv_copy(code, name, sizeof(name));
        rc = err_set(e, err_code_of(name), "%.*s", SV_ARG(text));
    }
    close_fd(&fd);
    buf_clear(&b);
    return rc;
}

/* The client says nothing unless it is asked: what comes from it now is its end. */
static int wait_for_input(void *ctx, int fd, struct err *e)
{
    const struct one *o = ctx;
    struct pollfd p[3] = {{.fd = fd, .events = POLLIN},
                          {.fd = o->fd, .events = POLLIN},
                          {.fd = o->socket->stop[0], .events = POLLIN}};
    while (poll(p, 3, -1) < 0) {
        if (errno != EINTR) {
            return err_errno(e, errno, "cannot wait for the command's input");
        }
    }
    if (p[2].revents) {
        err_set(e, ERR_CANCELLED, "the node is being stopped");
        return err_hint(e, "give the command again when it runs, or without it");
    }
    return p[1].revents ? err_set(e, ERR_CANCELLED, "the command was ended") : OK;
}

static void serve_one(struct one *o)
{
    struct err e = ERR_NONE;
    struct buf body;
    int fds[3] = {-1, -1, -1};
    size_t nfds = 0;
    uint8_t type = 0;
    char **argv = calloc(ARGS_MAX + 1, sizeof(*argv));
    buf_init(&body, ARGS_BYTES);
    if (argv && same_user(o->fd) && msg_recv(o->fd, &type, &body, fds, 3, &nfds, &e) == 1 &&
        type == MSG_COMMAND && nfds == 3) {
        const struct opener files = {.open = open_at_client, .wait = wait_for_input, .ctx = o};
        int argc = split_args(&body, argv);
        int code = o->socket->run(o->socket->node, argc, argv, fds, &files);
        jobs_wake(o->socket->node->jobs); /* it may have scheduled something */
        char text = (char)code;
        (void)!msg_send(o->fd, MSG_EXIT, sv_from(&text, 1), NULL, 0, &e);
    }
    for (size_t i = 0; i < 3; i++) {
        close_fd(&fds[i]);
    }
    free(argv);
    buf_clear(&body);
}

static void *one_thread(void *arg)
{
    struct one *o = arg;
    serve_one(o);
    close_fd(&o->fd);
    atomic_fetch_sub(&o->socket->running, 1);
    free(o);
    return NULL;
}

static void start_one(struct command_socket *s, int fd)
{
    struct one *o = calloc(1, sizeof(*o));
    pthread_attr_t detached;
    pthread_t thread;
    if (!o || atomic_load(&s->running) >= COMMANDS_MAX) {
        free(o);
        close_fd(&fd);
        return;
    }
    *o = (struct one){s, fd};
    atomic_fetch_add(&s->running, 1);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, one_thread, o) != 0) {
        atomic_fetch_sub(&s->running, 1);
        free(o);
        close_fd(&fd);
    }
    pthread_attr_destroy(&detached);
}

static void *accept_thread(void *arg)
{
    struct command_socket *s = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->listen_fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (p[1].revents) {
            break;
        }
        int fd = p[0].revents ? accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            start_one(s, fd);
        }
    }
    return NULL;
}

/* ---- opening and closing
 * --------------------------------------------------------------------------------------------------------------
 */

static int address_of(const char *home, struct sockaddr_un *ret, char path[4096], struct err *e)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int rc = node_path(home, "run/noroshi.sock", path, e);
    if (rc == OK && !sv_copy(sv_c(path), ret->sun_path, sizeof(ret->sun_path))) {
        err_set(e, ERR_LIMIT, "the path of the command socket is longer than %zu bytes",
                sizeof(ret->sun_path) - 1);
        rc = err_hint(e, "use a shorter path for the home, or a relative one");
    }
    return rc;
}

static int bind_socket(struct command_socket *s, struct err *e)
{
    struct sockaddr_un address;
    int rc = address_of(s->node->home, &address, s->path, e);
    if (rc != OK) {
        return rc;
    }
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(s->path); /* we hold the home's lock: a socket that lies there is left over */
    mode_t old = umask(0177);
    bool ok = s->listen_fd >= 0 && bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              listen(s->listen_fd, 16) == 0;
    int why = errno;
    umask(old);
    return ok ? OK : err_errno(e, why, "cannot open the command socket %s", s->path);
}

struct command_socket *command_socket_open(struct node *n,
                                           int (*run)(struct node *, int, char **, const int[3],
                                                      const struct opener *),
                                           struct err *e)
{
    struct command_socket *s = calloc(1, sizeof(*s));
    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for the command socket");
        return NULL;
    }
    *s = (struct command_socket){.node = n, .run = run, .listen_fd = -1, .stop = {-1, -1}};
    int rc = bind_socket(s, e);
    if (rc == OK && pipe2(s->stop, O_CLOEXEC) != 0) {
        rc = err_errno(e, errno, "cannot make a pipe");
    }
    if (rc == OK && pthread_create(&s->thread, NULL, accept_thread, s) != 0) {
        rc = err_set(e, ERR_LIMIT, "cannot start a thread for commands");
    }
    if (rc != OK) {
        close_fd(&s->listen_fd);
        close_fd(&s->stop[0]);
        close_fd(&s->stop[1]);
        free(s);
        return NULL;
    }
    return s;
}

void command_socket_close(struct command_socket *s)
{
    if (!s) {
        return;
    }
    (void)!write(s->stop[1], "x", 1);
    pthread_join(s->thread, NULL);
    (void)unlink(s->path);
    while (atomic_load(&s->running) > 0) {
        (void)poll(NULL, 0, 20);
    }
    close_fd(&s->listen_fd);
    close_fd(&s->stop[0]);
    close_fd(&s->stop[1]);
    free(s);
}

/* ---- the other side
 * ---------------------------------------------------------------------------------------------------------------------
 */

static int answer_open(int fd, struct sv path, struct err *e)
{
    char name[4096];
    struct buf b;
    if (!sv_copy(path, name, sizeof(name))) {
        return msg_send(fd, MSG_NO_FILE, SV("limit\nthe path is too long"), NULL, 0, e);
    }
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file >= 0) {
        int rc = msg_send(fd, MSG_FILE, SV(""), &file, 1, e);
        close_fd(&file);
        return rc;
    }
    struct err why = ERR_NONE;
    err_errno(&why, errno, "cannot open %s", name);
    buf_init(&b, 1 << 16);
    buf_printf(&b, "%s\n%s", err_name(why.code), why.text);
    int rc = msg_send(fd, MSG_NO_FILE, buf_sv(&b), NULL, 0, e);
    buf_clear(&b);
    return rc;
}

/* At or below a path that stands on the command line: a node is not handed others, whoever asks it to ask. */
static bool asked_for(int argc, char **argv, struct sv path)
{
    for (int i = 1; i < argc; i++) {
        struct sv given = sv_c(argv[i]), rest = sv_sub(path, given.n, SIZE_MAX), name;
        if (given.n == 0 || !sv_starts(path, given)) {
            continue;
        }
        bool below = rest.n == 0 || rest.p[0] == '/' || given.p[given.n - 1] == '/';
        while (below && rest.n && sv_cut(&rest, '/', &name)) {
            below = !sv_eq(name, SV(".."));
        }
        if (below) {
            return true;
        }
    }
    return false;
}

/* 1 and the exit code at the end; the node asks for files meanwhile. */
static int converse(int fd, int argc, char **argv, int *ret_exit, struct err *e)
{
    struct buf body;
    uint8_t type = 0;
    int rc;
    buf_init(&body, ARGS_BYTES);
    while ((rc = msg_recv(fd, &type, &body, NULL, 0, NULL, e)) == 1 && type == MSG_OPEN) {
        rc = asked_for(argc, argv, buf_sv(&body))
                 ? answer_open(fd, buf_sv(&body), e)
                 : msg_send(fd, MSG_NO_FILE, SV("denied\nthe command names no such file"), NULL, 0, e);
        if (rc != OK) {
            break;
        }
    }
    if (rc == 0) {
        err_set(e, ERR_IO, "the node ended the command");
        rc = err_hint(e,
                      "look into the node's log; it may have been stopped or refused another user's command");
    } else if (rc == 1 && (type != MSG_EXIT || body.n != 1)) {
        rc = err_set(e, ERR_INTERNAL, "the node answered in a way this program does not understand");
    } else if (rc == 1) {
        *ret_exit = (uint8_t)body.p[0];
    }
    if (rc < 0 && !e->remedy[0]) {
        err_hint(
            e, "if this node does not run, something else listens at run/noroshi.sock of its home: end that");
    }
    buf_clear(&body);
    return rc;
}

static int exchange(int fd, int argc, char **argv, int *ret_exit, struct err *e)
{
    struct buf body;
    buf_init(&body, ARGS_BYTES);
    for (int i = 0; i < argc; i++) {
        buf_addp(&body, argv[i], strlen(argv[i]) + 1);
    }
    const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    int rc = body.failed ? err_set(e, ERR_LIMIT, "the command line is too long")
                         : msg_send(fd, MSG_COMMAND, buf_sv(&body), fds, 3, e);
    buf_clear(&body);
    return rc == OK ? converse(fd, argc, argv, ret_exit, e) : rc;
}

int node_command(const char *home, int argc, char **argv, int *ret_exit, struct err *e)
{
    struct sockaddr_un address;
    char path[4096];
    if (address_of(home, &address, path, e) != OK) {
        return 0;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_errno(e, errno, "cannot make a socket");
    }
    int rc = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0
                 ? exchange(fd, argc, argv, ret_exit, e)
                 : 0;
    close_fd(&fd);
    return rc;
}
