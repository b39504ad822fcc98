/* Vocabularies of STIX 2.1 part 10. */
#pragma once

#define OV_ACCOUNT "facebook|ldap|nis|openid|radius|skype|tacacs|twitter|unix|windows-local|windows-domain"
#define OV_MOTIVATION                                                                                        \
    "accidental|coercion|dominance|ideology|notoriety|organizational-gain|personal-gain|personal-"           \
    "satisfaction|"                                                                                          \
    "revenge|unpredictable"
#define OV_RESOURCE "individual|club|contest|team|organization|government"
#define OV_GROUPING "suspicious-activity|malware-analysis|unspecified"
#define OV_IDENTITY "individual|group|system|organization|class|unknown"
#define OV_SECTOR                                                                                            \
    "agriculture|aerospace|automotive|chemical|commercial|communications|construction|defense|education|"    \
    "energy|"                                                                                                \
    "entertainment|financial-services|government|emergency-services|government-local|government-national|"   \
    "government-public-services|government-regional|healthcare|hospitality-leisure|infrastructure|dams|"     \
    "nuclear|water|"                                                                                         \
    "insurance|manufacturing|mining|non-profit|pharmaceuticals|retail|technology|telecommunications|"        \
    "transportation|"                                                                                        \
    "utilities"
#define OV_INDICATOR                                                                                         \
    "anomalous-activity|anonymization|benign|compromised|malicious-activity|attribution|unknown"
#define OV_PATTERN "stix|pcre|sigma|snort|suricata|yara"
#define OV_INFRASTRUCTURE                                                                                    \
    "amplification|anonymization|botnet|command-and-control|control-system|exfiltration|firewall|hosting-"   \
    "malware|"                                                                                               \
    "hosting-target-lists|phishing|reconnaissance|routers-switches|staging|workstation|unknown"
#define OV_REGION                                                                                            \
    "africa|eastern-africa|middle-africa|northern-africa|southern-africa|western-africa|americas|"           \
    "latin-america-caribbean|south-america|caribbean|central-america|northern-america|asia|central-asia|"    \
    "eastern-asia|southern-asia|south-eastern-asia|western-asia|europe|eastern-europe|northern-europe|"      \
    "southern-europe|western-europe|oceania|australia-new-zealand|melanesia|micronesia|polynesia|antarctica"
#define OV_MALWARE                                                                                           \
    "adware|backdoor|bot|bootkit|ddos|downloader|dropper|exploit-kit|keylogger|ransomware|remote-access-"    \
    "trojan|"                                                                                                \
    "resource-exploitation|rogue-security-software|rootkit|screen-capture|spyware|trojan|unknown|virus|"     \
    "webshell|"                                                                                              \
    "wiper|worm"
#define OV_PROCESSOR "alpha|arm|ia-64|mips|powerpc|sparc|x86|x86-64"
#define OV_LANGUAGE                                                                                          \
    "applescript|bash|c|c++|c#|go|java|javascript|lua|objective-c|perl|php|powershell|python|ruby|scala|"    \
    "swift|"                                                                                                 \
    "typescript|visual-basic|x86-32|x86-64"
#define OV_CAPABILITY                                                                                        \
    "accesses-remote-machines|anti-debugging|anti-disassembly|anti-emulation|anti-memory-forensics|anti-"    \
    "sandbox|"                                                                                               \
    "anti-vm|captures-input-peripherals|captures-output-peripherals|captures-system-state-data|"             \
    "cleans-traces-of-infection|commits-fraud|communicates-with-c2|compromises-data-availability|"           \
    "compromises-data-integrity|compromises-system-availability|controls-local-machine|"                     \
    "degrades-security-software|degrades-system-updates|determines-c2-server|emails-spam|escalates-"         \
    "privileges|"                                                                                            \
    "evades-av|exfiltrates-data|fingerprints-host|hides-artifacts|hides-executing-code|infects-files|"       \
    "infects-remote-machines|installs-other-components|persists-after-system-reboot|prevents-artifact-"      \
    "access|"                                                                                                \
    "prevents-artifact-deletion|probes-network-environment|self-modifies|steals-authentication-credentials|" \
    "violates-system-operational-integrity"
#define OV_AV_RESULT "malicious|suspicious|benign|unknown"
#define OV_REPORT                                                                                            \
    "attack-pattern|campaign|identity|indicator|intrusion-set|malware|observed-data|threat-actor|threat-"    \
    "report|tool|"                                                                                           \
    "vulnerability"
#define OV_ACTOR                                                                                             \
    "activist|competitor|crime-syndicate|criminal|hacker|insider-accidental|insider-disgruntled|nation-"     \
    "state|"                                                                                                 \
    "sensationalist|spy|terrorist|unknown"
#define OV_ACTOR_ROLE                                                                                        \
    "agent|director|independent|infrastructure-architect|infrastructure-operator|malware-author|sponsor"
#define OV_SOPHISTICATION "none|minimal|intermediate|advanced|expert|innovator|strategic"
#define OV_TOOL                                                                                              \
    "denial-of-service|exploitation|information-gathering|network-capture|credential-exploitation|remote-"   \
    "access|"                                                                                                \
    "vulnerability-scanning|unknown"
#define OV_PE "dll|exe|sys"

#define ENUM_OPINION "strongly-disagree|disagree|neutral|agree|strongly-agree"
#define ENUM_ENCRYPTION "AES-256-GCM|ChaCha20-Poly1305|mime-type-indicated"
#define ENUM_EXTENSION "new-sdo|new-sco|new-sro|property-extension|toplevel-property-extension"
#define ENUM_ADDRESS_FAMILY "AF_UNSPEC|AF_INET|AF_IPX|AF_APPLETALK|AF_NETBIOS|AF_INET6|AF_IRDA|AF_BTH"
#define ENUM_SOCKET "SOCK_STREAM|SOCK_DGRAM|SOCK_RAW|SOCK_RDM|SOCK_SEQPACKET"
#define ENUM_INTEGRITY "low|medium|high|system"
#define ENUM_SERVICE_START                                                                                   \
    "SERVICE_AUTO_START|SERVICE_BOOT_START|SERVICE_DEMAND_START|SERVICE_DISABLED|SERVICE_SYSTEM_ALERT"
#define ENUM_SERVICE_TYPE                                                                                    \
    "SERVICE_KERNEL_DRIVER|SERVICE_FILE_SYSTEM_DRIVER|SERVICE_WIN32_OWN_PROCESS|SERVICE_WIN32_SHARE_PROCESS"
#define ENUM_SERVICE_STATUS                                                                                  \
    "SERVICE_CONTINUE_PENDING|SERVICE_PAUSE_PENDING|SERVICE_PAUSED|SERVICE_RUNNING|SERVICE_START_PENDING|"   \
    "SERVICE_STOP_PENDING|SERVICE_STOPPED"
#define ENUM_REGISTRY                                                                                        \
    "REG_NONE|REG_SZ|REG_EXPAND_SZ|REG_BINARY|REG_DWORD|REG_DWORD_BIG_ENDIAN|REG_DWORD_LITTLE_ENDIAN|REG_"   \
    "LINK|"                                                                                                  \
    "REG_MULTI_SZ|REG_RESOURCE_LIST|REG_FULL_RESOURCE_DESCRIPTION|REG_RESOURCE_REQUIREMENTS_LIST|REG_QWORD|" \
    "REG_INVALID_TYPE"
