/* test_pool.c -- small blocks keep their contents while they grow, shrink and change places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "lua/pool.h"

enum { BLOCKS = 400, ROUNDS = 20000, SIZE_MAX_TESTED = 700 };

struct block {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

static void check(const struct block *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(b->p[i], b->fill);
}

static void test_blocks_keep_what_is_in_them(void **state)
{
    (void)state;
    struct pool pool = {0};
    static struct block blocks[BLOCKS];
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < ROUNDS; i++) {
        struct block *b = &blocks[rng_below(&rng, BLOCKS)];
        size_t size = rng_below(&rng, SIZE_MAX_TESTED), kept = size < b->size ? size : b->size;
        check(b, b->size);
        b->p = pool_realloc(&pool, b->p, b->size, size);
        assert_true((b->p != NULL) == (size > 0));
        assert_int_equal((uintptr_t)b->p % 16, 0);
        check(b, kept);
        b->size = size;
        b->fill = (unsigned char)i;
        if (size)
            memset(b->p, b->fill, size);
    }
    for (int i = 0; i < BLOCKS; i++) {
        check(&blocks[i], blocks[i].size);
        pool_realloc(&pool, blocks[i].p, blocks[i].size, 0);
    }
    pool_free(&pool);
}

static void test_a_freed_block_is_used_again(void **state)
{
    (void)state;
    struct pool pool = {0};
    void *p = pool_realloc(&pool, NULL, 0, 40);
    assert_null(pool_realloc(&pool, p, 40, 0));
#if !defined(__SANITIZE_ADDRESS__)
    assert_ptr_equal(pool_realloc(&pool, NULL, 0, 33), p);
    assert_ptr_equal(pool_realloc(&pool, p, 33, 48), p);
    assert_ptr_not_equal(pool_realloc(&pool, NULL, 0, 48), p);
#endif
    pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_keep_what_is_in_them),
        cmocka_unit_test(test_a_freed_block_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
