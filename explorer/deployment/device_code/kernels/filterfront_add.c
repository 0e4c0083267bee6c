/* Two tensors added, such as a residual connection; the output may lie where one of them lies. */
#include "filterfront_added.h"

void filterfront_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output)
{
    const int32_t shift = step->output.shift;
    filterfront_sum_t sum;

    if (filterfront_make_sum(step, &sum)) {
        const int32_t low = step->output.low;
        const int32_t high = step->output.high;
        int8_t *levels = (int8_t *)output;
        for (const int8_t *const end = levels + step->values; levels < end; ++levels) {
            *levels = (int8_t)filterfront_within(filterfront_level_of_sum(&sum, *first++, *second++), low, high);
        }
        return;
    }
    for (int32_t place = 0; place < step->values; ++place) {
        const int64_t scaled = (int64_t)(first[place] - step->first_zero) * sum.first +
                               (int64_t)(second[place] - step->second_zero) * sum.second;
        filterfront_store(&step->output, 0, shift, scaled, output, (size_t)place);
    }
}
