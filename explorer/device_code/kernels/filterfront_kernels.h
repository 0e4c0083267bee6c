/*
 * What the kernels of an exported network share: activations, requantization, and packed streams.
 *
 * Activations are levels, one int8_t a value, channels last. A level q stands for scale * (q - zero). Filters are
 * integers of 16 bits, sums have 32. C99; no allocation, and no state but constants.
 */
#ifndef FILTERFRONT_KERNELS_H
#define FILTERFRONT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* The kernels shift negative numbers right and count on their signs, as every compiler for the targets does. */
typedef char filterfront_shifts_keep_signs[((-1) >> 1) == -1 ? 1 : -1];

/*
 * What becomes of a sum: times m / 2^r plus b / 2^fraction, m and r from one multiplier m * 64 + r; rounded to the
 * nearest level, halves up, and clipped. With a range the output is floats, within it.
 */
typedef struct {
    const int32_t *multipliers;
    const int32_t *biases;
    int32_t multiplier_step; /* 1 where every channel has its own, 0 where one is for all */
    int32_t bias_step;
    int32_t fraction;
    int32_t low;
    int32_t high;
    const float *range; /* least and greatest output, or NULL */
} filterfront_output_t;

/* A layer's filters, decoded one at a time. */
typedef uint32_t (*filterfront_decode_t)(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work);

typedef struct {
    filterfront_decode_t decode;
    const void *form;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;
    int32_t groups;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_y;
    int32_t stride_x;
    int32_t dilation_y;
    int32_t dilation_x;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero;
    int32_t work_place; /* bytes of the filter in scratch, after which decoding works */
    filterfront_output_t output;
} filterfront_conv_t;

/* Windows over one channel after the other. */
typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_y;
    int32_t stride_x;
    int32_t dilation_y;
    int32_t dilation_x;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero;
    filterfront_output_t output; /* of sums; a maximum stays on its levels */
} filterfront_pool_t;

/* Two tensors added, value by value; the first multiplier and the second share their shift. */
typedef struct {
    int32_t values;
    int32_t first_zero;
    int32_t second_zero;
    int32_t second_multiplier;
    filterfront_output_t output;
} filterfront_add_t;

/* A part of a tensor, with zeros around it, on other levels; written as some channels of the output. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t start_y;
    int32_t start_x;
    int32_t start_channel;
    int32_t step_y;
    int32_t step_x;
    int32_t step_channel;
    int32_t rows;
    int32_t columns;
    int32_t channels;
    int32_t before_y;
    int32_t before_x;
    int32_t before_channel;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;   /* of this part, its zeros included */
    int32_t output_row_length; /* channels of the whole output at a place */
    int32_t output_start;      /* the first of this part */
    int32_t input_zero;
    filterfront_output_t output;
} filterfront_rescale_t;

/* Channels last to channels first. */
typedef struct {
    int32_t places;
    int32_t channels;
} filterfront_flatten_t;

void filterfront_conv(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch);
void filterfront_max_pool(const filterfront_pool_t *step, const int8_t *input, int8_t *output);
void filterfront_sum_pool(const filterfront_pool_t *step, const int8_t *input, void *output);
void filterfront_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output);
void filterfront_rescale(const filterfront_rescale_t *step, const int8_t *input, void *output);
void filterfront_flatten(const filterfront_flatten_t *step, const int8_t *input, int8_t *output);

/* scaled is the sum times m; the bias has not been added yet. */
static inline void filterfront_store(const filterfront_output_t *out, int32_t channel, int32_t shift, int64_t scaled,
                                     void *output, size_t place)
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

/* Requantizes a sum of a channel. */
static inline void filterfront_requantize(const filterfront_output_t *out, int32_t channel, int32_t sum, void *output,
                                          size_t place)
{
    const int32_t multiplier = out->multipliers[channel * out->multiplier_step];
    filterfront_store(out, channel, multiplier & 63, (int64_t)sum * (multiplier >> 6), output, place);
}

#endif
