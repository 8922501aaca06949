# cmake -DNODE= -DSOURCE= -DTREE= -DOUTPUT= -P build.cmake: bundles the page; an empty file when npm had nothing to install.
if(NOT EXISTS "${TREE}/packages.stamp")
  file(WRITE "${OUTPUT}" "")
  return()
endif()
# Beside the packages, where both esbuild and tsc look for them.
file(REMOVE_RECURSE "${TREE}/source")
file(COPY "${SOURCE}/source" "${SOURCE}/build.mjs" "${SOURCE}/tsconfig.json" DESTINATION "${TREE}")
execute_process(COMMAND "${NODE}" build.mjs "${OUTPUT}" WORKING_DIRECTORY "${TREE}" COMMAND_ERROR_IS_FATAL ANY)
