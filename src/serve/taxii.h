/* Shared by the TAXII files of serve/: one TAXII request over HTTP. */
#pragma once

#include "serve/private.h"
#include "share/message/message.h"
#include "share/taxii/taxii.h"

#define TAXII_TYPE "application/taxii+json;version=2.1"
#define TAXII_PARTS 2
/* Bytes of a request to messages/: one envelope of any size, or several small ones. */
#define MESSAGES_BODY ((size_t)MESSAGE_MOST + ((size_t)64 << 10))

/* ---- negotiation (taxii_accept.c): what clients write, read by the rules of RFC 9110 12.5.1 */

/* Whether an Accept header takes what we answer. Absent or empty: yes. Plain JSON and any version-less form
 * are taken for it; only other things, or version 2.0 alone, are not. */
bool taxii_accepts(struct sv accept);
/* Whether a Content-Type is TAXII's, version 2.1 or none. */
bool taxii_is_content(struct sv type);
/* The client speaks TAXII: Accept or Content-Type name it. */
bool taxii_spoken(const struct http_request *r);

/* ---- the second route table (taxii_routes.c) */

enum taxii_place { TAXII_DISCOVERY, TAXII_ROOT, TAXII_MESSAGES };
#define TAXII_READ 1u
#define TAXII_WRITE 2u
struct taxii_route {
    enum taxii_place place; /* what the pattern of `r` is relative to; no slash at either end */
    unsigned needs;         /* of the collection in the first part: TAXII_READ, TAXII_WRITE */
    struct route r;         /* max_body BODY_INTAKE: as large as the API root says */
};
extern const struct taxii_route taxii_routes[]; /* ends with a NULL pattern */
/* As route_find. `path` is the part below the place, without slashes at its ends. */
const struct taxii_route *taxii_route_find(enum taxii_place place, enum http_method method, struct sv path,
                                           struct sv part[TAXII_PARTS], char ret_allow[64]);
/* As routes_check, for both tables. */
int taxii_routes_check(struct err *e) MUST_USE;
/* "/taxii2/" or "/{api-root}/collections/{id}/": as documents show it. */
void taxii_route_path(const struct taxii_route *t, char ret[160]);

/* ---- one request (taxii_call.c) */

struct taxii_call {
    enum taxii_place place;
    const struct taxii_route *route; /* NULL: nothing, or not with this method */
    struct taxii_root root;          /* place TAXII_ROOT */
    struct taxii_collection collection;
    struct taxii_who who;
    char principal[PRINCIPAL_ROOM];
    char allow[64];
};
/* Sets c->taxii when the path is TAXII's. */
int taxii_find(struct call *c, struct err *e) MUST_USE;
/* Caller, rights, negotiation, size: 0 to take the body, HTTP_LATER, or the status it was answered with. */
int taxii_judge(struct call *c, bool patient, size_t *ret_max_body, bool *ret_to_file);
/* Answers with a TAXII error object. */
void taxii_refuse(struct call *c, const struct err *e);
void taxii_answer_error(struct http_request *r, const struct web *w, unsigned status, const struct err *e);

/* ---- messages between nodes (api_messages.c) */

/* 1 = the partner that was found (partner_find_caller) may exchange messages. */
int messages_may(const struct call *c, struct err *e) MUST_USE;
/* One request a partner at a time: ERR_BUSY. It ends with the call (c->busy). */
int messages_begin(struct call *c, struct err *e) MUST_USE;
int api_messages_root(struct call *c, struct err *e);
int api_messages_collections(struct call *c, struct err *e);
int api_messages_collection(struct call *c, struct err *e);
int api_messages_get(struct call *c, struct err *e);
int api_messages_post(struct call *c, struct err *e);

/* ---- handlers (api_taxii.c, api_taxii_objects.c) */

int api_taxii_discovery(struct call *c, struct err *e);
int api_taxii_root(struct call *c, struct err *e);
int api_taxii_collections(struct call *c, struct err *e);
int api_taxii_collection(struct call *c, struct err *e);
int api_taxii_status(struct call *c, struct err *e);
int api_taxii_objects(struct call *c, struct err *e);
int api_taxii_object(struct call *c, struct err *e);
int api_taxii_versions(struct call *c, struct err *e);
int api_taxii_manifest(struct call *c, struct err *e);
int api_taxii_tombstones(struct call *c, struct err *e);
int api_taxii_post(struct call *c, struct err *e);
int api_taxii_delete(struct call *c, struct err *e);
