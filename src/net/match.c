#include "net/http.h"

int http_match(const char *pattern, struct sv path, struct sv *parts, size_t max)
{
    struct sv rest = sv_c(pattern), want, have;
    size_t n = 0;
    while (sv_cut(&rest, '/', &want)) {
        if (!sv_cut(&path, '/', &have)) {
            return -1;
        }
        bool whole = want.n == 1 && want.p[0] == '*'; /* the rest of the path, slashes and all */
        if (whole || (want.n > 2 && want.p[0] == '{' && want.p[want.n - 1] == '}')) {
            if (have.n == 0 || n == max) {
                return -1;
            }
            if (whole) {
                parts[n++] = sv_from(have.p, have.n + (path.p ? path.n + 1 : 0));
                return (int)n;
            }
            parts[n++] = have;
        } else if (!sv_eq(want, have)) {
            return -1;
        }
    }
    return path.p ? -1 : (int)n;
}
