#include "pipeline/phantom_cohort.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "io/image_io.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "phantom";
constexpr const char* split_names[3] = {"train", "val", "test"};

struct Member {
    std::string id;
    uint64_t seed;
    PhantomOptions phantom;
    PhantomLabels labels;
    int split;
};

// Deals cards of several kinds in fixed shares: always the kind that is furthest behind.
template <size_t n>
class Dealer {
  public:
    explicit Dealer(const std::array<double, n>& shares) : shares_(shares) {}
    int next() {
        ++dealt_;
        size_t best = 0;
        for (size_t i = 1; i < n; ++i)
            if (behind(i) > behind(best) + 1e-9) best = i;
        ++counts_[best];
        return static_cast<int>(best);
    }

  private:
    double behind(size_t i) const { return shares_[i] * double(dealt_) - double(counts_[i]); }
    std::array<double, n> shares_;
    std::array<int64_t, n> counts_{};
    int64_t dealt_ = 0;
};

std::vector<Member> members_of(const PhantomCohortOptions& o) {
    const double ill = o.phantom.prevalence;
    Dealer<3> severity({1 - ill, ill * phantom_mild_share, ill * (1 - phantom_mild_share)});
    std::array<Dealer<3>, 3> split{Dealer<3>(o.split), Dealer<3>(o.split), Dealer<3>(o.split)};
    std::vector<Member> members;
    for (int64_t n = 0; n < o.cases; ++n) {
        Member m;
        m.id = fmt::format("phantom-{:04}", n + 1);
        m.seed = o.seed * 0x9E3779B97F4A7C15u + uint64_t(n) * 0xD1342543DE82EF95u +
                 1;  // odd factors: no two cases share one
        m.phantom = o.phantom;
        m.phantom.severity = severity.next();
        m.labels = phantom_labels(m.seed, m.phantom);
        m.split = split[size_t(m.labels.severity)].next();
        members.push_back(std::move(m));
    }
    return members;
}

void check(const PhantomCohortOptions& o) {
    if (o.cases < 1 || o.cases > 1000000) fail(ErrorKind::usage, tag, "{} cases: give 1 to 1000000", o.cases);
    const double sum = o.split[0] + o.split[1] + o.split[2];
    if (!(*std::min_element(o.split.begin(), o.split.end()) >= 0) || !(std::abs(sum - 1) < 1e-6))
        fail(ErrorKind::usage, tag, "split {},{},{}: three shares that add up to 1 are needed", o.split[0], o.split[1],
             o.split[2]);
    for (const char* known : {"nii.gz", "nii", "nrrd", "mha"})
        if (o.format == known) return;
    fail(ErrorKind::usage, tag, "format '{}' is none of nii.gz, nii, nrrd, mha", o.format);
}

// One folder, one way of making its pictures: kept files must be what this call would write. Returns the record of it.
std::string check_same_options(const PhantomCohortOptions& o) {
    const nlohmann::ordered_json now = {{"program", "cmtl_phantom"},
                                        {"version", 1},
                                        {"seed", o.seed},
                                        {"size", o.phantom.size},
                                        {"spacing", o.phantom.spacing},
                                        {"prevalence", o.phantom.prevalence},
                                        {"nat_agreement", o.phantom.nat_agreement},
                                        {"noise", o.phantom.noise}};
    const fs::path path = o.folder / "phantom.json";
    if (fs::exists(path)) {
        const auto before = nlohmann::ordered_json::parse(read_file(path), nullptr, false);
        if (before == now) return now.dump(2) + "\n";
        std::string what = "an unreadable phantom.json";
        if (before.is_object())
            for (const auto& [key, value] : now.items())
                if (before.value(key, nlohmann::ordered_json()) != value) {
                    what = fmt::format("{} {} instead of {}", key, before.value(key, nlohmann::ordered_json()).dump(),
                                       value.dump());
                    break;
                }
        fail(ErrorKind::usage, tag,
             "{}: this folder holds phantoms made with other options ({}); choose another folder or remove it",
             o.folder.string(), what);
    }
return now.dump(2) + "\n";
}

fs::path image_path(const PhantomCohortOptions& o, const Member& m) {
    return fs::path("images") / (m.id + "." + o.format);
}
fs::path mask_path(const PhantomCohortOptions& o, const Member& m) {
    return fs::path("masks") / (m.id + "." + o.format);
}

bool is_there(const fs::path& path) {
    std::error_code code;
    return fs::file_size(path, code) > 0 && !code;
}

// Better said before an hour's work than after: noise keeps compressed images above a third of their size.
void check_room(const PhantomCohortOptions& o, int64_t missing) {
    const Index3& n = o.phantom.size;
    const double bytes = double(missing) * double(n[0] * n[1] * n[2]) * 2 * (o.format == "nii" ? 1 : 0.35);
    std::error_code code;
    const auto space = fs::space(o.folder, code);
    if (!code && double(space.available) < bytes)
        fail(ErrorKind::resource, tag,
             "{}: {} cases need about {:.0f} MB and the disk has {:.0f} MB left; free some space, or take fewer cases "
             "or a smaller --size",
             o.folder.string(), missing, bytes / 1e6, double(space.available) / 1e6);
}

void write_case(const PhantomCohortOptions& o, const Member& m) {
    const PhantomCase made = phantom_case(m.seed, m.phantom);
    if (o.masks) write_image(o.folder / mask_path(o, m), made.lungs);
    Image<int16_t> hu;
    hu.geometry = made.hu.geometry;
    hu.voxels.reserve(made.hu.voxels.size());
    for (const float v : made.hu.voxels) hu.voxels.push_back(static_cast<int16_t>(std::lround(v)));
    write_image(o.folder / image_path(o, m), hu);
}

CsvTable manifest_of(const PhantomCohortOptions& o, const std::vector<Member>& members) {
    CsvTable table;
    table.header = {"ID", "Image"};
    if (o.masks) table.header.push_back("Mask");
    for (const char* name : {"CT", "NAT", "Severity", "Split"}) table.header.push_back(name);
    for (const Member& m : members) {
        std::vector<std::string> row{m.id, image_path(o, m).generic_string()};
        if (o.masks) row.push_back(mask_path(o, m).generic_string());
        for (const int label : {m.labels.ct, m.labels.nat, m.labels.severity}) row.push_back(std::to_string(label));
        row.push_back(split_names[m.split]);
        table.rows.push_back(std::move(row));
    }
    return table;
}
}  // namespace

PhantomCohortSummary write_phantom_cohort(const PhantomCohortOptions& o) {
    check(o);
    const std::vector<Member> members = members_of(o);
    const std::string record = check_same_options(o);
    make_folder(o.folder);

    PhantomCohortSummary summary;
    std::vector<const Member*> missing;
    for (const Member& m : members) {
        ++summary.by_severity[size_t(m.labels.severity)];
        ++summary.by_split[size_t(m.split)];
        const bool there = is_there(o.folder / image_path(o, m)) && (!o.masks || is_there(o.folder / mask_path(o, m)));
        if (!there) missing.push_back(&m);
    }
    summary.kept = o.cases - int64_t(missing.size());
    check_room(o, int64_t(missing.size()));
    make_folder(o.folder / "images");
    if (o.masks) make_folder(o.folder / "masks");
    write_file(o.folder / "phantom.json", record);

    // Writing compresses on one thread, so whole cases run side by side, as long as a few of them fit into memory.
    const double voxels = double(o.phantom.size[0] * o.phantom.size[1] * o.phantom.size[2]);
    const int side_by_side = int(std::clamp(4e9 / (voxels * 8), 1.0, double(omp_get_max_threads())));
    Progress progress("phantoms", int64_t(missing.size()), o.quiet || missing.empty());
    std::exception_ptr failure;
    std::atomic<bool> stop = false;
    std::atomic<int64_t> written = 0;
#pragma omp parallel for schedule(dynamic, 1) num_threads(side_by_side)
    for (size_t n = 0; n < missing.size(); ++n) {
        if (stop || interrupted()) continue;
        try {
            write_case(o, *missing[n]);
            ++written;
            progress.advance(missing[n]->id);
        } catch (...) {
#pragma omp critical(cmtl_phantom_failure)
            if (!failure) failure = std::current_exception();
            stop = true;
        }
    }
    if (failure) std::rethrow_exception(failure);
    summary.written = written;
    summary.interrupted = summary.written < int64_t(missing.size());
    if (summary.interrupted) return summary;
    summary.manifest = o.folder / "cohort.csv";
    write_csv(summary.manifest, manifest_of(o, members));
    return summary;
}

}  // namespace cmtl
