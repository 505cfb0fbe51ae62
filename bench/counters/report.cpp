// Running the cases, and their table in three forms.
#include <algorithm>
#include <random>

#include "base/error.hpp"
#include "bench/counters/cases.hpp"

namespace cmtl::kernels {

CounterDevice::CounterDevice() : runtime_(simt_runtime()), stream_(runtime_->create_stream()) {}

CounterDevice::~CounterDevice() {
    runtime_->destroy(stream_);
    for (std::byte* each : memory_) runtime_->release(each);
}

void* CounterDevice::put_bytes(const void* values, size_t bytes) {
    std::byte* const memory = runtime_->allocate(bytes);
    if (!memory) fail(ErrorKind::resource, "counters", "no device memory for {} bytes", bytes);
    memory_.push_back(memory);
    runtime_->copy(memory, values, bytes, Runtime::Direction::to_device, stream_);
    return memory;
}

float* CounterDevice::floats(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    std::minstd_rand random(static_cast<unsigned>(memory_.size() + 1));
    for (float& v : values) v = static_cast<float>(random() % 2001) / 1000 - 1;
    return static_cast<float*>(put(values));
}

double CounterRow::efficiency() const {
    simt::GlobalTraffic both = counters.traffic.loads;
    both += counters.traffic.stores;
    return both.efficiency();
}

double CounterRow::conflicts() const {
    simt::SharedTraffic both = counters.traffic.shared_loads;
    both += counters.traffic.shared_stores;
    return both.passes ? static_cast<double>(both.conflicts()) / static_cast<double>(both.passes) : 0;
}

std::vector<CounterRow> run_case(const CounterCase& each) {
    CounterDevice device;
    const auto launches = each.prepare(device);
    simt::reset_counters();
    launches();
    const auto counted = simt::counters();
    std::vector<CounterRow> rows;
    for (const KernelMinimum& minimum : each.minimums) {
        const auto found =
            std::find_if(counted.begin(), counted.end(), [&](const auto& k) { return k.name == minimum.kernel; });
        if (found == counted.end())
            fail(ErrorKind::internal, "counters", "{} launches no kernel {}", each.name, minimum.kernel);
        rows.push_back({minimum, each.name, each.size, *found});
    }
    return rows;
}

std::string rows_text(const std::vector<CounterRow>& rows) {
    std::string out = fmt::format("{:38} {:30} {:>12} {:>12} {:>12} {:>6} {:>8} {:>9}\n", "case", "kernel",
                                  "least bytes", "touched", "moved", "moved", "sectors", "bank");
    out += fmt::format("{:38} {:30} {:>12} {:>12} {:>12} {:>6} {:>8} {:>9}\n", "", "", "", "", "", "/least", "used",
                       "conflicts");
    for (const CounterRow& r : rows)
        out +=
            fmt::format("{:38} {:30} {:>12} {:>12} {:>12} {:>6.2f} {:>7.1f}% {:>8.1f}%\n", r.name, r.minimum.kernel,
                        r.minimum.bytes, r.touched(), r.moved(), r.ratio(), 100 * r.efficiency(), 100 * r.conflicts());
    return out;
}

std::string rows_markdown(const std::vector<CounterRow>& rows) {
    std::string out =
        "# What the kernels move\n\n"
        "Counted, not measured: `cmtl_counters --markdown` executes each kernel on the CPU with every access to memory "
        "counted, so the figures are the\n"
        "same on every machine. Least: every input read once, every output written once. Touched: different bytes that "
        "the kernel read, plus those it\n"
        "wrote. Moved: 32-byte sectors that the warps' requests touched, each request by itself, as they leave for the "
        "caches; what neighbours share\n"
        "(halos, weights) counts each time and comes from L1 and L2. Sectors used: of those sectors, how many would "
        "hold the requested bytes if they lay\n"
        "together. Bank conflicts: share of the passes over shared memory's banks that they cost.\n\n"
        "| case | size | kernel | least | bytes | touched / least | moved / least | sectors used | bank conflicts | "
        "mma | barriers |\n"
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for (const CounterRow& r : rows)
        out += fmt::format("| {} | {} | `{}` | {} | {} | {:.2f} | {:.2f} | {:.1f} % | {:.1f} % | {} | {} |\n", r.name,
                           r.size, r.minimum.kernel, r.minimum.formula, r.minimum.bytes,
                           static_cast<double>(r.touched()) / static_cast<double>(r.minimum.bytes), r.ratio(),
                           100 * r.efficiency(), 100 * r.conflicts(), r.counters.mma, r.counters.barriers);
    out += "\n## Below 90 % of the sectors, or with bank conflicts\n\n";
    bool any = false;
    for (const CounterRow& r : rows)
        if (r.efficiency() < 0.9 || r.conflicts() > 0) {
            out += fmt::format("- `{}` ({}): {}\n", r.minimum.kernel, r.name,
                               r.minimum.reason.empty() ? "no reason known" : r.minimum.reason);
            any = true;
        }
    if (!any) out += "None.\n";
    out += "\n## Atomics, each voxel\n\n| case | kernel | on shared memory | rounds of a warp | on global memory | rounds of a warp |\n"
           "|---|---|---:|---:|---:|---:|\n";
    for (const CounterRow& r : rows)
        if (r.minimum.items) {
            const simt::AtomicTraffic &shared = r.counters.traffic.shared_atomics, &global = r.counters.traffic.global_atomics;
            const auto rounds = [](const simt::AtomicTraffic& t) {
                return t.requests ? static_cast<double>(t.rounds) / static_cast<double>(t.requests) : 0;
            };
            out += fmt::format("| {} | `{}` | {:.2f} | {:.1f} | {:.2f} | {:.1f} |\n", r.name, r.minimum.kernel, r.atomics(shared),
                               rounds(shared), r.atomics(global), rounds(global));
        }
    return out;
}

std::string rows_json(const std::vector<CounterRow>& rows) {
    std::string out = "[";
    for (const CounterRow& r : rows)
        out += fmt::format(
            "{}\n{{\"case\": \"{}\", \"size\": \"{}\", \"least_formula\": \"{}\", \"least_bytes\": {}, "
            "\"touched_bytes\": {}, \"moved_bytes\": {}, "
            "\"sectors_used\": {:.6f}, \"bank_conflicts\": {:.6f}, \"reason\": \"{}\",\n \"counters\": {}}}",
            out.size() > 1 ? "," : "", r.name, r.size, r.minimum.formula, r.minimum.bytes, r.touched(), r.moved(),
            r.efficiency(), r.conflicts(), r.minimum.reason, simt::counters_json({r.counters}));
    return out + "\n]\n";
}

}  // namespace cmtl::kernels
