/* Any text as a time: what is accepted is in range and reads back, from both of its forms, as the same
 * instant. */
#include "base/time.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_read_back(const char *text, usec want)
{
    usec t;
    if (time_parse(sv_c(text), NULL, &t, NULL) != OK || t != want)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct zone *zone;
    if (!zone)
        zone = zone_find(SV("America/New_York"), NULL);
    struct sv text = sv_from((const char *)data, size);
    for (int unix_too = 0; unix_too < 2; unix_too++) {
        struct time_opts o = {.fallback = unix_too ? zone : NULL, .allow_unix = unix_too};
        struct err e = ERR_NONE;
        usec t;
        int rc = time_parse(text, &o, &t, &e);
        if (rc != e.code || (rc != OK && !e.text[0]))
            abort();
        if (rc != OK)
            continue;
        char out[32];
        time_text(t, out);
        must_read_back(out, t);
        time_text6(t, out);
        must_read_back(out, t);
    }
    (void)zone_find(text, NULL);
    return 0;
}
