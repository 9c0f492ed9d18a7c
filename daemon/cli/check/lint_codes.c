/* lint_codes.c -- the codes of `sopd check`, what each means and what to do. docs/operations.md has the same list; a code that was
 * given up is not used again. */
#include <string.h>

#include "cli/check/lint.h"

static const struct lint_code codes[] = {
    {"L001", LINT_ERROR, "configuration or playbook cannot be used", "correct what the line names"},
    {"L002", LINT_ERROR, "unknown parameter",
     "use a name that the flow declares at the top of its file"},
    {"L003", LINT_ERROR, "value of a parameter refused",
     "give a value of the type and within the bounds that the flow declares"},
    {"L004", LINT_ERROR, "parameter without a value", "give the value in the playbook"},
    {"L005", LINT_ERROR, "missing text",
     "give the text in the playbook or in the file of texts of its language"},
    {"L006", LINT_ERROR, "unknown flow", "name a file of a flows/ folder"},
    {"L007", LINT_WARNING, "unknown gateway in groups",
     "name a gateway of the configuration, else nobody is served by this line"},
    {"L008", LINT_ERROR, "a flow cannot be loaded", "correct the flow"},
    {"L009", LINT_ERROR, "an overlay sets what a wider one locks",
     "leave the parameter out, or take it from `locked`"},
    {"L010", LINT_WARNING, "configuration is odd", "see the line"},
    {"L011", LINT_ERROR, "a text needs a value that its flow never gives",
     "use a name that the flow gives to this text"},
    {"L012", LINT_WARNING, "lone brace in a text", "write {{ or }} for a brace"},
    {"L013", LINT_WARNING, "empty text", "write something, or leave the parameter out"},
    {"L014", LINT_WARNING, "the same variant twice",
     "write it differently, or take one of them out"},
    {"L015", LINT_WARNING, "text for an unknown parameter",
     "name a parameter that the flow declares, else nobody reads the text"},
    {"L016", LINT_WARNING, "texts for an unknown flow",
     "name a flow of a flows/ folder, else nobody reads the texts"},
    {"L020", LINT_WARNING, "two commands share a word",
     "take the word away from one of them; if the first declines what is not its own, it says shared = true"},
    {"L021", LINT_WARNING, "command behind one that is open to more people",
     "list the flow with the role first, or change one of the words; if the first declines, it says shared = true"},
    {"L022", LINT_ERROR, "blank command word", "give a word that can be said"},
    {"L023", LINT_WARNING, "command without a word", "give a word, or leave the parameter out"},
    {"L024", LINT_WARNING, "handler behind one that always ends the chain",
     "list its flow first, or let the first one return nothing"},
    {"L025", LINT_WARNING, "event that no gateway delivers",
     "take the flow out of this playbook, or serve it by a gateway that has the event"},
    {"L026", LINT_WARNING, "private handler where private chats are off",
     "set private = true in the playbook, or take the flow out"},
    {"L027", LINT_NOTE, "command for a role that nobody has",
     "give somebody the role in `staff`, of the playbook or of the configuration"},
    {"L028", LINT_NOTE, "flow goes without what a gateway lacks",
     "read what is different there, and say it to the members of those groups"},
    {"L030", LINT_ERROR, "gateway cannot do what a flow needs",
     "take the flow out of the playbook, or the gateway out of its groups"},
    {"L031", LINT_WARNING, "staff on an unknown gateway",
     "name a gateway of the configuration, else nobody hears of anything"},
    {"L032", LINT_WARNING, "two playbooks run a flow in the same groups",
     "keep the flow in one of them, for only one can have its way"},
    {"L033", LINT_WARNING, "overlay that no group can have",
     "name groups that the playbook serves, or add them to its `groups`"},
    {"L034", LINT_NOTE, "playbooks that nobody is served by",
     "give groups the tag, or see all that was found with --all"},
    {"L040", LINT_WARNING, "the last group is reached too late",
     "spread the groups over more accounts or times, raise `pace`, or say a later time in the text"},
    {"L041", LINT_WARNING, "the last group is reached in quiet hours",
     "begin earlier, or spread the groups over more accounts"},
    {"L042", LINT_WARNING, "schedule in quiet hours",
     "move the time, or set `quiet` of the playbook so that it may speak then"},
    {"L043", LINT_WARNING, "time of day in quiet hours",
     "move the time: what it says waits for the end of quiet hours"},
    {"L044", LINT_WARNING, "too many posts an evening",
     "drop or move some of them, or raise `evening_posts` of the playbook"},
    {"L050", LINT_ERROR, "lottery: what can be won is missing", "name the prizes in every variant"},
    {"L051", LINT_ERROR, "lottery: quantity or odds are missing",
     "say how many there are, or the odds, in every variant"},
    {"L052", LINT_ERROR, "lottery: time is missing", "say until when it lasts in every variant"},
    {"L053", LINT_ERROR, "lottery: how to take part is missing",
     "say what to send in every variant"},
    {"L054", LINT_ERROR, "lottery: how to claim is missing",
     "say how a prize is claimed in every variant"},
    {"L055", LINT_ERROR, "lottery: organiser is missing", "name the organiser in every variant"},
    {"L056", LINT_ERROR, "lottery: contact is missing", "name a contact in every variant"},
    {"L057", LINT_ERROR, "lottery: organiser is not named, nothing opens",
     "name the company in the parameter organiser"},
    {"L058", LINT_ERROR, "lottery: list of prizes is wrong",
     "give each prize a name and a whole count of at least 1"},
    {"L059", LINT_ERROR, "lottery: can never open",
     "make it smaller, or raise the budget that it breaks"},
    {"L060", LINT_WARNING, "lottery: records are kept too short", "keep draws for 730 days"},
    {"L061", LINT_ERROR, "lottery: a prize is worth more than 50,000 yuan",
     "give smaller prizes: the rules on prize promotion set this limit"},
    {"L062", LINT_WARNING, "lottery: the announcement cannot say what a prize is worth",
     "give each prize a value, in cents"},
    {"L070", LINT_ERROR, "reward for sharing", "reward something else: platforms ban for this"},
    {"L071", LINT_ERROR, "likes, cards or boosts are collected",
     "let members win by themselves: platforms ban for this"},
    {"L072", LINT_WARNING, "reward for inviting",
     "check the platform's rules, and say nothing of it in public"},
    {"L073", LINT_WARNING, "discount without its base price",
     "name the price before (原价), for a discount needs a base"},
    {"L074", LINT_WARNING, "reduced price without its base price",
     "add the price before as `base` to the item"},
    {"L080", LINT_WARNING, "@all without a parameter for it",
     "add a boolean parameter at_all with default false, and ask it before sop.at_all()"},
    {"L081", LINT_WARNING, "@all without the playbook's consent",
     "set the parameter in the playbook, or default it to false"},
    {"L082", LINT_WARNING, "@all written as text",
     "take it out: as text it reaches nobody, and a real one needs sop.at_all()"},
    {"L083", LINT_WARNING, "@all without needing it", "add \"at_all\" to `needs` of the flow"},
    {"L090", LINT_WARNING, "c:http, and no address is listed",
     "list what it may call in http_client.allow of the configuration"},
    {"L091", LINT_WARNING, "c:llm, and no language model is configured",
     "add llm to the configuration, or switch it off in the playbook"},
    {0},
};

const struct lint_code *lint_codes(void)
{
    return codes;
}

const struct lint_code *lint_code(const char *code)
{
    for (const struct lint_code *c = codes; c->code; c++) {
        if (strcmp(c->code, code) == 0)
            return c;
    }
    return NULL;
}

const char *lint_severity_name(enum lint_severity s)
{
    return s == LINT_ERROR ? "error" : s == LINT_WARNING ? "warning" : "note";
}
