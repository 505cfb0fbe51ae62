// cmtl_counters: what the kernels move, beside what they must move at least. cmtl_bench --counters starts it.
#include <iostream>

#include "base/files.hpp"
#include "bench/counters/cases.hpp"
#include "tools/common.hpp"

int main(int argc, char** argv) {
    using namespace cmtl;
    return run_tool(argc, argv, [](Tool& tool) {
        tool.app.description(
            "Counts what the kernels move: bytes, sectors, bank conflicts, by kernel and by source line.");
        std::string json, markdown, kernel;
        bool lines = false;
        tool.app.add_option("--kernel", kernel, "only cases of kernels whose name contains this");
        tool.app.add_option("--json", json, "write everything here");
        tool.app.add_option("--markdown", markdown, "write the table here");
        tool.app.add_flag("--lines", lines, "show the counters of each source line as well");
        tool.example("cmtl_counters --kernel pool --lines");
        tool.parse();
        std::vector<kernels::CounterRow> rows;
        for (const kernels::CounterCase& each : kernels::counter_cases()) {
            bool wanted = false;
            for (const auto& minimum : each.minimums)
                wanted = wanted || minimum.kernel.find(kernel) != std::string::npos;
            if (!wanted) continue;
            for (auto& row : kernels::run_case(each)) rows.push_back(std::move(row));
        }
        if (rows.empty()) fail(ErrorKind::usage, "counters", "no kernel's name contains '{}'", kernel);
        if (!tool.common.quiet) std::cout << kernels::rows_text(rows);
        if (lines)
            for (const auto& row : rows) std::cout << '\n' << kernels::simt::counters_text({row.counters}, true);
        if (!json.empty()) write_file(json, kernels::rows_json(rows));
        if (!markdown.empty()) write_file(markdown, kernels::rows_markdown(rows));
        return 0;
    });
}
