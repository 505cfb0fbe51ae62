#include "engine/gpu/step_graph.hpp"

#include <algorithm>
#include <cstdlib>

namespace cmtl {

bool same_shapes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) {
        if (!x.defined() || !y.defined()) return x.defined() == y.defined();
        return x.shape() == y.shape() && x.dtype() == y.dtype();
    });
}

bool StepGraph::supported(const Context& context) {
    const char* off = std::getenv("CMTL_NO_GRAPHS");
    return context.on_gpu() && context.queue().runtime().graphs() && !(off && *off && std::string_view(off) != "0");
}

StepGraph::StepGraph(Context& context, const std::vector<Tensor>& inputs, const Work& work) : context_(context) {
    for (const Tensor& input : inputs) inputs_.push_back(input.defined() ? context.empty(input.shape(), input.dtype()) : Tensor());
    // What the work allocates comes from chunks of its own: a tensor made later must not lie where a replay writes.
    context.synchronize();
    context.allocator().trim();
    context.allocator().set_recording(true);
    try {
        graph_ = context.queue().capture([&] { work(inputs_); });
    } catch (...) {
        context.allocator().set_recording(false);
        throw;
    }
    context.allocator().set_recording(false);
}

StepGraph::~StepGraph() {
    try {
        context_.synchronize();
    } catch (const std::exception&) {
        // Whoever waits next sees it.
    }
    if (graph_) context_.queue().runtime().destroy(graph_);
}

bool StepGraph::fits(const std::vector<Tensor>& inputs) const { return same_shapes(inputs, inputs_); }

void StepGraph::replay(const std::vector<Tensor>& inputs, const kernels::StepState& state) {
    for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].defined()) context_.copy_into(inputs[i], inputs_[i]);
    context_.queue().set_step(state);
    context_.queue().runtime().replay(graph_, context_.stream());
}

}  // namespace cmtl
