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
    int *folders;              /* which those are */
    int n;
};

/* A flow that the playbook has as `false`. */
struct loaded_off {
    const char *name; /* in the tree of the playbook */
    const struct conf_value *at;
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
    struct loaded_off *offs; /* of the playbook that is being read */
    int noffs;
    int problems;
};

/* The flow of that name, loaded once per book; NULL after its problems were reported. `at`: who asks for it. */
struct flow *loader_flow(struct loader *l, const char *name, const struct conf_value *at);
/* The text of a parameter in a language, and in which SOP folder it stands; NULL if no file has it. */
const struct conf_value *loader_text(struct loader *l, const char *language, const char *flow,
                                     const char *param, int *folder);
/* Frees what only the loading needed; flows stay with the book. */
void loader_free(struct loader *l);
/* Fills p->flows from the `flows` table. */
void loader_read_flows(struct loader *l, struct playbook *p, const struct conf_value *root);
/* A flow that is `false`, for overlays to switch on; and such a one joins the playbook, switched off. */
void loader_note_off(struct loader *l, const char *name, const struct conf_value *at);
void loader_add_off_flow(struct loader *l, struct playbook *p, const char *name,
                         const struct conf_value *at);
/* Reports names that are no parameters of the flow. */
void loader_check_names(struct loader *l, const struct flow *flow, const struct conf_value *given);
/* The texts of a flow in another language than the playbook's. `at`: who asks for it. */
void loader_language_flow(struct loader *l, struct playbook_flow *f, const char *language,
                          const struct conf_value *at);

/* playbook.c: `groups` of a table. */
void loader_read_groups(struct loader *l, const struct conf_value *table, const char *missing,
                        struct selector **out, int *n);
/* playbook_head.c: what is given of the head, and where. */
void loader_read_head(struct loader *l, struct playbook *p, const struct conf_value *root);
/* playbook_overlays.c: `locked`, and the overlays in the playbook and in its folder. */
void loader_read_overlays(struct loader *l, struct playbook *p, const char *folder,
                          const struct conf_value *root);

/* Names of *.lua files in <sop folder>/<sub>/, sorted, without the ending; NULL-terminated, each and the list allocated. */
char **loader_list(const char *folder, const char *sub);
void loader_free_list(char **names);

#endif
