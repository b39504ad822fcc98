/* Times as feeds, logs and people write them. */
#include "base/time.h"

/* 0001-01-01T00:00:00Z and the end of 9999. */
#define EARLIEST ((usec)-62135596800 * USEC_SECOND)
#define LATEST ((usec)253402300800 * USEC_SECOND - 1)

struct civil {
    int64_t year;
    unsigned month, day, hour, minute, second, micro;
};

/* Reading: a position that never passes `end`, and functions that say false and leave a reason. */
struct reader {
    const char *p;
    const char *end;
    bool has_zone;
    int32_t offset; /* seconds east of UTC */
    struct civil c;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `n` digits. */
static bool get_number(struct reader *r, unsigned n, unsigned *ret)
{
    if ((size_t)(r->end - r->p) < n)
        return false;
    unsigned v = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)r->p[i] - '0';
        if (d > 9)
            return false;
        v = v * 10 + d;
    }
    r->p += n;
    *ret = v;
    return true;
}

static bool get_char(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* ".5" to ".123456789"; what stands beyond microseconds is cut. */
static bool get_fraction(struct reader *r)
{
    if (!get_char(r, '.'))
        return true;
    unsigned v = 0, n = 0;
    for (; r->p < r->end && is_digit(*r->p) && n < 9; n++, r->p++)
        if (n < 6)
            v = v * 10 + (unsigned)(*r->p - '0');
    for (unsigned i = n; i < 6; i++)
        v *= 10;
    r->c.micro = v;
    return n > 0;
}

static bool get_clock(struct reader *r)
{
    return get_number(r, 2, &r->c.hour) && get_char(r, ':') && get_number(r, 2, &r->c.minute) &&
           get_char(r, ':') && get_number(r, 2, &r->c.second) && get_fraction(r);
}

static bool get_word(struct reader *r, struct sv word)
{
    if (!sv_istarts(sv_from(r->p, (size_t)(r->end - r->p)), word))
        return false;
    r->p += word.n;
    return true;
}

/* Nothing, "Z", "+09:00", "+0900", "+09", and " UTC" or " GMT" as feeds write them; then the end of the text.
 */
static bool get_zone(struct reader *r)
{
    if (r->p == r->end)
        return true;
    bool spaced = get_char(r, ' ');
    r->has_zone = true;
    if (!spaced && (get_char(r, 'Z') || get_char(r, 'z')))
        return r->p == r->end;
    if (spaced && (get_word(r, SV("UTC")) || get_word(r, SV("GMT")) || get_word(r, SV("Z"))))
        return r->p == r->end;
    bool west = get_char(r, '-');
    if (!west && !get_char(r, '+'))
        return false;
    unsigned hours, minutes = 0;
    if (!get_number(r, 2, &hours))
        return false;
    if (r->p < r->end) {
        (void)get_char(r, ':');
        if (!get_number(r, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    r->offset = west ? -seconds : seconds;
    return r->p == r->end;
}

/* What follows a date: the end, or a separator, a clock time and a zone. */
static bool get_rest(struct reader *r)
{
    if (r->p == r->end)
        return true;
    char c = *r->p++;
    return (c == 'T' || c == 't' || c == ' ') && get_clock(r) && get_zone(r);
}

/* "2026-08-22", "2026/08/22", and the same with the three digits of a year of the Republic of China. */
static bool get_separated(struct reader *r, unsigned year_digits)
{
    unsigned year;
    if (!get_number(r, year_digits, &year))
        return false;
    char separator = *r->p++;
    r->c.year = year_digits == 3 ? (int64_t)year + 1911 : (int64_t)year;
    return get_number(r, 2, &r->c.month) && get_char(r, separator) && get_number(r, 2, &r->c.day) &&
           get_rest(r);
}

static bool get_compact(struct reader *r)
{
    unsigned year;
    if (!get_number(r, 4, &year) || !get_number(r, 2, &r->c.month) || !get_number(r, 2, &r->c.day))
        return false;
    r->c.year = (int64_t)year;
    return r->p == r->end;
}

/* One of `count` three-letter names written after each other; its index, or -1. */
static int get_name(struct reader *r, const char *all, int count)
{
    for (int i = 0; i < count; i++)
        if (get_word(r, sv_from(all + 3 * (size_t)i, 3)))
            return i;
    return -1;
}

/* RFC 5322 3.3: "Mon, 22 Aug 2026 02:53:35 +0000"; `*ret_weekday` is -1 when not written, else 0 for Sunday.
 */
static bool get_mail_date(struct reader *r, int *ret_weekday)
{
    *ret_weekday = -1;
    if (!is_digit(*r->p)) {
        *ret_weekday = get_name(r, "SunMonTueWedThuFriSat", 7);
        if (*ret_weekday < 0 || !get_char(r, ',') || !get_char(r, ' '))
            return false;
    }
    unsigned year;
    bool two = r->end - r->p > 1 && is_digit(r->p[1]);
    if (!get_number(r, two ? 2 : 1, &r->c.day) || !get_char(r, ' '))
        return false;
    int month = get_name(r, "JanFebMarAprMayJunJulAugSepOctNovDec", 12);
    if (month < 0 || !get_char(r, ' ') || !get_number(r, 4, &year) || !get_char(r, ' '))
        return false;
    r->c.month = (unsigned)month + 1;
    r->c.year = (int64_t)year;
    return get_clock(r) && get_zone(r);
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static int refuse(struct sv text, struct err *e, int code, const char *why)
{
    char shown[48];
    return err_set(e, code, "%s: \"%s\"", why, sv_show(text, shown, sizeof(shown)));
}

static int finish(struct sv text, const struct reader *r, const struct time_opts *o, usec *ret, struct err *e)
{
    const struct civil *c = &r->c;
    if (c->year < 1 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days_in_month(c->year, c->month))
        return refuse(text, e, ERR_VALUE, "there is no such day");
    if (c->hour > 23 || c->minute > 59 || c->second > 60)
        return refuse(text, e, ERR_VALUE, "there is no such time of day");
    int64_t seconds = days_from_civil(c->year, c->month, c->day) * 86400 +
                      (int64_t)(c->hour * 3600 + c->minute * 60 + c->second);
    usec at = seconds * USEC_SECOND + c->micro;
    if (r->has_zone) {
        at -= r->offset * USEC_SECOND;
    } else if (o && o->fallback) {
        at = zone_local(o->fallback, at, NULL);
    } else {
        refuse(text, e, ERR_ZONE, "a time without a zone");
        err_hint(e, "declare the time zone of the source");
        return ERR_ZONE;
    }
    if (at < EARLIEST || at > LATEST)
        return refuse(text, e, ERR_VALUE, "the time is outside the years 1 to 9999");
    *ret = at;
    return OK;
}

/* "1379288667.63194": POSIX seconds, which carry their zone. */
static int read_unix(struct sv text, usec *ret, struct err *e)
{
    struct reader r = {.p = text.p, .end = text.p + text.n};
    bool negative = get_char(&r, '-');
    const char *first = r.p;
    int64_t seconds = 0;
    while (r.p < r.end && is_digit(*r.p) && r.p - first < 16)
        seconds = seconds * 10 + (*r.p++ - '0');
    if (r.p == first || !get_fraction(&r) || r.p != r.end)
        return refuse(text, e, ERR_SYNTAX, "not a time in a known form");
    if (seconds > LATEST / USEC_SECOND + 1) {
        refuse(text, e, ERR_VALUE, "too large for seconds since 1970");
        err_hint(e, "milliseconds are not read as seconds; convert them first");
        return ERR_VALUE;
    }
    usec at = seconds * USEC_SECOND + r.c.micro;
    at = negative ? -at : at;
    if (at < EARLIEST || at > LATEST)
        return refuse(text, e, ERR_VALUE, "the time is outside the years 1 to 9999");
    *ret = at;
    return OK;
}

static bool all_digits(struct sv s)
{
    size_t n = 0;
    while (n < s.n && is_digit(s.p[n]))
        n++;
    return n == s.n;
}

static bool is_separator(char c)
{
    return c == '-' || c == '/';
}

int time_parse(struct sv text, const struct time_opts *o, usec *ret, struct err *e)
{
    if (text.n == 0)
        return err_set(e, ERR_SYNTAX, "a time is expected, and nothing is there");
    struct reader r = {.p = text.p, .end = text.p + text.n};
    int weekday = -1;
    bool ok = false;
    if (text.n >= 10 && is_digit(text.p[0]) && is_separator(text.p[4]))
        ok = get_separated(&r, 4);
    else if (text.n >= 9 && is_digit(text.p[0]) && is_separator(text.p[3]))
        ok = get_separated(&r, 3);
    else if (text.n == 8 && all_digits(text))
        ok = get_compact(&r);
    else if (text.n > 8 && sv_chr(sv_sub(text, 0, 6), ' ') != SIZE_MAX)
        ok = get_mail_date(&r, &weekday);
    else if (o && o->allow_unix)
        return read_unix(text, ret, e);
    if (!ok)
        return refuse(text, e, ERR_SYNTAX, "not a time in a known form");
    usec at = 0;
    int rc = finish(text, &r, o, &at, e);
    if (rc != OK)
        return rc;
    /* 1970-01-01 was a Thursday. */
    if (weekday >= 0 && (days_from_civil(r.c.year, r.c.month, r.c.day) % 7 + 11) % 7 != weekday)
        return refuse(text, e, ERR_VALUE, "the day of the week and the date disagree");
    *ret = at;
    return OK;
}
