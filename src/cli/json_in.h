/* JSON files as commands read them: one object, a list, a bundle, or JSON lines; gzip and zstd; of any
 * length. */
#pragma once

#include "cli/cli.h"

#define JSON_IN_MEMBER (64u << 20) /* bytes of one value at most */

struct json_value {
    struct sv text;
    uint64_t line;   /* from 1; 0 = not known */
    uint64_t offset; /* in the decompressed file */
    bool is_line;    /* of a file of JSON lines */
};
struct json_sink {
    void *ctx;
    /* Negative ends the file. Views die when it returns. */
    int (*value)(void *ctx, const struct json_value *v, struct err *e);
    /* A place that could not be read; what follows is read if it can be found. */
    int (*broken)(void *ctx, const struct err *why, struct err *e);
    /* The object around the list, with an empty list, after the last value. May be NULL. */
    int (*frame)(void *ctx, struct sv text, struct err *e);
};
/*
 * Reads `path` ("-" = stdin) to its end. `lines`: JSON lines whatever it looks like; else that is seen from
 * its beginning. The list of an object stands under "objects", or under "cases" where there is none.
 */
int json_in_each(struct cmd *c, const char *path, bool lines, const struct json_sink *sink,
                 struct err *e) MUST_USE;
