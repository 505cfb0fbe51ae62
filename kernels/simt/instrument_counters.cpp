// The counters of the instrumented build: from requests to instructions, and from instructions to source lines and
// kernels.
#include <algorithm>

#include "kernels/simt/instrument_state.hpp"

namespace cmtl::kernels::simt {

void flush(State& s, WarpRequests& warp) {
    warp.flush([&](unsigned key, const Request& r) {
        SiteTraffic& t = s.kernel->sites[key];
        if (t.kind == Access::atomic) count_atomic(r, t.atomic);
        if (t.shared)
            count_shared(r, t.kind != Access::atomic, t.banks);
        else if (t.kind != Access::atomic)
            count_global(r, t.global);
    });
}

void reset_counters() {
    State& s = state();
    const std::lock_guard lock(s.kernels_mutex);
    s.kernels.clear();
}

std::vector<KernelCounters> counters() {
    State& s = state();
    const std::lock_guard lock(s.kernels_mutex);
    std::vector<KernelCounters> all;
    for (const auto& [name, data] : s.kernels) {
        KernelCounters kernel = data.totals;
        std::map<std::pair<std::string, unsigned>, Traffic> lines;
        for (const SiteTraffic& t : data.sites) {
            Traffic traffic;
            if (t.kind != Access::atomic) {
                const bool load = t.kind != Access::store;
                (load ? traffic.loads : traffic.stores) = t.global;
                (load ? traffic.shared_loads : traffic.shared_stores) = t.banks;
            } else {
                (t.shared ? traffic.shared_atomics : traffic.global_atomics) = t.atomic;
                traffic.shared_stores = t.banks;
            }
            kernel.traffic += traffic;
            const SourceLine& line = s.sites.line(t.site);
            lines[{line.file, line.line}] += traffic;
        }
        for (auto& [place, traffic] : lines) kernel.lines.push_back({place.first, place.second, traffic});
        const auto weight = [](const LineCounters& l) {
            return l.traffic.loads.sectors + l.traffic.stores.sectors + l.traffic.shared_loads.passes +
                   l.traffic.shared_stores.passes;
        };
        std::stable_sort(kernel.lines.begin(), kernel.lines.end(),
                         [&](const auto& a, const auto& b) { return weight(a) > weight(b); });
        all.push_back(std::move(kernel));
    }
    return all;
}

}  // namespace cmtl::kernels::simt
