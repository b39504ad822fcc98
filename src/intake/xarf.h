/*
 * Private to the xarf format. X-ARF has had two lives: e-mails with a YAML part (x-arf.org 0.1 and 0.2), and
 * JSON (xarf.org versions 1 to 4), alone or as a part of an e-mail. What a report must look like stands in
 * tables (xarf_rules.c): a member of a group, its type, its format; which groups make up a type of report.
 */
#pragma once

#include "intake/json_span.h"
#include "intake/report.h"

enum xarf_version { XARF_MAIL = 1, XARF_1 = 2, XARF_2 = 4, XARF_3 = 8, XARF_4 = 16 };
#define XARF_OLD (XARF_1 | XARF_2)
#define XARF_JSON (XARF_1 | XARF_2 | XARF_3)

enum xarf_group {
    XG_NONE,
    XG_TOP,
    XG_REPORTER,
    XG_BEHALF,
    XG_INTERNAL,
    XG_SUBSCRIBER,
    XG_CONTRACT,
    XG_BASE, /* members of every Report; the following add to it */
    XG_DATE,
    XG_SOURCE,
    XG_URL,
    XG_DESTINATION,
    XG_ATTACKER,
    XG_TRAFFIC,
    XG_COMMON,
    XG_FILE,
    XG_EMAIL,
    XG_SERVICE,
    XG_TRANSPORT,
    XG_CVE,
    XG_HARASSMENT,
    XG_PASSWORD,
    XG_WORK, /* copyright, trademark */
    XG_MALWARE,
    XG_RPZ,
    XG_ACCOUNT,
    XG_ACCOUNT_DATA,
    XG_SAMPLE,
    XG_HASH,
    XG_CVSS,
    XG_CONTACT,  /* version 4 */
    XG_EVIDENCE, /* version 4 */
    XG_EVENT,    /* version 4: what its types share */
    XG_MAX,
};
_Static_assert(XG_MAX <= 64, "groups of a type are bits");
#define XG(group) (UINT64_C(1) << (group))

enum xarf_type_of {
    XT_ANY,
    XT_STRING,
    XT_INT,
    XT_NUMBER,
    XT_BOOL,
    XT_OBJECT,  /* read by group `arg` */
    XT_STRINGS, /* array of strings */
    XT_OBJECTS, /* array of objects of group `arg` */
    XT_INTS,    /* one integer or an array of them */
    XT_MAP,     /* object of strings */
    XT_CUSTOM,  /* object of strings and integers */
};

enum xarf_form {
    XF_NONE,
    XF_WORDS, /* one of `words` */
    XF_NAME,  /* at least three characters */
    XF_WORD,  /* at least one character */
    XF_IP,
    XF_EMAIL,
    XF_NOT_EMAIL,
    XF_HOST,
    XF_URI,
    XF_TIME, /* RFC 3339 */
    XF_DATE, /* as people write it in e-mails */
    XF_UUID,
    XF_CVE,
    XF_VERSION, /* 4.x.y */
    XF_TAG,
    XF_HASH, /* algorithm:digits */
    XF_CVSS2,
    XF_PORT,
    XF_PORT1,
    XF_COUNT, /* >= 0 */
    XF_AS,
    XF_SHARE, /* 0 to 1 */
};

struct xarf_rule {
    uint8_t group;
    uint8_t versions;
    uint8_t type;
    uint8_t form;
    uint8_t arg;
    bool required;
    const char *key;
    const char *words; /* XF_WORDS: separated by '|' */
};
extern const struct xarf_rule xarf_rules[]; /* ends with a NULL key */

enum xarf_how {
    XH_BAD = 1,     /* its source is stated as bad */
    XH_HOSTED = 2,  /* what is bad is the URL: the address under it may serve many others */
    XH_EITHER = 4,  /* SourceIp or SourceUrl must be there */
    XH_ACCOUNT = 8, /* about an account: no source */
};
struct xarf_kind {
    uint8_t versions;
    uint8_t how;
    const char *class, *type;
    uint64_t groups;
    const char *required; /* members, separated by spaces */
};
extern const struct xarf_kind xarf_kinds[]; /* ends with a NULL type */

struct xarf {
    struct report r;
    struct json_doc *doc;
    unsigned version;
    const struct xarf_kind *kind;
};

/*
 * Checks a report and finds its kind. ERR_VALUE names every broken rule that the text has room for, each with
 * its JSON pointer.
 */
int xarf_check(struct xarf *x, struct jv root, struct err *e) MUST_USE;

/* ---- xarf_form.c ----------------------------------------------------------------------------- */

/* Whether a string or number has the form of its rule, and what that form is in words. */
bool xarf_form_fits(const struct xarf_rule *r, struct jv v);
const char *xarf_form_name(const struct xarf_rule *r);
/* One of several words, which are separated by '|'. */
bool xarf_is_word(struct sv text, const char *words);
bool xarf_is_ip(struct sv text);

/* ---- xarf_mail.c ----------------------------------------------------------------------------- */

/* The header of an e-mail that says "X-XARF:" or "X-ARF:". */
bool xarf_is_mail(struct sv head);
/*
 * The report inside an e-mail as JSON text in `out`: the YAML part as one flat object of version "0.1" or
 * "0.2", or the JSON part as it stands. *ret_yaml says which.
 */
int xarf_mail(struct sv mail, struct buf *out, bool *ret_yaml, struct err *e) MUST_USE;
