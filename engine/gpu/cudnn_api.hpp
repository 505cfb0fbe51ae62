#pragma once
// The little of cuDNN 9's C interface that is used here: the graph ("backend") interface, which is the one that NVIDIA
// maintains and whose calls are few enough to fetch one by one from an opened library. Declared here so that building
// needs no cuDNN; where its headers are at hand, tests/engine/cudnn_test.cpp compares every number with them. Names are
// cuDNN's without their prefix. Source: docs.nvidia.com/deeplearning/cudnn, "cudnn_graph library".
#include <cstddef>
#include <cstdint>

#include "kernels/target.hpp"

namespace cmtl::cudnn_api {

using Handle = struct HandleTag*;
using Descriptor = void*;
using Status = int;  // CUDNN_STATUS_SUCCESS is 0; thousands are categories

constexpr Status status_success = 0, status_alloc_host = 4003, status_alloc_device = 4004;
constexpr size_t first_version = 90000;  // cudnnGetVersion() of 9.0.0

enum class DescriptorType : int {
    POINTWISE = 0,
    CONVOLUTION = 1,
    ENGINE = 2,
    ENGINECFG = 3,
    ENGINEHEUR = 4,
    EXECUTION_PLAN = 5,
    OPERATION_CONVOLUTION_FORWARD = 10,
    OPERATION_CONVOLUTION_BACKWARD_FILTER = 11,
    OPERATION_CONVOLUTION_BACKWARD_DATA = 12,
    OPERATION_POINTWISE = 13,
    OPERATIONGRAPH = 15,
    VARIANT_PACK = 16,
    TENSOR = 17,
    DEVICEPROP = 38,  // since 9.8
};

enum class Attribute : int {
    POINTWISE_MODE = 0,
    POINTWISE_MATH_PREC = 1,
    CONVOLUTION_COMP_TYPE = 100,
    CONVOLUTION_CONV_MODE = 101,
    CONVOLUTION_DILATIONS = 102,
    CONVOLUTION_FILTER_STRIDES = 103,
    CONVOLUTION_POST_PADDINGS = 104,
    CONVOLUTION_PRE_PADDINGS = 105,
    CONVOLUTION_SPATIAL_DIMS = 106,
    ENGINEHEUR_MODE = 200,
    ENGINEHEUR_OPERATION_GRAPH = 201,
    ENGINEHEUR_RESULTS = 202,
    ENGINEHEUR_DEVICEPROP = 204,
    ENGINECFG_ENGINE = 300,
    EXECUTION_PLAN_HANDLE = 400,
    EXECUTION_PLAN_ENGINE_CONFIG = 401,
    EXECUTION_PLAN_WORKSPACE_SIZE = 402,
    EXECUTION_PLAN_DEVICEPROP = 407,
    OPERATION_CONVOLUTION_FORWARD_ALPHA = 700,
    OPERATION_CONVOLUTION_FORWARD_BETA = 701,
    OPERATION_CONVOLUTION_FORWARD_CONV_DESC = 702,
    OPERATION_CONVOLUTION_FORWARD_W = 703,
    OPERATION_CONVOLUTION_FORWARD_X = 704,
    OPERATION_CONVOLUTION_FORWARD_Y = 705,
    OPERATION_CONVOLUTION_BWD_DATA_ALPHA = 706,
    OPERATION_CONVOLUTION_BWD_DATA_BETA = 707,
    OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC = 708,
    OPERATION_CONVOLUTION_BWD_DATA_W = 709,
    OPERATION_CONVOLUTION_BWD_DATA_DX = 710,
    OPERATION_CONVOLUTION_BWD_DATA_DY = 711,
    OPERATION_CONVOLUTION_BWD_FILTER_ALPHA = 712,
    OPERATION_CONVOLUTION_BWD_FILTER_BETA = 713,
    OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC = 714,
    OPERATION_CONVOLUTION_BWD_FILTER_DW = 715,
    OPERATION_CONVOLUTION_BWD_FILTER_X = 716,
    OPERATION_CONVOLUTION_BWD_FILTER_DY = 717,
    OPERATION_POINTWISE_PW_DESCRIPTOR = 750,
    OPERATION_POINTWISE_XDESC = 751,
    OPERATION_POINTWISE_BDESC = 752,
    OPERATION_POINTWISE_YDESC = 753,
    OPERATIONGRAPH_HANDLE = 800,
    OPERATIONGRAPH_OPS = 801,
    TENSOR_BYTE_ALIGNMENT = 900,
    TENSOR_DATA_TYPE = 901,
    TENSOR_DIMENSIONS = 902,
    TENSOR_STRIDES = 903,
    TENSOR_UNIQUE_ID = 906,
    TENSOR_IS_VIRTUAL = 907,
    VARIANT_PACK_UNIQUE_IDS = 1000,
    VARIANT_PACK_DATA_POINTERS = 1001,
    VARIANT_PACK_WORKSPACE = 1003,
    ENGINE_GLOBAL_INDEX = 1301,
    ENGINE_NUMERICAL_NOTE = 1303,
    DEVICEPROP_JSON_REPRESENTATION = 2702,
};

enum class AttributeType : int {
    HANDLE = 0,
    DATA_TYPE = 1,
    BOOLEAN = 2,
    INT64 = 3,
    FLOAT = 4,
    VOID_PTR = 6,
    CONVOLUTION_MODE = 7,
    HEUR_MODE = 8,
    NUMERICAL_NOTE = 11,
    POINTWISE_MODE = 14,
    BACKEND_DESCRIPTOR = 15,
    CHAR = 24,
};

enum class DataType : int { FLOAT = 0, BFLOAT16 = 9 };
enum class ConvolutionMode : int { CROSS_CORRELATION = 1 };
enum class PointwiseMode : int { ADD = 0 };
enum class HeurMode : int { FALLBACK = 2, A = 3 };
enum class NumericalNote : int {
    TENSOR_CORE = 0,
    DOWN_CONVERT_INPUTS = 1,
    REDUCED_PRECISION_REDUCTION = 2,
    FFT = 3,
    NONDETERMINISTIC = 4,
    WINOGRAD = 5,
    WINOGRAD_TILE_4x4 = 6,
    WINOGRAD_TILE_6x6 = 7,
    WINOGRAD_TILE_13x13 = 8,
    STRICT_NAN_PROP = 9,
};

// The functions, fetched from the opened library.
struct Functions {
    size_t (*get_version)();
    const char* (*get_error_string)(Status);
    void (*get_last_error_string)(char* text, size_t size);
    Status (*create)(Handle*);
    Status (*destroy)(Handle);
    Status (*set_stream)(Handle, kernels::Stream);
    Status (*create_descriptor)(DescriptorType, Descriptor*);
    Status (*destroy_descriptor)(Descriptor);
    Status (*finalize)(Descriptor);
    Status (*set_attribute)(Descriptor, Attribute, AttributeType, int64_t count, const void* elements);
    Status (*get_attribute)(Descriptor, Attribute, AttributeType, int64_t wanted, int64_t* count, void* elements);
    Status (*execute)(Handle, Descriptor plan, Descriptor variant_pack);
};

}  // namespace cmtl::cudnn_api
