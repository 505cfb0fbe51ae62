#pragma once
// A tensor is a value: a dense shape and dtype over storage that copies of it share.
//
// Layouts, everywhere in memory: activations N, D, H, W, C; convolution weights O, kD, kH, kW, I; linear weights O, I.
// Files hold PyTorch's orders (N, C, D, H, W and O, I, kD, kH, kW): see engine/checkpoint.hpp.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "engine/allocator.hpp"
#include "engine/device.hpp"
#include "engine/dtype.hpp"

namespace cmtl {

class Shape {
  public:
    static constexpr int max_rank = 6;
    Shape() = default;
    Shape(std::initializer_list<int64_t> sizes) : Shape(std::span<const int64_t>(sizes.begin(), sizes.size())) {}
    explicit Shape(std::span<const int64_t> sizes);
    int rank() const { return rank_; }
    int64_t operator[](int i) const { return sizes_[static_cast<size_t>(i < 0 ? i + rank_ : i)]; }
    int64_t count() const;
    std::span<const int64_t> sizes() const { return {sizes_.data(), static_cast<size_t>(rank_)}; }
    bool operator==(const Shape& o) const;
    std::string text() const;  // "2x17x20x18x64", "scalar"

  private:
    std::array<int64_t, max_rank> sizes_{};
    int rank_ = 0;
};

class Tensor;

// The place where a backward pass leaves the gradient of one tensor; shared by the copies of that tensor.
struct GradientSlot;

class Tensor {
  public:
    Tensor() = default;  // undefined: defined() is false
    Tensor(std::shared_ptr<Storage> storage, Shape shape, Dtype dtype, Device device)
        : storage_(std::move(storage)), shape_(shape), dtype_(dtype), device_(device) {}

    bool defined() const { return storage_ != nullptr; }
    const Shape& shape() const { return shape_; }
    int rank() const { return shape_.rank(); }
    int64_t size(int axis) const { return shape_[axis]; }
    int64_t count() const { return shape_.count(); }
    Dtype dtype() const { return dtype_; }
    Device device() const { return device_; }
    size_t bytes() const { return static_cast<size_t>(count()) * size_of(dtype_); }

    // Host pointer; T must be the dtype's type. Throws Error(internal) otherwise or for a tensor on cuda or simt.
    template <class T>
    T* data() const {
        check_access(DtypeOf<T>::value, false);
        return reinterpret_cast<T*>(raw());
    }
    // Pointer for kernels; throws Error(internal) for another dtype or a tensor on the host. nullptr for an undefined tensor.
    template <class T>
    T* device_data() const {
        if (!defined()) return nullptr;
        check_access(DtypeOf<T>::value, true);
        return reinterpret_cast<T*>(raw());
    }
    template <class T>
    std::span<T> values() const& {
        return {data<T>(), static_cast<size_t>(count())};
    }
    // A temporary's elements would go before the span does.
    template <class T>
    std::span<T> values() const&& = delete;
    std::byte* raw() const { return storage_->data() + offset_; }

    // The same elements under another shape of equal count; shares storage, forgets the gradient slot.
    Tensor reshape(Shape shape) const;
    // Entries [begin, end) of the first axis; shares storage, forgets the gradient slot.
    Tensor narrow(int64_t begin, int64_t end) const;
    // The same elements, without a gradient slot: what follows is not recorded for it.
    Tensor detach() const;
    // True while no other tensor shares the storage: such a tensor may be overwritten by its owner.
    bool unique() const { return storage_.use_count() == 1; }

    // Autograd (engine/autograd.hpp).
    bool requires_grad() const { return slot_ != nullptr; }
    // Makes this tensor a leaf whose gradient backward passes accumulate.
    Tensor& set_requires_grad(bool on = true);
    // The accumulated gradient; undefined before a backward pass reached this tensor.
    Tensor grad() const;
    void clear_grad();
    const std::shared_ptr<GradientSlot>& slot() const { return slot_; }
    void set_slot(std::shared_ptr<GradientSlot> slot) { slot_ = std::move(slot); }

  private:
    void check_access(Dtype dtype, bool by_kernel) const;
    std::shared_ptr<Storage> storage_;
    size_t offset_ = 0;  // bytes into the storage
    Shape shape_;
    Dtype dtype_ = Dtype::f32;
    Device device_;
    std::shared_ptr<GradientSlot> slot_;
};

struct GradientSlot {
    Tensor gradient;
    bool leaf = false;  // leaves keep their gradient, results of operators lose it once it was used
};

}  // namespace cmtl
