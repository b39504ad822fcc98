/* Private to the Zeek formats: what the fields of its logs mean, and the header of its tab-separated files.
 */
#pragma once

#include "intake/event.h"

#define ZEEK_COLUMNS 512
#define ZEEK_HEADER_BYTES (64u << 10)

enum zeek_slot {
    ZEEK_NONE,
    ZEEK_TS,
    ZEEK_PATH,
    ZEEK_HOST,
    ZEEK_URI,
    ZEEK_RESP_P,
    ZEEK_SYSTEM,
    ZEEK_NODE,
    ZEEK_PEER,
    ZEEK_NAME,
};

/* Logs told apart by their fields, where no header names them. The lowest number a field points to wins. */
enum zeek_path {
    PATH_NOTICE = 1,
    PATH_INTEL,
    PATH_KERBEROS,
    PATH_SIP,
    PATH_SMTP,
    PATH_HTTP,
    PATH_DNS,
    PATH_RDP,
    PATH_SSH,
    PATH_X509,
    PATH_FILES,
    PATH_DHCP,
    PATH_NTP,
    PATH_SMB_FILES,
    PATH_SMB_MAPPING,
    PATH_DCE_RPC,
    PATH_NTLM,
    PATH_IRC,
    PATH_FTP,
    PATH_SOFTWARE,
    PATH_TUNNEL,
    PATH_SNMP,
    PATH_SYSLOG,
    PATH_SSL,
    PATH_CONN,
    PATH_WEIRD,
    PATH_CAPTURE_LOSS,
    PATH_STATS,
    PATH_PACKET_FILTER,
    PATH_APP_STATS,
    PATH_UNKNOWN,
};

/* Rules of all logs: Zeek gives a name the same meaning wherever it stands. `arg` is the path the name points
 * to, 0 = none. */
extern const struct event_rule zeek_rules[];
const char *zeek_path_name(enum zeek_path p);
extern const struct event_class zeek_classes[];

struct zeek_column {
    struct sv name;
    const struct event_rule *rule; /* NULL: no rule */
    bool many;                     /* set, table or vector */
};

/* What the lines that begin with '#' said. */
struct zeek_log {
    char separator;
    char set_separator;
    bool has_types;
    struct sv empty, unset, path;
    struct zeek_column column[ZEEK_COLUMNS];
    size_t ncolumns;      /* 0 = no #fields yet */
    enum zeek_path guess; /* from the columns */
    struct arena a;       /* texts above */
    struct buf header;    /* the lines themselves, for retries */
};

struct zeek_log *zeek_log_new(struct err *e);
void zeek_log_free(struct zeek_log *z);
/* Reads one header line; columns get their rules from `x` (NULL = none). ERR_SYNTAX when it is malformed. */
int zeek_header(struct zeek_log *z, const struct event_index *x, struct sv line, struct err *e) MUST_USE;
/* The next cell of a row; false when there are no more. The first call needs row.p != NULL. */
bool zeek_cell(const struct zeek_log *z, struct sv *row, struct sv *ret);
/* Cells of a row; the check of its width. */
size_t zeek_width(const struct zeek_log *z, struct sv row);
bool zeek_is_set(const struct zeek_log *z, struct sv cell);
/* Text without Zeek's escapes (\xHH, \\); views `s` when there are none. */
struct sv zeek_unescape(struct arena *a, struct sv s);
