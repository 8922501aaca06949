# Everything the rooms share: language level, warnings, sanitizers, the compiled part of Asio and Beast, and the
# functions by which a room declares its library or its tests.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the clone, so that a second clone or worktree finds what the first has compiled.
  # The sloppiness is what ccache asks for before it takes files that use precompiled headers. Without CCACHE_DEPEND each
  # file that it does not know would be preprocessed twice, a tenth of the time.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)

add_library(holdfast_options INTERFACE)
target_compile_options(holdfast_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++'s own stable_sort() uses what it calls deprecated.
  target_compile_options(holdfast_options INTERFACE -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialized and null values in its own coroutine frames and in inlined Asio, and takes the frame
  # allocator of Asio's coroutines, once inlined, for a mismatched pair; and it takes a std::string put together of
  # three for one that is written behind its end. clang finds none of them.
  target_compile_options(holdfast_options INTERFACE -Wno-maybe-uninitialized -Wno-null-dereference
                         -Wno-mismatched-new-delete -Wno-stringop-overflow)
  # Its garbage collector: less often. A tenth less time, for a quarter more memory.
  target_compile_options(holdfast_options INTERFACE --param=ggc-min-heapsize=1048576 --param=ggc-min-expand=300)
endif()
if(HOLDFAST_SANITIZE STREQUAL "address")
  target_compile_options(holdfast_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(holdfast_options INTERFACE -fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(holdfast_options INTERFACE -fno-sanitize=function)
  endif()
elseif(HOLDFAST_SANITIZE STREQUAL "thread")
  target_compile_options(holdfast_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(holdfast_options INTERFACE -fsanitize=thread)
elseif(HOLDFAST_SANITIZE STREQUAL "fuzzer")
  set(HOLDFAST_FUZZ_CHECKS "address,undefined" CACHE STRING "Sanitizers of the fuzzers; 'undefined' alone is ten times as fast")
  target_compile_options(holdfast_options INTERFACE -fsanitize=fuzzer-no-link,${HOLDFAST_FUZZ_CHECKS} -fno-sanitize=function
                         -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(holdfast_options INTERFACE -fsanitize=${HOLDFAST_FUZZ_CHECKS})
elseif(HOLDFAST_SANITIZE)
  message(FATAL_ERROR "HOLDFAST_SANITIZE is '${HOLDFAST_SANITIZE}'; it can be empty, address, thread or fuzzer")
endif()

# Asio and Beast are compiled once, not in every file that includes them. Only what is built here defines these macros:
# a consumer of the installed holdfast::sync uses Asio header-only.
add_library(holdfast_asio STATIC ${CMAKE_CURRENT_LIST_DIR}/asio.cpp ${CMAKE_CURRENT_LIST_DIR}/beast.cpp)
target_compile_definitions(holdfast_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)
target_link_libraries(holdfast_asio PUBLIC Boost::headers Threads::Threads holdfast_options)
target_include_directories(holdfast_asio PUBLIC ${PROJECT_SOURCE_DIR})

# Files that include five of the sources each, by paths relative to the clone, as ccache needs it (UNITY_BUILD's are not).
function(holdfast_sources_together result name)
  set(all "")
  set(count 0)
  foreach(source IN LISTS ARGN)
    math(EXPR batch "${count} / 5")
    math(EXPR count "${count} + 1")
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    string(APPEND batch_${batch} "#include \"${path}\"\n")
  endforeach()
  foreach(number RANGE ${batch})
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${name}_${number}.cpp)
    file(CONFIGURE OUTPUT ${file} CONTENT "${batch_${number}}" @ONLY)
    list(APPEND all ${file})
  endforeach()
  set(${result} ${all} PARENT_SCOPE)
endfunction()

# holdfast_library(NAME SOURCES… [LIBRARIES…] [HEADERS…] [TOGETHER]): a room's static library.
#   HEADERS    each must compile alone. One that a source of its name includes first does so whenever that source compiles;
#              the others are compiled by the target all_verify_interface_header_sets. tests/layout/header_sets.py holds the
#              sources to it.
#   TOGETHER   five of the sources are compiled as one: half of the time where each spends most of it on the headers of a
#              library. For rooms whose sources share these, and have no names of their own in common.
function(holdfast_library name)
  cmake_parse_arguments(arg "TOGETHER" "" "SOURCES;HEADERS;LIBRARIES" ${ARGN})
  if(arg_TOGETHER)
    holdfast_sources_together(compiled ${name} ${arg_SOURCES})
  else()
    set(compiled ${arg_SOURCES})
  endif()
  add_library(${name} STATIC ${compiled})
  set(proved_by_source "")
  set(compiled_alone "")
  foreach(header IN LISTS arg_HEADERS)
    string(REGEX REPLACE "hpp$" "cpp" source "${header}")
    if(source IN_LIST arg_SOURCES)
      list(APPEND proved_by_source ${header})
    else()
      list(APPEND compiled_alone ${header})
    endif()
  endforeach()
  target_sources(${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${compiled_alone}
    FILE_SET proved_by_source TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${proved_by_source})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
  target_link_libraries(${name} PUBLIC holdfast_asio ${arg_LIBRARIES})
endfunction()

# holdfast_program(NAME SOURCES… LIBRARIES…): what users start. Where the compiler's own libraries can be linked statically
# they are: each shared one takes the loader most of a millisecond at every start.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static-libstdc++ -static-libgcc)
check_cxx_source_compiles("#include <iostream>\nint main() { std::cout << 1; }" HOLDFAST_STATIC_RUNTIME)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
function(holdfast_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  if(HOLDFAST_STATIC_RUNTIME AND NOT HOLDFAST_SANITIZE)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# holdfast_test(NAME [SOURCES…] [SINGLE_THREADED…] [LIBRARIES…] [LABELS…] [PREFIX prefix] [ALONE] [AS_SHIPPED]): a GoogleTest
# program; every test in it is a ctest of its own.
#   SOURCES, SINGLE_THREADED   its files. Those in SINGLE_THREADED use one thread alone: the thread sanitizer, which could
#                              find nothing there, leaves them out, and the program where it has no other.
#   PREFIX                     what the names of its tests begin with
#   ALONE                      none of its tests runs beside another one, because they measure real time
#   AS_SHIPPED                 compiled like the product, for tests of what is all in headers
function(holdfast_test name)
  cmake_parse_arguments(arg "ALONE;AS_SHIPPED" "PREFIX" "SOURCES;SINGLE_THREADED;LIBRARIES;LABELS" ${ARGN})
  if(NOT HOLDFAST_SANITIZE STREQUAL "thread")
    list(APPEND arg_SOURCES ${arg_SINGLE_THREADED})
  elseif(NOT arg_SOURCES)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE holdfast_options ${arg_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
  if(arg_AS_SHIPPED)
    target_link_libraries(${name} PRIVATE holdfast_shipped_test_options)
  else()
    target_link_libraries(${name} PRIVATE holdfast_test_options)
    if(TARGET holdfast_test_headers)
      target_precompile_headers(${name} REUSE_FROM holdfast_test_headers)
    endif()
  endif()
  set(properties RUN_SERIAL ${arg_ALONE} TIMEOUT 120)
  if(arg_LABELS)
    list(APPEND properties LABELS "${arg_LABELS}")
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${arg_PREFIX}" NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

# Pages are built with Node.js and embedded into the programs.
include(embed)
include(web)

# What keeps the data.
include(rocksdb)
