// Counters as text and as JSON.
#include <algorithm>

#include "base/error.hpp"
#include "kernels/simt/instrument.hpp"

namespace cmtl::kernels::simt {
namespace {

std::string percent(const GlobalTraffic& t) { return t.sectors ? fmt::format("{:.1f}%", 100 * t.efficiency()) : "-"; }
double per_request(uint64_t n, uint64_t requests) {
    return requests ? static_cast<double>(n) / static_cast<double>(requests) : 0;
}

// Every number of `t` that is not 0.
void add_text(std::string& out, const char* indent, const Traffic& t) {
    const auto global = [&](const char* what, const GlobalTraffic& g) {
        if (g.requests)
            out += fmt::format(
                "{}{:14} {:>14} bytes {:>14} unique {:>12} requests {:>12} sectors {:6.2f} a request, {} used\n",
                indent, what, g.bytes, g.unique_bytes, g.requests, g.sectors, per_request(g.sectors, g.requests),
                percent(g));
    };
    const auto shared = [&](const char* what, const SharedTraffic& g) {
        if (g.requests)
            out += fmt::format("{}{:14} {:>14} bytes {:>12} requests {:>12} passes, {} of them by bank conflicts\n",
                               indent, what, g.bytes, g.requests, g.passes, g.conflicts());
    };
    const auto atomic = [&](const char* what, const AtomicTraffic& g) {
        if (g.requests)
            out += fmt::format("{}{:14} {:>12} requests of {} lanes, {:.2f} rounds a request\n", indent, what,
                               g.requests, g.lanes, per_request(g.rounds, g.requests));
    };
    global("global loads", t.loads);
    global("global stores", t.stores);
    shared("shared loads", t.shared_loads);
    shared("shared stores", t.shared_stores);
    atomic("global atomics", t.global_atomics);
    atomic("shared atomics", t.shared_atomics);
}

std::string json(const GlobalTraffic& t) {
    return fmt::format(
        R"({{"requests": {}, "bytes": {}, "unique_bytes": {}, "sectors": {}, "ideal_sectors": {}, "efficiency": {:.6f}}})",
        t.requests, t.bytes, t.unique_bytes, t.sectors, t.ideal_sectors, t.efficiency());
}
std::string json(const SharedTraffic& t) {
    return fmt::format(R"({{"requests": {}, "bytes": {}, "passes": {}, "conflicts": {}}})", t.requests, t.bytes,
                       t.passes, t.conflicts());
}
std::string json(const AtomicTraffic& t) {
    return fmt::format(R"({{"requests": {}, "lanes": {}, "rounds": {}}})", t.requests, t.lanes, t.rounds);
}
std::string json(const Traffic& t) {
    std::string out = "{";
    const auto add = [&](const char* name, const auto& each) {
        if (each.requests) out += fmt::format(R"({}"{}": {})", out.size() > 1 ? ", " : "", name, json(each));
    };
    add("global_loads", t.loads), add("global_stores", t.stores);
    add("shared_loads", t.shared_loads), add("shared_stores", t.shared_stores);
    add("global_atomics", t.global_atomics), add("shared_atomics", t.shared_atomics);
    return out + "}";
}

}  // namespace

std::string counters_text(const std::vector<KernelCounters>& kernels, bool with_lines) {
    std::string out;
    for (const KernelCounters& k : kernels) {
        out += fmt::format("{}: {} launches, {} blocks, {} threads; {} barriers, {} collectives", k.name, k.launches,
                           k.blocks, k.threads, k.barriers, k.collectives);
        if (k.async_copies) out += fmt::format(", {} cp.async", k.async_copies);
        if (k.ldmatrix) out += fmt::format(", {} ldmatrix", k.ldmatrix);
        if (k.mma) out += fmt::format(", {} mma of {} flops", k.mma, k.tensor_flops);
        out += '\n';
        add_text(out, "  ", k.traffic);
        if (with_lines)
            for (const LineCounters& line : k.lines) {
                out += fmt::format("  {}:{}\n", line.file, line.line);
                add_text(out, "    ", line.traffic);
            }
    }
    return out;
}

std::string counters_json(const std::vector<KernelCounters>& kernels) {
    std::string out = "[";
    for (const KernelCounters& k : kernels) {
        out += fmt::format(
            "{}\n  {{\"kernel\": \"{}\", \"launches\": {}, \"blocks\": {}, \"threads\": {}, \"barriers\": {}, "
            "\"collectives\": {}, "
            "\"async_copies\": {}, \"ldmatrix\": {}, \"mma\": {}, \"tensor_flops\": {},\n   \"traffic\": {},\n   "
            "\"lines\": [",
            out.size() > 1 ? "," : "", k.name, k.launches, k.blocks, k.threads, k.barriers, k.collectives,
            k.async_copies, k.ldmatrix, k.mma, k.tensor_flops, json(k.traffic));
        for (const LineCounters& line : k.lines)
            out += fmt::format("{}\n    {{\"file\": \"{}\", \"line\": {}, \"traffic\": {}}}",
                               &line == k.lines.data() ? "" : ",", line.file, line.line, json(line.traffic));
        out += "]}";
    }
    return out + "\n]\n";
}

}  // namespace cmtl::kernels::simt
