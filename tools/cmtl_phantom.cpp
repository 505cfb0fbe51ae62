// A cohort of synthetic chest CT with labels: the data of the demonstration.
#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "pipeline/phantom_cohort.hpp"
#include "tools/common.hpp"

namespace {

using namespace cmtl;

// "128x128x64", "0.6,0.2,0.2": three numbers between separators.
template <class T>
std::array<T, 3> three(const std::string& option, const std::string& text, char separator) {
    std::array<T, 3> values{};
    const char *at = text.data(), *end = at + text.size();
    for (size_t n = 0; n < 3; ++n) {
        const auto [next, code] = std::from_chars(at, end, values[n]);
        const bool last = n == 2;
        if (code != std::errc{} || (last ? next != end : next == end || *next != separator))
            fail(ErrorKind::usage, "phantom", "{} '{}': three numbers such as {} are needed", option, text,
                 separator == 'x' ? "128x128x64" : "0.6,0.2,0.2");
        at = next + 1;
    }
    return values;
}

}  // namespace

int main(int argc, char** argv) {
    return run_tool(argc, argv, [](Tool& tool) {
        PhantomCohortOptions o;
        std::string size = "128x128x64", spacing, split = "0.6,0.2,0.2";
        auto& app = tool.app;
        app.description(
            "Writes a cohort of synthetic chest CT: images in Hounsfield units, lung masks if wanted, and the "
            "manifest\n"
            "OUTPUT/cohort.csv (ID,Image[,Mask],CT,NAT,Severity,Split) that cmtl_train reads. The same seed gives the\n"
            "same cohort on every machine. Run again after an interruption to go on, or with more cases to add some.");
        app.add_option("-o,--output", o.folder, "folder of the cohort")->required();
        app.add_option("--cases", o.cases, "number of cases")
            ->capture_default_str()
            ->check(CLI::Range(int64_t{1}, int64_t{1000000}));
        app.add_option("--size", size, "voxels along x, y, z")->capture_default_str();
        app.add_option("--spacing", spacing, "mm between voxels along x, y, z; default: a field of 384x384x320 mm");
        app.add_flag("--masks", o.masks, "write lung masks too (1 right, 2 left)");
        app.add_option("--split", split, "shares of train, val and test cases")->capture_default_str();
        app.add_option("--format", o.format, "nii.gz, nii, nrrd or mha")
            ->capture_default_str()
            ->check(CLI::IsMember({"nii.gz", "nii", "nrrd", "mha"}));
        app.add_option("--prevalence", o.phantom.prevalence, "share of COVID-19 positive cases")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 1.0));
        app.add_option("--noise", o.phantom.noise, "standard deviation of the noise in HU")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 500.0));
        tool.example("cmtl_phantom -o cohort --cases 40 --seed 1 --masks");
        tool.example("cmtl_phantom -o large --cases 4 --size 512x512x200 --spacing 0.75x0.75x1.6");
        tool.parse();
        o.seed = tool.common.seed;
        o.quiet = tool.common.quiet;
        o.phantom.size = three<int64_t>("--size", size, 'x');
        o.split = three<double>("--split", split, ',');
        constexpr Vector3 field{384, 384, 320};
        for (size_t a = 0; a < 3; ++a)
            o.phantom.spacing[a] = field[a] / double(std::max<int64_t>(o.phantom.size[a], 1));
        if (!spacing.empty()) o.phantom.spacing = three<double>("--spacing", spacing, 'x');

        const PhantomCohortSummary s = write_phantom_cohort(o);
        if (s.interrupted || o.quiet) return 0;
        fmt::print("{}: {} cases ({} control or suspected, {} mild, {} severe; {} train, {} val, {} test){}\n",
                   s.manifest.string(), o.cases, s.by_severity[0], s.by_severity[1], s.by_severity[2], s.by_split[0],
                   s.by_split[1], s.by_split[2], s.kept ? fmt::format("; {} were there already", s.kept) : "");
        return 0;
    });
}
