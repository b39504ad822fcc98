/*
 * intake: formats to observations, claims and objects; sources; quarantine.
 *
 * One file a format (fmt_*.c), one table that lists them (formats.c); detection by content, never by name
 * alone. Format code reads a stream and calls a sink. Hostile bytes are parsed in a forked, narrowed process;
 * its sink writes frames to a pipe, the caller's side decodes them and calls the caller's sink. May call
 * base/ stix/ store/ net/ jobs/ pact/ ledger/.
 */
#pragma once

#include "ledger/ledger.h"
#include "stix/stix.h"

/* ---- what comes out of a file
 * ------------------------------------------------------------------------------------------- */

enum claim_flag {
    CLAIM_CONTEXT = 1, /* stated, but not as bad (MISP to_ids false, links, comments): kept, never matched */
    CLAIM_REVOKED = 2, /* the source takes it back */
    CLAIM_REPLACE =
        4, /* the source's newest `modified` replaces times, labels, note and meta instead of merging (KEV) */
};
struct claim_rec {
    struct obs value;       /* canonical */
    usec created, modified; /* as the source says; USEC_NONE unknown */
    usec valid_from, valid_until;
    usec first, last; /* seen by the source */
    int confidence;   /* 0..100; -1 = the source does not say */
    bool marked;      /* tlp is stated, else the source's marking holds */
    enum tlp tlp;
    unsigned flags;   /* enum claim_flag */
    struct sv labels; /* lower-case words separated by one space, sorted, unique */
    struct sv ref;    /* the source's own id of it: STIX id, MISP uuid, "" */
    struct sv note;   /* text for people and search, "" */
    struct sv meta;   /* small JSON object of the format's further fields, "" */
};

struct object_ref {
    struct sv property;
    struct sv target;
};
struct object_value {
    enum kind kind;
    struct sv value;
    bool bad;
    uint8_t file; /* hashes of one file share a number; 0 = known to be of none */
};
struct object_rec {
    struct sv json; /* the bytes as they came (a 2.0 object: as upgraded) */
    struct stix_head head;
    struct sha256 sha; /* of the canonical form */
    const struct object_ref *refs;
    size_t nrefs;
    const struct object_value *values;
    size_t nvalues;
    struct sv text;     /* for search */
    bool pattern_other; /* an indicator whose pattern is more than values: docs/patterns.md */
};

#define OBSERVATION_VALUES 64
struct observed {
    struct obs value;
    struct sv field; /* where in the event: "src_ip", "dns.rrname", "http.url", "id.orig_h" */
};
struct observation {
    usec time; /* USEC_NONE only for records of logs without times (Zeek's loaded_scripts), which then hold no
                  values */
    struct sv sensor; /* as the event names it, or "" */
    struct sv class;  /* "flow", "dns", "http", "tls", "alert", "login", "file", "smtp", "ssh", "rdp", "other"
                       */
    struct sv type;   /* the format's own type name, for by_type */
    uint64_t count;   /* 1 for most */
    struct observed v[OBSERVATION_VALUES];
    size_t n;
    size_t more;   /* values past OBSERVATION_VALUES, which are not here */
    struct sv raw; /* the event's own bytes */
    uint64_t line, offset;
};

enum list_match { LIST_STRING, LIST_HOSTNAME, LIST_CIDR, LIST_SUBSTRING, LIST_REGEX };
struct list_rec {
    struct sv name; /* "List of known Cloudflare IP ranges" */
    struct sv description;
    uint64_t version;
    enum list_match match;
    struct sv attributes; /* MISP matching_attributes separated by spaces */
};

struct reject {
    uint64_t line, offset; /* 0 / UINT64_MAX unknown */
    int code;              /* enum err_code */
    struct sv text, remedy;
    struct sv bytes;   /* the record, at most REJECT_BYTES of it */
    struct sv context; /* what a retry needs before it: a CSV or Zeek header; "" */
    struct sv against; /* the stored record that it is in conflict with; "" */
};
#define REJECT_BYTES 65536

/*
 * Receives what a format reads. For each record of the file's own unit (object, attribute, line, row, event):
 *   record(type) then any number of claim/object/list_entry/observation, or reject. A record with none of
 * these is a bug of the format. Returning an error stops the file. Views die when the call returns.
 */
struct intake_sink {
    void *ctx;
    int (*record)(void *ctx, struct sv type, struct err *e);
    int (*claim)(void *ctx, const struct claim_rec *c, struct err *e);
    int (*object)(void *ctx, const struct object_rec *o, struct err *e);
    int (*list)(void *ctx, const struct list_rec *l,
                struct err *e); /* head of a warninglist, before its entries; not a record */
    int (*list_entry)(void *ctx, struct sv value, struct err *e);
    int (*observation)(void *ctx, const struct observation *o, struct err *e);
    int (*reject)(void *ctx, const struct reject *r, struct err *e);
    /* Events only: everything since the last call was one chunk of these bytes. Sent before the chunk's
     * observations reach the caller's side: see intake_run. */
    int (*chunk)(void *ctx, const struct sha256 *sha, uint64_t offset, uint64_t length, struct err *e);
    /* A member of an archive begins: its path inside and its format. Called once with path "" for a plain
     * file. */
    /* "empty" is told of a file without content, "unknown" of a member in no format of ours, which is then
     * one rejected record "file". */
    int (*member)(void *ctx, struct sv path, const char *format, struct err *e);
    /* Nothing came for a moment, of a slow input or a parser that hangs: what others wait for can be given
     * back. May be NULL. */
    int (*idle)(void *ctx, struct err *e);
};

/* ---- formats
 * ------------------------------------------------------------------------------------------------------------
 */

/* What format code may know of the source; views live as long as the run. */
struct intake_opts {
    const struct zone *zone; /* declared; NULL = none: times without zone are refused */
    struct sv mapping;       /* JSON object, see docs/formats.md: CSV columns to fields; "" = none */
    struct sv format;        /* forced by the user; "" = detect */
    struct sv name;          /* file name for messages and as a weak hint */
};
struct intake_job {
    struct stream *in;
    const struct intake_opts *opts;
    const struct intake_sink *sink;
    struct arena *a; /* reset by the format code between records */
};
struct intake_format {
    const char *name; /* "stix2" */
    const char *text; /* one line for --help */
    bool events;
    /* 0 = not this, 100 = certain. `head` is the beginning of the (decompressed) file, at most 64 KiB. */
    int (*detect)(struct sv head, struct sv name);
    int (*read)(struct intake_job *job, struct err *e);
};
const struct intake_format *intake_formats(size_t *ret_n);
const struct intake_format *intake_format_find(struct sv name);
/* Best format of a head, or NULL. */
const struct intake_format *intake_detect(struct sv head, struct sv name);
/* Reads one descriptor in this process: decompresses, walks tar members, detects, reads. Used by the parser
 * process, tests and fuzzing. A file in no known format: ERR_UNSUPPORTED. */
int intake_parse(int fd, const struct intake_opts *o, const struct intake_sink *sink, struct err *e) MUST_USE;
/* Reader of single events for `watch`: one line of text to one observation, no heap allocation. `format` must
 * be an event format read line by line ("eve", "zeek", "honeypot", "cef", "leef", "syslog"), or "" = detect
 * by the first lines. */
struct event_reader;
struct event_reader *event_reader_new(const struct intake_opts *o, struct err *e);
void event_reader_free(struct event_reader *r);
/* 1 = an observation (views into the line and the reader, until the next call), 0 = a header or comment line,
 * negative = a bad line. */
int event_reader_line(struct event_reader *r, struct sv line, struct observation *ret,
                      struct err *e) MUST_USE;

/* ---- MISP's own words, for exports
 * ----------------------------------------------------------------------------------------------- */

/* The attribute type that a value of this kind usually has, and its category; NULL when MISP has none. */
const char *misp_kind_type(enum kind kind, const char **ret_category);
/* The type of that name when a value of this kind can have it alone, stated as bad; else NULL. */
const char *misp_type_fits(struct sv name, enum kind kind);
/* Pattern of an attribute whose type says more than one value, or a rule; false when the type has none. */
bool misp_pattern(struct sv type, struct sv value, struct buf *out, struct sv *ret_language);
/* And back. `label`: the type that stands in the indicator's label misp:type, "" = none. New text into `a`.
 */
bool misp_of_pattern(struct sv pattern, struct sv pattern_type, struct sv label, struct arena *a,
                     struct sv *ret_type, struct sv *ret_value);

/* ---- parser processes
 * --------------------------------------------------------------------------------------------------- */

/* A small process forked before threads start; it forks one narrowed worker a job. */
struct parsers;
struct parsers *parsers_start(struct err *e);
void parsers_stop(struct parsers *p);
/*
 * Parses `fd` in a worker and replays what it read on `sink` in this process. For events `chunk` is called
 * before the chunk's observations (the worker holds them back), so that a known chunk can be counted as
 * duplicate. A worker that dies or breaks a limit (memory 2 GiB, see docs/formats.md) ends with an error that
 * names it; what came before stays valid.
 */
int intake_run(struct parsers *p, int fd, const struct intake_opts *o, const struct intake_sink *sink,
               struct err *e) MUST_USE;
/* Frames: the encoding between worker and caller, also the record encoding in ledger packs. */
void claim_encode(struct buf *b, const struct claim_rec *c);
bool claim_decode(struct sv bytes, struct claim_rec *ret); /* views into bytes; value.ip/bits are filled */
void object_encode(struct buf *b, const struct object_rec *o);
bool object_decode(struct sv bytes, struct arena *a, struct object_rec *ret);

/* ---- organisations and sources
 * ------------------------------------------------------------------------------------------ */

extern const struct db_room
    intake_room; /* tables: org (view), source (view), quarantine (state), event_chunk (state) */

struct org {
    struct uuid id;
    struct sv name;
    struct sv country; /* ISO 3166-1 alpha-2 */
    struct sv zone;    /* IANA */
    bool exercise;
};
struct source {
    int64_t id; /* number at this node */
    struct uuid uuid;
    struct uuid org;
    struct sv name;
    char reliability; /* 'A'..'F' Admiralty */
    struct sv zone;   /* "" = not declared */
    enum tlp tlp;
    struct sv licence;
    struct sv mapping;  /* JSON or "" */
    struct sv upstream; /* where its data really comes from, for noisy-or; "" = itself */
    int64_t expiry;     /* seconds a claim holds after its last time; 0 = by kind */
    bool exercise;      /* drill: marked everywhere, removable */
};
/* Entry kinds "org", "source" (a newer entry of the same id replaces). Ends with a NULL name. `ctx` of the
 * kinds is not used. */
extern const struct ledger_kind intake_kinds[];
int org_put(struct ledger *l, struct db *db, const struct org *o, usec now,
            struct err *e) MUST_USE; /* in a transaction */
/* source->id 0 = a new one; sets id. ERR_EXISTS when the organisation has another source of that name. */
int source_put(struct ledger *l, struct db *db, struct source *s, usec now,
               struct err *e) MUST_USE; /* in a transaction */
int source_find(struct db *db, struct sv name_or_uuid, struct arena *a, struct source *ret,
                struct err *e) MUST_USE;
int source_get(struct db *db, int64_t id, struct arena *a, struct source *ret, struct err *e) MUST_USE;
int source_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct source *s), void *ctx,
                struct err *e) MUST_USE;
int org_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct org *o), void *ctx,
             struct err *e) MUST_USE;
/* The first organisation of the node. */
int org_home(struct db *db, struct arena *a, struct org *ret, struct err *e) MUST_USE;

/* ---- quarantine
 * ---------------------------------------------------------------------------------------------------------
 */

struct quarantined {
    int64_t id;
    int64_t source;
    struct sv file, format;
    struct reject why;
    usec at;
};
/* Idempotent: the same bytes from the same source at the same place are kept once. In a transaction. */
int quarantine_add(struct db *db, int64_t source, struct sv file, struct sv format, const struct reject *r,
                   usec now, struct err *e) MUST_USE;
int quarantine_each(struct db *db, int64_t source /* 0 = all */, int64_t after_id, size_t max,
                    struct arena *a, int (*each)(void *ctx, const struct quarantined *q), void *ctx,
                    struct err *e) MUST_USE;
int quarantine_get(struct db *db, int64_t id, struct arena *a, struct quarantined *ret,
                   struct err *e) MUST_USE;
int quarantine_remove(struct db *db, int64_t id,
                      struct err *e) MUST_USE; /* in a transaction, after a retry was accepted */
int64_t quarantine_count(struct db *db);

/* ---- chunks of events that were taken
 * ------------------------------------------------------------------------------------- */

/* 1 = this chunk of this source was taken, 0 = not. */
int event_chunk_known(struct db *db, int64_t source, const struct sha256 *sha, uint64_t offset,
                      struct err *e) MUST_USE;
/* In the transaction that commits what the chunk held. */
int event_chunk_add(struct db *db, int64_t source, const struct sha256 *sha, uint64_t offset, uint64_t length,
                    usec now, struct err *e) MUST_USE;
