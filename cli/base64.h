// SPDX-License-Identifier: LGPL-2.1-or-later
// Base64 as RFC 4648 defines it, in which output of tasks comes.
#pragma once

#include "base/buffer.h"

// Appends the bytes that size characters stand for. -EBADMSG, with the buffer as it was, for anything that an encoder
// would not have written: other characters, missing or wrong padding, bits that are not zero. -ENOMEM.
int base64_decode(const char *text, size_t size, Buffer *buffer);
