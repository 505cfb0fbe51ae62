#pragma once
// A vendor's library that is opened while the program runs: the program is never linked to it and does without where it
// is absent.
#include <initializer_list>
#include <string>

namespace cmtl {

class SharedLibrary {
  public:
    // Opens the file that the environment variable `variable` names, or else the first of `names` that the loader
    // finds. Never closed again: such libraries keep state of the driver's, which outlives whoever opened them.
    SharedLibrary(const char* variable, std::initializer_list<const char*> names);

    // Empty, or why the library cannot be used: the loader's own words, or the first function it lacks.
    const std::string& refusal() const { return refusal_; }

    // Points `function` at `symbol`; a symbol that is missing makes the library unusable.
    template <class Function>
    void resolve(Function*& function, const char* symbol) {
        function = reinterpret_cast<Function*>(find(symbol));
    }

  private:
    void* find(const char* symbol);
    void* handle_ = nullptr;
    std::string name_, refusal_;
};

// Whether the environment variable is set to something other than nothing and "0".
bool environment_switch(const char* variable);

}  // namespace cmtl
