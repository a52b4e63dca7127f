# How every tensorwright distribution builds its C++.
#
# tensor-core reads this file from the repository (or from its own sdist) and installs it in its wheel; every other
# distribution gets it with find_package(tensorwright), so no other sdist needs a copy.
include_guard(GLOBAL)

option(TW_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(TW_BUILD_TESTS "Build the C++ tests" OFF)
option(TW_WERROR "Treat compiler warnings as errors" OFF)

# Isolated builds start from an empty folder each time; ccache, where it is installed, remembers for them.
find_program(TW_CCACHE ccache)
if(TW_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${TW_CCACHE}")
endif()

# Flags shared by all our targets. No fast-math and no contraction: a kernel computes the same bits on every
# instruction set, so an FMA happens exactly where the source says fma().
function(tensorwright_compile_options target)
  target_compile_features(${target} PRIVATE cxx_std_17)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    INTERPROCEDURAL_OPTIMIZATION OFF)
  # -O2 and asserts off, whatever the build type adds: -O3 doubles the compile time of the kernels for no gain.
  target_compile_options(${target} PRIVATE -O2 -ffp-contract=off -fno-math-errno -fno-semantic-interposition
    -Wall -Wextra -Wno-psabi $<$<BOOL:${TW_WERROR}>:-Werror>)
  if(TW_SANITIZE)
    target_compile_options(${target} PRIVATE -O1 -g -fno-omit-frame-pointer
      -fsanitize=address,undefined -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  else()
    # --gc-sections and --strip-debug keep the wheel small.
    target_link_options(${target} PRIVATE -Wl,--gc-sections -Wl,--strip-debug)
  endif()
endfunction()

# Let the shared library export that one symbol and nothing else, or with ARGN, a pattern of C++ names, those of them that
# TW_EXPORT marks: templates of std:: are visible by default, and another library's copies of them must not be mixed with ours.
function(tensorwright_export_only target symbol)
  if(APPLE)
    if(NOT ARGN AND NOT symbol MATCHES ";")
      target_link_options(${target} PRIVATE "-Wl,-exported_symbol,_${symbol}")
    endif()
  else()
    set(map "${CMAKE_CURRENT_BINARY_DIR}/${target}.map")
    set(pattern "")
    if(ARGN)
      set(pattern "extern \"C++\" { ${ARGN}; };")
    endif()
    file(CONFIGURE OUTPUT "${map}" CONTENT "{ global: ${symbol}; ${pattern} local: *; };\n")
    target_link_options(${target} PRIVATE "-Wl,--version-script=${map}")
  endif()
endfunction()

# Compile `SOURCES` once per instruction set into object libraries, and append their names to `result`.
# Each copy lives in its own namespace, TW_ISA_NS, and must not instantiate anything shared (std:: templates, inline
# functions of other headers): the linker would keep one copy for all, perhaps the one this machine cannot run.
function(tensorwright_add_isa_libraries result prefix)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;INCLUDES")
  set(isas baseline)
  set(baseline_flags TW_VBYTES=16)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND isas avx2 avx512)
    set(baseline_options -Os)  # for machines made before 2013; everyone carries it
    set(avx2_options -mavx2 -mfma -mf16c)
    set(avx512_options -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl)
    set(avx2_flags TW_VBYTES=32)
    set(avx512_flags TW_VBYTES=64)
  endif()
  set(targets)
  foreach(isa IN LISTS isas)
    set(target ${prefix}_${isa})
    add_library(${target} OBJECT ${arg_SOURCES})
    tensorwright_compile_options(${target})
    target_compile_definitions(${target} PRIVATE TW_ISA_NS=${isa} TW_ISA_${isa}=1 ${${isa}_flags})
    target_compile_options(${target} PRIVATE ${${isa}_options})
    if(TW_SANITIZE)  # poisoning the scopes of unrolled kernels takes minutes to compile; their pointers are checked
      target_compile_options(${target} PRIVATE -fno-sanitize-address-use-after-scope)
    else()  # kernels call nothing that throws, so nothing is unwound through them: their tables take a quarter of a megabyte
      target_compile_options(${target} PRIVATE -fno-exceptions -fno-asynchronous-unwind-tables)
    endif()
    target_include_directories(${target} PRIVATE ${arg_INCLUDES})
    list(APPEND targets ${target})
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()

# Run the code generator at configure time: which files it writes depends on the facets, and it is quick. It leaves
# files whose text has not changed alone, so an edit of one facet recompiles only what that facet reaches.
function(tensorwright_run_codegen)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "ARGS;DEPENDS")
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m tensorwright_codegen ${arg_ARGS}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "tensorwright_codegen failed; its message stands above")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_DEPENDS})
endfunction()

# A library that speaks only the C ABI, in tensorwright/_lib: one wheel per platform, whatever the Python. EXPORTS is a
# pattern of further C symbols that it offers.
function(tensorwright_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORTS" "SOURCES;INCLUDES")
  add_library(${name} SHARED ${arg_SOURCES})
  tensorwright_compile_options(${name})
  target_include_directories(${name} PRIVATE ${arg_INCLUDES})
  target_link_libraries(${name} PRIVATE tensorwright::headers)
  if(arg_EXPORTS)
    tensorwright_export_only(${name} "tw_plugin_entry_1; ${arg_EXPORTS}")
  else()
    tensorwright_export_only(${name} tw_plugin_entry_1)
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION tensorwright/_lib RUNTIME DESTINATION tensorwright/_lib)
endfunction()
