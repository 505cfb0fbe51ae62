#pragma once
#include <functional>
#include <vector>

#include "engine/context.hpp"
#include "engine/gpu/device_queue.hpp"

namespace cmtl {

// A piece of work on the device, recorded once and replayed with other inputs: one launch instead of some hundred. The inputs are
// copied into tensors that stay where they are; what the work allocates stays reserved for it. Numbers that change from one replay
// to the next reach the kernels through DeviceQueue::set_step. Results are what the work leaves in tensors made outside of it.
class StepGraph {
  public:
    using Work = std::function<void(const std::vector<Tensor>& inputs)>;
    // Records `work` on tensors shaped like `inputs` (undefined ones stay undefined); runs nothing. Only where graphs are
    // supported().
    StepGraph(Context& context, const std::vector<Tensor>& inputs, const Work& work);
    ~StepGraph();
    StepGraph(const StepGraph&) = delete;
    StepGraph& operator=(const StepGraph&) = delete;

    // Whether `inputs` have the shapes that were recorded.
    bool fits(const std::vector<Tensor>& inputs) const;
    void replay(const std::vector<Tensor>& inputs, const kernels::StepState& state);

    // A device context whose runtime records graphs, unless CMTL_NO_GRAPHS=1.
    static bool supported(const Context& context);

  private:
    Context& context_;
    std::vector<Tensor> inputs_;
    kernels::Graph graph_ = nullptr;
};

// Equal shapes and dtypes, undefined ones at the same places.
bool same_shapes(const std::vector<Tensor>& a, const std::vector<Tensor>& b);

}  // namespace cmtl
