/* What becomes of one sum: a level, or a float. */
#include "filterfront_kernels.h"

enum { MANTISSA_BITS = 24, EXPONENT_OF_ONE = 127 };

/*
 * The bits of the IEEE 754 float that is nearest to scaled / 2^shift, halves to even. It is made of integers, so that
 * cores without a floating-point unit need no library for it.
 */
FILTERFRONT_SMALL static uint32_t float_bits(int64_t scaled, int32_t shift)
{
    const uint64_t limit = (uint64_t)1 << MANTISSA_BITS;
    uint64_t size = scaled < 0 ? (uint64_t)0 - (uint64_t)scaled : (uint64_t)scaled;
    int32_t exponent = EXPONENT_OF_ONE + MANTISSA_BITS - 1 - shift;
    uint64_t lost = 0; /* in units of the last bit, those below half of it together */

    if (size == 0U) {
        return 0U;
    }
    for (; size < limit >> 1; size <<= 1) {
        --exponent;
    }
    for (; size >= limit << 1; size >>= 1) { /* all but one bit, of which it will be one half */
        lost |= size & 1U;
        ++exponent;
    }
    if (size >= limit) {
        const uint64_t half = size & 1U;
        size >>= 1;
        ++exponent;
        size += half & (lost | (size & 1U));
        if (size == limit) {
            size >>= 1;
            ++exponent;
        }
    }
    return (scaled < 0 ? 0x80000000U : 0U) | (uint32_t)exponent << (MANTISSA_BITS - 1) |
           ((uint32_t)size & (((uint32_t)1 << (MANTISSA_BITS - 1)) - 1U));
}

/* A number that is larger where the float of these bits is. */
static int32_t ordered(uint32_t bits)
{
    return (bits >> 31) != 0U ? -(int32_t)(bits & 0x7FFFFFFFU) - 1 : (int32_t)bits;
}

static uint32_t bits_of(const float *value)
{
    uint32_t bits;

    (void)memcpy(&bits, value, sizeof bits);
    return bits;
}

FILTERFRONT_SMALL int64_t filterfront_bias(const filterfront_output_t *out, int32_t channel, int32_t shift)
{
    const int32_t at = channel * out->bias_step;

    return (out->wide_biases != NULL ? out->wide_biases[at] : out->biases[at]) *
           ((int64_t)1 << (shift - out->fraction));
}

void filterfront_store(const filterfront_output_t *out, int32_t channel, int32_t shift, int64_t scaled, void *output,
                       size_t place)
{
    scaled += filterfront_bias(out, channel, shift);
    if (out->range == NULL) {
        const int64_t level = (scaled + ((int64_t)1 << (shift - 1))) >> shift;
        const int64_t low = level < out->low ? out->low : level;
        ((int8_t *)output)[place] = (int8_t)(low > out->high ? out->high : low);
    } else {
        uint32_t bits = float_bits(scaled, shift);
        const uint32_t least = bits_of(out->range);
        const uint32_t greatest = bits_of(out->range + 1);
        bits = ordered(bits) < ordered(least) ? least : bits;
        bits = ordered(bits) > ordered(greatest) ? greatest : bits;
        (void)memcpy((float *)output + place, &bits, sizeof bits);
    }
}

void filterfront_requantize(const filterfront_output_t *out, int32_t channel, int32_t sum, void *output, size_t place)
{
    const int32_t multiplier = out->multipliers[channel * out->multiplier_step];

    filterfront_store(out, channel, filterfront_shift(out, multiplier),
                      (int64_t)sum * (multiplier >> FILTERFRONT_SHIFT_BITS), output, place);
}

FILTERFRONT_SMALL filterfront_ready_t filterfront_make_ready(const filterfront_output_t *out, int32_t channel,
                                                             int32_t raised)
{
    const int32_t stored = out->multipliers[channel * out->multiplier_step];
    const int32_t shift = filterfront_shift(out, stored) + raised;
    const int32_t more = shift < 32 ? 32 - shift : 0; /* up to where the result is the upper word */
    const int64_t factor = (int64_t)(stored >> FILTERFRONT_SHIFT_BITS) * ((int64_t)1 << more);
    const int64_t bias = filterfront_bias(out, channel, shift) + ((int64_t)1 << (shift - 1));
    const int64_t most = (int64_t)1 << (62 - more);
    filterfront_ready_t ready = {0, 0, 0, -1};

    if (out->range == NULL && factor == (int32_t)factor && bias <= most && bias >= -most) {
        const uint64_t whole = (uint64_t)bias << more;
        ready.factor = (int32_t)factor;
        ready.bias_low = (uint32_t)whole;
        ready.bias_high = (int32_t)(uint32_t)(whole >> 32);
        ready.shift = shift + more - 32;
    }
    return ready;
}
