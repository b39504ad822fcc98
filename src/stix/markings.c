#include "stix/private.h"

/* Ids of TLP 2.0 from the OASIS common object repository, of TLP 1 from STIX 2.1 7.2.1.4. */
static const struct tlp_row {
    const char *name;
    const char *v2;
    const char *v1;
} rows[] = {
    [TLP_CLEAR] = {"TLP:CLEAR", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
                   "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"},
    [TLP_GREEN] = {"TLP:GREEN", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
                   "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"},
    [TLP_AMBER] = {"TLP:AMBER", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
                   "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"},
    [TLP_AMBER_STRICT] = {"TLP:AMBER+STRICT", "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
                          NULL},
    [TLP_RED] = {"TLP:RED", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
                 "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"},
};

const char *tlp_name(enum tlp t)
{
    return (unsigned)t <= TLP_RED ? rows[t].name : "TLP:UNKNOWN";
}

bool tlp_parse(struct sv text, enum tlp *ret)
{
    static const struct {
        const char *word;
        enum tlp tlp;
    } words[] = {{"clear", TLP_CLEAR},
                 {"white", TLP_CLEAR},
                 {"green", TLP_GREEN},
                 {"amber", TLP_AMBER},
                 {"amber+strict", TLP_AMBER_STRICT},
                 {"amber-strict", TLP_AMBER_STRICT},
                 {"amber_strict", TLP_AMBER_STRICT},
                 {"amber strict", TLP_AMBER_STRICT},
                 {"red", TLP_RED}};
    text = sv_trim(text);
    if (sv_istarts(text, SV("TLP:")))
        text = sv_trim(sv_sub(text, 4, SIZE_MAX));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sv_ieq(text, sv_c(words[i].word))) {
            *ret = words[i].tlp;
            return true;
        }
    }
    return false;
}

enum tlp tlp_of_id(struct sv id)
{
    for (unsigned i = 0; i <= TLP_RED; i++)
        if (sv_ieq(id, sv_c(rows[i].v2)) || (rows[i].v1 && sv_ieq(id, sv_c(rows[i].v1))))
            return (enum tlp)i;
    return TLP_UNKNOWN;
}

struct sv tlp_id(enum tlp t)
{
    return (unsigned)t <= TLP_RED ? sv_c(rows[t].v2) : SV_NONE;
}

static void mark(struct sv id, enum tlp *tlp, bool *marked)
{
    enum tlp t = tlp_of_id(id);
    *tlp = !*marked || t > *tlp ? t : *tlp;
    *marked = true;
}

/* A granular marking counts for the whole: an object that goes out unredacted shows its most restricted part.
 */
void markings_read(struct jv object, enum tlp *ret_tlp, bool *ret_marked)
{
    struct sv key;
    struct jv v;
    *ret_tlp = TLP_CLEAR;
    *ret_marked = false;
    struct json_it it = json_each(json_get(object, SV("object_marking_refs")));
    while (json_next(&it, &key, &v))
        mark(json_str(v), ret_tlp, ret_marked);
    it = json_each(json_get(object, SV("granular_markings")));
    while (json_next(&it, &key, &v)) {
        struct sv ref = json_get_str(v, SV("marking_ref"));
        if (ref.p)
            mark(ref, ret_tlp, ret_marked);
    }
}
