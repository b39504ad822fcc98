/* The small drill: three partners with a feed and events each. Documentation addresses (RFC 5737, 3849) and
 * .example names only. */
#pragma once

#include "base/base.h"

#define DRILL_PARTNERS 3
struct drill_partner {
    const char *org, *country, *zone;
    const char *feed, *sensor; /* source names */
    const char *feed_text;     /* CSV */
    const char *events_text;   /* Suricata EVE lines */
};
extern const struct drill_partner DRILL[DRILL_PARTNERS];
extern const struct uuid DRILL_NAMESPACE;
