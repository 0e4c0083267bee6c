/* Requantization of many sums of one channel: what they have in common is made ready once. */
#ifndef FILTERFRONT_READY_H
#define FILTERFRONT_READY_H

#include "filterfront_kernels.h"

/* The level of a sum, within 8 bits. */
static inline int32_t filterfront_ready_level(const filterfront_ready_t *ready, int32_t sum)
{
#if defined(FILTERFRONT_DSP)
    uint32_t lower = ready->bias_low;
    int32_t upper = ready->bias_high;

    __asm__("smlal %0, %1, %2, %3" : "+r"(lower), "+r"(upper) : "r"(sum), "r"(ready->factor));
    __asm__("ssat %0, #8, %1" : "=r"(upper) : "r"(upper >> ready->shift));
    return upper;
#else
    const int64_t bias = (int64_t)((uint64_t)(uint32_t)ready->bias_high << 32 | ready->bias_low);
    const int32_t level = (int32_t)((bias + (int64_t)sum * ready->factor) >> 32) >> ready->shift;

    return level < INT8_MIN ? INT8_MIN : level > INT8_MAX ? INT8_MAX : level;
#endif
}

static inline int32_t filterfront_within(int32_t level, int32_t low, int32_t high)
{
    const int32_t above = level < low ? low : level;

    return above > high ? high : above;
}

/* Writes sums of a channel, one by one, to places that lie `step` values apart. */
static inline void filterfront_write_sums(const filterfront_output_t *out, int32_t channel, const int32_t *sums,
                                          int32_t count, void *output, size_t place, int32_t step)
{
    for (int32_t index = 0; index < count; ++index, place += (size_t)step) {
        filterfront_requantize(out, channel, sums[index], output, place);
    }
}

/* Writes the levels of four sums to places that lie `step` apart. */
static inline void filterfront_write_four(const filterfront_ready_t *ready, const int32_t *sums, int32_t low,
                                          int32_t high, int8_t *levels, int32_t step)
{
    int32_t first = filterfront_ready_level(ready, sums[0]);
    int32_t second = filterfront_ready_level(ready, sums[1]);
    int32_t third = filterfront_ready_level(ready, sums[2]);
    int32_t fourth = filterfront_ready_level(ready, sums[3]);

    if (high - low < UINT8_MAX) {
        first = filterfront_within(first, low, high);
        second = filterfront_within(second, low, high);
        third = filterfront_within(third, low, high);
        fourth = filterfront_within(fourth, low, high);
    }
    levels[0] = (int8_t)first;
    levels += step;
    levels[0] = (int8_t)second;
    levels[step] = (int8_t)third;
    levels[2 * step] = (int8_t)fourth;
}

#endif
