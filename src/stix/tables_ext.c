/* The extensions the standard itself defines for observables (6.6.x, 6.7.x, 6.12.x, 6.13.x, 6.16.x). */
#include "stix/tables.h"

#include "stix/vocab.h"

static const struct prop archive[] = {RA("contains_refs", REFS, "file|directory"), P("comment", TEXT)};
static const struct object_rule archive_rule = {RULE("archive-ext", "6.7.2", FAMILY_PART, archive)};

static const struct prop stream[] = {R("name", TEXT), P("hashes", HASHES), P("size", COUNT)};
static const struct object_rule stream_rule = {RULE("alternate-data-stream", "6.7.3.2", FAMILY_PART, stream)};
static const struct prop ntfs[] = {P("sid", TEXT), PS("alternate_data_streams", SUBS, stream_rule)};
static const struct object_rule ntfs_rule = {RULE("ntfs-ext", "6.7.3", FAMILY_PART, ntfs),
                                             .any_of = "sid|alternate_data_streams"};

static const struct prop pdf[] = {P("version", TEXT), P("is_optimized", FLAG), P("document_info_dict", DICT),
                                  P("pdfid0", TEXT), P("pdfid1", TEXT)};
static const struct object_rule pdf_rule = {RULE("pdf-ext", "6.7.4", FAMILY_PART, pdf),
                                            .any_of =
                                                "version|is_optimized|document_info_dict|pdfid0|pdfid1"};

static const struct prop raster[] = {P("image_height", INT), P("image_width", INT), P("bits_per_pixel", INT),
                                     P("exif_tags", DICT), P("image_compression_algorithm", TEXT)};
static const struct object_rule raster_rule = {
    RULE("raster-image-ext", "6.7.5", FAMILY_PART, raster),
    .any_of = "image_height|image_width|bits_per_pixel|exif_tags|image_compression_algorithm"};

static const struct prop optional_header[] = {P("magic_hex", HEX),
                                              P("major_linker_version", INT),
                                              P("minor_linker_version", INT),
                                              P("size_of_code", INT),
                                              P("size_of_initialized_data", INT),
                                              P("size_of_uninitialized_data", INT),
                                              P("address_of_entry_point", INT),
                                              P("base_of_code", INT),
                                              P("base_of_data", INT),
                                              P("image_base", INT),
                                              P("section_alignment", INT),
                                              P("file_alignment", INT),
                                              P("major_os_version", INT),
                                              P("minor_os_version", INT),
                                              P("major_image_version", INT),
                                              P("minor_image_version", INT),
                                              P("major_subsystem_version", INT),
                                              P("minor_subsystem_version", INT),
                                              P("win32_version_value_hex", HEX),
                                              P("size_of_image", INT),
                                              P("size_of_headers", INT),
                                              P("checksum_hex", HEX),
                                              P("subsystem_hex", HEX),
                                              P("dll_characteristics_hex", HEX),
                                              P("size_of_stack_reserve", INT),
                                              P("size_of_stack_commit", INT),
                                              P("size_of_heap_reserve", INT),
                                              P("size_of_heap_commit", INT),
                                              P("loader_flags_hex", HEX),
                                              P("number_of_rva_and_sizes", INT),
                                              P("hashes", HASHES)};
static const struct object_rule optional_header_rule = {
    RULE("windows-pe-optional-header", "6.7.6.2", FAMILY_PART, optional_header)};
static const struct prop pe_section[] = {R("name", TEXT), P("size", COUNT), P("entropy", NUMBER),
                                         P("hashes", HASHES)};
static const struct object_rule pe_section_rule = {
    RULE("windows-pe-section", "6.7.6.3", FAMILY_PART, pe_section)};
static const struct prop pe[] = {RV("pe_type", OPEN, ov_pe),
                                 P("imphash", TEXT),
                                 P("machine_hex", HEX),
                                 P("number_of_sections", COUNT),
                                 P("time_date_stamp", TIME),
                                 P("pointer_to_symbol_table_hex", HEX),
                                 P("number_of_symbols", COUNT),
                                 P("size_of_optional_header", COUNT),
                                 P("characteristics_hex", HEX),
                                 P("file_header_hashes", HASHES),
                                 PS("optional_header", SUB, optional_header_rule),
                                 PS("sections", SUBS, pe_section_rule)};
static const struct object_rule pe_rule = {RULE("windows-pebinary-ext", "6.7.6", FAMILY_PART, pe)};

static const struct prop http[] = {
    R("request_method", TEXT),     R("request_value", TEXT),
    P("request_version", TEXT),    P("request_header", HEADERS),
    P("message_body_length", INT), PA("message_body_data_ref", REF, "artifact")};
static const struct object_rule http_rule = {RULE("http-request-ext", "6.12.2", FAMILY_PART, http)};
static const struct prop icmp[] = {R("icmp_type_hex", HEX), R("icmp_code_hex", HEX)};
static const struct object_rule icmp_rule = {RULE("icmp-ext", "6.12.3", FAMILY_PART, icmp)};
static const struct prop sock[] = {RV("address_family", ENUM, enum_address_family),
                                   P("is_blocking", FLAG),
                                   P("is_listening", FLAG),
                                   P("options", DICT),
                                   PV("socket_type", ENUM, enum_socket),
                                   P("socket_descriptor", COUNT),
                                   P("socket_handle", INT)};
static const struct object_rule sock_rule = {RULE("socket-ext", "6.12.4", FAMILY_PART, sock)};
static const struct prop tcp[] = {P("src_flags_hex", HEX), P("dst_flags_hex", HEX)};
static const struct object_rule tcp_rule = {RULE("tcp-ext", "6.12.5", FAMILY_PART, tcp),
                                            .any_of = "src_flags_hex|dst_flags_hex"};

static const struct prop win_process[] = {P("aslr_enabled", FLAG),
                                          P("dep_enabled", FLAG),
                                          P("priority", TEXT),
                                          P("owner_sid", TEXT),
                                          P("window_title", TEXT),
                                          P("startup_info", DICT),
                                          PV("integrity_level", ENUM, enum_integrity)};
static const struct object_rule win_process_rule = {
    RULE("windows-process-ext", "6.13.2", FAMILY_PART, win_process),
    .any_of = "aslr_enabled|dep_enabled|priority|owner_sid|window_title|startup_info|integrity_level"};
static const struct prop win_service[] = {P("service_name", TEXT),
                                          P("descriptions", TEXTS),
                                          P("display_name", TEXT),
                                          P("group_name", TEXT),
                                          PV("start_type", ENUM, enum_service_start),
                                          PA("service_dll_refs", REFS, "file"),
                                          PV("service_type", ENUM, enum_service_type),
                                          PV("service_status", ENUM, enum_service_status)};
static const struct object_rule win_service_rule = {
    RULE("windows-service-ext", "6.13.3", FAMILY_PART, win_service),
    .any_of = "service_name|descriptions|display_name|group_name|start_type|service_dll_refs|service_type|"
              "service_status"};

static const struct prop unix_account[] = {P("gid", INT), P("groups", TEXTS), P("home_dir", TEXT),
                                           P("shell", TEXT)};
static const struct object_rule unix_account_rule = {
    RULE("unix-account-ext", "6.16.2", FAMILY_PART, unix_account), .any_of = "gid|groups|home_dir|shell"};

static const struct {
    const char *type;
    const struct object_rule *rule;
} extensions[] = {{"file", &archive_rule},
                  {"file", &ntfs_rule},
                  {"file", &pdf_rule},
                  {"file", &raster_rule},
                  {"file", &pe_rule},
                  {"network-traffic", &http_rule},
                  {"network-traffic", &icmp_rule},
                  {"network-traffic", &sock_rule},
                  {"network-traffic", &tcp_rule},
                  {"process", &win_process_rule},
                  {"process", &win_service_rule},
                  {"user-account", &unix_account_rule}};

const struct object_rule *rule_of_extension(struct sv object_type, struct sv extension)
{
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (sv_eq(extensions[i].rule->type, extension) && sv_eq(sv_c(extensions[i].type), object_type))
            return extensions[i].rule;
    return NULL;
}
