/* The console's files, compiled in; the table is written by scripts/embed-assets. */
#pragma once

#include <stddef.h>

struct asset {
    const char *path;     /* "/index.html", "/assets/app.4f2c.js" */
    const char *type;     /* Content-Type */
    const char *etag;     /* quoted */
    const char *encoding; /* "br", "gzip", or NULL */
    const char *begin, *end;
    int forever; /* its name changes with its content */
};
extern const struct asset
    assets[]; /* forms of one path stand together, the smallest first; ends with a NULL path */
