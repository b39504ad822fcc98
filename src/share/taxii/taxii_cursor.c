/*
 * The `next` of a page: where it ended, and proof that this node said so for this question. Stateless, so
 * that it outlives a restart and costs nothing to keep; it gives no right: those are looked up at every use.
 * The place is hidden in it: a partner's page may end at something that is not for the partner.
 */
#include "share/taxii/taxii_private.h"

#define MAC_BYTES 16

/* `limit` and `added_after` are left out: clients in use change them between pages, and both only bound what
 * follows. */
static void bind(struct buf *b, int64_t collection, enum taxii_what what, const struct taxii_query *q,
                 usec at)
{
    const struct sv filters[] = {q->object, q->match_id, q->match_type, q->match_version,
                                 q->match_spec_version};
    buf_zigzag(b, collection);
    buf_u8(b, (uint8_t)what);
    buf_zigzag(b, at);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        buf_u8(b, filters[i].p != NULL);
        buf_str(b, filters[i].p ? filters[i] : SV(""));
    }
}

static bool seal(const struct hash_secret *secret, int64_t collection, enum taxii_what what,
                 const struct taxii_query *q, usec at, uint8_t ret[MAC_BYTES])
{
    const struct sv parts[] = {SV("noroshi taxii cursor v1\n"),
                               sv_from((const char *)secret->b, sizeof(secret->b))};
    struct sha256 key = sha256_parts(parts, 2);
    struct buf b;
    buf_init(&b, 64u << 20);
    bind(&b, collection, what, q, at);
    struct sha256 mac = hmac_sha256(&key, buf_sv(&b));
    bool whole = !b.failed;
    memcpy(ret, mac.b, MAC_BYTES);
    buf_clear(&b);
    return whole;
}

/* Takes the place into hiding and out of it again: different for each authentication code. */
static uint64_t hide(const struct hash_secret *secret, uint64_t at, const uint8_t mac[MAC_BYTES])
{
    const struct sv parts[] = {SV("noroshi taxii cursor place v1\n"),
                               sv_from((const char *)secret->b, sizeof(secret->b))};
    struct sha256 key = sha256_parts(parts, 2);
    struct sha256 mask = hmac_sha256(&key, sv_from((const char *)mac, MAC_BYTES));
    for (size_t i = 0; i < 8; i++) {
        at ^= (uint64_t)mask.b[i] << (56 - 8 * i);
    }
    return at;
}

void taxii_cursor_write(const struct hash_secret *secret, int64_t collection, enum taxii_what what,
                        const struct taxii_query *q, usec at, char ret[TAXII_CURSOR_TEXT])
{
    uint8_t bytes[8 + MAC_BYTES];
    (void)seal(secret, collection, what, q, at, bytes + 8);
    uint64_t hidden = hide(secret, (uint64_t)at, bytes + 8);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(hidden >> (56 - 8 * i));
    }
    hex_text(bytes, sizeof(bytes), ret);
}

int taxii_cursor_read(const struct hash_secret *secret, int64_t collection, enum taxii_what what,
                      const struct taxii_query *q, usec *ret, struct err *e)
{
    uint8_t bytes[8 + MAC_BYTES], mac[MAC_BYTES];
    uint64_t at = 0;
    bool fine = hex_parse(q->next, bytes, sizeof(bytes));
    for (size_t i = 0; fine && i < 8; i++) {
        at = at << 8 | bytes[i];
    }
    *ret = fine ? (usec)hide(secret, at, bytes + 8) : 0;
    fine = fine && seal(secret, collection, what, q, *ret, mac) &&
           secret_eq(sv_from((const char *)mac, MAC_BYTES), sv_from((const char *)bytes + 8, MAC_BYTES));
    if (!fine) {
        err_set(e, ERR_VALUE, "`next` is not from an answer to this request");
        return err_hint(e, "send `next` as it came, with the filters of the request that it came with, or "
                           "start again with added_after");
    }
    return OK;
}
