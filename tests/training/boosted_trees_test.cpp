// Boosted trees beside XGBoost's Python package (oracles/boosted_trees_oracle.py): the same options and data give the
// same model.
#include "training/boosted_trees.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "oracles/golden.hpp"
#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using nlohmann::json;
using test::expect_error;

struct Golden {
    json about;
    TreeOptions options;
    int64_t classes;
    uint64_t seed;
    std::vector<double> values, weights;
    std::vector<int64_t> labels;
    std::vector<std::string> names;

    explicit Golden(const json& one) : about(one) {
        const json& p = one["parameters"];
        options = {.rounds = one["rounds"],
                   .max_depth = p["max_depth"],
                   .eta = p["eta"],
                   .subsample = p["subsample"],
                   .colsample = p["colsample_bytree"],
                   .min_child_weight = p["min_child_weight"],
                   .lambda = p["lambda"]};
        classes = one["classes"];
        seed = one["seed"];
        labels = one["labels"].get<std::vector<int64_t>>();
        const size_t rows = one["rows"], features = one["features"];
        const auto u =
            golden::uniform("trees/" + one["name"].get<std::string>(), static_cast<int64_t>(rows * features));
        for (size_t i = 0; i < u.size(); ++i) {
            const float x = i % features % 3 == 2 ? u[i] * 1e12f : u[i];
            values.push_back(i % 11 == 7 ? std::nan("") : static_cast<double>(x));
        }
        for (size_t f = 0; f < features; ++f) names.push_back(fmt::format("feature {}", f));
        if (!one["balanced"].get<bool>()) return;
        std::vector<double> counts(static_cast<size_t>(classes));
        for (const int64_t label : labels) ++counts[static_cast<size_t>(label)];
        for (const int64_t label : labels)
            weights.push_back(static_cast<double>(rows) / static_cast<double>(classes) /
                              counts[static_cast<size_t>(label)]);
    }
    TreeRows rows() const { return TreeRows(values, names.size(), labels, weights); }
    // As the Python package gives them: of two classes the second alone.
    std::vector<double> expected(const char* key) const {
        const auto given = about[key].get<std::vector<double>>();
        if (classes > 2) return given;
        std::vector<double> both;
        for (const double p : given) both.insert(both.end(), {1 - p, p});
        return both;
    }
};

std::vector<Golden> goldens() {
    std::ifstream file(golden::path_of("boosted_trees.json"));
    const json tree = json::parse(file);
    std::vector<Golden> out;
    for (const json& one : tree.at("cases")) out.emplace_back(one);
    return out;
}

BoostedTrees trained(const Golden& golden, const TreeRows& rows, int threads = 1) {
    BoostedTrees trees(golden.options, golden.classes, golden.names, golden.seed, threads, rows);
    for (int64_t i = 0; i < golden.options.rounds; ++i) trees.round();
    return trees;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

TEST(BoostedTreesGolden, PredictAsThePythonPackage) {
    for (const Golden& golden : goldens()) {
        SCOPED_TRACE(golden.about["name"]);
        const TreeRows rows = golden.rows();
        const BoostedTrees trees = trained(golden, rows);
        expect_near(trees.probabilities(rows), golden.expected("probabilities"), 1e-6);
        const BoostedTrees half = BoostedTrees::load(trees.save(golden.options.rounds / 2), "half", 1);
        EXPECT_EQ(half.rounds(), golden.options.rounds / 2);
        expect_near(half.probabilities(rows), golden.expected("half"), 1e-6);
    }
}

TEST(BoostedTreesGolden, RankFeaturesAsThePythonPackage) {
    for (const Golden& golden : goldens()) {
        SCOPED_TRACE(golden.about["name"]);
        const TreeRows rows = golden.rows();
        const auto found = trained(golden, rows).importances();
        const json& scores = golden.about["scores"];
        ASSERT_EQ(found.size(), scores["gain"].size());
        double all = 0, sum = 0;
        for (const auto& [name, value] : scores["total_gain"].items()) all += value.get<double>();
        for (size_t i = 0; i < found.size(); ++i) {
            const FeatureImportance& one = found[i];
            const auto near = [&](double value, const char* kind) {
                const double expected = scores[kind][one.feature];
                EXPECT_NEAR(value, expected, 1e-5 * expected) << one.feature << " " << kind;
            };
            near(one.gain, "gain");
            near(one.cover, "cover");
            near(one.weight, "weight");
            near(one.share * all, "total_gain");
            if (i > 0) {
                EXPECT_LE(one.share, found[i - 1].share);
            }
            sum += one.share;
        }
        EXPECT_NEAR(sum, 1, 1e-9);
    }
}

TEST(BoostedTrees, DoNotDependOnThreadsAndSurviveTheirFile) {
    for (const Golden& golden : goldens()) {
        SCOPED_TRACE(golden.about["name"]);
        const TreeRows rows = golden.rows();
        const BoostedTrees one = trained(golden, rows, 1), three = trained(golden, rows, 3);
        EXPECT_EQ(one.save(one.rounds()), three.save(three.rounds()));
        const BoostedTrees read = BoostedTrees::load(one.save(one.rounds()), "file", 2);
        EXPECT_EQ(read.features(), golden.names);
        EXPECT_EQ(read.classes(), golden.classes);
        expect_near(read.probabilities(rows), one.probabilities(rows), 1e-6);
        const auto p = read.probabilities(rows);
        for (size_t i = 0; i < p.size(); i += static_cast<size_t>(golden.classes)) {
            double sum = 0;
            for (int64_t c = 0; c < golden.classes; ++c) sum += p[i + static_cast<size_t>(c)];
            EXPECT_NEAR(sum, 1, 1e-12);
        }
    }
}

TEST(BoostedTrees, AnotherSeedDrawsOtherTrees) {
    Golden golden = goldens()[1];
    const TreeRows rows = golden.rows();
    const std::string a = trained(golden, rows).save(20);
    golden.seed += 1;
    EXPECT_NE(trained(golden, rows).save(20), a);
}

TEST(BoostedTrees, RefuseWhatTheyCannotUse) {
    expect_error(ErrorKind::input, {"feature 2 of row 1", "1e+39"}, [] {
        TreeRows(std::vector<double>{1, 1e39, 2, 3}, 2);
    });
    expect_error(ErrorKind::input, {"CT.json", "not a model"}, [] { BoostedTrees::load("{}", "CT.json", 1); });
    expect_error(ErrorKind::input, {"CT.json", "not a model"}, [] { BoostedTrees::load("text", "CT.json", 1); });
    const Golden golden = goldens()[0];
    const TreeRows rows = golden.rows();
    json tree = json::parse(trained(golden, rows).save(20));
    tree["learner"]["gradient_booster"]["model"].erase("trees");
    expect_error(ErrorKind::input, {"CT.json", "damaged"}, [&] { BoostedTrees::load(tree.dump(), "CT.json", 1); });
}

}  // namespace
}  // namespace cmtl
