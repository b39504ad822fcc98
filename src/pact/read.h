/* Reading a document whose every member must be known: inside pact/ only. */
#pragma once

#include "pact/agreement.h"

/* A document being read: the first failure stays. `path` is where the reader stands, for messages. */
struct reading {
    struct arena *a;
    struct err *e;
    int rc;
    char path[160];
};

/* Sets the failure "<path>.<key>: <text>" unless there is one already. */
void read_fail(struct reading *r, const char *key, const char *text);
/* Appends "[i]" or ".key" to the path; read_leave cuts it back to what read_enter gave. */
size_t read_enter(struct reading *r, const char *key, size_t index);
void read_leave(struct reading *r, size_t was);
/* Refuses members that are not in the NULL-ended list. */
void read_known(struct reading *r, struct jv object, const char *const *keys);

struct uuid read_uuid(struct reading *r, struct jv object, const char *key);
/* A word of a closed list; `name` gives the list by number up to `max`. */
int read_word(struct reading *r, struct jv object, const char *key, int max, const char *(*name)(int));
int64_t read_number(struct reading *r, struct jv object, const char *key, int64_t least, int64_t most);
bool read_bool(struct reading *r, struct jv object, const char *key);
usec read_time(struct reading *r, struct jv object, const char *key);
/* Text in all three languages, none empty. */
void read_texts(struct reading *r, struct jv object, const char *key, struct sv ret[LANGUAGE_MAX]);
/* A list of different words, each of which `known` takes, or "*" alone; empty only when `may_be_empty`. */
struct word_list read_words(struct reading *r, struct jv object, const char *key, bool may_be_empty,
                            bool (*known)(struct sv word));
/* An array of `least` to `most` members. */
struct jv read_array(struct reading *r, struct jv object, const char *key, size_t least, size_t most,
                     size_t *ret_n);
