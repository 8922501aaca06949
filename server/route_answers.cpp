#include "server/route_answers.hpp"

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

reply json_reply(std::string body) {
  reply answer;
  answer.content_type = "application/json";
  answer.body = std::move(body);
  return answer;
}

}  // namespace holdfast::server
