/* Two tensors added, such as a residual connection; the output may lie where one of them lies. */
#include "filterfront_kernels.h"

void filterfront_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output)
{
    const int32_t shift = step->output.multipliers[0] & 63;
    const int64_t first_factor = step->output.multipliers[0] >> 6;
    const int64_t second_factor = step->second_multiplier >> 6;

    for (int32_t place = 0; place < step->values; ++place) {
        const int64_t scaled = (first[place] - step->first_zero) * first_factor +
                               (second[place] - step->second_zero) * second_factor;
        filterfront_store(&step->output, 0, shift, scaled, output, (size_t)place);
    }
}
