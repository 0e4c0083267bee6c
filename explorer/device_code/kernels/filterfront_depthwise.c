/*
 * Convolutions of each channel by itself. A band of rows of a channel is unpacked, less the zero point and with zeros
 * around it; rows that the next band needs, too, are moved. So every value is read once, before the output of its place
 * is written, which may lie over it.
 */
#include "filterfront_ready.h"

typedef struct {
    int16_t *filter; /* rows of an even length, filled up with a zero */
    int16_t *band;
    int16_t *decoded;
    int32_t taps;  /* of a row of the filter, with that zero */
    int32_t pitch; /* halfwords of a row of the band */
} place_t;

static void zero(int16_t *to, int32_t count)
{
    for (; count > 0; --count) {
        *to++ = 0;
    }
}

/* Reads rows of the input, which begins with the channel, into the band; what lies around them is zero already. */
FILTERFRONT_APART static void read_rows(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t rows,
                                        int16_t *band, int32_t pitch)
{
    const int32_t channels = layer->input_channels;
    const int32_t level = layer->input_zero;
    const int32_t room = pitch - layer->pad_left;
    const int32_t count = layer->input_width < room ? layer->input_width : room;

    band += layer->pad_left;
    for (; rows > 0; --rows, ++y, band += pitch) {
        if (y < 0 || y >= layer->input_height) {
            zero(band, count);
            continue;
        }
        const int8_t *from = input + y * layer->input_width * channels;
        int16_t *to = band;
        for (const int16_t *const end = band + count; to < end; ++to, from += channels) {
            *to = (int16_t)(*from - level);
        }
    }
}

/* Rows of three taps that are taken over two windows at once are stored as their first two and their last two. */
static void read_filter(const filterfront_conv_t *layer, const place_t *at, int is_double)
{
    const int32_t width = layer->kernel_width;
    const int16_t *from = at->decoded;
    int16_t *to = at->filter;

    for (int32_t row = 0; row < layer->kernel_height; ++row, from += width, to += at->taps) {
        to[at->taps - 1] = 0;
        for (int32_t tap = 0; tap < width; ++tap) {
            to[tap] = from[tap];
        }
        if (is_double != 0) {
            to[2] = from[1];
            to[3] = from[2];
        }
    }
}

#if defined(FILTERFRONT_DSP)
/* A row of two windows side by side: six products in four instructions. */
#define FILTERFRONT_TWO_ROWS(place)                                                                                    \
    "ldrd %[begin], %[end], [%[filter], #" place "]\n\t"                                                               \
    "ldrd %[left], %[right], [%[values]]\n\t"                                                                          \
    "add %[values], %[pitch]\n\t"                                                                                      \
    "smlad %[first], %[begin], %[left], %[first]\n\t"                                                                  \
    "smlabt %[second], %[begin], %[left], %[second]\n\t"                                                               \
    "smlatb %[first], %[end], %[right], %[first]\n\t"                                                                  \
    "smlad %[second], %[end], %[right], %[second]\n\t"

static inline void two_sums(const int16_t *filter, const int16_t *values, int32_t pitch, int32_t *sums)
{
    int32_t first = 0;
    int32_t second = 0;
    int32_t begin;
    int32_t end;
    int32_t left;
    int32_t right;

    __asm__ volatile(FILTERFRONT_TWO_ROWS("0") FILTERFRONT_TWO_ROWS("8") FILTERFRONT_TWO_ROWS("16")
                     : [values] "+r"(values), [first] "+r"(first), [second] "+r"(second), [begin] "=&r"(begin),
                       [end] "=&r"(end), [left] "=&r"(left), [right] "=&r"(right)
                     : [pitch] "r"(2 * pitch), [filter] "r"(filter)
                     : "memory");
    sums[0] = first;
    sums[1] = second;
}

/* Rows of outputs, two at a time; the last of an odd number alone. */
FILTERFRONT_APART static void run_doubles(const filterfront_conv_t *layer, const filterfront_ready_t *ready,
                                          const place_t *at, int32_t rows, int8_t *levels)
{
    const filterfront_ready_t own = *ready;
    const int16_t *const filter = at->filter;
    const int16_t *band = at->band;
    const int32_t step = layer->output_channels;
    const int32_t low = layer->output.low;
    const int32_t high = layer->output.high;
    const int32_t pitch = at->pitch;
    const int32_t width = layer->output_width;

    for (; rows > 0; --rows, band += pitch) {
        const int16_t *values = band;
        for (int32_t left = width; left > 0; left -= 2, values += 2) {
            int32_t sums[2];
            two_sums(filter, values, pitch, sums);
            int32_t first = filterfront_ready_level(&own, sums[0]);
            int32_t second = filterfront_ready_level(&own, sums[1]);
            if (high - low < UINT8_MAX) {
                first = filterfront_within(first, low, high);
                second = filterfront_within(second, low, high);
            }
            *levels = (int8_t)first;
            levels += step;
            if (left > 1) {
                *levels = (int8_t)second;
                levels += step;
            }
        }
    }
}

static inline int32_t row_sum(const int16_t *filter, const int16_t *values, int32_t taps, int32_t sum)
{
    for (; taps > 0; taps -= 2, filter += 2, values += 2) {
        int32_t weights;
        int32_t pair;
        (void)memcpy(&weights, filter, 4);
        (void)memcpy(&pair, values, 4);
        sum = __smlad(weights, pair, sum);
    }
    return sum;
}
#else
static inline int32_t row_sum(const int16_t *filter, const int16_t *values, int32_t taps, int32_t sum)
{
    for (; taps > 0; taps -= 2, filter += 2, values += 2) {
        sum += filter[0] * values[0] + filter[1] * values[1];
    }
    return sum;
}
#endif

/* Rows of outputs, one at a time; place is that of the first. */
FILTERFRONT_APART static void run_singles(const filterfront_conv_t *layer, const filterfront_ready_t *ready,
                                          const place_t *at, int32_t rows, int32_t channel, void *output, size_t place)
{
    const filterfront_ready_t own = *ready;
    const int32_t low = layer->output.low;
    const int32_t high = layer->output.high;
    const int32_t step = layer->output_channels;
    const int32_t down = layer->stride_y * at->pitch;
    const int16_t *band = at->band;

    for (; rows > 0; --rows, band += down) {
        const int16_t *window = band;
        for (int32_t x = 0; x < layer->output_width; ++x, window += layer->stride_x, place += (size_t)step) {
            const int16_t *values = window;
            const int16_t *weights = at->filter;
            int32_t sum = 0;
            for (int32_t row = 0; row < layer->kernel_height; ++row, values += at->pitch, weights += at->taps) {
                sum = row_sum(weights, values, at->taps, sum);
            }
            if (own.shift >= 0) {
                ((int8_t *)output)[place] = (int8_t)filterfront_within(filterfront_ready_level(&own, sum), low, high);
            } else {
                filterfront_requantize(&layer->output, channel, sum, output, place);
            }
        }
    }
}

/* A channel, band by band; windows of 3 by 3 side by side are summed up two at a time. */
static void run_channel(const filterfront_conv_t *layer, const int8_t *input, int32_t channel, const place_t *at,
                        void *output)
{
    const filterfront_ready_t ready = filterfront_make_ready(&layer->output, channel);
    int32_t next = -layer->pad_top; /* row of the input to be read */
    int32_t held = 0;               /* rows in the band */
#if defined(FILTERFRONT_DSP)
    const int is_double = layer->kernel_width == 3 && layer->kernel_height == 3 && layer->stride_x == 1 &&
                          layer->stride_y == 1 && ready.shift >= 0;
#else
    const int is_double = 0;
#endif

    read_filter(layer, at, is_double);
    for (int32_t y = 0; y < layer->output_height; y += layer->block) {
        const int32_t left = layer->output_height - y;
        const int32_t rows = left < layer->block ? left : layer->block;
        const int32_t needed = (rows - 1) * layer->stride_y + layer->kernel_height;
        const size_t place = (size_t)y * (size_t)layer->output_width * (size_t)layer->output_channels + (size_t)channel;
        read_rows(layer, input + channel, next, needed - held, at->band + held * at->pitch, at->pitch);
        next += needed - held;
#if defined(FILTERFRONT_DSP)
        if (is_double) {
            run_doubles(layer, &ready, at, rows, (int8_t *)output + place);
        } else {
            run_singles(layer, &ready, at, rows, channel, output, place);
        }
#else
        run_singles(layer, &ready, at, rows, channel, output, place);
#endif
        const int32_t passed = rows * layer->stride_y;
        held = needed > passed ? needed - passed : 0;
        next += needed < passed ? passed - needed : 0;
        for (int32_t value = 0; value < held * at->pitch; ++value) {
            at->band[value] = at->band[passed * at->pitch + value];
        }
    }
}

void filterfront_depthwise(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t rows = (layer->block - 1) * layer->stride_y + layer->kernel_height;
    place_t at;
    uint32_t cursor = 0;

    at.taps = (layer->kernel_width + 1) / 2 * 2;
    at.pitch = ((layer->output_width - 1) * layer->stride_x + at.taps + 1) / 2 * 2;
    at.filter = (int16_t *)scratch;
    at.band = at.filter + layer->kernel_height * at.taps;
    at.decoded = at.band + rows * at.pitch;
    zero(at.band, rows * at.pitch);
    for (int32_t channel = 0; channel < layer->output_channels; ++channel) {
        cursor = layer->decode(layer->form, channel, cursor, at.decoded,
                               at.decoded + (layer->kernel_height * layer->kernel_width + 1) / 2 * 2);
        run_channel(layer, input, channel, &at, output);
    }
}
