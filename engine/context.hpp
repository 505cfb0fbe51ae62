#pragma once
// Everything an operator needs beside its tensors: the device's handles, the allocator, the recording tape. There are no
// globals: two contexts in one process do not know of each other.
#include <memory>
#include <span>
#include <vector>

#include "engine/tensor.hpp"
#include "kernels/target.hpp"

namespace cmtl {

class Tape;
class OneDnn;
class DeviceQueue;
class Cudnn;
class CublasLt;

struct ContextOptions {
    Device device{};
    bool verbose = false;      // print every operator's choice of implementation; also on with CMTL_VERBOSE=1
    Dtype compute = Dtype::f32;  // f32, or bf16: convolutions multiply in bf16 and add in f32
    size_t memory_limit = 0;     // bytes that tensors may take; 0: what the device has
};

class Context {
  public:
    explicit Context(const ContextOptions& options = {});
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    Device device() const { return options_.device; }
    // Whether operators run the CUDA code path: on a GPU, or on simt.
    bool on_gpu() const { return queue_ != nullptr; }
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
    // Overwrites the elements of `target` with those of the host.
    template <class T>
    void write(const Tensor& target, std::span<const T> values);
    // f32 <-> bf16 <-> f64, and integers to any; f32 to bf16 rounds to nearest even.
    Tensor cast(const Tensor& tensor, Dtype dtype);
    // The elements of a tensor of this context or of host(); waits for the device.
    template <class T>
    std::vector<T> to_vector(const Tensor& tensor);

    // Files and their tensors live on the host: a context there, this one where it is on the CPU.
    Context& host();
    // A tensor of this context or of host() on the other side; the same tensor where both sides are one.
    Tensor to_host(const Tensor& tensor);
    Tensor to_device(const Tensor& tensor);

    // The tape that records now, or nullptr (no tape, or inside NoGrad).
    Tape* tape() const { return tape_; }
    void set_tape(Tape* tape) { tape_ = tape; }

    OneDnn& onednn();
    // Opened when first asked for; only where on_gpu().
    Cudnn& cudnn();
    CublasLt& cublaslt();
    // The device's stream; only where on_gpu().
    DeviceQueue& queue() const { return *queue_; }
    kernels::Stream stream() const;
    // Waits until the device has done everything so far; throws what went wrong there.
    void synchronize();

    // Multiplications and additions of the convolutions and matrix products run so far.
    double flops() const { return flops_; }
    void count_flops(double flops) { flops_ += flops; }

  private:
    ContextOptions options_;
    std::unique_ptr<DeviceQueue> queue_;  // before the allocator: blocks may be in use until it is empty
    std::shared_ptr<Allocator> allocator_;
    std::unique_ptr<OneDnn> onednn_;
    std::unique_ptr<Cudnn> cudnn_;
    std::unique_ptr<CublasLt> cublaslt_;
    std::unique_ptr<Context> host_;
    Tape* tape_ = nullptr;
    double flops_ = 0;
};

}  // namespace cmtl
