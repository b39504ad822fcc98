/* One request in the fetcher: made ready for curl, sent on, ended. */
#include "net/fetch_private.h"
#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { PEM_CA, PEM_CERT, PEM_KEY };

struct transfer *transfer_new(struct buf *bytes, int reply, int spool)
{
    struct transfer *t = calloc(1, sizeof(*t));
    if (!t) {
        buf_clear(bytes);
        close_fd(&reply);
        close_fd(&spool);
        return NULL;
    }
    t->bytes = *bytes;
    *bytes = (struct buf){.max = bytes->max};
    t->reply = reply;
    t->spool = spool;
    for (int i = 0; i < 3; i++)
        t->pem[i] = -1;
    t->why = ERR_NONE;
    t->began = t->moved = time_ticks();
    arena_init(&t->a, 1 << 20);
    arena_init(&t->head, FETCH_HEAD_MOST * 2);
    return t;
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t->url);
    if (t->inflating)
        (void)inflateEnd(&t->z);
    for (int i = 0; i < 3; i++)
        close_fd(&t->pem[i]);
    close_fd(&t->reply);
    close_fd(&t->spool);
    buf_clear(&t->bytes);
    arena_clear(&t->a);
    arena_clear(&t->head);
    free(t);
}

/* ---- where it goes */

static int bad_address(struct err *e)
{
    err_set(e, ERR_VALUE, "address: this is no address of the web, or it holds a user name or password");
    return err_hint(e, "write it like https://feed.example/list.txt; credentials go into headers");
}

static int judge_scheme(const struct transfer *t, const char *scheme, struct err *e)
{
    if (strcmp(scheme, "https") == 0)
        return OK;
    if (strcmp(scheme, "http") != 0)
        return err_set(e, ERR_DENIED, "address: '%s' is not fetched from, only https", scheme);
    if (!t->ask.plain) {
        err_set(e, ERR_DENIED, "%s: http without TLS is not fetched from",
                t->redirects ? "redirect" : "address");
        return err_hint(e, "use the address with https");
    }
    return OK;
}

static int look_at_parts(struct transfer *t, CURLU *u, char *part[5], struct err *e)
{
    enum { SCHEME, HOST, PORT, USER, PASSWORD };
    if (!u || curl_url_set(u, CURLUPART_URL, t->url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &part[SCHEME], 0) != CURLUE_OK)
        return bad_address(e);
    if (curl_url_get(u, CURLUPART_HOST, &part[HOST], 0) == CURLUE_OK)
        (void)sv_show(sv_c(part[HOST]), t->host, sizeof(t->host));
    int rc = judge_scheme(t, part[SCHEME], e);
    if (rc != OK)
        return rc;
    if (!part[HOST] || curl_url_get(u, CURLUPART_USER, &part[USER], 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_PASSWORD, &part[PASSWORD], 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &part[PORT], CURLU_DEFAULT_PORT) != CURLUE_OK)
        return bad_address(e);
    int n = snprintf(t->at, sizeof(t->at), "%s://%s:%s", part[SCHEME], part[HOST], part[PORT]);
    return n < (int)sizeof(t->at) ? OK : bad_address(e);
}

/* Reads t->url: host, origin, and whether it may be gone to. */
static int look_at_url(struct transfer *t, struct err *e)
{
    char *part[5] = {NULL};
    CURLU *u = curl_url();
    int rc = look_at_parts(t, u, part, e);
    for (size_t i = 0; i < 5; i++)
        curl_free(part[i]);
    curl_url_cleanup(u);
    return rc;
}

/* A server without TLS may not send on to another one without TLS. */
static int judge_hop(struct transfer *t, struct err *e)
{
    if (t->redirects == 0)
        return sv_copy(sv_c(t->at), t->origin, sizeof(t->origin)) ? OK : bad_address(e);
    if (strcmp(t->at, t->origin) != 0)
        t->foreign = true;
    if (t->foreign && strncmp(t->at, "https:", 6) != 0)
        return err_set(e, ERR_DENIED, "redirect: to %s without TLS", t->host);
    return OK;
}

/* ---- what is said */

/* Any other header may be a credential. */
static bool harmless(struct sv name)
{
    return sv_ieq(name, SV("accept")) || sv_ieq(name, SV("accept-language")) ||
           sv_ieq(name, SV("user-agent"));
}

static int add_line(struct transfer *t, const char *line, struct err *e)
{
    struct curl_slist *more = line ? curl_slist_append(t->headers, line) : NULL;
    if (!more)
        return err_set(e, ERR_MEMORY, "no memory for the headers of a request");
    t->headers = more;
    return OK;
}

/* "Name;" is how curl is told of a header without a value. */
static int add_header(struct transfer *t, struct sv name, struct sv value, struct err *e)
{
    return add_line(t, arena_printf(&t->a, "%.*s%s%.*s", SV_ARG(name), value.n ? ": " : ";", SV_ARG(value)).p,
                    e);
}

static int set_headers(struct transfer *t, struct err *e)
{
    const struct fetch_request *r = &t->ask;
    char range[48];
    int rc = OK;
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    for (size_t i = 0; rc == OK && i < r->headers; i++)
        if (!t->foreign || harmless(r->header[i].name))
            rc = add_header(t, r->header[i].name, r->header[i].value, e);
    if (r->resume_from) {
        (void)snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)r->resume_from);
        rc = rc == OK ? add_header(t, SV("Range"), sv_c(range), e) : rc;
        return rc == OK ? add_header(t, SV("If-Range"), r->etag, e) : rc;
    }
    if (rc == OK && r->etag.n)
        rc = add_header(t, SV("If-None-Match"), r->etag, e);
    if (rc == OK && r->modified.n)
        rc = add_header(t, SV("If-Modified-Since"), r->modified, e);
    if (rc == OK && r->body.n)
        rc = add_line(t, "Expect:", e);
    /* Unpacked here and not by curl, which does not tell when a gzip body ends too early. */
    return rc == OK ? add_header(t, SV("Accept-Encoding"), SV("gzip"), e) : rc;
}

static int set_method(struct transfer *t, struct err *e)
{
    CURL *c = t->easy;
    CURLcode rc = CURLE_OK;
    if (strcmp(t->ask.method, "GET") == 0) {
        rc = curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    } else if (strcmp(t->ask.method, "POST") == 0) {
        (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->ask.body.n);
        rc = curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->ask.body.n ? t->ask.body.p : "");
    } else if (strcmp(t->ask.method, "DELETE") == 0) {
        rc = curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "DELETE");
    } else {
        return err_set(e, ERR_USAGE, "the method of a request is GET, POST or DELETE");
    }
    return rc == CURLE_OK ? OK : err_set(e, ERR_MEMORY, "no memory for a request");
}

/* ---- whom it trusts */

/* GnuTLS reads files: one in memory, by the name it has in this process. */
static int set_pem(struct transfer *t, int which, struct sv pem, CURLoption option, struct err *e)
{
    char path[32];
    if (pem.n == 0)
        return OK;
    if (t->pem[which] < 0) {
        t->pem[which] = memfd_create("noroshi-pem", MFD_CLOEXEC);
        if (t->pem[which] < 0 || fd_write_all(t->pem[which], pem, e) != OK)
            return err_set(e, ERR_MEMORY, "no memory for certificates");
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", t->pem[which]);
    return curl_easy_setopt(t->easy, option, path) == CURLE_OK
               ? OK
               : err_set(e, ERR_MEMORY, "no memory for certificates");
}

static int set_pin(struct transfer *t, struct err *e)
{
    struct sha256 key;
    struct buf b;
    if (t->ask.pin.n == 0)
        return OK;
    if (!hex_parse(t->ask.pin, key.b, sizeof(key.b)))
        return err_set(e, ERR_VALUE, "TLS: the pinned key is no SHA-256 sum in hex");
    buf_init(&b, 256);
    buf_add(&b, SV("sha256//"));
    base64_add(&b, sv_from((const char *)key.b, sizeof(key.b)));
    buf_addc(&b, 0);
    CURLcode rc = b.failed ? CURLE_OUT_OF_MEMORY : curl_easy_setopt(t->easy, CURLOPT_PINNEDPUBLICKEY, b.p);
    buf_clear(&b);
    return rc == CURLE_OK ? OK : err_set(e, ERR_UNSUPPORTED, "TLS: this libcurl cannot pin keys");
}

static int set_trust(struct transfer *t, struct err *e)
{
    const struct fetch_request *r = &t->ask;
    CURL *c = t->easy;
    bool chain = !r->pin_alone;
    if (!chain && r->pin.n == 0)
        return err_set(e, ERR_VALUE, "TLS: there is no pinned key to trust");
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, chain ? 1L : 0L);
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, chain ? 2L : 0L);
    (void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    int rc = set_pin(t, e);
    if (r->ca_pem.n)
        (void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    rc = rc == OK ? set_pem(t, PEM_CA, r->ca_pem, CURLOPT_CAINFO, e) : rc;
    if (rc == OK && !t->foreign) {
        rc = set_pem(t, PEM_CERT, r->client_cert_pem, CURLOPT_SSLCERT, e);
        rc = rc == OK ? set_pem(t, PEM_KEY, r->client_key_pem, CURLOPT_SSLKEY, e) : rc;
    }
    /* curl tells connections apart by the names of files, which other requests will have as well. */
    bool own = r->ca_pem.n || r->client_cert_pem.n;
    (void)curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, (long)own);
    (void)curl_easy_setopt(c, CURLOPT_FORBID_REUSE, (long)own);
    return rc;
}

/* ---- all of it */

/* A proxy of the environment is for the outside: loopback is always reached directly. */
static void set_proxy(struct transfer *t)
{
    const char *no = getenv("no_proxy");
    struct sv all = arena_printf(&t->a, "%s%slocalhost,127.0.0.1,::1", no ? no : "", no && *no ? "," : "");
    (void)curl_easy_setopt(t->easy, CURLOPT_NOPROXY, all.p ? all.p : "*");
}

static void set_limits(struct transfer *t)
{
    const struct fetch_request *r = &t->ask;
    CURL *c = t->easy;
    if (r->bytes_per_second) {
        /* curl reads up to a hundred buffers before it looks at the limit. */
        uint64_t step = r->bytes_per_second / 100;
        (void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE,
                               step < 1024    ? 1024L
                               : step > 16384 ? 16384L
                                              : (long)step);
        (void)curl_easy_setopt(c, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)r->bytes_per_second);
        (void)curl_easy_setopt(c, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)r->bytes_per_second);
    }
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, r->plain ? "http,https" : "https");
    (void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void set_callbacks(struct transfer *t)
{
    CURL *c = t->easy;
    (void)curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->curl_text);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, fetch_head_line);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, fetch_body_bytes);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, fetch_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
}

int transfer_prepare(struct transfer *t, struct err *e)
{
    if (!t->easy) {
        if (!fetch_ask_decode(buf_sv(&t->bytes), &t->a, &t->ask))
            return err_set(e, ERR_INTERNAL, "the fetcher was asked something that is no request");
        t->ask.seconds = t->ask.seconds ? t->ask.seconds : FETCH_SECONDS;
        t->ask.stall_seconds = t->ask.stall_seconds ? t->ask.stall_seconds : FETCH_STALL_SECONDS;
        t->easy = curl_easy_init();
        t->url = strdup(t->ask.url.p);
    }
    if (!t->easy || !t->url)
        return err_set(e, ERR_MEMORY, "no memory for a request");
    curl_easy_reset(t->easy);
    t->curl_text[0] = 0;
    int rc = look_at_url(t, e);
    rc = rc == OK ? judge_hop(t, e) : rc;
    rc = rc == OK ? set_method(t, e) : rc;
    rc = rc == OK ? set_headers(t, e) : rc;
    rc = rc == OK ? set_trust(t, e) : rc;
    if (rc != OK)
        return rc;
    set_limits(t);
    set_proxy(t);
    set_callbacks(t);
    (void)curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "noroshi/" NOROSHI_VERSION);
    if (curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK ||
        curl_easy_setopt(t->easy, CURLOPT_URL, t->url) != CURLE_OK)
        return err_set(e, ERR_MEMORY, "no memory for a request");
    return OK;
}

/* ---- the end */

static bool is_redirect(const struct transfer *t)
{
    return strcmp(t->ask.method, "GET") == 0 &&
           (t->status == 301 || t->status == 302 || t->status == 303 || t->status == 307 || t->status == 308);
}

static int follow(struct transfer *t, struct err *e)
{
    char *to = NULL;
    (void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        return err_set(e, ERR_SYNTAX, "redirect: %s answers %u without saying where", t->host, t->status);
    if (++t->redirects > FETCH_REDIRECTS)
        return err_set(e, ERR_LIMIT, "redirect: sent on more than %d times, last by %s", FETCH_REDIRECTS,
                       t->host);
    to = strdup(to);
    if (!to)
        return err_set(e, ERR_MEMORY, "no memory for a request");
    free(t->url);
    t->url = to;
    int rc = fetch_body_restart(t, e);
    return rc == OK ? 1 : rc;
}

/* The connection broke when part of a good body was there: that part is of use. */
static bool cut_short(const struct transfer *t, CURLcode code)
{
    bool broke = code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SSL_CONNECT_ERROR ||
                 (code == CURLE_OK && !fetch_body_whole(t));
    return broke && t->headed && (t->status == 200 || t->status == 206) && t->stored > 0;
}

int transfer_end(struct transfer *t, CURLcode code, struct fetch_answer *ret, struct err *e)
{
    if (t->enough)
        code = CURLE_OK;
    else if (t->why.code != OK) {
        *e = t->why;
        return e->code;
    }
    bool cut = cut_short(t, code);
    if (code != CURLE_OK && !cut)
        return transfer_explain(t, code, e);
    if (code == CURLE_OK && !cut && !fetch_body_whole(t))
        return err_set(e, ERR_CORRUPT, "coding: the server's gzip ends too early");
    if (is_redirect(t))
        return follow(t, e);
    *ret = (struct fetch_answer){
        .status = t->status, .fd = -1, .bytes = t->stored, .cut = cut, .headers = t->nheaders};
    memcpy(ret->header, t->header, sizeof(ret->header));
    return OK;
}
