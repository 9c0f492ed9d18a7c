/* fuzz_config.c -- any bytes as a configuration file: no crash, no leak, no endless loop; either a configuration or at least
 * one problem, each a line that names the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf err = {0};
    struct config *c = config_parse((const char *)data, size, "f", CONFIG_NO_SECRETS, &err);
    if (!c == !err.len) /* one of both, never both or none */
        abort();
    for (const char *line = buf_cstr(&err); *line;) {
        const char *end = strchr(line, '\n');
        if (!end || line[0] != 'f' || line[1] != ':')
            abort();
        line = end + 1;
    }
    config_free(c);
    buf_free(&err);
    return 0;
}
