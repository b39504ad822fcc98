/* Private to the MISP exports. */
#pragma once

#include "share/export/export_writer.h"

struct misp_attribute {
    const struct given *g;
    struct sv event; /* part of the uuid */
    enum tlp tlp;
    char grade;
    usec first, last;
    struct sv labels; /* misp:type="..." among them decides between types of one kind */
};
/* MISP's type of a value and its usual category; NULL when MISP has none. */
const char *misp_type_of(const struct obs *o, const char **ret_category);
/* Appends one attribute object a type to the export, commas between; false when MISP has no type for it. */
bool misp_attribute_write(struct exporter *x, const struct misp_attribute *t);
/* A name-based uuid of up to three texts. */
void misp_uuid(const char *what, struct sv a, struct sv b, struct sv c, char ret[37]);
void misp_org(struct exporter *x, struct jw *w);          /* member "Orgc" */
void misp_date(struct jw *w, usec t);                     /* member "date" */
void misp_seconds(struct jw *w, const char *key, usec t); /* Unix seconds as text */
void misp_tlp_tag(struct jw *w, enum tlp tlp);            /* one element of a Tag list */
