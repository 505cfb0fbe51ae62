#pragma once
// What instrumented code calls (instrument_tsan.cpp) and who answers (instrument.cpp).
#include <cstddef>

#include "kernels/simt/instrument_requests.hpp"

namespace cmtl::kernels::simt {

// Nothing outside kernels. May end the launch, and then does not return.
void instrument_access(const void* p, size_t bytes, Access kind, const void* pc);

}  // namespace cmtl::kernels::simt
