#include "server/api/answers.hpp"

namespace holdfast::server {

using namespace protocol;

reply refuse(errc code, std::string detail) {
  return reply_to(failure{code, std::move(detail)});
}

reply with_allow(reply answer, std::string_view allow) {
  answer.allow = allow;
  return answer;
}

reply options_reply(std::string_view allow) {
  reply answer;
  answer.status = 204;
  answer.allow = allow;
  return answer;
}

reply method_not_allowed(request_head const& head, std::string_view allow, std::string_view advice) {
  auto detail = std::string(head.method_text) + " does not fit this path; it takes " + std::string(allow);
  if (!advice.empty()) (detail += ". ") += advice;
  return with_allow(refuse(errc::method_not_allowed, std::move(detail)), allow);
}

std::optional<reply> refuse_all_but_reads(request_head const& head) {
  if (head.method == method::options) return options_reply(read_allow);
  if (head.method != method::get && head.method != method::head) return method_not_allowed(head, read_allow);
  if (head.has_body) return refuse(errc::unexpected_body, std::string(head.method_text) + " takes no body");
  return std::nullopt;
}

std::optional<reply> refuse_all_but_reads(request_head const& head, target const& target) {
  if (auto refused = refuse_all_but_reads(head)) return refused;
  if (!target.query.empty())
    return refuse(errc::invalid_parameter, std::string(target.path) + " takes no query parameters");
  return std::nullopt;
}

reply json_reply(std::string body) {
  reply answer;
  answer.content_type = "application/json";
  answer.body = std::move(body);
  return answer;
}

reply no_such_path() {
  return refuse(
      errc::no_such_path,
      "values are at /v1/kv/KEY, lists at /v1/kv, transactions at /v1/txn, changes at /v1/watch, named locks at "
      "/v1/locks (a / in a name is %2F), the lock at /v1/lock, /v1/lock/events and /v1/lock/trace, the page that shows "
      "it at /; besides there are /v1/export, /v1/import, /v1/backups, /v1/settings, "
      "/v1/openapi.json, /metrics, /livez, /readyz and /version");
}

reply draining_reply() {
  return refuse(errc::draining, "the server is shutting down and accepts no new requests");
}

reply no_leader_reply(bool leads, bool is_cut_off) {
  if (!leads && is_cut_off)
    return refuse(errc::no_leader,
                  "etcd does not answer this server, so it knows no leader; nothing was changed. Retry, here or at "
                  "another server");
  return refuse(errc::no_leader, leads
                                     ? "this server leads the cluster, but etcd does not answer; nothing was changed. "
                                       "Retry, here or at another server"
                                     : "no server leads the cluster now; nothing was changed. Retry");
}

reply no_store(reply answer) {
  answer.more_fields += "Cache-Control: no-store\r\n";
  return answer;
}

reply problem_with(failure const& error, std::string_view name, std::string_view member) {
  auto answer = reply_to(error);
  auto const end = answer.body.rfind('}');
  answer.body.insert(end, ",\"" + std::string(name) + "\":" + std::string(member));
  return answer;
}

std::string text_of(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  auto const seconds = floor<std::chrono::seconds>(time);
  auto const since_epoch = system_clock::to_time_t(seconds);
  tm parts{};
  ::gmtime_r(&since_epoch, &parts);
  char text[32];
  auto const length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  auto const ms = std::to_string(1000 + duration_cast<milliseconds>(time - seconds).count()).substr(1);
  return std::string(text, length) + '.' + ms + 'Z';
}

}  // namespace holdfast::server
