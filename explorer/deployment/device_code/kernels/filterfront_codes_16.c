/* Codes of 16 bits are the values themselves. */
#include "filterfront_dot.h"

#if defined(FILTERFRONT_DSP)

#define TWO_WORDS "ldrd %[one], %[two], [%[codes]], #8\n\t" FILTERFRONT_PAIRS("%[one]") FILTERFRONT_PAIRS("%[two]")

void filterfront_codes_16(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums)
{
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    uint32_t one;
    uint32_t two;

    words /= 2;
    __asm__ volatile(FILTERFRONT_FOUR_WORDS(TWO_WORDS)
                     : [codes] "+r"(codes), [columns] "+r"(columns), [words] "+r"(words), [s0] "+r"(s0), [s1] "+r"(s1),
                       [s2] "+r"(s2), [s3] "+r"(s3), [one] "=&r"(one), [two] "=&r"(two)
                     :
                     : "r4", "r5", "r6", "r8", "cc", "memory");
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

#else

void filterfront_codes_16(const uint8_t *codes, const int16_t *columns, int32_t words, int32_t *sums)
{
    const int16_t *const values = (const int16_t *)(const void *)codes;
    int32_t own[FILTERFRONT_COLUMNS] = {0, 0, 0, 0};

    for (int32_t word = 0; word < words; ++word, columns += 2 * FILTERFRONT_COLUMNS) {
        filterfront_dot_pair(values[2 * word], values[2 * word + 1], columns, own);
    }
    for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
        sums[column] = own[column];
    }
}

#endif
