// cmtl_bench: the benchmark suite. `net` times the whole published network, `ops` single operators (Google Benchmark); `--counters` shows
// what the kernels move, by starting cmtl_counters: its kernels are compiled another way and cannot be in this program.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "bench/net_bench.hpp"
#include "bench/operator_bench.hpp"
#include "tools/common.hpp"

namespace {

using namespace cmtl;

void parse_size(const std::string& text, NetBenchOptions& options) {
    int64_t* sizes[] = {&options.depth, &options.height, &options.width};
    const char *at = text.data(), *end = at + text.size();
    for (int i = 0; i < 3; ++i) {
        const auto [next, error] = std::from_chars(at, end, *sizes[i]);
        const bool last = i == 2;
        if (error != std::errc{} || (last ? next != end : next == end || *next != 'x') || *sizes[i] < 1)
            fail(ErrorKind::usage, "bench", "--size '{}' is not DxHxW, for example 200x250x250", text);
        at = next + 1;
    }
}

int bench_net(Tool& tool, NetBenchOptions options, const std::string& json_path) {
    options.device = parse_device(tool.common.device);
    options.seed = tool.common.seed;
    const nlohmann::json result = run_net_bench(options);
    if (!json_path.empty()) write_file(json_path, result.dump(2) + "\n");
    if (!tool.common.quiet)
        fmt::print("{} {} {} batch {} {} on {}, {} threads: median {:.3f} s (min {:.3f}, max {:.3f}), tensors {:.2f} GiB, process {:.2f} GiB,\n"
                   "{:.1f} GFLOP/s, {:.0f} % of the {:.0f} GFLOP/s measured here\n",
                   options.model, result["mode"].get<std::string>(), result["size"].get<std::string>(), options.batch, name_of(options.dtype),
                   result["device"].get<std::string>(), tool.common.threads, result["median_s"].get<double>(),
                   result["min_s"].get<double>(), result["max_s"].get<double>(), result["peak_bytes"].get<double>() / (1 << 30),
                   result["resident_bytes"].get<double>() / (1 << 30), result["gflops"].get<double>(),
                   result["percent_of_peak"].get<double>(), result["peak_gflops"].get<double>());
    return 0;
}

int bench_operators(Device device, const std::string& filter, const std::string& json_path) {
    set_bench_device(device);
    std::vector<std::string> words{"cmtl_bench", "--benchmark_counters_tabular=true"};
    if (!filter.empty()) words.push_back("--benchmark_filter=" + filter);
    if (!json_path.empty()) {
        words.push_back("--benchmark_out_format=json");
        words.push_back("--benchmark_out=" + json_path);
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

// Becomes cmtl_counters beside this program, with the other arguments.
int run_counters(int argc, char** argv) {
    return run_tool(1, argv, [&](Tool& tool) -> int {
        std::string program = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "cmtl_counters").string();
        std::vector<char*> arguments{program.data()};
        for (int i = 1; i < argc; i++)
            if (std::string_view(argv[i]) != "--counters") arguments.push_back(argv[i]);
        arguments.push_back(nullptr);
        tool.parse();
        execv(program.c_str(), arguments.data());
        fail(ErrorKind::resource, "bench", "{} does not start: {}; build the target cmtl_counters", program, std::strerror(errno));
    });
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++)
        if (std::string_view(argv[i]) == "--counters") return run_counters(argc, argv);
    return run_tool(argc, argv, [](Tool& tool) {
        tool.app.description("Times the engine: the whole network, or single operators.");
        tool.app.require_subcommand(1);
        tool.app.fallthrough();
        NetBenchOptions options;
        std::string mode = "infer", size = "200x250x250", dtype = "f32", json, filter;
        auto* net = tool.app.add_subcommand("net", "the published network (3,848,199 parameters), or another model, on random data");
        net->add_option("--mode", mode, "infer or train (forward, backward, SGD step)")->check(CLI::IsMember({"infer", "train"}))->capture_default_str();
        net->add_option("--model", options.model, "a model as cmtl_train --model names them; all tasks, or NAME:TASK")->capture_default_str();
        net->add_option("--size", size, "DxHxW voxels")->capture_default_str();
        net->add_option("--batch", options.batch, "samples")->check(CLI::Range(int64_t{1}, int64_t{4096}))->capture_default_str();
        net->add_option("--dtype", dtype, "f32, or bf16: convolutions multiply in bf16")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
        net->add_option("--repeats", options.repeats, "timed passes")->check(CLI::Range(1, 10000))->capture_default_str();
        net->add_option("--json", json, "write the figures here");
        auto* ops = tool.app.add_subcommand("ops", "single operators at the network's shapes");
        ops->add_option("--filter", filter, "regular expression of benchmark names");
        ops->add_option("--json", json, "write Google Benchmark's JSON here");
        tool.example("cmtl_bench net --mode train --size 200x250x250 --batch 1 --json net.json");
        tool.example("cmtl_bench ops --filter conv3d");
        tool.example("cmtl_bench --counters --kernel conv3d");
        tool.parse();
        if (*ops) return bench_operators(parse_device(tool.common.device), filter, json);
        parse_size(size, options);
        options.train = mode == "train";
        options.dtype = dtype == "bf16" ? Dtype::bf16 : Dtype::f32;
        return bench_net(tool, options, json);
    });
}
