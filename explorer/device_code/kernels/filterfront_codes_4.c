#include "filterfront_codes.h"

FILTERFRONT_CODES(filterfront_codes_4, 4,
                  FILTERFRONT_WORDS(FILTERFRONT_FIRST_PAIR FILTERFRONT_PAIR_AT("4") FILTERFRONT_PAIR_AT("8")
                                        FILTERFRONT_PAIR_AT("12")))
