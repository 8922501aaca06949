# cmake -DNODE= -DTESTS= -DTEST= -DTREE= -P run_test.cmake: runs a test file from a copy of its directory below the
# packages. Every test has its own copy: when two tests ran in parallel and shared one, one of them found a half-written
# file.
if(NOT EXISTS "${TREE}/packages.stamp")
  message(FATAL_ERROR "npm has not installed the tests' packages; the build tells why")
endif()
file(RELATIVE_PATH name "${TESTS}" "${TEST}")
cmake_path(GET TEST PARENT_PATH folder)
set(copy "${TREE}/copies/${name}")
foreach(from IN ITEMS "${TESTS}/support/web" "${folder}")
  file(RELATIVE_PATH to "${TESTS}" "${from}")
  file(GLOB modules "${from}/*.mjs")
  file(COPY ${modules} DESTINATION "${copy}/${to}")
endforeach()
execute_process(COMMAND "${NODE}" --test --test-reporter=spec "${name}" WORKING_DIRECTORY "${copy}" COMMAND_ERROR_IS_FATAL ANY)
