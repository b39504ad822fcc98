/* Under which id a copy goes, and what makes them. */
#include "pact/copy_private.h"

#include <stdlib.h>

struct copier *copier_new(void)
{
    struct copier *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->doc = json_doc_new(COPY_MOST);
    c->another = json_doc_new(COPY_MOST);
    arena_init(&c->a, COPY_MOST);
    buf_init(&c->text, COPY_MOST);
    buf_init(&c->canonical, COPY_MOST);
    buf_init(&c->scratch, COPY_MOST);
    if (!c->doc || !c->another) {
        copier_free(c);
        return NULL;
    }
    return c;
}

void copier_free(struct copier *c)
{
    if (c) {
        json_doc_free(c->doc);
        json_doc_free(c->another);
        arena_clear(&c->a);
        buf_clear(&c->text);
        buf_clear(&c->canonical);
        buf_clear(&c->scratch);
        free(c);
    }
}

/* ---- terms */

static int by_word(const void *a, const void *b)
{
    return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

struct sha256 copy_profile(const struct agreement_grant *g)
{
    struct sv word[256];
    struct buf b;
    struct jw w;
    size_t n = g->fields_deny.n < 256 ? g->fields_deny.n : 256;
    for (size_t i = 0; i < n; i++) {
        word[i] = g->fields_deny.v[i];
    }
    qsort(word, n, sizeof(*word), by_word);
    buf_init(&b, 1u << 20);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kbool(&w, "attribution", g->attribution);
    jw_key(&w, "fields_deny");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_str(&w, word[i]);
    }
    jw_end_arr(&w);
    jw_kstr(&w, "redact", sv_c(redaction_name(g->redact)));
    jw_kbool(&w, "victim_identity", g->victim_identity);
    jw_end_obj(&w);
    struct sha256 sum = sha256_of(buf_sv(&b));
    buf_clear(&b);
    return sum;
}

struct sv copy_id(const struct copy_secret *s, const struct sha256 *profile, struct sv original,
                  struct arena *a)
{
    size_t at = sv_find(original, SV("--"));
    struct sv type = sv_sub(original, 0, at == SIZE_MAX ? 0 : at);
    char *text = at != SIZE_MAX ? arena_alloc(a, original.n + sizeof(*profile)) : NULL;
    struct uuid u;
    char id[37];
    if (!text) {
        return SV_NONE;
    }
    memcpy(text, profile->b, sizeof(profile->b));
    memcpy(text + sizeof(profile->b), original.p, original.n);
    struct sha256 mac = hmac_sha256(&s->ids, sv_from(text, sizeof(profile->b) + original.n));
    memcpy(u.b, mac.b, sizeof(u.b));
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40); /* looks like any random one (RFC 4122 4.4) */
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    uuid_text(u, id);
    return arena_printf(a, "%.*s--%s", SV_ARG(type), id);
}
