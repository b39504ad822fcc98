/* The document for people: one set of sentences a language, filled from the same data. */
#include "pact/agreement.h"

enum sentence {
    S_TITLE,
    S_PARTIES,
    S_BASIS,
    S_TIME,
    S_REVIEW,
    S_END_DELETE,
    S_END_RETURN,
    S_END_KEEP,
    S_NO_TARGET,
    S_PURPOSES,
    S_GRANT,
    S_PURPOSE,
    S_TYPES,
    S_KINDS,
    S_OFFENCES,
    S_ALL,
    S_CEILING,
    S_DENY,
    S_DENY_NONE,
    S_DENY_DROP,
    S_DENY_MASK,
    S_ATTRIBUTION,
    S_NO_ATTRIBUTION,
    S_VICTIM,
    S_NO_VICTIM,
    S_PERSONAL_NONE,
    S_PERSONAL_SUSPECT,
    S_PERSONAL_ALL,
    S_CAP,
    S_RELEASE_NEVER,
    S_RELEASE_SENSITIVE,
    S_RELEASE_ALWAYS,
    S_LEAD_ONLY,
    S_WITH_CONSENT,
    S_EVIDENCE,
    S_ONWARD_NONE,
    S_ONWARD_CONSENT,
    S_ONWARD_LIST,
    S_RETENTION,
    S_EXERCISE,
    S_DIGEST,
    S_MAX,
};

/* {0}, {1}, {2} stand for what is filled in. */
static const char *const SENTENCES[LANGUAGE_MAX][S_MAX] = {
    [LANGUAGE_EN] =
        {
            [S_TITLE] = "{0}\nAgreement {1}, version {2}\n",
            [S_PARTIES] = "Parties",
            [S_BASIS] = "Legal basis",
            [S_TIME] = "In force from {0} until {1} (not including that instant).",
            [S_REVIEW] = "The parties review it at least every {0} days.",
            [S_END_DELETE] = "When it ends, what was received under it is deleted.",
            [S_END_RETURN] = "When it ends, what was received under it is returned.",
            [S_END_KEEP] =
                "When it ends, what was received under it may be kept for as long as each grant says.",
            [S_NO_TARGET] = "It is directed against no third party. What no grant names is not shared.",
            [S_PURPOSES] = "Purposes",
            [S_GRANT] = "Grant {0}: {1} gives {2}",
            [S_PURPOSE] = "for the purpose: {0}",
            [S_TYPES] = "objects: {0}",
            [S_KINDS] = "values: {0}",
            [S_OFFENCES] = "offences: {0}",
            [S_ALL] = "all",
            [S_CEILING] = "marked {0} or lower",
            [S_DENY] = "without the members: {0}",
            [S_DENY_NONE] = "no further members are held back",
            [S_DENY_DROP] = "they are left out, and nothing stands in their place",
            [S_DENY_MASK] = "they are replaced by a mark that something was there",
            [S_ATTRIBUTION] = "it may say who is held responsible",
            [S_NO_ATTRIBUTION] = "it does not say who is held responsible",
            [S_VICTIM] = "it may say who was hit",
            [S_NO_VICTIM] = "it does not say who was hit",
            [S_PERSONAL_NONE] = "no personal data",
            [S_PERSONAL_SUSPECT] = "personal data of suspects only",
            [S_PERSONAL_ALL] = "personal data may be included",
            [S_CAP] = "at most {0} a day",
            [S_RELEASE_NEVER] = "sent without a person releasing each one",
            [S_RELEASE_SENSITIVE] = "a person releases what is sensitive",
            [S_RELEASE_ALWAYS] = "a person releases each one",
            [S_LEAD_ONLY] = "a lead only: not for use in court",
            [S_WITH_CONSENT] = "for use in court with consent",
            [S_EVIDENCE] = "may be used as evidence",
            [S_ONWARD_NONE] = "does not go on to anybody else",
            [S_ONWARD_CONSENT] = "goes on to others with consent only",
            [S_ONWARD_LIST] = "may go on to: {0}",
            [S_RETENTION] = "deleted after {0} days",
            [S_EXERCISE] = "EXERCISE: exercise things only",
            [S_DIGEST] = "SHA-256 of the signed document: {0}\n",
        },
    [LANGUAGE_JA] =
        {
            [S_TITLE] = "{0}\n協定 {1} 第{2}版\n",
            [S_PARTIES] = "当事者",
            [S_BASIS] = "法的根拠",
            [S_TIME] = "有効期間は {0} から {1} まで(終了時刻を含まない)。",
            [S_REVIEW] = "当事者は少なくとも {0} 日ごとに本協定を見直す。",
            [S_END_DELETE] = "終了時、本協定に基づき受領したものは削除する。",
            [S_END_RETURN] = "終了時、本協定に基づき受領したものは返還する。",
            [S_END_KEEP] = "終了後も、受領したものは各許可に定める期間保持できる。",
            [S_NO_TARGET] = "本協定は第三者に向けられたものではない。許可に明記されないものは共有しない。",
            [S_PURPOSES] = "目的",
            [S_GRANT] = "許可 {0}: {1} から {2} へ",
            [S_PURPOSE] = "目的: {0}",
            [S_TYPES] = "オブジェクト: {0}",
            [S_KINDS] = "値の種類: {0}",
            [S_OFFENCES] = "犯罪類型: {0}",
            [S_ALL] = "すべて",
            [S_CEILING] = "取扱区分 {0} 以下",
            [S_DENY] = "次の項目を除く: {0}",
            [S_DENY_NONE] = "その他に除く項目はない",
            [S_DENY_DROP] = "除いた項目は削除し、代わりに何も置かない",
            [S_DENY_MASK] = "除いた項目は、伏せたことを示す記号に置き換える",
            [S_ATTRIBUTION] = "責任を負うとされる者を示すことができる",
            [S_NO_ATTRIBUTION] = "責任を負うとされる者を示さない",
            [S_VICTIM] = "被害者を示すことができる",
            [S_NO_VICTIM] = "被害者を示さない",
            [S_PERSONAL_NONE] = "個人データを含まない",
            [S_PERSONAL_SUSPECT] = "個人データは被疑者のものに限る",
            [S_PERSONAL_ALL] = "個人データを含むことができる",
            [S_CAP] = "1日あたり {0} 件まで",
            [S_RELEASE_NEVER] = "個別の承認なしに送付する",
            [S_RELEASE_SENSITIVE] = "機微なものは担当者が承認する",
            [S_RELEASE_ALWAYS] = "1件ごとに担当者が承認する",
            [S_LEAD_ONLY] = "端緒情報に限り、裁判では使用しない",
            [S_WITH_CONSENT] = "同意を得て裁判で使用できる",
            [S_EVIDENCE] = "証拠として使用できる",
            [S_ONWARD_NONE] = "他者へ再提供しない",
            [S_ONWARD_CONSENT] = "同意がある場合に限り再提供できる",
            [S_ONWARD_LIST] = "再提供できる相手: {0}",
            [S_RETENTION] = "{0} 日後に削除する",
            [S_EXERCISE] = "演習: 演習用のものに限る",
            [S_DIGEST] = "署名対象文書の SHA-256: {0}\n",
        },
    [LANGUAGE_ZH] =
        {
            [S_TITLE] = "{0}\n協議 {1} 第 {2} 版\n",
            [S_PARTIES] = "締約方",
            [S_BASIS] = "法律依據",
            [S_TIME] = "有效期間自 {0} 起至 {1} 止(不含該時刻)。",
            [S_REVIEW] = "締約方至少每 {0} 日檢討本協議一次。",
            [S_END_DELETE] = "終止時,依本協議取得之資料應予刪除。",
            [S_END_RETURN] = "終止時,依本協議取得之資料應予返還。",
            [S_END_KEEP] = "終止後,依本協議取得之資料得於各授權所定期間內保存。",
            [S_NO_TARGET] = "本協議不針對任何第三方。未經授權明列者不予分享。",
            [S_PURPOSES] = "目的",
            [S_GRANT] = "授權 {0}:{1} 提供予 {2}",
            [S_PURPOSE] = "目的:{0}",
            [S_TYPES] = "物件:{0}",
            [S_KINDS] = "值的種類:{0}",
            [S_OFFENCES] = "犯罪類型:{0}",
            [S_ALL] = "全部",
            [S_CEILING] = "標示為 {0} 或以下",
            [S_DENY] = "不含下列欄位:{0}",
            [S_DENY_NONE] = "無其他保留欄位",
            [S_DENY_DROP] = "保留之欄位逕予刪除,不留標記",
            [S_DENY_MASK] = "保留之欄位以遮蔽標記取代",
            [S_ATTRIBUTION] = "得指明被認定應負責者",
            [S_NO_ATTRIBUTION] = "不指明被認定應負責者",
            [S_VICTIM] = "得指明受害者",
            [S_NO_VICTIM] = "不指明受害者",
            [S_PERSONAL_NONE] = "不含個人資料",
            [S_PERSONAL_SUSPECT] = "個人資料僅限嫌疑人",
            [S_PERSONAL_ALL] = "得含個人資料",
            [S_CAP] = "每日至多 {0} 筆",
            [S_RELEASE_NEVER] = "無須逐筆經人員核准即行傳送",
            [S_RELEASE_SENSITIVE] = "敏感者須經人員核准",
            [S_RELEASE_ALWAYS] = "逐筆須經人員核准",
            [S_LEAD_ONLY] = "僅供偵查線索,不得於法庭使用",
            [S_WITH_CONSENT] = "經同意得於法庭使用",
            [S_EVIDENCE] = "得作為證據使用",
            [S_ONWARD_NONE] = "不得再提供他人",
            [S_ONWARD_CONSENT] = "經同意始得再提供他人",
            [S_ONWARD_LIST] = "得再提供予:{0}",
            [S_RETENTION] = "{0} 日後刪除",
            [S_EXERCISE] = "演習:僅限演習資料",
            [S_DIGEST] = "簽署文件之 SHA-256:{0}\n",
        },
};

static const char *const PURPOSE_TEXT[LANGUAGE_MAX][PURPOSE_MAX] = {
    [LANGUAGE_EN] = {"network safety", "cybercrime investigation", "assistance to a prosecution",
                     "notification of victims", "deconfliction", "exercise"},
    [LANGUAGE_JA] = {"ネットワークの安全", "サイバー犯罪の捜査", "訴追の支援", "被害者への通知", "活動の調整",
                     "演習"},
    [LANGUAGE_ZH] = {"網路安全", "網路犯罪偵查", "起訴協助", "通知受害者", "行動協調", "演習"},
};

struct writing {
    const struct agreement *g;
    enum language l;
    struct buf *out;
};

static void say(struct writing *w, enum sentence s, struct sv a, struct sv b, struct sv c)
{
    const struct sv fill[3] = {a, b, c};
    for (const char *p = SENTENCES[w->l][s]; *p; p++) {
        if (p[0] == '{' && p[1] >= '0' && p[1] <= '2' && p[2] == '}') {
            buf_add(w->out, fill[p[1] - '0']);
            p += 2;
        } else {
            buf_addc(w->out, *p);
        }
    }
}

static void line(struct writing *w, enum sentence s, struct sv a)
{
    buf_add(w->out, SV("  - "));
    say(w, s, a, SV_NONE, SV_NONE);
    buf_addc(w->out, '\n');
}

static void number_line(struct writing *w, enum sentence s, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)n);
    line(w, s, sv_c(text));
}

static void words_line(struct writing *w, enum sentence s, struct word_list l)
{
    struct buf b;
    buf_init(&b, 65536);
    for (size_t i = 0; i < l.n; i++) {
        bool all = sv_eq(l.v[i], SV("*"));
        buf_add(&b, i ? SV(", ") : SV(""));
        buf_add(&b, all ? sv_c(SENTENCES[w->l][S_ALL]) : l.v[i]);
    }
    line(w, s, buf_sv(&b));
    buf_clear(&b);
}

static struct sv name_of(const struct writing *w, struct uuid id)
{
    for (size_t i = 0; i < w->g->parties; i++) {
        if (uuid_eq(w->g->party[i].id, id)) {
            return w->g->party[i].name[w->l];
        }
    }
    return SV("?");
}

static void onward_line(struct writing *w, const struct agreement_grant *g)
{
    struct buf b;
    char id[37];
    if (g->onward != ONWARD_LIST) {
        line(w, g->onward == ONWARD_NONE ? S_ONWARD_NONE : S_ONWARD_CONSENT, SV_NONE);
        return;
    }
    buf_init(&b, 65536);
    for (size_t i = 0; i < g->onward_count; i++) {
        struct sv name = name_of(w, g->onward_to[i]);
        uuid_text(g->onward_to[i], id);
        buf_add(&b, i ? SV(", ") : SV(""));
        buf_add(&b, sv_eq(name, SV("?")) ? sv_c(id) : name);
    }
    line(w, S_ONWARD_LIST, buf_sv(&b));
    buf_clear(&b);
}

static void grant_text(struct writing *w, size_t i)
{
    const struct agreement_grant *g = &w->g->grant[i];
    char number[24];
    snprintf(number, sizeof(number), "%zu", i + 1);
    buf_addc(w->out, '\n');
    say(w, S_GRANT, sv_c(number), name_of(w, g->from), name_of(w, g->to));
    buf_addc(w->out, '\n');
    if (g->exercise) {
        line(w, S_EXERCISE, SV_NONE);
    }
    line(w, S_PURPOSE, sv_c(PURPOSE_TEXT[w->l][g->purpose]));
    words_line(w, S_TYPES, g->object_types);
    words_line(w, S_KINDS, g->kinds);
    words_line(w, S_OFFENCES, g->offences);
    line(w, S_CEILING, sv_c(tlp_name(g->ceiling)));
    if (g->fields_deny.n) {
        words_line(w, S_DENY, g->fields_deny);
        line(w, g->redact == REDACT_MASK ? S_DENY_MASK : S_DENY_DROP, SV_NONE);
    } else {
        line(w, S_DENY_NONE, SV_NONE);
    }
    line(w, g->attribution ? S_ATTRIBUTION : S_NO_ATTRIBUTION, SV_NONE);
    line(w, g->victim_identity ? S_VICTIM : S_NO_VICTIM, SV_NONE);
    line(w, (enum sentence)(S_PERSONAL_NONE + (int)g->personal_data), SV_NONE);
    number_line(w, S_CAP, g->max_items_per_day);
    line(w, (enum sentence)(S_RELEASE_NEVER + (int)g->human_release), SV_NONE);
    line(w, (enum sentence)(S_LEAD_ONLY + (int)g->judicial_use), SV_NONE);
    onward_line(w, g);
    number_line(w, S_RETENTION, g->retention_days);
}

static void parties_text(struct writing *w)
{
    say(w, S_PARTIES, SV_NONE, SV_NONE, SV_NONE);
    buf_addc(w->out, '\n');
    for (size_t i = 0; i < w->g->parties; i++) {
        buf_add(w->out, SV("  - "));
        buf_add(w->out, w->g->party[i].name[w->l]);
        buf_printf(w->out, " (%.*s)\n", SV_ARG(w->g->party[i].country));
    }
}

static void purposes_text(struct writing *w)
{
    say(w, S_PURPOSES, SV_NONE, SV_NONE, SV_NONE);
    buf_addc(w->out, '\n');
    for (int p = 0; p < PURPOSE_MAX; p++) {
        if (w->g->purpose[p]) {
            buf_printf(w->out, "  - %s\n", PURPOSE_TEXT[w->l][p]);
        }
    }
}

static void frame_text(struct writing *w)
{
    char from[32], until[32], days[24];
    time_text(w->g->valid_from, from);
    time_text(w->g->valid_until, until);
    snprintf(days, sizeof(days), "%lld", (long long)w->g->review_days);
    say(w, S_BASIS, SV_NONE, SV_NONE, SV_NONE);
    buf_add(w->out, SV("\n  "));
    buf_add(w->out, w->g->legal_basis[w->l]);
    buf_add(w->out, SV("\n\n"));
    say(w, S_TIME, sv_c(from), sv_c(until), SV_NONE);
    buf_addc(w->out, '\n');
    say(w, S_REVIEW, sv_c(days), SV_NONE, SV_NONE);
    buf_addc(w->out, '\n');
    say(w, (enum sentence)(S_END_DELETE + (int)w->g->on_termination), SV_NONE, SV_NONE, SV_NONE);
    buf_addc(w->out, '\n');
    say(w, S_NO_TARGET, SV_NONE, SV_NONE, SV_NONE);
    buf_add(w->out, SV("\n\n"));
}

void agreement_text(const struct agreement *g, enum language l, struct buf *out)
{
    struct writing w = {g, l, out};
    char id[37], version[24], digest[65];
    uuid_text(g->id, id);
    snprintf(version, sizeof(version), "%lld", (long long)g->version);
    hex_text(g->digest.b, sizeof(g->digest.b), digest);
    say(&w, S_TITLE, g->title[l], sv_c(id), sv_c(version));
    buf_addc(out, '\n');
    parties_text(&w);
    buf_addc(out, '\n');
    frame_text(&w);
    purposes_text(&w);
    for (size_t i = 0; i < g->grants; i++) {
        grant_text(&w, i);
    }
    buf_addc(out, '\n');
    say(&w, S_DIGEST, sv_c(digest), SV_NONE, SV_NONE);
}
