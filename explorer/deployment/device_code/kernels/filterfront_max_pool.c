/* The largest level of each window; what lies around the input is in none. */
#include "filterfront_kernels.h"

void filterfront_max_pool(const filterfront_pool_t *step, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < step->output_height; ++y) {
        for (int32_t x = 0; x < step->output_width; ++x) {
            for (int32_t channel = 0; channel < step->channels; ++channel) {
                int8_t largest = INT8_MIN;
                for (int32_t row = 0; row < step->kernel_height; ++row) {
                    const int32_t from_y = y * step->stride_y - step->pad_top + row * step->dilation_y;
                    if (from_y < 0 || from_y >= step->input_height) {
                        continue;
                    }
                    for (int32_t column = 0; column < step->kernel_width; ++column) {
                        const int32_t from_x = x * step->stride_x - step->pad_left + column * step->dilation_x;
                        if (from_x >= 0 && from_x < step->input_width) {
                            const int8_t value = input[((size_t)from_y * (size_t)step->input_width + (size_t)from_x) *
                                                           (size_t)step->channels +
                                                       (size_t)channel];
                            largest = value > largest ? value : largest;
                        }
                    }
                }
                *output++ = largest;
            }
        }
    }
}
