#include "client/cli/exit_status.hpp"

namespace holdfast::client::cli {

std::vector<exit_status_text> const& exit_statuses() {
  static std::vector<exit_status_text> const all{
      {exit_ok, "done"},
      {exit_refused, "no such key, or refused by the server; load: there were errors"},
      {exit_usage, "the command line, the environment or an input file is wrong"},
      {exit_unreachable, "no server, not a Holdfast server, bad certificate, or lost connection"},
      {exit_threshold, "load: a threshold was broken; compare: a limit was"},
      {exit_violated, "load --verify: an answer was wrong"},
      {exit_undecided, "load --verify: not decided in time"},
      {exit_timeout, "timed out: no connection or no answer within --timeout"},
      {exit_condition, "a condition did not hold: --if-match, --create, a check, --wait"},
      {exit_lock_lost, "with-lock: the lock was lost and the command ended"},
      {exit_lock_not_got, "with-lock: the lock was not acquired in time; nothing was run"},
      {exit_interrupted, "ended by Ctrl-C before there was a result"},
      {exit_reader_left, "the reader of the output has left, as with `| head`"},
  };
  return all;
}

exit_status exit_of(error const& failed) noexcept {
  switch (failed.kind) {
    case error_kind::status:
      return failed.refused && failed.refused->status == 412 ? exit_condition : exit_refused;
    case error_kind::timeout:
      return exit_timeout;
    case error_kind::invalid_request:
      return exit_usage;
    case error_kind::unresolved:
    case error_kind::refused:
    case error_kind::unreachable:
    case error_kind::reset:
    case error_kind::bad_answer:
    case error_kind::untrusted:
      break;
  }
  return exit_unreachable;
}

}  // namespace holdfast::client::cli
