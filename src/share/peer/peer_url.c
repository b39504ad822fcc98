/* Addresses of peers. */
#include "share/peer/peer_private.h"

bool peer_url_good(struct sv url)
{
    struct sv rest = sv_sub(url, 8, SIZE_MAX);
    if (!sv_istarts(url, SV("https://")) || rest.n == 0 || rest.p[0] == '/' || url.n > PEER_TEXT_MOST) {
        return false;
    }
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c >= 127 || strchr("\"<>\\^`{|}?#", c)) {
            return false;
        }
    }
    size_t path = sv_chr(rest, '/');
    return sv_chr(sv_sub(rest, 0, path), '@') == SIZE_MAX;
}

/* "https://host:port" */
static struct sv origin(struct sv url)
{
    size_t start = sv_find(url, SV("://")) + 3;
    size_t slash = sv_chr(sv_sub(url, start, SIZE_MAX), '/');
    return slash == SIZE_MAX ? url : sv_sub(url, 0, start + slash);
}

static struct sv host(struct sv url)
{
    struct sv at = origin(url);
    at = sv_sub(at, sv_find(at, SV("://")) + 3, SIZE_MAX);
    size_t colon = at.n && at.p[0] == '[' ? sv_find(at, SV("]:")) : sv_chr(at, ':');
    return sv_sub(at, 0, colon == SIZE_MAX ? SIZE_MAX : colon + (at.p[0] == '['));
}

static int kept(struct arena *a, struct sv head, struct sv path, struct sv *ret, struct err *e)
{
    bool slash = path.n == 0 || path.p[path.n - 1] != '/';
    *ret = arena_printf(a, "%.*s%.*s%s", SV_ARG(head), SV_ARG(path), slash ? "/" : "");
    if (!ret->p) {
        return err_set(e, ERR_MEMORY, "no memory for an address");
    }
    char shown[100];
    return peer_url_good(*ret) ? OK
                               : err_set(e, ERR_VALUE, "the peer names \"%s\", which is no address",
                                         sv_show(path, shown, sizeof(shown)));
}

/* Proxies make servers name themselves by http, or by a port that only they know: the host is what counts. */
static int absolute(struct sv base, struct sv ref, struct arena *a, struct sv *ret, struct err *e)
{
    char there[100], here[100];
    struct sv at = origin(ref);
    if (!sv_ieq(host(base), host(ref))) {
        err_set(e, ERR_DENIED, "the peer points to another host: %s", sv_show(at, there, sizeof(there)));
        return err_hint(e, "credentials for %s go nowhere else: add that host as a peer of its own",
                        sv_show(host(base), here, sizeof(here)));
    }
    struct sv path = sv_sub(ref, at.n, SIZE_MAX);
    return kept(a, sv_istarts(ref, SV("https://")) ? at : origin(base), path, ret, e);
}

int peer_url_join(struct sv base, struct sv ref, struct arena *a, struct sv *ret, struct err *e)
{
    ref = sv_trim(ref);
    if (sv_istarts(ref, SV("https://")) || sv_istarts(ref, SV("http://"))) {
        return absolute(base, ref, a, ret, e);
    }
    if (sv_starts(ref, SV("//"))) {
        return absolute(base, arena_printf(a, "https:%.*s", SV_ARG(ref)), a, ret, e);
    }
    if (sv_starts(ref, SV("/"))) {
        return kept(a, origin(base), ref, ret, e);
    }
    struct sv directory = sv_sub(base, 0, sv_rchr(base, '/') + 1);
    return kept(a, directory, ref, ret, e);
}

void peer_url_escape(struct buf *b, struct sv text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        if (plain) {
            buf_addc(b, (char)c);
        } else {
            buf_printf(b, "%%%02X", c);
        }
    }
}
