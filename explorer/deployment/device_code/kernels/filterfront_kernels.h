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
#include <string.h>

/* Cortex-M4, M7, M33 and their like: two products of halfwords in one instruction. Assembly leaves no register for the
 * frame of a function that is not optimized. */
#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__) && defined(__GNUC__) && defined(__OPTIMIZE__) && \
    !defined(__ARM_BIG_ENDIAN)
#define FILTERFRONT_DSP 1
#include <arm_acle.h>
#endif

/* A function whose loops need the registers for themselves. */
#if defined(__GNUC__)
#define FILTERFRONT_APART __attribute__((noinline, hot))
#else
#define FILTERFRONT_APART
#endif

/* A function that is left often and entered seldom, so that it is compiled for size and its loops call what is not. */
#if defined(__GNUC__)
#define FILTERFRONT_SMALL __attribute__((noinline, cold))
#else
#define FILTERFRONT_SMALL
#endif

/* Arrays at whole words, so that reading words of them takes no second access. */
#if defined(__GNUC__)
#define FILTERFRONT_ALIGNED __attribute__((aligned(4)))
#else
#define FILTERFRONT_ALIGNED
#endif

/* The kernels shift negative numbers right and count on their signs, as every compiler for the targets does. */
typedef char filterfront_shifts_keep_signs[((-1) >> 1) == -1 ? 1 : -1];

/*
 * What becomes of a sum: times m / 2^r plus b / 2^fraction, m and r from one multiplier m * 8 + r - shift; rounded to
 * the nearest level, halves up, and clipped. With a range the output is floats, within it.
 */
typedef struct {
    const int16_t *multipliers;
    const int16_t *biases;
    const int32_t *wide_biases; /* where 16 bits do not hold them; NULL elsewhere */
    const float *range;         /* least and greatest output, or NULL */
    int8_t multiplier_step;     /* 1 where every channel has its own, 0 where one is for all */
    int8_t bias_step;
    int8_t shift;
    int8_t fraction;
    int16_t low;
    int16_t high;
} filterfront_output_t;

/* A layer's filters, decoded one at a time. */
typedef uint32_t (*filterfront_decode_t)(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work);

/*
 * Filters as they are multiplied: codes of 1, 2, 4, 8 or 16 bits, that stand for a factor times the code plus an offset.
 * They lie in flash as they are packed, or are written to scratch from decoded filters, block by block.
 */
typedef struct {
    void (*dot)(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums); /* with four columns */
    const uint8_t *packed; /* in flash; NULL where filters are decoded */
    int32_t words;         /* of a filter */
    int16_t offset;
    int8_t width;
    int8_t down; /* the factor is 2^down; a depthwise layer takes filters times it, where sums would be too small */
} filterfront_codes_t;

/*
 * The values under a window: as they lie in the input, in whole words of codes; words that lie apart or around which
 * there are zeros; or values that are copied to a window of their own first.
 */
enum { FILTERFRONT_AS_IT_IS, FILTERFRONT_IN_WORDS, FILTERFRONT_IN_A_WINDOW };

typedef struct filterfront_conv {
    filterfront_decode_t decode;
    const void *form;
    /* Reads a group's values under the window whose first tap lies at (y, x); NULL where they lie as they are. */
    void (*gather)(const struct filterfront_conv *layer, const int8_t *input, int32_t y, int32_t x, int32_t half,
                   void *values);
    filterfront_codes_t codes;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t block; /* filters that are taken over all places at once; of a depthwise layer, rows of outputs */
    int16_t groups;
    int16_t stride_y;
    int16_t stride_x;
    int16_t dilation_y;
    int16_t dilation_x;
    int16_t pad_top;
    int16_t pad_left;
    int8_t input_zero;
    int8_t input; /* how the values under a window are read: one of the three above */
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
    int16_t dilation_y;
    int16_t dilation_x;
    int16_t pad_top;
    int16_t pad_left;
    int8_t input_zero;
    filterfront_output_t output; /* of sums; a maximum stays on its levels */
} filterfront_pool_t;

/* Two tensors added, value by value; the first multiplier and the second share their shift. */
typedef struct {
    int32_t values;
    int16_t second_multiplier;
    int8_t first_zero;
    int8_t second_zero;
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

void filterfront_gather_values(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x, int32_t half,
                               void *values);
void filterfront_gather_pairs(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x, int32_t half,
                              void *values);
void filterfront_conv(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch);
void filterfront_depthwise(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch);
void filterfront_single(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch);
void filterfront_transposed(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch);
void filterfront_max_pool(const filterfront_pool_t *step, const int8_t *input, int8_t *output);
void filterfront_sum_pool(const filterfront_pool_t *step, const int8_t *input, void *output);
void filterfront_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output);
void filterfront_rescale(const filterfront_rescale_t *step, const int8_t *input, void *output);
void filterfront_flatten(const filterfront_flatten_t *step, const int8_t *input, int8_t *output);

enum { FILTERFRONT_SHIFT_BITS = 3, FILTERFRONT_MORE_SHIFT = 7 };

/* r of a stored multiplier; its m is what is left of it to the right of FILTERFRONT_SHIFT_BITS. */
static inline int32_t filterfront_shift(const filterfront_output_t *out, int32_t multiplier)
{
    return out->shift + (multiplier & FILTERFRONT_MORE_SHIFT);
}

/* The bias of a channel, in units of 2^-shift. */
int64_t filterfront_bias(const filterfront_output_t *out, int32_t channel, int32_t shift);

/* Writes what a sum becomes to a place; scaled is the sum times m, the bias has not been added yet. */
void filterfront_store(const filterfront_output_t *out, int32_t channel, int32_t shift, int64_t scaled, void *output,
                       size_t place);

/* Requantizes a sum of a channel. */
void filterfront_requantize(const filterfront_output_t *out, int32_t channel, int32_t sum, void *output, size_t place);

/* A level is the upper word of sum * factor + bias, shifted right; the bias holds the half that rounds. */
typedef struct {
    int32_t factor;
    uint32_t bias_low;
    int32_t bias_high;
    int32_t shift; /* negative where 32 and 64 bits do not hold the factor and the sums: then nothing is ready */
} filterfront_ready_t;

/* The same for sums that are 2^raised times as large. */
filterfront_ready_t filterfront_make_ready(const filterfront_output_t *out, int32_t channel, int32_t raised);

#endif
