# Uses the lock library as others do, in a tree of its own, and runs what comes of it.
#     cmake -D SOURCE=… -D SCRATCH=… -D COMPILER=… -D HOW=package|subdirectory|fetch|copy -D ASIO=boost|standalone -P install_test.cmake
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "${what} failed (${failed}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
set(installed ${SCRATCH}/installed)
if(HOW STREQUAL "package")
  run("configuring the library alone"
    ${CMAKE_COMMAND} -S ${SOURCE}/server/sync -B ${SCRATCH}/library -D CMAKE_CXX_COMPILER=${COMPILER})
  run("installing it" ${CMAKE_COMMAND} --install ${SCRATCH}/library --prefix ${installed})
  file(GLOB_RECURSE files RELATIVE ${installed} ${installed}/*)
  list(FILTER files EXCLUDE REGEX "^include/holdfast/sync/.*\\.hpp$|/cmake/holdfast/holdfast-[a-z-]+\\.cmake$")
  if(files)
    message(FATAL_ERROR "installs more than the library: ${files}")
  endif()
endif()
run("configuring the consumer"
  ${CMAKE_COMMAND} -S ${SOURCE}/tests/install/consumer -B ${SCRATCH}/consumer -D HOW=${HOW} -D ASIO=${ASIO}
  -D HOLDFAST=${SOURCE} -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${installed})
run("building the consumer" ${CMAKE_COMMAND} --build ${SCRATCH}/consumer)
run("running the consumer" ${SCRATCH}/consumer/consumer)
if(NOT output STREQUAL "5050 101\n")
  message(FATAL_ERROR "the consumer printed '${output}' instead of 5050 101")
endif()
