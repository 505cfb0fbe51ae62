#pragma once
#include <cstdlib>
#include <optional>
#include <string>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CMTL_LEAKS_ARE_FOUND
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CMTL_LEAKS_ARE_FOUND
#endif
#ifdef CMTL_LEAKS_ARE_FOUND
#include <sanitizer/lsan_interface.h>
#endif

namespace cmtl {

// Leaks while this object lives are not ours: what NVIDIA's libraries never free where they find no GPU.
#ifdef CMTL_LEAKS_ARE_FOUND
using ForeignLeaks = __lsan::ScopedDisabler;
#else
struct ForeignLeaks {
    ForeignLeaks() {}
};
#endif

// An environment variable set for the life of this object.
class Environment {
  public:
    Environment(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value, 1);
    }
    ~Environment() {
        if (before_)
            setenv(name_, before_->c_str(), 1);
        else
            unsetenv(name_);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    const char* name_;
    std::optional<std::string> before_;
};

}  // namespace cmtl
