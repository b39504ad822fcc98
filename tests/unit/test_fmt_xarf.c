/*
 * X-ARF reports: our own in tests/data/xarf, and the schemas' positive and negative samples where they are
 * there: which rules those break stands in a table made by reading them.
 */
#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void read_file(struct collect *c, const char *name)
{
    char path[128];
    struct err e = ERR_NONE;

    (void)snprintf(path, sizeof(path), "tests/data/xarf/%s", name);
    collect_init(c);
    if (collect_file(c, path, "", &e) < 0)
        fail_msg("%s: %s", name, e.text);
    assert_string_equal(c->format.p, "xarf");
    assert_int_equal(c->empty, 0);
    assert_int_equal(c->mixed, 0);
}

static usec at(const char *text)
{
    usec t = 0;

    assert_int_equal(time_parse(sv_c(text), &(struct time_opts){0}, &t, NULL), OK);
    return t;
}

static const struct claim_rec *claim(const struct collect *c, enum kind kind, const char *value, bool bad)
{
    const struct claim_rec *k = collect_find(c, kind, value);

    if (!k)
        fail_msg("no claim of %s", value);
    if (bad == ((k->flags & CLAIM_CONTEXT) != 0))
        fail_msg("%s is %s", value, bad ? "context" : "bad");
    return k;
}

static void reads_an_email_with_yaml(void **state)
{
    struct collect c;

    read_file(&c, "login-attack.eml");
    assert_int_equal(c.records, 1);
    assert_int_equal(collect_count(&c, "login-attack"), 1);
    assert_int_equal(c.nclaims, 1);
    const struct claim_rec *k = claim(&c, KIND_IPV4, "192.0.2.55", true);
    assert_true(k->first == at("2026-08-22T09:59:30Z") && k->last == k->first);
    assert_string_equal(k->labels.p, "abuse login-attack ssh");
    assert_string_equal(k->ref.p, "4711");
    assert_true(k->marked && k->tlp == TLP_AMBER);
    assert_string_equal(
        k->meta.p, "{\"role\":\"source\",\"reporter\":\"reports@cert.example\",\"destination_port\":22}");
    collect_clear(&c);
}

static void reads_an_email_with_json(void **state)
{
    struct collect c;

    read_file(&c, "phishing-json.eml");
    assert_int_equal(collect_count(&c, "Phishing"), 1);
    const struct claim_rec *k = claim(&c, KIND_URL, "https://login.phish.example/bank", true);
    assert_true(k->first == at("2026-08-21T10:00:00Z") && k->last == at("2026-08-22T10:00:00Z"));
    assert_string_equal(k->ref.p, "case-9");
    assert_string_equal(k->note.p, "a copy of a bank");
    assert_true(k->marked && k->tlp == TLP_AMBER_STRICT); /* not to be disclosed */
    assert_int_equal(claim(&c, KIND_IPV4, "192.0.2.80", false)->value.port, 443);
    claim(&c, KIND_AS, "AS64500", false);
    collect_clear(&c);
}

static void reads_json_lines(void **state)
{
    struct collect c;

    read_file(&c, "lines.json");
    assert_int_equal(c.records, 2);
    assert_int_equal(c.nrejects, 0);
    claim(&c, KIND_IPV6, "2001:db8::5", true);
    claim(&c, KIND_IPV4, "198.51.100.6", false);
    claim(&c, KIND_VULNERABILITY, "CVE-2026-1234", false);
    claim(&c, KIND_MD5, "d41d8cd98f00b204e9800998ecf8427e", false);
    claim(&c, KIND_DOMAIN, "bad.example", true);
    claim(&c, KIND_IPV4, "192.0.2.90", false); /* asked for a bad name */
    collect_clear(&c);
}

static void reads_version_4(void **state)
{
    struct collect c;

    read_file(&c, "v4.json");
    assert_int_equal(c.records, 4);
    assert_int_equal(c.nrejects, 2);
    const struct claim_rec *k = claim(&c, KIND_URL, "http://files.example/setup.exe", true);
    assert_int_equal(k->confidence, 90);
    assert_string_equal(k->labels.p, "content dropper malware malware:dropper");
    claim(&c, KIND_IPV4, "192.0.2.75", false);
    claim(&c, KIND_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true);
    claim(&c, KIND_DOMAIN, "c2.example", true);
    k = claim(&c, KIND_IPV4, "192.0.2.76", true);
    assert_true(k->first == at("2026-08-22T09:00:00Z") && k->last == at("2026-08-22T09:30:00Z"));
    assert_int_equal(k->value.port, 40000);
    static const char *const broken[] = {
        "/report_id: must be a UUID", "/timestamp: must be", "/reporter/contact: must be",
        "/reporter/phone: is not",    "/sender: is missing", "/tags/0: must be a tag",
        "/first_seen: is missing",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        if (!strstr(c.reject[0].text.p, broken[i]))
            fail_msg("%s is not in: %s", broken[i], c.reject[0].text.p);
    assert_non_null(strstr(c.reject[1].text.p, "/smtp_from: is missing"));
    collect_clear(&c);
}

static void one_text(const char *text, const char *why)
{
    struct collect c;
    struct err e = ERR_NONE;

    collect_init(&c);
    assert_int_equal(collect_text(&c, sv_c(text), "", &e), OK);
    assert_string_equal(c.format.p, "xarf");
    assert_int_equal(c.records, 1);
    assert_int_equal(c.nrejects, 1);
    if (!strstr(c.reject[0].text.p, why))
        fail_msg("%s", c.reject[0].text.p);
    collect_clear(&c);
}

static void refuses_what_is_no_report(void **state)
{
    const char *head = "X-XARF: PLAIN\nContent-Type: multipart/mixed; boundary=x\n\n";
    char text[512];
    static const struct {
        const char *body, *why;
    } cases[] = {
        {"", "no part that holds a report"},
        {"--x\nContent-Type: text/yaml\n\nCategory: [abuse]\n--x--\n", "line 1 of the report"},
        {"--x\nContent-Type: text/yaml\n\nCategory: abuse\n Source: 1\n--x--\n", "line 2 of the report"},
        {"--x\nContent-Type: text/yaml\n\nCategory: abuse\n--x--\n", "/Reported-From: is missing"},
        {"--x\nContent-Type: text/yaml\nContent-Transfer-Encoding: base64\n\n!!\n--x--\n", "damaged"},
        {"--x\nContent-Type: text/yaml\n\nCategory: a\nCategory: b\n--x--\n", "Category"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        (void)snprintf(text, sizeof(text), "%s%s", head, cases[i].body);
        one_text(text, cases[i].why);
    }
    one_text("{\"Version\":\"7\",\"ReporterInfo\":{},\"Report\":{}}", "/Version: must be");
}

/* ---- the schemas' own samples, where they are there ------------------------------------------ */

static const char *shared_path(const char *rest, char *room, size_t n)
{
    const char *shared = getenv("NOROSHI_SHARED");

    (void)snprintf(room, n, "%s/data/report-xarf/samples/%s", shared ? shared : "../shared", rest);
    return room;
}

static void positive_samples_are_taken(void **state)
{
    static const char *const names[] = {"botnet_sample",
                                        "childabuse_sample",
                                        "copyright_sample",
                                        "ddos_sample",
                                        "loginattack_sample",
                                        "malware_sample",
                                        "openservice_sample",
                                        "openservice_sample_minimal",
                                        "phishing_sample",
                                        "portscan_sample",
                                        "rpz_sample",
                                        "rpz_sample_additional_fields",
                                        "spam_sample",
                                        "trademark_sample",
                                        "loginattack_sample_optional_api_info",
                                        "openservice_sample_optional_api_info"};
    char rest[128], path[512];
    size_t read = 0;

    if (access(shared_path("positive", path, sizeof(path)), R_OK) != 0)
        skip();
    for (int version = 1; version <= 3; version++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
            struct collect c;
            struct err e = ERR_NONE;

            (void)snprintf(rest, sizeof(rest), "positive/%d/%s.json", version, names[i]);
            if (access(shared_path(rest, path, sizeof(path)), R_OK) != 0)
                continue;
            collect_init(&c);
            assert_int_equal(collect_file(&c, path, "", &e), OK);
            assert_string_equal(c.format.p, "xarf");
            assert_int_equal(c.records, 1);
            if (c.nrejects || c.nclaims == 0)
                fail_msg("%s: %s", path, c.nrejects ? c.reject[0].text.p : "no claims");
            collect_clear(&c);
            read++;
        }
    }
    assert_int_equal(read, 33);
}

/* File and the places of the rules it breaks, by reading the file beside the schema. */
static const struct {
    const char *name, *broken[3];
} negative[] = {
    {"additional_fields", {"/Report/Custom/NumberOfIncidents", "/Report/Custom/TimeframeSeconds"}},
    {"b64_flag", {"/Report/Samples/0/Base64Encoded"}},
    {"byte_count", {"/Report/ByteCount", "/Report/PacketCount"}},
    {"date", {"/Report/Date"}},
    {"destination", {"/Report/DestinationIp", "/Report/DestinationPort"}},
    {"destination2", {"/Report/DestinationIp", "/Report/DestinationPort"}},
    {"emails", {"/Report/SmtpMailFromAddress", "/Report/SmtpRcptToAddress"}},
    {"empty", {"/Disclosure", "/ReporterInfo", "/Report"}},
    {"file_info", {"/Report/FileSize", "/Report/FileHash"}},
    {"first_seen", {"/Report/FirstSeen"}},
    {"host_name", {"/Report/RpzDomain"}},
    {"infringed_props", {"/Report/InfringedMaterial", "/Report/SourceUrl", "/Report/CourtOrder"}},
    {"internal_processing_wrong_data_type",
     {"/InternalProcessing/SubscriberInformation/ID",
      "/InternalProcessing/SubscriberInformation/SubscriberData/Active", "/InternalProcessing/EventTags/1"}},
    {"ip", {"/Report/SourceIp", "/Report/SourcePort", "/Report/ASN"}},
    {"ip2", {"/Report/SourceIp", "/Report/ASN"}},
    {"missing_report", {"/Report"}},
    {"missing_report_class_report_type", {"/Report/ReportClass", "/Report/ReportType", "/Report/SourceIp"}},
    {"missing_reporter", {"/ReporterInfo", "/Disclosure"}},
    {"missing_reporter_props", {"/ReporterInfo/ReporterOrg", "/OnBehalfOf/ComplainantOrg", "/Disclosure"}},
    {"missing_reporter_props2", {"/ReporterInfo: must be an object", "/OnBehalfOf: must be an object"}},
    {"missing_reporter_props3", {"/ReporterInfo: must be an object", "/OnBehalfOf: must be an object"}},
    {"missing_url", {"/Report/SourceUrl: is missing"}},
    {"on_behalf_of",
     {"/OnBehalfOf/ComplainantOrg:", "/OnBehalfOf/ComplainantOrgEmail",
      "/OnBehalfOf/ComplainantContactPhone"}},
    {"openservice", {"/Report/ServiceName", "/Report/ServiceVersion"}},
    {"openservice2", {"/Report/TransportProtocol: must be tcp|udp"}},
    {"openservice3", {"/Report/ServiceName: is missing", "/Report/ServiceVersion"}},
    {"openservice4", {"/Report/ServiceName: is missing"}},
    {"openservice_missing_service", {"/Report/ServiceName: is missing"}},
    {"ports", {"/Report/SourcePort", "/Report/DestinationPort"}},
    {"report_class_report_type", {"/Report/ReportClass", "/Report/ReportType", "/Report/ReportSubType"}},
    {"report_class_report_type2", {"/Report/ReportClass", "/Report/ReportType"}},
    {"report_part", {"/Report/Date", "/Report/InfringedMaterial: is missing", "SourceIp or SourceUrl"}},
    {"reporter_info", {"/ReporterInfo/ReporterOrg: is missing"}},
    {"reporter_metadata", {"/Report/ReporterCaseID", "/Report/ReporterSeverity", "/Report/ReporterNotes"}},
    {"reporter_metadata2", {"/Report/ReporterCaseID", "/Report/ReporterSeverity", "/Report/ReporterNotes"}},
    {"sample", {"/Report/Samples: must be an array"}},
    {"sample_2", {"/Report/Samples/0", "/Report/Samples/1/ContentType", "/Report/Samples/3: a sample has"}},
    {"type", {"/Report/ReportClass", "/Report/ReportType: \"DoesNotExist\""}},
};

static void negative_samples_are_refused_for_their_reason(void **state)
{
    char rest[128], path[512];
    size_t read = 0;

    if (access(shared_path("negative", path, sizeof(path)), R_OK) != 0)
        skip();
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < sizeof(negative) / sizeof(*negative); i++) {
            struct collect c;
            struct err e = ERR_NONE;

            (void)snprintf(rest, sizeof(rest), "negative/%d/invalid_%s.json", version, negative[i].name);
            if (access(shared_path(rest, path, sizeof(path)), R_OK) != 0)
                continue;
            collect_init(&c);
            assert_int_equal(collect_file(&c, path, "", &e), OK);
            assert_string_equal(c.format.p, "xarf");
            assert_int_equal(c.records, 1);
            if (c.nrejects != 1)
                fail_msg("%s was taken", path);
            for (size_t k = 0; k < 3 && negative[i].broken[k]; k++)
                if (!strstr(c.reject[0].text.p, negative[i].broken[k]))
                    fail_msg("%s: %s is not in: %s", path, negative[i].broken[k], c.reject[0].text.p);
            collect_clear(&c);
            read++;
        }
    }
    assert_int_equal(read, 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_email_with_yaml),
        cmocka_unit_test(reads_an_email_with_json),
        cmocka_unit_test(reads_json_lines),
        cmocka_unit_test(reads_version_4),
        cmocka_unit_test(refuses_what_is_no_report),
        cmocka_unit_test(positive_samples_are_taken),
        cmocka_unit_test(negative_samples_are_refused_for_their_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
