#include "serve/private.h"

#include <pthread.h>
#include <sodium.h>

#define OPS 3
#define MEMORY ((size_t)64 << 20)
#define AT_ONCE 2
#define WAITING_MOST 2 /* each holds a worker of the HTTP side */

/* Each hash takes 64 MiB: without a bound sign-ins could be used to exhaust memory. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static unsigned running, waiting;

static bool enter(bool patient)
{
    pthread_mutex_lock(&lock);
    bool ok = patient || waiting < WAITING_MOST;
    if (ok) {
        waiting++;
        while (running >= AT_ONCE) {
            pthread_cond_wait(&freed, &lock);
        }
        waiting--;
        running++;
    }
    pthread_mutex_unlock(&lock);
    return ok;
}

static void leave(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&lock);
}

int password_hash(struct sv password, char ret[PASSWORD_HASH], struct err *e)
{
    _Static_assert(PASSWORD_HASH >= crypto_pwhash_STRBYTES, "room for an argon2id string");
    enter(true);
    int rc = crypto_pwhash_str_alg(ret, password.p, password.n, OPS, MEMORY, crypto_pwhash_ALG_ARGON2ID13);
    leave();
    return rc == 0 ? OK : err_set(e, ERR_MEMORY, "no memory to hash a password (64 MiB)");
}

/* Made of the same parameters as all others, so that an unknown name costs what a known one costs. */
static const char *nobody(struct err *e)
{
    static char hash[PASSWORD_HASH];
    static bool made;
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    uint8_t random[32];
    pthread_mutex_lock(&once);
    if (!made) {
        random_bytes(random, sizeof(random));
        made = password_hash(sv_from((const char *)random, sizeof(random)), hash, e) == OK;
    }
    const char *ret = made ? hash : NULL;
    pthread_mutex_unlock(&once);
    return ret;
}

int password_check(struct sv password, const char *hash, bool *ret_good, struct err *e)
{
    *ret_good = false;
    const char *against = hash ? hash : nobody(e);
    if (!against) {
        return e->code;
    }
    if (password.n > PASSWORD_MOST) {
        password.n = 0;
    }
    if (!enter(false)) {
        err_set(e, ERR_BUSY, "too many people sign in at this moment");
        return err_hint(e, "try again in a few seconds");
    }
    int rc = crypto_pwhash_str_verify(against, password.n ? password.p : "", password.n);
    leave();
    *ret_good = rc == 0 && hash;
    return OK;
}
