# holdfast_rocksdb: RocksDB, linked statically, so that a server without data starts about as fast as one without RocksDB:
# as a shared library it would bring six more to load at each start. Debian's package has the archive and the CMake files;
# these would link what RocksDB compresses with as shared libraries, so the archives are looked for here.
find_package(RocksDB 7 REQUIRED)
add_library(holdfast_rocksdb INTERFACE)
target_include_directories(holdfast_rocksdb SYSTEM INTERFACE $<TARGET_PROPERTY:RocksDB::rocksdb,INTERFACE_INCLUDE_DIRECTORIES>)
if(HOLDFAST_SANITIZE STREQUAL "thread")
  # Debian's RocksDB is not instrumented: the thread sanitizer does not see how its atomics order what it does, and reports
  # races inside it. In a shared library such reports can be told from ours by the library's name (thread_sanitizer.supp).
  target_link_libraries(holdfast_rocksdb INTERFACE RocksDB::rocksdb-shared)
else()
  target_link_libraries(holdfast_rocksdb INTERFACE $<TARGET_FILE:RocksDB::rocksdb>)
  foreach(library snappy lz4 zstd bz2 z)
    find_library(HOLDFAST_ARCHIVE_${library} NAMES lib${library}.a ${library} REQUIRED)
    mark_as_advanced(HOLDFAST_ARCHIVE_${library})
    target_link_libraries(holdfast_rocksdb INTERFACE ${HOLDFAST_ARCHIVE_${library}})
  endforeach()
endif()
target_link_libraries(holdfast_rocksdb INTERFACE Threads::Threads ${CMAKE_DL_LIBS})
