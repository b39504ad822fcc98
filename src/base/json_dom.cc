/* simdjson behind C: the only C++ file of the project. No exception passes this border. */
#include "base/json_private.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <new>

static_assert(JSON_DOM_PADDING >= simdjson::SIMDJSON_PADDING, "the padding of json.h is too short");

struct json_dom {
    simdjson::dom::parser parser;
    std::unique_ptr<char[]> copy;
    size_t room = 0;
    simdjson::error_code last = simdjson::SUCCESS;

    bool grow(size_t n)
    {
        if (copy && n <= room)
            return true;
        size_t want = std::max<size_t>(4096, n + n / 4);
        copy.reset(new (std::nothrow) char[want + JSON_DOM_PADDING]);
        if (!copy || parser.allocate(want, JSON_MAX_DEPTH) != simdjson::SUCCESS ||
            parser.doc.allocate(want) != simdjson::SUCCESS) {
            copy.reset();
            return false;
        }
        room = want;
        return true;
    }
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COPY_ALWAYS true
#endif
#endif
#if !defined(COPY_ALWAYS) && defined(__SANITIZE_ADDRESS__)
#define COPY_ALWAYS true
#elif !defined(COPY_ALWAYS)
#define COPY_ALWAYS false
#endif

/*
 * Memory is mapped by whole pages, of 4096 bytes at least: where the padding ends in the page of the last
 * byte it can be read, whatever it holds. simdjson gives what it finds there no meaning.
 */
static bool padding_is_mapped(const char *text, size_t n)
{
    uintptr_t last = reinterpret_cast<uintptr_t>(text) + n - 1;

    return !COPY_ALWAYS && n > 0 && last % 4096 + JSON_DOM_PADDING < 4096;
}

struct json_dom *json_dom_new(void)
{
    try {
        return new json_dom;
    } catch (...) {
        return nullptr;
    }
}

void json_dom_free(struct json_dom *dom)
{
    delete dom;
}

enum json_dom_result json_dom_parse(struct json_dom *dom, const char *text, size_t n, bool padded,
                                    struct json_tape *ret)
try {
    if (!dom->grow(n))
        return JSON_DOM_MEMORY;
    if (!padded && !padding_is_mapped(text, n)) {
        if (n > 0)
            std::memcpy(dom->copy.get(), text, n);
        std::memset(dom->copy.get() + n, ' ', JSON_DOM_PADDING);
        text = dom->copy.get();
    }
    dom->last = dom->parser.parse(text, n, false).error();
    if (dom->last == simdjson::MEMALLOC)
        return JSON_DOM_MEMORY;
    if (dom->last != simdjson::SUCCESS)
        return JSON_DOM_REFUSED;
    ret->words = dom->parser.doc.tape.get();
    ret->strings = dom->parser.doc.string_buf.get();
    return JSON_DOM_OK;
} catch (...) {
    return JSON_DOM_MEMORY;
}

const char *json_dom_reason(const struct json_dom *dom)
{
    return simdjson::error_message(dom->last);
}

size_t json_dom_digits(double v, char ret[17], int *ret_exponent)
{
    char text[32];
    const char *end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific).ptr;
    const char *e = std::find(const_cast<const char *>(text), end, 'e');
    size_t n = 0;

    for (const char *p = text; p < e; p++)
        if (*p != '.')
            ret[n++] = *p;
    /* from_chars takes a minus sign but no plus */
    std::from_chars(e + 1 + (e[1] == '+'), end, *ret_exponent);
    return n;
}

bool json_dom_in_range(const char *text, size_t n)
{
    double v = 0;
    std::from_chars_result r = std::from_chars(text, text + n, v);

    if (r.ec != std::errc::result_out_of_range)
        return true;
    /* The same is said of numbers too small, which JSON reads as zero: tell them apart by magnitude. */
    const char *end = text + n;
    const char *e = std::find_if(text, end, [](char c) { return c == 'e' || c == 'E'; });
    /* no text is so long that an exponent beyond this could be made good by its digits */
    const long long far = 1LL << 40;
    long long exponent = 0;
    if (e < end && std::from_chars(e + 1 + (e[1] == '+'), end, exponent).ec != std::errc())
        exponent = e[1] == '-' ? -far : far;
    exponent = std::clamp(exponent, -far, far);
    const char *point = std::find(text, e, '.');
    const char *first = std::find_if(text, e, [](char c) { return c >= '1' && c <= '9'; });
    if (first == e)
        return true;
    long long lead = first < point ? point - first : point - first + 1;
    return exponent + lead <= 0;
}
