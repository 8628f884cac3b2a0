// libpq, PostgreSQL's own C client library, for Swift.
//
// This module holds no code: the module map names the header and the library, and the package
// manifest finds both through pkg-config (Debian and Ubuntu: package libpq-dev). Only the module
// `Postgres` imports it; everybody else sees libpq through that module's Swift types.
#ifndef CLIBPQ_SHIM_H
#define CLIBPQ_SHIM_H

#include <libpq-fe.h>

#endif
