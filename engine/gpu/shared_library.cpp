#include "engine/gpu/shared_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace cmtl {

SharedLibrary::SharedLibrary(const char* variable, std::initializer_list<const char*> names) {
    const auto open = [&](const char* name) {
        handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (handle_) {
            name_ = name;
            refusal_.clear();
        } else {
            const char* reason = dlerror();
            refusal_ += fmt::format("{}{}", refusal_.empty() ? "" : "; ", reason ? reason : name);
        }
        return handle_ != nullptr;
    };
    if (const char* chosen = std::getenv(variable); chosen && *chosen) {
        if (!open(chosen)) refusal_ += fmt::format(" ({} asks for it)", variable);
        return;
    }
    for (const char* name : names)
        if (open(name)) return;
}

void* SharedLibrary::find(const char* symbol) {
    if (!refusal_.empty()) return nullptr;
    void* found = dlsym(handle_, symbol);
    if (!found) refusal_ = fmt::format("{} has no {}", name_, symbol);
    return found;
}

bool environment_switch(const char* variable) {
    const char* value = std::getenv(variable);
    return value && *value && std::string_view(value) != "0";
}

}  // namespace cmtl
