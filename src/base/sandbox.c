#include "base/sandbox_private.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after the headers of Debian 12, by ABI (Documentation/userspace-api/landlock.rst). */
#define RIGHT_REFER (1ull << 13)        /* 2 */
#define RIGHT_TRUNCATE (1ull << 14)     /* 3 */
#define RIGHT_IOCTL_DEV (1ull << 15)    /* 5 */
#define NET_BIND_TCP (1ull << 0)        /* 4 */
#define NET_CONNECT_TCP (1ull << 1)     /* 4 */
#define SCOPE_ABSTRACT_UNIX (1ull << 0) /* 6 */
#define SCOPE_SIGNAL (1ull << 1)        /* 6 */

#define RIGHTS_1 ((uint64_t)LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* What a rule on a single file may name. */
#define RIGHTS_FILE                                                                                          \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |             \
     RIGHT_TRUNCATE | RIGHT_IOCTL_DEV)

/* struct landlock_ruleset_attr as of ABI 6; older kernels are given the part they know. */
struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

/* What resolving names, verifying certificates and asking for randomness reads. */
static const char *const network_readable[] = {
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/ssl",
    "/etc/gnutls",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
    "/usr/lib",
    "/lib",
    "/lib64",
    "/dev/urandom",
    "/dev/random",
    "/proc/self",
    "/proc/sys/net",
    NULL,
};

/* What the node reads besides: zones, and the state of the machine. */
static const char *const node_readable[] = {
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/sys/devices/system/cpu",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/stat",
    NULL,
};

static int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (int)abi : 0;
}

static struct ruleset rules_of(enum sandbox_role role, int abi)
{
    struct ruleset r = {.fs = RIGHTS_1};
    if (abi >= 2)
        r.fs |= RIGHT_REFER;
    if (abi >= 3)
        r.fs |= RIGHT_TRUNCATE;
    if (abi >= 5)
        r.fs |= RIGHT_IOCTL_DEV;
    if (role == SANDBOX_NODE)
        return r;
    if (abi >= 4)
        r.net = role == SANDBOX_FETCHER ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
    if (abi >= 6)
        r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    return r;
}

static int allow_path(int ruleset, const char *path, uint64_t rights, struct err *e)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= RIGHTS_FILE;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int saved = errno;
    close_fd(&fd);
    return rc < 0 ? err_errno(e, saved, "cannot allow %s", path) : OK;
}

/* Paths that are not there need no rule. */
static int allow_readable(int ruleset, const char *const *paths, struct err *e)
{
    for (; paths && *paths; paths++) {
        int rc = allow_path(ruleset, *paths, RIGHTS_READ, e);
        if (rc != OK && rc != ERR_NOT_FOUND)
            return rc;
    }
    return OK;
}

static int allow_node(int ruleset, const struct sandbox_opts *o, uint64_t rights, struct err *e)
{
    static const char *const null_device[] = {"/dev/null", NULL};
    uint64_t write = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | (rights & RIGHT_TRUNCATE);
    int rc = allow_path(ruleset, o->home, rights & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE, e);
    if (rc == OK)
        rc = allow_path(ruleset, null_device[0], write, e);
    if (rc == OK || rc == ERR_NOT_FOUND)
        rc = allow_readable(ruleset, network_readable, e);
    if (rc == OK)
        rc = allow_readable(ruleset, node_readable, e);
    return rc == OK ? allow_readable(ruleset, o->read, e) : rc;
}

static int enter_landlock(enum sandbox_role role, const struct sandbox_opts *o, int abi, struct err *e)
{
    struct ruleset r = rules_of(role, abi);
    size_t size = abi >= 6   ? sizeof(r)
                  : abi >= 4 ? offsetof(struct ruleset, scoped)
                             : offsetof(struct ruleset, net);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
    if (fd < 0)
        return err_errno(e, errno, "cannot make landlock rules");
    int rc = OK;
    if (role == SANDBOX_NODE)
        rc = allow_node(fd, o, r.fs, e);
    else if (role == SANDBOX_FETCHER)
        rc = allow_readable(fd, network_readable, e);
    if (rc == OK && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        rc = err_errno(e, errno, "cannot enter the landlock rules");
    close_fd(&fd);
    return rc;
}

static int lower_limit(int which, rlim_t value, const char *name, struct err *e)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)which, &now) == 0 && now.rlim_max != RLIM_INFINITY &&
        value > now.rlim_max)
        value = now.rlim_max;
    struct rlimit limit = {value, value};
    if (setrlimit((__rlimit_resource_t)which, &limit) < 0)
        return err_errno(e, errno, "cannot limit %s", name);
    return OK;
}

static int lower_limits(const struct sandbox_opts *o, struct err *e)
{
    int rc = lower_limit(RLIMIT_CORE, 0, "core dumps", e);
    /* The sanitizers reserve terabytes of addresses. */
    if (rc == OK && o && o->memory_max && !SANDBOX_SANITIZED)
        rc = lower_limit(RLIMIT_AS, o->memory_max, "memory", e);
    if (rc == OK && o && o->cpu_seconds)
        rc = lower_limit(RLIMIT_CPU, o->cpu_seconds, "processor time", e);
    return rc;
}

int sandbox_enter(enum sandbox_role role, const struct sandbox_opts *o, int *ret_landlock, struct err *e)
{
    if (role == SANDBOX_NODE && (!o || !o->home))
        return err_set(e, ERR_USAGE, "the node's sandbox needs its home directory");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(e, errno, "cannot give up new privileges");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(e, errno, "cannot refuse to be traced");
    int rc = lower_limits(o, e);
    int abi = landlock_abi();
    if (rc == OK && abi)
        rc = enter_landlock(role, o, abi, e);
    if (ret_landlock)
        *ret_landlock = abi;
    if (rc == OK && !SANDBOX_SANITIZED)
        rc = sandbox_filter(role, e);
    return rc;
}
