"""conan create server/sync/packaging/conan [-o holdfast-sync/*:asio=standalone]"""
import os

from conan import ConanFile
from conan.tools.files import copy


class HoldfastSync(ConanFile):
    name = "holdfast-sync"
    version = "0.1.0"
    license = "MIT"
    description = "Awaitable locks for Asio: mutex, shared mutex, condition variable, semaphore, event"
    topics = ("asio", "coroutines", "mutex", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"asio": ["boost", "standalone"]}
    default_options = {"asio": "boost"}

    def export_sources(self):
        library = os.path.join(self.recipe_folder, "..", "..")
        copy(self, "include/*", library, self.export_sources_folder)
        for file in ("CMakeLists.txt", "holdfast-config.cmake", "LICENSE"):
            copy(self, file, library, self.export_sources_folder)

    def requirements(self):
        if self.options.asio == "boost":
            self.requires("boost/[>=1.81]", options={"header_only": True})
        else:
            self.requires("asio/[>=1.22]")

    def package_id(self):
        self.info.settings.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "include/*", self.source_folder, self.package_folder)

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "holdfast")
        if self.options.asio == "boost":
            self.cpp_info.set_property("cmake_target_name", "holdfast::sync")
            self.cpp_info.requires = ["boost::headers"]
        else:
            self.cpp_info.set_property("cmake_target_name", "holdfast::sync_standalone")
            self.cpp_info.defines = ["HOLDFAST_SYNC_STANDALONE_ASIO", "ASIO_STANDALONE"]
            self.cpp_info.requires = ["asio::asio"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
