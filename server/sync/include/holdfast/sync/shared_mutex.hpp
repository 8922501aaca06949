// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/shared_state.hpp>

namespace holdfast::sync {

/// A reader-writer lock that is awaited instead of blocked on: as mutex, and async_lock_shared() owns together with
/// other readers.
///
/// Fair: readers and writers wait in one queue, first in, first out. Readers that stand next to each other in it are
/// granted together; a reader never overtakes a waiting writer, so that readers who come and go can't keep a writer
/// out, and a writer that gives up lets the readers behind it in at once. A writer becomes a reader by
/// `writer.downgrade()`.
///
/// Lifetimes as for mutex; locks that own when the mutex is destroyed stay valid, and the operations to which it was
/// granted but not yet delivered complete with operation_aborted. The mutex keeps its state in one heap allocation.
class shared_mutex : public detail::basic_shared<void> {
 public:
  shared_mutex() = default;
};

}  // namespace holdfast::sync
