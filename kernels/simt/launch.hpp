#pragma once
// A launch as simt enqueues it: the kernel behind one function that calls it with its arguments.
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/simt/vector_types.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

namespace simt {

struct Invocation {
    const char* name;
    dim3 grid, block;
    size_t shared_bytes;
    const void* kernel;                                      // the function, for what is kept about each
    void (*run)(const void* kernel, const void* arguments);  // one thread
    const void* arguments;
    std::shared_ptr<const void> (*keep)(const void* arguments);  // a copy of them for a launch that runs later
    const void* const* pointers;                                 // those of the arguments that are pointers
    size_t pointer_count;
};

// Runs, or keeps for later, as the stream's device does. Throws Error(internal) for what a GPU would refuse.
void enqueue(Stream stream, const Invocation& invocation);

}  // namespace simt

inline namespace on_simt {

using Target = Simt;

struct Launch {
    const char* name;  // a literal: errors, profiles and counters show it
    dim3 grid, block;
    size_t shared_bytes;  // dynamic shared memory
    Stream stream;
};

template <class... Parameters, class... Arguments>
void launch(const Launch& l, void (*kernel)(Parameters...), Arguments... arguments) {
    using Values = std::tuple<Parameters...>;
    static_assert((std::is_trivially_copyable_v<Parameters> && ...), "arguments of kernels are copied byte by byte");
    static_assert((sizeof(Parameters) + ... + 0) <= 4096, "CUDA passes at most 4 KiB of arguments");
    const Values values(static_cast<Parameters>(arguments)...);
    const void* pointers[sizeof...(Parameters) + 1];
    size_t pointer_count = 0;
    std::apply(
        [&](const auto&... each) {
            [[maybe_unused]] const auto add = [&](const auto& value) {
                if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(value)>>)
                    pointers[pointer_count++] = const_cast<const void*>(static_cast<const volatile void*>(value));
            };
            (add(each), ...);
        },
        values);
    simt::enqueue(l.stream, {l.name, l.grid, l.block, l.shared_bytes, reinterpret_cast<const void*>(kernel),
                             [](const void* function, const void* each) {
                                 std::apply(reinterpret_cast<void (*)(Parameters...)>(const_cast<void*>(function)),
                                            *static_cast<const Values*>(each));
                             },
                             &values,
                             [](const void* each) -> std::shared_ptr<const void> {
                                 return std::make_shared<Values>(*static_cast<const Values*>(each));
                             },
                             pointers, pointer_count});
}

}  // namespace on_simt
}  // namespace cmtl::kernels
