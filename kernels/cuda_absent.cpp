// Stands in for kernels/cuda_runtime.cpp where there is no CUDA toolkit.
#include "base/error.hpp"
#include "kernels/runtime.hpp"

namespace cmtl::kernels {

std::unique_ptr<Runtime> cuda_runtime(int index) {
    fail(ErrorKind::resource, "cuda", "cuda:{}: this program was built without CUDA; use --device cpu", index);
}

int cuda_device_count() noexcept { return 0; }

}  // namespace cmtl::kernels
