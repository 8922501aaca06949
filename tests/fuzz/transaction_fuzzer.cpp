// The body of a transaction, and what comes of it in a small database; and the field that fences a write.
#include <map>
#include <nlohmann/json.hpp>

#include "protocol/json.hpp"
#include "protocol/key.hpp"
#include "server/api/lock_guard.hpp"
#include "server/api/transactions.hpp"
#include "server/store/database.hpp"
#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {
namespace {

using namespace server;
using contents = std::map<std::string, std::pair<std::string, std::uint64_t>>;

constexpr std::uint64_t database_id = 0x3f;
constexpr std::size_t value_bytes_max = 200;

json_text text(std::string value) {
  return std::make_shared<std::string const>(std::move(value));
}

contents contents_of(database& all) {
  contents found;
  auto const page = std::get<listing>(all.apply(list_operation{.prefix = {},
                                                               .after = std::nullopt,
                                                               .until = std::nullopt,
                                                               .delimiter = {},
                                                               .limit = 5000,
                                                               .reverse = false,
                                                               .values = true}));
  for (auto const& one : page.entries) found[std::string(page.key_of(one))] = {*one.value, one.revision};
  return found;
}

/// Applies it as a request does: what a text function is to compute is computed between two attempts.
data_outcome run(database& all, data_operation const& what) {
  for (;;) {
    auto outcome = all.apply(what);
    auto* const wanted = std::get_if<text_wanted>(&outcome);
    if (wanted == nullptr) return outcome;
    while (wanted->function->compute_some(wanted->input)) {
    }
    wanted->function->compute_at_once();
  }
}

void hold_parts(transaction const& all) {
  require(!all.checks.empty() || !all.steps.empty(), "a transaction does something");
  require(all.checks.size() + all.steps.size() <= transaction_parts_max, "a transaction keeps to its limit");
  for (auto const& one : all.checks)
    require(one.grant ? protocol::check_lock_name(one.grant->lock).has_value() && one.grant->token != 0
                      : protocol::check_key(one.key).has_value(),
            "a check names a key or a lock");
  for (auto const& one : all.steps)
    require(std::holds_alternative<list_operation>(one) || protocol::check_key(subject_of(one)).has_value(),
            "an operation names a key");
}

void hold_guard(std::string_view field) {
  request_head head;
  head.lock = field;
  auto const grants = read_lock_guard(head);
  if (!grants) return;
  require(!grants->empty() && grants->size() <= 16, "a fence names some locks");
  std::string again;
  for (auto const& one : *grants) {
    require(protocol::check_lock_name(one.lock).has_value() && one.token != 0, "a fence names locks");
    again += (again.empty() ? "" : ", ") + protocol::segment_of(one.lock) + ";token=" + std::to_string(one.token);
  }
  head.lock = again;
  auto const second = read_lock_guard(head);
  require(second && second->size() == grants->size(), "a fence that is written is the same", again, field);
  for (std::size_t i = 0; i < grants->size(); ++i)
    require((*grants)[i].lock == (*second)[i].lock && (*grants)[i].token == (*second)[i].token,
            "a fence that is written is the same", again, field);
}

}  // namespace

void fuzz_transaction(std::string_view input) {
  hold_guard(input);
  data_request request;
  auto const refused = take_transaction_body(request, std::string(input), database_id, value_bytes_max);
  if (refused) {
    require(refused->status >= 400 && refused->status < 500, "a refusal is the client's");
    require(nlohmann::json::accept(refused->body), "a refusal is JSON", refused->body, "");
    return;
  }
  auto const& all = std::get<transaction>(request.operation);
  hold_parts(all);

  database few(4000);
  few.apply(put_operation{"a", text("1")});
  few.apply(put_operation{"b", text(R"({"x":[1,2],"y":"z"})")});
  few.apply(put_operation{"b/c", text("null")});
  auto const before = contents_of(few);
  auto const revision = few.revision();
  auto const outcome = run(few, request.operation);
  auto const* const done = std::get_if<transaction_done>(&outcome);
  require(done != nullptr, "a transaction comes to an end of its own");
  auto const& what = **done;
  auto const is_done = what.failed_checks.empty() && !what.failed_step;
  if (!is_done) require(contents_of(few) == before && few.revision() == revision, "all of it is done, or nothing");
  if (is_done) require(what.results.size() == all.steps.size(), "each operation has a result");
  for (auto const& [key, entry] : contents_of(few))
    require(protocol::check_json(entry.first).has_value(), "what is stored is JSON");
  reply answer;
  answer_transaction(request, what, {database_id, few.revision(), {}}, answer);
  require(answer.status == 200 ? is_done : !is_done, "the answer says what was done");
  for (auto const& one : what.failed_checks) require(one.index < all.checks.size(), "a check that failed is one");
  require(protocol::check_json(answer.body).has_value(), "an answer is JSON", answer.body, "JSON");
}

}  // namespace holdfast::fuzz
