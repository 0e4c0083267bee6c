/* Runs the test vectors of a model on an emulated board: compares every output, and counts instructions and stack. */
#include <stdint.h>

#include "model.h"

#define TEST_SECTION
#include "test_vectors.h"

#define TIMER ((volatile uint32_t *)0x40000000U) /* of the board: control, value, reload; counts down */
#define PAINT 0xC5C5C5C5U

void emulator(uint32_t operation, const void *argument);
int harness(void);
void model_step(int step);

extern uint32_t stack_bottom[];

/* What a program has for its model, in the device's memory. */
static int8_t input[MODEL_INPUT_BYTES] __attribute__((section(".buffers"), aligned(4)));
static float output[MODEL_OUTPUT_VALUES] __attribute__((section(".buffers")));
static uint32_t arena[(MODEL_ARENA_BYTES + 3) / 4] __attribute__((section(".arena")));

static uint32_t step_times[MODEL_STEPS + 1];

void model_step(int step)
{
    step_times[step + 1] = TIMER[1];
}

static void say(const char *text)
{
    emulator(4U, text);
}

/* Without a division, which the smallest cores call from a library that would count as the model's. */
static void say_number(const char *text, uint32_t number)
{
    static const uint32_t powers[] = {1000000000U, 100000000U, 10000000U, 1000000U, 100000U, 10000U, 1000U, 100U, 10U, 1U};
    char digits[12];
    char *place = digits;

    for (uint32_t index = 0; index < sizeof powers / sizeof powers[0]; ++index) {
        char digit = '0';
        for (; number >= powers[index]; number -= powers[index]) {
            ++digit;
        }
        if (digit != '0' || place != digits || powers[index] == 1U) {
            *place++ = digit;
        }
    }
    *place = '\0';
    say(text);
    say(digits);
}

/* One vector; returns whether an output is wrong. */
static int is_wrong(int vector)
{
    const uint32_t *const bits = (const uint32_t *)(const void *)output;
    int wrong;

    for (uint32_t place = 0; place < MODEL_INPUT_BYTES; ++place) {
        input[place] = test_inputs[vector][place];
    }
    step_times[0] = TIMER[1];
    wrong = model_run(input, output, arena) != 0;
    for (uint32_t value = 0; value < MODEL_OUTPUT_VALUES; ++value) {
        wrong |= bits[value] != test_outputs[vector][value];
    }
    return wrong;
}

/* Bytes of stack that a run takes: those below this function's own that are no longer as they were painted. */
static uint32_t stack_bytes(void)
{
    volatile uint32_t here = 0;
    uint32_t *const end = (uint32_t *)(uintptr_t)&here - 64; /* room for this function and the call */
    uint32_t *word;

    for (word = stack_bottom; word < end; ++word) {
        *(volatile uint32_t *)word = PAINT;
    }
    (void)is_wrong(0);
    for (word = stack_bottom; word < end && *(volatile uint32_t *)word == PAINT; ++word) {
    }
    return (uint32_t)((uintptr_t)&here - (uintptr_t)word);
}

int harness(void)
{
    uint32_t wrong = 0;

    TIMER[2] = UINT32_MAX;
    TIMER[1] = UINT32_MAX;
    TIMER[0] = 1U;
    say_number("stack ", stack_bytes());
    for (int vector = 0; vector < EMULATED_VECTORS; ++vector) {
        wrong += (uint32_t)is_wrong(vector);
#ifdef MODEL_TRACE
        if (vector == 0) {
            for (uint32_t step = 0; step < MODEL_STEPS; ++step) {
                say_number("\nticks ", step_times[step] - step_times[step + 1]);
            }
        }
#endif
    }
    say_number("\nwrong ", wrong);
    say("\n");
    return wrong != 0U;
}
