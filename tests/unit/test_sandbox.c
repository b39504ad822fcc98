/* The sandbox as a forked child meets it. */
#include "base/file.h"
#include "base/hash.h"
#include "base/proc.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static char home[] = "/tmp/noroshi-sandbox-XXXXXX";

/* What a child does in its sandbox: 0 = was able to, else errno. Signals show in the status. */
static int open_file(void)
{
    return open("/etc/hostname", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int create_file(void)
{
    return open("/tmp/noroshi-must-not-exist", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int make_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0) < 0 ? errno : 0;
}

static int execute(void)
{
    (void)execl("/bin/true", "true", NULL);
    return errno;
}

static int fork_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static int signal_parent(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? errno
               : 0;
}

static int make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int crash(void)
{
    abort();
}

static int trace_parent(void)
{
    return prctl(PR_SET_DUMPABLE, 1) < 0 ? errno : 0;
}

static int given_fd = -1;

/* All that a parser needs, on a descriptor given to it. */
static int compute(void)
{
    char *large = malloc(8 << 20);
    if (!large)
        return ENOMEM;
    memset(large, 'x', 8 << 20);
    (void)sha256_of(sv_from(large, 8 << 20));
    large = realloc(large, 32 << 20);
    free(large);
    (void)uuid_v4();
    if (time_now() <= 0 || time_ticks() <= 0)
        return EINVAL;
    struct err e = ERR_NONE;
    struct buf b;
    buf_init(&b, 1 << 20);
    uint8_t type;
    int fd;
    size_t n;
    if (msg_recv(given_fd, &type, &b, &fd, 1, &n, &e) != 1 || n != 1)
        return EPROTO;
    struct stream *s = stream_new(fd, 1 << 20, 0);
    struct liner *l = liner_new(s, 100);
    struct sv line;
    uint64_t number, offset;
    bool cut;
    int rc = liner_next(l, &line, &number, &offset, &cut, &e);
    int sent = rc == 1 ? msg_send(given_fd, 2, line, NULL, 0, &e) : rc;
    liner_free(l);
    stream_free(s);
    close_fd(&fd);
    buf_clear(&b);
    return sent == OK ? 0 : EPROTO;
}

static int take_memory(void)
{
    char *volatile p = malloc(400 << 20);
    return p ? 0 : ENOMEM;
}

static int spin(void)
{
    volatile unsigned turns = 1;
    while (turns)
        turns = turns == 7 ? 1 : turns + 1;
    return 0;
}

static int write_home(void)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/f", home);
    struct err e = ERR_NONE;
    if (file_write(AT_FDCWD, path, SV("x"), 0600, &e) != OK)
        return EACCES;
    return unlink(path) < 0 ? errno : 0;
}

static int read_zones(void)
{
    return zone_find(SV("Asia/Taipei"), NULL) ? 0 : ENOENT;
}

static int talk_to_itself(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) < 0)
        return errno;
    return connect(client, (struct sockaddr *)&a, n) < 0 ? errno : 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(void)
{
    pthread_t t;
    int rc = pthread_create(&t, NULL, nothing, NULL);
    return rc ? rc : pthread_join(t, NULL);
}

static int connect_somewhere(void)
{
    /* Nobody listens on the discard port of loopback: refused by the kernel's network, not by the sandbox. */
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == ECONNREFUSED ? 0 : EPERM;
}

static int read_names(void)
{
    return open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int write_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC) < 0 ? errno : 0;
}

static int write_memory_file(void)
{
    int fd = memfd_create("spool", MFD_CLOEXEC);
    return fd < 0 || write(fd, "x", 1) != 1 ? errno : 0;
}

static int in_sandbox(enum sandbox_role role, const struct sandbox_opts *o, int (*act)(void),
                      int *ret_landlock)
{
    int report[2];
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err e = ERR_NONE;
        int abi = -1;
        if (sandbox_enter(role, o, &abi, &e) != OK) {
            (void)!write(STDERR_FILENO, e.text, strlen(e.text));
            _exit(255);
        }
        (void)!write(report[1], &abi, sizeof(abi));
        _exit(act() & 0xff);
    }
    int status, abi = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(report[0], &abi, sizeof(abi)), sizeof(abi));
    assert_true(abi >= 0);
    if (ret_landlock)
        *ret_landlock = abi;
    close_fd(&report[0]);
    close_fd(&report[1]);
    return status;
}

static void assert_exit(int status, int code)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static void assert_killed(int status, int number)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
}

static void assert_denied(int status)
{
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == EPERM || WEXITSTATUS(status) == EACCES);
}

static void parsers_and_keepers_cannot_reach_out(void **state)
{
    static const enum sandbox_role roles[] = {SANDBOX_PARSER, SANDBOX_KEEPER};
    for (size_t i = 0; i < 2; i++) {
        int abi;
        int status = in_sandbox(roles[i], NULL, open_file, &abi);
        if (abi || !SANITIZED)
            assert_denied(status);
        status = in_sandbox(roles[i], NULL, create_file, NULL);
        if (abi || !SANITIZED)
            assert_denied(status);
        if (SANITIZED)
            continue;
        assert_exit(in_sandbox(roles[i], NULL, make_socket, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, make_unix_socket, NULL), EPERM);
        assert_killed(in_sandbox(roles[i], NULL, execute, NULL), SIGSYS);
        assert_exit(in_sandbox(roles[i], NULL, fork_process, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, signal_parent, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, map_code, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, make_code, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, trace_parent, NULL), EPERM);
        assert_exit(in_sandbox(roles[i], NULL, start_thread, NULL), EPERM);
        assert_killed(in_sandbox(roles[i], NULL, crash, NULL), SIGABRT);
    }
    /* The same acts succeed outside: the tests above do not pass for another reason. */
    assert_int_equal(open_file(), 0);
    assert_int_equal(make_socket(), 0);
    assert_int_equal(map_code(), 0);
    assert_int_equal(fork_process(), 0);
    assert_int_equal(start_thread(), 0);
}

static void parsers_can_do_their_work(void **state)
{
    static const enum sandbox_role roles[] = {SANDBOX_PARSER, SANDBOX_KEEPER};
    for (size_t i = 0; i < 2; i++) {
        int pair[2];
        make_pair(pair);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct sandbox_opts o = {.memory_max = 256u << 20, .cpu_seconds = 20};
            close_fd(&pair[0]);
            given_fd = pair[1];
            if (sandbox_enter(roles[i], &o, NULL, NULL) != OK)
                _exit(255);
            _exit(compute());
        }
        close_fd(&pair[1]);
        int fd = memfd_create("input", MFD_CLOEXEC);
        assert_int_equal(fd_write_all(fd, SV("first\nsecond\n"), NULL), OK);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(msg_send(pair[0], 1, SV(""), &fd, 1, NULL), OK);
        struct buf b;
        buf_init(&b, 100);
        uint8_t type;
        struct err e = ERR_NONE;
        assert_int_equal(msg_recv(pair[0], &type, &b, NULL, 0, NULL, &e), 1);
        assert_true(type == 2 && sv_eq(buf_sv(&b), SV("first")));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_exit(status, 0);
        close_fd(&fd);
        close_fd(&pair[0]);
        buf_clear(&b);
    }
}

static void limits_hold(void **state)
{
    struct sandbox_opts o = {.memory_max = 200u << 20};
    if (!SANITIZED)
        assert_exit(in_sandbox(SANDBOX_PARSER, &o, take_memory, NULL), ENOMEM);
    o = (struct sandbox_opts){.cpu_seconds = 1};
    int status = in_sandbox(SANDBOX_PARSER, &o, spin, NULL);
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU));
}

static void fetchers_only_ask_the_network(void **state)
{
    int abi;
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, connect_somewhere, &abi), 0);
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, read_names, NULL), 0);
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, start_thread, NULL), 0);
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, write_memory_file, NULL), 0);
    if (abi) {
        assert_denied(in_sandbox(SANDBOX_FETCHER, NULL, open_file, NULL));
    }
    if (abi || !SANITIZED) {
        assert_denied(in_sandbox(SANDBOX_FETCHER, NULL, create_file, NULL));
        assert_denied(in_sandbox(SANDBOX_FETCHER, NULL, write_null, NULL));
        assert_denied(in_sandbox(SANDBOX_FETCHER, NULL, execute, NULL));
    }
    if (SANITIZED)
        return;
    assert_denied(in_sandbox(SANDBOX_FETCHER, NULL, talk_to_itself, NULL));
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, fork_process, NULL), EPERM);
    assert_exit(in_sandbox(SANDBOX_FETCHER, NULL, signal_parent, NULL), EPERM);
}

static void nodes_keep_to_their_home(void **state)
{
    struct sandbox_opts o = {.home = home};
    int abi;
    assert_exit(in_sandbox(SANDBOX_NODE, &o, write_home, &abi), 0);
    assert_exit(in_sandbox(SANDBOX_NODE, &o, read_zones, NULL), 0);
    assert_exit(in_sandbox(SANDBOX_NODE, &o, talk_to_itself, NULL), 0);
    assert_exit(in_sandbox(SANDBOX_NODE, &o, start_thread, NULL), 0);
    assert_exit(in_sandbox(SANDBOX_NODE, &o, fork_process, NULL), 0);
    if (abi || !SANITIZED)
        assert_denied(in_sandbox(SANDBOX_NODE, &o, execute, NULL));
    if (abi) {
        assert_denied(in_sandbox(SANDBOX_NODE, &o, open_file, NULL));
        assert_denied(in_sandbox(SANDBOX_NODE, &o, create_file, NULL));
        const char *const more[] = {"/etc", "/no/such/path", NULL};
        o.read = more;
        assert_exit(in_sandbox(SANDBOX_NODE, &o, open_file, NULL), 0);
    }
    struct err e = ERR_NONE;
    assert_int_equal(sandbox_enter(SANDBOX_NODE, NULL, NULL, &e), ERR_USAGE);
    print_message("landlock ABI %d\n", abi);
}

/* As on a kernel that was built without landlock: the call is not there. */
static int hide_landlock(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) < 0 ||
        seccomp_load(ctx) < 0)
        return -1;
    seccomp_release(ctx);
    return 0;
}

static void kernels_without_landlock_serve(void **state)
{
    static const enum sandbox_role roles[] = {SANDBOX_PARSER, SANDBOX_KEEPER, SANDBOX_NODE};
    struct sandbox_opts o = {.home = home};
    for (size_t i = 0; i < 3; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            int abi = -1;
            if (hide_landlock() < 0)
                _exit(200);
            if (sandbox_enter(roles[i], &o, &abi, NULL) != OK || abi != 0)
                _exit(201);
            if (SANITIZED || roles[i] == SANDBOX_NODE)
                _exit(0);
            _exit(open_file() == EPERM ? 0 : 202);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_exit(status, 0);
    }
}

static int make_home(void **state)
{
    return crypto_start(NULL) == OK && mkdtemp(home) ? 0 : -1;
}

static int remove_home(void **state)
{
    return rmdir(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsers_and_keepers_cannot_reach_out),
        cmocka_unit_test(parsers_can_do_their_work),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(fetchers_only_ask_the_network),
        cmocka_unit_test(nodes_keep_to_their_home),
        cmocka_unit_test(kernels_without_landlock_serve),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
