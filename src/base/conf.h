/*
 * Configuration: a declarative schema (name, type, range, default, unit, text) and a file of `name = value`
 * lines. The reference page in docs/ is generated from the schema.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum conf_type { CONF_TEXT, CONF_INT, CONF_BOOL, CONF_SIZE, CONF_SECONDS };

struct conf_item {
    const char *name; /* "http.listen" */
    enum conf_type type;
    int64_t min, max;     /* for numbers, sizes (bytes: 10k, 4M, 1G) and durations (30s, 5m, 12h, 30d) */
    const char *fallback; /* default, in file syntax */
    const char *text;     /* one sentence for people */
};

struct conf;
/* `schema` ends with a NULL name and must outlive the result. */
struct conf *conf_new(const struct conf_item *schema);
void conf_free(struct conf *c);
/* Reads a file's text; an unknown name, a bad value or a value out of range is an error with line and remedy.
 */
int conf_read(struct conf *c, struct sv text, const char *file, struct err *e) MUST_USE;
int conf_set(struct conf *c, struct sv name, struct sv value, struct err *e) MUST_USE;
/* Asking for a name that is not in the schema is a bug (assert). Durations are in seconds. */
const char *conf_text(const struct conf *c, const char *name);
int64_t conf_int(const struct conf *c, const char *name);
bool conf_bool(const struct conf *c, const char *name);
/* The commented file with all defaults, and the same as a Markdown table. */
void conf_write_template(const struct conf_item *schema, struct buf *out);
void conf_write_markdown(const struct conf_item *schema, struct buf *out);
