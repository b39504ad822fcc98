/* Shared inside share/recall/ only. */
#pragma once

#include "share/recall/recall.h"

/* Ids are found by it; as in share_given. */
int64_t recall_hash(const struct recall *r, struct sv id);
/* Binds by letter: 't' struct sv, 'i' int64_t, 'u' usec; runs to the end. */
int recall_sql(struct db *db, struct err *e, const char *sql, const char *types, ...) MUST_USE;

struct id_list {
    struct arena *a;
    struct sv *id;
    size_t n, room;
};
int id_list_add(struct id_list *l, struct sv id, struct err *e);

/* receive.c: the body of an order, strictly. ERR_VALUE says what is wrong with it; texts live in `a`. */
struct order_in {
    struct id_list ids;
    enum withdraw_why why;
    struct sv reason;
};
int recall_read_order(struct sv body, bool recall, struct arena *a, struct order_in *ret, struct err *e);

/* The sources whose upstream is the partner. At most SOURCES_MOST. */
#define SOURCES_MOST 64
int recall_sources(const struct recall *r, struct uuid partner, int64_t ret[SOURCES_MOST], size_t *ret_n,
                   struct err *e);
/* 1 = a source has it, or had it until it was taken back for good (*ret_before). */
int recall_holds(const struct recall *r, int64_t source, struct sv id, bool *ret_before, struct err *e);

/* takeback.c: takes back what one source stated of ids: rows, collections, obligations; and passes it on to
 * whom it was given. In a transaction. */
struct takeback {
    int64_t source;
    const struct sv *id;
    size_t ids;
    enum withdraw_why why;
    struct sv reason, by;
    struct uuid origin; /* not told itself; nil = nobody */
};
struct taken_back {
    struct withdrawn_report report;
    struct recall_sent passed_on;
};
int take_back(const struct recall *r, const struct takeback *t, usec now, struct taken_back *ret,
              struct err *e);
/* After that is on disk: out of the index at once, and out of the files. */
int take_back_settle(const struct recall *r, usec now, struct err *e);
bool why_deletes(enum withdraw_why w);

/* due.c, changes.c: parts of a round */
int recall_due(const struct recall *r, usec now, struct err *e);
int recall_arrivals(const struct recall *r, usec now, struct err *e);
int recall_changes(const struct recall *r, usec now, struct err *e);
int recall_expired(const struct recall *r, usec now, struct err *e);
int recall_agreements(const struct recall *r, usec now, struct err *e);
int mark_read(const struct recall *r, int64_t what, int64_t source, struct item_mark *ret, struct err *e);
int mark_write(const struct recall *r, int64_t what, int64_t source, const struct item_mark *m,
               struct err *e);
enum { MARK_CHANGES, MARK_ARRIVALS, MARK_TIMES, MARK_AGREEMENTS, MARK_PEERS };

/* deleted.c: the message "deleted" to the origin of what was deleted here. In a transaction. */
int tell_deleted(const struct recall *r, struct uuid origin, const struct sv *id, size_t ids,
                 enum withdraw_why why, usec now, struct err *e);
