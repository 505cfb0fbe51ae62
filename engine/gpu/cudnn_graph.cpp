#include "engine/gpu/cudnn_graph.hpp"

namespace cmtl {

using namespace cudnn_api;

void cudnn_check(const Functions& api, Status status, std::string_view doing) {
    if (status == status_success) return;
    char detail[512] = {};
    api.get_last_error_string(detail, sizeof detail);
    fail(status == status_alloc_host || status == status_alloc_device ? ErrorKind::resource : ErrorKind::internal,
         "cudnn", "{}: {}{}{}", doing, api.get_error_string(status), *detail ? ", " : "", detail);
}

CudnnDescriptor::CudnnDescriptor(const Functions& api, DescriptorType type) : api_(&api) {
    cudnn_check(api, api.create_descriptor(type, &descriptor_), "creating a descriptor");
}

CudnnDescriptor::~CudnnDescriptor() {
    if (descriptor_) api_->destroy_descriptor(descriptor_);
}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& o) noexcept {
    std::swap(api_, o.api_);
    std::swap(descriptor_, o.descriptor_);
    return *this;
}

void CudnnDescriptor::set(Attribute attribute, AttributeType type, int64_t count, const void* elements) {
    cudnn_check(*api_, api_->set_attribute(descriptor_, attribute, type, count, elements),
                fmt::format("setting attribute {}", static_cast<int>(attribute)));
}

void CudnnDescriptor::set_text(Attribute attribute, const std::string& text) {
    set(attribute, AttributeType::CHAR, static_cast<int64_t>(text.size()), text.data());
}

void CudnnDescriptor::finalize(std::string_view what) { cudnn_check(*api_, api_->finalize(descriptor_), what); }

int64_t CudnnDescriptor::read(Attribute attribute, AttributeType type, int64_t wanted, void* elements) const {
    int64_t count = 0;
    cudnn_check(*api_, api_->get_attribute(descriptor_, attribute, type, wanted, &count, elements),
                fmt::format("reading attribute {}", static_cast<int>(attribute)));
    return count;
}

namespace {
DataType type_of(Dtype t) { return t == Dtype::bf16 ? DataType::BFLOAT16 : DataType::FLOAT; }
}  // namespace

CudnnGraph::CudnnGraph(const Functions& api, const CudnnDevice& device, const CudnnConvolution& convolution)
    : api_(api), device_(device) {
    for (const CudnnTensor& t : convolution.tensors) {
        CudnnDescriptor& d = keep(DescriptorType::TENSOR);
        d.set_one(Attribute::TENSOR_UNIQUE_ID, AttributeType::INT64, static_cast<int64_t>(t.id));
        d.set_one(Attribute::TENSOR_DATA_TYPE, AttributeType::DATA_TYPE, type_of(t.dtype));
        d.set_one(Attribute::TENSOR_BYTE_ALIGNMENT, AttributeType::INT64, alignment);
        d.set(Attribute::TENSOR_DIMENSIONS, AttributeType::INT64, t.dims);
        d.set(Attribute::TENSOR_STRIDES, AttributeType::INT64, t.strides);
        if (t.is_virtual) d.set_one(Attribute::TENSOR_IS_VIRTUAL, AttributeType::BOOLEAN, true);
        d.finalize("tensor");
        tensors_.emplace_back(t.id, d.get());
    }
    std::vector<Descriptor> operations{add_convolution(convolution)};
    if (convolution.adds_bias) operations.push_back(add_bias(convolution));
    graph_ = CudnnDescriptor(api_, DescriptorType::OPERATIONGRAPH);
    graph_.set(Attribute::OPERATIONGRAPH_OPS, AttributeType::BACKEND_DESCRIPTOR, operations);
    if (device_.handle) graph_.set_one(Attribute::OPERATIONGRAPH_HANDLE, AttributeType::HANDLE, device_.handle);
    graph_.finalize("operation graph");
}

CudnnDescriptor& CudnnGraph::keep(DescriptorType type) { return parts_.emplace_back(api_, type); }

Descriptor CudnnGraph::find(CudnnId id) const {
    for (const auto& [name, descriptor] : tensors_)
        if (name == id) return descriptor;
    fail(ErrorKind::internal, "cudnn", "the graph has no tensor {}", static_cast<int64_t>(id));
}

Descriptor CudnnGraph::add_convolution(const CudnnConvolution& c) {
    CudnnDescriptor& shape = keep(DescriptorType::CONVOLUTION);
    shape.set_one(Attribute::CONVOLUTION_COMP_TYPE, AttributeType::DATA_TYPE, DataType::FLOAT);
    shape.set_one(Attribute::CONVOLUTION_CONV_MODE, AttributeType::CONVOLUTION_MODE,
                  ConvolutionMode::CROSS_CORRELATION);
    shape.set_one(Attribute::CONVOLUTION_SPATIAL_DIMS, AttributeType::INT64, int64_t{3});
    shape.set(Attribute::CONVOLUTION_FILTER_STRIDES, AttributeType::INT64, c.strides);
    shape.set(Attribute::CONVOLUTION_PRE_PADDINGS, AttributeType::INT64, c.pre_padding);
    shape.set(Attribute::CONVOLUTION_POST_PADDINGS, AttributeType::INT64, c.post_padding);
    shape.set(Attribute::CONVOLUTION_DILATIONS, AttributeType::INT64, c.dilation);
    shape.finalize("convolution");
    const Descriptor shape_descriptor = shape.get();

    struct Names {
        DescriptorType type;
        Attribute x, weight, y, shape, alpha, beta;
    };
    using A = Attribute;
    const Names names = c.direction == ConvDirection::forward ? Names{DescriptorType::OPERATION_CONVOLUTION_FORWARD,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_X,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_W,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_Y,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                                                      A::OPERATION_CONVOLUTION_FORWARD_BETA}
                        : c.direction == ConvDirection::backward_data
                            ? Names{DescriptorType::OPERATION_CONVOLUTION_BACKWARD_DATA,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_DX,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_W,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_DY,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                    A::OPERATION_CONVOLUTION_BWD_DATA_BETA}
                            : Names{DescriptorType::OPERATION_CONVOLUTION_BACKWARD_FILTER,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_X,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                    A::OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    CudnnDescriptor& operation = keep(names.type);
    operation.set_one(names.x, AttributeType::BACKEND_DESCRIPTOR, find(c.x));
    operation.set_one(names.weight, AttributeType::BACKEND_DESCRIPTOR, find(c.weight));
    operation.set_one(names.y, AttributeType::BACKEND_DESCRIPTOR, find(c.y));
    operation.set_one(names.shape, AttributeType::BACKEND_DESCRIPTOR, shape_descriptor);
    operation.set_one(names.alpha, AttributeType::FLOAT, 1.0f);
    operation.set_one(names.beta, AttributeType::FLOAT, 0.0f);
    operation.finalize(name_of(c.direction));
    return operation.get();
}

Descriptor CudnnGraph::add_bias(const CudnnConvolution& c) {
    CudnnDescriptor& kind = keep(DescriptorType::POINTWISE);
    kind.set_one(Attribute::POINTWISE_MODE, AttributeType::POINTWISE_MODE, PointwiseMode::ADD);
    kind.set_one(Attribute::POINTWISE_MATH_PREC, AttributeType::DATA_TYPE, DataType::FLOAT);
    kind.finalize("addition");
    const Descriptor kind_descriptor = kind.get();
    CudnnDescriptor& operation = keep(DescriptorType::OPERATION_POINTWISE);
    operation.set_one(Attribute::OPERATION_POINTWISE_PW_DESCRIPTOR, AttributeType::BACKEND_DESCRIPTOR, kind_descriptor);
    operation.set_one(Attribute::OPERATION_POINTWISE_XDESC, AttributeType::BACKEND_DESCRIPTOR, find(c.y));
    operation.set_one(Attribute::OPERATION_POINTWISE_BDESC, AttributeType::BACKEND_DESCRIPTOR, find(CudnnId::bias));
    operation.set_one(Attribute::OPERATION_POINTWISE_YDESC, AttributeType::BACKEND_DESCRIPTOR, find(c.result()));
    operation.finalize("addition of the bias");
    return operation.get();
}

std::vector<CudnnDescriptor> CudnnGraph::configurations(HeurMode mode) const {
    CudnnDescriptor heuristics(api_, DescriptorType::ENGINEHEUR);
    heuristics.set_one(Attribute::ENGINEHEUR_OPERATION_GRAPH, AttributeType::BACKEND_DESCRIPTOR, graph_.get());
    heuristics.set_one(Attribute::ENGINEHEUR_MODE, AttributeType::HEUR_MODE, mode);
    if (device_.properties)
        heuristics.set_one(Attribute::ENGINEHEUR_DEVICEPROP, AttributeType::BACKEND_DESCRIPTOR, device_.properties);
    heuristics.finalize("heuristics");
    const int64_t most = heuristics.read(Attribute::ENGINEHEUR_RESULTS, AttributeType::BACKEND_DESCRIPTOR, 0, nullptr);
    std::vector<CudnnDescriptor> results;
    std::vector<Descriptor> raw;
    for (int64_t i = 0; i < most; ++i) raw.push_back(results.emplace_back(api_, DescriptorType::ENGINECFG).get());
    // Fewer than announced where some need what this machine lacks, such as a compiler.
    const int64_t count =
        most ? heuristics.read(Attribute::ENGINEHEUR_RESULTS, AttributeType::BACKEND_DESCRIPTOR, most, raw.data()) : 0;
    results.resize(static_cast<size_t>(count));
    return results;
}

void CudnnGraph::read_engine(const CudnnDescriptor& configuration, int64_t& engine,
                             std::vector<NumericalNote>& notes) const {
    const CudnnDescriptor descriptor(api_, DescriptorType::ENGINE);
    Descriptor raw = descriptor.get();
    configuration.read(Attribute::ENGINECFG_ENGINE, AttributeType::BACKEND_DESCRIPTOR, 1, &raw);
    descriptor.read(Attribute::ENGINE_GLOBAL_INDEX, AttributeType::INT64, 1, &engine);
    notes.resize(64);
    notes.resize(static_cast<size_t>(descriptor.read(Attribute::ENGINE_NUMERICAL_NOTE, AttributeType::NUMERICAL_NOTE,
                                                     static_cast<int64_t>(notes.size()), notes.data())));
}

CudnnDescriptor CudnnGraph::plan(const CudnnDescriptor& configuration, size_t& workspace) const {
    CudnnDescriptor plan(api_, DescriptorType::EXECUTION_PLAN);
    if (device_.handle) plan.set_one(Attribute::EXECUTION_PLAN_HANDLE, AttributeType::HANDLE, device_.handle);
    plan.set_one(Attribute::EXECUTION_PLAN_ENGINE_CONFIG, AttributeType::BACKEND_DESCRIPTOR, configuration.get());
    if (device_.properties)
        plan.set_one(Attribute::EXECUTION_PLAN_DEVICEPROP, AttributeType::BACKEND_DESCRIPTOR, device_.properties);
    plan.finalize("execution plan");
    int64_t bytes = 0;
    plan.read(Attribute::EXECUTION_PLAN_WORKSPACE_SIZE, AttributeType::INT64, 1, &bytes);
    workspace = static_cast<size_t>(bytes);
    return plan;
}

}  // namespace cmtl
