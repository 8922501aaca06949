#include "server/api/openapi.hpp"

#include <memory>
#include <string>

#include "server/api/answers.hpp"
#include "server/api/openapi_document.hpp"

namespace holdfast::server {

using namespace protocol;

routed route_openapi(request_head const& head, target const& target, route_context const& /*context*/) {
  if (auto refused = refuse_all_but_reads(head, target)) return *std::move(refused);
  // All answers share one copy.
  static json_text const document = std::make_shared<std::string const>(openapi_document());
  reply answer;
  answer.content_type = "application/json";
  answer.value = document;
  return answer;
}

}  // namespace holdfast::server
