#include "client/load/verify/history.hpp"

#include <algorithm>
#include <tuple>

namespace holdfast::client::verify {

void sort_by_invocation(std::vector<operation>& operations) {
  std::ranges::sort(operations, {}, [](operation const& one) {
    return std::tuple(one.invoked, one.responded, one.connection, one.what, one.value);
  });
}

}  // namespace holdfast::client::verify
