# cmake -DNODE= -DTEST= -DTREE= -P run_test.cmake: runs a test file beside its packages.
if(NOT EXISTS "${TREE}/packages.stamp")
  message(FATAL_ERROR "npm has not installed the tests' packages; the build tells why")
endif()
get_filename_component(source "${TEST}" DIRECTORY)
get_filename_component(name "${TEST}" NAME)
file(GLOB modules "${source}/*.mjs")
file(COPY ${modules} DESTINATION "${TREE}")
execute_process(COMMAND "${NODE}" --test --test-reporter=spec "${name}" WORKING_DIRECTORY "${TREE}" COMMAND_ERROR_IS_FATAL ANY)
