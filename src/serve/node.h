/* Shared by the node's own files inside serve/. */
#pragma once

#include "serve/serve.h"

#define NODE_KINDS 24

extern const struct db_room serve_room;

/* Whether these are a user's name and password, before anything is made. */
int user_check(struct sv name, struct sv password, struct err *e) MUST_USE;
int node_path(const char *home, const char *name, char ret[4096], struct err *e) MUST_USE;
