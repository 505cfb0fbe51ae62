#pragma once
// The references are the definition of every operator: plain loops over doubles, sharing no code with the engine.
// Layouts as in the engine: activations N, D, H, W, C; convolution weights O, kD, kH, kW, I; linear weights O, I.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace cmtl::reference {

using Sizes = std::vector<int64_t>;

struct Array {
    Sizes sizes;
    std::vector<double> values;

    Array() = default;
    explicit Array(Sizes s, double value = 0) : sizes(std::move(s)), values(static_cast<size_t>(product(sizes)), value) {}
    Array(Sizes s, std::vector<double> v) : sizes(std::move(s)), values(std::move(v)) {
        if (static_cast<int64_t>(values.size()) != product(sizes)) throw std::invalid_argument("sizes and values differ");
    }

    bool empty() const { return values.empty(); }
    int64_t count() const { return static_cast<int64_t>(values.size()); }
    int64_t size(int axis) const { return sizes.at(static_cast<size_t>(axis < 0 ? axis + static_cast<int>(sizes.size()) : axis)); }

    double& operator[](int64_t i) { return values[static_cast<size_t>(i)]; }
    double operator[](int64_t i) const { return values[static_cast<size_t>(i)]; }

    template <class... Index>
    double& operator()(Index... index) {
        return values[static_cast<size_t>(offset(index...))];
    }
    template <class... Index>
    const double& operator()(Index... index) const {
        return values[static_cast<size_t>(offset(index...))];
    }

    static int64_t product(const Sizes& sizes) {
        int64_t n = 1;
        for (int64_t s : sizes) n *= s;
        return n;
    }

  private:
    template <class... Index>
    int64_t offset(Index... index) const {
        int64_t at = 0;
        size_t axis = 0;
        ((at = at * sizes[axis++] + static_cast<int64_t>(index)), ...);
        return at;
    }
};

// On which side of every kink (ReLU, maximum) a computation went: two points with equal digests lie in one smooth piece.
struct Kinks {
    uint64_t digest = 1469598103934665603u;
    void note(uint64_t value) { digest = (digest ^ value) * 1099511628211u; }
};

}  // namespace cmtl::reference
