/* Private to intake/: one line of a list, in any of the spellings lists come in. */
#pragma once

#include "intake/private.h"

#define LIST_NAMES 16u /* names one hosts or dnsmasq line may hold */

enum list_found {
    LIST_SKIP, /* blank, comment, or header of the list's own syntax: not a record */
    LIST_ITEM,
    LIST_BAD,
};
struct list_item {
    struct sv value[LIST_NAMES]; /* text of the values, not read yet; more than one only in hosts and dnsmasq
                                    lines */
    size_t n;
    struct sv note;     /* trailing comment, file name or further words */
    uint64_t lists;     /* ipsum's count; 0 = none */
    bool allowed;       /* the list says that it is not bad (RPZ passthru, AdGuard @@) */
    bool address_block; /* value[0] is an RPZ "rpz-ip" name: see rpz_address */
};
/* What earlier lines of the file said. */
struct list_state {
    bool in_soa;      /* inside the parentheses of an SOA record */
    char origin[256]; /* RPZ zone, without final dot */
};
/* `line` without line end. Views into the line. */
enum list_found list_line_read(struct list_state *st, struct sv line, struct list_item *ret);
/* "24.0.2.0.192.rpz-ip" to "192.0.2.0/24", also IPv6 with "zz"; false when malformed. */
bool rpz_address(struct sv name, struct buf *out);
