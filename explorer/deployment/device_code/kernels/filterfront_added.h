/* The level of a sum of two levels: what all places of a step have in common is made ready once. */
#ifndef FILTERFRONT_ADDED_H
#define FILTERFRONT_ADDED_H

#include "filterfront_ready.h"

enum { FILTERFRONT_MOST_VALUE_SHIFT = 20 };

/* Both factors are taken of values that are shifted left by `more`, so that the level is the upper word of the sum. */
typedef struct {
    uint32_t bias_low;
    int32_t bias_high;
    int32_t first;
    int32_t second;
    int32_t more;
    int32_t shift;
} filterfront_sum_t;

/* Returns whether 64 bits hold the sum. */
static inline int filterfront_make_sum(const filterfront_add_t *step, filterfront_sum_t *sum)
{
    const int32_t shift = step->output.shift;

    sum->first = step->output.multipliers[0] >> FILTERFRONT_SHIFT_BITS;
    sum->second = step->second_multiplier >> FILTERFRONT_SHIFT_BITS;
    sum->more = shift < 32 ? 32 - shift : 0;
    sum->shift = shift + sum->more - 32;
    if (step->output.range != NULL || sum->more > FILTERFRONT_MOST_VALUE_SHIFT) {
        return 0;
    }
    const int64_t zeros = (int64_t)step->first_zero * sum->first + (int64_t)step->second_zero * sum->second;
    const int64_t bias = filterfront_bias(&step->output, 0, shift) + ((int64_t)1 << (shift - 1)) - zeros;
    const int64_t most = (int64_t)1 << (62 - sum->more);
    const uint64_t whole = (uint64_t)bias << sum->more;
    sum->bias_low = (uint32_t)whole;
    sum->bias_high = (int32_t)(uint32_t)(whole >> 32);
    return bias <= most && bias >= -most;
}

static inline int32_t filterfront_level_of_sum(const filterfront_sum_t *sum, int32_t first, int32_t second)
{
    const int32_t one = first * ((int32_t)1 << sum->more);
    const int32_t other = second * ((int32_t)1 << sum->more);
    uint32_t lower = sum->bias_low;
    int32_t upper = sum->bias_high;

#if defined(FILTERFRONT_DSP)
    __asm__("smlal %0, %1, %2, %3" : "+r"(lower), "+r"(upper) : "r"(one), "r"(sum->first));
    __asm__("smlal %0, %1, %2, %3" : "+r"(lower), "+r"(upper) : "r"(other), "r"(sum->second));
#else
    const uint64_t all = ((uint64_t)(uint32_t)upper << 32 | lower) + (uint64_t)((int64_t)one * sum->first) +
                         (uint64_t)((int64_t)other * sum->second);
    upper = (int32_t)(uint32_t)(all >> 32);
#endif
    return upper >> sum->shift;
}

#endif
