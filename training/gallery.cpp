#include "training/gallery.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "evaluation/gallery.hpp"
#include "pipeline/heat_map.hpp"
#include "pipeline/predictor.hpp"

namespace cmtl {

std::vector<GalleryCase> make_gallery(Context& context, const std::filesystem::path& run,
                                      const std::vector<CohortCase>& cases, const FeatureTable* features,
                                      const Predictions& predictions,
                                      const std::function<std::vector<uint16_t>(const CohortCase&)>& voxels) {
    std::vector<GalleryCase> gallery;
    Predictor predictor(context, run);
    if (!predictor.model().options.volume) return gallery;
    const PreparationOptions preparation = predictor.preparation();
    for (const GalleryChoice& choice : choose_gallery(predictions)) {
        const std::string& id = predictions.ids[choice.row];
        const auto one = std::ranges::find(cases, id, &CohortCase::id);
        require(one != cases.end(), "gallery", "no case {}", id);
        std::span<const double> row;
        if (predictor.model().options.features && features) row = features->row(*features->find(id));
        const std::vector<uint16_t> volume = voxels(*one);
        std::vector<CamMap> maps;
        predictor.probabilities(volume, row, &maps);

        const TaskPredictions& task = predictions.tasks[choice.task];
        const std::string predicted = class_name(task.name, task.predicted(choice.row));
        GalleryCase shown{id,
                          choice.right ? fmt::format("{}: {}, and right", task.name, predicted)
                                       : fmt::format("{}: {}, in truth {}", task.name, predicted,
                                                     class_name(task.name, task.labels[choice.row])),
                          {},
                          {}};
        for (const TaskPredictions& t : predictions.tasks) {
            const auto begin = t.probabilities.begin() + static_cast<std::ptrdiff_t>(choice.row) * t.classes;
            shown.tasks.push_back({t.name, {begin, begin + t.classes}, t.labels[choice.row]});
        }
        const PreparedImage image = prepared_image(volume, preparation);
        const CamMap& map = maps[choice.task];
        shown.picture.png =
            encode_png(heat_overlay(image.hu, image.lungs, placed(map, image.hu.geometry, preparation)));
        shown.picture.caption =
            std::ranges::all_of(map.values, [](float v) { return v == 0; })
                ? fmt::format("No place speaks for {}: {}.", task.name, predicted)
                : fmt::format("Above: the prepared CT. Below: heat of {}: {}.", task.name, predicted);
        gallery.push_back(std::move(shown));
    }
    return gallery;
}

}  // namespace cmtl
