/* Averages: the sum of each window, requantized by a multiplier that divides by the window's size. */
#include "filterfront_kernels.h"

/* The taps of a window that lie inside the input: from a first row and column, so many of both. */
typedef struct {
    const int8_t *first;
    int32_t rows;
    int32_t columns;
    int32_t down;  /* from one row of taps to the next */
    int32_t right; /* from one tap to the next */
} window_t;

/* The first tap inside, and how many are from there on, of those that begin at `from`. */
FILTERFRONT_SMALL static int32_t clip(int32_t from, int32_t taps, int32_t dilation, int32_t size, int32_t *first)
{
    int32_t skipped = 0;
    int32_t end = taps;

    while (skipped < taps && from + skipped * dilation < 0) {
        ++skipped;
    }
    while (end > skipped && from + (end - 1) * dilation >= size) {
        --end;
    }
    *first = from + skipped * dilation;
    return end - skipped;
}

FILTERFRONT_APART static int32_t window_sum(const window_t *window, int32_t channel)
{
    const int8_t *row = window->first + channel;
    int32_t sum = 0;

    for (int32_t y = 0; y < window->rows; ++y, row += window->down) {
        const int8_t *value = row;
        for (int32_t left = window->columns; left > 0; --left, value += window->right) {
            sum += *value;
        }
    }
    return sum;
}

#if defined(FILTERFRONT_DSP)
enum { MOST_TAPS = 255 }; /* whose sums fit 16 bits */

/* The sums of four channels at once, as pairs of halfwords. */
FILTERFRONT_APART static void four_sums(const window_t *window, int32_t channel, int32_t *sums)
{
    const int8_t *row = window->first + channel;
    const int32_t right = window->right;
    uint32_t even = 0;
    uint32_t odd = 0;

    for (int32_t y = window->rows; y > 0; --y, row += window->down) {
        const int8_t *value = row;
        for (int32_t left = window->columns; left > 0; --left, value += right) {
            uint32_t four;
            (void)memcpy(&four, value, 4);
            __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(four));
            __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(four));
        }
    }
    sums[0] = (int16_t)(uint16_t)(even & 0xFFFFU);
    sums[1] = (int16_t)(uint16_t)(odd & 0xFFFFU);
    sums[2] = (int16_t)(uint16_t)(even >> 16);
    sums[3] = (int16_t)(uint16_t)(odd >> 16);
}
#endif

FILTERFRONT_SMALL void filterfront_sum_pool(const filterfront_pool_t *step, const int8_t *input, void *output)
{
    const int32_t channels = step->channels;
    const int32_t pitch = step->input_width * channels;
    size_t place = 0;
    window_t window;

    window.down = step->dilation_y * pitch;
    window.right = step->dilation_x * channels;
    for (int32_t y = 0; y < step->output_height; ++y) {
        int32_t from_y;
        window.rows = clip(y * step->stride_y - step->pad_top, step->kernel_height, step->dilation_y,
                           step->input_height, &from_y);
        for (int32_t x = 0; x < step->output_width; ++x) {
            int32_t from_x;
            int32_t channel = 0;
            window.columns = clip(x * step->stride_x - step->pad_left, step->kernel_width, step->dilation_x,
                                  step->input_width, &from_x);
            const int32_t taps = window.rows * window.columns;
            const int32_t zeros = taps * step->input_zero;
            window.first = input + (taps > 0 ? from_y * pitch + from_x * channels : 0);
#if defined(FILTERFRONT_DSP)
            for (; taps <= MOST_TAPS && channel + 4 <= channels; channel += 4, place += 4) {
                int32_t sums[4];
                four_sums(&window, channel, sums);
                for (int32_t index = 0; index < 4; ++index) {
                    filterfront_requantize(&step->output, channel + index, sums[index] - zeros, output,
                                           place + (size_t)index);
                }
            }
#endif
            for (; channel < channels; ++channel, ++place) {
                filterfront_requantize(&step->output, channel, window_sum(&window, channel) - zeros, output, place);
            }
        }
    }
}
