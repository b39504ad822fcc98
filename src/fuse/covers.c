#include "fuse/private.h"

/* Path prefixes of one URL that are looked up; longer paths are looked up by their first boundaries. */
#define PATHS_MAX 32

struct step {
    cover_fn each;
    void *ctx;
    struct arena *a;
    struct err *e;
};

static int names(const struct step *s, struct sv name, enum match_how self, enum match_how parent)
{
    int rc = s->each(s->ctx, KIND_DOMAIN, name, self, s->e);
    struct sv rest = name;
    struct sv label;
    while (rc == OK && sv_cut(&rest, '.', &label) && rest.p && rest.n) {
        struct sv wild = arena_printf(s->a, "*.%.*s", SV_ARG(rest));
        if (!wild.p) {
            return err_set(s->e, ERR_MEMORY, "no memory for a look-up");
        }
        rc = s->each(s->ctx, KIND_DOMAIN, wild, MATCH_WILDCARD, s->e);
        if (rc == OK && sv_chr(rest, '.') != SIZE_MAX) {
            rc = s->each(s->ctx, KIND_DOMAIN, rest, parent, s->e);
        }
    }
    return rc;
}

static int prefixes(const struct step *s, const struct obs *o, enum match_how self)
{
    unsigned base = o->kind == KIND_IPV4 ? 96 : 0;
    uint8_t ip[16];
    memcpy(ip, o->ip, sizeof(ip));
    int rc = OK;
    for (unsigned bits = o->bits; rc == OK; bits--) {
        char text[52];
        for (unsigned bit = base + bits; bit < 128; bit++) {
            ip[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
        }
        ip_text(ip, bits, text);
        struct sv value = arena_sv(s->a, sv_c(text));
        if (!value.p) {
            return err_set(s->e, ERR_MEMORY, "no memory for a look-up");
        }
        rc = s->each(s->ctx, o->kind, value, bits == o->bits ? self : MATCH_PREFIX, s->e);
        if (bits == 0) {
            break;
        }
    }
    return rc;
}

static int host_of(const struct step *s, struct sv host)
{
    struct obs o;
    struct err ignored = ERR_NONE;
    if (obs_guess(s->a, host, &o, &ignored) != OK) {
        return OK;
    }
    if (o.kind == KIND_DOMAIN) {
        return names(s, o.value, MATCH_HOST, MATCH_HOST);
    }
    return o.kind == KIND_IPV4 || o.kind == KIND_IPV6 ? prefixes(s, &o, MATCH_HOST) : OK;
}

/* URL indicators may be stored with or without scheme: both spellings of a shorter path are looked up. */
static int url_spellings(const struct step *s, struct sv scheme, struct sv key, enum match_how how)
{
    static const char *const schemes[] = {"http://", "https://", ""};
    int rc = OK;
    for (size_t i = 0; rc == OK && i < 3; i++) {
        struct sv value = arena_printf(s->a, "%s%.*s", schemes[i], SV_ARG(key));
        if (!value.p) {
            return err_set(s->e, ERR_MEMORY, "no memory for a look-up");
        }
        bool own = how == MATCH_EXACT && sv_eq(scheme, sv_c(schemes[i]));
        rc = own ? OK : s->each(s->ctx, KIND_URL, value, how, s->e);
    }
    return rc;
}

static int url(const struct step *s, const struct obs *o)
{
    struct sv key = url_match_key(o->value);
    size_t at = sv_find(o->value, SV("://"));
    struct sv scheme = at == SIZE_MAX ? SV("") : sv_sub(o->value, 0, at + 3);
    int rc = s->each(s->ctx, KIND_URL, o->value, MATCH_EXACT, s->e);
    rc = rc == OK ? url_spellings(s, scheme, key, MATCH_EXACT) : rc;
    unsigned looked = 0;
    for (size_t n = key.n ? key.n - 1 : 0; rc == OK && n > 0 && looked < PATHS_MAX; n--) {
        char c = key.p[n];
        if (c != '/' && c != '?' && c != '&') {
            continue;
        }
        looked++;
        if (n + 1 < key.n && c == '/') {
            rc = url_spellings(s, SV("-"), sv_sub(key, 0, n + 1), MATCH_PATH);
        }
        rc = rc == OK ? url_spellings(s, SV("-"), sv_sub(key, 0, n), MATCH_PATH) : rc;
    }
    return rc == OK ? host_of(s, url_host(o->value)) : rc;
}

int covers_each(const struct obs *o, struct arena *a, cover_fn each, void *ctx, struct err *e)
{
    const struct step s = {.each = each, .ctx = ctx, .a = a, .e = e};
    switch (o->kind) {
    case KIND_DOMAIN:
        return names(&s, o->value, MATCH_EXACT, MATCH_PARENT);
    case KIND_IPV4:
    case KIND_IPV6:
        return prefixes(&s, o, MATCH_EXACT);
    case KIND_URL:
        return url(&s, o);
    default:
        return each(ctx, o->kind, o->value, MATCH_EXACT, e);
    }
}
