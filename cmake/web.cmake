# What is built with Node.js: the server's page, the page of holdfast's HTML reports, and the tests that look at them in a
# browser.
# HOLDFAST_WEB: AUTO builds it when node and npm are there and the npm registry answers, ON insists, OFF leaves it out.
set(HOLDFAST_WEB AUTO CACHE STRING "Build the server's page and the one of the HTML reports (needs node and npm): AUTO, ON or OFF")
set_property(CACHE HOLDFAST_WEB PROPERTY STRINGS AUTO ON OFF)

find_program(NODE NAMES node nodejs)
find_program(NPM npm)
set(HOLDFAST_WEB_IS_BUILT OFF)
if(HOLDFAST_WEB STREQUAL "ON" OR (HOLDFAST_WEB STREQUAL "AUTO" AND NODE AND NPM AND NOT HOLDFAST_SANITIZE))
  if(NOT NODE OR NOT NPM)
    message(FATAL_ERROR "HOLDFAST_WEB is ON, but there is no node or no npm; on Debian: apt-get install nodejs npm")
  endif()
  set(HOLDFAST_WEB_IS_BUILT ON)
elseif(HOLDFAST_WEB STREQUAL "AUTO" AND NOT HOLDFAST_SANITIZE)
  message(STATUS "There is no node or no npm, so the server's page and holdfast load --html will only say how to get them")
endif()

# holdfast_npm(TREE): brings what the package-lock.json beside the calling CMakeLists.txt names into TREE/node_modules, and
# TREE/packages.stamp after that. Installed again only when the lock changes. Offline: an error, or with AUTO a warning and
# no stamp, so that the next build tries again.
function(holdfast_npm tree)
  set(source ${CMAKE_CURRENT_SOURCE_DIR})
  add_custom_command(
    OUTPUT ${tree}/packages.stamp
    COMMAND ${CMAKE_COMMAND} -DNPM=${NPM} -DSOURCE=${source} -DTREE=${tree} -DMUST=${HOLDFAST_WEB}
            -P ${PROJECT_SOURCE_DIR}/cmake/npm_ci.cmake
    DEPENDS ${source}/package.json ${source}/package-lock.json ${PROJECT_SOURCE_DIR}/cmake/npm_ci.cmake
    COMMENT "Installing npm packages for ${source}" VERBATIM)
endfunction()

# holdfast_bundle(OUTPUTS FILE… [INSTEAD FILE]): OUTPUTS are what `node build.mjs OUTPUTS…` makes of the calling folder's
# source/ and of the packages in its package-lock.json. Where nothing can be built they are empty, but the first is INSTEAD.
function(holdfast_bundle)
  cmake_parse_arguments(arg "" "INSTEAD" "OUTPUTS" ${ARGN})
  set(tree ${CMAKE_CURRENT_BINARY_DIR}/npm)
  set(source ${CMAKE_CURRENT_SOURCE_DIR})
  set(script ${PROJECT_SOURCE_DIR}/cmake/bundle.cmake)
  set(needed ${arg_INSTEAD} ${script})
  set(node "")
  if(HOLDFAST_WEB_IS_BUILT)
    holdfast_npm(${tree})
    file(GLOB sources CONFIGURE_DEPENDS ${source}/source/*)
    list(APPEND needed ${tree}/packages.stamp ${sources} ${source}/build.mjs ${source}/tsconfig.json)
    set(node ${NODE})
  endif()
  list(JOIN arg_OUTPUTS "|" outputs)
  add_custom_command(
    OUTPUT ${arg_OUTPUTS}
    COMMAND ${CMAKE_COMMAND} -DNODE=${node} -DSOURCE=${source} -DTREE=${tree} -DOUTPUTS=${outputs}
            -DINSTEAD=${arg_INSTEAD} -P ${script}
    DEPENDS ${needed}
    COMMENT "Bundling the page in ${source}" VERBATIM)
endfunction()
