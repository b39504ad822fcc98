/*
 * fuse: one picture from many reports.
 *
 * Takes what intake reads, accepts it through the ledger (claims, objects, warninglists, sightings), keeps
 * the in-memory match index up to date, and answers: what is known of a value, who said so first, how sure,
 * was it seen, is it known benign. Every answer is fused from what the asking organisation may see. May call
 * base/ stix/ store/ net/ jobs/ pact/ ledger/ intake/ match/.
 */
#pragma once

#include "intake/intake.h"
#include "match/match.h"
#include "pact/pact.h"

struct fuse;
extern const struct db_room fuse_room;

/* `secret` keys the stored hashes; it belongs to the node and outlives `f`. */
struct fuse *fuse_new(struct db *db, const struct hash_secret *secret);
void fuse_free(struct fuse *f);
/* Writes this room's entry kinds ("claims", "objects", "list", "sightings", "drop", "withdraw") with a final
 * NULL name into ret[FUSE_KINDS]. */
#define FUSE_KINDS 7
void fuse_kinds(struct fuse *f, struct ledger_kind *ret);
/* After ledger_open. A fuse without ledger can apply entries (scratch databases) but not take. */
void fuse_attach(struct fuse *f, struct ledger *ledger);

/* ---- taking in
 * ----------------------------------------------------------------------------------------------------------
 */

#define TAKE_TYPES 64
struct take_report {
    char path[512];
    char format[32];
    uint64_t records, accepted, duplicates, rejected; /* accepted + duplicates + rejected = records */
    uint64_t matched, sightings; /* events: records that met an indicator; sighting rows touched */
    bool events;
    double seconds;
    struct {
        char name[48];
        uint64_t count;
    } type[TAKE_TYPES]; /* by the format's own type names; the last one gathers the rest as "other" */
    size_t types;
    struct err problem; /* code != OK: the file ended early; what came before is kept */
};
struct sighting {
    int64_t id;
    struct sv observed; /* the value that was seen */
    enum kind observed_kind;
    struct sv indicator; /* canonical value that it met */
    enum kind kind;
    struct sv field, class, sensor;
    int64_t source; /* of the events */
    usec hour, first, last;
    uint64_t count;
};
/* One object of a file of STIX as it was settled. Views die when the call returns. */
struct take_object {
    uint64_t record; /* counts the records of the file; a record may become several objects */
    struct sv id, type;
    usec version; /* `modified`, else `created`, else USEC_NONE */
    enum tlp tlp;
    int64_t number; /* what fuse_item_write knows it by */
    const struct reject
        *why; /* the record is refused: nothing above but `record`, and `id` when it is known */
};
struct take_opts {
    struct parsers *parsers;
    const struct source *source;
    struct sv format; /* "" = detect */
    usec now;         /* time of acceptance */
    bool events_only; /* refuse files in any other format: ERR_UNSUPPORTED */
    bool retry;       /* one record out of the quarantine, which stood at `place` in its file */
    uint64_t place;
    /* Whose eyes the report is for: matches with indicators that it does not see are stored and not counted.
     * NULL: the operator's. */
    const struct pact_view *view;
    /* Called about twice a second with running numbers; may be NULL. */
    void (*progress)(void *ctx, const struct take_report *so_far);
    /* Each new or grown sighting as a JSON line (live stream, relay); may be NULL. */
    void (*sighting)(void *ctx, const struct sighting *s);
    void *ctx;
    /* Each object and each refused record, inside of the transaction that settles it; an error ends the
     * taking. May be NULL. */
    int (*settled)(void *settled_ctx, const struct take_object *o, struct err *e);
    void *settled_ctx;
};
/*
 * Takes one open file in: parse (away from the keys), accept, quarantine, look up in the past. Committed in
 * batches: after a crash the rest can be taken again and ends in the same state. Returns OK also when the
 * report has rejects or a `problem`; negative only when nothing more could be stored.
 */
int fuse_take(struct fuse *f, int fd, struct sv path, const struct take_opts *o, struct take_report *ret,
              struct err *e) MUST_USE;
/* Takes a quarantined record again under the source's present settings. *ret_accepted tells whether it left
 * the quarantine. */
int fuse_retry(struct fuse *f, int64_t quarantine_id, const struct take_opts *o, bool *ret_accepted,
               struct err *e) MUST_USE;
/* Looks claims that came since the last call up in the observables of the past 30 days. Called by fuse_take;
 * also once at start after a crash. */
int fuse_settle(struct fuse *f, const struct take_opts *o, struct err *e) MUST_USE;
/* Removes everything that stands under exercise sources (claims, objects, sightings, observables, quarantine,
 * the sources themselves). */
int fuse_drop_exercise(struct fuse *f, usec now, uint64_t *ret_dropped, struct err *e) MUST_USE;
/* Forgets observables older than 30 days by arrival. */
int fuse_forget(struct fuse *f, usec now, struct err *e) MUST_USE;

/* ERR_CORRUPT when the stored hashes were made with another secret: every look-up would find nothing. */
int fuse_check_secret(struct fuse *f, struct err *e) MUST_USE;

/* ---- taking back
 * ------------------------------------------------------------------------------------------------------------
 */

/*
 * What a source stated of STIX ids (generated ids of its claims too), taken back: docs/recall.md.
 *
 * WITHDRAW_GONE: all versions, the claims that came from them and the sightings that nothing else explains
 * are deleted, their ledger records are expunged, and the source cannot bring the ids again (fuse_unwithdraw
 * lifts that). WITHDRAW_ENDED: it is matched and given out no longer, and stays visible as withdrawn.
 */
enum withdraw_mode { WITHDRAW_GONE, WITHDRAW_ENDED };
struct withdraw {
    int64_t source;
    const struct sv *id;
    size_t ids;
    const int64_t *h; /* or by the hashes of ids (fuse_withdrawn_each) */
    size_t hashes;
    enum withdraw_mode mode;
    bool for_good; /* WITHDRAW_ENDED: as if revoked: no newer version of the source brings it back */
    struct sv why; /* a word: "recalled", "revoked"... */
    struct sv by;  /* who took it back */
};
struct withdrawn_report {
    uint64_t objects, claims, sightings; /* rows: versions of objects count one by one */
    uint64_t records;                    /* of the ledger, expunged */
    uint64_t unknown;                    /* ids of which the source stated nothing here */
};
/* Inside the caller's transaction; fuse_withdraw_settle once that is on disk. The same again changes nothing.
 */
int fuse_withdraw(struct fuse *f, const struct withdraw *w, usec now, struct withdrawn_report *ret,
                  struct err *e) MUST_USE;
/* The match index and the text index without it, and no trace of it in the database's files. In no
 * transaction. ERR_BUSY: a reader held the files; to be called again. */
int fuse_withdraw_settle(struct fuse *f, usec now, struct err *e) MUST_USE;
/* True while something of that is still to be done. */
bool fuse_withdraw_unsettled(struct fuse *f);
/* The source may bring the ids again. In a transaction. ERR_NOT_FOUND: nothing of it is withdrawn. */
int fuse_unwithdraw(struct fuse *f, int64_t source, const struct sv *id, size_t ids, usec now,
                    struct err *e) MUST_USE;
/* What is withdrawn under an id; `source` 0 = of any source. Views die when the call returns. */
struct withdrawn {
    int64_t source, h; /* h = hash of the id under the node's secret */
    enum withdraw_mode mode;
    struct sv why, by;
    usec at;
};
typedef int (*withdrawn_fn)(void *ctx, const struct withdrawn *w, struct err *e);
int fuse_withdrawn_of(struct fuse *f, struct sv id, int64_t source, withdrawn_fn each, void *ctx,
                      struct err *e) MUST_USE;
/* All, oldest first. */
int fuse_withdrawn_each(struct fuse *f, withdrawn_fn each, void *ctx, struct err *e) MUST_USE;
/* Row numbers that expunged records had stay free when another database is made of the same log (verify). */
int fuse_ground(struct fuse *f, const struct fuse *of, struct err *e) MUST_USE;

/* ---- the match index
 * ---------------------------------------------------------------------------------------------------- */

/* Two blocks looked up one after the other: the whole, and what came since. A reference keeps both alive. */
struct fuse_index {
    struct matchset *base, *fresh;
    int64_t upto;      /* claims up to this id are in */
    int64_t base_upto; /* claims up to this id are in the base */
    usec built;
};
/* Brings the index up to the newest claim (built beside the old one, swapped whole). */
int fuse_index_refresh(struct fuse *f, usec now, struct err *e) MUST_USE;
struct fuse_index fuse_index_get(struct fuse *f);
void fuse_index_put(struct fuse_index *i);
#define INDEX_HITS 32
struct index_hit {
    enum kind kind;
    enum match_how how;
    struct sv value; /* of the indicator; may point into `scratch` */
    char scratch[MATCHSET_VALUE_MAX];
};
/* The indicators of both blocks that cover an observed value, each once. */
size_t fuse_index_find(const struct fuse_index *i, const struct obs *o, struct index_hit ret[INDEX_HITS]);
/* 1 = some claim (that the view sees, NULL = all) states the value as bad and holds in the hour of an
 * event at `at`; 0 = all are expired, taken back or context. Whole hours, so that it does not matter which
 * events of an hour are counted first. */
int fuse_holds(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec at,
               struct err *e) MUST_USE;

/* ---- answers
 * ------------------------------------------------------------------------------------------------------------
 */

/*
 * Everything known about a value or STIX id, as one JSON object (docs/json.md). `view` decides what takes
 * part. `now` only for ageing. ERR_SYNTAX when the text is no value of a known kind.
 */
int fuse_look(struct fuse *f, const struct pact_view *view, struct sv text, usec now, struct buf *json,
              struct err *e) MUST_USE;
/* Of a STIX id, the versions "all" (or ""), "last" (of each source), or the one of a time. ERR_SYNTAX for any
 * other, and when `text` is no STIX id and a version is asked for. */
int fuse_look_version(struct fuse *f, const struct pact_view *view, struct sv text, struct sv version,
                      usec now, struct buf *json, struct err *e) MUST_USE;
/* The short form for sightings and `watch`:
 * {"id","value","kind","sources":[],"confidence","labels":[],"valid_from"}; false when the viewer sees no
 * claim of it. */
bool fuse_indicator(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value, usec now,
                    struct jw *w, usec *ret_valid_from);
/* The viewer sees at least one claim of exactly this indicator. */
bool fuse_sees(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value);
struct find_opts {
    struct sv text;
    struct sv type;    /* STIX type or kind name; "" = all */
    int64_t source;    /* 0 = all */
    usec since, until; /* USEC_NONE = open */
    size_t limit;
    int64_t before; /* cursor: only documents below this number; 0 = newest */
};
/* {"query","count","hits":[{"id","type","name","source","time","text"}],"next":number|null} */
int fuse_find(struct fuse *f, const struct pact_view *view, const struct find_opts *o, struct buf *json,
              struct err *e) MUST_USE;
/* Indexes text that came since the last call; called after each taking and in the background. */
int fuse_search_update(struct fuse *f, struct err *e) MUST_USE;
/* {"sightings":[...],"next":cursor|null}, newest first. */
int fuse_sightings(struct fuse *f, const struct pact_view *view, int64_t before, size_t limit, usec now,
                   struct buf *json, struct err *e) MUST_USE;
/* One sighting as the JSON of the live stream and `watch`; false when the view may not see it. */
bool fuse_sighting_json(struct fuse *f, const struct pact_view *view, const struct sighting *s, usec now,
                        struct buf *json);
/* Members "counts","by_type","sources","quarantine","index" of the status object into an open object of `w`;
 * counts only what the view sees. */
int fuse_status(struct fuse *f, const struct pact_view *view, struct jw *w, struct err *e) MUST_USE;

/* ---- passing on what was seen (relay) */

/* How far changes were seen; all zero = nothing yet. */
struct sighting_mark {
    int64_t entry, sighting;
};
typedef int (*sighting_fn)(void *ctx, const struct sighting *s, struct err *e);
/* Sightings that are new or grew after the mark, which is moved on: at most `most`, each as it is now.
 * Returns how many; fewer than `most`: there are no more. Views die when the call returns. */
int fuse_sightings_since(struct fuse *f, struct sighting_mark *mark, size_t most, sighting_fn each, void *ctx,
                         struct err *e) MUST_USE;
/* The mark after all that was seen until now. */
int fuse_sightings_now(struct fuse *f, struct sighting_mark *ret, struct err *e) MUST_USE;
/* What was seen of an indicator in one hour. */
int fuse_sightings_of(struct fuse *f, enum kind kind, struct sv indicator, usec hour, sighting_fn each,
                      void *ctx, struct err *e) MUST_USE;

/* One thing as it would be given out: the newest visible version of a stored object, or the first visible
 * claim of a value as its indicator. Also whose and how marked. ERR_NOT_FOUND. */
int fuse_thing(struct fuse *f, const struct pact_view *view, struct sv what, struct buf *json,
               int64_t *ret_source, enum tlp *ret_tlp, struct err *e) MUST_USE;
/*
 * A tlog-proof (ledger_prove_record) of the newest visible version of a STIX id, of the first visible claim
 * of a value, or, for who runs the node, of an entry by number. ERR_NOT_FOUND.
 */
int fuse_prove(struct fuse *f, const struct pact_view *view, struct sv what, struct buf *out,
               struct err *e) MUST_USE;

/* What a source has brought since a time (USEC_NONE = ever): different objects; values it states as bad or
 * good, and those that nobody here had stated before it; events here that met a value it states, by whomever
 * else it is stated too, and how many values that were; ids of it that were taken back, and those of them as
 * wrong. */
struct fuse_brought {
    uint64_t objects, values, first, hits, values_hit, withdrawn, false_positives;
};
int fuse_brought(struct fuse *f, int64_t source, usec since, struct fuse_brought *ret,
                 struct err *e) MUST_USE;
typedef void (*type_count_fn)(void *ctx, struct sv type, uint64_t n);
int fuse_brought_types(struct fuse *f, int64_t source, usec since, type_count_fn each, void *ctx,
                       struct err *e) MUST_USE;

/* ---- giving out (TAXII, peers)
 * -----------------------------------------------------------------------------------------------------------
 */

/*
 * One stored version of an object, or one claim as the indicator it is given out as: its id and content come
 * from the source's own words, its `modified` moves on with each change. A claim that came from a stored
 * indicator is that object only. Views die when the call returns.
 */
struct fuse_item {
    bool claim;
    int64_t number; /* of object or claim; the same after a rebuild */
    struct sv id, type;
    int64_t source;
    usec version; /* `modified`, else `created`; USEC_NONE = neither (observables) */
    bool revoked; /* this version takes it back */
    bool ended;   /* some version of this source takes it back */
    enum tlp tlp;
};
typedef int (*item_fn)(void *ctx, const struct fuse_item *i, struct err *e);
/* How far a source's changes were seen; all zero = nothing yet. */
struct item_mark {
    int64_t object;
    int64_t entry, claim;
};
/* What came or changed after the mark, which is moved on: at most `most` things. Returns how many were looked
 * at; fewer than `most`: there are no more. Costs nothing when there is nothing. */
int fuse_items_since(struct fuse *f, int64_t source, struct item_mark *mark, size_t most, item_fn each,
                     void *ctx, struct err *e) MUST_USE;
/* The indicators that state a value as bad, as they are given out, whatever their source: stored ones in
 * their newest version of each source, and claims that are none of these. KIND_NONE: `value` is the id of a
 * stored one. */
int fuse_indicators_of(struct fuse *f, enum kind kind, struct sv value, item_fn each, void *ctx,
                       struct err *e) MUST_USE;
/* Appends one as JSON. 1 = done, 0 = it is not there any more; a claim: not in this version. */
int fuse_item_write(struct fuse *f, bool claim, int64_t number, usec version, struct buf *out,
                    struct err *e) MUST_USE;

/*
 * What is stored under a STIX id (each version of each source, newest first), or stated of a value (each
 * claim; those that came out of a stored indicator are that object), as it would be given out: what the view
 * sees, at most `most`. How many. Views die when the call returns.
 */
int fuse_items_of(struct fuse *f, const struct pact_view *view, struct sv id, size_t most, item_fn each,
                  void *ctx, struct err *e) MUST_USE;
int fuse_items_of_value(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                        size_t most, item_fn each, void *ctx, struct err *e) MUST_USE;
/* Ids of the stored indicators that state the value, as the view sees them; in `a`. How many. */
int fuse_refs_of_value(struct fuse *f, const struct pact_view *view, enum kind kind, struct sv value,
                       struct arena *a, struct sv *ret, size_t most, struct err *e) MUST_USE;

/* Things in this order, as fuse_item_write gives each; what is gone or another version by now is left out.
 * `i` counts in the list. */
struct item_pick {
    int64_t number;
    usec version;
    bool claim;
};
typedef int (*item_text_fn)(void *ctx, size_t i, struct sv json, struct err *e);
int fuse_items_read(struct fuse *f, const struct item_pick *pick, size_t n, item_text_fn each, void *ctx,
                    struct err *e) MUST_USE;

/* ---- giving away (exports)
 * -----------------------------------------------------------------------------------------------------------
 */

/*
 * What is never exported, whatever is said of it: the lines of the operator's file (docs/exports.md), in
 * which every line must be a value (ERR_SYNTAX with its place), and address ranges that benign warninglists
 * of the node hold, which a wider prefix would take in. A missing file is an empty list.
 */
struct never;
int never_read(struct fuse *f, const char *path, struct never **ret, struct err *e) MUST_USE;
void never_free(struct never *n);

/* TLP:RED is for named people's eyes and an unknown marking for nobody's: neither is ever given. */
#define GIVE_HIGHEST TLP_AMBER_STRICT
struct give_filter {
    uint32_t kinds;    /* set of 1u << kind; 0 = all that can be matched */
    double confidence; /* least fused confidence, 0..1 */
    usec since;        /* seen last at this time or later; USEC_NONE = open */
    usec aged_at;      /* confidence is worked out as of this time; USEC_NONE = now */
    struct sv label;   /* one of the labels; "" = any */
    int64_t source;    /* only this source's claims take part; 0 = all */
    enum tlp ceiling;  /* claims with a higher marking take no part; at most GIVE_HIGHEST */
    const struct never *never;
};
/* One statement that stands behind a given value. */
struct given_claim {
    int64_t source;
    struct sv source_name;
    char reliability; /* 'A'..'F' */
    enum tlp tlp;
    int confidence; /* stated, 0..100; -1 = not */
    usec created, modified, valid_from, first, last, accepted;
    usec stated_until; /* as the source says; USEC_NONE = it does not */
    usec until;        /* last instant, the source's expiry counted; USEC_NONE = no end */
    struct sv labels, ref, note, meta;
    usec version; /* `modified` of the indicator that TAXII gives for it (fuse_item_write) */
};
/* A live value, fused from the statements in force that the view sees; views die when the call returns. */
struct given {
    struct obs value;
    int confidence; /* fused, 0..100 */
    enum tlp tlp;   /* highest of the statements */
    usec first, last, valid_from;
    usec until; /* when the last statement ends; USEC_NONE = no end */
    struct sv labels;
    const struct given_claim *claim;
    size_t claims;
};
struct give_report {
    uint64_t given;
    uint64_t benign;   /* left out: a warninglist covers it */
    uint64_t never;    /* left out: the never-block list */
    uint64_t filtered; /* left out: weaker, older, without the label */
    usec changes; /* what is given changes by itself at this instant at the earliest; INT64_MAX = never */
};
typedef int (*give_fn)(void *ctx, const struct given *g, struct err *e);
/*
 * Every value that is to be given at `now` to who has the view, by kind and value: stated as bad, in force,
 * not taken back, of no exercise, covered by no benign warninglist. One statement at the same moment: what is
 * written meanwhile is not in. Memory does not grow with the number of values.
 */
int fuse_give(struct fuse *f, const struct pact_view *view, const struct give_filter *filter, usec now,
              give_fn each, void *ctx, struct give_report *ret, struct err *e) MUST_USE;
/* A stored object; the pattern is an indicator's. */
struct given_object {
    struct sv id, type, pattern, pattern_type, name, json, source_name;
    struct jv object; /* `json`, read */
    char reliability;
    enum tlp tlp;
    bool compound; /* no claims stand for it: its pattern is more than values, or in another language */
    usec modified, until; /* USEC_NONE = no end */
};
enum give_what { GIVE_INDICATORS, GIVE_OBJECTS };
typedef int (*give_object_fn)(void *ctx, const struct given_object *g, struct err *e);
/*
 * The newest versions of stored indicators, or of all objects, that hold at `now`, by id; `pattern_type`
 * ("yara", "sigma"...; "" = any) chooses among indicators. The conditions of fuse_give hold, of `filter` its
 * source, ceiling, `since` (for `modified`) and `never`: an object that holds a value which is not given is
 * not given.
 */
int fuse_give_objects(struct fuse *f, const struct pact_view *view, enum give_what what,
                      struct sv pattern_type, const struct give_filter *filter, usec now, give_object_fn each,
                      void *ctx, struct give_report *ret, struct err *e) MUST_USE;
/* The kept observables of the view's own sources since a time: kind, value, how often. */
typedef int (*past_fn)(void *ctx, const struct obs *o, uint64_t count, struct err *e);
int fuse_past_each(struct fuse *f, const struct pact_view *view, usec since, past_fn each, void *ctx,
                   struct err *e) MUST_USE;

/*
 * One hash over all that the view may hold, equal at two nodes that hold the same (docs/json.md, "digest").
 * `dir`: where a temporary file may be made; memory stays below 100 MiB. `progress` (may be NULL) is told now
 * and then how many were read.
 */
struct digest {
    struct sha256 sha;
    uint64_t objects; /* lines that are in it */
};
int fuse_digest(struct fuse *f, const struct pact_view *view, const char *dir,
                void (*progress)(void *ctx, uint64_t done), void *ctx, struct digest *ret,
                struct err *e) MUST_USE;

/* Addresses to network and country: any MMDB files and "start,end,number,owner" CSV tables (also .gz) in
 * `dir`. Missing files are fine. */
int fuse_network_open(struct fuse *f, const char *dir, struct err *e) MUST_USE;

/* Confidence of one claim: reliability x report confidence x age curve of its kind, in 0..1; docs/fusion.md.
 */
double fuse_term(char reliability, int confidence, enum kind kind, usec last, usec now);
/* Noisy-or: 1 - product(1 - term). */
double fuse_noisy_or(const double *terms, size_t n);
