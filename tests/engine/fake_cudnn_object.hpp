#pragma once
// Descriptors of the fake cuDNN: typed attributes, and the checks that the real one makes when it reads them.
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/gpu/cudnn_api.hpp"

namespace {

using namespace cmtl::cudnn_api;

int live = 0, created = 0;         // descriptors
std::map<const void*, int> users;  // of a handle

struct Refused : std::runtime_error {
    Refused(Status s, const std::string& text) : std::runtime_error(text), status(s) {}
    Status status;
};
void demand(bool holds, const std::string& what, Status status = 2000) {
    if (!holds) throw Refused(status, what);
}

size_t size_of(AttributeType t) {
    switch (t) {
        case AttributeType::BOOLEAN:
        case AttributeType::CHAR:
            return 1;
        case AttributeType::INT64:
            return 8;
        case AttributeType::HANDLE:
        case AttributeType::VOID_PTR:
        case AttributeType::BACKEND_DESCRIPTOR:
            return 8;
        default:
            return 4;
    }
}

struct Object {
    DescriptorType type;
    bool finalized = false;
    struct Value {
        AttributeType type;
        int64_t count;
        std::vector<char> bytes;
    };
    std::map<Attribute, Value> values;
    int64_t engine = -1;  // of an engine and its configuration

    const void* handle = nullptr;

    explicit Object(DescriptorType t) : type(t) { ++live, ++created; }
    ~Object() {
        --live;
        if (handle) --users[handle];
    }

    template <class T>
    std::vector<T> all(Attribute a, AttributeType t, int64_t count = 0) const {
        const auto found = values.find(a);
        demand(found != values.end(), "attribute " + std::to_string(int(a)) + " is missing", 2004);
        demand(found->second.type == t && sizeof(T) == size_of(t),
               "attribute " + std::to_string(int(a)) + " has another type", 2010);
        demand(!count || found->second.count == count, "attribute " + std::to_string(int(a)) + " has another count");
        std::vector<T> v(static_cast<size_t>(found->second.count));
        std::memcpy(v.data(), found->second.bytes.data(), found->second.bytes.size());
        return v;
    }
    template <class T>
    T one(Attribute a, AttributeType t) const {
        return all<T>(a, t, 1)[0];
    }
    bool has(Attribute a) const { return values.count(a) != 0; }
    Object& part(Attribute a, DescriptorType wanted) const {
        Object& o = *one<Object*>(a, AttributeType::BACKEND_DESCRIPTOR);
        demand(o.type == wanted && o.finalized,
               "attribute " + std::to_string(int(a)) + " wants a finalised descriptor of its type", 2004);
        return o;
    }
};

}  // namespace
