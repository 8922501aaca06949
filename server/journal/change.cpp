#include "server/journal/change.hpp"

namespace holdfast::server {

std::string_view name_of(change::kind kind) noexcept {
  switch (kind) {
    case change::kind::put:
      return "put";
    case change::kind::del:
      return "delete";
    case change::kind::expire:
      return "expire";
    case change::kind::touch:
      break;
  }
  return "touch";
}

}  // namespace holdfast::server
