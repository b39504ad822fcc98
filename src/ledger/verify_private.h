/* What the files of verify share. */
#pragma once

#include "ledger/private.h"

struct check {
    struct ledger *l;
    struct findings f;
    struct json_doc *doc;
    struct codec *codec;

    /* Where the entries stand. */
    struct epoch epoch;
    bool in_epoch;
    int64_t next_id;
    struct merkle tree;
    int tile_rc;
    struct err tile_err;
    uint64_t tiles;
    uint64_t total;

    /* The checkpoints, read in step with the entries. */
    struct stmt *checkpoints;
    bool have_checkpoint;
    int64_t cp_epoch, cp_size;
    struct sha256 cp_root; /* what the note says */
    bool cp_good;          /* the note could be read and was signed */

    /* Records that are gone, and those of which an entry says so. */
    struct places {
        struct ledger_place *p;
        size_t n, room;
        bool failed;
    } gone, ordered;

    struct db *scratch;
    struct ledger_kind *kinds;
    size_t kind_count;
};

/* Reads the next stored checkpoint and checks its note by itself. */
int next_checkpoint(struct check *c, struct err *e) MUST_USE;
/* Settles the checkpoints that belong before the entry with this epoch and index. */
int pass_checkpoints(struct check *c, int64_t epoch, int64_t seq, struct err *e) MUST_USE;
/* merkle_full_fn: compares the stored tile with the subtree that became full. */
void check_tile(void *ctx, unsigned height, uint64_t index, const struct sha256 *hash);
/* Enters the epoch that the next entry belongs to, when one begins here. */
int enter_epoch(struct check *c, struct err *e) MUST_USE;
