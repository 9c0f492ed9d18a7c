/* http_address.c -- which addresses are nobody's business but one's own: a flow must not reach them through a name that somebody else
 * controls. See http_client.h. Callers: http_transfer.c, with what a name was resolved to. */
#include <arpa/inet.h>
#include <string.h>

#include "web/http_client.h"

struct net4 {
    uint32_t net;
    int bits;
};

/* IANA's special-purpose registry: whatever is not meant to be reached all over the internet. */
static const struct net4 nets4[] = {
    {0x00000000, 8},  /* this network */
    {0x0A000000, 8},  /* private */
    {0x64400000, 10}, /* shared, behind carriers' NAT */
    {0x7F000000, 8},  /* this machine */
    {0xA9FE0000, 16}, /* link-local, with the clouds' metadata */
    {0xAC100000, 12}, /* private */
    {0xC0000000, 24}, /* protocol assignments */
    {0xC0000200, 24}, /* documentation */
    {0xC0A80000, 16}, /* private */
    {0xC6120000, 15}, /* benchmarks, and what some proxies answer to every name */
    {0xC6336400, 24}, /* documentation */
    {0xCB007100, 24}, /* documentation */
    {0xE0000000, 3},  /* multicast, reserved, broadcast */
};

static bool address_private4(uint32_t a)
{
    for (size_t i = 0; i < sizeof nets4 / sizeof nets4[0]; i++)
        if ((a ^ nets4[i].net) >> (32 - nets4[i].bits) == 0)
            return true;
    return false;
}

static uint32_t address_word(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool address_private6(const uint8_t *b)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xFF, 0x9B};
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
        return address_private4(address_word(b + 12));
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
        return address_private4(address_word(b + 2));
    /* what is left of global unicast (2000::/3) is public, but for documentation and the protocols' own block with Teredo */
    if ((b[0] & 0xE0) != 0x20)
        return true;
    return b[0] == 0x20 && b[1] == 0x01 &&
           ((b[2] & 0xFE) == 0x00 || (b[2] == 0x0D && b[3] == 0xB8));
}

bool http_address_private(const char *text)
{
    uint8_t b[16];
    if (inet_pton(AF_INET, text, b) == 1)
        return address_private4(address_word(b));
    return inet_pton(AF_INET6, text, b) == 1 && address_private6(b);
}

bool http_host_private(const char *host)
{
    static const char local[] = ".localhost";
    size_t n = strlen(host), m = sizeof local - 1;
    return strcmp(host, local + 1) == 0 || (n > m && strcmp(host + n - m, local) == 0) ||
           http_address_private(host);
}
