#include "client/refusal.hpp"

#include <nlohmann/json.hpp>

namespace holdfast::client {

refusal read_refusal(answer_message const& answer) {
  refusal refused{.status = answer.status,
                  .code = {},
                  .title = {},
                  .detail = {},
                  .timing = answer.timing,
                  .etag = answer.etag,
                  .revision = answer.revision,
                  .problem = {}};
  if (answer.content == content_kind::problem_json) {
    auto const problem = nlohmann::json::parse(answer.body, nullptr, false);
    auto const text = [&](char const* name) -> std::string {
      auto const member = problem.is_object() ? problem.find(name) : problem.end();
      return member != problem.end() && member->is_string() ? member->get<std::string>() : std::string();
    };
    refused.code = text("code");
    refused.title = text("title");
    refused.detail = text("detail");
    refused.problem = answer.body;
  }
  if (refused.title.empty()) refused.title = "The server answered " + std::to_string(answer.status);
  return refused;
}

error refused_by(answer_message const& answer) {
  auto refused = read_refusal(answer);
  auto message = refused.title;
  if (!refused.detail.empty()) message += ": " + refused.detail;
  return {error_kind::status, std::move(message), std::move(refused)};
}

}  // namespace holdfast::client
