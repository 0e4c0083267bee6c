/* A part of a tensor copied to a part of another one: what each level becomes is looked up where it is one for all. */
#include "filterfront_wide.h"

enum { LEVELS = 256 };

void filterfront_wide_rescale(const filterfront_rescale_t *step, const int8_t *input, void *output)
{
    const filterfront_output_t *const out = &step->output;
    const int32_t before = step->before_channel;
    const int32_t end = before + step->channels;
    int8_t table[LEVELS];
    int8_t none;

    if (out->range != NULL || out->multiplier_step != 0 || out->bias_step != 0) {
        filterfront_rescale(step, input, output);
        return;
    }
    for (int32_t level = 0; level < LEVELS; ++level) {
        filterfront_requantize(out, 0, level + INT8_MIN - step->input_zero, table, (size_t)level);
    }
    filterfront_requantize(out, 0, 0, &none, 0);
    for (int32_t y = 0; y < step->output_height; ++y) {
        const int32_t row = y - step->before_y;
        for (int32_t x = 0; x < step->output_width; ++x) {
            const int32_t column = x - step->before_x;
            const size_t place = (size_t)y * (size_t)step->output_width + (size_t)x;
            int8_t *const to = (int8_t *)output + place * (size_t)step->output_row_length + step->output_start;
            const int32_t from = ((step->start_y + row * step->step_y) * step->input_width + step->start_x +
                                  column * step->step_x) *
                                     step->input_channels +
                                 step->start_channel;
            if (row < 0 || row >= step->rows || column < 0 || column >= step->columns) {
                (void)memset(to, none, (size_t)step->output_channels);
                continue;
            }
            (void)memset(to, none, (size_t)before);
            (void)memset(to + end, none, (size_t)(step->output_channels - end));
            for (int32_t channel = 0; channel < step->channels; ++channel) {
                to[before + channel] = table[input[from + channel * step->step_channel] - INT8_MIN];
            }
        }
    }
}
