#pragma once
// CUDA's vector types for code that simt executes: same sizes, alignments and names, in the kernels' own namespace, so that they
// need no toolkit and do not meet one.
#include <cstdint>
#include <type_traits>

namespace cmtl::kernels {
inline namespace on_simt {

using uchar = unsigned char;
using ushort = unsigned short;
using uint = unsigned int;

// A vector is stored as a whole where accesses are counted (CMTL_SIMT_COUNTED): not element by element into the place where it goes.
#if defined(CMTL_SIMT_COUNTED)
#define CMTL_SIMT_CONSTEXPR
template <class Vector, class... T>
inline Vector simt_vector(T... elements) {
    static_assert(sizeof(Vector) == (sizeof(T) + ...));
    const std::common_type_t<T...> all[] = {elements...};
    Vector v;
    __builtin_memcpy(&v, all, sizeof v);
    return v;
}
#else
#define CMTL_SIMT_CONSTEXPR constexpr
template <class Vector, class... T>
inline constexpr Vector simt_vector(T... elements) {
    return {elements...};
}
#endif

#define CMTL_SIMT_VECTOR2(T, name, align)                        \
    struct alignas(align) name {                                 \
        T x, y;                                                  \
    };                                                           \
    inline CMTL_SIMT_CONSTEXPR name make_##name(T x, T y) { return simt_vector<name>(x, y); }
#define CMTL_SIMT_VECTOR3(T, name)                                         \
    struct name {                                                          \
        T x, y, z;                                                         \
    };                                                                     \
    inline constexpr name make_##name(T x, T y, T z) { return {x, y, z}; }
#define CMTL_SIMT_VECTOR4(T, name, align)                                       \
    struct alignas(align) name {                                                \
        T x, y, z, w;                                                           \
    };                                                                          \
    inline CMTL_SIMT_CONSTEXPR name make_##name(T x, T y, T z, T w) { return simt_vector<name>(x, y, z, w); }

CMTL_SIMT_VECTOR2(unsigned char, uchar2, 2)
CMTL_SIMT_VECTOR4(unsigned char, uchar4, 4)
CMTL_SIMT_VECTOR2(short, short2, 4)
CMTL_SIMT_VECTOR4(short, short4, 8)
CMTL_SIMT_VECTOR2(unsigned short, ushort2, 4)
CMTL_SIMT_VECTOR4(unsigned short, ushort4, 8)
CMTL_SIMT_VECTOR2(int, int2, 8)
CMTL_SIMT_VECTOR3(int, int3)
CMTL_SIMT_VECTOR4(int, int4, 16)
CMTL_SIMT_VECTOR2(unsigned, uint2, 8)
CMTL_SIMT_VECTOR3(unsigned, uint3)
CMTL_SIMT_VECTOR4(unsigned, uint4, 16)
CMTL_SIMT_VECTOR2(long long, longlong2, 16)
CMTL_SIMT_VECTOR2(unsigned long long, ulonglong2, 16)
CMTL_SIMT_VECTOR2(float, float2, 8)
CMTL_SIMT_VECTOR3(float, float3)
CMTL_SIMT_VECTOR4(float, float4, 16)
CMTL_SIMT_VECTOR2(double, double2, 16)
CMTL_SIMT_VECTOR3(double, double3)

#undef CMTL_SIMT_VECTOR2
#undef CMTL_SIMT_VECTOR3
#undef CMTL_SIMT_VECTOR4
#undef CMTL_SIMT_CONSTEXPR

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

}  // namespace on_simt
}  // namespace cmtl::kernels
