// cuDNN's graph interface played on the CPU, as a library to be opened: a convolution is computed in double from
// nothing but the dims, strides and paddings that it was described with. Stricter than the real one: attributes must be
// complete, of their documented type, and set before an object is finalised. Offers engines for every reason to pass
// one over.
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/dtype.hpp"
#include "tests/engine/fake_cudnn_object.hpp"

using namespace cmtl::cudnn_api;

namespace {

std::string last_error;

struct Tensor {
    int64_t id;
    DataType type;
    std::vector<int64_t> dims, strides;
    bool is_virtual;
    explicit Tensor(const Object& o)
        : id(o.one<int64_t>(Attribute::TENSOR_UNIQUE_ID, AttributeType::INT64)),
          type(o.one<DataType>(Attribute::TENSOR_DATA_TYPE, AttributeType::DATA_TYPE)),
          dims(o.all<int64_t>(Attribute::TENSOR_DIMENSIONS, AttributeType::INT64, 5)),
          strides(o.all<int64_t>(Attribute::TENSOR_STRIDES, AttributeType::INT64, 5)),
          is_virtual(o.has(Attribute::TENSOR_IS_VIRTUAL) &&
                     o.one<char>(Attribute::TENSOR_IS_VIRTUAL, AttributeType::BOOLEAN)) {}
};

// Values of a tensor on their way, by (n, c, d, h, w).
struct Values {
    std::vector<int64_t> dims;
    std::vector<double> v;
    explicit Values(std::vector<int64_t> d)
        : dims(std::move(d)), v(static_cast<size_t>(dims[0] * dims[1] * dims[2] * dims[3] * dims[4])) {}
    double& at(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e) {
        return v[static_cast<size_t>((((a * dims[1] + b) * dims[2] + c) * dims[3] + d) * dims[4] + e)];
    }
    void each(const std::function<void(double&, const int64_t*)>& visit) {
        int64_t i[5];
        for (i[0] = 0; i[0] < dims[0]; ++i[0])
            for (i[1] = 0; i[1] < dims[1]; ++i[1])
                for (i[2] = 0; i[2] < dims[2]; ++i[2])
                    for (i[3] = 0; i[3] < dims[3]; ++i[3])
                        for (i[4] = 0; i[4] < dims[4]; ++i[4]) visit(at(i[0], i[1], i[2], i[3], i[4]), i);
    }
};

int64_t offset(const Tensor& t, const int64_t* i) {
    int64_t at = 0;
    for (size_t a = 0; a < 5; ++a) at += i[a] * t.strides[a];
    return at;
}
Values load(const Tensor& t, const void* p) {
    Values r(t.dims);
    r.each([&](double& v, const int64_t* i) {
        v = t.type == DataType::FLOAT ? double(static_cast<const float*>(p)[offset(t, i)])
                                      : double(float(static_cast<const cmtl::Bf16*>(p)[offset(t, i)]));
    });
    return r;
}
void store(const Tensor& t, Values& r, void* p) {
    r.each([&](double& v, const int64_t* i) {
        if (t.type == DataType::FLOAT)
            static_cast<float*>(p)[offset(t, i)] = float(v);
        else
            static_cast<cmtl::Bf16*>(p)[offset(t, i)] = cmtl::Bf16(float(v));
    });
}

// The operation's tensors and what is written.
struct Names {
    Attribute x, weight, y, shape, alpha, beta;
};
Names names_of(DescriptorType type) {
    using A = Attribute;
    switch (type) {
        case DescriptorType::OPERATION_CONVOLUTION_FORWARD:
            return {A::OPERATION_CONVOLUTION_FORWARD_X,     A::OPERATION_CONVOLUTION_FORWARD_W,
                    A::OPERATION_CONVOLUTION_FORWARD_Y,     A::OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    A::OPERATION_CONVOLUTION_FORWARD_ALPHA, A::OPERATION_CONVOLUTION_FORWARD_BETA};
        case DescriptorType::OPERATION_CONVOLUTION_BACKWARD_DATA:
            return {A::OPERATION_CONVOLUTION_BWD_DATA_DX,    A::OPERATION_CONVOLUTION_BWD_DATA_W,
                    A::OPERATION_CONVOLUTION_BWD_DATA_DY,    A::OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                    A::OPERATION_CONVOLUTION_BWD_DATA_ALPHA, A::OPERATION_CONVOLUTION_BWD_DATA_BETA};
        default:
            return {A::OPERATION_CONVOLUTION_BWD_FILTER_X,     A::OPERATION_CONVOLUTION_BWD_FILTER_DW,
                    A::OPERATION_CONVOLUTION_BWD_FILTER_DY,    A::OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                    A::OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, A::OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    }
}

struct Convolution {
    Tensor x, weight, y;
    std::vector<int64_t> stride, pre, post, dilation;
    Convolution(const Object& o, const Names& n)
        : x(o.part(n.x, DescriptorType::TENSOR)),
          weight(o.part(n.weight, DescriptorType::TENSOR)),
          y(o.part(n.y, DescriptorType::TENSOR)) {
        const Object& shape = o.part(n.shape, DescriptorType::CONVOLUTION);
        const auto three = [&](Attribute a) { return shape.all<int64_t>(a, AttributeType::INT64, 3); };
        stride = three(Attribute::CONVOLUTION_FILTER_STRIDES);
        pre = three(Attribute::CONVOLUTION_PRE_PADDINGS);
        post = three(Attribute::CONVOLUTION_POST_PADDINGS);
        dilation = three(Attribute::CONVOLUTION_DILATIONS);
        demand(shape.one<int64_t>(Attribute::CONVOLUTION_SPATIAL_DIMS, AttributeType::INT64) == 3,
               "three spatial dims");
        demand(shape.one<ConvolutionMode>(Attribute::CONVOLUTION_CONV_MODE, AttributeType::CONVOLUTION_MODE) ==
                   ConvolutionMode::CROSS_CORRELATION,
               "cross-correlation");
        demand(shape.one<DataType>(Attribute::CONVOLUTION_COMP_TYPE, AttributeType::DATA_TYPE) == DataType::FLOAT,
               "sums in f32");
        demand(o.one<float>(n.alpha, AttributeType::FLOAT) == 1 && o.one<float>(n.beta, AttributeType::FLOAT) == 0,
               "alpha 1, beta 0");
        demand(x.dims[0] == y.dims[0] && x.dims[1] == weight.dims[1] && y.dims[1] == weight.dims[0], "shapes differ",
               2008);
        for (size_t a = 0; a < 3; ++a)
            demand(y.dims[a + 2] ==
                       (x.dims[a + 2] + pre[a] + post[a] - dilation[a] * (weight.dims[a + 2] - 1) - 1) / stride[a] + 1,
                   "result's size", 2008);
    }
    // Every product of the definition: (position of y, tap of weight, position of x).
    void each(const std::function<void(const int64_t*, const int64_t*, const int64_t*)>& visit) const {
        Values taps(weight.dims), positions({y.dims[0], 1, y.dims[2], y.dims[3], y.dims[4]});
        positions.each([&](double&, const int64_t* p) {
            taps.each([&](double&, const int64_t* t) {
                int64_t from[5] = {p[0], t[1], 0, 0, 0};
                const int64_t to[5] = {p[0], t[0], p[2], p[3], p[4]};
                for (size_t a = 0; a < 3; ++a) {
                    from[a + 2] = p[a + 2] * stride[a] - pre[a] + t[a + 2] * dilation[a];
                    if (from[a + 2] < 0 || from[a + 2] >= x.dims[a + 2]) return;
                }
                visit(to, t, from);
            });
        });
    }
};

bool is_convolution(DescriptorType t) {
    return t >= DescriptorType::OPERATION_CONVOLUTION_FORWARD &&
           t <= DescriptorType::OPERATION_CONVOLUTION_BACKWARD_DATA;
}

struct Engine {
    int64_t index;
    std::vector<NumericalNote> notes;
    int64_t workspace;
};
const std::vector<Engine> engines{{0, {NumericalNote::STRICT_NAN_PROP}, 0},
                                  {1, {NumericalNote::NONDETERMINISTIC}, 0},
                                  {2, {}, 0},  // takes no problem when it comes to it
                                  {3, {}, int64_t{2} << 30},
                                  {4, {NumericalNote::TENSOR_CORE}, 4096},
                                  {5, {}, 512}};

void run(const Object& plan, const Object& pack) {
    const Object& configuration = plan.part(Attribute::EXECUTION_PLAN_ENGINE_CONFIG, DescriptorType::ENGINECFG);
    const auto ids = pack.all<int64_t>(Attribute::VARIANT_PACK_UNIQUE_IDS, AttributeType::INT64);
    const auto pointers =
        pack.all<void*>(Attribute::VARIANT_PACK_DATA_POINTERS, AttributeType::VOID_PTR, int64_t(ids.size()));
    const auto workspace =
        static_cast<char*>(pack.one<void*>(Attribute::VARIANT_PACK_WORKSPACE, AttributeType::VOID_PTR));
    std::memset(workspace, 0xFF, static_cast<size_t>(engines[static_cast<size_t>(configuration.engine)].workspace));
    const auto memory = [&](const Tensor& t) {
        demand(!t.is_virtual, "a virtual tensor has no memory");
        for (size_t i = 0; i < ids.size(); ++i)
            if (ids[i] == t.id) {
                demand(reinterpret_cast<uintptr_t>(pointers[i]) % 16 == 0, "misaligned", 2003);
                return pointers[i];
            }
        throw Refused(2000, "no pointer for tensor " + std::to_string(t.id));
    };
    const Object& graph =
        *configuration.one<Object*>(Attribute::ENGINEHEUR_OPERATION_GRAPH, AttributeType::BACKEND_DESCRIPTOR);
    std::map<int64_t, Values> on_the_way;
    const auto read = [&](const Tensor& t) { return t.is_virtual ? on_the_way.at(t.id) : load(t, memory(t)); };
    const auto write = [&](const Tensor& t, Values& v) {
        if (t.is_virtual)
            on_the_way.emplace(t.id, v);
        else
            store(t, v, memory(t));
    };
    for (Object* op : graph.all<Object*>(Attribute::OPERATIONGRAPH_OPS, AttributeType::BACKEND_DESCRIPTOR)) {
        if (is_convolution(op->type)) {
            const Convolution c(*op, names_of(op->type));
            const auto of = [](Values& v, const int64_t* i) -> double& { return v.at(i[0], i[1], i[2], i[3], i[4]); };
            if (op->type == DescriptorType::OPERATION_CONVOLUTION_FORWARD) {
                Values x = read(c.x), w = read(c.weight), y(c.y.dims);
                c.each([&](const int64_t* to, const int64_t* t, const int64_t* from) {
                    of(y, to) += of(x, from) * of(w, t);
                });
                write(c.y, y);
            } else if (op->type == DescriptorType::OPERATION_CONVOLUTION_BACKWARD_DATA) {
                Values dy = read(c.y), w = read(c.weight), dx(c.x.dims);
                c.each([&](const int64_t* to, const int64_t* t, const int64_t* from) {
                    of(dx, from) += of(dy, to) * of(w, t);
                });
                write(c.x, dx);
            } else {
                Values dy = read(c.y), x = read(c.x), dw(c.weight.dims);
                c.each([&](const int64_t* to, const int64_t* t, const int64_t* from) {
                    of(dw, t) += of(dy, to) * of(x, from);
                });
                write(c.weight, dw);
            }
        } else {
            const Tensor from(op->part(Attribute::OPERATION_POINTWISE_XDESC, DescriptorType::TENSOR)),
                bias(op->part(Attribute::OPERATION_POINTWISE_BDESC, DescriptorType::TENSOR)),
                to(op->part(Attribute::OPERATION_POINTWISE_YDESC, DescriptorType::TENSOR));
            Values sum = read(from), added = read(bias);
            sum.each([&](double& v, const int64_t* i) {
                int64_t b[5];
                for (size_t a = 0; a < 5; ++a) b[a] = bias.dims[a] == 1 ? 0 : i[a];
                v += added.at(b[0], b[1], b[2], b[3], b[4]);
            });
            write(to, sum);
        }
    }
}

void check_final(const Object& o) {
    switch (o.type) {
        case DescriptorType::TENSOR:
            Tensor{o};
            demand(o.one<int64_t>(Attribute::TENSOR_BYTE_ALIGNMENT, AttributeType::INT64) == 16, "alignment");
            break;
        case DescriptorType::OPERATION_CONVOLUTION_FORWARD:
        case DescriptorType::OPERATION_CONVOLUTION_BACKWARD_DATA:
        case DescriptorType::OPERATION_CONVOLUTION_BACKWARD_FILTER:
            Convolution(o, names_of(o.type));
            break;
        case DescriptorType::POINTWISE:
            demand(o.one<PointwiseMode>(Attribute::POINTWISE_MODE, AttributeType::POINTWISE_MODE) == PointwiseMode::ADD,
                   "addition only");
            demand(o.one<DataType>(Attribute::POINTWISE_MATH_PREC, AttributeType::DATA_TYPE) == DataType::FLOAT,
                   "sums in f32");
            break;
        case DescriptorType::OPERATION_POINTWISE:
            o.part(Attribute::OPERATION_POINTWISE_PW_DESCRIPTOR, DescriptorType::POINTWISE);
            break;
        case DescriptorType::OPERATIONGRAPH:
            o.one<void*>(Attribute::OPERATIONGRAPH_HANDLE, AttributeType::HANDLE);
            for (Object* op : o.all<Object*>(Attribute::OPERATIONGRAPH_OPS, AttributeType::BACKEND_DESCRIPTOR))
                demand(op->finalized, "operation", 2004);
            break;
        case DescriptorType::ENGINEHEUR:
            o.one<HeurMode>(Attribute::ENGINEHEUR_MODE, AttributeType::HEUR_MODE);
            o.part(Attribute::ENGINEHEUR_OPERATION_GRAPH, DescriptorType::OPERATIONGRAPH);
            break;
        case DescriptorType::EXECUTION_PLAN:
            o.one<void*>(Attribute::EXECUTION_PLAN_HANDLE, AttributeType::HANDLE);
            demand(o.part(Attribute::EXECUTION_PLAN_ENGINE_CONFIG, DescriptorType::ENGINECFG).engine != 2,
                   "engine 2 takes no problem", 3000);
            break;
        default:
            break;
    }
}

template <class Call>
Status guarded(Call&& call) {
    try {
        call();
        last_error.clear();
        return 0;
    } catch (const Refused& r) {
        last_error = r.what();
        return r.status;
    } catch (const std::exception& e) {
        last_error = e.what();
        return 4000;
    }
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() { return 90100; }
const char* cudnnGetErrorString(Status) { return "FAKE_STATUS"; }
void cudnnGetLastErrorString(char* text, size_t size) {
    std::strncpy(text, last_error.c_str(), size - 1);
    text[size - 1] = 0;
}
Status cudnnCreate(Handle* h) { return *h = reinterpret_cast<Handle>(new char), 0; }
Status cudnnDestroy(Handle h) {
    live += users[h];  // graphs and plans that outlive their handle are never forgiven
    delete reinterpret_cast<char*>(h);
    return 0;
}
Status cudnnSetStream(Handle, cmtl::kernels::Stream stream) { return stream ? 0 : 2000; }
Status cudnnBackendCreateDescriptor(DescriptorType type, Descriptor* d) { return *d = new Object(type), 0; }
Status cudnnBackendDestroyDescriptor(Descriptor d) { return delete static_cast<Object*>(d), 0; }
Status cudnnBackendFinalize(Descriptor d) {
    return guarded([&] {
        check_final(*static_cast<Object*>(d));
        static_cast<Object*>(d)->finalized = true;
    });
}
Status cudnnBackendSetAttribute(Descriptor d, Attribute a, AttributeType t, int64_t count, const void* elements) {
    return guarded([&] {
        Object& o = *static_cast<Object*>(d);
        demand(!o.finalized, "already finalised");
        const auto* bytes = static_cast<const char*>(elements);
        if (t == AttributeType::HANDLE) ++users[o.handle = *static_cast<void* const*>(elements)];
        o.values[a] = {t, count, {bytes, bytes + static_cast<size_t>(count) * size_of(t)}};
    });
}
Status cudnnBackendGetAttribute(Descriptor d, Attribute a, AttributeType t, int64_t wanted, int64_t* count,
                                void* elements) {
    return guarded([&] {
        Object& o = *static_cast<Object*>(d);
        if (a == Attribute::ENGINEHEUR_RESULTS) {
            demand(t == AttributeType::BACKEND_DESCRIPTOR, "type", 2010);
            const HeurMode mode = o.one<HeurMode>(Attribute::ENGINEHEUR_MODE, AttributeType::HEUR_MODE);
            const std::vector<int64_t> offered =
                mode == HeurMode::A ? std::vector<int64_t>{1, 2, 3, 4, 5} : std::vector<int64_t>{0};
            *count = static_cast<int64_t>(offered.size());
            if (!wanted) {
                ++*count;  // the real one announces more than it hands out
                return;
            }
            for (size_t i = 0; i < offered.size(); ++i) {
                Object& configuration = *static_cast<Object**>(elements)[i];
                configuration.engine = offered[i];
                configuration.finalized = true;
                configuration.values[Attribute::ENGINEHEUR_OPERATION_GRAPH] =
                    o.values.at(Attribute::ENGINEHEUR_OPERATION_GRAPH);
            }
        } else if (a == Attribute::ENGINECFG_ENGINE) {
            (*static_cast<Object**>(elements))->engine = o.engine;
            *count = 1;
        } else if (a == Attribute::ENGINE_GLOBAL_INDEX) {
            demand(t == AttributeType::INT64, "type", 2010);
            *static_cast<int64_t*>(elements) = o.engine;
            *count = 1;
        } else if (a == Attribute::ENGINE_NUMERICAL_NOTE) {
            const auto& notes = engines[static_cast<size_t>(o.engine)].notes;
            demand(wanted >= int64_t(notes.size()), "room");
            for (size_t i = 0; i < notes.size(); ++i) static_cast<NumericalNote*>(elements)[i] = notes[i];
            *count = static_cast<int64_t>(notes.size());
        } else if (a == Attribute::EXECUTION_PLAN_WORKSPACE_SIZE) {
            const Object& configuration = o.part(Attribute::EXECUTION_PLAN_ENGINE_CONFIG, DescriptorType::ENGINECFG);
            *static_cast<int64_t*>(elements) = engines[static_cast<size_t>(configuration.engine)].workspace;
            *count = 1;
        } else {
            demand(false, "no such attribute");
        }
    });
}
Status cudnnBackendExecute(Handle, Descriptor plan, Descriptor pack) {
    return guarded([&] {
        demand(static_cast<Object*>(plan)->finalized && static_cast<Object*>(pack)->finalized, "not finalised", 2004);
        run(*static_cast<Object*>(plan), *static_cast<Object*>(pack));
    });
}
// How many descriptors were not destroyed yet, and how many there ever were.
int fake_cudnn_live() { return live; }
int fake_cudnn_created() { return created; }
}
