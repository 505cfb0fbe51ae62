// The functions that -fsanitize=thread makes instrumented code call, in place of that sanitizer's runtime. Relaxed
// atomic loads belong to the compare-and-swap that follows them and are not counted, acquiring ones are the dialect's atomicLoad
// (kernels/simt/atomics.hpp).
#include <cstring>

#include "kernels/simt/instrument_access.hpp"

using cmtl::kernels::simt::Access;
using cmtl::kernels::simt::instrument_access;

#define CMTL_HERE __builtin_return_address(0)
#define CMTL_ACCESS(prefix, bytes)                                                                       \
    void __tsan_##prefix##read##bytes(void* p) { instrument_access(p, bytes, Access::load, CMTL_HERE); } \
    void __tsan_##prefix##write##bytes(void* p) { instrument_access(p, bytes, Access::store, CMTL_HERE); }
#define CMTL_ACCESSES(prefix) \
    CMTL_ACCESS(prefix, 1) CMTL_ACCESS(prefix, 2) CMTL_ACCESS(prefix, 4) CMTL_ACCESS(prefix, 8) CMTL_ACCESS(prefix, 16)

#define CMTL_FETCH(bits, T, name)                                                  \
    T __tsan_atomic##bits##_fetch_##name(volatile T* p, T v, int) {                \
        instrument_access(const_cast<T*>(p), bits / 8, Access::atomic, CMTL_HERE); \
        return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST);                      \
    }
#define CMTL_EXCHANGE_IF(bits, T, name)                                                                \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile T* p, T* expected, T v, int, int) {     \
        instrument_access(const_cast<T*>(p), bits / 8, Access::atomic, CMTL_HERE);                     \
        return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    }
#define CMTL_ATOMICS(bits, T)                                                                               \
    T __tsan_atomic##bits##_load(const volatile T* p, int order) {                                          \
        if (order == __ATOMIC_ACQUIRE)                                                                      \
            instrument_access(const_cast<const T*>(p), bits / 8, Access::atomic_load, CMTL_HERE);           \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                        \
    }                                                                                                       \
    void __tsan_atomic##bits##_store(volatile T* p, T v, int) {                                             \
        instrument_access(const_cast<T*>(p), bits / 8, Access::atomic, CMTL_HERE);                          \
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                           \
    }                                                                                                       \
    T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                                             \
        instrument_access(const_cast<T*>(p), bits / 8, Access::atomic, CMTL_HERE);                          \
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                 \
    }                                                                                                       \
    CMTL_FETCH(bits, T, add)                                                                                \
    CMTL_FETCH(bits, T, sub) CMTL_FETCH(bits, T, and) CMTL_FETCH(bits, T, or) CMTL_FETCH(bits, T, xor)      \
        CMTL_FETCH(bits, T, nand) CMTL_EXCHANGE_IF(bits, T, strong) CMTL_EXCHANGE_IF(bits, T, weak)         \
            T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T v, int, int) {        \
        instrument_access(const_cast<T*>(p), bits / 8, Access::atomic, CMTL_HERE);                          \
        __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
        return expected;                                                                                    \
    }

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}

CMTL_ACCESSES()
CMTL_ACCESSES(unaligned_)
CMTL_ACCESSES(volatile_)
CMTL_ACCESSES(unaligned_volatile_)
void __tsan_read_range(void* p, size_t bytes) { instrument_access(p, bytes, Access::load, CMTL_HERE); }
void __tsan_write_range(void* p, size_t bytes) { instrument_access(p, bytes, Access::store, CMTL_HERE); }

CMTL_ATOMICS(8, unsigned char)
CMTL_ATOMICS(16, unsigned short)
CMTL_ATOMICS(32, unsigned)
CMTL_ATOMICS(64, unsigned long)

// Newer clangs call these.
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
    instrument_access(from, bytes, Access::load, CMTL_HERE);
    instrument_access(to, bytes, Access::store, CMTL_HERE);
    return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, size_t bytes) {
    instrument_access(from, bytes, Access::load, CMTL_HERE);
    instrument_access(to, bytes, Access::store, CMTL_HERE);
    return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
    instrument_access(to, bytes, Access::store, CMTL_HERE);
    return std::memset(to, value, bytes);
}

}  // extern "C"
