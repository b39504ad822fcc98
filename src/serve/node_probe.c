/* The message "probe": whether messages get through and come back acknowledged (`noroshi messages probe`). */
#include "serve/node.h"

#define NONCE_MOST 64

static int receive(void *ctx, const struct message *m, usec now, struct buf *result, struct err *e)
{
    struct node *n = ctx;
    struct jw w;
    struct jv v = {0};
    char at[32];
    struct json_doc *d = json_doc_new(MESSAGE_BODY_MOST);
    int rc = d ? json_parse(d, m->body, &v, e) : err_set(e, ERR_MEMORY, "no memory to read a probe");
    struct sv nonce = json_get_str(v, SV("nonce"));
    if (rc == OK && (nonce.n == 0 || nonce.n > NONCE_MOST)) {
        rc = err_set(e, ERR_VALUE, "a probe has a nonce of 1 to %d bytes", NONCE_MOST);
    }
    if (rc == OK) {
        time_text6(now, at);
        jw_init(&w, result);
        jw_obj(&w);
        jw_kstr(&w, "at", sv_c(at));
        jw_kstr(&w, "node", sv_c(n->name));
        jw_kstr(&w, "nonce", nonce);
        jw_end_obj(&w);
    }
    json_doc_free(d);
    return rc;
}

struct message_kind node_probe_kind(struct node *n)
{
    return (struct message_kind){.name = "probe", .receive = receive, .ctx = n};
}
