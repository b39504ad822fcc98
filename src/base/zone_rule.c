#include "base/zone_private.h"

static bool eat(struct sv *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = sv_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool eat_number(struct sv *s, int most, int *ret)
{
    size_t n = 0;
    int v = 0;
    for (; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    *s = sv_sub(*s, n, SIZE_MAX);
    *ret = v;
    return n > 0 && v <= most;
}

/* "EST" or "<+0330>". */
static bool eat_name(struct sv *s)
{
    if (eat(s, '<')) {
        size_t end = sv_chr(*s, '>');
        if (end == SIZE_MAX)
            return false;
        *s = sv_sub(*s, end + 1, SIZE_MAX);
        return end > 0;
    }
    size_t n = 0;
    while (n < s->n && ((s->p[n] >= 'A' && s->p[n] <= 'Z') || (s->p[n] >= 'a' && s->p[n] <= 'z')))
        n++;
    *s = sv_sub(*s, n, SIZE_MAX);
    return n >= 3;
}

/* [+-]h[h[h]][:mm[:ss]]; RFC 8536 3.3.1 allows -167 to 167 hours. */
static bool eat_time(struct sv *s, int hours_most, int32_t *ret)
{
    bool negative = eat(s, '-');
    if (!negative)
        (void)eat(s, '+');
    int h, m = 0, sec = 0;
    if (!eat_number(s, hours_most, &h))
        return false;
    if (eat(s, ':') && (!eat_number(s, 59, &m) || (eat(s, ':') && !eat_number(s, 59, &sec))))
        return false;
    int32_t v = h * 3600 + m * 60 + sec;
    *ret = negative ? -v : v;
    return true;
}

static bool eat_change(struct sv *s, struct zone_change *c)
{
    if (!eat(s, ','))
        return false;
    if (eat(s, 'M')) {
        c->form = CHANGE_WEEK;
        if (!eat_number(s, 12, &c->month) || !eat(s, '.') || !eat_number(s, 5, &c->week) || !eat(s, '.') ||
            !eat_number(s, 6, &c->day) || c->month < 1 || c->week < 1)
            return false;
    } else {
        c->form = eat(s, 'J') ? CHANGE_JULIAN : CHANGE_DAY;
        if (!eat_number(s, 365, &c->day) || (c->form == CHANGE_JULIAN && c->day < 1))
            return false;
    }
    c->second = 7200;
    return !eat(s, '/') || eat_time(s, 167, &c->second);
}

bool zone_read_rule(struct sv text, struct zone_rule *ret)
{
    struct zone_rule r = {0};
    if (!eat_name(&text) || !eat_time(&text, 24, &r.standard))
        return false;
    r.standard = -r.standard;
    if (text.n) {
        r.has_summer = true;
        r.summer = r.standard + 3600;
        if (!eat_name(&text))
            return false;
        if (text.n && text.p[0] != ',') {
            if (!eat_time(&text, 24, &r.summer))
                return false;
            r.summer = -r.summer;
        }
        if (!eat_change(&text, &r.start) || !eat_change(&text, &r.end))
            return false;
    }
    *ret = r;
    return text.n == 0;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Local second, counted as if UTC, at which the change falls in a year. */
static int64_t change_second(const struct zone_change *c, int64_t year)
{
    int64_t day;
    if (c->form == CHANGE_WEEK) {
        int64_t first = days_from_civil(year, (unsigned)c->month, 1);
        int64_t next = c->month == 12 ? days_from_civil(year + 1, 1, 1)
                                      : days_from_civil(year, (unsigned)c->month + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        day = first + (c->day - weekday + 7) % 7 + 7 * (int64_t)(c->week - 1);
        if (day >= next)
            day -= 7;
    } else {
        day = days_from_civil(year, 1, 1) + c->day;
        /* Jn never counts 29 February. */
        if (c->form == CHANGE_JULIAN && !(is_leap(year) && c->day >= 60))
            day--;
    }
    return day * 86400 + c->second;
}

int32_t zone_rule_at(const struct zone_rule *r, int64_t at, int64_t *ret_end)
{
    *ret_end = INT64_MAX;
    if (!r->has_summer)
        return r->standard;
    int64_t year;
    unsigned month, day;
    civil_from_days(at / 86400 - (at % 86400 < 0), &year, &month, &day);
    int64_t latest = INT64_MIN;
    int32_t offset = r->standard;
    /* Changes may be written up to a week outside their year: the neighbours are looked at as well. */
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = change_second(&r->start, y) - r->standard;
        int64_t end = change_second(&r->end, y) - r->summer;
        if (end <= at && end > latest) {
            latest = end;
            offset = r->standard;
        }
        /* Summer time all year is written as an end that is the next start. */
        if (start <= at && start >= latest) {
            latest = start;
            offset = r->summer;
        }
        if (start > at && start < *ret_end)
            *ret_end = start;
        if (end > at && end < *ret_end)
            *ret_end = end;
    }
    return offset;
}
