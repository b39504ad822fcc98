#include "share/partner/witnessing.h"

#include <fcntl.h>
#include <unistd.h>

#define EVERY_SECONDS 60
#define REQUEST_MOST ((size_t)65536)
#define ANSWER_MOST ((size_t)65536)

struct asking {
    const struct witnessing *w;
    struct arena a;
    struct buf cert, key;
    unsigned asked, signed_, failed;
    struct err first; /* failure, with the partner's name */
};

/* ---- one request */

static int read_pem(const struct witnessing *w, const char *name, struct buf *ret, struct err *e)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/tls/%s", w->home, name) >= (int)sizeof(path)) {
        return err_set(e, ERR_LIMIT, "the path of the node's certificate is too long");
    }
    return file_read(AT_FDCWD, path, ret, e);
}

static int read_answer(int fd, struct buf *ret, struct err *e)
{
    ssize_t got = 1;
    while (got > 0 && !ret->failed) {
        char *room = buf_reserve(ret, 4096);
        got = room ? read(fd, room, 4096) : 0;
        ret->n += got > 0 ? (size_t)got : 0;
    }
    return got < 0 || ret->failed ? err_set(e, ERR_IO, "the witness's answer cannot be read") : OK;
}

/* Posts with our certificate to the partner's pinned key: the present one, else the next. */
static int post(struct asking *a, const struct partner *p, const char *path, struct sv body,
                unsigned *ret_status, struct buf *answer, struct err *e)
{
    struct fetch_answer got = {.fd = -1};
    int rc = ERR_CRYPTO;
    for (size_t i = 0; i < 2 && (i == 0 || rc == ERR_AUTH) && p->card.spki[i].n; i++) {
        const struct fetch_request r = {.method = "POST",
                                        .url = arena_printf(&a->a, "%.*s%s%s", SV_ARG(p->card.url),
                                                            sv_ends(p->card.url, SV("/")) ? "" : "/", path),
                                        .body = body,
                                        .header = {{SV("Content-Type"), SV("text/plain")}},
                                        .headers = 1,
                                        .pin = p->card.spki[i],
                                        .pin_alone = true,
                                        .client_cert_pem = buf_sv(&a->cert),
                                        .client_key_pem = buf_sv(&a->key),
                                        .max_bytes = ANSWER_MOST,
                                        .seconds = 30,
                                        .stall_seconds = 10};
        rc = fetch(a->w->fetcher, &r, &a->a, &got, e);
    }
    *ret_status = got.status;
    rc = rc == OK && got.fd >= 0 ? read_answer(got.fd, answer, e) : rc;
    close_fd(&got.fd);
    return rc;
}

/* ---- one partner */

static int refused(unsigned status, const struct buf *answer, struct err *e)
{
    char shown[120];
    err_set(e, ERR_DENIED, "the witness answered %u: %s", status,
            sv_show(sv_trim(buf_sv(answer)), shown, sizeof(shown)));
    return err_hint(e, "ask the partner: its log of this node and ours may differ");
}

/* Brings our newest checkpoint from the size `old` on. ERR_CONFLICT: the witness holds another size,
 * *ret_held. */
static int bring(struct asking *a, const struct partner *p, const struct note_key *key, struct sv request,
                 uint64_t size, uint64_t *ret_held, struct err *e)
{
    struct buf answer;
    unsigned status = 0;
    buf_init(&answer, ANSWER_MOST);
    int rc = post(a, p, WITNESS_PATH, request, &status, &answer, e);
    if (rc == OK && status == 409 && sv_u64(sv_trim(buf_sv(&answer)), ret_held)) {
        err_set(e, ERR_CONFLICT, "the witness holds size %llu of this log, and does not cosign size %llu",
                (unsigned long long)*ret_held, (unsigned long long)size);
        rc =
            err_hint(e, "this node's log was set back, or two nodes use its keys: restore it as a new epoch");
    } else if (rc == OK && status != 200) {
        rc = refused(status, &answer, e);
    }
    rc = rc == OK ? ledger_cosigned(a->w->ledger, size, buf_sv(&answer), key, e) : rc;
    buf_clear(&answer);
    return rc;
}

/* 1 = cosigned, 0 = there is nothing that this witness has not cosigned. */
static int ask_from(struct asking *a, const struct partner *p, const struct note_key *key, uint64_t old,
                    bool again, uint64_t *ret_held, struct err *e)
{
    struct buf request;
    struct err none = ERR_NONE;
    uint64_t size;
    buf_init(&request, REQUEST_MOST);
    int rc = ledger_witness_request(a->w->ledger, old, &size, &request, &none);
    bool nothing = !again && (rc == ERR_NOT_FOUND || (rc == OK && old == size));
    if (rc == OK && !nothing) {
        rc = bring(a, p, key, buf_sv(&request), size, ret_held, e);
        rc = rc == OK ? 1 : rc;
    } else if (!nothing && rc != ERR_NOT_FOUND) {
        *e = none; /* else `e` tells what the witness holds, which is more than we have */
    }
    buf_clear(&request);
    return nothing ? 0 : rc;
}

static int ask_partner(struct asking *a, const struct partner *p, struct err *e)
{
    struct note_key key;
    uint64_t old = 0, held = 0;
    usec at;
    int rc = note_key_parse(p->card.witness, &key, e);
    rc = rc == OK ? ledger_cosigned_by(a->w->ledger, &key, &old, &at, e) : rc;
    rc = rc == OK ? ask_from(a, p, &key, old, false, &held, e) : rc;
    return rc == ERR_CONFLICT && held != old ? ask_from(a, p, &key, held, true, &held, e) : rc;
}

static int on_partner(void *ctx, const struct partner *p)
{
    struct asking *a = ctx;
    struct err e = ERR_NONE;
    char name[80];
    if (p->status != PARTNER_ACTIVE) {
        return OK;
    }
    int rc = ask_partner(a, p, &e);
    a->asked++;
    a->signed_ += rc == 1;
    if (rc < 0 && !a->failed++) {
        err_set(&a->first, e.code, "%s: %s", sv_show(p->card.name[LANGUAGE_EN], name, sizeof(name)), e.text);
    }
    return OK;
}

/* ---- the job */

int witness_ask(const struct witnessing *w, unsigned *ret_asked, unsigned *ret_signed, struct err *e)
{
    struct asking a = {.w = w, .first = ERR_NONE};
    arena_init(&a.a, 64u << 20);
    buf_init(&a.cert, 1u << 20);
    buf_init(&a.key, 1u << 20);
    int rc = partner_any(a.w->db) ? read_pem(a.w, "cert.pem", &a.cert, e) : OK;
    rc = rc == OK && a.cert.n ? read_pem(a.w, "key.pem", &a.key, e) : rc;
    rc = rc == OK ? partner_each(a.w->db, &a.a, on_partner, &a, e) : rc;
    *ret_asked = a.asked;
    *ret_signed = a.signed_;
    if (a.key.p) {
        explicit_bzero(a.key.p, a.key.n);
    }
    buf_clear(&a.key);
    buf_clear(&a.cert);
    arena_clear(&a.a);
    if (rc == OK && a.failed) {
        *e = a.first;
        rc = e->code;
    }
    return rc;
}

int witness_job(void *ctx, struct job_call *call, struct err *e)
{
    unsigned asked = 0, cosigned = 0;
    int rc = witness_ask(ctx, &asked, &cosigned, e);
    if (cosigned) { /* a round in which nothing was new is nothing to tell */
        snprintf(call->text, sizeof(call->text), "%u partners asked, %u cosigned", asked, cosigned);
    }
    return rc;
}

int witness_schedule(struct db *db, usec now, struct err *e)
{
    const struct job j = {.name = SV(WITNESS_KIND),
                          .kind = SV(WITNESS_KIND),
                          .argument = SV(""),
                          .every_seconds = EVERY_SECONDS,
                          .enabled = true};
    return job_put(db, &j, now, now, e);
}
