#include "lua/state.h"
void pattern_open(lua_State *L)
{
    (void)L;
}
