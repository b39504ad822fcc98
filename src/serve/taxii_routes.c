/* THE second route table: what stands below the discovery address and below each API root. */
#include "serve/taxii.h"

#define TAXII_READERS (FOR_READERS | FOR_CLIENTS)
#define TAXII_WRITERS (FOR_ANALYSTS | FOR_CLIENTS)
#define OBJECT "{\"type\":\"object\"}"
#define ENVELOPE                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"more\":{\"type\":\"boolean\"},\"next\":{\"type\":\"string\"},"   \
    "\"objects\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}"

#define P_ROOT                                                                                               \
    {                                                                                                        \
        "api-root", "path", "string", true, "Path of an API root, as discovery lists it"                     \
    }
#define P_COLLECTION                                                                                         \
    {                                                                                                        \
        "id", "path", "string", true, "UUID or alias of a collection"                                        \
    }
#define P_OBJECT                                                                                             \
    {                                                                                                        \
        "object", "path", "string", true, "STIX id"                                                          \
    }
#define P_ADDED                                                                                              \
    {                                                                                                        \
        "added_after", "query", "string", false, "Only what was added to the collection after this time"     \
    }
#define P_LIMIT                                                                                              \
    {                                                                                                        \
        "limit", "query", "integer", false, "At most so many (1 to 1000; more is served as 1000)"            \
    }
#define P_NEXT                                                                                               \
    {                                                                                                        \
        "next", "query", "string", false, "`next` of the page before, with the same filters"                 \
    }
#define P_ID                                                                                                 \
    {                                                                                                        \
        "match[id]", "query", "string", false, "STIX ids, comma-separated"                                   \
    }
#define P_TYPE                                                                                               \
    {                                                                                                        \
        "match[type]", "query", "string", false, "STIX types, comma-separated"                               \
    }
#define P_VERSION                                                                                            \
    {                                                                                                        \
        "match[version]", "query", "string", false, "last (without it), first, all, or times"                \
    }
#define P_SPEC                                                                                               \
    {                                                                                                        \
        "match[spec_version]", "query", "string", false, "STIX versions, comma-separated"                    \
    }

const struct taxii_route taxii_routes[] = {
    {TAXII_DISCOVERY,
     0,
     {HTTP_GET,
      "",
      TAXII_READERS,
      api_taxii_discovery,
      0,
      "taxiiDiscovery",
      "TAXII discovery",
      "TAXII 2.1, 4.1.",
      {{0}},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     0,
     {HTTP_GET,
      "",
      TAXII_READERS,
      api_taxii_root,
      0,
      "taxiiRoot",
      "An API root",
      "TAXII 2.1, 4.2.",
      {P_ROOT},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     0,
     {HTTP_GET,
      "status/{id}",
      TAXII_READERS,
      api_taxii_status,
      0,
      "taxiiStatus",
      "What became of a POST",
      "TAXII 2.1, 4.3. For who made the request, for 24 hours at least.",
      {P_ROOT, {"id", "path", "string", true, "Id of the status"}},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     0,
     {HTTP_GET,
      "collections",
      TAXII_READERS,
      api_taxii_collections,
      0,
      "taxiiCollections",
      "Collections you have rights on",
      "TAXII 2.1, 5.1.",
      {P_ROOT},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     0,
     {HTTP_GET,
      "collections/{id}",
      TAXII_READERS,
      api_taxii_collection,
      0,
      "taxiiCollection",
      "A collection",
      "TAXII 2.1, 5.2.",
      {P_ROOT, P_COLLECTION},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     TAXII_READ,
     {HTTP_GET,
      "collections/{id}/manifest",
      TAXII_READERS,
      api_taxii_manifest,
      0,
      "taxiiManifest",
      "What a collection holds, without the objects",
      "TAXII 2.1, 5.3; also with `next`.",
      {P_ROOT, P_COLLECTION, P_ADDED, P_LIMIT, P_NEXT, P_ID, P_TYPE, P_VERSION, P_SPEC},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      ENVELOPE}},
    {TAXII_ROOT,
     TAXII_READ,
     {HTTP_GET,
      "collections/{id}/objects",
      TAXII_READERS,
      api_taxii_objects,
      0,
      "taxiiObjects",
      "Objects of a collection",
      "TAXII 2.1, 5.4.",
      {P_ROOT, P_COLLECTION, P_ADDED, P_LIMIT, P_NEXT, P_ID, P_TYPE, P_VERSION, P_SPEC},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      ENVELOPE}},
    {TAXII_ROOT,
     TAXII_WRITE,
     {HTTP_POST,
      "collections/{id}/objects",
      TAXII_WRITERS,
      api_taxii_post,
      BODY_INTAKE,
      "taxiiAdd",
      "Add objects",
      "TAXII 2.1, 5.5. Answered once durable; the same object again is a success.",
      {P_ROOT, P_COLLECTION},
      TAXII_TYPE,
      ENVELOPE,
      202,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     TAXII_READ,
     {HTTP_GET,
      "collections/{id}/objects/{object}",
      TAXII_READERS,
      api_taxii_object,
      0,
      "taxiiObject",
      "Versions of an object with their content",
      "TAXII 2.1, 5.6.",
      {P_ROOT, P_COLLECTION, P_OBJECT, P_ADDED, P_LIMIT, P_NEXT, P_VERSION, P_SPEC},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      ENVELOPE}},
    {TAXII_ROOT,
     TAXII_READ | TAXII_WRITE,
     {HTTP_DELETE,
      "collections/{id}/objects/{object}",
      TAXII_WRITERS,
      api_taxii_delete,
      0,
      "taxiiDelete",
      "Take an object out of a collection",
      "TAXII 2.1, 5.7.",
      {P_ROOT, P_COLLECTION, P_OBJECT, P_VERSION, P_SPEC},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     TAXII_READ,
     {HTTP_GET,
      "collections/{id}/objects/{object}/versions",
      TAXII_READERS,
      api_taxii_versions,
      0,
      "taxiiVersions",
      "Versions of an object",
      "TAXII 2.1, 5.8; also with `next`.",
      {P_ROOT, P_COLLECTION, P_OBJECT, P_ADDED, P_LIMIT, P_NEXT, P_SPEC},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_ROOT,
     TAXII_READ,
     {HTTP_GET,
      "collections/{id}/tombstones",
      TAXII_READERS,
      api_taxii_tombstones,
      0,
      "taxiiTombstones",
      "What was deleted from a collection",
      "Beside the standard, for peers of this program: the API root tells it as x_noroshi_tombstones.",
      {P_ROOT, P_COLLECTION, P_ADDED},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_MESSAGES,
     0,
     {HTTP_GET,
      "",
      FOR_CLIENTS,
      api_messages_root,
      0,
      "messagesRoot",
      "Messages between nodes",
      "For active partners, by the TLS key of their card; for all others there is nothing at this address.",
      {{0}},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_MESSAGES,
     0,
     {HTTP_GET,
      "collections",
      FOR_CLIENTS,
      api_messages_collections,
      0,
      "messagesCollections",
      "The collection of messages",
      "For active partners.",
      {{0}},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_MESSAGES,
     0,
     {HTTP_GET,
      "collections/{id}",
      FOR_CLIENTS,
      api_messages_collection,
      0,
      "messagesCollection",
      "The collection of messages by its id",
      "For active partners.",
      {P_COLLECTION},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      OBJECT}},
    {TAXII_MESSAGES,
     0,
     {HTTP_GET,
      "collections/{id}/objects",
      FOR_CLIENTS,
      api_messages_get,
      0,
      "messagesWaiting",
      "Messages that wait for you",
      "For active partners, each its own; oldest first, until they are acknowledged. docs/messages.md.",
      {P_COLLECTION, P_ADDED, P_LIMIT},
      NULL,
      NULL,
      200,
      TAXII_TYPE,
      ENVELOPE}},
    {TAXII_MESSAGES,
     0,
     {HTTP_POST,
      "collections/{id}/objects",
      FOR_CLIENTS,
      api_messages_post,
      MESSAGES_BODY,
      "messagesBring",
      "Bring messages",
      "For active partners. Handled in their order; each success carries the signed acknowledgement.",
      {P_COLLECTION},
      TAXII_TYPE,
      ENVELOPE,
      202,
      TAXII_TYPE,
      OBJECT}},
    {.r = {.pattern = NULL}},
};

/* ---- finding */

const struct taxii_route *taxii_route_find(enum taxii_place place, enum http_method method, struct sv path,
                                           struct sv part[TAXII_PARTS], char ret_allow[64])
{
    method = method == HTTP_HEAD ? HTTP_GET : method;
    ret_allow[0] = 0;
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++) {
        if (t->place != place || http_match(t->r.pattern, path, part, TAXII_PARTS) < 0) {
            continue;
        }
        if (t->r.method == method) {
            return t;
        }
        route_allow(ret_allow, t->r.method);
    }
    return NULL;
}

void taxii_route_path(const struct taxii_route *t, char ret[160])
{
    const char *place = t->place == TAXII_DISCOVERY  ? "/taxii2/"
                        : t->place == TAXII_MESSAGES ? "/messages/"
                                                     : "/{api-root}/";
    snprintf(ret, 160, "%s%s%s", place, t->r.pattern, t->r.pattern[0] ? "/" : "");
}

/* ---- checking */

/* A right can only be asked of a collection, and whoever writes needs it. */
static const char *wrong_rights(const struct taxii_route *t)
{
    bool collection = strncmp(t->r.pattern, "collections/{id}/", 17) == 0;
    bool writes = t->r.method != HTTP_GET;
    if (t->place == TAXII_MESSAGES) {
        return t->needs || t->r.audience != FOR_CLIENTS ? "is for partners alone" : NULL;
    }
    if (collection != (t->needs != 0) || (t->needs & ~(TAXII_READ | TAXII_WRITE))) {
        return "says nothing of the collection's rights, or asks for rights without a collection";
    }
    if (writes != ((t->needs & TAXII_WRITE) != 0) || (t->r.audience & FOR_EVERYBODY)) {
        return "writes without the right, or lets everybody in";
    }
    return strcmp(t->r.answer_type, TAXII_TYPE) != 0 ? "answers in another type than TAXII's" : NULL;
}

static bool same(const struct taxii_route *a, const struct taxii_route *b)
{
    return strcmp(a->r.name, b->r.name) == 0 ||
           (a->place == b->place && a->r.method == b->r.method && strcmp(a->r.pattern, b->r.pattern) == 0);
}

int taxii_routes_check(struct err *e)
{
    for (const struct taxii_route *t = taxii_routes; t->r.pattern; t++) {
        const char *wrong = route_wrong(&t->r);
        wrong = wrong ? wrong : wrong_rights(t);
        for (const struct taxii_route *other = taxii_routes; !wrong && other != t; other++) {
            wrong = same(t, other) ? "stands twice" : NULL;
        }
        for (const struct route *other = routes; !wrong && other->pattern; other++) {
            wrong = strcmp(other->name, t->r.name) == 0 ? "has the name of another route" : NULL;
        }
        if (wrong) {
            char path[160];
            taxii_route_path(t, path);
            return err_set(e, ERR_INTERNAL, "the route %s %s %s", route_method_name(t->r.method), path,
                           wrong);
        }
    }
    return OK;
}
