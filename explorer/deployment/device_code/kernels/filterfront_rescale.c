/* A part of a tensor copied to a part of another one, on other levels: concatenation, slices, paddings, scales. */
#include "filterfront_kernels.h"

void filterfront_rescale(const filterfront_rescale_t *step, const int8_t *input, void *output)
{
    for (int32_t y = 0; y < step->output_height; ++y) {
        const int32_t row = y - step->before_y;
        for (int32_t x = 0; x < step->output_width; ++x) {
            const int32_t column = x - step->before_x;
            const int is_inside = row >= 0 && row < step->rows && column >= 0 && column < step->columns;
            size_t place = ((size_t)y * (size_t)step->output_width + (size_t)x) * (size_t)step->output_row_length +
                           (size_t)step->output_start;
            for (int32_t channel = 0; channel < step->output_channels; ++channel) {
                const int32_t member = channel - step->before_channel;
                int32_t value = 0;
                if (is_inside && member >= 0 && member < step->channels) {
                    const int32_t from_y = step->start_y + row * step->step_y;
                    const int32_t from_x = step->start_x + column * step->step_x;
                    const int32_t from_channel = step->start_channel + member * step->step_channel;
                    value = input[((size_t)from_y * (size_t)step->input_width + (size_t)from_x) *
                                      (size_t)step->input_channels +
                                  (size_t)from_channel] -
                            step->input_zero;
                }
                filterfront_requantize(&step->output, channel, value, output, place++);
            }
        }
    }
}
