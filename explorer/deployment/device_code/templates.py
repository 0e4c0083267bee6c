"""What the files of an exported network say around its numbers."""

from string import Template

__all__ = ["HEADER", "MAKEFILE", "README", "TEST"]

HEADER = Template("""\
/*
 * $TITLE
 *
 * The caller gives levels: of a real value x, round(x / scale) + zero point, clipped to what the levels reach.
 * Channels last, one byte a value; several inputs lie one after the other:
$INPUT_LIST
 * Outputs are floats, one after the other (height x width x channels, channels last):
$OUTPUT_LIST
 *
 * Rounding: a step sums integers in 32 bits, multiplies by a multiplier m / 2^r and adds a bias in 64 bits, and rounds
 * once, to the nearest level, halves up.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#define MODEL_NAME $NAME
#define MODEL_DESIGN $DESIGN
#define MODEL_INPUT_BYTES $INPUT_BYTES
#define MODEL_INPUT_SCALE $INPUT_SCALE
#define MODEL_INPUT_ZERO_POINT ($INPUT_ZERO)
#define MODEL_INPUT_BITS $INPUT_BITS
#define MODEL_OUTPUT_VALUES $OUTPUT_VALUES
#define MODEL_ARENA_BYTES $ARENA_BYTES
#define MODEL_ARENA_ALIGNMENT $ALIGNMENT
#define MODEL_STEPS $STEPS

#define MODEL_ERROR_NULL 1      /* a pointer is NULL */
#define MODEL_ERROR_ALIGNMENT 2 /* the arena is not aligned */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One inference. arena is MODEL_ARENA_BYTES of memory, aligned to MODEL_ARENA_ALIGNMENT, in any state; nothing of it is
 * kept from one call to the next. Calls with arenas of their own may run at the same time. Returns 0, or an error.
 */
int model_run(const int8_t *input, float *output, void *arena);
$PREPARED
#ifdef __cplusplus
}
#endif

#endif
""")

TEST = """\
/* Runs the test vectors, each on an arena of other contents, and compares every bit of every output. */
#include <stdio.h>
#include <string.h>

#include "model.h"

#ifndef TEST_SECTION
#define TEST_SECTION
#endif
#include "test_vectors.h"

#ifndef GUARD_BYTES
#define GUARD_BYTES 64
#endif

#ifdef MODEL_PREPARED_BYTES
#define RUNS 2
#define KEPT_BYTES (MODEL_PREPARED_BYTES + GUARD_BYTES)
#define WORK_BYTES \\
    (MODEL_ARENA_BYTES > MODEL_PREPARED_ARENA_BYTES ? MODEL_ARENA_BYTES : MODEL_PREPARED_ARENA_BYTES)
static unsigned char kept[KEPT_BYTES + MODEL_PREPARED_ALIGNMENT];
#else
#define RUNS 1
#define WORK_BYTES MODEL_ARENA_BYTES
#endif

static union {
    uint32_t words[(WORK_BYTES + GUARD_BYTES) / 4 + 1];
    unsigned char bytes[WORK_BYTES + GUARD_BYTES];
} arena;

/* Whether bytes behind what a program may write are as they were. */
static int is_kept(const unsigned char *from, size_t bytes, int fill)
{
    for (size_t guard = 0; guard < bytes; ++guard) {
        if (from[guard] != (unsigned char)fill) {
            return 0;
        }
    }
    return 1;
}

/* One inference: by model_run, or by filters that were decoded before. */
static int run(int number, const int8_t *input, float *output, const unsigned char *prepared, int fill)
{
    size_t size = MODEL_ARENA_BYTES;
    int error;

    (void)memset(arena.bytes, fill, sizeof arena.bytes);
#ifdef MODEL_PREPARED_BYTES
    if (number == 1) {
        size = MODEL_PREPARED_ARENA_BYTES;
        error = model_run_prepared(input, output, arena.words, prepared);
        return error == 0 && is_kept(arena.bytes + size, sizeof arena.bytes - size, fill);
    }
#endif
    (void)number;
    (void)prepared;
    error = model_run(input, output, arena.words);
    return error == 0 && is_kept(arena.bytes + size, sizeof arena.bytes - size, fill);
}

int main(void)
{
    static float output[MODEL_OUTPUT_VALUES];
    unsigned char *prepared = NULL;
    int is_prepared = 1;
    int wrong = 0;

#ifdef MODEL_PREPARED_BYTES
    const size_t past = (uintptr_t)kept % MODEL_PREPARED_ALIGNMENT;
    (void)memset(kept, 0xA5, sizeof kept);
    prepared = kept + (past == 0 ? 0 : MODEL_PREPARED_ALIGNMENT - past);
    is_prepared = model_prepare(prepared, arena.words) == 0 &&
                  is_kept(prepared + MODEL_PREPARED_BYTES, GUARD_BYTES, 0xA5);
#endif
    for (int vector = 0; vector < TEST_VECTORS; ++vector) {
        const int fill = vector % 2 == 0 ? 0xA5 : 0x00;
        int is_right = is_prepared;
        for (int number = 0; number < RUNS; ++number) {
            is_right = is_right && run(number, test_inputs[vector], output, prepared, fill);
            is_right = is_right && memcmp(output, test_outputs[vector], sizeof output) == 0;
        }
        wrong += !is_right;
    }
    (void)printf("%d of %d test vectors are right\\n", TEST_VECTORS - wrong, TEST_VECTORS);
    return wrong != 0;
}
"""

MAKEFILE = Template("""\
# make        libmodel.a, what a program links
# make check  the test vectors, on this machine
CC = $COMPILER
AR = ar
HOSTCC = cc
CFLAGS = -O2
WARNINGS = -std=c99 -Wall -Wextra -Wpedantic -Wconversion
TARGET_FLAGS = $FLAGS
SOURCES = $SOURCES
OBJECTS = $$(SOURCES:.c=.o)

libmodel.a: $$(OBJECTS)
\t$$(AR) rcs $$@ $$(OBJECTS)

%.o: %.c $$(wildcard *.h)
\t$$(CC) $$(WARNINGS) $$(CFLAGS) $$(TARGET_FLAGS) -c $$< -o $$@

test_model: test_model.c $$(SOURCES) $$(wildcard *.h)
\t$$(HOSTCC) $$(WARNINGS) $$(CFLAGS) test_model.c $$(SOURCES) -o $$@

check: test_model
\t./test_model

clean:
\trm -f $$(OBJECTS) libmodel.a test_model

.PHONY: check clean
""")

README = Template("""\
# $TITLE

C99 without allocation and without another library; written by filterfront. `make` builds `libmodel.a`, `make check`
runs the test vectors on this machine and compares every bit of every output.

```c
#include "model.h"

static int8_t input[MODEL_INPUT_BYTES];
static float output[MODEL_OUTPUT_VALUES];
static uint32_t arena[(MODEL_ARENA_BYTES + 3) / 4];

/* fill input: round(x / MODEL_INPUT_SCALE) + MODEL_INPUT_ZERO_POINT, clipped; channels last */
if (model_run(input, output, arena) == 0) { /* output holds the answer */ }
```

| memory | bytes |
|---|---|
| packed weights | $PACKED_BYTES |
| multipliers, biases | $NUMBER_BYTES |
| the plan's structures, where words have 32 bits | $PLAN_BYTES |
| arena | $ARENA_BYTES |
| input | $INPUT_BYTES |

- `model.h`: sizes, scale of the input, the one function
- `model.c`: the weights as they are packed, the plan, the calls
- `test_model.c`, `test_vectors.h`: the test
- `model.json`: the steps, for `filterfront emulate`
$FAST

Kernels, those that this network needs and no other:

$FILES
""")
