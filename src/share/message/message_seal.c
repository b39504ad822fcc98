/* Messages in their envelopes: signing, and verifying before anything is read. */
#include "share/message/message_private.h"

void message_signer(const struct messages *m, char ret[65])
{
    hex_text(m->own->pub, sizeof(m->own->pub), ret);
}

int message_seal(const struct messages *m, const struct message *msg, struct buf *envelope, struct err *e)
{
    struct buf payload;
    struct dsse_signature sig = {.keyid = sv_c(m->own->name)};
    buf_init(&payload, MESSAGE_MOST);
    int rc = message_write(msg, &payload, e);
    rc = rc == OK ? m->sign(m->sign_ctx, SV(MESSAGE_PAYLOAD), buf_sv(&payload), sig.sig, e) : rc;
    if (rc == OK) {
        dsse_write(SV(MESSAGE_PAYLOAD), buf_sv(&payload), &sig, 1, envelope);
        rc = envelope->failed || envelope->n > MESSAGE_MOST
                 ? err_set(e, ERR_LIMIT, "the message is larger than %zu bytes", MESSAGE_MOST)
                 : OK;
    }
    buf_clear(&payload);
    return rc;
}

static int flawed(enum message_flaw flaw, enum message_flaw *ret, int rc)
{
    *ret = rc == ERR_MEMORY ? FLAW_NONE : flaw;
    return rc;
}

int message_unseal(struct sv envelope, const uint8_t pub[32], struct arena *a, struct message *ret,
                   uint8_t ret_sig[64], enum message_flaw *ret_flaw, struct err *e)
{
    struct dsse d;
    *ret_flaw = FLAW_NONE;
    if (envelope.n > MESSAGE_MOST) {
        err_set(e, ERR_LIMIT, "the envelope is larger than %zu bytes", MESSAGE_MOST);
        return flawed(FLAW_SIZE, ret_flaw, e->code);
    }
    int rc = dsse_read(envelope, a, &d, e);
    if (rc == OK && (d.n != 1 || !sv_eq(d.type, SV(MESSAGE_PAYLOAD)))) {
        rc = err_set(e, ERR_VALUE, "the envelope holds something else than one signed message");
    }
    if (rc != OK) {
        return flawed(FLAW_FORM, ret_flaw, rc);
    }
    if (!dsse_signed_by(&d, pub)) {
        err_set(e, ERR_CRYPTO, "the message is not signed by the key that is pinned");
        return flawed(FLAW_SIGNATURE, ret_flaw, e->code);
    }
    memcpy(ret_sig, d.sig[0].sig, sizeof(d.sig[0].sig));
    rc = message_read(d.body, a, ret, e);
    return rc == OK ? OK : flawed(FLAW_FORM, ret_flaw, rc);
}
