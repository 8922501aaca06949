#include "server/api/data_answers.hpp"

#include <algorithm>
#include <utility>

#include "protocol/key.hpp"
#include "server/api/lists.hpp"
#include "server/api/locks.hpp"
#include "server/api/transactions.hpp"
#include "server/api/values.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::string_view nothing_changed = "; nothing was changed";

/// Makes the answer to any outcome.
struct data_answer {
  data_request const& request;
  answer_context const context;
  reply& answer;

  template <class OneKey>
  void operator()(OneKey& outcome) const {
    value_answer{request, context, answer}(outcome);
  }

  void operator()(no_such_key none) const { answer = reply_to(failure_of(none, subject_of(request.operation))); }
  void operator()(no_room none) const { answer = reply_to(failure_of(none)); }
  void operator()(value_refused& refused) const { answer = reply_to({refused.code, std::move(refused.detail)}); }

  void operator()(condition_failed& failed) const {
    std::optional<entity_tag> present;
    if (failed.revision != 0) present = entity_tag{context.database_id, failed.revision};
    answer = reply_to(failure{failed.must_be_new ? errc::already_exists : errc::precondition_failed,
                              detail_of(failed, present) + std::string(nothing_changed)});
    answer.tag = present;
  }

  void operator()(earlier_outcome_pointer& earlier) const {
    auto outcome = earlier->outcome;
    std::visit(data_answer{request, {context.database_id, earlier->revision, context.granted_at}, answer}, outcome);
    answer.revision = earlier->revision;
    answer.more_fields += "Idempotent-Replayed: true\r\n";
  }

  void operator()(listing& page) const { answer_list(request, page, context, answer); }
  void operator()(range_deleted& deleted) const { answer_range_deleted(deleted, context.revision, answer); }
  void operator()(transaction_done& done) const { answer_transaction(request, *done, context, answer); }

  void operator()(lock_shown& shown) const { answer_lock(shown, context.revision, answer); }
  void operator()(locks_listed& page) const { answer_locks(request, page, context.revision, answer); }
  void operator()(lock_lost& lost) const { answer = reply_to(failure_of(lost)); }

  // Others ask for these, and not by a data_request.
  void operator()(ticket_found&) const { answer = reply_to(failure{errc::internal, "a ticket is told elsewhere"}); }
  void operator()(ticket_released&) const { answer = reply_to(failure{errc::internal, "a ticket is told elsewhere"}); }
  void operator()(deadlock_found&) const { answer = reply_to(failure{errc::internal, "a ticket is told elsewhere"}); }
  void operator()(text_wanted&) const { answer = reply_to(failure{errc::internal, "a patch was not computed"}); }
  void operator()(import_done&) const { answer = reply_to(failure{errc::internal, "an import is answered elsewhere"}); }
  void operator()(entries_expired&) const { answer = reply_to(failure{errc::internal, "expiry is no request"}); }

 private:
  std::string detail_of(condition_failed const& failed, std::optional<entity_tag> const& present) const {
    if (failed.must_be_new) return "the key exists, and If-None-Match: * asks for a new one";
    auto const now = present ? "the present ETag is " + to_string(*present) : std::string("there is no such key");
    if (failed.had_weak_tag)
      return "If-Match names a weak tag (W/), which matches nothing; a proxy that compresses answers makes tags weak. "
             "Send the strong tag: " +
             now;
    return now;
  }
};

}  // namespace

failure failure_of(no_such_key, std::string_view key) {
  return {errc::key_not_found, "no value is stored under '" + std::string(key) + "'; PUT one to " + path_of_key(key)};
}

failure failure_of(no_room none) {
  if (none.in == no_room::where::disk)
    return {errc::disk_full,
            "the disk under --data, or in a cluster etcd's quota, is nearly used up; nothing was changed. Reads and "
            "deletions go on; free some space (of etcd: compact and defragment it), and this ends by itself"};
  if (none.in == no_room::where::journal)
    return {errc::overloaded, "the disk (in a cluster: etcd) is slower than the writers; nothing was changed. Retry"};
  return {errc::database_full,
          "the values take as much memory as this server allows; nothing was changed. Delete some, or start the server "
          "with a larger --max-memory"};
}

std::string seconds_left(expiry_time expires, answer_context const& context) {
  auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(expires - context.granted_at);
  auto const ms = std::max<std::int64_t>(left.count(), 1);  // it has not expired
  auto text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    text += '.' + std::to_string(1000 + ms % 1000).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

void add_time_to_live(reply& answer, expiry_time expires, answer_context const& context) {
  if (expires != no_expiry) ((answer.more_fields += "Holdfast-TTL: ") += seconds_left(expires, context)) += "\r\n";
}

void make_answer(data_request const& request, execution&& done, std::uint64_t database_id, std::uint64_t start,
                 reply& answer) {
  answer_context const context{database_id, done.revision, done.granted_at};
  if (done.outcome) {
    std::visit(data_answer{request, context, answer}, *done.outcome);
    // For a value that is read, its tag is enough.
    auto const reads = request.name == lock_operation::get || request.name == lock_operation::head;
    if (!answer.revision && (!reads || (answer.status != 200 && answer.status != 304))) answer.revision = done.revision;
  } else {
    answer = reply_to(done.outcome.error());
  }
  answer.needs = done.needs;
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{start, done.id};
}

}  // namespace holdfast::server
