/*
 * TAXII 2.1 (OASIS Standard, 10 June 2021) without HTTP: API roots, collections, who may read and write them,
 * pages of objects, manifests and versions, status resources. serve/ speaks HTTP over it.
 *
 * A collection is a list of (date_added, object version). It grows by POST, by `noroshi taxii load`, and,
 * when sources are attached to it, by what those sources bring (claims appear as generated indicators).
 * date_added is in microseconds, unique and strictly increasing within a collection. What a page shows goes
 * through the gate: the caller's view (pact_decide), the collection's rights and its TLP ceiling.
 */
#pragma once

#include "share/gate/gate.h"

/* What this part works with; all borrowed from the node. */
struct taxii {
    struct db *db;
    struct fuse *fuse;
    struct ledger *ledger;
    struct parsers *parsers;
    const struct hash_secret *secret; /* cursors are authenticated under a key derived from it */
};

/* Who asks, as serve/ authenticated it. Rights are given to names of this form. */
struct taxii_who {
    struct sv principal; /* "user:NAME", "key:NAME", "cert:SHA-256 of the SPKI in hex", "peer:NAME" for what
                            we post to a peer; "" = nobody */
    struct uuid org;
    bool admin;  /* of the home organisation: reads and writes every collection that does not say otherwise */
    bool writes; /* its role may write at all (analysts, admins) */
    int64_t except; /* a source it does not see, whatever its organisation may: a peer its own; 0 = none */
};

struct taxii_root {
    int64_t id;
    struct sv path; /* "trustgroup1", "taxii2/root": no slash at either end */
    struct sv title, description;
    int64_t max_content; /* bytes of a POST */
    bool standard;       /* the `default` of discovery */
};
struct taxii_collection {
    int64_t id, root;
    struct sv uuid;  /* lower-case */
    struct sv alias; /* "" = none */
    struct sv title, description;
    enum tlp ceiling;     /* nothing above it goes out; TLP_UNKNOWN = what the owner may see, unmarked too */
    enum purpose purpose; /* for which other organisations read it: grants for another one open nothing */
    int64_t source;       /* what is posted here is this source's; 0 = nothing can be posted */
    bool can_read, can_write; /* of the caller */
    struct sv media;          /* media types of its objects, separated by spaces */
    bool admins;              /* admins read and write it without a right of their own */
    bool removed;
};

/* Discovery as JSON for the caller (title, description, contact, default, api_roots). */
int taxii_discovery(struct db *db, const struct taxii_who *who, struct buf *json, struct err *e) MUST_USE;
/* The API root whose path is the longest prefix of `path` ("/trustgroup1/collections/"); *ret_rest is what
 * follows without slashes at its ends. ERR_NOT_FOUND. */
int taxii_root_find(struct db *db, struct sv path, struct arena *a, struct taxii_root *ret,
                    struct sv *ret_rest, struct err *e) MUST_USE;
int taxii_root_json(struct db *db, const struct taxii_root *r, struct buf *json, struct err *e) MUST_USE;
/* {"collections":[...]} the caller may read or write; {} when there are none. */
int taxii_collections_json(struct db *db, const struct taxii_root *r, const struct taxii_who *who,
                           struct buf *json, struct err *e) MUST_USE;
/* By UUID (any case) or alias. ERR_NOT_FOUND also when the caller has no right at all on it. */
int taxii_collection_find(struct db *db, const struct taxii_root *r, const struct taxii_who *who,
                          struct sv id_or_alias, struct arena *a, struct taxii_collection *ret,
                          struct err *e) MUST_USE;
int taxii_collection_json(struct db *db, const struct taxii_collection *c, struct buf *json,
                          struct err *e) MUST_USE;

enum taxii_what { TAXII_OBJECTS, TAXII_MANIFEST, TAXII_VERSIONS };
#define TAXII_PAGE_MOST 1000
/* Query parameters as they came; SV_NONE = absent. Checked by taxii_page_open: ERR_VALUE names the parameter.
 */
struct taxii_query {
    struct sv added_after, limit, next;
    struct sv match_id, match_type, match_version, match_spec_version; /* comma lists */
    struct sv object; /* the id in the path: /objects/{id}/ and versions; SV_NONE = the whole collection */
};
struct taxii_page;
/*
 * Chooses the page: at most TAXII_PAGE_MOST entries, in memory only as numbers. *ret_first and *ret_last are
 * USEC_NONE for an empty page. ERR_NOT_FOUND when `object` is asked for and the caller sees none of it.
 * The cursor in `next` is stateless, bound to collection and filters, checked against forgery, and
 * authorised anew by the caller's present view and rights.
 */
int taxii_page_open(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who,
                    enum taxii_what what, const struct taxii_query *q, usec now, struct taxii_page **ret,
                    usec *ret_first, usec *ret_last, struct err *e) MUST_USE;
/* Appends the next bytes (some tens of kilobytes) of the resource; 0 = more, -1 = it was the last, -2 = it
 * cannot be read to its end (cut the connection). Reads as it goes: memory does not grow with the page. */
int taxii_page_pull(struct taxii_page *p, struct buf *out);
void taxii_page_free(struct taxii_page *p);

/* Accepts the envelope {"objects":[...]} in `fd` object by object into the collection, through the parser
 * process; `json` gets the status resource, which is kept for at least 24 hours. The same object again is a
 * success. ERR_SYNTAX when the body is no envelope. */
int taxii_post(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who, int fd,
               usec now, struct buf *json, struct err *e) MUST_USE;
/* ERR_NOT_FOUND also when somebody else made it. */
int taxii_status_json(struct db *db, const struct taxii_root *r, const struct taxii_who *who, struct sv id,
                      struct buf *json, struct err *e) MUST_USE;
/* Removes an object, or the versions that match_version and match_spec_version choose, from the collection
 * and leaves tombstones. ERR_NOT_FOUND when there was nothing. */
int taxii_delete(const struct taxii *t, const struct taxii_collection *c, const struct taxii_who *who,
                 const struct taxii_query *q, usec now, struct err *e) MUST_USE;
/* What a source took back leaves all collections; our own peers find a tombstone. In a transaction. Adds to
 * *ret_gone how many members went. */
int taxii_bury(const struct taxii *t, struct sv id, int64_t source, usec now, uint64_t *ret_gone,
               struct err *e) MUST_USE;
/* Puts what attached sources brought since the last call into their collections, at most 200,000 things a
 * call. Cheap when there is nothing. Not in a transaction. */
int taxii_collect(const struct taxii *t, usec now, struct err *e) MUST_USE;
/* What was deleted after a time, for our own peers: {"more","tombstones":[{"id","version","deleted"}]}, at
 * most TAXII_PAGE_MOST, oldest first; `version` is missing for objects without versions. USEC_NONE = all.
 * ERR_DENIED without the right to read. */
int taxii_tombstones_json(const struct taxii *t, const struct taxii_collection *c,
                          const struct taxii_who *who, usec after, usec now, struct buf *json,
                          struct err *e) MUST_USE;

/* ---- walking (relay) */

/* By number, with the rights of `who`. ERR_NOT_FOUND when it was removed. */
int taxii_collection_get(struct db *db, int64_t id, const struct taxii_who *who, struct arena *a,
                         struct taxii_collection *ret, struct err *e) MUST_USE;
/* One member as it stands in a collection. Views live in the arena of taxii_walk. */
struct taxii_item {
    int64_t member, number, source;
    int64_t h; /* hash of the id under the node's secret */
    usec added;
    usec version; /* USEC_NONE = it has none */
    bool claim, own;
    enum tlp tlp;
    struct sv id, type;
};
struct taxii_range {
    usec after, upto; /* date_added greater than, and at most */
    int64_t source;   /* 0 = all */
};
/*
 * Members of STIX 2.1 in the range, oldest first, not above the ceiling: of each object the newest version of
 * the whole collection, and that once. At most TAXII_PAGE_MOST rows are looked at; r->after is moved on to
 * where the look ended, r->upto when there is no more. Whether somebody may have them is not asked here.
 */
int taxii_walk(const struct taxii *t, const struct taxii_collection *c, struct taxii_range *r,
               struct arena *a, struct taxii_item **ret, size_t *ret_n, struct err *e) MUST_USE;
/* The member of that number; 0 = it is gone, or a newer version stands there. */
int taxii_member_get(const struct taxii *t, const struct taxii_collection *c, int64_t member, struct arena *a,
                     struct taxii_item *ret, struct err *e) MUST_USE;
/* The newest version of the object that the member is one of; 0 = it is gone, or above the ceiling. */
int taxii_member_now(const struct taxii *t, const struct taxii_collection *c, int64_t member, struct arena *a,
                     struct taxii_item *ret, struct err *e) MUST_USE;
/* Appends it as JSON. 1 = done, 0 = it is not there any more, or a claim not in this version. */
int taxii_item_write(const struct taxii *t, const struct taxii_item *i, struct buf *out,
                     struct err *e) MUST_USE;
/* What stands in some collection and went to the partner: how many different things of each STIX type. */
int taxii_given_types(struct db *db, struct uuid partner, type_count_fn each, void *ctx,
                      struct err *e) MUST_USE;
/* The newest date_added of the collection; USEC_NONE = it is empty. */
int taxii_newest(const struct taxii *t, int64_t collection, usec *ret, struct err *e) MUST_USE;

/* What may go to a partner only now gets a new date in the collections that the partner reads, so that who
 * asks for what is new finds it; other readers of these find the same version once more. In a transaction. */
int taxii_again(const struct taxii *t, struct uuid partner, struct sv id, bool claim, int64_t number,
                usec now, struct err *e) MUST_USE;
/* What stands under an id in any collection, generated indicators too; newest version first. */
int taxii_items_of(const struct taxii *t, struct sv id, item_fn each, void *ctx, struct err *e) MUST_USE;

/* ---- defining (`noroshi taxii`): all in a transaction, all through the ledger */

/* id 0 = a new one; sets id. ERR_VALUE names what is not allowed, ERR_EXISTS. A new standard root takes the
 * place of the old one. */
int taxii_root_put(const struct taxii *t, struct taxii_root *r, usec now, struct err *e) MUST_USE;
/* id 0 = a new one; sets id, and uuid (lives in `a`) when it is empty. `media` "" = STIX 2.1. */
int taxii_collection_put(const struct taxii *t, struct taxii_collection *c, usec now, struct arena *a,
                         struct err *e) MUST_USE;
struct taxii_right {
    struct sv principal; /* as in struct taxii_who; "*" = everybody who is authenticated */
    bool reads, writes;  /* none = the right is taken back */
};
int taxii_right_put(const struct taxii *t, int64_t collection, const struct taxii_right *r, usec now,
                    struct err *e) MUST_USE;
/* What the source brings, and has brought, appears in the collection. Source 0: all sources of the home
 * organisation that belong to no exercise, those to come too. */
int taxii_attach(const struct taxii *t, int64_t collection, int64_t source, bool on, usec now,
                 struct err *e) MUST_USE;
/* "title", "description" or "contact" of discovery. */
int taxii_setting_put(const struct taxii *t, struct sv name, struct sv value, usec now,
                      struct err *e) MUST_USE;
/* What a new home gets: the API root "taxii2/root" with one collection fed by all sources of the home
 * organisation, which admins alone read. Nothing when there is a root. */
int taxii_begin(const struct taxii *t, struct sv title, usec now, struct err *e) MUST_USE;

int taxii_root_each(struct db *db, struct arena *a, int (*each)(void *ctx, const struct taxii_root *r),
                    void *ctx, struct err *e) MUST_USE;
/* Those that stand, of one root or (0) all; without rights of a caller. */
int taxii_collection_each(struct db *db, int64_t root, struct arena *a,
                          int (*each)(void *ctx, const struct taxii_collection *c), void *ctx,
                          struct err *e) MUST_USE;
int taxii_right_each(struct db *db, int64_t collection, struct arena *a,
                     int (*each)(void *ctx, const struct taxii_right *r), void *ctx, struct err *e) MUST_USE;
int taxii_source_each(struct db *db, int64_t collection, int (*each)(void *ctx, int64_t source), void *ctx,
                      struct err *e) MUST_USE;
/* Members of a collection, for people who run the node. */
int64_t taxii_count(struct db *db, int64_t collection);

/* ---- moving in from another server */

#define TAXII_LOAD_MOST ((size_t)64 << 20) /* bytes of a description */
struct taxii_load_report {
    uint64_t roots, collections, objects, statuses;
    uint64_t left;    /* collections that stand already or have no id */
    uint64_t refused; /* objects: kept in quarantine */
    uint64_t moved;   /* objects whose date_added had to be moved on */
};
struct taxii_load_opts {
    int64_t source;   /* whose the objects are, and what is posted there */
    enum tlp ceiling; /* of the collections */
    usec now;
    /* Everything that people should know of: "collection", "object", "manifest", "moved", "status", "root" or
     * "note", what it is about, and a sentence. */
    void (*note)(void *ctx, const char *what, struct sv where, struct sv text);
    void *ctx;
};
/*
 * Reads a whole server description (docs/taxii.md): API roots, collections with ids and rights for everybody,
 * objects, manifests, status resources, discovery. The document is read by the bounded JSON reader, for its
 * frame alone; its objects go through the parser process like posted ones. Only collections that are not
 * there yet, each whole or not at all. ERR_SYNTAX with the place, ERR_VALUE.
 */
int taxii_load(const struct taxii *t, struct sv text, const struct taxii_load_opts *o,
               struct taxii_load_report *ret, struct err *e) MUST_USE;
