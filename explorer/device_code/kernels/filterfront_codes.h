/*
 * Codes of 1, 2, 4 or 8 bits that are multiplied as they are packed.
 *
 * A word of codes holds pairs of them 16 bits apart, which a mask takes out; columns have pairs of the same two, a pair
 * of each of four columns next to one another. What a code stands for is a factor times it, plus an offset.
 */
#ifndef FILTERFRONT_CODES_H
#define FILTERFRONT_CODES_H

#include "filterfront_dot.h"

/* Sums of codes times four columns. */
typedef void (*filterfront_codes_dot_t)(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);

typedef struct {
    filterfront_codes_dot_t dot;
    const uint8_t *codes;
    int32_t width;
    int32_t words; /* of a filter */
    int32_t factor;
    int32_t offset;
} filterfront_codes_t;

void filterfront_codes_1(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_2(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_4(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_8(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);

#if defined(FILTERFRONT_DSP)

#define FILTERFRONT_PAIR_AT(shift)                                                                                     \
    "and %[pair], %[mask], %[word], lsr #" shift "\n\t" FILTERFRONT_FOUR_PAIRS("%[pair]")

#define FILTERFRONT_FIRST_PAIR "and %[pair], %[mask], %[word]\n\t" FILTERFRONT_FOUR_PAIRS("%[pair]")

#define FILTERFRONT_WORD(pairs) "ldr %[word], [%[codes]], #4\n\t" pairs

/* What is done with each word, by itself or four times in a row. */
#define FILTERFRONT_WORDS(pairs) "3:\n\t" FILTERFRONT_WORD(pairs) "subs %[words], #1\n\tbne 3b"
#define FILTERFRONT_FOUR_WORDS(pairs)                                                                                  \
    "subs %[words], #4\n\t"                                                                                            \
    "blt 2f\n\t"                                                                                                       \
    "1:\n\t" FILTERFRONT_WORD(pairs) FILTERFRONT_WORD(pairs) FILTERFRONT_WORD(pairs) FILTERFRONT_WORD(pairs)           \
    "subs %[words], #4\n\t"                                                                                            \
    "bge 1b\n\t"                                                                                                       \
    "2:\n\t"                                                                                                           \
    "adds %[words], #4\n\t"                                                                                            \
    "beq 4f\n\t" FILTERFRONT_WORDS(pairs) "\n\t4:"

/* The function of a width. */
#define FILTERFRONT_CODES(name, width, words_done)                                                                          \
    void name(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums)                              \
    {                                                                                                                  \
        const uint32_t mask = (((uint32_t)1 << (width)) - 1U) * 0x10001U;                                              \
        int32_t s0 = 0;                                                                                                \
        int32_t s1 = 0;                                                                                                \
        int32_t s2 = 0;                                                                                                \
        int32_t s3 = 0;                                                                                                \
        uint32_t word;                                                                                                 \
        uint32_t pair;                                                                                                 \
        __asm__ volatile(words_done                                                                                    \
                         : [codes] "+r"(codes), [columns] "+r"(columns), [words] "+r"(words), [s0] "+r"(s0),           \
                           [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [word] "=&r"(word), [pair] "=&r"(pair)         \
                         : [mask] "r"(mask)                                                                            \
                         : "r4", "r5", "r6", "r8", "cc", "memory");                                                    \
        sums[0] = s0;                                                                                                  \
        sums[1] = s1;                                                                                                  \
        sums[2] = s2;                                                                                                  \
        sums[3] = s3;                                                                                                  \
    }

#else

#define FILTERFRONT_CODES(name, width, words_done)                                                                     \
    void name(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums)                              \
    {                                                                                                                  \
        filterfront_dot_codes(codes, columns, words, width, sums);                                                     \
    }

static inline void filterfront_dot_codes(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t width,
                                         int32_t *sums)
{
    const uint32_t mask = ((uint32_t)1 << width) - 1U;

    for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
        sums[column] = 0;
    }
    for (; words > 0; --words, codes += 4) {
        const uint32_t low = (uint32_t)codes[0] | (uint32_t)codes[1] << 8;
        const uint32_t high = (uint32_t)codes[2] | (uint32_t)codes[3] << 8;
        for (int32_t shift = 0; shift < 16; shift += width, columns += 2 * FILTERFRONT_COLUMNS) {
            const int32_t first = (int32_t)(low >> shift & mask);
            const int32_t second = (int32_t)(high >> shift & mask);
            sums[0] += first * columns[0] + second * columns[1];
            sums[1] += first * columns[2] + second * columns[3];
            sums[2] += first * columns[4] + second * columns[5];
            sums[3] += first * columns[6] + second * columns[7];
        }
    }
}

#endif

#endif
