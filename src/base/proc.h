/* Processes: framed messages with file descriptors over a socketpair, narrowing by landlock and seccomp,
 * worker threads. */
#pragma once

#include "base/buf.h"
#include <sys/types.h>

#define MSG_MAX (64u << 20)
#define MSG_MAX_FDS 8

/* Sends one frame (u32 length, u8 type, bytes) and descriptors with it. Blocks; EINTR-safe; EPIPE is ERR_IO.
 */
int msg_send(int fd, uint8_t type, struct sv body, const int *fds, size_t nfds, struct err *e) MUST_USE;
/*
 * Receives one frame into `b` (reset first). Descriptors arrive close-on-exec; more than `max_fds` are
 * closed. Returns 1, or 0 at an orderly end, or a negative code. `*ret_nfds` may be NULL when max_fds is 0.
 */
int msg_recv(int fd, uint8_t *ret_type, struct buf *b, int *fds, size_t max_fds, size_t *ret_nfds,
             struct err *e) MUST_USE;

/* What a process may still do after sandbox_enter. */
enum sandbox_role {
    SANDBOX_KEEPER,  /* read and write open descriptors only */
    SANDBOX_PARSER,  /* the same plus memory and clock: no files, no network, no new processes */
    SANDBOX_NODE,    /* the database process: files below `home` and the system's zone and certificate files
                        only; network; may not exec */
    SANDBOX_FETCHER, /* a network client: reads what names and certificates need, writes to descriptors it is
                        given; no new processes, no listening */
};
struct sandbox_opts {
    const char *home;        /* SANDBOX_NODE: the only writable tree */
    const char *const *read; /* further readable paths, NULL-terminated; may be NULL */
    size_t memory_max;       /* RLIMIT_AS in bytes; 0 = leave */
    size_t cpu_seconds;      /* RLIMIT_CPU; 0 = leave */
};
/*
 * Narrows the calling process for good (NO_NEW_PRIVS, landlock where the kernel has it, seccomp, rlimits, no
 * core dump). Call it before threads start: landlock narrows the calling thread and what it starts later.
 * SANDBOX_PARSER maps no code, so PCRE2 falls back to its interpreter there. Under ASan the seccomp filter is
 * left out. *ret_landlock (may be NULL) tells the ABI used, 0 = none.
 */
int sandbox_enter(enum sandbox_role role, const struct sandbox_opts *o, int *ret_landlock,
                  struct err *e) MUST_USE;

/* Fixed pool of threads over one queue. Jobs are begun in order of arrival; pool_free waits for those running
 * and drops those queued. */
struct pool;
struct pool *pool_new(unsigned threads, size_t max_queued, struct err *e);
int pool_add(struct pool *p, void (*run)(void *), void *arg) MUST_USE; /* ERR_LIMIT when the queue is full */
void pool_wait(struct pool *p); /* until the queue is empty and nothing runs */
void pool_free(struct pool *p);
