#include "stix/vocab.h"

const struct vocab ov_account = {
    .name = "account-type-ov",
    .section = "10.1",
    .advice = ADVICE_ACCOUNT_TYPE,
    .words = "facebook|ldap|nis|openid|radius|skype|tacacs|twitter|unix|windows-local|windows-domain"};
const struct vocab ov_motivation = {
    .name = "attack-motivation-ov",
    .section = "10.2",
    .advice = ADVICE_MOTIVATION,
    .words = "accidental|coercion|dominance|ideology|notoriety|organizational-gain|personal-gain|"
             "personal-satisfaction|revenge|unpredictable"};
const struct vocab ov_resource = {.name = "attack-resource-level-ov",
                                  .section = "10.3",
                                  .advice = ADVICE_RESOURCE_LEVEL,
                                  .words = "individual|club|contest|team|organization|government"};
const struct vocab enum_encryption = {.name = "encryption-algorithm-enum",
                                      .section = "10.4",
                                      .words = "AES-256-GCM|ChaCha20-Poly1305|mime-type-indicated"};
const struct vocab enum_extension = {
    .name = "extension-type-enum",
    .section = "10.5",
    .words = "new-sdo|new-sco|new-sro|property-extension|toplevel-property-extension"};
const struct vocab ov_grouping = {.name = "grouping-context-ov",
                                  .section = "10.6",
                                  .advice = ADVICE_GROUPING,
                                  .words = "suspicious-activity|malware-analysis|unspecified"};
const struct vocab ov_identity = {.name = "identity-class-ov",
                                  .section = "10.8",
                                  .advice = ADVICE_IDENTITY_CLASS,
                                  .words = "individual|group|system|organization|class|unknown"};
const struct vocab ov_language = {
    .name = "implementation-language-ov",
    .section = "10.9",
    .advice = ADVICE_LANGUAGES,
    .words = "applescript|bash|c|c++|c#|go|java|javascript|lua|objective-c|perl|php|powershell|python|"
             "ruby|rust|scala|swift|typescript|visual-basic|x86-32|x86-64"};
const struct vocab ov_indicator = {
    .name = "indicator-type-ov",
    .section = "10.10",
    .advice = ADVICE_INDICATOR_TYPES,
    .words = "anomalous-activity|anonymization|benign|compromised|malicious-activity|attribution|"
             "unknown"};
const struct vocab ov_sector = {
    .name = "industry-sector-ov",
    .section = "10.11",
    .advice = ADVICE_SECTOR,
    .words = "agriculture|aerospace|automotive|chemical|commercial|communications|construction|defense|"
             "education|energy|entertainment|financial-services|government|emergency-services|"
             "government-local|government-national|government-public-services|government-regional|"
             "healthcare|hospitality-leisure|infrastructure|dams|nuclear|water|insurance|legal|"
             "manufacturing|mining|non-profit|pharmaceuticals|retail|technology|telecommunications|"
             "transportation|utilities"};
const struct vocab ov_infrastructure = {
    .name = "infrastructure-type-ov",
    .section = "10.12",
    .advice = ADVICE_INFRASTRUCTURE,
    .words = "amplification|anonymization|botnet|command-and-control|control-system|exfiltration|"
             "firewall|hosting-malware|hosting-target-lists|phishing|reconnaissance|routers-switches|"
             "staging|workstation|unknown"};
const struct vocab ov_capability = {
    .name = "malware-capabilities-ov",
    .section = "10.13",
    .advice = ADVICE_CAPABILITIES,
    .words = "accesses-remote-machines|anti-debugging|anti-disassembly|anti-emulation|"
             "anti-memory-forensics|anti-sandbox|anti-vm|captures-input-peripherals|"
             "captures-output-peripherals|captures-system-state-data|cleans-traces-of-infection|"
             "commits-fraud|communicates-with-c2|compromises-data-availability|"
             "compromises-data-integrity|compromises-system-availability|controls-local-machine|"
             "degrades-security-software|degrades-system-updates|determines-c2-server|emails-spam|"
             "escalates-privileges|evades-av|exfiltrates-data|fingerprints-host|hides-artifacts|"
             "hides-executing-code|infects-files|infects-remote-machines|installs-other-components|"
             "persists-after-system-reboot|prevents-artifact-access|prevents-artifact-deletion|"
             "probes-network-environment|self-modifies|steals-authentication-credentials|"
             "violates-system-operational-integrity"};
const struct vocab ov_av_result = {.name = "malware-result-ov",
                                   .section = "10.14",
                                   .advice = ADVICE_RESULT,
                                   .words = "malicious|suspicious|benign|unknown"};
const struct vocab ov_malware = {
    .name = "malware-type-ov",
    .section = "10.15",
    .advice = ADVICE_MALWARE_TYPES,
    .words = "adware|backdoor|bot|bootkit|ddos|downloader|dropper|exploit-kit|keylogger|ransomware|"
             "remote-access-trojan|resource-exploitation|rogue-security-software|rootkit|screen-capture|"
             "spyware|trojan|unknown|virus|webshell|wiper|worm"};
const struct vocab enum_address_family = {
    .name = "network-socket-address-family-enum",
    .section = "10.16",
    .words = "AF_UNSPEC|AF_INET|AF_IPX|AF_APPLETALK|AF_NETBIOS|AF_INET6|AF_IRDA|AF_BTH"};
const struct vocab enum_socket = {.name = "network-socket-type-enum",
                                  .section = "10.17",
                                  .words = "SOCK_STREAM|SOCK_DGRAM|SOCK_RAW|SOCK_RDM|SOCK_SEQPACKET"};
const struct vocab enum_opinion = {.name = "opinion-enum",
                                   .section = "10.18",
                                   .words = "strongly-disagree|disagree|neutral|agree|strongly-agree"};
const struct vocab ov_pattern = {.name = "pattern-type-ov",
                                 .section = "10.19",
                                 .advice = ADVICE_PATTERN_TYPES,
                                 .words = "stix|pcre|sigma|snort|suricata|yara"};
const struct vocab ov_processor = {.name = "processor-architecture-ov",
                                   .section = "10.20",
                                   .advice = ADVICE_PROCESSOR,
                                   .words = "alpha|arm|ia-64|mips|powerpc|sparc|x86|x86-64"};
const struct vocab ov_region = {
    .name = "region-ov",
    .section = "10.21",
    .advice = ADVICE_REGION,
    .words = "africa|eastern-africa|middle-africa|northern-africa|southern-africa|western-africa|"
             "americas|latin-america-caribbean|south-america|caribbean|central-america|northern-america|"
             "asia|central-asia|eastern-asia|southern-asia|south-eastern-asia|western-asia|europe|"
             "eastern-europe|northern-europe|southern-europe|western-europe|oceania|"
             "australia-new-zealand|melanesia|micronesia|polynesia|antarctica"};
const struct vocab ov_report = {
    .name = "report-type-ov",
    .section = "10.22",
    .advice = ADVICE_REPORT_TYPES,
    .words = "attack-pattern|campaign|identity|indicator|intrusion-set|malware|observed-data|"
             "threat-actor|threat-report|tool|vulnerability"};
const struct vocab ov_actor = {
    .name = "threat-actor-type-ov",
    .section = "10.23",
    .advice = ADVICE_ACTOR_TYPES,
    .words = "activist|competitor|crime-syndicate|criminal|hacker|insider-accidental|"
             "insider-disgruntled|nation-state|private-sector|sensationalist|spy|terrorist|unknown"};
const struct vocab ov_actor_role = {
    .name = "threat-actor-role-ov",
    .section = "10.24",
    .advice = ADVICE_ACTOR_ROLE,
    .words = "agent|director|independent|infrastructure-architect|infrastructure-operator|"
             "malware-author|sponsor"};
const struct vocab ov_sophistication = {.name = "threat-actor-sophistication-ov",
                                        .section = "10.25",
                                        .advice = ADVICE_SOPHISTICATION,
                                        .words =
                                            "none|minimal|intermediate|advanced|expert|innovator|strategic"};
const struct vocab ov_tool = {.name = "tool-type-ov",
                              .section = "10.26",
                              .advice = ADVICE_TOOL_TYPES,
                              .words =
                                  "denial-of-service|exploitation|information-gathering|network-capture|"
                                  "credential-exploitation|remote-access|vulnerability-scanning|unknown"};
const struct vocab enum_integrity = {
    .name = "windows-integrity-level-enum", .section = "10.27", .words = "low|medium|high|system"};
const struct vocab ov_pe = {
    .name = "windows-pebinary-type-ov", .section = "10.28", .advice = ADVICE_PE_TYPE, .words = "dll|exe|sys"};
const struct vocab enum_registry = {
    .name = "windows-registry-datatype-enum",
    .section = "10.29",
    .words = "REG_NONE|REG_SZ|REG_EXPAND_SZ|REG_BINARY|REG_DWORD|REG_DWORD_BIG_ENDIAN|"
             "REG_DWORD_LITTLE_ENDIAN|REG_LINK|REG_MULTI_SZ|REG_RESOURCE_LIST|"
             "REG_FULL_RESOURCE_DESCRIPTION|REG_RESOURCE_REQUIREMENTS_LIST|REG_QWORD|REG_INVALID_TYPE"};
const struct vocab enum_service_start = {
    .name = "windows-service-start-type-enum",
    .section = "10.30",
    .words = "SERVICE_AUTO_START|SERVICE_BOOT_START|SERVICE_DEMAND_START|SERVICE_DISABLED|"
             "SERVICE_SYSTEM_ALERT"};
const struct vocab enum_service_type = {
    .name = "windows-service-type-enum",
    .section = "10.31",
    .words = "SERVICE_KERNEL_DRIVER|SERVICE_FILE_SYSTEM_DRIVER|SERVICE_WIN32_OWN_PROCESS|"
             "SERVICE_WIN32_SHARE_PROCESS"};
const struct vocab enum_service_status = {
    .name = "windows-service-status-enum",
    .section = "10.32",
    .words = "SERVICE_CONTINUE_PENDING|SERVICE_PAUSE_PENDING|SERVICE_PAUSED|SERVICE_RUNNING|"
             "SERVICE_START_PENDING|SERVICE_STOP_PENDING|SERVICE_STOPPED"};
