#include "server/api/probes.hpp"

#include "server/api/answers.hpp"
#include "server/api/version.hpp"

namespace holdfast::server {

using namespace protocol;

// The query is ignored: load balancers add one to bypass caches.

routed route_livez(request_head const& head, target const& /*target*/, route_context const& /*context*/) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  return no_store(json_reply("{\"status\":\"live\"}\n"));
}

routed route_readyz(request_head const& head, target const& /*target*/, route_context const& context) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  if (context.draining) return draining_reply();
  if (context.cluster == nullptr) return no_store(json_reply("{\"status\":\"ready\",\"role\":\"single\"}\n"));
  auto const report = context.cluster->report();
  if (report.leads ? context.cluster->is_cut_off() : report.leader.empty())
    return no_leader_reply(report.leads, report.is_cut_off);
  return no_store(json_reply("{\"status\":\"ready\"," + members_of(report) + "}\n"));
}

routed route_version(request_head const& head, target const& target, route_context const& /*context*/) {
  if (auto refused = refuse_all_but_reads(head, target)) return *std::move(refused);
  return version_request{};
}

reply version_reply(api_context const& context) {
  auto const& kept = context.kept;
  auto const cluster = context.cluster != nullptr ? '{' + members_of(context.cluster->report()) + '}' : std::string();
  if (kept.source == nullptr) return json_reply(version_json(R"({"kind":"none"})", cluster));
  std::string journal(R"({"kind":")");
  (journal += kept.source->name()) += R"(","sync":)";
  journal += kept.is_synced ? "true" : "false";
  (journal += R"(,"bytes":)") += std::to_string(kept.source->figures().bytes);
  (journal += R"(,"durable_revision":)") += std::to_string(kept.commits->durable_revision());
  journal += '}';
  return json_reply(version_json(journal, cluster));
}

}  // namespace holdfast::server
