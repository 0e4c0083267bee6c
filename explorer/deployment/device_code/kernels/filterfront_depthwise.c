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

    const int32_t height = layer->input_height;
    const int32_t down = layer->input_width * channels;
    int32_t at = y * down;

    band += layer->pad_left;
    for (; rows > 0; --rows, ++y, at += down, band += pitch) {
        if (y < 0 || y >= height) {
            zero(band, count);
            continue;
        }
        const int8_t *from = input + at;
        int16_t *to = band;
        for (const int16_t *const end = band + count; to < end; ++to, from += channels) {
            *to = (int16_t)(*from - level);
        }
    }
}

FILTERFRONT_SMALL static void read_filter(const filterfront_conv_t *layer, const place_t *at)
{
    const int32_t width = layer->kernel_width;
    const int16_t *from = at->decoded;
    int16_t *to = at->filter;

    for (int32_t row = 0; row < layer->kernel_height; ++row, from += width, to += at->taps) {
        to[at->taps - 1] = 0;
        for (int32_t tap = 0; tap < width; ++tap) {
            to[tap] = (int16_t)(from[tap] * (1 << layer->codes.down));
        }
    }
}

#if defined(FILTERFRONT_DSP)
/* What two windows side by side are computed with: assembly knows where each lies. */
typedef struct {
    int16_t filter[12]; /* of each row the first two taps and the last two */
    filterfront_ready_t ready;
    int32_t step;
} pair_t;

/* A row of two windows: its four values are six products in four instructions. */
#define FILTERFRONT_TWO_ROWS(row, place, first, second)                                                                \
    "ldrd %[begin], %[end], [%[pair], #" place "]\n\t"                                                                 \
    "ldrd %[left], %[right], [" row "], #4\n\t" first second "smlatb %[one], %[end], %[right], %[one]\n\t"             \
    "smlad %[two], %[end], %[right], %[two]\n\t"

#define FILTERFRONT_MORE_ROWS(row, place)                                                                              \
    FILTERFRONT_TWO_ROWS(row, place, "smlad %[one], %[begin], %[left], %[one]\n\t",                                    \
                         "smlabt %[two], %[begin], %[left], %[two]\n\t")

/* Pairs of outputs from three rows on. With a step of 0 the second is not kept. */
static inline void run_pairs(const pair_t *pair, const int16_t *row, int32_t pitch, int32_t count, int8_t *levels)
{
    const int16_t *next = row + pitch;
    const int16_t *last = next + pitch;
    int32_t begin;
    int32_t end;
    int32_t left;
    int32_t right;
    int32_t one;
    int32_t two;

    __asm__ volatile(
        "1:\n\t" FILTERFRONT_TWO_ROWS("%[row]", "0", "smuad %[one], %[begin], %[left]\n\t",
                                      "smulbt %[two], %[begin], %[left]\n\t") FILTERFRONT_MORE_ROWS("%[next]", "8")
            FILTERFRONT_MORE_ROWS("%[last]", "16") "ldrd %[begin], %[end], [%[pair], #24]\n\t"
        "ldrd %[left], %[right], [%[pair], #32]\n\t"
        "smlal %[end], %[left], %[two], %[begin]\n\t"
        "asr %[two], %[left], %[right]\n\t"
        "ssat %[two], #8, %[two]\n\t"
        "ldr %[end], [%[pair], #28]\n\t"
        "ldr %[left], [%[pair], #32]\n\t"
        "smlal %[end], %[left], %[one], %[begin]\n\t"
        "asr %[one], %[left], %[right]\n\t"
        "ssat %[one], #8, %[one]\n\t"
        "ldr %[begin], [%[pair], #40]\n\t"
        "strb %[two], [%[levels], %[begin]]\n\t"
        "strb %[one], [%[levels]]\n\t"
        "add %[levels], %[levels], %[begin], lsl #1\n\t"
        "subs %[count], #1\n\t"
        "bne 1b"
        : [row] "+r"(row), [next] "+r"(next), [last] "+r"(last), [count] "+r"(count), [levels] "+r"(levels),
          [begin] "=&r"(begin), [end] "=&r"(end), [left] "=&r"(left), [right] "=&r"(right), [one] "=&r"(one),
          [two] "=&r"(two)
        : [pair] "r"(pair)
        : "cc", "memory");
}

/* So many pairs of outputs in each row; rows of outputs lie `down` apart. */
FILTERFRONT_APART static void run_rows(const pair_t *pair, const int16_t *row, int32_t pitch, int32_t count,
                                       int8_t *levels, int32_t rows, int32_t down)
{
    for (; rows > 0; --rows, row += pitch, levels += down) {
        run_pairs(pair, row, pitch, count, levels);
    }
}

/* Rows of outputs of 3 by 3 taps side by side, two outputs at a time; the last of an odd number alone. */
FILTERFRONT_SMALL static void run_doubles(const filterfront_conv_t *layer, const filterfront_ready_t *ready,
                                          const place_t *at, int32_t rows, int8_t *levels)
{
    const int32_t width = layer->output_width;
    const int32_t step = layer->output_channels;
    pair_t pair;

    for (int32_t row = 0; row < 3; ++row) {
        pair.filter[4 * row] = at->filter[4 * row];
        pair.filter[4 * row + 1] = at->filter[4 * row + 1];
        pair.filter[4 * row + 2] = at->filter[4 * row + 1];
        pair.filter[4 * row + 3] = at->filter[4 * row + 2];
    }
    pair.ready = *ready;
    pair.step = step;
    if (width > 1) {
        run_rows(&pair, at->band, at->pitch, width / 2, levels, rows, width * step);
    }
    if (width % 2 != 0) {
        pair.step = 0;
        run_rows(&pair, at->band + width - 1, at->pitch, 1, levels + (width - 1) * step, rows, width * step);
    }
}

/* A pair of values as a word. */
static inline int32_t pair_at(const int16_t *values)
{
    int32_t pair;

    (void)memcpy(&pair, values, 4);
    return pair;
}

/* The sum of a window; most filters are three or four taps wide. */
static inline int32_t window_sum(const int16_t *filter, const int16_t *values, int32_t height, int32_t taps,
                                 int32_t pitch)
{
    int32_t sum = 0;

    for (; height > 0; --height, values += pitch) {
        if (taps == 4) {
            sum = __smlad(pair_at(filter), pair_at(values), sum);
            sum = __smlad(pair_at(filter + 2), pair_at(values + 2), sum);
            filter += 4;
            continue;
        }
        for (int32_t tap = 0; tap < taps; tap += 2, filter += 2) {
            sum = __smlad(pair_at(filter), pair_at(values + tap), sum);
        }
    }
    return sum;
}
#else
static inline int32_t window_sum(const int16_t *filter, const int16_t *values, int32_t height, int32_t taps,
                                 int32_t pitch)
{
    int32_t sum = 0;

    for (; height > 0; --height, values += pitch) {
        for (int32_t tap = 0; tap < taps; ++tap) {
            sum += *filter++ * values[tap];
        }
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
    const int32_t across = layer->stride_x;
    const int32_t down = layer->stride_y * at->pitch;
    const int32_t width = layer->output_width;
    const int16_t *band = at->band;

    for (; rows > 0; --rows, band += down) {
        const int16_t *window = band;
        for (int32_t left = width; left > 0; --left, window += across, place += (size_t)step) {
            const int32_t sum = window_sum(at->filter, window, layer->kernel_height, at->taps, at->pitch);
            if (own.shift >= 0) {
                ((int8_t *)output)[place] = (int8_t)filterfront_within(filterfront_ready_level(&own, sum), low, high);
            } else {
                filterfront_requantize(&layer->output, channel, sum >> layer->codes.down, output, place);
            }
        }
    }
}

/* A channel, band by band; windows of 3 by 3 side by side are computed two at a time where levels have 8 bits. */
FILTERFRONT_SMALL static void run_channel(const filterfront_conv_t *layer, const int8_t *input, int32_t channel, const place_t *at,
                        void *output)
{
    const filterfront_ready_t ready = filterfront_make_ready(&layer->output, channel, layer->codes.down);
    int32_t next = -layer->pad_top; /* row of the input to be read */
    int32_t held = 0;               /* rows in the band */
#if defined(FILTERFRONT_DSP)
    const int is_double = layer->kernel_width == 3 && layer->kernel_height == 3 && layer->stride_x == 1 &&
                          layer->stride_y == 1 && ready.shift >= 0 &&
                          layer->output.high - layer->output.low == UINT8_MAX;
#endif

    for (int32_t y = 0; y < layer->output_height; y += layer->block) {
        const int32_t left = layer->output_height - y;
        const int32_t rows = left < layer->block ? left : layer->block;
        const int32_t needed = (rows - 1) * layer->stride_y + layer->kernel_height;
        const int32_t passed = rows * layer->stride_y;
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
        held = needed > passed ? needed - passed : 0;
        next += needed < passed ? passed - needed : 0;
        const int16_t *from = at->band + passed * at->pitch;
        int16_t *to = at->band;
        for (const int16_t *const end = to + held * at->pitch; to < end; ++to) {
            *to = *from++;
        }
    }
}

FILTERFRONT_SMALL void filterfront_depthwise(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
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
        read_filter(layer, &at);
        run_channel(layer, input, channel, &at, output);
    }
}
