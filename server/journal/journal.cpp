#include "server/journal/journal.hpp"

namespace holdfast::server {

std::string_view name_of(journal_fault fault) noexcept {
  switch (fault) {
    case journal_fault::damaged:
      return "damaged";
    case journal_fault::unknown_format:
      return "unknown_format";
    case journal_fault::cannot_create:
      return "cannot_create";
    case journal_fault::not_permitted:
      return "not_permitted";
    case journal_fault::storage_failed:
      return "storage_failed";
    case journal_fault::disk_full:
      return "disk_full";
    case journal_fault::in_use:
      return "in_use";
    case journal_fault::not_leading:
      break;
  }
  return "not_leading";
}

journal_position journal::back_up(std::filesystem::path const& /*to*/) const {
  throw journal_error(journal_fault::cannot_create,
                      "a journal of the kind " + std::string(name()) + " makes no backups");
}

}  // namespace holdfast::server
