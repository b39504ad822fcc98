/* Private to the exports: what a format is made of. */
#pragma once

#include "share/export/export.h"

struct exporter;

/* A value was written (0), left out (LEFT(reason)), or it cannot go on (negative). */
#define LEFT(reason) (1 + (int)(reason))
#define NOT_MEANT LEFT(LEFT_MAX) /* an object that the export is not about: passed over, not counted */

struct export_format {
    const char *name, *type, *extension, *text;
    uint32_t kinds;           /* set of 1u << kind it can carry */
    const char *pattern_type; /* passes stored indicators of this language through instead of values */
    bool one_kind;            /* one kind of value at a time */
    bool relative;            /* holds times relative to when it was made */
    size_t state;             /* bytes of its own state, zeroed */
    int (*begin)(struct exporter *x, struct err *e);
    int (*value)(struct exporter *x, const struct given *g, struct err *e);
    int (*object)(struct exporter *x, const struct given_object *g, struct err *e);
    int (*end)(struct exporter *x, struct err *e);
    void (*clear)(struct exporter *x);
    int (*folder)(struct exporter *x, export_file_fn each, void *ctx, struct err *e);
};
extern const struct export_format export_stix, export_misp, export_misp_feed, export_csv, export_list,
    export_rpz, export_suricata, export_suricata_dataset, export_zeek, export_nft, export_yara, export_sigma;

struct exporter {
    struct fuse *f;
    const struct export_format *format;
    const struct export_opts *o;
    struct export_report *report;
    struct buf out; /* flushed when it is long */
    struct arena a; /* given back after each value */
    void *state;
    usec as_of;         /* whole hour, or minute for relative times */
    uint64_t serial_at; /* where ten digits of the serial stand; UINT64_MAX = nowhere */
    uint64_t at;        /* bytes flushed */
    int fd;
    struct sha256_state sha;
};

/* Ten digits that are filled in at the end. Once a file. */
void export_serial(struct exporter *x);
/* Writes what is gathered when it is long; formats that write much at once call it themselves. */
int export_flush(struct exporter *x, bool all, struct err *e) MUST_USE;

#define BIT(kind) (1u << (kind))
#define KINDS_IP (BIT(KIND_IPV4) | BIT(KIND_IPV6))
#define KINDS_HASH                                                                                           \
    (BIT(KIND_MD5) | BIT(KIND_SHA1) | BIT(KIND_SHA224) | BIT(KIND_SHA256) | BIT(KIND_SHA384) |               \
     BIT(KIND_SHA512))
#define KINDS_ALL ((BIT(KIND_MAX) - 1) & ~(BIT(KIND_NONE) | BIT(KIND_TEXT)))

/* ---- text (export_text.c) */

/* One line of text for a comment: control characters, line ends of any script and what is not UTF-8 become
 * '?'; `not` lists further bytes that become '?'. */
void text_safe(struct buf *out, struct sv text, const char * not );
/* Only letters, digits and . _ - : others become '_'. */
void text_word(struct buf *out, struct sv text);
/* "feed (B), other (C)": each source once, eight at most. */
void text_sources(struct buf *out, const struct given *g, const char * not );
/* "TLP:GREEN; feed (B); confidence 72; until 2026-09-01T00:00:00Z" */
void text_about(struct buf *out, const struct given *g, const char * not );
/* "2026-09-01T00:00:00Z", or "" without a time. */
void text_time(usec t, char ret[32]);
/* Lines "MARK ..." about the whole file, at its beginning and its end. */
void text_head(struct exporter *x, const char *mark);
void text_tail(struct exporter *x, const char *mark);
/* The text holds a control character or is not UTF-8. */
bool text_odd(struct sv text);
/* The filter chooses among values by what a stored object does not tell. */
bool filters_values(const struct exporter *x);
/* Best grade among the statements. */
char grade_best(const struct given *g);

/* The file that remembers since when a content is so (export_state.c). */
int export_version(const char *path, struct sv key, const struct sha256 *sha, usec now, uint32_t *ret_serial,
                   struct err *e) MUST_USE;
