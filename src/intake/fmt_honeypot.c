/*
 * Honeypots as T-Pot runs them: Heralding (log_session.json), Dionaea (log_json), Cowrie (jsonlog) and Cisco
 * ASA. JSON lines, an array with one event a line, or the text Cisco ASA prints. Names and passwords that
 * attackers tried are no observables.
 */
#include "intake/event.h"

enum group { TOP, DOWNLOAD };

enum slot {
    S_NONE,
    S_TIME,
    S_AT_TIME,
    S_EVENTID,
    S_SESSION,
    S_ATTEMPTS,
    S_CONNECTION,
    S_CREDENTIALS,
    S_DOWNLOAD,
    S_SENSOR,
    S_HOST,
    S_TYPE,
    S_SRC,
};
_Static_assert(S_SRC < EVENT_SLOTS, "more slots than a state has");

static const struct event_rule rules[] = {
    {TOP, TAKE_NONE, 0, S_TIME, "timestamp", ""},
    {TOP, TAKE_NONE, 0, S_AT_TIME, "@timestamp", ""},
    {TOP, TAKE_NONE, 0, S_EVENTID, "eventid", ""},
    {TOP, TAKE_NONE, 0, S_SESSION, "session_id", ""},
    {TOP, TAKE_NONE, 0, S_ATTEMPTS, "auth_attempts", ""},
    {TOP, TAKE_NONE, 0, S_CONNECTION, "connection", ""},
    {TOP, TAKE_NONE, 0, S_CREDENTIALS, "credentials", ""},
    {TOP, TAKE_NONE, 0, S_SENSOR, "sensor", ""},
    {TOP, TAKE_NONE, 0, S_HOST, "t-pot_hostname", ""},
    {TOP, TAKE_NONE, 0, S_TYPE, "type", ""},
    {TOP, TAKE_IP, 0, S_SRC, "source_ip", "source_ip"},
    {TOP, TAKE_IP, 0, S_NONE, "destination_ip", "destination_ip"},
    {TOP, TAKE_IP, 0, S_SRC, "src_ip", "src_ip"},
    {TOP, TAKE_NAME, 0, S_NONE, "src_hostname", "src_hostname"},
    /* Cowrie writes the name an attacker wants to be tunnelled to here */
    {TOP, TAKE_NAME, 0, S_NONE, "dst_ip", "dst_ip"},
    {TOP, TAKE_IP, 0, S_NONE, "dest_ip", "dest_ip"},
    {TOP, TAKE_URL, 0, S_NONE, "url", "url"},
    {TOP, TAKE_HASH, 0, S_NONE, "shasum", "shasum"},
    {TOP, TAKE_HASH, 0, S_NONE, "md5_hash", "md5_hash"},
    {TOP, TAKE_GROUP, DOWNLOAD, S_DOWNLOAD, "download", ""},
    {TOP, TAKE_GROUP, DOWNLOAD, S_DOWNLOAD, "downloads", ""},
    {DOWNLOAD, TAKE_URL, 0, S_NONE, "url", "downloads.url"},
    {DOWNLOAD, TAKE_HASH, 0, S_NONE, "md5_hash", "downloads.md5"},
    {DOWNLOAD, TAKE_HASH, 0, S_NONE, "md5", "downloads.md5"},
    {DOWNLOAD, TAKE_HASH, 0, S_NONE, "sha1", "downloads.sha1"},
    {DOWNLOAD, TAKE_HASH, 0, S_NONE, "sha256", "downloads.sha256"},
    {DOWNLOAD, TAKE_HASH, 0, S_NONE, "shasum", "downloads.sha256"},
    {0},
};

static const struct event_class cowrie_classes[] = {
    {SV_ROW("cowrie.login.failed"), SV_ROW("login")},
    {SV_ROW("cowrie.login.success"), SV_ROW("login")},
    {SV_ROW("cowrie.session.connect"), SV_ROW("flow")},
    {SV_ROW("cowrie.session.closed"), SV_ROW("flow")},
    {SV_ROW("cowrie.direct-tcpip.request"), SV_ROW("flow")},
    {SV_ROW("cowrie.direct-tcpip.data"), SV_ROW("flow")},
    {SV_ROW("cowrie.session.file_download"), SV_ROW("file")},
    {SV_ROW("cowrie.session.file_download.failed"), SV_ROW("file")},
    {SV_ROW("cowrie.session.file_upload"), SV_ROW("file")},
    {SV_ROW("cowrie.client.version"), SV_ROW("ssh")},
    {SV_ROW("cowrie.client.kex"), SV_ROW("ssh")},
    {SV_ROW("cowrie.client.fingerprint"), SV_ROW("ssh")},
    {{NULL, 0}, SV_ROW("other")},
};

static bool has(const struct event_state *s, enum slot n)
{
    return s->slot[n].text.n || s->slot[n].v.doc;
}

/* Which honeypot wrote it: class and type. */
static int name_event(const struct event_state *s, struct observation *o, struct err *e)
{
    o->class = SV("flow");
    if (s->slot[S_EVENTID].text.n) {
        o->type = s->slot[S_EVENTID].text;
        o->class = event_class(cowrie_classes, o->type);
    } else if (has(s, S_SESSION) && has(s, S_ATTEMPTS)) {
        o->type = SV("heralding");
        if (json_count(s->slot[S_ATTEMPTS].v))
            o->class = SV("login");
    } else if (has(s, S_CONNECTION)) {
        o->type = SV("dionaea");
        if (has(s, S_CREDENTIALS))
            o->class = SV("login");
        else if (has(s, S_DOWNLOAD))
            o->class = SV("file");
    } else if (has(s, S_SRC)) {
        o->type = s->slot[S_TYPE].text.n ? s->slot[S_TYPE].text : SV("honeypot");
    } else {
        err_set(e, ERR_VALUE, "the object is no event of Heralding, Dionaea, Cowrie or Cisco ASA");
        return err_hint(e, "if another honeypot wrote it, its events need a source address in \"src_ip\"");
    }
    return OK;
}

static int read_times(struct event_state *s, struct observation *o, struct err *e)
{
    const struct event_slot *own = &s->slot[S_TIME], *shipped = &s->slot[S_AT_TIME];
    int rc = ERR_VALUE;

    if (own->text.n)
        rc = event_time(s, own->text, &o->time, e);
    /* what shipped the event knew the zone */
    if ((rc == ERR_ZONE || !own->text.n) && shipped->text.n)
        rc = event_time(s, shipped->text, &o->time, e);
    else if (!own->text.n)
        return err_set(e, ERR_VALUE, "the event has no \"timestamp\"");
    return rc;
}

static int finish(struct event_state *s, struct observation *o, struct err *e)
{
    int rc = name_event(s, o, e);

    if (rc == OK)
        rc = read_times(s, o, e);
    o->sensor = s->slot[S_SENSOR].text.n ? s->slot[S_SENSOR].text : s->slot[S_HOST].text;
    if (!o->sensor.p)
        o->sensor = SV("");
    return rc ? rc : 1;
}

/* ---- Cisco ASA ---- */

#define ASA_BEGIN SV("{'timestamp': '")
#define ASA_SOURCE SV("', 'src_ip': '")
#define ASA_PAYLOAD SV("', 'payload_printable': '")

/*
 * {'timestamp': '...', 'src_ip': '...', 'payload_printable': '...'}: made by a template, so the payload may
 * hold quotes that nothing escapes. It is the last part, hence two cuts from the front are enough.
 */
static int read_asa(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    struct sv rest = sv_sub(text, ASA_BEGIN.n, SIZE_MAX);
    size_t source = sv_find(rest, ASA_SOURCE);
    size_t payload = sv_find(rest, ASA_PAYLOAD);

    if (source == SIZE_MAX || payload == SIZE_MAX || payload < source || !sv_ends(sv_trim(text), SV("'}")))
        return err_set(e, ERR_SYNTAX,
                       "not a line of Cisco ASA: 'timestamp', 'src_ip' and 'payload_printable' are "
                       "expected, in this order");
    source += ASA_SOURCE.n;
    if (payload < source)
        return err_set(e, ERR_SYNTAX, "not a line of Cisco ASA: 'src_ip' holds nothing");
    struct sv address = sv_sub(rest, source, payload - source);
    s->slot[S_TIME].text = sv_sub(rest, 0, source - ASA_SOURCE.n);
    s->slot[S_SRC].text = address;
    s->slot[S_TYPE].text = SV("ciscoasa");
    event_take(s, o, TAKE_IP, SV("src_ip"), address);
    return finish(s, o, e);
}

/* ---- the format ---- */

static int read_event(struct event_state *s, struct sv text, struct observation *o, struct err *e)
{
    struct jv event;

    if (sv_starts(text, ASA_BEGIN))
        return read_asa(s, text, o, e);
    int rc = event_json(s, text, &event, e);
    if (rc)
        return rc;
    event_walk(s, o, TOP, event);
    return finish(s, o, e);
}

const struct event_format honeypot_events = {"honeypot", rules, read_event, NULL, NULL};

static bool head_has_all(struct sv head, const char *const *keys)
{
    for (; *keys; keys++)
        if (!event_head_has(head, sv_c(*keys)))
            return false;
    return true;
}

static int detect(struct sv head, struct sv name)
{
    static const char *const shapes[][5] = {
        {"session_id", "source_ip", "auth_attempts", "destination_port", NULL},
        {"connection", "src_ip", "dst_ip", "src_hostname", NULL},
        {"eventid", "session", "timestamp", NULL},
        {"payload_printable", "src_ip", "timestamp", NULL},
        {"t-pot_hostname", "src_ip", "@timestamp", NULL},
    };

    if (sv_starts(head, ASA_BEGIN))
        return 95;
    if (event_head_has(head, SV("event_type")))
        return 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (head_has_all(head, shapes[i]))
            return 90;
    return 0;
}

static int read_file(struct intake_job *job, struct err *e)
{
    return event_read_file(job, &honeypot_events, e);
}

const struct intake_format fmt_honeypot = {"honeypot", "Heralding, Dionaea, Cowrie and Cisco ASA events",
                                           true, detect, read_file};
