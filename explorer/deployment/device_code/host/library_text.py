"""The C source that makes a library of an exported program: real images in, outputs of all of them out."""

from explorer.deployment.device_code import c_text
from explorer.deployment.device_code.integer_network import IntegerNetwork, lowest_level, zero_level

__all__ = ["library_source"]

_TEXT = """\
/* Levels of images, and the program's outputs for each of them. */
#include "model.h"

#if defined(_WIN32)
#define LIBRARY_API __declspec(dllexport)
#else
#define LIBRARY_API __attribute__((visibility("default")))
#endif

typedef struct {
    int32_t channels;
    int32_t places;
    float inverse; /* of the scale */
    float zero;
    float low;
    float high;
} library_input_t;

static const library_input_t library_inputs[] = {@INPUTS@};

enum { LIBRARY_INPUTS = sizeof library_inputs / sizeof library_inputs[0] };

/* Beyond it every level is clipped; below it adding and taking off 1.5 * 2^23 rounds to the nearest, halves to even. */
#define LIBRARY_REACH 4096.0F
#define LIBRARY_ROUND 12582912.0F

static int8_t *write_levels(const library_input_t *input, const float *image, int8_t *levels)
{
    for (int32_t channel = 0; channel < input->channels; ++channel) {
        int8_t *to = levels + channel;
        for (int32_t place = 0; place < input->places; ++place, to += input->channels) {
            float value = *image++ * input->inverse;
            value = value > -LIBRARY_REACH ? value : -LIBRARY_REACH;
            value = value < LIBRARY_REACH ? value : LIBRARY_REACH;
            value = (value + LIBRARY_ROUND) - LIBRARY_ROUND;
            value += input->zero;
            value = value > input->low ? value : input->low;
            value = value < input->high ? value : input->high;
            *to = (int8_t)value;
        }
    }
    return levels + input->channels * input->places;
}

LIBRARY_API int library_prepare(void *prepared, void *arena);
LIBRARY_API int library_run(const float *const *inputs, int64_t images, float *outputs, int8_t *levels, void *arena,
                            const void *prepared);

int library_prepare(void *prepared, void *arena)
{
    return model_prepare(prepared, arena);
}

int library_run(const float *const *inputs, int64_t images, float *outputs, int8_t *levels, void *arena,
                const void *prepared)
{
    for (int64_t image = 0; image < images; ++image) {
        int8_t *to = levels;
        for (int32_t number = 0; number < LIBRARY_INPUTS; ++number) {
            const library_input_t *const input = &library_inputs[number];
            to = write_levels(input, inputs[number] + image * input->channels * input->places, to);
        }
        const int error = model_run_prepared(levels, outputs + image * MODEL_OUTPUT_VALUES, arena, prepared);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
"""


def library_source(network: IntegerNetwork) -> str:
    """The source.

    Args:
        network: whose program it stands next to.
    """
    return _TEXT.replace("@INPUTS@", ", ".join(_input(network, number) for number in network.inputs))


def _input(network: IntegerNetwork, number: int) -> str:
    tensor = network.tensors[number]
    height, width, channels = tensor.size
    levels = tensor.levels
    assert levels is not None  # noqa: S101
    low = lowest_level(levels)
    limits = (1 / levels.scale, zero_level(levels), low, low + (1 << levels.bits) - 1)
    return "{" + ", ".join([str(channels), str(height * width), *map(c_text.float_literal, limits)]) + "}"
