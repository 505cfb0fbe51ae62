#pragma once
// What every cmtl_* program shares: the common options, errors as one line and an exit code, interruption.
//
//     int main(int argc, char** argv) {
//         return cmtl::run_tool(argc, argv, [&](cmtl::Tool& tool) {
//             std::string input;
//             tool.app.description("...");
//             tool.app.add_option("-i,--input", input, "...")->required();
//             tool.example("cmtl_x -i ct.nii.gz -o out");
//             tool.parse();
//             ...;                       // one library call
//             return 0;
//         });
//     }
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "version.hpp"

namespace cmtl {

struct CommonOptions {
    int threads = 0;              // 0: all cores this process may use; after parse() the number in force
    std::string device = "auto";  // auto | cpu | cuda:N | simt
    uint64_t seed = 0;
    bool quiet = false;
    bool verbose = false;
};

// Thrown where a job stops because of SIGINT or SIGTERM, after it has saved its state.
struct Interruption {};

// Throws Interruption once SIGINT or SIGTERM has arrived; call it between steps.
inline void stop_if_interrupted() {
    if (interrupted()) throw Interruption{};
}

class Tool {
  public:
    Tool(int argc, char** argv)
        : name(argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "cmtl"), argc_(argc), argv_(argv) {
        app.name(name);
        app.set_version_flag("--version", name + " " CMTL_VERSION " (" CMTL_COMMIT ")");
        app.add_option("--threads", common.threads, "CPU threads; 0 means all cores")
            ->check(CLI::Range(0, 4096))
            ->group("Common");
        app.add_option("--device", common.device, "auto, cpu, cuda:0 or simt (the CUDA kernels executed on the CPU)")
            ->check(CLI::Validator(check_device, "DEVICE"))
            ->capture_default_str()
            ->group("Common");
        app.add_option("--seed", common.seed, "seed of every random draw")->capture_default_str()->group("Common");
        app.add_flag("-q,--quiet", common.quiet, "print errors and warnings only")->group("Common");
        app.add_flag("-v,--verbose", common.verbose, "print more; the same as CMTL_VERBOSE=1")->group("Common");
    }

    // A line below --help; call it once per example, before parse().
    void example(const std::string& line) { examples_ += "  " + line + "\n"; }

    // Reads the command line (throws CLI::ParseError) and puts the common options into force.
    void parse() {
        app.footer((examples_.empty() ? "" : "Example:\n" + examples_ + "\n") +
                   "Exit codes: 0 done; 1 some cases failed (listed); 2 usage; 3 bad input; 4 device, memory or disk;\n"
                   "5 internal error; 130/143 interrupted.");
        app.parse(argc_, argv_);
        common.threads = set_threads(common.threads);
        if (common.verbose) ::setenv("CMTL_VERBOSE", "1", 1);
        watch_interrupts();
    }

    const std::string name;
    CLI::App app;
    CommonOptions common;

  private:
    static std::string check_device(const std::string& text) {
        if (text == "auto" || text == "cpu" || text == "simt" || text == "cuda") return {};
        const std::string number = text.rfind("cuda:", 0) == 0 ? text.substr(5) : "";
        const bool digits = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!number.empty() && number.size() <= 3 && digits) return {};
        return "'" + text + "' is not a device: auto, cpu, cuda:0 or simt";
    }

    int argc_;
    char** argv_;
    std::string examples_;
};

// Runs body(tool) -> exit code and turns every way of failing into one line on stderr and a documented exit code.
template <class Body>
int run_tool(int argc, char** argv, Body&& body) {
    Tool tool(argc, argv);
    const auto report = [&](std::string message, int code) {
        std::replace_if(message.begin(), message.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
        std::fflush(stdout);
        std::fprintf(stderr, "%s: error: %s\n", tool.name.c_str(), message.c_str());
        return code;
    };
    const auto stopped = [&] {
        std::fprintf(stderr, "%s: interrupted\n", tool.name.c_str());
        return 128 + interrupted();
    };
    try {
        const int code = std::forward<Body>(body)(tool);
        return code == 0 && interrupted() ? stopped() : code;
    } catch (const Interruption&) {
        return stopped();
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return tool.app.exit(error);  // --help, --version
        return report(std::string(error.what()) + " (see " + tool.name + " --help)", static_cast<int>(ErrorKind::usage));
    } catch (const Error& error) {
        return report(error.what(), error.exit_code());
    } catch (const std::bad_alloc&) {
        return report("out of memory: close other programs, or use a smaller input or preset",
                      static_cast<int>(ErrorKind::resource));
    } catch (const std::exception& error) {
        return report(std::string("internal: ") + error.what(), static_cast<int>(ErrorKind::internal));
    } catch (...) {
        return report("internal: unknown exception", static_cast<int>(ErrorKind::internal));
    }
}

}  // namespace cmtl
