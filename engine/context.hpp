#pragma once
// Everything an operator needs beside its tensors: the device's handles, the allocator, the recording tape. There are no
// globals: two contexts in one process do not know of each other.
#include <memory>
#include <span>
#include <vector>

#include "engine/tensor.hpp"

namespace cmtl {

class Tape;
class OneDnn;

struct ContextOptions {
    Device device{};
    bool verbose = false;      // print every operator's choice of implementation; also on with CMTL_VERBOSE=1
    Dtype compute = Dtype::f32;  // f32, or bf16: convolutions multiply in bf16 and add in f32
};

class Context {
  public:
    explicit Context(const ContextOptions& options = {});
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    Device device() const { return options_.device; }
    Dtype compute() const { return options_.compute; }
    bool verbose() const { return options_.verbose; }
    Allocator& allocator() { return *allocator_; }

    // New tensors on this context's device.
    Tensor empty(const Shape& shape, Dtype dtype = Dtype::f32);
    Tensor zeros(const Shape& shape, Dtype dtype = Dtype::f32);
    Tensor full(const Shape& shape, float value);  // f32
    template <class T>
    Tensor from(const Shape& shape, std::span<const T> values);
    template <class T>
    Tensor from(const Shape& shape, const std::vector<T>& values) {
        return from<T>(shape, std::span<const T>(values));
    }
    // An own copy of the elements, without a gradient slot.
    Tensor copy(const Tensor& tensor);
    // Copies the elements of `source` into `target` (equal shape and dtype).
    void copy_into(const Tensor& source, const Tensor& target);
    // f32 <-> bf16 <-> f64, and integers to any; f32 to bf16 rounds to nearest even.
    Tensor cast(const Tensor& tensor, Dtype dtype);
    // The elements on the host.
    template <class T>
    std::vector<T> to_vector(const Tensor& tensor);

    // The tape that records now, or nullptr (no tape, or inside NoGrad).
    Tape* tape() const { return tape_; }
    void set_tape(Tape* tape) { tape_ = tape; }

    OneDnn& onednn();

    // Multiplications and additions of the convolutions and matrix products run so far.
    double flops() const { return flops_; }
    void count_flops(double flops) { flops_ += flops; }

  private:
    ContextOptions options_;
    std::shared_ptr<Allocator> allocator_;
    std::unique_ptr<OneDnn> onednn_;
    Tape* tape_ = nullptr;
    double flops_ = 0;
};

}  // namespace cmtl
