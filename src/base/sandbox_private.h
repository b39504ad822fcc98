/* What sandbox.c (order of steps, limits, landlock) and sandbox_filter.c (system calls) share. */
#pragma once

#include "base/proc.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* Loads the system call filter of a role into all threads of the process. */
int sandbox_filter(enum sandbox_role role, struct err *e) MUST_USE;
