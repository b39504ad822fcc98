/*
 * Time: an instant (microseconds since 1970-01-01T00:00:00Z), the text it was written as, and its zone.
 * Zones are read from TZif files (RFC 8536) directly: setenv("TZ") is not thread-safe.
 */
#pragma once

#include "base/buf.h"

typedef int64_t usec;
#define USEC_NONE INT64_MIN
#define USEC_SECOND ((usec)1000000)
#define USEC_HOUR (3600 * USEC_SECOND)
#define USEC_DAY (24 * USEC_HOUR)

struct zone;
/* Loads a zone by IANA name ("Asia/Taipei", "UTC") or fixed offset ("+09:00"). Cached for the process; never
 * freed; thread-safe. */
const struct zone *zone_find(struct sv name, struct err *e);
const char *zone_name(const struct zone *z);
/* Seconds east of UTC at an instant. */
int32_t zone_offset(const struct zone *z, usec at);
/*
 * Instant of a local civil time. A time that happens twice gives the earlier instant, one that does not exist
 * the instant at which the gap ends. *ret_fold (may be NULL) says how often it happens: 1, 2, or 0 in a gap.
 */
usec zone_local(const struct zone *z, usec local_as_if_utc, int *ret_fold);

/* A time as it was met: instant, the text, and how its zone was known. */
struct when {
    usec at;
    struct sv text;
    bool zone_declared; /* zone taken from the source, not from the text */
};

/*
 * Reads one time. Forms: RFC 3339 with 'T', 't' or space, 0 to 9 fraction digits (cut to microseconds, never
 * rounded up), "Z", "+09:00", "+0900", "+09", " UTC", " GMT"; the same without zone (then `fallback` is used;
 * NULL gives ERR_ZONE); dates "2023-12-12", "2023/12/12", "2023/12/12 08:00:00", "20231212", ROC years
 * ("112/12/12", "112-12-12": three digits, year + 1911), Suricata ("2015-03-09T02:30:58.027602-0600"), RFC
 * 3164/2822-like ("Mon, 22 Aug 2026 02:53:35 +0000"), and Unix seconds with fraction ("1379288667.63194")
 * when `allow_unix`. Years 0001 to 9999; leap second :60 is read as the following second. Other text:
 * ERR_SYNTAX; a day that does not exist: ERR_VALUE.
 */
struct time_opts {
    const struct zone *fallback;
    bool allow_unix;
};
int time_parse(struct sv text, const struct time_opts *o, usec *ret, struct err *e) MUST_USE;
/* "2026-08-22T02:53:35Z", with .mmm or .uuuuuu only as far as not zero. */
void time_text(usec t, char ret[32]);
/* Always exactly six fraction digits (TAXII). */
void time_text6(usec t, char ret[32]);
/* "2026-08-22 10:53" in a zone, for people. */
void time_people(usec t, const struct zone *z, char ret[40]);
usec time_now(void);
/* Monotonic, for measuring. */
usec time_ticks(void);
/* Civil date from days since epoch and back (proleptic Gregorian). */
int64_t days_from_civil(int64_t y, unsigned m, unsigned d);
void civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d);
