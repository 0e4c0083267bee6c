/* What becomes of one sum: a level, or a float. */
#include "filterfront_kernels.h"

void filterfront_store(const filterfront_output_t *out, int32_t channel, int32_t shift, int64_t scaled, void *output,
                       size_t place)
{
    scaled += out->biases[channel * out->bias_step] * ((int64_t)1 << (shift - out->fraction));
    if (out->range == NULL) {
        const int64_t level = (scaled + ((int64_t)1 << (shift - 1))) >> shift;
        const int64_t low = level < out->low ? out->low : level;
        ((int8_t *)output)[place] = (int8_t)(low > out->high ? out->high : low);
    } else {
        float value = (float)scaled;
        for (; shift >= 16; shift -= 16) {
            value *= 1.0F / 65536.0F; /* a power of two: exact */
        }
        value /= (float)((int32_t)1 << shift);
        value = value < out->range[0] ? out->range[0] : value;
        ((float *)output)[place] = value > out->range[1] ? out->range[1] : value;
    }
}

void filterfront_requantize(const filterfront_output_t *out, int32_t channel, int32_t sum, void *output, size_t place)
{
    const int32_t multiplier = out->multipliers[channel * out->multiplier_step];
    filterfront_store(out, channel, multiplier & 63, (int64_t)sum * (multiplier >> 6), output, place);
}
