#include "server/api/cluster_view.hpp"

#include <nlohmann/json.hpp>

namespace holdfast::server {

std::string members_of(cluster_report const& report) {
  auto const ms_of = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(std::chrono::duration_cast<std::chrono::microseconds>(time))
        .count();
  };
  nlohmann::ordered_json members{
      {"role", report.leads ? "leader" : "standby"}, {"cluster", report.name}, {"term", report.term}};
  members["leader"] = report.leader.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(report.leader);
  members["revision"] = report.revision;
  if (report.lag) members["lag_ms"] = ms_of(*report.lag);
  if (report.etcd_latency) members["etcd_ms"] = ms_of(*report.etcd_latency);
  auto const text = members.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

}  // namespace holdfast::server
