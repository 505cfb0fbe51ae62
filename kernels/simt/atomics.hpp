#pragma once
// Atomics on global and shared memory: relaxed, as CUDA's are; each returns the old value.
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cmtl::kernels {
inline namespace on_simt {

template <class T>
concept SimtAtomic = (std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)) || std::is_same_v<T, float> || std::is_same_v<T, double>;

// The old value of *p, which becomes `update(old)`. For what the processor has no instruction for.
template <class T, class Update>
inline T simt_atomic_update(T* p, Update update) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    Bits old = __atomic_load_n(reinterpret_cast<Bits*>(p), __ATOMIC_RELAXED), wanted;
    T value;
    do {
        __builtin_memcpy(&value, &old, sizeof value);
        const T updated = update(value);
        __builtin_memcpy(&wanted, &updated, sizeof wanted);
    } while (!__atomic_compare_exchange_n(reinterpret_cast<Bits*>(p), &old, wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return value;
}

template <SimtAtomic T>
inline T atomicAdd(T* p, std::type_identity_t<T> v) {
    if constexpr (std::is_integral_v<T>)
        return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
    else
        return simt_atomic_update(p, [v](T old) { return old + v; });
}
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicSub(T* p, std::type_identity_t<T> v) { return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED); }
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicMin(T* p, std::type_identity_t<T> v) { return simt_atomic_update(p, [v](T old) { return v < old ? v : old; }); }
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicMax(T* p, std::type_identity_t<T> v) { return simt_atomic_update(p, [v](T old) { return old < v ? v : old; }); }
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicOr(T* p, std::type_identity_t<T> v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicAnd(T* p, std::type_identity_t<T> v) { return __atomic_fetch_and(p, v, __ATOMIC_RELAXED); }
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicXor(T* p, std::type_identity_t<T> v) { return __atomic_fetch_xor(p, v, __ATOMIC_RELAXED); }
template <SimtAtomic T>
inline T atomicExch(T* p, std::type_identity_t<T> v) {
    if constexpr (std::is_integral_v<T>)
        return __atomic_exchange_n(p, v, __ATOMIC_RELAXED);
    else
        return simt_atomic_update(p, [v](T) { return v; });
}
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> v) {
    __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}

// Acquire tells the instrumented build that the program asked for it: the loads above are part of their exchange.
template <SimtAtomic T>
    requires std::is_integral_v<T>
inline T atomicLoad(const T* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

}  // namespace on_simt
}  // namespace cmtl::kernels
