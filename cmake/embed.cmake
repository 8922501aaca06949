# holdfast_embed(NAME FILE HEADER FUNCTION): a static library with the bytes of FILE, which may be built, behind
# `std::string_view FUNCTION()`, a qualified name that HEADER declares. As a script: writes the source.
if(CMAKE_SCRIPT_MODE_FILE)
  # Called by the build: -DINPUT= -DOUTPUT= -DHEADER= -DFUNCTION=. Bytes rather than a string literal, so that neither
  # quotes, nor the length that a compiler takes, nor CMake's own idea of text matter.
  file(READ "${INPUT}" bytes HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  file(WRITE "${OUTPUT}" "// Made of ${INPUT}.
#include \"${HEADER}\"

namespace {
// The last one makes an empty file an array too.
constexpr unsigned char bytes[] = {
${bytes}0};
}  // namespace

std::string_view ${FUNCTION}() {
  return {reinterpret_cast<char const*>(bytes), sizeof bytes - 1};
}
")
  return()
endif()

function(holdfast_embed name file header function)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DHEADER=${header} -DFUNCTION=${function}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "" VERBATIM)
  add_library(${name} STATIC ${source})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE holdfast_options)
endfunction()
