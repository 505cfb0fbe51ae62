#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/error.hpp"
#include "radiomics/settings.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

TEST(FeatureSet, AllHasEveryFeatureOfEveryImageOnce) {
    const auto all = feature_set("all");
    ASSERT_EQ(all.size(), 9u * (18 + 24 + 16 + 16));
    std::set<std::string> names;
    for (const auto& f : all) names.insert(f.name);
    EXPECT_EQ(names.size(), all.size());
    EXPECT_TRUE(names.count("original_glcm_Contrast"));
    EXPECT_TRUE(names.count("wavelet-LLH_glrlm_RunEntropy"));
    EXPECT_TRUE(names.count("wavelet-LLL_firstorder_10Percentile"));
}

TEST(FeatureSet, CovidMtl375IsThePublishedTablesHeader) {
    CMTL_NEED_DATA("radiomics/feature_names_375.txt");
    std::ifstream file(test::data_folder() / "radiomics/feature_names_375.txt");
    const auto set = feature_set("covid-mtl-375");
    ASSERT_EQ(set.size(), 375u);
    for (const auto& f : set) {
        std::string name;
        ASSERT_TRUE(std::getline(file, name));
        EXPECT_EQ(f.name, name);
    }
}

// Three names are both the GLRLM's and the GLSZM's.
TEST(FeatureSet, NamesThatTwoClassesHaveAreTheGlszmsInThePublishedTable) {
    for (const auto& f : feature_set("covid-mtl-375"))
        if (f.name.starts_with("GrayLevel")) {
            EXPECT_EQ(f.feature_class, FeatureClass::glszm) << f.name;
        }
}

TEST(FeatureSet, AnUnknownNameIsRefused) { EXPECT_THROW(feature_set("most"), Error); }

}  // namespace
}  // namespace cmtl
