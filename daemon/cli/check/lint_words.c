/* lint_words.c -- what texts say: rewards for sharing, likes, discounts without a base, @all as text, empty and repeated ones, and texts
 * that nobody reads. Only values are looked at, as loaded: those that texts and tables of parameters have in force.
 * Caller: cli/check/lint.c. */
#include <string.h>

#include "base/utf8.h"
#include "cli/check/lint_internal.h"

enum { WORDS_SHOWN = 60 };

/* ---- wording ---- */

static const char *const words_share[] = {
    "转发",          "转到朋友圈",   "发朋友圈",   "发到朋友圈",     "分享到",    "分享给",
    "分享本",        "分享链接",     "分享海报",   "分享此",         "分享这",    "晒朋友圈",
    "晒圈",          "发圈",         "share this", "share the link", "share our", "share with your",
    "share it with", "forward this", "repost",     "retweet",        NULL};
/* Words that hold one of the others and mean something else. */
static const char *const words_neutral[] = {
    "发送", "配送", "送达", "接送", "送货", "记得",      "觉得",   "值得", "懂得", "舍得",
    "晓得", "领导", "领域", "带领", "领养", "抽空",      "抽时间", "特别", "分别", "别人",
    "个别", "别的", "级别", "点赞", "辨别", "feel free", "forget", NULL};
static const char *const words_reward[] = {
    "送",     "领",     "奖",   "可得",  "就得",   "即得",   "各得",   "再得",   "都得",   "得券",
    "得积分", "得红包", "得到", "获得",  "赢",     "积分",   "红包",   "免费",   "减免",   "立减",
    "返现",   "返券",   "抽",   "有券",  "优惠券", "代金券", "享优惠", "有优惠", "有福利", "次机会",
    "概率",   "reward", "win ", "prize", "points", "free",   "get ",   "earn",   "chance", NULL};
static const char *const words_likes[] = {
    "集赞",          "集个赞",       "集满",         "攒赞", "求赞",   "集卡",
    "助力领",        "好友助力",     "帮我助力",     "砍价", "砍一刀", "帮砍",
    "collect likes", "likes to win", "likes to get", NULL};
static const char *const words_invite[] = {
    "邀请好友", "邀请朋友", "邀请新",          "拉人",           "拉新",           "拉好友",
    "拉朋友",   "拉一个人", "invite a friend", "invite friends", "bring a friend", NULL};
static const char *const words_not[] = {
    "勿", "不要", "不得", "不可",  "不能",   "禁止",    "不需要",  "无需",  "不用", "不必",
    "别", "不靠", "没有", "don't", "do not", "no need", "without", "never", NULL};
static const char *const words_discount[] = {
    "立减",   "直降",   "特价",  "秒杀价",     "优惠价",        "折后",       "半价", "降价",
    "活动价", "折扣价", "% off", "half price", "special price", "sale price", NULL};
static const char *const words_base[] = {
    "原价",    "平时",       "平日",         "日常价",     "门市价", "划线",
    "标价",    "参考价",     "市场价",       "吊牌价",     "挂牌价", "零售价",
    "{base}",  "{was}",      "{list_price}", "{original}", "{原价}", "was ",
    "regular", "list price", "usual",        "instead of", NULL};
static const char *const words_at_all[] = {"@全体",     "@所有人",       "@全员",
                                           "@全部成员", "@everyone",     "@everybody",
                                           "@all",      "[cq:at,qq=all", NULL};

/* "8折", "8 折", "八折", "{rate}折", but not "骨折" or "一折腾". */
static bool words_percent(const char *s)
{
    static const char *const digits[] = {"一", "二", "两", "三", "四", "五", "六", "七",
                                         "八", "九", "0",  "1",  "2",  "3",  "4",  "5",
                                         "6",  "7",  "8",  "9",  "}",  NULL};
    static const char *const more[] = {"腾", "叠", "磨", "射", "回", NULL};
    for (const char *p = strstr(s, "折"); p; p = strstr(p + 1, "折")) {
        const char *end = p;
        bool number = false, word = false;
        while (end > s && end[-1] == ' ')
            end--;
        for (int i = 0; digits[i]; i++) {
            size_t n = strlen(digits[i]);
            number |= (size_t)(end - s) >= n && memcmp(end - n, digits[i], n) == 0;
        }
        for (int i = 0; more[i]; i++)
            word |= strncmp(p + strlen("折"), more[i], strlen(more[i])) == 0;
        if (number && !word)
            return true;
    }
    return false;
}

/* The length of the first of the words that s begins with, 0 if it begins with none. */
static size_t words_begin(const char *s, const char *const *words)
{
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (strncmp(s, *words, n) == 0)
            return n;
    }
    return 0;
}

/* Is one of the words said, and not denied in the same clause before it ("无需转发", "don't share")? */
static bool words_meant(const char *sentence, const char *const *words)
{
    static const char *const commas[] = {",", "、", ":", NULL};
    const char *clause = sentence;
    bool denied = false;
    for (const char *p = sentence; *p; p++) {
        size_t comma = words_begin(p, commas);
        if (comma) {
            clause = p + comma;
            denied = false;
            p += comma - 1;
        } else if (words_begin(p, words)) {
            const size_t no = strlen("不");
            bool not_before = (size_t)(p - clause) >= no && memcmp(p - no, "不", no) == 0;
            if (!denied && !not_before)
                return true;
        }
        denied |= words_begin(p, words_not) > 0;
    }
    return false;
}

/* The next sentence of a folded text into out, without neutral words; what follows it, NULL at the end. */
static const char *words_sentence(const char *s, struct buf *out)
{
    static const char *const ends[] = {"。", "!", "?", ";", "\n", NULL};
    buf_reset(out);
    while (*s) {
        size_t end = words_begin(s, ends), neutral = words_begin(s, words_neutral);
        if (end)
            return s + end;
        buf_addc(out, neutral ? '~' : *s);
        s += neutral ? neutral : 1;
    }
    return NULL;
}

/* The beginning of a text, on one line. */
static void words_show(const char *text, struct buf *out)
{
    size_t len = strcspn(text, "\n"), n = 0;
    while (n < len && n < WORDS_SHOWN) {
        n++;
        while (n < len && ((unsigned char)text[n] & 0xC0) == 0x80)
            n++;
    }
    buf_add(out, text, n);
    if (text[n])
        buf_adds(out, "...");
}

static void words_found(struct linter *k, const char *code, const struct param *p, const char *text,
                        const struct place *at, const char *says)
{
    struct buf shown = {0};
    words_show(text, &shown);
    lint_add(k, code, at->file, at->line, "%s.%s %s: \"%s\"", k->flow->name, p->name, says,
             buf_cstr(&shown));
    buf_free(&shown);
}

/* `folded`: the text as commands are compared, in which full-width forms and letters are plain ones. */
static void words_sentences(struct linter *k, const struct param *p, const char *text,
                            const char *folded, const struct place *at)
{
    struct buf one = {0};
    for (const char *s = folded; s;) {
        s = words_sentence(s, &one);
        const char *t = buf_cstr(&one);
        if (words_meant(t, words_likes))
            words_found(k, "L071", p, text, at, "collects likes, cards or boosts");
        else if (words_meant(t, words_share) && lint_has(t, words_reward))
            words_found(k, "L070", p, text, at, "rewards sharing");
        else if (words_meant(t, words_invite) && lint_has(t, words_reward))
            words_found(k, "L072", p, text, at, "rewards inviting");
    }
    buf_free(&one);
}

/* What members are expected to write is not what we say. */
static bool words_is_ours(const struct param *p, const char *key)
{
    static const char *const theirs[] = {"ask", "pattern", "words", "keywords", "match", "tag"};
    if (p->type != PARAM_TEXT && p->type != PARAM_STRING && p->type != PARAM_TABLE)
        return false;
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        if (p->type == PARAM_TABLE && strcmp(key, theirs[i]) == 0)
            return false;
    }
    return true;
}

/* Is it for staff only? By its name, as the shipped flows have it. */
static bool words_is_for_staff(const struct param *p)
{
    return strncmp(p->name, "staff_", 6) == 0 || strncmp(p->name, "use_", 4) == 0;
}

static void words_look(struct linter *k, const struct param *p, const char *key, const char *text,
                       const struct place *at)
{
    if (!words_is_ours(p, key))
        return;
    struct buf folded = {0};
    utf8_fold(&folded, text, strlen(text));
    const char *t = buf_cstr(&folded);
    words_sentences(k, p, text, t, at);
    if ((lint_has(t, words_discount) || words_percent(t)) && !lint_has(t, words_base) &&
        !words_is_for_staff(p))
        words_found(k, "L073", p, text, at, "claims a discount without the price before");
    if (words_meant(t, words_at_all))
        words_found(k, "L082", p, text, at, "writes @all as text");
    buf_free(&folded);
}

/* ---- items with prices ---- */

static bool words_has_key(const cJSON *v, const char *const *keys)
{
    for (; *keys; keys++) {
        if (cJSON_GetObjectItemCaseSensitive(v, *keys))
            return true;
    }
    return false;
}

static void words_prices(struct linter *k, const struct param *p, const cJSON *list,
                         const struct place *at)
{
    static const char *const reduced[] = {"discount", "off",    "sale_price",
                                          "special",  "rebate", NULL},
                             *const base[] = {"base",       "was",  "original",
                                              "list_price", "原价", NULL};
    const cJSON *v;
    int i = 0;
    cJSON_ArrayForEach (v, list) {
        const struct conf_value *list_at = at->value, *own = NULL;
        if (list_at && list_at->type == CONF_TABLE && i < list_at->nlist)
            own = &list_at->entries[i].value;
        i++;
        if (cJSON_IsObject(v) && words_has_key(v, reduced) && !words_has_key(v, base))
            lint_add(k, "L074", at->file, own ? own->line : at->line,
                     "%s.%s, item %d: a reduced price without the price before", k->flow->name,
                     p->name, i);
    }
}

void lint_wording(struct linter *k)
{
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        lint_each_string(k, p, words_look);
        if (p->type != PARAM_TABLE)
            continue;
        struct place at;
        place_of_param(k, p->name, &at);
        words_prices(k, p, lint_value(k, p->name), &at);
        place_free(&at);
    }
}
