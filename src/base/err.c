#include "base/err.h"
#include "base/sv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#undef err_set

static const struct {
    int code;
    const char *name;
} names[] = {
    {OK, "ok"},
    {ERR_MEMORY, "memory"},
    {ERR_LIMIT, "limit"},
    {ERR_SYNTAX, "syntax"},
    {ERR_VALUE, "value"},
    {ERR_ZONE, "zone"},
    {ERR_NOT_FOUND, "not_found"},
    {ERR_EXISTS, "exists"},
    {ERR_DENIED, "denied"},
    {ERR_BUSY, "busy"},
    {ERR_IO, "io"},
    {ERR_FULL, "full"},
    {ERR_CORRUPT, "corrupt"},
    {ERR_UNSUPPORTED, "unsupported"},
    {ERR_CONFLICT, "conflict"},
    {ERR_AUTH, "auth"},
    {ERR_CRYPTO, "crypto"},
    {ERR_USAGE, "usage"},
    {ERR_CANCELLED, "cancelled"},
    {ERR_INTERNAL, "internal"},
    {ERR_TIME, "time"},
};

/* Formats by way of a local buffer, since an argument may point into the field that is written. */
static void format_into(char *dst, size_t cap, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
static void format_into(char *dst, size_t cap, const char *fmt, va_list args)
{
    char text[512];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    if (n < 0)
        n = 0;
    size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    sv_copy(sv_from(text, len), dst, cap);
}

static void reset_to(struct err *e, int code)
{
    e->code = code;
    e->line = 0;
    e->offset = UINT64_MAX;
    e->file[0] = '\0';
    e->remedy[0] = '\0';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    va_list args;
    va_start(args, fmt);
    format_into(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    reset_to(e, code);
    return code;
}

static int code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
        return ERR_FULL;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

int err_errno(struct err *e, int errno_value, const char *fmt, ...)
{
    int code = code_of_errno(errno_value);
    if (!e)
        return code;
    va_list args;
    va_start(args, fmt);
    format_into(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    reset_to(e, code);
    char reason[128];
    const char *text = strerror_r(errno_value, reason, sizeof(reason));
    size_t used = strlen(e->text);
    (void)snprintf(e->text + used, sizeof(e->text) - used, ": %s", text);
    return code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
    if (!e)
        return ERR_INTERNAL;
    va_list args;
    va_start(args, fmt);
    format_into(e->remedy, sizeof(e->remedy), fmt, args);
    va_end(args);
    return e->code;
}

int err_at(struct err *e, const char *file, uint64_t line, uint64_t offset)
{
    if (!e)
        return ERR_INTERNAL;
    if (file && file != e->file)
        sv_copy(sv_c(file), e->file, sizeof(e->file));
    else if (!file)
        e->file[0] = '\0';
    e->line = line;
    e->offset = offset;
    return e->code;
}

const char *err_name(int code)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    return "internal";
}

int err_code_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].code;
    return ERR_INTERNAL;
}

/* Names of files and parts of records stand in errors: a terminal must not obey them. C1 controls are two
 * bytes in UTF-8. */
static void put_safe(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        p += c1;
        (void)fputc(c1 || *p < 0x20 || *p == 0x7f ? '?' : *p, out);
    }
}

static void put_place(FILE *out, const struct err *e)
{
    put_safe(out, e->file);
    if (e->line)
        (void)fprintf(out, "%s%llu", e->file[0] ? ":" : "line ", (unsigned long long)e->line);
    else if (e->file[0] && e->offset != UINT64_MAX)
        (void)fprintf(out, ": byte %llu", (unsigned long long)e->offset);
    if (e->file[0] || e->line)
        (void)fputs(": ", out);
}

void err_print(FILE *out, const char *prog, const struct err *e)
{
    (void)fprintf(out, "%s: ", prog);
    put_place(out, e);
    put_safe(out, e->text[0] ? e->text : err_name(e->code));
    (void)fputc('\n', out);
    if (e->remedy[0]) {
        (void)fputs("  ", out);
        put_safe(out, e->remedy);
        (void)fputc('\n', out);
    }
}
