/* version.c -- `sopd version`: which sopd this is, and which libraries it runs on. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <libwebsockets.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"

int cli_version(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("Usage: sopd version\n\nPrints the version of sopd and of the libraries it runs on.");
        return CLI_OK;
    }
    if (argc > 1)
        return cli_usage("version", "it takes no arguments");
    printf("sopd %s\n", SOPD_VERSION);
    printf("%s; libuv %s; libwebsockets %s; hiredis %d.%d.%d; cJSON %s\n", LUA_RELEASE,
           uv_version_string(), lws_get_library_version(), HIREDIS_MAJOR, HIREDIS_MINOR,
           HIREDIS_PATCH, cJSON_Version());
    return CLI_OK;
}
