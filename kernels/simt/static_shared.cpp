#include "kernels/simt/static_shared.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

namespace cmtl::kernels::simt {
namespace {

struct Module {
    std::string file;
    unsigned char* thread_local_base = nullptr;
};

// The program or library that this code is in.
Module this_module() {
    Module found;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* result) {
            const auto here = reinterpret_cast<ElfW(Addr)>(&this_module);
            for (int i = 0; i < info->dlpi_phnum; i++) {
                const auto& segment = info->dlpi_phdr[i];
                const ElfW(Addr) begin = info->dlpi_addr + segment.p_vaddr;
                if (segment.p_type != PT_LOAD || here < begin || here >= begin + segment.p_memsz) continue;
                auto& module = *static_cast<Module*>(result);
                module.file = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
                module.thread_local_base = static_cast<unsigned char*>(info->dlpi_tls_data);
                return 1;
            }
            return 0;
        },
        &found);
    return found;
}

template <class T>
bool read(std::ifstream& file, uint64_t offset, T* target, size_t count) {
    file.seekg(static_cast<std::streamoff>(offset));
    return static_cast<bool>(
        file.read(reinterpret_cast<char*>(target), static_cast<std::streamsize>(count * sizeof(T))));
}

std::vector<SharedVariable> read_symbols() {
    std::vector<SharedVariable> variables;
    std::ifstream file(this_module().file, std::ios::binary);
    ElfW(Ehdr) header;
    if (!file || !read(file, 0, &header, 1) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return variables;
    std::vector<ElfW(Shdr)> sections(header.e_shnum);
    if (!read(file, header.e_shoff, sections.data(), sections.size())) return variables;
    for (const auto& section : sections) {
        if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
        const auto& strings = sections[section.sh_link];
        std::vector<ElfW(Sym)> symbols(section.sh_size / sizeof(ElfW(Sym)));
        std::vector<char> names(strings.sh_size + 1);
        if (!read(file, section.sh_offset, symbols.data(), symbols.size()) ||
            !read(file, strings.sh_offset, names.data(), strings.sh_size))
            return {};
        for (const auto& symbol : symbols) {
            if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF ||
                symbol.st_name >= strings.sh_size)
                continue;
            const std::string_view name = &names[symbol.st_name];
            if (name.starts_with("_ZZN4cmtl7kernels7on_simt"))
                variables.push_back({std::string(name), symbol.st_value, symbol.st_size});
        }
    }
    std::sort(variables.begin(), variables.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    return variables;
}

}  // namespace

const std::vector<SharedVariable>& shared_variables() {
    static const std::vector<SharedVariable> variables = read_symbols();
    return variables;
}

unsigned char* static_shared_base() {
    static thread_local constinit unsigned char* base = nullptr;
    if (!base) base = this_module().thread_local_base;
    return base;
}

}  // namespace cmtl::kernels::simt
