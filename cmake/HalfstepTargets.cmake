# Compiler settings that every target shares, and where programs and plug-ins are put.
# Programs go to build/<preset>/bin, plug-ins to build/<preset>/lib/halfstep/plugins: the same tree
# relative to the prefix when installed.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(HALFSTEP_PLUGIN_DIR "${CMAKE_BINARY_DIR}/lib/halfstep/plugins")
set(HALFSTEP_INSTALL_PLUGIN_DIR "lib/halfstep/plugins")
set(CMAKE_INSTALL_LIBDIR "lib")

# What was compiled before, in this checkout or another, is not compiled again where ccache is installed.
find_program(HALFSTEP_CCACHE ccache)
if(HALFSTEP_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros "${HALFSTEP_CCACHE}")
endif()

# What a person runs: both programs and their plug-ins, without tests and benchmarks.
add_custom_target(halfstep_programs)

# Linked by every target of this project.
add_library(halfstep_settings INTERFACE)
target_compile_features(halfstep_settings INTERFACE cxx_std_20)
target_include_directories(halfstep_settings INTERFACE "${CMAKE_SOURCE_DIR}")
# -ffp-contract=off: a fused multiply-add rounds once where the specification rounds twice, and codes change.
target_compile_options(halfstep_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
                                                   -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The compiler's own rubbish stays where it lies up to 1 GB: a tenth of the time where much is instantiated.
  target_compile_options(halfstep_settings INTERFACE --param=ggc-min-heapsize=1048576)
endif()
if(HALFSTEP_ASSERTIONS)
  target_compile_options(halfstep_settings INTERFACE -UNDEBUG -D_GLIBCXX_ASSERTIONS)
endif()
if(HALFSTEP_SANITIZE)
  # -O1 -g1 compile in half the time of -O2 -g, and still give lines in reports.
  target_compile_options(halfstep_settings INTERFACE -fsanitize=${HALFSTEP_SANITIZE} -O1 -g1 -fno-omit-frame-pointer
                                                     -fno-sanitize-recover=all)
  target_link_options(halfstep_settings INTERFACE -fsanitize=${HALFSTEP_SANITIZE})
endif()
if(HALFSTEP_SANITIZE MATCHES "address")
  # Half of the time again: without what the address sanitizer finds too (null, object-size, vptr, pointer-overflow)
  # and what x86-64 and ARM allow (alignment), and with its checks as calls.
  target_compile_options(halfstep_settings INTERFACE -fno-sanitize=null,object-size,vptr,pointer-overflow,alignment
                                                     --param=asan-instrumentation-with-call-threshold=0)
endif()

# halfstep_precompile(TARGET HEADERS… | REUSE target): reads these headers, none of the project's own, and the standard
# library's once for the whole target; or has those of another target of the same settings. A source that forgets to
# include what it uses passes here, and fails with -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON.
function(halfstep_precompile target)
  cmake_parse_arguments(HEADERS "" "REUSE" "" ${ARGN})
  if(HEADERS_REUSE)
    target_precompile_headers(${target} REUSE_FROM ${HEADERS_REUSE})
  else()
    target_precompile_headers(${target} PRIVATE
      ${HEADERS_UNPARSED_ARGUMENTS} <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory>
      <numeric> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
  endif()
  target_compile_options(${target} PRIVATE -fpch-preprocess) # what ccache needs
endfunction()

# halfstep_join(TARGET [FOLDER folder…]): compiles the target's sources, or only those of these folders of it, several
# at a time, where HALFSTEP_JOIN is on. Half of the time for a build from nothing; a change compiles its neighbours too.
function(halfstep_join target)
  if(NOT HALFSTEP_JOIN)
    return()
  endif()
  cmake_parse_arguments(JOIN "" "" "FOLDERS" ${ARGN})
  set(at_once 6)
  if(NOT JOIN_FOLDERS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${at_once})
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(folder ${JOIN_FOLDERS})
    set(count 0)
    foreach(source ${sources})
      if(source MATCHES "^${folder}/[a-z0-9_]+\\.cpp$")
        math(EXPR group "${count} / ${at_once}")
        math(EXPR count "${count} + 1")
        string(REPLACE "/" "_" name "${folder}_${group}")
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${name}")
      endif()
    endforeach()
  endforeach()
endfunction()

# halfstep_plugin(NAME SOURCES... [FOLDER dir]): a loadable module in the plug-in folder, installed; with FOLDER a
# module in that folder, not installed (the template, the tests' own). Sources are added with target_sources
# because qt_add_plugin of Qt 6.4 ignores them.
function(halfstep_plugin name)
  cmake_parse_arguments(PLUGIN "" "FOLDER" "" ${ARGN})
  add_library(${name} MODULE)
  target_sources(${name} PRIVATE ${PLUGIN_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES
    AUTOMOC ON
    DEFINE_SYMBOL "" # a macro of their own would keep them from sharing precompiled headers
    PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY "${HALFSTEP_PLUGIN_DIR}"
    INSTALL_RPATH "$ORIGIN/../..")
  target_link_libraries(${name} PRIVATE halfstep_settings halfstep_plugin_api)
  if(PLUGIN_FOLDER)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PLUGIN_FOLDER}")
  else()
    install(TARGETS ${name} LIBRARY DESTINATION "${HALFSTEP_INSTALL_PLUGIN_DIR}")
    add_dependencies(halfstep_programs ${name})
  endif()
endfunction()
