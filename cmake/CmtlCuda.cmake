# The CUDA side of the kernels room: nvcc compiles kernels/*.cu, and kernels/cuda_runtime.cpp drives a GPU. Without a toolkit
# kernels/cuda_absent.cpp stands in.
#
# Commands of our own instead of CMake's CUDA language: nothing is probed at configure time, programs are linked by the host's
# compiler as ever, and what ptxas says of each kernel goes to a log beside the object, for tools/ptxas_budget.sh.

set(CMTL_CUDA_ARCHITECTURES "75;80;86;89;90;100;120" CACHE STRING
    "Compute capabilities to compile for; the last one is kept as PTX too, for GPUs to come")
option(CMTL_CUDART_SHARED "Link the CUDA runtime as a shared library and keep plain PTX only (for an interpreter of PTX)" OFF)

# cmtl_cuda_flags(OUT ARCHITECTURES...): the options that name them. 8.6 and 8.9 get their machine code from the PTX of 8.0: there is
# nothing in 8.6 that a kernel here asks for, and nvcc's front end, which is most of the time, runs twice less.
function(cmtl_cuda_flags out)
    set(ampere "")
    set(flags "")
    foreach(architecture ${ARGN})
        if(architecture MATCHES "^8" AND 80 IN_LIST ARGN)
            list(APPEND ampere sm_${architecture})
        else()
            list(APPEND flags -gencode=arch=compute_${architecture},code=sm_${architecture})
        endif()
    endforeach()
    if(ampere)
        list(JOIN ampere "," ampere)
        list(APPEND flags "-gencode=arch=compute_80,code=[${ampere}]")
    endif()
    list(GET ARGN -1 newest)
    list(APPEND flags -gencode=arch=compute_${newest},code=compute_${newest})
    set(${out} ${flags} PARENT_SCOPE)
endfunction()

# cmtl_cuda_objects(OUT): compiles every kernels/**.cu and lists the objects; beside each lies its .log.
function(cmtl_cuda_objects out)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernels/*.cu)
    if(CMTL_CUDART_SHARED)
        set(flags -arch=compute_80 -code=compute_80 -no-compress)
    else()
        cmtl_cuda_flags(flags ${CMTL_CUDA_ARCHITECTURES})
        if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 13)
            list(APPEND flags -compress-mode=size)  # an eighth of the size for a sixth more time
        endif()
    endif()
    list(APPEND flags -std=c++20 -O3 -lineinfo --expt-relaxed-constexpr --expt-extended-lambda --threads 2 -Xptxas -v
         -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-Wall,-Wextra -I${CMAKE_SOURCE_DIR})
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        list(APPEND flags -Xcompiler=-march=x86-64-v2)
    endif()
    if(CMTL_WERROR)
        list(APPEND flags -Werror all-warnings)
    endif()
    set(nvcc ${CUDAToolkit_NVCC_EXECUTABLE})
    if(CMTL_CCACHE)
        # By the list of dependencies, not by preprocessed text: that has no #if __CUDA_ARCH__ in it, so a change inside one would
        # be answered with the old object.
        set(nvcc ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 ${CMTL_CCACHE} ${nvcc})
    endif()
    set(objects "")
    set(logs "")
    foreach(source ${sources})
        set(stem ${CMAKE_BINARY_DIR}/cuda/${source})
        get_filename_component(folder ${stem} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(OUTPUT ${stem}.o
            COMMAND bash ${CMAKE_SOURCE_DIR}/cmake/nvcc_log.sh ${stem}.log
                    ${nvcc} ${flags} -MD -MF ${stem}.d -c ${CMAKE_SOURCE_DIR}/${source} -o ${stem}.o
            DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${CMAKE_SOURCE_DIR}/cmake/nvcc_log.sh
            DEPFILE ${stem}.d
            BYPRODUCTS ${stem}.log
            COMMENT "nvcc ${source}"
            VERBATIM)
        list(APPEND objects ${stem}.o)
        list(APPEND logs ${stem}.log)
    endforeach()
    file(GLOB_RECURSE old ${CMAKE_BINARY_DIR}/cuda/*.cu.log)  # of kernel files that are no more
    list(REMOVE_ITEM old ${logs})
    if(old)
        file(REMOVE ${old})
    endif()
    set(${out} ${objects} PARENT_SCOPE)
endfunction()

# cmtl_cuda(TARGET): gives the library of the kernels its CUDA side.
function(cmtl_cuda target)
    if(CMTL_HAVE_CUDA AND NOT CUDAToolkit_NVCC_EXECUTABLE)
        if(CMTL_CUDA STREQUAL "ON")
            message(FATAL_ERROR "CMTL_CUDA is ON and the CUDA toolkit at ${CUDAToolkit_LIBRARY_ROOT} has no nvcc")
        endif()
        set(CMTL_HAVE_CUDA OFF PARENT_SCOPE)
        set(CMTL_HAVE_CUDA OFF)
    endif()
    if(NOT CMTL_HAVE_CUDA)
        target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/kernels/cuda_absent.cpp)
        return()
    endif()
    cmtl_cuda_objects(objects)
    set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/kernels/cuda_runtime.cpp ${objects})
    target_compile_definitions(${target} PUBLIC CMTL_HAVE_CUDA_KERNELS=1)
    target_include_directories(${target} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
    if(CMTL_CUDART_SHARED)
        set(lowest 80)
        target_compile_definitions(${target} PRIVATE CMTL_CUDART_SHARED)
        target_link_libraries(${target} PRIVATE CUDA::cudart)
    else()
        list(GET CMTL_CUDA_ARCHITECTURES 0 lowest)
        target_link_libraries(${target} PRIVATE CUDA::cudart_static)
    endif()
    target_compile_definitions(${target} PRIVATE CMTL_CUDA_LOWEST=${lowest})
endfunction()

# Tests of what the compiler made of the kernels.
function(cmtl_cuda_tests)
    add_test(NAME kernels.ptxas_budget_finds_faults COMMAND bash ${CMAKE_SOURCE_DIR}/tests/kernels/ptxas_budget_test.sh)
    set_tests_properties(kernels.ptxas_budget_finds_faults PROPERTIES LABELS kernels TIMEOUT 60)
    if(CMTL_HAVE_CUDA AND NOT CMTL_CUDART_SHARED)
        add_test(NAME kernels.ptxas_budget COMMAND bash ${CMAKE_SOURCE_DIR}/tools/ptxas_budget.sh ${CMAKE_BINARY_DIR}
                 --toolkit ${CUDAToolkit_VERSION})
        set_tests_properties(kernels.ptxas_budget PROPERTIES LABELS kernels TIMEOUT 60)
    endif()
    if(CMTL_HAVE_CUDA AND CMTL_CUDART_SHARED)
        cmtl_ptx_tests()
    endif()
endfunction()

# What a CUDA runtime that interprets PTX on the CPU can run (tools/test.sh names it in LD_LIBRARY_PATH): the programs whose tests
# take a device, and, under the label ptx, the CUDA runtime's own tests and those of every kernel.
function(cmtl_ptx_tests)
    add_custom_target(cmtl_ptx_tests)
    foreach(program test_kernels test_operators test_nets)
        if(TARGET ${program})
            add_dependencies(cmtl_ptx_tests ${program})
        endif()
    endforeach()
    if(TARGET test_kernels)
        add_test(NAME kernels.ptx COMMAND test_kernels "--gtest_filter=CudaRuntime.*:OnGpu.*:*/1.*")
        set_tests_properties(kernels.ptx PROPERTIES LABELS ptx TIMEOUT 900)
    endif()
endfunction()
