/* Shared by the node's own files inside serve/. */
#pragma once

#include "serve/serve.h"

#define NODE_KINDS 40

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
/* After the rooms are open (node_messages.c). */
int node_open_messages(struct node *n, struct err *e) MUST_USE;
/* The courier (courier.c): made with the node; its threads start, are told to end, and are waited for. */
struct courier *courier_new(struct node *n);
void courier_free(struct courier *c); /* NULL-safe; when it does not run */
int courier_start(struct courier *c, struct err *e) MUST_USE;
void courier_end(struct courier *c);
void courier_stop(struct courier *c);
/* Members of the status: "messages", and "health", a list of what wants a person's attention. */
int report_partners(struct node *n, struct jw *w, usec now, struct err *e) MUST_USE;
struct message_kind node_probe_kind(struct node *n); /* node_probe.c */
/* Done before each round of the courier, about once a second and when it is woken: turns news into messages
 * (message_queue). In no transaction, on a thread of its own for all of them. `name` for the log. */
struct node_round {
    const char *name;
    int (*run)(struct node *n, usec now, struct err *e);
};
extern const struct node_round node_rounds[]; /* ends with a NULL name */
/* The relay (node_relay.c): its kind of message, which also sets it up, and its round. */
struct message_kind node_relay_kind(struct node *n);
int node_relay_round(struct node *n, usec now, struct err *e) MUST_USE;
/* Taking back (node_recall.c): its kinds of messages, after the relay's, and its round. */
struct message_kind node_recall_kind(struct node *n);
struct message_kind node_withdrawal_kind(struct node *n);
struct message_kind node_deleted_kind(struct node *n);
int node_recall_round(struct node *n, usec now, struct err *e) MUST_USE;
/* Releases by persons and consents of origins (node_release.c). */
struct message_kind node_consent_request_kind(struct node *n);
struct message_kind node_consent_kind(struct node *n);
int node_release_round(struct node *n, usec now, struct err *e) MUST_USE;
int node_path(const char *home, const char *name, char ret[4096], struct err *e) MUST_USE;
