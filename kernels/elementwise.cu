#include "kernels/elementwise.hpp"

#include <type_traits>

#include "kernels/elementwise.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

namespace elements {

// Vectors of `width` elements that the pointers allow.
template <class... T>
int64_t vectors_of(int width, int64_t count, const T*... pointers) {
    return (vectors_fit<T>(width, 0, {pointers}) && ...) ? count / width : 0;
}

template <class Function, class... Sources>
void map(Stream stream, const char* name, int64_t count, Function function, float* y, const Sources*... sources) {
    if (!count) return;
    const int64_t vectors = vectors_of(4, count, y, sources...);
    launch({name, blocks_for(vectors ? vectors : count, 256), 256, 0, stream}, map_kernel<Function, Sources...>, count, vectors, function,
           y, sources...);
}

// function(a value of the type).
template <class Function>
void with_element(Element type, Function function) {
    switch (type) {
        case Element::f32: return function(float{});
        case Element::bf16: return function(Bf16Bits{});
        case Element::f64: return function(double{});
        case Element::i32: return function(int32_t{});
        case Element::i64: return function(int64_t{});
        case Element::u8: return function(uint8_t{});
    }
}

}  // namespace elements

}  // namespace CMTL_TARGET

template <>
void relu_forward<Target>(Stream stream, int64_t count, const float* x, float* y) {
    elements::map(stream, "relu_forward", count, elements::Relu{}, y, x);
}

template <>
void relu_backward<Target>(Stream stream, int64_t count, const float* y, const float* dy, float* dx) {
    elements::map(stream, "relu_backward", count, elements::ReluGradient{}, dx, y, dy);
}

template <>
void add<Target>(Stream stream, int64_t count, const float* a, const float* b, float* sum) {
    elements::map(stream, "add", count, elements::Add{}, sum, a, b);
}

template <>
void accumulate<Target>(Stream stream, int64_t count, float* sum, const float* more) {
    elements::map(stream, "accumulate", count, elements::Add{}, sum, static_cast<const float*>(sum), more);
}

template <>
void fill<Target>(Stream stream, int64_t count, float value, float* y) {
    elements::map(stream, "fill", count, elements::Constant{value}, y);
}

template <>
void copy_columns<Target>(Stream stream, int64_t rows, int64_t channels, const float* from, int64_t from_width, float* to,
                          int64_t to_width) {
    if (!rows || !channels) return;
    const bool vectors = vectors_fit<float>(4, channels, {from, to}) && from_width % 4 == 0 && to_width % 4 == 0;
    const RowTiles t = row_tiles(vectors ? channels / 4 : channels);
    launch({"copy_columns", dim3(t.tiles, blocks_for(rows, t.down * 4, 8192)), t.block(), 0, stream},
           vectors ? copy_columns_kernel<4> : copy_columns_kernel<1>, rows, static_cast<int>(channels), from, from_width, to, to_width);
}

template <>
void convert<Target>(Stream stream, int64_t count, Element from_type, const void* from, Element to_type, void* to) {
    if (!count) return;
    elements::with_element(from_type, [&](auto from_value) {
        elements::with_element(to_type, [&](auto to_value) {
            using From = decltype(from_value);
            using To = decltype(to_value);
            const auto* const source = static_cast<const From*>(from);
            auto* const target = static_cast<To*>(to);
            const int64_t vectors = elements::vectors_of(elements::width<To, From>(), count, source, target);
            launch({"convert", blocks_for(vectors ? vectors : count, 256), 256, 0, stream}, convert_kernel<To, From>, count, vectors,
                   source, target);
        });
    });
}

}  // namespace cmtl::kernels
