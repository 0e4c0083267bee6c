/*
 * Products of filters with columns: the values under a window, less their zero point, as halfwords.
 *
 * Filters and columns come in quads of four halfwords. Cores with the DSP extension multiply halfwords in pairs, and
 * unpack a word of four values to the pairs (0, 2) and (1, 3): quads have this order. Where there are four columns, a
 * pair of each of them lies next to one another: these are loaded by one instruction.
 */
#ifndef FILTERFRONT_DOT_H
#define FILTERFRONT_DOT_H

#include "filterfront_kernels.h"

enum { FILTERFRONT_QUAD = 4, FILTERFRONT_COLUMNS = 4 };

/* Brings a quad into the order of unpacked words. */
static inline void filterfront_order_quad(int16_t *quad)
{
    const int16_t second = quad[1];

    quad[1] = quad[2];
    quad[2] = second;
}

#if defined(FILTERFRONT_DSP)

#define FILTERFRONT_UNPACK_QUAD(step)                                                                                  \
    "ldr %[four], [%[values]], #4\n\t"                                                                                 \
    "sxtab16 %[even], %[offset], %[four]\n\t"                                                                          \
    "sxtab16 %[odd], %[offset], %[four], ror #8\n\t"                                                                   \
    "str %[even], [%[column]], #" step "\n\t"                                                                          \
    "str %[odd], [%[column]], #" step "\n\t"

/* Unpacks quads, two at a time; the offset is the negative of the zero point, twice. */
#define FILTERFRONT_UNPACK(step)                                                                                       \
    const uint32_t offset = ((uint32_t)-zero & 0xFFFFU) * 0x10001U;                                                    \
    uint32_t four;                                                                                                     \
    uint32_t even;                                                                                                     \
    uint32_t odd;                                                                                                      \
    __asm__ volatile("subs %[quads], #2\n\t"                                                                           \
                     "blt 2f\n\t"                                                                                      \
                     "1:\n\t" FILTERFRONT_UNPACK_QUAD(step) FILTERFRONT_UNPACK_QUAD(step) "subs %[quads], #2\n\t"      \
                     "bge 1b\n\t"                                                                                      \
                     "2:\n\t"                                                                                          \
                     "adds %[quads], #2\n\t"                                                                           \
                     "beq 3f\n\t" FILTERFRONT_UNPACK_QUAD(step) "3:"                                                   \
                     : [values] "+r"(values), [quads] "+r"(quads), [column] "+r"(column), [four] "=&r"(four),          \
                       [even] "=&r"(even), [odd] "=&r"(odd)                                                            \
                     : [offset] "r"(offset)                                                                            \
                     : "cc", "memory")

/* Values less their zero point as the quads of one of four columns; returns where the next quad lies. */
static inline int16_t *filterfront_unpack_of_four(const int8_t *values, int32_t quads, int32_t zero, int16_t *column)
{
    FILTERFRONT_UNPACK("16");
    return column;
}

/* Values less their zero point as the quads of a column. */
static inline void filterfront_unpack(const int8_t *values, int32_t quads, int32_t zero, int16_t *column)
{
    FILTERFRONT_UNPACK("4");
}

/* A pair of weights and a pair of each of four columns: eight products in five instructions. */
#define FILTERFRONT_FOUR_PAIRS(weights)                                                                                \
    "ldmia %[columns]!, {r4, r5, r6, r8}\n\t"                                                                          \
    "smlad %[s0], " weights ", r4, %[s0]\n\t"                                                                          \
    "smlad %[s1], " weights ", r5, %[s1]\n\t"                                                                          \
    "smlad %[s2], " weights ", r6, %[s2]\n\t"                                                                          \
    "smlad %[s3], " weights ", r8, %[s3]\n\t"

#define FILTERFRONT_FOUR_QUADS                                                                                         \
    "ldrd %[one], %[two], [%[filter]], #8\n\t" FILTERFRONT_FOUR_PAIRS("%[one]") FILTERFRONT_FOUR_PAIRS("%[two]")

/* Sums of a filter over four columns. */
static inline void filterfront_dot_four(const int16_t *filter, const int16_t *columns, int32_t quads, int32_t *sums)
{
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    int32_t one;
    int32_t two;

    __asm__ volatile("subs %[quads], #4\n\t"
                     "blt 2f\n\t"
                     "1:\n\t" FILTERFRONT_FOUR_QUADS FILTERFRONT_FOUR_QUADS FILTERFRONT_FOUR_QUADS
                         FILTERFRONT_FOUR_QUADS "subs %[quads], #4\n\t"
                     "bge 1b\n\t"
                     "2:\n\t"
                     "adds %[quads], #4\n\t"
                     "beq 4f\n\t"
                     "3:\n\t" FILTERFRONT_FOUR_QUADS "subs %[quads], #1\n\t"
                     "bne 3b\n\t"
                     "4:"
                     : [filter] "+r"(filter), [columns] "+r"(columns), [quads] "+r"(quads), [s0] "+r"(s0),
                       [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [one] "=&r"(one), [two] "=&r"(two)
                     :
                     : "r4", "r5", "r6", "r8", "cc", "memory");
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* The sum of a filter over one column. */
static inline int32_t filterfront_dot_one(const int16_t *filter, const int16_t *column, int32_t quads)
{
    int32_t sum = 0;

    __asm__ volatile("subs %[quads], #2\n\t"
                     "blt 2f\n\t"
                     "1:\n\t"
                     "ldmia %[filter]!, {r4, r5, r6, r8}\n\t"
                     "ldmia %[column]!, {r9, r10, r11, r12}\n\t"
                     "smlad %[sum], r4, r9, %[sum]\n\t"
                     "smlad %[sum], r5, r10, %[sum]\n\t"
                     "smlad %[sum], r6, r11, %[sum]\n\t"
                     "smlad %[sum], r8, r12, %[sum]\n\t"
                     "subs %[quads], #2\n\t"
                     "bge 1b\n\t"
                     "2:\n\t"
                     "adds %[quads], #2\n\t"
                     "beq 3f\n\t"
                     "ldmia %[filter]!, {r4, r5}\n\t"
                     "ldmia %[column]!, {r9, r10}\n\t"
                     "smlad %[sum], r4, r9, %[sum]\n\t"
                     "smlad %[sum], r5, r10, %[sum]\n\t"
                     "3:"
                     : [filter] "+r"(filter), [column] "+r"(column), [quads] "+r"(quads), [sum] "+r"(sum)
                     :
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
    return sum;
}

#else

static inline void filterfront_unpack_quads(const int8_t *values, int32_t quads, int32_t zero, int16_t *column,
                                            int32_t step)
{
    for (; quads > 0; --quads, values += FILTERFRONT_QUAD, column += 2 * step) {
        column[0] = (int16_t)(values[0] - zero);
        column[1] = (int16_t)(values[2] - zero);
        column[step] = (int16_t)(values[1] - zero);
        column[step + 1] = (int16_t)(values[3] - zero);
    }
}

static inline int16_t *filterfront_unpack_of_four(const int8_t *values, int32_t quads, int32_t zero, int16_t *column)
{
    filterfront_unpack_quads(values, quads, zero, column, 2 * FILTERFRONT_COLUMNS);
    return column + quads * FILTERFRONT_QUAD * FILTERFRONT_COLUMNS;
}

static inline void filterfront_unpack(const int8_t *values, int32_t quads, int32_t zero, int16_t *column)
{
    filterfront_unpack_quads(values, quads, zero, column, 2);
}

static inline void filterfront_dot_four(const int16_t *filter, const int16_t *columns, int32_t quads, int32_t *sums)
{
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;

    for (int32_t pair = 0; pair < 2 * quads; ++pair, filter += 2, columns += 2 * FILTERFRONT_COLUMNS) {
        s0 += filter[0] * columns[0] + filter[1] * columns[1];
        s1 += filter[0] * columns[2] + filter[1] * columns[3];
        s2 += filter[0] * columns[4] + filter[1] * columns[5];
        s3 += filter[0] * columns[6] + filter[1] * columns[7];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

static inline int32_t filterfront_dot_one(const int16_t *filter, const int16_t *column, int32_t quads)
{
    int32_t sum = 0;

    for (; quads > 0; --quads, filter += FILTERFRONT_QUAD, column += FILTERFRONT_QUAD) {
        sum += filter[0] * column[0] + filter[1] * column[1] + filter[2] * column[2] + filter[3] * column[3];
    }
    return sum;
}

#endif

#endif
