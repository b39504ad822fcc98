/*
 * Claims and objects as bytes. They stand in ledger packs for ever: a version byte leads, and the meaning of
 * a version never changes. All numbers are LEB128, times are zigzag differences to the time written before,
 * so that equal times cost one byte.
 */
#include "intake/private.h"

#define CLAIM_VERSION 1
#define OBJECT_VERSION 1

/* What is not there is not written. Numbers are part of the format. */
enum claim_bit {
    C_CREATED = 1 << 0,
    C_MODIFIED = 1 << 1,
    C_VALID_FROM = 1 << 2,
    C_VALID_UNTIL = 1 << 3,
    C_FIRST = 1 << 4,
    C_LAST = 1 << 5,
    C_CONFIDENCE = 1 << 6,
    C_TLP = 1 << 7,
    C_FLAGS = 1 << 8,
    C_LABELS = 1 << 9,
    C_REF = 1 << 10,
    C_NOTE = 1 << 11,
    C_META = 1 << 12,
    C_PORT = 1 << 13,
    C_ALL = (1 << 14) - 1,
};

enum object_bit {
    O_CREATED = 1 << 0,
    O_MODIFIED = 1 << 1,
    O_VALID_FROM = 1 << 2,
    O_VALID_UNTIL = 1 << 3,
    O_CREATED_BY = 1 << 4,
    O_CONFIDENCE = 1 << 5,
    O_TLP = 1 << 6,
    O_REVOKED = 1 << 7,
    O_V20 = 1 << 8,
    O_PATTERN_OTHER = 1 << 9,
    O_ALL = (1 << 10) - 1,
};

static unsigned when_set(usec t, unsigned bit)
{
    return t == USEC_NONE ? 0 : bit;
}

static unsigned when_text(struct sv s, unsigned bit)
{
    return s.n ? bit : 0;
}

/* Differences wrap: any two instants have one. */
static void put_time(struct buf *b, usec t, usec *before)
{
    if (t == USEC_NONE)
        return;
    buf_zigzag(b, (int64_t)((uint64_t)t - (uint64_t)*before));
    *before = t;
}

static usec get_time(struct cur *c, uint64_t mask, unsigned bit, usec *before)
{
    if (!(mask & bit))
        return USEC_NONE;
    *before = (usec)((uint64_t)*before + (uint64_t)cur_zigzag(c));
    return *before;
}

static struct sv get_text(struct cur *c, uint64_t mask, unsigned bit)
{
    return mask & bit ? cur_str(c) : SV("");
}

void claim_encode(struct buf *b, const struct claim_rec *c)
{
    unsigned mask = when_set(c->created, C_CREATED) | when_set(c->modified, C_MODIFIED) |
                    when_set(c->valid_from, C_VALID_FROM) | when_set(c->valid_until, C_VALID_UNTIL) |
                    when_set(c->first, C_FIRST) | when_set(c->last, C_LAST) |
                    (c->confidence >= 0 ? C_CONFIDENCE : 0u) | (c->marked ? C_TLP : 0u) |
                    (c->flags ? C_FLAGS : 0u) | when_text(c->labels, C_LABELS) | when_text(c->ref, C_REF) |
                    when_text(c->note, C_NOTE) | when_text(c->meta, C_META) | (c->value.port ? C_PORT : 0u);
    usec before = 0;
    buf_u8(b, CLAIM_VERSION);
    buf_varint(b, mask);
    buf_u8(b, (uint8_t)c->value.kind);
    buf_str(b, c->value.value);
    if (c->value.port)
        buf_varint(b, c->value.port);
    const usec times[] = {c->created, c->modified, c->valid_from, c->valid_until, c->first, c->last};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        put_time(b, times[i], &before);
    if (c->confidence >= 0)
        buf_varint(b, (uint64_t)c->confidence);
    if (c->marked)
        buf_u8(b, (uint8_t)c->tlp);
    if (c->flags)
        buf_varint(b, c->flags);
    const struct sv texts[] = {c->labels, c->ref, c->note, c->meta};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].n)
            buf_str(b, texts[i]);
}

/* Address bytes and prefix of a canonical value; they are not stored because the text holds them. */
static bool fill_address(struct obs *o)
{
    char scratch[256];
    struct obs address;
    uint64_t bits = 0;
    struct sv text = o->value;
    size_t slash = sv_rchr(text, '/');
    bool prefix = slash != SIZE_MAX;
    if (prefix && !sv_u64(sv_sub(text, slash + 1, text.n), &bits))
        return false;
    if (!obs_ip(prefix ? sv_sub(text, 0, slash) : text, scratch, &address) || address.kind != o->kind)
        return false;
    if (bits > address.bits)
        return false;
    memcpy(o->ip, address.ip, sizeof(o->ip));
    o->bits = prefix ? (uint8_t)bits : address.bits;
    return true;
}

static bool get_value(struct cur *c, struct obs *ret)
{
    *ret = (struct obs){.kind = (enum kind)cur_u8(c)};
    ret->value = cur_str(c);
    if (c->failed || ret->kind <= KIND_NONE || ret->kind >= KIND_MAX)
        return false;
    return (ret->kind != KIND_IPV4 && ret->kind != KIND_IPV6) || fill_address(ret);
}

static bool get_small(struct cur *c, uint64_t mask, unsigned bit, uint64_t max, uint64_t *ret)
{
    if (!(mask & bit))
        return true;
    *ret = cur_varint(c);
    return *ret <= max;
}

bool claim_decode(struct sv bytes, struct claim_rec *ret)
{
    struct cur c = cur_of(bytes);
    usec before = 0;
    uint64_t port = 0, confidence = 0, tlp = 0, flags = 0;
    claim_init(ret);
    bool version = cur_u8(&c) == CLAIM_VERSION;
    uint64_t mask = cur_varint(&c);
    if (!version || (mask & ~(uint64_t)C_ALL) || !get_value(&c, &ret->value) ||
        !get_small(&c, mask, C_PORT, UINT16_MAX, &port))
        return false;
    ret->value.port = (uint16_t)port;
    ret->created = get_time(&c, mask, C_CREATED, &before);
    ret->modified = get_time(&c, mask, C_MODIFIED, &before);
    ret->valid_from = get_time(&c, mask, C_VALID_FROM, &before);
    ret->valid_until = get_time(&c, mask, C_VALID_UNTIL, &before);
    ret->first = get_time(&c, mask, C_FIRST, &before);
    ret->last = get_time(&c, mask, C_LAST, &before);
    if (!get_small(&c, mask, C_CONFIDENCE, 100, &confidence) ||
        !get_small(&c, mask, C_TLP, TLP_UNKNOWN, &tlp) ||
        !get_small(&c, mask, C_FLAGS, CLAIM_CONTEXT | CLAIM_REVOKED | CLAIM_REPLACE, &flags))
        return false;
    ret->confidence = mask & C_CONFIDENCE ? (int)confidence : -1;
    ret->marked = mask & C_TLP;
    ret->tlp = (enum tlp)tlp;
    ret->flags = (unsigned)flags;
    ret->labels = get_text(&c, mask, C_LABELS);
    ret->ref = get_text(&c, mask, C_REF);
    ret->note = get_text(&c, mask, C_NOTE);
    ret->meta = get_text(&c, mask, C_META);
    return !c.failed && !cur_more(&c);
}

static void put_head(struct buf *b, const struct object_rec *o)
{
    const struct stix_head *h = &o->head;
    unsigned mask = when_set(h->created, O_CREATED) | when_set(h->modified, O_MODIFIED) |
                    when_set(h->valid_from, O_VALID_FROM) | when_set(h->valid_until, O_VALID_UNTIL) |
                    (h->created_by.p ? O_CREATED_BY : 0u) | (h->confidence >= 0 ? O_CONFIDENCE : 0u) |
                    (h->marked ? O_TLP : 0u) | (h->revoked ? O_REVOKED : 0u) | (h->v20 ? O_V20 : 0u) |
                    (o->pattern_other ? O_PATTERN_OTHER : 0u);
    usec before = 0;
    buf_varint(b, mask);
    buf_str(b, h->type);
    buf_str(b, h->id);
    buf_str(b, h->modified_text);
    if (h->created_by.p)
        buf_str(b, h->created_by);
    const usec times[] = {h->created, h->modified, h->valid_from, h->valid_until};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        put_time(b, times[i], &before);
    if (h->confidence >= 0)
        buf_varint(b, (uint64_t)h->confidence);
    if (h->marked)
        buf_u8(b, (uint8_t)h->tlp);
}

static bool get_head(struct cur *c, struct object_rec *o)
{
    struct stix_head *h = &o->head;
    usec before = 0;
    uint64_t confidence = 0, tlp = 0;
    uint64_t mask = cur_varint(c);
    if (mask & ~(uint64_t)O_ALL)
        return false;
    h->type = cur_str(c);
    h->id = cur_str(c);
    h->modified_text = cur_str(c);
    h->created_by = mask & O_CREATED_BY ? cur_str(c) : SV_NONE;
    h->created = get_time(c, mask, O_CREATED, &before);
    h->modified = get_time(c, mask, O_MODIFIED, &before);
    h->valid_from = get_time(c, mask, O_VALID_FROM, &before);
    h->valid_until = get_time(c, mask, O_VALID_UNTIL, &before);
    if (!get_small(c, mask, O_CONFIDENCE, 100, &confidence) || !get_small(c, mask, O_TLP, TLP_UNKNOWN, &tlp))
        return false;
    h->confidence = mask & O_CONFIDENCE ? (int)confidence : -1;
    h->marked = mask & O_TLP;
    h->tlp = (enum tlp)tlp;
    h->revoked = mask & O_REVOKED;
    h->v20 = mask & O_V20;
    o->pattern_other = mask & O_PATTERN_OTHER;
    return !c->failed;
}

void object_encode(struct buf *b, const struct object_rec *o)
{
    buf_u8(b, OBJECT_VERSION);
    put_head(b, o);
    buf_addp(b, o->sha.b, sizeof(o->sha.b));
    buf_varint(b, o->nrefs);
    for (size_t i = 0; i < o->nrefs; i++) {
        buf_str(b, o->refs[i].property);
        buf_str(b, o->refs[i].target);
    }
    buf_varint(b, o->nvalues);
    for (size_t i = 0; i < o->nvalues; i++) {
        buf_u8(b, (uint8_t)o->values[i].kind);
        buf_u8(b, (uint8_t)(o->values[i].bad | o->values[i].file << 1));
        buf_str(b, o->values[i].value);
    }
    buf_str(b, o->text);
    buf_str(b, o->json);
}

/* A count is believed only as far as the bytes that are left could hold so many. */
static void *get_array(struct cur *c, struct arena *a, size_t size, size_t least_bytes, size_t *ret_n)
{
    uint64_t n = cur_varint(c);
    *ret_n = 0;
    if (c->failed || n > (uint64_t)(c->end - c->p) / least_bytes) {
        c->failed = true;
        return NULL;
    }
    void *p = n ? arena_calloc(a, (size_t)n, size) : NULL;
    if (n && !p)
        c->failed = true;
    else
        *ret_n = (size_t)n;
    return p;
}

static bool get_values(struct cur *c, struct arena *a, struct object_rec *ret)
{
    struct object_value *values = get_array(c, a, sizeof(*values), 3, &ret->nvalues);
    for (size_t i = 0; i < ret->nvalues; i++) {
        uint8_t kind = cur_u8(c), marks = cur_u8(c);
        if (kind == KIND_NONE || kind >= KIND_MAX || marks >> 1 > STIX_FILES_MAX)
            return false;
        values[i] = (struct object_value){
            .kind = (enum kind)kind, .value = cur_str(c), .bad = marks & 1, .file = marks >> 1};
    }
    ret->values = values;
    return !c->failed;
}

bool object_decode(struct sv bytes, struct arena *a, struct object_rec *ret)
{
    struct cur c = cur_of(bytes);
    *ret = (struct object_rec){0};
    if (cur_u8(&c) != OBJECT_VERSION || !get_head(&c, ret))
        return false;
    struct sv sha = cur_bytes(&c, sizeof(ret->sha.b));
    if (c.failed)
        return false;
    memcpy(ret->sha.b, sha.p, sizeof(ret->sha.b));
    struct object_ref *refs = get_array(&c, a, sizeof(*refs), 2, &ret->nrefs);
    for (size_t i = 0; i < ret->nrefs; i++) {
        struct sv property = cur_str(&c);
        refs[i] = (struct object_ref){property, cur_str(&c)};
    }
    ret->refs = refs;
    if (!get_values(&c, a, ret))
        return false;
    ret->text = cur_str(&c);
    ret->json = cur_str(&c);
    return !c.failed && !cur_more(&c);
}
