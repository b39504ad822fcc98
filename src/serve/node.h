/* Shared by the node's own files inside serve/. */
#pragma once

#include "serve/serve.h"

#define NODE_KINDS 24

extern const struct db_room serve_room;

/* Whether these are a user's name and password, before anything is made. */
int user_check(struct sv name, struct sv password, struct err *e) MUST_USE;
/* Prepares what feeds need; after the rooms are open (node_jobs.c). */
int node_open_work(struct node *n, struct err *e) MUST_USE;
void node_close_work(struct node *n);
/* Threads of background work, while the node serves: they start, are told to end (and with them every request
 * to a server outside), and are waited for. */
int node_start_work(struct node *n, struct err *e) MUST_USE;
void node_end_work(struct node *n);
void node_stop_work(struct node *n);
int node_path(const char *home, const char *name, char ret[4096], struct err *e) MUST_USE;
