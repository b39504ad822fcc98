/* Sink calls as bytes, and back. The reader trusts nothing: the writer has read hostile input. */
#include "intake/private.h"

#define FRAME_MOST (512u << 20)

/* After the type byte: length of the body, little-endian; filled in when the body is known. */
#define LENGTH_BYTES 4

static size_t frame_begin(struct buf *b, enum frame_type type)
{
    buf_u8(b, (uint8_t)type);
    buf_u32(b, 0);
    return b->n;
}

static void frame_finish(struct buf *b, size_t body)
{
    if (b->failed)
        return;
    uint64_t length = b->n - body;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        b->p[body - LENGTH_BYTES + i] = (char)(length >> (8 * i));
}

void frame_record(struct buf *b, struct sv type)
{
    size_t at = frame_begin(b, FRAME_RECORD);
    buf_addp(b, type.p, type.n);
    frame_finish(b, at);
}

void frame_claim(struct buf *b, const struct claim_rec *c)
{
    size_t at = frame_begin(b, FRAME_CLAIM);
    claim_encode(b, c);
    frame_finish(b, at);
}

void frame_object(struct buf *b, const struct object_rec *o)
{
    size_t at = frame_begin(b, FRAME_OBJECT);
    object_encode(b, o);
    frame_finish(b, at);
}

void frame_list(struct buf *b, const struct list_rec *l)
{
    size_t at = frame_begin(b, FRAME_LIST);
    buf_str(b, l->name);
    buf_str(b, l->description);
    buf_varint(b, l->version);
    buf_u8(b, (uint8_t)l->match);
    buf_str(b, l->attributes);
    frame_finish(b, at);
}

void frame_list_entry(struct buf *b, struct sv value)
{
    size_t at = frame_begin(b, FRAME_LIST_ENTRY);
    buf_addp(b, value.p, value.n);
    frame_finish(b, at);
}

static bool is_address(enum kind k)
{
    return k == KIND_IPV4 || k == KIND_IPV6;
}

void frame_observation(struct buf *b, const struct observation *o)
{
    size_t at = frame_begin(b, FRAME_OBSERVATION);
    buf_u64(b, (uint64_t)o->time);
    buf_str(b, o->sensor);
    buf_str(b, o->class);
    buf_str(b, o->type);
    buf_varint(b, o->count);
    buf_varint(b, o->line);
    buf_u64(b, o->offset);
    buf_u8(b, (uint8_t)o->n);
    buf_varint(b, o->more);
    for (size_t i = 0; i < o->n; i++) {
        const struct obs *v = &o->v[i].value;
        buf_u8(b, (uint8_t)v->kind);
        buf_varint(b, v->port);
        if (is_address(v->kind)) {
            buf_addp(b, v->ip, sizeof(v->ip));
            buf_u8(b, v->bits);
        }
        buf_str(b, v->value);
        buf_str(b, o->v[i].field);
    }
    buf_str(b, o->raw);
    frame_finish(b, at);
}

void frame_reject(struct buf *b, const struct reject *r)
{
    size_t at = frame_begin(b, FRAME_REJECT);
    buf_varint(b, r->line);
    buf_u64(b, r->offset);
    buf_zigzag(b, r->code);
    buf_str(b, r->text);
    buf_str(b, r->remedy);
    buf_str(b, r->bytes);
    buf_str(b, r->context);
    frame_finish(b, at);
}

void frame_chunk(struct buf *b, const struct sha256 *sha, uint64_t offset, uint64_t length)
{
    size_t at = frame_begin(b, FRAME_CHUNK);
    buf_addp(b, sha->b, sizeof(sha->b));
    buf_u64(b, offset);
    buf_u64(b, length);
    frame_finish(b, at);
}

void frame_member(struct buf *b, struct sv path, struct sv format)
{
    size_t at = frame_begin(b, FRAME_MEMBER);
    buf_str(b, path);
    buf_str(b, format);
    frame_finish(b, at);
}

void frame_end(struct buf *b, const struct err *e)
{
    size_t at = frame_begin(b, FRAME_END);
    buf_zigzag(b, e->code);
    buf_varint(b, e->line);
    buf_u64(b, e->offset);
    buf_str(b, sv_c(e->file));
    buf_str(b, sv_c(e->text));
    buf_str(b, sv_c(e->remedy));
    frame_finish(b, at);
}

/* ---- back ------------------------------------------------------------------------------------ */

static int not_a_frame(struct err *e, const char *what)
{
    err_set(e, ERR_CORRUPT, "the parser process sent %s that cannot be read", what);
    return err_hint(e, "the file may exploit a fault of the parser: keep it and report it");
}

static bool whole(const struct cur *c)
{
    return !c->failed && !cur_more(c);
}

/* Times are compared and subtracted from each other: none may be so far off that a difference has no number.
 */
static bool near_enough(usec t)
{
    return t == USEC_NONE || (t > INT64_MIN / 4 && t < INT64_MAX / 4);
}

static bool claim_holds(const struct claim_rec *c)
{
    const usec times[] = {c->created, c->modified, c->valid_from, c->valid_until, c->first, c->last};
    bool good = !c->meta.n || json_is_whole(c->meta);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        good = good && near_enough(times[i]);
    return good;
}

/* The text is given out inside answers as it is: it must be JSON, and not only begin like it. */
static bool object_holds(const struct object_rec *o)
{
    const struct stix_head *h = &o->head;
    return sv_starts(o->json, SV("{")) && json_is_whole(o->json) && near_enough(h->created) &&
           near_enough(h->modified) && near_enough(h->valid_from) && near_enough(h->valid_until);
}

static int play_claim(struct sv body, const struct intake_sink *sink, struct err *e)
{
    struct claim_rec c;
    return claim_decode(body, &c) && claim_holds(&c) ? sink->claim(sink->ctx, &c, e)
                                                     : not_a_frame(e, "a claim");
}

static int play_object(struct sv body, struct arena *a, const struct intake_sink *sink, struct err *e)
{
    struct object_rec o;
    arena_reset(a);
    return object_decode(body, a, &o) && object_holds(&o) ? sink->object(sink->ctx, &o, e)
                                                          : not_a_frame(e, "an object");
}

static int play_list(struct cur c, const struct intake_sink *sink, struct err *e)
{
    struct list_rec l = {.name = cur_str(&c)};
    l.description = cur_str(&c);
    l.version = cur_varint(&c);
    uint8_t match = cur_u8(&c);
    l.match = (enum list_match)match;
    l.attributes = cur_str(&c);
    return whole(&c) && match <= LIST_REGEX ? sink->list(sink->ctx, &l, e) : not_a_frame(e, "a list head");
}

static bool get_observed(struct cur *c, struct observed *v)
{
    v->value = (struct obs){.kind = (enum kind)cur_u8(c)};
    if (v->value.kind <= KIND_NONE || v->value.kind >= KIND_MAX)
        return false;
    uint64_t port = cur_varint(c);
    v->value.port = (uint16_t)port;
    if (is_address(v->value.kind)) {
        struct sv ip = cur_bytes(c, sizeof(v->value.ip));
        v->value.bits = cur_u8(c);
        if (c->failed || v->value.bits > (v->value.kind == KIND_IPV4 ? 32 : 128))
            return false;
        memcpy(v->value.ip, ip.p, sizeof(v->value.ip));
    }
    v->value.value = cur_str(c);
    v->field = cur_str(c);
    return !c->failed && port <= UINT16_MAX;
}

static int play_observation(struct cur c, const struct intake_sink *sink, struct err *e)
{
    struct observation o;
    o.time = (usec)cur_u64(&c);
    o.sensor = cur_str(&c);
    o.class = cur_str(&c);
    o.type = cur_str(&c);
    o.count = cur_varint(&c);
    o.line = cur_varint(&c);
    o.offset = cur_u64(&c);
    o.n = cur_u8(&c);
    o.more = cur_varint(&c);
    if (c.failed || o.n > OBSERVATION_VALUES || !near_enough(o.time) || (o.n && o.time == USEC_NONE))
        return not_a_frame(e, "an observation");
    for (size_t i = 0; i < o.n; i++)
        if (!get_observed(&c, &o.v[i]))
            return not_a_frame(e, "an observation");
    o.raw = cur_str(&c);
    return whole(&c) ? sink->observation(sink->ctx, &o, e) : not_a_frame(e, "an observation");
}

static int play_reject(struct cur c, const struct intake_sink *sink, struct err *e)
{
    struct reject r = {.line = cur_varint(&c)};
    r.offset = cur_u64(&c);
    int64_t code = cur_zigzag(&c);
    r.code = (int)code;
    r.text = cur_str(&c);
    r.remedy = cur_str(&c);
    r.bytes = cur_str(&c);
    r.context = cur_str(&c);
    if (!whole(&c) || code >= OK || code < ERR_INTERNAL || r.bytes.n > REJECT_BYTES)
        return not_a_frame(e, "a reject");
    return sink->reject(sink->ctx, &r, e);
}

static int play_chunk(struct cur c, const struct intake_sink *sink, struct err *e)
{
    struct sha256 sha;
    struct sv bytes = cur_bytes(&c, sizeof(sha.b));
    uint64_t offset = cur_u64(&c), length = cur_u64(&c);
    if (!whole(&c))
        return not_a_frame(e, "a chunk");
    memcpy(sha.b, bytes.p, sizeof(sha.b));
    return sink->chunk ? sink->chunk(sink->ctx, &sha, offset, length, e) : OK;
}

static int play_member(struct cur c, const struct intake_sink *sink, struct err *e)
{
    struct sv path = cur_str(&c), format = cur_str(&c);
    const char *name = whole(&c) ? intake_member_format(format) : NULL;
    if (!name)
        return not_a_frame(e, "a member");
    return sink->member ? sink->member(sink->ctx, path, name, e) : OK;
}

static int play_end(struct cur c, struct err *e)
{
    struct err said = ERR_NONE;
    int64_t code = cur_zigzag(&c);
    said.line = cur_varint(&c);
    said.offset = cur_u64(&c);
    sv_copy(cur_str(&c), said.file, sizeof(said.file));
    sv_copy(cur_str(&c), said.text, sizeof(said.text));
    sv_copy(cur_str(&c), said.remedy, sizeof(said.remedy));
    if (!whole(&c) || code > OK || code < ERR_INTERNAL)
        return not_a_frame(e, "a last word");
    said.code = (int)code;
    if (e && said.code)
        *e = said;
    return said.code;
}

static int play_one(uint8_t type, struct sv body, struct arena *a, const struct intake_sink *sink,
                    struct err *e)
{
    struct cur c = cur_of(body);
    switch (type) {
    case FRAME_RECORD:
        return sink->record(sink->ctx, body, e);
    case FRAME_CLAIM:
        return play_claim(body, sink, e);
    case FRAME_OBJECT:
        return play_object(body, a, sink, e);
    case FRAME_LIST:
        return play_list(c, sink, e);
    case FRAME_LIST_ENTRY:
        return sink->list_entry(sink->ctx, body, e);
    case FRAME_OBSERVATION:
        return play_observation(c, sink, e);
    case FRAME_REJECT:
        return play_reject(c, sink, e);
    case FRAME_CHUNK:
        return play_chunk(c, sink, e);
    case FRAME_MEMBER:
        return play_member(c, sink, e);
    default:
        return not_a_frame(e, "a frame of a kind");
    }
}

/* 1 = header and body are there, 0 = more bytes are needed, negative = no frame. */
static int next_frame(struct cur *c, uint8_t *type, struct sv *body, struct err *e)
{
    if (c->end - c->p < 1 + LENGTH_BYTES)
        return 0;
    *type = cur_u8(c);
    uint32_t length = cur_u32(c);
    if (c->failed || length > FRAME_MOST)
        return not_a_frame(e, "a frame of a length");
    if (length > (size_t)(c->end - c->p))
        return 0;
    *body = cur_bytes(c, length);
    return 1;
}

int frames_play(struct sv bytes, struct arena *a, const struct intake_sink *sink, size_t *ret_used,
                bool *ret_end, struct err *e)
{
    struct cur c = cur_of(bytes);
    *ret_used = 0;
    *ret_end = false;
    for (;;) {
        uint8_t type = 0;
        struct sv body = SV_NONE;
        int rc = next_frame(&c, &type, &body, e);
        if (rc <= 0)
            return rc;
        *ret_used = bytes.n - (size_t)(c.end - c.p);
        if (type == FRAME_END) {
            *ret_end = true;
            return play_end(cur_of(body), e);
        }
        rc = play_one(type, body, a, sink, e);
        if (rc < 0)
            return rc;
    }
}
