/* Shared by the HTTP side of serve/: who asks, the route table, the answers. */
#pragma once

#include "serve/serve.h"

/* ---- the web side as a whole (web.c) */

struct web;
struct web *web_start(struct node *n, struct err *e);
void web_stop(struct web *w);
const char *web_address(const struct web *w);
/* A sighting for the live stream; copies what it needs, never blocks on a client. */
void web_publish(struct web *w, const struct sighting *s);

/* ---- passwords (password.c): argon2id, t = 3, 64 MiB, at most two at the same time */

#define PASSWORD_HASH 128
#define PASSWORD_LEAST 12
#define PASSWORD_MOST 1024
/* Waits for its turn. */
int password_hash(struct sv password, char ret[PASSWORD_HASH], struct err *e) MUST_USE;
/*
 * `hash` NULL stands for an unknown user: the same work is done and false is the answer. ERR_BUSY when too many
 * wait already.
 */
int password_check(struct sv password, const char *hash, bool *ret_good, struct err *e) MUST_USE;
