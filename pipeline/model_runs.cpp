#include "pipeline/model_runs.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

std::vector<fs::path> model_runs(const fs::path& path) {
    struct Kind {
        const char *part, *last_file;  // last_file: written when all parts are done
    };
    std::error_code code;
    for (const Kind& kind : {Kind{"fold", "folds.json"}, Kind{"seed", "ensemble.json"}}) {
        const auto part = [&](int i) { return path / fmt::format("{}{}", kind.part, i); };
        if (!fs::is_directory(part(0), code)) continue;
        if (!fs::exists(path / kind.last_file, code))
            fail(ErrorKind::input, "model", "{}: its trainings are not finished: go on with cmtl_train --resume -o {}",
                 path.string(), path.string());
        std::vector<fs::path> runs;
        for (int i = 0; fs::is_directory(part(i), code); ++i)
            for (auto& run : model_runs(part(i))) runs.push_back(std::move(run));
        return runs;
    }
    return {path};
}

}  // namespace cmtl
