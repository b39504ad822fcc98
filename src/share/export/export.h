/*
 * Exports: what equipment and other programs take from the node, in their own formats (docs/exports.md).
 *
 * One table of formats, one file a format. What may be given comes from fuse_give; a format writes what it
 * can carry and counts what it cannot. Values are hostile text: each format escapes or leaves out what would
 * break its own syntax.
 */
#pragma once

#include "fuse/fuse.h"

/* Why a format left a given value out. */
enum export_left {
    LEFT_KIND, /* the format has no place for this kind of value */
    LEFT_LONG, /* too long for the format */
    LEFT_TEXT, /* holds characters that the format cannot carry safely */
    LEFT_SAME, /* stands in it already, as another spelling or inside of a wider prefix */
    LEFT_MAX
};
const char *export_left_name(enum export_left l); /* "kind", "length", "characters", "covered" */

struct export_format;
extern const struct export_format *const EXPORT_FORMATS[]; /* ends with NULL */
const struct export_format *export_find(struct sv name);
const char *export_name(const struct export_format *f);
const char *export_type(const struct export_format *f); /* media type */
const char *export_extension(const struct export_format *f);
const char *export_text(const struct export_format *f); /* one line for people */
bool export_is_folder(const struct export_format *f);   /* several files: only into a directory */

struct export_opts {
    const struct pact_view *view;
    struct give_filter filter; /* `never` and `aged_at` are set by export_make; ceiling above GIVE_HIGHEST is
                                  refused */
    usec age;                  /* only what was seen last within this time before now; 0 = any */
    bool objects;              /* stix: also stored objects */
    usec now;
    const char *node;  /* name of the node, for comments and ids */
    const char *never; /* the never-block list; NULL = none */
    const char *state; /* file that remembers versions, for serial numbers; NULL = none */
    const char *spool; /* directory for the nameless file */
    /* Each value that the output carries; may be NULL. For --dry-run. */
    int (*carried)(void *ctx, const struct given *g, struct err *e);
    void *ctx;
};
struct export_report {
    struct give_report give;
    uint64_t written;        /* values or objects the output carries */
    uint64_t left[LEFT_MAX]; /* given, and not carried */
    enum tlp tlp;            /* highest */
    uint64_t grade[6];       /* statements by reliability A..F */
    usec first_until;        /* earliest end of a value; INT64_MAX = none ends */
    uint64_t bytes;
    uint32_t serial;   /* Unix seconds since when this content is so; grows with every change */
    char etag[80];     /* quoted; differs whenever a byte differs */
    usec same_until;   /* asked again before this instant over an unchanged ledger, the same bytes come out */
    struct sha256 sha; /* of the bytes without the serial */
};
/*
 * Writes an export into a nameless file; *ret_fd at offset 0, the caller closes it. ERR_USAGE when the filter
 * does not fit the format (a list of several kinds).
 */
int export_make(struct fuse *f, const struct export_format *format, const struct export_opts *o, int *ret_fd,
                struct export_report *ret, struct err *e) MUST_USE;
/*
 * A folder of files ("misp-feed"): gives each by its name, the index last, so that whoever reads the folder
 * meanwhile finds every file the index names.
 */
typedef int (*export_file_fn)(void *ctx, struct sv name, struct sv bytes, struct err *e);
int export_folder(struct fuse *f, const struct export_format *format, const struct export_opts *o,
                  export_file_fn each, void *ctx, struct export_report *ret, struct err *e) MUST_USE;
/* What tells one export from another, without the time: format, filter, view. For caches. */
void export_key(const struct export_format *format, const struct export_opts *o, struct buf *out);
/* Reads the words of a filter, as command line and API take them; SV_NONE = not given. */
struct export_words {
    struct sv kind;       /* "ipv4-addr,domain-name" */
    struct sv confidence; /* 0..100 */
    struct sv age;        /* "30d", "12h", "90m" */
    struct sv label;
    struct sv tlp; /* "green" */
};
int export_filter(const struct export_words *w, struct export_opts *ret, struct err *e) MUST_USE;
/* The report as members of an open object. */
void export_report_write(const struct export_report *r, struct jw *w);

/* ---- --dry-run: what the export would have met */

#define HITS_TOP 20
struct export_hits {
    uint64_t observables;        /* kept hourly rows looked at */
    uint64_t rows, observations; /* of these, met; and how often they were seen */
    struct {
        char value[256];
        char kind[32];
        uint64_t count;
    } top[HITS_TOP]; /* indicators, most met first */
    size_t n;
};
/* Makes the export, throws it away, and looks its values up in the observables kept since `since`. */
int export_try(struct fuse *f, const struct export_format *format, const struct export_opts *o, usec since,
               struct export_report *ret, struct export_hits *hits, struct err *e) MUST_USE;
