#include "filterfront_columns.h"

#if defined(FILTERFRONT_DSP)

/* Two words of values, of the first and the second halves of a group, as four pairs. */
static inline int16_t *unpack_words(uint32_t first, uint32_t second, uint32_t offset, int16_t *column, int32_t step)
{
    uint32_t even;
    uint32_t odd;
    uint32_t other_even;
    uint32_t other_odd;
    uint32_t pair;

    __asm__("sxtab16 %0, %1, %2" : "=r"(even) : "r"(offset), "r"(first));
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(odd) : "r"(offset), "r"(first));
    __asm__("sxtab16 %0, %1, %2" : "=r"(other_even) : "r"(offset), "r"(second));
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(other_odd) : "r"(offset), "r"(second));
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(even), "r"(other_even));
    (void)memcpy(column, &pair, 4);
    column += step;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(odd), "r"(other_odd));
    (void)memcpy(column, &pair, 4);
    column += step;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(other_even), "r"(even));
    (void)memcpy(column, &pair, 4);
    column += step;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(other_odd), "r"(odd));
    (void)memcpy(column, &pair, 4);
    return column + step;
}

#define FILTERFRONT_UNPACK_QUAD                                                                                        \
    "ldr %[four], [%[values]], #4\n\t"                                                                                 \
    "sxtab16 %[even], %[offset], %[four]\n\t"                                                                          \
    "sxtab16 %[odd], %[offset], %[four], ror #8\n\t"                                                                   \
    "str %[even], [%[column]], #16\n\t"                                                                                \
    "str %[odd], [%[column]], #16\n\t"

/* Groups of four values as one of four columns; returns where the next lies. */
static inline int16_t *unpack_quads(const int8_t *values, int32_t quads, uint32_t offset, int16_t *column)
{
    uint32_t four;
    uint32_t even;
    uint32_t odd;

    __asm__ volatile("subs %[quads], #2\n\t"
                     "blt 2f\n\t"
                     "1:\n\t" FILTERFRONT_UNPACK_QUAD FILTERFRONT_UNPACK_QUAD "subs %[quads], #2\n\t"
                     "bge 1b\n\t"
                     "2:\n\t"
                     "adds %[quads], #2\n\t"
                     "beq 3f\n\t" FILTERFRONT_UNPACK_QUAD "3:"
                     : [values] "+r"(values), [quads] "+r"(quads), [column] "+r"(column), [four] "=&r"(four),
                       [even] "=&r"(even), [odd] "=&r"(odd)
                     : [offset] "r"(offset)
                     : "cc", "memory");
    return column;
}

int16_t *filterfront_unpack(const int8_t *values, int32_t count, int32_t half, int32_t zero, int16_t *column)
{
    const uint32_t offset = ((uint32_t)-zero & 0xFFFFU) * 0x10001U;

    if (half == 2) {
        return unpack_quads(values, count >> 2, offset, column);
    }
    for (; count > 0; count -= 2 * half, values += half) {
        for (int32_t left = half; left > 0; left -= 4, values += 4) {
            uint32_t first;
            uint32_t second;
            (void)memcpy(&first, values, 4);
            (void)memcpy(&second, values + half, 4);
            column = unpack_words(first, second, offset, column, 8);
        }
    }
    return column;
}

#else

int16_t *filterfront_unpack(const int8_t *values, int32_t count, int32_t half, int32_t zero, int16_t *column)
{
    for (; count > 0; count -= 2 * half, values += half) {
        for (int32_t pair = 0; pair < half; ++pair, ++values, column += 8) {
            column[0] = (int16_t)(values[0] - zero);
            column[1] = (int16_t)(values[half] - zero);
        }
    }
    return column;
}

#endif
