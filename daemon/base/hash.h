/* hash.h -- 64-bit hashing of ids and texts (FNV-1a with a final mix), and a small seeded random generator.
 * Neither is for secrets. The mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), the generator is
 * xoshiro256** (Blackman, Vigna 2018). */
#ifndef SOPD_BASE_HASH_H
#define SOPD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_mix(uint64_t x);
uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_string(const char *s);
/* Continues a hash over more bytes: for composite ids. */
uint64_t hash_more(uint64_t h, const void *data, size_t len);

struct rng {
    uint64_t s[4];
};
void rng_seed(struct rng *r, uint64_t seed);
/* Seeds from getrandom(2). */
void rng_seed_system(struct rng *r);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, n), without modulo bias; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1). */
double rng_unit(struct rng *r);

#endif
