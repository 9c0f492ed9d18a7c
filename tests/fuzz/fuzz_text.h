/* fuzz_text.h -- what every text that comes out of a decoder must be: terminated, bounded, valid UTF-8. */
#ifndef SOPD_TESTS_FUZZ_TEXT_H
#define SOPD_TESTS_FUZZ_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static inline void text_ok(const char *s, size_t max)
{
    size_t n = strlen(s);
    if (n > max || !utf8_valid(s, n))
        abort();
}

#endif
