/* What the files of stix/ share with each other. */
#pragma once

#include "stix/stix.h"

/* Longest text that is read as one observable value. */
#define OBS_TEXT_MAX 8192

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}
static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static inline bool all_hex(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_hex(s.p[i]))
            return false;
    return s.n > 0;
}
static inline bool all_digits(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

/* address.c: fills kind, ip and bits, not the value. A zone ("%eth0") is dropped; host bits are cleared. */
bool ip_read(struct sv text, bool prefix_allowed, struct obs *ret);
/* As ip_read, and the value: a view of `text` when that is canonical, else in `scratch` (52 bytes). */
bool ip_obs(struct sv text, bool prefix_allowed, char *scratch, struct obs *ret);

/* domain.c: canonical name into `out` (256 bytes, NUL-terminated); its length, or 0 when it is not a name. */
size_t domain_write(struct sv text, char *out);

/* url.c: `text` refanged already. `schemeless`: "host/path" is allowed; a host must then be an address or a
 * name with a dot. */
int url_read(struct arena *a, struct sv text, bool schemeless, struct obs *ret, struct err *e) MUST_USE;

/* token.c: one reader a kind. False when the text does not fit; the value is lower-cased (or upper-cased)
 * into the arena where the canon says so. */
bool token_read(struct arena *a, enum kind kind, struct sv text, struct obs *ret);
bool email_read(struct arena *a, struct sv text, struct obs *ret);
/* Kind of a hash written as hex digits, by their number; KIND_NONE for others. */
enum kind hash_kind(size_t digits);
/* "MD5", "sha256", "SHA-256", "ssdeep"...: kind of a hash algorithm as STIX 2.0, 2.1 and MISP spell it;
 * KIND_NONE for others. */
enum kind hash_kind_of_name(struct sv name);

/* wallet.c */
bool wallet_checked(struct sv text); /* an address whose form or checksum says which currency it is */
bool wallet_read(struct arena *a, struct sv text, struct obs *ret);

/* refang.c: text without the marks that make it harmless; views `text` when there are none; empty when they
 * do not end. SV_NONE without memory. */
struct sv refang(struct arena *a, struct sv text);

/* Copies `s` to the arena with ASCII letters lower-cased; views `s` when there is nothing to change. */
struct sv lower_sv(struct arena *a, struct sv s);

/* timestamp.c: "2016-01-20T12:31:12.123Z" exactly (STIX 2.1 2.16). Patterns need not name a day that exists.
 */
bool stix_time(struct sv text, bool day_must_exist, usec *ret);
/* With three fraction digits. */
void stix_time_text(usec t, char ret[32]);

/* head.c: "type--uuid" split; any UUID version. */
bool id_split(struct sv id, struct sv *ret_type, struct uuid *ret_uuid);
/* markings.c */
void markings_read(struct jv object, enum tlp *ret_tlp, bool *ret_marked);
/* sco_id.c: does the observable have any property that its id is made of? */
bool sco_has_contributing(struct jv sco, struct sv type);
/* tables.c: any type the standard defines. */
bool stix_known_type(struct sv type);
