#include "base/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a process that only computes over open descriptors needs. */
static const int compute_calls[] = {
    CALL(read),          CALL(readv),           CALL(pread64),
    CALL(write),         CALL(writev),          CALL(pwrite64),
    CALL(lseek),         CALL(close),           CALL(sendmsg),
    CALL(recvmsg),       CALL(sendto),          CALL(recvfrom),
    CALL(poll),          CALL(ppoll),           CALL(fstat),
    CALL(fcntl),         CALL(munmap),          CALL(mremap),
    CALL(brk),           CALL(madvise),         CALL(mlock),
    CALL(munlock),       CALL(futex),           CALL(set_robust_list),
    CALL(rseq),          CALL(sched_yield),     CALL(sched_getaffinity),
    CALL(clock_gettime), CALL(clock_getres),    CALL(clock_nanosleep),
    CALL(nanosleep),     CALL(gettimeofday),    CALL(time),
    CALL(getrandom),     CALL(getpid),          CALL(gettid),
    CALL(getppid),       CALL(getrusage),       CALL(sysinfo),
    CALL(rt_sigaction),  CALL(rt_sigprocmask),  CALL(rt_sigreturn),
    CALL(sigaltstack),   CALL(restart_syscall), CALL(exit),
    CALL(exit_group),
};

/* No library falls back from these: who calls them has been taken over. */
static const int fatal_calls[] = {
    CALL(execve),
    CALL(execveat),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(connect),
    CALL(bind),
    CALL(listen),
    CALL(bpf),
    CALL(mount),
    CALL(kexec_load),
    CALL(init_module),
    CALL(finit_module),
};

/* What the node never does, however it came to it. */
static const int node_denied_calls[] = {
    CALL(execve),
    CALL(execveat),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(pidfd_getfd),
    CALL(mount),
    CALL(umount2),
    CALL(move_mount),
    CALL(open_tree),
    CALL(fsopen),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(fspick),
    CALL(mount_setattr),
    CALL(pivot_root),
    CALL(chroot),
    CALL(setns),
    CALL(unshare),
    CALL(kexec_load),
    CALL(kexec_file_load),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(open_by_handle_at),
    CALL(name_to_handle_at),
    CALL(add_key),
    CALL(request_key),
    CALL(keyctl),
    CALL(acct),
    CALL(swapon),
    CALL(swapoff),
    CALL(reboot),
    CALL(syslog),
    CALL(quotactl),
    CALL(iopl),
    CALL(ioperm),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(adjtimex),
    CALL(clock_adjtime),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(personality),
    CALL(mknod),
    CALL(mknodat),
    CALL(fanotify_init),
    CALL(lookup_dcookie),
    CALL(vhangup),
    CALL(nfsservctl),
};

/* What a client of the network has no use for besides: other processes, listening, changing the file tree. */
static const int fetcher_denied_calls[] = {
    CALL(fork),     CALL(vfork),   CALL(kill),     CALL(tkill),     CALL(listen),    CALL(accept),
    CALL(accept4),  CALL(creat),   CALL(openat2),  CALL(unlink),    CALL(unlinkat),  CALL(rename),
    CALL(renameat), CALL(link),    CALL(linkat),   CALL(renameat2), CALL(symlink),   CALL(symlinkat),
    CALL(mkdir),    CALL(mkdirat), CALL(rmdir),    CALL(truncate),  CALL(chmod),     CALL(fchmodat),
    CALL(chown),    CALL(lchown),  CALL(fchownat), CALL(setxattr),  CALL(utimensat), CALL(lsetxattr),
};

static int add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int rc = seccomp_rule_add(ctx, action, calls[i], 0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Memory that can never become code; the keeper maps no descriptors. */
static int add_memory_rules(scmp_filter_ctx ctx, bool map_files)
{
    struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    struct scmp_arg_cmp anonymous = SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS);
    int rc = map_files ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(mmap), 1, no_exec)
                       : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(mmap), 2, no_exec, anonymous);
    return rc < 0 ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(mprotect), 1, no_exec);
}

static int add_compute_rules(scmp_filter_ctx ctx, enum sandbox_role role)
{
    int rc = add_all(ctx, SCMP_ACT_ALLOW, compute_calls, COUNT(compute_calls));
    if (rc == 0)
        rc = add_all(ctx, SCMP_ACT_KILL_PROCESS, fatal_calls, COUNT(fatal_calls));
    if (rc == 0)
        rc = add_memory_rules(ctx, role == SANDBOX_PARSER);
    /* fstat() of glibc is newfstatat with an empty path. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(newfstatat), 1,
                              SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    /* abort() signals its own process, and nobody else's. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(tgkill), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    return rc;
}

/* Threads, but no processes; files, but none for writing: what landlock says, on kernels without it too. */
static int add_fetcher_rules(scmp_filter_ctx ctx)
{
    static const struct {
        int call;
        unsigned flags;
    } opening[] = {{CALL(open), 1}, {CALL(openat), 2}};
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    int rc = add_all(ctx, no, node_denied_calls, COUNT(node_denied_calls));
    if (rc == 0)
        rc = add_all(ctx, no, fetcher_denied_calls, COUNT(fetcher_denied_calls));
    for (size_t i = 0; rc == 0 && i < COUNT(opening); i++) {
        const scmp_datum_t write[] = {O_WRONLY, O_RDWR};
        for (size_t k = 0; rc == 0 && k < COUNT(write); k++)
            rc = seccomp_rule_add(ctx, no, opening[i].call, 1,
                                  SCMP_CMP(opening[i].flags, SCMP_CMP_MASKED_EQ, O_ACCMODE, write[k]));
    }
    /* glibc falls back to clone(), whose flags can be seen. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
    if (rc == 0)
        rc = seccomp_rule_add(ctx, no, CALL(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return rc;
}

int sandbox_filter(enum sandbox_role role, struct err *e)
{
    bool open = role == SANDBOX_NODE || role == SANDBOX_FETCHER;
    scmp_filter_ctx ctx = seccomp_init(open ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
    if (!ctx)
        return err_set(e, ERR_MEMORY, "no memory for the system call filter");
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (rc == 0 && role == SANDBOX_FETCHER)
        rc = add_fetcher_rules(ctx);
    else if (rc == 0)
        rc = open ? add_all(ctx, SCMP_ACT_ERRNO(EPERM), node_denied_calls, COUNT(node_denied_calls))
                  : add_compute_rules(ctx, role);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc < 0 ? err_errno(e, -rc, "cannot load the system call filter") : OK;
}
