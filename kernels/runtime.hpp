#pragma once
// A device as the engine sees it: memory, streams, events, copies and recorded graphs. Two of them exist, a GPU behind the CUDA
// runtime (kernels/cuda_runtime.cpp) and its execution on the CPU (kernels/simt). The engine knows only this interface.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/target.hpp"

namespace cmtl::kernels {

struct DeviceProperties {
    std::string name;                // "NVIDIA H100 80GB HBM3", "simt"
    int capability = 0;              // 10 * major + minor: 80 for sm_80
    int processors = 0;              // streaming multiprocessors
    size_t memory = 0;               // bytes, all of it
    size_t shared_per_block = 0;     // bytes that one block may ask for
};

using Event = struct EventHandle*;
using Graph = struct GraphHandle*;

class Runtime {
  public:
    virtual ~Runtime() = default;
    virtual const DeviceProperties& properties() const = 0;

    // Device memory, 256-byte aligned. nullptr when there is none left; both wait for the device: arenas call them, operators never.
    virtual std::byte* allocate(size_t bytes) = 0;
    virtual void release(std::byte* memory) noexcept = 0;
    // Bytes of device memory that are free now.
    virtual size_t available() const = 0;
    // Host memory that asynchronous copies may read and write. Throws Error(resource).
    virtual std::byte* allocate_pinned(size_t bytes) = 0;
    virtual void release_pinned(std::byte* memory) noexcept = 0;

    virtual Stream create_stream() = 0;
    virtual void destroy(Stream stream) noexcept = 0;
    // Waits until everything enqueued so far ran. Throws what went wrong on the device since the last wait.
    virtual void synchronize(Stream stream) = 0;

    enum class Direction { to_device, to_host, on_device };
    // Enqueued; the host's side must stay untouched until the stream got there.
    virtual void copy(void* target, const void* source, size_t bytes, Direction direction, Stream stream) = 0;
    virtual void fill(void* target, uint8_t value, size_t bytes, Stream stream) = 0;

    virtual Event create_event() = 0;
    virtual void destroy(Event event) noexcept = 0;
    virtual void record(Event event, Stream stream) = 0;
    virtual void wait(Stream stream, Event event) = 0;  // the stream waits, not the host
    virtual bool ready(Event event) = 0;                // whether the device passed it
    virtual void synchronize(Event event) = 0;

    // Between begin_capture and end_capture, what is enqueued on `stream` is kept instead of run; replay() enqueues it again,
    // with the arguments of then. In between allocate() may be called, but nothing be released or
    // waited for. Where graphs() is false, begin_capture throws Error(resource) and the caller goes on with plain launches.
    virtual bool graphs() const { return true; }
    virtual void begin_capture(Stream stream) = 0;
    virtual Graph end_capture(Stream stream) = 0;
    virtual void replay(Graph graph, Stream stream) = 0;
    virtual void destroy(Graph graph) noexcept = 0;
};

// GPU `index`. Throws Error(resource) saying in one line why there is none: no driver, a driver too old, index out of range.
// Only where the program was built with CUDA.
std::unique_ptr<Runtime> cuda_runtime(int index);
// How many GPUs answer; 0 without a driver. Never throws.
int cuda_device_count() noexcept;

// The CUDA code path on the CPU.
struct SimtOptions {
    int capability = 90;            // whose launch limits are enforced
    int workers = 0;                // OS threads that run blocks; 0: base/parallel's number of threads
    uint64_t order_seed = 0;        // 0: threads and blocks start in order; else shuffled
    bool deferred = false;          // streams run only when someone waits, in shuffled order among each other
    size_t memory = 0;              // bytes of device memory to offer; 0: as much as this machine has
};
std::unique_ptr<Runtime> simt_runtime(const SimtOptions& options = {});

}  // namespace cmtl::kernels
