/* Prints the processor's hwcap, hwcap2 and MIDR in hexadecimal. Apart from golden.c, since the engine reads /proc/cpuinfo
 * as soon as it is loaded, and that file is written from what this program says.
 */
#include <stdio.h>
#include <sys/auxv.h>

int main(void) {
  const unsigned long may_read_midr = 1UL << 11;
  unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2), midr = 0;
  if (hwcap & may_read_midr) __asm__("mrs %0, MIDR_EL1" : "=r"(midr));
  printf("%lx %lx %lx\n", hwcap, hwcap2, midr);
  return 0;
}
