/* Convolutions at a single place, and linear layers: each filter is taken over the values as it is decoded, or packed. */
#include "filterfront_kernels.h"

/* The values under the window less their zero point, in the order of a filter; zeros around the input. */
FILTERFRONT_SMALL static void read_values(const filterfront_conv_t *layer, const int8_t *input, int16_t *to)
{
    const int32_t members = layer->input_channels / layer->groups;

    for (int32_t row = 0; row < layer->kernel_height; ++row) {
        const int32_t y = row * layer->dilation_y - layer->pad_top;
        for (int32_t column = 0; column < layer->kernel_width; ++column) {
            const int32_t x = column * layer->dilation_x - layer->pad_left;
            const int32_t is_inside = y >= 0 && y < layer->input_height && x >= 0 && x < layer->input_width;
            const int8_t *const from =
                input + (is_inside ? (y * layer->input_width + x) * layer->input_channels : 0);
            for (int32_t member = 0; member < members; ++member) {
                *to++ = is_inside ? (int16_t)(from[member] - layer->input_zero) : (int16_t)0;
            }
        }
    }
}

/* Puts values of a group, which a word of codes has, into the order of its pairs: the first of both halves, and so on. */
FILTERFRONT_SMALL static void order_pairs(int16_t *values, int32_t count, int32_t half, int16_t *group)
{
    for (; count > 0; count -= 2 * half, values += 2 * half) {
        for (int32_t index = 0; index < 2 * half; ++index) {
            group[index] = values[index];
        }
        for (int32_t pair = 0; pair < half; ++pair) {
            values[2 * pair] = group[pair];
            values[2 * pair + 1] = group[half + pair];
        }
    }
}

static inline int32_t add_pair(uint32_t codes, const int16_t *values, int32_t sum)
{
#if defined(FILTERFRONT_DSP)
    uint32_t pair;

    (void)memcpy(&pair, values, 4);
    return __smlad((int32_t)codes, (int32_t)pair, sum);
#else
    const int32_t first = (int16_t)(uint16_t)(codes & 0xFFFFU);
    const int32_t second = (int16_t)(uint16_t)(codes >> 16);

    return sum + first * values[0] + second * values[1];
#endif
}

static inline uint32_t word_at(const uint8_t *codes)
{
#if defined(FILTERFRONT_DSP)
    uint32_t word;

    (void)memcpy(&word, codes, 4);
    return word;
#else
    return (uint32_t)codes[0] | (uint32_t)codes[1] << 8 | (uint32_t)codes[2] << 16 | (uint32_t)codes[3] << 24;
#endif
}

/* The sum of codes times values. */
FILTERFRONT_APART static int32_t dot_codes(const uint8_t *codes, const int16_t *values, int32_t words, int32_t width)
{
    const uint32_t mask = (((uint32_t)1 << width) - 1U) * 0x10001U;
    int32_t sum = 0;

    if (width == 8) {
        for (; words > 0; --words, codes += 4, values += 4) {
            const uint32_t word = word_at(codes);
            sum = add_pair(word & mask, values, sum);
            sum = add_pair(word >> 8 & mask, values + 2, sum);
        }
        return sum;
    }
    for (; words > 0; --words, codes += 4) {
        uint32_t word = word_at(codes);
        for (int32_t left = 16; left > 0; left -= width, word >>= width, values += 2) {
            sum = add_pair(word & mask, values, sum);
        }
    }
    return sum;
}

/* The sum of two rows of values, of an even number. */
FILTERFRONT_APART static int32_t dot_values(const int16_t *filter, const int16_t *values, int32_t count)
{
    int32_t sum = 0;

    for (; count > 0; count -= 2, filter += 2, values += 2) {
#if defined(FILTERFRONT_DSP)
        uint32_t pair;
        (void)memcpy(&pair, filter, 4);
        sum = add_pair(pair, values, sum);
#else
        sum += filter[0] * values[0] + filter[1] * values[1];
#endif
    }
    return sum;
}

FILTERFRONT_SMALL void filterfront_single(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group_outputs = layer->output_channels / layer->groups;
    const int32_t length = members * layer->kernel_height * layer->kernel_width;
    const int32_t even = (length + 1) / 2 * 2;
    int16_t *const values = (int16_t *)scratch;
    int16_t *const decoded = values + even;
    int32_t offset = 0;
    uint32_t cursor = 0;

    values[even - 1] = 0;
    if (layer->codes.packed == NULL) {
        decoded[even - 1] = 0;
    }
    for (int32_t channel = 0; channel < layer->output_channels; ++channel) {
        int32_t sum = 0;
        if (channel % group_outputs == 0) {
            read_values(layer, input + channel / group_outputs * members, values);
        }
        if (layer->codes.packed == NULL) {
            cursor = layer->decode(layer->form, channel, cursor, decoded, decoded + even);
            sum = dot_values(decoded, values, even);
        } else {
            if (channel == 0) {
                for (int32_t value = 0; value < length; ++value) {
                    offset += values[value] * layer->codes.offset;
                }
                order_pairs(values, length, 16 / layer->codes.width, decoded);
            }
            sum = dot_codes(layer->codes.packed + channel * 4 * layer->codes.words, values, layer->codes.words,
                            layer->codes.width);
            sum = sum * ((int32_t)1 << layer->codes.down) + offset;
        }
        filterfront_requantize(&layer->output, channel, sum, output, (size_t)channel);
    }
}
