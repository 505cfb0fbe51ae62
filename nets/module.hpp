#pragma once
// What every net is made of: named parameters in a fixed order, and a forward pass that knows its surroundings.
#include <string>
#include <string_view>
#include <vector>

#include "engine/context.hpp"
#include "engine/optimiser.hpp"
#include "engine/random.hpp"

namespace cmtl {

// One forward pass: where it runs, whether it trains, and the position that keys its random draws.
struct Pass {
    Context& context;
    bool training = false;
    uint64_t seed = 0;
    uint64_t step = 0;  // micro_step() of the optimiser step and the micro-batch within it
};

// A parameter or buffer, named as in the PyTorch module tree. `value` is the module's own tensor (shared storage).
struct Parameter {
    std::string name;
    Tensor value;
    bool trainable = true;  // false: running statistics
};

class Module {
  public:
    virtual ~Module() = default;
    // Appends this module's parameters and buffers, names prefixed with `prefix`, in PyTorch's state_dict order.
    virtual void collect(const std::string& prefix, std::vector<Parameter>& out) const = 0;

    std::vector<Parameter> parameters() const {
        std::vector<Parameter> out;
        collect("", out);
        return out;
    }
};

// Elements of all trainable parameters.
int64_t parameter_count(const Module& module);

// FNV-1a, 64 bits: the number that stands for a parameter's name where random draws are keyed.
uint64_t name_hash(std::string_view name);

// Kaiming normal, mode fan_out, gain sqrt(2), for a convolution weight (O, kD, kH, kW, I); keyed by (seed,
// name_hash(name)).
void initialise_kaiming_fan_out(Context& context, const Tensor& weight, uint64_t seed, std::string_view name);
// The same with mode fan_in, torch.nn.init.kaiming_normal_'s default.
void initialise_kaiming_fan_in(Context& context, const Tensor& weight, uint64_t seed, std::string_view name);
// Normal around 0.
void initialise_normal(Context& context, const Tensor& tensor, double deviation, uint64_t seed, std::string_view name);
// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for biases and Linear weights.
void initialise_uniform(Context& context, const Tensor& tensor, int64_t fan_in, uint64_t seed, std::string_view name);
// U(-sqrt(6 / (in + out)), sqrt(6 / (in + out))) for a linear weight (out, in): torch.nn.init.xavier_uniform_.
void initialise_xavier(Context& context, const Tensor& weight, uint64_t seed, std::string_view name);

}  // namespace cmtl
