#include "server/api/data_answers.hpp"

#include <algorithm>

#include "protocol/key.hpp"

namespace holdfast::server {

using namespace protocol;

namespace {

failure too_large_answer(std::uint64_t bytes_max, std::string_view whose) {
  constexpr std::uint64_t mib = 1024 * 1024;
  return {errc::transaction_too_large, "the answer to a transaction" + std::string(whose) + " has at most " +
                                           std::to_string(bytes_max / mib) + " MiB of values and listed keys, and " +
                                           std::to_string(transaction_listed_max) +
                                           " listed keys; nothing was changed. Split it, or list less"};
}

}  // namespace

failure failure_of(no_such_key, std::string_view key) {
  return {errc::key_not_found, "no value is stored under '" + std::string(key) + "'; PUT one to " + path_of_key(key)};
}

failure failure_of(no_room none) {
  switch (none.in) {
    case no_room::where::disk:
      return {errc::disk_full,
              "the disk under --data, or in a cluster etcd's quota, is nearly used up; nothing was changed. Reads and "
              "deletions go on; free some space (of etcd: compact and defragment it), and this ends by itself"};
    case no_room::where::journal:
      return {errc::overloaded, "the disk (in a cluster: etcd) is slower than the writers; nothing was changed. Retry"};
    case no_room::where::commit:
      return {errc::transaction_too_large,
              "what the transaction writes, with the answer that is stored for an Idempotency-Key, is larger than one "
              "commit to etcd should be; nothing was changed. Split it"};
    case no_room::where::answer:
      return too_large_answer(transaction_bytes_max, {});
    case no_room::where::record:
      return too_large_answer(remembered_transaction_bytes_max, " with an Idempotency-Key");
    case no_room::where::memory:
      break;
  }
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

}  // namespace holdfast::server
