/* Convolutions of every kind and linear layers: each filter is decoded once, and then taken over all places. */
#include "filterfront_kernels.h"

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#include <string.h>

/* Four products in eight instructions: values as pairs of halfwords less their zero point, weights packed alike. */
static inline int32_t filterfront_dot(const int16_t *filter, const int8_t *values, int32_t count, int32_t zero,
                                      int32_t sum)
{
    const int32_t offset = (int32_t)(((uint32_t)-zero & 0xFFFFU) * 0x10001U);

    for (; count >= 4; count -= 4, filter += 4, values += 4) {
        uint32_t four;
        uint32_t low;
        uint32_t high;
        (void)memcpy(&four, values, 4);
        (void)memcpy(&low, filter, 4);
        (void)memcpy(&high, filter + 2, 4);
        const int32_t even = __sxtab16(offset, (int32_t)four);
        const int32_t odd = __sxtab16(offset, (int32_t)(four >> 8 | four << 24));
        sum = __smlad((int32_t)((low & 0xFFFFU) | high << 16), even, sum);
        sum = __smlad((int32_t)(low >> 16 | (high & 0xFFFF0000U)), odd, sum);
    }
    for (; count > 0; --count) {
        sum += *filter++ * (*values++ - zero);
    }
    return sum;
}
#else
static inline int32_t filterfront_dot(const int16_t *filter, const int8_t *values, int32_t count, int32_t zero,
                                      int32_t sum)
{
    for (; count >= 4; count -= 4, filter += 4, values += 4) {
        sum += filter[0] * (values[0] - zero);
        sum += filter[1] * (values[1] - zero);
        sum += filter[2] * (values[2] - zero);
        sum += filter[3] * (values[3] - zero);
    }
    for (; count > 0; --count) {
        sum += *filter++ * (*values++ - zero);
    }
    return sum;
}
#endif

/* The sum of a filter over the window whose first tap lies at (y, x), which may be outside; zeros around the input add
 * nothing. Taps lie one after the other, each with the channels of a group. */
static int32_t window_sum(const filterfront_conv_t *layer, const int16_t *filter, const int8_t *input, int32_t y,
                          int32_t x, int32_t members)
{
    const int32_t zero = layer->input_zero;
    int32_t sum = 0;

    for (int32_t row = 0; row < layer->kernel_height; ++row, y += layer->dilation_y) {
        if (y < 0 || y >= layer->input_height) {
            filter += layer->kernel_width * members;
            continue;
        }
        int32_t column_x = x;
        for (int32_t column = 0; column < layer->kernel_width; ++column, column_x += layer->dilation_x) {
            if (column_x >= 0 && column_x < layer->input_width) {
                const int8_t *const values =
                    input + ((size_t)y * (size_t)layer->input_width + (size_t)column_x) * (size_t)layer->input_channels;
                sum = filterfront_dot(filter, values, members, zero, sum);
            }
            filter += members;
        }
    }
    return sum;
}

void filterfront_conv(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group_outputs = layer->output_channels / layer->groups;
    int16_t *const filter = (int16_t *)scratch;
    void *const work = (int8_t *)scratch + layer->work_place;
    uint32_t cursor = 0;

    for (int32_t channel = 0; channel < layer->output_channels; ++channel) {
        const int8_t *const group = input + channel / group_outputs * members;
        size_t place = (size_t)channel;
        cursor = layer->decode(layer->form, channel, cursor, filter, work);
        for (int32_t y = 0; y < layer->output_height; ++y) {
            for (int32_t x = 0; x < layer->output_width; ++x) {
                const int32_t sum = window_sum(layer, filter, group, y * layer->stride_y - layer->pad_top,
                                               x * layer->stride_x - layer->pad_left, members);
                filterfront_requantize(&layer->output, channel, sum, output, place);
                place += (size_t)layer->output_channels;
            }
        }
    }
}
