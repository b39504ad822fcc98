/* Private to intake/: the formats and what they share. */
#pragma once

#include "intake/intake.h"

extern const struct intake_format fmt_stix2, fmt_misp, fmt_misp_manifest, fmt_kev, fmt_warninglist, fmt_eve,
    fmt_zeek, fmt_zeek_intel, fmt_honeypot, fmt_list, fmt_csv, fmt_idea, fmt_xarf, fmt_iodef, fmt_cef,
    fmt_leef, fmt_syslog, fmt_json, fmt_json_events;

/* Limits of one file, listed in docs/formats.md. */
#define INTAKE_HEAD_BYTES (64u << 10)   /* what detection sees */
#define INTAKE_LINE_BYTES (4u << 20)    /* longest line or row read */
#define INTAKE_MEMBER_BYTES (64u << 20) /* longest JSON array member read */
#define INTAKE_ARENA_BYTES (256u << 20) /* what one record may need in an arena */
#define INTAKE_NOTE_BYTES (32u << 10)   /* longest note of a claim */
#define INTAKE_OUT_BYTES (64ull << 30)  /* decompressed bytes of one file */
#define INTAKE_OUT_RATIO 2000u          /* decompressed bytes per byte read */
#define CHUNK_BYTES (1u << 20)          /* a chunk of events closes when it holds so many bytes... */
#define CHUNK_RECORDS 8192u             /* ...or so many records */

/* ---- emit.c: calling the sink
 * -------------------------------------------------------------------------------------------- */

/* record(type), then reject. `bytes` are cut to REJECT_BYTES; text, remedy and code come from `why`. */
int emit_rejected_record(const struct intake_job *job, struct sv type, uint64_t line, uint64_t offset,
                         const struct err *why, struct sv bytes, struct sv context, struct err *e) MUST_USE;
/* reject alone, for a record that was announced already. */
int emit_reject(const struct intake_job *job, uint64_t line, uint64_t offset, const struct err *why,
                struct sv bytes, struct sv context, struct err *e) MUST_USE;
/* record(type), then the claim. */
int emit_claim_record(const struct intake_job *job, struct sv type, const struct claim_rec *c,
                      struct err *e) MUST_USE;
/* Errors that end a file; any other is a reject of its record. */
bool error_ends_file(int code);

/* All unknown: times USEC_NONE, confidence -1, not marked, texts "". */
void claim_init(struct claim_rec *c);
/* Text as a claim's note: past INTAKE_NOTE_BYTES it is cut and ends in "...". */
struct sv claim_note(struct arena *a, struct sv text);

/* ---- labels.c
 * ------------------------------------------------------------------------------------------------------------
 */

#define LABELS_MAX 128
struct labels {
    struct arena *a;
    struct sv v[LABELS_MAX];
    size_t n;
    size_t dropped; /* past LABELS_MAX */
};
void labels_init(struct labels *l, struct arena *a);
/* One label: ASCII lower-case, white space and control bytes inside become '-', trimmed; empty ones are
 * ignored. */
void labels_add(struct labels *l, struct sv label);
/* Several, separated by white space, ',' ';' or '|'; a leading '#' of each is dropped. */
void labels_add_words(struct labels *l, struct sv words);
/* Sorted, unique, separated by one space: what claim_rec.labels holds. "" when there are none. */
struct sv labels_done(struct labels *l);

/* ---- members.c: JSON members of a stream
 * --------------------------------------------------------------------------------- */

/*
 * Calls `each` for every member of the top-level array, of the array under `key` of the top-level object, or
 * for the single object, with its line and offset. A negative return of `each` ends the walk. `frame` (may be
 * NULL) receives what stands around the array (json_split_frame). An error of the frame comes after all
 * members before it were given. A member longer than INTAKE_MEMBER_BYTES is passed over and told as ERR_LIMIT
 * at the end. `e` must not be NULL.
 */
typedef int (*member_fn)(void *ctx, struct sv member, uint64_t line, uint64_t offset, struct err *e);
int json_members(struct stream *in, struct sv key, member_fn each, void *ctx,
                 enum json_split_shape *ret_shape, struct buf *frame, struct err *e) MUST_USE;
/* The same with another limit than INTAKE_MEMBER_BYTES: a MISP event is one member, whatever it holds. */
int json_members_max(struct stream *in, struct sv key, size_t max_member, member_fn each, void *ctx,
                     enum json_split_shape *ret_shape, struct buf *frame, struct err *e) MUST_USE;

/* ---- json_records.c ---------------------------------------------------------------------------- */

/* As json_members for records in any layout: one object a line, the members of a top-level array, or one
 * object. A line that is no JSON is given like any other: `each` finds out. */
int json_records(struct stream *in, member_fn each, void *ctx, struct err *e) MUST_USE;

/* ---- formats.c
 * -----------------------------------------------------------------------------------------------------------
 */

/* What `member` is told of a file without content, and of an archive member in no known format. */
#define MEMBER_EMPTY "empty"
#define MEMBER_UNKNOWN "unknown"
/* The static name for a format or one of the two above; NULL for other text. */
const char *intake_member_format(struct sv name);

/* ---- csv_map.c
 * ------------------------------------------------------------------------------------------------------------
 */

/* True when the first row of `head` has the columns that a source's mapping names. */
bool csv_is_table(struct sv head, struct sv mapping);
#define MEMBERS_TEXT_MOST 1000u /* of the member "members" of a mapping */
/* True when a source's mapping has fields for JSON records and the head begins like JSON; then whether they
 * are events. */
bool json_is_mapped(struct sv head, struct sv mapping, bool *ret_events);
/* ERR_VALUE with the place when the text is no mapping; "" is fine. */
int csv_mapping_check(struct sv mapping, struct err *e) MUST_USE;

/* ---- walk.c, chunk.c, frame.c: between a format and the caller
 * ------------------------------------------------------------ */

struct chunker;
/* A sink that holds back what an event format says until a chunk is full, then gives chunk and contents to
 * `out`. */
struct chunker *chunker_new(const struct intake_sink *out);
void chunker_free(struct chunker *c);
const struct intake_sink *chunker_sink(struct chunker *c);
/* Gives out what is held back. */
int chunker_flush(struct chunker *c, struct err *e) MUST_USE;

/* One sink call a frame: u8 type, u32 length, body. Appends to `b`; the sink fails with ERR_LIMIT when the
 * buffer is full. */
enum frame_type {
    FRAME_RECORD = 1,
    FRAME_CLAIM = 2,
    FRAME_OBJECT = 3,
    FRAME_LIST = 4,
    FRAME_LIST_ENTRY = 5,
    FRAME_OBSERVATION = 6,
    FRAME_REJECT = 7,
    FRAME_CHUNK = 8,
    FRAME_MEMBER = 9,
    FRAME_END = 10, /* the worker's last word: an error, or code 0 */
};
void frame_record(struct buf *b, struct sv type);
void frame_claim(struct buf *b, const struct claim_rec *c);
void frame_object(struct buf *b, const struct object_rec *o);
void frame_list(struct buf *b, const struct list_rec *l);
void frame_list_entry(struct buf *b, struct sv value);
void frame_observation(struct buf *b, const struct observation *o);
void frame_reject(struct buf *b, const struct reject *r);
void frame_chunk(struct buf *b, const struct sha256 *sha, uint64_t offset, uint64_t length);
void frame_member(struct buf *b, struct sv path, struct sv format);
void frame_end(struct buf *b, const struct err *e);
/*
 * Replays the whole frames at the beginning of `bytes` on a sink. *ret_used = bytes taken; a frame that is
 * not complete yet is left. FRAME_END: *ret_end = true and `e` is what the worker said (the return is its
 * code). Bytes that are no frame: ERR_CORRUPT.
 */
int frames_play(struct sv bytes, struct arena *a, const struct intake_sink *sink, size_t *ret_used,
                bool *ret_end, struct err *e) MUST_USE;
