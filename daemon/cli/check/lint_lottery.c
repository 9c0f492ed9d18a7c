/* lint_lottery.c -- draws and packets: what the rules on prize draws ask for in the announcement, and whether one can open at all.
 * A flow is taken for a lottery if it has a parameter `prizes` or `shares`, or one that names its `organiser`; or if it has a `prize` and
 * draws by lot. Its announcement is what its texts `rules`, `announce...`, `open` and `open_<kind>` say together: each thing must be in
 * every variant of at least one of them.
 * Caller: cli/check/lint.c. */
#include <math.h>
#include <string.h>

#include "cli/check/lint_internal.h"

enum { LOTTERY_KEEP_DAYS = 730, LOTTERY_TOP_VALUE = 5000000 /* cents */ };

struct lottery_field {
    const char *code, *what;
    const char *const *words; /* values or wording; one of them is enough */
};

static const char
    *const lottery_prizes[] = {"{prizes}", "{prize}", "{what}", "{total}", "奖品", "积分",
                               "券",       "prize",   "points", "coupon",  NULL},
           *const lottery_odds[] = {"{shares}", "{count}", "{chances}", "{prizes}", "概率",
                                    "名额",     "份",      "odds",      "chances",  NULL},
           *const lottery_time[] = {"{till}", "{minutes}", "{time}", "{close}", "{at}",   "结束",
                                    "截止",   "分钟",      "点前",   "until",   "before", NULL},
           *const lottery_way[] = {"{word}", "发「",  "发送",  "回复", "参加方式",
                                   "send ",  "Send ", "reply", NULL},
           *const lottery_claim[] = {"{claim}", "领取",   "兑换",   "核销",    "到账",
                                     "claim",   "redeem", "booked", "collect", NULL},
           *const lottery_organiser[] = {"{organiser}", "主办", "举办", "rganis", NULL},
           *const lottery_contact[] = {"{contact}", "联系", "电话", "客服", "ontact", NULL};

static const struct lottery_field lottery_fields[] = {
    {"L050", "what can be won", lottery_prizes},
    {"L051", "how many there are, nor the odds", lottery_odds},
    {"L052", "until when it lasts", lottery_time},
    {"L053", "how to take part", lottery_way},
    {"L054", "how to claim", lottery_claim},
    {"L055", "who organises it", lottery_organiser},
    {"L056", "whom to contact", lottery_contact},
};
enum { LOTTERY_FIELDS = sizeof lottery_fields / sizeof lottery_fields[0] };

/* ---- the announcement ---- */

static bool lottery_is_kind(const char *name)
{
    return strncmp(name, "open_", 5) == 0;
}

static bool lottery_is_common(const char *name)
{
    return strcmp(name, "rules") == 0 || strcmp(name, "open") == 0 ||
           strncmp(name, "announce", 8) == 0;
}

/* The first variant without any of the words, -1 if all have one. */
static int lottery_lacks(const cJSON *text, const char *const *words)
{
    const cJSON *item;
    int i = 0;
    if (cJSON_IsString(text))
        return lint_has(text->valuestring, words) ? -1 : 0;
    cJSON_ArrayForEach (item, text) {
        if (cJSON_IsString(item) && !lint_has(item->valuestring, words))
            return i;
        i++;
    }
    return -1;
}

/* Reports a field that neither `kind` (NULL: there is none) nor a common text always has. */
static void lottery_field(struct linter *k, const struct lottery_field *f, const struct param *kind)
{
    const struct param *blame = NULL;
    int lacking = 0;
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        if (p->type != PARAM_TEXT || (p != kind && !lottery_is_common(p->name)))
            continue;
        int lacks = lottery_lacks(lint_value(k, p->name), f->words);
        if (lacks < 0)
            return;
        /* the text in which some variants have it, or that the playbook wrote, is the one to correct */
        if (!blame || lacks > 0 || lint_given(k, p->name)) {
            blame = p;
            lacking = lacks;
        }
    }
    if (!blame)
        return;
    struct place at;
    place_of_param(k, blame->name, &at);
    bool list = at.value && at.value->type == CONF_TABLE && lacking < at.value->nlist;
    lint_add(k, f->code, at.file, list ? at.value->entries[lacking].value.line : at.line,
             "the announcement of %s%s%s does not say %s (%s.%s, variant %d)", k->flow->name,
             blame == kind ? " by " : "", blame == kind ? kind->name : "", f->what, k->flow->name,
             blame->name, lacking + 1);
    place_free(&at);
}

static void lottery_announcement(struct linter *k)
{
    bool kinds = false;
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        if (p->type != PARAM_TEXT || !lottery_is_kind(p->name))
            continue;
        kinds = true;
        for (int j = 0; j < LOTTERY_FIELDS; j++)
            lottery_field(k, &lottery_fields[j], p);
    }
    for (int j = 0; !kinds && j < LOTTERY_FIELDS; j++)
        lottery_field(k, &lottery_fields[j], NULL);
}

/* ---- what the announcement puts in ---- */

static void lottery_detail(struct linter *k, const struct param *p, const char *key,
                           const char *text, const struct place *at)
{
    static const char *const nobody[] = {"本群运营", "this group's team", NULL};
    (void)key;
    const char *code = strcmp(p->name, "organiser") == 0 ? "L055"
                       : strcmp(p->name, "contact") == 0 ? "L056"
                                                         : "L054";
    bool blank = text[strspn(text, " \t\n")] == '\0';
    if (strcmp(code, "L055") == 0 && (blank || lint_has(text, nobody))) {
        struct place flow;
        place_of_flow(k, &flow);
        lint_add(k, "L057", flow.file, flow.line, "%s.organiser %s%s%s", k->flow->name,
                 blank ? "is not set: nothing opens" : "\"", blank ? "" : text,
                 blank ? "" : "\" is nobody's name");
    } else if (blank) {
        lint_add(k, code, at->file, at->line, "%s.%s is blank", k->flow->name, p->name);
    }
}

static void lottery_details(struct linter *k)
{
    static const char *const names[] = {"organiser", "contact", "claim", "claim_code"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct param *p = flow_param(k->pf->flow, names[i]);
        if (p && (p->type == PARAM_TEXT || p->type == PARAM_STRING))
            lint_each_string(k, p, lottery_detail);
    }
    /* the list of prizes says how many of each */
    static const char *const name[] = {"{name}", NULL}, *const count[] = {"{count}", NULL};
    const cJSON *line = lint_value(k, "prize_line");
    struct place at;
    if (!line)
        return;
    place_of_param(k, "prize_line", &at);
    if (lottery_lacks(line, name) >= 0)
        lint_add(k, "L050", at.file, at.line, "%s.prize_line does not name the prize ({name})",
                 k->flow->name);
    if (lottery_lacks(line, count) >= 0)
        lint_add(k, "L051", at.file, at.line, "%s.prize_line does not say how many ({count})",
                 k->flow->name);
    place_free(&at);
}

/* ---- can it open? ---- */

/* The number of a parameter; `missing` if there is none such. */
static double lottery_number(const struct linter *k, const cJSON *of, const char *name,
                             double missing)
{
    const cJSON *v = of ? cJSON_GetObjectItemCaseSensitive(of, name) : lint_value(k, name);
    return cJSON_IsNumber(v) ? v->valuedouble : missing;
}

/* Is it a list of { name = ..., count = ... }? A flow of one's own may have another form. */
static bool lottery_has_counts(const struct linter *k)
{
    const struct param *p = flow_param(k->pf->flow, "prizes");
    const cJSON *list = lint_value(k, "prizes"), *v;
    if (!p || p->type != PARAM_TABLE)
        return false;
    if (list && !list->child)
        return true; /* empty */
    cJSON_ArrayForEach (v, list) {
        if (cJSON_GetObjectItemCaseSensitive(v, "count"))
            return true;
    }
    return false;
}

/* What a prize is worth must be announced, and may not be more than the rules allow. */
static void lottery_worth(struct linter *k, const cJSON *prize, int i, int line, const char *file)
{
    double value = lottery_number(k, prize, "value", -1);
    if (value > LOTTERY_TOP_VALUE)
        lint_add(k, "L061", file, line,
                 "%s.prizes, item %d: worth %.0f yuan, at most %d are allowed", k->flow->name, i,
                 value / 100, LOTTERY_TOP_VALUE / 100);
    else if (value < 0 || value != floor(value))
        lint_add(k, "L062", file, line, "%s.prizes, item %d has no value in whole cents",
                 k->flow->name, i);
}

/* What the prizes cost; counts them. -1: one of them is wrong, which was reported. */
static double lottery_weigh(struct linter *k, double *count)
{
    const cJSON *list = lint_value(k, "prizes"), *v;
    struct place at;
    double cost = 0;
    int i = 0, wrong = 0;
    place_of_param(k, "prizes", &at);
    cJSON_ArrayForEach (v, list) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(v, "name");
        double n = lottery_number(k, v, "count", 0);
        const struct conf_value *own =
            at.value && i < at.value->nlist ? &at.value->entries[i].value : at.value;
        i++;
        if (!cJSON_IsString(name) || !*name->valuestring || n < 1 || n != floor(n)) {
            lint_add(k, "L058", at.file, own ? own->line : at.line,
                     "%s.prizes, item %d: it needs a name and a whole count of at least 1",
                     k->flow->name, i);
            wrong++;
            continue;
        }
        lottery_worth(k, v, i, own ? own->line : at.line, at.file);
        cost += n * lottery_number(k, v, "cost", 0);
        *count += n;
    }
    if (i == 0) {
        lint_add(k, "L058", at.file, at.line, "%s.prizes is empty", k->flow->name);
        wrong++;
    }
    place_free(&at);
    return wrong ? -1 : cost;
}

/* Budgets of one packet and of one day; `param` is what to make smaller. */
static void lottery_budget(struct linter *k, double cost, const char *param)
{
    static const char *const budgets[] = {"packet_max", "day_max", "group_max"};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        double most = lottery_number(k, NULL, budgets[i], INFINITY);
        struct place at;
        if (cost <= most)
            continue;
        place_of_param(k, lint_given(k, param) ? param : budgets[i], &at);
        lint_add(k, "L059", at.file, at.line,
                 "%s never opens: it takes %.0f, and the budget %s is %.0f", k->flow->name, cost,
                 budgets[i], most);
        place_free(&at);
        return;
    }
}

static void lottery_opens(struct linter *k)
{
    const cJSON *kind = lint_value(k, "kind");
    const char *name = cJSON_IsString(kind) ? kind->valuestring : "prizes";
    double shares = lottery_number(k, NULL, "shares", 0), count = 0;
    if (strcmp(name, "points") == 0) {
        double total = lottery_number(k, NULL, "total", INFINITY);
        struct place at;
        if (total < shares) {
            place_of_param(k, lint_given(k, "total") ? "total" : "shares", &at);
            lint_add(k, "L059", at.file, at.line,
                     "%s never opens: %.0f points are fewer than %.0f shares", k->flow->name, total,
                     shares);
            place_free(&at);
        } else if (isfinite(total)) {
            lottery_budget(k, total, "total");
        }
    } else if (strcmp(name, "coupon") == 0) {
        lottery_budget(k, shares * lottery_number(k, NULL, "coupon_cost", 0), "shares");
    } else if (strcmp(name, "prizes") == 0 && lottery_has_counts(k)) {
        double cost = lottery_weigh(k, &count);
        double blanks = fmax(0, shares - count);
        if (cost >= 0)
            lottery_budget(k, cost + blanks * lottery_number(k, NULL, "consolation", 0), "prizes");
    }
}

static void lottery_records(struct linter *k)
{
    double days = lottery_number(k, NULL, "keep_days", LOTTERY_KEEP_DAYS);
    struct place at;
    if (days >= LOTTERY_KEEP_DAYS)
        return;
    place_of_param(k, "keep_days", &at);
    lint_add(k, "L060", at.file, at.line, "%s.keep_days: draws are kept for %.0f days only",
             k->flow->name, days);
    place_free(&at);
}

/* Whoever names an organiser promises something; a prize for the best, or for those who are voted for, is no lottery. */
static bool lottery_is_one(const struct linter *k)
{
    static const char *const draws[] = {"random", "pick", "shuffle", "secret", NULL};
    const struct flow *f = k->pf->flow;
    bool lot = false;
    for (int i = 0; draws[i] && !lot && flow_param(f, "prize"); i++)
        lot = lint_said_at(k, tokens_method, draws[i]) > 0;
    return lot || flow_param(f, "prizes") || flow_param(f, "shares") || flow_param(f, "organiser");
}

void lint_lottery(struct linter *k)
{
    if (!lottery_is_one(k))
        return;
    lottery_announcement(k);
    lottery_details(k);
    lottery_opens(k);
    lottery_records(k);
}
