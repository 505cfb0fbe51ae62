#include "evaluation/gallery.hpp"

#include <gtest/gtest.h>

namespace cmtl {
namespace {

// Probability of class 1, and label.
TaskPredictions task(std::vector<std::pair<double, int>> cases) {
    TaskPredictions t{"CT", 2, {}, {}};
    for (const auto& [p, label] : cases) {
        t.probabilities.insert(t.probabilities.end(), {1 - p, p});
        t.labels.push_back(label);
    }
    return t;
}

using Rows = std::vector<std::pair<size_t, bool>>;
Rows rows_of(const std::vector<GalleryChoice>& choices, size_t k) {
    Rows rows;
    for (const GalleryChoice& c : choices)
        if (c.task == k) rows.emplace_back(c.row, c.right);
    return rows;
}

TEST(Gallery, ShowsTheWorstErrorsAndTheSurestOfEveryClass) {
    Predictions p;
    p.ids = {"0", "1", "2", "3", "4", "5", "6", "7"};
    p.tasks = {task({{0.9, 1}, {0.6, 0}, {0.95, 0}, {0.1, 1}, {0.2, 0}, {0.05, 0}, {0.99, -1}, {0.8, 1}})};
    // Errors 1 (0.4), 2 (0.05), 3 (0.1); right: 0 and 7 of class 1, 4 and 5 of class 0.
    EXPECT_EQ(rows_of(choose_gallery(p, 4), 0), (Rows{{2, false}, {3, false}, {0, true}, {5, true}}));
    EXPECT_EQ(rows_of(choose_gallery(p, 3), 0), (Rows{{2, false}, {3, false}, {0, true}}));
    EXPECT_EQ(rows_of(choose_gallery(p, 12), 0), (Rows{{2, false}, {3, false}, {1, false}, {0, true}, {5, true}}));
    EXPECT_EQ(choose_gallery(p, 0).size(), 2u);  // one of either kind
}

TEST(Gallery, SharesOutAmongTasksAndShowsNoCaseTwice) {
    Predictions p;
    p.ids = {"0", "1", "2", "3"};
    p.tasks = {task({{0.9, 0}, {0.1, 0}, {0.8, 1}, {0.3, 0}}), task({{0.9, 0}, {0.1, 1}, {0.8, 0}, {0.3, 0}})};
    const auto chosen = choose_gallery(p, 4);
    EXPECT_EQ(rows_of(chosen, 0), (Rows{{0, false}, {2, true}}));
    EXPECT_EQ(rows_of(chosen, 1), (Rows{{1, false}, {3, true}}));
    EXPECT_TRUE(choose_gallery({}, 12).empty());
    p.tasks[0].labels = p.tasks[1].labels = {-1, -1, -1, -1};
    EXPECT_TRUE(choose_gallery(p, 12).empty());
}

}  // namespace
}  // namespace cmtl
