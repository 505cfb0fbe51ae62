#pragma once
// The hot kernels at small sizes of the network's shapes, for the counters of the instrumented build
// (kernels/simt/instrument.hpp), and what each of them must move at least: every input read once, every output written
// once.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/runtime.hpp"
#include "kernels/simt/instrument.hpp"

namespace cmtl::kernels {

// A simt device and what a case keeps on it.
class CounterDevice {
  public:
    CounterDevice();
    ~CounterDevice();
    CounterDevice(const CounterDevice&) = delete;
    CounterDevice& operator=(const CounterDevice&) = delete;

    template <class T>
    T* array(int64_t count, T value = T{}) {
        return static_cast<T*>(put(std::vector<T>(static_cast<size_t>(count), value)));
    }
    template <class T>
    void* put(const std::vector<T>& values) {
        return put_bytes(values.data(), values.size() * sizeof(T));
    }
    float* floats(int64_t count);  // between -1 and 1
    Stream stream() const { return stream_; }

  private:
    void* put_bytes(const void* values, size_t bytes);
    std::unique_ptr<Runtime> runtime_;
    Stream stream_;
    std::vector<std::byte*> memory_;
};

struct KernelMinimum {
    std::string kernel;   // name of the launch
    std::string formula;  // R rows, C channels, f32 of 4 bytes: see cases.cpp
    int64_t bytes;
    double most_moved;        // times `bytes`: what tests let the requests touch; more is a regression
    std::string reason = {};  // why fewer than 90 % of the sectors are used, or why there are bank conflicts
    double most_conflicts = 0.05;  // where there is a reason: what tests let their share be
    int64_t items = 0;             // voxels, of a kernel that counts by atomics; 0: of another
    double most_atomics = 0;       // on global memory, each item: what tests let there be
};

struct CounterCase {
    std::string name, size;
    std::vector<KernelMinimum> minimums;
    // Puts the inputs there; what it returns launches.
    std::function<std::function<void()>(CounterDevice&)> prepare;
};

std::vector<CounterCase> counter_cases();           // all of them
std::vector<CounterCase> norm_cases();              // a part of them: batch norms, fire modules, the stem
std::vector<CounterCase> pool_cases();              // pools
std::vector<CounterCase> layer_cases();             // Shift3D, crops, convolutions, fully connected layers
std::vector<CounterCase> radiomics_image_cases();   // values and levels
std::vector<CounterCase> radiomics_matrix_cases();  // texture matrices
std::vector<CounterCase> imaging_cases();           // lung segmentation

struct CounterRow {
    KernelMinimum minimum;
    std::string name, size;
    simt::KernelCounters counters;

    uint64_t moved() const { return 32 * (counters.traffic.loads.sectors + counters.traffic.stores.sectors); }
    uint64_t touched() const { return counters.traffic.loads.unique_bytes + counters.traffic.stores.unique_bytes; }
    double ratio() const { return static_cast<double>(moved()) / static_cast<double>(minimum.bytes); }
    // Of both directions together.
    double efficiency() const;
    // The share of passes over the banks that conflicts cost.
    double conflicts() const;
    // Each item's, 0 where there are no items.
    double atomics(const simt::AtomicTraffic& traffic) const {
        return minimum.items ? static_cast<double>(traffic.lanes) / static_cast<double>(minimum.items) : 0;
    }
};
// A row for each kernel that the case names. Throws Error(internal) when one of them was not launched.
std::vector<CounterRow> run_case(const CounterCase& each);

std::string rows_text(const std::vector<CounterRow>& rows);      // a table for a terminal
std::string rows_markdown(const std::vector<CounterRow>& rows);  // with formulas and reasons
std::string rows_json(const std::vector<CounterRow>& rows);

}  // namespace cmtl::kernels
