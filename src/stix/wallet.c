#include "stix/private.h"

static const char base58_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char bech32_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static int digit_of(const char *digits, char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Big-endian number of `n` base58 digits into exactly `size` bytes. */
static bool base58_bytes(struct sv s, uint8_t *out, size_t size)
{
    memset(out, 0, size);
    for (size_t i = 0; i < s.n; i++) {
        int d = digit_of(base58_digits, s.p[i]);
        if (d < 0)
            return false;
        unsigned carry = (unsigned)d;
        for (size_t j = size; j-- > 0;) {
            carry += out[j] * 58u;
            out[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    return true;
}

/* Base58Check: version byte, 20 bytes, first four bytes of the double SHA-256 (Bitcoin, Litecoin, Dogecoin,
 * Dash, Tron). */
static bool base58check(struct sv s)
{
    uint8_t b[25];
    if (s.n < 26 || s.n > 35 || !base58_bytes(s, b, sizeof(b)))
        return false;
    struct sha256 once = sha256_of((struct sv){(const char *)b, 21});
    struct sha256 twice = sha256_of((struct sv){(const char *)once.b, 32});
    return memcmp(twice.b, b + 21, 4) == 0;
}

static uint32_t polymod(uint32_t c, unsigned v)
{
    static const uint32_t gen[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    unsigned top = c >> 25;
    c = (c & 0x1ffffff) << 5 ^ v;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1)
            c ^= gen[i];
    return c;
}

/* BIP 173 and 350: one case, checksum constant 1 or 0x2bc830a3. */
static bool bech32(struct sv s)
{
    static const char *const prefixes[] = {"bc1", "tb1", "ltc1"};
    size_t prefix = 0;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (sv_istarts(s, sv_c(prefixes[i])))
            prefix = strlen(prefixes[i]);
    if (prefix == 0 || s.n < prefix + 6 || s.n > 90)
        return false;
    bool upper = s.p[0] < 'a';
    uint32_t c = 1;
    for (size_t i = 0; i + 1 < prefix; i++)
        c = polymod(c, (unsigned)lower(s.p[i]) >> 5);
    c = polymod(c, 0);
    for (size_t i = 0; i + 1 < prefix; i++)
        c = polymod(c, (unsigned)lower(s.p[i]) & 31);
    for (size_t i = 0; i < s.n; i++) {
        if (is_alpha(s.p[i]) && (s.p[i] < 'a') != upper)
            return false;
        if (i < prefix)
            continue;
        int d = digit_of(bech32_digits, lower(s.p[i]));
        if (d < 0)
            return false;
        c = polymod(c, (unsigned)d);
    }
    return c == 1 || c == 0x2bc830a3;
}

static bool ethereum(struct sv s)
{
    return s.n == 42 && s.p[0] == '0' && lower(s.p[1]) == 'x' && all_hex(sv_sub(s, 2, 40));
}

/* Monero: 95 base58 digits, network bytes 18, 42 ("4...", "8..."). Its checksum is Keccak: form only. */
static bool monero(struct sv s)
{
    if (s.n != 95 || (s.p[0] != '4' && s.p[0] != '8'))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (digit_of(base58_digits, s.p[i]) < 0)
            return false;
    return true;
}

bool wallet_checked(struct sv s)
{
    return s.n >= 14 && s.n <= 95 && (ethereum(s) || bech32(s) || base58check(s) || monero(s));
}

/* Of a currency we cannot check: letters and digits of plausible length, perhaps after "name:". */
static bool wallet_plausible(struct sv s)
{
    size_t colon = sv_chr(s, ':');
    if (colon != SIZE_MAX && colon <= 16)
        s = sv_sub(s, colon + 1, SIZE_MAX);
    if (s.n < 20 || s.n > 128 || s.p[0] == '1' || s.p[0] == '3' || sv_istarts(s, SV("bc1")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]))
            return false;
    return true;
}

bool wallet_read(struct arena *a, struct sv text, struct obs *ret)
{
    if (!wallet_checked(text) && !wallet_plausible(text))
        return false;
    bool folded = ethereum(text) || bech32(text);
    *ret = (struct obs){.kind = KIND_WALLET, .value = folded ? lower_sv(a, text) : text};
    return ret->value.p != NULL;
}
