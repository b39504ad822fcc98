/* Reading and writing times; zones against Python's zoneinfo as an independent reader of the same database.
 */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct zone *zone_of(const char *name)
{
    struct err e = ERR_NONE;
    const struct zone *z = zone_find(sv_c(name), &e);
    if (!z)
        fail_msg("%s: %s", name, e.text);
    return z;
}

static const struct {
    const char *text;
    const char *want; /* as time_text6 writes it */
} good[] = {
    {"2026-08-22T02:53:35Z", "2026-08-22T02:53:35.000000Z"},
    {"2026-08-22t02:53:35z", "2026-08-22T02:53:35.000000Z"},
    {"2026-08-22 02:53:35+09:00", "2026-08-21T17:53:35.000000Z"},
    {"2026-08-22T02:53:35.1+0900", "2026-08-21T17:53:35.100000Z"},
    {"2026-08-22T02:53:35.123456789+09", "2026-08-21T17:53:35.123456Z"},
    {"2026-08-22T02:53:35.9999999Z", "2026-08-22T02:53:35.999999Z"},
    {"1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250000Z"},
    {"2015-03-09T02:30:58.027602-0600", "2015-03-09T08:30:58.027602Z"}, /* Suricata */
    {"1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520000Z"},         /* RFC 3339 5.8 from here */
    {"1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000000Z"},
    {"1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000000Z"},
    {"1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000000Z"},
    {"1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870000Z"},
    {"2026-08-22T02:53:35-00:00", "2026-08-22T02:53:35.000000Z"},
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
    {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"},
    {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
    {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
    {"2026-08-22 02:53:35 UTC", "2026-08-22T02:53:35.000000Z"},
    {"2026-08-22 02:53:35 +0900", "2026-08-21T17:53:35.000000Z"},
    {"Sat, 22 Aug 2026 02:53:35 +0000", "2026-08-22T02:53:35.000000Z"},
    {"22 Aug 2026 02:53:35 GMT", "2026-08-22T02:53:35.000000Z"},
    {"Sun, 2 Aug 2026 02:53:35 -0930", "2026-08-02T12:23:35.000000Z"},
    {"Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000000Z"},
    {"Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59.000000Z"},
    /* No zone: Taipei, eight hours ahead. */
    {"2026-08-22T02:53:35", "2026-08-21T18:53:35.000000Z"},
    {"2023/12/12 08:00:00", "2023-12-12T00:00:00.000000Z"},
    {"2023-12-12", "2023-12-11T16:00:00.000000Z"},
    {"2023/12/12", "2023-12-11T16:00:00.000000Z"},
    {"20231212", "2023-12-11T16:00:00.000000Z"},
    {"112/12/12", "2023-12-11T16:00:00.000000Z"},
    {"112-12-12", "2023-12-11T16:00:00.000000Z"},
    {"112/12/12 08:00:00", "2023-12-12T00:00:00.000000Z"},
    {"099/01/01", "2009-12-31T16:00:00.000000Z"},
    /* POSIX seconds. */
    {"1379288667.63194", "2013-09-15T23:44:27.631940Z"},
    {"0", "1970-01-01T00:00:00.000000Z"},
    {"-0.5", "1969-12-31T23:59:59.500000Z"},
    {"1700000000", "2023-11-14T22:13:20.000000Z"},
    {"253402300799.999999", "9999-12-31T23:59:59.999999Z"},
};

static void known_forms_are_read(void **state)
{
    struct time_opts o = {.fallback = zone_of("Asia/Taipei"), .allow_unix = true};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct err e = ERR_NONE;
        usec t;
        if (time_parse(sv_c(good[i].text), &o, &t, &e) != OK)
            fail_msg("%s: %s", good[i].text, e.text);
        char text[32];
        time_text6(t, text);
        if (strcmp(text, good[i].want) != 0)
            fail_msg("%s: got %s, want %s", good[i].text, text, good[i].want);
    }
}

static const struct {
    const char *text;
    int code;
} bad[] = {
    {"", ERR_SYNTAX},
    {"now", ERR_SYNTAX},
    {" 2026-08-22T02:53:35Z", ERR_SYNTAX},
    {"2026-08-22T02:53:35Z ", ERR_SYNTAX},
    {"2026-08-22T02:53:35ZZ", ERR_SYNTAX},
    {"2026-08-22T02:53:35.Z", ERR_SYNTAX},
    {"2026-08-22T02:53:35.1234567890Z", ERR_SYNTAX},
    {"2026-08-22T02:53Z", ERR_SYNTAX},
    {"2026-08-22T2:53:35Z", ERR_SYNTAX},
    {"2026-08-22X02:53:35Z", ERR_SYNTAX},
    {"2026-08/22", ERR_SYNTAX},
    {"2026-8-22", ERR_SYNTAX},
    {"2026-08-22T", ERR_SYNTAX},
    {"2026-08-22T02:53:35+9", ERR_SYNTAX},
    {"2026-08-22T02:53:35+09:", ERR_SYNTAX},
    {"2026-08-22T02:53:35+09:0", ERR_SYNTAX},
    {"2026-08-22T02:53:35+24:00", ERR_SYNTAX},
    {"2026-08-22T02:53:35+09:60", ERR_SYNTAX},
    {"2026-08-22T02:53:35 PST", ERR_SYNTAX},
    {"+2026-08-22T02:53:35Z", ERR_SYNTAX},
    {"-026-08-22T02:53:35Z", ERR_SYNTAX},
    {"Aug 22 02:53:35", ERR_SYNTAX}, /* RFC 3164 names no year */
    {"Foo, 22 Aug 2026 02:53:35 +0000", ERR_SYNTAX},
    {"22 Foo 2026 02:53:35 +0000", ERR_SYNTAX},
    {"2026082", ERR_SYNTAX},
    {"1.5e9", ERR_SYNTAX},
    {"1379288667", ERR_SYNTAX}, /* POSIX seconds were not announced */
    {"2026-02-29T00:00:00Z", ERR_VALUE},
    {"1900-02-29T00:00:00Z", ERR_VALUE},
    {"2026-04-31", ERR_VALUE},
    {"2026-00-01", ERR_VALUE},
    {"2026-13-01", ERR_VALUE},
    {"2026-01-00", ERR_VALUE},
    {"0000-01-01T00:00:00Z", ERR_VALUE},
    {"0001-01-01T00:00:00+00:01", ERR_VALUE},
    {"9999-12-31T23:59:59-00:01", ERR_VALUE},
    {"9999-12-31T23:59:60Z", ERR_VALUE},
    {"2026-01-01T24:00:00Z", ERR_VALUE},
    {"2026-01-01T00:60:00Z", ERR_VALUE},
    {"2026-01-01T00:00:61Z", ERR_VALUE},
    {"20231301", ERR_VALUE},
    {"112/02/29", ERR_VALUE},
    {"Mon, 22 Aug 2026 02:53:35 +0000", ERR_VALUE}, /* it was a Saturday */
    {"2026-08-22T02:53:35", ERR_ZONE},
    {"2026-08-22", ERR_ZONE},
    {"112/12/12", ERR_ZONE},
};

static void other_texts_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = ERR_NONE;
        usec t = 77;
        int rc = time_parse(sv_c(bad[i].text), NULL, &t, &e);
        if (rc != bad[i].code || e.code != rc || !e.text[0])
            fail_msg("%s: got %s, want %s", bad[i].text, err_name(rc), err_name(bad[i].code));
        assert_int_equal(t, 77);
    }
    struct time_opts o = {.allow_unix = true};
    usec t;
    struct err e = ERR_NONE;
    assert_int_equal(time_parse(SV("1379288667631"), &o, &t, &e), ERR_VALUE);
    assert_non_null(strstr(e.remedy, "milliseconds"));
    assert_int_equal(time_parse(SV("-99999999999999"), &o, &t, &e), ERR_VALUE);
    assert_int_equal(time_parse(SV("99999999999999999999999999"), &o, &t, &e), ERR_SYNTAX);
    assert_int_equal(time_parse(SV("2026-08-22T02:53:35Z\0"), &o, &t, &e), ERR_SYNTAX);
    assert_int_equal(time_parse(SV_NONE, &o, &t, &e), ERR_SYNTAX);
    /* Terminals must not see what hostile text holds. */
    assert_int_equal(time_parse(SV("\x1b[2J\n"), &o, &t, &e), ERR_SYNTAX);
    assert_null(strchr(e.text, '\x1b'));
}

/* Every proper prefix, and every text with one byte changed, must be read without touching bytes outside
 * (ASan) and be either refused or written back as the instant it was read as. */
static void damaged_texts_do_no_harm(void **state)
{
    struct time_opts o = {.fallback = zone_of("Asia/Taipei"), .allow_unix = true};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t n = strlen(good[i].text);
        for (size_t cut = 0; cut < n; cut++) {
            char *exact = malloc(cut ? cut : 1);
            assert_non_null(exact);
            memcpy(exact, good[i].text, cut);
            usec t;
            (void)!time_parse(sv_from(exact, cut), &o, &t, NULL);
            for (int c = 0; c < 256 && cut; c++) {
                exact[cut - 1] = (char)c;
                usec again;
                if (time_parse(sv_from(exact, cut), &o, &t, NULL) != OK)
                    continue;
                char text[32];
                time_text(t, text);
                assert_int_equal(time_parse(sv_c(text), NULL, &again, NULL), OK);
                assert_true(t == again);
            }
            free(exact);
        }
    }
}

static void texts_are_as_short_as_they_can_be(void **state)
{
    char text[32];
    time_text(1787367215 * USEC_SECOND, text);
    assert_string_equal(text, "2026-08-22T02:53:35Z");
    time_text(1787367215 * USEC_SECOND + 120000, text);
    assert_string_equal(text, "2026-08-22T02:53:35.120Z");
    time_text(1787367215 * USEC_SECOND + 1, text);
    assert_string_equal(text, "2026-08-22T02:53:35.000001Z");
    time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    time_text6(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    time_text(INT64_MAX, text);
    assert_string_equal(text, "294247-01-10T04:00:54.775807Z");
    time_text(INT64_MIN, text);
    assert_string_equal(text, "-290308-12-21T19:59:05.224192Z");
    char people[40];
    time_people(1787367215 * USEC_SECOND, zone_of("Asia/Taipei"), people);
    assert_string_equal(people, "2026-08-22 10:53");
    time_people(INT64_MAX, zone_of("Asia/Taipei"), people);
    assert_string_equal(people, "294247-01-10 04:00");
}

/* Counts every day from year -1 to 10000 by the rules of the calendar. */
static void days_agree_with_counting(void **state)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = days_from_civil(-1, 1, 1);
    assert_int_equal(days_from_civil(1970, 1, 1), 0);
    assert_int_equal(days_from_civil(2000, 3, 1), 11017);
    for (int64_t y = -1; y <= 10000; y++) {
        bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        for (unsigned m = 1; m <= 12; m++) {
            unsigned last = m == 2 && leap ? 29 : lengths[m - 1];
            for (unsigned d = 1; d <= last; d++, day++) {
                int64_t gy;
                unsigned gm, gd;
                civil_from_days(day, &gy, &gm, &gd);
                if (gy != y || gm != m || gd != d || days_from_civil(y, m, d) != day)
                    fail_msg("%lld-%u-%u", (long long)y, m, d);
            }
        }
    }
}

/* Prints, for random instants and random local times, what zoneinfo says; then at the edges of each change
 * nearby. */
static const char oracle[] =
    "import random, sys\n"
    "from datetime import datetime, timedelta, timezone\n"
    "from zoneinfo import ZoneInfo\n"
    "E = datetime(1970, 1, 1)\n"
    "random.seed(20260822)\n"
    "def secs(d): return (d - E) // timedelta(seconds=1)\n"
    "for name in ['Asia/Taipei', 'Asia/Tokyo', 'America/New_York', 'Europe/London', 'Australia/Lord_Howe',\n"
    "             'Africa/Casablanca', 'Europe/Dublin', 'America/Sao_Paulo', 'Asia/Kathmandu', "
    "'Pacific/Apia',\n"
    "             'America/Nuuk', 'Antarctica/Troll', 'Asia/Gaza', 'Africa/Monrovia', 'UTC']:\n"
    "    z = ZoneInfo(name)\n"
    "    def off(s):\n"
    "        d = (E + timedelta(seconds=s)).replace(tzinfo=timezone.utc).astimezone(z)\n"
    "        return int(d.utcoffset().total_seconds())\n"
    "    at = [random.randrange(-4000000000, 6000000000) for _ in range(400)]\n"
    "    at += [random.randrange(1577836800, 2524608000) for _ in range(400)]\n"
    "    edges = []\n"
    "    for year in (1946, 1975, 1999, 2011, 2019, 2025, 2026, 2030, 2037, 2038, 2044, 2099):\n"
    "        s = secs(datetime(year, 1, 1)); last = off(s)\n"
    "        for h in range(s, s + 366 * 86400, 3600):\n"
    "            o = off(h)\n"
    "            if o != last:\n"
    "                a, b = h - 3600, h\n"
    "                while b - a > 1:\n"
    "                    m = (a + b) // 2\n"
    "                    if off(m) == last: a = m\n"
    "                    else: b = m\n"
    "                edges += [b - 1, b, b + 1]\n"
    "                last = o\n"
    "    for s in at + edges:\n"
    "        print(name, 'U', s, off(s), 0)\n"
    "    locals_ = [random.randrange(1577836800, 4000000000) for _ in range(300)]\n"
    "    for s in edges:\n"
    "        for o in (off(s - 2), off(s + 2)):\n"
    "            locals_ += [s + o + k for k in (-3600, -1800, -1, 0, 1, 900, 1799, 1800, 3599, 3600)]\n"
    "    for l in locals_:\n"
    "        d = (E + timedelta(seconds=l)).replace(tzinfo=z)\n"
    "        u = {int((d.replace(fold=f) - d.replace(fold=f).utcoffset()).replace(tzinfo=None).__sub__(E)\n"
    "                 .total_seconds()) for f in (0, 1)}\n"
    "        real = sorted(x for x in u if x + off(x) == l)\n"
    "        if real:\n"
    "            print(name, 'L', l, real[0], len(real))\n"
    "        else:\n"
    "            a, b = min(u), max(u)\n" /* the gap ends between its two readings */
    "            first = off(a)\n"
    "            while b - a > 1:\n"
    "                m = (a + b) // 2\n"
    "                if off(m) == first: a = m\n"
    "                else: b = m\n"
    "            print(name, 'L', l, b, 0)\n";

static void check_against_oracle(const char *name, char kind, int64_t at, int64_t want, int times)
{
    const struct zone *z = zone_of(name);
    if (kind == 'U') {
        int32_t got = zone_offset(z, at * USEC_SECOND + 999999);
        if (got != want)
            fail_msg("%s at %lld: offset %d, Python says %lld", name, (long long)at, got, (long long)want);
        return;
    }
    int fold;
    usec got = zone_local(z, at * USEC_SECOND, &fold);
    if (got != want * USEC_SECOND || fold != times)
        fail_msg("%s local %lld: %lld (%d), Python says %lld (%d)", name, (long long)at,
                 (long long)(got / USEC_SECOND), fold, (long long)want, times);
}

static void zones_agree_with_python(void **state)
{
    char path[] = "/tmp/noroshi-zone-XXXXXX.py";
    int fd = mkstemps(path, 3);
    assert_true(fd >= 0);
    FILE *script = fdopen(fd, "w");
    assert_non_null(script);
    (void)fputs(oracle, script);
    assert_int_equal(fclose(script), 0);
    char command[64];
    (void)snprintf(command, sizeof(command), "python3 %s", path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    char name[64], kind;
    long long at, want;
    int times, lines = 0, folds = 0, gaps = 0;
    while (fscanf(in, "%63s %c %lld %lld %d", name, &kind, &at, &want, &times) == 5) {
        check_against_oracle(name, kind, at, want, times);
        lines++;
        folds += kind == 'L' && times == 2;
        gaps += kind == 'L' && times == 0;
    }
    int status = pclose(in);
    (void)remove(path);
    assert_int_equal(status, 0);
    assert_true(lines > 15 * 1000 && folds > 100 && gaps > 100);
}

static void new_york_folds_and_gaps(void **state)
{
    struct time_opts o = {.fallback = zone_of("America/New_York")};
    char text[32];
    usec t;
    assert_int_equal(time_parse(SV("2026-11-01 01:30:00"), &o, &t, NULL), OK);
    time_text(t, text);
    assert_string_equal(text, "2026-11-01T05:30:00Z");
    assert_int_equal(time_parse(SV("2026-03-08 02:30:00"), &o, &t, NULL), OK);
    time_text(t, text);
    assert_string_equal(text, "2026-03-08T07:00:00Z");
    int fold;
    (void)zone_local(o.fallback, days_from_civil(2026, 11, 1) * USEC_DAY + USEC_HOUR * 3 / 2, &fold);
    assert_int_equal(fold, 2);
    (void)zone_local(o.fallback, days_from_civil(2026, 3, 8) * USEC_DAY + USEC_HOUR * 5 / 2, &fold);
    assert_int_equal(fold, 0);
}

static void zones_are_found_by_safe_names_only(void **state)
{
    static const char *const refused[] = {
        "",
        "/etc/passwd",
        "../../etc/passwd",
        "Asia/../Asia/Taipei",
        "Asia//Taipei",
        "Asia/",
        "Asia",
        "No/Such",
        "zone.tab",
        "Asia/Taipei\n",
        "right/UTC/",
        "+9",
        "+0",
        "+24:00",
        "+09:60",
        "+09:0",
        "+0900x",
        "-",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct err e = ERR_NONE;
        if (zone_find(sv_c(refused[i]), &e))
            fail_msg("\"%s\" was taken as a zone", refused[i]);
        assert_true(e.code < 0 && e.text[0]);
    }
    struct err e;
    assert_null(zone_find(SV("UTC\0x"), &e));
    const struct zone *leaps = zone_find(SV("right/UTC"), &e);
    assert_null(leaps);
    assert_true(e.code == ERR_UNSUPPORTED || e.code == ERR_NOT_FOUND);
    assert_ptr_equal(zone_of("Asia/Tokyo"), zone_of("Asia/Tokyo"));
    assert_ptr_equal(zone_of("+0900"), zone_of("+09:00"));
    assert_string_equal(zone_name(zone_of("+09")), "+09:00");
    assert_int_equal(zone_offset(zone_of("-0330"), 0), -12600);
    assert_int_equal(zone_offset(zone_of("+00:00"), INT64_MAX), 0);
    assert_int_equal(zone_offset(zone_of("UTC"), INT64_MIN), 0);
    (void)zone_offset(zone_of("America/New_York"), INT64_MIN);
    (void)zone_offset(zone_of("America/New_York"), INT64_MAX);
    (void)zone_local(zone_of("America/New_York"), INT64_MIN, NULL);
    (void)zone_local(zone_of("America/New_York"), INT64_MAX, NULL);
}

static void clocks_run(void **state)
{
    usec a = time_ticks(), b = time_ticks();
    assert_true(b >= a && a > 0);
    assert_true(time_now() > days_from_civil(2024, 1, 1) * USEC_DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_forms_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(damaged_texts_do_no_harm),
        cmocka_unit_test(texts_are_as_short_as_they_can_be),
        cmocka_unit_test(days_agree_with_counting),
        cmocka_unit_test(zones_agree_with_python),
        cmocka_unit_test(new_york_folds_and_gaps),
        cmocka_unit_test(zones_are_found_by_safe_names_only),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
