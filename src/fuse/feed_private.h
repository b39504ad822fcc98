/* Shared by the files of fuse/feed*. */
#pragma once

#include "fuse/feed.h"

/* http to this machine: for tests, and mirrors that run beside the node. */
bool feed_plain(struct sv url);
/* Writes down what the last answer was (feed_store.c): etag to total_accepted. */
int feed_note(struct db *db, const struct feed *f, struct err *e) MUST_USE;
/* 1 and the version of an item that was taken, 0 = it was not. */
int feed_item_get(struct db *db, int64_t feed, struct sv item, int64_t *ret, struct err *e) MUST_USE;
int feed_item_put(struct db *db, int64_t feed, struct sv item, int64_t version, struct err *e) MUST_USE;
int feed_key_get(const struct feeds *f, const struct feed *feed, struct buf *ret, struct err *e) MUST_USE;

/* ---- one run */

struct feed_running {
    const struct feeds *f;
    const struct feed_run_opts *o;
    struct job_call *call;
    struct feed_report *report;
    struct feed feed;
    struct source source;
    struct arena a;
    struct buf key;
};

/* What came back from one address. */
struct feed_answer {
    unsigned status;
    int fd; /* -1 when there is none */
    uint64_t bytes;
    struct sv etag, modified; /* in the run's arena */
};
/*
 * Fetches one address (feed_fetch.c): conditional when asked so, taken up again where it was cut, judged: a
 * web page where none should be is ERR_VALUE. Statuses other than 200, 304 and 404 are errors; a server that
 * asks to wait is heard.
 */
int feed_fetch(struct feed_running *r, struct sv url, bool conditional, struct feed_answer *ret,
               struct err *e) MUST_USE;
/* Takes one answer (closes its fd) and adds it to the report. `name` stands for the file in messages. */
int feed_take(struct feed_running *r, struct feed_answer *a, struct sv name, struct sv format,
              struct err *e) MUST_USE;
bool feed_stopping(const struct feed_running *r);
/* Runs of feeds that are more than one file (feed_misp.c, feed_otx.c). */
int feed_run_misp(struct feed_running *r, struct err *e) MUST_USE;
int feed_run_otx(struct feed_running *r, struct err *e) MUST_USE;
