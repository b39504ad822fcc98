/*
 * Packs: the records of one entry.
 *
 *   pack    = record*
 *   record  = varint(length + 1) salt[16] bytes[length]     a record
 *           | varint(0) hash[32]                            an expunged record: salt and bytes are gone, the
 * commitment stays varint  = LEB128, shortest form
 *
 * Record hash = SHA-256(salt || bytes). The entry commits to the RFC 6962 root over leaves SHA-256(0x00 ||
 * record hash) and to their number. Salts are independent random bytes, so knowing one record and its hash
 * says nothing about its neighbours, and a hash whose salt was destroyed cannot be guessed back.
 */
#include "ledger/private.h"

#include <sodium.h>

void pack_init(struct pack *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->b, PACK_MAX);
}

void pack_clear(struct pack *p)
{
    buf_clear(&p->b);
    sodium_memzero(p->salts, sizeof(p->salts));
    p->salts_left = 0;
    pack_reset(p);
}

void pack_reset(struct pack *p)
{
    buf_reset(&p->b);
    p->n = 0;
    p->tree.size = 0;
}

/* Moves the next salt out of the stock: it must be nowhere but in the record it belongs to. */
static void take_salt(struct pack *p, uint8_t *ret)
{
    uint8_t *at;

    if (p->salts_left < PACK_SALT) {
        random_bytes(p->salts, sizeof(p->salts));
        p->salts_left = sizeof(p->salts);
    }
    p->salts_left -= PACK_SALT;
    at = p->salts + p->salts_left;
    memcpy(ret, at, PACK_SALT);
    memset(at, 0, PACK_SALT);
}

static void add_leaf(struct merkle *m, const struct sha256 *record_hash)
{
    struct sha256 leaf = sha256_leaf(sv_from((const char *)record_hash->b, sizeof(record_hash->b)));

    merkle_append(m, &leaf);
}

void pack_add(struct pack *p, struct sv record)
{
    struct sha256 h;
    char *at;

    buf_varint(&p->b, (uint64_t)record.n + 1);
    at = buf_reserve(&p->b, PACK_SALT + record.n);
    if (!at)
        return;
    take_salt(p, (uint8_t *)at);
    if (record.n)
        memcpy(at + PACK_SALT, record.p, record.n);
    h = sha256_of(sv_from(at, PACK_SALT + record.n));
    add_leaf(&p->tree, &h);
    p->b.n += PACK_SALT + record.n;
    p->n++;
}

struct pack_it pack_each(struct sv pack_bytes)
{
    return (struct pack_it){cur_of(pack_bytes)};
}

bool pack_next_raw(struct cur *c, struct sv *ret, bool *ret_expunged)
{
    const uint8_t *start = c->p;
    uint64_t head;

    if (!cur_more(c))
        return false;
    head = cur_varint(c);
    /* The shortest form only: equal packs have equal bytes. */
    if (!c->failed && c->p - start > 1 && c->p[-1] == 0)
        c->failed = true;
    *ret_expunged = head == 0;
    if (!c->failed && head > (uint64_t)(c->end - c->p))
        c->failed = true;
    if (c->failed)
        return false;
    *ret = head == 0 ? cur_bytes(c, sizeof(struct sha256)) : cur_bytes(c, PACK_SALT + (size_t)head - 1);
    return !c->failed;
}

bool pack_next(struct pack_it *it, struct sv *ret_record)
{
    struct sv raw;
    bool expunged;

    if (!pack_next_raw(&it->c, &raw, &expunged))
        return false;
    *ret_record = expunged ? SV_NONE : sv_sub(raw, PACK_SALT, SIZE_MAX);
    return true;
}

bool pack_tree(struct sv pack, struct merkle *ret, uint64_t *ret_expunged)
{
    struct cur c = cur_of(pack);
    struct sha256 h;
    struct sv raw;
    bool expunged;

    ret->size = 0;
    *ret_expunged = 0;
    while (pack_next_raw(&c, &raw, &expunged)) {
        if (expunged) {
            memcpy(h.b, raw.p, sizeof(h.b));
            ++*ret_expunged;
        } else {
            h = sha256_of(raw);
        }
        add_leaf(ret, &h);
    }
    return !c.failed;
}
