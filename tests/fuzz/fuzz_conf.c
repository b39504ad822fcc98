/* Any bytes as a configuration file: refused with a line that exists, or values within their ranges. */
#include "base/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct conf_item schema[] = {
    {"a", CONF_TEXT, 0, 0, "x", "Text."},
    {"b.number", CONF_INT, -5, 500, "1", "Number."},
    {"b.flag", CONF_BOOL, 0, 0, "no", "Flag."},
    {"c.size", CONF_SIZE, 1, 1 << 20, "4k", "Size."},
    {"c.time", CONF_SECONDS, 1, 86400, "1h", "Time."},
    {NULL, CONF_TEXT, 0, 0, NULL, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf *c = conf_new(schema);
    if (!c)
        return 0;
    struct sv text = sv_from((const char *)data, size);
    struct err e = ERR_NONE;
    int rc = conf_read(c, text, "fuzz", &e);
    uint64_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (rc != e.code || (rc != OK && (e.line < 1 || e.line > lines || e.offset > size || !e.text[0])))
        abort();
    if (conf_int(c, "b.number") < -5 || conf_int(c, "b.number") > 500 || conf_int(c, "c.size") < 1 ||
        conf_int(c, "c.size") > 1 << 20 || conf_int(c, "c.time") < 1 || conf_int(c, "c.time") > 86400)
        abort();
    if (!sv_utf8(sv_c(conf_text(c, "a"))))
        abort();
    conf_free(c);
    return 0;
}
