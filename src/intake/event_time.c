#include "intake/event.h"

static bool two_digits(const char *p, unsigned *ret)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *ret = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
    return true;
}

/* Seconds and fraction of "2015-03-09T02:30:58.027602-0600" as microseconds, and what follows them. */
static bool read_seconds(struct sv text, usec *ret, struct sv *ret_zone)
{
    unsigned second, digits = 0;
    usec fraction = 0;
    size_t i = 19;

    if (text.n < 19 || text.p[16] != ':' || !two_digits(text.p + 17, &second) || second > 59)
        return false;
    if (i < text.n && text.p[i] == '.') {
        for (i++; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++, digits++)
            if (digits < 6)
                fraction = fraction * 10 + (text.p[i] - '0');
        if (digits == 0 || digits > 9)
            return false;
        for (; digits < 6; digits++)
            fraction *= 10;
    }
    *ret = second * USEC_SECOND + fraction;
    *ret_zone = sv_sub(text, i, SIZE_MAX);
    return true;
}

int event_time(struct event_state *s, struct sv text, usec *ret, struct err *e)
{
    struct event_clock *c = &s->clock;
    struct time_opts opts = {.fallback = s->opts->zone, .allow_unix = false};
    struct sv zone;
    usec part;
    bool split = read_seconds(text, &part, &zone);

    if (split && c->base != USEC_NONE && zone.n == c->zone_n &&
        memcmp(text.p, c->minute, sizeof c->minute) == 0 && memcmp(zone.p, c->zone, zone.n) == 0) {
        *ret = c->base + part;
        return OK;
    }
    int rc = time_parse(text, &opts, ret, e);
    if (rc == ERR_ZONE)
        return err_hint(
            e, "declare the zone this sensor writes its times in: noroshi source add --zone ZONE, for "
               "example UTC or Asia/Tokyo; or let the sensor write UTC");
    if (rc)
        return rc;
    /* Offsets are whole minutes, but for local mean times of long ago. */
    if (split && zone.n <= sizeof c->zone && (*ret - part) % (60 * USEC_SECOND) == 0) {
        memcpy(c->minute, text.p, sizeof c->minute);
        memcpy(c->zone, zone.p, zone.n);
        c->zone_n = zone.n;
        c->base = *ret - part;
    }
    return OK;
}
