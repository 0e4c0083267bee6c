/* What comes before and around the model on an emulated board: vector table, reset, messages to the emulator. */
#include <stdint.h>

extern uint32_t stack_top[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];

int harness(void);
void emulator(uint32_t operation, const void *argument);
void reset(void);
static void fault(void);

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,           (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};

/* A semihosting call. */
void emulator(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void leave(int is_wrong)
{
    emulator(0x18U, (const void *)(is_wrong ? 0x20023U : 0x20026U));
    for (;;) {
    }
}

static void fault(void)
{
    emulator(4U, "fault\n");
    leave(1);
}

void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88U |= 0xFU << 20; /* the floating-point unit */
    __asm__ volatile("dsb\n isb");
#endif
    for (volatile uint32_t *word = bss_start; word < bss_end; ++word) {
        *word = 0;
    }
    leave(harness());
}
