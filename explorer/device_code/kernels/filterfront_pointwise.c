/*
 * Convolutions of one tap, with codes that are multiplied as they are packed: four places after the other are unpacked,
 * and all filters taken over them, so that the output may lie over the input.
 */
#include "filterfront_codes.h"
#include "filterfront_ready.h"

/* The values of a place as the pairs of one of four columns; returns the offset of the codes times their sum. */
FILTERFRONT_APART static int32_t read_column(const filterfront_codes_t *codes, const int8_t *values, int32_t zero, int16_t *column)
{
    const int32_t half = 16 / codes->width; /* between the two of a pair */
    int32_t sum = 0;

#if defined(FILTERFRONT_DSP)
    if (half == 2) {
        filterfront_unpack_of_four(values, codes->words, zero, column);
        for (int32_t left = 2 * codes->words; left > 0; --left, column += 2 * FILTERFRONT_COLUMNS) {
            int32_t pair;
            (void)memcpy(&pair, column, 4);
            sum = __smlad(pair, 0x10001, sum);
        }
        return sum * codes->offset;
    }
#endif
    for (int32_t word = 0; word < codes->words; ++word, values += half) {
        for (int32_t pair = 0; pair < half; ++pair, ++values, column += 2 * FILTERFRONT_COLUMNS) {
            column[0] = (int16_t)(values[0] - zero);
            column[1] = (int16_t)(values[half] - zero);
            sum += column[0] + column[1];
        }
    }
    return sum * codes->offset;
}

/* All filters over four columns; count of these are places of the output. */
FILTERFRONT_APART static void run_columns(const filterfront_conv_t *layer, const filterfront_ready_t *ready, const int16_t *columns,
                        const int32_t *offsets, int32_t count, void *output, size_t first)
{
    const filterfront_codes_t own = *(const filterfront_codes_t *)layer->form;
    const int32_t channels = layer->output_channels;
    const int32_t low = layer->output.low;
    const int32_t high = layer->output.high;
    const uint8_t *codes = own.codes;
    int8_t *levels = (int8_t *)output + first;

    for (int32_t channel = 0; channel < channels; ++channel, ++ready, ++levels, codes += 4 * own.words) {
        int32_t sums[FILTERFRONT_COLUMNS];
        own.dot(codes, columns, own.words, sums);
        sums[0] = sums[0] * own.factor + offsets[0];
        sums[1] = sums[1] * own.factor + offsets[1];
        sums[2] = sums[2] * own.factor + offsets[2];
        sums[3] = sums[3] * own.factor + offsets[3];
        if (ready->shift >= 0 && count == FILTERFRONT_COLUMNS) {
            filterfront_write_four(ready, sums, low, high, levels, channels);
        } else {
            filterfront_write_sums(&layer->output, channel, sums, count, output, first + (size_t)channel, channels);
        }
    }
}

void filterfront_pointwise(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const filterfront_codes_t *const codes = (const filterfront_codes_t *)layer->form;
    const int32_t places = layer->output_height * layer->output_width;
    const int32_t row = layer->input_width * layer->input_channels * layer->stride_y;
    const int32_t step = layer->input_channels * layer->stride_x;
    filterfront_ready_t *const ready = (filterfront_ready_t *)scratch;
    int16_t *const columns = (int16_t *)(void *)(ready + layer->output_channels);
    int32_t offsets[FILTERFRONT_COLUMNS] = {0, 0, 0, 0};
    int32_t y = 0;
    int32_t x = 0;

    for (int32_t channel = 0; channel < layer->output_channels; ++channel) {
        ready[channel] = filterfront_make_ready(&layer->output, channel);
    }
    for (int32_t value = 0; value < FILTERFRONT_COLUMNS * layer->input_channels; ++value) {
        columns[value] = 0; /* those of no place */
    }
    for (int32_t place = 0; place < places; place += FILTERFRONT_COLUMNS) {
        const int32_t count = places - place < FILTERFRONT_COLUMNS ? places - place : FILTERFRONT_COLUMNS;
        for (int32_t column = 0; column < count; ++column) {
            offsets[column] = read_column(codes, input + y * row + x * step, layer->input_zero, columns + 2 * column);
            if (++x == layer->output_width) {
                x = 0;
                ++y;
            }
        }
        run_columns(layer, ready, columns, offsets, count, output, (size_t)place * (size_t)layer->output_channels);
    }
}
