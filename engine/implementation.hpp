#pragma once
// How an operator chooses: an ordered list of implementations, the first that supports the problem runs.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "engine/context.hpp"

namespace cmtl {

// Why an implementation refuses a problem; empty: it supports it.
using Refusal = std::string;

template <class Problem, class... Arguments>
struct Implementation {
    std::string_view name;
    std::function<Refusal(const Context&, const Problem&)> supports;
    std::function<void(Context&, const Problem&, Arguments...)> run;
};

// Runs the first implementation of `list` that supports `problem`. With CMTL_VERBOSE=1 prints the choice, the problem
// (its text()), the time it took and why earlier ones refused. Throws Error(internal) listing every refusal when none is left.
template <class Problem, class... Arguments, class... Given>
void run_first(Context& context, std::string_view op, const std::vector<Implementation<Problem, Arguments...>>& list,
               const Problem& problem, Given&&... arguments) {
    std::string refusals;
    for (const auto& implementation : list) {
        Refusal refusal = implementation.supports(context, problem);
        if (refusal.empty()) {
            if constexpr (requires { problem.flops(); }) context.count_flops(problem.flops());
            const auto start = std::chrono::steady_clock::now();
            implementation.run(context, problem, std::forward<Given>(arguments)...);
            if (context.verbose()) {
                const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
                fmt::print(stderr, "cmtl: {} {} {} {:.3f} ms{}\n", op, implementation.name, problem.text(), spent.count(), refusals);
            }
            return;
        }
        refusals += fmt::format("; {}: {}", implementation.name, refusal);
    }
    fail(ErrorKind::internal, op, "no implementation on {} for {}{}", to_string(context.device()), problem.text(), refusals);
}

// The lists of several devices, one after the other.
template <class List, class... Lists>
List joined(List first, Lists... rest) {
    (first.insert(first.end(), rest.begin(), rest.end()), ...);
    return first;
}

// The usual first line of `supports`.
inline Refusal only_on(const Context& context, Device::Kind kind, std::string_view name) {
    return context.device().kind == kind ? Refusal{} : fmt::format("runs on {} only", name);
}

}  // namespace cmtl
