#pragma once
// The device that the tests of operators and nets run on: CMTL_TEST_DEVICE (cpu, simt, cuda:0), cpu unless told. The same cases
// run on each; tests/device_main.cpp skips a program whose device does not answer.
#include <cstdlib>
#include <string>

#include "engine/context.hpp"

namespace cmtl {

inline std::string test_device_name() {
    const char* name = std::getenv("CMTL_TEST_DEVICE");
    return name && *name ? name : "cpu";
}

inline ContextOptions on_test_device(Dtype compute = Dtype::f32) {
    static const Device device = parse_device(test_device_name());
    return {.device = device, .compute = compute};
}

// One element on the host.
template <class T = float>
T element(Context& context, const Tensor& tensor, int64_t i = 0) {
    return context.to_vector<T>(tensor).at(static_cast<size_t>(i));
}

}  // namespace cmtl

// For tests whose subject is the CPU's own: their reason is printed.
#define CMTL_CPU_ONLY(reason) \
    if (cmtl::on_test_device().device.kind != cmtl::Device::Kind::cpu) GTEST_SKIP() << reason
