/* Ledger records of kind "taxii": one definition each. Inside share/taxii*.c only. */
#pragma once

#include "share/taxii/taxii_private.h"

/* Stored: numbers are never reused. */
enum taxii_record {
    TAXII_RECORD_ROOT = 1,
    TAXII_RECORD_COLLECTION = 2,
    TAXII_RECORD_RIGHT = 3,
    TAXII_RECORD_ATTACH = 4,
    TAXII_RECORD_SETTING = 5,
};
void taxii_root_encode(struct buf *b, const struct taxii_root *r);
void taxii_collection_encode(struct buf *b, const struct taxii_collection *c);
void taxii_right_encode(struct buf *b, int64_t collection, const struct taxii_right *r);
void taxii_attach_encode(struct buf *b, int64_t collection, int64_t source, bool on);
void taxii_setting_encode(struct buf *b, struct sv name, struct sv value);
