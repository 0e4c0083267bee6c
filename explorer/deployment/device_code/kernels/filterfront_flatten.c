/* Channels last to channels first, as a linear layer after it expects them. */
#include "filterfront_kernels.h"

void filterfront_flatten(const filterfront_flatten_t *step, const int8_t *input, int8_t *output)
{
    for (int32_t channel = 0; channel < step->channels; ++channel) {
        for (int32_t place = 0; place < step->places; ++place) {
            *output++ = input[(size_t)place * (size_t)step->channels + (size_t)channel];
        }
    }
}
