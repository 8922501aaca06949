#include "client/cli/environment.hpp"

#include <string>
#include <utility>

#include "manual/complaint.hpp"

namespace holdfast::client::cli {
namespace {

/// The variables of this program, of holdfast-server and of ./x, which may be set together, as in the container image.
/// tests/client/environment_variables.py keeps the list complete.
std::vector<std::string> const known{
    "HOLDFAST_CA_CERT",
    "HOLDFAST_CLIENT_CERT",
    "HOLDFAST_CLIENT_KEY",
    "HOLDFAST_JOBS",
    "HOLDFAST_LOCK",
    "HOLDFAST_LOCK_TICKET",
    "HOLDFAST_LOCK_TOKEN",
    "HOLDFAST_NO_INSTALL",
    "HOLDFAST_TOKEN",
    "HOLDFAST_TOKEN_FILE",
    "HOLDFAST_URL",
    "HOLDFAST_ACCESS_LOG",
    "HOLDFAST_ADVERTISE",
    "HOLDFAST_AUDIT_LOG",
    "HOLDFAST_BACKUPS",
    "HOLDFAST_CLUSTER",
    "HOLDFAST_CLUSTER_CA",
    "HOLDFAST_CLUSTER_LEASE",
    "HOLDFAST_CORS_ORIGIN",
    "HOLDFAST_DATA",
    "HOLDFAST_DRAIN_TIMEOUT",
    "HOLDFAST_ETCD",
    "HOLDFAST_ETCD_CA",
    "HOLDFAST_ETCD_CERT",
    "HOLDFAST_ETCD_COMPACTION",
    "HOLDFAST_ETCD_KEY",
    "HOLDFAST_ETCD_PASSWORD_FILE",
    "HOLDFAST_ETCD_USER",
    "HOLDFAST_EXPOSE_INSECURE",
    "HOLDFAST_HEADER_TIMEOUT",
    "HOLDFAST_HEALTHCHECK_CLIENT_CERT",
    "HOLDFAST_HEALTHCHECK_CLIENT_KEY",
    "HOLDFAST_HEALTHCHECK_TIMEOUT",
    "HOLDFAST_HOLD",
    "HOLDFAST_HOST_NAME",
    "HOLDFAST_IDLE_TIMEOUT",
    "HOLDFAST_IN_MEMORY",
    "HOLDFAST_LIMIT_BYTES",
    "HOLDFAST_LIMIT_CONNECTIONS",
    "HOLDFAST_LIMIT_LOCK_TIME",
    "HOLDFAST_LIMIT_REQUESTS",
    "HOLDFAST_LIMIT_STREAMS",
    "HOLDFAST_LISTEN",
    "HOLDFAST_LOCK_TIMEOUT",
    "HOLDFAST_LOG_FORMAT",
    "HOLDFAST_LOG_LEVEL",
    "HOLDFAST_MAX_BODY",
    "HOLDFAST_MAX_CONNECTIONS",
    "HOLDFAST_MAX_HEADER",
    "HOLDFAST_MAX_HOLD",
    "HOLDFAST_MAX_MEMORY",
    "HOLDFAST_MAX_WAITERS",
    "HOLDFAST_NO_LIVE_SETTINGS",
    "HOLDFAST_READS",
    "HOLDFAST_SYNC",
    "HOLDFAST_THREADS",
    "HOLDFAST_TLS_CERT",
    "HOLDFAST_TLS_CLIENT_CA",
    "HOLDFAST_TLS_KEY",
    "HOLDFAST_TOKENS",
    "HOLDFAST_TRANSFER_TIMEOUT",
    "HOLDFAST_WRITER_KEY",
    "HOLDFAST_WRITER_PERIOD",
};

}  // namespace

std::vector<std::string> complaints_about_environment(char const* const* environment) {
  std::vector<std::string> complaints;
  for (auto const& name : manual::unknown_variables(environment, known)) {
    auto complaint = "there is no variable " + name;
    auto const meant = manual::closest(name.substr(name.find('_') + 1), {"URL", "SERVER", "ADDRESS", "HOST"});
    complaint += meant.empty() ? "; this program reads HOLDFAST_URL" : "; did you mean HOLDFAST_URL?";
    complaints.push_back(std::move(complaint));
  }
  return complaints;
}

}  // namespace holdfast::client::cli
