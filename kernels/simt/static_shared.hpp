#pragma once
// Where the __shared__ variables of all kernels are, from the program's own symbol table: the only thread-local variables inside
// functions of cmtl::kernels::on_simt.
#include <cstddef>
#include <string>
#include <vector>

namespace cmtl::kernels::simt {

struct SharedVariable {
    std::string name;  // mangled
    size_t offset;     // from static_shared_base()
    size_t bytes;
};

// Sorted by offset. Empty where the program was stripped, or built with AddressSanitizer, for which they are plain statics.
const std::vector<SharedVariable>& shared_variables();
// This OS thread's copy.
unsigned char* static_shared_base();

}  // namespace cmtl::kernels::simt
