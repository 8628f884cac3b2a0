// mallopt(3), by which the C library is told how to manage memory, for Swift: the module of the C
// library that Swift brings leaves this header out.
#ifndef CMALLOC_SHIM_H
#define CMALLOC_SHIM_H

#include <malloc.h>

#endif
