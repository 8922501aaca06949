#include "server/api/version.hpp"

#include <boost/version.hpp>

// HOLDFAST_VERSION is the project's version, defined by the build.

namespace holdfast::server {

std::string version_text() {
  return "holdfast-server " HOLDFAST_VERSION;
}

build build_info() noexcept {
  return {HOLDFAST_VERSION, __VERSION__, BOOST_LIB_VERSION};
}

std::string version_json(std::string_view journal_json, std::string_view cluster_json) {
  std::string text("{\"name\":\"holdfast-server\",\"version\":\"" HOLDFAST_VERSION
                   "\",\"api\":\"v1\",\"compiler\":\"" __VERSION__ "\",\"boost\":\"" BOOST_LIB_VERSION
                   "\",\"journal\":");
  text += journal_json;
  if (!cluster_json.empty()) (text += ",\"cluster\":") += cluster_json;
  return text += "}\n";
}

}  // namespace holdfast::server
