/* Why a request failed: the step, and what can be done about it. */
#include "net/fetch_private.h"

static bool reached(const struct transfer *t, CURLINFO what)
{
    curl_off_t after = 0;
    return curl_easy_getinfo(t->easy, what, &after) == CURLE_OK && after > 0;
}

/* The step that was under way. */
static const char *step(const struct transfer *t)
{
    if (!reached(t, CURLINFO_NAMELOOKUP_TIME_T))
        return "name";
    char *address = NULL;
    if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address) != CURLE_OK || !address || !*address)
        return "connect";
    if (strncmp(t->at, "https:", 6) == 0 && !reached(t, CURLINFO_APPCONNECT_TIME_T))
        return "TLS";
    return t->headed ? "body" : "answer";
}

int transfer_late(const struct transfer *t, bool stalled, struct err *e)
{
    if (stalled)
        err_set(e, ERR_TIME, "time (%s): nothing came from %s for %u seconds", step(t), t->host,
                t->ask.stall_seconds);
    else
        err_set(e, ERR_TIME, "time (%s): %s needed more than %u seconds", step(t), t->host, t->ask.seconds);
    return err_hint(e, "try again later, or give it more time");
}

/* curl's own words: of the server's certificate perhaps, so shown like any text from outside. */
static const char *detail(const struct transfer *t, CURLcode code, char room[200])
{
    struct sv text = sv_c(t->curl_text[0] ? t->curl_text : curl_easy_strerror(code));
    /* Names of files that are descriptors of this process say nothing to people. */
    return sv_show(sv_sub(text, 0, sv_find(text, SV(" CAfile:"))), room, 200);
}

static int explain_tls(const struct transfer *t, CURLcode code, struct err *e)
{
    char room[200];
    switch (code) {
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        err_set(e, ERR_AUTH, "TLS: the key of %s is not the pinned one", t->host);
        return err_hint(e, "ask who runs it, by another way than the network, whether the key was changed");
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, ERR_VALUE, "TLS: the certificates to be trusted cannot be read");
    case CURLE_SSL_CERTPROBLEM:
        err_set(e, ERR_VALUE, "TLS: our client certificate or its key cannot be used: %s",
                detail(t, code, room));
        return err_hint(e, "give certificate and key as PEM that belong together");
    case CURLE_PEER_FAILED_VERIFICATION:
        err_set(e, ERR_AUTH, "TLS: the certificate of %s is not trusted: %s", t->host, detail(t, code, room));
        return err_hint(
            e, "when the server is known to be right, name the authority that signed its certificate");
    default:
        return err_set(e, ERR_CRYPTO, "TLS: no agreement with %s: %s", t->host, detail(t, code, room));
    }
}

int transfer_explain(const struct transfer *t, CURLcode code, struct err *e)
{
    char room[200];
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(e, ERR_VALUE, "address: %s", detail(t, code, room));
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
        err_set(e, ERR_NOT_FOUND, "name: '%s' cannot be resolved", t->host);
        return err_hint(e, "look at the spelling, at the network and at /etc/resolv.conf");
    case CURLE_COULDNT_CONNECT:
        err_set(e, ERR_IO, "connect: %s cannot be reached: %s", t->host, detail(t, code, room));
        return err_hint(e, "try again later; look at the network, the firewall and https_proxy");
    case CURLE_OPERATION_TIMEDOUT:
        return transfer_late(t, false, e);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_tls(t, code, e);
    case CURLE_OUT_OF_MEMORY:
        return err_set(e, ERR_MEMORY, "no memory for a request");
    default:
        err_set(e, ERR_IO, "%s: the exchange with %s broke off: %s", step(t), t->host, detail(t, code, room));
        return err_hint(e, "try again later");
    }
}
