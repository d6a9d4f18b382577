/* How numbers become text: all digits of whole ones, and of others the fewest that read back as the same
   number. Lua's own is "%.14g", which breaks ids with more digits. */
#ifndef BATON_NUMBERS_H
#define BATON_NUMBERS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void baton_number2str(char *text, double number) {
  int digits, exponent;
  char *mark;
  if (number != number) { strcpy(text, "NaN"); return; }
  if (number - number != 0) { strcpy(text, number > 0 ? "+Inf" : "-Inf"); return; }
  if (number >= -9223372036854775808.0 && number < 9223372036854775808.0
      && (double)(long long)number == number) {
    sprintf(text, "%lld", (long long)number);
    return;
  }
  for (digits = 0; digits < 17; digits++) {
    sprintf(text, "%.*e", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  mark = strchr(text, 'e');
  exponent = mark ? atoi(mark + 1) : 0;
  /* Within these bounds it is written without an exponent. */
  if (exponent >= -4 && exponent < 21)
    sprintf(text, "%.*f", digits > exponent ? digits - exponent : 0, number);
}

#undef lua_number2str
#define lua_number2str(s, n) baton_number2str((s), (n))

#endif
