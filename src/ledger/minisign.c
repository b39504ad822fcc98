/* Files signed in the form of minisign, with the message key. */
#include "ledger/private.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#define BLOCK 65536

/* Eight bytes by which minisign finds the key: they follow from it, so that a card is enough to know them. */
static void number_of(const struct note_key *k, uint8_t ret[MINISIGN_NUMBER])
{
    struct sha256 h = sha256_of(sv_from((const char *)k->pub, sizeof(k->pub)));
    memcpy(ret, h.b, MINISIGN_NUMBER);
}

static void add_coded(struct buf *out, const char *algorithm, const uint8_t number[MINISIGN_NUMBER],
                      const uint8_t *bytes, size_t n)
{
    char raw[2 + MINISIGN_NUMBER + 64];
    memcpy(raw, algorithm, 2);
    memcpy(raw + 2, number, MINISIGN_NUMBER);
    memcpy(raw + 2 + MINISIGN_NUMBER, bytes, n);
    base64_add(out, sv_from(raw, 2 + MINISIGN_NUMBER + n));
    buf_addc(out, '\n');
}

void minisign_public(const struct note_key *messages, struct buf *out)
{
    uint8_t number[MINISIGN_NUMBER];
    number_of(messages, number);
    buf_printf(out, "untrusted comment: minisign public key of the messages of %s\n", messages->name);
    add_coded(out, "Ed", number, messages->pub, sizeof(messages->pub));
}

void minisign_write(const uint8_t number[MINISIGN_NUMBER], const uint8_t sig[64], struct sv comment,
                    const uint8_t comment_sig[64], struct buf *out)
{
    buf_add(out, SV("untrusted comment: signature by a noroshi node\n"));
    add_coded(out, "ED", number, sig, 64);
    buf_printf(out, "trusted comment: %.*s\n", SV_ARG(comment));
    base64_add(out, sv_from((const char *)comment_sig, 64));
    buf_addc(out, '\n');
}

bool minisign_comment(struct sv s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((uint8_t)s.p[i] < 0x20 && s.p[i] != '\t') {
            return false;
        }
    }
    return s.n <= MINISIGN_COMMENT && sv_utf8(s);
}

static int hash_file(int fd, uint8_t ret[MINISIGN_HASH], struct err *e)
{
    crypto_generichash_state state;
    uint8_t block[BLOCK];
    ssize_t n;
    crypto_generichash_init(&state, NULL, 0, MINISIGN_HASH);
    while ((n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno != EINTR) {
            return err_errno(e, errno, "cannot read what is to be signed");
        }
        crypto_generichash_update(&state, block, n > 0 ? (size_t)n : 0);
    }
    crypto_generichash_final(&state, ret, MINISIGN_HASH);
    return OK;
}

int minisign_sign(struct keeper *k, int fd, struct sv comment, struct buf *out, struct err *e)
{
    uint8_t hash[MINISIGN_HASH], number[MINISIGN_NUMBER], sig[64], comment_sig[64];
    if (!minisign_comment(comment)) {
        return err_set(e, ERR_VALUE, "the comment of a signature is one line of at most %d bytes",
                       MINISIGN_COMMENT);
    }
    int rc = hash_file(fd, hash, e);
    rc = rc == OK ? keeper_sign_file(k, hash, sig, e) : rc;
    rc = rc == OK ? keeper_sign_comment(k, hash, comment, comment_sig, e) : rc;
    if (rc == OK) {
        number_of(keeper_public(k, KEEPER_MESSAGES), number);
        minisign_write(number, sig, comment, comment_sig, out);
        rc = out->failed ? err_set(e, ERR_MEMORY, "no memory for a signature") : OK;
    }
    return rc;
}
