#include "evaluation/gallery.hpp"

#include <algorithm>
#include <set>

namespace cmtl {

std::vector<GalleryChoice> choose_gallery(const Predictions& predictions, size_t most) {
    std::vector<GalleryChoice> chosen;
    std::set<size_t> shown;
    const size_t share = predictions.tasks.empty() ? 0 : std::max<size_t>(2, most / predictions.tasks.size());
    for (size_t k = 0; k < predictions.tasks.size(); ++k) {
        const TaskPredictions& task = predictions.tasks[k];
        std::vector<size_t> errors;
        std::vector<std::vector<size_t>> right(static_cast<size_t>(task.classes));
        const auto truth = [&](size_t row) { return task.probability(row, task.labels[row]); };
        for (size_t row = 0; row < task.size(); ++row) {
            if (task.labels[row] < 0 || shown.contains(row)) continue;
            if (task.predicted(row) == task.labels[row])
                right[static_cast<size_t>(task.labels[row])].push_back(row);
            else
                errors.push_back(row);
        }
        std::ranges::stable_sort(errors, {}, truth);
        errors.resize(std::min(errors.size(), (share + 1) / 2));
        for (const size_t row : errors) chosen.push_back({k, row, false}), shown.insert(row);
        for (size_t c = right.size(), room = share - (share + 1) / 2; c-- > 0 && room > 0;) {
            if (right[c].empty()) continue;
            const size_t row = *std::ranges::max_element(right[c], {}, truth);
            chosen.push_back({k, row, true}), shown.insert(row);
            --room;
        }
    }
    if (chosen.size() > std::max(most, 2 * predictions.tasks.size()))
        chosen.resize(std::max(most, 2 * predictions.tasks.size()));
    return chosen;
}

}  // namespace cmtl
