/* alarm_text.c -- what staff read of an alarm, in Chinese: what happened, since when, what it means for the groups, what to do. One row for
 * each kind; a kind without a row is told with its English text. Callers: look/alarm.c. */
#include <string.h>

#include "base/timefmt.h"
#include "engine/look/alarm_part.h"

static const struct alarm_kind {
    const char *kind, *what, *means, *help;
} alarm_kinds[] = {
    {"account", "账号掉线了", "这个账号暂时发不出消息, 群里的记录不会丢",
     "请在手机或服务器上重新登录这个账号"},
    {"link", "连不上了", "收不到群消息, 也发不出消息", "请看看 QQ 服务端(NapCat 等)和网络是否正常"},
    {"silent", "一直没有收到群消息", "可能账号已经掉线, 只是没有提示",
     "请在群里发一句话试试, 没有反应就重新登录账号"},
    {"canary", "自检消息没有发出来", "群里可能已经收不到它发的消息", "请用手机看看账号是否被限制"},
    {"redis", "数据库连不上了", "暂时不能回应, 恢复后会接着处理", "请联系技术同事查看 Redis"},
    {"store", "数据写不进去了", "暂时不能回应, 恢复后会接着处理",
     "请联系技术同事查看磁盘空间和 Redis"},
    {"loop", "系统反应变慢了", "回复会晚一些", "请联系技术同事查看服务器负载"},
    {"takeover", "换了备用账号", "群里由另一个账号继续服务, 记录不变",
     "请看看原来的账号是否掉线或被封, 好了会自动换回"},
    {"pool", "有一个账号用不了了", "群里由其他账号服务, 暂时没有影响",
     "请看看这个账号是否掉线或被封"},
    {"no_spare", "没有可用的备用账号了", "现在的账号再掉线, 群里就没有人回应",
     "请重新登录备用账号, 或换一个新账号"},
    {"shed", "消息太多, 有些没来得及处理", "有人发的指令可能没有回应",
     "请先关掉最热闹的活动, 再请技术同事看看服务器"},
    {"planned", "有到点的任务没有执行", "这一次可能错过了", "请联系技术同事用 sopd ctl why 查原因"},
    {"account_slow", "账号发消息放慢了", "平台可能在限制这个账号, 回复会慢一些",
     "请先别加新活动, 用手机看看账号有没有被提醒"},
    {"account_quiet", "账号只回复, 不主动发了", "群发和定时消息先等着",
     "请用手机登录看看账号有没有被限制"},
    {"account_held", "账号暂停发消息了", "消息发不到群里, 过一会儿会自动再试",
     "请用手机登录看看账号有没有被限制或掉线"},
    {"muted", "账号在群里被禁言了", "这个群里暂时不能说话", "请联系群主或管理员"},
    {"crowded", "群里发得太多, 平台暂时不收了", "这个群的回复会晚一些, 有的会省掉",
     "请先停掉这个群里最热闹的活动"},
    {"removed", "账号被移出了群, 或者群解散了", "这个群不再有人回应", "需要的话请重新拉进群"},
    {"breaker", "有个流程重复发消息, 已经停下", "别的流程不受影响", "请联系技术同事看看这个流程"},
    {"pingpong", "有个机器人一直在和我对话", "已经不再回它", "请看看群里是不是有别的机器人"},
    {"disk", "磁盘快满了", "满了以后就记不了数据", "请联系技术同事清理磁盘"},
};

static const struct alarm_kind *alarm_kind_of(const char *kind)
{
    for (size_t i = 0; i < sizeof alarm_kinds / sizeof alarm_kinds[0]; i++)
        if (strcmp(alarm_kinds[i].kind, kind) == 0)
            return &alarm_kinds[i];
    return NULL;
}

/* "14:05", or "3月2日 14:05" when that was another day than `now`. */
static void alarm_add_clock(struct buf *out, const struct zone *zone, int64_t ms, int64_t now)
{
    int64_t clock = zone_clock(zone, ms) / 60000, day = zone_day(zone, ms, 0);
    int year, month, mday;
    time_civil(day, &year, &month, &mday);
    if (day != zone_day(zone, now, 0))
        buf_addf(out, "%d月%d日 ", month, mday);
    buf_addf(out, "%02d:%02d", (int)(clock / 60), (int)(clock % 60));
}

static void alarm_add_span(struct buf *out, int64_t ms)
{
    int64_t minutes = (ms + 30000) / 60000;
    if (minutes < 1)
        buf_adds(out, "不到 1 分钟");
    else if (minutes < 120)
        buf_addf(out, "%lld 分钟", (long long)minutes);
    else
        buf_addf(out, "%lld 小时 %lld 分钟", (long long)minutes / 60, (long long)minutes % 60);
}

static void alarm_add_subject(struct buf *out, const struct alarm *a)
{
    buf_adds(out, *a->gateway ? a->gateway : "系统");
    if (*a->what)
        buf_addf(out, " (%s)", a->what);
}

static void alarm_add_over(struct buf *out, const struct alarm *a, const char *what)
{
    buf_adds(out, "✅ 已恢复: ");
    alarm_add_subject(out, a);
    buf_addf(out, " %s, 前后 ", what);
    alarm_add_span(out, a->over_ms - a->since_ms);
    if (a->repeats)
        buf_addf(out, ", 中间反复了 %u 次", a->repeats);
    buf_adds(out, "。辛苦啦");
}

void alarm_words(const struct alarms *all, const struct alarm *a, const char *state, int64_t now,
                 struct buf *out)
{
    const struct alarm_kind *k = alarm_kind_of(a->kind);
    const struct zone *zone = all->conf->zone ? all->conf->zone : zone_get("UTC");
    const char *what = k ? k->what : a->text;
    if (strcmp(state, "over") == 0) {
        alarm_add_over(out, a, what);
        return;
    }
    buf_adds(out, "⚠️ 提醒: ");
    alarm_add_subject(out, a);
    buf_addf(out, " %s", what);
    if (*a->words)
        buf_addf(out, ": %s", a->words);
    buf_adds(out, " (");
    alarm_add_clock(out, zone, a->since_ms, now);
    buf_adds(out, " 起)");
    if (strcmp(state, "again") == 0)
        buf_addf(out, ", 一直在反复, 已经 %u 次", a->repeats);
    if (k)
        buf_addf(out, "\n影响: %s\n怎么办: %s", k->means, k->help);
}
