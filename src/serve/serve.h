/*
 * serve: the node as a whole, sessions and roles, the JSON API, the live stream, the web console's files.
 *
 * `struct node` is an opened home: configuration, lock, database, keeper, ledger, fusion, index. The cli
 * opens one, or talks to the one that runs. May call all lower floors.
 */
#pragma once

#include "share/gate/gate.h"
#include "share/partner/partner.h"
#include "share/partner/queue.h"
#include "share/partner/witnessing.h"
#include "share/message/message.h"
#include "share/relay/relay.h"
#include "share/peer/peer.h"
#include "fuse/feed.h"
#include "net/http.h"

#define NODE_JOB_KINDS 4
#define NODE_MESSAGE_KINDS 16

struct node {
    char home[4096];
    struct conf *conf;
    struct db *db;
    struct keeper *keeper; /* NULL when opened for reading only */
    struct ledger *ledger;
    struct fuse *fuse;
    struct parsers *parsers;
    struct fetcher *fetcher;      /* HTTP out; NULL when opened for reading only */
    struct feeds feeds;           /* what feeds work with */
    struct peers peers;           /* what peers work with */
    struct witnessing witnessing; /* what asking witnesses works with */
    struct fetcher *messenger;    /* HTTP out for messages, which wait for no feed; NULL as `fetcher` */
    /* What messages work with, and their kinds (node_messages.c; ends with a NULL name). */
    struct messages messages;
    struct message_kind message_kinds[NODE_MESSAGE_KINDS];
    struct courier *courier;
    struct relays relays;     /* what the relay works with (node_relay.c) */
    _Atomic usec relay_again; /* when it wants a round without news; INT64_MAX = it does not */
    /* Background work: its kinds (node_jobs.c; ends with a NULL name), and its threads while it serves. */
    struct job_kind job_kinds[NODE_JOB_KINDS];
    struct jobs *jobs;
    usec recall_looked; /* only the courier's rounds */
    struct hash_secret secret;
    struct uuid org; /* home organisation */
    char name[128];
    usec started;
    struct web *web; /* while it serves */
};

enum node_mode {
    NODE_READ,  /* look only: no lock, no keeper, no parsers, no fetcher */
    NODE_WRITE, /* owns the home: lock, keeper, parsers, fetcher */
};
extern const struct conf_item node_schema[];

struct node_init {
    const char *dir;
    const char *name;     /* DNS-like name of the node, part of the ledger's origin */
    const char *country;  /* ISO 3166-1 alpha-2 */
    const char *zone;     /* IANA */
    const char *user;     /* first user (role admin) */
    const char *password; /* NULL = make one */
};
/* Makes a home: directories (0700), keys (seeds 0600), noroshi.conf, database, TLS certificate, first
 * organisation and user. `ret_password` of 64 bytes gets the made password, or "". A non-empty directory that
 * is not a home is refused. */
int node_make(const struct node_init *i, char ret_password[64], struct err *e) MUST_USE;
/* Opens a home. NODE_WRITE forks keeper, parsers and fetcher first; ERR_BUSY when another process owns it. */
int node_open(const char *home, enum node_mode mode, struct node *ret, struct err *e) MUST_USE;
void node_close(struct node *n);
/* There is, or will be when the caller's transaction has ended, something for partners: the courier of the
 * running node begins a round (node_messages.c). Does nothing when none runs here. */
void node_wake_courier(struct node *n);
/* View of an organisation for showing things on this node. */
int node_view(struct node *n, struct uuid org, struct arena *a, struct pact_view *ret,
              struct err *e) MUST_USE;
/* {"name","version",...,"counts",...,"ledger",...,"index",...}: the status object of CLI and API. */
int node_status(struct node *n, const struct pact_view *view, struct buf *json, struct err *e) MUST_USE;
struct status_opts {
    bool digest; /* also the content digest (fuse_digest): reads everything */
    void (*progress)(void *ctx, uint64_t done);
    void *ctx;
};
int node_status_with(struct node *n, const struct pact_view *view, const struct status_opts *o,
                     struct buf *json, struct err *e) MUST_USE;
int node_verify(struct node *n, const struct ledger_progress *p, int64_t *ret_findings,
                struct err *e) MUST_USE;
int node_rebuild(struct node *n, const struct ledger_progress *p, struct err *e) MUST_USE;
/* Consistent copy of the home (database, keys, configuration, certificate, content) into a new directory with
 * a manifest of SHA-256 sums. */
int node_backup(struct node *n, const char *dir, struct err *e) MUST_USE;
/* Puts a backup into a new home after checking its manifest, and opens a new ledger epoch there. */
int node_restore(const char *backup_dir, const char *home, struct err *e) MUST_USE;

/* A home restored from a backup takes back what the list (`noroshi shares withdrawn --json`) names.
 * ERR_SYNTAX: it is no such list. *ret_n = how many it names. */
int node_withdraw_again(const char *home, struct sv list, uint64_t *ret_n, struct err *e) MUST_USE;

/* The report of `intake --json` and of the API: {"files":[...],"totals":{...}}. */
void take_report_json(const struct take_report *r, size_t n, struct buf *out);
/* Adds the counts of one file to a sum. */
void take_report_add(struct take_report *sum, const struct take_report *r);
/* Hands a sighting of a command to the live stream of the running node; does nothing when none runs here. */
void node_publish(struct node *n, const struct sighting *s);

/* Users and keys; roles: viewer, analyst, admin, sensor, auditor, client (programs of others: TAXII only, and
 * there only the collections that name them). */
enum role { ROLE_VIEWER, ROLE_ANALYST, ROLE_ADMIN, ROLE_SENSOR, ROLE_AUDITOR, ROLE_CLIENT };
const char *role_name(enum role r);
bool role_parse(struct sv s, enum role *ret);
/* 1 and the user's role; 0 when there is no user of that name. */
int user_find(struct db *db, struct sv name, enum role *ret_role, struct err *e) MUST_USE;
int user_put(struct db *db, struct sv name, struct uuid org, enum role role, struct sv password, usec now,
             struct err *e) MUST_USE;
/* Makes an API key "nrs_<8>_<43>" shown once; only its SHA-256 is kept. `expires` USEC_NONE = a year.
 * `source` (0 = none) binds a sensor's key to its source. */
int key_make(struct db *db, struct sv name, struct uuid org, enum role role, int64_t source, usec now,
             usec expires, char ret_key[64], struct err *e) MUST_USE;
/* Instead of a secret: who shows a certificate with this SPKI (http_certificate_key) and has its key. */
int key_bind(struct db *db, struct sv name, struct uuid org, enum role role, const struct sha256 *spki,
             usec now, usec expires, struct err *e) MUST_USE;
int key_revoke(struct db *db, struct sv name, struct err *e) MUST_USE;

/* ---- acting for the organisation: person.c */

/* What the queue of releases works with here, decisions and consents included (node_release.c). */
struct queue node_queue(struct node *n);
/* Asks the origin of something whether it may go on to a partner. In no transaction. ERR_USAGE: it is ours.
 */
int node_consent_ask(struct node *n, const struct pact_view *view, struct sv what, struct uuid partner,
                     struct sv person, usec now, struct uuid *ret_origin, struct err *e) MUST_USE;
/* ERR_AUTH unless these are name and password of an administrator of this node. While the node runs, wrong
 * ones are counted with those of sign-ins: ERR_BUSY, with how long to wait. */
int person_check(struct node *n, struct sv name, struct sv password, struct err *e) MUST_USE;
/*
 * The node's own card: names, kind, contact, url and the next TLS key as given, the rest from the node; in
 * the envelope that its message key signed.
 */
int node_card(struct node *n, const struct partner_card *given, usec now, struct arena *a,
              struct partner_card *ret, struct buf *envelope, struct err *e) MUST_USE;
/* A DSSE envelope signed by the node's message key. */
int node_sign(struct node *n, struct sv type, struct sv body, struct buf *envelope, struct err *e) MUST_USE;

/* Files a command names are opened by the process that gave it: this one has narrowed itself to its home. */
struct opener {
    /* Opens a path for reading; a descriptor (>= 0, caller closes) or a negative code. */
    int (*open)(void *ctx, const char *path, struct err *e);
    /* Waits until the descriptor can be read (or is at its end); ERR_CANCELLED when the command is to end. */
    int (*wait)(void *ctx, int fd, struct err *e);
    void *ctx;
};
/*
 * Runs the node until SIGTERM/SIGINT: HTTPS, API, live stream, console, background work, and the command
 * socket run/noroshi.sock. `command` runs one command of another process: its argv and its stdin, stdout and
 * stderr as descriptors; returns the exit code. `ready` is called once with the address when the node
 * answers.
 */
struct serve_opts {
    int (*command)(struct node *n, int argc, char **argv, const int fds[3], const struct opener *files);
    void (*ready)(void *ctx, const char *address);
    void *ctx;
};
int node_serve(struct node *n, const struct serve_opts *o, struct err *e) MUST_USE;
/* From another process: hands a command to the running node. 1 = done with *ret_exit, 0 = no node runs here.
 */
int node_command(const char *home, int argc, char **argv, int *ret_exit, struct err *e) MUST_USE;
