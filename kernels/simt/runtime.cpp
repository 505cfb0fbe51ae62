// Streams, events and graphs of the device that the CPU plays. Eager streams run what they are given at once. Deferred
// ones keep it until somebody waits, and then interleave: a wait that was forgotten gives wrong numbers for some seed.
#include "kernels/runtime.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/error.hpp"
#include "kernels/simt/device.hpp"
#include "kernels/simt/hooks.hpp"
#include "kernels/simt/launch.hpp"
#include "kernels/simt/memory.hpp"

namespace cmtl::kernels {
namespace simt {
namespace {

class SimtRuntime;

struct EventState {
    uint64_t recorded = 0, passed = 0;  // versions: each record() is one more
};

struct Operation {
    std::function<void()> run;
    std::shared_ptr<EventState> awaited;  // runs once this has passed `version`
    uint64_t version = 0;
    bool may_run() const { return !awaited || awaited->passed >= version; }
};

struct GraphState {
    std::vector<std::function<void()>> operations;
};

constexpr uint64_t kStreamTag = 0x636D746C73696D74;

struct StreamState {
    uint64_t tag = kStreamTag;  // tells a stream of simt from a pointer to something else
    SimtRuntime* owner = nullptr;
    std::deque<Operation> pending;
    std::unique_ptr<GraphState> capture;
};

void announce_written(const void* target, size_t bytes) {
    if (const Hooks* h = hooks(); h && h->written) h->written(target, bytes);
}

StreamState& state_of(Stream stream) {
    StreamState* state = reinterpret_cast<StreamState*>(stream);
    require(state && state->tag == kStreamTag, "simt", "{} is no stream of simt", static_cast<void*>(state));
    return *state;
}

}  // namespace
}  // namespace simt

struct EventHandle {
    std::shared_ptr<simt::EventState> state = std::make_shared<simt::EventState>();
};
struct GraphHandle {
    std::unique_ptr<simt::GraphState> state;
};

namespace simt {
namespace {

class SimtRuntime final : public Runtime {
  public:
    explicit SimtRuntime(const SimtOptions& options)
        : options_(options),
          memory_(options.memory
                      ? options.memory
                      : static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE))),
          processor_(options.workers > 0 ? options.workers : omp_get_max_threads()),
          random_(options.order_seed * 0x9E3779B97F4A7C15u + 0x243F6A8885A308D3u) {
        properties_ = {"simt", options.capability, processor_.workers(), memory_.limit(),
                       shared_per_block(options.capability)};
    }
    ~SimtRuntime() override {
        for (StreamState* stream : streams_) retire(stream);
    }

    const DeviceProperties& properties() const override { return properties_; }

    std::byte* allocate(size_t bytes) override {
        const std::lock_guard lock(mutex_);
        run_all();
        return memory_.allocate(bytes);
    }
    void release(std::byte* memory) noexcept override {
        const std::lock_guard lock(mutex_);
        if (capturing_) keep_failure("memory is released while a stream is captured");
        run_all();
        memory_.release(memory);
    }
    size_t available() const override { return memory_.available(); }
    std::byte* allocate_pinned(size_t bytes) override {
        std::byte* memory = memory_.allocate_pinned(bytes);
        if (!memory) fail(ErrorKind::resource, "simt", "no memory for {} pinned bytes", bytes);
        return memory;
    }
    void release_pinned(std::byte* memory) noexcept override {
        const std::lock_guard lock(mutex_);
        run_all();
        memory_.release_pinned(memory);
    }

    Stream create_stream() override {
        const std::lock_guard lock(mutex_);
        auto* stream = new StreamState;
        stream->owner = this;
        streams_.push_back(stream);
        return reinterpret_cast<Stream>(stream);
    }
    void destroy(Stream stream) noexcept override {
        const std::lock_guard lock(mutex_);
        auto* state = reinterpret_cast<StreamState*>(stream);
        if (state->capture) capturing_--;
        run_until([&] { return state->pending.empty(); });
        std::erase(streams_, state);
        retire(state);
    }
    void synchronize(Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        require_no_capture("the host waits for a stream");
        run_until([&] { return state.pending.empty(); });
        rethrow();
    }

    void copy(void* target, const void* source, size_t bytes, Direction direction, Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        if (bytes == 0) return;
        check_copy(target, source, bytes, direction);
        put(state, [=, this] {
            check_copy(target, source, bytes, direction);  // memory may have been released since a graph was captured
            std::memcpy(target, source, bytes);
            announce_written(target, bytes);
        });
    }
    void fill(void* target, uint8_t value, size_t bytes, Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        if (bytes == 0) return;
        check_fill(target, bytes);
        put(state, [=, this] {
            check_fill(target, bytes);
            std::memset(target, value, bytes);
            announce_written(target, bytes);
        });
    }

    Event create_event() override { return new EventHandle; }
    void destroy(Event event) noexcept override { delete event; }
    void record(Event event, Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        require(!state.capture, "simt", "an event is recorded on a stream that is captured");
        const uint64_t version = ++event->state->recorded;
        put(state, [kept = event->state, version] { kept->passed = std::max(kept->passed, version); });
    }
    void wait(Stream stream, Event event) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        require(!state.capture, "simt", "a stream that is captured waits for an event");
        if (options_.deferred) state.pending.push_back({[] {}, event->state, event->state->recorded});
    }
    bool ready(Event event) override {
        const std::lock_guard lock(mutex_);
        const EventState& state = *event->state;
        if (state.passed < state.recorded) step();  // time goes by while one asks
        return state.passed >= state.recorded;
    }
    void synchronize(Event event) override {
        const std::lock_guard lock(mutex_);
        require_no_capture("the host waits for an event");
        run_until([&, version = event->state->recorded] { return event->state->passed >= version; });
        rethrow();
    }

    void begin_capture(Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        require(!state.capture, "simt", "a stream is captured that is captured already");
        state.capture = std::make_unique<GraphState>();
        capturing_++;
    }
    Graph end_capture(Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        require(state.capture != nullptr, "simt", "the end of a capture that was not begun");
        capturing_--;
        auto captured = std::move(state.capture);
        rethrow();
        return new GraphHandle{std::move(captured)};
    }
    void replay(Graph graph, Stream stream) override {
        const std::lock_guard lock(mutex_);
        StreamState& state = own(stream);
        for (const auto& operation : graph->state->operations) put(state, operation);
    }
    void destroy(Graph graph) noexcept override { delete graph; }

    void launch(StreamState& state, const Invocation& call) {
        const std::lock_guard lock(mutex_);
        check_launch_limits(options_.capability, call.name, call.grid, call.block, call.shared_bytes);
        check_pointers(call.name, call.pointers, call.pointer_count);
        if (!options_.deferred && !state.capture) return run(call);
        put(state, [this, later = Invocation(call), kept = call.keep(call.arguments),
                    pointers = std::vector<const void*>(call.pointers, call.pointers + call.pointer_count)]() mutable {
            later.arguments = kept.get();
            check_pointers(later.name, pointers.data(), pointers.size());
            run(later);
        });
    }

  private:
    static void retire(StreamState* stream) {
        stream->tag = 0;
        delete stream;
    }
    StreamState& own(Stream stream) {
        StreamState& state = state_of(stream);
        require(state.owner == this, "simt", "a stream of another device");
        return state;
    }
    void run(const Invocation& call) {
        processor_.run({call.name, call.kernel, call.grid, call.block, call.shared_bytes, properties_.shared_per_block,
                        call.run, call.arguments, options_.order_seed, launches_++});
    }
    void check_copy(const void* target, const void* source, size_t bytes, Direction direction) const {
        const auto check = [&](const void* p, bool device, const char* which) {
            require(device ? memory_.on_device(p, bytes) : !memory_.touches_device(p, bytes), "simt",
                    "copy of {} bytes: the {} {} is {}", bytes, which, p,
                    device ? "not all in one allocation of device memory" : "device memory");
        };
        check(target, direction != Direction::to_host, "target");
        check(source, direction != Direction::to_device, "source");
        const auto *from = static_cast<const std::byte*>(source), *to = static_cast<const std::byte*>(target);
        require(to + bytes <= from || from + bytes <= to, "simt", "copy of {} bytes from {} to {}: they overlap", bytes,
                source, target);
    }
    void check_fill(const void* target, size_t bytes) const {
        require(memory_.on_device(target, bytes), "simt",
                "fill of {} bytes at {}: not all in one allocation of device memory", bytes, target);
    }
    void check_pointers(const char* kernel, const void* const* pointers, size_t count) const {
        for (size_t i = 0; i < count; i++)
            require(!pointers[i] || memory_.on_device(pointers[i], 0) || memory_.pinned(pointers[i]), "simt",
                    "kernel {}: {}, number {} of its pointers, is neither device nor pinned memory", kernel,
                    pointers[i], i);
    }
    void require_no_capture(const char* what) const {
        require(capturing_ == 0, "simt", "{} while a stream is captured", what);
    }
    void keep_failure(const char* what) noexcept {
        if (!failure_) failure_ = std::make_exception_ptr(Error(ErrorKind::internal, "simt", what));
    }
    void rethrow() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

    template <class Run>
    void put(StreamState& state, Run&& run) {
        if (state.capture)
            state.capture->operations.emplace_back(std::forward<Run>(run));
        else if (options_.deferred)
            state.pending.push_back({std::forward<Run>(run), nullptr, 0});
        else
            run();
    }
    // Runs the next operation of some stream that has one which may run. False when there is none.
    bool step() {
        std::vector<StreamState*> able;
        for (StreamState* stream : streams_)
            if (!stream->pending.empty() && stream->pending.front().may_run()) able.push_back(stream);
        if (able.empty()) return false;
        random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
        StreamState& chosen = *able[(random_ >> 33) % able.size()];
        const Operation operation = std::move(chosen.pending.front());
        chosen.pending.pop_front();
        try {
            operation.run();
        } catch (...) {
            if (!failure_) failure_ = std::current_exception();
        }
        return true;
    }
    template <class Done>
    void run_until(Done done) {
        while (!done())
            if (!step()) return keep_failure("deadlock: the streams wait for events that nobody will record");
    }
    void run_all() {
        run_until([&] {
            return std::all_of(streams_.begin(), streams_.end(),
                               [](const StreamState* s) { return s->pending.empty(); });
        });
    }

    const SimtOptions options_;
    Memory memory_;
    Processor processor_;
    DeviceProperties properties_;
    std::mutex mutex_;  // one call at a time; a launch holds it while it runs
    std::vector<StreamState*> streams_;
    int capturing_ = 0;
    std::exception_ptr failure_;  // of what was deferred
    uint64_t launches_ = 0;
    uint64_t random_;
};

}  // namespace

void enqueue(Stream stream, const Invocation& invocation) {
    require(!current_block, "simt", "kernel {} is launched by a kernel", invocation.name);
    StreamState& state = state_of(stream);
    state.owner->launch(state, invocation);
}

}  // namespace simt

std::unique_ptr<Runtime> simt_runtime(const SimtOptions& options) {
    return std::make_unique<simt::SimtRuntime>(options);
}

}  // namespace cmtl::kernels
