/* Signed notes (C2SP signed-note.md) and their keys. */
#include "ledger/private.h"

#include <sodium.h>

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */
#define SIG_BYTES 64u
#define COSIG_BYTES (8u + SIG_BYTES)

/* Unicode White_Space, which a key name must not hold, in UTF-8. */
static bool has_space(struct sv name)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c <= ' ' || c == 0x7f)
            return true;
        /* U+2000 to U+200A */
        if (c == 0xe2 && i + 2 < name.n && (unsigned char)name.p[i + 1] == 0x80 &&
            (unsigned char)name.p[i + 2] >= 0x80 && (unsigned char)name.p[i + 2] <= 0x8a)
            return true;
    }
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (sv_find(name, sv_c(wide[i])) != SIZE_MAX)
            return true;
    return false;
}

static bool name_good(struct sv name)
{
    return name.n > 0 && sv_utf8(name) && !has_space(name) && sv_chr(name, '+') == SIZE_MAX;
}

static uint32_t key_id(struct sv name, uint8_t type, const uint8_t pub[32])
{
    uint8_t tail[34] = {'\n', type};
    struct sv parts[2] = {name, {(const char *)tail, sizeof(tail)}};
    struct sha256 h;

    memcpy(tail + 2, pub, 32);
    h = sha256_parts(parts, 2);
    return (uint32_t)h.b[0] << 24 | (uint32_t)h.b[1] << 16 | (uint32_t)h.b[2] << 8 | h.b[3];
}

int note_key_make(struct sv name, uint8_t type, const uint8_t pub[32], struct note_key *ret, struct err *e)
{
    if (!name_good(name)) {
        err_set(e, ERR_VALUE, "\"%.*s\" cannot name a key: it is empty or holds white space or \"+\"",
                (int)(name.n < 100 ? name.n : 100), name.n ? name.p : "");
        return err_hint(e, "Use a name like \"noroshi.example/tw\".");
    }
    if (type != NOTE_ED25519 && type != NOTE_COSIGNATURE)
        return err_set(e, ERR_UNSUPPORTED, "signature type %u is not known", type);
    if (!sv_copy(name, ret->name, sizeof(ret->name)))
        return err_set(e, ERR_LIMIT, "a key name has more than %zu bytes", sizeof(ret->name) - 1);
    ret->type = type;
    memcpy(ret->pub, pub, sizeof(ret->pub));
    ret->id = key_id(name, type, pub);
    return OK;
}

static int vkey_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "not a verification key \"name+hash+key\": %s", what);
}

int note_key_parse(struct sv vkey, struct note_key *ret, struct err *e)
{
    struct sv rest = vkey, name, id_text, bytes;
    uint8_t id[4];
    struct arena a;
    int rc;

    if (vkey.n > NOTE_MAX || !sv_cut(&rest, '+', &name) || !sv_cut(&rest, '+', &id_text) || !rest.p)
        return vkey_bad(e, "three parts joined by \"+\" are expected");
    if (!hex_parse(id_text, id, sizeof(id)))
        return vkey_bad(e, "the hash is not eight hexadecimal digits");
    arena_init(&a, 4 * NOTE_MAX);
    if (!base64_parse(&a, rest, &bytes) || bytes.n == 0)
        rc = vkey_bad(e, "the key is not base64");
    else if (bytes.n != 33)
        rc = err_set(e, ERR_UNSUPPORTED, "verification key of an unknown type");
    else
        rc = note_key_make(name, (uint8_t)bytes.p[0], (const uint8_t *)bytes.p + 1, ret, e);
    arena_clear(&a);
    if (rc == OK &&
        ret->id != ((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | (uint32_t)id[3]))
        rc = err_set(e, ERR_CRYPTO, "verification key of %s: its hash does not belong to its name and key",
                     ret->name);
    return rc;
}

void note_key_text(const struct note_key *k, struct buf *out)
{
    char raw[33];

    raw[0] = (char)k->type;
    memcpy(raw + 1, k->pub, 32);
    buf_printf(out, "%s+%08x+", k->name, k->id);
    base64_add(out, sv_from(raw, sizeof(raw)));
}

void note_add_signature(struct buf *note, const struct note_key *k, struct sv signature)
{
    char raw[4 + 256] = {(char)(k->id >> 24), (char)(k->id >> 16), (char)(k->id >> 8), (char)k->id};

    if (signature.n > sizeof(raw) - 4) {
        note->failed = true;
        return;
    }
    memcpy(raw + 4, signature.p, signature.n);
    buf_add(note, SV(DASH));
    buf_add(note, sv_c(k->name));
    buf_addc(note, ' ');
    base64_add(note, sv_from(raw, 4 + signature.n));
    buf_addc(note, '\n');
}

static int note_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "not a signed note: %s", what);
}

int note_split(struct sv note, struct sv *ret_text, struct sv *ret_signatures, struct err *e)
{
    size_t at = SIZE_MAX;

    if (note.n > NOTE_MAX)
        return err_set(e, ERR_LIMIT, "a signed note has more than %u bytes", NOTE_MAX);
    if (!sv_utf8(note))
        return note_bad(e, "it is not UTF-8");
    for (size_t i = 0; i < note.n; i++) {
        if ((unsigned char)note.p[i] < ' ' && note.p[i] != '\n')
            return note_bad(e, "it holds a control character");
        if (note.p[i] == '\n' && i + 1 < note.n && note.p[i + 1] == '\n')
            at = i;
    }
    if (at == SIZE_MAX)
        return note_bad(e, "no empty line stands between text and signatures");
    *ret_text = sv_sub(note, 0, at + 1);
    *ret_signatures = sv_sub(note, at + 2, SIZE_MAX);
    if (ret_signatures->n == 0 || !sv_ends(*ret_signatures, SV("\n")))
        return note_bad(e, "it has no signature, or its last line does not end");
    return OK;
}

int note_sig_parse(struct sv line, struct arena *a, struct note_sig *ret, struct err *e)
{
    struct sv raw;
    size_t space;

    if (!sv_starts(line, SV(DASH)))
        return note_bad(e, "a signature line does not begin with a dash and a space");
    line = sv_sub(line, sizeof(DASH) - 1, SIZE_MAX);
    space = sv_chr(line, ' ');
    ret->name = sv_sub(line, 0, space);
    if (space == SIZE_MAX || !name_good(ret->name))
        return note_bad(e, "a signature line has no key name");
    if (!base64_parse(a, sv_sub(line, space + 1, SIZE_MAX), &raw) || raw.n < 5)
        return note_bad(e, "a signature is not base64 of a key id and bytes");
    ret->id = (uint32_t)(uint8_t)raw.p[0] << 24 | (uint32_t)(uint8_t)raw.p[1] << 16 |
              (uint32_t)(uint8_t)raw.p[2] << 8 | (uint32_t)(uint8_t)raw.p[3];
    ret->bytes = sv_sub(raw, 4, SIZE_MAX);
    return OK;
}

static uint64_t be64(const char *p)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static bool verify_ed25519(const struct note_key *k, const char *sig, struct sv message)
{
    return crypto_sign_verify_detached((const unsigned char *)sig, (const unsigned char *)message.p,
                                       message.n, k->pub) == 0;
}

static bool signature_good(const struct note_key *k, struct sv sig, struct sv text)
{
    struct buf message;
    bool good;

    if (k->type == NOTE_ED25519)
        return sig.n == SIG_BYTES && verify_ed25519(k, sig.p, text);
    if (sig.n != COSIG_BYTES)
        return false;
    buf_init(&message, NOTE_MAX + 128);
    cosignature_message(be64(sig.p), text, &message);
    good = !message.failed && verify_ed25519(k, sig.p + 8, buf_sv(&message));
    buf_clear(&message);
    return good;
}

/* Checks one line against the known keys. */
static int check_line(struct sv line, struct sv text, const struct note_key *keys, size_t n, uint32_t *mask,
                      struct err *e)
{
    struct note_sig sig = {0};
    struct arena a;
    int rc;

    arena_init(&a, 4 * NOTE_MAX);
    rc = note_sig_parse(line, &a, &sig, e);
    for (size_t i = 0; rc == OK && i < n && i < 32; i++) {
        if (sig.id != keys[i].id || !sv_eq(sig.name, sv_c(keys[i].name)))
            continue;
        if (signature_good(&keys[i], sig.bytes, text))
            *mask |= (uint32_t)1 << i;
        else
            rc = err_set(e, ERR_CRYPTO, "the signature of %s is not of this text", keys[i].name);
    }
    arena_clear(&a);
    return rc;
}

int note_check(struct sv note, const struct note_key *keys, size_t n, struct sv *ret_text, uint32_t *ret_mask,
               struct err *e)
{
    struct sv text = SV_NONE, sigs = SV_NONE, line;
    uint32_t mask = 0;
    int count = 0;
    int rc = note_split(note, &text, &sigs, e);

    while (rc == OK && sigs.n > 0 && sv_cut(&sigs, '\n', &line)) {
        if (++count > NOTE_MAX_SIGNATURES)
            return err_set(e, ERR_LIMIT, "a signed note has more than %d signatures", NOTE_MAX_SIGNATURES);
        rc = check_line(line, text, keys, n, &mask, e);
    }
    if (rc == OK && mask == 0)
        rc = err_set(e, ERR_CRYPTO, "no known key signed the note");
    if (rc != OK)
        return rc;
    *ret_text = text;
    *ret_mask = mask;
    return OK;
}

uint64_t note_cosigned_at(struct sv note, const struct note_key *cosigner)
{
    struct sv text = SV_NONE, sigs = SV_NONE, line;
    struct note_sig sig = {0};
    struct arena a;
    uint64_t at = 0;

    if (note_split(note, &text, &sigs, NULL) != OK)
        return 0;
    arena_init(&a, 4 * NOTE_MAX);
    while (at == 0 && sigs.n > 0 && sv_cut(&sigs, '\n', &line))
        if (note_sig_parse(line, &a, &sig, NULL) == OK && sig.id == cosigner->id &&
            sv_eq(sig.name, sv_c(cosigner->name)) && sig.bytes.n == COSIG_BYTES)
            at = be64(sig.bytes.p);
    arena_clear(&a);
    return at;
}
