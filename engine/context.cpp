#include "engine/context.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "engine/gpu/cublaslt.hpp"
#include "engine/gpu/cudnn.hpp"
#include "engine/gpu/device_allocator.hpp"
#include "engine/gpu/device_queue.hpp"
#include "engine/implementation.hpp"
#include "engine/onednn.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

Context::Context(const ContextOptions& options) : options_(options) {
    const char* verbose = std::getenv("CMTL_VERBOSE");
    if (verbose && *verbose && std::string_view(verbose) != "0") options_.verbose = true;
    if (options_.device.kind == Device::Kind::cpu) {
        allocator_ = std::make_shared<HostAllocator>(options_.memory_limit);
    } else {
        std::shared_ptr<kernels::Runtime> runtime =
            options_.device.kind == Device::Kind::cuda ? kernels::cuda_runtime(options_.device.index) : kernels::simt_runtime();
        allocator_ = std::make_shared<DeviceAllocator>(runtime, options_.memory_limit);
        queue_ = std::make_unique<DeviceQueue>(std::move(runtime));
    }
    require(options_.compute == Dtype::f32 || options_.compute == Dtype::bf16, "device", "convolutions multiply in f32 or bf16, not in {}",
            name_of(options_.compute));
    if (options_.compute == Dtype::bf16 && on_gpu() && queue_->runtime().properties().capability < 80)
        fail(ErrorKind::resource, "device", "bf16 wants a GPU of compute capability 8.0, {} has {}.{}; use f32",
             queue_->runtime().properties().name, queue_->runtime().properties().capability / 10,
             queue_->runtime().properties().capability % 10);
#if defined(__x86_64__)
    if (options_.compute == Dtype::bf16 && !on_gpu() && !__builtin_cpu_supports("avx512bw"))
        fail(ErrorKind::resource, "device", "bf16 wants a processor with AVX-512, which this one lacks; use f32");
#endif
}

Context::~Context() = default;

kernels::Stream Context::stream() const { return queue_->stream(); }

void Context::synchronize() {
    if (on_gpu()) queue_->synchronize();
}

OneDnn& Context::onednn() {
    if (!onednn_) onednn_ = std::make_unique<OneDnn>();
    return *onednn_;
}

Cudnn& Context::cudnn() {
    if (!cudnn_) {
        const auto& gpu = queue_->runtime().properties();
        CudnnOptions options;
        options.capability = gpu.capability;
        options.workspace_limit = std::min(options.workspace_limit, gpu.memory / 16);
        cudnn_ = std::make_unique<Cudnn>(options);
    }
    return *cudnn_;
}

CublasLt& Context::cublaslt() {
    if (!cublaslt_) {
        CublasLtOptions options;
        options.capability = queue_->runtime().properties().capability;
        cublaslt_ = std::make_unique<CublasLt>(options);
    }
    return *cublaslt_;
}

Tensor Context::empty(const Shape& shape, Dtype dtype) {
    const size_t bytes = static_cast<size_t>(shape.count()) * size_of(dtype);
    return Tensor(std::make_shared<Storage>(allocator_, bytes), shape, dtype, options_.device);
}

Tensor Context::zeros(const Shape& shape, Dtype dtype) {
    Tensor t = empty(shape, dtype);
    if (on_gpu()) {
        if (t.bytes()) queue_->runtime().fill(t.raw(), 0, t.bytes(), stream());
        return t;
    }
    parallel_ranges(static_cast<int64_t>(t.bytes()), [&](int64_t begin, int64_t end) {
        std::memset(t.raw() + begin, 0, static_cast<size_t>(end - begin));
    }, 1 << 18);
    return t;
}

Tensor Context::full(const Shape& shape, float value) {
    static const auto list = joined(cpu_fill(), gpu_fill());
    Tensor t = empty(shape);
    run_first(*this, "fill", list, ElementwiseProblem{t.count()}, value, t);
    return t;
}

template <class T>
Tensor Context::from(const Shape& shape, std::span<const T> values) {
    require(shape.count() == static_cast<int64_t>(values.size()), "tensor", "{} values do not fill {}", values.size(), shape.text());
    Tensor t = empty(shape, DtypeOf<T>::value);
    if (values.empty()) return t;
    if (on_gpu()) queue_->upload(t.raw(), values.data(), values.size_bytes());
    else std::memcpy(t.raw(), values.data(), values.size_bytes());
    return t;
}

void Context::copy_into(const Tensor& source, const Tensor& target) {
    require(source.shape() == target.shape() && source.dtype() == target.dtype(), "tensor", "{} {} cannot be copied into {} {}",
            name_of(source.dtype()), source.shape().text(), name_of(target.dtype()), target.shape().text());
    if (on_gpu()) {
        if (source.bytes())
            queue_->runtime().copy(target.raw(), source.raw(), source.bytes(), kernels::Runtime::Direction::on_device, stream());
        return;
    }
    parallel_ranges(static_cast<int64_t>(source.bytes()), [&](int64_t begin, int64_t end) {
        std::memcpy(target.raw() + begin, source.raw() + begin, static_cast<size_t>(end - begin));
    }, 1 << 18);
}

template <class T>
void Context::write(const Tensor& target, std::span<const T> values) {
    require(target.dtype() == DtypeOf<T>::value && target.count() == static_cast<int64_t>(values.size()), "tensor",
            "{} values of {} do not fill {} {}", values.size(), name_of(DtypeOf<T>::value), name_of(target.dtype()), target.shape().text());
    if (values.empty()) return;
    if (on_gpu()) queue_->upload(target.raw(), values.data(), values.size_bytes());
    else std::memcpy(target.raw(), values.data(), values.size_bytes());
}

Context& Context::host() {
    if (!on_gpu()) return *this;
    if (!host_) host_ = std::make_unique<Context>(ContextOptions{.verbose = options_.verbose});
    return *host_;
}

Tensor Context::to_host(const Tensor& tensor) {
    if (!tensor.defined() || tensor.device().kind == Device::Kind::cpu) return tensor;
    Tensor t = host().empty(tensor.shape(), tensor.dtype());
    if (t.bytes()) queue_->download(t.raw(), tensor.raw(), t.bytes());
    return t;
}

Tensor Context::to_device(const Tensor& tensor) {
    if (!tensor.defined() || tensor.device() == options_.device) return tensor;
    Tensor t = empty(tensor.shape(), tensor.dtype());
    if (t.bytes()) queue_->upload(t.raw(), tensor.raw(), t.bytes());
    return t;
}

Tensor Context::copy(const Tensor& tensor) {
    Tensor t = empty(tensor.shape(), tensor.dtype());
    copy_into(tensor, t);
    return t;
}

Tensor Context::cast(const Tensor& tensor, Dtype dtype) {
    static const auto list = joined(cpu_cast(), gpu_cast());
    if (tensor.dtype() == dtype) return copy(tensor);
    Tensor result = empty(tensor.shape(), dtype);
    run_first(*this, "cast", list, ElementwiseProblem{tensor.count()}, tensor, result);
    return result;
}

template <class T>
std::vector<T> Context::to_vector(const Tensor& tensor) {
    if (tensor.device().kind != Device::Kind::cpu) {
        require(tensor.dtype() == DtypeOf<T>::value, "tensor", "a {} tensor was read as {}", name_of(tensor.dtype()), name_of(DtypeOf<T>::value));
        std::vector<T> values(static_cast<size_t>(tensor.count()));
        if (!values.empty()) queue_->download(values.data(), tensor.raw(), tensor.bytes());
        return values;
    }
    const auto values = tensor.values<T>();
    return {values.begin(), values.end()};
}

#define CMTL_INSTANTIATE(T)                                                     \
    template Tensor Context::from<T>(const Shape&, std::span<const T>);         \
    template void Context::write<T>(const Tensor&, std::span<const T>);         \
    template std::vector<T> Context::to_vector<T>(const Tensor&);
CMTL_INSTANTIATE(float)
CMTL_INSTANTIATE(Bf16)
CMTL_INSTANTIATE(double)
CMTL_INSTANTIATE(int32_t)
CMTL_INSTANTIATE(int64_t)
CMTL_INSTANTIATE(uint8_t)
#undef CMTL_INSTANTIATE

}  // namespace cmtl
