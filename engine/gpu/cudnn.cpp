#include "engine/gpu/cudnn.hpp"

#include <algorithm>

#include "engine/gpu/cudnn_graph.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

using namespace cudnn_api;

std::string CudnnPlan::text() const {
    return fmt::format("engine {}, workspace {:.1f} MiB", engine, static_cast<double>(workspace) / (1 << 20));
}

bool engine_fits(const std::vector<NumericalNote>& notes, Dtype compute, bool tf32) {
    return std::ranges::none_of(notes, [&](NumericalNote note) {
        switch (note) {
            // On f32 tensors tensor cores mean TF32.
            case NumericalNote::TENSOR_CORE:
            case NumericalNote::DOWN_CONVERT_INPUTS:
                return compute == Dtype::f32 && !tf32;
            case NumericalNote::STRICT_NAN_PROP:
                return false;
            default:
                return true;  // less precise sums, unordered sums, transforms, and notes of the future
        }
    });
}

// A plan refers to what it was made of, so all of it is kept.
struct Cudnn::Planned {
    std::string refusal;
    CudnnPlan plan;
    std::unique_ptr<CudnnGraph> graph;
    CudnnDescriptor configuration, executable;
};

Cudnn::Cudnn(CudnnOptions options)
    : options_(std::move(options)),
      library_("CMTL_CUDNN_LIBRARY", {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9"}) {
    options_.tf32 |= environment_switch("CMTL_TF32");
    try {
        open();
    } catch (const Error& e) {
        refusal_ = e.what();
    }
}

Cudnn::~Cudnn() {
    plans_.clear();
    if (device_) api_.destroy_descriptor(device_);
    if (handle_) api_.destroy(handle_);
}

void Cudnn::open() {
    library_.resolve(api_.get_version, "cudnnGetVersion");
    library_.resolve(api_.get_error_string, "cudnnGetErrorString");
    library_.resolve(api_.get_last_error_string, "cudnnGetLastErrorString");
    library_.resolve(api_.create, "cudnnCreate");
    library_.resolve(api_.destroy, "cudnnDestroy");
    library_.resolve(api_.set_stream, "cudnnSetStream");
    library_.resolve(api_.create_descriptor, "cudnnBackendCreateDescriptor");
    library_.resolve(api_.destroy_descriptor, "cudnnBackendDestroyDescriptor");
    library_.resolve(api_.finalize, "cudnnBackendFinalize");
    library_.resolve(api_.set_attribute, "cudnnBackendSetAttribute");
    library_.resolve(api_.get_attribute, "cudnnBackendGetAttribute");
    library_.resolve(api_.execute, "cudnnBackendExecute");
    if (!(refusal_ = library_.refusal()).empty()) return;
    version_ = api_.get_version();
    if (version_ < first_version) {
        refusal_ = fmt::format("cuDNN {} is older than 9", version_);
        return;
    }
    if (!options_.device_properties.empty()) {
        CudnnDescriptor device(api_, DescriptorType::DEVICEPROP);
        device.set_text(Attribute::DEVICEPROP_JSON_REPRESENTATION, options_.device_properties);
        device.finalize("device properties");
        device_ = device.release();
    } else {
        cudnn_check(api_, api_.create(&handle_), "creating a handle");
    }
}

std::string Cudnn::refusal(const Conv3dProblem& problem, ConvDirection direction) {
    if (!refusal_.empty()) return refusal_;
    return planned(problem, direction).refusal;
}

const CudnnPlan& Cudnn::plan(const Conv3dProblem& problem, ConvDirection direction) {
    return planned(problem, direction).plan;
}

Cudnn::Planned& Cudnn::planned(const Conv3dProblem& problem, ConvDirection direction) {
    const auto key = std::pair(problem, direction);
    const auto found = plans_.find(key);
    return found != plans_.end() ? found->second : plans_.emplace(key, make(problem, direction)).first->second;
}

// The first engine, in cuDNN's order, that fits.
Cudnn::Planned Cudnn::make(const Conv3dProblem& problem, ConvDirection direction) {
    Planned planned;
    if (!(planned.refusal = cudnn_refusal(problem, options_.capability)).empty()) return planned;
    int offered = 0, unfit = 0, large = 0;
    std::string failure;
    try {
        planned.graph = std::make_unique<CudnnGraph>(api_, CudnnDevice{handle_, device_}, describe(problem, direction));
        for (const HeurMode mode : {HeurMode::A, HeurMode::FALLBACK})
            for (CudnnDescriptor& configuration : planned.graph->configurations(mode)) {
                ++offered;
                planned.graph->read_engine(configuration, planned.plan.engine, planned.plan.notes);
                if (!engine_fits(planned.plan.notes, problem.compute, options_.tf32)) {
                    ++unfit;
                    continue;
                }
                try {
                    planned.executable = planned.graph->plan(configuration, planned.plan.workspace);
                } catch (const Error& e) {
                    failure = e.what();
                    continue;
                }
                if (planned.plan.workspace <= options_.workspace_limit) {
                    planned.configuration = std::move(configuration);
                    return planned;
                }
                ++large;
            }
    } catch (const Error& e) {
        failure = e.what();
    }
    planned.refusal = fmt::format(
        "none of cuDNN's {} engines fits: {} not reproducible or not in {}, {} with too large a workspace{}{}", offered,
        unfit, name_of(problem.compute), large, failure.empty() ? "" : "; ", failure);
    return planned;
}

namespace {

// cuDNN was promised 16-byte alignment; a part of a larger tensor may lie elsewhere.
Tensor aligned(Context& context, const Tensor& t) {
    return reinterpret_cast<uintptr_t>(t.raw()) % CudnnGraph::alignment == 0 ? t : context.copy(t);
}

}  // namespace

void Cudnn::run(Context& context, const Conv3dProblem& problem, ConvDirection direction, const Tensor& x,
                const Tensor& weight, const Tensor& y, const Tensor& bias) {
    Planned& chosen = planned(problem, direction);
    require(chosen.refusal.empty(), "cudnn", "{} of {} was refused: {}", name_of(direction), problem.text(),
            chosen.refusal);
    const CudnnConvolution convolution = describe(problem, direction);
    const CudnnId target = convolution.result();
    std::vector<int64_t> ids;
    std::vector<void*> pointers;
    std::vector<Tensor> keep;  // until everything is enqueued; the stream's order protects the memory after that
    Tensor written, result;
    const auto bind = [&](CudnnId id, const Tensor& given) {
        const Dtype dtype = convolution.tensor(id).dtype;
        Tensor t;
        if (id == target) {
            result = given;
            t = written = dtype == given.dtype() ? given : context.empty(given.shape(), dtype);
            require(reinterpret_cast<uintptr_t>(t.raw()) % CudnnGraph::alignment == 0, "cudnn",
                    "a result lies at an odd address");
        } else {
            t = dtype == given.dtype() ? aligned(context, given) : context.cast(given, dtype);
        }
        ids.push_back(static_cast<int64_t>(id));
        pointers.push_back(t.raw());
        keep.push_back(std::move(t));
    };
    bind(CudnnId::x, x);
    bind(CudnnId::weight, weight);
    bind(CudnnId::y, y);
    if (convolution.adds_bias) bind(CudnnId::bias, bias.defined() ? bias : context.zeros({problem.out}));
    const Tensor workspace = context.empty({static_cast<int64_t>(chosen.plan.workspace)}, Dtype::u8);

    CudnnDescriptor pack(api_, DescriptorType::VARIANT_PACK);
    pack.set(Attribute::VARIANT_PACK_UNIQUE_IDS, AttributeType::INT64, ids);
    pack.set(Attribute::VARIANT_PACK_DATA_POINTERS, AttributeType::VOID_PTR, pointers);
    pack.set(Attribute::VARIANT_PACK_WORKSPACE, AttributeType::VOID_PTR, std::vector<void*>{workspace.raw()});
    pack.finalize("variant pack");
    if (stream_ != context.stream()) {
        cudnn_check(api_, api_.set_stream(handle_, context.stream()), "setting the stream");
        stream_ = context.stream();
    }
    cudnn_check(api_, api_.execute(handle_, chosen.executable.get(), pack.get()), "running a convolution");
    if (written.dtype() != result.dtype())
        run_first(context, "cast", gpu_cast(), ElementwiseProblem{result.count()}, written, result);
}

}  // namespace cmtl
