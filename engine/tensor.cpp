#include "engine/tensor.hpp"

#include <algorithm>
#include <vector>

#include <fmt/ranges.h>

#include "base/error.hpp"

namespace cmtl {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
    require(rank_ <= max_rank, "tensor", "rank {} is above {}", rank_, max_rank);
    for (int i = 0; i < rank_; ++i) {
        require(sizes[static_cast<size_t>(i)] >= 0, "tensor", "size {} of axis {} is negative", sizes[static_cast<size_t>(i)], i);
        sizes_[static_cast<size_t>(i)] = sizes[static_cast<size_t>(i)];
    }
}

int64_t Shape::count() const {
    int64_t n = 1;
    for (int64_t s : sizes()) n *= s;
    return n;
}

bool Shape::operator==(const Shape& o) const { return std::ranges::equal(sizes(), o.sizes()); }

std::string Shape::text() const {
    if (rank_ == 0) return "scalar";
    return fmt::format("{}", fmt::join(sizes(), "x"));
}

void Tensor::check_access(Dtype dtype, bool by_kernel) const {
    require(defined(), "tensor", "an undefined tensor was read");
    require(dtype == dtype_, "tensor", "a {} tensor was read as {}", name_of(dtype_), name_of(dtype));
    require((device_.kind != Device::Kind::cpu) == by_kernel, "tensor", "a tensor on {} was read by {}", to_string(device_),
            by_kernel ? "a kernel" : "the host");
}

Tensor Tensor::reshape(Shape shape) const {
    require(shape.count() == count(), "tensor", "{} cannot become {}", shape_.text(), shape.text());
    Tensor t = detach();
    t.shape_ = shape;
    return t;
}

Tensor Tensor::narrow(int64_t begin, int64_t end) const {
    require(rank() >= 1 && begin >= 0 && begin <= end && end <= size(0), "tensor", "[{}, {}) is outside the first axis of {}", begin, end,
            shape_.text());
    Tensor t = detach();
    std::vector<int64_t> sizes(shape_.sizes().begin(), shape_.sizes().end());
    const int64_t entry = size(0) ? count() / size(0) : 0;
    sizes[0] = end - begin;
    t.shape_ = Shape(sizes);
    t.offset_ += static_cast<size_t>(begin * entry) * size_of(dtype_);
    return t;
}

Tensor Tensor::detach() const {
    Tensor t = *this;
    t.slot_.reset();
    return t;
}

Tensor& Tensor::set_requires_grad(bool on) {
    if (!on) {
        slot_.reset();
    } else if (!slot_) {
        require(dtype_ == Dtype::f32, "tensor", "gradients are f32, this tensor is {}", name_of(dtype_));
        slot_ = std::make_shared<GradientSlot>();
        slot_->leaf = true;
    }
    return *this;
}

Tensor Tensor::grad() const { return slot_ ? slot_->gradient : Tensor(); }

void Tensor::clear_grad() {
    if (slot_) slot_->gradient = Tensor();
}

}  // namespace cmtl
