/* Headers of syslog: RFC 5424, RFC 3164 as it is found in the wild, and the times devices write. */
#include "intake/device.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct sv skip(struct sv s, size_t n)
{
    return sv_sub(s, n, SIZE_MAX);
}

/* The next word and what follows the blanks behind it. */
static struct sv next_word(struct sv *rest)
{
    size_t end = sv_chr(*rest, ' ');
    struct sv word = sv_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? SV("") : skip(*rest, end);
    while (rest->n && rest->p[0] == ' ')
        *rest = skip(*rest, 1);
    return word;
}

/* <0> to <191> */
static bool take_priority(struct sv *line)
{
    size_t end = sv_chr(sv_sub(*line, 0, 5), '>');
    uint64_t n;

    if (line->n < 3 || line->p[0] != '<' || end == SIZE_MAX || !sv_u64(sv_sub(*line, 1, end - 1), &n) ||
        n > 191)
        return false;
    *line = skip(*line, end + 1);
    return true;
}

/* ---- RFC 5424 -------------------------------------------------------------------------------- */

/* Length of the structured data at the beginning, 0 when it is none. */
static size_t data_length(struct sv s)
{
    size_t i = 0;

    if (s.n && s.p[0] == '-')
        return 1;
    while (i < s.n && s.p[i] == '[') {
        bool quoted = false;
        for (i++; i < s.n && (quoted || s.p[i] != ']'); i++) {
            if (s.p[i] == '"')
                quoted = !quoted;
            else if (s.p[i] == '\\' && quoted)
                i++;
        }
        if (i >= s.n)
            return 0;
        i++;
    }
    return i;
}

static struct sv not_nil(struct sv s)
{
    return sv_eq(s, SV("-")) ? SV("") : s;
}

static bool read_5424(struct sv line, struct device_head *h)
{
    if (!sv_starts(line, SV("1 ")))
        return false;
    line = skip(line, 2);
    struct sv time = next_word(&line);
    h->host = not_nil(next_word(&line));
    h->app = not_nil(next_word(&line));
    (void)next_word(&line); /* process */
    (void)next_word(&line); /* message id */
    size_t n = data_length(line);
    if (n == 0 || (time.n < 20 && !sv_eq(time, SV("-"))))
        return false;
    h->time = not_nil(time);
    h->data = not_nil(sv_sub(line, 0, n));
    h->message = skip(line, n + 1);
    if (sv_starts(h->message, SV("\xEF\xBB\xBF")))
        h->message = skip(h->message, 3);
    return true;
}

/* ---- RFC 3164 -------------------------------------------------------------------------------- */

static int month_of(struct sv s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12 && s.n >= 3; i++)
        if (memcmp(s.p, names + 3 * i, 3) == 0)
            return i + 1;
    return 0;
}

/* Length of "Aug 22 10:00:00" with or without year and fraction, 0 when it is none. */
static size_t old_time_length(struct sv s)
{
    size_t i = 4;

    if (s.n < 15 || !month_of(s) || s.p[3] != ' ')
        return 0;
    while (i < s.n && s.p[i] == ' ')
        i++;
    size_t day = i;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    if (i == day || i - day > 2 || i >= s.n || s.p[i] != ' ')
        return 0;
    i++;
    if (i + 5 < s.n && is_digit(s.p[i]) && is_digit(s.p[i + 1]) && is_digit(s.p[i + 2]) &&
        is_digit(s.p[i + 3]) && s.p[i + 4] == ' ')
        i += 5;
    if (i + 8 > s.n || s.p[i + 2] != ':' || s.p[i + 5] != ':' || !is_digit(s.p[i]) || !is_digit(s.p[i + 7]))
        return 0;
    i += 8;
    if (i + 1 < s.n && s.p[i] == '.' && is_digit(s.p[i + 1]))
        for (i++; i < s.n && is_digit(s.p[i]);)
            i++;
    return i;
}

/* What relays write instead: 2026-08-22T10:00:00.123456+09:00 */
static size_t iso_time_length(struct sv s)
{
    size_t end = sv_chr(s, ' ');

    end = end == SIZE_MAX ? s.n : end;
    for (size_t i = 0; i < end; i++)
        if (!is_digit(s.p[i]) && !memchr("Tt:.+-Zz", s.p[i], 8))
            return 0;
    return end >= 19 && is_digit(s.p[0]) && s.p[4] == '-' && (s.p[10] == 'T' || s.p[10] == 't') ? end : 0;
}

/* "sshd[123]: text", "kernel: text", "%ASA-6-1: text" */
static void read_tag(struct sv text, struct device_head *h)
{
    size_t i = 0;

    h->app = SV("");
    h->message = text;
    while (i < text.n && i < 64 && text.p[i] != ':' && text.p[i] != '[' && (unsigned char)text.p[i] > ' ')
        i++;
    size_t name = i;
    if (i < text.n && text.p[i] == '[') {
        size_t close = sv_chr(text, ']');
        if (close == SIZE_MAX || close > 96)
            return;
        i = close + 1;
    }
    if (name == 0 || i >= text.n || text.p[i] != ':' || text.p[0] == '%')
        return;
    h->app = sv_sub(text, 0, name);
    h->message = skip(text, i + 1);
    while (h->message.n && h->message.p[0] == ' ')
        h->message = skip(h->message, 1);
}

static bool is_host(struct sv s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '=' || s.p[i] == '|' || s.p[i] == '[' || s.p[i] == ',' || s.p[i] == '%')
            return false;
    return s.n && s.n <= 255 && s.p[s.n - 1] != ':';
}

static bool read_3164(struct sv line, struct device_head *h)
{
    size_t n;

    /* Cisco marks a clock that is not set, and numbers its lines: "123: *Aug 22 10:00:00.123:" */
    if (line.n && (line.p[0] == '*' || line.p[0] == '.'))
        line = skip(line, 1);
    n = old_time_length(line);
    h->old = n > 0;
    if (n == 0)
        n = iso_time_length(line);
    if (n == 0)
        return false;
    h->time = sv_sub(line, 0, n);
    line = skip(line, n);
    bool device = line.n && line.p[0] == ':'; /* the device names itself elsewhere */
    while (line.n && (line.p[0] == ' ' || line.p[0] == ':'))
        line = skip(line, 1);
    struct sv rest = line, word = next_word(&rest);
    if (!device && rest.n && is_host(word)) {
        h->host = word;
        line = rest;
    }
    while (line.n && (line.p[0] == ' ' || line.p[0] == ':'))
        line = skip(line, 1);
    read_tag(line, h);
    return true;
}

bool device_head(struct sv line, struct device_head *h)
{
    *h =
        (struct device_head){.host = SV(""), .app = SV(""), .data = SV(""), .message = line, .time = SV_NONE};
    bool priority = take_priority(&line);
    if (priority)
        h->message = line;
    if (priority && read_5424(line, h))
        return true;
    return read_3164(line, h) || priority;
}

/* ---- times ----------------------------------------------------------------------------------- */

static int unix_time(struct sv text, usec *ret, struct err *e)
{
    uint64_t n = 0;

    if (!sv_u64(text, &n) || text.n < 9 || text.n > 19)
        return err_set(e, ERR_SYNTAX, "the time \"%.*s\" is in no form that is known",
                       SV_ARG(sv_sub(text, 0, 40)));
    for (size_t digits = text.n; digits > 16; digits--)
        n /= 10;
    usec unit = text.n <= 10 ? USEC_SECOND : text.n <= 13 ? 1000 : 1;
    if (n > (uint64_t)(253402300799 * USEC_SECOND / unit))
        return err_set(e, ERR_VALUE, "the time is beyond the year 9999");
    *ret = (usec)n * unit;
    return OK;
}

static unsigned year_for(usec now, unsigned month, unsigned day)
{
    int64_t y, limit = (now + USEC_DAY) / USEC_DAY;
    unsigned m, d;

    civil_from_days(limit, &y, &m, &d);
    return (unsigned)(month > m || (month == m && day > d) ? y - 1 : y);
}

static size_t digits_of(struct sv s, size_t at, unsigned *ret)
{
    size_t i = at;

    for (*ret = 0; i < s.n && i < at + 4 && is_digit(s.p[i]); i++)
        *ret = *ret * 10 + (unsigned)(s.p[i] - '0');
    return i;
}

/* "Aug 22 [2026] 10:00:00[.123] [UTC|+0900]" as RFC 3339 */
static int old_time(struct event_state *s, struct sv text, usec now, usec *ret, struct err *e)
{
    unsigned month = (unsigned)month_of(text), day, year;
    size_t at = 4, length = old_time_length(text);
    char iso[64];

    while (at < text.n && text.p[at] == ' ')
        at++;
    at = digits_of(text, at, &day) + 1;
    if (text.p[at + 2] == ':')
        year = year_for(now, month, day);
    else
        at = digits_of(text, at, &year) + 1;
    struct sv clock = sv_sub(text, at, length - at), zone = sv_trim(skip(text, length));
    (void)snprintf(iso, sizeof(iso), "%04u-%02u-%02uT%.*s%s%.*s", year, month, day,
                   SV_ARG(sv_sub(clock, 0, 18)), zone.n && zone.p[0] != '+' && zone.p[0] != '-' ? " " : "",
                   SV_ARG(sv_sub(zone, 0, 8)));
    return event_time(s, sv_c(iso), ret, e);
}

int device_time(struct event_state *s, struct sv text, usec now, usec *ret, struct err *e)
{
    text = sv_trim(text);
    if (text.n == 0)
        return err_set(e, ERR_VALUE, "the event does not say when it was");
    if (old_time_length(text))
        return old_time(s, text, now, ret, e);
    return sv_chr(text, '-') == SIZE_MAX && sv_chr(text, '/') == SIZE_MAX ? unix_time(text, ret, e)
                                                                          : event_time(s, text, ret, e);
}
