#include "base/time.h"

#include <time.h>

int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + (int64_t)d - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *d = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    *m = (unsigned)(month < 10 ? month + 3 : month - 9);
    *y = year_of_era + era * 400 + (*m <= 2);
}

static usec read_clock(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (usec)ts.tv_sec * USEC_SECOND + ts.tv_nsec / 1000;
}

usec time_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

usec time_ticks(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

struct civil {
    int64_t year;
    unsigned month, day, hour, minute, second, micro;
};

static struct civil civil_of(usec t)
{
    int64_t days = t / USEC_DAY;
    usec rest = t % USEC_DAY;
    if (rest < 0) {
        rest += USEC_DAY;
        days--;
    }
    struct civil c;
    civil_from_days(days, &c.year, &c.month, &c.day);
    unsigned seconds = (unsigned)(rest / USEC_SECOND);
    c.micro = (unsigned)(rest % USEC_SECOND);
    c.hour = seconds / 3600;
    c.minute = seconds / 60 % 60;
    c.second = seconds % 60;
    return c;
}

static char *put_digits(char *p, unsigned v, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + digits;
}

static char *put_year(char *p, int64_t year)
{
    uint64_t magnitude = year < 0 ? 0 - (uint64_t)year : (uint64_t)year;
    if (year < 0)
        *p++ = '-';
    return put_digits(p, (unsigned)magnitude, magnitude > 99999 ? 6 : magnitude > 9999 ? 5 : 4);
}

static char *put_date(char *p, const struct civil *c)
{
    p = put_year(p, c->year);
    *p++ = '-';
    p = put_digits(p, c->month, 2);
    *p++ = '-';
    return put_digits(p, c->day, 2);
}

static char *put_clock(char *p, const struct civil *c, bool seconds)
{
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->minute, 2);
    if (!seconds)
        return p;
    *p++ = ':';
    return put_digits(p, c->second, 2);
}

static void put_instant(usec t, unsigned fraction, char ret[32])
{
    struct civil c = civil_of(t);
    char *p = put_date(ret, &c);
    *p++ = 'T';
    p = put_clock(p, &c, true);
    if (fraction) {
        *p++ = '.';
        p = put_digits(p, fraction == 3 ? c.micro / 1000 : c.micro, fraction);
    }
    *p++ = 'Z';
    *p = '\0';
}

void time_text(usec t, char ret[32])
{
    put_instant(t, t % USEC_SECOND == 0 ? 0 : t % 1000 == 0 ? 3 : 6, ret);
}

void time_text6(usec t, char ret[32])
{
    put_instant(t, 6, ret);
}

void time_people(usec t, const struct zone *z, char ret[40])
{
    usec local;
    if (__builtin_add_overflow(t, (usec)zone_offset(z, t) * USEC_SECOND, &local))
        local = t;
    struct civil c = civil_of(local);
    char *p = put_date(ret, &c);
    *p++ = ' ';
    *put_clock(p, &c, false) = '\0';
}
