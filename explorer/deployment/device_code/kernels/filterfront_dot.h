/*
 * Products of codes with columns: the values under a window, less their zero point, as halfwords.
 *
 * Cores with the DSP extension multiply halfwords in pairs. A word of codes of 1, 2, 4 or 8 bits holds pairs of them
 * 16 bits apart, which a mask takes out; columns have pairs of the same two, and a pair of each of four columns lies
 * next to one another, to be loaded by one instruction. Codes of 16 bits lie in the order of pairs of 8 bits.
 */
#ifndef FILTERFRONT_DOT_H
#define FILTERFRONT_DOT_H

#include "filterfront_kernels.h"

enum { FILTERFRONT_COLUMNS = 4 };

void filterfront_codes_1(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_2(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_4(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_8(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);
void filterfront_codes_16(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums);

#if defined(FILTERFRONT_DSP)

/* A pair of codes and a pair of each of four columns: eight products in five instructions. */
#define FILTERFRONT_PAIRS(codes)                                                                                       \
    "ldmia %[columns]!, {r4, r5, r6, r8}\n\t"                                                                          \
    "smlad %[s0], " codes ", r4, %[s0]\n\t"                                                                            \
    "smlad %[s1], " codes ", r5, %[s1]\n\t"                                                                            \
    "smlad %[s2], " codes ", r6, %[s2]\n\t"                                                                            \
    "smlad %[s3], " codes ", r8, %[s3]\n\t"

#define FILTERFRONT_FIRST_PAIR "and %[pair], %[mask], %[word]\n\t" FILTERFRONT_PAIRS("%[pair]")
#define FILTERFRONT_PAIR_AT(shift)                                                                                     \
    "and %[pair], %[mask], %[word], lsr #" shift "\n\t" FILTERFRONT_PAIRS("%[pair]")

#define FILTERFRONT_WORD(pairs) "ldr %[word], [%[codes]], #4\n\t" pairs

/* What is done with each word, by itself or four times in a row. */
#define FILTERFRONT_WORDS(word) "3:\n\t" word "subs %[words], #1\n\tbne 3b"
#define FILTERFRONT_FOUR_WORDS(word)                                                                                   \
    "subs %[words], #4\n\t"                                                                                            \
    "blt 2f\n\t"                                                                                                       \
    "1:\n\t" word word word word "subs %[words], #4\n\t"                                                               \
    "bge 1b\n\t"                                                                                                       \
    "2:\n\t"                                                                                                           \
    "adds %[words], #4\n\t"                                                                                            \
    "beq 4f\n\t" FILTERFRONT_WORDS(word) "\n\t4:"

/* The function of a width. */
#define FILTERFRONT_CODES(name, width, words_done)                                                                     \
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

/* A pair of codes with a pair of each of four columns. */
static inline void filterfront_dot_pair(int32_t first, int32_t second, const int16_t *columns, int32_t *sums)
{
    sums[0] += first * columns[0] + second * columns[1];
    sums[1] += first * columns[2] + second * columns[3];
    sums[2] += first * columns[4] + second * columns[5];
    sums[3] += first * columns[6] + second * columns[7];
}

static inline void filterfront_dot_codes(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t width,
                                         int32_t *sums)
{
    const uint32_t mask = ((uint32_t)1 << width) - 1U;
    int32_t own[FILTERFRONT_COLUMNS] = {0, 0, 0, 0};

    for (; words > 0; --words, codes += 4) {
        const uint32_t low = (uint32_t)codes[0] | (uint32_t)codes[1] << 8;
        const uint32_t high = (uint32_t)codes[2] | (uint32_t)codes[3] << 8;
        for (int32_t shift = 0; shift < 16; shift += width, columns += 2 * FILTERFRONT_COLUMNS) {
            filterfront_dot_pair((int32_t)(low >> shift & mask), (int32_t)(high >> shift & mask), columns, own);
        }
    }
    for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
        sums[column] = own[column];
    }
}

#endif

/* Writes a decoded filter, or taps of it, as codes; those of 16 bits in the order of pairs. */
static inline void filterfront_write_codes(const filterfront_codes_t *codes, const int16_t *filter, int32_t values,
                                           uint8_t *to)
{
    const int16_t *const end = filter + values;
    const int32_t width = codes->width;
    const int32_t offset = codes->offset;
    const int32_t down = codes->down;

    if (width == 16) {
        for (int16_t *quad = (int16_t *)(void *)to; filter < end; filter += 4, quad += 4) {
            quad[0] = filter[0];
            quad[1] = filter[2];
            quad[2] = filter[1];
            quad[3] = filter[3];
        }
        return;
    }
    while (filter < end) {
        uint32_t code = 0;
        for (int32_t shift = 0; shift < 8; shift += width) {
            code |= (uint32_t)((*filter++ - offset) >> down) << shift;
        }
        *to++ = (uint8_t)code;
    }
}

#endif
