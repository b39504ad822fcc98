/* Request target, query, cookies and route patterns, as a client may write them. */
#include "net/text.h"

#include <stdlib.h>

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* What was decoded is text, is not longer than what was written, and plain text decodes to itself. */
static void check_decoded(struct arena *a, struct sv raw, bool plus)
{
    struct sv s = text_unescape(a, raw, plus);
    if (!s.p) {
        return;
    }
    must(s.n <= raw.n && sv_utf8(s) && sv_chr(s, 0) == SIZE_MAX);
    if (sv_chr(raw, '%') == SIZE_MAX && !plus) {
        must(sv_eq(s, raw));
    }
}

static void check_path(struct arena *a, struct sv path)
{
    static const char *const patterns[] = {"/", "/api/v1/look", "/api/v1/rejected/{id}/retry", "/assets/*",
                                           "/{a}/{b}"};
    struct sv s = text_unescape(a, path, false), part[2];
    for (size_t i = 0; s.p && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        int n = http_match(patterns[i], s, part, 2);
        must(n >= -1 && n <= 2);
        for (int k = 0; k < n; k++) {
            must(part[k].p >= s.p && part[k].n > 0 && part[k].p + part[k].n <= s.p + s.n);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two texts separated by a line: the target, and a header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv all = sv_from((const char *)data, size), target = SV(""), path, query;
    struct arena a;
    arena_init(&a, 1u << 20);
    (void)sv_line(&all, &target);
    struct sv header = all.p ? all : SV("");
    if (text_target(target, &path, &query)) {
        must(path.n > 0 && path.p[0] == '/');
        check_decoded(&a, path, false);
        check_decoded(&a, query, true);
        check_path(&a, path);
        struct sv value = text_pair(query, SV("value"));
        must(!value.p || value.n <= query.n);
        if (value.p) {
            check_decoded(&a, value, true);
        }
    }
    struct sv cookie = text_cookie(header, SV("__Host-noroshi"));
    must(!cookie.p || (cookie.n < header.n && sv_chr(cookie, ';') == SIZE_MAX));
    (void)text_accepts(header, SV("gzip"));
    arena_clear(&a);
    return 0;
}
