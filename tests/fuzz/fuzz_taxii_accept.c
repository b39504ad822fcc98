/* Accept and Content-Type headers, as a client may write them. */
#include "serve/taxii.h"

#include <stdlib.h>

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv header = sv_from((const char *)data, size);
    char room[4096];
    bool taken = taxii_accepts(header), content = taxii_is_content(header);
    if (size + 8 > sizeof(room) || memchr(data, '"', size) || memchr(data, 0, size)) {
        return 0;
    }
    /* What is content of ours is also accepted, unless it refuses itself. */
    must(!content || taken || sv_find(header, SV("q")) != SIZE_MAX || sv_find(header, SV("Q")) != SIZE_MAX ||
         sv_chr(header, ',') != SIZE_MAX);
    /* A range of no account changes nothing, wherever it stands. */
    snprintf(room, sizeof(room), "%.*s,a/b", SV_ARG(header));
    must(sv_trim(header).n == 0 || taxii_accepts(sv_c(room)) == taken);
    snprintf(room, sizeof(room), "a/b,%.*s", SV_ARG(header));
    must(sv_trim(header).n == 0 || taxii_accepts(sv_c(room)) == taken);
    return 0;
}
