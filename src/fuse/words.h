/* Text to the words that are indexed: runs of CJK become overlapping bigrams. Inside fuse/ only. */
#pragma once

#include "base/base.h"

/*
 * Appends `text` with every run of Han, Hiragana, Katakana or Hangul cut into overlapping pairs separated by
 * spaces (trigram indexes miss two-character words); other text stays. Not UTF-8: the bytes are left out.
 */
void words_for_index(struct sv text, struct buf *out);
/*
 * A query for FTS5: every word quoted and joined by AND; a CJK run becomes the phrase of its bigrams; one
 * lone CJK character a prefix. Empty when nothing can be searched.
 */
void words_for_query(struct sv text, struct buf *out);
