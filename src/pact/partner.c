#include "pact/partner.h"

#include "pact/read.h"

static const char *const KINDS[] = {"police", "prosecutor", "cert", "ministry"};

static const char *kind_word(int i)
{
    return KINDS[i];
}

static struct sv read_text(struct reading *r, struct jv doc, const char *key, size_t least, size_t most)
{
    struct sv text = json_get_str(doc, sv_c(key));
    bool good = text.p && text.n >= least && text.n <= most && sv_eq(text, sv_trim(text));
    for (size_t i = 0; good && i < text.n; i++) {
        good = (unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f;
    }
    if (!good) {
        read_fail(r, key, "must be one line of text of its length");
        return SV("");
    }
    return arena_sv(r->a, text);
}

/* Keys travel as C2SP verification keys; what they are is checked by who uses them. */
static struct sv read_key(struct reading *r, struct jv doc, const char *key)
{
    struct sv text = read_text(r, doc, key, 10, 300);
    if (r->rc == OK && sv_chr(text, '+') == SIZE_MAX) {
        read_fail(r, key, "must be a verification key, name+hash+base64");
    }
    return text;
}

static void read_spki(struct reading *r, struct jv doc, struct partner_card *ret)
{
    size_t n;
    struct jv list = read_array(r, doc, "tls_spki_sha256", 1, 2, &n);
    struct json_it it = json_each(list);
    struct sv unused;
    struct jv v;
    for (size_t i = 0; i < n && r->rc == OK && json_next(&it, &unused, &v); i++) {
        uint8_t hash[32];
        struct sv hex = json_str(v);
        if (hex.n != 64 || !hex_parse(hex, hash, sizeof(hash))) {
            read_fail(r, "tls_spki_sha256", "must be one or two SHA-256 hashes in hex");
            return;
        }
        char lower[65];
        hex_text(hash, sizeof(hash), lower);
        ret->spki[i] = arena_sv(r->a, sv_c(lower));
    }
}

static void read_country(struct reading *r, struct jv doc, struct partner_card *ret)
{
    ret->country = read_text(r, doc, "country", 2, 2);
    ret->zone = read_text(r, doc, "zone", 1, 64);
    struct err ignored = ERR_NONE;
    if (r->rc == OK && !zone_find(ret->zone, &ignored)) {
        read_fail(r, "zone", "must be the IANA name of a time zone");
    }
}

static void read_card(struct reading *r, struct jv doc, struct partner_card *ret)
{
    static const char *const keys[] = {
        "type", "version", "id",      "name",     "country",         "zone", "kind", "contact",
        "url",  "log",     "witness", "messages", "tls_spki_sha256", NULL};
    read_known(r, doc, keys);
    if (!sv_eq(json_get_str(doc, SV("type")), SV("noroshi-partner"))) {
        read_fail(r, "type", "must be noroshi-partner");
    }
    ret->id = read_uuid(r, doc, "id");
    ret->version = read_number(r, doc, "version", 1, INT32_MAX);
    read_texts(r, doc, "name", ret->name);
    read_country(r, doc, ret);
    ret->kind = sv_c(KINDS[read_word(r, doc, "kind", 4, kind_word)]);
    ret->contact = read_text(r, doc, "contact", 0, 400);
    ret->url = read_text(r, doc, "url", 9, 400);
    if (r->rc == OK && !sv_starts(ret->url, SV("https://"))) {
        read_fail(r, "url", "must begin with https://");
    }
    ret->log = read_key(r, doc, "log");
    ret->witness = read_key(r, doc, "witness");
    ret->messages = read_key(r, doc, "messages");
    read_spki(r, doc, ret);
}

int partner_card_read(struct sv json, struct arena *a, struct partner_card *ret, struct err *e)
{
    struct reading r = {.a = a, .e = e};
    struct jv doc = {0};
    struct buf b;
    struct json_doc *d = json_doc_new(PARTNER_CARD_MAX);
    *ret = (struct partner_card){.spki = {SV(""), SV("")}};
    int rc = d ? json_parse(d, json, &doc, e) : err_set(e, ERR_MEMORY, "no memory to read a partner's card");
    if (rc == OK) {
        read_card(&r, doc, ret);
        rc = r.rc;
    }
    buf_init(&b, PARTNER_CARD_MAX * 2);
    rc = rc == OK ? json_canonical(doc, &b, e) : rc;
    if (rc == OK) {
        ret->canonical = arena_sv(a, buf_sv(&b));
        ret->digest = sha256_of(buf_sv(&b));
    }
    buf_clear(&b);
    json_doc_free(d);
    return rc;
}

void partner_card_write(const struct partner_card *c, struct buf *out)
{
    struct jw w;
    char id[37];
    uuid_text(c->id, id);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", SV("noroshi-partner"));
    jw_kstr(&w, "id", sv_c(id));
    jw_kint(&w, "version", c->version);
    jw_key(&w, "name");
    jw_obj(&w);
    for (int l = 0; l < LANGUAGE_MAX; l++) {
        jw_kstr(&w, language_name((enum language)l), c->name[l]);
    }
    jw_end_obj(&w);
    jw_kstr(&w, "country", c->country);
    jw_kstr(&w, "zone", c->zone);
    jw_kstr(&w, "kind", c->kind);
    jw_kstr(&w, "contact", c->contact);
    jw_kstr(&w, "url", c->url);
    jw_kstr(&w, "log", c->log);
    jw_kstr(&w, "witness", c->witness);
    jw_kstr(&w, "messages", c->messages);
    jw_key(&w, "tls_spki_sha256");
    jw_arr(&w);
    for (int i = 0; i < 2; i++) {
        if (c->spki[i].n) {
            jw_str(&w, c->spki[i]);
        }
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
}

void partner_fingerprint(const struct sha256 *digest, char ret[PARTNER_FINGERPRINT])
{
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *b = digest->b + i * 4;
        uint32_t v = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        snprintf(ret + i * 5, PARTNER_FINGERPRINT - i * 5, "%04u%s", v % 10000, i < 7 ? " " : "");
    }
}

bool partner_fingerprint_is(const struct sha256 *digest, struct sv typed)
{
    char want[PARTNER_FINGERPRINT];
    size_t at = 0;
    partner_fingerprint(digest, want);
    for (size_t i = 0; i < typed.n; i++) {
        bool digit = typed.p[i] >= '0' && typed.p[i] <= '9';
        at += want[at] == ' ';
        if (digit && typed.p[i] != want[at]) {
            return false;
        }
        at += digit;
    }
    return at == PARTNER_FINGERPRINT - 1;
}
