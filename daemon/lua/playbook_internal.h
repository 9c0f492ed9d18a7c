/* playbook_internal.h -- what the files of the playbook loader share. */
#ifndef SOPD_LUA_PLAYBOOK_INTERNAL_H
#define SOPD_LUA_PLAYBOOK_INTERNAL_H

#include "lua/config.h"
#include "lua/host.h"
#include "lua/luaconf.h"
#include "lua/playbook.h"

struct loaded_flow {
    char *name;
    struct flow *flow; /* NULL: it has problems, which were reported */
};

struct loaded_texts {
    char *language;
    struct conf_value **files; /* one per SOP folder that has the language */
    int n;
};

struct loader {
    struct host *host;
    const struct config *config;
    struct buf *err, *warnings;
    struct conf_report report; /* of the playbook that is being read */
    struct loaded_flow *flows;
    int nflows;
    struct loaded_texts *texts;
    int ntexts;
    int problems;
};

/* The flow of that name, loaded once per book; NULL after its problems were reported. `at`: who asks for it. */
struct flow *loader_flow(struct loader *l, const char *name, const struct conf_value *at);
/* The text of a parameter in a language, NULL if no file has it. */
const struct conf_value *loader_text(struct loader *l, const char *language, const char *flow,
                                     const char *param);
/* Frees what only the loading needed; flows stay with the book. */
void loader_free(struct loader *l);
/* Fills p->flows from the `flows` table. */
void loader_read_flows(struct loader *l, struct playbook *p, const struct conf_value *root);
/* Names of *.lua files in <sop folder>/<sub>/, sorted, without the ending; NULL-terminated, each and the list allocated. */
char **loader_list(const char *folder, const char *sub);
void loader_free_list(char **names);

#endif
