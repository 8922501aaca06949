# cmake -DNPM= -DSOURCE= -DTREE= -DMUST= -P npm_ci.cmake: see holdfast_npm() in web.cmake. No package may run a script.
file(MAKE_DIRECTORY "${TREE}")
file(COPY "${SOURCE}/package.json" "${SOURCE}/package-lock.json" DESTINATION "${TREE}")
execute_process(
  COMMAND "${NPM}" ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error
  WORKING_DIRECTORY "${TREE}" RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT 300)
if(NOT failed)
  file(TOUCH "${TREE}/packages.stamp")
elseif(MUST STREQUAL "ON")
  message(FATAL_ERROR "npm ci failed for ${SOURCE}; without network, build with -DHOLDFAST_WEB=OFF\n${said}")
else()
  message(WARNING "npm ci failed for ${SOURCE}, so its page is left out of this build; the next one tries again\n${said}")
endif()
