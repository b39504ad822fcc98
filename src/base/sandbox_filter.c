#include "base/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
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

int sandbox_filter(enum sandbox_role role, struct err *e)
{
    bool node = role == SANDBOX_NODE;
    scmp_filter_ctx ctx = seccomp_init(node ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
    if (!ctx)
        return err_set(e, ERR_MEMORY, "no memory for the system call filter");
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (rc == 0)
        rc = node ? add_all(ctx, SCMP_ACT_ERRNO(EPERM), node_denied_calls, COUNT(node_denied_calls))
                  : add_compute_rules(ctx, role);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc < 0 ? err_errno(e, -rc, "cannot load the system call filter") : OK;
}
