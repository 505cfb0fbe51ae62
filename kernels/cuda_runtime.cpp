// A GPU behind the CUDA runtime. The runtime is linked statically and finds the driver when it is first called, so the same
// program runs on machines without one.
#include "base/error.hpp"
#include "kernels/cuda_status.hpp"
#include "kernels/runtime.hpp"

#include <array>
#include <string_view>

#ifdef CMTL_CUDART_SHARED
// A stand-in of the runtime's library need not have graphs.
extern "C" {
#pragma weak cudaStreamBeginCapture
#pragma weak cudaStreamEndCapture
#pragma weak cudaGraphInstantiate
#pragma weak cudaGraphLaunch
#pragma weak cudaGraphDestroy
#pragma weak cudaGraphExecDestroy
}
#endif

namespace cmtl::kernels {
namespace {

// The last kernels launched by this thread: what goes wrong on a device shows only when someone waits, and then these are named.
struct Launched {
    static constexpr size_t kept = 4;
    std::array<const char*, kept> names{};
    size_t count = 0;

    void add(const char* name) { names[count++ % kept] = name; }
    std::string text() const {
        std::string list;
        for (size_t i = count > kept ? count - kept : 0; i < count; ++i) {
            if (!list.empty()) list += ", ";
            list += names[i % kept];
        }
        return list;
    }
};
thread_local Launched launched;

bool is_resource(cudaError_t status) {
    switch (status) {
        case cudaErrorMemoryAllocation:
        case cudaErrorInsufficientDriver:
        case cudaErrorNoDevice:
        case cudaErrorInvalidDevice:
        case cudaErrorDevicesUnavailable:
        case cudaErrorSystemNotReady:
        case cudaErrorSystemDriverMismatch:
        case cudaErrorCompatNotSupportedOnDevice:
        case cudaErrorNoKernelImageForDevice:
        case cudaErrorUnsupportedPtxVersion:
        case cudaErrorJitCompilerNotFound:
        case cudaErrorStubLibrary:
        case cudaErrorCallRequiresNewerDriver:
        case cudaErrorECCUncorrectable:
        case cudaErrorNotSupported: return true;
        default: return false;
    }
}

// A kernel of this program ran into it; the CUDA runtime answers every later call with the same status.
bool is_fault(cudaError_t status) {
    switch (status) {
        case cudaErrorIllegalAddress:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorIllegalInstruction:
        case cudaErrorHardwareStackError:
        case cudaErrorLaunchFailure:
        case cudaErrorLaunchTimeout:
        case cudaErrorAssert: return true;
        default: return false;
    }
}

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

// Why no GPU answers, in one line.
[[noreturn]] void fail_no_gpu(int index, cudaError_t status) {
    constexpr std::string_view remedy = "use --device cpu";
    const char* why = cudaGetErrorString(status);
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
        fail(ErrorKind::resource, "cuda", "cuda:{}: no NVIDIA driver answers on this machine ({}); {}", index, why, remedy);
    if (status == cudaErrorInsufficientDriver)
        fail(ErrorKind::resource, "cuda", "cuda:{}: the NVIDIA driver is for CUDA {} and this program needs {}; update the driver or {}",
             index, version_text(driver), version_text(CUDART_VERSION), remedy);
    fail(ErrorKind::resource, "cuda", "cuda:{}: no GPU can be used ({}); {}", index, why, remedy);
}

class CudaRuntime final : public Runtime {
  public:
    explicit CudaRuntime(int index) : index_(index) {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status != cudaSuccess || count == 0) fail_no_gpu(index, status == cudaSuccess ? cudaErrorNoDevice : status);
        if (index < 0 || index >= count)
            fail(ErrorKind::resource, "cuda", "cuda:{}: this machine has {} GPU{}, cuda:0{}", index, count, count == 1 ? "" : "s",
                 count == 1 ? "" : fmt::format(" to cuda:{}", count - 1));
        bind();
        CMTL_CUDA_CHECK(cudaFree(nullptr));  // makes the context, which may fail for want of memory or of rights

        cudaDeviceProp p{};
        CMTL_CUDA_CHECK(cudaGetDeviceProperties(&p, index));
        properties_ = {.name = p.name,
                       .capability = 10 * p.major + p.minor,
                       .processors = p.multiProcessorCount,
                       .memory = p.totalGlobalMem,
                       .shared_per_block = p.sharedMemPerBlockOptin};
        if (properties_.capability < CMTL_CUDA_LOWEST)
            fail(ErrorKind::resource, "cuda", "cuda:{}: {} has compute capability {}.{}, this program's kernels need {}.{}; use --device cpu",
                 index, properties_.name, p.major, p.minor, CMTL_CUDA_LOWEST / 10, CMTL_CUDA_LOWEST % 10);
    }

    const DeviceProperties& properties() const override { return properties_; }

    std::byte* allocate(size_t bytes) override {
        bind();
        void* memory = nullptr;
        const cudaError_t status = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
        if (status == cudaErrorMemoryAllocation) {
            cudaGetLastError();  // else the next launch would find it
            return nullptr;
        }
        if (status != cudaSuccess) fail_cuda("cudaMalloc", status);
        return static_cast<std::byte*>(memory);
    }
    void release(std::byte* memory) noexcept override {
        cudaSetDevice(index_);
        cudaFree(memory);
    }
    size_t available() const override {
        bind();
        size_t free = 0, total = 0;
        CMTL_CUDA_CHECK(cudaMemGetInfo(&free, &total));
        return free;
    }
    std::byte* allocate_pinned(size_t bytes) override {
        bind();
        void* memory = nullptr;
        const cudaError_t status = cudaMallocHost(&memory, bytes == 0 ? 1 : bytes);
        if (status == cudaErrorMemoryAllocation) {
            cudaGetLastError();
            fail(ErrorKind::resource, "cuda", "cuda:{}: the host has no {} bytes of memory to pin", index_, bytes);
        }
        if (status != cudaSuccess) fail_cuda("cudaMallocHost", status);
        return static_cast<std::byte*>(memory);
    }
    void release_pinned(std::byte* memory) noexcept override {
        cudaSetDevice(index_);
        cudaFreeHost(memory);
    }

    Stream create_stream() override {
        bind();
        cudaStream_t stream = nullptr;
        CMTL_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        return stream;
    }
    void destroy(Stream stream) noexcept override {
        cudaSetDevice(index_);
        cudaStreamDestroy(stream);
    }
    void synchronize(Stream stream) override {
        bind();
        CMTL_CUDA_CHECK(cudaStreamSynchronize(stream));
        launched.count = 0;
    }

    void copy(void* target, const void* source, size_t bytes, Direction direction, Stream stream) override {
        if (bytes == 0) return;
        bind();
        const cudaMemcpyKind kind = direction == Direction::to_device ? cudaMemcpyHostToDevice
                                    : direction == Direction::to_host ? cudaMemcpyDeviceToHost
                                                                      : cudaMemcpyDeviceToDevice;
        CMTL_CUDA_CHECK(cudaMemcpyAsync(target, source, bytes, kind, stream));
    }
    void fill(void* target, uint8_t value, size_t bytes, Stream stream) override {
        if (bytes == 0) return;
        bind();
        CMTL_CUDA_CHECK(cudaMemsetAsync(target, value, bytes, stream));
    }

    Event create_event() override {
        bind();
        cudaEvent_t event = nullptr;
        CMTL_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
        return reinterpret_cast<Event>(event);
    }
    void destroy(Event event) noexcept override {
        cudaSetDevice(index_);
        cudaEventDestroy(native(event));
    }
    void record(Event event, Stream stream) override {
        bind();
        CMTL_CUDA_CHECK(cudaEventRecord(native(event), stream));
    }
    void wait(Stream stream, Event event) override {
        bind();
        CMTL_CUDA_CHECK(cudaStreamWaitEvent(stream, native(event), 0));
    }
    bool ready(Event event) override {
        bind();
        const cudaError_t status = cudaEventQuery(native(event));
        if (status == cudaErrorNotReady) {
            cudaGetLastError();
            return false;
        }
        if (status != cudaSuccess) fail_cuda("cudaEventQuery", status);
        return true;
    }
    void synchronize(Event event) override {
        bind();
        CMTL_CUDA_CHECK(cudaEventSynchronize(native(event)));
    }

    bool graphs() const override {
#ifdef CMTL_CUDART_SHARED
        return cudaStreamBeginCapture != nullptr;
#else
        return true;
#endif
    }
    void begin_capture(Stream stream) override {
        if (!graphs()) fail(ErrorKind::resource, "cuda_graph", "cuda:{}: this CUDA runtime records no graphs", index_);
        bind();
        // Relaxed: allocations meanwhile, ours and other threads', neither join nor spoil the graph.
        CMTL_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    }
    Graph end_capture(Stream stream) override {
        bind();
        cudaGraph_t graph = nullptr;
        CMTL_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
        cudaGraphExec_t executable = nullptr;
        const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
        cudaGraphDestroy(graph);
        if (status != cudaSuccess) fail_cuda("cudaGraphInstantiate", status);
        return reinterpret_cast<Graph>(executable);
    }
    void replay(Graph graph, Stream stream) override {
        bind();
        launched.add("a recorded graph");
        CMTL_CUDA_CHECK(cudaGraphLaunch(native(graph), stream));
    }
    void destroy(Graph graph) noexcept override {
        cudaSetDevice(index_);
        cudaGraphExecDestroy(native(graph));
    }

  private:
    // The calling thread's device; some nanoseconds where it is already.
    void bind() const { CMTL_CUDA_CHECK(cudaSetDevice(index_)); }
    static cudaEvent_t native(Event event) { return reinterpret_cast<cudaEvent_t>(event); }
    static cudaGraphExec_t native(Graph graph) { return reinterpret_cast<cudaGraphExec_t>(graph); }

    int index_;
    DeviceProperties properties_;
};

}  // namespace

void fail_cuda(const char* what, cudaError_t status) {
    cudaGetLastError();
    std::string_view call = what;
    call = call.substr(0, call.find('('));
    if (is_fault(status) && launched.count != 0)
        fail(ErrorKind::internal, "cuda", "{}: {}; the last kernels launched: {}; CUDA_LAUNCH_BLOCKING=1 tells which one", call,
             cudaGetErrorString(status), launched.text());
    fail(is_resource(status) ? ErrorKind::resource : ErrorKind::internal, "cuda", "{}: {}", call, cudaGetErrorString(status));
}

void check_launch(const char* kernel, int code) {
    launched.add(kernel);
    if (code != cudaSuccess) [[unlikely]] fail_cuda(kernel, static_cast<cudaError_t>(code));
}

std::unique_ptr<Runtime> cuda_runtime(int index) { return std::make_unique<CudaRuntime>(index); }

int cuda_device_count() noexcept {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return count;
}

}  // namespace cmtl::kernels
