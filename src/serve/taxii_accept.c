/* Content negotiation as TAXII clients in use need it. */
#include "serve/taxii.h"

/* Takes the part before `sep` off `*s`; a separator inside quotes is none (RFC 9110 5.6.4). */
static bool cut_quoted(struct sv *s, char sep, struct sv *ret)
{
    bool quoted = false;
    if (!s->p) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (quoted && s->p[i] == '\\') {
            i++;
        } else if (s->p[i] == '"') {
            quoted = !quoted;
        } else if (s->p[i] == sep && !quoted) {
            *ret = sv_trim(sv_sub(*s, 0, i));
            *s = sv_sub(*s, i + 1, SIZE_MAX);
            return true;
        }
    }
    *ret = sv_trim(*s);
    *s = SV_NONE;
    return true;
}

static struct sv unquoted(struct sv s)
{
    bool quoted = s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
    return quoted ? sv_sub(s, 1, s.n - 2) : s;
}

struct range {
    struct sv type;    /* "application/taxii+json" */
    struct sv version; /* p NULL: none */
    bool refused;      /* q=0 */
};

static bool is_zero(struct sv q)
{
    bool zero = q.n > 0 && q.p[0] == '0';
    for (size_t i = 1; i < q.n; i++) {
        zero = zero && (q.p[i] == '.' || q.p[i] == '0');
    }
    return zero;
}

static struct range read_range(struct sv text)
{
    struct range r = {.version = SV_NONE};
    struct sv part, name;
    (void)cut_quoted(&text, ';', &r.type);
    while (cut_quoted(&text, ';', &part)) {
        sv_cut(&part, '=', &name);
        name = sv_trim(name);
        if (sv_ieq(name, SV("version"))) {
            r.version = unquoted(sv_trim(part));
        } else if (sv_ieq(name, SV("q"))) {
            r.refused = is_zero(sv_trim(part));
        }
    }
    return r;
}

/* How exactly a range means what we answer: 0 = not at all. */
static unsigned exactness(const struct range *r)
{
    bool taxii = sv_ieq(r->type, SV("application/taxii+json"));
    if (r->version.p && !sv_eq(r->version, SV("2.1"))) {
        return 0;
    }
    return taxii && r->version.p                                  ? 5
           : taxii                                                ? 4
           : sv_ieq(r->type, SV("application/json"))              ? 3
           : sv_ieq(r->type, SV("application/*"))                 ? 2
           : sv_eq(r->type, SV("*/*")) || sv_eq(r->type, SV("*")) ? 1
                                                                  : 0;
}

bool taxii_accepts(struct sv accept)
{
    struct sv part;
    unsigned best = 0;
    bool taken = sv_trim(accept).n == 0;
    while (cut_quoted(&accept, ',', &part)) {
        struct range r = read_range(part);
        unsigned exact = exactness(&r);
        /* The most exact range decides (RFC 9110 12.5.1); plain JSON refuses only itself. */
        if (exact > best || (exact == best && exact > 0 && !r.refused)) {
            best = exact == 3 && r.refused ? best : exact;
            taken = exact == 3 && r.refused ? taken : !r.refused;
        }
    }
    return taken;
}

bool taxii_is_content(struct sv type)
{
    struct range r = read_range(type);
    return sv_ieq(r.type, SV("application/taxii+json")) && (!r.version.p || sv_eq(r.version, SV("2.1")));
}

static bool names_taxii(struct sv header)
{
    return sv_find(header, SV("taxii+json")) != SIZE_MAX;
}

bool taxii_spoken(const struct http_request *r)
{
    return names_taxii(http_header(r, "Accept")) || names_taxii(http_header(r, "Content-Type"));
}
