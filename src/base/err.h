/* Errors are values: a code, a sentence, a remedy and a place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    OK = 0,
    ERR_MEMORY = -1, /* out of memory */
    ERR_LIMIT = -2,  /* a named limit was reached */
    ERR_SYNTAX = -3, /* text is not in the format it should be in */
    ERR_VALUE = -4,  /* well-formed, but the value is not allowed */
    ERR_ZONE = -5,   /* a time without a zone, and none declared */
    ERR_NOT_FOUND = -6,
    ERR_EXISTS = -7,
    ERR_DENIED = -8, /* permission or policy */
    ERR_BUSY = -9,   /* locked by another process */
    ERR_IO = -10,
    ERR_FULL = -11,    /* disk full or read-only */
    ERR_CORRUPT = -12, /* stored bytes are not what was stored */
    ERR_UNSUPPORTED = -13,
    ERR_CONFLICT = -14, /* same identity, other content */
    ERR_AUTH = -15,
    ERR_CRYPTO = -16, /* a signature, key or random source failed */
    ERR_USAGE = -17,
    ERR_CANCELLED = -18,
    ERR_INTERNAL = -19, /* a bug: should never reach a person */
    ERR_TIME = -20,     /* it took longer than it may */
};

/* `line` and `offset` count from 1 and 0; 0 and UINT64_MAX mean "not known". */
struct err {
    int code;
    uint64_t line;
    uint64_t offset;
    char file[200];
    char text[400];
    char remedy[240];
};

#define ERR_NONE ((struct err){.offset = UINT64_MAX})

/* Sets code and sentence, clears remedy and place; returns `code`, so that `return err_set(e, ...)` reads
 * well. `e` may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: here it is told what err_set returns. */
#define err_set(e, code, ...) ((void)err_set((e), (code), __VA_ARGS__), (code))
#endif
/* As err_set with ": strerror(errno_value)" appended; ENOSPC/EDQUOT/EROFS give ERR_FULL, ENOENT
 * ERR_NOT_FOUND, EACCES/EPERM ERR_DENIED, else ERR_IO. */
int err_errno(struct err *e, int errno_value, const char *fmt, ...) PRINTF(3, 4);
/* Adds the sentence that says what to do next. Returns e->code. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* Adds the place. `file` may be NULL, line 0, offset UINT64_MAX when not known. Returns e->code. */
int err_at(struct err *e, const char *file, uint64_t line, uint64_t offset);
/* Stable machine name of a code: "syntax", "zone", "not_found"... */
const char *err_name(int code);
/* The code of a name given by err_name, or ERR_INTERNAL. */
int err_code_of(const char *name);
/* Prints "PROG: FILE:LINE: text\n  remedy\n" to `out`. */
void err_print(FILE *out, const char *prog, const struct err *e);
