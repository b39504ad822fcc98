#include "stix/private.h"

static unsigned two(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* The form alone: digits and separators at their places, one fraction digit at least after a dot. */
static bool shaped(struct sv s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    if (s.n < 20 || s.p[s.n - 1] != 'Z')
        return false;
    for (size_t i = 0; i < 19; i++)
        if (shape[i] == 'd' ? !is_digit(s.p[i]) : s.p[i] != shape[i])
            return false;
    if (s.n == 20)
        return true;
    struct sv fraction = sv_sub(s, 20, s.n - 21);
    return s.p[19] == '.' && all_digits(fraction);
}

bool stix_time(struct sv s, bool day_must_exist, usec *ret)
{
    if (!shaped(s))
        return false;
    unsigned year = two(s.p) * 100 + two(s.p + 2), month = two(s.p + 5), day = two(s.p + 8);
    unsigned hour = two(s.p + 11), minute = two(s.p + 14), second = two(s.p + 17);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    if (day_must_exist && (year == 0 || day > month_days(year, month)))
        return false;
    usec fraction = 0;
    for (size_t i = 20, left = 6; left > 0; i++, left--)
        fraction = fraction * 10 + (i + 1 < s.n ? s.p[i] - '0' : 0);
    *ret = days_from_civil(year, month, day) * USEC_DAY + hour * USEC_HOUR +
           ((usec)minute * 60 + second) * USEC_SECOND + fraction;
    return true;
}

void stix_time_text(usec t, char ret[32])
{
    char text[32];
    time_text6(t, text);
    /* "....123456Z" to milliseconds, the precision `created` and `modified` must have (STIX 2.1 3.2). */
    size_t n = strlen(text);
    if (n > 4)
        memcpy(text + n - 4, "Z", 2);
    memcpy(ret, text, sizeof(text));
}
