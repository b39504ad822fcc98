/* Shared by the taxii*.c of share/ only. */
#pragma once

#include "share/taxii/taxii.h"

#define TAXII_EVERYBODY "*" /* principal: who is authenticated at all */
#define TAXII_MEDIA "application/stix+json;version=2.1"
#define TAXII_CONTENT (100ll << 20) /* bytes of a POST, where nobody says otherwise */
#define TAXII_TEXT_MOST 4096        /* bytes of a title, description or principal */

/* taxii_tables.c */
extern const char taxii_migration[], taxii_purpose_migration[];
int taxii_apply(void *ctx, struct db *db, const struct entry *entry, struct err *e);

/* taxii_post.c: keeps a status resource. In a transaction. */
int taxii_status_put(const struct taxii *t, int64_t root, struct sv id, struct sv principal, struct sv body,
                     usec now, struct err *e);

/* taxii.c: fills can_read and can_write. */
int taxii_rights(struct db *db, struct taxii_collection *c, const struct taxii_who *who, struct err *e);

/* taxii_view.c: what a caller may see of a collection. */
struct taxii_eye {
    struct pact_view view; /* lives in `a` */
    enum tlp ceiling;
    struct arena a;
    struct taxii_partner
        *partner; /* the caller is one: the agreements are asked about each thing; else NULL */
};
int taxii_eye_open(struct db *db, const struct taxii_collection *c, const struct taxii_who *who, usec now,
                   struct taxii_eye *ret, struct err *e);
void taxii_eye_close(struct taxii_eye *y);
/* Not the whole answer for a partner: taxii_partner_gives. */
static inline bool taxii_eye_sees(const struct taxii_eye *y, int64_t source, enum tlp tlp)
{
    return tlp <= y->ceiling && pact_sees(&y->view, source, tlp);
}

/* taxii_page.c: a text of the member's own, in place of the stored object. 1 = there is one. */
int taxii_own_text(const struct taxii *t, int64_t member, struct buf *out, struct err *e);

/* taxii_partner.c: what goes to a partner, thing by thing, and the register of it. */
struct taxii_member;
int taxii_partner_open(struct db *db, struct uuid partner, enum purpose purpose, usec now,
                       struct taxii_partner **ret, struct err *e);
void taxii_partner_free(struct taxii_partner *p);
/* From now on copies are made. */
int taxii_partner_copies(struct taxii_partner *p, const struct taxii *t, struct err *e);
/* 1 = it may go, 0 = not. Decided once a member. */
int taxii_partner_gives(struct taxii_partner *p, const struct taxii *t, const struct taxii_member *m,
                        struct err *e);
/* Of what was asked about last and goes: its copy, or n 0 when it goes as it is. Text and id stand in the
 * buffer that taxii_partner_texts gives. */
struct taxii_copy {
    size_t at, n, id_at, id_n;
};
struct taxii_copy taxii_partner_copy(const struct taxii_partner *p);
struct buf *taxii_partner_texts(struct taxii_partner *p);
/* So much was looked at for this page that it ends here. */
bool taxii_partner_tired(const struct taxii_partner *p);
struct uuid taxii_partner_id(const struct taxii_partner *p);
/* What was asked about last goes: it counts. */
void taxii_partner_count(struct taxii_partner *p);
/* Writes into the register what goes with this page; *ret_entry is the entry. */
struct taxii_page_facts {
    const struct taxii_collection *collection;
    const struct taxii_query *query;
    enum taxii_what what;
    usec first, last;
    size_t things;
};
int taxii_partner_note(struct taxii_partner *p, const struct taxii *t, const struct taxii_page_facts *f,
                       int64_t *ret_entry, struct err *e);

/* ---- members */

/* One row of `member` as far as choosing needs it. */
struct taxii_member {
    int64_t id;
    usec added;
    usec version; /* of one without versions: when it was added */
    bool versioned;
    bool alone; /* no other member of the collection has this id */
    bool claim, own;
    uint8_t spec;   /* 20, 21 */
    int64_t number; /* of the object or claim */
    int64_t source;
    int64_t h;
    enum tlp tlp;
};
/* An object of ours that copies refer to: it stands under no source, and partners alone see it. */
static inline bool taxii_is_supporting(const struct taxii_member *m)
{
    return m->own && m->source == 0;
}
#define TAXII_MEMBER_COLUMNS                                                                                 \
    " id, added, version, alone, claim, own, spec, number, source, h, tlp, stix_id, type, versioned "
#define TAXII_MEMBER_ID 11
#define TAXII_MEMBER_TYPE 12
void taxii_member_read(struct stmt *s, struct taxii_member *ret);
void taxii_version_text(usec version, bool versioned, char ret[32]);

/* Adds members to one collection; only inside one transaction. */
struct taxii_adder {
    const struct taxii *t;
    int64_t collection;
    usec last; /* date_added given last */
    bool moved;
};
struct taxii_new {
    struct sv id, type;
    int64_t source;
    usec version; /* USEC_NONE = it has none */
    uint8_t spec;
    enum tlp tlp;
    bool claim;
    int64_t number;
    struct sv own; /* a text of its own instead of the stored object; p NULL = none */
};
int taxii_adder_open(struct taxii_adder *a, const struct taxii *t, int64_t collection, struct err *e);
/* `at` is when, moved on so that it is later than all before. 1 = added, 0 = it is a member already. */
int taxii_adder_add(struct taxii_adder *a, const struct taxii_new *m, usec at, usec *ret_added,
                    struct err *e);
/* The next date_added, for tombstones. */
usec taxii_adder_tick(struct taxii_adder *a, usec at);
int taxii_adder_close(struct taxii_adder *a, struct err *e);
/* 1 = the collection has a member of this id. */
int taxii_has(const struct taxii *t, int64_t collection, struct sv id, struct err *e);

/* ---- queries */

#define TAXII_MATCH_MOST 1000 /* values of one match field */

/* Which of an object's versions are asked for. */
struct taxii_filter {
    usec after; /* date_added greater than this; USEC_NONE = from the start */
    size_t limit;
    struct sv *id, *type;
    size_t ids, types;
    bool any_id, any_type; /* not filtered */
    bool last, first, all;
    usec *version;
    size_t versions;
    unsigned specs; /* 1 = 2.0, 2 = 2.1; 0 = the newest */
    bool any_spec;  /* newest of each object */
};
/* Texts view the query, lists live in `a`. ERR_VALUE names the parameter, ERR_LIMIT. The cursor is not read
 * here. `versions_all`: without match[version] all versions are meant. */
int taxii_filter_read(const struct taxii_query *q, bool versions_all, struct arena *a,
                      struct taxii_filter *ret, struct err *e);

/* taxii_cursor.c: a position, bound to a collection, a resource and the filters. */
#define TAXII_CURSOR_TEXT 49
void taxii_cursor_write(const struct hash_secret *secret, int64_t collection, enum taxii_what what,
                        const struct taxii_query *q, usec at, char ret[TAXII_CURSOR_TEXT]);
int taxii_cursor_read(const struct hash_secret *secret, int64_t collection, enum taxii_what what,
                      const struct taxii_query *q, usec *ret, struct err *e);

/* taxii_choose.c: which of the versions of an object that a caller sees are asked for. */
struct taxii_chooser {
    const struct taxii *t;
    struct db *db;
    int64_t collection;
    const struct taxii_eye *eye;
    const struct taxii_filter *filter;
};
/* 1 = this member, which the caller sees, is asked for by the filters on versions. */
int taxii_chosen(const struct taxii_chooser *c, const struct taxii_member *m, struct sv id, struct err *e);

/* taxii_scan.c: the members that the filters on ids and types let through, by date_added. */
#define TAXII_SCAN_STREAMS 16
struct taxii_scan {
    struct db *db;
    const struct taxii_filter *filter;
    struct stmt *stream[TAXII_SCAN_STREAMS];
    usec head[TAXII_SCAN_STREAMS]; /* date_added of the row that the stream stands on */
    size_t streams;
    size_t given; /* the stream whose row was given last, is stepped first; SIZE_MAX = none */
    bool check_type;
    int64_t *found; /* with match[id]: date_added of all, sorted */
    size_t n, room, at;
    int64_t collection;
};
/* `after` USEC_NONE = from the start. Sorts the filter's types. */
int taxii_scan_open(struct taxii_scan *s, struct db *db, const struct hash_secret *secret, int64_t collection,
                    struct taxii_filter *filter, usec after, struct err *e);
/* 1 = a member; its texts live until the next call. */
int taxii_scan_next(struct taxii_scan *s, struct taxii_member *ret, struct sv *ret_id, struct err *e);
void taxii_scan_close(struct taxii_scan *s);
