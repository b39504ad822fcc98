/* The texts of a request, apart from sockets: these functions read what an attacker wrote. */
#pragma once

#include "net/http.h"

/*
 * Splits a request target (RFC 9112 3.2, origin-form or absolute-form) at the query. False when it is
 * neither. Views into `target`.
 */
bool text_target(struct sv target, struct sv *ret_path, struct sv *ret_query);
/*
 * Percent-decodes once (RFC 3986 2.1) into `a`; `plus` makes '+' a blank. SV_NONE when an escape is broken,
 * or the result is not UTF-8 or holds control bytes.
 */
struct sv text_unescape(struct arena *a, struct sv s, bool plus);
/* The raw value of the first pair of that name (names are compared decoded); SV_NONE when absent, "" without
 * '='. */
struct sv text_pair(struct sv query, struct sv name);
/* Value of a cookie (RFC 6265 4.2.1), quotes stripped; SV_NONE when absent. */
struct sv text_cookie(struct sv header, struct sv name);
/* True when an Accept-Encoding header takes `coding` (RFC 9110 12.5.3), "*" aside. */
bool text_accepts(struct sv header, struct sv coding);
