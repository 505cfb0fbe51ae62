#include "training/case_predictions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cmtl {

Predictions predict_cases(Learner& learner, const TrainingData& data, const Config& config,
                          const std::vector<size_t>& cases) {
    Predictions out;
    const auto& tasks = config.model.tasks;
    for (const Task& task : tasks) out.tasks.push_back({task.name, static_cast<int>(task.classes), {}, {}});
    // Without gradients cases do not depend on each other: large volumes go one by one, which saves memory.
    const auto& crop = config.preparation.crop;
    const int64_t fit =
        config.model.volume ? (int64_t{1} << 22) / (crop[0] * crop[1] * crop[2]) : config.train.batch_size;
    const int64_t most = std::clamp<int64_t>(fit, 1, config.train.batch_size);
    std::vector<std::vector<size_t>> groups;
    for (const size_t i : cases) {
        if (groups.empty() || static_cast<int64_t>(groups.back().size()) >= most) groups.emplace_back();
        groups.back().push_back(i);
    }
    Prefetcher ahead(
        0, static_cast<int64_t>(groups.size()),
        [&](int64_t g) { return data.dataset().plain(groups[static_cast<size_t>(g)]); }, config.data.workers);
    for (size_t g = 0; g < groups.size(); ++g) {
        const Batch batch = ahead.next();
        const auto probabilities = learner.probabilities(batch, crop);
        for (const size_t i : batch.cases) out.ids.push_back(data.cases()[i].id);
        for (size_t k = 0; k < tasks.size(); ++k) {
            auto& task = out.tasks[k];
            task.probabilities.insert(task.probabilities.end(), probabilities[k].begin(), probabilities[k].end());
            for (const int64_t label : batch.labels[k]) task.labels.push_back(static_cast<int>(label));
        }
    }
    return out;
}

double mean_loss(const TaskPredictions& task) {
    double sum = 0;
    int64_t known = 0;
    for (size_t i = 0; i < task.size(); ++i)
        if (task.labels[i] >= 0) {
            sum -= std::log(std::max(task.probability(i, task.labels[i]), 1e-300));
            ++known;
        }
    return known ? sum / static_cast<double>(known) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace cmtl
